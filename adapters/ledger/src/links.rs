//! The chain: proof that nobody has changed the books.
//!
//! Every posting set, status change, payment and journal entry is a link, written in the same transaction:
//! its hash is that of the hash before it and of the record in its canonical form ([`record`]). There is one
//! sequence, without gaps. Whoever changes, removes, adds or reorders a record behind our back would have to write
//! every later link anew, and then the roots that others keep do not fit any more ([`roots`]).
//!
//! The form is described in `docs/ledger-proof.md`, so that a third party can write its own verifier.

mod audit;
mod record;
mod roots;
mod walk;

use core::time::Duration;

use sha2::{Digest as _, Sha256};
use units::Timestamp;

pub use roots::{Root, root_message};
pub use walk::ExportedLink;

use crate::store::{Connection, Purpose, Row};
use crate::{LedgerError, Transaction, sql, store};
pub(crate) use record::{ChangeRecord, JournalRecord, LineRecord, PaymentRecord, Record, SetRecord};

/// A hash of the chain.
pub type Hash = [u8; 32];

/// How far the clock may go back without the recorded times doing so: more than any correction of a clock that runs.
/// A larger step is written as it is, because the time before it was wrong.
const CLOCK_BACK_MAX: Duration = Duration::from_secs(3600);

/// What a link is of.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Kind {
    Genesis,
    Posting,
    Status,
    Payment,
    Journal,
}

impl Kind {
    /// Those that are of a row of a table.
    const OF_ROWS: [Self; 4] = [Self::Posting, Self::Status, Self::Payment, Self::Journal];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Genesis => "genesis",
            Self::Posting => "posting",
            Self::Status => "status",
            Self::Payment => "payment",
            Self::Journal => "journal",
        }
    }

    fn parse(name: &str) -> Result<Self, LedgerError> {
        let known = [Self::Genesis].into_iter().chain(Self::OF_ROWS).find(|kind| kind.name() == name);
        known.ok_or_else(|| LedgerError::Corrupt { what: "the kind of a link", value: name.to_owned() })
    }

    /// What its rows are called by people.
    const fn rows(self) -> &'static str {
        match self {
            Self::Genesis => "the beginning",
            Self::Posting => "posting set",
            Self::Status => "status change",
            Self::Payment => "payment",
            Self::Journal => "journal entry",
        }
    }
}

/// The end of the chain.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Head {
    /// The last link's number, counted from 0.
    pub sequence: u64,
    /// Its hash.
    pub hash: Hash,
    /// When it was written.
    pub recorded_at: Timestamp,
}

/// The chain as a transaction makes it longer.
#[derive(Debug, Default)]
pub(crate) struct Chain {
    head: Option<Head>,
    record: Record,
}

impl Transaction<'_> {
    /// When what this transaction writes is recorded: now, and never before what was recorded already, so that what
    /// the books said at a past moment stays what they said.
    pub(crate) fn recorded_at(&mut self) -> Result<Timestamp, LedgerError> {
        let last = self.head()?.recorded_at;
        let ahead = last.since(self.now);
        Ok(if ahead <= CLOCK_BACK_MAX { self.now.max(last) } else { self.now })
    }

    fn head(&mut self) -> Result<Head, LedgerError> {
        if let Some(head) = self.chain.head {
            return Ok(head);
        }
        let head = head(&self.inner)?;
        self.chain.head = Some(head);
        Ok(head)
    }

    /// Links a row that was just written; `write` writes its canonical form.
    pub(crate) fn link(
        &mut self,
        kind: Kind,
        row_id: i64,
        recorded_at: Timestamp,
        write: impl FnOnce(&mut Record),
    ) -> Result<(), LedgerError> {
        let head = self.head()?;
        let sequence = head.sequence.saturating_add(1);
        let record = &mut self.chain.record;
        record.begin(sequence, kind.name());
        write(record);
        let hash = hashed(&head.hash, record.bytes());
        insert(&self.inner, kind, row_id, &Head { sequence, hash, recorded_at })?;
        self.chain.head = Some(Head { sequence, hash, recorded_at });
        Ok(())
    }
}

fn hashed(previous: &Hash, record: &[u8]) -> Hash {
    Sha256::new_with_prefix(previous).chain_update(record).finalize().into()
}

/// The hash of a link: that of the hash before it and of its record's canonical form.
pub fn linked(previous: &Hash, record: &[u8]) -> Hash {
    hashed(previous, record)
}

/// The canonical form of a record of these fields.
pub fn canonical(fields: &[&str]) -> Vec<u8> {
    let mut record = Record::default();
    fields.iter().for_each(|field| record.text(field));
    record.bytes().to_vec()
}

fn insert(connection: &Connection, kind: Kind, row_id: i64, link: &Head) -> Result<(), LedgerError> {
    let insert = "INSERT INTO links (sequence, kind, row_id, recorded_at, hash) VALUES (?1, ?2, ?3, ?4, ?5)";
    let row = (sql::int(link.sequence), kind.name(), row_id, link.recorded_at.as_millis(), link.hash);
    sql::send(connection, insert, row, "link a record")
}

/// The end of the chain; it has a beginning since the ledger was opened.
pub(crate) fn head(connection: &Connection) -> Result<Head, LedgerError> {
    let query = "SELECT sequence, hash, recorded_at FROM links ORDER BY sequence DESC LIMIT 1";
    let read = |row: &Row<'_>| {
        let (sequence, hash) = (sql::uint(row.get(0)?), row.get(1)?);
        Ok(Head { sequence, hash, recorded_at: sql::time(row.get(2)?) })
    };
    let head = sql::one(connection, query, (), read)?;
    let gone =
        || LedgerError::Corrupt { what: "a chain without its beginning, of", value: "0 links".to_owned() };
    head.ok_or_else(gone)
}

/// Who a ledger is, and which of its rows were there before its first link.
pub(crate) struct Identity {
    pub(crate) ledger_id: String,
    last_set: i64,
    last_change: i64,
    last_entry: i64,
}

impl Identity {
    pub(crate) fn read(connection: &Connection) -> Result<Self, LedgerError> {
        let query = "SELECT ledger_id, last_set, last_change, last_entry FROM ledger_identity";
        let identity = sql::one(connection, query, (), |row| {
            Ok(Self {
                ledger_id: row.get(0)?,
                last_set: row.get(1)?,
                last_change: row.get(2)?,
                last_entry: row.get(3)?,
            })
        })?;
        identity.ok_or_else(|| LedgerError::Corrupt {
            what: "no identity in table",
            value: "ledger_identity".to_owned(),
        })
    }

    /// The last row of a kind that has no link of its own.
    const fn last(&self, kind: Kind) -> i64 {
        match kind {
            Kind::Posting => self.last_set,
            Kind::Status => self.last_change,
            Kind::Journal => self.last_entry,
            Kind::Genesis | Kind::Payment => 0,
        }
    }

    /// The record of the beginning: who the ledger is, and a digest of every row that was there before.
    fn genesis(&self, connection: &Connection) -> Result<Record, LedgerError> {
        let mut digest = Sha256::new();
        for kind in Kind::OF_ROWS {
            walk::each_row(connection, kind, 0, self.last(kind), |_, body| digest.update(body.bytes()))?;
        }
        let mut record = Record::default();
        record.begin(0, Kind::Genesis.name());
        record.text(&self.ledger_id);
        record.text(&hex(&digest.finalize()));
        for last in [self.last_set, self.last_change, self.last_entry] {
            record.number(last);
        }
        Ok(record)
    }
}

/// Begins the chain of a ledger that has none: a link over everything that is there.
pub(crate) fn begin(connection: &Connection) -> Result<(), LedgerError> {
    let doing = "begin its chain";
    let begun = "SELECT 1 FROM links LIMIT 1";
    if sql::one(connection, begun, (), |_| Ok(()))?.is_some() {
        return Ok(());
    }
    let transaction = connection.begin(Purpose::Write).map_err(store(doing))?;
    // Another process may have begun it meanwhile.
    if sql::one(&transaction, begun, (), |_| Ok(()))?.is_none() {
        let genesis = Identity::read(&transaction)?.genesis(&transaction)?;
        let hash = hashed(&[0; 32], genesis.bytes());
        let recorded_at = Timestamp::from_millis(0);
        insert(&transaction, Kind::Genesis, 0, &Head { sequence: 0, hash, recorded_at })?;
    }
    transaction.commit().map_err(store(doing))
}

/// Bytes as people and programs write them.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

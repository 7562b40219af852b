//! Walking along the chain with the rows that it links, in bounded steps.

use std::collections::BTreeMap;

use units::Timestamp;

use super::{
    ChangeRecord, Hash, Identity, JournalRecord, Kind, LineRecord, PaymentRecord, Record, SetRecord, hex,
};
use crate::store::{Connection, Row, StoreError};
use crate::{Ledger, LedgerError, sql};

/// Rows and links that are read in one step: enough that a step costs little, and its memory neither.
const STEP: usize = 1000;

/// A link as a third party gets it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ExportedLink {
    /// Its number.
    pub sequence: u64,
    /// The fields of its record, in order.
    pub fields: Vec<String>,
    /// Its hash.
    pub hash: Hash,
}

/// A link as it is stored.
pub(super) struct StoredLink {
    pub(super) sequence: i64,
    pub(super) kind: Kind,
    pub(super) row_id: i64,
    pub(super) recorded_at: i64,
    pub(super) hash: Vec<u8>,
}

/// The canonical form of a row without its head, and when it says that it was recorded.
pub(super) struct Body {
    pub(super) record: Record,
    pub(super) recorded_at: i64,
}

/// Links after `after`, at most a step.
pub(super) fn links(connection: &Connection, after: i64) -> Result<Vec<StoredLink>, LedgerError> {
    let query = "SELECT sequence, kind, row_id, recorded_at, hash FROM links WHERE sequence > ?1
        ORDER BY sequence LIMIT ?2";
    let read = |row: &Row<'_>| {
        let link = (row.get(0)?, row.get::<String>(1)?, row.get(2)?, row.get(3)?, row.get(4)?);
        Ok(link)
    };
    let rows = sql::all(connection, query, (after, sql::limit(STEP)), read)?;
    let link = |(sequence, kind, row_id, recorded_at, hash): (i64, String, i64, i64, Vec<u8>)| {
        Ok(StoredLink { sequence, kind: Kind::parse(&kind)?, row_id, recorded_at, hash })
    };
    rows.into_iter().map(link).collect()
}

/// The rows of a kind with numbers above `after` and not above `last`, at most a step, by number.
pub(super) fn bodies(
    connection: &Connection,
    kind: Kind,
    after: i64,
    last: i64,
) -> Result<BTreeMap<i64, Body>, LedgerError> {
    let range = (after, last, sql::limit(STEP));
    match kind {
        Kind::Genesis => Ok(BTreeMap::new()),
        Kind::Posting => sets(connection, range),
        Kind::Status => {
            let query =
                "SELECT change_id, event_id, before, status, cause, actor, reason, set_id, happened_at,
                recorded_at FROM status_changes WHERE change_id > ?1 AND change_id <= ?2
                ORDER BY change_id LIMIT ?3";
            by_number(sql::all(connection, query, range, change)?)
        }
        Kind::Payment => {
            let query = "SELECT payment_id, reference, part, publisher_id, currency, minor, transactions, until, actor,
                paid_at, recorded_at FROM payments WHERE payment_id > ?1 AND payment_id <= ?2
                ORDER BY payment_id LIMIT ?3";
            by_number(sql::all(connection, query, range, payment)?)
        }
        Kind::Journal => {
            let query = "SELECT entry_id, at, actor, action, event_id, detail FROM journal
                WHERE entry_id > ?1 AND entry_id <= ?2 ORDER BY entry_id LIMIT ?3";
            by_number(sql::all(connection, query, range, entry)?)
        }
    }
}

#[expect(clippy::unnecessary_wraps, reason = "the arms of one match")]
fn by_number(rows: Vec<(i64, Body)>) -> Result<BTreeMap<i64, Body>, LedgerError> {
    Ok(rows.into_iter().collect())
}

fn sets(connection: &Connection, range: (i64, i64, i64)) -> Result<BTreeMap<i64, Body>, LedgerError> {
    let query = "SELECT set_id, event_id, kind, cause, happened_at, posted_at FROM posting_sets
        WHERE set_id > ?1 AND set_id <= ?2 ORDER BY set_id LIMIT ?3";
    let rows = sql::all(connection, query, range, |row| {
        let (kind, posted_at) = (row.get::<String>(2)?, row.get(5)?);
        let set = SetRecord {
            set_id: row.get(0)?,
            event_id: row.get(1)?,
            kind: &kind,
            cause: row.get(3)?,
            happened_at: row.get(4)?,
            posted_at,
        };
        Ok((set.set_id, body(posted_at, |record| set.write(record))))
    })?;
    let mut sets: BTreeMap<i64, Body> = rows.into_iter().collect();
    let Some(last) = sets.keys().next_back().copied() else { return Ok(sets) };
    let query = "SELECT set_id, line, account, party, minor, currency FROM postings
        WHERE set_id > ?1 AND set_id <= ?2 ORDER BY set_id, line";
    let add = |row: &Row<'_>| {
        let (account, currency) = (row.get::<String>(2)?, row.get::<String>(5)?);
        let line = LineRecord {
            line: row.get(1)?,
            account: &account,
            party: row.get(3)?,
            minor: row.get(4)?,
            currency: &currency,
        };
        if let Some(set) = sets.get_mut(&row.get::<i64>(0)?) {
            line.write(&mut set.record);
        }
        Ok(())
    };
    sql::all(connection, query, (range.0, last), add)?;
    Ok(sets)
}

fn change(row: &Row<'_>) -> Result<(i64, Body), StoreError> {
    let text = |place| row.get::<String>(place);
    let (before, status, cause, actor, reason) = (text(2)?, text(3)?, text(4)?, text(5)?, text(6)?);
    let recorded_at = row.get(9)?;
    let change = ChangeRecord {
        change_id: row.get(0)?,
        event_id: row.get(1)?,
        before: &before,
        status: &status,
        cause: &cause,
        actor: &actor,
        reason: &reason,
        set_id: row.get(7)?,
        happened_at: row.get(8)?,
        recorded_at,
    };
    Ok((change.change_id, body(recorded_at, |record| change.write(record))))
}

fn payment(row: &Row<'_>) -> Result<(i64, Body), StoreError> {
    let text = |place| row.get::<String>(place);
    let (reference, currency, actor) = (text(1)?, text(4)?, text(8)?);
    let recorded_at = row.get(10)?;
    let payment = PaymentRecord {
        payment_id: row.get(0)?,
        reference: &reference,
        part: row.get(2)?,
        publisher_id: row.get(3)?,
        currency: &currency,
        minor: row.get(5)?,
        transactions: row.get(6)?,
        until: row.get(7)?,
        actor: &actor,
        paid_at: row.get(9)?,
        recorded_at,
    };
    Ok((payment.payment_id, body(recorded_at, |record| payment.write(record))))
}

fn entry(row: &Row<'_>) -> Result<(i64, Body), StoreError> {
    let (actor, action, detail) = (row.get::<String>(2)?, row.get::<String>(3)?, row.get::<String>(5)?);
    let at = row.get(1)?;
    let entry = JournalRecord {
        entry_id: row.get(0)?,
        at,
        actor: &actor,
        action: &action,
        event_id: row.get(4)?,
        detail: &detail,
    };
    Ok((entry.entry_id, body(at, |record| entry.write(record))))
}

fn body(recorded_at: i64, write: impl FnOnce(&mut Record)) -> Body {
    let mut record = Record::default();
    write(&mut record);
    Body { record, recorded_at }
}

/// Every row of a kind with a number above `after` and not above `last`, in order.
pub(super) fn each_row(
    connection: &Connection,
    kind: Kind,
    after: i64,
    last: i64,
    mut visit: impl FnMut(i64, &Record),
) -> Result<(), LedgerError> {
    let mut after = after;
    while after < last {
        let rows = bodies(connection, kind, after, last)?;
        let Some((end, _)) = rows.last_key_value() else { return Ok(()) };
        rows.iter().for_each(|(number, body)| visit(*number, &body.record));
        after = *end;
    }
    Ok(())
}

/// The whole record of a link: its head, then its row.
pub(super) fn whole(link: &StoredLink, body: &Record) -> Record {
    let mut record = Record::default();
    record.begin(sql::uint(link.sequence), link.kind.name());
    record.append(body);
    record
}

impl Ledger {
    /// Who this ledger is.
    ///
    /// # Errors
    /// If the store fails.
    pub fn ledger_id(&self) -> Result<String, LedgerError> {
        Ok(Identity::read(&self.connection)?.ledger_id)
    }

    /// The links after the one numbered `after`, from the first if there is none, as a third party gets them.
    /// Empty at the end.
    ///
    /// # Errors
    /// If the store fails, or a link has no row any more.
    pub fn export_links(&self, after: Option<u64>) -> Result<Vec<ExportedLink>, LedgerError> {
        let links = links(&self.connection, after.map_or(-1, sql::int))?;
        let mut rows = Rows::default();
        let mut exported = Vec::with_capacity(links.len());
        for link in &links {
            let record = match link.kind {
                Kind::Genesis => Some(Identity::read(&self.connection)?.genesis(&self.connection)?),
                kind => rows.take(&self.connection, kind, link.row_id)?.map(|body| whole(link, &body.record)),
            };
            let lost = || LedgerError::Corrupt {
                what: "a link whose row is gone, number",
                value: link.sequence.to_string(),
            };
            let hash = Hash::try_from(link.hash.as_slice());
            let wrong = |_| LedgerError::Corrupt { what: "a link with the hash", value: hex(&link.hash) };
            exported.push(ExportedLink {
                sequence: sql::uint(link.sequence),
                fields: Record::fields(record.ok_or_else(lost)?.bytes()),
                hash: hash.map_err(wrong)?,
            });
        }
        Ok(exported)
    }
}

/// The rows that links name, read ahead in steps: links of a kind name its rows in their order.
#[derive(Default)]
pub(super) struct Rows {
    ahead: BTreeMap<Kind, BTreeMap<i64, Body>>,
}

impl Rows {
    /// The row that a link names; none if it is not there.
    pub(super) fn take(
        &mut self,
        connection: &Connection,
        kind: Kind,
        row_id: i64,
    ) -> Result<Option<Body>, LedgerError> {
        let ahead = self.ahead.entry(kind).or_default();
        if let Some(body) = ahead.remove(&row_id) {
            return Ok(Some(body));
        }
        if ahead.last_key_value().is_none_or(|(last, _)| *last < row_id) {
            *ahead = bodies(connection, kind, row_id.saturating_sub(1), i64::MAX)?;
        }
        Ok(ahead.remove(&row_id))
    }
}

/// The time that a link or a row tells.
pub(super) fn told(millis: i64) -> Timestamp {
    sql::time(millis)
}

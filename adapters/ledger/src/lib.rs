//! The ledger: where every conversion stands, on SQLite or PostgreSQL.
//!
//! The processor is the one place where a conversion's key, owner, schedule and state live, and this is where
//! it keeps them. What belongs together changes in one [`Transaction`]: a batch of events becomes bookings,
//! postings and pending deliveries at once or not at all, and five hundred events share one sync of the disk.
//! There is one writer, so that nothing has to be locked and no two edges can disagree.
//!
//! The ledger decides nothing. What an event becomes is decided by `relay::intake`, what an attempt's outcome
//! means by `relay::delivery`; here it is written down, looked up and added up. [`Ledger::audit`] recomputes
//! from the rows what the counters claim, so that a mistake in either is seen.
//!
//! Every method is synchronous and takes the time as an argument: a host runs it on a thread of its own, a
//! simulator in virtual time.

mod adjust;
mod audit;
mod awards;
mod clicks;
mod closing;
mod dead;
mod delivery;
mod edits;
mod intake;
mod links;
mod lists;
mod orders;
mod owner;
mod payments;
mod people;
mod post;
mod postbacks;
mod reconcile;
mod report;
mod schema;
mod show;
mod sql;
mod status;
mod store;
mod tally;
mod unmapped;
mod unreadable;
mod vitals;

use std::path::Path;

use relay::policy::Lock;
use units::Timestamp;

pub use adjust::{AdjustmentFinished, AdjustmentRow, DueAdjustment, NewAdjustment, WantedChanges};
pub use audit::{Audit, AuditRow, Finding};
pub use awards::{AwardPage, AwardRow, Decided, Reaward, Span};
pub use clicks::Keeping;
pub use closing::Closed;
pub use dead::{CHANGE, DeadSearch, Found, Group};
pub use delivery::{Backlog, Begun, Due, Finished, Lane, Together, Wanted, Which};
pub use edits::{EditRow, Editable, NewEdit};
use intake::Ahead;
pub use intake::Waiter;
use links::{Chain, JournalRecord, Kind};
pub use links::{ExportedLink, Hash, Head, Root, canonical, hex, linked, root_message};
pub use lists::{AtRisk, ConversionRow, Page, QueueStatus};
pub use orders::{Action, NewOrder, OrderItem, OrderRow, OrderState};
pub use owner::{Given, NewOwner, Owned};
pub use payments::{PaidOut, PaymentOrder, PaymentRow};
pub use people::{By, Redriven};
pub use postbacks::{
    DuePostback, GivenUp, GivenUpGroup, GivenUpSearch, OwedPostback, PostbackAddress, PostbackId,
    PostbackRow, Recalled,
};
pub use reconcile::{Proof, Proven, Reconcilable};
pub use report::{AsOf, Report, ReportBy, ReportGroup, Sums};
pub use show::{AttemptRow, JournalRow, PostingRow, Shown};
pub use status::{Asked, Judged, StatusChange, StatusSum};
use store::{Connection, Open, Purpose};
pub use store::{Fault, Faults, Server, ServerError, StoreError, When};
use tally::Tally;
pub use unmapped::{Missing, Unmapped};
pub use unreadable::{UNREADABLE_ROW, Waiting};
pub use vitals::Vitals;

/// Why the ledger could not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// The store failed. Nothing of the transaction was kept.
    #[error("the ledger's store failed while it was to {doing}")]
    Store {
        /// What was being done.
        doing: &'static str,
        /// Why.
        source: StoreError,
    },
    /// The file is from another version, or was changed by hand.
    #[error("{0}")]
    Schema(String),
    /// A row holds what cannot be: never repaired in silence.
    #[error("the ledger holds {what} `{value}`, which this version does not know: restore or update")]
    Corrupt {
        /// What it ought to be.
        what: &'static str,
        /// What it is.
        value: String,
    },
    /// A row that waits to be sent cannot be read ([`Transaction::set_aside`]).
    #[error("{row} cannot be read: {why}")]
    Unreadable {
        /// Which.
        row: Waiting,
        /// What is wrong with it.
        why: String,
    },
    /// A conversion was not where it was supposed to be.
    #[error("conversion {event_id} is not {expected}: somebody else moved it meanwhile")]
    Moved {
        /// The conversion.
        event_id: units::EventId,
        /// Where it was supposed to be.
        expected: relay::delivery::State,
    },
    /// More was asked for than is told at once.
    #[error("there are more than {most} {what}: ask for less")]
    TooMany {
        /// Of what.
        what: &'static str,
        /// How many there may be.
        most: usize,
    },
    /// A transaction was to be changed that may not be.
    #[error("transaction {event_id} stays as it is: {refusal}")]
    Refused {
        /// The transaction.
        event_id: units::EventId,
        /// Why.
        refusal: attribution::status::Refusal,
    },
}

impl LedgerError {
    /// True if the ledger may hold what its caller does not know: another has written to it, or a transaction that was
    /// given up has happened. Nothing is done until the caller begins anew ([`Ledger::begin_anew`]).
    pub const fn is_surprise(&self) -> bool {
        matches!(self, Self::Store { source, .. } if source.is_final())
    }

    /// True if the store has failed in a way that says nothing about what was to be written: it would have failed with
    /// anything else, too.
    pub fn is_of_the_store(&self) -> bool {
        matches!(self, Self::Store { source, .. } if source.is_of_the_store())
    }
}

/// An error with all of its causes, for people.
pub fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(&format!(": {error}"));
        cause = error.source();
    }
    text
}

pub(crate) fn store(doing: &'static str) -> impl FnOnce(StoreError) -> LedgerError {
    move |source| LedgerError::Store { doing, source }
}

/// The ledger of one processor.
#[derive(Debug)]
pub struct Ledger {
    connection: Connection,
    lock: Lock,
}

impl Ledger {
    /// Opens the ledger in this file, and brings an older one up to date.
    ///
    /// # Errors
    /// If the file cannot be opened, or is from a newer version.
    pub fn open(path: &Path) -> Result<Self, LedgerError> {
        Self::prepare(Connection::file(path).map_err(store("open its file"))?)
    }

    /// Connects to the ledger on this server as its one writer, and brings an older one up to date.
    ///
    /// # Errors
    /// If the server cannot be reached, another processor writes to this ledger, or it is from a newer version.
    pub fn connect(server: &Server) -> Result<Self, LedgerError> {
        Self::prepare(Connection::server(server).map_err(store("connect to its server"))?)
    }

    /// Connects to the ledger on this server for reading, whoever writes to it.
    ///
    /// # Errors
    /// If the server cannot be reached, or its ledger is not of this version.
    pub fn look(server: &Server) -> Result<Self, LedgerError> {
        let connection = Connection::look(server).map_err(store("connect to its server"))?;
        schema::check(&connection)?;
        Ok(Self { connection, lock: Lock::default() })
    }

    /// Tells the ledger that its caller knows nothing any more but what is stored, as after a restart.
    pub fn begin_anew(&mut self) {
        self.connection.begin_anew();
    }

    /// The same ledger for reading, on a connection of its own, which a server is asked for with the first question: a long
    /// question delays no writer, nor does a server that takes long to let it in. None for a ledger in memory.
    ///
    /// # Errors
    /// If the store cannot be opened again.
    pub fn reader(&self) -> Result<Option<Self>, LedgerError> {
        let connection = self.connection.reader().map_err(store("be opened for reading"))?;
        Ok(connection.map(|connection| Self { connection, lock: self.lock }))
    }

    /// The ledger in this file for reading alone, as it stands: nothing is brought up to date.
    ///
    /// # Errors
    /// If the file cannot be opened, or is not of this version.
    pub fn open_reader(path: &Path) -> Result<Self, LedgerError> {
        let connection = Connection::file_reader(path).map_err(store("open its file for reading"))?;
        schema::check(&connection)?;
        Ok(Self { connection, lock: Lock::default() })
    }

    /// Copies the ledger in `file`, as it stands at one moment, into the new file `to`, beside whoever writes. The copy is
    /// on the disk when this returns.
    ///
    /// # Errors
    /// If `file` cannot be read, or `to` is there already or cannot be written.
    pub fn copy(file: &Path, to: &Path) -> Result<(), LedgerError> {
        Connection::copy_file(file, to).map_err(store("be copied"))
    }

    /// A ledger that ends with this process, for tests and simulations.
    ///
    /// # Errors
    /// If there is not enough memory.
    pub fn in_memory() -> Result<Self, LedgerError> {
        Self::prepare(Connection::memory().map_err(store("open in memory"))?)
    }

    /// The same, whose store fails as `faults` plans it: what the last one of these faults has stored, if it has ended.
    ///
    /// # Errors
    /// If there is not enough memory, or as planned.
    pub fn simulated(faults: &Faults) -> Result<Self, LedgerError> {
        Self::prepare(Connection::simulated(faults).map_err(store("open in memory"))?)
    }

    fn prepare(connection: Connection) -> Result<Self, LedgerError> {
        schema::bring_up_to_date(&connection)?;
        links::begin(&connection)?;
        Ok(Self { connection, lock: Lock::default() })
    }

    /// From which day on a transaction may no longer be changed; the policy's usual one until this is said.
    pub const fn set_lock(&mut self, lock: Lock) {
        self.lock = lock;
    }

    /// Begins a transaction: everything in it happens at `now`, together, or not at all.
    ///
    /// # Errors
    /// If the store cannot begin one.
    pub fn transaction(&mut self, now: Timestamp) -> Result<Transaction<'_>, LedgerError> {
        let inner = self.connection.begin(Purpose::Write).map_err(store("begin a transaction"))?;
        Ok(Transaction {
            inner,
            now,
            lock: self.lock,
            tally: Tally::default(),
            chain: Chain::default(),
            last_set: None,
            ahead: Ahead::default(),
        })
    }
}

/// Changes that happen together. Dropped without [`Transaction::commit`], nothing of it has happened.
#[derive(Debug)]
pub struct Transaction<'a> {
    inner: Open<'a>,
    now: Timestamp,
    lock: Lock,
    tally: Tally,
    chain: Chain,
    /// The number of the last posting set, once it is known.
    last_set: Option<i64>,
    ahead: Ahead,
}

impl Transaction<'_> {
    /// Makes everything durable.
    ///
    /// # Errors
    /// If the store fails; then nothing has happened.
    pub fn commit(self) -> Result<(), LedgerError> {
        self.tally.write(&self.inner)?;
        self.inner.commit().map_err(store("commit"))
    }

    /// Writes down who did what.
    ///
    /// # Errors
    /// If the store fails.
    pub fn journal(
        &mut self,
        actor: &str,
        action: &str,
        event_id: Option<units::EventId>,
        detail: &str,
    ) -> Result<(), LedgerError> {
        let recorded = self.recorded_at()?;
        let insert = "INSERT INTO journal (at, actor, action, event_id, detail) VALUES (?1, ?2, ?3, ?4, ?5)
            RETURNING entry_id";
        let (at, event_id) = (recorded.as_millis(), event_id.map(sql::id));
        let row = (at, actor, action, event_id, detail);
        let entry_id = sql::one(&self.inner, insert, row, |row| row.get::<i64>(0))?.unwrap_or(0);
        self.link(Kind::Journal, entry_id, recorded, |record| {
            JournalRecord { entry_id, at, actor, action, event_id, detail }.write(record);
        })
    }
}

#[cfg(test)]
mod tests;

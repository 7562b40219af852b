//! Where transactions stand after their booking: every step of `attribution::status`, with its postings, written once
//! and never changed.
//!
//! A lock date passes whether anybody looks or not. So before anything else is made of a transaction whose date has
//! passed, its lock is written down; the sweep does the same for those that nobody asks for.

mod audit;
mod lists;

use attribution::status::{Act, Books, Cause, Refusal, Step, step};
use attribution::{Account, Posting, Status, posting};
use units::{EventId, Timestamp};

pub(crate) use audit::payment_cause;
pub use lists::{StatusChange, StatusSum};

use crate::intake::{balances, in_force};
use crate::links::{ChangeRecord, Kind};
use crate::post::NewSet;
use crate::store::{Connection, Row};
use crate::{By, Ledger, LedgerError, Transaction, sql};

/// What is asked of a transaction.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// What.
    pub act: Act,
    /// By whom.
    pub cause: Cause,
    /// In whose name, and why.
    pub by: By<'a>,
    /// When it was true in the world.
    pub happened_at: Timestamp,
    /// The event that brought it; the transaction itself where there is none.
    pub event: EventId,
}

/// What became of what was asked.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Judged {
    /// It stands here now.
    Done(Status),
    /// Nothing was done.
    Refused(Refusal),
    /// Nothing was done: it was moved or posted at this time, and nothing can have been made of it before that.
    TooEarly(Timestamp),
    /// No transaction of this id is booked.
    NotFound,
}

/// Where a transaction stands.
#[derive(Clone, Copy)]
struct Present {
    status: Status,
    received_at: Timestamp,
    state: relay::delivery::State,
}

/// A step that is to be written down.
pub(crate) struct Moving<'a> {
    pub(crate) event_id: EventId,
    pub(crate) from: Status,
    pub(crate) step: Step,
    pub(crate) asked: Asked<'a>,
}

impl Transaction<'_> {
    /// Where a transaction stands now, its lock included if its date has passed. None if it is not booked.
    ///
    /// # Errors
    /// If the store fails.
    pub fn status_of(&mut self, event_id: EventId) -> Result<Option<Status>, LedgerError> {
        Ok(self.present(event_id)?.map(|present| present.status))
    }

    /// Makes of a transaction what is asked, if it may be made. What is said to have happened before something that was
    /// made of it earlier happened with that at the earliest.
    ///
    /// # Errors
    /// If the store fails.
    pub fn judge(&mut self, event_id: EventId, asked: Asked<'_>) -> Result<Judged, LedgerError> {
        self.judge_at(event_id, asked, false)
    }

    /// The same for one who names the time: where it lies too early, nothing is done.
    ///
    /// # Errors
    /// If the store fails.
    pub fn judge_exactly(&mut self, event_id: EventId, asked: Asked<'_>) -> Result<Judged, LedgerError> {
        self.judge_at(event_id, asked, true)
    }

    fn judge_at(&mut self, event_id: EventId, asked: Asked<'_>, exact: bool) -> Result<Judged, LedgerError> {
        let Some(present) = self.present(event_id)? else { return Ok(Judged::NotFound) };
        let declined = present.status == Status::Declined;
        let declined_by = if declined { declined_by(&self.inner, event_id)? } else { None };
        // What was never sent, and never will be, is not earned again.
        let gone = declined && present.state == relay::delivery::State::Dropped && asked.act == Act::Approve;
        let made = if gone {
            Err(Refusal::Final(present.status))
        } else {
            step(present.status, asked.act, asked.cause, declined_by)
        };
        match made {
            Err(refusal) => Ok(Judged::Refused(refusal)),
            Ok(step) => {
                // Nothing is true of a sale before there is one, and no lines are undone before they stood.
                let earliest = self.last_happened(event_id)?.max(present.received_at);
                if exact && asked.happened_at < earliest && earliest > present.received_at {
                    return Ok(Judged::TooEarly(earliest));
                }
                let asked = Asked { happened_at: asked.happened_at.max(earliest), ..asked };
                self.make(&Moving { event_id, from: present.status, step, asked })?;
                Ok(Judged::Done(step.to))
            }
        }
    }

    /// The same for one who has found out that it may be made.
    pub(crate) fn must(&mut self, event_id: EventId, asked: Asked<'_>) -> Result<(), LedgerError> {
        match self.judge(event_id, asked)? {
            Judged::Done(_) | Judged::TooEarly(_) | Judged::NotFound => Ok(()),
            Judged::Refused(refusal) => Err(LedgerError::Refused { event_id, refusal }),
        }
    }

    /// What a transaction earns is taken back, in the way that is left: a decline, or a clawback after its lock date.
    pub(crate) fn take_back(&mut self, event_id: EventId, by: By<'_>) -> Result<(), LedgerError> {
        let act = match self.status_of(event_id)? {
            Some(Status::Pending | Status::Approved) => Act::Decline,
            Some(Status::Locked | Status::Paid) => Act::ClawBack,
            Some(Status::Declined | Status::ClawedBack) | None => return Ok(()),
        };
        let happened_at = self.now;
        self.must(event_id, Asked { act, cause: Cause::Operator, by, happened_at, event: event_id })
    }

    /// Locks transactions whose date has passed, the oldest first, at most `limit`; how many.
    ///
    /// # Errors
    /// If the store fails.
    pub fn lock_due(&mut self, limit: usize) -> Result<usize, LedgerError> {
        let due = due_to_lock(&self.inner, self.lock.locked_before(self.now), limit)?;
        for event_id in &due {
            self.present(*event_id)?;
        }
        Ok(due.len())
    }

    /// When the last of what was made of a transaction happened.
    fn last_happened(&self, event_id: EventId) -> Result<Timestamp, LedgerError> {
        let query = "SELECT max(made.happened_at) FROM (
            SELECT happened_at FROM posting_sets WHERE event_id = ?1
            UNION ALL SELECT happened_at FROM status_changes WHERE event_id = ?1) AS made";
        let read = |row: &Row<'_>| Ok(row.get::<Option<i64>>(0)?.map(sql::time));
        let last = sql::one(&self.inner, query, (sql::id(event_id),), read)?;
        Ok(last.flatten().unwrap_or(Timestamp::from_millis(0)))
    }

    fn present(&mut self, event_id: EventId) -> Result<Option<Present>, LedgerError> {
        let query =
            "SELECT status, received_at, state FROM conversions WHERE event_id = ?1 AND status IS NOT NULL";
        let read = |row: &Row<'_>| Ok((row.get::<String>(0)?, sql::time(row.get(1)?), row.get::<String>(2)?));
        let found = sql::one(&self.inner, query, (sql::id(event_id),), read)?;
        let Some((name, received_at, state)) = found else { return Ok(None) };
        let present = Present { status: status(&name)?, received_at, state: sql::state(&state)? };
        if present.status.is_open() && self.lock.holds(received_at, self.now) {
            return self.lock_one(event_id, present).map(Some);
        }
        Ok(Some(present))
    }

    fn lock_one(&mut self, event_id: EventId, present: Present) -> Result<Present, LedgerError> {
        let happened_at =
            self.lock.locks(present.received_at).map_or(self.now, units::Day::start).max(present.received_at);
        let asked = Asked {
            act: Act::Lock,
            cause: Cause::LockDate,
            by: By { actor: "processor", why: "its lock date has passed" },
            happened_at,
            event: event_id,
        };
        let step = step(present.status, asked.act, asked.cause, None)
            .map_err(|refusal| LedgerError::Refused { event_id, refusal })?;
        self.make(&Moving { event_id, from: present.status, step, asked })?;
        Ok(Present { status: step.to, ..present })
    }

    /// Writes a step down: its postings, the change itself, and what is owed from then on.
    fn make(&mut self, moving: &Moving<'_>) -> Result<(), LedgerError> {
        let Moving { event_id, step, asked, .. } = moving;
        let before = balances(&self.inner, *event_id)?;
        let (kind, lines) = self.lines(moving, &before)?;
        let set_id = match lines.is_empty() {
            true => None,
            false => {
                let (event_id, cause, happened_at) = (*event_id, asked.event, asked.happened_at);
                Some(self.post(&NewSet { event_id, kind, cause, happened_at, lines: &lines })?)
            }
        };
        self.enter(moving, set_id)?;
        match step.to {
            Status::Locked | Status::Paid | Status::ClawedBack => {
                self.owe(*event_id, &before, asked.happened_at)
            }
            Status::Pending | Status::Approved | Status::Declined => Ok(()),
        }
    }

    /// Puts a transaction into its new status, and writes that down.
    pub(crate) fn enter(&mut self, moving: &Moving<'_>, set_id: Option<i64>) -> Result<(), LedgerError> {
        let update = "UPDATE conversions SET status = ?2 WHERE event_id = ?1";
        let row = (sql::id(moving.event_id), moving.step.to.name());
        sql::run(&self.inner, update, row, "move a transaction")?;
        self.write_change(moving, set_id)
    }

    fn lines(
        &self,
        moving: &Moving<'_>,
        before: &[Posting],
    ) -> Result<(&'static str, Vec<Posting>), LedgerError> {
        let earned = posting::earned(before);
        Ok(match moving.step.books {
            // A replacement is posted by the one who knows what is right.
            Books::Untouched | Books::Replace => ("correction", Vec::new()),
            Books::TakeBack if moving.step.to == Status::ClawedBack => {
                ("clawback", posting::correction(&earned, &[]))
            }
            Books::TakeBack => ("decline", posting::correction(&earned, &[])),
            Books::Restore => ("reinstatement", self.taken_back(moving.event_id)?),
            Books::PayOut => ("payment", posting::payment(before)),
        })
    }

    /// The lines that undo the last decline of a transaction.
    fn taken_back(&self, event_id: EventId) -> Result<Vec<Posting>, LedgerError> {
        let query = "SELECT p.account, p.party, p.currency, p.minor FROM postings p WHERE p.set_id =
            (SELECT set_id FROM status_changes WHERE event_id = ?1 AND status = 'declined'
             ORDER BY change_id DESC LIMIT 1) ORDER BY p.line";
        let lines = crate::intake::postings(&self.inner, query, (sql::id(event_id),))?;
        Ok(posting::correction(&lines, &[]))
    }

    fn write_change(&mut self, moving: &Moving<'_>, set_id: Option<i64>) -> Result<(), LedgerError> {
        let Moving { event_id, from, step, asked } = moving;
        let recorded = self.recorded_at()?;
        let insert = "INSERT INTO status_changes (event_id, before, status, cause, actor, reason, set_id,
            happened_at, recorded_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9) RETURNING change_id";
        let (id, before, status) = (sql::id(*event_id), from.name(), step.to.name());
        let (cause, actor, reason) = (asked.cause.name(), asked.by.actor, asked.by.why);
        let (happened_at, recorded_at) = (asked.happened_at.as_millis(), recorded.as_millis());
        let row = (id, before, status, cause, actor, reason, set_id, happened_at, recorded_at);
        let change_id = sql::one(&self.inner, insert, row, |row| row.get::<i64>(0))?.unwrap_or(0);
        self.link(Kind::Status, change_id, recorded, |record| {
            let change = ChangeRecord {
                change_id,
                event_id: id,
                before,
                status,
                cause,
                actor,
                reason,
                set_id,
                happened_at,
                recorded_at,
            };
            change.write(record);
        })
    }

    /// Keeps what waits for a payment run as the books have it.
    fn owe(&mut self, event_id: EventId, before: &[Posting], due_from: Timestamp) -> Result<(), LedgerError> {
        let doing = "keep what is owed";
        let after = balances(&self.inner, event_id)?;
        for line in before.iter().filter(|line| matches!(line.account, Account::Publisher(_))) {
            let delete = "DELETE FROM payables WHERE publisher_id = ?1 AND currency = ?2 AND event_id = ?3";
            let key = (sql::int(line.account.party()), line.amount.currency.code(), sql::id(event_id));
            sql::run(&self.inner, delete, key, doing)?;
        }
        for line in after.iter().filter(|line| matches!(line.account, Account::Publisher(_))) {
            let insert = "INSERT INTO payables (publisher_id, currency, event_id, minor, due_from)
                VALUES (?1, ?2, ?3, ?4, ?5)";
            let (publisher_id, code) = (sql::int(line.account.party()), line.amount.currency.code());
            let row = (publisher_id, code, sql::id(event_id), line.amount.minor, due_from.as_millis());
            sql::run(&self.inner, insert, row, doing)?;
        }
        Ok(())
    }

    /// True if the lines of a transaction may still be replaced.
    pub(crate) fn may_amend(&mut self, event_id: EventId, cause: Cause) -> Result<(), LedgerError> {
        let Some(status) = self.status_of(event_id)? else { return Ok(()) };
        match step(status, Act::Amend, cause, None) {
            Ok(_) => Ok(()),
            Err(refusal) => Err(LedgerError::Refused { event_id, refusal }),
        }
    }

    /// What is earned by a transaction, paid or not.
    ///
    /// # Errors
    /// If the store fails.
    pub fn earned(&self, event_id: EventId) -> Result<Option<Vec<Posting>>, LedgerError> {
        in_force(&self.inner, event_id)
    }
}

impl Ledger {
    /// True if the date of a transaction has passed that is not locked yet.
    ///
    /// # Errors
    /// If the store fails.
    pub fn lock_is_due(&self, now: Timestamp) -> Result<bool, LedgerError> {
        Ok(!due_to_lock(&self.connection, self.lock.locked_before(now), 1)?.is_empty())
    }
}

fn due_to_lock(
    connection: &Connection,
    before: Timestamp,
    limit: usize,
) -> Result<Vec<EventId>, LedgerError> {
    let query =
        "SELECT event_id FROM conversions WHERE status IN ('pending', 'approved') AND received_at < ?1
        ORDER BY received_at LIMIT ?2";
    sql::all(connection, query, (before.as_millis(), sql::limit(limit)), |row| row.get(0).map(sql::event_id))
}

fn declined_by(connection: &Connection, event_id: EventId) -> Result<Option<Cause>, LedgerError> {
    let query = "SELECT cause FROM status_changes WHERE event_id = ?1 AND status = 'declined'
        ORDER BY change_id DESC LIMIT 1";
    let name = sql::one(connection, query, (sql::id(event_id),), |row| row.get::<String>(0))?;
    let cause =
        |name: String| Cause::parse(&name).ok_or(LedgerError::Corrupt { what: "the cause", value: name });
    name.map(cause).transpose()
}

/// The status called `name` in a table.
pub(crate) fn status(name: &str) -> Result<Status, LedgerError> {
    Status::parse(name).ok_or_else(|| LedgerError::Corrupt { what: "the status", value: name.to_owned() })
}

//! Telling the platform of changes, one transaction's changes after another.
//!
//! A change sets a state, so that telling it twice is telling it once: after a crash what stood in flight is told again.

use relay::delivery::{Settled, State};
use tracking::dialect::interface::Operation;
use units::limits::SCHEDULED_AHEAD_MAX;
use units::{EventId, Money, Timestamp};

use super::operation;
use crate::store::{Row, named_params};
use crate::{Begun, Ledger, LedgerError, Transaction, Waiting, sql, unreadable};

/// A change that is due.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DueAdjustment {
    /// The change.
    pub adjustment_id: EventId,
    /// The transaction.
    pub conversion: EventId,
    /// Edit or void.
    pub operation: Operation,
    /// Its advertiser, by the legacy id.
    pub advertiser_id: u64,
    /// The advertiser's id on the new platform, as the transaction was told.
    pub advertiser_primary_id: Option<u64>,
    /// The order's value from now on.
    pub amount: Money,
    /// Why.
    pub reason: String,
    /// True if it must go in a request of its own.
    pub alone: bool,
    /// Attempts begun so far.
    pub tries: u32,
    /// Attempts that count towards the limit.
    pub counted: u32,
    /// What proves the transaction's click, by name.
    pub evidence: String,
    /// When the transaction was received.
    pub received_at: Timestamp,
    /// When it was last sent.
    pub sent_at: Timestamp,
    /// The transaction's envelope, without its sealed part.
    pub open: Vec<u8>,
}

/// Which changes are asked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct WantedChanges<'a> {
    /// Of transactions that were told before.
    pub told_before: Timestamp,
    /// Of this kind.
    pub operation: Operation,
    /// Not of these advertisers, who may not send for now.
    pub except: &'a [u64],
}

/// An attempt to tell of a change that ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct AdjustmentFinished<'a> {
    /// The change.
    pub adjustment_id: EventId,
    /// The attempt's number.
    pub number: u32,
    /// What it makes of the change.
    pub settled: &'a Settled,
    /// True if it must go in a request of its own from now on.
    pub alone: bool,
    /// The answer's status, if one came.
    pub status: Option<u16>,
    /// The beginning of the answer's body, for people.
    pub excerpt: &'a str,
}

/// Changes that may go in their turn: the transaction is where it can be changed, and it was told long enough ago. A
/// delivery that lies ahead was told under a clock that has been set back since.
const READY: &str = "a.active = 1 AND a.state = 'queued' AND a.operation = :operation AND a.due_at <= :now
    AND (c.state IN ('taken', 'confirmed') OR (c.state = 'dropped' AND c.ambiguous = 1))
    AND (c.changed_at <= :told_before OR c.changed_at > :ahead)";

/// No change before it is still to be told, or waits for a person.
const IN_TURN: &str = "NOT EXISTS (SELECT 1 FROM adjustments b WHERE b.conversion = a.conversion
    AND b.number < a.number AND b.state NOT IN ('taken', 'confirmed', 'merged', 'dropped'))";

// CROSS JOIN keeps the store from starting at the conversions, of which there are millions.
const COLUMNS: &str = "SELECT a.adjustment_id, a.conversion, a.operation, a.advertiser_id,
    c.advertiser_primary_id, a.minor, a.currency, a.reason, a.alone, a.tries, a.counted, c.evidence, c.received_at,
    coalesce((SELECT max(started_at) FROM attempts t WHERE t.event_id = a.conversion), c.received_at), e.open
    FROM adjustments a CROSS JOIN conversions c ON c.event_id = a.conversion
    LEFT JOIN envelopes e ON e.event_id = c.source";

/// The condition that a change is of none of these advertisers.
fn of_others(except: &[u64]) -> String {
    let ids: Vec<String> = except.iter().map(|id| sql::int(*id).to_string()).collect();
    if ids.is_empty() { String::new() } else { format!(" AND a.advertiser_id NOT IN ({})", ids.join(", ")) }
}

impl Ledger {
    /// Changes that are wanted and due, the longest due first: all of the advertiser of the first.
    ///
    /// # Errors
    /// If the store fails, or holds what cannot be.
    pub fn due_adjustments(
        &self,
        now: Timestamp,
        wanted: &WantedChanges<'_>,
        limit: usize,
    ) -> Result<Vec<DueAdjustment>, LedgerError> {
        let WantedChanges { told_before, operation, except } = *wanted;
        let others = of_others(except);
        let query = format!(
            "{COLUMNS} WHERE {READY} AND {IN_TURN}{others} ORDER BY a.due_at, a.adjustment_id LIMIT :limit"
        );
        let params = named_params! {
            ":operation": operation.name(), ":now": now.as_millis(), ":told_before": told_before.as_millis(),
            ":ahead": now.plus(SCHEDULED_AHEAD_MAX).as_millis(), ":limit": sql::limit(limit),
        };
        let rows = sql::all(&self.connection, &query, params, |row| Ok(due(row)))?;
        let mut rows: Vec<DueAdjustment> = rows.into_iter().collect::<Result<_, _>>()?;
        let Some(first) = rows.first() else { return Ok(rows) };
        if first.alone {
            rows.truncate(1);
        } else {
            let (advertiser_id, address) = (first.advertiser_id, first.advertiser_primary_id);
            rows.retain(|row| {
                row.advertiser_id == advertiser_id && row.advertiser_primary_id == address && !row.alone
            });
        }
        Ok(rows)
    }

    /// When a change of this kind may be due next, of advertisers other than `except`; none if nothing waits.
    ///
    /// # Errors
    /// If the store fails.
    pub fn next_adjustment(
        &self,
        operation: Operation,
        except: &[u64],
    ) -> Result<Option<Timestamp>, LedgerError> {
        let others = of_others(except);
        let query = format!(
            "SELECT CASE WHEN a.due_at > c.changed_at THEN a.due_at ELSE c.changed_at END FROM adjustments a CROSS JOIN conversions c
            ON c.event_id = a.conversion WHERE a.active = 1 AND a.state = 'queued' AND a.operation = ?1
            AND (c.state IN ('taken', 'confirmed') OR (c.state = 'dropped' AND c.ambiguous = 1))
            AND {IN_TURN}{others} ORDER BY a.due_at LIMIT 1"
        );
        sql::one(&self.connection, &query, (operation.name(),), |row| row.get::<i64>(0).map(sql::time))
    }

    /// Puts changes back that were being told when the last process ended. How many there were.
    ///
    /// # Errors
    /// If the store fails.
    pub fn recover_adjustments(&mut self, now: Timestamp) -> Result<usize, LedgerError> {
        let update = "UPDATE adjustments SET state = 'queued', ambiguous = 1, changed_at = ?1,
            detail = 'this process ended while it was told' WHERE active = 1 AND state = 'in_flight'";
        sql::run(&self.connection, update, (now.as_millis(),), "recover changes")
    }
}

impl Transaction<'_> {
    /// An attempt to tell of a change begins.
    ///
    /// # Errors
    /// If the change is not queued any more, or the store fails.
    pub fn begin_adjustment(&mut self, begun: &Begun<'_>) -> Result<(), LedgerError> {
        let update = "UPDATE adjustments SET state = 'in_flight', tries = ?2, changed_at = ?3
            WHERE adjustment_id = ?1 AND state = 'queued'";
        let id = sql::id(begun.event_id);
        let params = (id, begun.number, self.now.as_millis());
        if sql::run(&self.inner, update, params, "begin a change")? != 1 {
            return Err(LedgerError::Moved { event_id: begun.event_id, expected: State::Queued });
        }
        let insert =
            "INSERT INTO attempts (event_id, number, home, endpoint, line, probe, request, started_at)
            VALUES (?1, ?2, ?3, ?4, ?5, ?6, NULL, ?7)";
        let (home, now) = (begun.home.name(), self.now.as_millis());
        let row = (id, begun.number, home, begun.endpoint, begun.line, begun.probe, now);
        sql::run(&self.inner, insert, row, "begin an attempt")?;
        Ok(())
    }

    /// An attempt to tell of a change ended. Where the change need not be told any more, because its transaction turned
    /// out not to be there meanwhile, only the attempt is written down.
    ///
    /// # Errors
    /// If the change is not in flight, or the store fails.
    pub fn finish_adjustment(&mut self, finished: &AdjustmentFinished<'_>) -> Result<(), LedgerError> {
        let settled = finished.settled;
        let update = "UPDATE adjustments SET state = :state, detail = :detail, active = :active,
            attention = :attention, alone = CASE WHEN :alone THEN 1 ELSE alone END, counted = :counted, ambiguous = :ambiguous,
            due_at = :due_at, changed_at = :now WHERE adjustment_id = :id AND state = 'in_flight'";
        let row = named_params! {
            ":state": settled.state.name(), ":detail": settled.reason,
            ":active": settled.state == State::Queued, ":attention": settled.state.needs_a_person(),
            ":alone": finished.alone, ":counted": settled.counted, ":ambiguous": settled.ambiguous,
            ":due_at": settled.due_at.map(Timestamp::as_millis), ":now": self.now.as_millis(),
            ":id": sql::id(finished.adjustment_id),
        };
        if sql::run(&self.inner, update, row, "end a change")? != 1 {
            let event_id = finished.adjustment_id;
            let over = "SELECT 1 FROM adjustments WHERE adjustment_id = ?1 AND active = 0";
            let over = sql::one(&self.inner, over, (sql::id(event_id),), |_| Ok(()))?;
            over.ok_or(LedgerError::Moved { event_id, expected: State::InFlight })?;
        }
        let update =
            "UPDATE attempts SET finished_at = ?3, verdict = ?4, reason = ?5, status = ?6, excerpt = ?7
            WHERE event_id = ?1 AND number = ?2";
        let (id, now) = (sql::id(finished.adjustment_id), self.now.as_millis());
        let (verdict, reason) = (settled.verdict.name(), settled.reason.as_str());
        let row = (id, finished.number, now, verdict, reason, finished.status, finished.excerpt);
        sql::run(&self.inner, update, row, "end an attempt")?;
        Ok(())
    }
}

fn due(row: &Row<'_>) -> Result<DueAdjustment, LedgerError> {
    let get = |error| LedgerError::Store { doing: "read what is due", source: error };
    let adjustment_id = sql::event_id(row.get(0).map_err(get)?);
    change(adjustment_id, row).map_err(unreadable::of(Waiting::Change(adjustment_id)))
}

fn change(adjustment_id: EventId, row: &Row<'_>) -> Result<DueAdjustment, LedgerError> {
    let get = |error| LedgerError::Store { doing: "read what is due", source: error };
    let money = sql::money(row.get(5).map_err(get)?, row.get(6).map_err(get)?)?;
    let nothing = || LedgerError::Corrupt { what: "a change without money", value: String::new() };
    Ok(DueAdjustment {
        adjustment_id,
        conversion: sql::event_id(row.get(1).map_err(get)?),
        operation: operation(&row.get::<String>(2).map_err(get)?)?,
        advertiser_id: sql::uint(row.get(3).map_err(get)?),
        advertiser_primary_id: row.get::<Option<i64>>(4).map_err(get)?.map(sql::uint),
        amount: money.ok_or_else(nothing)?,
        reason: row.get(7).map_err(get)?,
        alone: row.get(8).map_err(get)?,
        tries: sql::count(row.get(9).map_err(get)?),
        counted: sql::count(row.get(10).map_err(get)?),
        evidence: row.get(11).map_err(get)?,
        received_at: sql::time(row.get(12).map_err(get)?),
        sent_at: sql::time(row.get(13).map_err(get)?),
        open: unreadable::envelope(row.get(14).map_err(get)?)?,
    })
}

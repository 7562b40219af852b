//! Deliveries: what is due, and an attempt's beginning and end.
//!
//! An attempt is on stable storage before its first byte goes out. After a crash a row that stands `in_flight`
//! is therefore exactly one that may have been sent, and every other row certainly was not.

mod fair;
mod waiting;

use relay::delivery::{Settled, State};
use tracking::Home;
use tracking::migration::Evidence;
use units::{EventId, Money, Timestamp};

#[cfg(test)]
pub(crate) use fair::{BACKLOG, queries as fair_queries};
pub use fair::{Backlog, Wanted};
#[cfg(test)]
pub(crate) use waiting::queries as waiting_queries;
pub use waiting::{Lane, Together, Which};

use crate::adjust::is_away;
use crate::store::named_params;
use crate::{LedgerError, Transaction, sql};

/// A conversion that is due, with everything that its delivery needs.
#[derive(Clone, PartialEq, Debug)]
pub struct Due {
    /// The conversion.
    pub event_id: EventId,
    /// Its advertiser, by the legacy id; 0 if it has none.
    pub advertiser_id: u64,
    /// Its owner.
    pub owner: Home,
    /// Attempts begun so far.
    pub tries: u32,
    /// Attempts that count towards the limit.
    pub counted: u32,
    /// True if an attempt may have been processed: only its own bytes may be sent again.
    pub ambiguous: bool,
    /// What proves the click.
    pub evidence: Evidence,
    /// The advertiser's id on the new platform.
    pub advertiser_primary_id: Option<u64>,
    /// The credited publisher's id on the new platform.
    pub publisher_primary_id: Option<u64>,
    /// The event whose envelope this is: the conversion's own, or of the arrival with the better evidence.
    pub source: EventId,
    /// The encoded envelope, without its sealed part.
    pub open: Vec<u8>,
    /// Its sealed part; empty if it was erased.
    pub sealed: Vec<u8>,
    /// The sealed request of the attempt that may have been processed.
    pub resend: Option<Vec<u8>>,
    /// The order's value as it stands, which its event need not say: its merchant may have changed it since, and another
    /// arrival may be the one that is sent.
    pub amount: Option<Money>,
}

impl Due {
    /// The credited publisher, by the legacy id, where a click tells it.
    pub const fn publisher_id(&self) -> Option<u64> {
        match &self.evidence {
            Evidence::Click(click) => Some(click.publisher_id),
            Evidence::PlatformClickId(_) | Evidence::Voucher(_) | Evidence::None => None,
        }
    }
}

/// An attempt that begins.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Begun<'a> {
    /// The conversion.
    pub event_id: EventId,
    /// The attempt's number, counted from 1.
    pub number: u32,
    /// The platform.
    pub home: Home,
    /// The endpoint's name in the platform's dialect.
    pub endpoint: &'a str,
    /// Method, host and path, for people; no query, which may be personal.
    pub line: &'a str,
    /// True if it is the probe of an open breaker.
    pub probe: bool,
    /// The request, sealed.
    pub request: &'a [u8],
}

/// An attempt that ended.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Finished<'a> {
    /// The conversion.
    pub event_id: EventId,
    /// The attempt's number.
    pub number: u32,
    /// What it makes of the conversion.
    pub settled: &'a Settled,
    /// The answer's status, if one came.
    pub status: Option<u16>,
    /// The beginning of the answer's body, for people.
    pub excerpt: &'a str,
}

impl Transaction<'_> {
    /// An attempt begins: the conversion is in flight once this is committed, and not before.
    ///
    /// # Errors
    /// If the conversion is not queued any more, or the store fails.
    pub fn begin(&mut self, begun: &Begun<'_>) -> Result<(), LedgerError> {
        let update = "UPDATE conversions SET state = 'in_flight', fresh = 0, tries = ?2, changed_at = ?3
            WHERE event_id = ?1 AND state = 'queued' RETURNING advertiser_id";
        let id = sql::id(begun.event_id);
        let params = (id, begun.number, self.now.as_millis());
        let advertiser_id = sql::one(&self.inner, update, params, |row| row.get::<i64>(0))?;
        let moved = LedgerError::Moved { event_id: begun.event_id, expected: State::Queued };
        let advertiser_id = advertiser_id.ok_or(moved)?;
        self.tally.left(advertiser_id, State::Queued);
        self.tally.entered(advertiser_id, State::InFlight);
        let insert =
            "INSERT INTO attempts (event_id, number, home, endpoint, line, probe, request, started_at)
            VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";
        let home = begun.home.name();
        let (now, number) = (self.now.as_millis(), begun.number);
        let row = (id, number, home, begun.endpoint, begun.line, begun.probe, begun.request, now);
        sql::run(&self.inner, insert, row, "begin an attempt")?;
        Ok(())
    }

    /// An attempt ended.
    ///
    /// # Errors
    /// If the conversion is not in flight, or the store fails.
    pub fn finish(&mut self, finished: &Finished<'_>) -> Result<(), LedgerError> {
        let settled = finished.settled;
        self.change(finished.event_id, State::InFlight, settled)?;
        let keeps_request = settled.ambiguous && !settled.state.is_closed();
        let update =
            "UPDATE attempts SET finished_at = ?3, verdict = ?4, reason = ?5, status = ?6, excerpt = ?7,
            request = CASE WHEN ?8 THEN request ELSE NULL END WHERE event_id = ?1 AND number = ?2";
        let (id, now) = (sql::id(finished.event_id), self.now.as_millis());
        let (verdict, reason) = (settled.verdict.name(), settled.reason.as_str());
        let excerpt = finished.excerpt;
        let row = (id, finished.number, now, verdict, reason, finished.status, excerpt, keeps_request);
        sql::run(&self.inner, update, row, "end an attempt")?;
        if settled.state.is_closed() {
            self.erase(finished.event_id)?;
        }
        if matches!(settled.state, State::Taken | State::Confirmed) {
            self.owe_postback(finished.event_id)?;
        }
        self.mark_cause(finished.event_id)?;
        if is_away(settled.state, settled.ambiguous) { self.overtaken(finished.event_id) } else { Ok(()) }
    }

    fn change(&mut self, event_id: EventId, from: State, settled: &Settled) -> Result<(), LedgerError> {
        let update = "UPDATE conversions SET state = :state, reason = :reason, detail = :detail,
            active = :active, attention = :attention, counted = :counted, ambiguous = :ambiguous,
            due_at = :due_at, changed_at = :now WHERE event_id = :event_id AND state = :from
            RETURNING advertiser_id";
        let row = named_params! {
            ":state": settled.state.name(), ":reason": settled.verdict.name(), ":detail": settled.reason,
            ":active": settled.state == State::Queued, ":attention": settled.state.needs_a_person(),
            ":counted": settled.counted, ":ambiguous": settled.ambiguous,
            ":due_at": settled.due_at.map(Timestamp::as_millis), ":now": self.now.as_millis(),
            ":event_id": sql::id(event_id), ":from": from.name(),
        };
        let advertiser_id = sql::one(&self.inner, update, row, |row| row.get::<i64>(0))?;
        let advertiser_id = advertiser_id.ok_or(LedgerError::Moved { event_id, expected: from })?;
        self.tally.left(advertiser_id, from);
        self.tally.entered(advertiser_id, settled.state);
        Ok(())
    }

    /// Erases what is personal in a conversion and in every arrival that was merged into it (I9).
    pub(crate) fn erase(&mut self, event_id: EventId) -> Result<(), LedgerError> {
        let doing = "erase what is personal";
        let id = sql::id(event_id);
        let envelopes = "UPDATE envelopes SET sealed = NULL WHERE sealed IS NOT NULL AND event_id IN
            (SELECT ?1 UNION ALL SELECT source FROM conversions WHERE event_id = ?1
             UNION ALL SELECT event_id FROM conversions WHERE first = ?1 AND state = 'merged')";
        sql::run(&self.inner, envelopes, (id,), doing)?;
        let attempts = "UPDATE attempts SET request = NULL WHERE event_id = ?1 AND request IS NOT NULL";
        sql::run(&self.inner, attempts, (id,), doing)?;
        Ok(())
    }
}

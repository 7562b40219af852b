//! What people decide: send it again, or drop it. Both are journalled with who did it.

use relay::Envelope;
use relay::delivery::State;
use relay::intake::Decision;
use units::{EventId, Timestamp};

use crate::closing::told;
use crate::intake::in_force;
use crate::store::Row;
use crate::{LedgerError, Transaction, sql};

/// Who decides, and why: both are journalled.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct By<'a> {
    /// Who.
    pub actor: &'a str,
    /// Why.
    pub why: &'a str,
}

/// What a redrive came to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Redriven {
    /// It waits for another attempt.
    Queued,
    /// It is decided about anew; this is where it stands now.
    Decided(State),
    /// Nothing was done: it stands in this state, from which nothing can be sent again.
    Already(State),
    /// There is no such conversion.
    NotFound,
}

/// A conversion's row that was taken away, as far as the one in its place keeps it.
pub(crate) struct Stood {
    pub(crate) state: State,
    pub(crate) advertiser_id: i64,
    pub(crate) tries: i64,
    /// When it first came, whichever arrival it is delivered from.
    pub(crate) received_at: Timestamp,
    wanted_click: Option<String>,
    minor: Option<i64>,
    currency: Option<String>,
}

impl Transaction<'_> {
    /// The state of a conversion, and the encoded envelope that its delivery uses.
    ///
    /// # Errors
    /// If the store fails, or holds what cannot be.
    pub fn stands(&self, event_id: EventId) -> Result<Option<(State, Vec<u8>)>, LedgerError> {
        let query = "SELECT c.state, e.open FROM conversions c JOIN envelopes e ON e.event_id = c.source
            WHERE c.event_id = ?1";
        let read = |row: &Row<'_>| Ok((row.get::<String>(0)?, row.get(1)?));
        let found = sql::one(&self.inner, query, (sql::id(event_id),), read)?;
        found.map(|(name, open)| Ok((sql::state(&name)?, open))).transpose()
    }

    /// True if this event was taken in.
    ///
    /// # Errors
    /// If the store fails.
    pub fn has_event(&self, event_id: EventId) -> Result<bool, LedgerError> {
        let query = "SELECT 1 FROM events WHERE event_id = ?1";
        Ok(sql::one(&self.inner, query, (sql::id(event_id),), |_| Ok(()))?.is_some())
    }

    /// Sends a conversion again that is dead, rejected or unknown, or that was held after it was booked: a
    /// fresh schedule from `due_at`. One that may have been processed is sent in its own bytes.
    ///
    /// # Errors
    /// If the store fails.
    pub fn requeue(
        &mut self,
        event_id: EventId,
        due_at: Timestamp,
        by: By<'_>,
    ) -> Result<Redriven, LedgerError> {
        let Some((state, advertiser_id)) = self.stands_for(event_id)? else { return Ok(Redriven::NotFound) };
        let sendable = match state {
            State::Dead | State::Rejected | State::Unknown => true,
            State::Held => in_force(&self.inner, event_id)?.is_some(),
            _ => false,
        };
        if !sendable {
            return Ok(Redriven::Already(state));
        }
        let update = "UPDATE conversions SET state = 'queued', reason = 'redriven', detail = ?2, active = 1,
            attention = 0, counted = 0, due_at = ?3, changed_at = ?4 WHERE event_id = ?1";
        let row = (sql::id(event_id), by.why, due_at.as_millis(), self.now.as_millis());
        sql::run(&self.inner, update, row, "redrive a conversion")?;
        self.tally.left(advertiser_id, state);
        self.tally.entered(advertiser_id, State::Queued);
        self.journal(by.actor, "redrive", Some(event_id), &told(state.name(), "queued", by.why))?;
        Ok(Redriven::Queued)
    }

    /// Brings the ids of the new platform up to today's map, for a conversion that is to be written anew: a wrong id in
    /// the map is a usual cause of its refusal. `ids` tells an advertiser's and a publisher's, by their legacy ids.
    ///
    /// # Errors
    /// If the store fails.
    pub fn remap(
        &mut self,
        event_id: EventId,
        ids: impl FnOnce(u64, Option<u64>) -> (Option<u64>, Option<u64>),
    ) -> Result<(), LedgerError> {
        let query =
            "SELECT advertiser_id, publisher_id FROM conversions WHERE event_id = ?1 AND owner = 'primary'
            AND ambiguous = 0";
        let read = |row: &Row<'_>| Ok((row.get::<i64>(0)?, row.get::<Option<i64>>(1)?));
        let Some((advertiser, publisher)) = sql::one(&self.inner, query, (sql::id(event_id),), read)? else {
            return Ok(());
        };
        let (advertiser, publisher) = ids(sql::uint(advertiser), publisher.map(sql::uint));
        let update = "UPDATE conversions SET advertiser_primary_id = coalesce(?2, advertiser_primary_id),
            publisher_primary_id = coalesce(?3, publisher_primary_id) WHERE event_id = ?1";
        let row = (sql::id(event_id), advertiser.map(sql::int), publisher.map(sql::int));
        sql::run(&self.inner, update, row, "map a conversion anew")?;
        Ok(())
    }

    /// Puts a held conversion where `decision` about `envelope` puts it.
    ///
    /// # Errors
    /// If it is not held any more, or the store fails.
    pub fn redecide(
        &mut self,
        event_id: EventId,
        envelope: &Envelope,
        decision: &Decision,
        by: By<'_>,
    ) -> Result<Redriven, LedgerError> {
        let Some((state, advertiser_id)) = self.stands_for(event_id)? else { return Ok(Redriven::NotFound) };
        if state != State::Held {
            return Ok(Redriven::Already(state));
        }
        let stood = self.take_away(event_id)?;
        self.tally.left(advertiser_id, State::Held);
        self.place(event_id, envelope, decision, stood.received_at)?;
        self.keep_own(event_id, envelope, &stood)?;
        self.come_along(event_id, decision)?;
        if let (Decision::Hold { .. }, Some(minor)) = (decision, stood.minor) {
            // What it is worth may have been told by another arrival than the one that it is decided about by.
            let update = "UPDATE conversions SET minor = ?2, currency = ?3 WHERE event_id = ?1";
            sql::run(&self.inner, update, (sql::id(event_id), minor, stood.currency), "hold a conversion")?;
        }
        let stands = self.stands_for(event_id)?.map(|(state, _)| state);
        let after = stands.map_or("nowhere", State::name);
        self.journal(by.actor, "redrive", Some(event_id), &told("held", after, by.why))?;
        Ok(stands.map_or(Redriven::NotFound, Redriven::Decided))
    }

    /// Takes a conversion's row away, for the one that comes in its place.
    pub(crate) fn take_away(&mut self, event_id: EventId) -> Result<Stood, LedgerError> {
        let delete = "DELETE FROM conversions WHERE event_id = ?1
            RETURNING state, advertiser_id, tries, received_at, wanted_click, minor, currency";
        let read = |row: &Row<'_>| {
            let (state, advertiser_id) = (row.get::<String>(0)?, row.get(1)?);
            let (tries, received_at, wanted_click) = (row.get(2)?, sql::time(row.get(3)?), row.get(4)?);
            let (minor, currency) = (row.get(5)?, row.get(6)?);
            let stood =
                |state| Stood { state, advertiser_id, tries, received_at, wanted_click, minor, currency };
            Ok(sql::state(&state).map(stood))
        };
        let found = sql::one(&self.inner, delete, (sql::id(event_id),), read)?;
        found.ok_or(LedgerError::Moved { event_id, expected: State::Held })?
    }

    /// What turns out to be another arrival of an order takes its own arrivals along, and what is personal in them ends with
    /// the order.
    pub(crate) fn come_along(&mut self, event_id: EventId, decision: &Decision) -> Result<(), LedgerError> {
        let Decision::Merge { into, .. } = decision else { return Ok(()) };
        let update = "UPDATE conversions SET first = ?2 WHERE first = ?1 AND state = 'merged'";
        sql::run(&self.inner, update, (sql::id(event_id), sql::id(*into)), "merge arrivals")?;
        let closed = self.stands_for(*into)?.is_some_and(|(state, _)| state.is_closed());
        if closed { self.erase(*into) } else { Ok(()) }
    }

    /// What a conversion's own event says stays its own, whichever arrival it is delivered from.
    pub(crate) fn keep_own(
        &mut self,
        event_id: EventId,
        source: &Envelope,
        stood: &Stood,
    ) -> Result<(), LedgerError> {
        if source.event_id == event_id {
            return Ok(());
        }
        self.wants_click(event_id, stood.wanted_click.as_deref())
    }

    /// A held entry that could not be read turned out to be an event, which was taken in by itself: the entry
    /// counts as merged into it.
    ///
    /// # Errors
    /// If it is not held any more, or the store fails.
    pub fn supersede(&mut self, entry: EventId, by: EventId, actor: &str) -> Result<Redriven, LedgerError> {
        let update = "UPDATE conversions SET state = 'merged', first = ?2, attention = 0, changed_at = ?3
            WHERE event_id = ?1 AND state = 'held' RETURNING advertiser_id";
        let row = (sql::id(entry), sql::id(by), self.now.as_millis());
        let advertiser_id = sql::one(&self.inner, update, row, |row| row.get::<i64>(0))?;
        let moved = LedgerError::Moved { event_id: entry, expected: State::Held };
        let advertiser_id = advertiser_id.ok_or(moved)?;
        self.tally.left(advertiser_id, State::Held);
        self.tally.entered(advertiser_id, State::Merged);
        self.journal(actor, "redrive", Some(entry), &format!("read at last: it is event {by}"))?;
        Ok(Redriven::Decided(State::Merged))
    }

    /// Drops a conversion that a person has decided about: its postings are taken back, what is personal is
    /// erased, and it is never sent again. True if it was dropped now.
    ///
    /// # Errors
    /// If the store fails.
    pub fn discard(&mut self, event_id: EventId, by: By<'_>) -> Result<Redriven, LedgerError> {
        let Some((state, advertiser_id)) = self.stands_for(event_id)? else { return Ok(Redriven::NotFound) };
        if !state.needs_a_person() {
            return Ok(Redriven::Already(state));
        }
        let update =
            "UPDATE conversions SET state = 'dropped', reason = 'discarded', detail = ?2, active = 0,
            attention = 0, due_at = NULL, changed_at = ?3 WHERE event_id = ?1";
        let row = (sql::id(event_id), by.why, self.now.as_millis());
        sql::run(&self.inner, update, row, "discard a conversion")?;
        self.tally.left(advertiser_id, state);
        self.tally.entered(advertiser_id, State::Dropped);
        self.take_back(event_id, by)?;
        self.erase(event_id)?;
        self.journal(by.actor, "discard", Some(event_id), &told(state.name(), "dropped", by.why))?;
        Ok(Redriven::Decided(State::Dropped))
    }

    /// Holds a queued conversion that cannot be sent as things stand.
    ///
    /// # Errors
    /// If it is not queued any more, or the store fails.
    pub fn hold(&mut self, event_id: EventId, code: &str, why: &str) -> Result<(), LedgerError> {
        let update =
            "UPDATE conversions SET state = 'held', reason = ?2, detail = ?3, active = 0, attention = 1,
            due_at = NULL, changed_at = ?4 WHERE event_id = ?1 AND state = 'queued' RETURNING advertiser_id";
        let row = (sql::id(event_id), code, why, self.now.as_millis());
        let advertiser_id = sql::one(&self.inner, update, row, |row| row.get::<i64>(0))?;
        let moved = LedgerError::Moved { event_id, expected: State::Queued };
        let advertiser_id = advertiser_id.ok_or(moved)?;
        self.tally.left(advertiser_id, State::Queued);
        self.tally.entered(advertiser_id, State::Held);
        self.mark_cause(event_id)
    }

    fn stands_for(&self, event_id: EventId) -> Result<Option<(State, i64)>, LedgerError> {
        let query = "SELECT state, advertiser_id FROM conversions WHERE event_id = ?1";
        let read = |row: &Row<'_>| Ok((row.get::<String>(0)?, row.get(1)?));
        let found = sql::one(&self.inner, query, (sql::id(event_id),), read)?;
        found.map(|(name, advertiser_id)| Ok((sql::state(&name)?, advertiser_id))).transpose()
    }
}

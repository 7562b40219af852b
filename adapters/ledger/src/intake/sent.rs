//! What an edge has sent by itself, while its outbox could not write.

use relay::Envelope;
use relay::delivery::State;
use tracking::{Home, Verdict};
use units::EventId;

use crate::store::{Row, named_params};
use crate::{LedgerError, Transaction, sql};

impl Transaction<'_> {
    /// Takes in what an edge tells of an event that was taken in before: a copy or a part of its outbox that nobody
    /// counted on has brought the event itself first, and the edge has sent it by itself in the meantime.
    ///
    /// # Errors
    /// If the store fails.
    pub fn sent_after_all(&mut self, arrival: &Envelope) -> Result<(), LedgerError> {
        if arrival.sent.is_none() {
            return Ok(());
        }
        let query =
            "SELECT coalesce(first, event_id) FROM conversions WHERE event_id = ?1 AND state <> 'conflict'";
        let read = |row: &Row<'_>| row.get::<[u8; 16]>(0);
        let Some(stands) = sql::one(&self.inner, query, (sql::id(arrival.event_id),), read)? else {
            return Ok(());
        };
        self.sent_already(sql::event_id(stands), arrival)
    }

    /// Puts the conversion where the edge's own attempt has put it, as far as nothing else was sent of it: the
    /// same order may have arrived by the outbox before.
    pub(super) fn sent_already(&mut self, event_id: EventId, arrival: &Envelope) -> Result<(), LedgerError> {
        let Some(sent) = &arrival.sent else { return Ok(()) };
        let state = match sent.verdict {
            Verdict::Confirmed => State::Confirmed,
            Verdict::Taken => State::Taken,
            _ => State::Unknown,
        };
        let Some(from) = self.unsent_at(event_id, sent.home)? else {
            return self.remember_sent(event_id, arrival);
        };
        let update = "UPDATE conversions SET state = :state, reason = :reason, detail = :detail, active = 0,
            attention = :attention, fresh = 0, tries = 1, counted = 1, ambiguous = :ambiguous, due_at = NULL,
            changed_at = :now WHERE event_id = :event_id RETURNING advertiser_id";
        let (verdict, home, now) = (sent.verdict.name(), sent.home.name(), self.now.as_millis());
        let row = named_params! {
            ":state": state.name(), ":reason": verdict, ":detail": sent.reason,
            ":attention": state.needs_a_person(), ":ambiguous": state == State::Unknown, ":now": now,
            ":event_id": sql::id(event_id),
        };
        let moved = sql::one(&self.inner, update, row, |row| row.get::<i64>(0))?;
        let Some(advertiser_id) = moved else { return Ok(()) };
        self.tally.left(advertiser_id, from);
        self.tally.entered(advertiser_id, state);
        let insert = "INSERT INTO attempts (event_id, number, home, endpoint, line, probe, started_at,
            finished_at, verdict, reason) VALUES (?1, 1, ?2, ?3, 'sent by the edge itself', 0, ?4, ?5, ?6, ?7)";
        let began = arrival.received_at.as_millis();
        let row = (sql::id(event_id), home, &sent.endpoint, began, now, verdict, &sent.reason);
        sql::run(&self.inner, insert, row, "write down an edge's attempt")?;
        self.mark_cause(event_id)?;
        self.owe_postback(event_id)?;
        if state.is_closed() { self.erase(event_id) } else { Ok(()) }
    }

    /// The state of a booked conversion of which nothing was sent, and which belongs to this platform: it waits for its turn,
    /// or for a map.
    fn unsent_at(&self, event_id: EventId, home: Home) -> Result<Option<State>, LedgerError> {
        let query = "SELECT state FROM conversions WHERE event_id = ?1 AND owner = ?2 AND tries = 0
            AND status IS NOT NULL AND state IN ('queued', 'held')";
        let found =
            sql::one(&self.inner, query, (sql::id(event_id), home.name()), |row| row.get::<String>(0))?;
        found.map(|name| sql::state(&name)).transpose()
    }

    /// What is held is not booked yet: it keeps what was sent of it with its own event, so that it is booked where it
    /// stands once it is decided about, and not sent again.
    fn remember_sent(&mut self, event_id: EventId, arrival: &Envelope) -> Result<(), LedgerError> {
        let query = "SELECT c.source, e.open FROM conversions c JOIN envelopes e ON e.event_id = c.source
            WHERE c.event_id = ?1 AND c.state = 'held' AND c.tries = 0";
        let read = |row: &Row<'_>| Ok((row.get::<[u8; 16]>(0)?, row.get::<Vec<u8>>(1)?));
        let Some((source, open)) = sql::one(&self.inner, query, (sql::id(event_id),), read)? else {
            return Ok(());
        };
        let Ok(held) = Envelope::decode(&open) else { return Ok(()) };
        if held.sent.is_some() {
            return Ok(());
        }
        let open = Envelope { sent: arrival.sent.clone(), ..held }.encode();
        let update = "UPDATE envelopes SET open = ?2 WHERE event_id = ?1";
        sql::run(&self.inner, update, (source, open), "remember an edge's attempt")?;
        Ok(())
    }
}

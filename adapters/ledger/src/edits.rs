//! Events that a person corrected: the new version is delivered, and every version before it is kept for ever.

use crate::store::Row;
use attribution::status::Cause;
use attribution::{Status, posting};
use relay::Envelope;
use relay::delivery::State;
use relay::intake::{Booking, Decision};
use units::{EventId, Timestamp};

use crate::intake::in_force;
use crate::people::Stood;
use crate::post::NewSet;
use crate::{By, Ledger, LedgerError, Redriven, Transaction, sql};

/// A dead letter, as it would be corrected.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Editable {
    /// Where it stands.
    pub state: State,
    /// True if an attempt of it may have arrived.
    pub ambiguous: bool,
    /// True if it was booked.
    pub booked: bool,
    /// True if its merchant changed it since.
    pub changed: bool,
    /// The event whose envelope it is delivered from.
    pub source: EventId,
    /// That envelope, without its sealed part.
    pub open: Vec<u8>,
}

/// One correction.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct EditRow {
    /// Its number, from 1.
    pub number: u32,
    /// When.
    pub edited_at: Timestamp,
    /// Who.
    pub actor: String,
    /// Why.
    pub reason: String,
    /// Each field before and after, for people.
    pub changes: String,
    /// The event as it was before.
    pub original: Vec<u8>,
}

/// A correction to be written down.
#[derive(Clone, Copy, Debug)]
pub struct NewEdit<'a> {
    /// The conversion.
    pub event_id: EventId,
    /// How it stood.
    pub before: &'a Editable,
    /// The corrected event.
    pub envelope: &'a Envelope,
    /// What becomes of it.
    pub decision: &'a Decision,
    /// Each field before and after, for people.
    pub changes: &'a str,
    /// Who, and why.
    pub by: By<'a>,
}

impl Transaction<'_> {
    /// A conversion as it would be corrected; none if it is not there.
    ///
    /// # Errors
    /// If the store fails, or holds what cannot be.
    pub fn editable(&self, event_id: EventId) -> Result<Option<Editable>, LedgerError> {
        let query = "SELECT c.state, c.ambiguous, c.source, e.open,
            EXISTS (SELECT 1 FROM adjustments a WHERE a.conversion = c.event_id)
            FROM conversions c JOIN envelopes e ON e.event_id = c.source WHERE c.event_id = ?1";
        let read = |row: &Row<'_>| {
            let (state, source) = (row.get::<String>(0)?, sql::event_id(row.get(2)?));
            Ok((state, row.get(1)?, source, row.get(3)?, row.get(4)?))
        };
        let found = sql::one(&self.inner, query, (sql::id(event_id),), read)?;
        let Some((state, ambiguous, source, open, changed)) = found else { return Ok(None) };
        let (state, booked) = (sql::state(&state)?, in_force(&self.inner, event_id)?.is_some());
        Ok(Some(Editable { state, ambiguous, booked, changed, source, open }))
    }

    /// Keeps the event as it was, puts the corrected one in its place, and the conversion where `decision` puts it.
    ///
    /// # Errors
    /// If the store fails.
    pub fn edit(&mut self, new: &NewEdit<'_>) -> Result<Redriven, LedgerError> {
        let doing = "correct an event";
        let NewEdit { event_id, before, envelope, decision, changes, by } = *new;
        let (id, now) = (sql::id(event_id), self.now().as_millis());
        let number = "SELECT coalesce(max(number), 0) + 1 FROM edits WHERE event_id = ?1";
        let number = sql::one(&self.inner, number, (id,), |row| row.get::<i64>(0))?.unwrap_or(1);
        let insert = "INSERT INTO edits (event_id, number, edited_at, actor, reason, changes, original)
            VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
        let row = (id, number, now, by.actor, by.why, changes, before.open.as_slice());
        sql::run(&self.inner, insert, row, doing)?;
        let update = "UPDATE envelopes SET open = ?2 WHERE event_id = ?1";
        sql::run(&self.inner, update, (sql::id(before.source), envelope.encode()), doing)?;
        self.journal(by.actor, "edit", Some(event_id), &format!("{changes}: {}", by.why))?;
        match decision {
            Decision::Book(booking) => self.book_again(event_id, envelope, booking)?,
            _ => self.place_again(event_id, envelope, decision)?,
        }
        let stands = self.stands(event_id)?;
        Ok(stands.map_or(Redriven::NotFound, |(state, _)| Redriven::Decided(state)))
    }

    /// What was never booked stands where the decision puts it.
    fn place_again(
        &mut self,
        event_id: EventId,
        envelope: &Envelope,
        decision: &Decision,
    ) -> Result<(), LedgerError> {
        let stood = self.leave(event_id)?;
        self.place(event_id, envelope, decision, stood.received_at)?;
        self.come_along(event_id, decision)?;
        self.keep_own(event_id, envelope, &stood)
    }

    /// Booked anew: what was booked before is taken back, and its attempts stay its own.
    fn book_again(
        &mut self,
        event_id: EventId,
        envelope: &Envelope,
        booking: &Booking,
    ) -> Result<(), LedgerError> {
        // What is declined or locked stays as it is.
        self.may_amend(event_id, Cause::Operator)?;
        let status = self.status_of(event_id)?.unwrap_or(Status::Pending);
        self.earn_no_more(event_id)?;
        let stood = self.leave(event_id)?;
        let before = in_force(&self.inner, event_id)?;
        self.place_booking(event_id, envelope, booking)?;
        self.keep_own(event_id, envelope, &stood)?;
        let (kind, lines) = match before {
            None => ("booking", booking.postings.clone()),
            Some(lines) => ("correction", posting::correction(&lines, &booking.postings)),
        };
        let (cause, happened_at) = (event_id, envelope.received_at);
        self.post(&NewSet { event_id, kind, cause, happened_at, lines: &lines })?;
        let update = "UPDATE conversions SET tries = ?2, fresh = ?3, status = ?4 WHERE event_id = ?1";
        let row = (sql::id(event_id), stood.tries, stood.tries == 0, status.name());
        sql::run(&self.inner, update, row, "correct an event")?;
        Ok(())
    }

    fn leave(&mut self, event_id: EventId) -> Result<Stood, LedgerError> {
        let stood = self.take_away(event_id)?;
        self.tally.left(stood.advertiser_id, stood.state);
        Ok(stood)
    }
}

impl Ledger {
    /// The corrections of a conversion, in order.
    ///
    /// # Errors
    /// If the store fails.
    pub fn edits_of(&self, event_id: EventId) -> Result<Vec<EditRow>, LedgerError> {
        let query =
            "SELECT number, edited_at, actor, reason, changes, original FROM edits WHERE event_id = ?1
            ORDER BY number LIMIT 1000";
        sql::all(&self.connection, query, (sql::id(event_id),), |row| {
            Ok(EditRow {
                number: row.get(0)?,
                edited_at: sql::time(row.get(1)?),
                actor: row.get(2)?,
                reason: row.get(3)?,
                changes: row.get(4)?,
                original: row.get(5)?,
            })
        })
    }

    /// The sealed part of what a conversion is delivered from, with the event that it is bound to; none if it was erased.
    ///
    /// # Errors
    /// If the store fails.
    pub fn sealed_of(&self, event_id: EventId) -> Result<Option<(EventId, Vec<u8>)>, LedgerError> {
        let query = "SELECT e.event_id, e.sealed FROM conversions c JOIN envelopes e ON e.event_id = c.source
            WHERE c.event_id = ?1 AND e.sealed IS NOT NULL";
        let read = |row: &Row<'_>| Ok((sql::event_id(row.get(0)?), row.get(1)?));
        sql::one(&self.connection, query, (sql::id(event_id),), read)
    }
}

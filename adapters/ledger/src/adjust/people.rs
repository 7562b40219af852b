//! What people decide about changes that merchants asked for.

use crate::store::Row;
use relay::delivery::State;
use units::{EventId, Timestamp};

use crate::closing::told;
use crate::{By, LedgerError, Redriven, Transaction, sql};

impl Transaction<'_> {
    /// Where a change stands, and the transaction that it is of.
    pub(crate) fn change_stands(&self, id: EventId) -> Result<Option<(State, EventId)>, LedgerError> {
        let query = "SELECT state, conversion FROM adjustments WHERE adjustment_id = ?1";
        let read = |row: &Row<'_>| Ok((row.get::<String>(0)?, sql::event_id(row.get(1)?)));
        let found = sql::one(&self.inner, query, (sql::id(id),), read)?;
        found.map(|(name, conversion)| Ok((sql::state(&name)?, conversion))).transpose()
    }

    /// Tells the platform of a change again. Telling it twice is telling it once, so that every one may go.
    ///
    /// # Errors
    /// If the store fails, or holds what cannot be.
    pub fn requeue_change(
        &mut self,
        id: EventId,
        due_at: Timestamp,
        by: By<'_>,
    ) -> Result<Redriven, LedgerError> {
        let Some((state, conversion)) = self.change_stands(id)? else { return Ok(Redriven::NotFound) };
        if !state.needs_a_person() {
            return Ok(Redriven::Already(state));
        }
        let update =
            "UPDATE adjustments SET state = 'queued', detail = ?2, active = 1, attention = 0, alone = 1,
            counted = 0, due_at = ?3, changed_at = ?4 WHERE adjustment_id = ?1";
        let row = (sql::id(id), by.why, due_at.as_millis(), self.now().as_millis());
        sql::run(&self.inner, update, row, "redrive a change")?;
        let detail = format!("change {id}: {}", told(state.name(), State::Queued.name(), by.why));
        self.journal(by.actor, "redrive", Some(conversion), &detail)?;
        if !self.is_away(conversion)? {
            return Ok(Redriven::Queued);
        }
        // Nobody would ever tell of it: what is sent, should it be sent again, is what its merchant wanted last.
        self.overtaken(conversion)?;
        Ok(Redriven::Already(State::Merged))
    }

    fn is_away(&self, conversion: EventId) -> Result<bool, LedgerError> {
        let query = "SELECT state, ambiguous FROM conversions WHERE event_id = ?1";
        let read = |row: &Row<'_>| Ok((row.get::<String>(0)?, row.get::<bool>(1)?));
        let found = sql::one(&self.inner, query, (sql::id(conversion),), read)?;
        let Some((state, ambiguous)) = found else { return Ok(false) };
        Ok(super::is_away(sql::state(&state)?, ambiguous))
    }

    /// Gives up telling the platform of a change. Our books keep it: it is what its merchant asked for.
    ///
    /// # Errors
    /// If the store fails, or holds what cannot be.
    pub fn discard_change(&mut self, id: EventId, by: By<'_>) -> Result<Redriven, LedgerError> {
        let Some((state, conversion)) = self.change_stands(id)? else { return Ok(Redriven::NotFound) };
        if !state.needs_a_person() {
            return Ok(Redriven::Already(state));
        }
        let update =
            "UPDATE adjustments SET state = 'dropped', detail = ?2, active = 0, attention = 0, due_at = NULL,
            changed_at = ?3 WHERE adjustment_id = ?1";
        let row = (sql::id(id), by.why, self.now().as_millis());
        sql::run(&self.inner, update, row, "discard a change")?;
        let detail = format!("change {id}: {}", told(state.name(), State::Dropped.name(), by.why));
        self.journal(by.actor, "discard", Some(conversion), &detail)?;
        Ok(Redriven::Decided(State::Dropped))
    }

    /// Holds a queued change of which no request can be written, so that those behind it go on.
    ///
    /// # Errors
    /// If the store fails.
    pub fn hold_change(&mut self, id: EventId, why: &str) -> Result<(), LedgerError> {
        let update =
            "UPDATE adjustments SET state = 'held', detail = ?2, active = 0, attention = 1, due_at = NULL,
            changed_at = ?3 WHERE adjustment_id = ?1 AND state = 'queued'";
        let row = (sql::id(id), why, self.now().as_millis());
        sql::run(&self.inner, update, row, "hold a change")?;
        Ok(())
    }
}

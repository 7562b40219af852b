//! Doubt closed by a person: it has arrived, or it has not, on the evidence of a report.

use crate::store::Row;
use relay::delivery::State;
use units::EventId;

use crate::{By, LedgerError, Transaction, sql};

/// What a person's word on a doubt came to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Closed {
    /// It is so now: it stands here.
    Done(State),
    /// It was so already, or there is no doubt about it.
    Already(State),
    /// An answer says the opposite: this one.
    Contradicts(State, &'static str),
    /// There is no such conversion and no such change.
    NotFound,
}

const DOING: &str = "close a doubt";

impl Transaction<'_> {
    /// Closes the doubt about a conversion or a change: what `arrived` is confirmed, what did not is certainly not there
    /// and can be sent again. `by.why` is the evidence, which the journal keeps.
    ///
    /// # Errors
    /// If the store fails, or holds what cannot be.
    pub fn close(&mut self, event_id: EventId, arrived: bool, by: By<'_>) -> Result<Closed, LedgerError> {
        let query = "SELECT state, advertiser_id FROM conversions WHERE event_id = ?1";
        let read = |row: &Row<'_>| Ok((row.get::<String>(0)?, row.get(1)?));
        let found = sql::one(&self.inner, query, (sql::id(event_id),), read)?;
        let Some((name, advertiser_id)) = found else { return self.close_change(event_id, arrived, by) };
        let state = sql::state(&name)?;
        if let Some(objection) = self.objection(event_id, state, arrived)? {
            return Ok(objection);
        }
        let to = if arrived { State::Confirmed } else { State::Dead };
        let reason = if arrived { "settled_arrived" } else { "settled_not_arrived" };
        let update =
            "UPDATE conversions SET state = ?2, reason = ?3, detail = ?4, active = 0, attention = ?5,
            ambiguous = 0, counted = 0, due_at = NULL, changed_at = ?6 WHERE event_id = ?1";
        let (now, id) = (self.now().as_millis(), sql::id(event_id));
        let row = (id, to.name(), reason, by.why, to.needs_a_person(), now);
        sql::run(&self.inner, update, row, DOING)?;
        self.tally.left(advertiser_id, state);
        self.tally.entered(advertiser_id, to);
        self.journal(by.actor, "settle", Some(event_id), &told(state.name(), to.name(), by.why))?;
        if arrived {
            self.owe_postback(event_id)?;
            self.erase(event_id)?;
            return Ok(Closed::Done(to));
        }
        let update = "UPDATE attempts SET request = NULL WHERE event_id = ?1 AND request IS NOT NULL";
        sql::run(&self.inner, update, (id,), DOING)?;
        self.mark_cause(event_id)?;
        self.overtaken(event_id)?;
        let query = "SELECT state FROM conversions WHERE event_id = ?1";
        let stands = sql::one(&self.inner, query, (id,), |row| row.get::<String>(0))?;
        Ok(Closed::Done(stands.map_or(Ok(to), |name| sql::state(&name))?))
    }

    /// Why a doubt cannot be closed that way.
    fn objection(
        &self,
        event_id: EventId,
        state: State,
        arrived: bool,
    ) -> Result<Option<Closed>, LedgerError> {
        let contradicts = |why| Ok(Some(Closed::Contradicts(state, why)));
        match (state, arrived) {
            (State::Unknown | State::Taken, true) => Ok(None),
            (State::Unknown | State::Taken, false) => {
                let named = "SELECT 1 FROM attempts WHERE event_id = ?1 AND verdict = 'confirmed'";
                let named = sql::one(&self.inner, named, (sql::id(event_id),), |_| Ok(()))?;
                match named {
                    Some(()) => contradicts("an answer of the platform names it as booked"),
                    None => Ok(None),
                }
            }
            (State::Confirmed, false) => {
                contradicts("the platform has named it, or a person settled it as arrived")
            }
            (State::Rejected, true) => contradicts("the platform has refused every attempt that was made"),
            (State::Dead | State::Held | State::Conflict, true) => contradicts(
                "no attempt of it can have arrived: compare the event, the order may be another one",
            ),
            (State::InFlight, _) => contradicts("an attempt is under way: wait for its end"),
            _ => Ok(Some(Closed::Already(state))),
        }
    }

    fn close_change(&mut self, id: EventId, arrived: bool, by: By<'_>) -> Result<Closed, LedgerError> {
        let Some((state, conversion)) = self.change_stands(id)? else { return Ok(Closed::NotFound) };
        match (state, arrived) {
            // The state may have been set there by hand, whatever our own requests came to.
            (State::Unknown | State::Taken | State::Rejected | State::Dead | State::Held, true)
            | (State::Unknown | State::Taken, false) => {}
            (State::Confirmed, false) => return Ok(Closed::Contradicts(state, "the platform has named it")),
            (State::InFlight, _) => {
                return Ok(Closed::Contradicts(state, "it is being told: wait for its end"));
            }
            _ => return Ok(Closed::Already(state)),
        }
        // Each sets the state there, so that the last one counts: told again, this one would set the platform back.
        let to = match arrived {
            true => State::Confirmed,
            false if self.is_overtaken(id, conversion)? => State::Merged,
            false => State::Dead,
        };
        let update =
            "UPDATE adjustments SET state = ?2, detail = ?3, active = 0, attention = ?4, due_at = NULL,
            ambiguous = 0, counted = 0, changed_at = ?5 WHERE adjustment_id = ?1";
        let row = (sql::id(id), to.name(), by.why, to.needs_a_person(), self.now().as_millis());
        sql::run(&self.inner, update, row, DOING)?;
        let detail = format!("change {id}: {}", told(state.name(), to.name(), by.why));
        self.journal(by.actor, "settle", Some(conversion), &detail)?;
        Ok(Closed::Done(to))
    }

    /// True if a later change of the same transaction was told, or is to be.
    fn is_overtaken(&self, id: EventId, conversion: EventId) -> Result<bool, LedgerError> {
        let query = "SELECT 1 FROM adjustments b JOIN adjustments a ON a.adjustment_id = ?1
            WHERE b.conversion = ?2 AND b.number > a.number
            AND b.state IN ('queued', 'in_flight', 'taken', 'confirmed', 'unknown') LIMIT 1";
        let row = (sql::id(id), sql::id(conversion));
        Ok(sql::one(&self.inner, query, row, |_| Ok(()))?.is_some())
    }
}

/// Before, after and why, as the journal has it.
pub(crate) fn told(before: &str, after: &str, why: &str) -> String {
    if why.is_empty() { format!("{before} -> {after}") } else { format!("{before} -> {after}: {why}") }
}

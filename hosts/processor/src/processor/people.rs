//! What operators decide.

use std::time::Duration;

use ledger::{By, LedgerError, Redriven, Transaction};
use relay::Envelope;
use relay::delivery::State;
use relay::intake::{self, Known};
use relay::policy::Snapshot;
use units::{EventId, Timestamp};

use super::receive::take_in;
use super::{Processor, ProcessorError};

/// The wait between two redriven conversions: a hundred a second, beside the fresh ones.
const REDRIVE_EVERY: Duration = Duration::from_millis(10);

/// An operator's order to send conversions again.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Redrive {
    /// Which; each at most once.
    pub events: Vec<EventId>,
    /// Who orders it.
    pub actor: String,
    /// Why.
    pub why: String,
    /// True if the person has looked at what is doubtful and wants it booked and sent in spite of it. Only
    /// with this is an `unknown` sent again: it may have arrived.
    pub approved: bool,
}

impl Processor {
    /// Sends conversions again, or decides about held ones anew. Ordered twice, the second does nothing.
    ///
    /// # Errors
    /// If the ledger fails; then nothing was done.
    pub fn redrive(
        &mut self,
        order: &Redrive,
        now: Timestamp,
    ) -> Result<Vec<(EventId, Redriven)>, ProcessorError> {
        let mut slot = self.redrive_at.max(now);
        let mut outcomes = Vec::with_capacity(order.events.len());
        let mut facts = Vec::new();
        let obeying = Obeying { order, snapshot: &self.snapshot, now };
        let mut transaction = self.ledger.transaction(now)?;
        for &event_id in &order.events {
            let outcome = obeying.redrive(&mut transaction, event_id, slot)?;
            if matches!(outcome, Redriven::Queued) {
                slot = slot.plus(REDRIVE_EVERY);
            }
            let state = match outcome {
                Redriven::Queued => Some(State::Queued),
                Redriven::Decided(state) => Some(state),
                Redriven::Already(_) | Redriven::NotFound => None,
            };
            facts.extend(state.map(|state| relay::Fact::Moved { event_id, state: state.name() }));
            outcomes.push((event_id, outcome));
        }
        transaction.commit()?;
        self.redrive_at = slot;
        self.facts.append(&mut facts);
        Ok(outcomes)
    }

    /// Drops conversions that a person has decided about. Ordered twice, the second does nothing.
    ///
    /// # Errors
    /// If the ledger fails; then nothing was done.
    pub fn discard(
        &mut self,
        events: &[EventId],
        by: By<'_>,
        now: Timestamp,
    ) -> Result<Vec<(EventId, Redriven)>, ProcessorError> {
        let mut transaction = self.ledger.transaction(now)?;
        let mut outcomes = Vec::with_capacity(events.len());
        for &event_id in events {
            outcomes.push((event_id, transaction.discard(event_id, by)?));
        }
        transaction.commit()?;
        for (event_id, _) in outcomes.iter().filter(|(_, outcome)| matches!(outcome, Redriven::Decided(_))) {
            self.moved(*event_id, State::Dropped.name());
        }
        Ok(outcomes)
    }
}

/// An order that is being obeyed.
struct Obeying<'a> {
    order: &'a Redrive,
    snapshot: &'a Snapshot,
    now: Timestamp,
}

impl Obeying<'_> {
    fn by(&self) -> By<'_> {
        By { actor: &self.order.actor, why: &self.order.why }
    }

    fn redrive(
        &self,
        transaction: &mut Transaction<'_>,
        event_id: EventId,
        slot: Timestamp,
    ) -> Result<Redriven, LedgerError> {
        let Some((state, open)) = transaction.stands(event_id)? else { return Ok(Redriven::NotFound) };
        if state == State::Unknown && !self.order.approved {
            return Ok(Redriven::Already(state));
        }
        let outcome = transaction.requeue(event_id, slot, self.by())?;
        if outcome != Redriven::Already(State::Held) {
            return Ok(outcome);
        }
        // Held and never booked: what was in the way is looked at again.
        let Ok(envelope) = Envelope::decode(&open) else { return Ok(outcome) };
        if transaction.has_event(envelope.event_id)? {
            return self.decide_anew(transaction, event_id, &envelope);
        }
        let by = envelope.event_id;
        take_in(transaction, self.snapshot, envelope, "redriven", self.now)?;
        transaction.supersede(event_id, by, &self.order.actor)
    }

    /// A held conversion is decided about as if it had just arrived, by today's mapping.
    fn decide_anew(
        &self,
        transaction: &mut Transaction<'_>,
        event_id: EventId,
        envelope: &Envelope,
    ) -> Result<Redriven, LedgerError> {
        let known = transaction.known(envelope)?;
        let standing = known.standing.filter(|standing| standing.event_id != event_id);
        let known = Known { standing, approved: self.order.approved, ..known };
        let decision = intake::decide_by(self.snapshot, envelope, &known, self.now);
        transaction.redecide(event_id, envelope, &decision, self.by())
    }
}

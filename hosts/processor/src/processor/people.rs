//! What operators decide.

use std::time::Duration;

use ledger::{LedgerError, Redriven, Transaction};
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
        let mut transaction = self.ledger.transaction(now)?;
        for &event_id in &order.events {
            let outcome = redrive_one(&mut transaction, &self.snapshot, event_id, order, slot, now)?;
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
        actor: &str,
        why: &str,
        now: Timestamp,
    ) -> Result<Vec<(EventId, Redriven)>, ProcessorError> {
        let mut transaction = self.ledger.transaction(now)?;
        let mut outcomes = Vec::with_capacity(events.len());
        for &event_id in events {
            outcomes.push((event_id, transaction.discard(event_id, actor, why)?));
        }
        transaction.commit()?;
        for (event_id, _) in outcomes.iter().filter(|(_, outcome)| matches!(outcome, Redriven::Decided(_))) {
            self.moved(*event_id, State::Dropped.name());
        }
        Ok(outcomes)
    }
}

fn redrive_one(
    transaction: &mut Transaction<'_>,
    snapshot: &Snapshot,
    event_id: EventId,
    order: &Redrive,
    slot: Timestamp,
    now: Timestamp,
) -> Result<Redriven, LedgerError> {
    let Some((state, open)) = transaction.stands(event_id)? else { return Ok(Redriven::NotFound) };
    match state {
        State::Unknown if !order.approved => return Ok(Redriven::Already(state)),
        State::Held => {}
        _ => return transaction.requeue(event_id, slot, &order.actor, &order.why),
    }
    let booked_before = transaction.requeue(event_id, slot, &order.actor, &order.why)?;
    if booked_before == Redriven::Queued {
        return Ok(booked_before);
    }
    let Ok(envelope) = Envelope::decode(&open) else { return Ok(Redriven::Already(state)) };
    if !transaction.has_event(envelope.event_id)? {
        let mut facts = Vec::new();
        let by = envelope.event_id;
        take_in(transaction, snapshot, envelope, "redriven", &mut facts, now)?;
        return transaction.supersede(event_id, by, &order.actor);
    }
    decide_anew(transaction, snapshot, event_id, &envelope, order, now)
}

/// A held conversion is decided about as if it had just arrived, by today's mapping.
fn decide_anew(
    transaction: &mut Transaction<'_>,
    snapshot: &Snapshot,
    event_id: EventId,
    envelope: &Envelope,
    order: &Redrive,
    now: Timestamp,
) -> Result<Redriven, LedgerError> {
    let known = transaction.known(envelope)?;
    let standing = known.standing.filter(|standing| standing.event_id != event_id);
    let known = Known { standing, approved: order.approved, ..known };
    let decision = intake::decide_by(snapshot, envelope, &known, now);
    transaction.redecide(event_id, envelope, &decision, &order.actor, &order.why)
}

//! What operators decide.

use std::time::Duration;

use ledger::{By, LedgerError, Redriven, Transaction};
use relay::delivery::State;
use relay::intake::{self, Decision, Known};
use relay::policy::Snapshot;
use relay::{Envelope, Sealed};
use units::{EventId, Timestamp};

use super::receive::take_in;
use super::{Processor, ProcessorError, clicks, receive};

/// The wait between two redriven conversions: a hundred a second, beside the fresh ones.
pub(super) const REDRIVE_EVERY: Duration = Duration::from_millis(10);

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
        let by = By { actor: &order.actor, why: &order.why };
        let obeying = Obeying { by, approved: order.approved, snapshot: &self.snapshot, now };
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

impl Processor {
    /// The original request that a conversion is delivered from; none if it was erased, or cannot be opened.
    pub(crate) fn original(&self, event_id: EventId) -> Result<Option<Sealed>, LedgerError> {
        let sealed = self.ledger.sealed_of(event_id)?;
        Ok(sealed.and_then(|(source, sealed)| {
            Sealed::open(&sealed, &self.snapshot.secrets.seal_keys, source).ok()
        }))
    }

    /// The same, after it was written down who asked for it and why.
    pub(crate) fn reveal(
        &mut self,
        event_id: EventId,
        by: By<'_>,
        now: Timestamp,
    ) -> Result<Option<Sealed>, LedgerError> {
        let Some(sealed) = self.original(event_id)? else { return Ok(None) };
        let mut transaction = self.ledger.transaction(now)?;
        transaction.journal(by.actor, "reveal", Some(event_id), by.why)?;
        transaction.commit()?;
        Ok(Some(sealed))
    }
}

/// An order that is being obeyed.
pub(super) struct Obeying<'a> {
    pub(super) by: By<'a>,
    /// True where doubts are overruled.
    pub(super) approved: bool,
    pub(super) snapshot: &'a Snapshot,
    pub(super) now: Timestamp,
}

impl Obeying<'_> {
    /// Sends a conversion or a change again, or decides about it anew.
    pub(super) fn redrive(
        &self,
        transaction: &mut Transaction<'_>,
        event_id: EventId,
        slot: Timestamp,
    ) -> Result<Redriven, LedgerError> {
        let Some((state, open)) = transaction.stands(event_id)? else {
            return transaction.requeue_change(event_id, slot, self.by);
        };
        if state == State::Unknown && !self.approved {
            return Ok(Redriven::Already(state));
        }
        let outcome = transaction.requeue(event_id, slot, self.by)?;
        if outcome == Redriven::Queued {
            // What it is written with is today's map, not that of the day it was booked.
            transaction
                .remap(event_id, |advertiser, publisher| primary_ids(self.snapshot, advertiser, publisher))?;
        }
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
        transaction.supersede(event_id, by, self.by.actor)
    }

    /// A held conversion is decided about as if it had just arrived, by today's mapping.
    fn decide_anew(
        &self,
        transaction: &mut Transaction<'_>,
        event_id: EventId,
        envelope: &Envelope,
    ) -> Result<Redriven, LedgerError> {
        let known = receive::known_about(transaction, self.snapshot, envelope, event_id)?;
        let known = Known { approved: self.approved, ..known };
        let decision = intake::decide_by(self.snapshot, envelope, &known, self.now);
        let outcome = transaction.redecide(event_id, envelope, &decision, self.by)?;
        if matches!(decision, Decision::Book(_)) {
            clicks::reconsider_arrivals(transaction, self.snapshot, event_id, self.now)?;
        }
        Ok(outcome)
    }
}

/// What today's map calls an advertiser and a publisher on the new platform.
pub(super) fn primary_ids(
    snapshot: &Snapshot,
    advertiser: u64,
    publisher: Option<u64>,
) -> (Option<u64>, Option<u64>) {
    let directory = &snapshot.directory;
    let advertiser = directory.advertiser(advertiser).and_then(|row| row.primary_id);
    let publisher = publisher.and_then(|id| directory.publisher(id)).and_then(|row| row.primary_id);
    (advertiser, publisher)
}

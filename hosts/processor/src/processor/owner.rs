//! Giving conversions to another owner, by a person's order; and ending a destination's pause.

use ledger::{By, Given, LedgerError, NewOwner, Transaction};
use relay::delivery::{Destination, Why};
use relay::owner::{Refusal, may_change};
use relay::policy::Snapshot;
use tracking::Home;
use units::{EventId, Timestamp};

use super::{Processor, ProcessorError};

/// An operator's order to give conversions to another owner.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct OwnerOrder {
    /// Which.
    pub events: Vec<EventId>,
    /// To whom.
    pub to: Home,
    /// Who orders it.
    pub actor: String,
    /// Why.
    pub why: String,
}

impl Processor {
    /// Gives conversions to another owner, as far as it is certain that nothing of them has arrived at the present
    /// one (I4). Ordered twice, the second does nothing.
    ///
    /// # Errors
    /// If the ledger fails; then nothing was done.
    pub fn give(
        &mut self,
        order: &OwnerOrder,
        now: Timestamp,
    ) -> Result<Vec<(EventId, Given)>, ProcessorError> {
        let mut outcomes = Vec::with_capacity(order.events.len());
        let mut transaction = self.ledger.transaction(now)?;
        for &event_id in &order.events {
            outcomes.push((event_id, give(&mut transaction, &self.snapshot, order, event_id, now)?));
        }
        transaction.commit()?;
        Ok(outcomes)
    }

    /// Ends the pause of a destination, because a person says that what was wrong is mended. None if there is no
    /// such destination; why it was paused, if it was.
    ///
    /// # Errors
    /// If the ledger fails; then it stays paused.
    pub fn resume(
        &mut self,
        destination: &Destination,
        by: By<'_>,
        now: Timestamp,
    ) -> Result<Option<Option<Why>>, ProcessorError> {
        if !self.gates.contains_key(destination) {
            return Ok(None);
        }
        let mut transaction = self.ledger.transaction(now)?;
        transaction.journal(by.actor, "resume", None, &format!("{destination}: {}", by.why))?;
        transaction.commit()?;
        let resumed = self.gate(destination).resume();
        self.changed(destination, relay::delivery::Changes { resumed, ..Default::default() });
        Ok(Some(resumed))
    }
}

fn give(
    transaction: &mut Transaction<'_>,
    snapshot: &Snapshot,
    order: &OwnerOrder,
    event_id: EventId,
    now: Timestamp,
) -> Result<Given, LedgerError> {
    let Some(owned) = transaction.owned(event_id)? else { return Ok(Given::NotFound) };
    if owned.standing.owner == Some(order.to) {
        return Ok(Given::Already);
    }
    let advertiser = snapshot.directory.advertiser(owned.advertiser_id);
    let advertiser_primary_id = advertiser.and_then(|advertiser| advertiser.primary_id);
    let mapped = advertiser_primary_id.is_some();
    let refused: Result<(), Refusal> =
        may_change(&owned.standing, order.to, snapshot.policy.legacy_lives, mapped);
    if let Err(refusal) = refused {
        return Ok(Given::Refused(refusal));
    }
    let publisher = owned.publisher_id.and_then(|id| snapshot.directory.publisher(id));
    let new = NewOwner {
        home: order.to,
        advertiser_primary_id,
        publisher_primary_id: publisher.and_then(|publisher| publisher.primary_id),
        due_at: now,
    };
    transaction.give(event_id, new, By { actor: &order.actor, why: &order.why })?;
    Ok(Given::Done)
}

//! What was held for want of a mapping goes on by itself once a new map has it.

use ledger::{LedgerError, Owned, Transaction};
use relay::Envelope;
use relay::intake::{self, Decision, Reason, WAIT_FOR_A_MAP};
use relay::policy::Snapshot;
use tracking::Home;
use tracking::migration::EvidenceKind as Evidence;
use units::{EventId, Timestamp};

use super::people::primary_ids;
use super::{Processor, ProcessorError, Redrive, receive};

/// Conversions looked at in one turn, so that nobody waits long behind them.
const LOOKED_AT: usize = 200;

/// What one turn came to.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Released {
    /// How many were decided about anew.
    pub count: usize,
    /// Where the next turn begins; none when all were looked at.
    pub next_after: Option<EventId>,
}

impl Processor {
    /// Decides anew about conversions that are held for want of a mapping, after this one. What today's map does
    /// not have either stays as it is, untouched.
    ///
    /// # Errors
    /// If the ledger fails; then nothing was done.
    pub fn release_mapped(
        &mut self,
        after: Option<EventId>,
        now: Timestamp,
    ) -> Result<Released, ProcessorError> {
        let held = self.ledger.held_for_mapping(after, LOOKED_AT)?;
        let next_after = held.last().copied().filter(|_| held.len() == LOOKED_AT);
        let mut events = Vec::new();
        {
            let transaction = self.ledger.transaction(now)?;
            for event_id in held {
                if is_mapped_now(&self.snapshot, &transaction, event_id, now)? {
                    events.push(event_id);
                }
            }
        }
        if events.is_empty() {
            return Ok(Released { count: 0, next_after });
        }
        let why = format!("the map of version {} has what it waited for", self.snapshot.version);
        let order = Redrive { events, actor: "reload".to_owned(), why, approved: false };
        let count = self.redrive(&order, now)?.len();
        Ok(Released { count, next_after })
    }
}

fn is_mapped_now(
    snapshot: &Snapshot,
    transaction: &Transaction<'_>,
    event_id: EventId,
    now: Timestamp,
) -> Result<bool, LedgerError> {
    let Some(owned) = transaction.owned(event_id)? else { return Ok(false) };
    if let Some(owner) = owned.standing.owner {
        return Ok(owner == Home::Legacy || can_be_told(snapshot, &owned));
    }
    let Some((_, open)) = transaction.stands(event_id)? else { return Ok(false) };
    let Ok(envelope) = Envelope::decode(&open) else { return Ok(false) };
    let known = receive::known_about(transaction, snapshot, &envelope, event_id)?;
    let decision = intake::decide_by(snapshot, &envelope, &known, now);
    // What a person must settle besides is told as that from now on.
    let waits = |reason: &Reason| WAIT_FOR_A_MAP.contains(&reason.code.as_str());
    Ok(!matches!(decision, Decision::Hold { reasons, .. } if reasons.iter().any(waits)))
}

/// True if today's map has what the new platform must be told of what is booked.
fn can_be_told(snapshot: &Snapshot, owned: &Owned) -> bool {
    let told = owned.publisher_id.filter(|_| owned.evidence.rule() == Evidence::Click);
    let (advertiser, publisher) = primary_ids(snapshot, owned.advertiser_id, told);
    advertiser.is_some() && publisher.is_some() == told.is_some()
}

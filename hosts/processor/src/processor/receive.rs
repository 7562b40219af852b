//! Batches in: every event of a batch becomes what it becomes in one transaction.

use attribution::Credit;
use ledger::{LedgerError, Transaction};
use relay::envelope::{Batch, EnvelopeError};
use relay::intake::{self, Asked, Claims, Decision, Ground, Known, Reason, Standing};
use relay::policy::Snapshot;
use relay::{Envelope, Fact};
use sha2::{Digest as _, Sha256};
use units::limits::CLICKS_SWEPT_MAX;
use units::{EventId, Timestamp};

use super::quarantine::calmly;
use super::{Processor, clicks};

/// What a batch came to.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Received {
    /// Events that are new, and durable now.
    pub accepted: usize,
    /// Events that were taken in before.
    pub duplicates: usize,
}

/// Why a batch was not taken in. Nothing of it was.
#[derive(Debug, thiserror::Error)]
pub enum ReceiveError {
    /// The body is no batch.
    #[error(transparent)]
    Batch(#[from] EnvelopeError),
    /// The ledger failed: the same batch may be sent again.
    #[error("the ledger failed")]
    Ledger(#[from] LedgerError),
}

impl ReceiveError {
    /// True if the store has failed in a way that says nothing about what was to be taken in.
    pub(super) fn is_of_the_store(&self) -> bool {
        matches!(self, Self::Ledger(error) if error.is_of_the_store())
    }
}

impl Processor {
    /// Takes a batch in. When this returns, everything in it is durable and the sender may forget it.
    ///
    /// # Errors
    /// If the body is no batch or the ledger fails; then nothing of it was taken in.
    pub fn receive(&mut self, body: &[u8], now: Timestamp) -> Result<Received, ReceiveError> {
        let batch = Batch::decode(body)?;
        let received = match calmly(|| self.receive_some(&batch.entries, &batch.lane, now)) {
            Ok(Ok(received)) => received,
            // Whose fault it is shows when each is taken in by itself.
            Ok(Err(_)) | Err(_) => self.receive_one_by_one(&batch, now)?,
        };
        // By this the sender knows that nothing of its batch was left behind.
        debug_assert_eq!(
            received.accepted + received.duplicates,
            batch.entries.len(),
            "each entry counts once"
        );
        Ok(received)
    }

    /// Takes entries in, all of them or none.
    pub(super) fn receive_some(
        &mut self,
        entries: &[Vec<u8>],
        lane: &str,
        now: Timestamp,
    ) -> Result<Received, ReceiveError> {
        let mut received = Received::default();
        let mut facts = Vec::with_capacity(entries.len());
        let decoded: Vec<_> = entries.iter().map(|entry| Envelope::decode(entry)).collect();
        let readable: Vec<&Envelope> = decoded.iter().filter_map(|entry| entry.as_ref().ok()).collect();
        let mut transaction = self.ledger.transaction(now)?;
        transaction.look_ahead(readable.into_iter())?;
        for (entry, decoded) in entries.iter().zip(decoded) {
            let new = match decoded {
                Ok(envelope) => {
                    let (new, fact) = take_in(&mut transaction, &self.snapshot, envelope, lane, now)?;
                    facts.extend(fact);
                    new
                }
                Err(error) => {
                    let event_id = identity(entry);
                    facts.push(Fact::Moved { event_id, state: "held" });
                    let (code, message) = ("unreadable_entry".to_owned(), error.to_string());
                    let why = Reason { code, message, doubt: false };
                    transaction.receive_unreadable(event_id, entry, lane, &why)?
                }
            };
            received.accepted += usize::from(new);
            received.duplicates += usize::from(!new);
        }
        transaction.sweep_clicks(CLICKS_SWEPT_MAX)?;
        transaction.commit()?;
        self.facts.append(&mut facts);
        Ok(received)
    }
}

/// Takes one event in: whether it is new, and what is worth knowing about it.
pub(super) fn take_in(
    transaction: &mut Transaction<'_>,
    snapshot: &Snapshot,
    mut envelope: Envelope,
    lane: &str,
    now: Timestamp,
) -> Result<(bool, Option<Fact>), LedgerError> {
    if !transaction.receive(&envelope, lane)? {
        transaction.sent_after_all(&envelope)?;
        return Ok((false, None));
    }
    #[cfg(test)]
    super::quarantine::fault::point(envelope.event_id)?;
    let sealed = std::mem::take(&mut envelope.sealed);
    let known = known(transaction, snapshot, &envelope)?;
    let decision = intake::decide_by(snapshot, &envelope, &known, now);
    transaction.apply(&envelope, &sealed, &decision)?;
    match &decision {
        Decision::Record { clicks } => {
            for kept in clicks {
                clicks::reconsider(transaction, snapshot, &kept.click.click_id, now)?;
            }
        }
        Decision::Merge { into, correction: Some(better), .. } if better.asks_for_all() => {
            clicks::reconsider_arrivals(transaction, snapshot, *into, now)?;
        }
        _ => {}
    }
    Ok((true, fact(&envelope, &decision)))
}

/// What the ledger knows that bears on an event, and what its publishers had earned before if that decides what they
/// earn now.
pub(super) fn known(
    transaction: &Transaction<'_>,
    snapshot: &Snapshot,
    envelope: &Envelope,
) -> Result<Known, LedgerError> {
    let known = transaction.known(envelope)?;
    let asked = intake::asks_for_figures(&Ground::of(snapshot), envelope, &known);
    with_figures(transaction, known, asked)
}

/// The same, where it is the conversion `event_id` that is decided about again.
pub(super) fn known_about(
    transaction: &Transaction<'_>,
    snapshot: &Snapshot,
    envelope: &Envelope,
    event_id: EventId,
) -> Result<Known, LedgerError> {
    let known = transaction.known(envelope)?.about(event_id);
    let asked = intake::asks_for_figures(&Ground::of(snapshot), envelope, &known);
    with_figures(transaction, known, asked)
}

/// The same, where the conversion `event_id` is decided about as if it had only come now: what it has earned is still in
/// the books, and is nothing that was earned before it.
pub(super) fn known_without(
    transaction: &Transaction<'_>,
    snapshot: &Snapshot,
    envelope: &Envelope,
    event_id: EventId,
) -> Result<Known, LedgerError> {
    let known = transaction.known(envelope)?.without(event_id);
    let asked = intake::asks_for_figures(&Ground::of(snapshot), envelope, &known);
    let asked = asked.map(|asked| Asked { but: asked.but.or(Some(event_id)), ..asked });
    with_figures(transaction, known, asked)
}

/// The same, where it is this conversion that the event is an arrival of.
pub(super) fn known_of(
    transaction: &Transaction<'_>,
    snapshot: &Snapshot,
    envelope: &Envelope,
    standing: Option<Standing>,
) -> Result<Known, LedgerError> {
    let known = Known { standing, ..transaction.known(envelope)? };
    let asked = intake::asks_again_for_figures(&Ground::of(snapshot), envelope, &known);
    with_figures(transaction, known, asked)
}

fn with_figures(
    transaction: &Transaction<'_>,
    known: Known,
    asked: Option<Asked>,
) -> Result<Known, LedgerError> {
    match asked {
        Some(asked) => Ok(Known { figures: transaction.figures(&asked)?, ..known }),
        None => Ok(known),
    }
}

fn fact(envelope: &Envelope, decision: &Decision) -> Option<Fact> {
    let event_id = envelope.event_id;
    let state = match decision {
        Decision::Record { .. } => return None,
        Decision::Book(booking) => {
            let attributed = matches!(booking.credit, Credit::To(_));
            let advertiser_id = Claims::of(envelope).advertiser_id;
            return Some(Fact::Booked { event_id, advertiser_id, attributed });
        }
        Decision::Drop { .. } => "dropped",
        Decision::Hold { .. } => "held",
        Decision::Merge { .. } => "merged",
        Decision::Conflict { .. } => "conflict",
    };
    Some(Fact::Moved { event_id, state })
}

/// The identity of an entry that cannot be read, made from its bytes so that its redelivery is recognised.
pub(super) fn identity(entry: &[u8]) -> EventId {
    let digest = Sha256::digest(entry);
    let half = digest.iter().take(16).fold(0_u128, |bits, &byte| (bits << 8) | u128::from(byte));
    EventId::from_u128(half)
}

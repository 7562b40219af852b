//! The life of transactions after their booking: what operators and platforms say of them, and what time does.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use attribution::status::{Act, Cause};
use ledger::{Asked, By, Judged, PaidOut, PaymentOrder, Root, root_message};
use units::limits::{LOCKED_AT_ONCE_MAX, ROOT_LINKS_MAX};
use units::{Day, EventId, Timestamp};

use super::{Processor, ProcessorError};

/// Which transactions an order means.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Children {
    /// The named ones.
    #[default]
    Without,
    /// They, and those that follow them.
    With,
    /// Those that follow them.
    Only,
}

/// An order of a person, or a platform's word that a person passes on.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Judgement {
    /// Of which transactions.
    pub events: Vec<EventId>,
    /// Whether those that follow them are meant.
    pub children: Children,
    /// What becomes of them.
    pub act: Act,
    /// Whose word it is.
    pub cause: Cause,
    /// Who passes it on.
    pub actor: String,
    /// Why.
    pub why: String,
    /// When it was true in the world; now if nothing is said.
    pub happened_at: Option<Timestamp>,
}

/// Makes the signature of a message.
pub type Sign = Arc<dyn Fn(&[u8]) -> Vec<u8> + Send + Sync>;

/// Signs the roots of the chain. It prints its public key alone.
#[derive(Clone)]
pub struct RootSigner {
    /// Checks what it has signed.
    pub public_key: Vec<u8>,
    /// Signs.
    pub sign: Sign,
}

impl fmt::Debug for RootSigner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RootSigner").field("public_key", &self.public_key).finish_non_exhaustive()
    }
}

impl Processor {
    /// Makes of transactions what is ordered, each for itself: one that may not be moved keeps no other from it.
    ///
    /// # Errors
    /// If the ledger fails; then nothing was done.
    pub fn judge_transactions(
        &mut self,
        order: &Judgement,
        now: Timestamp,
    ) -> Result<Vec<(EventId, Judged)>, ProcessorError> {
        let mut transaction = self.ledger.transaction(now)?;
        let mut meant = BTreeSet::new();
        for &event_id in &order.events {
            if order.children != Children::Without {
                meant.extend(transaction.followers_of(event_id)?.into_iter().map(|target| target.event_id));
            }
            if order.children != Children::Only {
                meant.insert(event_id);
            }
        }
        let by = By { actor: &order.actor, why: &order.why };
        // Nothing has happened that is still to come.
        let happened_at = order.happened_at.unwrap_or(now).min(now);
        let mut outcomes = Vec::with_capacity(meant.len());
        for event_id in meant {
            let asked = Asked { act: order.act, cause: order.cause, by, happened_at, event: event_id };
            let judged = match order.happened_at {
                Some(_) => transaction.judge_exactly(event_id, asked),
                None => transaction.judge(event_id, asked),
            };
            outcomes.push((event_id, judged?));
        }
        transaction.commit()?;
        Ok(outcomes)
    }

    /// Records that a publisher was paid.
    ///
    /// # Errors
    /// If the ledger fails; then nothing was recorded.
    pub fn pay(&mut self, order: &PaymentOrder<'_>, now: Timestamp) -> Result<PaidOut, ProcessorError> {
        let mut transaction = self.ledger.transaction(now)?;
        let paid = transaction.pay(order)?;
        transaction.commit()?;
        Ok(paid)
    }

    /// Does what time brings: locks transactions whose date has passed, a bounded number at once, and signs a root
    /// when one is due.
    ///
    /// # Errors
    /// If the ledger fails; then it is done the next time.
    pub fn keep_books(&mut self, now: Timestamp) -> Result<(), ProcessorError> {
        self.more_to_lock = false;
        if self.ledger.lock_is_due(now)? {
            let mut transaction = self.ledger.transaction(now)?;
            let locked = transaction.lock_due(LOCKED_AT_ONCE_MAX)?;
            transaction.commit()?;
            self.more_to_lock = locked == LOCKED_AT_ONCE_MAX;
        }
        self.root_if_due(now)
    }

    /// True if transactions wait to be locked, so that the next turn comes soon.
    pub(super) const fn has_more_to_lock(&self) -> bool {
        self.more_to_lock
    }

    /// Signs the roots of the chain from now on.
    pub fn sign_roots_with(&mut self, signer: RootSigner) {
        self.signer = Some(signer);
    }

    /// The key that checks the roots; none if nobody signs them.
    pub fn root_key(&self) -> Option<&[u8]> {
        self.signer.as_ref().map(|signer| signer.public_key.as_slice())
    }

    fn root_if_due(&mut self, now: Timestamp) -> Result<(), ProcessorError> {
        if self.signer.is_none() {
            return Ok(());
        }
        let (head, last) = (self.ledger.chain_head()?, self.ledger.last_root()?);
        let due = last.is_none_or(|last| {
            let new = head.sequence.saturating_sub(last.sequence);
            new >= ROOT_LINKS_MAX || (new > 0 && Day::of(now) > Day::of(last.signed_at))
        });
        if due { self.sign_root(now).map(|_| ()) } else { Ok(()) }
    }

    /// Signs the end of the chain as it is; the root, or none if nobody signs. Where nothing was written since the
    /// last one, that one stands.
    ///
    /// # Errors
    /// If the ledger fails.
    pub fn sign_root(&mut self, now: Timestamp) -> Result<Option<Root>, ProcessorError> {
        let Some(signer) = &self.signer else { return Ok(None) };
        let ledger_id = self.ledger.ledger_id()?;
        let mut transaction = self.ledger.transaction(now)?;
        let head = transaction.chain_head()?;
        let message = root_message(&ledger_id, head.sequence, &head.hash, now);
        let (public_key, signature) = (signer.public_key.clone(), (signer.sign)(&message));
        let root = Root { sequence: head.sequence, hash: head.hash, signed_at: now, public_key, signature };
        transaction.keep_root(&root)?;
        transaction.commit()?;
        Ok(self.ledger.last_root()?)
    }
}

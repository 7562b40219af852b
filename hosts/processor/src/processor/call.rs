//! Calls of the signed interface: what a merchant asks for is decided and written down before it is answered.

use ledger::{LedgerError, NewAdjustment, Transaction};
use relay::call::{self, Call, Change, Effect, How, Opened, Rules, Target};
use relay::delivery::State;
use relay::envelope::{Batch, EnvelopeError};
use relay::policy::Snapshot;
use relay::step::Served;
use relay::{Envelope, Fact, Sealed};
use tracking::dialect::interface::{CallOutcome, Operation};
use tracking::event::Click;
use tracking::{Field, Home};
use units::{EventId, Timestamp};

use super::awards::OfValue;
use super::receive::take_in;
use super::{Processor, ReceiveError, awards};

/// What a call came to: an answer with the transaction that it names, or nothing that is ours.
enum Came {
    Said(CallOutcome, String),
    Forward,
}

fn said(outcome: CallOutcome) -> Came {
    Came::Said(outcome, String::new())
}

impl Processor {
    /// Answers a call. When this returns, what it asked for is durable.
    ///
    /// # Errors
    /// If the body is no call or the ledger fails; then nothing was done, and the same call may be made again.
    pub fn call(&mut self, body: &[u8], now: Timestamp) -> Result<Served, ReceiveError> {
        let batch = Batch::decode(body)?;
        let malformed = |reason: String| EnvelopeError::Malformed { what: "call", reason };
        let entry = batch.entries.first().filter(|_| batch.entries.len() == 1);
        let entry = entry.ok_or_else(|| malformed("it holds one entry".to_owned()))?;
        let envelope = Envelope::decode(entry)?;
        let snapshot = std::sync::Arc::clone(&self.snapshot);
        let sealed = Sealed::open(&envelope.sealed, &snapshot.secrets.seal_keys, envelope.event_id);
        let sealed = sealed.map_err(|error| malformed(error.to_string()))?;
        let call = match call::open(&snapshot, &self.callers, &envelope, &sealed) {
            Opened::Forward => return Ok(Served::Forward),
            Opened::Refused(call, outcome) => return Ok(call.reply(outcome, "")),
            Opened::Ours(call) => call,
        };
        if call::is_incomplete(&envelope) {
            return Ok(call.reply(CallOutcome::Incomplete, ""));
        }
        let mut facts = Vec::new();
        let mut asked = Asked { snapshot: &snapshot, call, lane: &batch.lane, facts: &mut facts, now };
        let mut transaction = self.ledger.transaction(now)?;
        let came = asked.decide(&mut transaction, envelope)?;
        transaction.commit()?;
        self.facts.append(&mut facts);
        Ok(match came {
            Came::Said(outcome, transaction) => call.reply(outcome, &transaction),
            Came::Forward => Served::Forward,
        })
    }
}

/// A call that is ours, with everything that it is decided by.
struct Asked<'a> {
    snapshot: &'a Snapshot,
    call: Call<'a>,
    lane: &'a str,
    facts: &'a mut Vec<Fact>,
    now: Timestamp,
}

impl Asked<'_> {
    fn decide(&mut self, transaction: &mut Transaction<'_>, envelope: Envelope) -> Result<Came, LedgerError> {
        match self.call.operation {
            Operation::Book => {
                let (outcome, id) = self.book(transaction, envelope)?;
                Ok(Came::Said(outcome, id.to_string()))
            }
            Operation::Refer => self.refer(transaction, envelope),
            Operation::Edit | Operation::Void => self.change(transaction, &envelope),
        }
    }

    /// A new transaction, by the same intake as every other conversion, and the one that stands for its order.
    fn book(
        &mut self,
        transaction: &mut Transaction<'_>,
        envelope: Envelope,
    ) -> Result<(CallOutcome, EventId), LedgerError> {
        let (event_id, key) = (envelope.event_id, envelope.key.clone());
        let (_, fact) = take_in(transaction, self.snapshot, envelope, self.lane, self.now)?;
        // The first stands, and a person is asked: that is no success, whoever sent the first.
        let conflict = State::Conflict.name();
        let conflicts = matches!(&fact, Some(Fact::Moved { state, .. }) if *state == conflict);
        self.facts.extend(fact);
        let standing = key.map(|key| transaction.under_key(&key)).transpose()?.flatten();
        let outcome = if conflicts { CallOutcome::Conflict } else { CallOutcome::Done };
        Ok((outcome, standing.unwrap_or(event_id)))
    }

    /// A new transaction for the publisher of an earlier one, which it follows.
    fn refer(
        &mut self,
        transaction: &mut Transaction<'_>,
        mut envelope: Envelope,
    ) -> Result<Came, LedgerError> {
        let mut named = envelope.event.clone();
        let Some(reference) = named.get(Field::ParentReference).cloned() else {
            return Ok(said(CallOutcome::Incomplete));
        };
        named.set(Field::OrderReference, reference);
        let Ok(change) = Change::read(Operation::Void, &named) else {
            return Ok(said(CallOutcome::Incomplete));
        };
        let parent = match self.find(transaction, &change)? {
            Ok(parent) => parent,
            Err(came) => return Ok(came),
        };
        if parent.owner == Some(Home::Legacy) {
            return Ok(Came::Forward);
        }
        // Its own time stands for the click's, which may lie years back: the merchant vouches for the publisher.
        envelope.cookie_click = parent.publisher_id.map(|publisher_id| Click {
            advertiser_id: self.call.advertiser_id,
            publisher_id,
            creative_id: 0,
            at: envelope.received_at,
            click_id: String::new(),
        });
        // A pixel may have told of the order before: then that transaction is the one that follows.
        let (outcome, event_id) = self.book(transaction, envelope)?;
        if outcome == CallOutcome::Done {
            transaction.follow(event_id, parent.event_id)?;
        }
        Ok(Came::Said(outcome, event_id.to_string()))
    }

    /// A change of a booked transaction, and of those that follow it if they are meant.
    fn change(
        &mut self,
        transaction: &mut Transaction<'_>,
        envelope: &Envelope,
    ) -> Result<Came, LedgerError> {
        let change = match Change::read(self.call.operation, &envelope.event) {
            Ok(change) => change,
            Err(outcome) => return Ok(said(outcome)),
        };
        let parent = match self.find(transaction, &change)? {
            Ok(parent) => parent,
            Err(came) => return Ok(came),
        };
        let mut targets = Vec::new();
        if change.children {
            targets = transaction.followers_of(parent.event_id)?;
        }
        let id = parent.event_id.to_string();
        if change.itself {
            targets.insert(0, parent);
        }
        if targets.iter().any(|target| target.owner == Some(Home::Legacy)) {
            return Ok(Came::Forward);
        }
        self.apply(transaction, envelope, &change, &targets).map(|outcome| Came::Said(outcome, id))
    }

    /// The one transaction that the call names.
    fn find(
        &self,
        transaction: &Transaction<'_>,
        change: &Change,
    ) -> Result<Result<Target, Came>, LedgerError> {
        let mut found = transaction.transactions_of(self.call.advertiser_id, change)?;
        Ok(match (found.pop(), found.is_empty()) {
            (Some(only), true) => Ok(only),
            (Some(_), false) => Err(said(CallOutcome::Ambiguous)),
            // It may be a transaction of the time before us, which the legacy platform has.
            (None, _) if self.call.legacy_lives => Err(Came::Forward),
            (None, _) => Err(said(CallOutcome::NotFound)),
        })
    }

    /// What a transaction earns after a change, as the terms of its own time say it; or why they cannot.
    fn earns(
        &self,
        transaction: &Transaction<'_>,
        change: &Change,
        target: &Target,
    ) -> Result<Result<OfValue, String>, LedgerError> {
        let (Some(row), Some(amount)) = (transaction.decided(target.event_id)?, target.amount) else {
            return Ok(Ok(OfValue::default()));
        };
        Ok(awards::of_value(self.snapshot, &row, change.amount(amount)))
    }

    fn apply(
        &mut self,
        transaction: &mut Transaction<'_>,
        envelope: &Envelope,
        change: &Change,
        targets: &[Target],
    ) -> Result<CallOutcome, LedgerError> {
        let Some(advertiser) = self.snapshot.directory.advertiser(self.call.advertiser_id) else {
            return Ok(CallOutcome::NotFound);
        };
        let mut refused = None;
        let mut apply = Vec::new();
        for target in targets {
            let earns = self.earns(transaction, change, target)?;
            let said = earns.as_ref().ok();
            let commission = said.map(|said| said.commission.unwrap_or(advertiser.commission));
            let rules = Rules {
                advertiser_id: advertiser.legacy_id,
                commission: commission.as_ref(),
                weights: said.map_or(&[], |said| &said.weights),
                lock: self.snapshot.policy.lock,
            };
            match call::effect(change, target, rules, self.now) {
                Effect::Already => {}
                Effect::Refused(outcome) => refused = refused.or(Some(outcome)),
                Effect::Apply(applied) => apply.push((target, applied)),
            }
        }
        // One that cannot be changed must not keep the others from it; where none can, the caller is told why.
        if apply.is_empty() {
            return Ok(refused.unwrap_or(CallOutcome::Done));
        }
        if transaction.receive_change(envelope, self.lane)? {
            for (target, applied) in &apply {
                let due_at = self.now;
                transaction.adjust(&NewAdjustment { envelope, change, target, applied, due_at })?;
                if applied.how == How::Cancel {
                    self.facts.push(Fact::Moved { event_id: target.event_id, state: "dropped" });
                }
            }
        }
        Ok(CallOutcome::Done)
    }
}

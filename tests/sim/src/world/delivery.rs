//! From an edge's outbox to the processor, and from there to the platforms.

use relay::Envelope;
use relay::envelope::Batch;
use relay::step::{Entry, Happened};
use tracking::{Home, SendFailure};
use units::{EventId, Seed};

use super::World;
use crate::merchants;
use crate::model::Violation;
use crate::publishers;
use crate::run::Sabotage;

/// Batches that may still turn up a second time.
const BODIES_KEPT: usize = 20;

/// How a batch fares on its way.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Passage {
    Arrives,
    Lost,
    AnswerLost,
    ArrivesTwice,
    CrashBefore,
    CrashAfter,
}

impl World {
    /// A batch goes from an edge to the processor.
    pub(crate) fn hand_over(
        &mut self,
        edge: usize,
        passage: Passage,
        entries_max: usize,
    ) -> Result<(), Violation> {
        let Some(read) = self.edges[edge].read(entries_max) else { return Ok(()) };
        let entries = read.entries.iter().map(|entry| self.label(entry)).collect();
        let body = Batch { lane: format!("edge-{edge}"), entries }.encode();
        self.trace.note(format!("edge {edge} hands over {} entries: {passage:?}", read.entries.len()));
        self.counts.batches += 1;
        if passage == Passage::CrashBefore {
            self.crash_processor()?;
        }
        let mut taken = false;
        let believed = self.desk.clock.believes(self.edges[edge].clock);
        if believed && !matches!(passage, Passage::Lost | Passage::CrashBefore) {
            taken = self.receive(&body)?;
        }
        if believed && passage == Passage::ArrivesTwice {
            self.receive(&body)?;
        }
        if passage == Passage::CrashAfter {
            self.crash_processor()?;
        }
        let unheard = passage == Passage::Lost && self.sabotage == Sabotage::ForgetsBatches;
        let heard = taken && matches!(passage, Passage::Arrives | Passage::ArrivesTwice);
        if heard || unheard {
            self.edges[edge].acknowledge(&read);
        } else {
            self.counts.batches_lost += 1;
        }
        self.bodies.push(body);
        let surplus = self.bodies.len().saturating_sub(BODIES_KEPT);
        self.bodies.drain(..surplus);
        Ok(())
    }

    /// An edge whose outbox cannot write asks the processor to take one entry while its client waits.
    pub(crate) fn take_at_once(&mut self, edge: usize, entry: &Entry) -> Result<Happened, Violation> {
        let entries = vec![self.label(&entry.bytes)];
        let body = Batch { lane: format!("edge-{edge}"), entries }.encode();
        let passage = match self.chance.below(10) {
            0 | 1 => {
                let nobody = SendFailure::NothingSent("nobody is there".to_owned());
                return Ok(Happened::NotHandedOver(nobody));
            }
            2 => Passage::Lost,
            3 => Passage::AnswerLost,
            4 => Passage::CrashAfter,
            _ => Passage::Arrives,
        };
        self.trace.note(format!("edge {edge} hands over one sale at once: {passage:?}"));
        let believed = self.desk.clock.believes(self.edges[edge].clock);
        let taken = believed && passage != Passage::Lost && self.receive(&body)?;
        if passage == Passage::CrashAfter {
            self.crash_processor()?;
        }
        if taken && passage == Passage::Arrives {
            self.counts.at_once += 1;
            return Ok(Happened::HandedOver);
        }
        Ok(Happened::NotHandedOver(SendFailure::Ambiguous("no answer".to_owned())))
    }

    /// An edge asks the processor to answer a merchant's call.
    pub(crate) fn serve(&mut self, edge: usize, entry: &Entry) -> Result<Happened, Violation> {
        let body = Batch { lane: format!("edge-{edge}"), entries: vec![entry.bytes.clone()] }.encode();
        let passage = match self.calling.chance.below(14) {
            0 => Passage::Lost,
            1 => Passage::AnswerLost,
            2 => Passage::CrashAfter,
            _ => Passage::Arrives,
        };
        self.trace.note(format!("edge {edge} asks for an answer: {passage:?}"));
        let believed = self.desk.clock.believes(self.edges[edge].clock);
        if self.sabotage == Sabotage::ForgetsCalls && passage == Passage::Lost {
            return Ok(Happened::Served(merchants::done(entry)));
        }
        if !believed || passage == Passage::Lost {
            return Ok(Happened::NotServed);
        }
        let served = self.desk.call(&body, self.now)?;
        if passage == Passage::CrashAfter {
            self.crash_processor()?;
        }
        let heard = served.filter(|_| passage == Passage::Arrives);
        Ok(heard.map_or(Happened::NotServed, Happened::Served))
    }

    /// The entry as it travels: as it is, unless identities are to be forgotten on purpose.
    fn label(&mut self, entry: &[u8]) -> Vec<u8> {
        match Envelope::decode(entry) {
            Ok(envelope) if self.sabotage == Sabotage::ForgetsIdentity => {
                let event_id = EventId::new(Seed(self.chance.next_u128()), self.now);
                Envelope { event_id, ..envelope }.encode()
            }
            Ok(envelope) if self.sabotage == Sabotage::ForgetsKeys => {
                Envelope { key: None, ..envelope }.encode()
            }
            _ => entry.to_vec(),
        }
    }

    /// The processor takes a batch, new or seen before; false if it could not.
    pub(crate) fn receive(&mut self, body: &[u8]) -> Result<bool, Violation> {
        let Some(new) = self.desk.receive(body, self.now)? else {
            self.trace.note("the processor cannot take it".to_owned());
            return Ok(false);
        };
        self.counts.duplicates += u64::from(new == 0);
        self.trace.note(format!("the processor takes {new} new events"));
        Ok(true)
    }

    pub(crate) fn crash_processor(&mut self) -> Result<(), Violation> {
        self.trace.note("the processor crashes".to_owned());
        self.counts.processor_crashes += 1;
        self.counts.interrupted += self.desk.under_way();
        self.desk.crash(self.now)
    }

    /// Sends what is due, or only the first `sent_max` of it before the processor crashes. How much was due; none if the
    /// processor could not tell.
    pub(crate) fn deliver(&mut self, sent_max: Option<usize>) -> Result<Option<usize>, Violation> {
        let due = self.desk.next(self.now)?;
        if due.is_none() {
            self.trace.note("the processor cannot begin deliveries".to_owned());
        }
        let told = due.is_some();
        let (deliveries, postbacks) = due.map(|turn| (turn.deliveries, turn.postbacks)).unwrap_or_default();
        for delivery in deliveries.iter().take(sent_max.unwrap_or(usize::MAX)) {
            let home = delivery.request.home;
            merchants::goes_out(self, delivery)?;
            merchants::writes(self, delivery)?;
            self.trace.mix(&delivery.request.target);
            for id in &delivery.ids {
                self.trace.note(format!("{}/{} goes to {home}", id.event_id, id.number));
                self.counts.resent += u64::from(id.number > 1);
            }
            self.counts.sent += 1;
            if self.sabotage == Sabotage::ForgetsWaiting {
                publishers::call_too_early(self, delivery)?;
            }
            let platform = &mut self.platforms[usize::from(home == Home::Primary)];
            self.desk.send(delivery, platform, &mut self.chance, self.now);
        }
        for postback in &postbacks {
            let called = publishers::call(self, postback.id)?;
            self.desk.called(called);
        }
        if sent_max.is_some() {
            self.crash_processor()?;
        }
        Ok(told.then_some(deliveries.len() + postbacks.len()))
    }

    /// Tells the processor what has come back by now.
    pub(crate) fn settle(&mut self) -> Result<(), Violation> {
        let (count, called) = self.desk.settle(&mut self.platforms, self.now)?;
        self.publishers.persisted(called);
        if count > 0 {
            self.trace.note(format!("{count} answers come in"));
        }
        Ok(())
    }
}

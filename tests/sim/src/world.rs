//! The whole system in virtual time: every part of it, what may happen to it, and who watches.

use std::sync::Arc;
use std::time::Duration;

use outbox::simulated::Loss;
use relay::envelope::Batch;
use relay::policy::Snapshot;
use relay::step::{Happened, Step};
use relay::{Envelope, Exchange, Health};
use tracking::{Home, Outbound, SendFailure};
use units::{Chance, EventId, Seed, Timestamp};

use crate::check;
use crate::counts::Counts;
use crate::desk::Desk;
use crate::disk::Disk;
use crate::edge::{Committed, Edge, Waiting};
use crate::model::{Arrival, Model, Reply, Violation, violation};
use crate::platform::{Effect, Platform, Told};
use crate::run::Sabotage;
use crate::shopper::{Meaning, Shoppers};
use crate::trace::Trace;

const START: Timestamp = Timestamp::from_millis(1_795_462_260_000);

/// Batches that may still turn up a second time.
const BODIES_KEPT: usize = 20;

/// Everything.
pub(crate) struct World {
    pub(crate) now: Timestamp,
    pub(crate) chance: Chance,
    pub(crate) trace: Trace,
    pub(crate) counts: Counts,
    pub(crate) shoppers: Shoppers,
    pub(crate) model: Model,
    pub(crate) edges: Vec<Edge>,
    pub(crate) desk: Desk,
    pub(crate) platforms: [Platform; 2],
    pub(crate) bodies: Vec<Vec<u8>>,
    snapshot: Arc<Snapshot>,
    sabotage: Sabotage,
}

/// How far an exchange of a sale has come.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    Fresh,
    Durable,
    /// The outbox could not take it.
    Refused,
}

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
    pub(crate) fn new(seed: u64, snapshot: Arc<Snapshot>, sabotage: Sabotage) -> Result<Self, Violation> {
        let seed = Seed(u128::from(seed));
        let mut chance = Chance::new(seed.fork(1));
        let disk = |number| Disk::new(number, sabotage == Sabotage::ForgetsSync);
        let edges = (0..=chance.below(2)).map(|number| Edge::new(disk(number))).collect::<Result<_, _>>()?;
        let forgets_doubt = sabotage == Sabotage::ForgetsDoubt;
        Ok(Self {
            now: START,
            chance,
            trace: Trace::default(),
            counts: Counts::default(),
            shoppers: Shoppers::new(Chance::new(seed.fork(2))),
            model: Model::default(),
            edges,
            desk: Desk::new(Arc::clone(&snapshot), seed.fork(3), START, forgets_doubt)?,
            platforms: Home::ALL.map(Platform::new),
            bodies: Vec::new(),
            snapshot,
            sabotage,
        })
    }

    pub(crate) fn pass(&mut self, time: Duration) {
        self.now = self.now.plus(time);
    }

    /// Somebody asks an edge.
    pub(crate) fn request(&mut self, edge: usize) -> Result<(), Violation> {
        let request = self.shoppers.next();
        let number = self.shoppers.number();
        self.counts.requests += 1;
        self.trace.note(format!("edge {edge}: {}", String::from_utf8_lossy(&request.inbound.target)));
        let health =
            Health { primary_open: self.chance.happens(1, 4), legacy_open: self.chance.happens(1, 4) };
        let seed = Seed(self.chance.next_u128());
        let snapshot = Arc::clone(&self.snapshot);
        let exchange = Exchange::open(request.inbound, snapshot, health, seed, self.now);
        if let Meaning::Sale { order, cents } = request.meaning {
            let (event_id, shop) = (exchange.event_id(), self.shoppers.orders[order].shop);
            let arrival = Arrival { order, shop, cents, event_id, reply: Reply::None, edge };
            self.model.arrived(number, arrival);
        }
        self.drive(edge, exchange, (number, request.meaning), Stage::Fresh)
    }

    /// Obeys an exchange until it waits or is done.
    fn drive(
        &mut self,
        edge: usize,
        mut exchange: Exchange,
        (number, meaning): (u64, Meaning),
        stage: Stage,
    ) -> Result<(), Violation> {
        let is_sale = matches!(meaning, Meaning::Sale { .. });
        while let Some(step) = exchange.poll() {
            self.trace.mix(format!("{step:?}").as_bytes());
            match step {
                Step::Append(_) if !is_sale || stage != Stage::Fresh => {
                    return violation("I2", format!("request {number} ({meaning:?}) is to be booked"));
                }
                Step::Append(entry) => {
                    if let Some(step) = exchange.poll() {
                        return violation("I1", format!("request {number} asks {step:?} before it is durable"));
                    }
                    self.edges[edge].waiting.push(Waiting { exchange, entry, number });
                    return Ok(());
                }
                Step::Record(entry) => self.edges[edge].record(entry),
                Step::Send { request, .. } if is_sale && stage != Stage::Refused => {
                    return violation("I5", format!("sale {number} waits for the {} platform", request.home));
                }
                Step::Send { request, within } => {
                    let happened = self.ask(&request, within);
                    exchange.handle(happened, self.now);
                }
                Step::Reply(reply) => self.replied((number, meaning), stage, &reply)?,
                Step::WaitUntil(_) | Step::Report(_) => {}
            }
        }
        Ok(())
    }

    /// An edge asks a platform by itself.
    fn ask(&mut self, request: &Outbound, within: Duration) -> Happened {
        let home = request.home;
        let platform = &mut self.platforms[usize::from(home == Home::Primary)];
        let reaction = platform.call(request, true, &mut self.chance);
        let late = reaction.after >= within;
        if let Some(logged) = reaction.place.and_then(|place| platform.log.get_mut(place)) {
            logged.told = if late { Told::Unsure } else { reaction.told };
        }
        match reaction.result {
            Ok(answer) if !late => Happened::Answered { home, answer },
            Ok(_) => Happened::Unanswered { home, failure: SendFailure::Ambiguous("late".to_owned()) },
            Err(failure) => Happened::Unanswered { home, failure },
        }
    }

    fn replied(
        &mut self,
        (number, meaning): (u64, Meaning),
        stage: Stage,
        reply: &relay::Reply,
    ) -> Result<(), Violation> {
        if let Meaning::Click { shop } = meaning {
            self.shoppers.clicked(shop, &reply.headers);
        }
        if !matches!(meaning, Meaning::Sale { .. }) {
            return Ok(());
        }
        let told = match (reply.status, stage) {
            (200, Stage::Fresh) => {
                return violation("I1", format!("sale {number} is acknowledged and nothing is durable"));
            }
            (200, Stage::Durable) => Reply::Durable,
            (200, Stage::Refused) => Reply::Platform,
            _ => Reply::No,
        };
        let knows = |platform: &Platform| {
            let booked = |told: &crate::platform::Logged| told.effect != Effect::Nothing;
            platform.log.iter().any(|logged| logged.arrival == number && logged.by_edge && booked(logged))
        };
        if told == Reply::Platform && !self.platforms.iter().any(knows) {
            return violation("I1", format!("sale {number} is acknowledged and no platform has it"));
        }
        self.trace.note(format!("sale {number} is told {told:?}"));
        match told {
            Reply::Durable => self.counts.durable += 1,
            Reply::Platform => self.counts.by_platform += 1,
            Reply::No | Reply::None => self.counts.refused += 1,
        }
        self.model.replied(number, told);
        Ok(())
    }

    /// The outbox makes a group of entries durable, or does not.
    pub(crate) fn commit(&mut self, edge: usize) -> Result<(), Violation> {
        let (committed, waiting) = self.edges[edge].commit();
        let (happened, stage) = match committed {
            Committed::Durable => (Happened::Appended, Stage::Durable),
            Committed::Failed(failure) => (Happened::AppendFailed(failure), Stage::Refused),
            Committed::Stopped => {
                self.counts.cut_off += waiting.len() as u64;
                return self.crash_edge(edge);
            }
        };
        self.counts.full += u64::from(stage == Stage::Refused);
        self.trace.note(format!("edge {edge}: {} sales: {happened:?}", waiting.len()));
        for Waiting { mut exchange, number, .. } in waiting {
            let Some(arrival) = self.model.arrivals.get(&number) else { continue };
            let meaning = Meaning::Sale { order: arrival.order, cents: arrival.cents };
            exchange.handle(happened.clone(), self.now);
            self.drive(edge, exchange, (number, meaning), stage)?;
        }
        Ok(())
    }

    /// The edge's process or machine ends, and it comes back.
    pub(crate) fn crash_edge(&mut self, edge: usize) -> Result<(), Violation> {
        let loss = match self.chance.below(3) {
            0 => Loss::Nothing,
            1 => Loss::Unsynced,
            _ => Loss::Some(self.chance.next_u64()),
        };
        self.trace.note(format!("edge {edge} crashes and loses {loss:?}"));
        self.counts.edge_crashes += 1;
        self.counts.cut_off += self.edges[edge].waiting.len() as u64;
        self.edges[edge].restart(loss)
    }

    /// A batch goes from an edge to the processor.
    pub(crate) fn hand_over(&mut self, edge: usize, passage: Passage, entries_max: usize) -> Result<(), Violation> {
        let Some(read) = self.edges[edge].read(entries_max) else { return Ok(()) };
        let entries = read.entries.iter().map(|entry| self.label(entry)).collect();
        let body = Batch { lane: format!("edge-{edge}"), entries }.encode();
        self.trace.note(format!("edge {edge} hands over {} entries: {passage:?}", read.entries.len()));
        self.counts.batches += 1;
        if passage == Passage::CrashBefore {
            self.crash_processor()?;
        }
        if !matches!(passage, Passage::Lost | Passage::CrashBefore) {
            self.receive(&body)?;
        }
        if passage == Passage::ArrivesTwice {
            self.receive(&body)?;
        }
        if passage == Passage::CrashAfter {
            self.crash_processor()?;
        }
        let unheard = passage == Passage::Lost && self.sabotage == Sabotage::ForgetsBatches;
        if matches!(passage, Passage::Arrives | Passage::ArrivesTwice) || unheard {
            self.edges[edge].acknowledge(&read);
        } else {
            self.counts.batches_lost += 1;
        }
        self.bodies.push(body);
        let surplus = self.bodies.len().saturating_sub(BODIES_KEPT);
        self.bodies.drain(..surplus);
        Ok(())
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

    /// The processor takes a batch, new or seen before.
    pub(crate) fn receive(&mut self, body: &[u8]) -> Result<(), Violation> {
        let new = self.desk.receive(body, self.now)?;
        self.counts.duplicates += u64::from(new == 0);
        self.trace.note(format!("the processor takes {new} new events"));
        Ok(())
    }

    pub(crate) fn crash_processor(&mut self) -> Result<(), Violation> {
        self.trace.note("the processor crashes".to_owned());
        self.counts.processor_crashes += 1;
        self.counts.interrupted += self.desk.under_way();
        self.desk.crash(self.now)
    }

    /// Sends what is due, or only the first `sent_max` of it before the processor crashes.
    pub(crate) fn deliver(&mut self, sent_max: Option<usize>) -> Result<usize, Violation> {
        let deliveries = self.desk.next(self.now)?;
        for delivery in deliveries.iter().take(sent_max.unwrap_or(usize::MAX)) {
            let home = delivery.request.home;
            self.trace.mix(&delivery.request.target);
            self.trace.note(format!("{}/{} goes to {home}", delivery.id.event_id, delivery.id.number));
            self.counts.sent += 1;
            self.counts.resent += u64::from(delivery.id.number > 1);
            let platform = &mut self.platforms[usize::from(home == Home::Primary)];
            self.desk.send(delivery, platform, &mut self.chance, self.now);
        }
        if sent_max.is_some() {
            self.crash_processor()?;
        }
        Ok(deliveries.len())
    }

    /// Tells the processor what has come back by now.
    pub(crate) fn settle(&mut self) -> Result<(), Violation> {
        let count = self.desk.settle(&mut self.platforms, self.now)?;
        if count > 0 {
            self.trace.note(format!("{count} answers come in"));
        }
        Ok(())
    }

    /// I1 to I4 and I12, by what was observed.
    pub(crate) fn check(&mut self) -> Result<(), Violation> {
        let rows = self.desk.rows()?;
        self.trace.mix(&(rows.len() as u64).to_le_bytes());
        check::accounts(&rows, self.desk.ledger()?)?;
        check::acknowledged(&self.model, &self.edges, &rows)?;
        check::orders(&self.model, &self.shoppers.orders, &rows)?;
        self.counts.doubled_by_edge = check::sends(&self.model, &self.shoppers.orders, &self.platforms)?;
        check::homes(&self.model, &rows, &self.platforms)
    }
}

//! The whole system in virtual time: every part of it, what may happen to it, and who watches.

mod delivery;

use std::sync::Arc;
use std::time::Duration;

use outbox::simulated::Loss;
use relay::policy::Snapshot;
use relay::step::{Happened, Step};
use relay::{Exchange, Health};
use tracking::{Home, Outbound, SendFailure};
use units::{Chance, Seed, Timestamp};

pub(crate) use delivery::Passage;

use crate::check;
use crate::counts::Counts;
use crate::desk::{Desk, Strays};
use crate::disk::Disk;
use crate::edge::{Committed, Edge, Waiting};
use crate::gap::Gaps;
use crate::merchants::{self, Answer, Merchants};
use crate::model::{Arrival, Model, Reply, Violation, violation};
use crate::people::Said;
use crate::platform::{Effect, Platform, Told};
use crate::publishers::{self, Publishers};
use crate::run::Sabotage;
use crate::scope::{Dial, Scope};
use crate::shopper::{Meaning, Shoppers};
use crate::trace::Trace;

const START: Timestamp = Timestamp::from_millis(1_795_462_260_000);

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
    pub(crate) gaps: Gaps,
    /// How often the ledger fails.
    pub(crate) failing: Dial,
    /// How often a clock is set.
    pub(crate) setting: Dial,
    /// How often people order something.
    pub(crate) people: Dial,
    pub(crate) said: Said,
    /// How often clicks are imported.
    pub(crate) publishing: Dial,
    pub(crate) publishers: Publishers,
    /// How often merchants call.
    pub(crate) calling: Dial,
    pub(crate) merchants: Merchants,
    pub(crate) rows: check::Rows,
    /// What the capped programme's orders earned when this was last looked at.
    earned: check::Earned,
    strays: Strays,
    snapshot: Arc<Snapshot>,
    pub(crate) sabotage: Sabotage,
    pub(crate) scope: Scope,
}

/// How far an exchange of a sale has come.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    Fresh,
    Durable,
    /// The outbox could not take it.
    Refused,
}

impl World {
    pub(crate) fn new(
        seed: u64,
        snapshot: Arc<Snapshot>,
        scope: Scope,
        sabotage: Sabotage,
    ) -> Result<Self, Violation> {
        let seed = Seed(u128::from(seed));
        let mut chance = Chance::new(seed.fork(1));
        let disk = |number| Disk::new(number, sabotage == Sabotage::ForgetsSync);
        let edges = (0..=chance.below(2)).map(|number| Edge::new(disk(number))).collect::<Result<_, _>>()?;
        let starting = Dial::new(seed, Scope::Starts, scope, &[0, 200, 500]);
        Ok(Self {
            now: START,
            chance,
            trace: Trace::default(),
            counts: Counts::default(),
            shoppers: Shoppers::new(Chance::new(seed.fork(2)), scope),
            model: Model::default(),
            edges,
            desk: Desk::new(Arc::clone(&snapshot), seed.fork(3), START, (starting, sabotage))?,
            platforms: Home::ALL.map(Platform::new),
            bodies: Vec::new(),
            gaps: Gaps::default(),
            failing: Dial::new(seed, Scope::Ledger, scope, &[0, 20, 60]),
            setting: Dial::new(seed, Scope::Clocks, scope, &[0, 10, 40]),
            people: Dial::new(seed, Scope::People, scope, &[0, 20, 80]),
            said: Said::default(),
            publishing: Dial::new(seed, Scope::Publishers, scope, &[0, 20, 60]),
            publishers: Publishers::default(),
            calling: Dial::new(seed, Scope::Merchants, scope, &[0, 60, 160]),
            merchants: Merchants::default(),
            rows: check::Rows::new(),
            earned: check::Earned::new(),
            strays: Strays::new(),
            snapshot,
            sabotage,
            scope,
        })
    }

    pub(crate) fn pass(&mut self, time: Duration) {
        self.now = self.now.plus(time);
    }

    /// Somebody asks an edge.
    pub(crate) fn request(&mut self, edge: usize) -> Result<(), Violation> {
        let mut request = self.shoppers.next();
        let proves = request.inbound.header("cookie").is_some()
            || request.inbound.target.windows(5).any(|part| part == b"&oid=");
        let touch = request.touch;
        publishers::name_a_click(self, &mut request.inbound.target, request.meaning);
        let number = self.shoppers.number();
        self.counts.requests += 1;
        self.trace.note(format!("edge {edge}: {}", String::from_utf8_lossy(&request.inbound.target)));
        let health =
            Health { primary_open: self.chance.happens(1, 4), legacy_open: self.chance.happens(1, 4) };
        let seed = Seed(self.chance.next_u128());
        let snapshot = Arc::clone(&self.snapshot);
        let opened_at = self.edges[edge].clock.shows(self.now);
        let exchange = Exchange::open(request.inbound, snapshot, health, seed, opened_at);
        if let Meaning::Sale { order, cents } = request.meaning {
            let (event_id, shop) = (exchange.event_id(), self.shoppers.orders[order].shop);
            let arrival = Arrival { order, shop, cents, event_id, reply: Reply::None, edge, proves, touch };
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
        mut stage: Stage,
    ) -> Result<(), Violation> {
        let is_sale = matches!(meaning, Meaning::Sale { .. });
        let now = self.edges[edge].clock.shows(self.now);
        while let Some(step) = exchange.poll() {
            self.trace.mix(format!("{step:?}").as_bytes());
            match step {
                Step::Append(_) if !is_sale || stage != Stage::Fresh => {
                    return violation("I2", format!("request {number} ({meaning:?}) is to be booked"));
                }
                Step::Append(entry) => {
                    if let Some(step) = exchange.poll() {
                        return violation(
                            "I1",
                            format!("request {number} asks {step:?} before it is durable"),
                        );
                    }
                    self.edges[edge].waiting.push(Waiting { exchange, entry, number });
                    return Ok(());
                }
                Step::HandOver { .. } if stage != Stage::Refused => {
                    return violation("I5", format!("sale {number} does not wait for its outbox"));
                }
                Step::HandOver { entry, .. } => {
                    let happened = self.take_at_once(edge, &entry)?;
                    if happened == Happened::HandedOver {
                        stage = Stage::Durable;
                    }
                    exchange.handle(happened, now);
                }
                Step::Record(entry) => self.edges[edge].record(entry),
                Step::Remember(entry) => self.edges[edge].remember(entry),
                Step::Send { request, .. } if is_sale && stage != Stage::Refused => {
                    return violation("I5", format!("sale {number} waits for the {} platform", request.home));
                }
                Step::Send { request, within, .. } => {
                    let happened = self.ask(&request, within);
                    exchange.handle(happened, now);
                }
                Step::Reply(reply) => self.replied(edge, (number, meaning), stage, &reply)?,
                Step::Ask { entry, .. } if meaning == Meaning::Call => {
                    let happened = self.serve(edge, &entry)?;
                    exchange.handle(happened, now);
                }
                Step::Ask { .. } => {
                    return violation("I6", format!("request {number} ({meaning:?}) asks the processor"));
                }
                Step::Find { .. } => {
                    exchange.handle(Happened::Found { kept: None, claimed: true }, now);
                }
                Step::Tally(_)
                | Step::Miss { .. }
                | Step::Keep { .. }
                | Step::WaitUntil(_)
                | Step::Log(_)
                | Step::Report(_) => {}
            }
        }
        Ok(())
    }

    /// A merchant's call comes to an edge.
    pub(crate) fn drive_call(
        &mut self,
        edge: usize,
        exchange: Exchange,
        number: u64,
    ) -> Result<(), Violation> {
        self.drive(edge, exchange, (number, Meaning::Call), Stage::Fresh)
    }

    /// The snapshot that everybody decides by.
    pub(crate) fn snapshot(&self) -> Arc<Snapshot> {
        Arc::clone(&self.snapshot)
    }

    /// An observer reads every row of the ledger.
    pub(crate) fn look_at_rows(&mut self) -> Result<(), Violation> {
        (self.rows, self.strays) = self.desk.rows()?;
        Ok(())
    }

    /// An edge asks a platform by itself.
    fn ask(&mut self, request: &Outbound, within: Duration) -> Happened {
        let home = request.home;
        let platform = &mut self.platforms[usize::from(home == Home::Primary)];
        platform.now = self.now;
        let reaction = platform.call(request, true, &mut self.chance);
        let late = reaction.after >= within;
        if let Some(logged) = reaction.place.and_then(|place| platform.log.get_mut(place)) {
            logged.told = if late { Told::Unsure } else { reaction.told };
            logged.answered = logged.told;
        }
        match reaction.result {
            Ok(answer) if !late => Happened::Answered { home, answer },
            Ok(_) => Happened::Unanswered { home, failure: SendFailure::Ambiguous("late".to_owned()) },
            Err(failure) => Happened::Unanswered { home, failure },
        }
    }

    fn replied(
        &mut self,
        edge: usize,
        (number, meaning): (u64, Meaning),
        stage: Stage,
        reply: &relay::Reply,
    ) -> Result<(), Violation> {
        if let Meaning::Click { shop, site } = meaning {
            let second = self.edges[edge].clock.shows(self.now).as_seconds();
            self.shoppers.clicked((shop, site), second, &reply.headers);
        }
        if meaning == Meaning::Call {
            self.merchants.answer = Some(Answer::read(reply));
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
            exchange.handle(happened.clone(), self.edges[edge].clock.shows(self.now));
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

    /// I1 to I4 and I12, by what was observed.
    pub(crate) fn check(&mut self) -> Result<(), Violation> {
        if !self.desk.changed() {
            return check::acknowledged(&self.model, &self.edges, &self.rows, &self.strays);
        }
        self.look_at_rows()?;
        let rows = &self.rows;
        rows.values().for_each(|row| self.trace.mix(row.state.name().as_bytes()));
        check::accounts(rows, &self.desk.look(ledger::Ledger::audit)?)?;
        if self.scope.has_terms() {
            self.earned = check::capped(&self.earned, rows)?;
        }
        check::acknowledged(&self.model, &self.edges, rows, &self.strays)?;
        let (orders, gaps) = (&self.shoppers.orders, &mut self.gaps);
        let known = check::Known {
            model: &self.model,
            orders,
            said: &self.said,
            platforms: &self.platforms,
            merchants: &self.merchants,
        };
        check::orders(&known, rows)?;
        check::sends(&known, gaps)?;
        check::homes(&known, rows, gaps)?;
        merchants::lawful(&self.merchants, orders, &self.model)
    }
}

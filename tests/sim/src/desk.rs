//! The processor's host: the real processor on a ledger in memory that fails as planned, and the requests under way.

mod flights;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use ledger::{ConversionRow, Fault, Faults, Ledger, LedgerError, Page, StoreError, When};
use processor::{Called, Delivery, Processor, ProcessorError, ReceiveError, Told, Turn};
use relay::Envelope;
use relay::delivery::GateStatus;
use relay::policy::Snapshot;
use relay::step::Served;
use tracking::SendFailure;
use units::{Chance, EventId, Seed, Timestamp};

use crate::clocks::Clock;
use crate::counts::Counts;
use crate::merchants;
use crate::model::{Violation, violation};
use crate::platform::{Platform, Reaction};
use crate::run::Sabotage;
use crate::run::further::any_fault;
use crate::scope::Dial;
use flights::Flights;

/// The processor with what is around it.
pub(crate) struct Desk {
    processor: Option<Processor>,
    snapshot: Arc<Snapshot>,
    faults: Faults,
    flights: Flights,
    pub(crate) clock: Clock,
    /// The latest time that its clock ever showed.
    latest: Timestamp,
    /// How calls of publishers ended that the processor was not told of, and how often it had begun anew by then.
    called: Vec<(Called, u64)>,
    seeds: Chance,
    /// How often its ledger fails while it starts.
    starting: Dial,
    /// True if the ledger may have changed since [`Desk::changed`] was last asked.
    touched: bool,
    /// What it does wrong on purpose.
    sabotage: Sabotage,
    pub(crate) counts: Counts,
}

/// Why the processor could not do something.
pub(crate) enum Trouble {
    Ledger(LedgerError),
    Other(String),
}

impl From<ProcessorError> for Trouble {
    fn from(error: ProcessorError) -> Self {
        match error {
            ProcessorError::Ledger(error) => Self::Ledger(error),
            error @ ProcessorError::Panicked { .. } => Self::Other(error.to_string()),
        }
    }
}

impl From<ReceiveError> for Trouble {
    fn from(error: ReceiveError) -> Self {
        match error {
            ReceiveError::Ledger(error) => Self::Ledger(error),
            error @ ReceiveError::Batch(_) => Self::Other(error.to_string()),
        }
    }
}

/// True if the ledger fails in one of the ways that are planned, and not in one of its own.
fn is_planned(error: &LedgerError) -> bool {
    let LedgerError::Store { source, .. } = error else { return false };
    match source {
        StoreError::Sqlite(error) => error.to_string().contains(Faults::SAYS),
        StoreError::Gone | StoreError::Aborted | StoreError::InDoubt | StoreError::Surprised => true,
        _ => false,
    }
}

fn was_planned(error: &ProcessorError) -> bool {
    matches!(error, ProcessorError::Ledger(error) if is_planned(error))
}

fn broken(doing: &'static str, error: &dyn std::error::Error) -> Violation {
    let cause = error.source().map(|cause| format!(": {cause}")).unwrap_or_default();
    Violation { invariant: "I2", what: format!("the processor could not {doing}: {error}{cause}") }
}

/// Statements of a start, or a few more.
const STATEMENTS_OF_A_START: u64 = 30;

/// A processor on what `faults` has stored.
fn begin(
    faults: &Faults,
    snapshot: Arc<Snapshot>,
    seed: Seed,
    shown: Timestamp,
) -> Result<Processor, ProcessorError> {
    let ledger = Ledger::simulated(faults)?;
    let mut processor = Processor::new(ledger, snapshot, seed, shown)?;
    processor.replace_callers(merchants::callers());
    Ok(processor)
}

impl Desk {
    pub(crate) fn new(
        snapshot: Arc<Snapshot>,
        seed: Seed,
        now: Timestamp,
        (starting, sabotage): (Dial, Sabotage),
    ) -> Result<Self, Violation> {
        let mut desk = Self {
            processor: None,
            snapshot,
            faults: Faults::default(),
            flights: Flights::default(),
            clock: Clock::default(),
            latest: now,
            called: Vec::new(),
            seeds: Chance::new(seed),
            starting,
            touched: true,
            sabotage,
            counts: Counts::default(),
        };
        desk.start(now)?;
        Ok(desk)
    }

    /// Starts a processor on what the last one has left; where its ledger fails before it serves, once more.
    fn start(&mut self, now: Timestamp) -> Result<(), Violation> {
        loop {
            self.faults.restart();
            if self.starting.strikes() {
                let at = 1 + self.starting.chance.below(STATEMENTS_OF_A_START);
                self.faults.plan(When::Statement(at), any_fault(&mut self.starting.chance));
            }
            let (seed, shown) = (Seed(self.seeds.next_u128()), self.shows(now));
            match begin(&self.faults, Arc::clone(&self.snapshot), seed, shown) {
                Ok(processor) => {
                    // What was planned for the start does not come later.
                    self.faults.calm();
                    self.processor = Some(processor);
                    return Ok(());
                }
                Err(error) if self.faults.hit().is_some() && was_planned(&error) => {
                    self.counts.starts_failed += 1;
                }
                Err(error) => return Err(broken("start", &error)),
            }
        }
    }

    /// The process ends as if killed, and another takes its place: what it had not committed is gone, and so
    /// is every answer that it waited for.
    pub(crate) fn crash(&mut self, now: Timestamp) -> Result<(), Violation> {
        self.flights.forget();
        self.called.clear();
        self.touched = true;
        match self.processor.take() {
            Some(processor) => drop(processor),
            None => return violation("I2", "the processor is gone".to_owned()),
        }
        self.start(now)
    }

    /// The ledger is going to fail.
    pub(crate) fn plan(&mut self, when: When, fault: Fault) {
        self.faults.plan(when, fault);
    }

    /// The ledger fails no more.
    pub(crate) fn calm(&mut self) {
        self.faults.calm();
    }

    /// True if the ledger may have changed since this was last asked.
    pub(crate) fn changed(&mut self) -> bool {
        std::mem::take(&mut self.touched)
    }

    /// The time by the processor's clock; by one that is never set back, where that is the sabotage.
    fn shows(&mut self, now: Timestamp) -> Timestamp {
        let shown = self.clock.shows(now);
        self.latest = self.latest.max(shown);
        if self.sabotage == Sabotage::ForgetsJumps { self.latest } else { shown }
    }

    fn processor(&mut self) -> Result<&mut Processor, Violation> {
        match &mut self.processor {
            Some(processor) => Ok(processor),
            None => violation("I2", "the processor is gone".to_owned()),
        }
    }

    /// Has the processor do something. None if the ledger failed as it was planned to, or if the process was killed on
    /// the way: then another has taken its place.
    pub(crate) fn ask<T, E: Into<Trouble>>(
        &mut self,
        doing: &'static str,
        now: Timestamp,
        task: impl FnOnce(&mut Processor, Timestamp) -> Result<T, E>,
    ) -> Result<Option<T>, Violation> {
        self.touched = true;
        let shown = self.shows(now);
        let processor = self.processor()?;
        let outcome = task(processor, shown);
        let begun_anew = processor.begun_anew();
        self.counts.begun_anew += self.flights.begun_anew(begun_anew);
        let hit = self.faults.hit();
        self.counts.ledger_failures += u64::from(hit.is_some());
        self.counts.in_doubt += u64::from(matches!(hit, Some(Fault::Doubt { .. })));
        if self.faults.is_down() {
            self.counts.killed_inside += 1;
            self.crash(now)?;
            return Ok(None);
        }
        let error = match outcome.map_err(E::into) {
            Ok(done) => return Ok(Some(done)),
            Err(Trouble::Other(what)) => return violation("I2", format!("not {doing}: {what}")),
            Err(Trouble::Ledger(error)) => error,
        };
        if is_planned(&error) { Ok(None) } else { Err(broken(doing, &error)) }
    }

    /// Takes a batch in; how many events were new.
    pub(crate) fn receive(&mut self, body: &[u8], now: Timestamp) -> Result<Option<usize>, Violation> {
        let received = self.ask("take a batch", now, |processor, now| processor.receive(body, now))?;
        Ok(received.map(|received| received.accepted))
    }

    /// Has the processor answer a merchant's call; none if it could not.
    pub(crate) fn call(&mut self, body: &[u8], now: Timestamp) -> Result<Option<Served>, Violation> {
        self.ask("answer a call", now, |processor, now| processor.call(body, now))
    }

    /// What is to be sent now; it is in flight from here on.
    pub(crate) fn next(&mut self, now: Timestamp) -> Result<Option<Turn>, Violation> {
        self.turn(Told::default(), now)
    }

    /// A call of a publisher has ended.
    pub(crate) fn called(&mut self, called: Called) {
        self.called.push((called, self.flights.anew()));
    }

    fn turn(&mut self, told: Told, now: Timestamp) -> Result<Option<Turn>, Violation> {
        let turn = self.ask("take a turn", now, |processor, now| processor.turn(told, now))?;
        let mut complaints = turn.iter().flat_map(|turn| &turn.complaints);
        if let Some(error) = complaints.find(|error| !was_planned(error)) {
            return Err(broken("take a turn", error));
        }
        Ok(turn)
    }

    /// Puts a delivery on the wire.
    pub(crate) fn send(
        &mut self,
        delivery: &Delivery,
        platform: &mut Platform,
        chance: &mut Chance,
        now: Timestamp,
    ) {
        platform.now = now;
        let lost = self.sabotage == Sabotage::ForgetsChanges && delivery.endpoint == "change";
        let reaction: Reaction =
            if lost { Platform::never_told() } else { platform.call(&delivery.request, false, chance) };
        let told = platform.changes.get_mut(reaction.changes.clone()).into_iter().flatten();
        told.zip(&delivery.ids).for_each(|(change, id)| change.id = Some(id.event_id));
        self.flights.depart(delivery, platform.home, reaction, now);
    }

    /// Requests whose answer has not come.
    pub(crate) fn under_way(&self) -> u64 {
        self.flights.under_way()
    }

    /// When the next answer comes.
    pub(crate) fn next_answer(&self) -> Option<Timestamp> {
        self.flights.next_answer()
    }

    /// Tells the processor every answer that has come by now; how many, and which calls are written down as ended.
    pub(crate) fn settle(
        &mut self,
        platforms: &mut [Platform; 2],
        now: Timestamp,
    ) -> Result<(usize, Vec<Called>), Violation> {
        let ended = self.flights.land(platforms, now, self.sabotage);
        let count = ended.len();
        let told = std::mem::take(&mut self.called);
        let called = told.iter().map(|(called, _)| self.heard(called)).collect();
        if self.turn(Told { ended, called, stopping: true }, now)?.is_none() {
            return Ok((count, Vec::new()));
        }
        self.flights.persisted(platforms);
        let known = |(_, anew): &(Called, u64)| *anew == self.flights.anew();
        Ok((count, told.into_iter().filter(known).map(|(called, _)| called).collect()))
    }

    /// How a call of a publisher ended, as far as the processor hears of it: nothing of its answer, where that is the
    /// sabotage.
    fn heard(&self, called: &Called) -> Called {
        if self.sabotage != Sabotage::ForgetsCalled {
            return called.clone();
        }
        Called { id: called.id, result: Err(SendFailure::NothingSent("sabotage".to_owned())) }
    }

    /// When the processor wants to be asked again; a while later where it cannot say.
    pub(crate) fn wake(&mut self, now: Timestamp) -> Result<Option<Timestamp>, Violation> {
        let wake = self.ask("tell its next time", now, |processor, now| processor.next_wake(now))?;
        Ok(wake.map_or(Some(now.plus(LEDGER_WAIT)), |wake| wake.map(|shown| self.clock.when(shown))))
    }

    /// Destinations of which a place is taken.
    pub(crate) fn busy(&mut self) -> Result<Vec<GateStatus>, Violation> {
        self.faults.look(true);
        let status = self.processor()?.status().map_err(|error| broken("tell how it stands", &error));
        self.faults.look(false);
        Ok(status?.destinations.into_iter().filter(|gate| gate.in_flight > 0).collect())
    }

    /// A person orders everything again that certainly never arrived, or that waits for a decision.
    pub(crate) fn redrive(&mut self, now: Timestamp) -> Result<usize, Violation> {
        let page = Page { limit: 1000, advertiser_id: None, after: None };
        let rows = self.look(|ledger| ledger.dead_list(&[], &page))?;
        let events: Vec<EventId> = rows.iter().map(|row| row.event_id).collect();
        let (actor, why) = ("a person".to_owned(), "simulated".to_owned());
        let order = processor::Redrive { events, actor, why, approved: false };
        let redriven = self.ask("redrive", now, |processor, now| processor.redrive(&order, now))?;
        Ok(redriven.map_or(0, |redriven| redriven.len()))
    }

    /// Reads the ledger as an observer does, to whom it never fails.
    pub(crate) fn look<T>(
        &mut self,
        read: impl FnOnce(&Ledger) -> Result<T, LedgerError>,
    ) -> Result<T, Violation> {
        self.faults.look(true);
        let found = read(self.processor()?.ledger()).map_err(|error| broken("be read", &error));
        self.faults.look(false);
        found
    }

    /// Every conversion of the ledger, and for each entry that was set aside the event that it is.
    pub(crate) fn rows(&mut self) -> Result<(BTreeMap<EventId, ConversionRow>, Strays), Violation> {
        let page = Page { limit: 1_000_000, advertiser_id: None, after: None };
        self.look(|ledger| {
            let rows = ledger.transactions(&page)?;
            let mut strays = Strays::new();
            for row in rows.iter().filter(|row| row.reason == "poison_entry") {
                let open = ledger.show(row.event_id)?.map(|shown| shown.open).unwrap_or_default();
                strays.extend(Envelope::decode(&open).ok().map(|stray| (row.event_id, stray.event_id)));
            }
            Ok((rows.into_iter().map(|row| (row.event_id, row)).collect(), strays))
        })
    }
}

/// The events of entries that were set aside, by the row that keeps them.
pub(crate) type Strays = BTreeMap<EventId, EventId>;

/// How long the drive loop waits after the ledger has failed.
const LEDGER_WAIT: Duration = Duration::from_secs(1);

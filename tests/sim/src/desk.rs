//! The processor's host: the real processor on a real ledger in memory, and the requests under way.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use ledger::{ConversionRow, Ledger, Page};
use processor::{Delivery, DeliveryId, Ended, Processor};
use relay::delivery::Destination;
use relay::policy::Snapshot;
use tracking::{Answer, Home, SendFailure};
use units::{Chance, EventId, Seed, Timestamp};

use crate::model::{Violation, violation};
use crate::platform::{Platform, Told};

/// A request that was sent and whose end is not known yet.
struct Flight {
    ids: Vec<DeliveryId>,
    result: Result<Answer, SendFailure>,
    told: Told,
    home: Home,
    destination: Destination,
    place: Option<usize>,
}

/// The processor with what is around it.
pub(crate) struct Desk {
    processor: Option<Processor>,
    snapshot: Arc<Snapshot>,
    flights: BTreeMap<(Timestamp, u64), Flight>,
    sent: u64,
    seeds: Chance,
    /// True if the ledger may have changed since [`Desk::changed`] was last asked.
    touched: bool,
    /// On purpose wrong: what may have been processed is told as what was never sent.
    forgets_doubt: bool,
}

fn broken<E: std::error::Error>(doing: &'static str) -> impl Fn(E) -> Violation {
    move |error| {
        let cause = error.source().map(|cause| format!(": {cause}")).unwrap_or_default();
        Violation { invariant: "I2", what: format!("the processor could not {doing}: {error}{cause}") }
    }
}

impl Desk {
    pub(crate) fn new(
        snapshot: Arc<Snapshot>,
        seed: Seed,
        now: Timestamp,
        forgets_doubt: bool,
    ) -> Result<Self, Violation> {
        let ledger = Ledger::in_memory().map_err(broken("make a ledger"))?;
        let mut desk = Self {
            processor: None,
            snapshot,
            flights: BTreeMap::new(),
            sent: 0,
            seeds: Chance::new(seed),
            touched: true,
            forgets_doubt,
        };
        desk.start(ledger, now)?;
        Ok(desk)
    }

    fn start(&mut self, ledger: Ledger, now: Timestamp) -> Result<(), Violation> {
        let seed = Seed(self.seeds.next_u128());
        let processor = Processor::new(ledger, Arc::clone(&self.snapshot), seed, now);
        self.processor = Some(processor.map_err(broken("start"))?);
        Ok(())
    }

    /// The process ends as if killed, and another takes its place: what it had not committed is gone, and so
    /// is every answer that it waited for.
    pub(crate) fn crash(&mut self, now: Timestamp) -> Result<(), Violation> {
        self.flights.clear();
        self.touched = true;
        match self.processor.take() {
            Some(processor) => self.start(processor.into_ledger(), now),
            None => violation("I2", "the processor is gone".to_owned()),
        }
    }

    /// True if the ledger may have changed since this was last asked.
    pub(crate) fn changed(&mut self) -> bool {
        std::mem::take(&mut self.touched)
    }

    fn processor(&mut self) -> Result<&mut Processor, Violation> {
        match &mut self.processor {
            Some(processor) => Ok(processor),
            None => violation("I2", "the processor is gone".to_owned()),
        }
    }

    /// Takes a batch in; how many events were new.
    pub(crate) fn receive(&mut self, body: &[u8], now: Timestamp) -> Result<usize, Violation> {
        self.touched = true;
        let received = self.processor()?.receive(body, now).map_err(broken("take a batch"))?;
        Ok(received.accepted)
    }

    /// What is to be sent now; it is in flight from here on.
    pub(crate) fn next(&mut self, now: Timestamp) -> Result<Vec<Delivery>, Violation> {
        let deliveries = self.processor()?.next_deliveries(now).map_err(broken("begin deliveries"))?;
        self.touched |= !deliveries.is_empty();
        Ok(deliveries)
    }

    /// Puts a delivery on the wire.
    pub(crate) fn send(
        &mut self,
        delivery: &Delivery,
        platform: &mut Platform,
        chance: &mut Chance,
        now: Timestamp,
    ) {
        let reaction = platform.call(&delivery.request, false, chance);
        let late = reaction.after >= delivery.within || is_silence(&reaction.result);
        let (after, result, told) = if late {
            (delivery.within, Err(SendFailure::Ambiguous("no answer in time".to_owned())), Told::Unsure)
        } else {
            (reaction.after, reaction.result, reaction.told)
        };
        self.sent += 1;
        let (ids, destination) = (delivery.ids.clone(), delivery.destination.clone());
        let flight = Flight { ids, result, told, home: platform.home, destination, place: reaction.place };
        self.flights.insert((now.plus(after), self.sent), flight);
    }

    /// Requests whose answer has not come.
    pub(crate) fn under_way(&self) -> u64 {
        self.flights.len() as u64
    }

    /// When the next answer comes.
    pub(crate) fn next_answer(&self) -> Option<Timestamp> {
        self.flights.keys().next().map(|(at, _)| *at)
    }

    /// Tells the processor every answer that has come by now; how many.
    pub(crate) fn settle(
        &mut self,
        platforms: &mut [Platform; 2],
        now: Timestamp,
    ) -> Result<usize, Violation> {
        let later = self.flights.split_off(&(now.plus(Duration::from_millis(1)), 0));
        let come = std::mem::replace(&mut self.flights, later);
        let mut ended = Vec::with_capacity(come.len());
        for flight in come.into_values() {
            let platform = platforms.iter_mut().find(|platform| platform.home == flight.home);
            let logged = platform.zip(flight.place).and_then(|(platform, place)| platform.log.get_mut(place));
            if let Some(logged) = logged {
                logged.told = flight.told;
            }
            let result = match flight.result {
                Err(SendFailure::Ambiguous(why)) if self.forgets_doubt => Err(SendFailure::NothingSent(why)),
                result => result,
            };
            ended.push(Ended { ids: flight.ids, destination: flight.destination, result });
        }
        let count = ended.len();
        self.touched |= count > 0;
        let processor = self.processor()?;
        processor.settle(ended, now).map_err(broken("settle"))?;
        processor.take_facts();
        Ok(count)
    }

    /// When the processor wants to be asked again.
    pub(crate) fn wake(&mut self, now: Timestamp) -> Result<Option<Timestamp>, Violation> {
        self.processor()?.next_wake(now).map_err(broken("tell its next time"))
    }

    /// A person orders everything again that certainly never arrived, or that waits for a decision.
    pub(crate) fn redrive(&mut self, now: Timestamp) -> Result<usize, Violation> {
        self.touched = true;
        let page = Page { limit: 1000, advertiser_id: None, after: None };
        let processor = self.processor()?;
        let rows = processor.ledger().dead_list(&[], &page).map_err(broken("list"))?;
        let events: Vec<EventId> = rows.iter().map(|row| row.event_id).collect();
        let (actor, why) = ("a person".to_owned(), "simulated".to_owned());
        let order = processor::Redrive { events, actor, why, approved: false };
        Ok(processor.redrive(&order, now).map_err(broken("redrive"))?.len())
    }

    /// The ledger, for reading.
    pub(crate) fn ledger(&mut self) -> Result<&Ledger, Violation> {
        Ok(self.processor()?.ledger())
    }

    /// Every conversion of the ledger.
    pub(crate) fn rows(&mut self) -> Result<BTreeMap<EventId, ConversionRow>, Violation> {
        let page = Page { limit: 1_000_000, advertiser_id: None, after: None };
        let rows = self.ledger()?.transactions(&page).map_err(broken("list"))?;
        Ok(rows.into_iter().map(|row| (row.event_id, row)).collect())
    }
}

const fn is_silence(result: &Result<Answer, SendFailure>) -> bool {
    matches!(result, Err(SendFailure::Ambiguous(_)))
}

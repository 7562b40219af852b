//! Deliveries out.
//!
//! Many attempts begin in one transaction, so that a sync of the disk is shared by as many deliveries as are
//! in flight. An attempt is durable before its request is handed out.
//!
//! One delivery may carry several conversions of one advertiser, where the endpoint takes them. Each is an
//! attempt of its own, with its own verdict on the one answer. What the ledger keeps of each attempt is the
//! conversion's *own* request, of it alone: that is what is sent again should nobody know what became of it.
//! The conversion stands in it in the same bytes as in the delivery, only the company is missing.

use std::time::Duration;

use ledger::{Begun, Due, LedgerError, Transaction, Which};
use relay::delivery::{Destination, Tried, Went};
use tracking::{Class, Event, Home, Outbound};
use units::{EventId, Timestamp};

use super::admit::{Admitted, Item};
use super::quarantine::Step;
use super::settle::Landing;
use super::{Processor, ProcessorError, request};

/// One attempt of one conversion.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct DeliveryId {
    /// The conversion.
    pub event_id: EventId,
    /// The attempt's number, counted from 1.
    pub number: u32,
}

/// A request that is to be sent now, exactly once.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Delivery {
    /// The attempts that it is; its outcome is told by them. None of them is a probe, which carries no
    /// conversion and only shows whether the platform answers.
    pub ids: Vec<DeliveryId>,
    /// Where it goes to, which its outcome speaks of.
    pub destination: Destination,
    /// The endpoint's name in the platform's dialect.
    pub endpoint: String,
    /// The request.
    pub request: Outbound,
    /// The whole time that may be spent.
    pub within: Duration,
}

/// What must be remembered of an attempt while it is under way.
#[derive(Debug)]
pub(super) struct Flying {
    pub(super) destination: Destination,
    pub(super) endpoint: String,
    pub(super) event: Event,
    pub(super) tried: Tried,
    pub(super) went: Went,
    pub(super) began_at: Timestamp,
}

pub(super) const fn tried(due: &Due, deduplicates: bool, probe: bool) -> Tried {
    Tried { deduplicates, counted: due.counted, ambiguous: due.ambiguous, probe, alone: false }
}

const fn id(due: &Due) -> DeliveryId {
    DeliveryId { event_id: due.event_id, number: due.tries.saturating_add(1) }
}

/// The attempt at one conversion of an admitted call begins.
fn begin(transaction: &mut Transaction<'_>, admitted: &Admitted, item: &Item) -> Result<(), LedgerError> {
    let DeliveryId { event_id, number } = id(&item.due);
    match &item.written {
        Ok(written) => {
            let booked = (item.due.advertiser_primary_id, item.due.publisher_primary_id);
            if written.ids != booked {
                transaction.remap(event_id, |_, _| written.ids)?;
            }
            transaction.begin(&Begun {
                event_id,
                number,
                home: admitted.destination.home,
                endpoint: &written.dispatch.endpoint,
                line: &request::line(&written.dispatch),
                probe: admitted.went.probe,
                request: &item.sealed,
            })
        }
        Err(obstacle) => transaction.hold(event_id, obstacle.code, &obstacle.why),
    }
}

impl Processor {
    /// The deliveries that are to be sent now. Each is durably in flight when this returns: sending it is the
    /// caller's duty, and so is telling how it ended ([`Processor::settle`]).
    ///
    /// # Errors
    /// If the ledger fails; then nothing has begun.
    pub fn next_deliveries(&mut self, now: Timestamp) -> Result<Vec<Delivery>, ProcessorError> {
        self.settle_and_begin(Landing::default(), now)
    }

    /// What has ended is written down, and what may go begins, in one transaction: a busy processor syncs the disk once for
    /// both. What has ended frees its places for what begins.
    ///
    /// # Errors
    /// If the ledger fails; then nothing has begun, and what ended is kept for the next call.
    pub(super) fn settle_and_begin(
        &mut self,
        landing: Landing,
        now: Timestamp,
    ) -> Result<Vec<Delivery>, ProcessorError> {
        let admitted = match self.passing_unreadable(now, |processor| processor.choose(now)) {
            Ok(admitted) => admitted,
            Err(error) => {
                self.write_down(landing, &[], now)?;
                return Err(error);
            }
        };
        self.write_down(landing, &admitted, now)?;
        let mut deliveries: Vec<Delivery> =
            admitted.into_iter().filter_map(|each| self.depart(each, now)).collect();
        deliveries.extend(self.probes(now));
        self.next_changes(now, &mut deliveries);
        Ok(deliveries)
    }

    /// What may go now, admitted by its gates.
    fn choose(&mut self, now: Timestamp) -> Result<Vec<Admitted>, ProcessorError> {
        self.keep_time(now)?;
        let lanes = std::sync::Arc::clone(&self.lanes);
        let mut admitted = Vec::new();
        let all = lanes.iter().try_for_each(|lane| self.admit(lane, now, &mut admitted));
        match all {
            Ok(()) => Ok(admitted),
            Err(error) => {
                self.withdraw(&admitted);
                Err(error)
            }
        }
    }

    /// What was admitted does not go after all.
    fn withdraw(&mut self, admitted: &[Admitted]) {
        let now = self.times.latest;
        admitted.iter().for_each(|each| self.gate(&each.destination).withdrawn(each.went, now));
    }

    /// Writes down what has ended and what begins, both or neither. What cannot begin must not keep what a platform said
    /// out of the ledger: that is written by itself then. What fails by itself is set aside, so that nothing waits for it.
    pub(super) fn write_down(
        &mut self,
        landing: Landing,
        admitted: &[Admitted],
        now: Timestamp,
    ) -> Result<(), ProcessorError> {
        let Err(error) = self.write(&landing, admitted, now) else {
            self.landed(landing, now);
            return Ok(());
        };
        self.withdraw(admitted);
        let of_the_store = error.is_of_the_store();
        let may_end = !admitted.is_empty() && !landing.is_empty() && !of_the_store;
        if may_end && self.write(&landing, &[], now).is_ok() {
            self.landed(landing, now);
        } else {
            self.not_landed(landing);
        }
        if !of_the_store && !error.is_surprise() {
            self.set_apart(admitted, now)?;
        }
        Err(error)
    }

    /// Sets aside each outcome that cannot be written down, and each attempt that cannot begin, by itself.
    fn set_apart(&mut self, admitted: &[Admitted], now: Timestamp) -> Result<(), ProcessorError> {
        self.set_outcomes_apart(now)?;
        let mut steps: Vec<(EventId, Step<'_>)> = Vec::new();
        for each in admitted {
            let begin = |item| -> Step<'_> { Box::new(move |transaction| begin(transaction, each, item)) };
            steps.extend(each.items.iter().map(|item| (item.due.event_id, begin(item))));
        }
        self.set_aside_what_fails(&steps, now).map(drop)
    }

    fn write(
        &mut self,
        landing: &Landing,
        admitted: &[Admitted],
        now: Timestamp,
    ) -> Result<(), ProcessorError> {
        if landing.is_empty() && admitted.is_empty() {
            return Ok(());
        }
        let mut transaction = self.ledger.transaction(now)?;
        landing.write(&mut transaction)?;
        for each in admitted {
            each.items.iter().try_for_each(|item| begin(&mut transaction, each, item))?;
        }
        Ok(transaction.commit()?)
    }

    /// True if a destination counts as down and has a request that moves no money: no sale is risked on it then.
    pub(super) fn asks_first(&self, destination: &Destination) -> bool {
        let down = self.gates.get(destination).is_some_and(relay::delivery::Gate::asks_first);
        down && self.snapshot.migration.probe(destination.home).is_some()
    }

    /// The probes that go now, one for each destination that is in doubt.
    fn probes(&mut self, now: Timestamp) -> Vec<Delivery> {
        let doubtful = self.gates.iter().filter(|(_, gate)| gate.needs_probe());
        let doubtful: Vec<Destination> = doubtful.map(|(destination, _)| destination.clone()).collect();
        doubtful.into_iter().filter_map(|destination| self.probe(destination, now)).collect()
    }

    fn probe(&mut self, destination: Destination, now: Timestamp) -> Option<Delivery> {
        if self.probing.contains(&destination) {
            return None;
        }
        let mut dispatch = self.snapshot.migration.probe(destination.home)?;
        if !self.gate(&destination).probe(now) {
            return None;
        }
        // Another server of the platform says nothing about this one.
        if let Some(host) = self.host(&destination) {
            dispatch.request.host = host;
        }
        self.probing.push(destination.clone());
        let within = self.snapshot.policy.breaker.probe_deadline;
        Some(Delivery {
            ids: Vec::new(),
            destination,
            endpoint: dispatch.endpoint.to_string(),
            request: dispatch.request,
            within,
        })
    }

    /// The host that serves a destination; none where the clients' own requests say it.
    pub(super) fn host(&self, destination: &Destination) -> Option<tracking::Text> {
        let sends = self.snapshot.migration.sends.iter().filter(|send| send.class != Class::Click);
        let mut of_destination = sends.filter(|send| send.endpoint.as_str() == &*destination.endpoint);
        of_destination.find(|_| destination.home == Home::Primary).map(|send| send.host.clone())
    }

    /// The delivery of an admitted call; none if everything in it is held.
    fn depart(&mut self, admitted: Admitted, now: Timestamp) -> Option<Delivery> {
        let Admitted { destination, went, items, mut together } = admitted;
        let mut ids = Vec::with_capacity(items.len());
        let alone = self.gate(&destination).refuses_alone(went.merchant);
        for item in items {
            let (id, due) = (id(&item.due), item.due);
            let Ok(written) = item.written else {
                self.moved(due.event_id, "held");
                continue;
            };
            let tried = Tried { alone, ..tried(&due, self.deduplicates(&due), went.probe) };
            let endpoint = written.dispatch.endpoint.clone();
            let event = written.envelope.event;
            let (destination, endpoint) = (destination.clone(), endpoint.into());
            self.flying.insert(id, Flying { destination, endpoint, event, tried, went, began_at: now });
            together.get_or_insert(written.dispatch);
            ids.push(id);
        }
        let Some(dispatch) = together else {
            self.gate(&destination).withdrawn(went, now);
            return None;
        };
        let (within, endpoint) =
            (self.snapshot.policy.delivery.attempt_deadline, dispatch.endpoint.to_string());
        Some(Delivery { ids, destination, endpoint, request: dispatch.request, within })
    }

    /// When [`Processor::next_deliveries`] may have something that it has not now; none if only a new batch or
    /// an outcome can bring something.
    ///
    /// # Errors
    /// If the ledger fails.
    pub fn next_wake(&self, now: Timestamp) -> Result<Option<Timestamp>, ProcessorError> {
        let mut wake: Option<Timestamp> = None;
        let mut at = |at: Timestamp| {
            // What is due and does not go waits for the retry budget, which comes with time.
            let at = if at <= now { now.plus(BUDGET_WAIT) } else { at };
            wake = Some(wake.map_or(at, |wake| wake.min(at)));
        };
        for (destination, gate) in self.gates.iter().filter(|(_, gate)| gate.needs_probe()) {
            let probes = self.snapshot.migration.probe(destination.home).is_some();
            let idle = probes && !self.probing.contains(destination);
            gate.opens_at(now).or(Some(now)).filter(|_| idle).into_iter().for_each(&mut at);
        }
        for lane in self.lanes.iter() {
            let Some(gate) = self.gates.get(&lane.destination) else { continue };
            let opens = gate.opens_at(now);
            // Every place is taken: an outcome frees one.
            if self.asks_first(&lane.destination) || opens.is_none() && gate.room(now) == 0 {
                continue;
            }
            let paced = lane.limit.as_ref().map(|limit| self.pace.opens_at(limit));
            for which in [Which::Fresh, Which::Retries] {
                let due = self.ledger.next_due(lane.rows(), which)?;
                due.into_iter().for_each(|due| {
                    at(opens.into_iter().chain(paced).fold(due, Timestamp::max));
                });
            }
        }
        self.next_change_at(now)?.into_iter().for_each(&mut at);
        self.next_postback()?.into_iter().for_each(&mut at);
        self.has_more_to_lock().then_some(now).into_iter().for_each(&mut at);
        self.next_order().into_iter().for_each(&mut at);
        Ok(wake)
    }

    /// Conversions of which an attempt is under way.
    pub fn in_flight(&self) -> usize {
        self.flying.len().saturating_add(self.telling.len()).saturating_add(self.calling.len())
    }
}

/// How long to wait before asking the budget again.
const BUDGET_WAIT: Duration = Duration::from_millis(50);

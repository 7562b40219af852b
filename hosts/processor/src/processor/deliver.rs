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

use ledger::{Begun, Due, Which};
use relay::delivery::{Tried, Went};
use tracking::{Event, Home, Outbound};
use units::{EventId, Timestamp};

use super::admit::Admitted;
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
    pub(super) home: Home,
    pub(super) endpoint: String,
    pub(super) event: Event,
    pub(super) tried: Tried,
    pub(super) went: Went,
    pub(super) began_at: Timestamp,
}

pub(super) const fn tried(due: &Due, deduplicates: bool, probe: bool) -> Tried {
    Tried { deduplicates, counted: due.counted, ambiguous: due.ambiguous, probe }
}

const fn id(due: &Due) -> DeliveryId {
    DeliveryId { event_id: due.event_id, number: due.tries.saturating_add(1) }
}

impl Processor {
    /// The deliveries that are to be sent now. Each is durably in flight when this returns: sending it is the
    /// caller's duty, and so is telling how it ended ([`Processor::settle`]).
    ///
    /// # Errors
    /// If the ledger fails; then nothing has begun.
    pub fn next_deliveries(&mut self, now: Timestamp) -> Result<Vec<Delivery>, ProcessorError> {
        let mut admitted = Vec::new();
        let mut begun = Home::ALL.into_iter().try_for_each(|home| self.admit(home, now, &mut admitted));
        if begun.is_ok() && !admitted.is_empty() {
            begun = self.begin(&admitted, now);
        }
        if begun.is_err() {
            admitted.iter().for_each(|each| self.gate(each.home).withdrawn());
        }
        begun?;
        let mut deliveries: Vec<Delivery> =
            admitted.into_iter().filter_map(|each| self.depart(each, now)).collect();
        deliveries.extend(Home::ALL.into_iter().filter_map(|home| self.probe(home, now)));
        // What was begun above is in flight whatever happens to the changes, which are asked for again.
        deliveries.extend(self.next_changes(now).unwrap_or_default());
        Ok(deliveries)
    }

    /// True if a platform is in doubt and has a request that moves no money: no sale is risked on it then.
    pub(super) fn asks_first(&self, home: Home) -> bool {
        let gate = match home {
            Home::Legacy => &self.legacy,
            Home::Primary => &self.primary,
        };
        gate.needs_probe() && self.snapshot.migration.probe(home).is_some()
    }

    fn probe(&mut self, home: Home, now: Timestamp) -> Option<Delivery> {
        if self.probing.contains(&home) || !self.asks_first(home) {
            return None;
        }
        let dispatch = self.snapshot.migration.probe(home)?;
        if !self.gate(home).probe(now) {
            return None;
        }
        self.probing.push(home);
        let within = self.snapshot.policy.breaker.probe_deadline;
        Some(Delivery {
            ids: Vec::new(),
            endpoint: dispatch.endpoint.to_string(),
            request: dispatch.request,
            within,
        })
    }

    fn begin(&mut self, admitted: &[Admitted], now: Timestamp) -> Result<(), ProcessorError> {
        let mut transaction = self.ledger.transaction(now)?;
        for each in admitted {
            for item in &each.items {
                let DeliveryId { event_id, number } = id(&item.due);
                match &item.written {
                    Ok(written) => transaction.begin(&Begun {
                        event_id,
                        number,
                        home: each.home,
                        endpoint: &written.dispatch.endpoint,
                        line: &request::line(&written.dispatch),
                        probe: each.went.probe,
                        request: &item.sealed,
                    })?,
                    Err(obstacle) => transaction.hold(event_id, obstacle.code, &obstacle.why)?,
                }
            }
        }
        transaction.commit()?;
        Ok(())
    }

    /// The delivery of an admitted call; none if everything in it is held.
    fn depart(&mut self, admitted: Admitted, now: Timestamp) -> Option<Delivery> {
        let Admitted { home, went, items, mut together } = admitted;
        let mut ids = Vec::with_capacity(items.len());
        for item in items {
            let (id, due) = (id(&item.due), item.due);
            let Ok(written) = item.written else {
                self.moved(due.event_id, "held");
                continue;
            };
            let tried = tried(&due, self.deduplicates(&due), went.probe);
            let endpoint = written.dispatch.endpoint.clone();
            let event = written.envelope.event;
            self.flying
                .insert(id, Flying { home, endpoint: endpoint.into(), event, tried, went, began_at: now });
            together.get_or_insert(written.dispatch);
            ids.push(id);
        }
        let Some(dispatch) = together else {
            self.gate(home).withdrawn();
            return None;
        };
        let within = self.snapshot.policy.delivery.attempt_deadline;
        Some(Delivery { ids, endpoint: dispatch.endpoint.to_string(), request: dispatch.request, within })
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
        for (home, gate) in [(Home::Legacy, &self.legacy), (Home::Primary, &self.primary)] {
            if self.asks_first(home) {
                let probe_at = gate.opens_at().filter(|_| !self.probing.contains(&home));
                probe_at.into_iter().for_each(&mut at);
                continue;
            }
            // Every place is taken: an outcome frees one.
            if gate.opens_at().is_none() && gate.room(now) == 0 {
                continue;
            }
            for lane in self.lanes.iter().filter(|lane| lane.home == home) {
                let paced = lane.limit.as_ref().map(|limit| self.pace.opens_at(limit));
                for which in [Which::Fresh, Which::Retries] {
                    let due = self.ledger.next_due(lane.rows(), which)?;
                    due.into_iter().for_each(|due| {
                        at(gate.opens_at().into_iter().chain(paced).fold(due, Timestamp::max));
                    });
                }
            }
        }
        let changes = self.ledger.next_adjustment()?.filter(|_| self.primary.room(now) > 0);
        changes.into_iter().for_each(|due| at(due.plus(self.shortest_settling()).max(self.change_at)));
        self.next_postback()?.into_iter().for_each(&mut at);
        self.has_more_to_lock().then_some(now).into_iter().for_each(&mut at);
        Ok(wake)
    }

    /// How soon after its delivery the platform can be told of a transaction's change.
    fn shortest_settling(&self) -> Duration {
        let sends = self.snapshot.migration.sends.iter().filter(|send| send.change.is_some());
        sends.map(|send| send.settle).min().unwrap_or_default()
    }

    /// Conversions of which an attempt is under way.
    pub fn in_flight(&self) -> usize {
        self.flying.len().saturating_add(self.telling.len()).saturating_add(self.calling.len())
    }
}

/// How long to wait before asking the budget again.
const BUDGET_WAIT: Duration = Duration::from_millis(50);

//! Deliveries out, and their outcomes in.
//!
//! Many attempts begin in one transaction and many end in one, so that a sync of the disk is shared by as many
//! deliveries as are in flight. An attempt is durable before its request is handed out.

use std::collections::BTreeMap;
use std::time::Duration;

use ledger::{Begun, Due, Finished, Which};
use relay::Fact;
use relay::delivery::{Admission, Outcome as AttemptOutcome, Settled, Tried, dispatch_to_bytes, settle};
use relay::envelope::seal_bytes;
use resilience::breaker::State as BreakerState;
use tracking::migration::Dispatch;
use tracking::{Answer, Event, Home, Outbound, SendFailure};
use units::limits::EXCERPT_BYTES_MAX;
use units::{EventId, Timestamp};

use super::request::{self, Obstacle};
use super::{Processor, ProcessorError};

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
    /// Which attempt it is; its outcome is told by this.
    pub id: DeliveryId,
    /// The endpoint's name in the platform's dialect.
    pub endpoint: String,
    /// The request.
    pub request: Outbound,
    /// The whole time that may be spent.
    pub within: Duration,
}

/// How an attempt ended.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Ended {
    /// Which attempt.
    pub id: DeliveryId,
    /// What came back.
    pub result: Result<Answer, SendFailure>,
}

/// What must be remembered of an attempt while it is under way.
#[derive(Debug)]
pub(super) struct Flying {
    home: Home,
    endpoint: String,
    event: Event,
    tried: Tried,
    retry: bool,
    began_at: Timestamp,
}

/// What came back, with the time it came.
pub(super) type Outcome = (Result<Answer, SendFailure>, Timestamp);

/// A delivery that was admitted by its gate.
struct Admitted {
    due: Due,
    probe: bool,
    written: Result<(Dispatch, Event, Vec<u8>), Obstacle>,
}

pub(super) const fn tried(due: &Due, deduplicates: bool, probe: bool) -> Tried {
    Tried { deduplicates, counted: due.counted, ambiguous: due.ambiguous, probe }
}

impl Processor {
    /// The deliveries that are to be sent now. Each is durably in flight when this returns: sending it is the
    /// caller's duty, and so is telling how it ended ([`Processor::settle`]).
    ///
    /// # Errors
    /// If the ledger fails; then nothing has begun.
    pub fn next_deliveries(&mut self, now: Timestamp) -> Result<Vec<Delivery>, ProcessorError> {
        let mut admitted = Vec::new();
        for home in Home::ALL {
            admitted.extend(self.admit(home, now)?);
        }
        if admitted.is_empty() {
            return Ok(Vec::new());
        }
        let begun = self.begin(&admitted, now);
        if begun.is_err() {
            admitted.iter().for_each(|each| self.gate(each.due.owner).withdrawn());
        }
        begun?;
        Ok(admitted.into_iter().filter_map(|each| self.depart(each, now)).collect())
    }

    /// What is due for a platform and may go. First attempts have the larger part of the room, so that fresh
    /// sales do not wait behind the retries of an outage.
    fn admit(&mut self, home: Home, now: Timestamp) -> Result<Vec<Admitted>, ProcessorError> {
        let room = self.gate(home).room(now);
        if room == 0 {
            return Ok(Vec::new());
        }
        let mut due = self.ledger.due(now, home, Which::Fresh, room)?;
        let for_retries = (room - due.len()).max(room.div_ceil(4));
        let retries = self.ledger.due(now, home, Which::Retries, for_retries)?;
        due.truncate(room - retries.len().min(room));
        // A budget without credit leaves its places to first attempts the next time round.
        let mut admitted = Vec::new();
        for due in retries.into_iter().chain(due) {
            match self.gate(home).admit(due.tries > 0, now) {
                Admission::Go { probe } => {
                    let written = self.write(&due);
                    admitted.push(Admitted { due, probe, written });
                }
                Admission::Wait => {}
            }
        }
        Ok(admitted)
    }

    /// Writes the request, and seals its bytes for the ledger.
    fn write(&mut self, due: &Due) -> Result<(Dispatch, Event, Vec<u8>), Obstacle> {
        let (dispatch, event) = request::write(due, &self.snapshot)?;
        let seed = self.draw();
        let sealed = match self.snapshot.secrets.seal_keys.first() {
            Some((key_id, key)) => {
                seal_bytes(&dispatch_to_bytes(&dispatch), key, *key_id, due.event_id, seed)
            }
            None => Vec::new(),
        };
        Ok((dispatch, event, sealed))
    }

    fn begin(&mut self, admitted: &[Admitted], now: Timestamp) -> Result<(), ProcessorError> {
        let mut transaction = self.ledger.transaction(now)?;
        for each in admitted {
            let (event_id, number) = (each.due.event_id, each.due.tries.saturating_add(1));
            match &each.written {
                Ok((dispatch, _, sealed)) => transaction.begin(&Begun {
                    event_id,
                    number,
                    home: each.due.owner,
                    endpoint: &dispatch.endpoint,
                    line: &request::line(dispatch),
                    probe: each.probe,
                    request: sealed,
                })?,
                Err(obstacle) => transaction.hold(event_id, obstacle.code, &obstacle.why)?,
            }
        }
        transaction.commit()?;
        Ok(())
    }

    fn depart(&mut self, admitted: Admitted, now: Timestamp) -> Option<Delivery> {
        let due = admitted.due;
        let Ok((dispatch, event, _)) = admitted.written else {
            self.gate(due.owner).withdrawn();
            self.moved(due.event_id, "held");
            return None;
        };
        let id = DeliveryId { event_id: due.event_id, number: due.tries.saturating_add(1) };
        let tried = tried(&due, self.deduplicates(&due), admitted.probe);
        let (home, retry, endpoint) = (due.owner, due.tries > 0, dispatch.endpoint.clone());
        self.flying.insert(id, Flying { home, endpoint, event, tried, retry, began_at: now });
        let within = self.snapshot.policy.delivery.attempt_deadline;
        Some(Delivery { id, endpoint: dispatch.endpoint, request: dispatch.request, within })
    }

    /// Tells how attempts ended. If the ledger fails, what was told is kept and written with the next call.
    ///
    /// # Errors
    /// If the ledger fails; the conversions stand in flight until it works again.
    pub fn settle(&mut self, ended: Vec<Ended>, now: Timestamp) -> Result<(), ProcessorError> {
        self.unsettled.extend(ended.into_iter().map(|ended| (ended.id, (ended.result, now))));
        if self.unsettled.is_empty() {
            return Ok(());
        }
        let outcomes = std::mem::take(&mut self.unsettled);
        let settled: BTreeMap<DeliveryId, Settled> =
            outcomes.iter().filter_map(|(id, outcome)| Some((*id, self.judge(*id, outcome)?))).collect();
        if let Err(error) = self.finish(&outcomes, &settled, now) {
            self.unsettled = outcomes;
            return Err(error);
        }
        for (id, settled) in settled {
            self.landed(id, &settled, now);
        }
        Ok(())
    }

    /// What an outcome makes of its conversion; none if no such attempt is under way.
    fn judge(&mut self, id: DeliveryId, (result, at): &Outcome) -> Option<Settled> {
        let seed = self.draw();
        let flying = self.flying.get(&id)?;
        let outcome = match result {
            Ok(answer) => {
                let migration = &self.snapshot.migration;
                AttemptOutcome::Judged(migration.judge(flying.home, &flying.endpoint, &flying.event, answer))
            }
            Err(failure) => AttemptOutcome::Failed(failure.clone()),
        };
        Some(settle(&flying.tried, &outcome, &self.snapshot.policy.delivery, *at, seed))
    }

    fn finish(
        &mut self,
        outcomes: &[(DeliveryId, Outcome)],
        settled: &BTreeMap<DeliveryId, Settled>,
        now: Timestamp,
    ) -> Result<(), ProcessorError> {
        let mut transaction = self.ledger.transaction(now)?;
        for (id, (result, _)) in outcomes {
            let Some(settled) = settled.get(id) else { continue };
            let answer = result.as_ref().ok();
            let excerpt = answer.map(|answer| excerpt(&answer.body)).unwrap_or_default();
            let status = answer.map(|answer| answer.status);
            let (event_id, number) = (id.event_id, id.number);
            transaction.finish(&Finished { event_id, number, settled, status, excerpt: &excerpt })?;
        }
        transaction.commit()?;
        Ok(())
    }

    fn landed(&mut self, id: DeliveryId, settled: &Settled, now: Timestamp) {
        let Some(flying) = self.flying.remove(&id) else { return };
        let home = flying.home;
        let changed = self.gate(home).ended(settled, flying.retry, now);
        let took = now.since(flying.began_at);
        self.facts.push(Fact::Attempted { event_id: id.event_id, home, verdict: settled.verdict, took });
        self.moved(id.event_id, settled.state.name());
        if let Some(state) = changed {
            self.facts.push(Fact::BreakerChanged { home, open: state == BreakerState::Open });
        }
    }

    /// When [`Processor::next_deliveries`] may have something that it has not now; none if only a new batch or
    /// an outcome can bring something.
    ///
    /// # Errors
    /// If the ledger fails.
    pub fn next_wake(&self, now: Timestamp) -> Result<Option<Timestamp>, ProcessorError> {
        let mut wake: Option<Timestamp> = None;
        for (home, gate) in [(Home::Legacy, &self.legacy), (Home::Primary, &self.primary)] {
            for which in [Which::Fresh, Which::Retries] {
                let Some(due) = self.ledger.next_due(home, which)? else { continue };
                let at = gate.opens_at().map_or(due, |opens| opens.max(due));
                // What is due and does not go waits for a free place or for the budget: the first comes with
                // an outcome, the second with time.
                let at = if at <= now { now.plus(BUDGET_WAIT) } else { at };
                wake = Some(wake.map_or(at, |wake| wake.min(at)));
            }
        }
        Ok(wake)
    }

    /// Deliveries under way.
    pub fn in_flight(&self) -> usize {
        self.flying.len()
    }
}

/// How long to wait before asking the budget again.
const BUDGET_WAIT: Duration = Duration::from_millis(50);

/// The beginning of an answer, for people.
fn excerpt(body: &[u8]) -> String {
    let part = body.get(..body.len().min(EXCERPT_BYTES_MAX)).unwrap_or_default();
    let text = String::from_utf8_lossy(part);
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

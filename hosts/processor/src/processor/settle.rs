//! The outcomes of deliveries in.
//!
//! Many attempts end in one transaction. What the platform said is judged for each conversion by itself, and
//! what it says about the platform is counted once for each request.

use std::collections::BTreeMap;

use ledger::Finished;
use relay::Fact;
use relay::delivery::{Changes, Destination, Outcome, Settled, settle};
use resilience::breaker::State as BreakerState;
use tracking::{Answer, Home, Judged, SendFailure};
use units::Timestamp;
use units::limits::EXCERPT_BYTES_MAX;

use super::deliver::DeliveryId;
use super::quarantine::calmly;
use super::{Processor, ProcessorError};

/// How a delivery ended.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Ended {
    /// Which attempts it was; none if it was a probe.
    pub ids: Vec<DeliveryId>,
    /// Where it was sent to.
    pub destination: Destination,
    /// What came back.
    pub result: Result<Answer, SendFailure>,
}

/// What attempts made of their conversions, with the place of their delivery in what came.
type Verdicts = BTreeMap<DeliveryId, (usize, Settled)>;

impl Processor {
    /// Tells how deliveries ended. If the ledger fails, what was told is kept and written with the next call.
    ///
    /// # Errors
    /// If the ledger fails; the conversions stand in flight until it works again.
    pub fn settle(&mut self, ended: Vec<Ended>, now: Timestamp) -> Result<(), ProcessorError> {
        self.unsettled.extend(ended.into_iter().map(|ended| (ended, now)));
        if self.unsettled.is_empty() {
            return Ok(());
        }
        let (changes, came): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.unsettled).into_iter().partition(|(ended, _)| self.tells(ended));
        if !changes.is_empty()
            && let Err(error) = self.settle_changes(&changes, now)
        {
            self.unsettled = changes.into_iter().chain(came).collect();
            return Err(error);
        }
        let mut verdicts = Verdicts::new();
        for (place, (ended, at)) in came.iter().enumerate() {
            for id in &ended.ids {
                if let Some(settled) = self.judge(*id, &ended.result, *at) {
                    verdicts.entry(*id).or_insert((place, settled));
                }
            }
        }
        if let Err(error) = self.finish(&came, &verdicts, now) {
            self.unsettled = came;
            return Err(error);
        }
        for (ended, _) in came {
            if ended.ids.is_empty() {
                self.probed(&ended, now);
            } else {
                self.landed(&ended, &mut verdicts, now);
            }
        }
        Ok(())
    }

    /// What an outcome makes of a conversion; none if no such attempt is under way.
    fn judge(
        &mut self,
        id: DeliveryId,
        result: &Result<Answer, SendFailure>,
        at: Timestamp,
    ) -> Option<Settled> {
        let seed = self.draw();
        let flying = self.flying.get(&id)?;
        let outcome = match result {
            Ok(answer) => {
                let migration = &self.snapshot.migration;
                judged(|| migration.judge(flying.destination.home, &flying.endpoint, &flying.event, answer))
            }
            Err(failure) => Outcome::Failed(failure.clone()),
        };
        Some(settle(&flying.tried, &outcome, &self.snapshot.policy.delivery, at, seed))
    }

    fn finish(
        &mut self,
        came: &[(Ended, Timestamp)],
        verdicts: &Verdicts,
        now: Timestamp,
    ) -> Result<(), ProcessorError> {
        if verdicts.is_empty() {
            return Ok(());
        }
        let mut transaction = self.ledger.transaction(now)?;
        for (id, (place, settled)) in verdicts {
            let answer = came.get(*place).and_then(|(ended, _)| ended.result.as_ref().ok());
            let excerpt = answer.map(|answer| excerpt(&answer.body)).unwrap_or_default();
            let status = answer.map(|answer| answer.status);
            let (event_id, number) = (id.event_id, id.number);
            transaction.finish(&Finished { event_id, number, settled, status, excerpt: &excerpt })?;
        }
        transaction.commit()?;
        Ok(())
    }

    fn landed(&mut self, ended: &Ended, verdicts: &mut Verdicts, now: Timestamp) {
        let mut call = None;
        for id in &ended.ids {
            let (Some((_, settled)), Some(flying)) = (verdicts.remove(id), self.flying.remove(id)) else {
                continue;
            };
            let (home, took) = (flying.destination.home, now.since(flying.began_at));
            self.facts.push(Fact::Attempted { event_id: id.event_id, home, verdict: settled.verdict, took });
            self.moved(id.event_id, settled.state.name());
            // It answers to one call: what it said of any of them, it said.
            let health = call.map_or(settled.health, |(_, _, before)| settled.health.better(before));
            call = Some((flying.destination, flying.went, health));
        }
        if let Some((destination, went, health)) = call {
            let changes = self.gate(&destination).ended(health, went, now);
            self.changed(&destination, changes);
        }
    }

    /// A probe says something about the destination, and nothing about any conversion.
    fn probed(&mut self, ended: &Ended, now: Timestamp) {
        let destination = &ended.destination;
        let Some(place) = self.probing.iter().position(|probed| probed == destination) else { return };
        self.probing.swap_remove(place);
        let well = ended.result.as_ref().is_ok_and(|answer| self.answers_well(destination, answer));
        let breaker = self.gate(destination).probed(well, now);
        self.changed(destination, Changes { breaker, ..Changes::default() });
    }

    /// True if an answer to a probe says that the destination is up. What another of the platform's servers says to
    /// the path is not in the dialect: that it answers, and does not fail, is enough.
    fn answers_well(&self, destination: &Destination, answer: &Answer) -> bool {
        let migration = &self.snapshot.migration;
        if migration.probe_is_well(destination.home, answer) {
            return true;
        }
        let own = migration.probe(destination.home).map(|probe| probe.request.host);
        let elsewhere = self.host(destination).is_some_and(|host| Some(host) != own);
        elsewhere && answer.status < 500 && answer.status != 429
    }

    /// Tells what an outcome changed at a gate.
    pub(super) fn changed(&mut self, destination: &Destination, changes: Changes) {
        let breaker = changes.breaker.filter(|state| *state != BreakerState::HalfOpen);
        let breaker = breaker.map(|state| if state == BreakerState::Open { "down" } else { "up" });
        let resumed = changes.resumed.map(|_| "up");
        let paused = changes.paused.map(relay::delivery::Why::name);
        for condition in breaker.into_iter().chain(resumed).chain(paused) {
            let home = destination.home;
            let gates = self.gates.iter().filter(|(of, _)| of.home == home);
            let impaired = gates.filter(|(_, gate)| gate.asks_first() || gate.is_paused()).count();
            let endpoint = std::sync::Arc::clone(&destination.endpoint);
            let impaired = u64::try_from(impaired).unwrap_or(u64::MAX);
            self.facts.push(Fact::DestinationChanged { home, endpoint, condition, impaired });
        }
        self.tell_down(destination.home);
    }

    /// Tells whether a platform counts as down, if that has changed.
    fn tell_down(&mut self, home: Home) {
        let open = self.is_down(home);
        let told = match home {
            Home::Legacy => &mut self.told_down[0],
            Home::Primary => &mut self.told_down[1],
        };
        if std::mem::replace(told, open) != open {
            self.facts.push(Fact::BreakerChanged { home, open });
        }
    }
}

/// An answer as it is read. One that makes the reading fail may mean anything.
pub(super) fn judged(read: impl FnOnce() -> Judged) -> Outcome {
    calmly(read).map_or_else(|panic| Outcome::Failed(SendFailure::Ambiguous(panic)), Outcome::Judged)
}

/// The beginning of an answer, for people.
pub(super) fn excerpt(body: &[u8]) -> String {
    let part = body.get(..body.len().min(EXCERPT_BYTES_MAX)).unwrap_or_default();
    let text = String::from_utf8_lossy(part);
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

//! The outcomes of deliveries in.
//!
//! Many attempts end in one transaction. What the platform said is judged for each conversion by itself, and
//! what it says about the platform is counted once for each request.

use std::collections::BTreeMap;

use ledger::{Finished, LedgerError, Transaction};
use relay::Fact;
use relay::delivery::{Changes, Destination, Outcome, Settled, settle};
use resilience::breaker::State as BreakerState;
use tracking::{Answer, Home, Judged, SendFailure};
use units::limits::EXCERPT_BYTES_MAX;
use units::{EventId, Timestamp};

use super::deliver::DeliveryId;
use super::quarantine::{Step, calmly};
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

/// How a delivery ended that is not in the ledger yet.
#[derive(Debug)]
pub(super) struct Unsettled {
    pub(super) ended: Ended,
    pub(super) at: Timestamp,
    /// True once its gate knows, which hears of each call once however often the ledger fails.
    counted: bool,
}

/// Outcomes, judged, on their way into the ledger.
#[derive(Debug, Default)]
pub(super) struct Landing {
    came: Vec<Unsettled>,
    verdicts: Verdicts,
}

impl Landing {
    /// True if nothing is to be written.
    pub(super) fn is_empty(&self) -> bool {
        self.verdicts.is_empty()
    }

    /// Writes down what became of each conversion.
    pub(super) fn write(&self, transaction: &mut Transaction<'_>) -> Result<(), LedgerError> {
        for (id, (place, settled)) in &self.verdicts {
            let result = self.came.get(*place).map(|one| &one.ended.result);
            finish(transaction, *id, settled, result.and_then(|result| result.as_ref().ok()))?;
        }
        Ok(())
    }
}

/// Writes down what became of one conversion.
pub(super) fn finish(
    transaction: &mut Transaction<'_>,
    id: DeliveryId,
    settled: &Settled,
    answer: Option<&Answer>,
) -> Result<(), LedgerError> {
    let excerpt = answer.map(|answer| excerpt(&answer.body)).unwrap_or_default();
    let (event_id, number, status) = (id.event_id, id.number, answer.map(|answer| answer.status));
    transaction.finish(&Finished { event_id, number, settled, status, excerpt: &excerpt })
}

impl Processor {
    /// Tells how deliveries ended. If the ledger fails, what was told is kept and written with the next call.
    ///
    /// # Errors
    /// If the ledger fails; the conversions stand in flight until it works again.
    pub fn settle(&mut self, ended: Vec<Ended>, now: Timestamp) -> Result<(), ProcessorError> {
        let landing = self.hear(ended, now)?;
        self.write_down(landing, &[], now)
    }

    /// Hears how deliveries ended: their gates know from now on, and what they make of their conversions is to be written
    /// down. If the ledger fails, what was told is kept for the next call.
    pub(super) fn hear(&mut self, ended: Vec<Ended>, now: Timestamp) -> Result<Landing, ProcessorError> {
        let (probes, ended): (Vec<_>, Vec<_>) = ended.into_iter().partition(|ended| ended.ids.is_empty());
        probes.iter().for_each(|probe| self.probed(probe, now));
        self.unsettled.extend(ended.into_iter().map(|ended| Unsettled { ended, at: now, counted: false }));
        let (changes, mut came): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.unsettled).into_iter().partition(|one| self.tells(&one.ended));
        if !changes.is_empty()
            && let Err(error) = self.settle_changes(&changes, now)
        {
            self.unsettled = changes.into_iter().chain(came).collect();
            return Err(error);
        }
        let mut verdicts = Verdicts::new();
        for (place, one) in came.iter().enumerate() {
            for id in &one.ended.ids {
                if let Some(settled) = self.judge(*id, &one.ended.result, one.at) {
                    verdicts.entry(*id).or_insert((place, settled));
                }
            }
        }
        for one in came.iter_mut().filter(|one| !one.counted) {
            self.count(&one.ended, &verdicts, now);
            one.counted = true;
        }
        Ok(Landing { came, verdicts })
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

    /// Tells a gate what an ended call says of its destination. It answers to one call: what it said of any conversion in
    /// it, it said.
    fn count(&mut self, ended: &Ended, verdicts: &Verdicts, now: Timestamp) {
        let mut call = None;
        for id in &ended.ids {
            let (Some((_, settled)), Some(flying)) = (verdicts.get(id), self.flying.get(id)) else {
                continue;
            };
            let health = call.map_or(settled.health, |(_, before)| settled.health.better(before));
            call = Some((flying.went, health));
        }
        if let Some((went, health)) = call {
            let changes = self.gate(&ended.destination).ended(health, went, now);
            self.changed(&ended.destination, changes);
        }
    }

    /// Outcomes are in the ledger: what they were of is under way no more.
    pub(super) fn landed(&mut self, landing: Landing, now: Timestamp) {
        for (id, (_, settled)) in landing.verdicts {
            let Some(flying) = self.flying.remove(&id) else { continue };
            let (home, took) = (flying.destination.home, now.since(flying.began_at));
            self.facts.push(Fact::Attempted { event_id: id.event_id, home, verdict: settled.verdict, took });
            self.moved(id.event_id, settled.state.name());
        }
    }

    /// Outcomes could not be written down: the next call tries again.
    pub(super) fn not_landed(&mut self, landing: Landing) {
        self.unsettled = landing.came;
    }

    /// Sets aside what cannot be written down of the outcomes that wait for it: as under way they stay, and so does
    /// everything beside them.
    pub(super) fn set_outcomes_apart(&mut self, now: Timestamp) -> Result<(), ProcessorError> {
        let came = std::mem::take(&mut self.unsettled);
        let mut judged = Vec::new();
        for one in &came {
            for id in &one.ended.ids {
                let settled = self.judge(*id, &one.ended.result, one.at);
                judged.extend(settled.map(|settled| (*id, settled, one.ended.result.as_ref().ok())));
            }
        }
        let mut steps: Vec<(EventId, Step<'_>)> = Vec::with_capacity(judged.len());
        for (id, settled, answer) in &judged {
            let end = |transaction: &mut Transaction<'_>| finish(transaction, *id, settled, *answer);
            steps.push((id.event_id, Box::new(end)));
        }
        let aside = self.set_aside_what_fails(&steps, now);
        drop(steps);
        self.unsettled = came;
        for event_id in aside? {
            self.flying.retain(|id, _| id.event_id != event_id);
            self.unsettled.iter_mut().for_each(|one| one.ended.ids.retain(|id| id.event_id != event_id));
        }
        self.unsettled.retain(|one| !one.ended.ids.is_empty());
        Ok(())
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

//! The outcomes of deliveries in.
//!
//! Many attempts end in one transaction. What the platform said is judged for each conversion by itself, and
//! what it says about the platform is counted once for each request.

use std::collections::BTreeMap;

use ledger::Finished;
use relay::Fact;
use relay::delivery::{Health, Outcome, Settled, settle};
use resilience::breaker::State as BreakerState;
use tracking::{Answer, Home, SendFailure};
use units::Timestamp;
use units::limits::EXCERPT_BYTES_MAX;

use super::deliver::DeliveryId;
use super::{Processor, ProcessorError};

/// How a delivery ended.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Ended {
    /// Which attempts it was; none if it was a probe.
    pub ids: Vec<DeliveryId>,
    /// The platform that it was sent to.
    pub home: Home,
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
                Outcome::Judged(migration.judge(flying.home, &flying.endpoint, &flying.event, answer))
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
            let (home, took) = (flying.home, now.since(flying.began_at));
            self.facts.push(Fact::Attempted { event_id: id.event_id, home, verdict: settled.verdict, took });
            self.moved(id.event_id, settled.state.name());
            let health = call.map_or(settled.health, |(_, _, before)| better(before, settled.health));
            call = Some((home, flying.went, health));
        }
        if let Some((home, went, health)) = call {
            let changed = self.gate(home).ended(health, went, now);
            self.breaker_changed(home, changed);
        }
    }

    /// A probe says something about the platform, and nothing about any conversion.
    fn probed(&mut self, ended: &Ended, now: Timestamp) {
        let home = ended.home;
        let Some(place) = self.probing.iter().position(|probed| *probed == home) else { return };
        self.probing.swap_remove(place);
        let answer = ended.result.as_ref().ok();
        let well = answer.is_some_and(|answer| self.snapshot.migration.probe_is_well(home, answer));
        let changed = self.gate(home).probed(well, now);
        self.breaker_changed(home, changed);
    }

    pub(super) fn breaker_changed(&mut self, home: Home, changed: Option<BreakerState>) {
        let fact = changed.map(|state| Fact::BreakerChanged { home, open: state == BreakerState::Open });
        self.facts.extend(fact);
    }
}

/// What an answer to several says about the platform: it answers if it took a stand on any of them.
const fn better(one: Health, other: Health) -> Health {
    match (one, other) {
        (Health::Well, _) | (_, Health::Well) => Health::Well,
        (Health::Refuses, _) | (_, Health::Refuses) => Health::Refuses,
        (Health::Failed, Health::Failed) => Health::Failed,
    }
}

/// The beginning of an answer, for people.
pub(super) fn excerpt(body: &[u8]) -> String {
    let part = body.get(..body.len().min(EXCERPT_BYTES_MAX)).unwrap_or_default();
    let text = String::from_utf8_lossy(part);
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

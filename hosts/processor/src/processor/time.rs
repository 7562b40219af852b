//! What happens with time alone.
//!
//! The schedule stands in the ledger in the time of the wall clock, because it outlives the process and the machine.
//! That clock may be set. A jump ahead makes everything due at once, which the paces and places of each destination
//! bound. After a jump back what is scheduled would wait for the old time to come again: where the jump is seen, the
//! schedule goes back with the clock, and one trial too early harms nothing. Where it is not, nothing is ever scheduled further ahead than its own schedule
//! says, so that whatever lies further is pulled in. Every wait that is kept in memory begins anew or is over.

use std::time::Duration;

use relay::Fact;
use units::Timestamp;
use units::limits::SCHEDULED_AHEAD_MAX;

use super::{Processor, ProcessorError};

/// A clock that goes back by less is only adjusted.
const SET_BACK_MIN: Duration = Duration::from_secs(1);

/// How often what lies too far ahead is looked for: an edge's clock may be wrong too.
const PULLED_IN_EVERY: Duration = Duration::from_secs(60);

/// What is to be done at which time.
#[derive(Debug)]
pub(super) struct Times {
    /// The latest time that was heard.
    pub(super) latest: Timestamp,
    pull_in_at: Timestamp,
}

impl Times {
    pub(super) const fn new(now: Timestamp) -> Self {
        Self { latest: now, pull_in_at: now }
    }
}

impl Processor {
    /// Hears the time.
    pub(super) fn keep_time(&mut self, now: Timestamp) -> Result<(), ProcessorError> {
        let by = self.times.latest.since(now);
        if by >= SET_BACK_MIN {
            // Before the time is taken over: if the ledger fails, the next turn sees it again.
            let latest = now.plus(self.snapshot.policy.delivery.evidence_wait);
            self.ledger.set_back(now, by, latest)?;
            self.facts.push(Fact::ClockSetBack { by });
            self.times = Times::new(now);
            (self.redrive_at, self.recall_at, self.change_at) = (now, now, now);
            self.pace.begin_anew(&self.lanes, now);
            self.gates.values_mut().for_each(|gate| gate.clock_went_back(now));
        }
        self.times.latest = self.times.latest.max(now);
        if now >= self.times.pull_in_at {
            let policy = &self.snapshot.policy.delivery;
            let ahead =
                SCHEDULED_AHEAD_MAX.saturating_add(policy.evidence_wait).saturating_add(policy.backoff_max);
            let pulled = self.ledger.pull_in(now, now.plus(ahead))?;
            // There may be more of them than go at once.
            self.times.pull_in_at = if pulled > 0 { now } else { now.plus(PULLED_IN_EVERY) };
        }
        Ok(())
    }
}

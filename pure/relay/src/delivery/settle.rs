//! What the outcome of an attempt makes of a conversion.

use core::time::Duration;

use resilience::Backoff;
use tracking::{Judged, SendFailure, Verdict};
use units::limits::RETRY_AFTER_MAX;
use units::{Seed, Timestamp};

use super::State;
use crate::policy::DeliveryPolicy;

/// How an attempt ended.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Outcome {
    /// An answer came and was judged.
    Judged(Judged),
    /// No complete answer came.
    Failed(SendFailure),
    /// This process ended while the attempt was under way.
    Interrupted,
}

/// What is known of the attempt that ended, and of those before it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Tried {
    /// True if the owner is known to deduplicate this programme's conversions.
    pub deduplicates: bool,
    /// Attempts before this one that count towards the limit.
    pub counted: u32,
    /// True if an attempt before this one may have been processed.
    pub ambiguous: bool,
    /// True if this attempt was the probe of an open breaker.
    pub probe: bool,
    /// True if our credentials are known to be refused for its merchant alone.
    pub alone: bool,
}

/// What the outcome says about the destination.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum Health {
    /// It took the conversion.
    Well,
    /// It answered as it should, and wants this conversion never.
    Rejects,
    /// It asks us to wait so long.
    Throttles(Duration),
    /// It refuses our credentials.
    Refuses,
    /// It gave a whole answer that the dialect does not know.
    NotUnderstood,
    /// It did not answer, or said that it cannot.
    Failed,
    /// It could not be reached, whoever the merchant was.
    Unreachable,
}

impl Health {
    /// What an answer to several conversions says: the best that it says of any of them.
    #[must_use]
    pub const fn better(self, other: Self) -> Self {
        if other.rank() < self.rank() { other } else { self }
    }

    const fn rank(self) -> u8 {
        match self {
            Self::Well => 0,
            Self::Rejects => 1,
            Self::Throttles(_) => 2,
            Self::Refuses => 3,
            Self::NotUnderstood => 4,
            Self::Failed => 5,
            Self::Unreachable => 6,
        }
    }

    /// What an outcome says that was read as `verdict`.
    fn of(outcome: &Outcome, verdict: Verdict) -> Self {
        match (verdict, outcome) {
            (Verdict::Confirmed | Verdict::Taken, _) => Self::Well,
            (Verdict::Rejected, _) => Self::Rejects,
            (Verdict::Paused, _) => Self::Refuses,
            (Verdict::Later, Outcome::Judged(Judged { retry_after: Some(wait), .. })) => {
                Self::Throttles((*wait).min(RETRY_AFTER_MAX))
            }
            (Verdict::Unknown, Outcome::Judged(Judged { understood: false, .. })) => Self::NotUnderstood,
            (Verdict::Later, Outcome::Failed(SendFailure::NothingSent(_))) => Self::Unreachable,
            (Verdict::Later | Verdict::Unknown, _) => Self::Failed,
        }
    }
}

/// What a conversion becomes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Settled {
    /// The new state.
    pub state: State,
    /// When to try again, if it is queued.
    pub due_at: Option<Timestamp>,
    /// Attempts that count towards the limit, this one included if it does.
    pub counted: u32,
    /// True if this attempt or one before it may have been processed: only the same bytes may be sent again.
    pub ambiguous: bool,
    /// What the attempt came to.
    pub verdict: Verdict,
    /// Why, for people.
    pub reason: String,
    /// What it says about the platform.
    pub health: Health,
}

/// What the outcome of an attempt makes of a conversion.
pub fn settle(
    tried: &Tried,
    outcome: &Outcome,
    policy: &DeliveryPolicy,
    now: Timestamp,
    seed: Seed,
) -> Settled {
    let (verdict, reason, retry_after) = read(outcome);
    let ambiguous = tried.ambiguous || verdict == Verdict::Unknown;
    let health = Health::of(outcome, verdict);
    // An attempt that only found a platform down or busy, or our own credentials refused, says nothing about the
    // conversion: were it counted, a long outage would make dead letters. Refused for one merchant alone, they are work for
    // a person, as that merchant's mistakes are.
    let counts = match verdict {
        Verdict::Paused => tried.alone,
        Verdict::Later if matches!(health, Health::Throttles(_)) => false,
        Verdict::Later | Verdict::Unknown => !tried.probe,
        Verdict::Confirmed | Verdict::Taken | Verdict::Rejected => true,
    };
    let counted = tried.counted.saturating_add(u32::from(counts));
    let exhausted = counted >= policy.attempts_max.max(1);
    let state = match verdict {
        Verdict::Confirmed => State::Confirmed,
        Verdict::Taken => State::Taken,
        // An attempt before this one may have been booked, and the refusal speaks of this one alone.
        Verdict::Rejected if tried.ambiguous => State::Unknown,
        Verdict::Rejected => State::Rejected,
        Verdict::Unknown if !tried.deduplicates => State::Unknown,
        Verdict::Paused if !counts => State::Queued,
        Verdict::Paused | Verdict::Later | Verdict::Unknown if !exhausted => State::Queued,
        Verdict::Paused | Verdict::Later | Verdict::Unknown if ambiguous => State::Unknown,
        Verdict::Paused | Verdict::Later | Verdict::Unknown => State::Dead,
    };
    let backoff = Backoff { first: policy.backoff_first, max: policy.backoff_max };
    let wait = backoff.wait(counted.max(1), seed).max(retry_after.unwrap_or_default().min(RETRY_AFTER_MAX));
    let due_at = (state == State::Queued).then(|| now.plus(wait));
    Settled { state, due_at, counted, ambiguous, verdict, reason, health }
}

/// What a crash makes of a conversion that was found in flight: its attempt may have been processed.
pub fn recover(tried: &Tried, policy: &DeliveryPolicy, now: Timestamp, seed: Seed) -> Settled {
    settle(tried, &Outcome::Interrupted, policy, now, seed)
}

fn read(outcome: &Outcome) -> (Verdict, String, Option<Duration>) {
    match outcome {
        Outcome::Judged(judged) => (judged.verdict, judged.reason.clone(), judged.retry_after),
        Outcome::Failed(SendFailure::NothingSent(why)) => {
            (Verdict::Later, format!("nothing sent: {why}"), None)
        }
        Outcome::Failed(SendFailure::Ambiguous(why)) => {
            (Verdict::Unknown, format!("may have been processed: {why}"), None)
        }
        Outcome::Interrupted => {
            (Verdict::Unknown, "may have been processed: this process ended meanwhile".to_owned(), None)
        }
    }
}

#[cfg(test)]
mod tests;

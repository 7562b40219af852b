//! How much of a total time is left.
//!
//! A deadline is one point in time for a whole procedure. Each step is given what is left of it, so that
//! three steps of a second each cannot add up to more than the caller was promised; a fresh timeout for each
//! step would let them.

use core::time::Duration;

use units::Timestamp;

/// The point in time at which a procedure must be over.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Deadline(Timestamp);

impl Deadline {
    /// The deadline `total` after `now`.
    pub fn after(now: Timestamp, total: Duration) -> Self {
        Self(now.plus(total))
    }

    /// The point in time.
    pub const fn at(self) -> Timestamp {
        self.0
    }

    /// What is left at `now`; none if it has passed.
    pub fn left(self, now: Timestamp) -> Option<Duration> {
        (now < self.0).then(|| self.0.since(now))
    }

    /// What one step may take: what is left, and at most `step_max`; none if the deadline has passed.
    pub fn step(self, now: Timestamp, step_max: Duration) -> Option<Duration> {
        self.left(now).map(|left| left.min(step_max))
    }

    /// A deadline within this one: never later.
    #[must_use]
    pub fn within(self, now: Timestamp, total: Duration) -> Self {
        Self(now.plus(total).min(self.0))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn it_shrinks_and_ends() {
        let at = Timestamp::from_millis;
        let deadline = Deadline::after(at(100), Duration::from_millis(50));
        assert_eq!(deadline.left(at(120)), Some(Duration::from_millis(30)));
        assert_eq!(deadline.step(at(120), Duration::from_millis(10)), Some(Duration::from_millis(10)));
        assert_eq!(deadline.left(at(150)), None);
        assert_eq!(deadline.within(at(120), Duration::from_secs(9)), deadline);
    }

    proptest! {
        #[test]
        fn steps_never_outlast_it(total in 0_u64..10_000, steps in prop::collection::vec(1_u64..5_000, 0..20)) {
            let deadline = Deadline::after(Timestamp::default(), Duration::from_millis(total));
            let mut now = Timestamp::default();
            for step in steps {
                let Some(within) = deadline.step(now, Duration::from_millis(step)) else { break };
                now = now.plus(within);
            }
            prop_assert!(now <= deadline.at());
        }
    }
}

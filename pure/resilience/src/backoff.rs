//! How long to wait before the next try.
//!
//! The ceiling doubles with each failure, and the wait is drawn evenly from zero to the ceiling ("full
//! jitter"): clients that failed together come back spread out, and the load that a recovering platform
//! sees falls with each round. A fixed or half-jittered wait keeps the herd together.

use core::time::Duration;

use units::{Chance, Seed};

/// An exponential schedule with full jitter.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Backoff {
    /// The ceiling after the first failure.
    pub first: Duration,
    /// The highest ceiling.
    pub max: Duration,
}

impl Backoff {
    /// The longest wait after this many failures in a row; zero if there was none.
    pub fn ceiling(&self, failures: u32) -> Duration {
        let Some(doublings) = failures.checked_sub(1) else { return Duration::ZERO };
        let factor = 1_u32.checked_shl(doublings).unwrap_or(u32::MAX);
        self.first.checked_mul(factor).unwrap_or(self.max).min(self.max)
    }

    /// The wait after this many failures in a row, drawn from `seed`.
    pub fn wait(&self, failures: u32, seed: Seed) -> Duration {
        let ceiling = u64::try_from(self.ceiling(failures).as_millis()).unwrap_or(u64::MAX);
        let bound = ceiling.saturating_add(1);
        Duration::from_millis(Chance::new(seed.fork(u64::from(failures))).below(bound))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);
    const BACKOFF: Backoff = Backoff { first: SECOND, max: Duration::from_secs(60) };

    #[test]
    fn the_ceiling_doubles_up_to_the_maximum() {
        let seconds = |failures| BACKOFF.ceiling(failures).as_secs();
        assert_eq!([0, 1, 2, 3, 6, 7, 8, 33, u32::MAX].map(seconds), [0, 1, 2, 4, 32, 60, 60, 60, 60]);
    }

    #[test]
    fn waits_spread_over_the_whole_range() {
        let waits: Vec<u128> = (0..1000).map(|n| BACKOFF.wait(7, Seed(n)).as_millis()).collect();
        assert!(waits.iter().any(|&wait| wait < 6_000), "none in the first tenth");
        assert!(waits.iter().any(|&wait| wait > 54_000), "none in the last tenth");
    }

    proptest! {
        #[test]
        fn no_wait_exceeds_its_ceiling(failures: u32, seed: u128) {
            prop_assert!(BACKOFF.wait(failures, Seed(seed)) <= BACKOFF.ceiling(failures));
            prop_assert_eq!(BACKOFF.wait(failures, Seed(seed)), BACKOFF.wait(failures, Seed(seed)));
        }
    }
}

//! Whether there is enough evidence that something fails.
//!
//! Calls are counted in a fixed window of time, cut into buckets, so that what was long ago says nothing about
//! now. A share of failures means nothing where there were few calls: one of one is all of them. So there are
//! two ways to be sure. Where calls are many, a share of them. And failures in a row: a few where calls are few,
//! however far apart they came, and more the more calls there are, up to a limit: a busy platform that goes down
//! is not called for half a window more.

use core::time::Duration;

use units::Timestamp;

/// Buckets of a window. What falls out of it falls out in tenths.
const BUCKETS: usize = 10;

/// What counts as enough evidence.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Evidence {
    /// How long a call counts.
    pub window: Duration,
    /// Calls in the window from which their share of failures is judged, and failures in a row that are enough
    /// in any traffic. At least one. With fewer calls than four times that, a quarter of them in a row is enough.
    pub calls_min: u32,
    /// The share of failures, in percent, that is enough.
    pub failure_percent: u32,
    /// Failures in a row that are needed however few calls there were. At least one.
    pub in_a_row: u32,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
struct Bucket {
    calls: u32,
    failures: u32,
}

/// The calls of a window.
#[derive(Clone, Debug)]
pub struct Window {
    evidence: Evidence,
    buckets: [Bucket; BUCKETS],
    /// The number of the newest bucket, counted from the epoch.
    newest: i64,
    in_a_row: u32,
}

impl Window {
    /// An empty window.
    pub const fn new(evidence: Evidence) -> Self {
        Self { evidence, buckets: [Bucket { calls: 0, failures: 0 }; BUCKETS], newest: 0, in_a_row: 0 }
    }

    /// Counts a call. True if there is enough evidence of failure with it.
    pub fn record(&mut self, ok: bool, now: Timestamp) -> bool {
        self.turn(now);
        let failure = u32::from(!ok);
        let place = self.place();
        if let Some(bucket) = self.buckets.get_mut(place) {
            bucket.calls = bucket.calls.saturating_add(1);
            bucket.failures = bucket.failures.saturating_add(failure);
        }
        self.in_a_row = if ok { 0 } else { self.in_a_row.saturating_add(1) };
        !ok && self.is_enough()
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        self.buckets = [Bucket::default(); BUCKETS];
        self.in_a_row = 0;
    }

    /// Failures without a success between them.
    pub const fn in_a_row(&self) -> u32 {
        self.in_a_row
    }

    fn is_enough(&self) -> bool {
        let (calls, failures) = self.sums();
        let calls_min = self.evidence.calls_min.max(1);
        // The more calls there are, the longer a row comes by chance.
        let row = u32::try_from(calls.div_euclid(4)).unwrap_or(u32::MAX);
        let row = row.max(self.evidence.in_a_row.max(1)).min(calls_min);
        let share =
            failures.saturating_mul(100) >= calls.saturating_mul(self.evidence.failure_percent.into());
        self.in_a_row >= row || calls >= u64::from(calls_min) && share
    }

    fn sums(&self) -> (u64, u64) {
        self.buckets.iter().fold((0_u64, 0_u64), |(calls, failures), bucket| {
            (calls.saturating_add(bucket.calls.into()), failures.saturating_add(bucket.failures.into()))
        })
    }

    fn place(&self) -> usize {
        let buckets = i64::try_from(BUCKETS).unwrap_or(1);
        usize::try_from(self.newest.rem_euclid(buckets)).unwrap_or(0)
    }

    /// Makes the bucket of `now` the newest, and empties those that have fallen out of the window. A clock that
    /// was set back by more than a window starts an empty one; by less, it counts in the newest.
    fn turn(&mut self, now: Timestamp) {
        let buckets = i64::try_from(BUCKETS).unwrap_or(1);
        let millis = i64::try_from(self.evidence.window.as_millis()).unwrap_or(i64::MAX);
        let number = now.as_millis().div_euclid(millis.div_euclid(buckets).max(1));
        if number > self.newest.saturating_sub(buckets) && number <= self.newest {
            return;
        }
        if number > self.newest && number < self.newest.saturating_add(buckets) {
            while self.newest < number {
                self.newest = self.newest.saturating_add(1);
                let place = self.place();
                if let Some(bucket) = self.buckets.get_mut(place) {
                    *bucket = Bucket::default();
                }
            }
            return;
        }
        self.buckets = [Bucket::default(); BUCKETS];
        self.newest = number;
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use proptest::prelude::*;

    use super::*;

    const EVIDENCE: Evidence =
        Evidence { window: Duration::from_secs(10), calls_min: 20, failure_percent: 50, in_a_row: 3 };

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millis(millis)
    }

    #[test]
    fn one_failure_of_one_call_is_no_evidence_and_three_in_a_row_are() {
        let mut window = Window::new(EVIDENCE);
        let hour = 3_600_000;
        let enough = [1, 2, 3].map(|call| window.record(false, at(call * hour)));
        assert_eq!(enough, [false, false, true], "however far apart");
    }

    #[test]
    fn a_few_failures_of_many_calls_are_no_evidence() {
        let mut window = Window::new(EVIDENCE);
        for call in 0..2_000_i64 {
            // Six in a row out of twenty: a third of them.
            assert!(!window.record(call < 100 || call % 20 >= 6, at(call * 10)), "{call}");
        }
    }

    #[test]
    fn half_of_many_calls_are_evidence() {
        let mut window = Window::new(EVIDENCE);
        let first = (0..100_i64).find(|call| window.record(call % 2 == 0, at(call * 10)));
        assert_eq!(first, Some(19), "as soon as there are enough calls");
    }

    #[test]
    fn a_busy_platform_that_goes_down_is_judged_by_a_row() {
        let mut window = Window::new(EVIDENCE);
        (0..10_000_i64).for_each(|call| assert!(!window.record(true, at(call))));
        let needed = (0..100_i64).find(|call| window.record(false, at(10_000 + call)));
        assert_eq!(needed, Some(19));
    }

    #[test]
    fn a_clock_that_was_set_back_starts_an_empty_window() {
        let mut window = Window::new(EVIDENCE);
        let now = 1_000_000_000_000;
        for call in 0..40_i64 {
            window.record(call % 3 > 0, at(now + call));
        }
        assert_eq!(window.sums(), (40, 14));
        assert!(!window.record(true, at(now - 2 * 86_400_000)));
        assert_eq!(window.sums(), (1, 0));
    }

    proptest! {
        /// The window holds what a list of the last calls holds, but for the bucket that is on its way out.
        #[test]
        fn it_counts_what_lies_in_it(steps in prop::collection::vec((any::<bool>(), 0_i64..3_000), 1..200)) {
            let (mut window, mut calls, mut now) = (Window::new(EVIDENCE), VecDeque::new(), 0);
            for (ok, pause) in steps {
                now += pause;
                window.record(ok, at(now));
                calls.push_back((now, ok));
                let oldest = (now / 1000 - 9) * 1000;
                calls.retain(|(then, _)| *then >= oldest);
                let failures = calls.iter().filter(|(_, ok)| !ok).count() as u64;
                prop_assert_eq!(window.sums(), (calls.len() as u64, failures));
            }
        }

        /// Nothing opens without a row or a share, whatever the history.
        #[test]
        fn enough_is_never_said_of_little(steps in prop::collection::vec((any::<bool>(), 0_i64..500), 1..300)) {
            let (mut window, mut now, mut row) = (Window::new(EVIDENCE), 0, 0);
            for (ok, pause) in steps {
                now += pause;
                row = if ok { 0 } else { row + 1 };
                if window.record(ok, at(now)) {
                    let (calls, failures) = window.sums();
                    prop_assert!(row >= 3 || (calls >= 20 && failures * 2 >= calls), "{row} {calls} {failures}");
                }
            }
        }
    }
}

//! Live numbers of one edge, cheap enough to count every request.
//!
//! Times go into buckets that are at most a fifth apart, one atomic each. A reading is a copy of all numbers;
//! rates and percentiles are made from the difference of two readings, by whoever wants them.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Buckets for every power of two.
const STEPS: u64 = 4;

/// Enough buckets for an hour in microseconds.
const BUCKETS: usize = 128;

/// The numbers, counted.
#[derive(Debug)]
pub(crate) struct Stats {
    requests: AtomicU64,
    refused: AtomicU64,
    captured: AtomicU64,
    not_captured: AtomicU64,
    recorded: AtomicU64,
    not_recorded: AtomicU64,
    handed_over: AtomicU64,
    took: [AtomicU64; BUCKETS],
}

impl Default for Stats {
    fn default() -> Self {
        Self {
            requests: AtomicU64::new(0),
            refused: AtomicU64::new(0),
            captured: AtomicU64::new(0),
            not_captured: AtomicU64::new(0),
            recorded: AtomicU64::new(0),
            not_recorded: AtomicU64::new(0),
            handed_over: AtomicU64::new(0),
            took: [const { AtomicU64::new(0) }; BUCKETS],
        }
    }
}

impl Stats {
    pub(crate) fn replied(&self, took: Duration) {
        add(&self.requests, 1);
        if let Some(bucket) = self.took.get(bucket_of(micros(took))) {
            add(bucket, 1);
        }
    }

    pub(crate) fn refused(&self) {
        add(&self.refused, 1);
    }

    /// An entry was to be made durable before the reply.
    pub(crate) fn captured(&self, durable: bool) {
        add(if durable { &self.captured } else { &self.not_captured }, 1);
    }

    /// An entry was to be recorded without waiting.
    pub(crate) fn recorded(&self, taken: bool) {
        add(if taken { &self.recorded } else { &self.not_recorded }, 1);
    }

    pub(crate) fn handed_over(&self, entries: u64) {
        add(&self.handed_over, entries);
    }

    pub(crate) fn read(&self) -> Reading {
        let load = |number: &AtomicU64| number.load(Ordering::Relaxed);
        Reading {
            at: Instant::now(),
            requests: load(&self.requests),
            refused: load(&self.refused),
            captured: load(&self.captured),
            not_captured: load(&self.not_captured),
            recorded: load(&self.recorded),
            not_recorded: load(&self.not_recorded),
            handed_over: load(&self.handed_over),
            took: std::array::from_fn(|bucket| self.took.get(bucket).map_or(0, load)),
        }
    }
}

/// The numbers of one moment, counted since the start.
#[derive(Clone, Debug)]
pub struct Reading {
    /// When they were read.
    pub at: Instant,
    /// Requests replied to.
    pub requests: u64,
    /// Requests refused at the gate.
    pub refused: u64,
    /// Entries made durable before their reply.
    pub captured: u64,
    /// Entries that could not be made durable; none of them was acknowledged.
    pub not_captured: u64,
    /// Entries recorded without waiting.
    pub recorded: u64,
    /// Records dropped because the disk was behind. Never money.
    pub not_recorded: u64,
    /// Entries that the processor has taken.
    pub handed_over: u64,
    took: [u64; BUCKETS],
}

impl Reading {
    /// Requests for each second since `earlier`, rounded.
    pub fn requests_per_second(&self, earlier: &Self) -> u64 {
        let millis = self.at.saturating_duration_since(earlier.at).as_millis().max(1);
        let requests = u128::from(self.requests.saturating_sub(earlier.requests));
        u64::try_from((requests * 1000 + millis / 2) / millis).unwrap_or(u64::MAX)
    }

    /// The time within which `percent` of the requests since `earlier` were replied to; at most a fifth too
    /// long. None if there were none.
    pub fn percentile(&self, earlier: &Self, percent: u8) -> Option<Duration> {
        let counts: Vec<u64> =
            self.took.iter().zip(&earlier.took).map(|(now, then)| now.saturating_sub(*then)).collect();
        let total: u64 = counts.iter().sum();
        let wanted = total.saturating_mul(u64::from(percent.min(100))).div_ceil(100).max(1);
        let mut seen = 0;
        let bucket = counts.iter().position(|count| {
            seen += count;
            seen >= wanted
        });
        bucket.map(|bucket| Duration::from_micros(upper_bound(bucket)))
    }
}

fn add(number: &AtomicU64, count: u64) {
    number.fetch_add(count, Ordering::Relaxed);
}

fn micros(took: Duration) -> u64 {
    u64::try_from(took.as_micros()).unwrap_or(u64::MAX)
}

/// The bucket of a time: its power of two and the two bits below it.
fn bucket_of(micros: u64) -> usize {
    let bucket = if micros < STEPS {
        micros
    } else {
        let power = u64::from(micros.ilog2());
        (power - 1) * STEPS + ((micros >> (power - 2)) & (STEPS - 1))
    };
    usize::try_from(bucket).map_or(BUCKETS - 1, |bucket| bucket.min(BUCKETS - 1))
}

/// The longest time of a bucket, in microseconds.
fn upper_bound(bucket: usize) -> u64 {
    let bucket = bucket as u64;
    if bucket < STEPS {
        return bucket;
    }
    let (power, step) = (bucket / STEPS + 1, bucket % STEPS);
    ((STEPS + step + 1) << (power - 2)) - 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_are_gap_free_and_at_most_a_quarter_wide() {
        let mut last = 0;
        for micros in 0..100_000_u64 {
            let bucket = bucket_of(micros);
            assert!(bucket == last || bucket == last + 1, "{micros}");
            assert!(upper_bound(bucket) >= micros, "{micros}");
            assert!(upper_bound(bucket) - micros <= micros / 4, "{micros}");
            last = bucket;
        }
        assert_eq!(bucket_of(u64::MAX), BUCKETS - 1);
    }

    #[test]
    fn percentiles_are_of_the_time_between_two_readings() {
        let stats = Stats::default();
        (0..50).for_each(|_| stats.replied(Duration::from_secs(1)));
        let earlier = stats.read();
        assert_eq!(stats.read().percentile(&earlier, 50), None);
        (0..98).for_each(|_| stats.replied(Duration::from_micros(100)));
        (0..2).for_each(|_| stats.replied(Duration::from_millis(10)));
        let later = stats.read();
        assert_eq!(later.requests - earlier.requests, 100);
        assert_eq!(later.percentile(&earlier, 50), Some(Duration::from_micros(111)));
        assert!(later.percentile(&earlier, 99).is_some_and(|p99| p99 >= Duration::from_millis(10)));
    }
}

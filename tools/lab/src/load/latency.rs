//! Percentiles.

use hdrhistogram::Histogram;
use serde::Serialize;

use crate::error::Error;

/// The longest latency told apart; longer ones count as this.
const LONGEST_US: u64 = 120_000_000;

/// Latencies in µs.
#[derive(Debug, Clone, Copy, Default, Serialize)]
pub struct Latency {
    /// Mean.
    pub mean_us: f64,
    /// Median.
    pub p50_us: u64,
    /// 90th percentile.
    pub p90_us: u64,
    /// 95th percentile.
    pub p95_us: u64,
    /// 99th percentile.
    pub p99_us: u64,
    /// 99.9th percentile.
    pub p999_us: u64,
    /// The slowest.
    pub max_us: u64,
}

impl Latency {
    pub(super) fn of(histogram: &Histogram<u64>) -> Self {
        if histogram.is_empty() {
            return Self::default();
        }
        let at = |quantile| histogram.value_at_quantile(quantile);
        Self {
            mean_us: histogram.mean(),
            p50_us: at(0.5),
            p90_us: at(0.9),
            p95_us: at(0.95),
            p99_us: at(0.99),
            p999_us: at(0.999),
            max_us: histogram.max(),
        }
    }
}

/// An empty histogram from 1 µs, with three digits.
pub(super) fn empty() -> Result<Histogram<u64>, Error> {
    Histogram::new_with_bounds(1, LONGEST_US, 3).map_err(|error| Error::Settings(error.to_string()))
}

//! The one place that reads clocks and draws entropy.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use units::{Seed, Timestamp};

/// The time now. A clock before 1970 counts as 1970.
pub(crate) fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
    Timestamp::from_millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

/// A seed for each exchange: entropy once for the process, then a fork for each number.
#[derive(Debug)]
pub(crate) struct Seeds {
    base: Seed,
    drawn: AtomicU64,
}

impl Seeds {
    /// Seeds that no other process has.
    pub(crate) fn from_entropy() -> Result<Self, getrandom::Error> {
        let mut bytes = [0; 16];
        getrandom::fill(&mut bytes)?;
        Ok(Self { base: Seed(u128::from_le_bytes(bytes)), drawn: AtomicU64::new(0) })
    }

    /// The next seed.
    pub(crate) fn draw(&self) -> Seed {
        self.base.fork(self.drawn.fetch_add(1, Ordering::Relaxed))
    }
}

//! A steady rate shared by many.

use std::sync::Mutex;
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use crate::error::Error;
use crate::platform::lock;

/// How far a run may fall behind before the missed moments are given up.
const BEHIND_MAX: Duration = Duration::from_millis(250);

#[derive(Debug)]
pub(super) struct Pace {
    interval: Duration,
    next: Mutex<Instant>,
}

impl Pace {
    pub(super) fn new(rate_per_s: f64) -> Result<Self, Error> {
        if !rate_per_s.is_finite() || rate_per_s <= 0.0 || rate_per_s > 1e6 {
            return Err(Error::Settings(format!("a rate of {rate_per_s} requests a second")));
        }
        Ok(Self { interval: Duration::from_secs_f64(1.0 / rate_per_s), next: Mutex::new(Instant::now()) })
    }

    /// Waits for the next moment at which a request may leave.
    pub(super) async fn moment(&self) {
        let at = {
            let mut next = lock(&self.next);
            let now = Instant::now();
            let at = if now.duration_since(*next) > BEHIND_MAX { now } else { *next };
            *next = at + self.interval;
            at
        };
        sleep_until(at).await;
    }
}

//! Which platforms count as down, as far as an edge can tell.
//!
//! Three things are heard: what an edge's own calls come to, what its probes come to, and what the processor
//! says about its deliveries. Requests only read two flags.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use relay::Fact;
use relay::policy::BreakerPolicy;
use resilience::Breaker;
use resilience::breaker::State;
use tracking::Home;
use units::Timestamp;

/// How long the processor's word counts. It comes with each batch; without batches nobody is delivered to.
const WORD_COUNTS_FOR: Duration = Duration::from_secs(30);

/// The state of both platforms.
#[derive(Debug)]
pub(crate) struct Platforms {
    legacy: Platform,
    primary: Platform,
}

#[derive(Debug)]
struct Platform {
    open: AtomicBool,
    judged: Mutex<Judged>,
}

#[derive(Debug)]
struct Judged {
    breaker: Breaker,
    /// Until when the processor's word that its breaker is open counts.
    processor_says_open_until: Timestamp,
}

impl Platforms {
    pub(crate) fn new(policy: &BreakerPolicy) -> Self {
        let platform = || Platform {
            open: AtomicBool::new(false),
            judged: Mutex::new(Judged {
                breaker: policy.breaker(),
                processor_says_open_until: Timestamp::from_millis(0),
            }),
        };
        Self { legacy: platform(), primary: platform() }
    }

    /// True if the platform counts as down.
    pub(crate) fn is_open(&self, home: Home) -> bool {
        self.platform(home).open.load(Ordering::Relaxed)
    }

    /// Notes what a call came to; a fact if the platform's state changed.
    pub(crate) fn heard(&self, home: Home, ok: bool, now: Timestamp) -> Option<Fact> {
        let mut judged = self.lock(home);
        // The flag lets calls through only while the breaker would, so this one has a permit.
        if judged.breaker.allows(now) {
            let _state = judged.breaker.record(ok, now);
        }
        let open = judged.breaker.state() != State::Closed;
        self.publish(home, open, &judged, now)
    }

    /// Notes what the processor says about its breaker.
    pub(crate) fn told(&self, home: Home, open: bool, now: Timestamp) -> Option<Fact> {
        let mut judged = self.lock(home);
        judged.processor_says_open_until = if open { now.plus(WORD_COUNTS_FOR) } else { now };
        let open = judged.breaker.state() != State::Closed;
        self.publish(home, open, &judged, now)
    }

    /// Notes that time has passed for a platform that nothing probes: after the breaker's wait a request may
    /// find out how it is. A probed platform stays closed to requests until a probe has come back well.
    pub(crate) fn tick(&self, home: Home, now: Timestamp) -> Option<Fact> {
        let judged = self.lock(home);
        self.publish(home, !judged.breaker.would_allow(now), &judged, now)
    }

    fn publish(&self, home: Home, open: bool, judged: &Judged, now: Timestamp) -> Option<Fact> {
        let open = open || now < judged.processor_says_open_until;
        let was = self.platform(home).open.swap(open, Ordering::Relaxed);
        (was != open).then_some(Fact::BreakerChanged { home, open })
    }

    fn lock(&self, home: Home) -> MutexGuard<'_, Judged> {
        self.platform(home).judged.lock().unwrap_or_else(PoisonError::into_inner)
    }

    const fn platform(&self, home: Home) -> &Platform {
        match home {
            Home::Legacy => &self.legacy,
            Home::Primary => &self.primary,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_seconds(seconds)
    }

    fn platforms() -> Platforms {
        Platforms::new(&BreakerPolicy {
            failures_to_open: 2,
            open_for: Duration::from_secs(5),
            probe_every: Duration::from_secs(1),
            probe_deadline: Duration::from_secs(1),
            ..BreakerPolicy::USUAL
        })
    }

    #[test]
    fn failures_open_one_platform_and_a_good_call_closes_it() {
        let platforms = platforms();
        assert_eq!(platforms.heard(Home::Primary, false, at(1)), None);
        let opened = Fact::BreakerChanged { home: Home::Primary, open: true };
        assert_eq!(platforms.heard(Home::Primary, false, at(2)), Some(opened));
        assert!(platforms.is_open(Home::Primary) && !platforms.is_open(Home::Legacy));
        assert_eq!(platforms.heard(Home::Primary, true, at(3)), None, "it stays open for its time");
        let closed = Fact::BreakerChanged { home: Home::Primary, open: false };
        assert_eq!(platforms.heard(Home::Primary, true, at(7)), Some(closed));
        assert!(!platforms.is_open(Home::Primary));
    }

    #[test]
    fn a_platform_that_nothing_probes_is_tried_after_the_wait() {
        let platforms = platforms();
        let failures = [1, 2].map(|second| platforms.heard(Home::Legacy, false, at(second)).is_some());
        assert_eq!(failures, [false, true]);
        assert_eq!(platforms.tick(Home::Legacy, at(6)), None);
        assert!(platforms.tick(Home::Legacy, at(7)).is_some() && !platforms.is_open(Home::Legacy));
        assert!(platforms.heard(Home::Legacy, false, at(8)).is_some() && platforms.is_open(Home::Legacy));
    }

    #[test]
    fn the_processors_word_counts_for_a_while() {
        let platforms = platforms();
        assert!(platforms.told(Home::Legacy, true, at(10)).is_some());
        assert!(platforms.is_open(Home::Legacy));
        assert_eq!(platforms.tick(Home::Legacy, at(39)), None);
        assert!(platforms.tick(Home::Legacy, at(40)).is_some());
        assert!(platforms.told(Home::Legacy, true, at(50)).is_some());
        assert!(platforms.told(Home::Legacy, false, at(51)).is_some());
        assert!(!platforms.is_open(Home::Legacy));
    }
}

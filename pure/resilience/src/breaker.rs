//! Whether a platform may be called at all.
//!
//! Closed, calls pass and failures in a row are counted. At the limit the breaker opens: calls are refused
//! at once, so that nobody waits for a platform that is down and no attempt of a schedule is burnt on it.
//! After a while it is half open: one probe may pass, and its outcome closes or opens the breaker again.
//!
//! Calls that were under way when the breaker opened report late. Their failures do not prolong the wait and
//! their successes do not end it: only a probe decides, as it alone was sent knowing that the platform was in
//! doubt.

use core::time::Duration;

use units::Timestamp;

/// What a breaker lets pass.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum State {
    /// Calls pass.
    Closed,
    /// Calls are refused.
    Open,
    /// One probe is under way or may pass.
    HalfOpen,
}

impl State {
    /// The state's name in files, output and labels.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Open => "open",
            Self::HalfOpen => "half_open",
        }
    }
}

/// What a caller may do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Permit {
    /// Call.
    Pass,
    /// Call, as the one probe that decides; its outcome must be recorded.
    Probe,
    /// Do not call before this time.
    Refused(Timestamp),
}

/// A circuit breaker for one platform.
#[derive(Clone, Debug)]
pub struct Breaker {
    failures_to_open: u32,
    open_for: Duration,
    state: State,
    failures: u32,
    /// When the present state began.
    since: Timestamp,
    /// When the platform last went from good to bad; survives probes that fail.
    opened_at: Option<Timestamp>,
}

impl Breaker {
    /// A closed breaker that opens after `failures_to_open` failures in a row (at least one) and asks again
    /// after `open_for`.
    pub const fn new(failures_to_open: u32, open_for: Duration) -> Self {
        let since = Timestamp::from_millis(0);
        Self { failures_to_open, open_for, state: State::Closed, failures: 0, since, opened_at: None }
    }

    /// Asks to call. A [`Permit::Probe`] is given once for each time the wait has passed; if its outcome is
    /// never recorded, another is given after the same wait.
    pub fn permit(&mut self, now: Timestamp) -> Permit {
        if self.state == State::Closed {
            return Permit::Pass;
        }
        let until = self.since.plus(self.open_for);
        if now < until {
            return Permit::Refused(until);
        }
        self.state = State::HalfOpen;
        self.since = now;
        Permit::Probe
    }

    /// Asks to call, where a probe and a usual call are the same to the caller.
    pub fn allows(&mut self, now: Timestamp) -> bool {
        !matches!(self.permit(now), Permit::Refused(_))
    }

    /// What [`Breaker::permit`] would say, without taking the probe.
    pub fn would_allow(&self, now: Timestamp) -> bool {
        self.state == State::Closed || now >= self.since.plus(self.open_for)
    }

    /// Records how a call went. Returns the new state if it changed.
    pub fn record(&mut self, ok: bool, now: Timestamp) -> Option<State> {
        match (self.state, ok) {
            (State::Closed, true) => {
                self.failures = 0;
                None
            }
            (State::Closed, false) => {
                self.failures = self.failures.saturating_add(1);
                (self.failures >= self.failures_to_open.max(1)).then(|| self.enter(State::Open, now))
            }
            (State::Open, _) => None,
            (State::HalfOpen, true) => Some(self.enter(State::Closed, now)),
            (State::HalfOpen, false) => Some(self.enter(State::Open, now)),
        }
    }

    /// Opens the breaker without waiting for more failures: the platform itself said that it will not have
    /// us. Returns the new state if it changed.
    pub fn trip(&mut self, now: Timestamp) -> Option<State> {
        (self.state != State::Open).then(|| self.enter(State::Open, now))
    }

    /// The present state.
    pub const fn state(&self) -> State {
        self.state
    }

    /// Since when the platform counts as down; none while the breaker is closed.
    pub const fn down_since(&self) -> Option<Timestamp> {
        self.opened_at
    }

    /// When the next probe may pass; none while the breaker is closed.
    pub fn probe_at(&self) -> Option<Timestamp> {
        (self.state != State::Closed).then(|| self.since.plus(self.open_for))
    }

    fn enter(&mut self, state: State, now: Timestamp) -> State {
        match state {
            State::Closed => self.opened_at = None,
            State::Open | State::HalfOpen => self.opened_at = self.opened_at.or(Some(now)),
        }
        self.state = state;
        self.since = now;
        self.failures = 0;
        state
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_seconds(seconds)
    }

    fn open_at_ten() -> Breaker {
        let mut breaker = Breaker::new(3, Duration::from_secs(5));
        let changes = [1, 2, 3].map(|_| breaker.record(false, at(10)));
        assert_eq!(changes, [None, None, Some(State::Open)]);
        breaker
    }

    #[test]
    fn failures_in_a_row_open_it_and_a_success_between_does_not_count() {
        let mut breaker = Breaker::new(3, Duration::from_secs(5));
        for ok in [false, false, true, false, false] {
            assert_eq!(breaker.record(ok, at(1)), None);
        }
        assert_eq!(breaker.record(false, at(2)), Some(State::Open));
        assert_eq!(breaker.permit(at(3)), Permit::Refused(at(7)));
    }

    #[test]
    fn one_probe_decides() {
        let mut breaker = open_at_ten();
        assert_eq!(breaker.permit(at(15)), Permit::Probe);
        assert_eq!(breaker.permit(at(15)), Permit::Refused(at(20)), "only one");
        assert_eq!(breaker.record(false, at(16)), Some(State::Open));
        assert_eq!(breaker.permit(at(20)), Permit::Refused(at(21)));
        assert_eq!(breaker.permit(at(21)), Permit::Probe);
        assert_eq!(breaker.down_since(), Some(at(10)), "a failed probe is the same outage");
        assert_eq!(breaker.record(true, at(22)), Some(State::Closed));
        assert_eq!((breaker.permit(at(22)), breaker.down_since()), (Permit::Pass, None));
    }

    #[test]
    fn a_lost_probe_does_not_block_for_ever() {
        let mut breaker = open_at_ten();
        assert_eq!(breaker.permit(at(15)), Permit::Probe);
        assert!(!breaker.would_allow(at(19)));
        assert_eq!(breaker.permit(at(20)), Permit::Probe);
    }

    #[test]
    fn calls_from_before_do_not_move_an_open_breaker() {
        let mut breaker = open_at_ten();
        assert_eq!(breaker.record(true, at(11)), None);
        assert_eq!(breaker.record(false, at(12)), None);
        assert_eq!(breaker.permit(at(15)), Permit::Probe);
    }

    proptest! {
        #[test]
        fn it_always_recovers(steps in prop::collection::vec((any::<bool>(), 0_i64..20), 0..200)) {
            let mut breaker = Breaker::new(3, Duration::from_secs(5));
            let mut now = 0;
            for (ok, pause) in steps {
                now += pause;
                if breaker.allows(at(now)) { breaker.record(ok, at(now)); }
                prop_assert_eq!(breaker.state() == State::Closed, breaker.down_since().is_none());
            }
            prop_assert!(breaker.allows(at(now + 5)));
            breaker.record(true, at(now + 5));
            prop_assert_eq!(breaker.state(), State::Closed);
        }
    }
}

//! Whether a platform may be called at all.
//!
//! Closed, calls pass and are counted in a [`Window`]. With enough evidence of failure the breaker opens: calls
//! are refused at once, so that nobody waits for a platform that is down and no attempt of a schedule is burnt on
//! it. After a while it is half open: one probe may pass, and its outcome closes or opens the breaker again.
//!
//! Calls that were under way when the breaker opened report late. Their failures do not prolong the wait and
//! their successes do not end it: only a probe decides, as it alone was sent knowing that the platform was in
//! doubt.
//!
//! A platform that comes and goes is given more time with each return: one that fails again soon after it was
//! found well waits twice as long as the time before, up to a maximum. It is believed again, and the wait is
//! short again, once it has stayed well for that maximum. A failed probe prolongs nothing: it is cheap, and how
//! long an outage lasts says nothing about how often there is one.

use core::time::Duration;

use units::Timestamp;

use crate::window::{Evidence, Window};

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

/// How long a breaker stays open before a probe may pass.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Wait {
    /// At first.
    pub first: Duration,
    /// At most, for a platform that comes and goes; also how long it must stay well to be believed again.
    pub max: Duration,
}

/// A circuit breaker for one platform.
#[derive(Clone, Debug)]
pub struct Breaker {
    window: Window,
    wait: Wait,
    state: State,
    /// When the present state began.
    since: Timestamp,
    /// When the platform last went from good to bad; survives probes that fail.
    opened_at: Option<Timestamp>,
    /// When it was last found well again.
    closed_at: Option<Timestamp>,
    /// How often it failed again soon after it was found well.
    relapses: u32,
}

impl Breaker {
    /// A closed breaker that opens on this evidence and waits so long.
    pub const fn new(evidence: Evidence, wait: Wait) -> Self {
        Self {
            window: Window::new(evidence),
            wait,
            state: State::Closed,
            since: Timestamp::from_millis(0),
            opened_at: None,
            closed_at: None,
            relapses: 0,
        }
    }

    /// Asks to call. A [`Permit::Probe`] is given once for each time the wait has passed; if its outcome is
    /// never recorded, another is given after the same wait.
    pub fn permit(&mut self, now: Timestamp) -> Permit {
        if self.state == State::Closed {
            return Permit::Pass;
        }
        if !self.wait_is_over(now) {
            return Permit::Refused(self.since.plus(self.open_for()));
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
        self.state == State::Closed || self.wait_is_over(now)
    }

    /// A clock that was set back by more than the wait counts as the wait's end: one probe too early does no
    /// harm, and one that waits for the old time to come again may wait for days.
    fn wait_is_over(&self, now: Timestamp) -> bool {
        let wait = self.open_for();
        now >= self.since.plus(wait) || now < self.since.minus(wait)
    }

    /// How long it stays open this time.
    pub fn open_for(&self) -> Duration {
        let factor = 1_u32.checked_shl(self.relapses).unwrap_or(u32::MAX);
        let max = self.wait.max.max(self.wait.first);
        self.wait.first.checked_mul(factor).unwrap_or(max).min(max)
    }

    /// Records how a call went. Returns the new state if it changed.
    pub fn record(&mut self, ok: bool, now: Timestamp) -> Option<State> {
        match (self.state, ok) {
            (State::Closed, _) => {
                let enough = self.window.record(ok, now);
                enough.then(|| self.enter(State::Open, now))
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
        (self.state != State::Closed).then(|| self.since.plus(self.open_for()))
    }

    fn enter(&mut self, state: State, now: Timestamp) -> State {
        match state {
            State::Closed => {
                self.opened_at = None;
                self.closed_at = Some(now);
            }
            State::Open if self.state == State::Closed => {
                let soon = self.closed_at.is_some_and(|closed| now.since(closed) < self.wait.max);
                self.relapses = if soon { self.relapses.saturating_add(1) } else { 0 };
                self.opened_at = Some(now);
            }
            State::Open | State::HalfOpen => {}
        }
        self.state = state;
        self.since = now;
        self.window.clear();
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

    fn new() -> Breaker {
        let evidence =
            Evidence { window: Duration::from_secs(10), calls_min: 20, failure_percent: 50, in_a_row: 3 };
        Breaker::new(evidence, Wait { first: Duration::from_secs(5), max: Duration::from_secs(60) })
    }

    fn open_at_ten() -> Breaker {
        let mut breaker = new();
        let changes = [1, 2, 3].map(|_| breaker.record(false, at(10)));
        assert_eq!(changes, [None, None, Some(State::Open)]);
        breaker
    }

    #[test]
    fn failures_in_a_row_open_it_and_a_success_between_does_not_count() {
        let mut breaker = new();
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

    /// Some five seconds up, five seconds down, for an hour, asked every 100 ms.
    #[test]
    fn a_platform_that_comes_and_goes_is_given_more_time_with_each_return() {
        let mut breaker = new();
        let (mut failed, mut opened) = (0, 0);
        for tenth in 0..36_000_i64 {
            let (now, up) = (Timestamp::from_millis(tenth * 100), tenth.rem_euclid(107) < 50);
            if breaker.allows(now) {
                failed += i32::from(!up);
                opened += i32::from(breaker.record(up, now) == Some(State::Open));
            }
        }
        assert!(failed < 1_800 && opened < 80, "{failed} calls failed, opened {opened} times");
        assert!(breaker.open_for() > Duration::from_secs(20), "{:?}", breaker.open_for());
    }

    #[test]
    fn it_is_believed_again_after_it_stayed_well() {
        let mut breaker = open_at_ten();
        assert!(breaker.allows(at(15)));
        breaker.record(true, at(15));
        breaker.trip(at(20));
        assert_eq!(breaker.open_for(), Duration::from_secs(10), "it failed again soon");
        assert!(!breaker.would_allow(at(29)) && breaker.allows(at(30)));
        breaker.record(true, at(30));
        breaker.trip(at(90));
        assert_eq!(breaker.open_for(), Duration::from_secs(5));
    }

    #[test]
    fn a_clock_that_was_set_back_two_days_holds_nothing_up() {
        let mut breaker = open_at_ten();
        let before = at(10 - 2 * 86_400);
        assert!(breaker.would_allow(before));
        assert_eq!(breaker.permit(before), Permit::Probe);
        assert_eq!(breaker.permit(before), Permit::Refused(before.plus(Duration::from_secs(5))));
        assert_eq!(breaker.record(true, before), Some(State::Closed));
    }

    proptest! {
        #[test]
        fn it_always_recovers(steps in prop::collection::vec((any::<bool>(), -5_i64..20), 0..200)) {
            let mut breaker = new();
            let mut now = 0;
            for (ok, pause) in steps {
                now += pause;
                if breaker.allows(at(now)) { breaker.record(ok, at(now)); }
                prop_assert_eq!(breaker.state() == State::Closed, breaker.down_since().is_none());
            }
            // The clock may have gone back by less than a wait.
            let later = [60, 120, 180].map(|wait| at(now + wait));
            let allowed = later.into_iter().find(|later| breaker.allows(*later));
            prop_assert!(allowed.is_some());
            breaker.record(true, allowed.unwrap());
            prop_assert_eq!(breaker.state(), State::Closed);
        }
    }
}

//! A destination that answers, and to which nothing must go until somebody has mended something.
//!
//! Its answers come at once, so that a breaker is the wrong machine: it counts as up, nobody else is told that it
//! is down, and no attempt of a conversion is burnt on it. One conversion at a time tries whether it is mended, at
//! growing intervals; an operator who knows that it is ends the pause at once.

use core::time::Duration;

use units::Timestamp;
use units::limits::{CREDENTIALS_WAIT, LANGUAGE_WAIT};

/// Why nothing goes to a destination that answers.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
pub enum Why {
    /// It refuses our credentials.
    Credentials,
    /// It gives whole answers that the dialect does not know: no more of them may be taken for a yes.
    Language,
    /// It rejects for good whatever it is sent, of more than one merchant.
    Rejections,
}

impl Why {
    /// Every reason.
    pub const ALL: [Self; 3] = [Self::Credentials, Self::Language, Self::Rejections];

    /// The reason's name in output and labels.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Credentials => "credentials_refused",
            Self::Language => "answers_not_understood",
            Self::Rejections => "rejects_everything",
        }
    }

    /// The first and the longest wait before a trial.
    const fn waits(self) -> [Duration; 2] {
        match self {
            Self::Credentials => CREDENTIALS_WAIT,
            Self::Language | Self::Rejections => LANGUAGE_WAIT,
        }
    }
}

/// A pause, with its trials.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Pause {
    /// Why.
    pub why: Why,
    /// Since when.
    pub since: Timestamp,
    /// When the next trial may go.
    pub next: Timestamp,
    /// Trials that found it as it was.
    pub trials: u32,
}

impl Pause {
    pub(super) fn new(why: Why, now: Timestamp) -> Self {
        Self { why, since: now, next: now.plus(why.waits()[0]), trials: 0 }
    }

    /// True if one conversion may try. A time that lies further ahead than the longest wait was set by a clock
    /// that has been set back since.
    pub(super) fn may_be_tried(&self, now: Timestamp) -> bool {
        now >= self.next || self.next.since(now) > self.why.waits()[1]
    }

    /// A trial goes. If its outcome is never told, another goes after the same wait.
    pub(super) fn is_tried(&mut self, now: Timestamp) {
        self.next = now.plus(self.wait());
    }

    /// A trial found it as it was, for this reason.
    pub(super) fn goes_on(&mut self, why: Why, now: Timestamp) {
        self.why = why;
        self.trials = self.trials.saturating_add(1);
        self.next = now.plus(self.wait());
    }

    fn wait(&self) -> Duration {
        let [first, max] = self.why.waits();
        let factor = 1_u32.checked_shl(self.trials).unwrap_or(u32::MAX);
        first.checked_mul(factor).unwrap_or(max).min(max)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trials_grow_rarer_up_to_a_limit_and_no_clock_puts_them_off_for_days() {
        let mut now = Timestamp::from_seconds(1_000_000);
        let mut pause = Pause::new(Why::Credentials, now);
        let mut waits = Vec::new();
        for _ in 0..8 {
            assert!(!pause.may_be_tried(now));
            waits.push(pause.next.since(now).as_secs());
            now = pause.next;
            assert!(pause.may_be_tried(now));
            pause.is_tried(now);
            assert!(!pause.may_be_tried(now), "one at a time");
            pause.goes_on(Why::Credentials, now);
        }
        assert_eq!(waits, [30, 60, 120, 240, 480, 900, 900, 900]);
        assert!(pause.may_be_tried(now.minus(Duration::from_secs(2 * 86_400))));
    }
}

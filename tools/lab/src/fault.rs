//! How a platform can misbehave, and what a fault means for one request.

use serde::{Deserialize, Serialize};

use crate::chance::Chance;

/// A kind of misbehaviour. Every request is logged before one of these is applied.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// Healthy.
    #[default]
    None,
    /// Takes the connection and the request, then closes without a word and without processing.
    Down,
    /// As `down`, with a reset instead of an orderly close.
    Reset,
    /// Nobody listens: connections are refused, open ones are cut; the port comes back when cleared.
    Refused,
    /// Processes at once, answers after `ms`.
    Slow,
    /// Takes the request and never answers, without processing.
    Blackhole,
    /// Answers 500 without processing.
    #[serde(alias = "error_500")]
    Error500,
    /// Answers 429 with `Retry-After`, without processing.
    #[serde(alias = "error_429")]
    Error429,
    /// Answers 200 with words that mean "rejected", without processing.
    #[serde(alias = "reject_200")]
    Reject200,
    /// Processes, then closes without an answer, after `ms` when given.
    #[serde(alias = "processed-then-no-answer")]
    ProcessedThenNoAnswer,
    /// Healthy for `ms`, then down for `down_ms`, again and again.
    Flapping,
}

/// A fault with its numbers.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Fault {
    /// What goes wrong.
    pub mode: Mode,
    /// Delay of `slow` and of `processed_then_no_answer`; healthy time of `flapping`.
    pub ms: u64,
    /// Down time of `flapping`; `ms` when 0.
    pub down_ms: u64,
    /// Seconds in the `Retry-After` of `error429`; 1 when 0.
    pub retry_after_s: u64,
    /// Share of requests that are hit, in percent; 0 means all. `refused` always hits all.
    pub percent: u8,
    /// Only paths that contain this are hit; empty means all.
    pub path: String,
}

impl Fault {
    /// A fault without numbers.
    #[must_use]
    pub fn mode(mode: Mode) -> Self {
        Self { mode, ..Self::default() }
    }

    /// A fault with a time in ms.
    #[must_use]
    pub fn timed(mode: Mode, ms: u64) -> Self {
        Self { mode, ms, ..Self::default() }
    }
}

/// A fault since when.
#[derive(Debug, Clone, Default)]
pub(crate) struct Active {
    pub(crate) fault: Fault,
    pub(crate) since_ms: u64,
}

/// What to do with one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Action {
    Answer,
    AnswerLate(u64),
    Close,
    Reset,
    Silence,
    Error500,
    Error429(u64),
    Reject,
    Forget(u64),
}

impl Active {
    /// What this fault means for the request `sequence` on `path` at `now_ms`.
    pub(crate) fn action(&self, sequence: u64, path: &str, now_ms: u64) -> Action {
        let fault = &self.fault;
        let hit = (fault.percent == 0
            || Chance::part(self.since_ms, sequence).percent(u64::from(fault.percent)))
            && (fault.path.is_empty() || path.contains(&fault.path));
        if !hit {
            return Action::Answer;
        }
        match fault.mode {
            Mode::None => Action::Answer,
            Mode::Down | Mode::Refused => Action::Close,
            Mode::Reset => Action::Reset,
            Mode::Slow => Action::AnswerLate(fault.ms),
            Mode::Blackhole => Action::Silence,
            Mode::Error500 => Action::Error500,
            Mode::Error429 => Action::Error429(fault.retry_after_s.max(1)),
            Mode::Reject200 => Action::Reject,
            Mode::ProcessedThenNoAnswer => Action::Forget(fault.ms),
            Mode::Flapping => self.flap(now_ms),
        }
    }

    fn flap(&self, now_ms: u64) -> Action {
        let up_ms = self.fault.ms;
        let down_ms = if self.fault.down_ms == 0 { up_ms } else { self.fault.down_ms };
        let cycle_ms = (up_ms + down_ms).max(1);
        let position_ms = now_ms.saturating_sub(self.since_ms) % cycle_ms;
        if position_ms < up_ms { Action::Answer } else { Action::Close }
    }
}

impl Action {
    /// The word under which the log keeps it, when it is not an ordinary answer.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Answer => "answered",
            Self::AnswerLate(_) => "answered late",
            Self::Close => "closed",
            Self::Reset => "reset",
            Self::Silence => "silence",
            Self::Error500 => "error 500",
            Self::Error429(_) => "error 429",
            Self::Reject => "rejected with 200",
            Self::Forget(_) => "processed, no answer",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flapping_follows_the_clock() {
        let fault = Fault { mode: Mode::Flapping, ms: 100, down_ms: 50, ..Fault::default() };
        let active = Active { fault, since_ms: 1_000 };
        for (now, want) in [
            (1_000, Action::Answer),
            (1_099, Action::Answer),
            (1_100, Action::Close),
            (1_150, Action::Answer),
        ] {
            assert_eq!(active.action(1, "/", now), want, "at {now}");
        }
    }

    #[test]
    fn a_share_and_a_path_narrow_a_fault() {
        let fault = Fault { mode: Mode::Down, percent: 30, path: "sale".into(), ..Fault::default() };
        let active = Active { fault, since_ms: 5 };
        let hit = (0..10_000).filter(|&at| active.action(at, "/sale.cfm", 0) == Action::Close).count();
        assert!((2_800..3_200).contains(&hit), "{hit}");
        assert!((0..100).all(|at| active.action(at, "/r.cfm", 0) == Action::Answer));
    }

    #[test]
    fn names_are_read_as_the_documents_write_them() {
        for (text, want) in [
            ("error500", Mode::Error500),
            ("error_500", Mode::Error500),
            ("reject200", Mode::Reject200),
            ("processed-then-no-answer", Mode::ProcessedThenNoAnswer),
            ("processed_then_no_answer", Mode::ProcessedThenNoAnswer),
        ] {
            assert_eq!(serde_json::from_str::<Mode>(&format!("\"{text}\"")).unwrap(), want);
        }
    }
}

//! What an exchange must not do, watched from outside while it is driven.
//!
//! The exchange keeps I1 and I5 by how it is built. Its host sees every step and everything that happened, and counts a
//! breach in production, which must stay 0.

use relay::reply::Mode;
use relay::step::{Happened, Step};

/// What one exchange has done so far.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Vows {
    /// It asked for its entry to be made durable.
    asked: bool,
    /// Its entry is durable, or the processor has it.
    durable: bool,
    /// A platform was called after that.
    called_since: bool,
}

impl Vows {
    /// The invariant that this step breaks, if it breaks one.
    pub(crate) fn step(&mut self, step: &Step) -> Option<&'static str> {
        match step {
            Step::Append(_) => self.asked = true,
            Step::Send { .. } => self.called_since = self.durable,
            // Said yes to, and neither on a disk of ours nor with the processor.
            Step::Reply(reply)
                if reply.mode == Mode::Accept && reply.status == 200 && self.asked && !self.durable =>
            {
                return Some("I1");
            }
            // Durable, and yet its client has waited for a platform.
            Step::Reply(_) if self.called_since => return Some("I5"),
            _ => {}
        }
        None
    }

    /// Takes note of what happened.
    pub(crate) fn happened(&mut self, happened: &Happened) {
        self.durable |= matches!(happened, Happened::Appended | Happened::HandedOver);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use relay::Reply;
    use relay::step::{AppendFailure, Entry};
    use tracking::{Home, Outbound};
    use units::EventId;

    use super::*;

    fn append() -> Step {
        Step::Append(Entry { event_id: EventId::default(), bytes: Vec::new() })
    }

    fn send() -> Step {
        let request = Outbound {
            home: Home::Primary,
            method: "GET".into(),
            secure: true,
            host: "new.test".into(),
            target: b"/".to_vec(),
            headers: Vec::new(),
            body: Vec::new(),
        };
        Step::Send { request, within: Duration::ZERO, repeatable: false }
    }

    fn reply(mode: Mode, status: u16) -> Step {
        Step::Reply(Reply { mode, status, headers: Vec::new(), body: Vec::new() })
    }

    /// What the last of these steps breaks, when this happened after the first of them.
    fn breaks(steps: &[Step], happened: &Happened) -> Option<&'static str> {
        let mut vows = Vows::default();
        let mut broken = None;
        for (place, step) in steps.iter().enumerate() {
            broken = vows.step(step);
            if place == 0 {
                vows.happened(happened);
            }
        }
        broken
    }

    #[test]
    fn i1_a_yes_without_durability_is_seen() {
        let failed = Happened::AppendFailed(AppendFailure::Full);
        assert_eq!(breaks(&[append(), reply(Mode::Accept, 200)], &failed), Some("I1"));
        for (step, happened) in [
            (reply(Mode::Accept, 200), Happened::Appended),
            (reply(Mode::Accept, 200), Happened::HandedOver),
            (reply(Mode::Local, 503), failed),
        ] {
            assert_eq!(breaks(&[append(), step], &happened), None, "{happened:?}");
        }
    }

    #[test]
    fn i5_a_reply_that_waited_for_a_platform_is_seen() {
        let steps = [append(), send(), reply(Mode::Accept, 200)];
        assert_eq!(breaks(&steps, &Happened::Appended), Some("I5"));
        let steps = [append(), send(), reply(Mode::Proxy, 200)];
        let failed = Happened::AppendFailed(AppendFailure::Full);
        assert_eq!(breaks(&steps, &failed), None, "the outbox does not accept");
        let steps = [send(), reply(Mode::Proxy, 200)];
        assert_eq!(breaks(&steps, &Happened::TimePassed), None, "a click is passed on within its deadline");
    }

    #[test]
    fn who_only_looks_breaks_nothing() {
        assert_eq!(breaks(&[reply(Mode::Accept, 200)], &Happened::TimePassed), None);
    }
}

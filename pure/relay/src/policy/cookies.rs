//! Which cookies a wave's clicks set, and until when.

use core::time::Duration;

use tracking::cookie::Lives;
use tracking::source::Section;
use units::{Day, Timestamp};

use super::Phase;

/// Which forms of cookie are set. Every form is read, whatever is set.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum CookieForms {
    /// The old platform's alone.
    Legacy,
    /// Both, side by side.
    Both,
    /// The new one alone.
    New,
}

/// What a wave's clicks set.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct CookiePolicy {
    /// The forms.
    pub forms: CookieForms,
    /// When the old form ends: from then on the new one alone is set, and no cookie of the old form lives longer.
    pub old_until: Option<Timestamp>,
}

impl CookiePolicy {
    /// The usual cookies of a phase: what the platform reads that owns its conversions, and both while they may be
    /// asked for on either side.
    pub const fn of(phase: Phase) -> Self {
        let forms = match phase {
            Phase::Observe | Phase::Shadow => CookieForms::Legacy,
            Phase::Moved => CookieForms::Both,
            Phase::Closed => CookieForms::New,
        };
        Self { forms, old_until: None }
    }

    /// How long each form lives that is set at `now`, out of `life`.
    pub fn lives(self, now: Timestamp, life: Duration) -> Lives {
        let left = self.old_until.map_or(Duration::MAX, |until| until.since(now));
        match self.forms {
            CookieForms::New => Lives { old: Duration::ZERO, new: life },
            _ if left.is_zero() => Lives { old: Duration::ZERO, new: life },
            CookieForms::Both => Lives { old: life.min(left), new: life },
            CookieForms::Legacy => Lives { old: life.min(left), new: Duration::ZERO },
        }
    }
}

/// Reads what a wave says of its cookies.
pub(super) fn read(section: &Section<'_, '_>, phase: Phase) -> CookiePolicy {
    let forms = section.choice("cookies", &["legacy", "both", "new"], |name| match name {
        "legacy" => Some(CookieForms::Legacy),
        "both" => Some(CookieForms::Both),
        "new" => Some(CookieForms::New),
        _ => None,
    });
    let until = section.text("cookies_until");
    let is_iso = |text: &&str| text.as_bytes().get(4) == Some(&b'-');
    let last = until.as_deref().filter(is_iso).and_then(Day::parse);
    // The day that is named is the last one.
    let end = last.map(|day| day.plus(1).start());
    if let (Some(text), None) = (&until, end) {
        let message =
            format!("`{text}` is no day: write it as `2027-06-30`, the last day of the old form (UTC)");
        section.mistake_at("cookies_until", message);
    }
    let policy = CookiePolicy { forms: forms.unwrap_or(CookiePolicy::of(phase).forms), old_until: end };
    if policy.forms == CookieForms::New && until.is_some() {
        section.mistake_at("cookies_until", "the wave sets the new form alone: there is no old form to end");
    }
    policy
}

#[cfg(test)]
mod tests {
    use tracking::source::Source;

    use super::*;

    const DAY: Duration = Duration::from_secs(86_400);

    fn read_text(text: &str, phase: Phase) -> Result<CookiePolicy, Vec<String>> {
        let source = Source::new("policy.toml", text);
        let policy = source.read(|root| read(root, phase));
        let mistakes: Vec<String> = source.into_mistakes().iter().map(ToString::to_string).collect();
        if mistakes.is_empty() { Ok(policy) } else { Err(mistakes) }
    }

    #[test]
    fn forms_and_their_end() {
        let now = Day::parse("2027-06-28").unwrap().start();
        let none = Duration::ZERO;
        for (text, phase, old, new) in [
            ("", Phase::Observe, DAY * 30, none),
            ("", Phase::Shadow, DAY * 30, none),
            ("", Phase::Moved, DAY * 30, DAY * 30),
            ("", Phase::Closed, none, DAY * 30),
            ("cookies = \"both\"", Phase::Observe, DAY * 30, DAY * 30),
            ("cookies = \"legacy\"", Phase::Moved, DAY * 30, none),
            ("cookies = \"new\"", Phase::Moved, none, DAY * 30),
            ("cookies_until = \"2027-06-30\"", Phase::Moved, DAY * 3, DAY * 30),
            ("cookies_until = \"2027-06-28\"", Phase::Observe, DAY, none),
            ("cookies_until = \"2027-06-27\"", Phase::Observe, none, DAY * 30),
            ("cookies_until = \"2027-06-27\"", Phase::Moved, none, DAY * 30),
            ("cookies_until = \"2099-06-27\"", Phase::Moved, DAY * 30, DAY * 30),
        ] {
            let lives = read_text(text, phase).unwrap().lives(now, DAY * 30);
            assert_eq!(lives, Lives { old, new }, "{text} {phase:?}");
        }
    }

    #[test]
    fn wrong_words_are_mistakes() {
        for (text, wanted) in [
            ("cookies = \"old\"", "`old` is not a known cookies"),
            ("cookies_until = \"2027-02-30\"", "no day"),
            ("cookies_until = \"06/30/2027\"", "no day"),
            (
                "cookies = \"new\"\ncookies_until = \"2027-02-03\"",
                "policy.toml:2: the wave sets the new form alone",
            ),
        ] {
            let said = read_text(text, Phase::Moved).unwrap_err().join("\n");
            assert!(said.contains(wanted), "{wanted} is not in\n{said}");
        }
    }
}

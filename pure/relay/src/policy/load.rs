//! From a policy file to a [`Policy`].

use core::time::Duration;

use tracking::source::{Mistake, Section, Source};
use units::time::parse_duration;

use super::{Lock, OrdersPolicy, Phase, Policy, Wave, consent, cookies, paces};

pub(super) fn load(file: &str, text: &str) -> Result<Policy, Vec<Mistake>> {
    let source = Source::new(file, text);
    let policy = source.read(read_policy);
    let mistakes = source.into_mistakes();
    match policy {
        Some(policy) if mistakes.is_empty() => Ok(policy),
        _ => Err(mistakes),
    }
}

fn read_policy(root: &Section<'_, '_>) -> Option<Policy> {
    let waves = root.sections("wave", read_wave);
    for (place, wave) in waves.iter().enumerate() {
        if waves.iter().take(place).any(|other| other.name == wave.name) {
            root.mistake(format!("wave `{}` stands twice: one phase for each wave", wave.name));
        }
    }
    let legacy_lives = legacy_lives(root, &waves);
    let delivery = required(root, "delivery", paces::read_delivery);
    let breaker = required(root, "breaker", paces::read_breaker);
    let proxy_deadline = required(root, "proxy", |section| duration(section, "deadline"));
    let consent = root.section("consent", consent::read).unwrap_or_default();
    Some(Policy {
        legacy_lives,
        waves,
        delivery: delivery?,
        breaker: breaker?,
        proxy_deadline: proxy_deadline?,
        lock: root.section("calls", read_lock).unwrap_or_default(),
        orders: root.section("orders", read_orders).unwrap_or_default(),
        consent,
        terms: super::Terms::default(),
    })
}

/// Whether the legacy platform takes conversions; it does where nothing is said. Once it is closed nothing can
/// stay there.
fn legacy_lives(root: &Section<'_, '_>, waves: &[Wave]) -> bool {
    let state = |section: &Section<'_, '_>| {
        section.choice("state", &["lives", "closed"], |name| match name {
            "lives" => Some(true),
            "closed" => Some(false),
            _ => None,
        })
    };
    let lives = root.section("legacy", state).flatten().unwrap_or(true);
    let staying = |wave: &&Wave| matches!(wave.phase, Phase::Observe | Phase::Shadow);
    for wave in waves.iter().filter(|_| !lives).filter(staying) {
        let phase = wave.phase.name();
        root.mistake(format!(
            "wave `{}` stands at `{phase}` and the legacy platform is closed: its conversions would have no home. \
             Move the wave, or say `state = \"lives\"` under `[legacy]`",
            wave.name
        ));
    }
    lives
}

fn required<T>(
    root: &Section<'_, '_>,
    key: &'static str,
    read: impl FnOnce(&Section<'_, '_>) -> T,
) -> Option<T> {
    let section = root.section(key, read);
    if section.is_none() {
        root.mistake(format!("the table `[{key}]` is missing"));
    }
    section
}

fn read_wave(section: &Section<'_, '_>) -> Wave {
    let names = ["observe", "shadow", "moved", "closed"];
    let phase = section.choice("phase", &names, Phase::parse).unwrap_or(Phase::Observe);
    Wave { name: section.required_text("name"), phase, cookies: cookies::read(section, phase) }
}

fn read_lock(section: &Section<'_, '_>) -> Lock {
    let (day, months) = (number(section, "lock_day", 1), number(section, "lock_months", 0));
    if day > 28 {
        section.mistake_at("lock_day", "`lock_day` must be a day that every month has: 1 to 28");
    }
    Lock { day, months }
}

/// Both keys may be left away; the amount then has no limit.
fn read_orders(section: &Section<'_, '_>) -> OrdersPolicy {
    let usual = OrdersPolicy::default();
    let given = |key| section.number(key).map(|_| number(section, key, 1));
    OrdersPolicy {
        second_person_items: given("second_person_items").unwrap_or(usual.second_person_items),
        second_person_amount: given("second_person_amount"),
    }
}

/// A whole number of at least `least`.
pub(super) fn number(section: &Section<'_, '_>, key: &'static str, least: u32) -> u32 {
    let Some(number) = section.number(key) else {
        section.mistake(format!("`{key}` is missing: a whole number is expected"));
        return least;
    };
    match u32::try_from(number) {
        Ok(number) if number >= least => number,
        _ => {
            section.mistake_at(key, format!("`{key}` must be a whole number from {least}"));
            least
        }
    }
}

/// A duration such as `250ms`, `60s`, `15m` or `2h`.
pub(super) fn duration(section: &Section<'_, '_>, key: &'static str) -> Duration {
    let text = section.required_text(key);
    parse_duration(&text).unwrap_or_else(|| {
        if !text.is_empty() {
            let message = format!("`{text}` is no duration: write `250ms`, `60s`, `15m` or `2h`");
            section.mistake_at(key, message);
        }
        Duration::ZERO
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_closed_legacy_platform_keeps_no_wave() {
        let policy = |legacy: &str, phase: &str| {
            let text = include_str!("../../../../migrations/shareasale-awin/policy.toml");
            let text = text.replace("phase = \"observe\"", &format!("phase = \"{phase}\""));
            load("policy.toml", &text.replace("[legacy]\nstate = \"lives\"", legacy))
        };
        assert!(policy("", "observe").unwrap().legacy_lives, "where nothing is said it lives");
        let closed = "[legacy]\nstate = \"closed\"";
        assert!(!policy(closed, "closed").unwrap().legacy_lives);
        let mistakes = policy(closed, "observe").unwrap_err();
        assert!(mistakes[0].to_string().contains("its conversions would have no home"), "{mistakes:?}");
    }

    #[test]
    fn every_mistake_is_reported() {
        let text = "[[wave]]\nname = \"a\"\nphase = \"moving\"\n[delivery]\nevidence_wait = \"soon\"\n";
        let mistakes = load("policy.toml", text).unwrap_err();
        let text: Vec<String> = mistakes.iter().map(ToString::to_string).collect();
        let text = text.join("\n");
        for wanted in ["policy.toml:3", "policy.toml:5", "[breaker]", "[proxy]", "`attempts_max` is missing"]
        {
            assert!(text.contains(wanted), "{wanted} is not in\n{text}");
        }
    }
}

//! How conversions are delivered and when a platform counts as down, from a policy file.
//!
//! Some keys may be absent; then what is shipped is taken.

use core::time::Duration;

use tracking::source::Section;
use units::limits::DELIVERIES_IN_FLIGHT_MAX;

use super::load::{duration, number};
use super::{BreakerPolicy, DeliveryPolicy};

/// Most first attempts of a backlog a second: far beyond what the places in flight can carry.
const DRAIN_PER_SECOND_MAX: u32 = 10_000;

/// Most calls that a window may want before it judges.
const CALLS_MIN_MAX: u32 = 10_000;

pub(super) fn read_delivery(section: &Section<'_, '_>) -> DeliveryPolicy {
    let usual = DeliveryPolicy::USUAL;
    DeliveryPolicy {
        evidence_wait: duration(section, "evidence_wait"),
        attempt_deadline: duration(section, "attempt_deadline"),
        backoff_first: duration(section, "backoff_first"),
        backoff_max: duration(section, "backoff_max"),
        attempts_max: number(section, "attempts_max", 1),
        retry_budget_percent: number(section, "retry_budget_percent", 0),
        in_flight_max: in_flight_max(section),
        merchant_share_percent: within(section, "merchant_share_percent", 100, usual.merchant_share_percent),
        fresh_for: time(section, "fresh_for", usual.fresh_for),
        drain_per_second: within(section, "drain_per_second", DRAIN_PER_SECOND_MAX, usual.drain_per_second),
        drain_ramp: time(section, "drain_ramp", usual.drain_ramp),
    }
}

pub(super) fn read_breaker(section: &Section<'_, '_>) -> BreakerPolicy {
    let usual = BreakerPolicy::USUAL;
    let open_for = duration(section, "open_for");
    let policy = BreakerPolicy {
        failures_to_open: number(section, "failures_to_open", 1),
        window: time(section, "window", usual.window),
        calls_min: within(section, "calls_min", CALLS_MIN_MAX, usual.calls_min),
        failure_percent: within(section, "failure_percent", 100, usual.failure_percent),
        open_for,
        open_for_max: time(section, "open_for_max", usual.open_for_max.max(open_for)),
        probe_every: duration(section, "probe_every"),
        probe_deadline: duration(section, "probe_deadline"),
    };
    if policy.window < Duration::from_secs(1) {
        section.mistake_at("window", "`window` must be at least `1s`: it is cut into ten parts");
    }
    if policy.open_for_max < policy.open_for {
        section.mistake_at("open_for_max", "`open_for_max` must not be shorter than `open_for`");
    }
    policy
}

/// How many deliveries may be under way, within what sockets and memory allow.
fn in_flight_max(section: &Section<'_, '_>) -> usize {
    let wanted = usize::try_from(number(section, "in_flight_max", 1)).unwrap_or(usize::MAX);
    if wanted > DELIVERIES_IN_FLIGHT_MAX {
        let message = format!("`in_flight_max` must be at most {DELIVERIES_IN_FLIGHT_MAX}");
        section.mistake_at("in_flight_max", message);
    }
    wanted.min(DELIVERIES_IN_FLIGHT_MAX)
}

/// A whole number from 1 to `most`; `usual` if the key is absent.
fn within(section: &Section<'_, '_>, key: &'static str, most: u32, usual: u32) -> u32 {
    if !section.has(key) {
        return usual;
    }
    let wanted = number(section, key, 1);
    if wanted > most {
        section.mistake_at(key, format!("`{key}` must be at most {most}"));
    }
    wanted.min(most)
}

/// A duration; `usual` if the key is absent.
fn time(section: &Section<'_, '_>, key: &'static str, usual: Duration) -> Duration {
    if section.has(key) { duration(section, key) } else { usual }
}

#[cfg(test)]
mod tests {
    use super::super::Policy;

    const SHIPPED: &str = include_str!("../../../../migrations/shareasale-awin/policy.toml");

    /// The lines of the mistakes that this text has in the place of that one.
    fn mistakes(that: &str, this: &str) -> Vec<String> {
        assert!(SHIPPED.contains(that), "{that}");
        let policy = Policy::load("policy.toml", &SHIPPED.replace(that, this));
        policy.map_or_else(|found| found.iter().map(ToString::to_string).collect(), |_| Vec::new())
    }

    #[test]
    fn what_is_shipped_is_what_is_usual() {
        let policy = Policy::load("policy.toml", SHIPPED).unwrap();
        assert_eq!(policy.delivery, super::DeliveryPolicy::USUAL);
        assert_eq!(policy.breaker, super::BreakerPolicy::USUAL);
    }

    #[test]
    fn a_file_from_before_these_keys_still_loads() {
        let keys = [
            "merchant_share_percent",
            "fresh_for",
            "drain_per_second",
            "drain_ramp",
            "window",
            "calls_min",
            "failure_percent",
            "open_for_max",
        ];
        let older = |line: &&str| !keys.iter().any(|key| line.starts_with(&format!("{key} =")));
        let text: Vec<&str> = SHIPPED.lines().filter(older).collect();
        let policy = Policy::load("policy.toml", &text.join("\n")).unwrap();
        assert_eq!(policy.delivery, super::DeliveryPolicy::USUAL);
        assert_eq!(policy.breaker, super::BreakerPolicy::USUAL);
    }

    #[test]
    fn every_bound_is_told() {
        for (that, this, wanted) in [
            ("merchant_share_percent = 25", "merchant_share_percent = 101", "at most 100"),
            ("merchant_share_percent = 25", "merchant_share_percent = 0", "from 1"),
            ("drain_per_second = 200", "drain_per_second = 0", "from 1"),
            ("drain_per_second = 200", "drain_per_second = 10001", "at most 10000"),
            ("failure_percent = 50", "failure_percent = 0", "from 1"),
            ("window = \"10s\"", "window = \"10ms\"", "at least `1s`"),
            ("open_for_max = \"60s\"", "open_for_max = \"1s\"", "shorter than `open_for`"),
            ("fresh_for = \"30s\"", "fresh_for = \"soon\"", "is no duration"),
        ] {
            let found = mistakes(that, this);
            assert!(found.len() == 1 && found[0].contains(wanted), "{this}: {found:?}");
        }
    }
}

//! The list, the registry and the facts agree.

use std::time::Duration;

use units::EventId;

use super::*;
use crate::list::{Kind, docs};

fn value(telemetry: &Telemetry, series: &str) -> String {
    let text = telemetry.encode();
    let value = text.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
    value.map_or_else(|| format!("no {series} in\n{text}"), str::to_owned)
}

#[test]
fn every_metric_of_the_list_is_there_from_the_start_or_with_its_first_code() {
    let telemetry = Telemetry::new();
    let event_id = EventId::default();
    telemetry.record(&Fact::AppendFailed { event_id, reason: "full" });
    telemetry.record(&Fact::DestinationRefused { event_id, reason: "host" });
    telemetry.record(&Fact::Moved { event_id, state: "taken" });
    telemetry.observe(&HostFact::Refused { code: "host_missing" });
    let text = telemetry.encode();
    for metric in Metric::ALL {
        let line = metric.description();
        assert!(text.contains(&format!("# HELP {} {}", line.name, line.help)), "{metric:?}");
        assert!(text.contains(&format!("# TYPE {} {}", line.name, line.kind.name())), "{metric:?}");
        assert!(docs().contains(&format!("| `{}` | {} |", line.shown(), line.kind.name())), "{metric:?}");
        assert!(!line.name.ends_with("_total") || line.kind != Kind::Counter, "{metric:?}");
    }
    let registered = text.lines().filter(|line| line.starts_with("# TYPE ")).count();
    assert_eq!(registered, Metric::ALL.len(), "nothing is registered that the list does not know");
}

#[test]
fn invariants_are_counted_from_zero() {
    let telemetry = Telemetry::new();
    for invariant in INVARIANTS {
        let series = format!("turnout_invariant_broken_total{{invariant=\"{invariant}\"}}");
        assert_eq!(value(&telemetry, &series), "0");
    }
    telemetry.record(&Fact::InvariantBroken { invariant: "I12" });
    assert_eq!(value(&telemetry, "turnout_invariant_broken_total{invariant=\"I12\"}"), "1");
}

#[test]
fn an_invariant_that_nobody_knows_is_counted_as_unknown_and_as_no_other() {
    let telemetry = Telemetry::new();
    telemetry.record(&Fact::InvariantBroken { invariant: "I13" });
    assert_eq!(value(&telemetry, "turnout_invariant_broken_total{invariant=\"unknown\"}"), "1");
    for invariant in INVARIANTS {
        let series = format!("turnout_invariant_broken_total{{invariant=\"{invariant}\"}}");
        assert_eq!(value(&telemetry, &series), "0");
    }
}

#[test]
fn each_combination_of_labels_has_its_own_place() {
    let telemetry = Telemetry::new();
    let (event_id, took) = (EventId::default(), Duration::from_millis(3));
    for class in Class::ALL {
        for mode in MODES {
            telemetry.record(&Fact::Replied { event_id, class, mode, status: 200, took });
            let series = format!("turnout_replies_total{{class=\"{class}\",mode=\"{}\"}}", mode.name());
            assert_eq!(value(&telemetry, &series), "1");
        }
        telemetry.record(&Fact::Recognised { event_id, class, advertiser_id: Some(1) });
        assert_eq!(value(&telemetry, &format!("turnout_recognised_total{{class=\"{class}\"}}")), "1");
    }
    for home in Home::ALL {
        for verdict in VERDICTS {
            telemetry.record(&Fact::Attempted { event_id, home, verdict, took });
            let series = format!("turnout_attempts_total{{home=\"{home}\",verdict=\"{}\"}}", verdict.name());
            assert_eq!(value(&telemetry, &series), "1");
        }
        for answered in [false, true] {
            telemetry.record(&Fact::Asked { event_id, home, answered });
            let series = format!("turnout_asked_total{{home=\"{home}\",answered=\"{answered}\"}}");
            assert_eq!(value(&telemetry, &series), "1");
        }
        telemetry.record(&Fact::BreakerChanged { home, open: true });
        assert_eq!(value(&telemetry, &format!("turnout_breaker_open{{home=\"{home}\"}}")), "1");
    }
    assert_eq!(value(&telemetry, "turnout_reply_seconds_count{mode=\"proxy\"}"), "8");
}

#[test]
fn every_condition_of_a_destination_is_counted() {
    let telemetry = Telemetry::new();
    for home in Home::ALL {
        for condition in CONDITIONS {
            let endpoint = "orders".into();
            telemetry.record(&Fact::DestinationChanged { home, endpoint, condition, impaired: 2 });
            let series =
                format!("turnout_destination_changes_total{{home=\"{home}\",condition=\"{condition}\"}}");
            assert_eq!(value(&telemetry, &series), "1");
        }
        assert_eq!(value(&telemetry, &format!("turnout_destinations_impaired{{home=\"{home}\"}}")), "2");
    }
    assert!(Why::ALL.iter().all(|why| CONDITIONS.contains(&why.name())));
}

#[test]
fn host_facts_and_gauges_are_counted() {
    let telemetry = Telemetry::new();
    telemetry.observe(&HostFact::Refused { code: "host_missing" });
    telemetry.observe(&HostFact::BatchTaken { entries: 7 });
    telemetry.record(&Fact::AppendFailed { event_id: EventId::default(), reason: "full" });
    assert_eq!(value(&telemetry, "turnout_refused_total{code=\"host_missing\"}"), "1");
    assert_eq!(value(&telemetry, "turnout_entries_taken_total"), "7");
    assert_eq!(value(&telemetry, "turnout_append_failed_total{reason=\"full\"}"), "1");
    for (gauge, number) in Gauge::ALL.into_iter().zip(10..) {
        telemetry.gauge(gauge, number);
    }
    assert_eq!(value(&telemetry, "turnout_connections"), "10");
    assert_eq!(value(&telemetry, "turnout_outbox_refuses"), "14");
}

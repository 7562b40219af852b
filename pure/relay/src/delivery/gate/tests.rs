use super::*;
use crate::policy::{BreakerPolicy, ConsentPolicy, DeliveryPolicy};

fn policy() -> Policy {
    let second = Duration::from_secs(1);
    Policy {
        waves: Vec::new(),
        delivery: DeliveryPolicy {
            evidence_wait: second,
            attempt_deadline: second,
            backoff_first: second,
            backoff_max: second,
            attempts_max: 3,
            retry_budget_percent: 10,
            in_flight_max: 8,
        },
        breaker: BreakerPolicy {
            failures_to_open: 3,
            open_for: Duration::from_secs(5),
            probe_every: second,
            probe_deadline: second,
        },
        lock: crate::policy::Lock::default(),
        proxy_deadline: second,
        legacy_lives: true,
        consent: ConsentPolicy::default(),
    }
}

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_seconds(seconds)
}

const FRESH: Went = Went { retry: false, probe: false };
const PROBE: Went = Went { retry: false, probe: true };

/// A gate whose breaker opened at ten.
fn open(health: Health) -> Gate {
    let mut gate = Gate::new(Home::Primary, &policy());
    for _ in 0..3 {
        assert_eq!(gate.admit(false, at(10)), Admission::Go { probe: false });
        gate.ended(health, FRESH, at(10));
    }
    assert_eq!(gate.status().breaker, BreakerState::Open);
    gate
}

#[test]
fn after_an_outage_a_probe_goes_then_one_conversion_then_all() {
    let mut gate = open(Health::Failed);
    assert!(gate.needs_probe() && !gate.probe(at(14)));
    assert!(gate.probe(at(15)) && !gate.probe(at(15)));
    assert_eq!(gate.probed(true, at(16)), Some(BreakerState::Closed));
    assert_eq!(gate.admit(false, at(16)), Admission::Go { probe: true });
    assert_eq!(gate.admit(false, at(16)), Admission::Wait);
    gate.ended(Health::Well, PROBE, at(16));
    assert_eq!((gate.room(at(16)), gate.in_doubt()), (8, false));
    assert_eq!(gate.admit(true, at(16)), Admission::Go { probe: false });
}

#[test]
fn the_one_that_goes_ahead_fails_for_all() {
    let mut gate = open(Health::Failed);
    assert!(gate.probe(at(15)));
    gate.probed(true, at(15));
    assert_eq!(gate.admit(false, at(15)), Admission::Go { probe: true });
    assert_eq!(gate.ended(Health::Failed, PROBE, at(16)), Some(BreakerState::Open));
    assert!(gate.needs_probe() && gate.room(at(20)) == 0);
}

#[test]
fn an_outcome_that_never_comes_holds_up_nothing_for_ever() {
    let mut gate = open(Health::Failed);
    assert!(gate.probe(at(15)));
    gate.probed(true, at(15));
    assert_eq!(gate.admit(false, at(15)), Admission::Go { probe: true });
    assert_eq!((gate.room(at(16)), gate.room(at(17))), (0, 1));
}

#[test]
fn what_is_not_sent_after_all_decides_nothing() {
    let mut gate = open(Health::Failed);
    assert!(gate.probe(at(15)));
    gate.probed(true, at(15));
    assert_eq!(gate.admit(false, at(15)), Admission::Go { probe: true });
    gate.withdrawn();
    assert_eq!(gate.admit(false, at(15)), Admission::Go { probe: true });
}

#[test]
fn refused_credentials_are_tried_by_a_conversion() {
    let mut gate = Gate::new(Home::Primary, &policy());
    assert_eq!(gate.admit(false, at(1)), Admission::Go { probe: false });
    gate.ended(Health::Refuses, FRESH, at(1));
    assert!(!gate.needs_probe());
    assert_eq!(gate.admit(false, at(6)), Admission::Go { probe: true });
    gate.ended(Health::Refuses, PROBE, at(6));
    assert!(!gate.needs_probe() && gate.status().refuses_credentials);
    // Once a conversion got no answer, the next asks with what moves no money.
    assert_eq!(gate.admit(false, at(11)), Admission::Go { probe: true });
    gate.ended(Health::Failed, PROBE, at(11));
    assert!(gate.needs_probe());
}

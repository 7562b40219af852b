use proptest::prelude::*;
use tracking::Home;

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
            ..DeliveryPolicy::USUAL
        },
        breaker: BreakerPolicy {
            failures_to_open: 3,
            open_for: Duration::from_secs(5),
            probe_every: second,
            probe_deadline: second,
            ..BreakerPolicy::USUAL
        },
        lock: crate::policy::Lock::default(),
        orders: crate::policy::OrdersPolicy::default(),
        terms: crate::policy::Terms::default(),
        proxy_deadline: second,
        legacy_lives: true,
        consent: ConsentPolicy::default(),
    }
}

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_seconds(seconds)
}

const FRESH: Went = Went { merchant: 1, retry: false, probe: false };
const PROBE: Went = Went { merchant: 1, retry: false, probe: true };
const GO: Admission = Admission::Go { probe: false };
const TRY: Admission = Admission::Go { probe: true };

fn gate() -> Gate {
    Gate::new(Destination::new(Home::Primary, "orders"), &policy(), at(0))
}

/// One call of a merchant, from its beginning to its end.
fn call(gate: &mut Gate, merchant: u64, health: Health, now: Timestamp) -> Changes {
    let Admission::Go { probe } = gate.admit(Rank::Fresh, merchant, now) else { panic!("{merchant} waits") };
    gate.ended(health, Went { merchant, retry: false, probe }, now)
}

/// A gate whose breaker opened at ten.
fn open() -> Gate {
    let mut gate = gate();
    for _ in 0..3 {
        assert_eq!(gate.admit(Rank::Fresh, 1, at(10)), GO);
        gate.ended(Health::Unreachable, FRESH, at(10));
    }
    assert_eq!(gate.status(at(10)).breaker, BreakerState::Open);
    gate
}

#[test]
fn after_an_outage_a_probe_goes_then_one_conversion_then_all() {
    let mut gate = open();
    assert!(gate.needs_probe() && !gate.probe(at(14)));
    assert!(gate.probe(at(15)) && !gate.probe(at(15)));
    assert_eq!(gate.probed(true, at(16)), Some(BreakerState::Closed));
    assert!(gate.in_doubt() && !gate.asks_first());
    assert_eq!(gate.admit(Rank::Fresh, 1, at(16)), TRY);
    assert!(gate.in_doubt(), "until its outcome is known");
    assert_eq!(gate.admit(Rank::Fresh, 1, at(16)), Admission::Wait);
    gate.ended(Health::Well, PROBE, at(16));
    assert_eq!((gate.room(at(16)), gate.in_doubt()), (8, false));
    assert_eq!(gate.admit(Rank::Retry, 1, at(16)), GO);
}

#[test]
fn the_one_that_goes_ahead_fails_for_all() {
    for health in [Health::Failed, Health::Unreachable, Health::NotUnderstood] {
        let mut gate = open();
        assert!(gate.probe(at(15)));
        gate.probed(true, at(15));
        assert_eq!(gate.admit(Rank::Fresh, 1, at(15)), TRY);
        assert_eq!(gate.ended(health, PROBE, at(16)).breaker, Some(BreakerState::Open));
        assert!(gate.needs_probe() && gate.room(at(20)) == 0);
    }
}

#[test]
fn an_outcome_that_never_comes_holds_up_nothing_for_ever() {
    let mut gate = open();
    assert!(gate.probe(at(15)));
    gate.probed(true, at(15));
    assert_eq!(gate.admit(Rank::Fresh, 1, at(15)), TRY);
    assert_eq!((gate.room(at(16)), gate.room(at(17))), (0, 1));
}

#[test]
fn what_is_not_sent_after_all_decides_nothing() {
    let mut gate = open();
    assert!(gate.probe(at(15)));
    gate.probed(true, at(15));
    assert_eq!(gate.admit(Rank::Fresh, 1, at(15)), TRY);
    gate.withdrawn(Went { merchant: 1, retry: false, probe: true }, at(15));
    assert_eq!(gate.admit(Rank::Fresh, 1, at(15)), TRY);
}

#[test]
fn a_trial_that_was_not_sent_leaves_its_turn_to_another() {
    let mut gate = gate();
    call(&mut gate, 1, Health::Refuses, at(1));
    assert_eq!(gate.admit(Rank::Fresh, 2, at(31)), TRY);
    assert_eq!(gate.room(at(32)), 0);
    gate.withdrawn(Went { merchant: 2, retry: false, probe: true }, at(32));
    assert_eq!(gate.admit(Rank::Fresh, 3, at(32)), TRY);
}

#[test]
fn what_is_refused_for_one_merchant_and_taken_for_another_pauses_nothing_any_more() {
    let mut gate = gate();
    call(&mut gate, 1, Health::Refuses, at(1));
    assert_eq!(call(&mut gate, 2, Health::Well, at(31)).resumed, Some(Why::Credentials));
    assert_eq!((gate.refuses_alone(1), gate.refuses_alone(2)), (true, false));
    assert_eq!(call(&mut gate, 1, Health::Refuses, at(32)), Changes::default());
    assert_eq!((gate.merchant_room(1, at(61)), gate.merchant_room(1, at(62))), (0, 1), "it waits by itself");
    assert_eq!(gate.merchant_room(2, at(33)), 2);
    call(&mut gate, 1, Health::Refuses, at(62));
    assert_eq!((gate.merchant_room(1, at(121)), gate.merchant_room(1, at(122))), (0, 1), "twice as long");
    // Refused for another as well, it is our key.
    assert_eq!(call(&mut gate, 3, Health::Refuses, at(123)).paused, Some(Why::Credentials));
    assert_eq!(gate.resume(), Some(Why::Credentials));
    assert!(!gate.refuses_alone(1) && gate.merchant_room(1, at(124)) == 2, "a person has mended it");
    call(&mut gate, 1, Health::Well, at(125));
    assert_eq!(call(&mut gate, 1, Health::Refuses, at(126)).paused, Some(Why::Credentials));
}

#[test]
fn refused_credentials_pause_and_the_breaker_stays_closed() {
    let mut gate = gate();
    assert_eq!(call(&mut gate, 1, Health::Refuses, at(1)).paused, Some(Why::Credentials));
    let status = gate.status(at(1));
    assert_eq!((status.breaker, status.pause.unwrap().why), (BreakerState::Closed, Why::Credentials));
    assert!(!gate.needs_probe() && gate.room(at(30)) == 0 && gate.in_doubt());
    assert_eq!(gate.opens_at(at(1)), Some(at(31)));
    // One conversion tries; refused again, the next goes after twice the time.
    assert_eq!(call(&mut gate, 2, Health::Refuses, at(31)), Changes::default());
    assert_eq!((gate.room(at(90)), gate.room(at(91))), (0, 1));
    // A trial that found nothing out is followed by another.
    assert_eq!(call(&mut gate, 2, Health::Unreachable, at(91)), Changes::default());
    assert!(gate.in_doubt() && gate.room(at(151)) == 1);
    assert_eq!(call(&mut gate, 2, Health::Well, at(151)).resumed, Some(Why::Credentials));
    assert_eq!(gate.room(at(151)), 8);
}

#[test]
fn an_operator_ends_a_pause_at_once() {
    let mut gate = gate();
    assert!(!gate.is_paused());
    call(&mut gate, 1, Health::Refuses, at(1));
    assert!(gate.is_paused());
    assert_eq!((gate.resume(), gate.resume()), (Some(Why::Credentials), None));
    assert!(!gate.is_paused());
    assert_eq!(gate.room(at(1)), 8);
}

#[test]
fn a_call_from_before_a_pause_neither_ends_it_nor_puts_off_its_trial() {
    for health in [Health::Well, Health::Refuses, Health::NotUnderstood] {
        let mut gate = gate();
        (0..2).for_each(|_| assert_eq!(gate.admit(Rank::Fresh, 1, at(1)), GO));
        gate.ended(Health::Refuses, FRESH, at(1));
        let before = gate.status(at(1)).pause.unwrap();
        assert_eq!(gate.ended(health, FRESH, at(20)), Changes::default());
        assert_eq!(gate.status(at(20)).pause, Some(before), "{health:?}");
        assert_eq!((gate.room(at(30)), gate.room(at(31))), (0, 1), "{health:?}");
    }
}

#[test]
fn answers_in_another_language_pause_and_a_single_one_does_not() {
    let mut gate = gate();
    for _ in 0..10 {
        assert_eq!(call(&mut gate, 1, Health::NotUnderstood, at(1)), Changes::default());
        assert_eq!(call(&mut gate, 2, Health::Well, at(1)), Changes::default());
        // Half of them would be too many, so that the others are more.
        for id in 3..6 {
            call(&mut gate, id, Health::Well, at(1));
        }
    }
    let changes = [1, 2, 3].map(|id| call(&mut gate, id, Health::NotUnderstood, at(100)).paused);
    assert_eq!(changes, [None, None, Some(Why::Language)]);
    assert_eq!((gate.room(at(399)), gate.room(at(400))), (0, 1));
    assert_eq!(call(&mut gate, 4, Health::Well, at(400)).resumed, Some(Why::Language));
}

#[test]
fn rejecting_everything_of_everybody_pauses_and_one_merchants_mistakes_do_not() {
    let mut gate = gate();
    assert!((0..200).all(|_| call(&mut gate, 1, Health::Rejects, at(1)) == Changes::default()));
    let paused = (0..200).find(|id| call(&mut gate, id % 2, Health::Rejects, at(2)).paused.is_some());
    assert!(paused.is_some_and(|calls| calls < 25), "{paused:?}");
    // The trial is rejected as well, whoever's it is: nothing is mended.
    let last = paused.unwrap() % 2;
    for (seconds, merchant) in [(302, last), (902, 1 - last)] {
        assert_eq!(call(&mut gate, merchant, Health::Rejects, at(seconds)), Changes::default());
        assert!(gate.is_paused(), "{merchant}");
    }
    assert_eq!(call(&mut gate, last, Health::Well, at(9_000)).resumed, Some(Why::Rejections));
}

#[test]
fn a_rejection_shows_that_the_credentials_are_taken() {
    let mut gate = gate();
    call(&mut gate, 1, Health::Refuses, at(1));
    assert_eq!(call(&mut gate, 1, Health::Rejects, at(31)).resumed, Some(Why::Credentials));
}

#[test]
fn retries_spend_a_budget_and_one_that_tries_for_all_does_not() {
    let mut gate = gate();
    let retry = |gate: &mut Gate, now| {
        let admitted = gate.admit(Rank::Retry, 1, now);
        if let Admission::Go { probe } = admitted {
            gate.ended(Health::Refuses, Went { merchant: 1, retry: true, probe }, now);
            gate.resume();
        }
        admitted
    };
    let most = usize::try_from(RETRIES_SAVED_MAX).unwrap();
    assert_eq!(gate.retry_room(at(1)), most);
    assert!((0..most).all(|_| retry(&mut gate, at(1)) == GO));
    assert_eq!((gate.retry_room(at(1)), retry(&mut gate, at(1))), (0, Admission::Wait));
    assert_eq!(gate.admit(Rank::Fresh, 1, at(1)), GO, "a first attempt needs none");
    assert_eq!(gate.ended(Health::Refuses, FRESH, at(1)).paused, Some(Why::Credentials));
    gate.clock_went_back(at(1));
    assert_eq!((gate.retry_room(at(1)), retry(&mut gate, at(1))), (0, TRY));
    assert_eq!(gate.retry_room(at(2)), 10, "time earns some");
}

#[test]
fn the_calls_that_go_together_take_turns_too() {
    let mut gate = gate();
    let mut first = [Rank::Fresh; 8];
    for turn in &mut first {
        *turn = gate.turn()[0];
        gate.took_turn();
    }
    assert_eq!([3, 7].map(|place: usize| first[place]), [Rank::Backlog, Rank::Retry]);
    assert_eq!(first.iter().filter(|rank| **rank == Rank::Fresh).count(), 6);
}

#[test]
fn how_long_a_backlog_takes_is_told_at_its_pace() {
    let gate = gate();
    // Long after it began it goes at its full pace, two hundred in a second.
    assert_eq!([0, 2_000].map(|count| gate.drains_in(count, at(3_600)).as_secs()), [0, 10]);
}

#[test]
fn one_merchant_holds_no_more_than_its_share() {
    let mut gate = gate();
    let held = (0..8).filter(|_| gate.admit(Rank::Fresh, 1, at(1)) == GO).count();
    assert_eq!((held, gate.room(at(1))), (2, 6), "a quarter of eight");
    assert_eq!(gate.admit(Rank::Fresh, 2, at(1)), GO);
}

#[test]
fn one_merchants_failures_shut_out_one_merchant_and_a_probe_asks_whose_they_are() {
    let mut gate = gate();
    for _ in 0..3 {
        assert_eq!(call(&mut gate, 1, Health::Failed, at(1)), Changes::default());
        assert_eq!(call(&mut gate, 2, Health::Well, at(1)), Changes::default());
    }
    assert_eq!((gate.merchant_room(1, at(2)), gate.merchant_room(2, at(2))), (0, 2));
    assert!(gate.needs_probe() && !gate.asks_first(), "the others go on");
    assert!(gate.probe(at(2)) && !gate.probe(at(2)));
    assert_eq!(gate.probed(true, at(2)), None);
    assert_eq!(gate.status(at(2)).merchants_waiting, 1);
    assert_eq!(call(&mut gate, 2, Health::Well, at(2)), Changes::default());
    // It fails on, and this time the destination does not answer the probe either.
    assert_eq!(call(&mut gate, 1, Health::Failed, at(10)), Changes::default());
    assert!(gate.probe(at(10)));
    assert_eq!(gate.probed(false, at(10)), Some(BreakerState::Open));
}

#[test]
fn failures_of_many_merchants_are_the_destinations() {
    let mut gate = gate();
    let opened = (1..10).find(|id| call(&mut gate, *id, Health::Failed, at(1)).breaker.is_some());
    assert_eq!(opened, Some(3));
    assert!(gate.probe(at(6)));
    gate.probed(true, at(6));
    assert_eq!(gate.merchant_room(1, at(6)), 2, "it was not the merchants");
}

#[test]
fn a_wait_that_the_platform_asks_for_is_one_merchants_and_then_everybodys() {
    let mut gate = gate();
    let wait = Health::Throttles(Duration::from_secs(60));
    call(&mut gate, 1, wait, at(1));
    assert_eq!((gate.merchant_room(1, at(60)), gate.room(at(1))), (0, 8));
    call(&mut gate, 2, wait, at(2));
    assert_eq!((gate.room(at(61)), gate.opens_at(at(3)), gate.room(at(62))), (0, Some(at(62)), 8));
    assert_eq!(gate.status(at(3)).breaker, BreakerState::Closed, "it answers");
}

#[test]
fn a_backlog_goes_at_its_pace_and_begins_slowly_after_an_outage() {
    let mut gate = open();
    assert!(gate.probe(at(15)));
    gate.probed(true, at(15));
    assert_eq!(gate.admit(Rank::Backlog, 1, at(15)), TRY);
    gate.ended(Health::Well, PROBE, at(15));
    let mut sent = [0, 0];
    for millis in (15_000..60_000).step_by(10) {
        let now = Timestamp::from_millis(millis);
        for _ in 0..gate.backlog_room(now) {
            assert_eq!(gate.admit(Rank::Backlog, 1, now), GO);
            gate.ended(Health::Well, FRESH, now);
            sent[0] += usize::from(millis < 16_000);
            sent[1] += usize::from((50_000..51_000).contains(&millis));
        }
    }
    assert!((20..45).contains(&sent[0]) && (195..=205).contains(&sent[1]), "{sent:?}");
}

#[test]
fn a_clock_that_was_set_back_two_days_opens_what_it_had_shut() {
    let days = Duration::from_secs(2 * 86_400);
    let (then, now) = (at(1_000_000), at(1_000_000).minus(days));
    let mut paused = gate();
    call(&mut paused, 1, Health::Refuses, then);
    let mut throttled = gate();
    let mut down = gate();
    for id in 1..4 {
        if id < 3 {
            call(&mut throttled, id, Health::Throttles(Duration::from_secs(60)), then);
        }
        call(&mut down, id, Health::Failed, then);
    }
    assert_eq!([&paused, &throttled, &down].map(|gate| gate.room(then)), [0, 0, 0]);
    assert_eq!((paused.room(now), throttled.room(now), down.probe(now)), (1, 8, true));
}

fn any_health() -> impl Strategy<Value = Health> {
    prop::sample::select(vec![
        Health::Well,
        Health::Well,
        Health::Rejects,
        Health::Throttles(Duration::from_secs(7)),
        Health::Refuses,
        Health::NotUnderstood,
        Health::Failed,
        Health::Unreachable,
    ])
}

proptest! {
    /// Whatever happened, and wherever the clock went: places are counted right, no limit is exceeded, and once
    /// the destination is well everything goes again.
    #[test]
    fn it_counts_right_and_always_recovers(
        steps in prop::collection::vec((any::<bool>(), 0_u64..5, any_health(), -20_i64..40), 0..200)
    ) {
        let mut gate = gate();
        let (mut flying, mut probing, mut now) = (Vec::new(), 0_usize, 1_000);
        for (begin, merchant, health, pause) in steps {
            now += pause;
            if begin {
                if let Admission::Go { probe } = gate.admit(Rank::Fresh, merchant, at(now)) {
                    flying.push(Went { merchant, retry: false, probe });
                }
            } else if let Some(went) = flying.pop() {
                gate.ended(health, went, at(now));
            } else if probing > 0 {
                gate.probed(health == Health::Well, at(now));
                probing -= 1;
            }
            probing += usize::from(gate.probe(at(now)));
            prop_assert_eq!(gate.status(at(now)).in_flight, flying.len() + probing);
            prop_assert!(flying.len() + probing <= 8);
        }
        for went in flying { gate.ended(Health::Well, went, at(now)); }
        for _ in 0..probing { gate.probed(true, at(now)); }
        for _ in 0..10 {
            now += 3_700;
            if gate.probe(at(now)) { gate.probed(true, at(now)); }
            for merchant in 0..5 {
                if let Admission::Go { probe } = gate.admit(Rank::Fresh, merchant, at(now)) {
                    gate.ended(Health::Well, Went { merchant, retry: false, probe }, at(now));
                }
            }
        }
        prop_assert_eq!((gate.room(at(now)), gate.in_doubt()), (8, false));
        prop_assert!((0..5).all(|merchant| gate.merchant_room(merchant, at(now)) == 2));
    }
}

use proptest::prelude::*;

use super::*;

const POLICY: DeliveryPolicy = DeliveryPolicy {
    evidence_wait: Duration::from_secs(60),
    attempt_deadline: Duration::from_secs(10),
    backoff_first: Duration::from_secs(1),
    backoff_max: Duration::from_secs(60),
    attempts_max: 3,
    retry_budget_percent: 10,
    in_flight_max: 64,
    ..DeliveryPolicy::USUAL
};
const FIRST: Tried = Tried { deduplicates: false, counted: 0, ambiguous: false, probe: false, alone: false };
const NOW: Timestamp = Timestamp::from_millis(1_000_000);

fn judged(verdict: Verdict) -> Outcome {
    Outcome::Judged(Judged { verdict, reason: "by rule".to_owned(), retry_after: None, understood: true })
}

fn nothing_sent() -> Outcome {
    Outcome::Failed(SendFailure::NothingSent("refused".to_owned()))
}

fn ambiguous() -> Outcome {
    Outcome::Failed(SendFailure::Ambiguous("no answer".to_owned()))
}

fn state(tried: Tried, outcome: &Outcome) -> State {
    settle(&tried, outcome, &POLICY, NOW, Seed(1)).state
}

#[test]
fn each_verdict_has_its_state() {
    for (verdict, expected) in [
        (Verdict::Confirmed, State::Confirmed),
        (Verdict::Taken, State::Taken),
        (Verdict::Rejected, State::Rejected),
        (Verdict::Later, State::Queued),
        (Verdict::Paused, State::Queued),
        (Verdict::Unknown, State::Unknown),
    ] {
        assert_eq!(state(FIRST, &judged(verdict)), expected);
    }
}

#[test]
fn i4_ambiguous_is_sent_again_only_where_the_owner_deduplicates() {
    let deduplicates = Tried { deduplicates: true, ..FIRST };
    for outcome in [ambiguous(), judged(Verdict::Unknown), Outcome::Interrupted] {
        assert_eq!(state(FIRST, &outcome), State::Unknown);
        assert_eq!(state(deduplicates, &outcome), State::Queued);
        let last = Tried { counted: 2, ..deduplicates };
        assert_eq!(state(last, &outcome), State::Unknown, "exhausted, and not dead: it may have arrived");
    }
}

#[test]
fn what_was_once_ambiguous_never_dies() {
    let tried = Tried { deduplicates: true, counted: 2, ambiguous: true, probe: false, alone: false };
    assert_eq!(state(tried, &nothing_sent()), State::Unknown);
    assert_eq!(state(Tried { ambiguous: false, ..tried }, &nothing_sent()), State::Dead);
}

#[test]
fn i4_a_refusal_after_a_doubt_settles_nothing() {
    let doubted = Tried { deduplicates: true, counted: 1, ambiguous: true, probe: false, alone: false };
    assert_eq!(state(doubted, &judged(Verdict::Rejected)), State::Unknown);
    assert_eq!(state(Tried { ambiguous: false, ..doubted }, &judged(Verdict::Rejected)), State::Rejected);
}

#[test]
fn a_long_outage_makes_no_dead_letters() {
    let mut tried = Tried { counted: 2, probe: true, ..FIRST };
    for _ in 0..1000 {
        let settled = settle(&tried, &nothing_sent(), &POLICY, NOW, Seed(1));
        assert_eq!(settled.state, State::Queued);
        tried.counted = settled.counted;
    }
}

#[test]
fn refused_credentials_burn_no_attempt() {
    let settled = settle(&FIRST, &judged(Verdict::Paused), &POLICY, NOW, Seed(1));
    assert_eq!((settled.counted, settled.health), (0, Health::Refuses));
}

#[test]
fn a_platform_may_ask_for_time_within_reason() {
    let due = |seconds| {
        let retry_after = Some(Duration::from_secs(seconds));
        let judged = Judged { verdict: Verdict::Later, reason: String::new(), retry_after, understood: true };
        settle(&FIRST, &Outcome::Judged(judged), &POLICY, NOW, Seed(1)).due_at
    };
    assert_eq!(due(30), Some(NOW.plus(Duration::from_secs(30))));
    assert_eq!(due(u64::MAX), Some(NOW.plus(RETRY_AFTER_MAX)));
}

#[test]
fn a_platform_that_asks_for_time_burns_no_attempt() {
    let mut tried = FIRST;
    for _ in 0..100 {
        let judged = Judged {
            verdict: Verdict::Later,
            reason: String::new(),
            retry_after: Some(Duration::from_secs(5)),
            understood: true,
        };
        let settled = settle(&tried, &Outcome::Judged(judged), &POLICY, NOW, Seed(1));
        assert_eq!(settled.state, State::Queued);
        assert_eq!(settled.health, Health::Throttles(Duration::from_secs(5)));
        tried.counted = settled.counted;
    }
}

#[test]
fn what_an_outcome_says_about_the_destination() {
    let health = |outcome: &Outcome| settle(&FIRST, outcome, &POLICY, NOW, Seed(1)).health;
    let other_words =
        Judged { verdict: Verdict::Unknown, reason: String::new(), retry_after: None, understood: false };
    for (outcome, expected) in [
        (judged(Verdict::Confirmed), Health::Well),
        (judged(Verdict::Taken), Health::Well),
        (judged(Verdict::Rejected), Health::Rejects),
        (judged(Verdict::Later), Health::Failed),
        (judged(Verdict::Unknown), Health::Failed),
        (judged(Verdict::Paused), Health::Refuses),
        (Outcome::Judged(other_words), Health::NotUnderstood),
        (nothing_sent(), Health::Unreachable),
        (ambiguous(), Health::Failed),
        (Outcome::Interrupted, Health::Failed),
    ] {
        assert_eq!(health(&outcome), expected, "{outcome:?}");
    }
    assert_eq!(Health::Failed.better(Health::Rejects), Health::Rejects);
    assert_eq!(Health::Well.better(Health::NotUnderstood), Health::Well);
}

fn any_outcome() -> impl Strategy<Value = Outcome> {
    let verdicts = [Verdict::Confirmed, Verdict::Taken, Verdict::Rejected, Verdict::Later];
    prop_oneof![
        prop::sample::select(verdicts.to_vec()).prop_map(judged),
        prop::sample::select(vec![Verdict::Paused, Verdict::Unknown]).prop_map(judged),
        Just(nothing_sent()),
        Just(ambiguous()),
        Just(Outcome::Interrupted),
    ]
}

proptest! {
    /// I4 over whole histories: after an ambiguous outcome nothing is sent again unless the owner
    /// deduplicates, and nothing that may have arrived is called dead.
    #[test]
    fn i4_holds_over_every_history(
        deduplicates: bool, history in prop::collection::vec((any_outcome(), any::<bool>()), 1..20)
    ) {
        let mut tried = Tried { deduplicates, ..FIRST };
        for (outcome, probe) in history {
            tried.probe = probe;
            let settled = settle(&tried, &outcome, &POLICY, NOW, Seed(3));
            prop_assert_eq!(settled.due_at.is_some(), settled.state == State::Queued);
            prop_assert!(!(settled.state == State::Dead && settled.ambiguous));
            prop_assert!(!(settled.state == State::Queued && settled.ambiguous && !deduplicates));
            prop_assert!(settled.ambiguous || !tried.ambiguous, "once ambiguous, always");
            if settled.state != State::Queued { break }
            (tried.counted, tried.ambiguous) = (settled.counted, settled.ambiguous);
        }
    }
}

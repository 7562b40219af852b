use attribution::{Status, posting};
use proptest::prelude::*;
use tracking::dialect::interface::{CallOutcome, Operation};
use tracking::directory::Commission;
use tracking::{Class, Event, Field, Home, Value};
use units::{Currency, Day, EventId, Money, Timestamp};

use super::{Applied, Callers, Change, Effect, How, Last, Rules, Target, effect};
use crate::delivery::State;
use crate::policy::Lock;

const NOW: Timestamp = Timestamp::from_millis(1_795_462_260_000);
const TEN_PERCENT: Commission = Commission::Percent { basis_points: 1000 };

fn usd(minor: i64) -> Money {
    Money::from_minor(minor, Currency::USD)
}

fn asked(fields: &[(Field, &str)]) -> Event {
    let mut event = Event::new(Class::Adjustment);
    event.set(Field::OrderReference, Value::Text("A-1".into()));
    event.set(Field::TransactionDate, Value::Text("11/23/2026".into()));
    for (field, text) in fields {
        let value = match field {
            Field::Amount => Value::Money(Money::parse(text, Currency::USD).unwrap()),
            _ => Value::Text((*text).into()),
        };
        event.set(*field, value);
    }
    event
}

fn change(operation: Operation, fields: &[(Field, &str)]) -> Change {
    Change::read(operation, &asked(fields)).unwrap()
}

fn target(state: State) -> Target {
    Target {
        event_id: EventId::from_u128(1),
        state,
        ambiguous: false,
        received_at: NOW,
        owner: Some(Home::Primary),
        amount: Some(usd(1000)),
        publisher_id: Some(456),
        postings: Some(posting::booking(789, Some((456, usd(100))))),
        last: None,
        status: Some(Status::Pending),
    }
}

fn on(change: &Change, target: &Target) -> Effect {
    let rules =
        Rules { advertiser_id: 789, commission: Some(&TEN_PERCENT), weights: &[], lock: Lock::default() };
    effect(change, target, rules, NOW)
}

fn applied(change: &Change, target: &Target) -> Applied {
    match on(change, target) {
        Effect::Apply(applied) => applied,
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_is_certainly_away_is_changed_before_it_is_sent() {
    let void = change(Operation::Void, &[]);
    let edit = change(Operation::Edit, &[(Field::Amount, "5.00")]);
    for state in [State::Queued, State::Dead, State::Rejected] {
        assert_eq!(applied(&void, &target(state)).how, How::Cancel, "{state}");
        assert_eq!(applied(&edit, &target(state)).how, How::WithIt, "{state}");
    }
    let unsure = Target { ambiguous: true, ..target(State::Queued) };
    assert_eq!(applied(&void, &unsure).how, How::Afterwards);
    for state in [State::InFlight, State::Unknown, State::Taken, State::Confirmed] {
        assert_eq!(applied(&void, &target(state)).how, How::Afterwards, "{state}");
        assert_eq!(applied(&edit, &target(state)).how, How::Afterwards, "{state}");
    }
}

#[test]
fn an_edit_moves_the_commission_with_the_amount() {
    for (fields, amount, earned) in [
        (&[(Field::Amount, "5.00")][..], 500, 50),
        (&[(Field::CommissionPercent, "7.5")], 1000, 75),
        (&[(Field::CommissionPercent, "7.125"), (Field::Amount, "1000.00")], 100_000, 7125),
        (&[(Field::CommissionPercent, "7,5%")], 1000, 75),
        (&[(Field::CommissionAmount, "3.00"), (Field::Amount, "20")], 2000, 300),
    ] {
        let applied = applied(&change(Operation::Edit, fields), &target(State::Taken));
        assert_eq!((applied.amount, applied.commission), (usd(amount), Some(usd(earned))), "{fields:?}");
        assert!(posting::balances(&applied.postings));
    }
    let comment = applied(&change(Operation::Edit, &[(Field::Comment, "late")]), &target(State::Taken));
    assert_eq!((comment.how, comment.postings.len()), (How::NotAtAll, 0));
}

/// What the terms cannot say is refused, unless it is not asked for.
#[test]
fn an_edit_that_the_terms_say_nothing_of_is_refused() {
    let rules = Rules { advertiser_id: 789, commission: None, weights: &[], lock: Lock::default() };
    let made = |fields: &[(Field, &str)]| match effect(
        &change(Operation::Edit, fields),
        &target(State::Taken),
        rules,
        NOW,
    ) {
        Effect::Apply(applied) => Ok((applied.commission, applied.postings.len())),
        Effect::Refused(outcome) => Err(outcome),
        Effect::Already => panic!("it was not asked before"),
    };
    assert_eq!(made(&[(Field::Amount, "5.00")]), Err(CallOutcome::Incomplete));
    assert_eq!(made(&[(Field::CommissionAmount, "1.00"), (Field::Amount, "5.00")]), Ok((Some(usd(100)), 0)));
    assert_eq!(made(&[(Field::Comment, "late")]), Ok((Some(usd(100)), 0)));
}

#[test]
fn a_change_that_is_asked_twice_is_made_once() {
    let edit = change(Operation::Edit, &[(Field::Amount, "5.00")]);
    let last = |operation, content: &str| Some(Last { operation, content: content.to_owned() });
    let edited = Target { last: last(Operation::Edit, &edit.content), ..target(State::Taken) };
    assert_eq!(on(&edit, &edited), Effect::Already);
    let other = change(Operation::Edit, &[(Field::Amount, "6.00")]);
    assert!(matches!(on(&other, &edited), Effect::Apply(_)));
    let voided = Target { last: last(Operation::Void, "v"), ..target(State::Dropped) };
    assert_eq!(on(&change(Operation::Void, &[]), &voided), Effect::Already);
    assert_eq!(on(&edit, &voided), Effect::Refused(CallOutcome::Locked));
}

#[test]
fn a_locked_transaction_stays() {
    let old = |day: Day| Target { received_at: day.start(), ..target(State::Taken) };
    let void = change(Operation::Void, &[]);
    let locked = on(&void, &old(Day::new(2026, 7, 31).unwrap()));
    assert_eq!(locked, Effect::Refused(CallOutcome::Locked), "it locked on 20 October");
    let open = on(&void, &old(Day::new(2026, 9, 1).unwrap()));
    assert!(matches!(open, Effect::Apply(_)), "it locks on 20 December: {open:?}");
}

#[test]
fn what_is_not_booked_can_only_be_voided() {
    let held = Target { amount: None, postings: None, status: None, ..target(State::Held) };
    assert_eq!(applied(&change(Operation::Void, &[]), &held).how, How::Cancel);
    let edit = change(Operation::Edit, &[(Field::Amount, "5.00")]);
    assert_eq!(on(&edit, &held), Effect::Refused(CallOutcome::Locked));
    let discarded = target(State::Dropped);
    assert_eq!(on(&edit, &discarded), Effect::Refused(CallOutcome::NotFound));
}

#[test]
fn a_call_in_which_something_is_missing_says_so() {
    let read = |event: &Event| Change::read(Operation::Edit, event).unwrap_err();
    assert_eq!(read(&asked(&[])), CallOutcome::Incomplete, "nothing is to be changed");
    let mut no_date = asked(&[(Field::Amount, "5")]);
    no_date.set(Field::TransactionDate, Value::Text("soon".into()));
    assert_eq!(read(&no_date), CallOutcome::Incomplete);
    assert_eq!(read(&asked(&[(Field::CommissionPercent, "much")])), CallOutcome::Incomplete);
}

#[test]
fn a_date_is_matched_with_two_days_of_tolerance() {
    let void = change(Operation::Void, &[]);
    let at = |day| Day::new(2026, 11, day).unwrap().start();
    let (first, end) = void.window();
    let fits = [20, 21, 23, 25, 26].map(|day| (first..end).contains(&at(day)));
    assert_eq!(fits, [false, true, true, true, false]);
}

#[test]
fn callers_are_read_with_every_mistake_and_print_no_secret() {
    let good = "[[caller]]\nadvertiser = 789\ntoken = \"t\"\nsecrets = [\"hush\", \"old\"]\naddresses = [\"203.0.113.9\"]\n";
    let callers = Callers::load("callers.toml", good).unwrap();
    assert!(callers.knows(789) && !callers.knows(790));
    assert_eq!(format!("{callers:?}"), "Callers([Caller(789)])");
    let bad = "[[caller]]\ntoken = \"t\"\nsecrets = []\naddresses = [\"home\"]\nsecret = \"x\"\n";
    assert_eq!(Callers::load("callers.toml", bad).unwrap_err().len(), 4);
}

proptest! {
    /// I12 for every change, whatever stood before.
    #[test]
    fn i12_changes_balance(minor in 0_i64..1_000_000, new in 0_i64..1_000_000, percent in 0_u32..100, void: bool) {
        let mut standing = target(State::Taken);
        standing.amount = Some(usd(minor));
        standing.postings = Some(posting::booking(789, Some((456, usd(minor / 10)))));
        let (amount, percent) = (usd(new).decimal(), percent.to_string());
        let fields = [(Field::Amount, amount.as_str()), (Field::CommissionPercent, percent.as_str())];
        let change = if void { change(Operation::Void, &[]) } else { change(Operation::Edit, &fields) };
        let applied = applied(&change, &standing);
        prop_assert!(posting::balances(&applied.postings));
        if void {
            let owed: i64 = standing.postings.unwrap().iter().chain(&applied.postings)
                .filter(|line| line.account == attribution::Account::Publisher(456))
                .map(|line| line.amount.minor).sum();
            prop_assert_eq!(owed, 0, "a void takes everything back");
        }
    }
}

//! What a second arrival makes of the first: who earns, what is told of the evidence of both, and whether what was held
//! is booked by it.

use attribution::Posting;
use units::limits::TOUCHES_MAX;

use super::evidence::naming;
use super::*;

const LINEAR: &str = "[[terms]]\nmodel = \"linear\"\n";

fn terms_of(policy: &str) -> String {
    format!("[[terms]]\n[[terms.duplicate]]\npolicy = \"{policy}\"\n")
}

fn clicked(event_id: u128, publisher_id: u64, minutes: u64) -> Envelope {
    Envelope { click: click(publisher_id, minutes), ..sale(event_id) }
}

fn worth(minor: i64, envelope: Envelope) -> Envelope {
    let mut envelope = envelope;
    envelope.event.set(Field::Amount, Value::Money(Money::from_minor(minor, Currency::USD)));
    envelope
}

fn correction(terms: &str, second: &Envelope, known: &Known) -> Option<Correction> {
    match decided_by(terms, second, known, NOW) {
        Decision::Merge { correction, .. } => correction.map(|better| *better),
        other => panic!("{other:?}"),
    }
}

/// The pieces that were found, each with its publisher.
fn found(considered: &[Considered]) -> Vec<(EvidenceKind, &str, u64)> {
    let found = considered.iter().filter(|piece| piece.outcome != "absent");
    found.map(|piece| (piece.kind, piece.outcome.as_str(), piece.publisher_id.unwrap_or(0))).collect()
}

#[test]
fn what_a_second_click_makes_better_goes_by_whose_it_is_and_when_it_was() {
    use Better::{Evidence, Journey, Money};
    // The first arrival's publisher and minutes, the second's, whom the second tells the owner of.
    for (terms, (first, before), (second, after), better, told, outcomes) in [
        ("", (456, 60), (456, 30), Journey, Some(456), ["used", "weaker"]),
        ("", (456, 30), (458, 60), Journey, None, ["weaker", "used"]),
        ("", (456, 60), (458, 30), Evidence, Some(458), ["used", "weaker"]),
        (LINEAR, (456, 60), (458, 30), Evidence, Some(458), ["used", "weaker"]),
        (LINEAR, (456, 30), (458, 60), Money, None, ["assists", "used"]),
        (LINEAR, (456, 30), (456, 60), Journey, None, ["assists", "used"]),
    ] {
        let case = format!("{terms}: {first} {before}, {second} {after}");
        let known = standing(&clicked(1, first, before), false);
        let Correction { better: is, postings, booking, books, .. } =
            correction(terms, &clicked(2, second, after), &known).unwrap();
        assert_eq!((is, publisher_of(&booking), books), (better, told, false), "{case}");
        assert_eq!(postings.unwrap().is_empty(), better == Journey, "{case}");
        let told: Vec<&str> = found(&booking.considered).iter().map(|(_, outcome, _)| *outcome).collect();
        assert_eq!(told, outcomes, "{case}");
    }
}

#[test]
fn where_the_terms_were_edited_meanwhile_an_arrival_that_earns_nobody_more_changes_no_line() {
    let mut known = standing(&clicked(1, 456, 30), false);
    let standing = known.standing.as_mut().unwrap();
    for Posting { amount, .. } in standing.postings.as_mut().unwrap() {
        amount.minor *= 2;
    }
    let better = correction("", &clicked(2, 458, 60), &known).unwrap();
    assert_eq!((better.better, better.postings), (Better::Journey, Some(Vec::new())));
}

#[test]
fn every_touch_is_told_once_and_what_is_there_is_not_absent() {
    let first = Envelope { click: None, cookie_click: click(456, 60), ..sale(1) };
    let second = Envelope { click: click(458, 30), ..first.clone() };
    let better = correction("", &second, &standing(&first, false)).unwrap();
    let told = [
        "platform_click_id: absent",
        "token: used",
        "click_id: absent",
        "voucher: absent",
        "cookie: weaker",
        "named_publisher: absent",
    ];
    let written = |pieces: &[Considered]| {
        pieces.iter().map(|piece| format!("{}: {}", piece.kind.name(), piece.outcome)).collect::<Vec<_>>()
    };
    assert_eq!(written(&better.booking.considered), told);
    // The other way round the second arrival has no token, and its cookie is new.
    let second = Envelope { click: None, cookie_click: click(456, 60), ..sale(2) };
    let better = correction("", &second, &standing(&clicked(1, 458, 30), false)).unwrap();
    assert_eq!(written(&better.booking.considered), told);
}

#[test]
fn what_was_credited_before_is_weaker_once_another_is() {
    let piece = |publisher_id, outcome: &str| Considered {
        kind: EvidenceKind::Token,
        outcome: outcome.to_owned(),
        publisher_id: Some(publisher_id),
        at: None,
    };
    let known = standing(&raw(1), false).standing.unwrap();
    let together = |found, stands, before| {
        merge::together(found, stands, &Standing { considered: vec![before], ..known.clone() })
    };
    for (stands, before, after) in [
        (true, "used", "used"),
        (false, "used", "weaker"),
        (true, "assists", "assists"),
        (false, "assists", "assists"),
    ] {
        let pieces = together(Vec::new(), stands, piece(456, before));
        assert_eq!(found(&pieces), [(EvidenceKind::Token, after, 456)], "{stands} {before}");
    }
    // A journey is bounded.
    for (count, kept) in [(TOUCHES_MAX - 1, TOUCHES_MAX), (TOUCHES_MAX, TOUCHES_MAX)] {
        let many = (1000..).take(count).map(|publisher_id| piece(publisher_id, "weaker")).collect();
        assert_eq!(found(&together(many, true, piece(456, "used"))).len(), kept, "{count}");
    }
}

#[test]
fn an_order_of_its_own_takes_nothing_from_the_one_that_stands() {
    let known = standing(&sale(1), false);
    let decision = decided_by(&terms_of("each"), &raw(2), &known, NOW);
    let Decision::Book(booking) = decision else { panic!("{decision:?}") };
    assert_eq!((booking.under, &booking.awarded, booking.postings.len()), (Under::Nothing, &None, 0));
    // The other one was received before it: each has its own time.
    let later = raw(2).received_at.plus(Duration::from_secs(7));
    let decision = decided_by(&terms_of("each"), &Envelope { received_at: later, ..raw(2) }, &known, NOW);
    let Decision::Book(booking) = decision else { panic!("{decision:?}") };
    assert_eq!(booking.at, later);
}

#[test]
fn a_window_of_duplicates_ends_after_its_last_moment() {
    let terms = format!("{}hours = 2\n", terms_of("window"));
    let (known, at) = (standing(&sale(1), false), sale(1).received_at);
    let hours = Duration::from_secs(7200);
    let beyond = hours + Duration::from_millis(1);
    for (received_at, under) in [
        (at.plus(hours), None),
        (at.minus(hours), None),
        (at.plus(beyond), Some(Under::InPlaceOf(EventId::from_u128(1)))),
        (at.minus(beyond), Some(Under::Nothing)),
    ] {
        let booked = match decided_by(&terms, &Envelope { received_at, ..sale(2) }, &known, NOW) {
            Decision::Book(booking) => Some(booking.under),
            Decision::Merge { .. } => None,
            other => panic!("{other:?}"),
        };
        assert_eq!(booked, under, "{received_at}");
    }
}

#[test]
fn the_latest_money_is_right_whoever_proves_the_click() {
    let second = |minor, envelope: Envelope, millis: i64| {
        let at = envelope.received_at;
        let by = Duration::from_millis(millis.unsigned_abs());
        let received_at = if millis < 0 { at.minus(by) } else { at.plus(by) };
        worth(minor, Envelope { received_at, ..envelope })
    };
    let known = standing(&raw(1), false);
    for (arrival, expected) in [
        (second(900, raw(2), 1), Some((Better::Amount, 900))),
        (second(900, sale(2), 1), Some((Better::Evidence, 900))),
        // Not the latest: it may prove the click, and has nothing to say of the money.
        (second(900, sale(2), 0), Some((Better::Evidence, 1000))),
        (second(900, sale(2), -1), Some((Better::Evidence, 1000))),
        (second(900, raw(2), 0), None),
        (second(1000, raw(2), 1), None),
        (second(1000, sale(2), 1), Some((Better::Evidence, 1000))),
    ] {
        let better = correction(&terms_of("latest"), &arrival, &known);
        let better = better.map(|better| (better.better, better.booking.amount.minor));
        assert_eq!(better, expected, "{} {:?}", arrival.received_at, arrival.click);
    }
}

#[test]
fn an_id_of_the_new_platform_is_better_than_nothing_and_than_no_other() {
    let id = |event_id, seconds: i64| {
        let at = raw(1).received_at.as_seconds() - seconds;
        Envelope { event_id: EventId::from_u128(event_id), ..naming(&format!("new_1789_{at}")) }
    };
    let better = correction("", &id(2, 60), &standing(&raw(1), false)).map(|better| better.better);
    assert_eq!(better, Some(Better::Evidence));
    assert_eq!(correction("", &id(2, 60), &standing(&id(1, 30), false)), None);
    assert_eq!(correction("", &id(2, 60), &standing(&sale(1), false)), None, "a publisher is credited");
}

/// What stands is held, because its publisher is in no map.
fn held_for_a_publisher() -> (Envelope, Known) {
    let first = clicked(1, 457, 30);
    let decision = decided(&first, &Known::default());
    let Decision::Hold { considered, .. } = decision else { panic!("{decision:?}") };
    assert_eq!(found(&considered), [(EvidenceKind::Token, "used", 457)]);
    let standing = Standing {
        state: State::Held,
        publisher_id: None,
        evidence: EvidenceKind::None,
        postings: None,
        considered,
        ..standing(&raw(1), false).standing.unwrap()
    };
    (first, Known { standing: Some(standing), ..Known::default() })
}

#[test]
fn what_is_held_is_booked_by_an_arrival_that_tells_who_earns_by_itself() {
    let (_, known) = held_for_a_publisher();
    let at = raw(1).received_at.as_seconds() - 60;
    let mut voided = raw(2);
    voided.event.set(Field::AutoVoid, Value::Flag(true));
    let refused = Envelope { consent: Consent::Refused(ConsentReason::GlobalOptOut), ..sale(2) };
    for (second, expected) in [
        (clicked(2, 456, 20), Some((Better::Evidence, true))),
        (clicked(2, 456, 40), Some((Better::Journey, false))),
        (naming(&format!("new_1789_{at}")), Some((Better::Evidence, true))),
        // An id of another programme proves nothing.
        (naming(&format!("new_6_{at}")), None),
        (voided, Some((Better::Void, true))),
        (refused, None),
        (raw(2), None),
    ] {
        let better = correction("", &second, &known);
        let postings = better.as_ref().and_then(|better| better.postings.clone());
        let better = better.map(|better| (better.better, better.books));
        assert_eq!((better, postings), (expected, None), "{:?}", second.click);
    }
}

#[test]
fn only_what_is_held_and_was_neither_sent_nor_booked_is_booked_by_another_arrival() {
    let (_, known) = held_for_a_publisher();
    let standing = known.standing.unwrap();
    for (state, sent, postings, books) in [
        (State::Held, false, None, true),
        (State::Held, true, None, false),
        (State::Held, false, Some(Vec::new()), false),
        (State::Queued, false, None, false),
    ] {
        let case = format!("{state:?} {sent} {postings:?}");
        let standing = Standing { state, sent, postings, ..standing.clone() };
        let known = Known { standing: Some(standing), ..Known::default() };
        let better = correction("", &clicked(2, 456, 20), &known).unwrap();
        assert_eq!((better.better, better.books), (Better::Evidence, books), "{case}");
    }
}

#[test]
fn what_is_decided_about_again_is_no_second_arrival_and_keeps_its_journey() {
    let (first, known) = held_for_a_publisher();
    let second = clicked(2, 458, 40);
    let journey = correction("", &second, &known).unwrap().booking.considered;
    let standing = Standing { considered: journey, ..known.standing.unwrap() };
    let id = standing.event_id;
    let known = Known { standing: Some(standing), ..Known::default() };
    let touches = [(EvidenceKind::Token, "used", 457), (EvidenceKind::Token, "weaker", 458)];
    // Held as before, with what is known.
    let again = known.clone().about(id);
    let Decision::Hold { considered, .. } = decided(&first, &again) else { panic!("not held") };
    assert_eq!(found(&considered), touches);
    // What stands is another: it is a second arrival of that one.
    let other = known.clone().about(EventId::from_u128(2));
    assert!(!other.again && matches!(decided(&second, &other), Decision::Merge { .. }));
    // As if it had only come now.
    assert_eq!(known.clone().without(id).standing, None);
    assert_eq!(known.clone().without(EventId::from_u128(2)), known);
    // Should its own click prove less than it did, the order is still whose it was.
    let weaker = Envelope { click: click(456, 50), ..first };
    let Decision::Book(booking) = decided(&weaker, &again) else { panic!("not booked") };
    assert!(found(&booking.considered).contains(&(EvidenceKind::Token, "used", 457)), "{booking:?}");
    assert_eq!(booking.awarded.map(|awarded| awarded.credited.publisher_id), Some(457));
}

//! Where a decision turns: amounts, times, kinds of evidence and what stands, each on either side.

use super::*;

const SECOND: i64 = 1_795_462_261;

#[test]
fn an_amount_is_looked_at_by_a_person_only_outside_its_bounds() {
    // A million of the currency, in its minor units.
    let most = 1_000_000 * 100;
    for (minor, held_for) in
        [(0, None), (-1, Some("negative_amount")), (most, None), (most + 1, Some("amount_out_of_range"))]
    {
        let amount = Money::from_minor(minor, Currency::USD);
        let envelope = with(|event| event.set(Field::Amount, Value::Money(amount)));
        match held_for {
            None => assert_eq!(booked(&envelope).amount, amount),
            Some(code) => assert_eq!(held(&envelope, &Known::default()), [code]),
        }
    }
}

#[test]
fn only_what_the_new_platform_is_told_must_be_mapped() {
    // Nobody of wave two has moved; advertiser 8 has, and is not mapped.
    let of = |advertiser_id| with(|event| event.set(Field::AdvertiserId, Value::Id(advertiser_id)));
    assert_eq!(held(&of(8), &Known::default()), ["advertiser_unmapped"]);
    assert_eq!(booked(&of(9)).owner, Home::Legacy);
}

/// Two publishers share, or one of them has it all; a second touch of the same publisher adds nothing to it.
#[test]
fn each_touch_is_told_with_what_it_earned_by() {
    let at = |seconds| Timestamp::from_seconds(SECOND - seconds);
    let click = |publisher_id, seconds| Click {
        advertiser_id: 789,
        publisher_id,
        creative_id: 0,
        at: at(seconds),
        click_id: format!("t1_789_{publisher_id}_{}", SECOND - seconds),
    };
    for (model, other, outcomes) in [
        ("last_click", 458, ["used", "weaker"]),
        ("linear", 458, ["used", "assists"]),
        ("linear", 456, ["used", "assists"]),
    ] {
        let mut envelope = raw(1);
        envelope.click = Some(click(456, 3600));
        envelope.cookie_click = Some(click(other, 7200));
        let terms = format!("[[terms]]\nmodel = \"{model}\"\n");
        let decision = decided_by(&terms, &envelope, &Known::default(), NOW);
        let Decision::Book(booking) = decision else { panic!("{model}: {decision:?}") };
        let told: Vec<&str> = booking
            .considered
            .iter()
            .filter(|piece| piece.publisher_id.is_some())
            .map(|piece| piece.outcome.as_str())
            .collect();
        assert_eq!(told, outcomes, "{model}, {other}");
        assert_eq!(publisher_of(&booking), Some(456));
    }
}

#[test]
fn nothing_makes_better_what_a_person_dropped_or_what_is_locked() {
    let first = raw(1);
    let proven = Envelope { key: first.key.clone(), ..sale(2) };
    let known = |state| {
        let known = standing(&first, false);
        Known { standing: known.standing.map(|standing| Standing { state, ..standing }), ..known }
    };
    let months = NOW.plus(Duration::from_secs(86_400 * 200));
    for (state, now, better) in [
        (State::Queued, NOW, true),
        (State::Dropped, NOW, false),
        (State::Queued, months, false),
        (State::Dropped, months, false),
    ] {
        let Decision::Merge { correction, .. } = decided_by("", &proven, &known(state), now) else {
            panic!()
        };
        assert_eq!(correction.is_some(), better, "{state:?} at {now}");
    }
}

#[test]
fn a_correction_is_sent_in_time_and_only_where_the_owner_would_hear_something_new() {
    let stands = |postings| Standing { postings, ..standing(&sale(1), false).standing.unwrap() };
    let (booked_before, held) = (stands(Some(Vec::new())), stands(None));
    let of_a_click = booked(&sale(1));
    let of_another = Booking { credit: Credit::None(NoCredit::NoClick), ..of_a_click.clone() };
    for (better, told, told_of_what_is_held) in [
        (Better::Evidence, true, true),
        (Better::Amount, true, false),
        (Better::Void, true, true),
        (Better::Money, false, false),
        (Better::Journey, false, false),
    ] {
        let told = [told, told, told, told_of_what_is_held];
        let found = [
            (&of_a_click, &booked_before),
            (&of_another, &booked_before),
            (&of_a_click, &held),
            (&of_another, &held),
        ];
        assert_eq!(
            found.map(|(booking, standing)| merge::is_told(better, booking, standing)),
            told,
            "{better:?}"
        );
    }
}

#[test]
fn a_publishers_reference_is_kept_short_and_never_personal() {
    let [long, cut] = [300, 255].map(|count| "x".repeat(count));
    for (text, kept) in [
        ("", None),
        ("  ", None),
        (" news 7 ", Some("news 7")),
        ("ann@example.org", None),
        (long.as_str(), Some(cut.as_str())),
    ] {
        assert_eq!(click_reference(text).as_deref(), kept, "{text}");
    }
}

/// Of an e-mail address its hash was kept, which looks like any other reference (I9).
#[test]
fn a_reference_that_came_as_an_e_mail_address_is_not_kept_with_the_click() {
    let problems = ["", "email_in_order_reference", "email_in_tracking_reference"];
    for (problem, kept) in problems.into_iter().zip([Some("news7"), Some("news7"), None]) {
        let mut envelope = with(|event| event.class = Class::Click);
        envelope.event.set(Field::TrackingReference, Value::Text("news7".into()));
        envelope.problems = vec![problem.to_owned()];
        let Decision::Record { clicks } = decided(&envelope, &Known::default()) else { panic!("{problem}") };
        let [click] = clicks.as_slice() else { panic!("{problem}: {clicks:?}") };
        assert_eq!(click.reference.as_deref(), kept, "{problem}");
    }
}

#[test]
fn a_hops_id_is_kept_as_a_second_name_only_if_it_can_be_one() {
    let [long, most] = [65, 64].map(|count| "x".repeat(count));
    for (id, kept) in [("c1k2_u3i12", 2), ("", 1), (&long, 1), (&most, 2)] {
        let mut envelope = with(|event| event.class = Class::Click);
        envelope.event.set(Field::HopClickId, Value::Text(id.into()));
        let Decision::Record { clicks } = decided(&envelope, &Known::default()) else { panic!("{id}") };
        assert_eq!(clicks.len(), kept, "{id}");
    }
}

#[test]
fn the_origin_of_a_click_is_read_as_it_was_written() {
    let names = [Origin::Edge, Origin::Hop, Origin::Imported].map(|origin| {
        assert_eq!(Origin::parse(origin.name()), Some(origin));
        origin.name()
    });
    assert_eq!((names, Origin::parse("")), (["edge", "hop", "imported"], None));
}

#[test]
fn what_was_earned_before_is_asked_for_only_where_the_terms_look_back() {
    let directory = directory();
    let cap =
        |per| format!("[[terms]]\n[[terms.cap]]\nper = \"{per}\"\nof = \"publisher\"\namount = \"5 USD\"\n");
    let first = Envelope { click: click(458, 60), ..sale(1) };
    let known = standing(&first, false);
    for (terms, known, publishers) in [
        (String::new(), &known, None),
        (cap("order"), &known, None),
        (cap("month"), &Known::default(), Some(vec![456])),
        (cap("month"), &known, Some(vec![456, 458])),
    ] {
        let policy = Policy { terms: Terms::load("terms.toml", &terms).unwrap(), ..policy() };
        let ground = Ground { directory: &directory, policy: &policy, click_ids: &Ids };
        let asked = asks_for_figures(&ground, &sale(2), known);
        let at = first.received_at;
        let expected = publishers.map(|publishers| Asked {
            advertiser_id: 789,
            currency: Currency::USD,
            at,
            publishers,
            but: known.standing.as_ref().map(|itself| itself.event_id),
        });
        assert_eq!(asked, expected, "{terms}");
    }
}

#[test]
fn what_the_merchant_gave_to_another_channel_earns_nobody_anything_when_it_is_decided_again() {
    let (directory, policy) = (directory(), policy());
    let voided = with(|event| event.set(Field::AutoVoid, Value::Flag(true)));
    let plain = sale(1);
    let considered = booked(&plain).considered;
    for (envelope, auto_voided, publisher_id) in
        [(&plain, false, Some(456)), (&plain, true, None), (&voided, false, None), (&voided, true, None)]
    {
        let kept = Kept {
            event: &envelope.event,
            advertiser_id: 789,
            amount: Money::from_minor(1000, Currency::USD),
            at: envelope.received_at,
            considered: &considered,
            auto_voided,
            figures: &[],
        };
        let awarded = kept.award(&directory, &policy.terms, None).unwrap();
        assert_eq!(awarded.map(|awarded| awarded.credited.publisher_id), publisher_id, "{auto_voided}");
    }
}

//! Who earned what: one order recognised whichever way it comes, shares and limits by the terms, and the same decision
//! made again.

use std::time::Duration;

use attribution::Model;
use ledger::{By, Span};
use proptest::prelude::*;
use relay::Envelope;
use relay::edit::Change;
use relay::intake::BoundVoucher;
use relay::policy::{Snapshot, Terms};
use tracking::dialect::interface::Operation;
use tracking::directory::Commission;
use tracking::event::Click;
use tracking::{Field, Value, Verdict};
use units::{EventId, Timestamp};

use super::world::{MOVED, Reply, START, Sale, World, batch, event_id, snapshot};
use crate::processor::awards::{Recalculated, compare, of_value, recalculate};
use crate::{Corrected, Correcting};

on_a_server_too! {
    a_click_that_changes_nothing_by_itself_is_still_known_when_the_next_one_comes,
    one_order_is_one_transaction_whichever_way_it_comes,
    the_evidence_of_every_arrival_counts_in_whichever_order_they_come,
    a_click_after_the_order_earns_nothing_of_it,
    two_references_of_one_click_and_amount_are_suspected_and_never_collapsed,
    what_the_merchant_gave_to_another_channel_earns_nobody_anything,
    six_policies_for_duplicates,
    a_key_is_of_the_terms_of_its_time,
    the_latest_money_stands_in_whichever_order_it_comes,
    the_latest_money_and_the_evidence_of_every_arrival_stand,
    a_corrected_order_counts_for_who_earns_by_it_now,
    scales_and_caps_go_by_what_the_books_have,
    an_order_that_comes_again_does_not_count_against_its_own_cap,
    what_only_makes_a_journey_longer_leaves_what_was_earned,
    a_copy_that_is_merged_is_sent_at_the_value_that_stands,
    an_order_that_comes_late_does_not_exceed_the_cap,
    a_recalculation_holds_the_cap_whatever_day_an_order_is_of,
    a_recalculation_leaves_the_room_that_is_used_by_what_stays,
    a_reference_that_is_used_again_earns_by_what_is_left_on_its_own_day,
    a_corrected_event_does_not_count_against_its_own_cap,
    a_cap_is_asked_about_in_the_currency_of_the_value_that_stands,
    other_terms_are_told_in_money_and_applied_as_corrections,
    an_order_of_another_value_earns_by_the_terms_of_its_time,
    a_recalculation_of_a_part_of_a_month_knows_what_was_before_it,
    what_is_locked_stays,
    models_stand_side_by_side,
    the_terms_of_the_orders_own_time_decide_for_ever,
    a_voucher_that_is_bound_anew_changes_nothing_of_what_was_earned,
    every_award_comes_out_again,
}

const HOUR: Duration = Duration::from_secs(3600);
pub(super) const ALWAYS: Span =
    Span { since: Timestamp::from_millis(0), until: Timestamp::from_millis(i64::MAX), advertiser_id: None };

pub(super) fn with_terms(text: &str) -> Snapshot {
    let mut snapshot = snapshot();
    snapshot.policy.terms = Terms::load("terms.toml", text).unwrap_or_else(|mistakes| panic!("{mistakes:?}"));
    snapshot
}

/// A raw arrival of order `reference`, `after` the start.
pub(super) fn raw(id: u64, reference: &str, minor: i64, after: Duration) -> Envelope {
    let reference = reference.to_owned();
    Sale { id, advertiser_id: MOVED, reference, minor, clicked: false, at: START.plus(after) }.envelope()
}

/// A click of `publisher_id`, so long `before` the start.
pub(super) fn click(publisher_id: u64, before: Duration) -> Click {
    let click_id = format!("c{publisher_id}x{}", before.as_secs());
    Click { advertiser_id: MOVED, publisher_id, creative_id: 1, at: START.minus(before), click_id }
}

pub(super) fn clicked(envelope: Envelope, click: Click) -> Envelope {
    Envelope { click: Some(click), ..envelope }
}

pub(super) fn remembered(envelope: Envelope, click: Click) -> Envelope {
    Envelope { cookie_click: Some(click), ..envelope }
}

fn with(mut envelope: Envelope, field: Field, value: Value) -> Envelope {
    envelope.event.set(field, value);
    envelope
}

impl World {
    pub(super) fn take(&mut self, envelopes: &[Envelope]) {
        let entries = envelopes.iter().map(Envelope::encode).collect();
        self.processor.receive(&batch(entries), self.now).unwrap();
        self.assert_balanced();
    }

    /// What each publisher has by the books of one order.
    pub(super) fn shares(&self, id: u64) -> Vec<(u64, i64)> {
        let shown = self.processor.ledger().show(event_id(id)).unwrap().unwrap();
        let mut sums = std::collections::BTreeMap::new();
        for line in shown.postings.iter().filter_map(|row| row.posting) {
            if let attribution::Account::Publisher(publisher_id) = line.account {
                *sums.entry(publisher_id).or_insert(0) += line.amount.minor;
            }
        }
        sums.into_iter().filter(|(_, sum)| *sum != 0).collect()
    }

    fn again(&self, terms: &Terms) -> Recalculated {
        let snapshot = self.processor.snapshot();
        recalculate(self.processor.ledger(), snapshot, terms, &ALWAYS, self.now).unwrap()
    }

    /// What is booked comes out again, bit for bit.
    pub(super) fn assert_identical(&self) -> String {
        let snapshot = std::sync::Arc::clone(self.processor.snapshot());
        let again = self.again(&snapshot.policy.terms);
        assert!(again.changed.is_empty() && again.failed.is_empty(), "{again:#?}");
        let differs = again.money.iter().find(|(_, [booked, now])| booked != now);
        assert_eq!(differs, None, "what is posted is what is awarded");
        let [booked, now] = again.digests;
        assert_eq!(booked, now);
        booked
    }
}

/// Pixel, beacon, server call and interface of one order, in every order of arrival: one transaction of 10.00, and the
/// click that the server knows earns 1.00.
#[test]
fn one_order_is_one_transaction_whichever_way_it_comes() {
    let seconds = Duration::from_secs;
    let arrivals = [
        raw(1, "A-1", 1000, seconds(0)),
        remembered(raw(2, "A-1", 1000, seconds(0)), click(457, 2 * HOUR)),
        clicked(raw(3, "A-1", 1000, seconds(0)), click(456, 3 * HOUR)),
        raw(4, "A-1", 1000, seconds(0)),
    ];
    let orders: [[usize; 4]; 6] =
        [[0, 1, 2, 3], [3, 2, 1, 0], [2, 0, 3, 1], [1, 3, 0, 2], [1, 2, 0, 3], [2, 1, 3, 0]];
    for order in orders {
        let mut world = World::new();
        for place in order {
            world.take(&[arrivals[place].clone()]);
        }
        let first = event_id(order[0] as u64 + 1);
        let standing: Vec<EventId> = (1..=4).map(event_id).filter(|id| *id != first).collect();
        let merged = |id: &EventId| {
            let row = world.processor.ledger().conversion(*id).unwrap().unwrap();
            row.state.name() == "merged" && row.first == Some(first)
        };
        assert!(standing.iter().all(merged), "{order:?}");
        assert_eq!(world.shares(order[0] as u64 + 1), [(456, 100)], "{order:?}: the click id proves more");
        world.assert_identical();
    }
}

/// The same under every sharing model: two touches of one order that come with two of its arrivals earn half each.
#[test]
fn the_evidence_of_every_arrival_counts_in_whichever_order_they_come() {
    for (model, expected) in [
        ("linear", vec![(456, 50), (457, 50)]),
        ("position", vec![(456, 50), (457, 50)]),
        ("first_click", vec![(456, 100)]),
        ("last_click", vec![(457, 100)]),
        ("time_decay", vec![(456, 33), (457, 67)]),
    ] {
        for turned in [false, true] {
            let mut world = World::with(with_terms(&format!("[[terms]]\nmodel = \"{model}\"\n")));
            let mut arrivals = [
                clicked(raw(1, "A-1", 1000, Duration::ZERO), click(456, 8 * 24 * HOUR)),
                clicked(raw(2, "A-1", 1000, Duration::ZERO), click(457, 24 * HOUR)),
            ];
            if turned {
                arrivals.reverse();
            }
            world.take(&arrivals);
            let first = if turned { 2 } else { 1 };
            assert_eq!(world.shares(first), expected, "{model}, turned: {turned}");
            world.assert_identical();
        }
    }
}

/// A publisher's second click changes nothing while it is alone, and decides against another's that comes after it.
#[test]
fn a_click_that_changes_nothing_by_itself_is_still_known_when_the_next_one_comes() {
    let clicks = [click(457, 10 * HOUR), click(457, 2 * HOUR), click(456, 5 * HOUR)];
    for (model, expected) in [("last_click", 457), ("first_click", 457)] {
        for order in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
            let mut world = World::with(with_terms(&format!("[[terms]]\nmodel = \"{model}\"\n")));
            for (id, place) in (1..).zip(order) {
                world.take(&[clicked(raw(id, "A-1", 1000, Duration::ZERO), clicks[place].clone())]);
            }
            assert_eq!(world.shares(1), [(expected, 100)], "{model}, {order:?}");
            world.assert_identical();
        }
    }
}

#[test]
fn a_click_after_the_order_earns_nothing_of_it() {
    let mut world = World::new();
    world.take(&[raw(1, "A-1", 1000, Duration::ZERO)]);
    // A page that is seen again fifteen days later, after another click.
    let later = Click { at: START.plus(300 * HOUR), ..click(456, HOUR) };
    world.pass(360 * HOUR);
    world.take(&[clicked(raw(2, "A-1", 1000, 360 * HOUR), later)]);
    assert_eq!((world.state(2), world.shares(1)), ("merged", vec![]));
    world.assert_balanced();
}

#[test]
fn two_references_of_one_click_and_amount_are_suspected_and_never_collapsed() {
    let mut world = World::new();
    let minute = Duration::from_secs(60);
    world.take(&[clicked(raw(1, "A-1", 1000, Duration::ZERO), click(456, HOUR))]);
    for (id, reference, minor, after, suspected) in [
        (2, "1795462260", 1000, minute, true),
        (3, "A-3", 1001, minute, false),
        (4, "A-4", 1000, 12 * minute, false),
        (5, "A-5", 0, minute, false),
        (6, "A-6", 0, minute, false),
    ] {
        world.take(&[clicked(raw(id, reference, minor, after), click(456, HOUR))]);
        assert_eq!(world.state(id), "queued", "{reference}");
        let row = world.processor.ledger().conversion(event_id(id)).unwrap().unwrap();
        assert_eq!(row.flags.contains("resembles_order"), suspected, "{reference}: {}", row.flags);
    }
}

#[test]
fn what_the_merchant_gave_to_another_channel_earns_nobody_anything() {
    let voided = |envelope| with(envelope, Field::AutoVoid, Value::Flag(true));
    let own = || clicked(raw(1, "A-1", 1000, Duration::ZERO), click(456, HOUR));
    let copy = || clicked(raw(2, "A-1", 1000, Duration::ZERO), click(456, HOUR));
    for arrivals in [vec![voided(own())], vec![voided(own()), copy()], vec![own(), voided(copy())]] {
        let mut world = World::new();
        world.take(&arrivals);
        assert_eq!(world.shares(1), [], "{} arrivals", arrivals.len());
        let row = world.processor.ledger().conversion(event_id(1)).unwrap().unwrap();
        assert_eq!((row.state.name(), row.commission), ("queued", None));
        assert!(row.flags.contains("auto_void"), "{}", row.flags);
        assert_eq!(row.publisher_id, Some(456), "the platform is told whose click it was");
        world.assert_identical();
    }
}

/// What a second arrival of 20.00 means beside one of 10.00, an hour later: who stands, and what is earned.
#[test]
fn six_policies_for_duplicates() {
    let other = || clicked(raw(2, "A-1", 2000, HOUR), click(456, 2 * HOUR));
    for (policy, second, booked) in [
        ("conflict", "conflict", 0),
        ("first", "merged", 0),
        ("merge", "merged", 100),
        ("latest", "merged", 200),
        ("each", "queued", 0),
        ("window\"\nhours = 2\n#\"", "conflict", 0),
    ] {
        let text = format!("[[terms]]\n[[terms.duplicate]]\npolicy = \"{policy}\"\n");
        let mut world = World::with(with_terms(&text));
        world.take(&[raw(1, "A-1", 1000, Duration::ZERO), other()]);
        assert_eq!((world.state(2), world.state(1)), (second, "queued"), "{policy}");
        let sum: i64 = world.shares(1).iter().map(|(_, share)| share).sum();
        assert_eq!(sum, booked, "{policy}");
        let amount = world.processor.ledger().conversion(event_id(1)).unwrap().unwrap().amount.unwrap();
        assert_eq!(amount.minor, if policy == "latest" { 2000 } else { 1000 }, "{policy}");
        world.assert_identical();
    }
    for (after, second) in [(2 * HOUR, "merged"), (2 * HOUR + Duration::from_millis(1), "queued")] {
        let mut world =
            World::with(with_terms("[[terms]]\n[[terms.duplicate]]\npolicy = \"window\"\nhours = 2\n"));
        world.take(&[raw(1, "A-1", 1000, Duration::ZERO), raw(2, "A-1", 1000, after)]);
        assert_eq!(world.state(2), second, "{after:?}");
    }
    // Outside its window the reference stands for another order, and what comes then is held against that one.
    let mut world =
        World::with(with_terms("[[terms]]\n[[terms.duplicate]]\npolicy = \"window\"\nhours = 2\n"));
    let third = raw(3, "A-1", 3000, 3 * HOUR);
    world.take(&[raw(1, "A-1", 1000, Duration::ZERO), third.clone()]);
    assert_eq!((world.state(1), world.state(3)), ("queued", "queued"));
    world.take(&[raw(4, "A-1", 3000, 4 * HOUR), raw(5, "A-1", 1000, 4 * HOUR)]);
    let first = |id| world.processor.ledger().conversion(event_id(id)).unwrap().unwrap().first;
    assert_eq!((world.state(4), first(4)), ("merged", Some(third.event_id)));
    assert_eq!((world.state(5), first(5)), ("conflict", Some(third.event_id)));
}

#[test]
fn a_key_is_of_the_terms_of_its_time() {
    let text = "[[terms]]\n[[terms.duplicate]]\nkind = \"lead\"\npolicy = \"each\"\n\
        [[terms]]\nfrom = \"2027-01-01\"\nepoch = 1\n";
    let (usual, snapshot) = (snapshot(), with_terms(text));
    let sale = raw(1, "A-1", 1000, Duration::ZERO).event;
    let lead =
        with(raw(2, "A-1", 1000, Duration::ZERO), Field::ConversionType, Value::Text("lead".into())).event;
    let next_year = units::Day::new(2027, 1, 1).unwrap().start();
    let key = usual.conversion_key(&sale, START);
    assert!(key.is_some() && key == snapshot.conversion_key(&sale, START));
    let later = snapshot.conversion_key(&sale, next_year);
    assert!(later.is_some() && later != key, "order numbers start again");
    assert_eq!(usual.conversion_key(&sale, next_year), key);
    assert_eq!(snapshot.conversion_key(&lead, START), None, "each lead is one of its own");
    assert!(snapshot.conversion_key(&lead, next_year).is_some());
}

#[test]
fn the_latest_money_stands_in_whichever_order_it_comes() {
    let arrivals =
        [raw(1, "A-1", 1000, Duration::ZERO), raw(2, "A-1", 2000, HOUR), raw(3, "A-1", 1500, 2 * HOUR)];
    for order in [[0_usize, 1, 2], [0, 2, 1], [2, 1, 0], [1, 2, 0]] {
        let mut world = World::with(with_terms("[[terms]]\n[[terms.duplicate]]\npolicy = \"latest\"\n"));
        for place in order {
            world.take(&[arrivals[place].clone()]);
        }
        let row = world.processor.ledger().conversion(event_id(order[0] as u64 + 1)).unwrap().unwrap();
        assert_eq!(row.amount.unwrap().minor, 1500, "{order:?}");
    }
}

/// The latest money and the best evidence stand, whichever arrival brings which.
#[test]
fn the_latest_money_and_the_evidence_of_every_arrival_stand() {
    let proven = |envelope| clicked(envelope, click(456, HOUR));
    let [older, newer] = [raw(1, "A-1", 1000, Duration::ZERO), raw(2, "A-1", 2000, HOUR)];
    for (first, arrivals) in [
        (1, [proven(older.clone()), newer.clone()]),
        (2, [newer.clone(), proven(older.clone())]),
        (1, [older.clone(), proven(newer.clone())]),
        (2, [proven(newer), older]),
    ] {
        let mut world = World::with(with_terms("[[terms]]\n[[terms.duplicate]]\npolicy = \"latest\"\n"));
        arrivals.iter().for_each(|arrival| world.take(std::slice::from_ref(arrival)));
        let stands = |world: &World| world.processor.ledger().show(event_id(first)).unwrap().unwrap();
        let row = stands(&world).conversion;
        assert_eq!((row.amount.unwrap().minor, row.publisher_id), (2000, Some(456)));
        assert_eq!(world.shares(first), [(456, 200)]);
        let before = stands(&world).journal.len();
        world.take(&[raw(3, "A-1", 2000, 2 * HOUR)]);
        assert_eq!(stands(&world).journal.len(), before, "the same money again corrects nothing");
    }
}

const SCALE: &str = "[[terms]]\n[[terms.rule]]\nname = \"scale\"\ntiers_by = \"orders\"\n\
    tiers = [{ percent = \"5\" }, { from = 2, percent = \"8\" }]\n\
    [[terms.cap]]\nper = \"month\"\nof = \"programme\"\namount = \"2.00\"\n";

/// Orders of 10.00: 0.50, 0.50, then 0.80, then what the month has left of 2.00; another publisher has its own scale, a
/// new month begins anew.
#[test]
fn scales_and_caps_go_by_what_the_books_have() {
    let order = |id: u64, publisher, after: Duration| {
        let click = Click {
            at: START.plus(after).minus(HOUR),
            ..click(publisher, HOUR * u32::try_from(id).unwrap())
        };
        clicked(raw(id, &format!("B-{id}"), 1000, after), click)
    };
    let mut world = World::with(with_terms(SCALE));
    let minute = Duration::from_secs(60);
    for (id, publisher, after, earned) in [
        (1, 456, minute, 50),
        (2, 456, 2 * minute, 50),
        (3, 456, 3 * minute, 80),
        (4, 457, 4 * minute, 20),
        (5, 457, 5 * minute, 0),
        (6, 456, 24 * 40 * HOUR, 50),
    ] {
        world.take(&[order(id, publisher, after)]);
        let expected = if earned == 0 { vec![] } else { vec![(publisher, earned)] };
        assert_eq!(world.shares(id), expected, "order {id}");
    }
    let digest = world.assert_identical();
    let awards = world.processor.ledger().awards_of(event_id(4)).unwrap();
    assert_eq!(awards[0].rules, "scale; cap of 2.00 USD per month and programme");
    assert_eq!(
        (awards[0].terms.as_str(), awards[0].model.as_str()),
        ("every programme from the beginning", "last_click")
    );
    let world = world.crash();
    assert_eq!(world.assert_identical(), digest, "after a restart");
    // The same orders decided about from the beginning, by terms that are no longer those in force, come out alike.
    let mut edited = snapshot();
    edited.policy.terms = Terms::default();
    let terms = Terms::load("terms.toml", SCALE).unwrap();
    let result = recalculate(world.processor.ledger(), &edited, &terms, &ALWAYS, world.now).unwrap();
    assert_eq!(result.digests[0], result.digests[1], "{result:#?}");
}

/// What it earned itself is nothing that was earned before it, and what others earned since takes nothing from it.
#[test]
fn an_order_that_comes_again_does_not_count_against_its_own_cap() {
    for model in ["last_click", "linear"] {
        let cap = "[[terms.cap]]\nper = \"month\"\nof = \"programme\"\namount = \"2.00\"\n";
        let mut world = World::with(with_terms(&format!("[[terms]]\nmodel = \"{model}\"\n{cap}")));
        let (old, new) = (click(456, 2 * HOUR), click(456, HOUR));
        world.take(&[clicked(raw(1, "A", 1200, Duration::ZERO), new)]);
        world.take(&[clicked(raw(2, "A", 1200, HOUR), old)]);
        assert_eq!(world.shares(1), [(456, 120)], "{model}");
        world.take(&[clicked(raw(3, "B", 1200, HOUR), click(457, HOUR))]);
        assert_eq!(world.shares(3), [(457, 80)], "{model}: what is left of it");
        world.take(&[clicked(raw(4, "A", 1200, HOUR), click(456, 3 * HOUR))]);
        assert_eq!(world.shares(1), [(456, 120)], "{model}");
        world.assert_balanced();
    }
}

/// Under a scale, what came in between would make another commission of the order, while nothing is posted.
#[test]
fn what_only_makes_a_journey_longer_leaves_what_was_earned() {
    let mut world = World::with(with_terms(SCALE));
    let order = |id, reference: &str, hours, click| clicked(raw(id, reference, 1000, hours * HOUR), click);
    world.take(&[order(1, "A", 10, click(456, HOUR))]);
    world.take(&[order(2, "B", 1, click(456, HOUR)), order(3, "C", 2, click(456, HOUR))]);
    world.take(&[order(4, "A", 10, click(456, 3 * HOUR))]);
    assert_eq!(world.shares(1), [(456, 50)]);
    let row = world.processor.ledger().conversion(event_id(1)).unwrap().unwrap();
    assert_eq!(row.commission.unwrap().minor, 50);
    let awards = world.processor.ledger().awards_of(event_id(1)).unwrap();
    assert!(awards.iter().all(|award| award.share.minor == 50), "{awards:?}");
    world.assert_balanced();
}

/// The terms merge what says another value: the first one stands, for the platform as well.
#[test]
fn a_copy_that_is_merged_is_sent_at_the_value_that_stands() {
    let mut world = World::with(with_terms("[[terms]]\n[[terms.duplicate]]\npolicy = \"merge\"\n"));
    world.take(&[raw(1, "A", 1000, Duration::ZERO)]);
    world.take(&[clicked(raw(2, "A", 7777, Duration::ZERO), click(456, HOUR))]);
    assert_eq!(world.shares(1), [(456, 100)]);
    let deliveries = world.deliveries();
    let body = String::from_utf8_lossy(&deliveries[0].request.body);
    assert!(body.contains("10") && !body.contains("77.77"), "{body}");
}

/// Two edges hand over their orders each in its own time: what happened two days before comes when the month is used up, and
/// stands on the step of its own day all the same.
#[test]
fn an_order_that_comes_late_does_not_exceed_the_cap() {
    let of = |id: u64, reference: &str, publisher, days: u32| {
        let after = 24 * HOUR * days;
        let click = Click { at: START.plus(after).minus(HOUR), ..click(publisher, HOUR) };
        clicked(raw(id, reference, 1000, after), click)
    };
    let mut world = World::with(with_terms(&SCALE.replace("2.00", "1.90")));
    for (id, days, earned) in [(1, 2, 50), (2, 2, 50), (3, 2, 80), (4, 0, 10), (5, 0, 0)] {
        world.take(&[of(id, &format!("B-{id}"), 456, days)]);
        let expected = if earned == 0 { vec![] } else { vec![(456, earned)] };
        assert_eq!(world.shares(id), expected, "order {id}");
    }
    let rules = |id| world.processor.ledger().awards_of(event_id(id)).unwrap()[0].rules.clone();
    assert_eq!(rules(4), "scale; cap of 1.90 USD per month and programme");
    world.assert_identical();
    // A copy that was received two days before makes an order older, and takes nothing from it.
    let mut world = World::with(with_terms(&SCALE.replace("\"8\"", "\"1\"")));
    for id in 1..=4 {
        world.take(&[of(id, &format!("B-{id}"), 456, 2)]);
    }
    world.take(&[of(5, "B-4", 457, 0)]);
    assert_eq!(world.shares(4), [(457, 50)], "the first of its publisher, and not beyond the cap");
    world.take(&[of(6, "B-1", 457, 0), of(7, "B-6", 457, 1)]);
    assert_eq!((world.shares(1), world.shares(7)), (vec![(457, 50)], vec![(457, 10)]));
    world.assert_balanced();
}

/// A recalculation adds up what it finds in the order of arrival, and holds the cap as the bookings do.
#[test]
fn a_recalculation_holds_the_cap_whatever_day_an_order_is_of() {
    let mut world = World::with(with_terms(&SCALE.replace("2.00", "9.00")));
    let order =
        |id: u64, days: u32| clicked(raw(id, &format!("B-{id}"), 1000, 24 * HOUR * days), click(456, HOUR));
    world.take(&[order(1, 3), order(2, 4)]);
    // Its copy is received first of all, so that it is of the first day.
    world.take(&[clicked(raw(3, "B-2", 1000, HOUR), click(456, 2 * HOUR))]);
    let again = world.again(&Terms::load("terms.toml", &SCALE.replace("2.00", "0.60")).unwrap());
    let money: Vec<_> = again.money.iter().map(|((id, _), sums)| (*id, *sums)).collect();
    assert_eq!(money, [(456, [100, 60])], "{again:#?}");
}

/// What its merchant has commented on, and what cannot be decided about under the new terms, keeps the whole cap of 10.00:
/// the order beside it gets nothing of it.
#[test]
fn a_recalculation_leaves_the_room_that_is_used_by_what_stays() {
    let cap = "[[terms.cap]]\nper = \"month\"\namount = \"10.00\"\n";
    let odd = "[[terms.rule]]\nname = \"odd\"\ncustom_type = [\"odd\"]\nflat = \"1.00 EUR\"\n";
    let other = "[[terms.rule]]\nname = \"other\"\nkind = [\"lead\"]\npercent = \"3\"\n";
    for why in ["a comment", "no decision"] {
        let mut world = World::with(with_terms(&format!("[[terms]]\n{cap}")));
        world.processor.replace_callers(super::calling::callers());
        let order = |id: u64, after| clicked(raw(id, &format!("A-{id}"), 10_000, after), click(456, HOUR));
        let custom = if why == "no decision" { "odd" } else { "usual" };
        let first = with(order(1, Duration::ZERO), Field::CustomType, Value::Text(custom.into()));
        world.take(&[first, order(2, 2 * HOUR)]);
        assert_eq!((world.shares(1), world.shares(2)), (vec![(456, 1000)], vec![]));
        if why == "a comment" {
            let fields = [super::calling::THE_ORDER, (Field::Comment, "asked")];
            super::calling::ask(&mut world, 100, Operation::Edit, &fields);
        }
        let terms = format!("[[terms]]\n{odd}{other}{cap}");
        let again = world.again(&Terms::load("terms.toml", &terms).unwrap());
        let by = By { actor: "ann", why: "agreed" };
        world.processor.reaward(&again.changed, by, world.now).unwrap();
        assert_eq!((world.shares(1), world.shares(2)), (vec![(456, 1000)], vec![]), "{why}: {again:#?}");
        world.assert_balanced();
    }
}

/// Two days later the shop's numbers begin again: the month's cap is used up by the first order, which is another one.
#[test]
fn a_reference_that_is_used_again_earns_by_what_is_left_on_its_own_day() {
    let text = "[[terms]]\n[[terms.duplicate]]\npolicy = \"window\"\nhours = 24\n\
        [[terms.cap]]\nper = \"month\"\namount = \"10.00\"\n";
    let mut world = World::with(with_terms(text));
    let later = Click { at: START.plus(47 * HOUR), ..click(456, HOUR) };
    world.take(&[clicked(raw(1, "1001", 10_000, Duration::ZERO), click(456, HOUR))]);
    world.take(&[clicked(raw(2, "1001", 10_000, 48 * HOUR), later)]);
    assert_eq!((world.shares(1), world.state(2), world.shares(2)), (vec![(456, 1000)], "queued", vec![]));
    world.assert_identical();
}

#[test]
fn a_corrected_event_does_not_count_against_its_own_cap() {
    let cap = "[[terms]]\n[[terms.cap]]\nper = \"month\"\namount = \"10.00\"\n";
    let mut world = World::with(with_terms(cap));
    world.take(&[clicked(raw(1, "1001", 10_000, Duration::ZERO), click(456, HOUR))]);
    for _ in 0..2 {
        world.pass(Duration::from_secs(4));
        world.deliver(|_| Reply::Says(Verdict::Rejected));
    }
    assert_eq!((world.state(1), world.shares(1)), ("rejected", vec![(456, 1000)]));
    let correcting = Correcting {
        event_id: event_id(1),
        changes: vec![Change { field: Field::OrderReference, to: Some("1002".to_owned()) }],
        overrules: false,
        dry_run: false,
        actor: "ann".to_owned(),
        reason: "asked the shop".to_owned(),
    };
    let corrected = world.processor.correct_event(&correcting, world.now).unwrap();
    assert!(matches!(corrected, Corrected::Done { .. }), "{corrected:?}");
    assert_eq!(world.shares(1), [(456, 1000)]);
    world.take(&[clicked(raw(2, "1003", 10_000, HOUR), click(456, HOUR))]);
    assert_eq!(world.shares(2), [], "and it has used the cap");
    world.assert_balanced();
}

/// A copy in another currency is decided about at the value that stands, whose cap is used up.
#[test]
fn a_cap_is_asked_about_in_the_currency_of_the_value_that_stands() {
    let cap = |amount: &str| format!("[[terms.cap]]\nper = \"month\"\namount = \"{amount}\"\n");
    let text = "[[terms]]\n[[terms.duplicate]]\npolicy = \"merge\"\n";
    let text = format!("{text}{}{}", cap("1.00 USD"), cap("1.00 EUR"));
    let mut world = World::with(with_terms(&text));
    world.take(&[raw(1, "A", 1000, Duration::ZERO)]);
    world.take(&[clicked(raw(2, "B", 1000, Duration::ZERO), click(456, HOUR))]);
    assert_eq!(world.shares(2), [(456, 100)]);
    let euros = Value::Money(units::Money::from_minor(1000, units::Currency::parse("EUR").unwrap()));
    world.take(&[with(clicked(raw(3, "A", 1000, HOUR), click(456, 2 * HOUR)), Field::Amount, euros)]);
    let row = world.processor.ledger().conversion(event_id(1)).unwrap().unwrap();
    assert_eq!((world.state(3), row.publisher_id, world.shares(1)), ("merged", Some(456), vec![]));
    world.assert_identical();
}

#[test]
fn other_terms_are_told_in_money_and_applied_as_corrections() {
    let mut world = World::new();
    let order = |id: u64, publisher| {
        clicked(
            raw(id, &format!("B-{id}"), 1000, Duration::ZERO),
            click(publisher, HOUR * u32::try_from(id).unwrap()),
        )
    };
    world.take(&[order(1, 456), order(2, 457), raw(3, "B-3", 1000, Duration::ZERO)]);
    let digest = world.assert_identical();
    let terms = Terms::load(
        "terms.toml",
        "[[terms]]\n[[terms.rule]]\nname = \"more\"\npublisher = [457]\npercent = \"12.5\"\n",
    )
    .unwrap();
    let again = world.again(&terms);
    assert_eq!((again.orders, again.changed.len()), (3, 2), "the version's name is part of an award");
    let money: Vec<_> = again.money.iter().map(|((id, _), sums)| (*id, *sums)).collect();
    assert_eq!(money, [(456, [100, 100]), (457, [100, 125])]);
    assert_eq!(world.assert_identical(), digest, "asking changes nothing");
    let by = By { actor: "ann", why: "agreed with the merchant" };
    assert_eq!(world.processor.reaward(&again.changed, by, world.now).unwrap(), 2);
    assert_eq!(world.processor.reaward(&again.changed, by, world.now).unwrap(), 0, "not twice");
    world.assert_balanced();
    assert_eq!((world.shares(1), world.shares(2)), (vec![(456, 100)], vec![(457, 125)]));
    let shown = world.processor.ledger().show(event_id(2)).unwrap().unwrap();
    assert!(shown.journal.iter().any(|entry| entry.action == "recalculate" && entry.actor == "ann"));
    assert_eq!(shown.awards.iter().map(|award| award.number).collect::<Vec<_>>(), [1, 2]);
    let after = world.again(&terms);
    assert!(after.changed.is_empty() && after.digests[0] == after.digests[1], "{after:#?}");
}

/// 5 % of another value, with at most 2.00: an edit earns by the terms, and what was given away stays given away.
#[test]
fn an_order_of_another_value_earns_by_the_terms_of_its_time() {
    let text = "[[terms]]\n[[terms.rule]]\nname = \"five\"\npercent = \"5\"\n\
        [[terms.cap]]\nper = \"order\"\namount = \"2\"\n";
    let mut world = World::with(with_terms(text));
    let voided = with(raw(2, "B-2", 1000, Duration::ZERO), Field::AutoVoid, Value::Flag(true));
    world.take(&[
        clicked(raw(1, "B-1", 1000, Duration::ZERO), click(456, HOUR)),
        clicked(voided, click(456, 2 * HOUR)),
    ]);
    let rows = world.processor.ledger().decided(&ALWAYS, None, 10).unwrap().rows;
    let (mut paged, mut after) = (Vec::new(), None);
    for _ in 0..3 {
        let page = world.processor.ledger().decided(&ALWAYS, after, 1).unwrap();
        paged.extend(page.rows);
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!((paged.len(), &paged), (2, &rows), "page by page, to the end");
    let usd = |minor| units::Money::from_minor(minor, units::Currency::USD);
    let earns = |place: usize, minor| {
        of_value(world.processor.snapshot(), &rows[place], usd(minor)).unwrap().commission
    };
    assert_eq!(earns(0, 2000), Some(Commission::Flat(usd(100))));
    assert_eq!(earns(0, 10_000), Some(Commission::Flat(usd(200))));
    assert_eq!(earns(1, 10_000), Some(Commission::Flat(usd(0))));
    assert_eq!(of_value(&snapshot(), &rows[0], usd(2000)).unwrap().commission, None, "as the directory says");
}

/// Two orders go from one publisher to another by better evidence: with them go their place in the scale and in the cap.
#[test]
fn a_corrected_order_counts_for_who_earns_by_it_now() {
    let mut world = World::with(with_terms(&SCALE.replace("2.00", "3.00")));
    let minute = Duration::from_secs(60);
    for id in [1, 2] {
        let (reference, after) = (format!("B-{id}"), minute * id);
        let order = |copy| raw(u64::from(id) + copy, &reference, 1000, after);
        world.take(&[remembered(order(0), click(457, HOUR * (id + 1)))]);
        assert_eq!(world.shares(u64::from(id)), [(457, 50)]);
        world.take(&[clicked(order(10), click(456, HOUR * (id + 3)))]);
        assert_eq!(world.shares(u64::from(id)), [(456, 50)]);
    }
    for (id, publisher, earned) in [(3, 456, 80), (4, 457, 50)] {
        let order = raw(id, &format!("B-{id}"), 1000, minute * u32::try_from(id).unwrap());
        world.take(&[clicked(order, click(publisher, HOUR * 9))]);
        assert_eq!(world.shares(id), [(publisher, earned)], "order {id}");
    }
    world.assert_identical();
}

/// What was earned in the month before the span counts in its scale: the third order earns by the second step.
#[test]
fn a_recalculation_of_a_part_of_a_month_knows_what_was_before_it() {
    let scale = SCALE.replace("2.00", "9.00");
    let mut world = World::with(with_terms(&scale));
    for (id, after) in [(1, HOUR), (2, 2 * HOUR), (3, 48 * HOUR)] {
        let order = raw(id, &format!("B-{id}"), 1000, after);
        world.take(&[clicked(order, click(456, HOUR * u32::try_from(id).unwrap()))]);
    }
    assert_eq!(world.shares(3), [(456, 80)]);
    let terms = Terms::load("terms.toml", &scale.replace("\"8\"", "\"10\"")).unwrap();
    let span = Span { since: START.plus(24 * HOUR), ..ALWAYS };
    let snapshot = world.processor.snapshot();
    let again = recalculate(world.processor.ledger(), snapshot, &terms, &span, world.now).unwrap();
    let money: Vec<_> = again.money.iter().map(|((id, _), sums)| (*id, *sums)).collect();
    assert_eq!((again.orders, money), (1, vec![(456, [80, 100])]));
}

#[test]
fn what_is_locked_stays() {
    let mut world = World::new();
    world.take(&[clicked(raw(1, "B-1", 1000, Duration::ZERO), click(456, HOUR))]);
    let terms =
        Terms::load("terms.toml", "[[terms]]\n[[terms.rule]]\nname = \"none\"\npercent = \"0\"\n").unwrap();
    world.pass(24 * 150 * HOUR);
    let again = world.again(&terms);
    assert!(again.changed.len() == 1 && again.changed[0].locked, "{again:#?}");
    let by = By { actor: "ann", why: "late" };
    assert_eq!(world.processor.reaward(&again.changed, by, world.now).unwrap(), 0);
    assert_eq!(world.shares(1), [(456, 100)]);
    // Nor does better evidence of months later move what is locked.
    world.take(&[clicked(raw(2, "B-1", 1000, 24 * 150 * HOUR), click(457, Duration::from_secs(60)))]);
    assert_eq!((world.state(2), world.shares(1)), ("merged", vec![(456, 100)]));
}

#[test]
fn models_stand_side_by_side() {
    let mut world = World::new();
    let sold = clicked(raw(1, "B-1", 10_000, Duration::ZERO), click(456, 8 * 24 * HOUR));
    world.take(&[remembered(sold, click(457, 24 * HOUR)), raw(2, "B-2", 500, Duration::ZERO)]);
    let snapshot = std::sync::Arc::clone(world.processor.snapshot());
    let compared = compare(world.processor.ledger(), &snapshot, &ALWAYS, &Model::ALL).unwrap();
    assert_eq!((compared.orders, compared.left_alone, compared.more), (2, 0, false));
    let rows: Vec<_> =
        compared.rows.iter().map(|row| (row.publisher_id, row.booked, row.under.clone())).collect();
    // last click, first click, linear, position, time decay
    assert_eq!(rows, [(456, 1000, vec![1000, 1000, 500, 500, 333]), (457, 0, vec![0, 0, 500, 500, 667])]);
    for column in 0..5 {
        assert_eq!(compared.rows.iter().map(|row| row.under[column]).sum::<i128>(), 1000, "to the unit");
    }
}

#[test]
fn the_terms_of_the_orders_own_time_decide_for_ever() {
    let text = "[[terms]]\n[[terms.rule]]\nname = \"old\"\npercent = \"5\"\n\
        [[terms]]\nfrom = \"2026-11-24\"\n[[terms.rule]]\nname = \"new\"\npercent = \"20\"\n";
    let mut world = World::with(with_terms(text));
    let order = |id: u64, after: Duration| {
        let click =
            Click { at: START.plus(after).minus(HOUR), ..click(456, HOUR * u32::try_from(id).unwrap()) };
        clicked(raw(id, &format!("B-{id}"), 1000, after), click)
    };
    // START is 2026-11-23, 19:31 UTC.
    world.pass(24 * HOUR);
    world.take(&[order(1, 4 * HOUR), order(2, 5 * HOUR)]);
    assert_eq!((world.shares(1), world.shares(2)), (vec![(456, 50)], vec![(456, 200)]));
    world.assert_identical();
}

#[test]
fn a_voucher_that_is_bound_anew_changes_nothing_of_what_was_earned() {
    let mut world = World::new();
    let bound = |publisher_id| BoundVoucher {
        advertiser_id: MOVED,
        code: "SAVE10".to_owned(),
        publisher_id,
        starts_at: None,
        ends_at: None,
    };
    let bind = |world: &mut World, publisher_id| {
        let mut ledger = ledger::Ledger::in_memory().unwrap();
        std::mem::swap(&mut ledger, &mut world.processor.ledger);
        let mut transaction = ledger.transaction(START).unwrap();
        transaction.bind_voucher(&bound(publisher_id)).unwrap();
        transaction.commit().unwrap();
        std::mem::swap(&mut ledger, &mut world.processor.ledger);
    };
    bind(&mut world, 456);
    let codes = Value::List(vec!["save10".into()]);
    world.take(&[with(raw(1, "B-1", 1000, Duration::ZERO), Field::VoucherCodes, codes)]);
    assert_eq!(world.shares(1), [(456, 100)]);
    bind(&mut world, 457);
    world.assert_identical();
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(super::place::cases(48)))]

    /// Whatever arrives in whichever order: the books balance, and every award comes out again, also after a restart.
    #[test]
    fn every_award_comes_out_again(
        arrivals in prop::collection::vec((0_u8..4, 1_u8..4, 0_u8..3, 1_u64..30, any::<bool>()), 1..14),
        model in 0_usize..5,
    ) {
        let text = format!("[[terms]]\nmodel = \"{}\"\n[[terms.rule]]\nname = \"scale\"\ntiers_by = \"sum\"\n\
            tiers = [{{ percent = \"5\" }}, {{ from = \"30\", percent = \"7.125\" }}]\n\
            [[terms.cap]]\nper = \"day\"\namount = \"3.00\"\n", Model::ALL[model].name());
        let mut world = World::with(with_terms(&text));
        for (id, (order, times, publisher, hours, cookie)) in (1_u64..).zip(&arrivals) {
            let envelope = raw(id, &format!("P-{order}"), 999 * i64::from(*times), Duration::ZERO);
            let click = click(455 + u64::from(*publisher), HOUR * u32::try_from(*hours).unwrap());
            let envelope = match (publisher, cookie) {
                (0, _) => envelope,
                (_, true) => remembered(envelope, click),
                (_, false) => clicked(envelope, click),
            };
            world.take(&[envelope]);
        }
        let digest = world.assert_identical();
        let world = world.crash();
        prop_assert_eq!(world.assert_identical(), digest);
    }
}

//! Orders that are held, and what a later arrival of the same order makes of them.

use std::time::Duration;

use relay::Envelope;
use relay::edit::Change;
use relay::envelope::Sent;
use tracking::{Field, Home, Value, Verdict};
use units::{Currency, Money};

use super::arrivals::{STRANGER, map_the_stranger};
use super::awards::with_terms;
use super::world::{MOVED, Reply, START, World, batch, event_id, sale};
use crate::{Correcting, Redrive};

on_a_server_too! {
    what_is_held_for_a_publisher_is_booked_with_another_arrival_that_proves_a_later_click,
    what_is_held_keeps_the_click_that_counts,
    an_arrival_that_proves_nothing_does_not_book_what_is_held_for_a_click,
    evidence_that_no_map_has_holds_what_was_booked_without_any,
    evidence_that_no_map_has_corrects_the_books_of_what_was_sent,
    what_waits_for_a_map_goes_on_with_a_later_click_that_needs_none,
    the_last_of_several_clicks_that_no_map_has_is_waited_for,
    what_is_held_for_its_click_keeps_it_whatever_a_later_arrival_says_it_is_worth,
    i2_what_an_edge_has_sent_of_what_is_held_is_booked_where_it_stands_and_never_sent,
}

/// An arrival of order A, whose click of this publisher is so many minutes old.
fn arrival(id: u64, publisher_id: u64, minutes: u64) -> Envelope {
    let mut envelope = sale(id, MOVED).envelope();
    envelope.event.set(Field::OrderReference, Value::Text("A".into()));
    envelope.key = Some(format!("{MOVED}//A"));
    envelope.received_at = START.plus(Duration::from_secs(id));
    let click = envelope.click.as_mut().unwrap();
    click.publisher_id = publisher_id;
    click.at = START.minus(Duration::from_secs(60 * minutes));
    envelope
}

fn receive(world: &mut World, envelope: &Envelope) {
    world.processor.receive(&batch(vec![envelope.encode()]), world.now).unwrap();
}

fn publisher_of(world: &World, id: u64) -> Option<u64> {
    world.processor.ledger().conversion(event_id(id)).unwrap().unwrap().publisher_id
}

#[test]
fn what_is_held_for_a_publisher_is_booked_with_another_arrival_that_proves_a_later_click() {
    let mut world = World::new();
    receive(&mut world, &arrival(1, STRANGER, 60));
    assert_eq!((world.state(1), publisher_of(&world, 1)), ("held", None));
    receive(&mut world, &arrival(2, 456, 30));
    assert_eq!((world.state(1), world.state(2)), ("queued", "merged"));
    let shown = world.processor.ledger().show(event_id(1)).unwrap().unwrap();
    assert_eq!(shown.conversion.publisher_id, Some(456));
    assert_eq!(shown.conversion.received_at, START.plus(Duration::from_secs(1)), "when it first came");
    let kinds: Vec<&str> = shown.postings.iter().map(|row| row.kind.as_str()).collect();
    assert_eq!(kinds, ["booking", "booking"]);
    assert_eq!(world.deliver(|_| Reply::Says(Verdict::Confirmed)), 1);
    assert_eq!(world.state(1), "confirmed");
    assert_eq!(map_the_stranger(&mut world), 0, "nothing waits for it any more");
    world.assert_balanced();
}

#[test]
fn what_is_held_keeps_the_click_that_counts() {
    let mut world = World::new();
    receive(&mut world, &arrival(1, STRANGER, 30));
    receive(&mut world, &arrival(2, 456, 60));
    assert_eq!((world.state(1), world.state(2)), ("held", "merged"), "the stranger's click was the last");
    assert_eq!(map_the_stranger(&mut world), 1);
    assert_eq!((world.state(1), publisher_of(&world, 1)), ("queued", Some(STRANGER)));
    let shown = world.processor.ledger().show(event_id(1)).unwrap().unwrap();
    let touches = shown.considered.iter().filter_map(|piece| piece.publisher_id);
    assert_eq!(touches.collect::<Vec<_>>(), [STRANGER, 456], "and the other's is known");
    assert_eq!(world.deliver(|_| Reply::Says(Verdict::Confirmed)), 1);
    world.assert_balanced();
}

#[test]
fn an_arrival_that_proves_nothing_does_not_book_what_is_held_for_a_click() {
    let mut world = World::new();
    receive(&mut world, &arrival(1, STRANGER, 30));
    receive(&mut world, &Envelope { click: None, ..arrival(2, STRANGER, 30) });
    assert_eq!((world.state(1), world.state(2)), ("held", "merged"));
    world.assert_balanced();
}

#[test]
fn i2_what_an_edge_has_sent_of_what_is_held_is_booked_where_it_stands_and_never_sent() {
    let mut world = World::new();
    receive(&mut world, &arrival(1, STRANGER, 30));
    let (home, verdict) = (Home::Primary, Verdict::Taken);
    let sent = Sent { home, endpoint: "x".to_owned(), verdict, reason: String::new() };
    receive(&mut world, &Envelope { sent: Some(sent), ..arrival(2, STRANGER, 30) });
    assert_eq!(world.state(1), "taken");
    receive(&mut world, &arrival(3, 456, 20));
    world.pass(Duration::from_secs(3600));
    assert!(world.deliveries().is_empty());
    let shown = world.processor.ledger().show(event_id(1)).unwrap().unwrap();
    assert_eq!((shown.conversion.publisher_id, shown.conversion.corrected_late), (Some(456), true));
    assert_eq!(world.state(1), "taken");
    world.assert_balanced();
}

fn raw(id: u64) -> Envelope {
    Envelope { click: None, ..arrival(id, STRANGER, 0) }
}

#[test]
fn evidence_that_no_map_has_holds_what_was_booked_without_any() {
    let mut world = World::new();
    receive(&mut world, &raw(1));
    assert_eq!(world.state(1), "queued");
    receive(&mut world, &arrival(2, STRANGER, 30));
    assert_eq!(world.shares(1), [(STRANGER, 100)], "our books need no map");
    assert!(world.deliveries().is_empty());
    assert_eq!((world.state(1), publisher_of(&world, 1)), ("held", Some(STRANGER)));
    assert_eq!(map_the_stranger(&mut world), 1);
    let mut told = String::new();
    let count = world.deliver(|delivery| {
        told = String::from_utf8_lossy(&delivery.request.body).into_owned();
        Reply::Says(Verdict::Confirmed)
    });
    assert_eq!((count, world.state(1)), (1, "confirmed"));
    assert!(told.contains("1999"), "with the publisher's id of the new platform: {told}");
    world.assert_balanced();
}

#[test]
fn evidence_that_no_map_has_corrects_the_books_of_what_was_sent() {
    let mut world = World::new();
    receive(&mut world, &raw(1));
    world.pass(Duration::from_secs(90));
    assert_eq!(world.deliver(|_| Reply::Says(Verdict::Taken)), 1);
    receive(&mut world, &arrival(2, STRANGER, 30));
    assert_eq!((world.state(1), world.shares(1)), ("taken", vec![(STRANGER, 100)]));
    let row = world.processor.ledger().conversion(event_id(1)).unwrap().unwrap();
    assert!(row.corrected_late, "a person sees it");
    world.assert_balanced();
}

#[test]
fn what_waits_for_a_map_goes_on_with_a_later_click_that_needs_none() {
    let mut world = World::new();
    receive(&mut world, &raw(1));
    receive(&mut world, &arrival(2, STRANGER, 30));
    assert!(world.deliveries().is_empty());
    assert_eq!(world.state(1), "held");
    let journal = |world: &World| world.processor.ledger().show(event_id(1)).unwrap().unwrap().journal.len();
    let before = journal(&world);
    receive(&mut world, &arrival(4, STRANGER, 30));
    assert_eq!(journal(&world), before, "the same again is nothing new");
    receive(&mut world, &arrival(3, 456, 20));
    assert_eq!((world.state(1), publisher_of(&world, 1)), ("queued", Some(456)));
    assert_eq!(world.shares(1), [(456, 100)]);
    assert_eq!(world.deliver(|_| Reply::Says(Verdict::Confirmed)), 1);
    assert_eq!(world.state(1), "confirmed");
    world.assert_balanced();
}

#[test]
fn the_last_of_several_clicks_that_no_map_has_is_waited_for() {
    const ANOTHER: u64 = 998;
    for ids in [[1, 2], [2, 1]] {
        let mut world = World::new();
        for id in ids {
            let (publisher, minutes) = if id == 1 { (STRANGER, 30) } else { (ANOTHER, 60) };
            receive(&mut world, &arrival(id, publisher, minutes));
        }
        let journal =
            |world: &World| world.processor.ledger().show(event_id(ids[0])).unwrap().unwrap().journal.len();
        let before = journal(&world);
        receive(&mut world, &arrival(3, STRANGER, 30));
        assert_eq!(journal(&world), before, "the same again is nothing new");
        let detail = world.processor.ledger().conversion(event_id(ids[0])).unwrap().unwrap().detail;
        assert!(detail.contains("publisher 999"), "{detail}");
        assert_eq!(map_the_stranger(&mut world), 1);
        assert_eq!(world.shares(ids[0]), [(STRANGER, 100)]);
        assert_eq!(world.deliver(|_| Reply::Says(Verdict::Confirmed)), 1);
        world.assert_balanced();
    }
}

/// The terms say that the latest value counts. The click and the value come with two arrivals: a person joins them.
#[test]
fn what_is_held_for_its_click_keeps_it_whatever_a_later_arrival_says_it_is_worth() {
    let latest = || with_terms("[[terms]]\n[[terms.duplicate]]\npolicy = \"latest\"\n");
    for corrected in [true, false] {
        let mut world = World::with(latest());
        receive(&mut world, &arrival(1, STRANGER, 30));
        let mut dearer = raw(2);
        dearer.event.set(Field::Amount, Value::Money(Money::from_minor(2000, Currency::USD)));
        receive(&mut world, &dearer);
        assert_eq!(map_the_stranger(&mut world), 1, "it is looked at again");
        let row = world.processor.ledger().conversion(event_id(1)).unwrap().unwrap();
        assert_eq!((row.reason.as_str(), row.amount.unwrap().minor), ("amount_superseded", 2000));
        if corrected {
            let changes = vec![Change { field: Field::Amount, to: Some("20.00".to_owned()) }];
            let (actor, reason) = ("ann".to_owned(), "the shop says so".to_owned());
            let id = event_id(1);
            let correcting =
                Correcting { event_id: id, changes, overrules: false, dry_run: false, actor, reason };
            world.processor.correct_event(&correcting, world.now).unwrap();
        } else {
            let (actor, why) = ("ann".to_owned(), "the first was right".to_owned());
            let order = Redrive { events: vec![event_id(1)], actor, why, approved: true };
            world.processor.redrive(&order, world.now).unwrap();
        }
        let earned = if corrected { 200 } else { 100 };
        assert_eq!((world.state(1), world.shares(1)), ("queued", vec![(STRANGER, earned)]));
        let row = world.processor.ledger().conversion(event_id(1)).unwrap().unwrap();
        assert_eq!(row.publisher_id, Some(STRANGER), "and its click is told");
        world.assert_balanced();
    }
}

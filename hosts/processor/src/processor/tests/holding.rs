//! Orders that are held, and what a later arrival of the same order makes of them.

use std::sync::Arc;
use std::time::Duration;

use relay::Envelope;
use relay::envelope::Sent;
use tracking::directory::{Directory, Publisher};
use tracking::{Field, Home, Value, Verdict};

use super::world::{MOVED, Reply, START, World, batch, event_id, sale, snapshot};

on_a_server_too! {
    what_is_held_for_a_publisher_is_booked_with_another_arrival_that_proves_a_later_click,
    what_is_held_keeps_the_click_that_counts,
    an_arrival_that_proves_nothing_does_not_book_what_is_held_for_a_click,
    i2_what_an_edge_has_sent_of_what_is_held_is_booked_where_it_stands_and_never_sent,
}

/// In no map.
const STRANGER: u64 = 999;

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

/// The map gets the stranger, and what waited for it is released; how many that were.
fn map_the_stranger(world: &mut World) -> usize {
    let mut mapped = snapshot();
    let advertisers = mapped.directory.advertisers().collect();
    let mut publishers: Vec<_> = mapped.directory.publishers().collect();
    publishers.push(Publisher { legacy_id: STRANGER, primary_id: Some(1999), name: "".into() });
    mapped.directory = Directory::new(advertisers, publishers, Vec::new());
    world.processor.replace_snapshot(Arc::new(mapped));
    world.processor.release_mapped(None, world.now).unwrap().count
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

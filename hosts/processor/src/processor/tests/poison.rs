//! What makes the processor fail is set aside, and its neighbours go on (fault 67).

use tracking::Verdict;

use super::world::{DEDUPLICATES, MOVED, Reply, Sale, World, batch, event_id, sale};
use crate::Received;
use crate::processor::quarantine::fault::{Fault, POISON};

on_a_server_too! {
    an_entry_that_panics_is_set_aside_and_its_neighbours_are_booked,
    an_entry_that_always_fails_is_set_aside_after_a_few_tries,
    a_request_that_cannot_be_written_without_a_panic_is_held_alone,
}

/// Makes an event fail for as long as it lives.
struct Poison;

impl Poison {
    fn put(id: u64, fault: Fault) -> Self {
        POISON.set(Some((event_id(id), fault)));
        Self
    }
}

impl Drop for Poison {
    fn drop(&mut self) {
        POISON.set(None);
    }
}

fn three(world: &World) -> Vec<u8> {
    let sales: Vec<Sale> = (1..=3).map(|id| Sale { at: world.now, ..sale(id, MOVED) }).collect();
    batch(sales.iter().map(|sale| sale.envelope().encode()).collect())
}

fn held(world: &World) -> Vec<(String, String)> {
    let rows = world.processor.ledger().search_dead(&ledger::DeadSearch::default(), None, 10).unwrap().rows;
    rows.into_iter().map(|row| (row.reason, row.detail)).collect()
}

#[test]
fn an_entry_that_panics_is_set_aside_and_its_neighbours_are_booked() {
    let mut world = World::new();
    let body = three(&world);
    let poison = Poison::put(2, Fault::Panics);
    let received = world.processor.receive(&body, world.now).unwrap();
    assert_eq!(received, Received { accepted: 3, duplicates: 0 });
    assert_eq!((world.state(1), world.state(2), world.state(3)), ("queued", "nowhere", "queued"));
    let aside = held(&world);
    assert_eq!(aside.len(), 1, "{aside:?}");
    assert_eq!(aside[0].0, "poison_entry");
    assert!(aside[0].1.contains("a fault that was put here"), "{aside:?}");
    let again = world.processor.receive(&body, world.now).unwrap();
    assert_eq!(again.accepted, 1, "the entry that is set aside is held already");
    world = world.crash();
    assert_eq!(held(&world).len(), 1);
    world.assert_balanced();
    drop(poison);
    redrive_all(&mut world);
    assert_eq!((world.state(2), held(&world).len()), ("queued", 0));
    world.assert_balanced();
}

fn redrive_all(world: &mut World) {
    let rows = world.processor.ledger().search_dead(&ledger::DeadSearch::default(), None, 10).unwrap().rows;
    let order = crate::Redrive {
        events: rows.iter().map(|row| row.event_id).collect(),
        actor: "ada".to_owned(),
        why: "it is mended".to_owned(),
        approved: false,
    };
    world.processor.redrive(&order, world.now).unwrap();
}

#[test]
fn an_entry_that_always_fails_is_set_aside_after_a_few_tries() {
    let mut world = World::new();
    let body = three(&world);
    let _poison = Poison::put(2, Fault::Fails);
    for _ in 1..units::limits::POISON_TRIES {
        assert!(world.processor.receive(&body, world.now).is_err(), "the edge keeps it and sends it again");
        assert_eq!((world.state(1), world.state(3)), ("queued", "queued"), "its neighbours do not wait");
        assert!(held(&world).is_empty());
    }
    let received = world.processor.receive(&body, world.now).unwrap();
    assert_eq!(received, Received { accepted: 1, duplicates: 2 });
    assert_eq!(held(&world)[0].0, "poison_entry");
    world.assert_balanced();
}

#[test]
fn a_request_that_cannot_be_written_without_a_panic_is_held_alone() {
    let mut world = World::new();
    world.receive(&(1..=3).map(|id| sale(id, DEDUPLICATES)).collect::<Vec<_>>());
    let poison = Poison::put(2, Fault::Panics);
    while world.deliver(|_| Reply::Says(Verdict::Confirmed)) > 0 {
        world.pass(std::time::Duration::from_secs(60));
    }
    assert_eq!((world.state(1), world.state(2), world.state(3)), ("confirmed", "held", "confirmed"));
    assert_eq!(held(&world)[0].0, "poison_entry");
    drop(poison);
    redrive_all(&mut world);
    world.pass(std::time::Duration::from_secs(60));
    while world.deliver(|_| Reply::Says(Verdict::Confirmed)) > 0 {}
    assert_eq!(world.state(2), "confirmed");
    world.assert_balanced();
}

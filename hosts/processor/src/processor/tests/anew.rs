//! A processor whose ledger holds what it does not know begins anew, as after a restart.

use std::time::Duration;

use ledger::{Action, By, NewOrder, OrderState};
use tracking::Verdict;

use super::place::Place;
use super::world::{
    DEDUPLICATES, MOVED, OBSERVED, Reply, Sale, UNMAPPED, World, batch, ended, event_id, sale, snapshot,
};
use crate::Received;

on_a_server_too! {
    what_was_under_way_may_have_arrived_and_a_late_answer_is_of_nothing,
    an_order_that_another_has_written_down_is_obeyed,
}

/// The time after which each kind of delivery has had its turn.
const TURN: Duration = Duration::from_secs(4);

#[test]
fn what_was_under_way_may_have_arrived_and_a_late_answer_is_of_nothing() {
    let mut world = World::new();
    world.receive(&[sale(1, MOVED), sale(2, DEDUPLICATES), sale(3, OBSERVED)]);
    let mut under_way = world.deliveries();
    world.pass(TURN);
    under_way.extend(world.deliveries());
    assert_eq!(under_way.len(), 3);
    world.processor.begin_anew(world.now).unwrap();
    let states = |world: &World| [1, 2, 3].map(|id| world.state(id));
    let anew = states(&world);
    assert_eq!(anew, ["unknown", "queued", "unknown"]);
    let late = under_way.iter().map(|one| ended(one, world.result(one, Reply::Says(Verdict::Confirmed))));
    let late = late.collect();
    world.processor.settle(late, world.now).unwrap();
    assert_eq!(states(&world), anew, "who does not know what it was cannot be told how it ended");
    world.pass(Duration::from_secs(60));
    assert_eq!(world.deliver(|_| Reply::Says(Verdict::Confirmed)), 1, "what may be sent again is");
    assert_eq!(world.state(2), "confirmed");
    world.assert_balanced();
}

/// Writes down an order to discard event 1, as a processor would that then ends.
fn order_to_discard(ledger: &mut ledger::Ledger, now: units::Timestamp) {
    let mut transaction = ledger.transaction(now).unwrap();
    let order = NewOrder {
        order_id: "theirs",
        action: Action::Discard,
        selection: "[1]",
        overrules: false,
        capped: false,
        by: By { actor: "ada", why: "no such shop" },
        waits: false,
        items: &[(event_id(1), None)],
    };
    transaction.place_order(&order).unwrap();
    transaction.commit().unwrap();
}

#[test]
fn an_order_that_another_has_written_down_is_obeyed() {
    let mut world = World::new();
    world.receive(&[sale(1, UNMAPPED)]);
    order_to_discard(&mut world.processor.ledger, world.now);
    world.processor.obey_orders(world.now).unwrap();
    assert_eq!(world.state(1), "held", "nobody has told this processor of an order");
    world.processor.begin_anew(world.now).unwrap();
    world.processor.obey_orders(world.now).unwrap();
    let row = world.processor.ledger().order("theirs").unwrap().unwrap();
    assert_eq!((row.state, row.moved, world.state(1)), (OrderState::Done, 1, "dropped"));
    world.assert_balanced();
}

#[test]
fn a_processor_whose_place_was_taken_meanwhile_finds_out_and_begins_anew() {
    let mut first = World::at(Place::server(), snapshot());
    let Place::Server(schema) = &first.place else { panic!("no server") };
    first.processor.receive(&batch(vec![sale(1, MOVED).envelope().encode()]), first.now).unwrap();
    let under_way = first.processor.next_deliveries(first.now).unwrap();
    assert_eq!(under_way.len(), 1);
    schema.end_sessions().unwrap();
    let mut second = first.beside();
    second.receive(&batch(vec![sale(2, MOVED).envelope().encode()]), first.now).unwrap();
    drop(second);
    let more = batch(vec![Sale { at: first.now, ..sale(3, MOVED) }.envelope().encode()]);
    assert!(first.processor.receive(&more, first.now).is_err(), "its edge keeps what was not taken");
    let error = first.processor.next_deliveries(first.now).unwrap_err();
    assert!(error.is_surprise(), "nothing is done until it begins anew: {error}");
    first.processor.begin_anew(first.now).unwrap();
    assert_eq!(first.state(1), "unknown", "the second one has found it in flight");
    let taken = first.processor.receive(&more, first.now).unwrap();
    assert_eq!(taken, Received { accepted: 1, duplicates: 0 });
    for _ in 0..3 {
        first.deliver(|_| Reply::Says(Verdict::Confirmed));
        first.pass(TURN);
    }
    assert_eq!([2, 3].map(|id| first.state(id)), ["confirmed", "confirmed"]);
    first.assert_balanced();
}

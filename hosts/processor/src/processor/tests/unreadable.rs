//! A row that waits and is damaged in the store is set aside, and what waits behind it is delivered.

use std::time::Duration;

use ledger::{DeadSearch, UNREADABLE_ROW};
use relay::Fact;
use relay::delivery::State;
use tracking::Verdict;
use tracking::postback::Fact as Told;

use super::calling::two_changes_in;
use super::place::Place;
use super::postbacks::register;
use super::world::{DEDUPLICATES, MOVED, OBSERVED, Reply, World, ended, event_id, sale, snapshot};

on_a_server_too! {
    a_damaged_row_is_set_aside_and_everything_behind_it_is_delivered,
    more_damaged_rows_than_a_look_takes_stop_nobody,
    a_process_starts_on_a_damaged_row_that_was_under_way,
    what_is_set_aside_is_tried_told_and_dropped_like_any_dead_letter,
    an_attempt_that_cannot_begin_is_set_aside_and_everything_beside_it_goes,
    an_outcome_that_cannot_be_written_down_keeps_no_other_out_of_the_books,
    a_process_starts_on_an_attempt_that_cannot_be_ended,
    a_change_or_a_call_whose_envelope_is_gone_is_set_aside,
    what_fails_for_all_of_them_sets_nobody_aside,
}

/// Three sales, of which the second is damaged before anything was sent.
fn damaged(change: &str, merchant: u64) -> World {
    let mut world = World::at(Place::lasting(), snapshot());
    world.receive(&(1..=3).map(|id| sale(id, merchant)).collect::<Vec<_>>());
    world.place.damage(&format!("{change} WHERE event_id = {}", second(&world)));
    world
}

/// The second sale's event, as it is written in a statement.
fn second(world: &World) -> String {
    let id = format!("{:032x}", event_id(2).as_u128());
    if matches!(world.place, Place::Server(_)) { format!("'\\x{id}'") } else { format!("x'{id}'") }
}

fn deliver_everything(world: &mut World) {
    for _ in 0..5 {
        while world.deliver(|_| Reply::Says(Verdict::Confirmed)) > 0 {}
        world.pass(Duration::from_secs(60));
    }
}

#[test]
fn a_damaged_row_is_set_aside_and_everything_behind_it_is_delivered() {
    for merchant in [DEDUPLICATES, MOVED, OBSERVED] {
        for change in ["UPDATE conversions SET click_at = NULL", "DELETE FROM envelopes"] {
            let mut world = damaged(change, merchant);
            deliver_everything(&mut world);
            assert_eq!(world.state(2), "held", "{change}");
            for id in [1, 3] {
                assert!(matches!(world.state(id), "confirmed" | "taken"), "{change}: {}", world.state(id));
            }
            let set_aside = |fact: &Fact| *fact == Fact::SetAside { event_id: event_id(2) };
            assert_eq!(world.processor.take_facts().iter().filter(|fact| set_aside(fact)).count(), 1);
            let status = world.processor.status().unwrap();
            assert_eq!(status.at_risk.iter().map(|risk| risk.count).sum::<u64>(), 1);
            world.assert_balanced();
        }
    }
}

#[test]
fn more_damaged_rows_than_a_look_takes_stop_nobody() {
    let mut world = World::at(Place::lasting(), snapshot());
    let many = u64::try_from(units::limits::UNREADABLE_AT_ONCE).unwrap() + 10;
    world.receive(&(1..=many).map(|id| sale(id, DEDUPLICATES)).collect::<Vec<_>>());
    world.place.damage("UPDATE conversions SET click_at = NULL");
    world.receive(&[sale(many + 1, DEDUPLICATES)]);
    let mut failed = 0;
    while let Err(error) = world.processor.next_deliveries(world.now) {
        failed += 1;
        assert!(failed < 5, "{error}");
    }
    assert_eq!(world.state(many + 1), "in_flight");
    assert_eq!((world.state(1), world.state(many)), ("held", "held"));
    world.assert_balanced();
}

#[test]
fn a_process_starts_on_a_damaged_row_that_was_under_way() {
    let mut world = World::at(Place::lasting(), snapshot());
    world.receive(&(1..=3).map(|id| sale(id, DEDUPLICATES)).collect::<Vec<_>>());
    while world.state(2) != "in_flight" {
        assert!(!world.deliveries().is_empty());
        world.pass(Duration::from_secs(2));
    }
    let second = second(&world);
    world.place.damage(&format!("UPDATE conversions SET click_at = NULL WHERE event_id = {second}"));
    world = world.crash();
    assert_eq!(world.state(2), "unknown", "it may have arrived");
    deliver_everything(&mut world);
    assert_eq!((world.state(1), world.state(2), world.state(3)), ("confirmed", "unknown", "confirmed"));
    world.assert_balanced();
}

#[test]
fn what_is_set_aside_is_tried_told_and_dropped_like_any_dead_letter() {
    let mut world = damaged("UPDATE conversions SET click_at = NULL", DEDUPLICATES);
    deliver_everything(&mut world);
    let told = world.processor.rehearse(&[event_id(2)], false, world.now).unwrap();
    assert_eq!(told[0].in_the_way.first().map(|(code, _)| code.as_str()), Some(UNREADABLE_ROW));
    let order = crate::Redrive {
        events: vec![event_id(2)],
        actor: "ada".to_owned(),
        why: "is it well again?".to_owned(),
        approved: false,
    };
    world.processor.redrive(&order, world.now).unwrap();
    deliver_everything(&mut world);
    assert_eq!(world.state(2), "held", "it is as damaged as before");
    let second = second(&world);
    world
        .place
        .damage(&format!("UPDATE conversions SET click_at = received_at - 1 WHERE event_id = {second}"));
    world.processor.redrive(&order, world.now).unwrap();
    deliver_everything(&mut world);
    assert_eq!(world.state(2), "confirmed", "it was restored");
    let found = world.processor.ledger().search_dead(&DeadSearch::default(), None, 10).unwrap();
    assert!(found.rows.is_empty());
    world.assert_balanced();
}

/// Its number stands already, which no statement of ours makes, and a restored or edited file can.
#[test]
fn an_attempt_that_cannot_begin_is_set_aside_and_everything_beside_it_goes() {
    let mut world = World::at(Place::lasting(), snapshot());
    world.receive(&[sale(2, DEDUPLICATES)]);
    while world.deliver(|_| Reply::Refuses) == 0 {
        world.pass(Duration::from_secs(1));
    }
    let second = second(&world);
    world.place.damage(&format!("UPDATE conversions SET tries = 0 WHERE event_id = {second}"));
    world.receive(&[sale(1, DEDUPLICATES), sale(3, DEDUPLICATES)]);
    world.pass(Duration::from_secs(60));
    assert!(world.processor.next_deliveries(world.now).is_err(), "it is told");
    deliver_everything(&mut world);
    assert_eq!((world.state(1), world.state(2), world.state(3)), ("confirmed", "held", "confirmed"));
    let row = world.processor.ledger().conversion(event_id(2)).unwrap().unwrap();
    assert_eq!(row.reason, UNREADABLE_ROW);
    world.assert_balanced();
}

/// Three sales under way, of which the second is going to be damaged.
fn stuck() -> World {
    let mut world = World::at(Place::lasting(), snapshot());
    world.receive(&(1..=3).map(|id| sale(id, OBSERVED)).collect::<Vec<_>>());
    world
}

#[test]
fn an_outcome_that_cannot_be_written_down_keeps_no_other_out_of_the_books() {
    let mut world = stuck();
    let under_way = world.deliveries();
    assert_eq!(under_way.len(), 3);
    world.place.refuse_to_end(&second(&world));
    let ended =
        under_way.iter().map(|one| ended(one, world.result(one, Reply::Says(Verdict::Taken)))).collect();
    assert!(world.processor.settle(ended, world.now).is_err(), "it is told");
    world.processor.settle(Vec::new(), world.now).unwrap();
    assert_eq!((world.state(1), world.state(2), world.state(3)), ("taken", "unknown", "taken"));
    assert_eq!(world.processor.in_flight(), 0);
    world.assert_balanced();
}

#[test]
fn a_process_starts_on_an_attempt_that_cannot_be_ended() {
    let mut world = stuck();
    assert_eq!(world.deliveries().len(), 3);
    world.place.refuse_to_end(&second(&world));
    let mut world = world.crash();
    assert_eq!(["unknown"; 3], [1, 2, 3].map(|id| world.state(id)));
    let row = world.processor.ledger().conversion(event_id(2)).unwrap().unwrap();
    assert_eq!(row.reason, UNREADABLE_ROW);
    deliver_everything(&mut world);
    world.assert_balanced();
}

#[test]
fn a_change_or_a_call_whose_envelope_is_gone_is_set_aside() {
    let mut world = World::at(Place::lasting(), snapshot());
    register(&mut world, "t.example", &[Told::TransactionId]);
    let mut world = two_changes_in(world);
    let second = second(&world);
    world.place.damage(&format!("DELETE FROM envelopes WHERE event_id = {second}"));
    deliver_everything(&mut world);
    let states = [1, 2].map(|id| world.processor.ledger().adjustments_of(event_id(id)).unwrap()[0].state);
    assert_eq!(states, [State::Confirmed, State::Held]);
    let calls = world.processor.next_postbacks(world.now).unwrap();
    assert_eq!(calls.len(), 1, "{calls:?}");
    let waiting = world.processor.ledger().postback_addresses(1).unwrap().remove(0);
    assert_eq!((waiting.waiting, waiting.given_up), (1, 1), "{waiting:?}");
}

#[test]
fn what_fails_for_all_of_them_sets_nobody_aside() {
    let mut world = stuck();
    let under_way = world.deliveries();
    world.place.refuse_to_end("OLD.event_id");
    let ended = |world: &World| -> Vec<_> {
        let taken = |one| ended(one, world.result(one, Reply::Says(Verdict::Taken)));
        under_way.iter().map(taken).collect()
    };
    assert!(world.processor.settle(ended(&world), world.now).is_err(), "it is told");
    assert!(world.processor.settle(Vec::new(), world.now).is_err(), "and tried again");
    assert_eq!([1, 2, 3].map(|id| world.state(id)), ["in_flight"; 3]);
    world.place.refuse_no_more();
    world.processor.settle(Vec::new(), world.now).unwrap();
    assert_eq!([1, 2, 3].map(|id| world.state(id)), ["taken"; 3]);
    world.assert_balanced();
}

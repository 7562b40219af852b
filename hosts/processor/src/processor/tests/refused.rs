//! Changes of merchants that the platform refused, or that nobody knows to be there: work for people.

use std::time::Duration;

use ledger::{By, Closed};
use relay::delivery::State;
use tracking::dialect::interface::Operation;
use tracking::{Field, Verdict};
use units::EventId;

use super::calling::{THE_ORDER, ask, sent, world};
use super::world::{MOVED, Reply, World, event_id, sale};

on_a_server_too! {
    a_change_that_was_refused_is_work_like_every_dead_letter,
    a_change_that_is_given_up_lets_those_behind_it_go,
    a_change_that_did_not_arrive_is_not_told_after_a_later_one,
}

/// A sale that the platform has, and a change of it that the platform refuses: the change's id.
fn refused_change(world: &mut World) -> EventId {
    world.receive(&[sale(1, MOVED)]);
    assert_eq!(sent(world).len(), 1);
    ask(world, 100, Operation::Edit, &[THE_ORDER, (Field::Amount, "8.00")]);
    world.pass(Duration::from_secs(600));
    world.deliver(|_| Reply::Says(Verdict::Rejected));
    let changes = world.processor.ledger().adjustments_at_risk(10).unwrap();
    assert_eq!(changes.len(), 1, "{changes:?}");
    changes[0].adjustment_id
}

fn order(world: &mut World, operation: &str, action: ledger::Action, change: EventId) {
    let ordered = crate::Ordered {
        order_id: Some(operation.to_owned()),
        action,
        selection: change.to_string(),
        items: vec![(change, None)],
        capped: false,
        overrules: false,
        actor: "ada".to_owned(),
        reason: "asked the merchant".to_owned(),
    };
    world.processor.order(&ordered, world.now).unwrap();
}

#[test]
fn a_change_that_was_refused_is_work_like_every_dead_letter() {
    let mut world = world();
    let change = refused_change(&mut world);
    let state = |world: &World| world.processor.ledger().adjustments_of(event_id(1)).unwrap()[0].state.name();
    let groups = world.processor.ledger().dead_groups(10).unwrap();
    assert_eq!((groups[0].key.as_str(), groups[0].count), ("change/edit/rejected", 1));
    let search = ledger::DeadSearch { group: Some(groups[0].key.clone()), ..ledger::DeadSearch::default() };
    assert_eq!(world.processor.ledger().select_dead(&search, 10).unwrap().0[0].0, change);
    let by = By { actor: "ada", why: "made it there by hand" };
    order(&mut world, "again", ledger::Action::Redrive, change);
    assert_eq!(state(&world), "queued");
    world.pass(Duration::from_secs(600));
    let under_way = world.deliveries();
    let closed = world.processor.close(&[change], true, by, world.now).unwrap().remove(0).1;
    assert!(matches!(closed, Closed::Contradicts(State::InFlight, _)), "{closed:?}");
    let result = world.result(&under_way[0], Reply::Says(Verdict::Rejected));
    world.processor.settle(vec![super::world::ended(&under_way[0], result)], world.now).unwrap();
    assert_eq!(state(&world), "rejected");
    let closed = world.processor.close(&[change], true, by, world.now).unwrap().remove(0).1;
    assert_eq!(closed, Closed::Done(State::Confirmed));
    let closed = world.processor.close(&[change], false, by, world.now).unwrap().remove(0).1;
    assert!(matches!(closed, Closed::Contradicts(State::Confirmed, _)), "{closed:?}");
    assert!(world.processor.ledger().dead_groups(10).unwrap().is_empty());
    order(&mut world, "drop", ledger::Action::Discard, change);
    assert_eq!(state(&world), "confirmed", "what is settled is not discarded");
    let journal = world.processor.ledger().show(event_id(1)).unwrap().unwrap().journal;
    let told: Vec<&str> = journal.iter().map(|entry| entry.action.as_str()).collect();
    assert!(told.contains(&"redrive") && told.contains(&"settle"), "{told:?}");
    world.assert_balanced();
}

#[test]
fn a_change_that_is_given_up_lets_those_behind_it_go() {
    let mut world = world();
    let change = refused_change(&mut world);
    ask(&mut world, 101, Operation::Edit, &[THE_ORDER, (Field::Amount, "7.00")]);
    world.pass(Duration::from_secs(600));
    assert_eq!(sent(&mut world), Vec::<String>::new(), "it waits for the one before it");
    assert_eq!(
        world.processor.next_wake(world.now).unwrap(),
        None,
        "nobody looks again until a person decides"
    );
    order(&mut world, "drop", ledger::Action::Discard, change);
    world.pass(Duration::from_secs(600));
    let told = sent(&mut world);
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].contains("7.00") || told[0].contains("7"), "{told:?}");
    world.assert_balanced();
}

/// The last change of a transaction counts, so that one which came before it and did not arrive is not told any more.
#[test]
fn a_change_that_did_not_arrive_is_not_told_after_a_later_one() {
    let by = By { actor: "ada", why: "it is not in the platform's report" };
    for (later, state, told_again) in [(true, State::Merged, 0), (false, State::Dead, 1)] {
        let mut world = world();
        world.receive(&[sale(1, MOVED)]);
        assert_eq!(sent(&mut world).len(), 1);
        let amounts = if later { &["8.00", "7.00"][..] } else { &["8.00"] };
        for (id, amount) in (100..).zip(amounts) {
            ask(&mut world, id, Operation::Edit, &[THE_ORDER, (Field::Amount, amount)]);
            world.pass(Duration::from_secs(600));
            assert_eq!(world.deliver(|_| Reply::Says(Verdict::Taken)), 1);
        }
        let change = world.processor.ledger().adjustments_of(event_id(1)).unwrap()[0].adjustment_id;
        let closed = world.processor.close(&[change], false, by, world.now).unwrap().remove(0).1;
        assert_eq!(closed, Closed::Done(state));
        order(&mut world, "again", ledger::Action::Redrive, change);
        world.pass(Duration::from_secs(600));
        assert_eq!(sent(&mut world).len(), told_again, "later: {later}");
        world.assert_balanced();
    }
}

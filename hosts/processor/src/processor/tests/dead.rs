//! Orders over dead letters, dry runs, and doubts that people close.

use std::time::Duration;

use ledger::{Action, By, Closed, DeadSearch, OrderState};
use relay::delivery::State;
use tracking::Verdict;
use units::EventId;
use units::limits::ORDER_STEP_MAX;

use super::world::{MOVED, Reply, Sale, UNMAPPED, World, event_id, sale, snapshot};
use crate::{Approval, Ordered, Placed};

on_a_server_too! {
    the_same_operation_is_one_order_whoever_presses,
    two_orders_over_the_same_dead_letters_move_each_once,
    a_bulk_order_is_paced_survives_a_crash_and_can_be_stopped,
    an_order_that_comes_when_there_is_no_room_is_worked_off_later,
    a_large_order_needs_a_first_person,
    a_large_order_waits_for_a_second_person,
    a_redrive_is_written_with_todays_map,
    a_dry_run_tells_what_would_become_of_each_and_writes_nothing,
    a_doubt_is_closed_both_ways,
}

fn ordered(operation: &str, action: Action, events: &[u64]) -> Ordered {
    Ordered {
        order_id: Some(operation.to_owned()),
        action,
        selection: format!("{events:?}"),
        items: events.iter().map(|id| (event_id(*id), None)).collect(),
        capped: false,
        overrules: false,
        actor: "ada".to_owned(),
        reason: "looked at it".to_owned(),
        alone: false,
    }
}

/// Everything in a world of this many rejected sales.
fn rejected(count: u64) -> World {
    let mut world = World::new();
    for ids in (1..=count).collect::<Vec<_>>().chunks(100) {
        world.receive(&ids.iter().map(|id| sale(*id, MOVED)).collect::<Vec<_>>());
    }
    while world.processor.ledger().totals().unwrap().1[0] > 0 {
        world.pass(Duration::from_secs(4));
        world.deliver(|_| Reply::Says(Verdict::Rejected));
    }
    world
}

fn order(world: &mut World, ordered: &Ordered) -> Placed {
    world.processor.order(ordered, world.now).unwrap()
}

fn row(world: &World, operation: &str) -> ledger::OrderRow {
    world.processor.ledger().order(operation).unwrap().unwrap()
}

fn outcomes(world: &World, operation: &str) -> Vec<(String, u64)> {
    world.processor.ledger().order_outcomes(operation).unwrap()
}

#[test]
fn the_same_operation_is_one_order_whoever_presses() {
    let mut world = rejected(2);
    let first = ordered("op", Action::Redrive, &[1, 2]);
    assert!(
        matches!(order(&mut world, &first), Placed::New(row) if row.state == OrderState::Done && row.moved == 2)
    );
    world.deliver(|_| Reply::Says(Verdict::Rejected));
    world.pass(Duration::from_secs(4));
    world.deliver(|_| Reply::Says(Verdict::Rejected));
    assert_eq!((world.state(1), world.state(2)), ("rejected", "rejected"), "sent once more, and refused");
    let again = Ordered { actor: "bea".to_owned(), ..first.clone() };
    assert!(matches!(order(&mut world, &again), Placed::Before(row) if row.actor == "ada"));
    assert_eq!(world.state(1), "rejected", "the second press moves nothing");
    let other = ordered("op", Action::Discard, &[1, 2]);
    assert!(matches!(order(&mut world, &other), Placed::Taken(_)));
    assert_eq!(world.state(1), "rejected");
    world.assert_balanced();
}

#[test]
fn two_orders_over_the_same_dead_letters_move_each_once() {
    let mut world = rejected(1);
    let seen = world.processor.ledger().last_changed(event_id(1)).unwrap();
    let one = ordered("one", Action::Redrive, &[1]);
    // Both people have looked at the same list before either has pressed.
    let other = Ordered { items: vec![(event_id(1), seen)], ..ordered("other", Action::Redrive, &[1]) };
    order(&mut world, &one);
    world.pass(Duration::from_secs(4));
    world.deliver(|_| Reply::Says(Verdict::Rejected));
    assert_eq!(world.state(1), "rejected", "it has died again meanwhile");
    order(&mut world, &other);
    assert_eq!(outcomes(&world, "other"), [("moved_meanwhile".to_owned(), 1)]);
    assert_eq!(world.state(1), "rejected");
}

#[test]
fn a_bulk_order_is_paced_survives_a_crash_and_can_be_stopped() {
    let many = u64::try_from(ORDER_STEP_MAX).unwrap() * 2 + 50;
    let mut world = rejected(many);
    let ids: Vec<u64> = (1..=many).collect();
    order(&mut world, &ordered("bulk", Action::Discard, &ids));
    let step = ORDER_STEP_MAX as u64;
    assert_eq!((row(&world, "bulk").worked, row(&world, "bulk").state), (step, OrderState::Running));
    world.processor.obey_orders(world.now).unwrap();
    assert_eq!(row(&world, "bulk").worked, step, "no more in this second");
    assert!(world.processor.next_wake(world.now).unwrap().is_some());
    world = world.crash();
    world.processor.obey_orders(world.now).unwrap();
    assert_eq!(row(&world, "bulk").worked, step * 2, "what was left to do is known");
    let by = By { actor: "bea", why: "enough" };
    let stopped = world.processor.stop_order("bulk", by, world.now).unwrap().unwrap();
    assert_eq!(stopped.state, OrderState::Stopped);
    world.pass(Duration::from_secs(2));
    world.processor.obey_orders(world.now).unwrap();
    let mut counts = outcomes(&world, "bulk");
    counts.sort();
    assert_eq!(counts, [("done".to_owned(), step * 2), ("waits".to_owned(), 50)]);
    assert_eq!(world.state(1), "dropped");
    assert_eq!(world.state(many), "rejected");
    world.assert_balanced();
}

#[test]
fn an_order_that_comes_when_there_is_no_room_is_worked_off_later() {
    let many = u64::try_from(ORDER_STEP_MAX).unwrap();
    let mut world = rejected(many + 1);
    let first: Vec<u64> = (1..=many).collect();
    order(&mut world, &ordered("first", Action::Discard, &first));
    assert_eq!(row(&world, "first").state, OrderState::Done);
    order(&mut world, &ordered("second", Action::Discard, &[many + 1]));
    assert_eq!((row(&world, "second").state, row(&world, "second").worked), (OrderState::Running, 0));
    assert_eq!(world.state(many + 1), "rejected");
    world.pass(Duration::from_secs(1));
    world.processor.obey_orders(world.now).unwrap();
    assert_eq!(row(&world, "second").state, OrderState::Done);
    assert_eq!(world.state(many + 1), "dropped");
}

/// Who has the directory's token and no name could be the second person, too.
#[test]
fn a_large_order_needs_a_first_person() {
    let mut policy = snapshot();
    policy.policy.orders.second_person_items = 1;
    let mut world = World::with(policy);
    world.receive(&[sale(1, UNMAPPED), sale(2, UNMAPPED)]);
    let large = |alone| Ordered { alone, ..ordered("large", Action::Discard, &[1, 2]) };
    assert_eq!(world.processor.order(&large(true), world.now).unwrap(), Placed::NeedsAName);
    assert!(world.processor.ledger().order("large").unwrap().is_none(), "nothing is written down");
    let Placed::New(row) = world.processor.order(&large(false), world.now).unwrap() else {
        panic!("not new")
    };
    assert_eq!(row.state, OrderState::Waiting);
    let small = Ordered { alone: true, ..ordered("small", Action::Discard, &[1]) };
    assert!(matches!(world.processor.order(&small, world.now).unwrap(), Placed::New(_)));
}

#[test]
fn a_large_order_waits_for_a_second_person() {
    let mut policy = snapshot();
    policy.policy.orders.second_person_items = 1;
    policy.policy.orders.second_person_amount = Some(1_000_000);
    let mut world = World::with(policy);
    world.receive(&[sale(1, UNMAPPED), sale(2, UNMAPPED)]);
    order(&mut world, &ordered("big", Action::Discard, &[1, 2]));
    assert_eq!((row(&world, "big").state, world.state(1)), (OrderState::Waiting, "held"));
    let approve = |world: &mut World, actor: &str| world.processor.approve("big", actor, world.now).unwrap();
    assert!(matches!(approve(&mut world, " ADA "), Approval::SamePerson(_)));
    assert_eq!(world.state(1), "held");
    assert!(matches!(approve(&mut world, "bea"), Approval::Approved(_)));
    assert_eq!((world.state(1), world.state(2)), ("dropped", "dropped"));
    assert!(matches!(approve(&mut world, "cem"), Approval::NotWaiting(_)));
    assert_eq!(world.processor.approve("none", "bea", world.now).unwrap(), Approval::NotFound);
    order(&mut world, &ordered("small", Action::Discard, &[1]));
    assert_eq!(outcomes(&world, "small"), [("nothing_to_do".to_owned(), 1)]);
}

#[test]
fn a_redrive_is_written_with_todays_map() {
    let mut world = rejected(1);
    let mut mended = snapshot();
    let mut rows = mended.directory.advertisers().collect::<Vec<_>>();
    rows.iter_mut().for_each(|row| row.primary_id = Some(row.legacy_id + 5000));
    let publishers = mended.directory.publishers().collect::<Vec<_>>();
    let directory = tracking::directory::Directory::new(rows, publishers, Vec::new());
    mended.directory = directory;
    world.processor.replace_snapshot(std::sync::Arc::new(mended));
    order(&mut world, &ordered("op", Action::Redrive, &[1]));
    world.pass(Duration::from_secs(4));
    let mut seen = String::new();
    world.deliver(|delivery| {
        seen = String::from_utf8_lossy(&delivery.request.target).into_owned();
        Reply::Says(Verdict::Confirmed)
    });
    assert!(seen.contains("5010") && !seen.contains("1010"), "{seen}");
    assert_eq!(world.state(1), "confirmed");
}

#[test]
fn a_dry_run_tells_what_would_become_of_each_and_writes_nothing() {
    let mut world = rejected(1);
    world.receive(&[sale(2, UNMAPPED), Sale { minor: 200_000_000, ..sale(3, MOVED) }, sale(4, MOVED)]);
    world.pass(Duration::from_secs(4));
    world.deliver(|_| Reply::Silent);
    assert_eq!(world.state(4), "unknown");
    let events: Vec<EventId> = [1, 2, 3, 4, 9].map(event_id).to_vec();
    let before = world.processor.ledger().audit().unwrap();
    let tried = |world: &mut World, overrules| {
        let told = world.processor.rehearse(&events, overrules, world.now).unwrap();
        told.into_iter().map(|one| (one.outcome, one.line.is_some())).collect::<Vec<_>>()
    };
    let (no, yes) = (false, true);
    let expected = [("sent", yes), ("held", no), ("held", no), ("nothing", no), ("not_found", no)];
    assert_eq!(tried(&mut world, false), expected);
    let expected = [("sent", yes), ("held", no), ("sent", yes), ("sent", yes), ("not_found", no)];
    assert_eq!(tried(&mut world, true), expected, "doubts overruled");
    assert_eq!(world.processor.ledger().audit().unwrap(), before);
    assert_eq!((world.state(1), world.state(3), world.state(4)), ("rejected", "held", "unknown"));
    let told = world.processor.rehearse(&[event_id(2)], false, world.now).unwrap();
    assert_eq!(told[0].in_the_way[0].0, "advertiser_unmapped");
}

#[test]
fn a_doubt_is_closed_both_ways() {
    let mut world = World::new();
    world.receive(&[sale(1, MOVED), sale(2, MOVED)]);
    world.deliver(|_| Reply::Silent);
    world.pass(Duration::from_secs(4));
    world.deliver(|_| Reply::Silent);
    assert_eq!((world.state(1), world.state(2)), ("unknown", "unknown"));
    let by = By { actor: "ada", why: "report of 30 November" };
    let close = |world: &mut World, id, arrived| {
        world.processor.close(&[event_id(id)], arrived, by, world.now).unwrap().remove(0).1
    };
    assert_eq!(close(&mut world, 1, true), Closed::Done(State::Confirmed));
    assert_eq!(close(&mut world, 2, false), Closed::Done(State::Dead));
    assert!(matches!(close(&mut world, 1, false), Closed::Contradicts(..)));
    let shown = world.processor.ledger().show(event_id(1)).unwrap().unwrap();
    assert!(!shown.sealed, "I9: erased like every confirmed one");
    assert_eq!(shown.conversion.detail, "report of 30 November");
    order(&mut world, &ordered("op", Action::Redrive, &[2]));
    world.pass(Duration::from_secs(10));
    world.deliver(|_| Reply::Says(Verdict::Confirmed));
    assert_eq!(world.state(2), "confirmed");
    assert!(world.processor.ledger().search_dead(&DeadSearch::default(), None, 9).unwrap().rows.is_empty());
    world.assert_balanced();
}

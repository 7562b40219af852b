//! Changes of merchants that the platform refused, or that nobody knows to be there: work for people.

use std::time::Duration;

use ledger::{By, Closed};
use relay::delivery::State;
use tracking::dialect::interface::Operation;
use tracking::{Field, Verdict};
use units::EventId;

use super::calling::{THE_ORDER, ask, ask_of, callers, callers_of, sent, two_changes_in, world};
use super::isolating::many;
use super::world::{DEDUPLICATES, MOVED, Reply, Sale, World, ended, event_id, sale};

on_a_server_too! {
    a_change_that_was_refused_is_work_like_every_dead_letter,
    a_change_that_is_given_up_lets_those_behind_it_go,
    a_change_that_did_not_arrive_is_not_told_after_a_later_one,
    a_change_of_what_is_not_there_becomes_work_although_nothing_else_is_told,
    requests_for_changes_that_end_together_give_each_place_back,
    a_change_of_a_merchant_that_waits_is_woken_for_when_it_may_go,
    changes_of_both_kinds_and_of_every_merchant_have_their_turns,
    two_with_thousands_of_changes_delay_a_third_by_one_request_each,
    a_change_of_what_is_not_there_any_more_waits_for_nothing_when_it_is_told_again,
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
        alone: false,
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
    world.processor.settle(vec![ended(&under_way[0], result)], world.now).unwrap();
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

/// Where nobody can ask whether the platform is back, the change itself has to find it out.
#[test]
fn a_change_of_what_is_not_there_becomes_work_although_nothing_else_is_told() {
    let mut snapshot = super::world::snapshot();
    snapshot.migration.primary.probe = None;
    let mut world = World::with(snapshot);
    world.processor.replace_callers(callers());
    world.receive(&[sale(1, MOVED)]);
    assert_eq!(sent(&mut world).len(), 1);
    ask(&mut world, 100, Operation::Void, &[THE_ORDER]);
    world.pass(Duration::from_secs(181));
    let (mut refusals, mut told) = (0, 0);
    for _ in 0..100 {
        let (reply, count) = match refusals {
            0..10 => (Reply::Refuses, &mut refusals),
            // The first answer of the endpoint that asks to come later is "no such transaction".
            _ => (Reply::Says(Verdict::Later), &mut told),
        };
        *count += world.deliver(|_| reply);
        let Some(wake) = world.processor.next_wake(world.now).unwrap() else { break };
        world.now = wake;
    }
    let rows = world.processor.ledger().adjustments_of(event_id(1)).unwrap();
    assert_eq!(rows[0].state, State::Dead, "told {told} times: {rows:?}");
    assert!(told > 1, "that the platform was away is counted little: {rows:?}");
    world.assert_balanced();
}

/// One merchant has edits for every moment at which the platform takes a request; another has an edit and a void.
#[test]
fn changes_of_both_kinds_and_of_every_merchant_have_their_turns() {
    let mut world = world();
    let named = |id: u64| format!("A-{id}");
    let many = (1..=6).map(|id| Sale { reference: named(id), ..sale(id, MOVED) });
    let few = (7..=8).map(|id| Sale { reference: named(id), ..sale(id, DEDUPLICATES) });
    world.receive(&many.chain(few).collect::<Vec<_>>());
    sent(&mut world);
    for id in 1..=6 {
        let fields = [(Field::OrderReference, named(id)), (Field::Amount, "7.00".to_owned())];
        let fields = fields.each_ref().map(|(field, text)| (*field, text.as_str()));
        ask(&mut world, 100 + id, Operation::Edit, &fields);
    }
    world.pass(Duration::from_secs(181));
    // Refused together, the six go one by one, and are due before what comes now.
    assert_eq!(world.deliver(|_| Reply::Says(Verdict::Rejected)), 1);
    world.pass(Duration::from_secs(4));
    let edit = [(Field::OrderReference, "A-7"), (Field::Amount, "7.00")];
    ask_of(&mut world, (DEDUPLICATES, 107), Operation::Edit, &edit);
    ask_of(&mut world, (DEDUPLICATES, 108), Operation::Void, &[(Field::OrderReference, "A-8")]);
    let mut left = vec![7, 8];
    for _ in 0..3 {
        world.deliver(|delivery| {
            left.retain(|id| !String::from_utf8_lossy(&delivery.request.body).contains(&named(*id)));
            Reply::Says(Verdict::Taken)
        });
        world.pass(Duration::from_secs(4));
    }
    assert_eq!(left, Vec::<u64>::new(), "they wait behind another's edits");
    world.assert_balanced();
}

#[test]
fn two_with_thousands_of_changes_delay_a_third_by_one_request_each() {
    let mut world = many();
    world.processor.replace_callers(callers_of(&[100, 101, 102]));
    let named = |id: u64| format!("A-{id}");
    let merchant = |id: u64| if id == 13 { 102 } else { 100 + id % 2 };
    let sales = (1..=13).map(|id| Sale { reference: named(id), ..sale(id, merchant(id)) });
    world.receive(&sales.collect::<Vec<_>>());
    sent(&mut world);
    let edit = |world: &mut World, id: u64| {
        let fields = [(Field::OrderReference, named(id)), (Field::Amount, "7.00".to_owned())];
        let fields = fields.each_ref().map(|(field, text)| (*field, text.as_str()));
        ask_of(world, (merchant(id), 100 + id), Operation::Edit, &fields);
    };
    (1..=12).for_each(|id| edit(&mut world, id));
    world.pass(Duration::from_secs(181));
    // Refused together, those of the two go one by one, and are due before what comes now.
    for _ in 0..2 {
        assert_eq!(world.deliver(|_| Reply::Says(Verdict::Rejected)), 1);
        world.pass(Duration::from_secs(4));
    }
    edit(&mut world, 13);
    let mut requests = 0;
    let mut told = false;
    while !told {
        world.deliver(|delivery| {
            requests += 1;
            told |= String::from_utf8_lossy(&delivery.request.body).contains(&named(13));
            Reply::Says(Verdict::Taken)
        });
        world.pass(Duration::from_secs(4));
        assert!(requests <= 3, "it waits behind the others' edits");
    }
    world.assert_balanced();
}

/// Two sales that the platform has, a change of each asked for: an edit of the first, a void of the second.
fn two_changes() -> World {
    two_changes_in(World::new())
}

#[test]
fn requests_for_changes_that_end_together_give_each_place_back() {
    let mut world = two_changes();
    let mut under_way = world.deliveries();
    world.pass(Duration::from_secs(10));
    under_way.extend(world.deliveries());
    assert_eq!(under_way.len(), 2, "{under_way:?}");
    let answered = |delivery| ended(delivery, world.result(delivery, Reply::Says(Verdict::Taken)));
    let ended = under_way.iter().map(answered).collect();
    world.processor.settle(ended, world.now).unwrap();
    world.assert_balanced();
}

#[test]
fn a_change_of_a_merchant_that_waits_is_woken_for_when_it_may_go() {
    let mut world = two_changes();
    let delivery = world.deliveries().remove(0);
    let headers = vec![("retry-after".to_owned(), b"120".to_vec())];
    let busy = tracking::Answer { status: 429, headers, body: Vec::new() };
    world.processor.settle(vec![ended(&delivery, Ok(busy))], world.now).unwrap();
    let opens = world.now.plus(Duration::from_secs(120));
    world.pass(Duration::from_secs(10));
    assert_eq!(world.deliveries().len(), 0, "the other change is of the same merchant");
    assert_eq!(world.processor.next_wake(world.now).unwrap(), Some(opens));
    world.now = opens;
    assert_eq!(world.deliver(|_| Reply::Says(Verdict::Taken)), 1);
    world.assert_balanced();
}

/// A person has found meanwhile that the platform never had the sale.
#[test]
fn a_change_of_what_is_not_there_any_more_waits_for_nothing_when_it_is_told_again() {
    for (operation, ends) in [(Operation::Edit, "dead"), (Operation::Void, "dropped")] {
        let mut world = world();
        // Taken without being named, so that a person may say that it did not arrive.
        world.receive(&[Sale { clicked: false, ..sale(1, MOVED) }]);
        world.pass(Duration::from_secs(61));
        assert_eq!(world.deliver(|_| Reply::Says(Verdict::Taken)), 1);
        ask(&mut world, 100, operation, &[THE_ORDER, (Field::Amount, "8.00")]);
        world.pass(Duration::from_secs(600));
        assert_eq!(world.deliver(|_| Reply::Says(Verdict::Rejected)), 1);
        let change = world.processor.ledger().adjustments_of(event_id(1)).unwrap()[0].adjustment_id;
        let by = By { actor: "ada", why: "it is in no report" };
        let closed = world.processor.close(&[event_id(1)], false, by, world.now).unwrap().remove(0).1;
        assert_eq!((closed, world.state(1)), (Closed::Done(State::Dead), "dead"));
        order(&mut world, "again", ledger::Action::Redrive, change);
        let rows = world.processor.ledger().adjustments_of(event_id(1)).unwrap();
        assert_eq!((rows[0].state, world.state(1)), (State::Merged, ends), "{operation:?}");
        world.assert_balanced();
    }
}

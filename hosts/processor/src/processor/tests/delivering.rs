use std::collections::BTreeMap;
use std::time::Duration;

use relay::Fact;
use tracking::{Home, Verdict};

use super::world::{DEDUPLICATES, MOVED, OBSERVED, Reply, Sale, World, carries, ended, event_id, home, sale};
use crate::{Ended, Redrive};

on_a_server_too! {
    the_old_platform_gets_the_clients_own_bytes,
    i4_ambiguous_stands_as_unknown_and_goes_nowhere_else,
    i4_where_the_platform_deduplicates_the_same_bytes_are_sent_again,
    what_a_crash_finds_in_flight_may_have_arrived,
    refused_credentials_pause_the_platform_and_burn_nothing,
    a_platform_that_is_up_and_keeps_refusing_ends_as_a_dead_letter,
    an_unknown_is_sent_again_only_by_a_person_who_says_so,
    a_redrive_of_many_is_paced,
    facts_tell_the_walk,
}

/// The shortest time between two calls of the interface that takes many conversions.
const PACE: Duration = Duration::from_secs(3);

const CONFIRMED: Reply = Reply::Says(Verdict::Confirmed);

fn redrive(events: &[u64], approved: bool) -> Redrive {
    let events = events.iter().map(|&id| event_id(id)).collect();
    Redrive { events, actor: "ada".to_owned(), why: "the platform is well again".to_owned(), approved }
}

#[test]
fn the_old_platform_gets_the_clients_own_bytes() {
    let mut world = World::new();
    let observed = sale(1, OBSERVED);
    world.receive(std::slice::from_ref(&observed));
    let deliveries = world.deliveries();
    let request = &deliveries[0].request;
    assert_eq!((request.home, &request.target), (Home::Legacy, &observed.sealed().original.target));
    assert!(request.headers.contains(&("x-forwarded-for".to_owned(), b"203.0.113.9".to_vec())));
    let ended = ended(&deliveries[0], world.result(&deliveries[0], Reply::Says(Verdict::Taken)));
    world.processor.settle(vec![ended], world.now).unwrap();
    assert_eq!(world.state(1), "taken");
}

#[test]
fn i4_ambiguous_stands_as_unknown_and_goes_nowhere_else() {
    let mut world = World::new();
    world.receive(&(1..=50).map(|id| sale(id, MOVED)).collect::<Vec<_>>());
    for _ in 0..500 {
        world.deliver(|delivery| {
            assert_eq!(home(delivery), Home::Primary, "never the other platform");
            Reply::Silent
        });
        world.pass(Duration::from_secs(5));
    }
    assert!((1..=50).all(|id| world.state(id) == "unknown"));
    world.assert_balanced();
}

#[test]
fn i4_where_the_platform_deduplicates_the_same_bytes_are_sent_again() {
    let mut world = World::new();
    world.receive(&[sale(1, DEDUPLICATES)]);
    let first = world.deliveries();
    world.processor.settle(vec![silent(&world, &first[0])], world.now).unwrap();
    assert_eq!(world.state(1), "queued");
    // Another mapping of the same merchant must not change what is sent again.
    let mut changed = super::world::snapshot();
    changed.migration.sends.iter_mut().for_each(|send| send.host = "elsewhere.example".to_owned().into());
    world.processor.replace_snapshot(std::sync::Arc::new(changed));
    world.pass(Duration::from_secs(60));
    let second = world.deliveries();
    assert_eq!((&second[0].request, second[0].ids[0].number), (&first[0].request, 2));
    let ended = ended(&second[0], world.result(&second[0], CONFIRMED));
    world.processor.settle(vec![ended], world.now).unwrap();
    assert_eq!(world.state(1), "confirmed");
    world.assert_balanced();
}

fn silent(world: &World, delivery: &crate::Delivery) -> Ended {
    ended(delivery, world.result(delivery, Reply::Silent))
}

#[test]
fn what_a_crash_finds_in_flight_may_have_arrived() {
    let mut world = World::new();
    world.receive(&[sale(1, MOVED), sale(2, DEDUPLICATES), sale(3, OBSERVED)]);
    let mut deliveries = world.deliveries();
    world.pass(PACE);
    deliveries.extend(world.deliveries());
    let before: BTreeMap<_, _> =
        deliveries.into_iter().map(|each| (each.ids[0].event_id, each.request)).collect();
    assert_eq!(before.len(), 3);
    world = world.crash();
    assert_eq!(["unknown", "queued", "unknown"], [1, 2, 3].map(|id| world.state(id)));
    world.pass(Duration::from_secs(60));
    let again = world.deliveries();
    assert_eq!(again.len(), 1);
    assert_eq!(again[0].request, before[&event_id(2)]);
    world.assert_balanced();
}

#[test]
fn a_long_outage_of_both_makes_no_dead_letters_and_everything_is_delivered_once() {
    let mut world = World::new();
    let owners = [MOVED, OBSERVED, DEDUPLICATES];
    for chunk in 0..20_u64 {
        let sales: Vec<Sale> =
            (0..500).map(|n| chunk * 500 + n + 1).map(|id| sale(id, owners[(id % 3) as usize])).collect();
        world.receive(&sales);
        world.deliver(|_| Reply::Refuses);
    }
    for _ in 0..6 * 3600 / 5 {
        world.deliver(|_| Reply::Refuses);
        world.pass(Duration::from_secs(5));
    }
    let status = world.processor.status().unwrap();
    assert_eq!(status.states[0], 10_000, "everything waits: {status:?}");
    assert!(status.gates.iter().all(|gate| gate.down_since.is_some()));
    let (mut sent, mut turns) = (BTreeMap::new(), 0);
    while world.processor.status().unwrap().states[0] > 0 {
        world.deliver(|delivery| {
            delivery.ids.iter().for_each(|id| *sent.entry(id.event_id).or_insert(0) += 1);
            CONFIRMED
        });
        world.pass(Duration::from_millis(50));
        turns += 1;
        assert!(turns < 1200, "drained within a minute");
    }
    assert_eq!((sent.len(), sent.values().max()), (10_000, Some(&1)), "exactly once");
    world.assert_balanced();
}

#[test]
fn refused_credentials_pause_the_platform_and_burn_nothing() {
    let mut world = World::new();
    world.receive(&(1..=10).map(|id| sale(id, MOVED)).collect::<Vec<_>>());
    for _ in 0..100 {
        world.deliver(|_| Reply::Says(Verdict::Paused));
        world.pass(Duration::from_secs(5));
    }
    let status = world.processor.status().unwrap();
    assert_eq!(status.states[0], 10);
    assert!(status.gates[1].refuses_credentials);
    for _ in 0..100 {
        world.deliver(|_| CONFIRMED);
        world.pass(Duration::from_secs(5));
    }
    assert!((1..=10).all(|id| world.state(id) == "confirmed"));
}

#[test]
fn a_platform_that_is_up_and_keeps_refusing_ends_as_a_dead_letter() {
    let mut world = World::new();
    world.receive(&[sale(1, MOVED)]);
    let mut keeper = 100;
    while world.state(1) == "queued" && keeper < 400 {
        // Other sales pass, so that the breaker stays closed.
        keeper += 1;
        world.receive(&[Sale { at: world.now, ..sale(keeper, DEDUPLICATES) }]);
        for _ in 0..2 {
            world.deliver(|each| if carries(each, 1) { Reply::Says(Verdict::Later) } else { CONFIRMED });
            world.pass(Duration::from_secs(5));
        }
    }
    assert_eq!(world.state(1), "dead");
    let first = world.processor.redrive(&redrive(&[1], false), world.now).unwrap();
    let second = world.processor.redrive(&redrive(&[1], false), world.now).unwrap();
    assert_ne!(first, second, "the second redrive is a no-op");
    // Its merchant was shut out meanwhile, as nothing of it went well.
    world.pass(Duration::from_secs(60));
    world.deliver(|_| CONFIRMED);
    assert_eq!(world.state(1), "confirmed");
    let journal = world.processor.ledger().show(event_id(1)).unwrap().unwrap().journal;
    assert_eq!(journal.iter().map(|entry| entry.actor.as_str()).collect::<Vec<_>>(), ["ada"]);
    world.assert_balanced();
}

#[test]
fn an_unknown_is_sent_again_only_by_a_person_who_says_so() {
    let mut world = World::new();
    world.receive(&[sale(1, MOVED)]);
    let first = world.deliveries();
    world.processor.settle(vec![silent(&world, &first[0])], world.now).unwrap();
    world.processor.redrive(&redrive(&[1], false), world.now).unwrap();
    assert_eq!(world.state(1), "unknown");
    world.processor.redrive(&redrive(&[1], true), world.now).unwrap();
    world.pass(PACE);
    assert_eq!(world.deliveries()[0].request, first[0].request, "in its own bytes");
}

#[test]
fn a_redrive_of_many_is_paced() {
    let mut world = World::new();
    world.receive(&(1..=100).map(|id| sale(id, MOVED)).collect::<Vec<_>>());
    while world.deliver(|_| Reply::Says(Verdict::Rejected)) > 0 {}
    let all: Vec<u64> = (1..=100).collect();
    world.pass(PACE);
    world.processor.redrive(&redrive(&all, false), world.now).unwrap();
    world.pass(Duration::from_millis(95));
    let sent: usize = world.deliveries().iter().map(|delivery| delivery.ids.len()).sum();
    assert_eq!(sent, 10, "a hundred a second");
    assert!(world.processor.next_wake(world.now).unwrap().is_some());
}

#[test]
fn facts_tell_the_walk() {
    let mut world = World::new();
    world.receive(&[sale(1, MOVED)]);
    world.deliver(|_| CONFIRMED);
    let facts = world.processor.take_facts();
    assert!(matches!(facts[0], Fact::Booked { attributed: true, .. }), "{facts:?}");
    assert!(matches!(facts[1], Fact::Attempted { home: Home::Primary, .. }));
    assert!(matches!(facts[2], Fact::Moved { state: "confirmed", .. }));
    assert!(world.processor.take_facts().is_empty());
}

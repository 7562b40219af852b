//! Several conversions in one request, how often they may go, and asking a platform that was down.

use std::collections::BTreeMap;
use std::time::Duration;

use tracking::consent::{Consent, ConsentReason};
use tracking::{Field, Home, Verdict};
use units::Timestamp;

use super::world::{DEDUPLICATES, MOVED, Reply, Sale, World, batch, carries, ended, event_id, sale};
use crate::Delivery;

on_a_server_too! {
    a_single_sale_goes_at_once_and_the_next_when_the_pace_allows,
    neither_kind_of_delivery_starves_the_other,
    each_conversion_has_its_own_verdict_on_one_answer,
    i4_a_call_without_an_answer_leaves_each_unknown_and_nothing_goes_elsewhere,
    i4_a_crash_leaves_each_of_a_call_unknown,
    what_is_sent_again_is_sent_alone_in_the_bytes_it_had_and_fresh_sales_pass_it,
    a_reference_that_identifies_nothing_is_not_sent_and_is_kept,
    a_dead_primary_is_asked_by_what_moves_no_money,
    a_platform_that_answers_and_swallows_conversions_takes_one_for_each_wait,
    the_field_stays_in_the_stored_event,
}

const PACE: Duration = Duration::from_secs(3);
const CONFIRMED: Reply = Reply::Says(Verdict::Confirmed);

/// Five moved advertisers.
fn five() -> World {
    let mut snapshot = super::world::snapshot();
    let model = snapshot.directory.advertiser(MOVED).unwrap();
    let advertisers = (100..105).map(|legacy_id| tracking::directory::Advertiser {
        legacy_id,
        primary_id: Some(legacy_id + 1000),
        ..model.clone()
    });
    let publisher = snapshot.directory.publisher(456).unwrap();
    let directory = tracking::directory::Directory::new(advertisers.collect(), vec![publisher], Vec::new());
    snapshot.directory = directory;
    World::with(snapshot)
}

fn advertisers(world: &World, delivery: &Delivery) -> Vec<u64> {
    let of = |event_id| world.processor.ledger().conversion(event_id).unwrap().unwrap().advertiser_id;
    let mut ids: Vec<u64> = delivery.ids.iter().map(|id| of(id.event_id)).collect();
    ids.dedup();
    ids
}

#[test]
fn a_backlog_of_five_advertisers_drains_within_minutes_at_the_platforms_pace() {
    let mut world = five();
    for chunk in 0..20_u64 {
        let ids = (0..500).map(|n| chunk * 500 + n + 1);
        world.receive(&ids.map(|id| sale(id, 100 + id % 5)).collect::<Vec<_>>());
    }
    let (start, mut calls, mut sent) = (world.now, Vec::<Timestamp>::new(), BTreeMap::new());
    while world.processor.status().unwrap().states[0] > 0 {
        let deliveries = world.deliveries();
        assert!(deliveries.len() <= 1, "one call at a time");
        for delivery in &deliveries {
            assert_eq!(advertisers(&world, delivery).len(), 1, "of one advertiser");
            assert!(delivery.ids.len() <= 1000 && delivery.request.body.len() < 192 * 1024);
            delivery.ids.iter().for_each(|id| *sent.entry(id.event_id).or_insert(0) += 1);
            calls.push(world.now);
            let answer = world.mixed(delivery, &vec![Some(Verdict::Confirmed); delivery.ids.len()]);
            world.processor.settle(vec![ended(delivery, Ok(answer))], world.now).unwrap();
        }
        world.now = world.processor.next_wake(world.now).unwrap().unwrap_or(world.now);
        assert!(calls.len() < 60, "{} calls", calls.len());
    }
    assert!(world.now.since(start) < Duration::from_secs(180), "{:?}", world.now.since(start));
    assert!(calls.windows(2).all(|pair| pair[1].since(pair[0]) >= PACE), "at most 20 a minute");
    assert_eq!((sent.len(), sent.values().max()), (10_000, Some(&1)), "each exactly once");
    assert_eq!(world.processor.status().unwrap().gates[1].in_flight, 0);
    world.assert_balanced();
}

#[test]
fn a_single_sale_goes_at_once_and_the_next_when_the_pace_allows() {
    let mut world = World::new();
    world.receive(&[sale(1, MOVED)]);
    assert_eq!(world.deliver(|_| CONFIRMED), 1);
    world.pass(Duration::from_millis(10));
    world.receive(&[sale(2, MOVED), sale(3, DEDUPLICATES)]);
    assert_eq!(world.deliver(|_| CONFIRMED), 0);
    let opens = super::world::START.plus(PACE);
    assert_eq!(world.processor.next_wake(world.now).unwrap(), Some(opens));
    world.now = opens;
    assert_eq!(world.deliver(|_| CONFIRMED), 1);
    assert_eq!((world.state(2), world.state(3)), ("confirmed", "queued"), "the longest due first");
    let row = world.processor.ledger().conversion(event_id(3)).unwrap().unwrap();
    assert_eq!(row.tries, 0, "waiting is no attempt");
    world.pass(PACE);
    assert_eq!(world.deliver(|_| CONFIRMED), 1);
    assert_eq!(world.state(3), "confirmed");
}

#[test]
fn neither_kind_of_delivery_starves_the_other() {
    let mut world = World::new();
    let refused = |id| {
        let mut envelope = Sale { clicked: false, ..sale(id, MOVED) }.envelope();
        envelope.consent = Consent::Refused(ConsentReason::Link);
        envelope.encode()
    };
    world.receive(&(1..=300).map(|id| sale(id, MOVED)).collect::<Vec<_>>());
    world.processor.receive(&batch((301..=400).map(refused).collect()), world.now).unwrap();
    world.receive(&(401..=500).map(|id| sale(id, DEDUPLICATES)).collect::<Vec<_>>());
    let first = world.deliveries();
    let many: Vec<usize> = first.iter().map(|delivery| delivery.ids.len()).filter(|len| *len > 1).collect();
    assert_eq!(
        (many, first.len()),
        (vec![300], 65),
        "one call of the many, and every place of the other endpoint"
    );
}

#[test]
fn each_conversion_has_its_own_verdict_on_one_answer() {
    let mut world = World::new();
    world.receive(&(1..=4).map(|id| sale(id, MOVED)).collect::<Vec<_>>());
    let deliveries = world.deliveries();
    assert_eq!(deliveries[0].ids.len(), 4);
    let verdicts = [Some(Verdict::Confirmed), Some(Verdict::Rejected), Some(Verdict::Taken), None];
    let answer = world.mixed(&deliveries[0], &verdicts);
    world.processor.settle(vec![ended(&deliveries[0], Ok(answer))], world.now).unwrap();
    assert_eq!([1, 2, 3, 4].map(|id| world.state(id)), ["confirmed", "rejected", "taken", "unknown"]);
    for id in 1..=4 {
        let shown = world.processor.ledger().show(event_id(id)).unwrap().unwrap();
        assert_eq!(shown.attempts.len(), 1);
    }
    assert_eq!(world.processor.status().unwrap().gates[1].in_flight, 0);
    world.assert_balanced();
}

#[test]
fn i4_a_call_without_an_answer_leaves_each_unknown_and_nothing_goes_elsewhere() {
    let mut world = World::new();
    world.receive(&(1..=200).map(|id| sale(id, MOVED)).collect::<Vec<_>>());
    assert_eq!(world.deliver(|_| Reply::Silent), 1);
    assert!((1..=200).all(|id| world.state(id) == "unknown"));
    for _ in 0..100 {
        world.pass(Duration::from_secs(5));
        world.deliver(|delivery| panic!("nothing is sent again: {delivery:?}"));
    }
    world.assert_balanced();
}

#[test]
fn i4_a_crash_leaves_each_of_a_call_unknown() {
    let mut world = World::new();
    world.receive(&(1..=20).map(|id| sale(id, MOVED)).collect::<Vec<_>>());
    assert_eq!(world.deliveries()[0].ids.len(), 20);
    world = world.crash();
    assert!((1..=20).all(|id| world.state(id) == "unknown"));
    world.receive(&[sale(21, MOVED)]);
    assert_eq!(world.deliver(|_| CONFIRMED), 0, "the one before may have called a moment ago");
    world.pass(PACE);
    assert_eq!(world.deliver(|_| CONFIRMED), 1);
    world.assert_balanced();
}

#[test]
fn what_is_sent_again_is_sent_alone_in_the_bytes_it_had_and_fresh_sales_pass_it() {
    let mut world = World::new();
    world.receive(&(1..=3).map(|id| sale(id, DEDUPLICATES)).collect::<Vec<_>>());
    let first = world.deliveries();
    let whole = String::from_utf8(first[0].request.body.clone()).unwrap();
    world
        .processor
        .settle(vec![ended(&first[0], world.result(&first[0], Reply::Silent))], world.now)
        .unwrap();
    world.pass(Duration::from_secs(60));
    let late: Vec<Sale> = (4..=6).map(|id| Sale { at: world.now, ..sale(id, DEDUPLICATES) }).collect();
    world.receive(&late);
    let mut order = Vec::new();
    for _ in 0..4 {
        world.deliver(|delivery| {
            order.push(delivery.ids.len());
            if !carries(delivery, 4) {
                let body = String::from_utf8(delivery.request.body.clone()).unwrap();
                let object = body.split_once('[').unwrap().1.rsplit_once(']').unwrap().0.to_owned();
                assert!(whole.contains(&object), "{object}\n{whole}");
                assert_eq!((&delivery.request.target, delivery.ids.len()), (&first[0].request.target, 1));
            }
            CONFIRMED
        });
        world.pass(PACE);
    }
    assert_eq!(order, [3, 1, 1, 1], "fresh sales first");
    assert!((1..=6).all(|id| world.state(id) == "confirmed"));
    world.assert_balanced();
}

#[test]
fn a_reference_that_identifies_nothing_is_not_sent_and_is_kept() {
    let mut world = World::new();
    let placeholder = "##ORDERID##";
    assert!(world.processor.snapshot().migration.legacy.is_placeholder(placeholder));
    let entries = [1, 2].map(|id| {
        let mut envelope = Sale { reference: placeholder.to_owned(), ..sale(id, MOVED) }.envelope();
        envelope.key = None;
        envelope.encode()
    });
    world.processor.receive(&batch(entries.to_vec()), world.now).unwrap();
    world.deliver(|delivery| {
        let body = String::from_utf8(delivery.request.body.clone()).unwrap();
        assert!(!body.contains(placeholder), "{body}");
        assert!([1, 2].iter().all(|id| body.contains(&event_id(*id).to_string())), "{body}");
        CONFIRMED
    });
    for id in [1, 2] {
        assert_eq!(world.state(id), "confirmed");
        let row = world.processor.ledger().conversion(event_id(id)).unwrap().unwrap();
        assert_eq!(row.reference.as_deref(), Some(placeholder));
    }
}

/// Opens the primary's breaker: three calls that certainly did not arrive.
fn down(world: &mut World) {
    for id in 1..=3 {
        world.receive(&[sale(id, MOVED)]);
        world.deliver(|_| Reply::Refuses);
        world.pass(PACE);
    }
    assert!(world.processor.status().unwrap().gates[1].down_since.is_some());
}

#[test]
fn a_dead_primary_is_asked_by_what_moves_no_money() {
    let mut world = World::new();
    down(&mut world);
    let mut probes = 0;
    for id in 10..110 {
        world.receive(&[sale(id, MOVED)]);
        world.deliver(|delivery| {
            assert!(delivery.ids.is_empty(), "no sale is risked: {delivery:?}");
            assert_eq!(delivery.request.home, Home::Primary);
            probes += 1;
            Reply::Silent
        });
        world.pass(Duration::from_secs(5));
    }
    let status = world.processor.status().unwrap();
    assert!((90..=100).contains(&probes), "one for each wait: {probes}");
    assert_eq!((status.states[0], status.states[2]), (103, 0), "all wait and none is unknown");
    assert!(world.processor.next_wake(world.now).unwrap().is_some());
    // It answers again: one conversion goes ahead, and then all.
    assert_eq!(world.deliver(|delivery| if delivery.ids.is_empty() { CONFIRMED } else { panic!() }), 1);
    let mut sizes = Vec::new();
    while world.processor.status().unwrap().states[0] > 0 {
        world.deliver(|delivery| {
            sizes.push(delivery.ids.len());
            CONFIRMED
        });
        world.pass(PACE);
    }
    assert_eq!(sizes.first(), Some(&1));
    assert!(sizes.len() <= 4, "{sizes:?}");
    world.assert_balanced();
}

#[test]
fn a_platform_that_answers_and_swallows_conversions_takes_one_for_each_wait() {
    let mut world = World::new();
    down(&mut world);
    world.receive(&(10..110).map(|id| sale(id, MOVED)).collect::<Vec<_>>());
    for _ in 0..20 {
        world.deliver(|delivery| if delivery.ids.is_empty() { CONFIRMED } else { Reply::Silent });
        world.pass(Duration::from_millis(2500));
    }
    let unknown = world.processor.status().unwrap().states[2];
    assert!((1..=10).contains(&unknown), "{unknown}");
    world.assert_balanced();
}

#[test]
fn the_field_stays_in_the_stored_event() {
    let mut world = World::new();
    let envelope = Sale { reference: "##ORDERID##".to_owned(), ..sale(1, MOVED) }.envelope();
    let stored = envelope.event.text(Field::OrderReference).map(str::to_owned);
    world.processor.receive(&batch(vec![envelope.encode()]), world.now).unwrap();
    world.deliver(|_| CONFIRMED);
    let shown = world.processor.ledger().conversion(event_id(1)).unwrap().unwrap();
    assert_eq!(shown.reference, stored);
}

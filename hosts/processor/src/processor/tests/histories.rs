//! Random histories: batches with repeats, conflicts and redeliveries, platforms in every mood, crashes at
//! every step. After each step the books are recomputed (I3, I12), and what the platforms saw is compared with
//! what the ledger says (I2, I4).

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use proptest::prelude::*;
use tracking::{Home, Verdict};
use units::EventId;

use super::place::cases;
use super::world::{DEDUPLICATES, MOVED, OBSERVED, Reply, Sale, UNMAPPED, World, sale};

on_a_server_too! {
    i2_i3_i4_i12_hold_over_every_history,
}

#[derive(Clone, Debug)]
enum Act {
    Receive(Vec<Sale>),
    Deliver(Vec<Reply>),
    CrashInFlight,
    Crash,
    Pass(u64),
}

fn any_sale() -> impl Strategy<Value = Sale> {
    let advertisers = [MOVED, MOVED, DEDUPLICATES, OBSERVED, UNMAPPED, 99];
    let advertiser = prop::sample::select(advertisers.to_vec());
    (1_u64..60, advertiser, 0_u8..12, prop::sample::select(vec![1000_i64, 1000, 1000, 999]), any::<bool>())
        .prop_map(
            // The identity decides everything: an edge never gives two events one identity.
            |(id, advertiser_id, order, minor, clicked)| {
                let id = id * 10_000
                    + advertiser_id * 100
                    + u64::from(order) * 4
                    + u64::from(minor == 999) * 2
                    + u64::from(clicked);
                Sale { reference: format!("R{order}"), minor, clicked, ..sale(id, advertiser_id) }
            },
        )
}

fn any_reply() -> impl Strategy<Value = Reply> {
    let says = [Verdict::Confirmed, Verdict::Confirmed, Verdict::Later, Verdict::Rejected, Verdict::Paused];
    prop_oneof![
        4 => prop::sample::select(says.to_vec()).prop_map(Reply::Says),
        1 => Just(Reply::Refuses),
        2 => Just(Reply::Silent),
    ]
}

fn any_act() -> impl Strategy<Value = Act> {
    prop_oneof![
        3 => prop::collection::vec(any_sale(), 1..6).prop_map(Act::Receive),
        4 => prop::collection::vec(any_reply(), 1..6).prop_map(Act::Deliver),
        1 => Just(Act::CrashInFlight),
        1 => Just(Act::Crash),
        3 => (1_u64..90).prop_map(Act::Pass),
    ]
}

/// What an observer at the platforms' side has seen.
#[derive(Default)]
struct Observer {
    /// Requests that may have been processed, by conversion.
    processed: BTreeMap<EventId, u32>,
    homes: BTreeMap<EventId, BTreeSet<Home>>,
    accepted: BTreeSet<EventId>,
}

fn step(mut world: World, act: &Act, seen: &mut Observer) -> World {
    match act {
        Act::Receive(sales) => {
            world.receive(sales);
            seen.accepted.extend(sales.iter().map(|sale| super::world::event_id(sale.id)));
        }
        Act::Deliver(replies) => {
            let deliveries = world.deliveries();
            let mut ended = Vec::new();
            for (delivery, reply) in deliveries.iter().zip(replies.iter().cycle()) {
                observe(seen, delivery, *reply);
                ended.push(super::world::ended(delivery, world.result(delivery, *reply)));
            }
            world.processor.settle(ended, world.now).unwrap();
        }
        Act::CrashInFlight => {
            world.deliveries().iter().for_each(|delivery| observe(seen, delivery, Reply::Silent));
            world = world.crash();
        }
        Act::Crash => world = world.crash(),
        Act::Pass(seconds) => world.pass(Duration::from_secs(*seconds)),
    }
    world
}

fn observe(seen: &mut Observer, delivery: &crate::Delivery, reply: Reply) {
    let processed = matches!(reply, Reply::Silent | Reply::Says(Verdict::Confirmed));
    for id in &delivery.ids {
        seen.homes.entry(id.event_id).or_default().insert(delivery.request.home);
        *seen.processed.entry(id.event_id).or_default() += u32::from(processed);
    }
}

fn check(world: &World, seen: &Observer) -> Result<(), TestCaseError> {
    world.assert_balanced();
    for (event_id, homes) in &seen.homes {
        prop_assert_eq!(homes.len(), 1, "I4: {} went to two platforms", event_id);
    }
    for event_id in &seen.accepted {
        prop_assert!(
            world.processor.ledger().conversion(*event_id).unwrap().is_some(),
            "I2: {} is lost",
            event_id
        );
    }
    for (event_id, &count) in &seen.processed {
        let row = world.processor.ledger().conversion(*event_id).unwrap().unwrap();
        let once = count <= 1 || row.advertiser_id == DEDUPLICATES;
        prop_assert!(once, "I2: {} was processed {} times where nobody deduplicates", event_id, count);
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(cases(64)))]
    #[test]
    fn i2_i3_i4_i12_hold_over_every_history(acts in prop::collection::vec(any_act(), 1..40)) {
        let (mut world, mut seen) = (World::new(), Observer::default());
        for act in &acts {
            world = step(world, act, &mut seen);
            check(&world, &seen)?;
        }
    }
}

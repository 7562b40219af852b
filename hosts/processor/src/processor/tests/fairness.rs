//! A merchant with most of the backlog waits for itself.

use std::collections::BTreeMap;
use std::time::Duration;

use tracking::Verdict;

use super::isolating::many;
use super::world::{Reply, Sale, World, sale};

on_a_server_too! {
    a_merchant_with_nine_tenths_of_a_backlog_waits_for_itself,
}

const BIG: u64 = 200;
const SALES: u64 = 1_000;

/// Whose sale it is: of ten behind one another nine are the big merchant's.
const fn merchant(id: u64) -> u64 {
    if id.is_multiple_of(10) { BIG + 1 + (id / 10) % 4 } else { BIG }
}

/// How many of each merchant's have gone before the last of the small ones'.
fn gone_before_the_last_small(world: &mut World) -> BTreeMap<u64, usize> {
    let (mut gone, mut then) = (BTreeMap::new(), BTreeMap::new());
    while world.processor.status().unwrap().states[0] > 0 {
        world.deliver(|delivery| {
            let id = u64::try_from(delivery.ids[0].event_id.as_u128() >> 64).unwrap();
            *gone.entry(merchant(id)).or_default() += 1;
            if merchant(id) != BIG {
                then.clone_from(&gone);
            }
            Reply::Says(Verdict::Taken)
        });
        world.pass(Duration::from_millis(50));
    }
    assert_eq!(gone.values().sum::<usize>(), usize::try_from(SALES).unwrap());
    then
}

#[test]
fn a_merchant_with_nine_tenths_of_a_backlog_waits_for_itself() {
    let mut world = many();
    let sales: Vec<Sale> = (1..=SALES).map(|id| sale(id, merchant(id))).collect();
    for chunk in sales.chunks(250) {
        world.receive(chunk);
    }
    world.pass(Duration::from_secs(3_600));
    let then = gone_before_the_last_small(&mut world);
    let small: usize = (BIG + 1..=BIG + 4).map(|id| then[&id]).sum();
    assert_eq!(small, 100);
    assert!(then[&BIG] <= 200, "the small ones wait for their own sales, not for {}", then[&BIG]);
    world.assert_balanced();
}

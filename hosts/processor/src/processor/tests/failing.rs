//! A ledger that fails under the processor, and what its next turns make of it.

use std::time::Duration;

use ledger::{Fault, Faults, When};

use super::world::{DEDUPLICATES, MOVED, World, batch, sale};
use crate::Told;

/// After every wait of a schedule.
const LATER: Duration = Duration::from_secs(120);

const DOUBT: Fault = Fault::Doubt { happened: true, silent: 0 };

fn begins(told: &mut World) -> usize {
    told.processor.turn(Told::default(), told.now).unwrap().deliveries.len()
}

/// A processor with a sale in flight, whose next batch is taken in without its knowing.
fn surprised(advertiser_id: u64) -> (World, Faults) {
    let faults = Faults::default();
    let mut world = World::failing(&faults);
    world.receive(&[sale(1, advertiser_id)]);
    assert_eq!(begins(&mut world), 1);
    faults.plan(When::Commit(1), DOUBT);
    let entries = vec![sale(2, advertiser_id).envelope().encode()];
    assert!(world.processor.receive(&batch(entries), world.now).is_err());
    (world, faults)
}

#[test]
fn i4_who_begins_anew_takes_what_was_in_flight_for_what_may_have_arrived() {
    let (mut world, _) = surprised(MOVED);
    assert!(world.processor.turn(Told::default(), world.now).unwrap_err().is_surprise());
    assert_eq!((world.state(1), world.state(2)), ("unknown", "queued"));
    world.pass(LATER);
    begins(&mut world);
    assert_eq!((world.state(1), world.state(2)), ("unknown", "in_flight"));
    world.assert_balanced();
}

#[test]
fn i2_beginning_anew_that_fails_on_its_way_is_begun_once_more() {
    for fault in [Fault::Lost, Fault::Aborts, Fault::Fails { undoes: true }] {
        let (mut world, faults) = surprised(DEDUPLICATES);
        // The first commit after the surprise is that of the recovery.
        faults.plan(When::Commit(1), fault);
        assert!(world.processor.turn(Told::default(), world.now).is_err());
        assert_eq!(world.state(1), "in_flight", "{fault:?}: nothing of the recovery was kept");
        world.pass(LATER);
        begins(&mut world);
        assert_eq!(world.state(1), "queued", "{fault:?}: it waits for its next attempt");
        world.assert_balanced();
    }
}

/// A store that fails for a while says nothing about what it was given.
#[test]
fn i2_what_a_failing_store_does_not_take_is_no_poison() {
    for fault in [Fault::Lost, Fault::Fails { undoes: true }, Fault::Doubt { happened: false, silent: 0 }] {
        let faults = Faults::default();
        let mut world = World::failing(&faults);
        let body = batch(vec![sale(1, MOVED).envelope().encode()]);
        for _ in 0..units::limits::POISON_TRIES {
            // Both as a part of its batch and by itself.
            faults.plan(When::Commit(1), fault);
            faults.plan(When::Commit(1), fault);
            assert!(world.processor.receive(&body, world.now).is_err(), "{fault:?}");
        }
        world.receive(&[sale(1, MOVED)]);
        assert_eq!(world.state(1), "queued", "{fault:?}");
        assert_eq!(world.processor.ledger().totals().unwrap().0, 1, "{fault:?}: nothing else was kept");
    }
}

/// Nothing else asks the ledger while every destination is down: then keeping the books must bring it to light.
#[test]
fn i2_a_surprise_that_only_the_books_meet_is_no_less_one() {
    let (mut world, _) = surprised(MOVED);
    let stopping = Told { stopping: true, ..Told::default() };
    let turn = world.processor.turn(stopping, world.now).unwrap();
    assert!(turn.complaints.iter().any(crate::ProcessorError::is_surprise));
    assert_eq!(world.state(1), "unknown", "it has begun anew");
    let entries = vec![sale(2, MOVED).envelope().encode()];
    assert_eq!(world.processor.receive(&batch(entries), world.now).unwrap().duplicates, 1);
}

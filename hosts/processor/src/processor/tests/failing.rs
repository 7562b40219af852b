//! A ledger that fails under the processor, and what its next turns make of it.

use std::time::Duration;

use ledger::{Fault, Faults, When};

use tracking::{Home, Verdict};

use super::calling::two_changes_in;
use super::world::{DEDUPLICATES, MOVED, Reply, World, batch, ended, sale, snapshot};
use crate::{Ended, Told};

/// After every wait of a schedule.
const LATER: Duration = Duration::from_secs(120);

const DOUBT: Fault = Fault::Doubt { happened: true, silent: 0 };

fn begins(told: &mut World) -> usize {
    told.processor.turn(Told::default(), told.now).unwrap().deliveries.len()
}

fn places_taken(world: &World) -> usize {
    Home::ALL.map(|home| world.processor.platform(home).in_flight).iter().sum()
}

/// A processor with a sale whose platform has confirmed it, not told yet, and another that may go.
fn one_ended_one_waiting(faults: &Faults) -> (World, Vec<Ended>) {
    let mut world = World::failing(faults);
    world.receive(&[sale(1, MOVED)]);
    let first = world.processor.turn(Told::default(), world.now).unwrap().deliveries;
    world.receive(&[sale(2, MOVED)]);
    let result = world.result(&first[0], Reply::Says(Verdict::Confirmed));
    world.pass(LATER);
    (world, vec![ended(&first[0], result)])
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

/// What a turn is told, and what is to go, are one commit: the second one of the turn never comes.
#[test]
fn what_ends_and_what_begins_are_one_commit() {
    let faults = Faults::default();
    let (mut world, ended) = one_ended_one_waiting(&faults);
    faults.plan(When::Commit(2), Fault::Lost);
    let turn = world.processor.turn(Told { ended, ..Told::default() }, world.now).unwrap();
    assert_eq!(turn.deliveries.len(), 1);
    assert_eq!((world.state(1), world.state(2)), ("confirmed", "in_flight"));
}

/// What a platform said is kept while the ledger cannot write it down, and nothing goes meanwhile; its gate hears of it
/// once, however often it is tried.
#[test]
fn i2_a_turn_that_cannot_be_written_down_is_written_by_the_next() {
    for fault in [Fault::Lost, Fault::Aborts, Fault::Fails { undoes: true }] {
        let faults = Faults::default();
        let (mut world, mut ended) = one_ended_one_waiting(&faults);
        for _ in 0..3 {
            faults.plan(When::Commit(1), fault);
            // Where it fails for what is to be written, what ended is tried by itself.
            faults.plan(When::Commit(1), fault);
            let told = Told { ended: std::mem::take(&mut ended), ..Told::default() };
            assert!(world.processor.turn(told, world.now).is_err(), "{fault:?}");
            faults.calm();
            assert_eq!((world.state(1), world.state(2)), ("in_flight", "queued"), "{fault:?}");
            assert_eq!(places_taken(&world), 0, "{fault:?}: neither is under way");
        }
        world.pass(LATER);
        assert_eq!(begins(&mut world), 1, "{fault:?}");
        assert_eq!((world.state(1), world.state(2)), ("confirmed", "in_flight"), "{fault:?}");
        assert_eq!(places_taken(&world), 1, "{fault:?}");
        world.assert_balanced();
    }
}

/// Whichever statement of a turn the store does not take, what a platform said is in the ledger after it.
#[test]
fn what_cannot_begin_keeps_no_outcome_out_of_the_ledger() {
    let mut refused = 0;
    for nth in 1.. {
        let faults = Faults::default();
        let (mut world, ended) = one_ended_one_waiting(&faults);
        faults.plan(When::Statement(nth), Fault::Aborts);
        let turn = world.processor.turn(Told { ended, ..Told::default() }, world.now);
        let struck = faults.hit().is_some();
        faults.calm();
        assert_eq!(world.state(1), "confirmed", "statement {nth}");
        let went = turn.as_ref().map_or(0, |turn| turn.deliveries.len());
        assert_eq!(world.state(2), ["queued", "in_flight"][went], "statement {nth}");
        assert_eq!(places_taken(&world), went, "statement {nth}");
        world.pass(LATER);
        assert_eq!(went + begins(&mut world), 1, "statement {nth}: it goes now or with the next turn");
        world.assert_balanced();
        refused += usize::from(turn.is_err());
        if !struck {
            break;
        }
    }
    assert!(refused > 5, "{refused} statements choose, write down and begin");
}

/// An edit and a void may go at once where the platform asks for no pause between them. Whichever statement the store does
/// not take, what has begun is sent, and in the end both are told.
#[test]
fn a_change_that_cannot_begin_takes_none_with_it_that_has_begun() {
    let mut struck = 0;
    for nth in 1.. {
        let mut snapshot = snapshot();
        for send in snapshot.migration.sends.iter_mut().filter(|send| send.change.is_some()) {
            send.pace = Duration::ZERO;
        }
        let faults = Faults::default();
        let mut world = two_changes_in(World::failing_with(&faults, snapshot));
        faults.plan(When::Statement(nth), Fault::Fails { undoes: true });
        let (mut told, mut complained) = (0, false);
        for _ in 0..3 {
            let turn = world.processor.turn(Told::default(), world.now);
            complained |= turn.as_ref().map_or(true, |turn| !turn.complaints.is_empty());
            let deliveries = turn.map(|turn| turn.deliveries).unwrap_or_default();
            told += deliveries.len();
            let taken = |one| ended(one, world.result(one, Reply::Says(Verdict::Taken)));
            let ended: Vec<Ended> = deliveries.iter().map(taken).collect();
            // The store may fail here, too: then what was told is kept for the next turn.
            drop(world.processor.settle(ended, world.now));
        }
        let hit = faults.hit().is_some();
        faults.calm();
        world.processor.settle(Vec::new(), world.now).unwrap();
        assert_eq!((told, world.processor.in_flight()), (2, 0), "statement {nth}");
        world.assert_balanced();
        struck += usize::from(hit && complained);
        if !hit {
            break;
        }
    }
    assert!(struck > 5, "{struck} statements fail a turn");
}

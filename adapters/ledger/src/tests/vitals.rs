use core::time::Duration;

use relay::delivery::State;
use units::Timestamp;

use super::place::{Place, on_each_store};
use super::world::{NOW, Sale, begin, finish, take_in};

fn sale(id: u64, order: u8) -> Sale {
    Sale { id, advertiser_id: 1, order, minor: 1000, clicked: true }
}

fn the_glance_tells_the_sums_and_the_oldest(place: &Place) {
    let mut ledger = place.open();
    assert_eq!(ledger.vitals().unwrap(), crate::Vitals::default());
    take_in(&mut ledger, &[sale(1, 1), sale(2, 2), sale(3, 3), sale(4, 1)]);
    for (id, state) in [(1, State::Taken), (2, State::Unknown)] {
        begin(&mut ledger, id, 1).unwrap();
        finish(&mut ledger, id, 1, state).unwrap();
    }
    let vitals = ledger.vitals().unwrap();
    assert_eq!((vitals.accepted, vitals.states.iter().sum::<u64>(), vitals.off.len()), (4, 4, 0));
    assert_eq!(vitals.oldest_waiting, Some(NOW));
    assert_eq!(
        (vitals.oldest_unknown, vitals.oldest_taken, vitals.oldest_held),
        (Some(NOW), Some(NOW), None)
    );
}

fn a_counter_that_is_off_is_seen_with_its_merchant(place: &Place) {
    let mut ledger = place.open();
    take_in(&mut ledger, &[sale(1, 1)]);
    let change = "UPDATE counters SET count = count + 2 WHERE name = 'queued'";
    crate::sql::run(&ledger.connection, change, (), "break a counter").unwrap();
    assert_eq!(ledger.vitals().unwrap().off, [(1, -2)]);
}

fn repeats_are_counted_by_merchant(place: &Place) {
    let mut ledger = place.open();
    take_in(&mut ledger, &[sale(1, 1), sale(2, 1), sale(3, 2)]);
    // The ids of this test were drawn in 1970.
    let repeats = ledger.repeats(Timestamp::from_millis(0), Duration::from_secs(60)).unwrap();
    let [one] = repeats.as_slice() else { panic!("{repeats:?}") };
    assert_eq!((one.advertiser_id, one.arrivals, one.merged), (1, 3, 1));
    assert_eq!((one.arrivals_ever, one.merged_ever), (3, 1));
    assert!(ledger.repeats(NOW, Duration::from_secs(60)).unwrap().is_empty());
}

on_each_store!(memory;
    the_glance_tells_the_sums_and_the_oldest,
    a_counter_that_is_off_is_seen_with_its_merchant,
    repeats_are_counted_by_merchant
);

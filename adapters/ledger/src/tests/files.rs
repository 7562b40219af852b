use super::place::{Place, on_each_store};
use super::world::{NOW, Sale, assert_balanced, event_id, take_in};
use crate::store::Connection;
use crate::{By, Ledger};

const SALE: Sale = Sale { id: 1, advertiser_id: 1, order: 1, minor: 1000, clicked: true };

fn what_was_committed_is_there_after_a_restart(place: &Place) {
    let mut ledger = place.open();
    assert_eq!(take_in(&mut ledger, &[SALE]), 1);
    match &ledger.connection {
        // As a kill leaves it: no close, no checkpoint.
        Connection::Sqlite(_) | Connection::Simulated(_) => std::mem::forget(ledger),
        Connection::Postgres(_) => drop(ledger),
    }
    let mut ledger = place.open();
    assert_eq!(take_in(&mut ledger, &[SALE]), 0, "it is known");
    assert_balanced(&ledger);
}

fn a_reader_does_not_wait_for_the_writer(place: &Place) {
    let mut ledger = place.open();
    take_in(&mut ledger, &[SALE]);
    let reader = ledger.reader().unwrap().unwrap();
    let mut transaction = ledger.transaction(NOW).unwrap();
    transaction.discard(event_id(1), By { actor: "ada", why: "later" }).unwrap();
    assert_balanced(&reader);
    drop(transaction);
    assert!(Ledger::in_memory().unwrap().reader().unwrap().is_none());
}

fn a_reader_changes_nothing(place: &Place) {
    let ledger = place.open();
    let reader = ledger.reader().unwrap().unwrap();
    let error = reader.connection.script("DELETE FROM counters").unwrap_err().to_string();
    assert!(error.contains("read") && error.contains("only"), "{error}");
}

fn a_file_of_another_version_is_refused(place: &Place) {
    let refused = |change: &str| {
        let place = place.another();
        let ledger = place.open();
        ledger.connection.script(change).unwrap();
        drop(ledger);
        place.try_open().unwrap_err().to_string()
    };
    let later = crate::schema::COUNT + 1;
    let newer = refused(&format!("INSERT INTO schema_changes VALUES ({later}, 'later', 'x')"));
    assert!(newer.contains("run the newer version"), "{newer}");
    let edited = refused("UPDATE schema_changes SET checksum = 'x' WHERE number = 1");
    assert!(edited.contains("0001_ledger"), "{edited}");
}

/// Strangers send whatever a byte can be.
fn the_character_0_breaks_no_store_and_no_chain(place: &Place) {
    let mut ledger = place.open();
    let mut transaction = ledger.transaction(NOW).unwrap();
    transaction.journal("ada", "note", None, "a\0b").unwrap();
    assert!(transaction.under_key("no\0key").unwrap().is_none());
    transaction.commit().unwrap();
    assert_balanced(&ledger);
}

on_each_store!(file;
    the_character_0_breaks_no_store_and_no_chain,
    what_was_committed_is_there_after_a_restart,
    a_reader_does_not_wait_for_the_writer,
    a_reader_changes_nothing,
    a_file_of_another_version_is_refused
);

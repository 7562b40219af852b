use super::world::{NOW, Sale, assert_balanced, event_id, take_in};
use crate::{By, Ledger};

const SALE: Sale = Sale { id: 1, advertiser_id: 1, order: 1, minor: 1000, clicked: true };

#[test]
fn what_was_committed_is_there_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ledger.sqlite");
    let mut ledger = Ledger::open(&file).unwrap();
    assert_eq!(take_in(&mut ledger, &[SALE]), 1);
    // As a kill leaves it: no close, no checkpoint.
    std::mem::forget(ledger);
    let mut ledger = Ledger::open(&file).unwrap();
    assert_eq!(take_in(&mut ledger, &[SALE]), 0, "it is known");
    assert_balanced(&ledger);
}

#[test]
fn a_reader_does_not_wait_for_the_writer() {
    let folder = tempfile::tempdir().unwrap();
    let mut ledger = Ledger::open(&folder.path().join("ledger.sqlite")).unwrap();
    take_in(&mut ledger, &[SALE]);
    let reader = ledger.reader().unwrap().unwrap();
    let mut transaction = ledger.transaction(NOW).unwrap();
    transaction.discard(event_id(1), By { actor: "ada", why: "later" }).unwrap();
    assert_balanced(&reader);
    drop(transaction);
    assert!(Ledger::in_memory().unwrap().reader().unwrap().is_none());
}

#[test]
fn a_file_of_another_version_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ledger.sqlite");
    let refused = |change: &str| {
        drop(std::fs::remove_file(&file));
        let ledger = Ledger::open(&file).unwrap();
        ledger.connection.script(change).unwrap();
        drop(ledger);
        Ledger::open(&file).unwrap_err().to_string()
    };
    let later = crate::schema::COUNT + 1;
    let newer = refused(&format!("INSERT INTO schema_changes VALUES ({later}, 'later', 'x')"));
    assert!(newer.contains("run the newer version"), "{newer}");
    let edited = refused("UPDATE schema_changes SET checksum = 'x' WHERE number = 1");
    assert!(edited.contains("0001_ledger"), "{edited}");
}

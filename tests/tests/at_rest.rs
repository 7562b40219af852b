//! The books of a data directory on which nothing runs any more: read as they stand, in the same words, and changed by nobody.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test")]

use std::time::Duration;

use system_tests::process::turnout;
use system_tests::rest::{answers_in_full, assert_rests};
use system_tests::wait::wait_until;
use system_tests::{Data, Sale, System};

const MINUTE: Duration = Duration::from_secs(60);

/// A data directory whose process was killed, with one sale held and one that waits.
fn killed() -> (Data, String, String, Vec<(String, serde_json::Value)>) {
    let data = Data::prepared();
    // Nothing is delivered meanwhile: what is read twice has not moved.
    data.set("evidence_wait", "\"1h\"");
    let system = System::up(data);
    let merchant = system.lab().moved().remove(0).legacy_id;
    for sale in [Sale::plain(999_999, "REST-HELD", "5.00"), Sale::plain(merchant, "REST-WAITS", "7.00")] {
        assert!(system.edge().get("shareasale.com", &sale.target(), &[]).unwrap().is_pixel());
    }
    let rows = || system.ledger().rows();
    let rows = wait_until("both are booked", MINUTE, rows, |rows| rows.len() == 2);
    let held = rows.iter().find(|row| row.state == "held").unwrap().event_id.clone();
    let changed = rows.iter().map(|row| row.all["changed_at"].as_str().unwrap().to_owned());
    let until = changed.max().unwrap();
    let folder = system.data.text();
    let before = answers_in_full(&folder, &held, &until);
    (system.crash(), held, until, before)
}

#[test]
fn the_books_are_read_at_rest_as_they_were_before_and_nothing_changes_them() {
    let (data, held, until, before) = killed();
    let folder = data.text();
    assert_rests(&folder, &held, &until, &before);
    let export = data.file("books.jsonl").display().to_string();
    let told = turnout(&["proof", "export", &export, "--data", &folder], b"");
    assert_eq!(told.code, Some(0), "{}", told.err);
    let key = turnout(&["proof", "key", "--data", &folder, "--json"], b"");
    let key: serde_json::Value = serde_json::from_str(&key.out).unwrap();
    let told = turnout(&["proof", "verify", &export, "--key", key["public_key"].as_str().unwrap()], b"");
    assert_eq!(told.code, Some(0), "{}{}", told.out, told.err);
}

/// The note of a killed process may name another by now.
#[test]
fn where_nobody_listens_the_books_rest() {
    let (data, held, ..) = killed();
    let note = data.file("run").join("up.json");
    let mut told: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(&note).unwrap()).unwrap();
    told["pid"] = std::process::id().into();
    std::fs::write(&note, told.to_string()).unwrap();
    let shown = turnout(&["dead", "show", &held, "--data", &data.text()], b"");
    assert!(shown.code == Some(0) && shown.err.contains("read at rest"), "{}{}", shown.out, shown.err);
    let status = turnout(&["status", "--data", &data.text()], b"");
    assert!(status.code == Some(2) && status.out.contains("no processor is running"), "{}", status.out);
}

#[test]
fn a_migration_that_cannot_be_loaded_hides_no_books() {
    let (data, held, ..) = killed();
    std::fs::write(data.file("migration").join("policy.toml"), "phase = ???").unwrap();
    let told = turnout(&["dead", "show", &held, "--data", &data.text()], b"");
    assert!(told.code == Some(0) && told.out.contains("unknown_advertiser"), "{}{}", told.out, told.err);
    assert!(told.err.contains("the migration is left out"), "{}", told.err);
}

#[test]
fn a_directory_without_books_says_what_to_do() {
    let data = Data::prepared();
    let empty = data.file("empty");
    std::fs::create_dir(&empty).unwrap();
    for command in ["audit", "status", "dead"] {
        let told = turnout(&[command, "--data", &empty.display().to_string()], b"");
        assert!(
            told.code == Some(2) && told.err.contains("nothing is running on"),
            "{command}: {}",
            told.err
        );
    }
    // A file that is no ledger is no books either, and says which file it is.
    std::fs::write(empty.join("ledger.sqlite"), "no ledger").unwrap();
    let told = turnout(&["audit", "--data", &empty.display().to_string()], b"");
    assert!(told.code == Some(2) && told.err.contains("cannot be read at rest"), "{}", told.err);
}

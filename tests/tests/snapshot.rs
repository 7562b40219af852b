//! A snapshot of a running machine, restored on a new one: everything acknowledged before it is there, once.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test")]

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use system_tests::books::booked;
use system_tests::process::turnout;
use system_tests::roles::Roles;
use system_tests::sales::{Stream, report_all};
use system_tests::{Data, Sale, wait_for};

const MINUTE: Duration = Duration::from_secs(60);

fn sale(number: usize) -> Sale {
    Sale::plain(789, &format!("SNAP-{number}"), "3.00")
}

/// Puts a restored directory in the place of the one that is lost.
fn replace(data: &Data, restored: &str) {
    let lost = ["outbox", "marks", "ledger.sqlite", "ledger.sqlite-wal", "ledger.sqlite-shm", "secrets.toml"];
    for name in lost {
        let (lost, found) = (data.file(name), data.file(restored).join(name));
        if lost.is_dir() {
            fs::remove_dir_all(&lost).unwrap();
        } else if lost.exists() {
            fs::remove_file(&lost).unwrap();
        }
        if found.exists() {
            fs::rename(found, lost).unwrap();
        }
    }
}

#[test]
fn what_was_acknowledged_before_a_snapshot_is_in_it_once() {
    let mut roles = Roles::start(Data::prepared());
    // A part is in the ledger, a part waits in the outbox, and the stream goes on while the copy is made.
    let first: Vec<Sale> = (0..100).map(sale).collect();
    let mut acknowledged = report_all(roles.edge_address(), &first, 4).orders;
    roles.processor.kill();
    let second: Vec<Sale> = (100..200).map(sale).collect();
    acknowledged.extend(report_all(roles.edge_address(), &second, 4).orders);
    let stream = Stream::start(roles.edge_address(), 2, |number| sale(1000 + number));
    wait_for("the stream flows", MINUTE, || (stream.acknowledged() >= 20).then_some(()));
    roles.crash_processor();

    let (data, copy) = (roles.data.text(), roles.data.file("copy").display().to_string());
    let taken = turnout(&["snapshot", &copy, "--data", &data, "--json"], b"");
    assert_eq!(taken.code, Some(0), "{}", taken.err);
    let again = turnout(&["snapshot", &copy, "--data", &data], b"");
    assert!(again.code == Some(2) && again.err.contains("is not empty"), "{}", again.err);
    let later = stream.stop();

    // The machine burns.
    roles.edge.kill();
    roles.processor.kill();
    let restored = roles.data.file("restored").display().to_string();
    let brought = turnout(&["restore", &copy, "--data", &restored], b"");
    assert_eq!(brought.code, Some(0), "{}", brought.err);
    replace(&roles.data, "restored");
    roles.crash_processor();
    roles.crash_edge();

    wait_for("the outbox is handed over", MINUTE, || roles.is_drained().then_some(()));
    let counts: BTreeMap<_, _> = booked(&roles.ledger().rows());
    let missing: Vec<_> = acknowledged.keys().filter(|order| !counts.contains_key(*order)).collect();
    assert!(missing.is_empty(), "acknowledged before the snapshot, and not in it: {missing:?}");
    for (order, count) in &counts {
        assert_eq!(*count, 1, "{order:?}");
        let known = acknowledged.contains_key(order)
            || later.orders.contains_key(order)
            || later.not.contains_key(order);
        assert!(known, "{order:?} was never reported");
    }
    roles.ledger().assert_balances();
    let fresh = report_all(roles.edge_address(), &[sale(9999)], 1);
    assert_eq!(fresh.not, BTreeMap::new(), "the restored machine takes sales");
}

#[test]
fn an_outbox_that_is_an_older_copy_of_itself_does_not_start_unattended() {
    let mut roles = Roles::start(Data::prepared());
    let sell = |roles: &Roles, from: usize| {
        let sales: Vec<Sale> = (from..from + 20).map(sale).collect();
        assert_eq!(report_all(roles.edge_address(), &sales, 2).not, BTreeMap::new());
        wait_for("they are handed over", MINUTE, || roles.is_drained().then_some(()));
    };
    sell(&roles, 0);
    let (outbox, copy) = (roles.data.file("outbox"), roles.data.file("yesterday"));
    let cp = |from: &Path, to: &Path| {
        assert!(Command::new("cp").arg("-a").args([from, to]).status().unwrap().success());
    };
    cp(&outbox, &copy);
    sell(&roles, 20);
    let mark = roles.data.file("marks/lane-1");
    let noted = || fs::read_to_string(&mark).ok()?.trim().parse::<u64>().ok().filter(|noted| *noted >= 40);
    let noted = wait_for("it is noted how far the outbox has come", MINUTE, noted);
    roles.edge.kill();
    fs::remove_dir_all(&outbox).unwrap();
    cp(&copy, &outbox);
    let why = roles.try_edge().unwrap_err();
    assert!(
        why.contains(&format!("had come to entry {noted} at least")) && why.contains("marks/lane-1"),
        "{why}"
    );
    // A person has looked at it and says so.
    fs::remove_file(&mark).unwrap();
    roles.crash_edge();
    sell(&roles, 40);
    assert_eq!(booked(&roles.ledger().rows()).len(), 60, "each is booked once");
    roles.ledger().assert_balances();
}

#[test]
fn a_snapshot_that_was_damaged_is_refused_before_anything_is_made() {
    let roles = Roles::start(Data::prepared());
    let (data, copy) = (roles.data.text(), roles.data.file("copy"));
    let taken = turnout(&["snapshot", &copy.display().to_string(), "--data", &data], b"");
    assert_eq!(taken.code, Some(0), "{}", taken.err);
    let ledger = copy.join("ledger.sqlite");
    let mut bytes = fs::read(&ledger).unwrap();
    bytes[1000] ^= 1;
    fs::write(&ledger, bytes).unwrap();
    let restored = roles.data.file("restored");
    let refused =
        turnout(&["restore", &copy.display().to_string(), "--data", &restored.display().to_string()], b"");
    assert!(refused.code == Some(2) && refused.err.contains("ledger.sqlite"), "{}", refused.err);
    assert!(!restored.exists());
    let nothing = turnout(&["snapshot", &restored.display().to_string(), "--data", "/nowhere"], b"");
    assert!(nothing.code == Some(2) && nothing.err.contains("no data directory"), "{}", nothing.err);
}

//! The real binary with its ledger on a real server, and both killed in the middle of a stream of sales.

#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stderr, reason = "a test")]

use std::time::Duration;

use pgserver::Own;
use serde_json::json;
use system_tests::books::booked;
use system_tests::roles::Roles;
use system_tests::sales::Stream;
use system_tests::{Data, Sale, wait_for};

/// Kills of the server, and as many of the processor.
const KILLS: usize = 4;
const CONNECTIONS: usize = 8;
/// Sales acknowledged between two kills.
const BETWEEN: usize = 60;
const MINUTE: Duration = Duration::from_secs(60);

#[test]
fn server_and_processor_killed_in_the_middle_lose_nothing_and_book_nothing_twice() {
    let server = Own::start().unwrap();
    let schema = server.schema().unwrap();
    let data = Data::prepared();
    data.set_deduplicates(|_| Some(true));
    data.set("attempt_deadline", "\"2s\"");
    let mut roles = Roles::start_on_server(data, schema.address());
    roles.lab().settings(&json!({
        "primary_dedup": true, "legacy_duplicate_window_ms": 3_600_000, "primary_rate_limit_per_minute": 0,
    }));
    let moved: Vec<u64> = roles.lab().moved().iter().map(|one| one.legacy_id).collect();
    let stream = Stream::start(roles.edge_address(), CONNECTIONS, move |number| {
        Sale::plain(moved[number % moved.len()], &format!("SERVER-{number}"), "7.25")
    });
    for kill in 0..2 * KILLS {
        let until = stream.acknowledged() + BETWEEN;
        wait_for("the stream flows", MINUTE, || (stream.acknowledged() >= until).then_some(()));
        if kill % 2 == 0 {
            server.kill().unwrap();
            server.restart().unwrap();
        } else {
            roles.crash_processor();
        }
    }
    let seen = stream.stop();
    wait_for("everything is handed over and delivered", 2 * MINUTE, || roles.is_drained().then_some(()));
    let states = roles.ledger().wait_until_settled(seen.orders.len() as u64, 2 * MINUTE);
    eprintln!("{} acknowledged, {} not; at the end {states:?}", seen.orders.len(), seen.not.len());
    let counts = booked(&roles.ledger().rows());
    for order in seen.orders.keys() {
        assert_eq!(counts.get(order), Some(&1), "{order:?} was acknowledged");
    }
    assert_eq!(seen.not.len(), 0, "no reply waits for the ledger");
    roles.ledger().assert_balances();
}

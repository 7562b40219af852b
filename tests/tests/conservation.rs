//! Conservation is watched while the processor runs: sums that do not add up, and orders that come by a second route.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test")]

use std::process::Command;
use std::time::Duration;

use system_tests::sales::report_all;
use system_tests::wait::wait_until;
use system_tests::{Client, Data, Sale, System, turnout};

/// The watch looks every ten seconds.
const WITHIN: Duration = Duration::from_secs(60);

/// A number of the processor's metrics.
fn metric(system: &System, series: &str) -> Option<String> {
    let token = format!("Bearer {}", system.data.token("up"));
    let answer = Client::new(system.process.address("processor"))
        .get("processor", "/metrics", &[("authorization", &token)])
        .unwrap();
    assert_eq!(answer.status, 200, "{answer:?}");
    let text = answer.text();
    text.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' ').map(str::to_owned))
}

fn wait_for_metric(system: &System, series: &str, value: &str) {
    let look = || metric(system, series);
    wait_until(series, WITHIN, look, |seen| seen.as_deref() == Some(value));
}

fn status(system: &System) -> (Option<i32>, String) {
    let finished = turnout(&["status", "--data", &system.data.text()], b"");
    (finished.code, finished.out)
}

#[test]
fn a_counter_that_is_off_is_told_with_its_merchant_within_seconds() {
    let system = System::up(Data::prepared());
    let sales = [Sale::plain(789, "SUM-1", "5.00"), Sale::plain(789, "SUM-2", "6.00")];
    assert!(report_all(system.process.address("edge"), &sales, 1).not.is_empty());
    system.ledger().wait_until_settled(2, WITHIN);
    wait_for_metric(&system, "turnout_accepted", "2");
    assert_eq!(metric(&system, "turnout_sums_off").as_deref(), Some("0"));
    let data = system.crash();
    // A disk, a hand or a mistake of ours: one counter says something else.
    let script = "import sqlite3, sys\nbase = sqlite3.connect(sys.argv[1])\n\
                  base.execute(\"UPDATE counters SET count = count + 1 WHERE name = 'accepted'\")\nbase.commit()\n";
    let ledger = data.file("ledger.sqlite");
    assert!(Command::new("python3").args(["-I", "-c", script]).arg(ledger).status().unwrap().success());
    let system = System::up(data);
    wait_for_metric(&system, "turnout_sums_off", "1");
    wait_for_metric(&system, "turnout_invariant_broken_total{invariant=\"I3\"}", "1");
    let (code, out) = status(&system);
    assert_eq!(code, Some(1), "{out}");
    assert!(out.contains("I3: the sums of advertiser 789 are off by 1"), "{out}");
}

#[test]
fn orders_that_come_by_a_second_route_are_told_with_their_merchant() {
    let system = System::up(Data::prepared());
    let sale = |number: usize| Sale::plain(789, &format!("ROUTE-{}", number % 25), "5.00");
    let sales: Vec<Sale> = (0..50).map(sale).collect();
    assert!(report_all(system.process.address("edge"), &sales, 1).not.is_empty());
    let states = system.ledger().wait_until_settled(50, WITHIN);
    assert_eq!(states.get("merged"), Some(&25), "{states:?}");
    wait_for_metric(&system, "turnout_repeat_alarms", "1");
    let (code, out) = status(&system);
    assert_eq!(code, Some(1), "{out}");
    assert!(
        out.contains("50 % of the orders of advertiser 789 arrive repeatedly (25 of 50), usually 0 %"),
        "{out}"
    );
    assert_eq!(metric(&system, "turnout_conversions{state=\"merged\"}").as_deref(), Some("25"));
    assert_eq!(metric(&system, "turnout_sums_off").as_deref(), Some("0"));
}

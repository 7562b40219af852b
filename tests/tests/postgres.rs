//! The real binary with its ledger on a real server, and both killed in the middle of a stream of sales.

#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stderr, reason = "a test")]

use std::time::Duration;

use pgserver::Own;
use serde_json::{Value, json};
use system_tests::books::booked;
use system_tests::clicks::follow;
use system_tests::process::turnout;
use system_tests::rest::{answers_in_full, assert_rests};
use system_tests::roles::Roles;
use system_tests::sales::Stream;
use system_tests::wait::wait_until;
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

const CLICK: &str = "https://shareasale.com/r.cfm?b=123&u=456&m=789&urllink=example.com&afftrack=jane";
const SALE: &str =
    "https://shareasale.com/sale.cfm?tracking=LOG-1&amount=10.00&merchantID=789&transtype=sale";

/// What `turnout requests` finds.
fn remembered(data: &str, words: &[&str]) -> Vec<Value> {
    let finished = turnout(&[&["requests", "--json", "--data", data], words].concat(), b"");
    let answer: Value = serde_json::from_str(&finished.out).unwrap_or_else(|_| panic!("{}", finished.err));
    answer["requests"].as_array().unwrap().clone()
}

/// Edge and processor write into one log, each its own part of a request's story.
#[test]
fn requests_are_remembered_on_the_server_and_told_while_nothing_runs() {
    let server = Own::start().unwrap();
    let schema = server.schema().unwrap();
    let data = Data::prepared();
    let folder = data.text();
    // A directory that was used before, and whose log is elsewhere now.
    std::fs::remove_dir_all(data.file("requests")).unwrap();
    let mut roles = Roles::start_on_server(data, schema.address());
    assert_eq!(follow(&mut roles.client(), CLICK, &[]).status, 302);
    assert!(follow(&mut roles.client(), SALE, &[]).is_pixel());
    let became = || remembered(&folder, &["--order", "LOG-1"]).first().map(|row| row["became"].clone());
    wait_until("the sale is taken in the log", MINUTE, became, |became| {
        became.as_ref().is_some_and(|became| became == "taken")
    });
    roles.edge.kill();
    roles.processor.kill();
    assert!(!roles.data.file("requests").exists(), "nothing of it is in the data directory");
    let sale = remembered(&folder, &["--order", "LOG-1"]).remove(0);
    assert_eq!((sale["advertiser_id"].as_u64(), sale["amount"].as_str()), (Some(789), Some("10.00 USD")));
    let clicks = remembered(&folder, &["--publisher", "456", "--class", "click"]);
    assert_eq!(clicks.len(), 1, "{clicks:?}");
    let click = clicks[0]["event_id"].as_str().unwrap();
    let told = turnout(&["explain", click, "--data", &folder], b"");
    assert!(told.code == Some(0) && told.out.contains("leads_to: www.awin1.com"), "{}", told.err);
    server.kill().unwrap();
    let told = turnout(&["requests", "--data", &folder], b"");
    assert!(told.code == Some(2) && told.err.contains("cannot be reached"), "{}", told.err);
}

/// With nothing running, commands find the ledger on its server by the note in the data directory: what only reads does,
/// what writes is the ledger's one writer for as long as it takes, and what needs a process says so.
#[test]
fn a_ledger_on_a_server_is_reconciled_and_shown_while_nothing_runs() {
    let server = Own::start().unwrap();
    let schema = server.schema().unwrap();
    let data = Data::prepared();
    let folder = data.text();
    let mut roles = Roles::start_on_server(data, schema.address());
    let merchant = roles.lab().not_moved()[0].legacy_id;
    for number in 1..=3 {
        let target = format!(
            "/q.cfm?tracking=L-{number}&amount=10.0{number}&merchantID={merchant}&transtype=sale&userID=456"
        );
        assert_eq!(roles.client().get("shareasale.com", &target, &[]).unwrap().status, 200);
    }
    roles.ledger().wait_until_settled(3, MINUTE);
    let export = "/x.cfm?affiliateId=456&token=t&version=2.3&action=activity";
    let export = roles.legacy().get("api.shareasale.com", export, &[]).unwrap();
    let file = roles.data.file("activity.txt");
    std::fs::write(&file, &export.body).unwrap();
    let days: Vec<String> = roles
        .ledger()
        .rows()
        .iter()
        .map(|row| row.all["received_at"].as_str().unwrap().split('T').next().unwrap().to_owned())
        .collect();
    let nobody = "/sale.cfm?tracking=L-4&amount=5.00&merchantID=999999&transtype=sale";
    assert_eq!(roles.client().get("shareasale.com", nobody, &[]).unwrap().status, 200);
    let rows = wait_until("it is held", MINUTE, || roles.ledger().rows(), |rows| rows.len() == 4);
    let held = rows.iter().find(|row| row.state == "held").unwrap().event_id.clone();
    let changed = rows.iter().map(|row| row.all["changed_at"].as_str().unwrap().to_owned());
    let until = changed.max().unwrap();
    let before = answers_in_full(&folder, &held, &until);
    roles.edge.kill();
    roles.processor.kill();
    assert_rests(&folder, &held, &until, &before);
    let (from, to) = (days.iter().min().unwrap(), days.iter().max().unwrap());
    let file = file.display().to_string();
    let mut words = vec!["reconcile", "--from", from, "--to", to, "--zone", "UTC", "--data", &folder];
    words.extend(["--settling", "0s", "--legacy", &file, "--json"]);
    let told = |words: &[&str]| -> Value {
        let finished = turnout(words, b"");
        serde_json::from_str(&finished.out).unwrap_or_else(|_| panic!("{finished:?}"))
    };
    assert_eq!(told(&words)["confirmable"], 3);
    words.extend(["--apply", "--reason", "at rest"]);
    assert_eq!(told(&words)["confirmed"]["now"], 3);
    let up = turnout(&["up", "--data", &folder, "--for", "1s"], b"");
    assert!(
        up.code == Some(2) && up.err.contains("is on a server"),
        "no second ledger beside it: {}",
        up.err
    );
    roles.crash_processor();
    assert_eq!(roles.ledger().states().get("confirmed"), Some(&3));
    roles.ledger().assert_balances();
}

//! Dead letters as work: produced by faults and by dirt, grouped, tried, corrected, sent again by two people at once, settled
//! and discarded, with the real binary; and everything adds up.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test")]

use std::time::Duration;

use serde_json::{Value, json};
use system_tests::clicks::{follow, parameter};
use system_tests::http::Client;
use system_tests::process::{Finished, turnout};
use system_tests::system::Merchant;
use system_tests::wait::wait_until;
use system_tests::{Data, Sale, System};

const WITHIN: Duration = Duration::from_secs(60);

/// Runs an operator's command on the system, and gives its JSON.
fn operator(system: &System, arguments: &[&str]) -> Value {
    let finished = command(system, arguments);
    assert_eq!(finished.code, Some(0), "{arguments:?}: {}{}", finished.out, finished.err);
    serde_json::from_str(&finished.out).unwrap_or_else(|error| panic!("{error}: {}", finished.out))
}

fn command(system: &System, arguments: &[&str]) -> Finished {
    let data = system.data.text();
    turnout(&[arguments, &["--data", &data, "--json"]].concat(), b"")
}

fn pixel(system: &System, target: &str) {
    let answer = system.edge().get("shareasale.com", target, &[]).unwrap();
    assert!(answer.is_pixel(), "{target}: {answer:?}");
}

/// The event of an order, once it stands in this state.
fn event(system: &System, merchant: u64, reference: &str, state: &str) -> String {
    let look = || system.ledger().of_order(merchant, reference);
    let rows = wait_until(&format!("{reference} is {state}"), WITHIN, look, |rows| {
        rows.len() == 1 && rows[0].state == state
    });
    rows[0].event_id.clone()
}

fn groups(system: &System) -> Vec<(String, u64)> {
    let answer = operator(system, &["dead"]);
    let groups = answer["groups"].as_array().unwrap().iter();
    groups
        .map(|group| (group["group"].as_str().unwrap().to_owned(), group["count"].as_u64().unwrap()))
        .collect()
}

fn sale(merchant: &Merchant, reference: &str, amount: &str) -> String {
    let mut sale = Sale::plain(merchant.legacy_id, reference, amount);
    sale.currency = Some(merchant.currency.clone());
    sale.target()
}

/// A sale with a click of ours: the interface that it is told to names each order in its answer.
fn clicked(system: &System, merchant: &Merchant, reference: &str, amount: &str) -> String {
    let link = format!("https://shareasale.com/r.cfm?b=1&u=456&m={}", merchant.legacy_id);
    let answer = follow(&mut system.edge(), &link, &[]);
    let landing = parameter(answer.location(), "ued").unwrap();
    let mut sale = Sale::plain(merchant.legacy_id, reference, amount);
    sale.currency = Some(merchant.currency.clone());
    sale.click_id = parameter(&landing, "sscid");
    assert!(sale.click_id.is_some(), "{landing}");
    sale.target()
}

/// One held for its amount, one held for its merchant, two refused by the platform, two unknown.
fn produce(system: &System, merchant: &Merchant) {
    let lab = system.lab();
    pixel(system, &sale(merchant, "DEAD-AMOUNT", "AMOUNTOFSALE"));
    pixel(system, "/sale.cfm?tracking=DEAD-NOBODY&amount=5.00&merchantID=999999&transtype=sale");
    lab.fault("primary", "reject_200");
    pixel(system, &clicked(system, merchant, "DEAD-REFUSED-1", "7.00"));
    pixel(system, &clicked(system, merchant, "DEAD-REFUSED-2", "8.00"));
    event(system, merchant.legacy_id, "DEAD-REFUSED-1", "rejected");
    event(system, merchant.legacy_id, "DEAD-REFUSED-2", "rejected");
    lab.fault("primary", "processed_then_no_answer");
    pixel(system, &sale(merchant, "DEAD-DOUBT-1", "9.00"));
    event(system, merchant.legacy_id, "DEAD-DOUBT-1", "unknown");
    lab.fault("primary", "blackhole");
    pixel(system, &sale(merchant, "DEAD-DOUBT-2", "10.00"));
    event(system, merchant.legacy_id, "DEAD-DOUBT-2", "unknown");
    lab.fault("primary", "none");
}

/// How often the platform has an order.
fn on_primary(system: &System, reference: &str) -> usize {
    let all = system.lab().transactions("primary");
    all.iter().filter(|one| one["order_reference"] == reference).count()
}

#[test]
fn dead_letters_are_worked_off_and_everything_adds_up() {
    let data = Data::prepared();
    data.set_deduplicates(|_| Some(false));
    data.set("attempt_deadline", "\"1s\"");
    let system = System::up(data);
    let merchant = system.lab().moved().remove(0);
    system.lab().settings(&json!({ "primary_rate_limit_per_minute": 0 }));
    produce(&system, &merchant);

    let all = groups(&system);
    assert_eq!(all.iter().map(|(_, count)| count).sum::<u64>(), 6, "{all:?}");
    assert!(all.iter().any(|(key, count)| key == "held/unknown_advertiser" && *count == 1), "{all:?}");
    let refused = all.iter().find(|(key, _)| key.starts_with("rejected/")).unwrap();
    assert_eq!(refused.1, 2, "{all:?}");
    let table = turnout(&["dead", "--data", &system.data.text()], b"");
    assert!(table.out.contains("6 wait for a person") && table.out.contains("-> "), "{}", table.out);

    correct(&system, &merchant);
    send_again_by_two_at_once(&system, &refused.0);
    settle(&system, &merchant);
    discard(&system);

    system.ledger().wait_until_settled(6, WITHIN);
    assert_eq!(groups(&system), [], "nothing waits for a person any more");
    for reference in ["DEAD-AMOUNT", "DEAD-REFUSED-1", "DEAD-REFUSED-2", "DEAD-DOUBT-1", "DEAD-DOUBT-2"] {
        let look = || on_primary(&system, reference);
        wait_until(&format!("{reference} is on the platform once"), WITHIN, look, |count| *count == 1);
    }
    assert_eq!(system.ledger().assert_balances(), 6);
    system.process.assert_calm();
}

/// The amount that the cart did not fill in is filled in by a person.
fn correct(system: &System, merchant: &Merchant) {
    let event = event(system, merchant.legacy_id, "DEAD-AMOUNT", "held");
    let tried = operator(system, &["dead", "try", &event]);
    assert_eq!(tried["events"][0]["outcome"], "held", "{tried}");
    let wrong =
        command(system, &["dead", "edit", &event, "--set", "amount=much", "--reason", "asked the shop"]);
    assert_eq!(wrong.code, Some(2), "{}{}", wrong.out, wrong.err);
    let edit =
        ["dead", "edit", &event, "--set", "amount=12.00", "--reason", "asked the shop", "--actor", "ada"];
    let edited = operator(system, &edit);
    assert_eq!(edited["state"], "queued", "{edited}");
    let shown = operator(system, &["dead", "show", &event]);
    assert_eq!(shown["edits"][0]["actor"], "ada", "{shown}");
    assert_eq!(shown["conversion"]["amount"], "12.00");
    assert!(shown["conversion"]["flags"].to_string().contains("edited"), "{shown}");
    let look = || on_primary(system, "DEAD-AMOUNT");
    wait_until("the corrected sale is on the platform", WITHIN, look, |count| *count == 1);
    let there = system.lab().transactions("primary");
    let there = there.iter().find(|one| one["order_reference"] == "DEAD-AMOUNT").unwrap();
    assert!(there.to_string().contains("12"), "{there}");
}

/// Two people send the same group again at the same moment, under the operation's id that both know.
fn send_again_by_two_at_once(system: &System, group: &str) {
    let tried = operator(system, &["dead", "try", "--group", group]);
    assert_eq!(tried["tally"], json!({ "sent": 2 }), "{tried}");
    let data = system.data.text();
    let press = |actor: &str| {
        let order =
            ["dead", "redrive", "--group", group, "--operation", "OPS-7", "--reason", "it answers again"];
        turnout(&[&order[..], &["--actor", actor, "--data", &data, "--json"]].concat(), b"")
    };
    let (one, other) = std::thread::scope(|scope| {
        let one = scope.spawn(|| press("ada"));
        let other = scope.spawn(|| press("bea"));
        (one.join().unwrap(), other.join().unwrap())
    });
    let answers = [one, other].map(|finished| {
        assert_eq!(finished.code, Some(0), "{}{}", finished.out, finished.err);
        serde_json::from_str::<Value>(&finished.out).unwrap()
    });
    assert_eq!(answers[0]["order"]["actor"], answers[1]["order"]["actor"], "{answers:#?}");
    let order = operator(system, &["dead", "orders", "OPS-7"]);
    assert_eq!((&order["order"]["items"], &order["order"]["moved"]), (&json!(2), &json!(2)), "{order}");
}

/// What the report shows has arrived; what it does not show has not, and is sent again.
fn settle(system: &System, merchant: &Merchant) {
    let arrived = event(system, merchant.legacy_id, "DEAD-DOUBT-1", "unknown");
    let not = event(system, merchant.legacy_id, "DEAD-DOUBT-2", "unknown");
    assert_eq!((on_primary(system, "DEAD-DOUBT-1"), on_primary(system, "DEAD-DOUBT-2")), (1, 0));
    let edit = command(system, &["dead", "edit", &not, "--set", "amount=1.00", "--reason", "x"]);
    assert!(edit.code != Some(0) && edit.err.contains("may have arrived"), "{}{}", edit.out, edit.err);
    let careless = operator(system, &["dead", "redrive", &not]);
    assert_eq!(
        careless["events"][0]["outcome"], "nothing_to_do",
        "an unknown is not just sent again: {careless}"
    );
    operator(system, &["dead", "settle", &arrived, "--arrived", "--evidence", "line 4 of the report"]);
    operator(system, &["dead", "settle", &not, "--not-arrived", "--evidence", "not in the report"]);
    let talked = command(system, &["dead", "settle", &arrived, "--not-arrived", "--evidence", "no"]);
    assert_eq!(talked.code, Some(1), "it is settled: {}", talked.out);
    operator(system, &["dead", "redrive", &not, "--reason", "it has not arrived"]);
}

fn discard(system: &System) {
    let careless = command(system, &["dead", "discard", "--group", "held/unknown_advertiser"]);
    assert_ne!(careless.code, Some(0), "money is given up with a reason");
    let order = ["dead", "discard", "--group", "held/unknown_advertiser", "--reason", "no programme of ours"];
    let answer = operator(system, &order);
    assert_eq!(answer["order"]["moved"], 1, "{answer}");
    let event = answer["events"][0]["event_id"].as_str().unwrap().to_owned();
    let shown = operator(system, &["explain", &event]);
    assert_eq!(
        (&shown["conversion"]["state"], &shown["conversion"]["reason"]),
        (&json!("dropped"), &json!("discarded"))
    );
    assert!(shown["journal"].to_string().contains("held -> dropped: no programme of ours"), "{shown}");
}

#[test]
fn an_order_above_the_limit_waits_for_another_person_and_outlives_the_process() {
    let data = Data::prepared();
    data.set("second_person_items", "1");
    let mut system = System::up(data);
    for reference in ["TWO-1", "TWO-2"] {
        pixel(
            &system,
            &format!("/sale.cfm?tracking={reference}&amount=5.00&merchantID=999999&transtype=sale"),
        );
        event(&system, 999_999, reference, "held");
    }
    let order =
        ["dead", "discard", "--state", "held", "--reason", "tests", "--actor", "ada", "--operation", "BIG"];
    assert_eq!(operator(&system, &order)["order"]["state"], "waiting");
    let own = command(&system, &["dead", "approve", "BIG", "--actor", "ada"]);
    assert!(own.code != Some(0) && own.err.contains("another person"), "{}{}", own.out, own.err);
    let data = system.crash();
    system = System::up(data);
    assert_eq!(system.ledger().states().get("held"), Some(&2), "nothing has moved");
    assert_eq!(
        operator(&system, &["dead", "approve", "BIG", "--actor", "bea"])["order"]["approved_by"],
        "bea"
    );
    event(&system, 999_999, "TWO-1", "dropped");
    event(&system, 999_999, "TWO-2", "dropped");
    system.ledger().assert_balances();
}

#[test]
fn a_list_for_a_spreadsheet_has_no_formula_and_nothing_personal() {
    let system = System::up(Data::prepared());
    let target = "/sale.cfm?tracking=%3DHYPERLINK(1)&amount=5.00&merchantID=999999&transtype=sale&mail=mallory%40example.com";
    let mut client = Client::new(system.process.address("edge"));
    let answer = client.get("shareasale.com", target, &[("user-agent", "Mallory's browser")]).unwrap();
    assert!(answer.is_pixel(), "{answer:?}");
    let held = event(&system, 999_999, "=HYPERLINK(1)", "held");
    let list = turnout(&["dead", "list", "--csv", "--data", &system.data.text()], b"");
    assert!(list.out.contains(",'=HYPERLINK(1),"), "{}", list.out);
    let shown = operator(&system, &["dead", "show", &held]);
    let text = shown.to_string();
    assert!(!text.contains("mallory") && !text.contains("Mallory"), "I9: {text}");
    let reveal = ["dead", "show", &held, "--reveal", "--reason", "the shop asks", "--actor", "ada"];
    assert!(operator(&system, &reveal)["original"].to_string().contains("Mallory's browser"));
    let address = system.process.address("processor").to_owned();
    let unknown =
        Client::new(&address).get(&address, "/v1/operator/dead", &[("connection", "close")]).unwrap();
    assert_eq!(unknown.status, 401, "nobody reads it without the token");
}

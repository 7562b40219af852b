//! What operators do with owners and destinations, two of them at once, and a scraper that hangs.

#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stderr, reason = "a test")]

use std::io::Write as _;
use std::net::TcpStream;
use std::sync::Barrier;
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};
use system_tests::clicks::{follow, parameter};
use system_tests::process::{Finished, turnout};
use system_tests::roles::Role;
use system_tests::sales::report_all;
use system_tests::system::Merchant;
use system_tests::wait::wait_until;
use system_tests::world::World;
use system_tests::{Client, Data, Sale, System};

const WITHIN: Duration = Duration::from_secs(60);

fn command(system: &System, arguments: &[&str]) -> Finished {
    let data = system.data.text();
    turnout(&[arguments, &["--data", &data, "--json"]].concat(), b"")
}

/// Sells something to a shopper of ours: the interface that it is told to names each order in its answer.
fn sell(system: &System, merchant: &Merchant, reference: &str) {
    let link = format!("https://shareasale.com/r.cfm?b=1&u=456&m={}", merchant.legacy_id);
    let answer = follow(&mut system.edge(), &link, &[]);
    // Where the new platform is down the shopper lands at the shop itself.
    let landing = parameter(answer.location(), "ued").unwrap_or_else(|| answer.location().to_owned());
    let mut sale = Sale::plain(merchant.legacy_id, reference, "10.00");
    sale.currency = Some(merchant.currency.clone());
    sale.click_id = parameter(&landing, "sscid");
    let answer = system.edge().get("shareasale.com", &sale.target(), &[]).unwrap();
    assert!(answer.is_pixel(), "{answer:?}");
}

/// The event of an order, once it stands in this state.
fn event(system: &System, merchant: &Merchant, reference: &str, state: &str) -> String {
    let look = || system.ledger().of_order(merchant.legacy_id, reference);
    let rows = wait_until(&format!("{reference} is {state}"), WITHIN, look, |rows| {
        rows.len() == 1 && rows[0].state == state
    });
    rows[0].event_id.clone()
}

fn times_on(system: &System, platform: &str, reference: &str) -> usize {
    let all = system.lab().transactions(platform);
    all.iter().filter(|one| one.to_string().contains(&format!("\"{reference}\""))).count()
}

#[test]
fn an_owner_is_changed_only_where_nothing_can_have_arrived() {
    let data = Data::prepared();
    data.set_deduplicates(|_| Some(false));
    data.set("attempt_deadline", "\"1s\"");
    data.set("backoff_first", "\"20s\"");
    data.set("backoff_max", "\"20s\"");
    let system = System::up(data);
    let lab = system.lab();
    let merchant = lab.moved().remove(0);
    lab.fault("primary", "processed_then_no_answer");
    sell(&system, &merchant, "OWNER-DOUBT");
    let doubtful = event(&system, &merchant, "OWNER-DOUBT", "unknown");
    lab.fault("primary", "refused");
    sell(&system, &merchant, "OWNER-WAITS");
    let waiting = event(&system, &merchant, "OWNER-WAITS", "queued");

    let to_legacy = |event: &str, reason: &str| {
        command(&system, &["owner", event, "--to", "legacy", "--reason", reason, "--actor", "ada"])
    };
    let nameless = to_legacy(&waiting, " ");
    assert!(nameless.code == Some(2) && nameless.err.contains("--reason is empty"), "{nameless:?}");
    let refused = to_legacy(&doubtful, "the primary is closed");
    assert_eq!(refused.code, Some(1), "{refused:?}");
    let told: Value = serde_json::from_str(&refused.out).unwrap();
    assert!(told["events"][0]["why"].is_string(), "I4: it may have arrived: {told}");
    let given = to_legacy(&waiting, "the primary is closed");
    assert_eq!(given.code, Some(0), "{given:?}");
    let again = to_legacy(&waiting, "the primary is closed");
    assert!(again.code == Some(0) && again.out.contains("nothing_to_do"), "{again:?}");

    wait_until("legacy has it", WITHIN, || times_on(&system, "legacy", "OWNER-WAITS"), |count| *count == 1);
    lab.fault("primary", "none");
    event(&system, &merchant, "OWNER-DOUBT", "unknown");
    assert_eq!(times_on(&system, "legacy", "OWNER-DOUBT"), 0);
    assert_eq!(times_on(&system, "primary", "OWNER-WAITS"), 0, "one owner");
    let shown = command(&system, &["explain", &waiting]);
    assert!(shown.out.contains("ada") && shown.out.contains("the primary is closed"), "{}", shown.out);
    system.ledger().assert_balances();
    system.process.assert_calm();
}

/// The rows of `turnout destinations list`.
fn destinations(system: &System) -> Vec<Value> {
    let listed = command(system, &["destinations", "list"]);
    assert_eq!(listed.code, Some(0), "{listed:?}");
    let listed: Value = serde_json::from_str(&listed.out).unwrap();
    listed["destinations"].as_array().unwrap().clone()
}

#[test]
fn a_destination_that_rejects_everything_is_paused_and_goes_on_when_an_operator_says_so() {
    let system = System::up(Data::prepared());
    let lab = system.lab();
    lab.settings(&json!({ "primary_rate_limit_per_minute": 0 }));
    let merchants = lab.moved();
    lab.fault("primary", "reject_200");
    let mut sold = 0_usize;
    let paused = wait_until(
        "the destination is paused",
        WITHIN,
        || {
            if sold < 60 {
                sell(&system, &merchants[sold % merchants.len()], &format!("PAUSED-{sold}"));
                sold += 1;
            }
            destinations(&system).into_iter().find(|row| row["paused"].is_object())
        },
        Option::is_some,
    )
    .unwrap();
    assert_eq!(paused["paused"]["why"], "rejects_everything", "{paused}");
    let name = paused["destination"].as_str().unwrap().to_owned();
    let table = turnout(&["destinations", "list", "--data", &system.data.text()], b"");
    assert!(table.out.contains(&name) && table.out.contains("rejects_everything"), "{}", table.out);
    sell(&system, &merchants[0], "PAUSED-WAITS");
    let waits = event(&system, &merchants[0], "PAUSED-WAITS", "queued");

    lab.fault("primary", "none");
    let unknown = command(&system, &["destinations", "resume", "primary/nowhere", "--reason", "mended"]);
    assert_ne!(unknown.code, Some(0), "{unknown:?}");
    let nameless = command(&system, &["destinations", "resume", &name, "--reason", ""]);
    assert_ne!(nameless.code, Some(0), "the journal keeps what was mended: {nameless:?}");
    let resume = ["destinations", "resume", &name, "--reason", "the account is open again", "--actor", "ada"];
    let resumed = command(&system, &resume);
    assert!(resumed.code == Some(0) && resumed.out.contains("rejects_everything"), "{resumed:?}");
    let look = || system.ledger().of_order(merchants[0].legacy_id, "PAUSED-WAITS");
    wait_until("it is delivered", WITHIN, look, |rows| {
        rows[0].state == "confirmed" || rows[0].state == "taken"
    });
    assert_eq!(times_on(&system, "primary", "PAUSED-WAITS"), 1, "{waits}");
    assert!(destinations(&system).iter().all(|row| row["paused"].is_null()));
    let again = command(&system, &resume);
    let told: Value = serde_json::from_str(&again.out).unwrap();
    assert!(again.code == Some(0) && told["was_paused_because"].is_null(), "{again:?}");
    system.ledger().assert_balances();
    system.process.assert_calm();
}

#[test]
fn eight_people_redrive_one_dead_letter_at_once_and_it_goes_once() {
    const PEOPLE: usize = 8;
    let system = System::up(Data::prepared());
    let lab = system.lab();
    let merchant = lab.moved().remove(0);
    lab.fault("primary", "reject_200");
    sell(&system, &merchant, "PEOPLE-1");
    let rejected = event(&system, &merchant, "PEOPLE-1", "rejected");
    lab.fault("primary", "none");
    let before = lab.requests("primary").len();
    let together = Barrier::new(PEOPLE);
    let path = format!("/v1/operator/dead/{rejected}/redrive");
    let token = format!("Bearer {}", system.data.token("up"));
    let press = |person: usize| {
        let address = system.process.address("processor");
        let order = json!({ "actor": format!("person-{person}"), "reason": "it answers again" }).to_string();
        let headers = [("content-type", "application/json"), ("authorization", token.as_str())];
        let mut client = Client::new(address);
        together.wait();
        let answer = client.request(&format!("POST {path}"), address, &headers, order.as_bytes()).unwrap();
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer.json()["events"][0]["outcome"].as_str().unwrap().to_owned()
    };
    let press = &press;
    let outcomes: Vec<String> = thread::scope(|scope| {
        let people: Vec<_> = (0..PEOPLE).map(|person| scope.spawn(move || press(person))).collect();
        people.into_iter().map(|person| person.join().unwrap()).collect()
    });
    let done = outcomes.iter().filter(|outcome| *outcome == "done").count();
    assert_eq!(done, 1, "{outcomes:?}");
    assert!(
        outcomes.iter().all(|outcome| matches!(outcome.as_str(), "done" | "nothing_to_do")),
        "{outcomes:?}"
    );
    system.ledger().wait_until_settled(1, WITHIN);
    assert_eq!(times_on(&system, "primary", "PEOPLE-1"), 1);
    let sent = lab.requests("primary").len() - before;
    assert_eq!(sent, 1, "one call, whoever pressed");
    system.ledger().assert_balances();
}

/// Asks for metrics again and again and never reads an answer, until its own buffers are full.
fn hung_scraper(address: &str, path: &str, token: &str) -> TcpStream {
    let mut socket = TcpStream::connect(address).unwrap();
    socket.set_write_timeout(Some(Duration::from_millis(200))).unwrap();
    let question = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {token}\r\n\r\n");
    while socket.write_all(question.as_bytes()).is_ok() {}
    socket
}

#[test]
fn scrapers_that_hang_have_no_effect_on_traffic_and_others_still_see() {
    const HUNG: usize = 8;
    let mut world = World::start("");
    let token = world.roles.data.token("edge");
    let (edge, processor) = (
        world.roles.edge.address("edge_operator").to_owned(),
        world.roles.processor.address("processor").to_owned(),
    );
    let hung: Vec<TcpStream> = thread::scope(|scope| {
        let (edge, processor, token) = (&edge, &processor, &token);
        let start = |number: usize| {
            scope.spawn(move || {
                hung_scraper(if number.is_multiple_of(2) { edge } else { processor }, "/metrics", token)
            })
        };
        let all: Vec<_> = (0..2 * HUNG).map(start).collect();
        all.into_iter().map(|one| one.join().unwrap()).collect()
    });
    let sales: Vec<Sale> = (0..200).map(|_| world.sale()).collect();
    let seen = report_all(world.roles.edge_address(), &sales, 8);
    assert!(seen.not.is_empty() && seen.slowest() < Duration::from_secs(2), "{:?}", seen.slowest());
    world.seen.orders.extend(seen.orders);
    world.a_click_goes_on();
    for role in [Role::Edge, Role::Processor] {
        assert!(world.roles.status(role).is_object(), "another operator is answered");
    }
    let look = || world.roles.status(Role::Processor)["accepted"].as_u64();
    wait_until("the processor books", WITHIN, look, |accepted| *accepted == Some(200));
    drop(hung);
    world.everything_adds_up();
}

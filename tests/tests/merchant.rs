//! A merchant's own client, in another language and unmodified, before the real binary.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test")]

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};
use system_tests::data::Data;
use system_tests::roles::Roles;
use system_tests::system::{Lab, Merchant, number};
use system_tests::wait::wait_for;

/// How long a delivery may take on a busy machine.
const SOON: Duration = Duration::from_secs(60);

/// A merchant with the secret that it signs with.
struct Caller {
    merchant: Merchant,
    token: String,
    secret: String,
    edge: String,
}

impl Caller {
    fn of(lab: &Lab, merchant: Merchant, edge: &str) -> Self {
        let world = lab.world();
        let rows = world["advertisers"].as_array().unwrap();
        let row = rows.iter().find(|row| number(row, "legacy_id") == merchant.legacy_id).unwrap();
        let text = |name: &str| row[name].as_str().unwrap().to_owned();
        Self { token: text("legacy_token"), secret: text("legacy_secret"), merchant, edge: edge.to_owned() }
    }

    /// Runs the client with these calls; its answers.
    fn calls(&self, calls: &[Value]) -> Vec<Value> {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("clients/merchant.py");
        let mut command = Command::new("python3");
        command.arg("-I").arg(&script).env("CONNECT_TO", &self.edge);
        let started = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
        let mut child = started.unwrap_or_else(|error| panic!("this test needs python3: {error}"));
        let mut input = child.stdin.take().unwrap();
        for call in calls {
            let mut call = call.clone();
            call["merchant"] = json!(self.merchant.legacy_id);
            call["token"] = json!(self.token);
            if call["secret"].is_null() {
                call["secret"] = json!(self.secret);
            }
            writeln!(input, "{call}").unwrap();
        }
        drop(input);
        let output = child.wait_with_output().unwrap();
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "the client failed: {errors}");
        let lines = String::from_utf8(output.stdout).unwrap();
        lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    fn call(&self, call: &Value) -> Value {
        self.calls(std::slice::from_ref(call)).pop().unwrap()
    }

    fn result(&self, call: &Value) -> String {
        self.call(call)["result"].as_str().unwrap().to_owned()
    }

    /// Our transactions of an order at the new platform.
    fn booked(&self, lab: &Lab, order: &str) -> Vec<Value> {
        let mut rows = lab.transactions("primary");
        rows.retain(|row| {
            row["order_reference"] == order && number(row, "advertiser") == self.merchant.primary_id
        });
        rows
    }

    fn wait(&self, lab: &Lab, order: &str, what: &str, fits: impl Fn(&Value) -> bool) -> Value {
        wait_for(&format!("{order} is {what} at the new platform"), SOON, || {
            let rows = self.booked(lab, order);
            (rows.len() == 1 && fits(&rows[0])).then(|| rows[0].clone())
        })
    }
}

/// The day of today, as the interface documents it.
fn today() -> String {
    let output = Command::new("date").args(["-u", "+%m/%d/%Y"]).output().unwrap();
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

fn sells_in_dollars(merchants: Vec<Merchant>) -> Merchant {
    merchants.into_iter().find(|merchant| merchant.currency == "USD").unwrap()
}

fn data() -> Data {
    let data = Data::prepared();
    data.edit("migration.toml", |text| text.replace("settle_ms = 180000", "settle_ms = 50"));
    data
}

fn new(order: &str, publisher: u64) -> Value {
    json!({ "action": "new", "parameters": {
        "transtype": "sale", "amount": "10.00", "tracking": order, "userId": publisher } })
}

fn change(action: &str, order: &str, more: Value) -> Value {
    let mut parameters = json!({ "date": today(), "ordernumber": order });
    for (name, value) in more.as_object().unwrap() {
        parameters[name] = value.clone();
    }
    json!({ "action": action, "parameters": parameters })
}

fn with(mut call: Value, more: Value) -> Value {
    for (name, value) in more.as_object().unwrap() {
        call[name] = value.clone();
    }
    call
}

#[test]
fn a_client_in_another_language_books_edits_and_voids() {
    let roles = Roles::start(data());
    let lab = roles.lab();
    let caller = Caller::of(&lab, sells_in_dollars(lab.moved()), roles.edge_address());
    let (publisher, primary_publisher) = lab.publishers()[0];

    // Every shape of date, both letter cases, text and XML.
    let shapes = ["gmt", "offset", "unpadded", "iso", "rfc3339"];
    let calls: Vec<Value> = shapes
        .iter()
        .enumerate()
        .map(|(at, shape)| {
            with(
                new(&format!("N-{at}"), publisher),
                json!({ "shape": shape, "upper": at % 2 == 0, "xml": at > 2 }),
            )
        })
        .collect();
    for answer in caller.calls(&calls) {
        assert_eq!((&answer["status"], &answer["result"]), (&json!(200), &json!("Success")), "{answer}");
    }
    for at in 0..shapes.len() {
        let row = caller.wait(&lab, &format!("N-{at}"), "booked", |_| true);
        assert_eq!(
            (number(&row, "publisher"), &row["amount_minor"]),
            (primary_publisher, &json!(1000)),
            "{row}"
        );
    }

    // An edit and a void, in the end at the new platform.
    assert_eq!(caller.result(&change("edit", "N-0", json!({ "newamount": "7.25" }))), "Success");
    caller.wait(&lab, "N-0", "amended", |row| row["amount_minor"] == 725);
    assert_eq!(caller.result(&change("void", "N-1", json!({ "reason": "came back" }))), "Success");
    let declined = caller.wait(&lab, "N-1", "declined", |row| row["status"] == "declined");
    assert_eq!(declined["details"]["declineReason"], "came back", "{declined}");

    // A new transaction that copies the publisher of an earlier one, taken back with it.
    let follower =
        change("reference", "N-2", json!({ "transtype": "sale", "amount": "3.00", "tracking": "R-1" }));
    assert_eq!(caller.result(&follower), "Success");
    let row = caller.wait(&lab, "R-1", "booked", |_| true);
    assert_eq!(number(&row, "publisher"), primary_publisher, "{row}");
    assert_eq!(caller.result(&change("void", "N-2", json!({ "voidChildren": "1" }))), "Success");
    caller.wait(&lab, "N-2", "declined", |row| row["status"] == "declined");
    caller.wait(&lab, "R-1", "declined", |row| row["status"] == "declined");
    roles.ledger().assert_balances();
}

#[test]
fn a_client_is_told_what_it_did_wrong() {
    let roles = Roles::start(data());
    let lab = roles.lab();
    let caller = Caller::of(&lab, sells_in_dollars(lab.moved()), roles.edge_address());
    let publisher = lab.publishers()[0].0;
    let forged = with(new("F-1", publisher), json!({ "secret": "guessed" }));
    assert_eq!(caller.result(&forged), "error 4075: Invalid Request");
    assert_eq!(caller.result(&change("void", "never", json!({}))), "not found");
    assert_eq!(
        caller.result(&json!({ "action": "new", "parameters": { "tracking": "F-2" } })),
        "error 4010: Invalid Parameters"
    );
    assert_eq!(roles.ledger().rows().len(), 0, "nothing was booked");

    // The same order number twice, as a sale and as a lead: nobody can say which is meant.
    let sale = new("twice", publisher);
    let mut lead = sale.clone();
    lead["parameters"]["transtype"] = json!("lead");
    for answer in caller.calls(&[sale, lead]) {
        assert_eq!(answer["result"], "Success", "{answer}");
    }
    assert_eq!(caller.result(&change("void", "twice", json!({}))), "ambiguous");

    // Reports are the legacy platform's to answer, and so is a merchant that has not moved.
    let report =
        caller.call(&json!({ "action": "transactionDetail", "parameters": { "dateStart": today() } }));
    assert!(report["body"].as_str().unwrap().starts_with("transid|"), "{report}");
    let stays = Caller::of(&lab, lab.not_moved().remove(0), roles.edge_address());
    assert_eq!(stays.result(&new("old", publisher)), "Success");
    let old = lab.transactions("legacy");
    assert!(old.iter().any(|row| row["order_reference"] == "old"), "it was passed on: {old:?}");
    roles.ledger().assert_balances();
}

#[test]
fn a_client_that_calls_again_after_a_crash_changes_nothing_twice() {
    let mut roles = Roles::start(data());
    let lab = roles.lab();
    let caller = Caller::of(&lab, sells_in_dollars(lab.moved()), roles.edge_address());
    let publisher = lab.publishers()[0].0;
    let (order, void) = (new("C-1", publisher), change("void", "C-1", json!({})));
    let edit = change("edit", "C-1", json!({ "newamount": "4.00" }));
    for call in [&order, &edit, &void] {
        assert_eq!(caller.result(call), "Success");
        // An order that is under way at a kill may have arrived, and would wait for a person.
        roles.ledger().wait_until_settled(1, SOON);
        roles.crash_processor();
        assert_eq!(caller.result(call), "Success", "the client did not hear the first answer");
    }
    roles.processor.kill();
    let answer = caller.call(&void);
    assert_eq!(
        (&answer["status"], &answer["result"]),
        (&json!(503), &json!("again")),
        "never a false yes: {answer}"
    );
    assert!(answer["retry_after"].is_string(), "{answer}");
    roles.crash_processor();
    assert_eq!(caller.result(&void), "Success");

    let ledger = roles.ledger();
    let states = ledger.wait_until_settled(2, SOON);
    assert_eq!(states.values().sum::<u64>(), 2, "one order, and its second arrival: {states:?}");
    let row = ledger
        .of_order(caller.merchant.legacy_id, "C-1")
        .into_iter()
        .find(|row| row.state != "merged")
        .unwrap();
    let walk = ledger.ask(&format!("conversions/{}", row.event_id));
    assert_eq!(walk["changes"].as_array().unwrap().len(), 2, "an edit and a void: {walk:#}");
    let told = caller.wait(&lab, "C-1", "declined", |row| row["status"] == "declined");
    assert_eq!(told["amount_minor"], 400, "the edit was told before the void: {told}");
    ledger.assert_balances();
}

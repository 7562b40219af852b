//! The life of transactions after their booking, and the proof that nobody changed them: before the real binary.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test")]

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use serde_json::Value;
use system_tests::clicks::{follow, parameter};
use system_tests::process::{Finished, turnout};
use system_tests::wait::wait_for;
use system_tests::{Data, Sale, System};

const SOON: Duration = Duration::from_secs(60);

/// Runs a command on the directory of the system.
fn run(data: &str, arguments: &[&str]) -> Finished {
    let mut all: Vec<&str> = arguments.to_vec();
    all.extend(["--data", data]);
    turnout(&all, b"")
}

fn json(data: &str, arguments: &[&str]) -> Value {
    let mut all: Vec<&str> = arguments.to_vec();
    all.push("--json");
    let finished = run(data, &all);
    serde_json::from_str(&finished.out).unwrap_or_else(|_| panic!("{arguments:?}: {finished:?}"))
}

/// Three sales of 50.00 at 8 %, by publisher 456; their ids.
fn sales(system: &System) -> Vec<String> {
    for order in ["L-1", "L-2", "L-3"] {
        let click = follow(&mut system.edge(), "https://shareasale.com/r.cfm?b=123&u=456&m=789", &[]);
        let landing = parameter(click.location(), "ued").unwrap_or_else(|| click.location().to_owned());
        let sale = Sale { click_id: parameter(&landing, "sscid"), ..Sale::plain(789, order, "50.00") };
        assert!(system.edge().get("shareasale.com", &sale.target(), &[]).unwrap().is_pixel());
    }
    let ledger = system.ledger();
    ledger.wait_until_settled(3, SOON);
    let id = |order: &&str| ledger.of_order(789, order).pop().unwrap().event_id;
    ["L-1", "L-2", "L-3"].iter().map(id).collect()
}

fn status(data: &str, id: &str) -> String {
    json(data, &["transactions", "show", id])["conversion"]["status"].as_str().unwrap().to_owned()
}

/// Earned, paid and owed of the one publisher.
fn publisher(data: &str, recorded_until: Option<&str>) -> [String; 3] {
    let mut arguments = vec!["report", "--by", "publisher"];
    arguments.extend(recorded_until.iter().flat_map(|time| ["--recorded-until", time]));
    let report = json(data, &arguments);
    let line = &report["lines"][0];
    assert_eq!(line["publisher"], 456, "{report:#}");
    ["earned", "paid", "owed"].map(|name| line[name].as_str().unwrap().to_owned())
}

/// The verifier that uses nothing of ours.
fn third_party(file: &Path, key: &str, roots: &[String]) -> (bool, String) {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/verify_proof.py");
    let output = Command::new("python3").arg("-I").arg(script).arg(file).arg(key).args(roots).output();
    let output = output.unwrap_or_else(|error| panic!("this test needs python3: {error}"));
    let text = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8_lossy(&text).into_owned())
}

#[test]
fn sales_are_judged_locked_paid_and_clawed_back() {
    let system = System::up(Data::prepared());
    let data = system.data.text();
    let ids = sales(&system);
    assert_eq!(publisher(&data, None), ["12.00", "0.00", "12.00"]);
    assert_eq!(run(&data, &["transactions", "approve", &ids[0]]).code, Some(0));
    let declined = run(&data, &["transactions", "decline", &ids[1]]);
    assert!(declined.err.contains("reason") || declined.out.contains("reason"), "it says why: {declined:?}");
    assert_eq!(run(&data, &["transactions", "decline", &ids[1], "--reason", "returned"]).code, Some(0));
    let before = run(&data, &["transactions", "approve", &ids[1], "--happened-at", "2020-01-01T00:00:00Z"]);
    assert_eq!(before.code, Some(1), "{before:?}");
    assert!(before.out.contains("that is the earliest time that can be named"), "{before:?}");
    let early = run(&data, &["transactions", "claw-back", &ids[0], "--reason", "fraud"]);
    assert_eq!(early.code, Some(1), "{early:?}");
    assert!(early.out.contains("declined instead"), "{early:?}");
    assert_eq!([&ids[0], &ids[1], &ids[2]].map(|id| status(&data, id)), ["approved", "declined", "pending"]);
    assert_eq!(publisher(&data, None), ["8.00", "0.00", "8.00"]);
    system.ledger().assert_balances();

    // What is told now is told for ever; the moment is the one that the report itself names.
    let before = json(&data, &["report", "--by", "status"]);
    let then = before["recorded_until"].as_str().unwrap().to_owned();
    let csv = ["report", "--by", "status", "--recorded-until", &then, "--csv"];
    let told = run(&data, &csv).out;
    assert!(told.contains("declined,USD,1,0.00,0.00,0.00"), "{told}");

    // A policy by which everything is locked at once, and a processor that was killed.
    system.data.set("lock_day", "1");
    system.data.set("lock_months", "0");
    let system = System::up(system.crash());
    for (id, stands) in ids.iter().zip(["locked", "declined", "locked"]) {
        wait_for(&format!("{id} is {stands}"), SOON, || (status(&data, id) == stands).then_some(()));
    }
    let pay = ["pay", "--until", "2100-01-01", "--reference", "first run"];
    let paid = json(&data, &pay);
    assert_eq!(paid["payments"][0]["paid"]["amount"], "8.00", "{paid:#}");
    assert_eq!(paid["payments"][0]["transactions"], 2, "{paid:#}");
    assert_eq!(
        json(&data, &[&pay[..], &["--publisher", "456"]].concat()),
        paid,
        "recorded again, it is the same"
    );
    assert_eq!(json(&data, &pay), paid, "and of everybody, too");
    assert_eq!(run(&data, &pay).code, Some(0), "it was recorded before");
    let another =
        run(&data, &["pay", "--until", "2099-01-01", "--reference", "first run", "--publisher", "456"]);
    assert_eq!(another.code, Some(2), "{another:?}");
    assert_eq!(publisher(&data, None), ["8.00", "8.00", "0.00"]);

    let locked = run(&data, &["transactions", "decline", &ids[0], "--reason", "late"]);
    assert!(locked.code == Some(1) && locked.out.contains("clawback"), "{locked:?}");
    assert_eq!(run(&data, &["transactions", "claw-back", &ids[0], "--reason", "card fraud"]).code, Some(0));
    assert_eq!(publisher(&data, None), ["4.00", "8.00", "-4.00"]);
    let carried = json(&data, &["pay", "--until", "2100-01-01", "--reference", "second run"]);
    assert_eq!(carried["carried_forward"][0]["owed"]["amount"], "-4.00", "{carried:#}");
    assert_eq!([&ids[0], &ids[1], &ids[2]].map(|id| status(&data, id)), ["clawed_back", "declined", "paid"]);

    assert_eq!(run(&data, &csv).out, told, "the books of then are what they were");
    assert_eq!(publisher(&data, Some(&then)), ["8.00", "0.00", "8.00"]);
    let audit = system.ledger().ask("audit");
    assert_eq!(audit["statuses"]["paid"], 1, "{audit:#}");
    system.ledger().assert_balances();
}

#[test]
fn a_payment_run_goes_on_behind_a_refusal_and_can_be_recorded_again_as_a_whole() {
    let data = Data::prepared();
    data.set("lock_day", "1");
    data.set("lock_months", "0");
    let system = System::up(data);
    let data = system.data.text();
    let publishers = system.lab().publishers();
    let other = publishers.iter().map(|(legacy, _)| *legacy).find(|id| *id != 456).unwrap();
    for (order, publisher) in [("P-1", 456), ("P-2", other)] {
        let link = format!("https://shareasale.com/r.cfm?b=123&u={publisher}&m=789");
        let click = follow(&mut system.edge(), &link, &[]);
        let landing = parameter(click.location(), "ued").unwrap();
        let sale = Sale { click_id: parameter(&landing, "sscid"), ..Sale::plain(789, order, "50.00") };
        assert!(system.edge().get("shareasale.com", &sale.target(), &[]).unwrap().is_pixel());
    }
    system.ledger().wait_until_settled(2, SOON);
    let due = |until: &str| json(&data, &["pay", "--until", until, "--reference", "run", "--dry-run"]);
    wait_for("both are locked", SOON, || {
        (due("2100-01-01")["payables"].as_array().unwrap().len() == 2).then_some(())
    });
    assert_eq!(due("2020-01-01")["payables"], Value::Array(Vec::new()), "nothing had locked by then");
    let first = run(&data, &["pay", "--until", "2100-01-01", "--reference", "run", "--publisher", "456"]);
    assert_eq!(first.code, Some(0), "{first:?}");
    // By another date it is refused for the one whom it has paid, and for nobody else.
    let words = ["pay", "--until", "2099-01-01", "--reference", "run"];
    let second = json(&data, &words);
    assert_eq!(second["refused"][0]["publisher_id"], 456, "{second:#}");
    assert_eq!(second["payments"][0]["publisher_id"], other, "{second:#}");
    let again = run(&data, &words);
    assert_eq!(again.code, Some(2), "{again:?}");
    assert!(again.out.contains("not recorded: publisher 456: payment run `run` has paid"), "{again:?}");
    assert!(again.out.contains("4.00"), "what was recorded is told: {again:?}");
    let whole = run(
        &data,
        &["pay", "--until", "2099-01-01", "--reference", "run", "--publisher", &other.to_string()],
    );
    assert_eq!(whole.code, Some(0), "{whole:?}");
    assert_eq!(due("2100-01-01")["payables"], Value::Array(Vec::new()));
    system.ledger().assert_balances();
}

#[test]
fn a_third_party_checks_the_books_by_an_export_alone() {
    let system = System::up(Data::prepared());
    let data = system.data.text();
    let ids = sales(&system);
    let kept = json(&data, &["proof", "roots", "--sign"]);
    let root = kept["roots"].as_array().unwrap().last().unwrap().clone();
    let root = format!("{}:{}", root["sequence"], root["hash"].as_str().unwrap());
    assert_eq!(run(&data, &["transactions", "decline", &ids[0], "--reason", "returned"]).code, Some(0));
    let key = json(&data, &["proof", "key"])["public_key"].as_str().unwrap().to_owned();
    let file = system.data.file("books.jsonl");
    let exported = run(&data, &["proof", "export", &file.display().to_string()]);
    assert_eq!(exported.code, Some(0), "{exported:?}");

    let verify = |file: &Path, key: &str, root: &str| {
        turnout(&["proof", "verify", &file.display().to_string(), "--key", key, "--root", root], b"")
    };
    // It needs no process: none is left.
    let kept_data = system.crash();
    let ours = verify(&file, &key, &root);
    assert_eq!(ours.code, Some(0), "{ours:?}");
    let theirs = third_party(&file, &key, std::slice::from_ref(&root));
    assert!(theirs.0, "{theirs:?}");

    let text = fs::read_to_string(&file).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    let amount = text.replacen("\"400\"", "\"4000\"", 1);
    assert_ne!(amount, text, "there is a commission of 4.00 in it");
    let without = |drop: usize| {
        let left: Vec<&str> =
            lines.iter().enumerate().filter(|(at, _)| *at != drop).map(|(_, line)| *line).collect();
        left.join("\n")
    };
    let mut swapped = lines.clone();
    let links: Vec<usize> = (1..lines.len()).filter(|at| lines[*at].starts_with("{\"link\"")).collect();
    swapped.swap(links[1], links[2]);
    let cut = lines[..=links[1]].join("\n");
    for (what, broken) in [
        ("an amount", amount),
        ("a link less", without(links[2])),
        ("another order", swapped.join("\n")),
        ("cut off", cut),
    ] {
        let other = kept_data.file("broken.jsonl");
        fs::write(&other, broken).unwrap();
        let ours = verify(&other, &key, &root);
        assert!(ours.code == Some(1) && ours.out.contains("BROKEN"), "{what}: {ours:?}");
        let theirs = third_party(&other, &key, std::slice::from_ref(&root));
        assert!(!theirs.0 && theirs.1.contains("BROKEN"), "{what}: {theirs:?}");
    }
    let another = format!(
        "{}{}",
        if key.starts_with('0') { '1' } else { '0' },
        key.chars().skip(1).collect::<String>()
    );
    assert_eq!(verify(&file, &another, &root).code, Some(1), "signed by somebody else");
    assert!(!third_party(&file, &another, &[]).0);
}

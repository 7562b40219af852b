//! Named operators, and rules that a second person must approve before they are in force.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test")]

use std::fs;
use std::process::Command;
use std::time::Duration;

use serde_json::Value;
use system_tests::process::{Finished, Process, binary, turnout};
use system_tests::wait::wait_until;
use system_tests::{Data, Sale, System};

const WITHIN: Duration = Duration::from_secs(60);

/// Runs a command on the data directory with somebody's token.
fn by(data: &Data, name: &str, words: &[&str]) -> Finished {
    let (folder, token) = (data.text(), data.file(name).display().to_string());
    turnout(&[words, &["--data", &folder, "--token-file", &token]].concat(), b"")
}

/// Runs one that must do what it is asked.
fn done(data: &Data, name: &str, words: &[&str]) -> String {
    let told = by(data, name, words);
    assert_eq!(told.code, Some(0), "{name} {words:?}: {}{}", told.out, told.err);
    told.out
}

/// Runs one that must say no, for this reason.
fn refused(data: &Data, name: &str, words: &[&str], why: &str) {
    let told = by(data, name, words);
    assert_eq!(told.code, Some(2), "{name} {words:?}: {}{}", told.out, told.err);
    assert!(told.err.contains(why), "{name} {words:?}: {}", told.err);
}

/// Gives somebody a token, in a file of this name.
fn hire(data: &Data, name: &str) {
    let told = turnout(&["operators", "add", name, "--data", &data.text()], b"");
    assert_eq!((told.code, told.out.trim().len()), (Some(0), 64), "{told:?}");
    fs::write(data.file(name), &told.out).unwrap();
}

fn version(system: &System) -> String {
    system.ledger().ask("status")["version"].as_str().unwrap().to_owned()
}

/// Has the process read its rules again, as the runbook says.
fn hang_up(system: &System) {
    let told = Command::new("kill").args(["-HUP", &system.process.id().to_string()]).status().unwrap();
    assert!(told.success());
}

#[test]
fn whose_token_it_is_stands_in_the_journal_whatever_the_client_says() {
    let system = System::up(Data::prepared());
    let sale = Sale::plain(999_999, "WHO-1", "5.00").target();
    assert!(system.edge().get("shareasale.com", &sale, &[]).unwrap().is_pixel());
    let look = || system.ledger().of_order(999_999, "WHO-1");
    let event_id = wait_until("it is held", WITHIN, look, |rows| !rows.is_empty()).remove(0).event_id;
    hire(&system.data, "ada");
    let discard = ["dead", "discard", &event_id, "--reason", "a test order", "--actor", "mallory"];
    wait_until(
        "the process knows her",
        WITHIN,
        || by(&system.data, "ada", &["dead"]),
        |told| told.code == Some(0),
    );
    done(&system.data, "ada", &discard);
    let shown = done(&system.data, "ada", &["dead", "show", &event_id, "--json"]);
    let shown: Value = serde_json::from_str(&shown).unwrap();
    let actors: Vec<&str> =
        shown["journal"].as_array().unwrap().iter().map(|row| row["actor"].as_str().unwrap()).collect();
    assert!(!actors.is_empty() && actors.iter().all(|actor| *actor == "ada"), "{actors:?}");

    fs::write(system.data.file("nobody"), "0123").unwrap();
    fs::write(system.data.file("empty"), "").unwrap();
    for (file, why) in
        [("nobody", "nobody has the token in it"), ("empty", "it is empty"), ("missing", "No such file")]
    {
        refused(&system.data, file, &["dead"], why);
    }
    let told = turnout(&["operators", "add", "a b", "--data", &system.data.text()], b"");
    assert!(told.code == Some(2) && told.err.contains("no name for an operator"), "{told:?}");
    let told = turnout(&["operators", "list", "--data", &system.data.text()], b"");
    assert_eq!(told.out.trim(), "ada");
    let remove = |name| turnout(&["operators", "remove", name, "--data", &system.data.text()], b"").code;
    assert_eq!((remove("bea"), remove("ada")), (Some(1), Some(0)));
    let gone = || by(&system.data, "ada", &["dead"]);
    wait_until("her token is good for nothing", WITHIN, gone, |told| told.code == Some(2));
    system.process.assert_calm();
}

#[test]
fn a_policy_is_in_force_once_a_second_person_has_approved_it() {
    let system = System::up(Data::prepared());
    let data = &system.data;
    refused(data, "ada", &["rules", "require", "on"], "No such file");
    hire(data, "ada");
    refused(data, "ada", &["rules", "require", "on"], "a second person needs a token");
    hire(data, "bea");
    let before = version(&system);
    let told = turnout(&["rules", "require", "on", "--data", &data.text()], b"");
    assert!(told.code == Some(2) && told.err.contains("a token of your own"), "{told:?}");
    wait_until("the process knows her", WITHIN, || by(data, "ada", &["dead"]), |told| told.code == Some(0));
    done(data, "ada", &["rules", "require", "on"]);
    assert!(done(data, "ada", &["rules", "list"]).contains("approved"));

    data.set("attempt_deadline", "\"7s\"");
    hang_up(&system);
    let log = || system.process.errors();
    wait_until("it is refused", WITHIN, log, |log| log.contains("the last approved one stays"));
    assert_eq!(version(&system), before);
    let told = by(data, "ada", &["rules", "list"]);
    assert!(told.code == Some(1) && told.out.contains("NOT approved"), "{told:?}");
    refused(data, "ada", &["rules", "propose", "--reason", " "], "needs --reason");
    let told = done(data, "ada", &["rules", "propose", "--reason", "slow platform"]);
    let next = told.split_whitespace().nth(1).unwrap().to_owned();
    refused(data, "ada", &["rules", "approve", &next], "another person must approve it");
    refused(data, "bea", &["rules", "approve", "ffff"], "nobody has proposed");
    assert_eq!(version(&system), before);
    done(data, "bea", &["rules", "approve", &next]);
    wait_until("it is in force", WITHIN, || version(&system), |version| *version == next);
    done(data, "bea", &["rules", "approve", &next]);

    // Nor does a start take what nobody has approved.
    data.set("attempt_deadline", "\"8s\"");
    let data = system.crash();
    let mut command = Command::new(binary());
    command.args(["up", "--data", &data.text(), "--edge", "127.0.0.1:0", "--traffic", "0", "--json"]);
    let why = Process::try_start(command, &data.file("again.err")).unwrap_err();
    assert!(why.contains("approved by nobody") && why.contains("turnout rules propose"), "{why}");
    data.set("attempt_deadline", "\"7s\"");
    let system = System::up(data);
    assert_eq!(version(&system), next);
    done(&system.data, "bea", &["rules", "require", "off"]);
    system.process.assert_calm();
}

#[test]
fn a_map_is_in_force_once_a_second_person_has_approved_it() {
    let system = System::up(Data::prepared());
    let data = &system.data;
    hire(data, "ada");
    hire(data, "bea");
    wait_until("the process knows her", WITHIN, || by(data, "bea", &["dead"]), |told| told.code == Some(0));
    done(data, "ada", &["rules", "require", "on"]);
    let tables = data.file("migration").display().to_string();
    let tables: Vec<String> =
        ["advertisers.csv", "publishers.csv"].map(|table| format!("{tables}/{table}")).to_vec();
    let import = ["map", "import", &tables[0], &tables[1]];
    refused(data, "ada", &[&import[..], &["--switch"]].concat(), "no rules with map 1 are approved");
    refused(data, "ada", &["map", "switch", "1"], "no rules with map 1 are approved");
    refused(data, "ada", &["rules", "propose", "--map", "9", "--reason", "x"], "9");
    let told =
        done(data, "ada", &["rules", "propose", "--map", "1", "--reason", "the merchants of December"]);
    let next = told.split_whitespace().nth(1).unwrap().to_owned();
    assert!(next.ends_with("+map1"), "{told}");
    let told = done(data, "bea", &["rules", "approve", &next]);
    assert!(told.contains("taken up by: up"), "{told}");
    assert_eq!(version(&system), next);
    let ledger = system.ledger().ask("audit");
    assert_eq!(ledger["balances"], true, "{ledger}");
    system.process.assert_calm();
}

//! Who earns what, by the real binary: terms decide, models are compared in money, and every award comes out again.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test")]

use std::fs;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::Value;
use system_tests::wait::wait_until;
use system_tests::{Data, Row, System, turnout};

const WITHIN: Duration = Duration::from_secs(60);
const LINEAR: &str = "[[terms]]\nadvertiser = 789\nmodel = \"linear\"\n\
    [[terms.rule]]\nname = \"eight\"\npercent = \"8.125\"\n";

/// Runs a command on the process of a data directory: its exit code and what it printed.
fn command(data: &Data, arguments: &[&str]) -> (Option<i32>, String) {
    let path = data.text();
    let finished = turnout(&[arguments, &["--data", &path][..]].concat(), b"");
    (finished.code, format!("{}{}", finished.out, finished.err))
}

fn json(data: &Data, arguments: &[&str]) -> (Option<i32>, Value) {
    let path = data.text();
    let finished = turnout(&[arguments, &["--data", &path, "--json"][..]].concat(), b"");
    let answer = serde_json::from_str(&finished.out);
    (finished.code, answer.unwrap_or_else(|error| panic!("{error}: {}{}", finished.out, finished.err)))
}

/// A sale of merchant 789, and its row once it is not on its way any more.
fn sold(system: &System, order: &str, further: &str) -> Row {
    let target = format!("/sale.cfm?tracking={order}&amount=50.00&merchantID=789&transtype=sale{further}");
    assert!(system.edge().get("shareasale.com", &target, &[]).unwrap().is_pixel());
    let look = || system.ledger().of_order(789, order);
    let there =
        |rows: &Vec<Row>| rows.len() == 1 && !matches!(rows[0].state.as_str(), "queued" | "in_flight");
    wait_until(order, WITHIN, look, there).remove(0)
}

/// What each publisher has, as the command tells it under `column`.
fn column(answer: &Value, column: &str) -> Vec<(u64, String)> {
    let rows = answer["publishers"].as_array().unwrap();
    let cell =
        |row: &Value| (row["publisher_id"].as_u64().unwrap(), row[column].as_str().unwrap().to_owned());
    rows.iter().map(cell).collect()
}

/// Two clicks of two publishers, as an operator imports them.
fn import_clicks(system: &System, other: u64) {
    let file = system.data.file("clicks.csv");
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let (first, last) = (now - 8 * 86_400, now - 86_400);
    let table = format!(
        "click_id,advertiser_id,publisher_id,clicked_at,platform\n11k8_first,789,456,{first},primary\n\
         11k8_last,789,{other},{last},primary\n"
    );
    fs::write(&file, table).unwrap();
    let (code, told) = command(&system.data, &["clicks", "import", &file.display().to_string()]);
    assert_eq!(code, Some(0), "{told}");
}

#[test]
fn terms_decide_models_are_compared_and_awards_come_out_again() {
    let data = Data::prepared();
    fs::write(data.file("migration/terms.toml"), LINEAR).unwrap();
    let system = System::up(data);
    let others = system.lab().publishers();
    let other = others.iter().map(|(legacy, _)| *legacy).find(|legacy| *legacy > 456).unwrap();
    import_clicks(&system, other);
    let row = sold(&system, "SHARED-1", "&sscid=11k8_first,11k8_last&sscidmode=6");
    assert_eq!(row.all["publisher_id"], other, "the later of two that weigh the same: {:#}", row.all);
    // 8.125 % of 50.00 is 4.0625, and half to even is 4.06.
    assert_eq!(row.all["commission"]["amount"], "4.06", "{:#}", row.all);

    let (_, told) = command(&system.data, &["explain", &row.event_id]);
    for wanted in
        ["who earns, by each decision", "2.03 USD", "linear", "programme 789 from the beginning", "eight"]
    {
        assert!(told.contains(wanted), "{wanted} is not in\n{told}");
    }
    let span = ["--since", "2026-01-01", "--until", "2099-01-01"];
    let (code, models) = json(&system.data, &[&["models"][..], &span].concat());
    assert_eq!((code, models["orders"].as_u64()), (Some(0), Some(1)), "{models:#}");
    let pair = |one: &str, two: &str| vec![(456, one.to_owned()), (other, two.to_owned())];
    assert_eq!(column(&models, "booked"), pair("2.03", "2.03"));
    assert_eq!(column(&models, "last_click"), pair("0.00", "4.06"));
    assert_eq!(column(&models, "last_click_difference"), pair("-2.03", "2.03"));
    assert_eq!(column(&models, "time_decay"), pair("1.35", "2.71"));

    let again = [&["recalculate"][..], &span].concat();
    let (code, same) = json(&system.data, &again);
    assert_eq!((code, &same["identical"]), (Some(0), &Value::Bool(true)), "{same:#}");
    let file = system.data.file("other.toml");
    fs::write(&file, LINEAR.replace("8.125", "10")).unwrap();
    let file = file.display().to_string();
    let with_terms = [&again[..], &["--terms", &file]].concat();
    let (code, told) = json(&system.data, &with_terms);
    assert_eq!((code, told["changed"].as_u64()), (Some(1), Some(1)), "{told:#}");
    assert_eq!(column(&told, "difference"), pair("0.47", "0.47"));
    let apply = [&with_terms[..], &["--apply", "--reason", "agreed", "--actor", "ann"]].concat();
    let (code, told) = json(&system.data, &apply);
    assert_eq!((code, told["applied"].as_u64()), (Some(0), Some(1)), "{told:#}");
    assert_eq!(json(&system.data, &with_terms).1["identical"], Value::Bool(true));
    assert_eq!(json(&system.data, &again).0, Some(1), "the terms in force say less than was paid");
    system.ledger().assert_balances();
    system.process.assert_calm();
}

#[test]
fn an_order_of_another_channel_earns_nobody_anything() {
    let system = System::up(Data::prepared());
    let other = system.lab().publishers()[0].0;
    import_clicks(&system, other);
    let row = sold(&system, "VOID-1", "&sscid=11k8_first&sscidmode=6&autovoid=1&channel=ppc");
    assert_eq!(row.all["commission"], Value::Null, "{:#}", row.all);
    let (_, told) = command(&system.data, &["explain", &row.event_id]);
    assert!(told.contains("auto_void") && !told.contains("who earns"), "{told}");
    assert!(row.all["attempts"].as_u64() > Some(0), "the platform is told: {:#}", row.all);
    system.ledger().assert_balances();
    system.process.assert_calm();
}

#[test]
fn mistakes_in_terms_are_told_with_their_lines() {
    let data = Data::prepared();
    fs::write(
        data.file("migration/terms.toml"),
        "[[terms]]\nmodel = \"liniar\"\n[[terms.rule]]\nname = \"x\"\n",
    )
    .unwrap();
    let folder = data.file("migration").display().to_string();
    let finished = turnout(&["check", "--migration", &folder], b"");
    assert_eq!(finished.code, Some(1), "{}{}", finished.out, finished.err);
    let told = finished.err;
    assert!(told.contains("terms.toml:2: `liniar` is not a known model: did you mean `linear`?"), "{told}");
    assert!(told.contains("terms.toml:3: a rule pays one of"), "{told}");
}

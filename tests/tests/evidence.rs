//! Clicks made before the move, and vouchers: what an operator imports is what sales are credited by.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test")]

use std::fs;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::Value;
use system_tests::wait::wait_until;
use system_tests::{Data, Row, System, turnout};

const WITHIN: Duration = Duration::from_secs(60);

fn yesterday() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() - 86_400
}

/// Runs a command on a data directory: its exit code and what it printed.
fn command(data: &Data, arguments: &[&str]) -> (Option<i32>, String) {
    let path = data.text();
    let finished = turnout(&[arguments, &["--data", &path][..]].concat(), b"");
    (finished.code, format!("{}{}", finished.out, finished.err))
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

#[test]
fn an_imported_click_is_credited_by_the_platform_it_happened_on() {
    let data = Data::prepared();
    let file = data.file("clicks.csv");
    let at = yesterday();
    let table = format!(
        "click_id,advertiser_id,publisher_id,clicked_at,platform\n11k8_cr29d,789,456,{at},legacy\n\
         11k8_other,789,456,{at},primary\n11k8_late,789,456,{},primary\n\
         11k8_gone,789,456,{},primary\n",
        at - 45 * 86_400,
        at - 400 * 86_400
    );
    fs::write(&file, table).unwrap();
    let file = file.display().to_string();
    let (code, told) = command(&data, &["clicks", "import", &file]);
    assert_eq!(code, Some(0), "nothing runs: into the data directory: {told}");
    assert!(told.contains("4 rows, 3 new") && told.contains("1 rows are older"), "{told}");

    let system = System::up(data);
    let (code, told) = command(&system.data, &["clicks", "import", &file]);
    assert_eq!(code, Some(0), "into the running process: {told}");
    assert!(told.contains("0 new, 3 known"), "{told}");
    let (code, told) = command(&system.data, &["clicks", "show", "11k8_cr29d"]);
    assert!(code == Some(0) && told.contains("publisher_id: 456") && told.contains("legacy"), "{told}");
    assert_eq!(command(&system.data, &["clicks", "show", "nobody"]).0, Some(1));

    let old = sold(&system, "BEFORE-1", "&sscid=11k8_cr29d&sscidmode=6");
    assert_eq!(
        (&old.all["owner"], &old.all["publisher_id"]),
        (&"legacy".into(), &456.into()),
        "{:#}",
        old.all
    );
    let new = sold(&system, "BEFORE-2", "&sscid=11k8_other&sscidmode=6");
    assert_eq!(
        (&new.all["owner"], &new.all["evidence"]),
        (&"primary".into(), &"click_id".into()),
        "{:#}",
        new.all
    );
    let late = sold(&system, "BEFORE-3", "&sscid=11k8_late&sscidmode=6");
    assert_eq!(late.all["publisher_id"], Value::Null, "{:#}", late.all);
    let (_, told) = command(&system.data, &["explain", &late.event_id]);
    assert!(told.contains("click_outside_window"), "{told}");
    assert_eq!(system.lab().transactions("legacy").len(), 1);
    system.ledger().assert_balances();
    system.process.assert_calm();
}

#[test]
fn a_click_id_in_the_place_of_the_reference_is_evidence_and_no_order() {
    let data = Data::prepared();
    let file = data.file("clicks.csv");
    let table = format!(
        "click_id,advertiser_id,publisher_id,clicked_at,platform\n11k8_other,789,456,{},primary\n",
        yesterday()
    );
    fs::write(&file, table).unwrap();
    let (code, told) = command(&data, &["clicks", "import", &file.display().to_string()]);
    assert_eq!(code, Some(0), "{told}");
    let system = System::up(data);
    // As a tag manager's server sends them: no order number, and the click id as the reference of both orders.
    for amount in ["50.00", "20.00", "20.00"] {
        let target =
            format!("/sale.cfm?v=stape&transtype=sale&merchantID=789&amount={amount}&tracking=11k8_other");
        assert!(system.edge().get("www.shareasale.com", &target, &[]).unwrap().is_pixel());
    }
    system.ledger().wait_until_settled(3, WITHIN);
    let rows = system.ledger().rows();
    let credited =
        |row: &&Row| row.is_booked() && row.all["evidence"] == "click_id" && row.all["publisher_id"] == 456;
    assert_eq!(rows.iter().filter(credited).count(), 3, "each is an order of its own: {rows:#?}");
    system.ledger().assert_balances();
    system.process.assert_calm();
}

#[test]
fn a_table_with_mistakes_is_refused_whole_with_its_lines() {
    let data = Data::prepared();
    let file = data.file("clicks.csv");
    let table = "click_id,advertiser_id,publisher_id,clicked_at\ngood_1,789,456,1795000000\n\
                 bad id,x,,tomorrow\nfuture_1,789,456,2999-01-01T00:00:00Z\nshort,1\n";
    fs::write(&file, table).unwrap();
    let (code, told) = command(&data, &["clicks", "import", &file.display().to_string()]);
    assert_eq!(code, Some(1), "{told}");
    for wanted in
        ["clicks.csv:3: `advertiser_id`", "clicks.csv:3: `click_id`", "csv:4:", "csv:5:", "6 mistakes"]
    {
        assert!(told.contains(wanted), "{wanted} is not in\n{told}");
    }
    assert_eq!(command(&data, &["clicks", "show", "good_1"]).0, Some(1), "nothing was taken in");
    fs::write(&file, "click_id,when\n").unwrap();
    let (code, told) = command(&data, &["clicks", "import", &file.display().to_string()]);
    assert!(
        code == Some(2) && told.contains("`when` is unknown") && told.contains("`clicked_at` is missing"),
        "{told}"
    );
}

#[test]
fn a_bound_voucher_is_credited_and_told() {
    let data = Data::prepared();
    let system = System::up(data);
    let file = system.data.file("vouchers.csv");
    fs::write(&file, "advertiser_id,code,publisher_id\n789,SAVE10,456\n").unwrap();
    let (code, told) = command(&system.data, &["vouchers", "import", &file.display().to_string()]);
    assert_eq!(code, Some(0), "{told}");
    assert!(command(&system.data, &["vouchers", "list", "789"]).1.contains("SAVE10"));
    let row = sold(&system, "CODE-1", "&couponcode=save10");
    assert_eq!(
        (&row.all["evidence"], &row.all["publisher_id"]),
        (&"voucher".into(), &456.into()),
        "{:#}",
        row.all
    );
    let row = sold(&system, "CODE-2", "&couponcode=other");
    assert_eq!(row.all["evidence"], "none", "{:#}", row.all);
    system.process.assert_calm();
}

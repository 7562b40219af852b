//! What is booked, what is held, and what is no sale at all: told by the operators' interface alone.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test")]

use std::time::Duration;

use serde_json::Value;
use system_tests::clicks::follow;
use system_tests::wait::wait_until;
use system_tests::{Data, Row, Sale, System};

const WITHIN: Duration = Duration::from_secs(30);

/// Sends a request to the edge, and fails the test if the image does not come back.
fn pixel(system: &System, target: &str, headers: &[(&str, &str)]) {
    let answer = system.edge().get("shareasale.com", target, headers).unwrap();
    assert!(answer.is_pixel(), "{target}: {answer:?}");
}

/// The rows of an order of merchant 789, once there are `count` and none is on its way.
fn rows(system: &System, reference: &str, count: usize) -> Vec<Row> {
    let look = || system.ledger().of_order(789, reference);
    let moving = |row: &Row| matches!(row.state.as_str(), "queued" | "in_flight");
    wait_until(reference, WITHIN, look, |rows| rows.len() == count && !rows.iter().any(moving))
}

#[test]
fn a_sale_is_credited_by_the_cookie_of_the_click_alone() {
    let system = System::up(Data::prepared());
    let click = follow(&mut system.edge(), "https://shareasale.com/r.cfm?b=123&u=456&m=789", &[]);
    let cookie = click.all("set-cookie").find(|cookie| cookie.starts_with("MERCHANT789=")).unwrap();
    let pair = cookie.split(';').next().unwrap();
    pixel(&system, &Sale::plain(789, "COOKIE-1", "50.00").target(), &[("cookie", pair)]);
    let rows = rows(&system, "COOKIE-1", 1);
    assert_eq!(rows[0].all["publisher_id"], 456, "{:#}", rows[0].all);
    assert_eq!(rows[0].all["commission"]["amount"], "4.00", "{:#}", rows[0].all);
}

#[test]
fn a_cookie_is_no_evidence_where_consent_is_refused() {
    let system = System::up(Data::prepared());
    let click =
        follow(&mut system.edge(), "https://shareasale.com/r.cfm?b=123&u=456&m=789", &[("sec-gpc", "1")]);
    assert_eq!(click.all("set-cookie").count(), 0, "{click:?}");
    assert!(!click.location().contains("sscid"), "{click:?}");
    let click = follow(&mut system.edge(), "https://shareasale.com/r.cfm?b=123&u=456&m=789", &[]);
    let cookie = click.all("set-cookie").find(|cookie| cookie.starts_with("MERCHANT789=")).unwrap();
    let pair = cookie.split(';').next().unwrap();
    pixel(&system, &Sale::plain(789, "GPC-1", "50.00").target(), &[("cookie", pair), ("sec-gpc", "1")]);
    let rows = rows(&system, "GPC-1", 1);
    assert_eq!(rows[0].all["publisher_id"], Value::Null, "booked, and credited to nobody: {:#}", rows[0].all);
}

#[test]
fn a_head_request_never_books() {
    let system = System::up(Data::prepared());
    let head = format!("HEAD {}", Sale::plain(789, "HEAD-1", "5.00").target());
    assert_eq!(system.edge().request(&head, "shareasale.com", &[], b"").unwrap().status, 200);
    pixel(&system, &Sale::plain(789, "HEAD-2", "5.00").target(), &[]);
    rows(&system, "HEAD-2", 1);
    assert_eq!(system.ledger().rows().len(), 1, "only what came after it");
}

#[test]
fn a_beacon_and_a_form_book_as_a_pixel_does() {
    let system = System::up(Data::prepared());
    let beacon = format!("POST {}", Sale::plain(789, "POST-1", "5.00").target());
    assert!(system.edge().request(&beacon, "shareasale.com", &[], b"").unwrap().status < 300);
    let form = b"tracking=POST-2&amount=6.00&merchantID=789&transtype=sale";
    let headers = [("content-type", "application/x-www-form-urlencoded")];
    assert!(system.edge().request("POST /sale.cfm", "shareasale.com", &headers, form).unwrap().status < 300);
    assert_eq!(rows(&system, "POST-1", 1)[0].all["amount"], "5.00");
    assert_eq!(rows(&system, "POST-2", 1)[0].all["amount"], "6.00");
}

#[test]
fn money_that_contradicts_itself_waits_for_a_person() {
    let system = System::up(Data::prepared());
    pixel(&system, "/sale.cfm?tracking=TWO-1&amount=5.00&amount=6.00&merchantID=789&transtype=sale", &[]);
    assert_eq!(rows(&system, "TWO-1", 1)[0].state, "held");
    pixel(&system, &Sale::plain(789, "TWO-2", "5.00").target(), &[]);
    pixel(&system, &Sale::plain(789, "TWO-2", "6.00").target(), &[]);
    let both = rows(&system, "TWO-2", 2);
    let conflict: Vec<&Row> = both.iter().filter(|row| row.state == "conflict").collect();
    assert_eq!(conflict.len(), 1, "{both:#?}");
    assert_eq!(conflict[0].all["amount"], "6.00", "the first stands");
    assert_eq!(system.lab().transactions("primary").len(), 1, "the first alone is delivered");
    system.ledger().assert_balances();
}

#[test]
fn what_no_table_knows_is_held_and_shown() {
    let system = System::up(Data::prepared());
    pixel(&system, "/sale.cfm?tracking=NOBODY-1&amount=5.00&merchantID=999999&transtype=sale", &[]);
    pixel(&system, "/sale.cfm?tracking=NOBODY-2&amount=5.00&merchantID=bonobos&transtype=sale", &[]);
    pixel(&system, "/sale.cfm?tracking=NOBODY-3&amount=AMOUNTOFSALE&merchantID=789&transtype=sale", &[]);
    let look = || system.ledger().rows();
    let all = wait_until("all three are kept", WITHIN, look, |rows| rows.len() == 3);
    for row in &all {
        assert!(matches!(row.state.as_str(), "held" | "dead" | "rejected"), "{:#}", row.all);
        assert_ne!(row.all["reason"], "", "{:#}", row.all);
    }
    let dead = system.ledger().ask("dead");
    assert_eq!(dead["dead"].as_array().map(Vec::len), Some(3), "a person sees them: {dead:#}");
    system.ledger().assert_balances();
}

#[test]
fn references_that_identify_nothing_are_never_collapsed() {
    let system = System::up(Data::prepared());
    for amount in ["5.00", "6.00", "5.00"] {
        let target = format!("/sale.cfm?tracking=##ORDERID##&amount={amount}&merchantID=789&transtype=sale");
        pixel(&system, &target, &[]);
    }
    let rows = rows(&system, "##ORDERID##", 3);
    assert!(rows.iter().all(Row::is_booked), "{rows:#?}");
    assert_eq!(system.lab().transactions("primary").len(), 3);
}

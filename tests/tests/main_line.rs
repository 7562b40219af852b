//! The main line: a real link and a real sale through the whole system.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test")]

use std::time::Duration;

use serde_json::{Value, json};
use system_tests::clicks::{decode, follow, host, parameter};
use system_tests::http::post_json;
use system_tests::wait::wait_until;
use system_tests::{Client, Data, System};

const CLICK: &str = "https://shareasale.com/r.cfm?b=123&u=456&m=789&urllink=example.com&afftrack=news";
const SALE: &str = "https://shareasale.com/sale.cfm?tracking=A-1&amount=10.00&merchantID=789&transtype=sale";

const MINUTE: Duration = Duration::from_secs(60);

#[test]
fn a_real_link_and_a_real_sale_go_through_the_whole_system() {
    let system = System::up(Data::prepared());

    let redirect = follow(&mut system.edge(), CLICK, &[]);
    assert_eq!(redirect.status, 302, "{redirect:?}");
    let on_primary = redirect.location().to_owned();
    assert_eq!(host(&on_primary), Some("www.awin1.com"), "{on_primary}");
    for (name, wanted) in [("clickref2", "news"), ("awinmid", "100789"), ("awinaffid", "200456")] {
        assert_eq!(parameter(&on_primary, name).as_deref(), Some(wanted), "{name} in {on_primary}");
    }
    let destination = parameter(&on_primary, "ued").unwrap();
    assert!(destination.starts_with("https://example.com/?sscid="), "{destination}");

    let (landing, cookies) = land(&system, &on_primary);
    assert_eq!(host(&landing), Some("example.com"), "{landing}");
    assert_eq!(
        parameter(&landing, "sscid"),
        parameter(&destination, "sscid"),
        "our click id reaches the shop"
    );
    let page = follow(&mut Client::new(system.process.address("shop")), &landing, &[]);
    assert_eq!(page.status, 200, "the shopper lands on a page");

    buy(&system, &landing, "MAIN-1");
    sale_is_credited(&system, "MAIN-1");
    assert!(
        cookies.iter().any(|cookie| cookie.contains("100789")),
        "the platform set its own cookies: {cookies:?}"
    );

    let pixel = follow(&mut system.edge(), SALE, &[]);
    assert!(pixel.is_pixel(), "{pixel:?}");
    sale_is_booked_unattributed(&system, "A-1");
    system.ledger().assert_balances();
    system.process.assert_calm();
}

/// Follows the new platform's redirects to the shop: the landing URL, and the cookies set on the way.
fn land(system: &System, url: &str) -> (String, Vec<String>) {
    let mut primary = Client::new(system.process.address("primary"));
    let (mut url, mut cookies) = (url.to_owned(), Vec::new());
    for _ in 0..5 {
        let answer = follow(&mut primary, &url, &[]);
        assert!((300..400).contains(&answer.status), "{url}: {answer:?}");
        cookies.extend(answer.all("set-cookie").map(str::to_owned));
        url = answer.location().to_owned();
        if !host(&url).unwrap_or_default().contains("awin1") {
            return (url, cookies);
        }
    }
    panic!("no shop at the end of {url}");
}

fn buy(system: &System, landing: &str, order: &str) {
    let asked = json!({ "landing_url": landing, "order": order, "amount": "49.90", "fire": true });
    let receipt = post_json(system.process.address("shop"), "/buy", &asked);
    let pixels = receipt["pixels"].as_array().unwrap();
    assert!(!pixels.is_empty(), "{receipt}");
    for pixel in pixels {
        assert_eq!(pixel["status"], 200, "{receipt:#}");
    }
}

/// One booking with its publisher and commission in our ledger, and one with the same publisher on the new
/// platform, although the shop has reported the order twice.
fn sale_is_credited(system: &System, order: &str) {
    let ledger = system.ledger();
    let look = || ledger.of_order(789, order);
    let delivered = |rows: &Vec<system_tests::Row>| {
        rows.iter().any(|row| row.is_booked() && matches!(row.state.as_str(), "taken" | "confirmed"))
    };
    let rows = wait_until("the sale is delivered", MINUTE, look, delivered);
    let booked: Vec<_> = rows.iter().filter(|row| row.is_booked()).collect();
    assert_eq!(booked.len(), 1, "{rows:#?}");
    let row = &booked[0].all;
    assert_eq!(row["publisher_id"], 456, "{row:#}");
    assert_eq!(row["commission"], json!({ "amount": "3.99", "currency": "USD" }), "8 % of 49.90: {row:#}");
    let transactions = system.lab().transactions("primary");
    let of_order: Vec<&Value> = transactions.iter().filter(|one| one["order_reference"] == order).collect();
    assert_eq!(of_order.len(), 1, "{transactions:#?}");
    assert_eq!(of_order[0]["publisher"], 200_456, "{:#}", of_order[0]);
    assert_eq!(of_order[0]["advertiser"], 100_789, "{:#}", of_order[0]);
    assert_eq!(of_order[0]["amount_minor"], 4990, "{:#}", of_order[0]);
}

fn sale_is_booked_unattributed(system: &System, order: &str) {
    let ledger = system.ledger();
    let look = || ledger.of_order(789, order);
    let delivered = |rows: &Vec<system_tests::Row>| {
        rows.iter().any(|row| matches!(row.state.as_str(), "taken" | "confirmed"))
    };
    let rows = wait_until("the bare sale is delivered", MINUTE, look, delivered);
    assert_eq!(rows.len(), 1, "{rows:#?}");
    assert_eq!(rows[0].all["publisher_id"], Value::Null, "{rows:#?}");
    assert_eq!(rows[0].all["evidence"], "none", "{rows:#?}");
    let transactions = system.lab().transactions("primary");
    let one = transactions.iter().find(|one| one["order_reference"] == order).unwrap();
    assert_eq!((&one["publisher"], &one["amount_minor"]), (&Value::Null, &json!(1000)), "{one:#}");
}

#[test]
fn the_link_leads_to_the_page_that_it_names_however_it_is_written() {
    let system = System::up(Data::prepared());
    let mut edge = system.edge();
    for (written, wanted) in [
        ("urllink=www%2Eexample%2Ecom%2Fp%3Fid%3D1", "www.example.com/p"),
        ("urllink=https://example.com/a/", "example.com/a/"),
        ("urllink=https%3A%2F%2Fexample.com%2Fa", "example.com/a"),
        ("urllink=", "www.example.com/"),
        ("urllink=evil.test%2Fphish", "www.example.com/"),
    ] {
        let url = format!("https://www.shareasale.com/r.cfm?u=456&b=123&m=789&afftrack=x&{written}");
        let answer = follow(&mut edge, &url, &[]);
        assert_eq!(answer.status, 302, "{written}: {answer:?}");
        let destination = parameter(answer.location(), "ued").unwrap();
        let shown = decode(&destination);
        assert!(shown.starts_with(&format!("https://{wanted}?sscid=")), "{written} leads to {shown}");
    }
}

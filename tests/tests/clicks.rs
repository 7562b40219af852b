//! With the new platform down, every shopper lands at the shop, and the sale earns its publisher.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test")]

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use serde_json::json;
use system_tests::books::Order;
use system_tests::clicks::{follow, host, parameter};
use system_tests::http::post_json;
use system_tests::system::Merchant;
use system_tests::{Client, Data, System};

const CLICKS: usize = 1_000;

#[test]
fn with_the_primary_down_a_thousand_clicks_land_at_the_shop_and_convert_with_credit() {
    let data = Data::prepared();
    data.set_deduplicates(|_| Some(true));
    let system = System::up(data);
    let lab = system.lab();
    lab.settings(&json!({ "primary_dedup": true, "primary_rate_limit_per_minute": 0 }));
    lab.fault("primary", "refused");
    system.wait_for_breaker("primary", "open");

    let landings = land(&system);
    let wanted = buy(&system, &landings);
    // The raw pixel and the one with the click id: both arrive, one order is booked.
    lab.fault("primary", "none");
    let states = system.ledger().wait_until_settled(2 * CLICKS as u64, Duration::from_secs(90));
    everyone_is_credited(&system, &wanted);
    everyone_is_paid_by_the_primary(&system, &wanted);
    system.ledger().assert_balances();
    system.process.assert_calm();
    assert!(!states.contains_key("dead") && !states.contains_key("unknown"), "{states:?}");
}

/// A thousand clicks: landing page, merchant, and the publisher whose link it was.
fn land(system: &System) -> Vec<(String, Merchant, u64)> {
    let (moved, publishers) = (system.lab().moved(), system.lab().publishers());
    assert!(moved.len() > 3 && publishers.len() > 3, "a small world: {moved:?}");
    let mut edge = system.edge();
    let click = |number: usize| {
        let merchant = &moved[number % moved.len()];
        let (publisher, _) = publishers[number % publishers.len()];
        let link = match number % 3 {
            0 => format!(
                "/r.cfm?b=123&u={publisher}&m={}&urllink={}%2Fp%3Fid%3D{number}",
                merchant.legacy_id, merchant.domain
            ),
            1 => format!("/r.cfm?b=1&u={publisher}&m={}&urllink=&afftrack=n{number}", merchant.legacy_id),
            _ => format!(
                "/m-pr.cfm?merchantID={}&userID={publisher}&productID={number}&afftrack=",
                merchant.legacy_id
            ),
        };
        let answer = follow(&mut edge, &format!("https://www.shareasale.com{link}"), &[]);
        assert_eq!(answer.status, 302, "{link}: {answer:?}");
        let landing = answer.location().to_owned();
        let domain = host(&landing).unwrap().to_owned();
        let own = domain == merchant.domain || domain.ends_with(&format!(".{}", merchant.domain));
        assert!(own, "{link} leads to {landing}");
        let click_id = parameter(&landing, "sscid").unwrap_or_else(|| panic!("no click id in {landing}"));
        assert!(
            click_id.len() <= 64
                && click_id.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
        );
        (landing, merchant.clone(), publisher)
    };
    (0..CLICKS).map(click).collect()
}

/// Every one of these shoppers buys; the publisher that each order belongs to.
fn buy(system: &System, landings: &[(String, Merchant, u64)]) -> BTreeMap<Order, u64> {
    let shop = system.process.address("shop");
    let mut shop_client = Client::new(shop);
    let mut wanted = BTreeMap::new();
    for (number, (landing, merchant, publisher)) in landings.iter().enumerate() {
        if number % 50 == 0 {
            let page = follow(&mut shop_client, landing, &[]);
            assert_eq!(page.status, 200, "{landing}: {page:?}");
        }
        let order = format!("CLICK-{number}");
        let asked = json!({ "landing_url": landing, "order": order, "amount": "20.00", "fire": true });
        let receipt = post_json(shop, "/buy", &asked);
        for pixel in receipt["pixels"].as_array().unwrap() {
            assert_eq!(pixel["status"], 200, "{receipt:#}");
        }
        wanted.insert((merchant.legacy_id, order), *publisher);
    }
    wanted
}

fn everyone_is_credited(system: &System, wanted: &BTreeMap<Order, u64>) {
    let rows = system.ledger().rows();
    let booked: Vec<_> = rows.iter().filter(|row| row.is_booked()).collect();
    assert_eq!(booked.len(), wanted.len(), "every order is booked once");
    for row in booked {
        let publisher = wanted.get(&row.order).unwrap_or_else(|| panic!("nobody bought {:#}", row.all));
        assert_eq!(row.all["publisher_id"], *publisher, "{:#}", row.all);
        assert!(row.all["commission"]["amount"].is_string(), "{:#}", row.all);
        assert_eq!(row.all["owner"], "primary", "{:#}", row.all);
    }
}

fn everyone_is_paid_by_the_primary(system: &System, wanted: &BTreeMap<Order, u64>) {
    let publishers: BTreeMap<u64, u64> = system.lab().publishers().into_iter().collect();
    let merchants: BTreeMap<u64, u64> =
        system.lab().moved().iter().map(|one| (one.primary_id, one.legacy_id)).collect();
    let transactions = system.lab().transactions("primary");
    assert_eq!(transactions.len(), wanted.len(), "every order is on the primary once");
    for one in &transactions {
        let order = (
            merchants[&one["advertiser"].as_u64().unwrap()],
            one["order_reference"].as_str().unwrap().to_owned(),
        );
        assert_eq!(one["publisher"], publishers[&wanted[&order]], "{one:#}");
    }
}

/// The policy's deadline of a proxied click, and what two busy cores may add.
const PROXIED_WITHIN: Duration = Duration::from_secs(6);

#[test]
fn with_the_legacy_platform_silent_clicks_of_merchants_not_moved_are_replied_to_in_time() {
    let system = System::up(Data::prepared());
    let lab = system.lab();
    let merchants = lab.not_moved();
    let answer = |system: &System, merchant: &Merchant| {
        let link = format!("https://shareasale.com/r.cfm?b=1&u=456&m={}&urllink=", merchant.legacy_id);
        let began = Instant::now();
        let answer = follow(&mut system.edge(), &link, &[]);
        assert!(began.elapsed() < PROXIED_WITHIN, "{link} took {:?}", began.elapsed());
        answer
    };
    let usual = answer(&system, &merchants[0]);
    assert!(usual.location().contains("shrsl_analytics_sscid="), "the legacy platform's own hop: {usual:?}");
    for mode in ["blackhole", "refused", "error500"] {
        lab.fault("legacy", mode);
        for merchant in &merchants {
            let alone = answer(&system, merchant);
            assert_eq!(alone.status, 302, "{mode}: {alone:?}");
            let domain = host(alone.location()).unwrap();
            assert!(domain.ends_with(&merchant.domain), "{mode} leads to {}", alone.location());
        }
    }
    assert_eq!(lab.requests("primary"), Vec::<serde_json::Value>::new(), "never the primary");
    system.process.assert_calm();
}

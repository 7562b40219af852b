//! Both platforms down: nobody waits, nothing is lost, nothing is booked twice.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test")]

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};
use system_tests::books::{Order, booked, received};
use system_tests::clicks::{follow, parameter};
use system_tests::sales::report_all;
use system_tests::system::{Lab, Merchant};
use system_tests::{Acknowledged, Data, Row, Sale, System};

const SALES: usize = 10_000;
const CONNECTIONS: usize = 64;

/// No reply waits for a platform. What is left is the disk and two busy cores.
const LONGEST_REPLY: Duration = Duration::from_secs(2);

/// The new platform folds the copies of most merchants, and not of all.
fn folds(merchant: &Merchant) -> bool {
    merchant.legacy_id % 10 != 1
}

#[test]
fn with_both_platforms_down_ten_thousand_sales_are_replied_to_at_once_and_delivered_later() {
    let data = Data::prepared();
    data.set("attempt_deadline", "\"2s\"");
    let probe = System::up(data);
    let (moved, not_moved) = (probe.lab().moved(), probe.lab().not_moved());
    let data = probe.crash();
    let folding: Vec<u64> = moved.iter().filter(|one| folds(one)).map(|one| one.legacy_id).collect();
    assert!(folding.len() < moved.len() && !folding.is_empty() && !not_moved.is_empty());
    data.set_deduplicates(|merchant| Some(folding.contains(&merchant)));
    let system = System::up(data);
    let lab = system.lab();
    set_dedup(&lab, &folding);
    let sales = sales(&system, &moved, &not_moved);

    lab.fault("legacy", "refused");
    lab.fault("primary", "down");
    let seen = report_all(system.process.address("edge"), &sales, CONNECTIONS);
    assert_eq!(seen.not, BTreeMap::new(), "every sale is acknowledged");
    assert_eq!(seen.orders.len(), SALES);
    assert!(seen.slowest() < LONGEST_REPLY, "the slowest reply took {:?}", seen.slowest());

    lab.fault("legacy", "none");
    lab.fault("primary", "none");
    let states = system.ledger().wait_until_settled(SALES as u64, Duration::from_secs(180));
    eprintln!("slowest reply {:?}; at the end {states:?}", seen.slowest());
    let rows = system.ledger().rows();
    nothing_is_lost_or_booked_twice(&seen, &rows);
    let merchants: Vec<Merchant> = moved.into_iter().chain(not_moved).collect();
    every_order_is_delivered(&lab, &merchants, &rows);
    assert_eq!(system.ledger().assert_balances(), SALES as u64);
    system.process.assert_calm();
}

fn set_dedup(lab: &Lab, folding: &[u64]) {
    let advertisers: Vec<Value> =
        folding.iter().map(|id| json!({ "legacy_id": id, "dedup": true })).collect();
    lab.settings(&json!({
        "advertisers": advertisers,
        "primary_rate_limit_per_minute": 0,
        "legacy_duplicate_window_ms": 3_600_000,
    }));
}

/// All merchants in turn, moved and not; one in four with a click of ours.
fn sales(system: &System, moved: &[Merchant], not_moved: &[Merchant]) -> Vec<Sale> {
    let all: Vec<&Merchant> = moved.iter().chain(not_moved).collect();
    let mut edge = system.edge();
    let click_ids: BTreeMap<u64, String> = moved
        .iter()
        .map(|one| {
            let link = format!("https://shareasale.com/r.cfm?b=1&u=456&m={}", one.legacy_id);
            let landing = parameter(follow(&mut edge, &link, &[]).location(), "ued").unwrap();
            (one.legacy_id, parameter(&landing, "sscid").unwrap())
        })
        .collect();
    let sale = |number: usize| {
        let merchant = all[number % all.len()];
        let amount = format!("{}.{:02}", 1 + number % 200, number % 100);
        let mut sale = Sale::plain(merchant.legacy_id, &format!("OUT-{number}"), &amount);
        sale.currency = Some(merchant.currency.clone());
        if (number / all.len()).is_multiple_of(4) {
            sale.click_id = click_ids.get(&merchant.legacy_id).cloned();
        }
        sale
    };
    (0..SALES).map(sale).collect()
}

fn nothing_is_lost_or_booked_twice(seen: &Acknowledged, rows: &[Row]) {
    let counts = booked(rows);
    let lost: Vec<&Order> = seen.orders.keys().filter(|order| !counts.contains_key(*order)).collect();
    let twice: Vec<_> = counts.iter().filter(|(_, count)| **count > 1).collect();
    let unexpected: Vec<_> = counts.keys().filter(|order| !seen.orders.contains_key(*order)).collect();
    assert!(lost.is_empty(), "lost: {lost:?}");
    assert!(twice.is_empty(), "booked twice: {twice:?}");
    assert!(unexpected.is_empty(), "nobody reported: {unexpected:?}");
}

/// Once on its platform; or not more than once, and visible as unknown.
fn every_order_is_delivered(lab: &Lab, merchants: &[Merchant], rows: &[Row]) {
    let by_primary: BTreeMap<u64, u64> =
        merchants.iter().map(|one| (one.primary_id, one.legacy_id)).collect();
    let on = BTreeMap::from([
        ("primary", received(&lab.transactions("primary"), |id| by_primary[&id])),
        ("legacy", received(&lab.transactions("legacy"), |id| id)),
    ]);
    let mut unknown = 0;
    for row in rows {
        let owner = row.all["owner"].as_str().unwrap_or_else(|| panic!("nobody's: {:#}", row.all));
        let there = |platform: &str| on[platform].get(&row.order).map_or(0, Vec::len);
        let other = if owner == "primary" { "legacy" } else { "primary" };
        assert_eq!(there(other), 0, "not on the other platform: {:#}", row.all);
        match row.state.as_str() {
            "taken" | "confirmed" => assert_eq!(there(owner), 1, "delivered once: {:#}", row.all),
            "unknown" => {
                unknown += 1;
                assert!(there(owner) <= 1, "never twice: {:#}", row.all);
                let merchant = merchants.iter().find(|one| one.legacy_id == row.order.0).unwrap();
                assert!(owner == "legacy" || !folds(merchant), "{:#}", row.all);
            }
            _ => panic!("neither delivered nor unknown: {:#}", row.all),
        }
    }
    assert!(unknown < rows.len() / 50, "{unknown} unknown: a breaker should have kept most from being tried");
}

#[test]
fn with_both_platforms_silent_no_reply_waits_for_one() {
    let data = Data::prepared();
    data.set("attempt_deadline", "\"1s\"");
    let system = System::up(data);
    let lab = system.lab();
    for platform in ["legacy", "primary"] {
        lab.fault(platform, "blackhole");
    }
    let sales: Vec<Sale> =
        (0..500).map(|number| Sale::plain(789, &format!("HOLE-{number}"), "3.00")).collect();
    let seen = report_all(system.process.address("edge"), &sales, CONNECTIONS);
    assert_eq!(seen.not, BTreeMap::new());
    assert!(seen.slowest() < LONGEST_REPLY, "{:?}", seen.slowest());
    for platform in ["legacy", "primary"] {
        lab.fault(platform, "none");
    }
    system.ledger().wait_until_settled(500, Duration::from_secs(60));
    nothing_is_lost_or_booked_twice(&seen, &system.ledger().rows());
    assert_eq!(system.ledger().assert_balances(), 500);
}

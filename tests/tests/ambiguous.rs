//! Ambiguous is not failed: a platform that processes each request and then never answers.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test")]

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};
use system_tests::books::{booked, received};
use system_tests::clicks::{follow, parameter};
use system_tests::sales::report_all;
use system_tests::system::Merchant;
use system_tests::wait::wait_until;
use system_tests::{Acknowledged, Data, Sale, System};

const ORDERS: usize = 60;

#[test]
fn what_may_have_arrived_is_sent_nowhere_else_and_resent_only_where_copies_are_folded() {
    let data = Data::prepared();
    let folds = |merchant: u64| merchant.is_multiple_of(2);
    data.set_deduplicates(|merchant| Some(folds(merchant)));
    data.set("attempt_deadline", "\"1s\"");
    let system = System::up(data);
    let lab = system.lab();
    let moved = lab.moved();
    let dedup = |one: &Merchant| json!({ "legacy_id": one.legacy_id, "dedup": folds(one.legacy_id) });
    let advertisers: Vec<Value> = moved.iter().map(dedup).collect();
    lab.settings(&json!({ "advertisers": advertisers, "primary_rate_limit_per_minute": 0 }));
    let sales = sales(&system, &moved);
    assert!(sales.iter().any(|sale| folds(sale.order.0)) && sales.iter().any(|sale| !folds(sale.order.0)));

    lab.fault("primary", "processed_then_no_answer");
    let seen = report_all(system.process.address("edge"), &sales, 8);
    assert!(seen.not.is_empty(), "{:?}", seen.not);
    assert_eq!(seen.orders.len(), ORDERS);
    some_stand_as_unknown(&system, folds);
    lab.fault("primary", "none");
    let states = system.ledger().wait_until_settled(ORDERS as u64, Duration::from_secs(90));

    assert_eq!(lab.transactions("legacy"), Vec::<Value>::new(), "nothing fails over");
    assert_eq!(lab.requests("legacy"), Vec::<Value>::new(), "nothing is even tried elsewhere");
    every_order_is_where_it_belongs(&system, &moved, &seen, folds);
    assert!(states.get("unknown").is_some_and(|count| *count > 0), "{states:?}");
    system.ledger().assert_balances();
    system.process.assert_calm();
}

/// Half of the sales with a click of ours, half without; all merchants in turn.
fn sales(system: &System, moved: &[Merchant]) -> Vec<Sale> {
    let mut edge = system.edge();
    let sale = |number: usize| {
        let merchant = &moved[number % moved.len()];
        let mut sale = Sale::plain(merchant.legacy_id, &format!("AMB-{number:03}"), "12.50");
        sale.currency = Some(merchant.currency.clone());
        if (number / moved.len()).is_multiple_of(2) {
            let link = format!("https://shareasale.com/r.cfm?b=1&u=456&m={}", merchant.legacy_id);
            let answer = follow(&mut edge, &link, &[]);
            let landing = parameter(answer.location(), "ued").unwrap();
            sale.click_id = parameter(&landing, "sscid");
            assert!(sale.click_id.is_some(), "{landing}");
        }
        sale
    };
    (0..ORDERS).map(sale).collect()
}

/// The platform is silent until the first orders of merchants whose copies are not folded are `unknown`.
fn some_stand_as_unknown(system: &System, folds: impl Fn(u64) -> bool) {
    let unknown = || {
        let rows = system.ledger().rows();
        rows.into_iter().filter(|row| row.state == "unknown").map(|row| row.order.0).collect::<Vec<u64>>()
    };
    let merchants =
        wait_until("orders stand as unknown", Duration::from_secs(60), unknown, |all| all.len() >= 2);
    for merchant in merchants {
        assert!(!folds(merchant), "{merchant} folds copies, so its orders may be sent again");
    }
}

fn every_order_is_where_it_belongs(
    system: &System,
    moved: &[Merchant],
    seen: &Acknowledged,
    folds: impl Fn(u64) -> bool,
) {
    let ids: BTreeMap<u64, u64> = moved.iter().map(|one| (one.primary_id, one.legacy_id)).collect();
    let on_primary = received(&system.lab().transactions("primary"), |id| ids[&id]);
    let requests = system.lab().requests("primary");
    let names = |request: &&Value, reference: &str| {
        [&request["query"], &request["body"]]
            .iter()
            .any(|text| text.as_str().unwrap_or_default().contains(reference))
    };
    let rows = system.ledger().rows();
    let counts = booked(&rows);
    for order in seen.orders.keys() {
        assert_eq!(counts.get(order), Some(&1), "{order:?} is booked once with us");
        let there = on_primary.get(order).map_or(&[][..], Vec::as_slice);
        assert_eq!(there.len(), 1, "{order:?} is on the primary once: {there:#?}");
        let row = rows.iter().find(|row| row.order == *order && row.is_booked()).unwrap();
        if folds(order.0) {
            assert_ne!(row.state, "unknown", "{:#}", row.all);
        } else {
            // The lab folds nothing here: a second request would stand as a second transaction.
            assert_eq!(there[0]["received"], 1, "{there:#?}");
            let sent = requests.iter().filter(|request| names(request, &order.1)).count();
            assert_eq!(sent, 1, "{order:?} was sent {sent} times");
        }
    }
}

/// The observer itself is put to the test: a directory that promises what the platform does not do makes
/// copies, and they are seen.
#[test]
fn a_directory_that_promises_too_much_makes_copies_and_the_observer_sees_them() {
    let data = Data::prepared();
    data.set_deduplicates(|_| Some(true));
    data.set("attempt_deadline", "\"1s\"");
    let system = System::up(data);
    let lab = system.lab();
    lab.fault("primary", "processed_then_no_answer");
    let seen = report_all(system.process.address("edge"), &[Sale::plain(789, "COPY-1", "5.00")], 1);
    assert_eq!(seen.orders.len(), 1);
    let booked = || lab.transactions("primary").len();
    wait_until("the primary has taken it", Duration::from_secs(30), booked, |count| *count > 0);
    lab.fault("primary", "none");
    system.ledger().wait_until_settled(1, Duration::from_secs(60));
    assert!(lab.transactions("primary").len() > 1, "{:#?}", lab.transactions("primary"));
}

//! Edge and processor killed in the middle of a stream of sales, again and again.

#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stderr, reason = "a test")]

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};
use system_tests::books::{booked, received};
use system_tests::clicks::{follow, parameter};
use system_tests::roles::Roles;
use system_tests::sales::Stream;
use system_tests::system::{Lab, Merchant};
use system_tests::{Acknowledged, Data, Sale, wait_for};

/// Kills of the edge, and as many of the processor.
const KILLS: usize = 15;
const CONNECTIONS: usize = 16;

/// Sales of the test in which both platforms are down all the while.
const OUTAGE_SALES: usize = 10_000;

/// Sales acknowledged between two kills, so that each one comes in the middle of work.
const BETWEEN: usize = 60;

const MINUTE: Duration = Duration::from_secs(60);

#[test]
fn killed_again_and_again_edge_and_processor_lose_nothing_and_book_nothing_twice() {
    let mut roles = Roles::start(prepared());
    fold_copies(&roles.lab());
    let seen = sell_and_kill(&mut roles, 0);
    everything_adds_up(&roles, &seen);
}

#[test]
fn killed_again_and_again_while_both_platforms_are_down_they_still_deliver_every_order() {
    let mut roles = Roles::start(prepared());
    let lab = roles.lab();
    fold_copies(&lab);
    lab.fault("primary", "refused");
    lab.fault("legacy", "down");
    let seen = sell_and_kill(&mut roles, OUTAGE_SALES);
    assert_eq!(lab.transactions("primary").len() + lab.transactions("legacy").len(), 0);
    lab.fault("primary", "none");
    lab.fault("legacy", "none");
    everything_adds_up(&roles, &seen);
}

fn prepared() -> Data {
    let data = Data::prepared();
    data.set_deduplicates(|_| Some(true));
    data.set("attempt_deadline", "\"2s\"");
    data
}

fn fold_copies(lab: &Lab) {
    lab.settings(&json!({
        "primary_dedup": true,
        "legacy_duplicate_window_ms": 3_600_000,
        "primary_rate_limit_per_minute": 0,
    }));
}

/// A stream of sales, with the edge and the processor killed in turn in the middle of it.
fn sell_and_kill(roles: &mut Roles, sales_min: usize) -> Acknowledged {
    let merchants = merchants(roles);
    let stream = Stream::start(roles.edge_address(), CONNECTIONS, move |number| {
        let (merchant, click_id) = &merchants[number % merchants.len()];
        let mut sale = Sale::plain(merchant.legacy_id, &format!("KILL-{number}"), "7.25");
        sale.currency = Some(merchant.currency.clone());
        sale.click_id = click_id.clone().filter(|_| number % 3 == 0);
        sale
    });
    let between = BETWEEN.max(sales_min / (2 * KILLS));
    for kill in 0..2 * KILLS {
        // Not always at the same point of the work.
        let until = stream.acknowledged() + between + kill;
        wait_for("the stream flows again", MINUTE, || (stream.acknowledged() >= until).then_some(()));
        if kill % 2 == 0 { roles.crash_edge() } else { roles.crash_processor() }
    }
    wait_for("enough is sold", MINUTE, || (stream.acknowledged() >= sales_min).then_some(()));
    let seen = stream.stop();
    assert!(seen.orders.len() >= 2 * KILLS * BETWEEN, "{} acknowledged", seen.orders.len());
    assert!(!seen.not.is_empty(), "no kill hit a sale: the test proves nothing");
    seen
}

/// All merchants; those that have moved with a click id of ours.
fn merchants(roles: &Roles) -> Vec<(Merchant, Option<String>)> {
    let (lab, mut edge) = (roles.lab(), roles.client());
    let moved = lab.moved().into_iter().map(|one| {
        let link = format!("https://shareasale.com/r.cfm?b=1&u=456&m={}", one.legacy_id);
        let answer = follow(&mut edge, &link, &[]);
        let landing = parameter(answer.location(), "ued").unwrap_or_else(|| answer.location().to_owned());
        (one, Some(parameter(&landing, "sscid").unwrap()))
    });
    let moved: Vec<_> = moved.collect();
    moved.into_iter().chain(lab.not_moved().into_iter().map(|one| (one, None))).collect()
}

fn everything_adds_up(roles: &Roles, seen: &Acknowledged) {
    settle(roles, seen);
    the_ledger_holds_what_was_acknowledged(roles, seen);
    the_platforms_hold_each_order_once(roles, seen);
    roles.ledger().assert_balances();
    roles.edge.assert_calm();
    roles.processor.assert_calm();
}

/// Everything is handed over and delivered.
fn settle(roles: &Roles, seen: &Acknowledged) {
    let token = roles.data.token("edge");
    wait_for("the outbox is handed over", MINUTE, || {
        let status =
            system_tests::http::get_json(roles.edge.address("edge_operator"), "/status", Some(&token));
        (status["outbox"]["queued"] == 0).then_some(())
    });
    let states = roles.ledger().wait_until_settled(seen.orders.len() as u64, 2 * MINUTE);
    eprintln!("{} acknowledged, {} not; at the end {states:?}", seen.orders.len(), seen.not.len());
}

/// Every acknowledged order once; besides, at most what was reported and not acknowledged.
fn the_ledger_holds_what_was_acknowledged(roles: &Roles, seen: &Acknowledged) {
    let counts = booked(&roles.ledger().rows());
    let missing: Vec<_> = seen.orders.keys().filter(|order| !counts.contains_key(*order)).collect();
    assert!(missing.is_empty(), "acknowledged and lost: {missing:?}");
    for (order, count) in &counts {
        assert_eq!(*count, 1, "{order:?} is booked {count} times");
        let reported = seen.orders.contains_key(order) || seen.not.contains_key(order);
        assert!(reported, "{order:?} was never reported");
    }
}

/// Once, or visible as unknown; and unknown only where copies are not known to be folded.
fn the_platforms_hold_each_order_once(roles: &Roles, seen: &Acknowledged) {
    let lab = roles.lab();
    let by_primary: BTreeMap<u64, u64> =
        lab.merchants(|_| true).iter().map(|one| (one.primary_id, one.legacy_id)).collect();
    let mut all = received(&lab.transactions("primary"), |id| by_primary[&id]);
    for (order, transactions) in received(&lab.transactions("legacy"), |id| id) {
        let there: &mut Vec<Value> = all.entry(order).or_default();
        there.extend(transactions);
    }
    for (order, transactions) in &all {
        assert_eq!(transactions.len(), 1, "{order:?} is on the platforms more than once: {transactions:#?}");
    }
    for row in roles.ledger().rows().iter().filter(|row| row.is_booked()) {
        match row.state.as_str() {
            "taken" | "confirmed" => assert!(all.contains_key(&row.order), "on no platform: {:#}", row.all),
            "unknown" => assert_eq!(row.all["owner"], "legacy", "the primary folds copies: {:#}", row.all),
            _ => panic!("neither delivered nor unknown: {:#}", row.all),
        }
    }
    assert!(seen.orders.keys().any(|order| all.contains_key(order)));
}

#[test]
fn a_processor_that_is_away_costs_nobody_a_reply() {
    let mut roles = Roles::start(Data::prepared());
    roles.processor.kill();
    let sales: Vec<Sale> =
        (0..200).map(|number| Sale::plain(789, &format!("AWAY-{number}"), "3.00")).collect();
    let seen = system_tests::sales::report_all(roles.edge_address(), &sales, 8);
    assert_eq!(seen.not, BTreeMap::new());
    assert!(seen.slowest() < Duration::from_secs(2), "{:?}", seen.slowest());
    roles.crash_edge();
    roles.crash_processor();
    settle(&roles, &seen);
    the_ledger_holds_what_was_acknowledged(&roles, &seen);
    assert_eq!(roles.ledger().assert_balances(), 200);
}

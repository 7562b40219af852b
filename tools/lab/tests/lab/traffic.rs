//! People against an edge. The legacy platform alone stands in for one: it is what an edge imitates.

use std::future::pending;
use std::sync::Arc;

use lab::traffic::{Stats, TrafficSettings, run};
use lab::{Evidence, Fault, Mode, PlatformName};

use crate::client::start;

#[tokio::test]
async fn people_click_land_and_buy_and_every_order_is_in_the_books() {
    let lab = start().await;
    let stats = Arc::new(Stats::default());
    let mut settings = TrafficSettings::new(lab.legacy, lab.shop, 2_000.0, 11, lab.world());
    settings.orders_max = Some(60);
    run(settings, Arc::clone(&stats), pending()).await.unwrap();
    let seen = stats.snapshot();
    assert_eq!((seen.errors, seen.orders), (0, 60), "{seen:?}");
    assert_eq!(seen.conversions_sent, seen.conversions_acknowledged);
    assert!(seen.landed_with_click_id > 20 && seen.clicks >= seen.landed_with_click_id, "{seen:?}");
    assert!(seen.p50_us > 0 && seen.p99_us >= seen.p50_us);
    let books = lab.transactions(PlatformName::Legacy);
    for order in stats.orders() {
        let one =
            books.iter().find(|one| one.order_reference == order.order && one.advertiser == order.merchant);
        let one = one.unwrap_or_else(|| panic!("{} is missing", order.order));
        assert_eq!(one.received, order.sent, "{}", order.order);
        if order.has_click_id {
            assert!(
                matches!(one.evidence, Evidence::ClickId | Evidence::Cookie),
                "{}: {:?}",
                order.order,
                one.evidence
            );
        }
    }
}

#[tokio::test]
async fn equal_seeds_make_equal_orders() {
    let orders = async || {
        let lab = start().await;
        let stats = Arc::new(Stats::default());
        let mut settings = TrafficSettings::new(lab.legacy, lab.shop, 1_000.0, 5, lab.world());
        settings.orders_max = Some(20);
        run(settings, Arc::clone(&stats), pending()).await.unwrap();
        stats
            .orders()
            .into_iter()
            .map(|order| (order.merchant, order.order, order.amount))
            .collect::<Vec<_>>()
    };
    // Which journeys come to buy before the limit depends on the race, so the runs agree on most.
    let (first, second) = (orders().await, orders().await);
    let shared = first.iter().filter(|one| second.contains(one)).count();
    assert!(shared >= 12, "{shared} of 20");
}

#[tokio::test]
async fn failures_are_counted_by_kind() {
    let lab = start().await;
    lab.set_fault(PlatformName::Legacy, Fault::mode(Mode::Error500)).await.unwrap();
    let stats = Arc::new(Stats::default());
    let mut settings = TrafficSettings::new(lab.legacy, lab.shop, 2_000.0, 3, lab.world());
    settings.orders_max = Some(5);
    run(settings, Arc::clone(&stats), pending()).await.unwrap();
    let seen = stats.snapshot();
    assert_eq!(seen.errors, seen.requests);
    assert_eq!(seen.errors_by_kind.get("status 500"), Some(&seen.errors));
    assert_eq!(seen.conversions_acknowledged, 0);
}

#[tokio::test]
async fn a_run_ends_when_told() {
    let lab = start().await;
    let settings = TrafficSettings::new(lab.legacy, lab.shop, 50.0, 3, lab.world());
    run(settings, Arc::new(Stats::default()), std::future::ready(())).await.unwrap();
    let bad = TrafficSettings::new(lab.legacy, lab.shop, 0.0, 3, lab.world());
    assert!(run(bad, Arc::new(Stats::default()), pending()).await.is_err());
}

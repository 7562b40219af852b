//! Measuring.

use std::collections::HashSet;
use std::time::Duration;

use lab::load::{LoadSettings, run};
use lab::{Fault, Mode, PlatformName};

use crate::client::start;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_open_loop_sends_what_was_intended() {
    let lab = start().await;
    let mut settings = LoadSettings::new(lab.legacy, 400.0, Duration::from_millis(500), 7);
    settings.connections = 8;
    settings.conversion_share = 0.5;
    settings.world = lab.world();
    let report = run(settings, |_| {}).await.unwrap();
    assert_eq!((report.intended, report.sent, report.completed), (200, 200, 200), "{report:?}");
    assert!(report.errors.is_empty() && report.conversions_sent > 50, "{report:?}");
    assert_eq!(report.conversions_sent, report.conversions_acknowledged);
    assert!(report.latency.p50_us > 0 && report.latency.max_us >= report.latency.p99_us);
    let books = lab.transactions(PlatformName::Legacy);
    let orders: HashSet<&str> = books.iter().map(|one| one.order_reference.as_str()).collect();
    assert_eq!(orders.len() as u64, report.conversions_sent);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stall_is_charged_to_every_request_it_delayed() {
    let lab = start().await;
    lab.set_fault(PlatformName::Legacy, Fault::timed(Mode::Slow, 50)).await.unwrap();
    // One connection can do 20 a second; 100 are intended, so waiting builds up far beyond one answer's 50 ms.
    let mut settings = LoadSettings::new(lab.legacy, 100.0, Duration::from_millis(400), 7);
    settings.connections = 1;
    let report = run(settings, |_| {}).await.unwrap();
    assert_eq!(report.intended, 40);
    assert!(report.latency.max_us > 1_000_000, "{:?}", report.latency);
    assert!(report.latency.p50_us > 400_000, "{:?}", report.latency);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_closed_loop_saturates_and_failures_have_kinds() {
    let lab = start().await;
    let mut settings = LoadSettings::new(lab.legacy, 0.0, Duration::from_millis(300), 7);
    settings.connections = 4;
    let report = run(settings.clone(), |_| {}).await.unwrap();
    assert!(report.completed > 100 && report.errors.is_empty(), "{report:?}");
    assert_eq!(report.intended, report.sent);
    lab.set_fault(PlatformName::Legacy, Fault::mode(Mode::Down)).await.unwrap();
    let down = run(settings.clone(), |_| {}).await.unwrap();
    assert_eq!((down.completed, down.errors.get("closed")), (0, Some(&down.sent)), "{down:?}");
    lab.set_fault(PlatformName::Legacy, Fault::mode(Mode::Refused)).await.unwrap();
    let refused = run(settings.clone(), |_| {}).await.unwrap();
    assert!(refused.errors.contains_key("connect"), "{refused:?}");
    settings.connections = 0;
    assert!(run(settings, |_| {}).await.is_err());
}

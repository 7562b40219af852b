//! What may be durable all the same goes to no platform: it would be told twice.

use std::path::Path;

use outbox::simulated::Simulated;

use super::*;
use crate::settings::KeeperSettings;

const SALE: &str = "/buy?shop=1&sum=10.00&order=A-1";

/// Whether the platform was asked about a sale, when no processor is there and the edge is of these parts.
pub(super) async fn asked(parts: Parts, keeper: Option<KeeperSettings>, sales: usize) -> Vec<bool> {
    let (primary, platform, _alive) = stand(vec![(200, "")]).await;
    let gone = tokio::net::TcpListener::bind(LOOPBACK).await.unwrap().local_addr().unwrap();
    let upstream = upstream::Settings { origins: vec![origin(Home::Primary, primary)], ..Default::default() };
    let drain = Drain { grace: Duration::ZERO, within: PATIENCE };
    let processor = Some(processor(gone));
    let settings = EdgeSettings { drain, processor, keeper, upstream, ..Default::default() };
    let edge = serve(settings, parts).await.unwrap();
    let sold = || platform.asked.lock().unwrap().iter().filter(|asked| asked.path() == b"/sale").count();
    let mut asked = Vec::new();
    for _ in 0..sales {
        let before = sold();
        let said = browse(edge.addresses().plain.unwrap(), "old.test", SALE).await;
        assert!(said.starts_with("HTTP/1.1 503 "), "{said}");
        asked.push(sold() > before);
    }
    assert!(edge.stop().await);
    asked
}

#[tokio::test(flavor = "multi_thread")]
async fn i2_a_sale_whose_own_sync_failed_goes_to_no_platform_and_the_next_one_does() {
    let disk = Simulated::new(1);
    let limits = outbox::Settings { reserve_bytes: 0, ..Default::default() };
    let (appender, _consumer, _) = outbox::open_on(&disk, Path::new("/lane"), limits).unwrap();
    disk.fail_sync(1);
    let (whole, _directory) = parts(outbox::Settings::default());
    let asked = asked(Parts { appender, ..whole }, None, 2).await;
    assert_eq!(asked, [false, true], "the first may be on the disk, the second certainly is not");
}

#[tokio::test(flavor = "multi_thread")]
async fn i2_a_sale_that_the_keeper_may_hold_goes_to_no_platform_and_what_it_refused_does() {
    for (status, body, goes) in [
        (500, "", false),
        (200, "{}", false),
        (503, "", false),
        (401, "", true),
        (503, r#"{"kept":0}"#, true),
    ] {
        let (address, _stand, _alive) = stand(vec![(status, body)]).await;
        let (parts, _directory) = parts(strangers::tiny());
        let endpoint = Endpoint::plain(address.to_string());
        let keys = processor(address).keys;
        let keeper = KeeperSettings { endpoint, lane: "lane".to_owned(), keys, within: PATIENCE };
        assert_eq!(asked(parts, Some(keeper), 1).await, [goes], "the keeper says {status} {body}");
    }
}

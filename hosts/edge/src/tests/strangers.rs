//! Something else answers where the processor or the keeper should be.

use outbox::Settings as Limits;

use super::*;
use crate::settings::KeeperSettings;

const PAGE: &str = "<html>We are back soon</html>";
const SALE: &str = "/buy?shop=1&sum=10.00&order=A-1";

/// An outbox that holds one short entry: no sale fits.
pub(super) fn tiny() -> Limits {
    Limits { entry_bytes_max: 8, backlog_bytes_max: 64, reserve_bytes: 0, ..Limits::default() }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_only_a_page_has_taken_stays_in_the_outbox_and_is_sent_again() {
    let none = r#"{"accepted":0,"duplicates":0}"#;
    let (address, stand, _alive) = stand(vec![(200, PAGE), (200, "{}"), (200, none), (200, TAKEN)]).await;
    let (edge, _directory) = edge(|edge| edge.processor = Some(processor(address))).await;
    let said = browse(edge.addresses().plain.unwrap(), "old.test", SALE).await;
    assert!(said.starts_with("HTTP/1.1 200 OK"), "{said}");
    eventually("it is acknowledged", || async { edge.outbox().backlog_entries == 0 }).await;
    assert_eq!(edge.stats().handed_over, 1, "by the last answer alone");
    {
        let asked = stand.asked.lock().unwrap();
        assert_eq!(asked.len(), 4);
        assert!(asked.iter().all(|again| again.body == asked[0].body), "the same bytes");
    }
    assert!(edge.stop().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_outbox_cannot_take_is_not_acknowledged_on_the_word_of_a_page() {
    let (address, page, _alive) = stand(vec![(200, PAGE)]).await;
    let (parts, _directory) = parts(tiny());
    let drain = Drain { grace: Duration::ZERO, within: PATIENCE };
    let keys = processor(address).keys;
    let endpoint = Endpoint::plain(address.to_string());
    let keeper = KeeperSettings { endpoint, lane: "lane".to_owned(), keys, within: PATIENCE };
    let settings = EdgeSettings {
        drain,
        processor: Some(processor(address)),
        keeper: Some(keeper),
        ..Default::default()
    };
    let edge = serve(settings, parts).await.unwrap();
    let said = browse(edge.addresses().plain.unwrap(), "old.test", SALE).await;
    assert!(said.starts_with("HTTP/1.1 503 "), "neither the processor nor the keeper has it: {said}");
    {
        let asked = page.asked.lock().unwrap();
        let path = |path: &str| asked.iter().filter(|asked| asked.target == path.as_bytes()).count();
        assert_eq!(path("/v1/copies"), 1);
        assert!(path("/v1/batches") >= 1, "and again, because it is remembered");
    }
    assert!(edge.stop().await);
}

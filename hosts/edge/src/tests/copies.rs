//! Second copies: kept before the reply, handed over when nobody else does.

use outbox::Settings as Limits;

use super::*;
use crate::settings::KeeperSettings;

/// An edge that keeps copies for others, and hands them over to `processor`.
async fn keeper(settings: &ProcessorSettings) -> (RunningEdge, [TempDir; 2]) {
    let ((own, directory), copies) = (parts(Limits::default()), tempfile::tempdir().unwrap());
    let (appender, consumer, _) = outbox::open(copies.path(), Limits::default()).unwrap();
    let parts = Parts { copies: Some((appender, consumer)), ..own };
    let edge = EdgeSettings {
        drain: Drain { grace: Duration::ZERO, within: PATIENCE },
        processor: Some(settings.clone()),
        keeps: Some(LOOPBACK),
        ..Default::default()
    };
    (serve(edge, parts).await.unwrap(), [directory, copies])
}

fn kept_by(address: SocketAddr, keys: Keys) -> KeeperSettings {
    let endpoint = Endpoint::plain(address.to_string());
    KeeperSettings { endpoint, lane: "lane".to_owned(), keys, within: PATIENCE }
}

/// An edge whose copies go to `keeper`, with an outbox of these limits and no processor.
async fn copied(keeper: KeeperSettings, limits: Limits) -> (RunningEdge, TempDir) {
    let (parts, directory) = parts(limits);
    let drain = Drain { grace: Duration::ZERO, within: PATIENCE };
    let settings = EdgeSettings { drain, keeper: Some(keeper), ..Default::default() };
    (serve(settings, parts).await.unwrap(), directory)
}

const SALE: &str = "/buy?shop=1&sum=10.00&order=A-1";

#[tokio::test(flavor = "multi_thread")]
async fn a_sale_whose_edge_loses_its_disk_reaches_the_processor_all_the_same() {
    let (address, stand, _alive) = stand(vec![(200, TAKEN)]).await;
    let settings = processor(address);
    let (keeper, _kept) = keeper(&settings).await;
    let (edge, directory) =
        copied(kept_by(keeper.addresses().copies.unwrap(), settings.keys.clone()), Limits::default()).await;
    let said = browse(edge.addresses().plain.unwrap(), "old.test", SALE).await;
    assert!(said.starts_with("HTTP/1.1 200 OK") && said.contains("image/gif"), "{said}");
    drop(directory);
    let handed = || async { stand.asked.lock().unwrap().iter().any(|asked| asked.target == b"/v1/batches") };
    eventually("the keeper hands it over", handed).await;
    let batch = {
        let asked = stand.asked.lock().unwrap();
        Batch::decode(&asked[0].body).unwrap()
    };
    assert_eq!((batch.lane.as_str(), batch.entries.len()), ("lane-copies", 1));
    assert!(edge.stop().await && keeper.stop().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sale_that_only_the_keeper_can_take_is_acknowledged_and_sent_to_no_platform() {
    let (address, _stand, _alive) = stand(vec![(200, TAKEN)]).await;
    let settings = processor(address);
    let (keeper, _kept) = keeper(&settings).await;
    let (edge, _directory) =
        copied(kept_by(keeper.addresses().copies.unwrap(), settings.keys.clone()), strangers::tiny()).await;
    let said = browse(edge.addresses().plain.unwrap(), "old.test", SALE).await;
    assert!(said.starts_with("HTTP/1.1 200 OK"), "{said}");
    assert_eq!((edge.stats().captured, edge.stats().not_captured), (1, 0));
    assert_eq!(edge.outbox().durable.get(), 0, "its own disk has nothing");
    assert!(edge.stop().await && keeper.stop().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_keeper_that_is_away_or_refuses_keeps_nobody_waiting() {
    let (address, _stand, _alive) = stand(vec![(200, TAKEN)]).await;
    let settings = processor(address);
    let (keeper, _kept) = keeper(&settings).await;
    let stranger = Keys::new(SigningKey { name: "stranger".to_owned(), secret: vec![1; 32] }, Vec::new());
    let gone = tokio::net::TcpListener::bind(LOOPBACK).await.unwrap().local_addr().unwrap();
    for kept in [kept_by(gone, settings.keys.clone()), kept_by(keeper.addresses().copies.unwrap(), stranger)]
    {
        let (edge, _directory) = copied(kept, Limits::default()).await;
        let said = browse(edge.addresses().plain.unwrap(), "old.test", SALE).await;
        assert!(said.starts_with("HTTP/1.1 200 OK"), "its own disk has it: {said}");
        assert_eq!(edge.outbox().durable.get(), 1);
        assert!(edge.stop().await);
    }
    let copies = Endpoint::plain(keeper.addresses().copies.unwrap().to_string());
    let answer = ask(copies, Roots::System, "localhost", "/v1/copies", &[]).await;
    assert_eq!(answer.status, 404, "copies are posted");
    assert!(keeper.stop().await);
}

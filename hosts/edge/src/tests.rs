//! A whole edge, with a real outbox, over real sockets.

mod bounds;
mod certificates;
mod copies;
mod fixture;
mod hanging;
mod passing;
mod remembering;
mod strangers;
mod unsure;

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use relay::envelope::Batch;
use relay::reply::PIXEL;
use relay::signature::{KEY_HEADER, Keys, SIGNATURE_HEADER, Signature, SigningKey, TIME_HEADER};
use tempfile::TempDir;
use tracking::{Answer, Home};
use upstream::{Call, Endpoint, Origin, Peer, Request, Roots};

use self::fixture::{TAKEN, snapshot, stand};
use crate::settings::{Certificate, Drain, OperatorSettings, ProcessorSettings, TlsSettings, Token};
use crate::{EdgeSettings, Error, Parts, RunningEdge, clock, serve};

const PATIENCE: Duration = Duration::from_secs(20);
const LOOPBACK: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 0);

/// An edge at work in a directory of its own. No platform answers unless the settings say where.
async fn edge(change: impl FnOnce(&mut EdgeSettings)) -> (RunningEdge, TempDir) {
    let mut settings =
        EdgeSettings { drain: Drain { grace: Duration::ZERO, within: PATIENCE }, ..Default::default() };
    change(&mut settings);
    let (parts, directory) = parts(outbox::Settings::default());
    (serve(settings, parts).await.unwrap(), directory)
}

/// What an edge works with that has no more than it must: an outbox of these limits, in a directory of its own.
fn parts(limits: outbox::Settings) -> (Parts, TempDir) {
    let directory = tempfile::tempdir().unwrap();
    let (appender, consumer, _) = outbox::open(directory.path(), limits).unwrap();
    let parts = Parts {
        snapshot: Arc::new(ArcSwap::from_pointee(snapshot())),
        appender,
        consumer,
        telemetry: Arc::default(),
        log: None,
        copies: None,
        sockets: Vec::new(),
        mark: None,
    };
    (parts, directory)
}

/// Asks a server that is reached like this.
async fn ask(endpoint: Endpoint, roots: Roots, host: &str, target: &str, headers: &[(&str, &str)]) -> Answer {
    let settings = upstream::Settings { roots, ..Default::default() };
    let line = |(name, value): &(&str, &str)| ((*name).to_owned(), value.as_bytes().to_vec());
    let headers: Vec<_> = headers.iter().map(line).collect();
    let request = Request { method: "GET", host, target: target.as_bytes(), headers: &headers, body: b"" };
    let peer = Peer::new(&endpoint, &settings).unwrap();
    peer.call(&request, Call::once(PATIENCE)).await.unwrap()
}

/// Sends a GET as a browser would, without the mark that our own client sets.
async fn browse(address: SocketAddr, host: &str, target: &str) -> String {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
    let request = format!(
        "GET {target} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: Mozilla/5.0\r\nConnection: close\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut said = Vec::new();
    tokio::time::timeout(PATIENCE, stream.read_to_end(&mut said)).await.unwrap().unwrap();
    String::from_utf8_lossy(&said).into_owned()
}

async fn eventually<F: Future<Output = bool>>(what: &str, mut test: impl FnMut() -> F) {
    let reached = async {
        while !test().await {
            // Time must pass between two looks at a process that is asked over its sockets alone.
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(PATIENCE, reached).await.unwrap_or_else(|_| panic!("{what}"));
}

fn processor(address: SocketAddr) -> ProcessorSettings {
    let key = SigningKey { name: "edge".to_owned(), secret: vec![9; 32] };
    let keys = Keys::new(key, Vec::new());
    let settings = ProcessorSettings::new(Endpoint::plain(address.to_string()), "lane".to_owned(), keys);
    ProcessorSettings { backoff_first: Duration::from_millis(1), ..settings }
}

fn origin(home: Home, address: SocketAddr) -> Origin {
    Origin { home, host: None, endpoint: Endpoint::plain(address.to_string()) }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sale_is_durable_then_replied_to_then_handed_over_signed() {
    let (address, stand, _alive) = stand(vec![(503, "not now"), (200, TAKEN)]).await;
    let settings = processor(address);
    let (edge, _directory) = edge(|edge| edge.processor = Some(settings.clone())).await;
    let said =
        browse(edge.addresses().plain.unwrap(), "old.test", "/buy?shop=1&sum=10.00&order=A-1&odd=\"<é>")
            .await;
    assert!(said.starts_with("HTTP/1.1 200 OK") && said.contains("image/gif"), "{said}");
    assert!(
        said.ends_with(String::from_utf8_lossy(PIXEL).as_ref()),
        "no platform is there, and nobody noticed"
    );
    assert_eq!(edge.stats().captured, 1, "I1");
    eventually("the processor takes the entry", || async { edge.stats().handed_over == 1 }).await;
    eventually("it is acknowledged", || async { edge.outbox().backlog_entries == 0 }).await;
    {
        let asked = stand.asked.lock().unwrap();
        assert_eq!(asked.len(), 2, "refused once, then sent again");
        assert_eq!(asked[0].body, asked[1].body, "the same bytes");
        let header = |name| asked[1].header(name).unwrap().to_owned();
        let signature = Signature {
            key: header(KEY_HEADER),
            time: header(TIME_HEADER),
            signature: header(SIGNATURE_HEADER),
        };
        settings.keys.verify(&signature, &asked[1].body, clock::now()).unwrap();
        let batch = Batch::decode(&asked[1].body).unwrap();
        assert_eq!((batch.lane.as_str(), batch.entries.len()), ("lane", 1));
        assert_eq!(asked[1].target, b"/v1/batches");
    }
    assert!(edge.stop().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_click_of_an_observed_shop_is_passed_on_and_marked() {
    let (address, stand, _alive) = stand(vec![(302, "moved")]).await;
    let (edge, _directory) = edge(|edge| edge.upstream.origins = vec![origin(Home::Legacy, address)]).await;
    let said = browse(edge.addresses().plain.unwrap(), "old.test", "/go?shop=3&site=7&x=\"<é>").await;
    assert!(
        said.starts_with("HTTP/1.1 302 ") && said.contains("x-from: platform") && said.ends_with("moved"),
        "{said}"
    );
    {
        let asked = stand.asked.lock().unwrap();
        assert_eq!(asked[0].target, "/go?shop=3&site=7&x=\"<é>".as_bytes());
        assert_eq!((asked[0].host.as_str(), asked[0].header(upstream::HOP_HEADER)), ("old.test", Some("1")));
    }
    assert!(edge.stop().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_primary_is_noticed_before_a_shopper_is_sent_there() {
    let dead = tokio::net::TcpListener::bind(LOOPBACK).await.unwrap().local_addr().unwrap();
    let (edge, _directory) = edge(|edge| edge.upstream.origins = vec![origin(Home::Primary, dead)]).await;
    let plain = edge.addresses().plain.unwrap();
    eventually("clicks go to the shop", || async {
        browse(plain, "old.test", "/go?shop=1&site=7").await.contains("location: https://shop1.test/home")
    })
    .await;
    assert!(edge.stop().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_living_primary_gets_its_clicks_and_the_processor_can_stop_that() {
    let (primary, _, _alive) = stand(vec![(200, "")]).await;
    let (address, _, _living) = stand(vec![(
        200,
        r#"{"accepted":ENTRIES,"duplicates":0,"breakers":{"primary":"open","legacy":"closed"}}"#,
    )])
    .await;
    let (edge, _directory) = edge(|edge| {
        edge.upstream.origins = vec![origin(Home::Primary, primary)];
        edge.processor = Some(processor(address));
    })
    .await;
    let plain = edge.addresses().plain.unwrap();
    let said = browse(plain, "old.test", "/go?shop=1&site=7").await;
    assert!(said.contains("location: https://new.test/click?m=1001"), "{said}");
    eventually("the processor's word counts", || async {
        browse(plain, "old.test", "/go?shop=1&site=7").await.contains("location: https://shop1.test/home")
    })
    .await;
    assert!(edge.stop().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn strangers_hosts_and_circles_are_refused() {
    let (edge, _directory) = edge(|_| {}).await;
    let plain = edge.addresses().plain.unwrap();
    let said = browse(plain, "elsewhere.test", "/go").await;
    assert!(said.starts_with("HTTP/1.1 421 ") && said.contains("not served here"), "{said}");
    let answer = ask(Endpoint::plain(plain.to_string()), Roots::System, "old.test", "/go", &[]).await;
    assert_eq!(answer.status, 508, "our own client marks its requests");
    assert!(edge.stop().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn operators_ask_on_a_socket_of_their_own() {
    let token = Token("secret".to_owned());
    let (edge, _directory) =
        edge(|edge| edge.operator = Some(OperatorSettings { listen: LOOPBACK, token })).await;
    browse(edge.addresses().plain.unwrap(), "old.test", "/buy?shop=1&sum=10.00&order=A-1").await;
    browse(edge.addresses().plain.unwrap(), "old.test", "/a b").await;
    let operator = Endpoint::plain(edge.addresses().operator.unwrap().to_string());
    let shown = [("authorization", "Bearer secret")];
    for (target, headers, status) in [
        ("/healthz", &[][..], 200),
        ("/metrics", &[], 401),
        ("/status", &[("authorization", "Bearer wrong")], 401),
        ("/status", &[("authorization", "secret")], 401),
        ("/metrics", &shown, 200),
        ("/other", &shown, 404),
    ] {
        let answer = ask(operator.clone(), Roots::System, "localhost", target, headers).await;
        assert_eq!(answer.status, status, "{target} {headers:?}");
    }
    let metrics = ask(operator.clone(), Roots::System, "localhost", "/metrics", &shown).await;
    let metrics = String::from_utf8(metrics.body).unwrap();
    for line in [
        "turnout_appended_total 1",
        "turnout_refused_total{code=\"target_bytes\"} 1",
        "turnout_outbox_entries 1",
        "turnout_invariant_broken_total{invariant=\"I1\"} 0",
    ] {
        assert!(metrics.contains(line), "no {line} in\n{metrics}");
    }
    let status = ask(operator, Roots::System, "localhost", "/status", &shown).await;
    let status: serde_json::Value = serde_json::from_slice(&status.body).unwrap();
    assert_eq!((&status["captured"], &status["outbox"]["queued"]), (&1.into(), &1.into()), "{status}");
    assert!(edge.stop().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_had_is_said() {
    let directory = tempfile::tempdir().unwrap();
    let taken = tokio::net::TcpListener::bind(LOOPBACK).await.unwrap();
    let missing =
        Certificate::Files { chain: directory.path().join("none.pem"), key: directory.path().join("none") };
    for (settings, message) in [
        (EdgeSettings { plain: None, ..Default::default() }, "neither a plain nor a TLS listener"),
        (EdgeSettings { plain: taken.local_addr().ok(), ..Default::default() }, "is another process there"),
        (EdgeSettings { tls: Some(TlsSettings::new(LOOPBACK, missing)), ..Default::default() }, "none.pem"),
    ] {
        let (parts, _lane) = parts(outbox::Settings::default());
        let error = serve(settings, parts).await;
        assert!(whole(&error.unwrap_err()).contains(message), "{message}");
    }
}

fn whole(error: &Error) -> String {
    let causes = std::iter::successors(Some(error as &dyn std::error::Error), |error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

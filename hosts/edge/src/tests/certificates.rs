//! The public's certificate: shown, exchanged while serving, and watched.

use std::fs;
use std::path::{Path, PathBuf};

use super::*;
use crate::RunningEdge;

/// A certificate for this host that ends in this year, in PEM, with its key.
fn made(year: i32) -> (String, String) {
    let mut parameters = rcgen::CertificateParams::new(vec!["old.test".to_owned()]).unwrap();
    parameters.not_after = rcgen::date_time_ymd(year, 2, 28);
    let key = rcgen::KeyPair::generate().unwrap();
    (parameters.self_signed(&key).unwrap().pem(), key.serialize_pem())
}

fn paths(folder: &Path) -> (PathBuf, PathBuf) {
    (folder.join("chain.pem"), folder.join("key.pem"))
}

fn put(folder: &Path, (chain, key): &(String, String)) {
    let (chain_path, key_path) = paths(folder);
    fs::write(chain_path, chain).unwrap();
    fs::write(key_path, key).unwrap();
}

/// An edge that shows what is in this folder and looks at it all the time, with operators.
async fn shows(folder: &Path) -> (RunningEdge, TempDir) {
    let (chain, key) = paths(folder);
    let tls = TlsSettings::new(LOOPBACK, Certificate::Files { chain, key });
    edge(|edge| {
        edge.tls = Some(TlsSettings { look_every: Duration::from_millis(5), ..tls });
        edge.operator = Some(OperatorSettings { listen: LOOPBACK, token: Token("secret".to_owned()) });
    })
    .await
}

/// The answer to a client that trusts this certificate alone; none if the handshake fails.
async fn trusting(edge: &RunningEdge, (chain, _): &(String, String)) -> Option<u16> {
    let address = edge.addresses().tls.unwrap().to_string();
    let endpoint =
        Endpoint { tls: true, server_name: Some("old.test".to_owned()), ..Endpoint::plain(address) };
    let settings = upstream::Settings { roots: Roots::Pem(chain.clone().into_bytes()), ..Default::default() };
    let request = Request { method: "GET", host: "elsewhere.test", target: b"/go", headers: &[], body: b"" };
    let peer = Peer::new(&endpoint, &settings).unwrap();
    peer.call(&request, Call::once(PATIENCE)).await.ok().map(|answer| answer.status)
}

async fn operator(edge: &RunningEdge, target: &str) -> String {
    let operator = Endpoint::plain(edge.addresses().operator.unwrap().to_string());
    let shown = [("authorization", "Bearer secret")];
    String::from_utf8(ask(operator, Roots::System, "localhost", target, &shown).await.body).unwrap()
}

async fn standing(edge: &RunningEdge) -> serde_json::Value {
    let status: serde_json::Value = serde_json::from_str(&operator(edge, "/status").await).unwrap();
    status["certificate"].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn tls_is_spoken_with_the_given_certificate() {
    let folder = tempfile::tempdir().unwrap();
    let first = made(2100);
    put(folder.path(), &first);
    let (edge, _directory) = shows(folder.path()).await;
    assert_eq!(trusting(&edge, &first).await, Some(508));
    assert!(edge.stop().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_certificate_is_taken_while_serving_and_a_bad_one_leaves_the_old_one() {
    let folder = tempfile::tempdir().unwrap();
    let (first, second) = (made(2100), made(2101));
    put(folder.path(), &first);
    let (edge, _directory) = shows(folder.path()).await;
    for bad in [
        (String::new(), String::new()),
        ("no certificate".to_owned(), first.1.clone()),
        (second.0.clone(), first.1.clone()),
    ] {
        put(folder.path(), &bad);
        eventually("it is told", || async { standing(&edge).await["problem"].is_string() }).await;
        assert_eq!(trusting(&edge, &first).await, Some(508), "the old one serves on");
        assert!(operator(&edge, "/metrics").await.contains("turnout_certificate_problem 1"));
        put(folder.path(), &first);
        eventually("all is well again", || async { standing(&edge).await["problem"].is_null() }).await;
    }
    put(folder.path(), &second);
    eventually("the new one is shown", || async { trusting(&edge, &second).await == Some(508) }).await;
    assert_eq!(trusting(&edge, &first).await, None, "and the old one no more");
    assert_eq!(standing(&edge).await["expires"], "2101-02-28T00:00:00.000Z");
    assert!(edge.stop().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_that_has_run_out_is_told_and_serves_on_who_does_not_mind() {
    let folder = tempfile::tempdir().unwrap();
    let old = made(2020);
    put(folder.path(), &old);
    let (edge, _directory) = shows(folder.path()).await;
    let told = standing(&edge).await;
    assert_eq!((&told["has_expired"], &told["days_left"]), (&true.into(), &0.into()), "{told}");
    // The last day of February 2020, in seconds since 1970.
    assert!(operator(&edge, "/metrics").await.contains("turnout_certificate_expires_seconds 1582848000"));
    assert_eq!(trusting(&edge, &old).await, None, "our own client minds");
    assert!(edge.stop().await);
}

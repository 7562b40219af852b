//! Every line of the corpus through a running edge, with the bytes that the wild holds.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test")]

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::Value;
use system_tests::{Data, System, clicks, wait_for};

/// More than any deadline of a reply, and far less than a hang.
const PATIENCE: Duration = Duration::from_secs(15);

/// A request as the wild writes it: where it goes and its bytes.
struct Wild {
    line: String,
    method: String,
    host: String,
    target: String,
    body: String,
}

#[test]
fn every_line_of_the_corpus_gets_an_answer_and_never_a_server_error() {
    let system = System::up(Data::prepared());
    let address = system.process.address("edge").to_owned();
    let (mut wrong, mut not_ours, mut count) = (Vec::new(), 0, 0);
    for wild in corpus() {
        count += 1;
        match raw(&address, &wild) {
            Ok((421, _)) => not_ours += 1,
            Ok((status, _)) if (200..500).contains(&status) => {}
            Ok((status, text)) => wrong.push(format!("{status}: {}\n  {text}", wild.line)),
            Err(why) => wrong.push(format!("{why}: {}", wild.line)),
        }
    }
    assert!(wrong.is_empty(), "{} of {count}:\n{}", wrong.len(), wrong.join("\n"));
    assert!(count > 850, "the corpus has only {count} lines with an URL");
    assert!(not_ours > 0, "the corpus holds requests to hosts that are not ours");
    let pixel = clicks::follow(
        &mut system.edge(),
        "https://shareasale.com/sale.cfm?tracking=W-1&amount=1.00&merchantID=789&transtype=sale",
        &[],
    );
    assert!(pixel.is_pixel(), "the edge is still healthy: {pixel:?}");
    nothing_is_lost(&system);
    system.process.assert_calm();
}

/// What was captured has arrived in the ledger, and its books balance.
fn nothing_is_lost(system: &System) {
    let captured = system.edge_status()["captured"].as_u64().unwrap();
    assert_eq!(system.edge_status()["not_captured"], 0, "{:#}", system.edge_status());
    assert!(captured > 0);
    wait_for("the outbox is handed over", Duration::from_secs(30), || {
        (system.edge_status()["outbox"]["queued"] == 0).then_some(())
    });
    system.ledger().assert_balances();
}

fn corpus() -> Vec<Wild> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../corpus");
    let mut all = Vec::new();
    for name in ["shareasale.jsonl", "awin.jsonl"] {
        let text = std::fs::read_to_string(folder.join(name)).unwrap();
        for line in text.lines() {
            let row: Value = serde_json::from_str(line).unwrap();
            if let Some(url) = row["url"].as_str() {
                all.push(wild(line, &row, url));
            }
        }
    }
    let links = std::fs::read_to_string(folder.join("links.txt")).unwrap();
    all.extend(links.lines().map(|line| wild(line, &Value::Null, line)));
    all
}

fn wild(line: &str, row: &Value, url: &str) -> Wild {
    let is_scheme = |text: &str| text.is_empty() || text.ends_with(':') && text.len() < 8;
    let rest = url.split_once("//").filter(|(scheme, _)| is_scheme(scheme)).map_or(url, |(_, rest)| rest);
    let cut = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (host, target) = rest.split_at(cut);
    let target = if target.starts_with('/') { target.to_owned() } else { format!("/{target}") };
    Wild {
        line: line.to_owned(),
        method: row["method"].as_str().unwrap_or("GET").to_owned(),
        host: host.to_owned(),
        target,
        body: row["body"].as_str().unwrap_or_default().to_owned(),
    }
}

/// Sends the bytes as they are on a connection of its own: the status, and the beginning of the answer.
fn raw(address: &str, wild: &Wild) -> Result<(u16, String), String> {
    let began = Instant::now();
    let mut stream = TcpStream::connect(address).map_err(|error| error.to_string())?;
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut request =
        format!("{} {} HTTP/1.1\r\nhost: {}\r\nconnection: close\r\n", wild.method, wild.target, wild.host);
    if !wild.body.is_empty() {
        request.push_str("content-type: application/x-www-form-urlencoded\r\n");
    }
    if wild.method != "GET" {
        request.push_str(&format!("content-length: {}\r\n", wild.body.len()));
    }
    request.push_str("\r\n");
    request.push_str(&wild.body);
    stream.write_all(request.as_bytes()).map_err(|error| error.to_string())?;
    let mut bytes = Vec::new();
    // A refusal may be followed by a reset once it is read.
    let ended = stream.read_to_end(&mut bytes);
    let text = String::from_utf8_lossy(&bytes).into_owned();
    let status =
        text.strip_prefix("HTTP/1.1 ").and_then(|rest| rest.get(..3)).and_then(|text| text.parse().ok());
    let status =
        status.ok_or_else(|| format!("no answer after {:?} ({ended:?}): {text:?}", began.elapsed()))?;
    if began.elapsed() >= PATIENCE {
        return Err(format!("the connection hung after {status}"));
    }
    Ok((status, text.chars().take(300).collect()))
}

//! One line for each case: what the pure layer makes of it, as a digest of every byte.

use relay::exchange::{Exchange, Health};
use relay::policy::Snapshot;
use relay::step::{AppendFailure, Happened, Step};
use relay::translation::translate;
use sha2::{Digest, Sha256};
use std::fmt::Write as _;
use std::sync::Arc;
use tracking::{Inbound, Method};
use units::Seed;

use crate::world;

const CORPUS: [(&str, &str); 2] = [
    ("shareasale", include_str!("../../../corpus/shareasale.jsonl")),
    ("awin", include_str!("../../../corpus/awin.jsonl")),
];

/// Every case of the corpus: translated, and carried through an exchange whose append works, and one where it fails.
pub fn all() -> impl Iterator<Item = String> {
    let snapshot = world::snapshot();
    CORPUS.into_iter().flat_map(|(name, text)| text.lines().enumerate().map(move |line| (name, line))).map(
        move |(name, (number, line))| {
            let inbound = inbound(line);
            let seed = Seed(7).fork(u64::try_from(number).unwrap());
            let translation = translate(&inbound, &snapshot, seed, world::NOW);
            let steps = steps(&inbound, &snapshot, seed, Happened::Appended);
            let failed = steps_after_failure(&inbound, &snapshot, seed);
            let told = format!("{translation:?}");
            format!("{name}:{} {} {} {}", number + 1, digest(&told), digest(&steps), digest(&failed))
        },
    )
}

/// The first 16 digits of the SHA-256 of a text.
pub fn digest(text: &str) -> String {
    Sha256::digest(text.as_bytes()).iter().take(8).fold(String::new(), |mut out, byte| {
        write!(out, "{byte:02x}").unwrap();
        out
    })
}

/// The steps of an exchange, with every byte that it asks to be stored or sent.
fn steps(inbound: &Inbound, snapshot: &Arc<Snapshot>, seed: Seed, appended: Happened) -> String {
    let mut exchange =
        Exchange::open(inbound.clone(), Arc::clone(snapshot), Health::default(), seed, world::NOW);
    let mut told = String::new();
    while let Some(step) = exchange.poll() {
        writeln!(told, "{step:?}").unwrap();
        match step {
            Step::Append(_) => exchange.handle(appended.clone(), world::NOW),
            Step::Send { request, .. } => {
                let failure = tracking::SendFailure::NothingSent(String::new());
                exchange.handle(Happened::Unanswered { home: request.home, failure }, world::NOW);
            }
            Step::HandOver { .. } => {
                let failure = tracking::SendFailure::NothingSent(String::new());
                exchange.handle(Happened::NotHandedOver(failure), world::NOW);
            }
            _ => {}
        }
    }
    told
}

fn steps_after_failure(inbound: &Inbound, snapshot: &Arc<Snapshot>, seed: Seed) -> String {
    steps(inbound, snapshot, seed, Happened::AppendFailed(AppendFailure::Full))
}

/// The request of a corpus line: its URL's host, and what stands behind it byte for byte.
fn inbound(line: &str) -> Inbound {
    let row: serde_json::Value = serde_json::from_str(line).unwrap();
    let url = row["url"].as_str().unwrap();
    let rest = url.split_once("//").map_or(url, |(_, rest)| rest);
    let (host, target) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
    let slash = if target.starts_with('/') { "" } else { "/" };
    let mut inbound = world::get(&host.to_ascii_lowercase(), format!("{slash}{target}").into_bytes());
    if row["method"] == "POST" {
        inbound.method = Method::Post;
        inbound.body = row["body"].as_str().unwrap_or_default().as_bytes().to_vec();
    }
    inbound
}

//! The log of everything that reached a platform, written before anything else is decided.

use std::collections::{BTreeMap, VecDeque};

use serde::{Deserialize, Serialize};

use crate::limits::{BODY_LOGGED_CHARS_MAX, PATHS_COUNTED_MAX, REQUESTS_KEPT_MAX};
use crate::platform::Received;
use crate::text::cut;

/// Headers worth keeping besides those that start with `x-`.
const HEADERS_KEPT: [&str; 16] = [
    "host",
    "user-agent",
    "cookie",
    "referer",
    "accept",
    "accept-language",
    "content-type",
    "content-length",
    "connection",
    "forwarded",
    "via",
    "sec-gpc",
    "dnt",
    "traceparent",
    "purpose",
    "sec-purpose",
];

/// Headers whose value is a secret; only their presence is logged.
const HEADERS_SECRET: [&str; 3] = ["x-api-key", "authorization", "x-shareasale-authentication"];

/// One request as it arrived.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct LoggedRequest {
    /// Position in the platform's log, from 1.
    pub sequence: u64,
    /// When it arrived, in ms since 1970.
    pub received_ms: u64,
    /// Its method.
    pub method: String,
    /// Its host, in lower case and without port.
    pub host: String,
    /// Its path.
    pub path: String,
    /// Its query, byte for byte.
    pub query: String,
    /// Some of its headers, by lower-case name.
    pub headers: BTreeMap<String, String>,
    /// The beginning of its body.
    pub body: String,
    /// What became of it: a status, or the name of a fault.
    pub outcome: String,
}

/// A platform's ring of requests with its counters.
#[derive(Debug, Default)]
pub(crate) struct Requests {
    kept: VecDeque<LoggedRequest>,
    total: u64,
    by_path: BTreeMap<String, u64>,
    by_outcome: BTreeMap<String, u64>,
}

impl Requests {
    /// Writes the request down and answers with its sequence.
    pub(crate) fn record(&mut self, request: &Received) -> u64 {
        self.total += 1;
        let path = request.path.to_ascii_lowercase();
        let known = self.by_path.contains_key(&path) || self.by_path.len() < PATHS_COUNTED_MAX;
        *self.by_path.entry(if known { path } else { "other".to_owned() }).or_default() += 1;
        if self.kept.len() >= REQUESTS_KEPT_MAX {
            self.kept.pop_front();
        }
        self.kept.push_back(LoggedRequest {
            sequence: self.total,
            received_ms: request.at_ms,
            method: request.method.to_string(),
            host: request.host.clone(),
            path: request.path.clone(),
            query: request.query.clone(),
            headers: headers(request),
            body: cut(&String::from_utf8_lossy(&request.body), BODY_LOGGED_CHARS_MAX),
            outcome: "received".to_owned(),
        });
        self.total
    }

    /// Notes what became of a request.
    pub(crate) fn conclude(&mut self, sequence: u64, outcome: &str) {
        *self.by_outcome.entry(outcome.to_owned()).or_default() += 1;
        let first = self.kept.front().map_or(0, |request| request.sequence);
        let at = sequence.checked_sub(first).and_then(|at| usize::try_from(at).ok());
        if let Some(request) = at.and_then(|at| self.kept.get_mut(at)) {
            outcome.clone_into(&mut request.outcome);
        }
    }

    /// Up to `limit` requests after the sequence `since`, oldest first.
    pub(crate) fn since(&self, since: u64, limit: usize) -> Vec<LoggedRequest> {
        self.kept.iter().filter(|request| request.sequence > since).take(limit).cloned().collect()
    }

    pub(crate) fn total(&self) -> u64 {
        self.total
    }

    pub(crate) fn by_path(&self) -> &BTreeMap<String, u64> {
        &self.by_path
    }

    pub(crate) fn by_outcome(&self) -> &BTreeMap<String, u64> {
        &self.by_outcome
    }
}

fn headers(request: &Received) -> BTreeMap<String, String> {
    let mut out = BTreeMap::new();
    for (name, value) in &request.headers {
        let name = name.as_str();
        if HEADERS_SECRET.contains(&name) {
            out.insert(name.to_owned(), "(present)".to_owned());
        } else if name.starts_with("x-") || HEADERS_KEPT.contains(&name) {
            out.insert(name.to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned());
        }
    }
    out
}

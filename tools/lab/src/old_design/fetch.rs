//! Asking a platform, over a few kept connections.

use std::net::SocketAddr;
use std::sync::Mutex;
use std::time::Duration;

use axum::extract::Request;
use axum::http::header::{COOKIE, HOST, USER_AGENT};

use crate::platform::lock;
use crate::wire::{Client, Incoming, Outgoing};

/// Connections kept open to a platform.
const KEPT_MAX: usize = 64;

/// A platform and the connections to it.
#[derive(Debug)]
pub(super) struct Fetcher {
    address: SocketAddr,
    timeout: Duration,
    kept: Mutex<Vec<Client>>,
}

impl Fetcher {
    pub(super) fn new(address: SocketAddr, timeout: Duration) -> Self {
        Self { address, timeout, kept: Mutex::default() }
    }

    /// The platform's answer, unless it failed, was late, or had a status of 4xx or 5xx.
    pub(super) async fn ask(&self, request: &Outgoing) -> Option<Incoming> {
        let kept = lock(&self.kept).pop();
        let mut client = kept.unwrap_or_else(|| Client::new(self.address, self.timeout));
        let answer = client.send(request).await.ok()?;
        let mut kept = lock(&self.kept);
        if kept.len() < KEPT_MAX {
            kept.push(client);
        }
        (200..400).contains(&answer.status).then_some(answer)
    }
}

/// The request as it came, without its body: nothing this system serves has one.
pub(super) fn outgoing(request: &Request) -> Outgoing {
    let header = |name| request.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or("");
    let target = request.uri().path_and_query().map_or("/", |target| target.as_str());
    let method = match request.method().as_str() {
        "POST" => "POST",
        "HEAD" => "HEAD",
        _ => "GET",
    };
    let outgoing = Outgoing { method, ..Outgoing::get(header(&HOST), target) };
    [("cookie", header(&COOKIE)), ("user-agent", header(&USER_AGENT))]
        .into_iter()
        .filter(|(_, value)| !value.is_empty())
        .fold(outgoing, |outgoing, (name, value)| outgoing.header(name, value))
}

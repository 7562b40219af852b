//! A client of the tests' own: one connection a request, bytes as written.

use std::io;
use std::net::SocketAddr;

use lab::{PlatformName, Running, Transaction, WorldSettings};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

pub(crate) struct Reply {
    pub(crate) status: u16,
    head: String,
    pub(crate) body: String,
}

impl Reply {
    pub(crate) fn headers(&self, name: &str) -> Vec<String> {
        let lines = self.head.lines().skip(1).filter_map(|line| line.split_once(": "));
        lines.filter(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.to_owned()).collect()
    }

    pub(crate) fn header(&self, name: &str) -> String {
        self.headers(name).into_iter().next().unwrap_or_default()
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).expect("a JSON body")
    }

    /// `name=value` of every cookie set, as a `Cookie` header.
    pub(crate) fn cookies(&self) -> String {
        let pairs: Vec<String> = self
            .headers("set-cookie")
            .iter()
            .filter_map(|line| line.split(';').next().map(str::to_owned))
            .collect();
        pairs.join("; ")
    }
}

pub(crate) async fn ask(
    address: SocketAddr,
    method: &str,
    (host, target): (&str, &str),
    headers: &[(&str, &str)],
    body: &str,
) -> io::Result<Reply> {
    let mut stream = TcpStream::connect(address).await?;
    let mut request = format!("{method} {target} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n");
    for (name, value) in headers {
        request.push_str(&format!("{name}: {value}\r\n"));
    }
    if !body.is_empty() || method == "POST" {
        request.push_str(&format!("content-length: {}\r\n", body.len()));
    }
    request.push_str("\r\n");
    request.push_str(body);
    stream.write_all(request.as_bytes()).await?;
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).await?;
    let text = String::from_utf8_lossy(&bytes).into_owned();
    let (head, body) = text.split_once("\r\n\r\n").ok_or(io::ErrorKind::UnexpectedEof)?;
    let status =
        head.split(' ').nth(1).and_then(|word| word.parse().ok()).ok_or(io::ErrorKind::InvalidData)?;
    Ok(Reply { status, head: head.to_owned(), body: body.to_owned() })
}

pub(crate) async fn get(address: SocketAddr, host: &str, target: &str) -> Reply {
    ask(address, "GET", (host, target), &[], "").await.expect("an answer")
}

pub(crate) async fn get_with(
    address: SocketAddr,
    host: &str,
    target: &str,
    headers: &[(&str, &str)],
) -> Reply {
    ask(address, "GET", (host, target), headers, "").await.expect("an answer")
}

/// Posts JSON.
pub(crate) async fn post(
    address: SocketAddr,
    host: &str,
    target: &str,
    headers: &[(&str, &str)],
    body: &Value,
) -> Reply {
    let mut headers = headers.to_vec();
    headers.push(("content-type", "application/json"));
    ask(address, "POST", (host, target), &headers, &body.to_string()).await.expect("an answer")
}

/// Posts to the control interface and expects success.
pub(crate) async fn control(lab: &Running, path: &str, body: Value) -> Value {
    let reply = post(lab.control, "control", path, &[], &body).await;
    assert_eq!(reply.status, 200, "{path} {body}: {}", reply.body);
    reply.json()
}

pub(crate) async fn start() -> Running {
    lab::start(WorldSettings::local(7)).await.expect("a lab")
}

pub(crate) fn booked(lab: &Running, platform: PlatformName, order: &str) -> Vec<Transaction> {
    lab.transactions(platform).into_iter().filter(|one| one.order_reference == order).collect()
}

/// The part of `text` between `from` and `to`.
pub(crate) fn between<'a>(text: &'a str, from: &str, to: &str) -> &'a str {
    let (_, rest) = text.split_once(from).unwrap_or_else(|| panic!("{from} in {text}"));
    rest.split_once(to).map_or(rest, |(value, _)| value)
}

//! The lab's own HTTP/1.1 client: bytes go out exactly as written, because dirt in a target is the point.
//!
//! One request at a time over one kept connection. It retries nothing but a kept connection that turned out to
//! be closed before any byte of an answer, as browsers do for requests without a body.

mod read;

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

/// A request before it becomes bytes.
#[derive(Debug, Clone, Default)]
pub(crate) struct Outgoing {
    pub(crate) method: &'static str,
    pub(crate) host: String,
    pub(crate) target: String,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: Vec<u8>,
}

/// What came back.
#[derive(Debug, Clone, Default)]
pub(crate) struct Incoming {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

/// Why nothing came back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Failure {
    /// No connection.
    Connect,
    /// The connection ended before an answer began.
    Closed,
    /// The connection ended inside an answer.
    Broken,
    /// Nothing for too long.
    Timeout,
    /// Not HTTP, or more than the lab reads.
    Malformed,
}

impl Failure {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Connect => "connect",
            Self::Closed => "closed",
            Self::Broken => "broken",
            Self::Timeout => "timeout",
            Self::Malformed => "malformed",
        }
    }
}

impl Incoming {
    /// The first header of this name, in lower case.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

impl Outgoing {
    pub(crate) fn get(host: &str, target: &str) -> Self {
        Self { method: "GET", host: host.to_owned(), target: target.to_owned(), ..Self::default() }
    }

    /// A GET of an absolute `http` or `https` URL, by its own host.
    pub(crate) fn of_url(url: &str) -> Option<Self> {
        let (_, rest) = url.split_once("://")?;
        let at = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (host, target) = (rest.get(..at)?, rest.get(at..)?.split('#').next()?);
        let target = if target.starts_with('/') { target.to_owned() } else { format!("/{target}") };
        Some(Self::get(host, &target))
    }

    pub(crate) fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut out = format!("{} {} HTTP/1.1\r\nhost: {}\r\n", self.method, self.target, self.host);
        for (name, value) in &self.headers {
            out.push_str(&format!("{name}: {value}\r\n"));
        }
        if self.method == "POST" {
            out.push_str(&format!("content-length: {}\r\n", self.body.len()));
        }
        out.push_str("\r\n");
        let mut out = out.into_bytes();
        out.extend_from_slice(&self.body);
        out
    }
}

/// A kept connection to one address.
#[derive(Debug)]
pub(crate) struct Client {
    address: SocketAddr,
    timeout: Duration,
    kept: Option<read::Reader>,
}

impl Client {
    pub(crate) fn new(address: SocketAddr, timeout: Duration) -> Self {
        Self { address, timeout, kept: None }
    }

    /// Sends one request and reads its answer.
    pub(crate) async fn send(&mut self, request: &Outgoing) -> Result<Incoming, Failure> {
        let attempt = tokio::time::timeout(self.timeout, self.send_unbounded(request)).await;
        attempt.unwrap_or(Err(Failure::Timeout))
    }

    async fn send_unbounded(&mut self, request: &Outgoing) -> Result<Incoming, Failure> {
        if let Some(kept) = self.kept.take() {
            match self.exchange(kept, request).await {
                Err(Failure::Closed) if request.body.is_empty() && request.method != "POST" => {}
                done => return done,
            }
        }
        let stream = TcpStream::connect(self.address).await.map_err(|_| Failure::Connect)?;
        stream.set_nodelay(true).map_err(|_| Failure::Connect)?;
        self.exchange(read::Reader::new(stream), request).await
    }

    async fn exchange(&mut self, mut reader: read::Reader, request: &Outgoing) -> Result<Incoming, Failure> {
        reader.stream().write_all(&request.bytes()).await.map_err(|_| Failure::Closed)?;
        let (answer, reusable) = reader.answer(request.method == "HEAD").await?;
        if reusable {
            self.kept = Some(reader);
        }
        Ok(answer)
    }
}

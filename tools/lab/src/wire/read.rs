//! Reading one answer: head, then a body by length, by chunks, or to the end of the connection.

use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;

use super::{Failure, Incoming};
use crate::limits::RESPONSE_BYTES_MAX;

/// A connection with what was read ahead.
#[derive(Debug)]
pub(crate) struct Reader {
    stream: TcpStream,
    ahead: Vec<u8>,
}

impl Reader {
    pub(crate) fn new(stream: TcpStream) -> Self {
        Self { stream, ahead: Vec::with_capacity(4096) }
    }

    pub(crate) fn stream(&mut self) -> &mut TcpStream {
        &mut self.stream
    }

    /// The next answer, and whether the connection can be used again.
    pub(crate) async fn answer(&mut self, is_head: bool) -> Result<(Incoming, bool), Failure> {
        loop {
            let head = self.head().await?;
            let mut answer = parse_head(&head).ok_or(Failure::Malformed)?;
            if (100..200).contains(&answer.status) {
                continue;
            }
            let is = |name: &str, word: &str| {
                answer.header(name).is_some_and(|value| value.to_ascii_lowercase().contains(word))
            };
            let (chunked, mut reusable) = (is("transfer-encoding", "chunked"), !is("connection", "close"));
            let length = answer.header("content-length").map(|text| text.trim().parse::<usize>());
            if is_head || matches!(answer.status, 204 | 304) {
                return Ok((answer, reusable));
            }
            answer.body = match length {
                _ if chunked => self.chunks().await?,
                Some(Ok(length)) => self.exactly(length).await?,
                Some(Err(_)) => return Err(Failure::Malformed),
                None => {
                    reusable = false;
                    self.rest().await?
                }
            };
            return Ok((answer, reusable));
        }
    }

    async fn head(&mut self) -> Result<Vec<u8>, Failure> {
        let mut searched = 0;
        loop {
            if let Some(at) = find(&self.ahead, b"\r\n\r\n", searched) {
                return Ok(self.ahead.drain(..at + 4).collect());
            }
            searched = self.ahead.len().saturating_sub(3);
            let nothing_yet = self.ahead.is_empty();
            match self.more().await {
                Ok(0) | Err(Failure::Broken) if nothing_yet => return Err(Failure::Closed),
                Ok(0) => return Err(Failure::Broken),
                Ok(_) => {}
                Err(failure) => return Err(failure),
            }
        }
    }

    async fn exactly(&mut self, length: usize) -> Result<Vec<u8>, Failure> {
        if length > RESPONSE_BYTES_MAX {
            return Err(Failure::Malformed);
        }
        while self.ahead.len() < length {
            if self.more().await? == 0 {
                return Err(Failure::Broken);
            }
        }
        Ok(self.ahead.drain(..length).collect())
    }

    async fn line(&mut self) -> Result<String, Failure> {
        loop {
            if let Some(at) = find(&self.ahead, b"\r\n", 0) {
                let line: Vec<u8> = self.ahead.drain(..at + 2).collect();
                return Ok(String::from_utf8_lossy(&line).trim_end().to_owned());
            }
            if self.more().await? == 0 {
                return Err(Failure::Broken);
            }
        }
    }

    async fn chunks(&mut self) -> Result<Vec<u8>, Failure> {
        let mut body = Vec::new();
        loop {
            let line = self.line().await?;
            let digits = line.split(';').next().unwrap_or("").trim();
            let length = usize::from_str_radix(digits, 16).map_err(|_| Failure::Malformed)?;
            if length == 0 {
                while !self.line().await?.is_empty() {}
                return Ok(body);
            }
            if body.len() + length > RESPONSE_BYTES_MAX {
                return Err(Failure::Malformed);
            }
            body.extend(self.exactly(length).await?);
            self.line().await?;
        }
    }

    async fn rest(&mut self) -> Result<Vec<u8>, Failure> {
        while self.more().await? > 0 {}
        Ok(std::mem::take(&mut self.ahead))
    }

    async fn more(&mut self) -> Result<usize, Failure> {
        if self.ahead.len() > RESPONSE_BYTES_MAX {
            return Err(Failure::Malformed);
        }
        self.stream.read_buf(&mut self.ahead).await.map_err(|_| Failure::Broken)
    }
}

fn parse_head(head: &[u8]) -> Option<Incoming> {
    let text = String::from_utf8_lossy(head);
    let mut lines = text.split("\r\n");
    let status = lines.next()?.strip_prefix("HTTP/1.")?.split(' ').nth(1)?.parse().ok()?;
    let headers = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
        .collect();
    Some(Incoming { status, headers, body: Vec::new() })
}

fn find(bytes: &[u8], wanted: &[u8], from: usize) -> Option<usize> {
    bytes.get(from..)?.windows(wanted.len()).position(|window| window == wanted).map(|at| at + from)
}

//! One blocking connection that reads as little of an answer as it must.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

const BUFFER_BYTES: usize = 64 * 1024;

/// Why a request has no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Failure {
    Connect,
    Timeout,
    Closed,
    Malformed,
}

impl Failure {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Connect => "connect",
            Self::Timeout => "timeout",
            Self::Closed => "closed",
            Self::Malformed => "malformed",
        }
    }
}

/// A connection that is opened when needed and again after every failure.
#[derive(Debug)]
pub(super) struct Connection {
    target: SocketAddr,
    timeout: Duration,
    stream: Option<TcpStream>,
    buffer: Vec<u8>,
}

/// How the body of an answer ends.
#[derive(Debug, Clone, Copy)]
enum Body {
    Length(usize),
    Chunked,
    Close,
}

impl Connection {
    pub(super) fn new(target: SocketAddr, timeout: Duration) -> Self {
        Self { target, timeout, stream: None, buffer: vec![0; BUFFER_BYTES] }
    }

    /// Sends and reads the whole answer; yields its status.
    pub(super) fn exchange(&mut self, request: &[u8]) -> Result<u16, Failure> {
        let mut stream = match self.stream.take() {
            Some(stream) => stream,
            None => self.open()?,
        };
        stream.write_all(request).map_err(failure)?;
        let (status, keep) = self.answer(&mut stream)?;
        if keep {
            self.stream = Some(stream);
        }
        Ok(status)
    }

    fn open(&self) -> Result<TcpStream, Failure> {
        let stream = TcpStream::connect_timeout(&self.target, self.timeout).map_err(|_| Failure::Connect)?;
        let prepared = stream
            .set_nodelay(true)
            .and_then(|()| stream.set_read_timeout(Some(self.timeout)))
            .and_then(|()| stream.set_write_timeout(Some(self.timeout)));
        prepared.map(|()| stream).map_err(|_| Failure::Connect)
    }

    fn answer(&mut self, stream: &mut TcpStream) -> Result<(u16, bool), Failure> {
        let mut filled = 0;
        let head_end = loop {
            filled += self.read(stream, filled)?;
            if let Some(end) = head_end(&self.buffer[..filled]) {
                break end;
            }
            if filled == self.buffer.len() {
                return Err(Failure::Malformed);
            }
        };
        let (status, body, keep) = parse(&self.buffer[..head_end]).ok_or(Failure::Malformed)?;
        match body {
            Body::Length(length) => {
                let missing = (head_end + length).saturating_sub(filled);
                self.skip(stream, missing)?;
                Ok((status, keep))
            }
            Body::Chunked => {
                self.skip_chunks(stream, head_end, filled)?;
                Ok((status, keep))
            }
            Body::Close => {
                while stream.read(&mut self.buffer).map_err(failure)? > 0 {}
                Ok((status, false))
            }
        }
    }

    fn read(&mut self, stream: &mut TcpStream, filled: usize) -> Result<usize, Failure> {
        match stream.read(&mut self.buffer[filled..]) {
            Ok(0) => Err(Failure::Closed),
            Ok(count) => Ok(count),
            Err(error) => Err(failure(error)),
        }
    }

    fn skip(&mut self, stream: &mut TcpStream, mut missing: usize) -> Result<(), Failure> {
        while missing > 0 {
            let window = missing.min(self.buffer.len());
            match stream.read(&mut self.buffer[..window]) {
                Ok(0) => return Err(Failure::Closed),
                Ok(count) => missing -= count,
                Err(error) => return Err(failure(error)),
            }
        }
        Ok(())
    }

    /// Reads on until the last chunk; nothing follows it, because nothing was asked yet.
    fn skip_chunks(&mut self, stream: &mut TcpStream, from: usize, filled: usize) -> Result<(), Failure> {
        let mut filled = filled;
        while !self.buffer[from..filled].ends_with(b"0\r\n\r\n") {
            if filled == self.buffer.len() {
                // Keeps the last bytes, where the end may have begun.
                self.buffer.copy_within(filled - 8..filled, from);
                filled = from + 8;
            }
            filled += self.read(stream, filled)?;
        }
        Ok(())
    }
}

fn failure(error: std::io::Error) -> Failure {
    match error.kind() {
        ErrorKind::WouldBlock | ErrorKind::TimedOut => Failure::Timeout,
        _ => Failure::Closed,
    }
}

fn head_end(bytes: &[u8]) -> Option<usize> {
    bytes.windows(4).position(|window| window == b"\r\n\r\n").map(|at| at + 4)
}

/// Status, how the body ends, and whether the connection stays open.
fn parse(head: &[u8]) -> Option<(u16, Body, bool)> {
    let status = std::str::from_utf8(head.get(9..12)?).ok()?.parse().ok()?;
    let mut body = if matches!(status, 204 | 304) { Body::Length(0) } else { Body::Close };
    let mut keep = head.starts_with(b"HTTP/1.1");
    for line in head.split(|&byte| byte == b'\n').skip(1) {
        let Some(colon) = line.iter().position(|&byte| byte == b':') else { continue };
        let (name, value) = (&line[..colon], line[colon + 1..].trim_ascii());
        if name.eq_ignore_ascii_case(b"content-length") {
            body = Body::Length(std::str::from_utf8(value).ok()?.parse().ok()?);
        } else if name.eq_ignore_ascii_case(b"transfer-encoding") {
            body = Body::Chunked;
        } else if name.eq_ignore_ascii_case(b"connection") && value.eq_ignore_ascii_case(b"close") {
            keep = false;
        }
    }
    Some((status, body, keep))
}

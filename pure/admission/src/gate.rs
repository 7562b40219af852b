//! The strict gate: the raw bytes of a request head in, one agreed reading or a refusal out.
//!
//! It is strict about everything that decides where a message ends, whom it is for and what a header is
//! called, and lax about one thing only: the bytes of a query. Links typed by hand and by old plug-ins hold
//! quotes, angle brackets, pipes, raw Latin-1 and even raw blanks; each of them is somebody's click or sale.
//! Therefore the request line is split at its first and its last blank, and whatever stands behind the first
//! question mark in between is kept byte for byte.

use units::limits;

use crate::fields::{self, Known};
use crate::head::{BodyLength, Head};
use crate::refusal::Refusal;

/// How much is let in. The defaults are those of [`units::limits`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limits {
    /// Longest target, in bytes.
    pub target_bytes_max: usize,
    /// Longest head, in bytes.
    pub head_bytes_max: usize,
    /// Most header lines.
    pub headers_max: usize,
    /// Longest body, in bytes.
    pub body_bytes_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            target_bytes_max: limits::TARGET_BYTES_MAX,
            head_bytes_max: limits::HEAD_BYTES_MAX,
            headers_max: limits::HEADERS_MAX,
            body_bytes_max: limits::BODY_BYTES_MAX,
        }
    }
}

/// Where the head in `received` ends (one past its empty line), looking only from byte `from` on.
///
/// A head that ends with bare line feeds is found too, so that it is refused at once instead of waited for.
pub fn find_end(received: &[u8], from: usize) -> Option<usize> {
    // The empty line may have begun in the bytes that were searched before.
    let start = from.saturating_sub(3);
    let unseen = received.get(start..)?;
    memchr::memchr_iter(b'\n', unseen).find_map(|at| {
        let after = unseen.get(at.saturating_add(1)..)?;
        let length = match after {
            [b'\n', ..] => 1,
            [b'\r', b'\n', ..] => 2,
            _ => return None,
        };
        Some(start.saturating_add(at).saturating_add(1).saturating_add(length))
    })
}

/// How to refuse a head that is still incomplete although it is as long as a head may be.
pub fn overlong(received: &[u8], limits: &Limits) -> Refusal {
    let first_line = memchr::memchr(b'\n', received).unwrap_or(received.len());
    if first_line > limits.target_bytes_max { Refusal::TargetTooLong } else { Refusal::HeadTooLong }
}

/// Reads a complete request head, from the request line to the empty line inclusive.
///
/// # Errors
/// What is ambiguous, forbidden or too large.
pub fn check<'a>(head: &'a [u8], limits: &Limits) -> Result<Head<'a>, Refusal> {
    if head.len() > limits.head_bytes_max {
        return Err(overlong(head, limits));
    }
    let mut rest = head;
    let line = RequestLine::read(fields::take_line(&mut rest)?, limits)?;
    let mut framing = Framing::default();
    let mut headers = Vec::with_capacity(24);
    let mut count: usize = 0;
    loop {
        let field = fields::take_line(&mut rest)?;
        if field.is_empty() {
            break;
        }
        count = count.saturating_add(1);
        if count > limits.headers_max {
            return Err(Refusal::TooManyHeaders);
        }
        let (name, value) = fields::split(field)?;
        if framing.read(name, value)? {
            headers.push((name, value));
        }
    }
    framing.drop_listed(&mut headers);
    let body = framing.body(&line, limits)?;
    Ok(Head {
        method: line.method,
        target: line.target,
        host: framing.host(line.authority)?,
        body,
        keep_alive: framing.keep_alive(line.version_1_0),
        version_1_0: line.version_1_0,
        expects_continue: framing.expects_continue && body != BodyLength::None,
        headers,
    })
}

struct RequestLine<'a> {
    method: &'a str,
    target: &'a [u8],
    /// The host of an absolute target.
    authority: Option<&'a [u8]>,
    version_1_0: bool,
}

impl<'a> RequestLine<'a> {
    fn read(line: &'a [u8], limits: &Limits) -> Result<Self, Refusal> {
        let first = memchr::memchr(b' ', line).ok_or(Refusal::RequestLine)?;
        let last = memchr::memrchr(b' ', line).ok_or(Refusal::RequestLine)?;
        let method = line.get(..first).unwrap_or_default();
        let version = line.get(last.saturating_add(1)..).unwrap_or_default();
        if method.is_empty() || !method.iter().all(|&byte| fields::is_token(byte)) {
            return Err(Refusal::RequestLine);
        }
        let version_1_0 = match version {
            b"HTTP/1.1" => false,
            b"HTTP/1.0" => true,
            _ if version.starts_with(b"HTTP/") => return Err(Refusal::Version),
            _ => return Err(Refusal::RequestLine),
        };
        let method = str::from_utf8(method).map_err(|_| Refusal::RequestLine)?;
        // A tunnel, and an echo of what was added on the way: neither is ours to pass on.
        if matches!(method, "CONNECT" | "TRACE") {
            return Err(Refusal::Method);
        }
        let target = line.get(first.saturating_add(1)..last).ok_or(Refusal::RequestLine)?;
        if target.len() > limits.target_bytes_max {
            return Err(Refusal::TargetTooLong);
        }
        let (authority, target) = split_target(target)?;
        check_target(target)?;
        Ok(Self { method, target, authority, version_1_0 })
    }
}

/// Splits an absolute target into host and path; a path stands for itself.
fn split_target(target: &[u8]) -> Result<(Option<&[u8]>, &[u8]), Refusal> {
    if target.first() == Some(&b'/') {
        return Ok((None, target));
    }
    let scheme = [b"http://".as_slice(), b"https://"]
        .into_iter()
        .find(|scheme| target.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme)));
    let scheme = scheme.ok_or(Refusal::Target)?;
    let rest = target.get(scheme.len()..).unwrap_or_default();
    let end = rest.iter().position(|byte| matches!(byte, b'/' | b'?' | b'#')).unwrap_or(rest.len());
    let (authority, path) = rest.split_at_checked(end).ok_or(Refusal::Target)?;
    match path.first() {
        Some(b'/') => Ok((Some(authority), path)),
        None => Ok((Some(authority), b"/")),
        // A query without a path cannot be kept byte for byte and begin with `/`; nobody sends it.
        Some(_) => Err(Refusal::Target),
    }
}

/// No control character anywhere; no blank and no 8-bit byte in the path. The query is left alone.
fn check_target(target: &[u8]) -> Result<(), Refusal> {
    let path_end = memchr::memchr(b'?', target).unwrap_or(target.len());
    let (path, query) = target.split_at_checked(path_end).ok_or(Refusal::Target)?;
    let path_good = path.iter().all(u8::is_ascii_graphic);
    let query_good = !query.iter().any(u8::is_ascii_control);
    // A version in the middle of the line: another reader may end the target there.
    let one_version =
        memchr::memchr(b' ', query).is_none() || memchr::memmem::find(query, b" HTTP/").is_none();
    if path_good && query_good && one_version { Ok(()) } else { Err(Refusal::TargetBytes) }
}

/// What the headers say about whom the message is for and where it ends.
#[derive(Default)]
struct Framing<'a> {
    host: Option<&'a [u8]>,
    length: Option<&'a [u8]>,
    coding: Option<&'a [u8]>,
    connection: Vec<&'a [u8]>,
    expects_continue: bool,
    upgrade: bool,
}

impl<'a> Framing<'a> {
    /// Reads one header line; true if it is to be handed on.
    fn read(&mut self, name: &'a str, value: &'a [u8]) -> Result<bool, Refusal> {
        match fields::known(name) {
            Known::Other => return Ok(true),
            Known::HopByHop => {}
            Known::Host if self.host.is_some() => return Err(Refusal::HostRepeated),
            Known::Host => self.host = Some(value),
            Known::ContentLength if self.length.is_some() => return Err(Refusal::LengthRepeated),
            Known::ContentLength => self.length = Some(value),
            Known::TransferEncoding if self.coding.is_some() => return Err(Refusal::Coding),
            Known::TransferEncoding => self.coding = Some(value),
            Known::ContentEncoding if value.eq_ignore_ascii_case(b"identity") => {}
            Known::ContentEncoding => return Err(Refusal::ContentEncoding),
            Known::Connection => self.connection.extend(fields::elements(value)),
            Known::Expect if value.eq_ignore_ascii_case(b"100-continue") => self.expects_continue = true,
            Known::Expect => return Err(Refusal::Expectation),
            Known::Upgrade => self.upgrade = true,
        }
        Ok(false)
    }

    /// Drops the headers that `Connection` names as its own.
    fn drop_listed(&self, headers: &mut Vec<(&str, &[u8])>) {
        let common = |option: &&&[u8]| {
            !option.eq_ignore_ascii_case(b"close") && !option.eq_ignore_ascii_case(b"keep-alive")
        };
        for option in self.connection.iter().filter(common) {
            headers.retain(|(name, _)| !name.as_bytes().eq_ignore_ascii_case(option));
        }
    }

    fn body(&self, line: &RequestLine<'_>, limits: &Limits) -> Result<BodyLength, Refusal> {
        let body = match (self.length, self.coding) {
            (Some(_), Some(_)) => return Err(Refusal::LengthAndCoding),
            (None, None) => BodyLength::None,
            (Some(length), None) => match read_length(length, limits.body_bytes_max)? {
                0 => BodyLength::None,
                bytes => BodyLength::Bytes(bytes),
            },
            (None, Some(coding)) if coding.eq_ignore_ascii_case(b"chunked") && !line.version_1_0 => {
                BodyLength::Chunked
            }
            (None, Some(_)) => return Err(Refusal::Coding),
        };
        if body != BodyLength::None && matches!(line.method, "GET" | "HEAD" | "OPTIONS") {
            return Err(Refusal::BodyNotAllowed);
        }
        Ok(body)
    }

    fn host(&self, authority: Option<&[u8]>) -> Result<String, Refusal> {
        let host = read_host(self.host.ok_or(Refusal::HostMissing)?)?;
        match authority.map(read_host).transpose()? {
            Some(other) if other != host => Err(Refusal::HostMismatch),
            _ => Ok(host),
        }
    }

    fn keep_alive(&self, version_1_0: bool) -> bool {
        let says = |option: &[u8]| self.connection.iter().any(|listed| listed.eq_ignore_ascii_case(option));
        // No protocol is switched to here, so a client that offers one may go on in it; it must not.
        !self.upgrade && !says(b"close") && (!version_1_0 || says(b"keep-alive"))
    }
}

fn read_length(value: &[u8], body_bytes_max: usize) -> Result<usize, Refusal> {
    if value.is_empty() || !value.iter().all(u8::is_ascii_digit) {
        return Err(Refusal::LengthInvalid);
    }
    let text = core::str::from_utf8(value).map_err(|_| Refusal::LengthInvalid)?;
    // Digits alone can only fail to parse by being too many.
    match text.parse() {
        Ok(bytes) if bytes <= body_bytes_max => Ok(bytes),
        _ => Err(Refusal::BodyTooLong),
    }
}

/// The host of `name[:port]` in lower case, without port and final dot.
fn read_host(value: &[u8]) -> Result<String, Refusal> {
    let text = core::str::from_utf8(value).map_err(|_| Refusal::HostInvalid)?;
    let (name, port) = match text.strip_prefix('[') {
        Some(rest) => {
            let (address, port) = rest.split_once(']').ok_or(Refusal::HostInvalid)?;
            let _: core::net::Ipv6Addr = address.parse().map_err(|_| Refusal::HostInvalid)?;
            (
                text.get(..address.len().saturating_add(2)).unwrap_or_default(),
                port.strip_prefix(':').or(none_if_empty(port)),
            )
        }
        None => match text.split_once(':') {
            Some((name, port)) => (name, Some(port)),
            None => (text, Some("")),
        },
    };
    let port = port.ok_or(Refusal::HostInvalid)?;
    let port_good =
        port.is_empty() || port.parse::<u16>().is_ok_and(|_| port.bytes().all(|b| b.is_ascii_digit()));
    let name_good = name.starts_with('[')
        || name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_'));
    let name = name.strip_suffix('.').unwrap_or(name);
    if name.is_empty() || name.len() > 253 || !name_good || !port_good {
        return Err(Refusal::HostInvalid);
    }
    Ok(name.to_ascii_lowercase())
}

/// The empty port of a host that has none, and nothing for a host that something else follows.
fn none_if_empty(rest: &str) -> Option<&str> {
    rest.is_empty().then_some(rest)
}

#[cfg(test)]
mod tests;

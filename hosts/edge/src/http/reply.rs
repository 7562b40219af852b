//! Writing a reply: head and body in one buffer, so that it leaves in one packet.

use std::io::Write;

use relay::Reply;
use relay::reply::Mode;

/// What the connection adds to a reply.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Frame<'a> {
    /// The `date` header's value.
    pub(crate) date: &'a str,
    /// True if the connection ends with this reply.
    pub(crate) close: bool,
    /// True for a client that must be told that the connection stays open.
    pub(crate) say_keep_alive: bool,
    /// True if the body is left out, as for HEAD.
    pub(crate) head_only: bool,
}

/// Appends `reply` to `out`.
pub(crate) fn write(out: &mut Vec<u8>, reply: &Reply, frame: Frame<'_>) {
    let bodiless = matches!(reply.status, 204 | 304);
    out.reserve(reply.body.len() + 512);
    out.extend_from_slice(b"HTTP/1.1 ");
    number(out, usize::from(reply.status));
    out.push(b' ');
    out.extend_from_slice(phrase(reply.status).as_bytes());
    out.extend_from_slice(b"\r\ndate: ");
    out.extend_from_slice(frame.date.as_bytes());
    out.extend_from_slice(b"\r\n");
    for (name, value) in reply.headers.iter().filter(|(name, value)| may_pass(name, value)) {
        for part in [name.as_bytes(), b": ", value.as_bytes(), b"\r\n"] {
            out.extend_from_slice(part);
        }
    }
    if !bodiless {
        out.extend_from_slice(b"content-length: ");
        number(out, reply.body.len());
        out.extend_from_slice(b"\r\n");
    }
    if frame.close {
        out.extend_from_slice(b"connection: close\r\n");
    } else if frame.say_keep_alive {
        out.extend_from_slice(b"connection: keep-alive\r\n");
    }
    out.extend_from_slice(b"\r\n");
    if !bodiless && !frame.head_only {
        out.extend_from_slice(&reply.body);
    }
}

/// A reply in plain text, for people.
pub(crate) fn text(status: u16, message: &str) -> Reply {
    let header = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let mut headers =
        vec![header("content-type", "text/plain; charset=utf-8"), header("cache-control", "no-store")];
    if status == 405 {
        headers.push(header("allow", &admission::head::METHODS.join(", ")));
    }
    Reply { mode: Mode::Refuse, status, headers, body: format!("{message}\n").into_bytes() }
}

fn number(out: &mut Vec<u8>, number: usize) {
    // Writing into memory cannot fail.
    drop(write!(out, "{number}"));
}

/// The framing is ours to say, and a value that could end its line is nobody's.
fn may_pass(name: &str, value: &str) -> bool {
    let framing = matches!(
        name,
        "content-length" | "transfer-encoding" | "connection" | "keep-alive" | "date" | "upgrade" | "trailer"
    );
    let clean = name.bytes().all(|byte| byte.is_ascii_graphic() && byte != b':')
        && !value.bytes().any(|byte| byte.is_ascii_control() && byte != b'\t');
    debug_assert!(clean, "the reply header {name} holds a control character");
    !framing && clean
}

/// The phrase of a status. Nobody reads it, but some old clients want one.
const fn phrase(status: u16) -> &'static str {
    match status {
        200 => "OK",
        204 => "No Content",
        301 => "Moved Permanently",
        302 => "Found",
        303 => "See Other",
        304 => "Not Modified",
        400 => "Bad Request",
        401 => "Unauthorized",
        404 => "Not Found",
        405 => "Method Not Allowed",
        408 => "Request Timeout",
        413 => "Content Too Large",
        414 => "URI Too Long",
        415 => "Unsupported Media Type",
        417 => "Expectation Failed",
        421 => "Misdirected Request",
        429 => "Too Many Requests",
        431 => "Request Header Fields Too Large",
        500 => "Internal Server Error",
        501 => "Not Implemented",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        505 => "HTTP Version Not Supported",
        508 => "Loop Detected",
        _ => "Status",
    }
}

//! Reading a server's answer: its head, and how long its body is.

use admission::chunked::Chunked;
use tracking::Answer;

/// Longest head of an answer, in bytes. Twice what common servers allow themselves.
pub(crate) const HEAD_BYTES_MAX: usize = 64 * 1024;

/// Most interim answers before the one that counts. Servers send one or two.
pub(crate) const INTERIM_MAX: usize = 8;

/// Most header lines of an answer.
const HEADERS_MAX: usize = 128;

/// The head of an answer and what it says about the body.
#[derive(Debug)]
pub(crate) struct AnswerHead {
    pub(crate) answer: Answer,
    pub(crate) body: Body,
    /// True if the connection may serve another request after the body.
    pub(crate) keep_alive: bool,
}

/// How the body ends.
#[derive(Debug)]
pub(crate) enum Body {
    /// After this many bytes.
    Bytes(usize),
    /// With its last chunk.
    Chunked(Chunked),
    /// With the connection.
    UntilClose,
}

/// Reads a complete head. The request's method matters: an answer to HEAD has no body whatever it says.
pub(crate) fn read_head(head: &[u8], method: &str, body_bytes_max: usize) -> Result<AnswerHead, String> {
    let mut lines = [httparse::EMPTY_HEADER; HEADERS_MAX];
    let mut parsed = httparse::Response::new(&mut lines);
    match parsed.parse(head) {
        Ok(httparse::Status::Complete(_)) => {}
        Ok(httparse::Status::Partial) => return Err("the answer's head is incomplete".to_owned()),
        Err(error) => return Err(format!("the answer is no HTTP: {error}")),
    }
    let status = parsed.code.unwrap_or(0);
    let headers: Vec<(String, Vec<u8>)> =
        parsed.headers.iter().map(|line| (line.name.to_ascii_lowercase(), line.value.to_vec())).collect();
    let body = body_of(&headers, status, method, body_bytes_max)?;
    let says = |option: &str| values(&headers, "connection").any(|value| lists(value, option));
    let persistent = if parsed.version == Some(1) { !says("close") } else { says("keep-alive") };
    let keep_alive = persistent && !matches!(body, Body::UntilClose);
    Ok(AnswerHead { answer: Answer { status, headers, body: Vec::new() }, body, keep_alive })
}

fn body_of(
    headers: &[(String, Vec<u8>)],
    status: u16,
    method: &str,
    body_bytes_max: usize,
) -> Result<Body, String> {
    if method == "HEAD" || status == 204 || status == 304 || status < 200 {
        return Ok(Body::Bytes(0));
    }
    let mut codings = values(headers, "transfer-encoding");
    let mut lengths = values(headers, "content-length");
    match (codings.next(), lengths.next()) {
        (Some(_), Some(_)) => Err("the answer has both a length and a transfer coding".to_owned()),
        (Some(coding), None) if coding.eq_ignore_ascii_case(b"chunked") && codings.next().is_none() => {
            Ok(Body::Chunked(Chunked::new(body_bytes_max)))
        }
        (Some(_), None) => Err("the answer's transfer coding is not understood".to_owned()),
        (None, Some(length)) => {
            if lengths.any(|other| other != length) {
                return Err("the answer has two lengths".to_owned());
            }
            let digits = !length.is_empty() && length.iter().all(u8::is_ascii_digit);
            let bytes = str::from_utf8(length).ok().filter(|_| digits).and_then(|text| text.parse().ok());
            let bytes: usize = bytes.ok_or_else(|| "the answer's length is no number".to_owned())?;
            if bytes > body_bytes_max { Err(too_long(body_bytes_max)) } else { Ok(Body::Bytes(bytes)) }
        }
        (None, None) => Ok(Body::UntilClose),
    }
}

pub(crate) fn too_long(body_bytes_max: usize) -> String {
    format!("the answer is longer than {body_bytes_max} bytes")
}

fn values<'a>(headers: &'a [(String, Vec<u8>)], name: &str) -> impl Iterator<Item = &'a [u8]> {
    headers.iter().filter(move |(header, _)| header == name).map(|(_, value)| value.as_slice())
}

fn lists(value: &[u8], option: &str) -> bool {
    value
        .split(|&byte| byte == b',')
        .any(|listed| listed.trim_ascii().eq_ignore_ascii_case(option.as_bytes()))
}

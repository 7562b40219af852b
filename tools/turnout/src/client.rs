//! Asking a running process: one small HTTP request, one answer.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

/// How long an operator waits for an answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long one waits for a question that reads everything there is.
const LONG_PATIENCE: Duration = Duration::from_secs(3600);

/// Why a process could not be asked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AskError {
    /// No connection, or no answer.
    #[error("{address} does not answer: {source}. Is the process still running?")]
    Silence {
        /// Who was asked.
        address: String,
        /// The system's answer.
        source: std::io::Error,
    },
    /// An answer that is none.
    #[error("{0} answered something that is no HTTP")]
    Garbage(String),
    /// A refusal.
    #[error("{path}: {text}")]
    Refused {
        /// What was asked for.
        path: String,
        /// The answer.
        text: String,
    },
}

/// Asks `address` for `path` and gives the JSON that it answers.
pub(crate) fn ask(
    address: &str,
    token: &str,
    method: &str,
    path: &str,
    body: Option<&serde_json::Value>,
) -> Result<serde_json::Value, AskError> {
    ask_with(address, token, method, path, &body.map(serde_json::Value::to_string).unwrap_or_default())
}

/// The same, where many rows are read for the answer.
pub(crate) fn ask_patiently(
    address: &str,
    token: &str,
    method: &str,
    path: &str,
    body: Option<&serde_json::Value>,
) -> Result<serde_json::Value, AskError> {
    let body = body.map(serde_json::Value::to_string).unwrap_or_default();
    let text = exchange(address, token, (method, path, &body), LONG_PATIENCE)?;
    Ok(serde_json::from_str(&text).unwrap_or(serde_json::Value::String(text)))
}

/// The same with a body that is JSON already.
pub(crate) fn ask_with(
    address: &str,
    token: &str,
    method: &str,
    path: &str,
    body: &str,
) -> Result<serde_json::Value, AskError> {
    let text = exchange(address, token, (method, path, body), PATIENCE)?;
    Ok(serde_json::from_str(&text).unwrap_or(serde_json::Value::String(text)))
}

/// The text of an answer that takes its time.
pub(crate) fn ask_for_long(address: &str, token: &str, path: &str) -> Result<String, AskError> {
    exchange(address, token, ("GET", path, ""), LONG_PATIENCE)
}

fn exchange(
    address: &str,
    token: &str,
    (method, path, body): (&str, &str, &str),
    patience: Duration,
) -> Result<String, AskError> {
    let silence = |source| AskError::Silence { address: address.to_owned(), source };
    let mut stream = TcpStream::connect(address).map_err(silence)?;
    stream.set_read_timeout(Some(patience)).map_err(silence)?;
    let length = body.len();
    let head = format!(
        "{method} {path} HTTP/1.1\r\nhost: {address}\r\nauthorization: Bearer {token}\r\naccept: application/json\r\n\
         content-type: application/json\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
    );
    stream.write_all(head.as_bytes()).map_err(silence)?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).map_err(silence)?;
    let (status, body) = split(&answer).ok_or_else(|| AskError::Garbage(address.to_owned()))?;
    let text = String::from_utf8_lossy(&body).into_owned();
    if !(200..300).contains(&status) {
        let text = if text.trim().is_empty() { format!("status {status}") } else { text.trim().to_owned() };
        return Err(AskError::Refused { path: path.to_owned(), text });
    }
    Ok(text)
}

/// The status and the body of an answer, chunked or not.
fn split(answer: &[u8]) -> Option<(u16, Vec<u8>)> {
    let end = answer.windows(4).position(|window| window == b"\r\n\r\n")?;
    let (head, body) = (answer.get(..end)?, answer.get(end + 4..)?);
    let head = String::from_utf8_lossy(head).to_ascii_lowercase();
    let status = head.split_whitespace().nth(1)?.parse().ok()?;
    if head.contains("transfer-encoding: chunked") {
        return Some((status, unchunked(body)));
    }
    Some((status, body.to_vec()))
}

fn unchunked(mut rest: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    while let Some(end) = rest.windows(2).position(|window| window == b"\r\n") {
        let size =
            std::str::from_utf8(&rest[..end]).ok().and_then(|hex| usize::from_str_radix(hex.trim(), 16).ok());
        let Some(chunk) = size.filter(|size| *size > 0).and_then(|size| rest.get(end + 2..end + 2 + size))
        else {
            break;
        };
        body.extend(chunk);
        rest = rest.get(end + 4 + chunk.len()..).unwrap_or_default();
    }
    body
}

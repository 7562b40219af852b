//! Asking a running process: one small HTTP request, one answer.

use std::io::{self, Read as _, Write as _};
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
        source: io::Error,
    },
    /// An answer that is none.
    #[error("{0} answered something that is no HTTP")]
    Garbage(String),
    /// A refusal.
    #[error("{text} ({path})")]
    Refused {
        /// The status.
        status: u16,
        /// What was asked for.
        path: String,
        /// The answer.
        text: String,
    },
}

/// What a process is asked.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Question<'a> {
    /// The method.
    pub(crate) method: &'a str,
    /// The target, from its first slash.
    pub(crate) path: &'a str,
    /// JSON, or nothing.
    pub(crate) body: &'a str,
    /// How long it waits for each part of the answer.
    pub(crate) patience: Duration,
}

impl<'a> Question<'a> {
    /// A question that is answered at once.
    pub(crate) const fn new(method: &'a str, path: &'a str, body: &'a str) -> Self {
        Self { method, path, body, patience: PATIENCE }
    }

    /// The same, where many rows are read for the answer.
    pub(crate) const fn patiently(self) -> Self {
        Self { patience: LONG_PATIENCE, ..self }
    }
}

/// Asks `address` and gives the JSON that it answers; what is no JSON is a text.
pub(crate) fn ask(address: &str, token: &str, question: Question<'_>) -> Result<serde_json::Value, AskError> {
    ask_text(address, token, question).map(parsed)
}

/// The JSON of an answer; what is no JSON is a text.
pub(crate) fn parsed(text: String) -> serde_json::Value {
    serde_json::from_str(&text).unwrap_or(serde_json::Value::String(text))
}

/// Asks `address` and gives what it answers as it stands.
pub(crate) fn ask_text(address: &str, token: &str, question: Question<'_>) -> Result<String, AskError> {
    let answer = exchange(address, token, question)
        .map_err(|source| AskError::Silence { address: address.to_owned(), source })?;
    let (status, body) = split(&answer).ok_or_else(|| AskError::Garbage(address.to_owned()))?;
    judged(question.path, status, String::from_utf8_lossy(&body).into_owned())
}

/// The text of an answer, if it is none that refuses.
pub(crate) fn judged(path: &str, status: u16, text: String) -> Result<String, AskError> {
    if !(200..300).contains(&status) {
        return Err(AskError::Refused { status, path: path.to_owned(), text: why(status, &text) });
    }
    Ok(text)
}

/// Why a question was refused, as a person reads it.
fn why(status: u16, text: &str) -> String {
    let told = serde_json::from_str::<serde_json::Value>(text).unwrap_or_default();
    let message = told.pointer("/error/message").or_else(|| told.get("error"));
    match message.and_then(serde_json::Value::as_str) {
        Some(message) => message.to_owned(),
        None if text.trim().is_empty() => format!("status {status}"),
        None => text.trim().to_owned(),
    }
}

fn exchange(address: &str, token: &str, question: Question<'_>) -> io::Result<Vec<u8>> {
    let Question { method, path, body, patience } = question;
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(patience))?;
    let length = body.len();
    let head = format!(
        "{method} {path} HTTP/1.1\r\nhost: {address}\r\nauthorization: Bearer {token}\r\naccept: application/json\r\n\
         content-type: application/json\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
    );
    stream.write_all(head.as_bytes())?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    Ok(answer)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_told_in_words() {
        let told = |text: &str| judged("/v1/operator/dead", 400, text.to_owned()).unwrap_err().to_string();
        assert_eq!(
            told(r#"{"error":{"code":"request","message":"`x` is no state"}}"#),
            "`x` is no state (/v1/operator/dead)"
        );
        assert_eq!(told(r#"{"error":"unknown variant"}"#), "unknown variant (/v1/operator/dead)");
        assert_eq!(told("not found\n"), "not found (/v1/operator/dead)");
        assert_eq!(told(""), "status 400 (/v1/operator/dead)");
    }
}

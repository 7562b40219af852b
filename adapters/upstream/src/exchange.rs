//! One request and its answer on one connection.

use std::io;

use admission::gate;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::Instant;
use tracking::{Answer, SendFailure};

use crate::answer::{self, AnswerHead, Body};
use crate::transport::Transport;

/// What is left of a connection after an exchange.
#[derive(Debug)]
pub(crate) enum After {
    /// It may serve another request.
    Keep(Transport),
    /// It is closed.
    Close,
}

/// How an exchange failed.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) stage: Stage,
    pub(crate) message: String,
}

/// How far an exchange came before it failed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Stage {
    /// No byte of the request has left this machine.
    Unwritten,
    /// The server ended the connection before a byte of its answer.
    Dropped,
    /// Anything later, and every deadline.
    Begun,
}

impl From<Failure> for SendFailure {
    fn from(failure: Failure) -> Self {
        match failure.stage {
            Stage::Unwritten => Self::NothingSent(failure.message),
            Stage::Dropped | Stage::Begun => Self::Ambiguous(failure.message),
        }
    }
}

/// What the exchange expects.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Expected<'a> {
    pub(crate) method: &'a str,
    pub(crate) body_bytes_max: usize,
    pub(crate) deadline: Instant,
}

/// Writes `request` and reads the answer, all before the deadline.
pub(crate) async fn run(
    mut transport: Transport,
    request: &[u8],
    expected: Expected<'_>,
) -> Result<(Answer, After), Failure> {
    let written_before = transport.written();
    let mut received = Vec::new();
    let outcome = {
        let talk = talk(&mut transport, request, expected, &mut received);
        tokio::time::timeout_at(expected.deadline, talk).await
    };
    let message = match outcome {
        Ok(Ok((answer, true))) => return Ok((answer, After::Keep(transport))),
        Ok(Ok((answer, false))) => return Ok((answer, After::Close)),
        Ok(Err(Trouble::Ended(message))) if received.is_empty() && transport.written() != written_before => {
            return Err(Failure { stage: Stage::Dropped, message });
        }
        Ok(Err(Trouble::Ended(message) | Trouble::Garbage(message))) => message,
        Err(_) => "no complete answer came before the deadline".to_owned(),
    };
    let stage = if transport.written() == written_before { Stage::Unwritten } else { Stage::Begun };
    Err(Failure { stage, message })
}

/// What went wrong while talking.
enum Trouble {
    /// The connection ended.
    Ended(String),
    /// The server's words make no sense.
    Garbage(String),
}

impl From<io::Error> for Trouble {
    fn from(error: io::Error) -> Self {
        Self::Ended(format!("the connection failed: {error}"))
    }
}

async fn talk(
    transport: &mut Transport,
    request: &[u8],
    expected: Expected<'_>,
    received: &mut Vec<u8>,
) -> Result<(Answer, bool), Trouble> {
    transport.write_all(request).await?;
    transport.flush().await?;
    let mut interim = 0_usize;
    let AnswerHead { mut answer, body, keep_alive } = loop {
        let end = read_head_bytes(transport, received).await?;
        let head = received.get(..end).unwrap_or_default();
        let head =
            answer::read_head(head, expected.method, expected.body_bytes_max).map_err(Trouble::Garbage)?;
        received.drain(..end);
        match head.answer.status {
            // An interim answer says nothing; the one that counts follows.
            100 | 102..200 => {
                interim += 1;
                if interim > answer::INTERIM_MAX {
                    return Err(Trouble::Garbage("interim answers came without an end".to_owned()));
                }
            }
            101 => {
                return Err(Trouble::Garbage(
                    "the server switched protocols, which nobody asked for".to_owned(),
                ));
            }
            _ => break head,
        }
    };
    let whole = read_body(transport, body, received, expected.body_bytes_max).await?;
    answer.body = whole;
    // A surplus byte would be taken for the start of the next answer.
    Ok((answer, keep_alive && received.is_empty()))
}

async fn read_head_bytes(transport: &mut Transport, received: &mut Vec<u8>) -> Result<usize, Trouble> {
    let mut searched = 0;
    loop {
        if let Some(end) = gate::find_end(received, searched) {
            return Ok(end);
        }
        if received.len() > answer::HEAD_BYTES_MAX {
            return Err(Trouble::Garbage("the answer's head is too long".to_owned()));
        }
        searched = received.len();
        read_some(transport, received).await?;
    }
}

async fn read_some(transport: &mut Transport, received: &mut Vec<u8>) -> Result<(), Trouble> {
    received.reserve(4096);
    match transport.read_buf(received).await? {
        0 => {
            Err(Trouble::Ended("the server closed the connection before its answer was complete".to_owned()))
        }
        _ => Ok(()),
    }
}

/// Reads the body; what follows it stays in `received`.
async fn read_body(
    transport: &mut Transport,
    body: Body,
    received: &mut Vec<u8>,
    body_bytes_max: usize,
) -> Result<Vec<u8>, Trouble> {
    match body {
        Body::Bytes(bytes) => {
            while received.len() < bytes {
                received.reserve(bytes - received.len());
                read_some(transport, received).await?;
            }
            let surplus = received.split_off(bytes);
            Ok(std::mem::replace(received, surplus))
        }
        Body::Chunked(mut chunked) => {
            let mut whole = Vec::new();
            loop {
                let taken = chunked.feed(received, &mut whole);
                let taken = taken.map_err(|refusal| Trouble::Garbage(refusal.to_string()))?;
                received.drain(..taken);
                if chunked.is_done() {
                    return Ok(whole);
                }
                read_some(transport, received).await?;
            }
        }
        Body::UntilClose => {
            while transport.read_buf(received).await? > 0 {
                if received.len() > body_bytes_max {
                    return Err(Trouble::Garbage(answer::too_long(body_bytes_max)));
                }
            }
            Ok(std::mem::take(received))
        }
    }
}

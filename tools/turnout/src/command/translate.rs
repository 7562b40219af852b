//! `turnout translate`: requests in, one JSON line for each out.

use std::io::{self, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use clap::Args;
use relay::policy::Snapshot;
use relay::reply::Reply;
use relay::translation::{ParameterAccount, Translation, translate};
use serde::Serialize;
use tracking::{Event, Outbound};
use units::{Seed, Timestamp};

use crate::batch::{self, Batch, LINE_BYTES_MAX};
use crate::cli::Outcome;
use crate::clock::{parse_time, wall_clock};
use crate::{input, snapshot};

/// Most of a line that is repeated in its answer: all of it, unless it is longer than any line that is read.
const SHOWN_BYTES_MAX: usize = LINE_BYTES_MAX;

/// Read requests on standard input, one a line, and write one JSON line for each.
///
/// A line is a bare URL, or a JSON object {"method","url","headers":[[name,value],...],"body"}. A bad line gets
/// a line with its problem, and reading goes on. Lines come out in the order they came in, from all cores.
///
/// Exit code 0: every line is a request; 1: some are none, or nothing came in; 2: it could not be done.
///
/// Example: echo 'https://www.example.com/path?name=value' | turnout translate
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The migration's folder; the embedded default if it is not given.
    #[arg(long, value_name = "DIR")]
    migration: Option<PathBuf>,
    /// The time that requests are read at: Unix milliseconds, or 2026-11-23T19:31:00Z.
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    now: Option<Timestamp>,
    /// The seed of everything drawn by chance.
    #[arg(long, default_value_t = 1)]
    seed: u128,
}

/// One line of output. The names are the contract with programs that read it.
#[derive(Serialize)]
struct Line<'a> {
    input: &'a str,
    class: &'static str,
    endpoint: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    mode: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    phase: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    consent: Option<ConsentLine>,
    #[serde(skip_serializing_if = "Option::is_none")]
    evidence: Option<&'static str>,
    event: Option<Event>,
    primary: Option<RequestLine>,
    reply: Option<ReplyLine>,
    parameters: Vec<ParameterLine>,
    problems: Vec<ProblemLine>,
}

#[derive(Serialize)]
struct RequestLine {
    method: String,
    url: String,
    headers: Vec<(String, String)>,
    body: Option<String>,
}

/// What the visitor's choice was taken for: `granted`, `refused` or `no_signal`.
#[derive(Serialize)]
struct ConsentLine {
    decision: &'static str,
    reason: &'static str,
}

#[derive(Serialize)]
struct ReplyLine {
    status: u16,
    headers: Vec<(String, String)>,
    body_base64: String,
    /// Where a page's script sends the shopper. A redirect says it in its headers.
    #[serde(skip_serializing_if = "Option::is_none")]
    leads_to: Option<String>,
}

#[derive(Serialize)]
struct ParameterLine {
    name: String,
    value: Option<String>,
    fate: &'static str,
    to: Option<String>,
    why: String,
}

#[derive(Serialize)]
struct ProblemLine {
    code: String,
    message: String,
}

pub(crate) fn run(arguments: &Arguments) -> Outcome {
    let snapshot = Arc::new(snapshot::load(arguments.migration.as_deref())?);
    let now = arguments.now.unwrap_or_else(wall_clock);
    let seed = Seed(arguments.seed);
    let mut out = io::stdout().lock();
    let mut read = LinesRead::default();
    let emit = |part: io::Result<(Vec<u8>, LinesRead)>| {
        let (lines, more) = part?;
        read.add(more);
        out.write_all(&lines)?;
        out.flush()
    };
    let input = batch::Named::standard_input();
    match batch::run(input, |batch| write_batch(batch, &snapshot, seed, now), emit) {
        // Whoever reads us has seen enough, as `head` does.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(ExitCode::SUCCESS),
        Err(error) => Err(error.into()),
        Ok(()) => Ok(read.judged()),
    }
}

/// What kind of lines came in.
#[derive(Default)]
struct LinesRead {
    lines: u64,
    bad: u64,
    /// The first bad line, counted from 1, with what is wrong with it.
    first_bad: Option<(u64, String)>,
}

impl LinesRead {
    fn note_bad(&mut self, number: u64, message: &str) {
        self.bad += 1;
        self.first_bad.get_or_insert_with(|| (number + 1, message.to_owned()));
    }

    /// Adds what came behind it.
    fn add(&mut self, later: Self) {
        self.lines += later.lines;
        self.bad += later.bad;
        self.first_bad = self.first_bad.take().or(later.first_bad);
    }

    /// Tells a person if the output does not answer what was asked.
    fn judged(&self) -> ExitCode {
        match &self.first_bad {
            _ if self.lines == 0 => {
                eprintln!("turnout: nothing came in on standard input: one request a line is expected");
            }
            Some((line, message)) => {
                let (bad, lines, message) = (self.bad, self.lines, super::printable(message));
                eprintln!(
                    "turnout: {bad} of {lines} lines are no requests, the first is line {line}: {message}"
                );
            }
            None => return ExitCode::SUCCESS,
        }
        ExitCode::FAILURE
    }
}

fn write_batch(
    batch: &Batch,
    snapshot: &Arc<Snapshot>,
    seed: Seed,
    now: Timestamp,
) -> io::Result<(Vec<u8>, LinesRead)> {
    let (mut out, mut read) = (Vec::new(), LinesRead::default());
    for (number, line) in batch.lines() {
        let shown = String::from_utf8_lossy(line.get(..SHOWN_BYTES_MAX).unwrap_or(line));
        let shown = shown.trim_end_matches(['\n', '\r']);
        let described = match input::read(line) {
            Ok(inbound) => describe(shown, translate(&inbound, snapshot, seed.fork(number), now)),
            Err(message) => {
                read.note_bad(number, &message);
                bad(shown, message)
            }
        };
        read.lines += 1;
        serde_json::to_writer(&mut out, &described)?;
        out.push(b'\n');
    }
    Ok((out, read))
}

/// The line of one request, as JSON.
pub(crate) fn to_json(input: &str, translation: Translation) -> serde_json::Result<String> {
    serde_json::to_string(&describe(input, translation))
}

fn bad(input: &str, message: String) -> Line<'_> {
    Line {
        input,
        class: "unrecognised",
        endpoint: None,
        mode: None,
        phase: None,
        consent: None,
        evidence: None,
        event: None,
        primary: None,
        reply: None,
        parameters: Vec::new(),
        problems: vec![ProblemLine { code: "bad_input".to_owned(), message }],
    }
}

fn describe(input: &str, translation: Translation) -> Line<'_> {
    let problem = |(code, message)| ProblemLine { code, message };
    Line {
        input,
        class: translation.class.name(),
        endpoint: translation.endpoint.map(|(name, _)| name),
        mode: Some(translation.mode.name()),
        phase: translation.phase.map(relay::policy::Phase::name),
        consent: translation
            .consent
            .map(|consent| ConsentLine { decision: consent.name(), reason: consent.reason().name() }),
        evidence: translation.evidence.map(tracking::migration::EvidenceKind::name),
        event: translation.event,
        primary: translation.primary.as_ref().map(request),
        reply: Some(reply(translation.reply, translation.leads_to)),
        parameters: translation.parameters.into_iter().map(parameter).collect(),
        problems: translation.problems.into_iter().map(problem).collect(),
    }
}

fn request(request: &Outbound) -> RequestLine {
    let header =
        |(name, value): &(String, Vec<u8>)| (name.clone(), String::from_utf8_lossy(value).into_owned());
    RequestLine {
        method: request.method.to_string(),
        url: request.url(),
        headers: request.headers.iter().map(header).collect(),
        body: (!request.body.is_empty()).then(|| String::from_utf8_lossy(&request.body).into_owned()),
    }
}

fn reply(reply: Reply, leads_to: Option<String>) -> ReplyLine {
    let leads_to = leads_to.filter(|_| !reply.headers.iter().any(|(name, _)| name == "location"));
    ReplyLine { status: reply.status, headers: reply.headers, body_base64: base64(&reply.body), leads_to }
}

fn parameter(account: ParameterAccount) -> ParameterLine {
    ParameterLine {
        name: account.name,
        value: account.value,
        fate: account.fate.name(),
        to: account.to,
        why: account.why,
    }
}

/// Standard base 64 with padding.
fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let group = chunk.iter().fold(0_u32, |group, byte| (group << 8) | u32::from(*byte));
        let group = group << (8 * (3 - chunk.len()));
        for place in 0..4 {
            let letter = ALPHABET[(group >> (18 - 6 * place)) as usize & 63];
            text.push(if place <= chunk.len() { char::from(letter) } else { '=' });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_pads_as_the_standard_says() {
        for (bytes, text) in [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg==")]
        {
            assert_eq!(base64(bytes.as_bytes()), text);
        }
    }
}

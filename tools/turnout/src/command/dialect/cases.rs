//! Conformance cases: files of requests and answers with what they must come to, each with its source.

use tracking::source::{Mistake, Section, Source};
use tracking::wire::Verdict;
use tracking::{Class, Field, Inbound, Method};
use units::Timestamp;

use super::postbacks::{self, PostbackCase};
use crate::clock::parse_time;
use crate::input;

/// The time of cases that name none, so that nothing depends on the day they are run: 2026-01-01T00:00:00Z.
const USUAL_NOW: Timestamp = Timestamp::from_millis(1_767_225_600_000);

/// A file of cases as text.
#[derive(Debug)]
pub(super) struct CaseFile {
    pub(super) name: String,
    text: String,
}

/// The cases of a file.
#[derive(Debug)]
pub(super) struct Cases {
    /// The time that every request of the file is read at.
    pub(super) now: Timestamp,
    pub(super) requests: Vec<RequestCase>,
    pub(super) answers: Vec<AnswerCase>,
    pub(super) postbacks: Vec<PostbackCase>,
}

/// A request, and what it must be understood as. What a case does not name is not compared.
#[derive(Debug)]
pub(super) struct RequestCase {
    pub(super) name: String,
    pub(super) line: usize,
    pub(super) inbound: Option<Inbound>,
    pub(super) endpoint: Option<String>,
    pub(super) class: Option<Class>,
    /// The code of a short link; empty: there must be none.
    pub(super) code: Option<String>,
    /// Every field of the event as text.
    pub(super) event: Option<Vec<(Field, String)>>,
    /// Every problem's code; none are expected where the case names none.
    pub(super) problems: Vec<String>,
    /// Names of parameters that no rule of the endpoint lists.
    pub(super) unlisted: Option<Vec<String>>,
    /// Names of parameters that are dropped by a declared rule.
    pub(super) dropped: Option<Vec<String>>,
    pub(super) sent: Option<Sent>,
}

/// What a migration must make of a request.
#[derive(Debug)]
pub(super) struct Sent {
    pub(super) mode: Option<String>,
    pub(super) method: Option<String>,
    /// Empty: the primary must not be asked.
    pub(super) url: Option<String>,
    pub(super) body: Option<String>,
    pub(super) status: Option<u64>,
    pub(super) location: Option<String>,
    pub(super) cookies: Option<Vec<String>>,
}

/// A platform's answer, and what it must mean.
#[derive(Debug)]
pub(super) struct AnswerCase {
    pub(super) name: String,
    pub(super) line: usize,
    pub(super) endpoint: String,
    pub(super) status: u16,
    pub(super) headers: Vec<(String, Vec<u8>)>,
    pub(super) body: String,
    pub(super) event: Vec<(Field, String)>,
    pub(super) verdict: Verdict,
}

impl CaseFile {
    pub(super) const fn new(name: String, text: String) -> Self {
        Self { name, text }
    }

    /// Reads the file.
    pub(super) fn read(&self) -> Result<Cases, Vec<Mistake>> {
        let source = Source::new(&self.name, &self.text);
        let cases = source.read(|root| Cases {
            now: read_now(root),
            requests: root.sections("case", read_request),
            answers: root.sections("answer", read_answer),
            postbacks: root.sections("postback", postbacks::read),
        });
        let mistakes = source.into_mistakes();
        if mistakes.is_empty() { Ok(cases) } else { Err(mistakes) }
    }
}

fn read_now(root: &Section<'_, '_>) -> Timestamp {
    let Some(text) = root.text("now") else { return USUAL_NOW };
    parse_time(&text).unwrap_or_else(|error| {
        root.mistake_at("now", format!("`{text}` is no time: {error}"));
        USUAL_NOW
    })
}

/// Every case has a name, and a source: a fact that nobody can check is an opinion.
pub(super) fn named(section: &Section<'_, '_>) -> String {
    section.required_text("source");
    section.required_text("name")
}

fn read_request(section: &Section<'_, '_>) -> RequestCase {
    let names = Class::ALL.map(Class::name);
    RequestCase {
        name: named(section),
        line: section.line(),
        inbound: read_inbound(section),
        endpoint: section.text("endpoint"),
        class: section.choice("class", &names, Class::parse),
        code: section.text("code"),
        event: section.section("event", read_fields),
        problems: section.texts("problems"),
        unlisted: some_texts(section, "unlisted"),
        dropped: some_texts(section, "dropped"),
        sent: section.section("sent", read_sent),
    }
}

/// A list that may be absent; an empty one asks for emptiness.
fn some_texts(section: &Section<'_, '_>, key: &'static str) -> Option<Vec<String>> {
    section.has(key).then(|| section.texts(key))
}

fn read_inbound(section: &Section<'_, '_>) -> Option<Inbound> {
    let url = section.required_text("request");
    let mut inbound = match input::read(url.as_bytes()) {
        Ok(inbound) => inbound,
        Err(message) => {
            section.mistake_at("request", message);
            return None;
        }
    };
    if let Some(method) = section.choice("method", &["GET", "HEAD", "POST", "OPTIONS"], Method::parse) {
        inbound.method = method;
    }
    inbound.headers = headers(section);
    inbound.body = section.text("body").unwrap_or_default().into_bytes();
    Some(inbound)
}

/// Headers as `name: value`.
fn headers(section: &Section<'_, '_>) -> Vec<(String, Vec<u8>)> {
    let split = |header: String| {
        let parts = header.split_once(':');
        if parts.is_none() {
            section.mistake_at("headers", format!("`{header}` is no header: write `name: value`"));
        }
        parts.map(|(name, value)| (name.trim().to_lowercase(), value.trim().as_bytes().to_vec()))
    };
    section.texts("headers").into_iter().filter_map(split).collect()
}

fn read_fields(section: &Section<'_, '_>) -> Vec<(Field, String)> {
    let read = |field: &Field| section.text(field.name()).map(|value| (*field, value));
    Field::ALL.iter().filter_map(read).collect()
}

fn read_sent(section: &Section<'_, '_>) -> Sent {
    Sent {
        mode: section.text("mode"),
        method: section.text("method"),
        url: section.text("url"),
        body: section.text("body"),
        status: section.number("status"),
        location: section.text("location"),
        cookies: some_texts(section, "cookies"),
    }
}

fn read_answer(section: &Section<'_, '_>) -> AnswerCase {
    let verdicts = ["confirmed", "taken", "rejected", "later", "paused", "unknown"];
    let verdict = section.choice("verdict", &verdicts, Verdict::parse);
    let status = section.number("status").and_then(|status| u16::try_from(status).ok());
    if status.is_none() {
        section.mistake("`status` is missing, or no status");
    }
    AnswerCase {
        name: named(section),
        line: section.line(),
        endpoint: section.required_text("endpoint"),
        status: status.unwrap_or_default(),
        headers: headers(section),
        body: section.text("body").unwrap_or_default(),
        event: section.section("event", read_fields).unwrap_or_default(),
        verdict: verdict.unwrap_or_else(|| {
            section.mistake("`verdict` is missing: what must the answer mean?");
            Verdict::Unknown
        }),
    }
}

//! Runs conformance cases, and tells what does not hold as a difference.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use relay::policy::Snapshot;
use relay::reply::Reply;
use relay::translation::{Fate, Translation, translate};
use tracking::decode::{self, Decoded};
use tracking::dialect::{Dialect, Handling};
use tracking::wire::Answer;
use tracking::{Class, Event, Field, Inbound, Outbound, Value, query};
use units::{Seed, Timestamp};

use super::cases::{AnswerCase, Cases, RequestCase, Sent};
use super::{Failed, Place, Subject};
use crate::cli::Outcome;
use crate::command::mistakes;

/// What the cases are about, compiled.
enum Rules {
    Dialect(Box<Dialect>),
    Migration(Arc<Snapshot>),
}

/// What a request came to.
#[derive(Default)]
struct Found {
    endpoint: Option<String>,
    class: &'static str,
    code: Option<String>,
    event: Vec<(Field, String)>,
    problems: Vec<String>,
    unlisted: Vec<String>,
    dropped: Vec<String>,
    sent: Option<Translation>,
}

/// The lines of a difference; empty if a case holds.
#[derive(Default)]
pub(super) struct Difference(pub(super) Vec<String>);

pub(super) fn run(subject: Subject, cases: Option<&Path>) -> Outcome {
    let (rules, place) = match subject {
        Subject::Dialect { file, text, cases } => {
            (Rules::Dialect(Box::new(Dialect::load(&file, &text).map_err(mistakes)?)), cases)
        }
        Subject::Migration { files, cases } => (Rules::Migration(Arc::new(super::load(&files)?)), cases),
    };
    let place = cases.map_or(place, |folder| Place::Folder(folder.to_path_buf()));
    let (mut ran, mut failed) = (0_usize, 0_usize);
    for (file, cases) in read(&place)? {
        let requests = cases.requests.iter();
        let requests = requests.map(|case| (&case.name, case.line, rules.request(case, cases.now)));
        let answers = cases.answers.iter().map(|case| (&case.name, case.line, rules.answer(case)));
        let postbacks = cases.postbacks.iter();
        let postbacks = postbacks.map(|case| (&case.name, case.line, case.run(rules.legacy())));
        for (name, line, difference) in requests.chain(answers).chain(postbacks) {
            ran += 1;
            if !difference.0.is_empty() {
                failed += 1;
                println!("{file}:{line}: {name}\n{}", difference.0.join("\n"));
            }
        }
    }
    if ran == 0 {
        return Err(format!("there are no cases in {}: name their folder with --cases", place.shown()).into());
    }
    println!("{ran} cases: {} hold, {failed} do not", ran - failed);
    Ok(if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Every file of cases; all mistakes of all files are told together.
fn read(place: &Place) -> Result<Vec<(String, Cases)>, Failed> {
    let (mut all, mut wrong) = (Vec::new(), Vec::new());
    for file in place.files()? {
        match file.read() {
            Ok(cases) => all.push((file.name, cases)),
            Err(found) => wrong.extend(found),
        }
    }
    if wrong.is_empty() { Ok(all) } else { Err(mistakes(wrong)) }
}

impl Rules {
    /// The dialect that requests come in.
    fn legacy(&self) -> &Dialect {
        match self {
            Self::Dialect(dialect) => dialect,
            Self::Migration(snapshot) => &snapshot.migration.legacy,
        }
    }

    fn request(&self, case: &RequestCase, now: Timestamp) -> Difference {
        let mut difference = Difference::default();
        let Some(inbound) = &case.inbound else { return difference };
        let found = match self {
            Self::Dialect(dialect) => understood(dialect, inbound),
            Self::Migration(snapshot) => translated(translate(inbound, snapshot, Seed(1), now)),
        };
        if let Some(endpoint) = &case.endpoint {
            difference.one("endpoint", endpoint, found.endpoint.as_deref().unwrap_or("none"));
        }
        if let Some(class) = case.class {
            difference.one("class", class.name(), found.class);
        }
        if let Some(code) = &case.code {
            difference.one("code", code, found.code.as_deref().unwrap_or_default());
        }
        if let Some(event) = &case.event {
            let lines = |fields: &[(Field, String)]| -> BTreeSet<String> {
                fields.iter().map(|(field, value)| format!("{} = {value}", field.name())).collect()
            };
            difference.many("event", &lines(event), &lines(&found.event));
        }
        let names = |names: &[String]| names.iter().cloned().collect();
        difference.many("problem", &names(&case.problems), &names(&found.problems));
        if let Some(unlisted) = &case.unlisted {
            difference.many("unlisted", &names(unlisted), &names(&found.unlisted));
        }
        if let Some(dropped) = &case.dropped {
            difference.many("dropped", &names(dropped), &names(&found.dropped));
        }
        match (&case.sent, &found.sent) {
            (Some(wanted), Some(sent)) => difference.sent(wanted, sent),
            (Some(_), None) => {
                difference.0.push("  `sent` is a matter of a migration; a dialect sends nothing".to_owned());
            }
            (None, _) => {}
        }
        difference
    }

    fn answer(&self, case: &AnswerCase) -> Difference {
        let mut difference = Difference::default();
        let dialect = match self {
            Self::Dialect(dialect) => dialect.as_ref(),
            Self::Migration(snapshot) => &snapshot.migration.primary,
        };
        let Some(endpoint) = dialect.endpoint(&case.endpoint) else {
            difference.0.push(format!("  the dialect has no endpoint `{}`", case.endpoint));
            return difference;
        };
        let mut event = Event::new(endpoint.class);
        for (field, value) in &case.event {
            event.set(*field, Value::Text(value.as_str().into()));
        }
        let body = case.body.as_bytes().to_vec();
        let answer = Answer { status: case.status, headers: case.headers.clone(), body };
        let judged = dialect.judge(&case.endpoint, &event, &answer);
        difference.one("verdict", case.verdict.name(), judged.verdict.name());
        difference
    }
}

fn understood(dialect: &Dialect, inbound: &Inbound) -> Found {
    let Some(endpoint) = dialect.recognise_request(inbound) else {
        return Found { class: Class::Unrecognised.name(), ..Found::default() };
    };
    let decoded = decode::decode(dialect, endpoint, inbound, &|_| None);
    let is_short = endpoint.handling == Handling::ShortLink;
    let rule = dialect.short_links.as_ref().filter(|_| is_short);
    Found {
        endpoint: Some(endpoint.name.clone()),
        class: endpoint.class.name(),
        code: rule.and_then(|rule| rule.code(inbound)).map(|code| code.text),
        event: fields(&decoded.event),
        problems: decoded.problems.iter().map(|problem| problem.code.clone()).collect(),
        unlisted: named(&decoded, |outcome| {
            matches!(outcome, decode::Outcome::Passed | decode::Outcome::Kept)
        }),
        dropped: named(&decoded, |outcome| matches!(outcome, decode::Outcome::Dropped)),
        sent: None,
    }
}

fn named(decoded: &Decoded<'_, '_>, wanted: impl Fn(decode::Outcome) -> bool) -> Vec<String> {
    let traces = decoded.traces.iter().filter(|trace| wanted(trace.outcome));
    traces.map(|trace| query::decode_text(trace.name())).collect()
}

fn translated(translation: Translation) -> Found {
    let with = |fate: Fate| {
        let accounts = translation.parameters.iter().filter(|account| account.fate == fate);
        accounts.map(|account| account.name.clone()).collect()
    };
    Found {
        endpoint: translation.endpoint.as_ref().map(|(name, _)| name.clone()),
        class: translation.class.name(),
        code: None,
        event: translation.event.as_ref().map(fields).unwrap_or_default(),
        problems: translation.problems.iter().map(|(code, _)| code.clone()).collect(),
        unlisted: with(Fate::Passed),
        dropped: with(Fate::Dropped),
        sent: Some(translation),
    }
}

fn fields(event: &Event) -> Vec<(Field, String)> {
    event.fields().map(|(field, value)| (field, value.text().into_string())).collect()
}

impl Difference {
    pub(super) fn one(&mut self, what: &str, wanted: &str, found: &str) {
        if wanted != found {
            self.0.push(format!("  - {what} {wanted}\n  + {what} {found}"));
        }
    }

    pub(super) fn many(&mut self, what: &str, wanted: &BTreeSet<String>, found: &BTreeSet<String>) {
        self.0.extend(wanted.difference(found).map(|missing| format!("  - {what} {missing}")));
        self.0.extend(found.difference(wanted).map(|surplus| format!("  + {what} {surplus}")));
    }

    fn sent(&mut self, wanted: &Sent, found: &Translation) {
        let request = found.primary.as_ref();
        let mut some = |what: &str, wanted: Option<&String>, found: String| {
            if let Some(wanted) = wanted {
                self.one(what, wanted, &found);
            }
        };
        some("mode", wanted.mode.as_ref(), found.mode.name().to_owned());
        some(
            "method",
            wanted.method.as_ref(),
            request.map(|one| one.method.clone()).unwrap_or_default().to_string(),
        );
        some("url", wanted.url.as_ref(), request.map(Outbound::url).unwrap_or_default());
        let body = request.map(|one| String::from_utf8_lossy(&one.body).into_owned());
        some("body", wanted.body.as_ref(), body.unwrap_or_default());
        let status = wanted.status.map(|status| status.to_string());
        some("status", status.as_ref(), found.reply.status.to_string());
        some("location", wanted.location.as_ref(), found.leads_to.clone().unwrap_or_default());
        if let Some(cookies) = &wanted.cookies {
            let found: BTreeSet<String> = headers(&found.reply, "set-cookie").into_iter().collect();
            self.many("cookie", &cookies.iter().cloned().collect(), &found);
        }
    }
}

fn headers(reply: &Reply, name: &str) -> Vec<String> {
    let named = reply.headers.iter().filter(|(header, _)| header == name);
    named.map(|(_, value)| value.clone()).collect()
}

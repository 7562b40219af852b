//! `turnout explain`: the walk of one request, for a person.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use clap::Args;
use relay::policy::Snapshot;
use relay::translation::{Translation, translate};
use serde_json::{Value, json};
use units::{EventId, Seed};

use super::ask::{Where, list, shown, table};
use crate::cli::Outcome;
use crate::clock::wall_clock;
use crate::{input, snapshot};

/// The walk of one request, rule by rule: of a URL as it would be read now, or of an event that came in.
///
/// Example: turnout explain 'https://www.example.com/path?name=value'
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// A URL, a JSON request, or an event's id.
    what: String,
    /// The migration's folder; the running process's or the embedded default if it is not given.
    #[arg(long, value_name = "DIR")]
    migration: Option<PathBuf>,
    #[command(flatten)]
    place: Where,
}

impl Arguments {
    /// What a running process decides by, with the imported map in force there; another migration has its own tables.
    fn snapshot(&self) -> Result<Snapshot, directory::LoadError> {
        if let Some(folder) = &self.migration {
            return snapshot::load(Some(folder));
        }
        let running = self.place.data.join("migration");
        snapshot::load_served(running.exists().then_some(running.as_path()), &self.place.data)
    }
}

pub(crate) fn run(arguments: &Arguments) -> Outcome {
    if let Ok(event_id) = arguments.what.parse::<EventId>() {
        return event(arguments, event_id);
    }
    let snapshot = Arc::new(arguments.snapshot()?);
    let inbound = input::read(arguments.what.as_bytes())?;
    let translation = translate(&inbound, &snapshot, Seed(1), wall_clock());
    if arguments.place.json {
        println!("{}", super::translate::to_json(&arguments.what, translation)?);
        return Ok(ExitCode::SUCCESS);
    }
    print!("{}", super::printable(&walk(&translation)));
    Ok(ExitCode::SUCCESS)
}

/// Tells of an event that came in: what the request log remembers of it, and how it stands if it is a conversion. The
/// log answers without a running process, and for clicks too.
fn event(arguments: &Arguments, event_id: EventId) -> Outcome {
    let place = &arguments.place;
    let conversion = place.processor("GET", &format!("/conversions/{event_id}"), None);
    let remembered = match super::requests::remembered(&place.data, event_id) {
        // The books answer without the log, whose server may be away.
        Err(error) if conversion.is_ok() => {
            eprintln!("turnout: the request log cannot be asked: {}", super::with_causes(error.as_ref()));
            None
        }
        remembered => remembered?,
    };
    let answer = match (conversion, &remembered) {
        (Ok(mut answer), remembered) => {
            answer["request"] = remembered.clone().unwrap_or_default();
            answer
        }
        (Err(error), None) => return Err(error.into()),
        (Err(error), Some(request)) => {
            if !place.json {
                super::requests::print_one(request);
                println!("nothing more is known of it: {error}");
            }
            json!({ "request": request })
        }
    };
    if place.json {
        println!("{answer}");
    } else if let Some(request) = remembered.filter(|_| answer.get("conversion").is_some()) {
        super::requests::print_one(&request);
    }
    if !place.json && answer.get("conversion").is_some() {
        print_conversion(&answer, false);
    }
    Ok(ExitCode::SUCCESS)
}

/// The walk of a request, line by line.
fn walk(translation: &Translation) -> String {
    let mut out = String::new();
    match &translation.endpoint {
        Some((name, place)) => {
            writeln!(out, "1. recognised as a {}: endpoint `{name}` ({place})", translation.class)
        }
        None => writeln!(out, "1. not recognised as anything that a dialect names"),
    }
    .ok();
    writeln!(out, "2. its parameters:").ok();
    for account in &translation.parameters {
        let value = account.value.as_deref().map(|value| format!(" = {value}")).unwrap_or_default();
        let to = account.to.as_deref().map(|to| format!(" -> {to}")).unwrap_or_default();
        writeln!(out, "   {}{value}: {}{to}\n      {}", account.name, account.fate.name(), account.why).ok();
    }
    if let Some(event) = &translation.event {
        writeln!(out, "3. it means:").ok();
        for (field, value) in event.fields() {
            writeln!(out, "   {}: {}  ({})", field.name(), value.text(), field.meaning()).ok();
        }
    }
    let phase = translation.phase.map_or("no programme of the directory", |phase| phase.name());
    writeln!(out, "4. its programme stands at: {phase}").ok();
    if let Some(evidence) = translation.evidence {
        writeln!(out, "   the evidence of its click: {}", evidence.name()).ok();
    }
    match &translation.primary {
        Some(request) => writeln!(out, "5. the primary is asked: {} {}", request.method, request.url()),
        None => writeln!(out, "5. the primary is not asked"),
    }
    .ok();
    let reply = &translation.reply;
    let asked = translation.mode != reply.mode;
    let unless = if asked { ", where the legacy platform does not answer" } else { "" };
    writeln!(out, "6. the reply: {} ({} mode{unless})", reply.status, translation.mode.name()).ok();
    for (name, value) in &reply.headers {
        writeln!(out, "   {name}: {value}").ok();
    }
    for (code, message) in &translation.problems {
        writeln!(out, "!  {code}: {message}").ok();
    }
    out
}

/// Prints the original request, as far as it is shown.
fn print_original(original: &Value) {
    if original.is_null() {
        return;
    }
    let name = |name: &str| shown(&original[name]);
    let masked = original["masked"] == true;
    let target = if masked { name("path") } else { name("target") };
    println!("the original request: {} {}{target}", name("method"), name("host"));
    for (list_name, sign) in [("parameters", "="), ("headers", ": ")] {
        for pair in list(original, list_name) {
            println!("  {}{sign}{}", shown(&pair["name"]), shown(&pair["value"]));
        }
    }
    if !masked {
        println!("  client: {}\n  body: {}", name("client"), name("body"));
    }
}

/// Prints the whole walk of a conversion that came in.
pub(crate) fn print_conversion(answer: &Value, json: bool) {
    if json {
        println!("{answer}");
        return;
    }
    let conversion = &answer["conversion"];
    println!("event {} ({})", shown(&conversion["event_id"]), shown(&answer["endpoint"]));
    for (title, part) in [("it means", &answer["event"]), ("it stands", conversion)] {
        println!("{title}:");
        for (name, value) in part.as_object().into_iter().flatten() {
            if !value.is_null() && value != "" {
                println!("  {name}: {}", shown(value));
            }
        }
    }
    print_original(&answer["original"]);
    println!("consent: {} ({})", shown(&answer["consent"]), shown(&answer["consent_reason"]));
    for (title, name, columns) in [
        ("the evidence, in order", "considered", &["evidence", "outcome", "publisher_id", "clicked_at"][..]),
        (
            "attempts",
            "attempts",
            &["number", "platform", "request", "started_at", "verdict", "reason", "status", "answer"][..],
        ),
        ("corrected by people", "edits", &["number", "edited_at", "actor", "changes", "reason"][..]),
        (
            "changes by the merchant",
            "changes",
            &["number", "operation", "amount", "state", "detail", "reason"][..],
        ),
        (
            "called publishers",
            "postbacks",
            &["publisher_id", "state", "attempts", "detail", "changed_at"][..],
        ),
        (
            "who earns, by each decision",
            "awards",
            &["decision", "publisher_id", "share", "evidence", "touched_at", "model", "terms", "rules"][..],
        ),
        ("postings", "postings", &["set", "kind", "account", "party", "amount"][..]),
        ("journal", "journal", &["at", "actor", "action", "detail"][..]),
        ("later arrivals", "later_arrivals", &["event_id", "state", "received_at", "evidence"][..]),
    ] {
        let rows = list(answer, name);
        if !rows.is_empty() {
            println!("{title}:\n{}", table(rows, columns));
        }
    }
}

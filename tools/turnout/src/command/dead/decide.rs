//! Deciding about single dead letters: a correction, and a doubt that is closed.

use std::process::ExitCode;

use clap::Args;
use serde_json::{Map, Value, json};
use units::EventId;

use crate::cli::Outcome;
use crate::command::acting::{Actor, Reason};
use crate::command::ask::{Where, list, shown};

/// A correction.
#[derive(Debug, Args)]
pub(super) struct Edit {
    #[command(flatten)]
    place: Where,
    /// The event's id.
    event_id: EventId,
    /// A field's new value, as a client would write it. May stand several times.
    #[arg(long, value_name = "FIELD=VALUE", value_parser = field)]
    set: Vec<(String, String)>,
    /// A field that is taken away. May stand several times.
    #[arg(long, value_name = "FIELD")]
    unset: Vec<String>,
    /// Overrule the doubts that are left.
    #[arg(long)]
    approve: bool,
    /// Only say what would become of it.
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    by: Actor,
    #[command(flatten)]
    because: Reason,
}

fn field(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("write FIELD=VALUE, as amount=12.00")?;
    Ok((name.to_owned(), value.to_owned()))
}

impl Edit {
    pub(super) fn run(&self) -> Outcome {
        let mut set = Map::new();
        for (name, value) in &self.set {
            if set.insert(name.clone(), json!(value)).is_some() {
                return Err(format!("`{name}` is set twice").into());
            }
        }
        let body = json!({
            "set": set,
            "unset": self.unset,
            "actor": self.by.actor,
            "reason": self.because.reason,
            "approved": self.approve,
            "dry_run": self.dry_run,
        });
        let answer = self.place.processor("POST", &format!("/dead/{}/edit", self.event_id), Some(&body))?;
        if self.place.json {
            println!("{answer}");
            return Ok(ExitCode::SUCCESS);
        }
        println!("{}", shown(&answer["changes"]));
        let becomes = if self.dry_run { "it would be" } else { "it is" };
        println!("{becomes} {}, for {}", shown(&answer["state"]), shown(&answer["owner"]));
        for reason in list(&answer, "in_the_way") {
            println!("  {}: {}", shown(&reason["code"]), shown(&reason["message"]));
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// A doubt that is closed.
#[derive(Debug, Args)]
#[group(id = "close", multiple = true)]
#[command(group = clap::ArgGroup::new("answer").required(true))]
pub(super) struct Settle {
    #[command(flatten)]
    place: Where,
    /// The ids of events, or of merchants' changes.
    #[arg(required = true)]
    event_ids: Vec<EventId>,
    /// It is on the platform.
    #[arg(long, group = "answer")]
    arrived: bool,
    /// It is not on the platform: it can be sent again.
    #[arg(long, group = "answer")]
    not_arrived: bool,
    /// What shows it, as a report and its date; the journal keeps it.
    #[arg(long)]
    evidence: String,
    #[command(flatten)]
    by: Actor,
}

impl Settle {
    pub(super) fn run(&self) -> Outcome {
        let body = json!({
            "events": self.event_ids,
            "arrived": self.arrived,
            "evidence": self.evidence,
            "actor": self.by.actor,
        });
        let answer = self.place.processor("POST", "/dead/settle", Some(&body))?;
        let rows = list(&answer, "events");
        if self.place.json {
            println!("{answer}");
        }
        for row in rows.iter().filter(|_| !self.place.json) {
            let because = row["because"].as_str().map(|why| format!(": {why}")).unwrap_or_default();
            println!(
                "{} {} {}{because}",
                shown(&row["event_id"]),
                shown(&row["outcome"]),
                shown(&row["state"])
            );
        }
        let no = |row: &Value| row["outcome"] == "refused" || row["outcome"] == "not_found";
        Ok(if rows.iter().any(no) { ExitCode::FAILURE } else { ExitCode::SUCCESS })
    }
}

//! `turnout owner`: give conversions to the other platform, as far as nothing of them can have arrived.

use std::process::ExitCode;

use clap::{Args, ValueEnum};
use serde_json::json;
use units::EventId;

use super::acting::{Actor, Reason};
use super::ask::{Where, list, table};
use crate::cli::Outcome;

/// Give queued conversions to the other platform. Refused, with the reason, unless it is certain that nothing of them
/// has arrived at the present one.
///
/// Exit code 0: each of them belongs there now; 1: one or more do not.
///
/// Example: turnout owner EVENT_ID --to legacy --reason "the primary is closed for a week"
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    place: Where,
    /// The events' ids.
    #[arg(required = true)]
    event_ids: Vec<EventId>,
    /// The platform that they are to belong to.
    #[arg(long)]
    to: Platform,
    #[command(flatten)]
    by: Actor,
    #[command(flatten)]
    because: Reason,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Platform {
    Legacy,
    Primary,
}

pub(crate) fn run(arguments: &Arguments) -> Outcome {
    if arguments.because.reason.trim().is_empty() {
        return Err("--reason is empty: the journal keeps why the owner of money was changed".into());
    }
    let to = match arguments.to {
        Platform::Legacy => "legacy",
        Platform::Primary => "primary",
    };
    let (events, actor, reason) = (&arguments.event_ids, &arguments.by.actor, &arguments.because.reason);
    let order = json!({ "events": events, "to": to, "actor": actor, "reason": reason });
    let answer = arguments.place.processor("POST", "/owner", Some(&order))?;
    let rows = list(&answer, "events");
    if arguments.place.json {
        println!("{answer}");
    } else {
        println!("{}", table(rows, &["event_id", "outcome", "why"]));
    }
    let stands = |outcome: Option<&str>| matches!(outcome, Some("done" | "nothing_to_do"));
    let all = rows.iter().all(|row| stands(row.get("outcome").and_then(|outcome| outcome.as_str())));
    Ok(ExitCode::from(u8::from(!all)))
}

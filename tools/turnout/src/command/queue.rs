//! `turnout queue`: what waits, and why.

use std::process::ExitCode;

use clap::Args;
use serde_json::Value;

use super::ask::{Where, list, table};
use crate::cli::Outcome;

/// What waits and why: deliveries that are queued or under way, the longest due first.
///
/// Example: turnout queue --limit 20
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    place: Where,
    /// Most rows, at most 1000.
    #[arg(long, default_value_t = 50)]
    limit: u32,
    /// Only this advertiser, by its legacy id.
    #[arg(long, value_name = "ID")]
    advertiser: Option<u64>,
}

pub(crate) fn run(arguments: &Arguments) -> Outcome {
    let only = arguments.advertiser.map(|id| format!("&advertiser_id={id}")).unwrap_or_default();
    let path = format!("/queue?limit={}{only}", arguments.limit);
    let answer: Value = arguments.place.processor("GET", &path, None)?;
    if arguments.place.json {
        println!("{answer}");
        return Ok(ExitCode::SUCCESS);
    }
    let rows = list(&answer, "queue");
    let columns =
        ["event_id", "state", "advertiser_id", "owner", "amount", "currency", "attempts", "due_at", "reason"];
    println!("{}", table(rows, &columns));
    let more = answer.get("more").and_then(Value::as_bool).unwrap_or(false);
    println!("{} waiting{}", rows.len(), if more { ", and more: raise --limit" } else { "" });
    Ok(ExitCode::SUCCESS)
}

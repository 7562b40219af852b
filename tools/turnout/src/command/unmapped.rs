//! `turnout unmapped`: which ids have no mapping, and what waits for them.

use std::process::ExitCode;

use clap::Args;
use serde_json::{Value, json};

use super::ask::{NoAnswer, Where, list, number, table};
use crate::cli::Outcome;
use crate::data::DataError;

/// Which ids no map has, and how many conversions are held for each. They go on by themselves once a map has them.
///
/// Behind them stands what the edge has looked up in vain since it started: ids of advertisers, publishers,
/// creatives, deals and products, and codes of short links. Nothing waits for those: their clicks were passed to
/// the legacy platform, or led to the merchant's own page.
///
/// Example: turnout unmapped --limit 20
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    place: Where,
    /// Most rows of each list, at most 1000.
    #[arg(long, default_value_t = 50)]
    limit: u32,
}

pub(crate) fn run(arguments: &Arguments) -> Outcome {
    let place = &arguments.place;
    let held = role(place.processor("GET", &format!("/unmapped?limit={}", arguments.limit), None))?;
    let seen = match place.edge_at("/unmapped") {
        // The books answer at rest, too.
        Err(NoAnswer::Data(DataError::NotRunning(_))) if !held.is_null() => Value::Null,
        seen => role(seen)?,
    };
    let rows = list(&seen, "seen");
    let limit = usize::try_from(arguments.limit).unwrap_or(usize::MAX);
    let rows = rows.get(..limit.min(rows.len())).unwrap_or_default();
    if place.json {
        println!("{}", json!({ "unmapped": held["unmapped"], "seen": rows, "beyond": seen["beyond"] }));
        return Ok(ExitCode::SUCCESS);
    }
    let held = list(&held, "unmapped");
    if held.is_empty() {
        println!("nothing waits for a mapping");
    } else {
        println!("{}", table(held, &["kind", "legacy_id", "held", "first_at", "last_at"]));
    }
    if !rows.is_empty() {
        println!("\nlooked up in vain by the edge since it started:");
        println!("{}", table(rows, &["table", "key", "times", "first", "last"]));
    }
    let beyond = number(&seen, "beyond");
    if beyond > 0 {
        println!("and {beyond} look-ups of further ids and codes");
    }
    if !held.is_empty() || !rows.is_empty() {
        println!("\nadd them to the tables, then: turnout map import TABLES --switch");
    }
    Ok(ExitCode::SUCCESS)
}

/// The answer of a role; nothing of one that runs elsewhere.
fn role(answer: Result<Value, NoAnswer>) -> Result<Value, NoAnswer> {
    match answer {
        Err(NoAnswer::Role(..)) => Ok(Value::Null),
        answer => answer,
    }
}

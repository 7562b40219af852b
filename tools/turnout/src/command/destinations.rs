//! `turnout destinations`: the endpoints that conversions go to, what is wrong with them, and going on after a mend.

use std::process::ExitCode;

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::acting::{Actor, Reason};
use super::ask::{Where, list, shown, table};
use crate::cli::Outcome;

/// The endpoints that conversions go to: which are down, paused or throttled, and how their backlog drains.
///
/// Example: turnout destinations list
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Destinations,
}

#[derive(Debug, Subcommand)]
enum Destinations {
    /// List them. Example: turnout destinations list
    List {
        #[command(flatten)]
        place: Where,
    },
    /// Go on with one that is paused, once what was wrong is mended; otherwise it is tried by itself, ever more
    /// rarely. Example: turnout destinations resume "primary/conversion interface" --reason "key renewed"
    Resume {
        #[command(flatten)]
        place: Where,
        /// Its name, as `list` shows it.
        destination: String,
        #[command(flatten)]
        by: Actor,
        #[command(flatten)]
        because: Reason,
    },
}

pub(crate) fn run(arguments: &Arguments) -> Outcome {
    match &arguments.command {
        Destinations::List { place } => destinations(place),
        Destinations::Resume { place, destination, by, because } => {
            let (platform, endpoint) = destination.split_once('/').unwrap_or((destination, ""));
            let order = json!({ "platform": platform, "endpoint": endpoint, "actor": by.actor, "reason": because.reason });
            let answer = place.processor("POST", "/destinations/resume", Some(&order))?;
            if place.json {
                println!("{answer}");
                return Ok(ExitCode::SUCCESS);
            }
            match answer.get("was_paused_because").and_then(Value::as_str) {
                Some(why) => println!("{destination} goes on; it was paused: {why}"),
                None => println!("{destination} was not paused"),
            }
            Ok(ExitCode::SUCCESS)
        }
    }
}

fn destinations(place: &Where) -> Outcome {
    let status = place.serving_processor("/status")?;
    if place.json {
        println!("{}", json!({ "destinations": status["destinations"], "backlog": status["backlog"] }));
        return Ok(ExitCode::SUCCESS);
    }
    println!("{}", table(&condensed(&status), &COLUMNS));
    Ok(ExitCode::SUCCESS)
}

/// The columns of a destination in tables.
pub(super) const COLUMNS: [&str; 7] =
    ["destination", "breaker", "paused", "since", "in_flight", "backlog", "drained_at"];

/// Each destination with its backlog, as rows of a table.
pub(super) fn condensed(status: &Value) -> Vec<Value> {
    let backlog = list(status, "backlog");
    let row = |destination: &Value| {
        let name = &destination["destination"];
        let drains = backlog.iter().find(|row| &row["destination"] == name);
        let pause = &destination["paused"];
        let since = if pause.is_null() { &destination["down_since"] } else { &pause["since"] };
        json!({
            "destination": name,
            "breaker": destination["breaker"],
            "paused": pause["why"],
            "since": since,
            "in_flight": destination["in_flight"],
            "backlog": drains.map(|row| &row["waiting"]),
            "drained_at": drains.map(drained_at),
        })
    };
    list(status, "destinations").iter().map(row).collect()
}

/// When a backlog is drained, or how long it will take once it can begin.
pub(super) fn drained_at(backlog: &Value) -> String {
    match backlog["ends_at"].as_str() {
        Some(at) => at.to_owned(),
        None => format!("{} s after it is back", shown(&backlog["takes_seconds"])),
    }
}

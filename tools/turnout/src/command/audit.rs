//! `turnout audit`: does every accepted event have exactly one home?

use std::process::ExitCode;

use clap::Args;
use serde_json::{Value, json};

use super::ask::{Where, list, number, table};
use crate::cli::Outcome;

/// The conservation sums (I3), per advertiser: accepted equals the sum over all states, to the unit.
///
/// Exit code 0: everything adds up; 1: it does not; 2: nobody could be asked.
///
/// Example: turnout audit --json
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    place: Where,
}

const STATES: [&str; 11] = [
    "queued",
    "in_flight",
    "unknown",
    "held",
    "conflict",
    "taken",
    "confirmed",
    "rejected",
    "dead",
    "merged",
    "dropped",
];

pub(crate) fn run(arguments: &Arguments) -> Outcome {
    let books = arguments.place.processor("GET", "/audit", None)?;
    // An edge that runs elsewhere keeps its own count.
    let edge = arguments.place.edge().ok();
    let handed = edge.as_ref().map(edge_sum);
    let sound = books.get("balances").and_then(Value::as_bool).unwrap_or(false)
        && handed.as_ref().is_none_or(|edge| edge.get("balances") == Some(&Value::Bool(true)));
    if arguments.place.json {
        let findings = books.get("findings").cloned().unwrap_or_default();
        let advertisers = books.get("advertisers").cloned().unwrap_or_default();
        println!(
            "{}",
            json!({
                "balances": sound,
                "edge": handed,
                "advertisers": advertisers,
                "changes": books.get("changes"),
                "findings": findings,
            })
        );
    } else {
        report(&books, handed.as_ref(), sound);
    }
    Ok(if sound { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The edge's part: what is durable in the outbox is either handed over or still there.
fn edge_sum(status: &Value) -> Value {
    let outbox = status.get("outbox").cloned().unwrap_or_default();
    let (durable, acknowledged) = (number(&outbox, "durable"), number(&outbox, "acknowledged"));
    let queued = number(&outbox, "queued");
    json!({
        "durable": durable,
        "handed_over": acknowledged,
        "in_outbox": queued,
        "balances": durable == acknowledged + queued,
    })
}

fn report(books: &Value, edge: Option<&Value>, sound: bool) {
    let flat = |row: &Value| {
        let mut flat = row.get("states").cloned().unwrap_or_default();
        if let Some(map) = flat.as_object_mut() {
            for key in ["advertiser_id", "accepted", "sum"] {
                map.insert(key.to_owned(), row.get(key).cloned().unwrap_or_default());
            }
        }
        flat
    };
    let rows: Vec<Value> = list(books, "advertisers").iter().map(flat).collect();
    let columns: Vec<&str> = ["advertiser_id", "accepted"].into_iter().chain(STATES).chain(["sum"]).collect();
    println!("{}", table(&rows, &columns));
    if let Some(edge) = edge {
        println!(
            "edge: {} entries durable {} {} handed over + {} in the outbox",
            number(edge, "durable"),
            if edge["balances"] == true { "=" } else { "WRONG:" },
            number(edge, "handed_over"),
            number(edge, "in_outbox")
        );
    }
    let changes = books.get("changes").and_then(Value::as_object).into_iter().flatten();
    let counts: Vec<String> = changes
        .filter(|(_, count)| count.as_u64().is_some_and(|count| count > 0))
        .map(|(state, count)| format!("{count} {state}"))
        .collect();
    if !counts.is_empty() {
        println!("changes by merchants: {}", counts.join(", "));
    }
    for found in list(books, "findings") {
        println!(
            "WRONG {}: {}",
            super::ask::shown(&found["invariant"]),
            super::ask::shown(&found["message"])
        );
    }
    println!("{}", if sound { "everything adds up" } else { "it does NOT add up: see the lines above" });
}

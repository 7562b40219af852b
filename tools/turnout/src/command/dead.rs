//! `turnout dead`: what died and why, and what a person decides about it.

use std::process::ExitCode;

use clap::{Args, Subcommand};
use serde_json::{Value, json};
use units::EventId;

use super::ask::{NoAnswer, Where, list, shown, table};
use crate::cli::Outcome;

/// What died and why; send it again, or discard it as a recorded decision.
///
/// Example: turnout dead list --state dead,held
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Dead,
}

#[derive(Debug, Subcommand)]
enum Dead {
    /// List what waits for a person. Example: turnout dead list --state held
    List {
        #[command(flatten)]
        place: Where,
        /// Only these states, joined by commas: dead, held, conflict, unknown, rejected.
        #[arg(long, default_value = "")]
        state: String,
        /// Only this advertiser, by its legacy id.
        #[arg(long, value_name = "ID")]
        advertiser: Option<u64>,
        /// Most rows.
        #[arg(long, default_value_t = 50)]
        limit: u32,
    },
    /// Show one, whole: the event, every attempt and answer, its postings. Example: turnout dead show EVENT_ID
    Show {
        #[command(flatten)]
        place: Where,
        /// The event's id.
        event_id: EventId,
    },
    /// Send again, paced; a second call for the same one does nothing. Example: turnout dead redrive EVENT_ID
    Redrive {
        #[command(flatten)]
        order: Order,
        /// Overrule a doubt, such as two long references that the new platform would cut to the same text.
        #[arg(long)]
        approve: bool,
    },
    /// Drop for good, as a recorded decision. Example: turnout dead discard EVENT_ID --reason "test order"
    Discard {
        #[command(flatten)]
        order: Order,
    },
}

#[derive(Debug, Args)]
struct Order {
    #[command(flatten)]
    place: Where,
    /// The events' ids.
    #[arg(required = true)]
    event_ids: Vec<EventId>,
    /// Who decides; the journal keeps it.
    #[arg(long, env = "USER", default_value = "operator")]
    actor: String,
    /// Why; the journal keeps it.
    #[arg(long, default_value = "")]
    reason: String,
}

pub(crate) fn run(arguments: &Arguments) -> Outcome {
    match &arguments.command {
        Dead::List { place, state, advertiser, limit } => dead_list(place, state, *advertiser, *limit),
        Dead::Show { place, event_id } => {
            let answer = place.processor("GET", &format!("/dead/{event_id}"), None)?;
            super::explain::print_conversion(&answer, place.json);
            Ok(ExitCode::SUCCESS)
        }
        Dead::Redrive { order, approve } => order.give("/dead/redrive", *approve),
        Dead::Discard { order } => {
            if order.reason.trim().is_empty() {
                return Err("a discard needs --reason: the journal keeps why money was given up".into());
            }
            order.give("/dead/discard", false)
        }
    }
}

fn dead_list(place: &Where, state: &str, advertiser: Option<u64>, limit: u32) -> Outcome {
    let only = advertiser.map(|id| format!("&advertiser_id={id}")).unwrap_or_default();
    let answer = place.processor("GET", &format!("/dead?limit={limit}&state={state}{only}"), None)?;
    if place.json {
        println!("{answer}");
        return Ok(ExitCode::SUCCESS);
    }
    let columns =
        ["event_id", "state", "advertiser_id", "amount", "currency", "order_reference", "reason", "detail"];
    let rows = list(&answer, "dead");
    println!("{}", table(rows, &columns));
    println!("{} wait for a person", rows.len());
    Ok(ExitCode::SUCCESS)
}

impl Order {
    fn give(&self, path: &str, approved: bool) -> Outcome {
        let order = json!({
            "events": self.event_ids,
            "actor": self.actor,
            "reason": self.reason,
            "approved": approved,
        });
        let answer: Result<Value, NoAnswer> = self.place.processor("POST", path, Some(&order));
        let answer = answer?;
        let rows = list(&answer, "events");
        if self.place.json {
            println!("{answer}");
        } else {
            for row in rows {
                println!("{} {} {}", shown(&row["event_id"]), shown(&row["outcome"]), shown(&row["state"]));
            }
        }
        let missing = rows.iter().any(|row| row["outcome"] == "not_found");
        Ok(if missing { ExitCode::FAILURE } else { ExitCode::SUCCESS })
    }
}

//! `turnout transactions`: what became of what was booked, and what a person says of it.

use std::process::ExitCode;

use clap::{Args, Subcommand};
use serde_json::{Value, json};
use units::EventId;

use super::acting::{Actor, PerhapsReason};
use super::ask::{Where, list, shown, table};
use crate::cli::Outcome;

/// The life of transactions after their booking: pending, approved or declined, locked, paid.
///
/// Until its lock date a transaction can be approved, declined, and approved again; after it, only a clawback takes
/// back what it earned. Each is a new posting in the books; none is ever changed.
///
/// Example: turnout transactions list --status approved
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Transactions,
}

#[derive(Debug, Subcommand)]
enum Transactions {
    /// List booked transactions. Example: turnout transactions list --status locked --advertiser 789
    List {
        #[command(flatten)]
        place: Where,
        /// Only this status: pending, approved, declined, locked, paid or clawed_back.
        #[arg(long, default_value = "", hide_default_value = true)]
        status: String,
        /// Only this advertiser, by its legacy id.
        #[arg(long, value_name = "ID")]
        advertiser: Option<u64>,
        /// Only those after this one.
        #[arg(long, value_name = "EVENT_ID")]
        after: Option<EventId>,
        /// Most rows, at most 1000.
        #[arg(long, default_value_t = 50)]
        limit: u32,
    },
    /// Show one: its postings and every step of its life. Example: turnout transactions show EVENT_ID
    Show {
        #[command(flatten)]
        place: Where,
        /// The transaction's id.
        event_id: EventId,
    },
    /// Say that they are good. One that was declined, but not by its merchant, earns again.
    /// Example: turnout transactions approve EVENT_ID
    Approve(Order),
    /// Say that they earn nothing. Example: turnout transactions decline EVENT_ID --reason "returned"
    Decline(Order),
    /// Take back what is locked or paid. Example: turnout transactions claw-back EVENT_ID --reason "card fraud"
    ClawBack(Order),
}

#[derive(Debug, Args)]
struct Order {
    #[command(flatten)]
    place: Where,
    /// The transactions' ids.
    #[arg(required = true)]
    event_ids: Vec<EventId>,
    #[command(flatten)]
    by: Actor,
    #[command(flatten)]
    because: PerhapsReason,
    /// The word is the platform's, and the actor passes it on.
    #[arg(long)]
    by_platform: bool,
    /// Those that follow them: 0 without, 1 with, 2 they alone.
    #[arg(long, default_value_t = 0, value_parser = clap::value_parser!(u8).range(0..=2))]
    children: u8,
    /// When it was true in the world, as 2026-11-23T19:31:00Z; now if nothing is said. Not before the last that was made
    /// of the transaction.
    #[arg(long, value_name = "TIME")]
    happened_at: Option<String>,
}

pub(crate) fn run(arguments: &Arguments) -> Outcome {
    match &arguments.command {
        Transactions::List { place, status, advertiser, after, limit } => {
            let mut path = format!("/transactions?limit={limit}&status={status}");
            path.extend(advertiser.map(|id| format!("&advertiser_id={id}")));
            path.extend(after.map(|id| format!("&after={id}")));
            listed(place, &place.processor("GET", &path, None)?)
        }
        Transactions::Show { place, event_id } => {
            let answer = place.processor("GET", &format!("/conversions/{event_id}"), None)?;
            show(place, &answer)
        }
        Transactions::Approve(order) => order.give("approve"),
        Transactions::Decline(order) => order.give("decline"),
        Transactions::ClawBack(order) => order.give("claw_back"),
    }
}

fn listed(place: &Where, answer: &Value) -> Outcome {
    if place.json {
        println!("{answer}");
        return Ok(ExitCode::SUCCESS);
    }
    let columns = [
        "event_id",
        "status",
        "advertiser_id",
        "publisher_id",
        "amount",
        "currency",
        "commission",
        "order_reference",
        "received_at",
    ];
    let rows = list(answer, "transactions");
    println!("{}", table(rows, &columns));
    println!("{} shown", rows.len());
    if let Some(next) = answer["next_after"].as_str() {
        println!("there are more: --after {next}");
    }
    Ok(ExitCode::SUCCESS)
}

fn show(place: &Where, answer: &Value) -> Outcome {
    if place.json {
        println!("{answer}");
        return Ok(ExitCode::SUCCESS);
    }
    let conversion = &answer["conversion"];
    for (name, key) in [
        ("transaction", "event_id"),
        ("status", "status"),
        ("delivery", "state"),
        ("order", "order_reference"),
    ] {
        println!("{name}: {}", shown(&conversion[key]));
    }
    println!("amount: {} {}", shown(&conversion["amount"]), shown(&conversion["currency"]));
    println!("\nin the books:");
    let columns = ["set", "kind", "account", "party", "amount", "happened_at", "posted_at"];
    println!("{}", table(list(answer, "postings"), &columns));
    println!("\nits life:");
    let columns = ["before", "status", "cause", "actor", "reason", "happened_at", "recorded_at"];
    println!("{}", table(list(answer, "statuses"), &columns));
    Ok(ExitCode::SUCCESS)
}

impl Order {
    fn give(&self, act: &str) -> Outcome {
        let order = json!({
            "events": self.event_ids,
            "act": act,
            "actor": self.by.actor,
            "reason": self.because.text(),
            "cause": if self.by_platform { "platform" } else { "operator" },
            "children": self.children,
            "happened_at": self.happened_at,
        });
        let answer = self.place.processor("POST", "/transactions/judge", Some(&order))?;
        let rows = list(&answer, "transactions");
        if self.place.json {
            println!("{answer}");
        } else {
            for row in rows {
                let became = row.get("status").or_else(|| row.get("why")).unwrap_or(&Value::Null);
                println!("{} {}: {}", shown(&row["event_id"]), shown(&row["outcome"]), shown(became));
            }
        }
        let all = rows.iter().all(|row| row["outcome"] == "done");
        Ok(if all { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}

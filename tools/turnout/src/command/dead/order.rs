//! Orders over dead letters: given, watched, approved, stopped.

use std::process::ExitCode;
use std::thread;
use std::time::Duration;

use clap::Args;
use serde_json::{Map, Value, json};

use super::selection::Selection;
use crate::cli::Outcome;
use crate::command::acting::{Actor, PerhapsReason};
use crate::command::ask::{NoAnswer, Where, list, number, shown, table};

/// The pause between two looks at an order that runs. It moves some hundred items in a second.
const PAUSE: Duration = Duration::from_millis(500);

/// What every order has.
#[derive(Debug, Args)]
struct Order {
    #[command(flatten)]
    place: Where,
    #[command(flatten)]
    selection: Selection,
    /// The operation's id: the same one again is the same order, and does nothing more. One is made if it is not given.
    #[arg(long, value_name = "ID")]
    operation: Option<String>,
    /// Only say how much would be moved, and what would become of it.
    #[arg(long)]
    dry_run: bool,
    /// Do not wait for the end of the order.
    #[arg(long)]
    no_wait: bool,
    #[command(flatten)]
    by: Actor,
    #[command(flatten)]
    because: PerhapsReason,
}

/// An order to send again.
#[derive(Debug, Args)]
pub(super) struct Redrive {
    #[command(flatten)]
    order: Order,
    /// Overrule doubts, such as two long references that the new platform would cut to the same text.
    #[arg(long)]
    approve: bool,
}

/// An order to drop.
#[derive(Debug, Args)]
pub(super) struct Discard {
    #[command(flatten)]
    order: Order,
}

impl Redrive {
    pub(super) fn run(&self) -> Outcome {
        self.order.give("redrive", self.approve)
    }
}

impl Discard {
    pub(super) fn run(&self) -> Outcome {
        if self.order.because.text().trim().is_empty() {
            return Err("a discard needs --reason: the journal keeps why money was given up".into());
        }
        self.order.give("discard", false)
    }
}

impl Order {
    fn give(&self, action: &str, approved: bool) -> Outcome {
        let mut body = Map::new();
        self.selection.put(&mut body);
        if body.is_empty() {
            return Err(
                "name the events, or what they have in common, as --group KEY: everything is never meant"
                    .into(),
            );
        }
        body.insert("action".to_owned(), json!(action));
        body.insert("actor".to_owned(), json!(self.by.actor));
        body.insert("reason".to_owned(), json!(self.because.text()));
        body.insert("approved".to_owned(), json!(approved));
        body.insert("dry_run".to_owned(), json!(self.dry_run));
        body.extend(self.operation.iter().map(|id| ("operation".to_owned(), json!(id))));
        let answer = self.place.processor("POST", "/orders", Some(&Value::Object(body)))?;
        if self.dry_run {
            return Ok(self.tell_dry_run(&answer));
        }
        if answer["order"]["ordered_before"] == true && !self.place.json {
            eprintln!("this operation was ordered before, by {}", shown(&answer["order"]["actor"]));
        }
        let answer = if self.no_wait { answer } else { self.until_over(answer)? };
        if self.place.json {
            println!("{answer}");
        } else {
            tell(&answer);
        }
        let missing = list(&answer, "events")
            .iter()
            .any(|row| row["outcome"] == "not_found" || row["outcome"] == "failed");
        Ok(if missing { ExitCode::FAILURE } else { ExitCode::SUCCESS })
    }

    fn tell_dry_run(&self, answer: &Value) -> ExitCode {
        if self.place.json {
            println!("{answer}");
            return ExitCode::SUCCESS;
        }
        let more = if answer["capped"] == true { ", the first of more" } else { "" };
        let sums = list(answer, "sums").iter().map(shown).collect::<Vec<_>>().join(" + ");
        println!(
            "{} would be ordered{more}: {}",
            number(answer, "items"),
            if sums.is_empty() { "no amount" } else { &sums }
        );
        for (outcome, count) in answer["tally"].as_object().into_iter().flatten() {
            println!("  {outcome}: {count}");
        }
        println!("nothing was written");
        ExitCode::SUCCESS
    }

    /// Looks again until the order is over, or waits for somebody.
    fn until_over(&self, mut answer: Value) -> Result<Value, NoAnswer> {
        let path = format!("/orders/{}", answer["order"]["operation"].as_str().unwrap_or_default());
        while answer["order"]["state"] == "running" {
            if !self.place.json {
                let order = &answer["order"];
                eprintln!("{} of {} …", number(order, "worked"), number(order, "items"));
            }
            thread::sleep(PAUSE);
            answer = self.place.processor("GET", &path, None)?;
        }
        Ok(answer)
    }
}

/// Most outcomes that are told one by one.
const TOLD_MAX: usize = 100;

fn tell(answer: &Value) {
    let order = &answer["order"];
    let rows = list(answer, "events");
    for row in rows.iter().take(TOLD_MAX) {
        println!("{} {} {}", shown(&row["event_id"]), shown(&row["outcome"]), shown(&row["state"]));
    }
    if rows.len() > TOLD_MAX {
        println!("… and {} more: turnout dead orders {}", rows.len() - TOLD_MAX, shown(&order["operation"]));
    }
    println!(
        "order {} is {}: {} of {} worked off, {} moved",
        shown(&order["operation"]),
        shown(&order["state"]),
        number(order, "worked"),
        number(order, "items"),
        number(order, "moved")
    );
    if number(order, "items") == 0 {
        println!(
            "nothing that waits for a person is meant: `turnout dead` shows what waits, with the keys of its groups"
        );
    }
    if order["state"] == "waiting" {
        println!(
            "it waits for a second person: turnout dead approve {} --actor NAME",
            shown(&order["operation"])
        );
    }
    if order["capped"] == true {
        println!("more was found than one order takes: order again when this one is done");
    }
}

/// The orders.
#[derive(Debug, Args)]
pub(super) struct Orders {
    #[command(flatten)]
    place: Where,
    /// Only this one, whole.
    operation: Option<String>,
}

impl Orders {
    pub(super) fn run(&self) -> Outcome {
        let path = self.operation.as_ref().map_or("/orders".to_owned(), |id| format!("/orders/{id}"));
        let answer = self.place.processor("GET", &path, None)?;
        if self.place.json {
            println!("{answer}");
        } else if self.operation.is_some() {
            tell(&answer);
        } else {
            let columns =
                ["operation", "action", "state", "items", "worked", "moved", "actor", "ordered_at", "reason"];
            println!("{}", table(list(&answer, "orders"), &columns));
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// Another person's word.
#[derive(Debug, Args)]
pub(super) struct Approve {
    #[command(flatten)]
    place: Where,
    /// The order, by its operation's id.
    operation: String,
    #[command(flatten)]
    by: Actor,
}

impl Approve {
    pub(super) fn run(&self) -> Outcome {
        let path = format!("/orders/{}/approve", self.operation);
        let answer = self.place.processor("POST", &path, Some(&json!({ "actor": self.by.actor })))?;
        show_order(&self.place, &answer);
        Ok(ExitCode::SUCCESS)
    }
}

/// The end of an order.
#[derive(Debug, Args)]
pub(super) struct Stop {
    #[command(flatten)]
    place: Where,
    /// The order, by its operation's id.
    operation: String,
    #[command(flatten)]
    by: Actor,
    #[command(flatten)]
    because: PerhapsReason,
}

impl Stop {
    pub(super) fn run(&self) -> Outcome {
        let path = format!("/orders/{}/stop", self.operation);
        let body = json!({ "actor": self.by.actor, "reason": self.because.text() });
        let answer = self.place.processor("POST", &path, Some(&body))?;
        show_order(&self.place, &answer);
        Ok(ExitCode::SUCCESS)
    }
}

fn show_order(place: &Where, answer: &Value) {
    if place.json {
        println!("{answer}");
    } else {
        tell(answer);
    }
}

//! Calls of publishers that were given up: looked at, and made again.

use std::process::ExitCode;

use clap::Args;
use serde_json::{Value, json};
use units::EventId;

use crate::cli::Outcome;
use crate::command::acting::{Actor, Reason};
use crate::command::ask::{Where, encoded, list, number, shown, table};

/// A list.
#[derive(Debug, Args)]
pub(super) struct List {
    #[command(flatten)]
    place: Where,
    /// Only calls that were given up, one by one.
    #[arg(long)]
    given_up: bool,
    /// Only those given up by this cause, as `turnout postbacks list` shows it.
    #[arg(long, value_name = "CAUSE")]
    cause: Option<String>,
    /// Only those of this publisher, by its legacy id.
    #[arg(long, value_name = "ID")]
    publisher: Option<u64>,
    /// Most rows of what was given up, at most 1000.
    #[arg(long, default_value_t = 50)]
    limit: u32,
    /// Only behind this row: where the list before has ended.
    #[arg(long, value_name = "ROW")]
    after: Option<String>,
}

impl List {
    pub(super) fn run(&self) -> Outcome {
        if self.given_up || self.cause.is_some() || self.publisher.is_some() || self.after.is_some() {
            return self.one_by_one();
        }
        let answer = self.place.processor("GET", "/postbacks", None)?;
        if self.place.json {
            println!("{answer}");
            return Ok(ExitCode::SUCCESS);
        }
        let columns = ["publisher_id", "method", "host", "called", "waiting", "given_up", "last_trouble"];
        println!("{}", table(list(&answer, "postbacks"), &columns));
        let groups = list(&answer, "given_up");
        if !groups.is_empty() {
            println!("\ngiven up:");
            println!("{}", table(groups, &["cause", "count", "publishers", "oldest", "newest"]));
            println!("\nwhen it is mended: turnout postbacks retry --all-of CAUSE --reason WHY");
        }
        Ok(ExitCode::SUCCESS)
    }

    fn one_by_one(&self) -> Outcome {
        let mut path = format!("/postbacks/given_up?limit={}", self.limit);
        for (name, text) in [("cause", &self.cause), ("after", &self.after)] {
            path.extend(text.as_deref().map(|text| format!("&{name}={}", encoded(text))));
        }
        path.extend(self.publisher.map(|id| format!("&publisher_id={id}")));
        let answer = self.place.processor("GET", &path, None)?;
        let rows = list(&answer, "given_up");
        if self.place.json {
            println!("{answer}");
            return Ok(ExitCode::SUCCESS);
        }
        println!("{}", table(rows, &["event_id", "publisher_id", "cause", "detail", "attempts", "since"]));
        println!("{} shown", rows.len());
        if let Some(next) = answer["next_after"].as_str() {
            eprintln!("there may be more: --after {next}");
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// An order to call again.
#[derive(Debug, Args)]
pub(super) struct Retry {
    #[command(flatten)]
    place: Where,
    /// The transactions, by their events.
    #[arg(required_unless_present = "all_of", conflicts_with = "all_of", value_name = "EVENT_ID")]
    event_ids: Vec<EventId>,
    /// Everything that was given up by this cause, as `turnout postbacks list` shows it.
    #[arg(long, value_name = "CAUSE")]
    all_of: Option<String>,
    /// Only this publisher, by its legacy id.
    #[arg(long, value_name = "ID")]
    publisher: Option<u64>,
    /// Only say how many there are.
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    by: Actor,
    #[command(flatten)]
    because: Reason,
}

impl Retry {
    pub(super) fn run(&self) -> Outcome {
        let order = json!({
            "events": self.event_ids,
            "cause": self.all_of,
            "publisher_id": self.publisher,
            "dry_run": self.dry_run,
            "actor": self.by.actor,
            "reason": self.because.reason,
        });
        let answer = self.place.processor("POST", "/postbacks/retry", Some(&order))?;
        if self.place.json {
            println!("{answer}");
        } else {
            self.tell(&answer);
        }
        let left = |row: &Value| matches!(row["outcome"].as_str(), Some("not_found" | "not_owed"));
        let some_left = list(&answer, "calls").iter().any(left);
        Ok(if some_left { ExitCode::FAILURE } else { ExitCode::SUCCESS })
    }

    fn tell(&self, answer: &Value) {
        let found = number(answer, "found");
        let more =
            if answer["capped"] == true { ", the first of more: order again for the rest" } else { "" };
        if self.dry_run {
            println!("{found} would be called again{more}; nothing was written");
            return;
        }
        let moved = |row: &&Value| row["outcome"] != "queued";
        for row in list(answer, "calls").iter().filter(moved) {
            let [event, publisher, outcome, why] =
                ["event_id", "publisher_id", "outcome", "why"].map(|name| shown(&row[name]));
            println!("{event} publisher {publisher}: {outcome} ({why})");
        }
        println!("{} of {found} are called again, a hundred a second{more}", number(answer, "queued"));
    }
}

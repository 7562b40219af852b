//! Looking at dead letters: groups, lists, one of them whole, a dry run.

use std::process::ExitCode;

use clap::Args;
use serde_json::{Map, Value, json};
use units::EventId;

use super::selection::{Filter, Selection};
use crate::cli::Outcome;
use crate::command::acting::{Actor, PerhapsReason};
use crate::command::ask::{Where, list, number, shown, table, written};
use crate::command::explain;

const COLUMNS: [&str; 8] =
    ["event_id", "state", "advertiser_id", "amount", "currency", "order_reference", "reason", "detail"];

/// What waits, by cause.
pub(super) fn groups(place: &Where) -> Outcome {
    let answer = place.processor("GET", "/dead/groups", None)?;
    if place.json {
        println!("{answer}");
        return Ok(ExitCode::SUCCESS);
    }
    let groups = list(&answer, "groups");
    for group in groups {
        let (count, advertisers) = (number(group, "count"), number(group, "advertisers"));
        let sums = list(group, "sums").iter().map(shown).collect::<Vec<_>>().join(" + ");
        println!("{}", shown(&group["group"]));
        println!(
            "  {count} of {advertisers} advertisers, {}",
            if sums.is_empty() { "no amount" } else { &sums }
        );
        println!(
            "  from {} to {}, as {}",
            shown(&group["oldest"]),
            shown(&group["newest"]),
            shown(&group["example"])
        );
        println!("  -> {}", shown(&group["advice"]));
    }
    let all: u64 = groups.iter().map(|group| number(group, "count")).sum();
    println!("{all} wait for a person, for {} causes", groups.len());
    Ok(ExitCode::SUCCESS)
}

/// A list.
#[derive(Debug, Args)]
pub(super) struct List {
    #[command(flatten)]
    place: Where,
    #[command(flatten)]
    filter: Filter,
    /// Most rows, at most 1000.
    #[arg(long, default_value_t = 50)]
    limit: u32,
    /// Only behind this event: where the list before has ended.
    #[arg(long, value_name = "EVENT_ID")]
    after: Option<EventId>,
    /// Print CSV. What a spreadsheet would take for a formula has an apostrophe before it.
    #[arg(long, conflicts_with = "json")]
    csv: bool,
}

impl List {
    pub(super) fn run(&self) -> Outcome {
        let after = self.after.map(|id| format!("&after={id}")).unwrap_or_default();
        let path = format!("/dead?limit={}{after}{}", self.limit, self.filter.query());
        let answer = self.place.processor("GET", &path, None)?;
        let rows = list(&answer, "dead");
        if self.place.json {
            println!("{answer}");
        } else if self.csv {
            println!("{}", COLUMNS.join(","));
            for row in rows {
                let cells = COLUMNS.iter().map(|name| cell(&row[*name]));
                println!("{}", cells.collect::<Vec<_>>().join(","));
            }
        } else {
            println!("{}", table(rows, &COLUMNS));
            println!("{} shown", rows.len());
        }
        if let Some(next) = answer["next_after"].as_str().filter(|_| !self.place.json) {
            eprintln!("there may be more: --after {next}");
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// A value as a cell of a CSV file. What strangers have sent must not be a formula in anybody's spreadsheet.
fn cell(value: &Value) -> String {
    let text = if value.is_null() { String::new() } else { written(value) };
    let formula = text.starts_with(['=', '+', '-', '@', '\t', '\r']);
    let text = if formula { format!("'{text}") } else { text };
    if text.contains([',', '"', '\n', '\r']) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text }
}

/// Most rows of one answer.
const LISTED_MAX: u32 = 1000;

/// Merchants' changes.
#[derive(Debug, Args)]
pub(super) struct Changes {
    #[command(flatten)]
    place: Where,
    /// Most rows, at most 1000.
    #[arg(long, default_value_t = 50)]
    limit: u32,
}

impl Changes {
    pub(super) fn run(&self) -> Outcome {
        let answer = self.place.processor("GET", &format!("/dead/changes?limit={}", self.limit), None)?;
        if self.place.json {
            println!("{answer}");
            return Ok(ExitCode::SUCCESS);
        }
        let rows = list(&answer, "changes");
        let columns = ["change_id", "operation", "transaction", "advertiser_id", "amount", "state", "detail"];
        println!("{}", table(rows, &columns));
        println!("{}", changes_shown(rows.len(), self.limit));
        Ok(ExitCode::SUCCESS)
    }
}

/// How many changes wait, by the rows of a list that does not say whether there are more.
fn changes_shown(rows: usize, limit: u32) -> String {
    let most = usize::try_from(limit.clamp(1, LISTED_MAX)).unwrap_or(usize::MAX);
    let more = if rows < most { "" } else { ", or more: raise --limit" };
    format!("{rows} changes wait for a person{more}")
}

/// One, whole.
#[derive(Debug, Args)]
pub(super) struct Show {
    #[command(flatten)]
    place: Where,
    /// The event's id.
    event_id: EventId,
    /// Show what is personal in the original request. The journal keeps who asked, and why: needs --reason.
    #[arg(long, requires = "reason")]
    reveal: bool,
    #[command(flatten)]
    by: Actor,
    #[command(flatten)]
    because: PerhapsReason,
}

impl Show {
    pub(super) fn run(&self) -> Outcome {
        let mut answer = self.place.processor("GET", &format!("/dead/{}", self.event_id), None)?;
        if self.reveal {
            let body = json!({ "actor": self.by.actor, "reason": self.because.text() });
            let path = format!("/dead/{}/reveal", self.event_id);
            answer["original"] = self.place.processor("POST", &path, Some(&body))?["original"].take();
        }
        explain::print_conversion(&answer, self.place.json);
        Ok(ExitCode::SUCCESS)
    }
}

/// A dry run.
#[derive(Debug, Args)]
pub(super) struct Try {
    #[command(flatten)]
    place: Where,
    #[command(flatten)]
    selection: Selection,
    /// As if doubts were overruled.
    #[arg(long)]
    approve: bool,
}

impl Try {
    pub(super) fn run(&self) -> Outcome {
        let mut body = Map::new();
        self.selection.put(&mut body);
        body.insert("approved".to_owned(), json!(self.approve));
        let answer = self.place.processor("POST", "/dead/try", Some(&Value::Object(body)))?;
        if self.place.json {
            println!("{answer}");
            return Ok(ExitCode::SUCCESS);
        }
        for one in list(&answer, "events") {
            let to = ["owner", "endpoint", "request"].map(|name| shown(&one[name])).join(" ");
            println!(
                "{} {} -> {} {to}",
                shown(&one["event_id"]),
                shown(&one["state"]),
                shown(&one["outcome"])
            );
            for reason in list(one, "in_the_way") {
                println!("  {}: {}", shown(&reason["code"]), shown(&reason["message"]));
            }
        }
        for (outcome, count) in answer["tally"].as_object().into_iter().flatten() {
            println!("{outcome}: {count}");
        }
        let more = if answer["more"] == true { ", and there are more" } else { "" };
        println!("{} tried{more}; nothing was written", number(&answer, "tried"));
        Ok(ExitCode::SUCCESS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_list_does_not_say_that_it_is_everything() {
        assert_eq!(changes_shown(0, 0), "0 changes wait for a person");
        assert_eq!(changes_shown(49, 50), "49 changes wait for a person");
        for (rows, limit) in [(50, 50), (1000, 5000), (1, 0)] {
            assert_eq!(
                changes_shown(rows, limit),
                format!("{rows} changes wait for a person, or more: raise --limit")
            );
        }
    }

    #[test]
    fn no_cell_is_a_formula() {
        for text in ["=1+1", "+1", "-1", "@sum", "\tx"] {
            assert_eq!(cell(&json!(text)), format!("'{text}"));
        }
        assert_eq!(cell(&json!("=HYPERLINK(\"x\",1)")), "\"'=HYPERLINK(\"\"x\"\",1)\"");
        assert_eq!((cell(&json!("A-1")), cell(&Value::Null)), ("A-1".to_owned(), String::new()));
    }
}

//! `turnout pay`: writes down that a payment run has paid.

use std::process::ExitCode;

use clap::Args;
use serde_json::{Value, json};
use units::calendar::{Day, parse_time};

use super::acting::Actor;
use super::ask::{Where, list, shown, table};
use crate::cli::Outcome;

/// Record that a payment run has paid what had locked by a date. It moves no money: it writes down that somebody did.
///
/// A run is known by its reference: recorded again, it pays no publisher a second time. What a publisher owes after
/// clawbacks is taken off; where that is more than it earned, nothing is paid and it is carried forward. Transactions
/// that wait for a person are left for a later run.
///
/// Exit code 0: recorded, or it was before; 1: nothing was owed; 2: not done.
///
/// Example: turnout pay --until 2027-02-20 --reference "run 2027-02" --publisher 456
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    place: Where,
    /// What had locked by then, as 2027-02-20 or 2027-02-20T12:00:00Z.
    #[arg(long, value_name = "DATE", value_parser = a_time)]
    until: String,
    /// The run's own name.
    #[arg(long, value_name = "TEXT")]
    reference: String,
    /// Only this publisher, by its legacy id; everybody to whom something is owed if none is named.
    #[arg(long, value_name = "ID")]
    publisher: Option<u64>,
    /// When it was paid; now if nothing is said.
    #[arg(long, value_name = "TIME", value_parser = a_time)]
    paid_at: Option<String>,
    #[command(flatten)]
    by: Actor,
    /// Show what is owed, and record nothing.
    #[arg(long)]
    dry_run: bool,
}

pub(crate) fn run(arguments: &Arguments) -> Outcome {
    let owed = owed(arguments)?;
    if arguments.dry_run {
        if arguments.place.json {
            println!("{}", json!({ "payables": owed }));
        } else {
            println!("{}", table(&owed, &["publisher_id", "owed", "transactions"]));
        }
        return Ok(ExitCode::SUCCESS);
    }
    let mut publishers: Vec<u64> = owed.iter().filter_map(|row| row["publisher_id"].as_u64()).collect();
    publishers.extend(arguments.publisher);
    publishers.sort_unstable();
    publishers.dedup();
    let (mut payments, mut carried) = (Vec::new(), Vec::new());
    for publisher in publishers {
        let order = json!({
            "reference": arguments.reference,
            "publisher_id": publisher,
            "until": arguments.until,
            "paid_at": arguments.paid_at,
            "actor": arguments.by.actor,
        });
        let answer = arguments.place.processor("POST", "/payments", Some(&order))?;
        payments.extend(list(&answer, "payments").iter().cloned());
        let forward = list(&answer, "carried_forward").iter();
        carried.extend(forward.map(|owed| json!({ "publisher_id": publisher, "owed": owed })));
    }
    if arguments.place.json {
        println!("{}", json!({ "payments": payments, "carried_forward": carried }));
    } else if payments.is_empty() && carried.is_empty() {
        println!("nothing that had locked by {} is owed to anybody: nothing was recorded", arguments.until);
    } else {
        println!("{}", table(&payments, &["payment", "publisher_id", "paid", "transactions", "paid_at"]));
        for row in &carried {
            println!(
                "carried forward: publisher {} stands at {}",
                shown(&row["publisher_id"]),
                shown(&row["owed"])
            );
        }
    }
    Ok(if payments.is_empty() { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// A time, as it is told to the processor.
fn a_time(text: &str) -> Result<String, String> {
    let wrong = || format!("`{text}` is no time: write 2027-02-20 or 2027-02-20T12:00:00Z");
    let day = || Day::parse(text).map(Day::start);
    parse_time(text).or_else(day).map(|_| text.to_owned()).ok_or_else(wrong)
}

/// To whom something is owed, page by page; of one publisher where one is named.
fn owed(arguments: &Arguments) -> Result<Vec<Value>, super::ask::NoAnswer> {
    let mut rows = Vec::new();
    let (mut after, mut currency) =
        (arguments.publisher.map_or(0, |id| id.saturating_sub(1)), "ZZZ".to_owned());
    loop {
        let path = format!("/payables?limit=1000&after={after}&after_currency={currency}");
        let answer = arguments.place.processor("GET", &path, None)?;
        let page = list(&answer, "payables");
        let wanted =
            |row: &&Value| arguments.publisher.is_none_or(|id| row["publisher_id"].as_u64() == Some(id));
        rows.extend(page.iter().filter(wanted).cloned());
        let next = &answer["next_after"];
        let (Some(id), Some(code)) = (next[0].as_u64(), next[1].as_str()) else { return Ok(rows) };
        if arguments.publisher.is_some_and(|wanted| id > wanted) {
            return Ok(rows);
        }
        (after, currency) = (id, code.to_owned());
    }
}

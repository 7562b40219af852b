//! `turnout pay`: writes down that a payment run has paid.

use std::collections::BTreeSet;
use std::process::ExitCode;

use clap::Args;
use serde_json::{Value, json};
use units::calendar::{Day, parse_time};
use units::limits::PAYMENT_TRANSACTIONS_MAX;

use super::acting::Actor;
use super::ask::{NoAnswer, Where, encoded, list, shown, table};
use crate::cli::Outcome;
use crate::client::AskError;

/// Record that a payment run has paid what had locked by a date. It moves no money: it writes down that somebody did.
///
/// A run is known by its reference: recorded again, it pays no publisher a second time, and goes on where it ended. What
/// a publisher owes after clawbacks is taken off; where that is more than it earned, nothing is paid and it is carried
/// forward. Transactions that wait for a person are left for a later run.
///
/// Exit code 0: recorded, or it was before; 1: nothing was owed; 2: not done, or not for every publisher.
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
    /// Show what the run would pay, and record nothing.
    #[arg(long)]
    dry_run: bool,
}

impl Arguments {
    /// True if a row is of the publisher that is named, if one is.
    fn wants(&self, row: &Value) -> bool {
        self.publisher.is_none_or(|id| row["publisher_id"].as_u64() == Some(id))
    }
}

pub(crate) fn run(arguments: &Arguments) -> Outcome {
    let (owed, recorded) = (owed(arguments)?, recorded(arguments)?);
    if arguments.dry_run {
        show(arguments, owed, &recorded);
        return Ok(ExitCode::SUCCESS);
    }
    let of = |rows: &[Value]| rows.iter().filter_map(|row| row["publisher_id"].as_u64()).collect::<Vec<_>>();
    let publishers: BTreeSet<u64> =
        [of(&owed), of(&recorded)].concat().into_iter().chain(arguments.publisher).collect();
    let mut run = Run::default();
    let ended = publishers.into_iter().try_for_each(|publisher| run.pay(arguments, publisher));
    // What was recorded is told, whatever came behind it.
    run.print(arguments);
    ended?;
    Ok(if !run.refused.is_empty() {
        ExitCode::from(2)
    } else if run.payments.is_empty() {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    })
}

/// What a run came to.
#[derive(Default)]
struct Run {
    payments: Vec<Value>,
    carried: Vec<Value>,
    refused: Vec<Value>,
}

impl Run {
    /// Pays one publisher, part by part. A refusal is its own, and keeps nobody else from being paid.
    fn pay(&mut self, arguments: &Arguments, publisher: u64) -> Result<(), NoAnswer> {
        let order = json!({
            "reference": arguments.reference,
            "publisher_id": publisher,
            "until": arguments.until,
            "paid_at": arguments.paid_at,
            "actor": arguments.by.actor,
        });
        loop {
            let answer = match arguments.place.processor("POST", "/payments", Some(&order)) {
                Err(NoAnswer::Ask(AskError::Refused { status: 400 | 409, text, .. })) => {
                    self.refused.push(json!({ "publisher_id": publisher, "why": text }));
                    return Ok(());
                }
                answer => answer?,
            };
            // Each answer tells all parts that were written so far.
            self.payments.retain(|row| row["publisher_id"].as_u64() != Some(publisher));
            self.payments.extend(list(&answer, "payments").iter().cloned());
            let forward = list(&answer, "carried_forward").iter();
            self.carried.extend(forward.map(|owed| json!({ "publisher_id": publisher, "owed": owed })));
            if answer["more"] != Value::Bool(true) {
                return Ok(());
            }
        }
    }

    fn print(&self, arguments: &Arguments) {
        let Self { payments, carried, refused } = self;
        if arguments.place.json {
            println!("{}", json!({ "payments": payments, "carried_forward": carried, "refused": refused }));
            return;
        }
        if payments.is_empty() && carried.is_empty() && refused.is_empty() {
            println!(
                "nothing that had locked by {} is owed to anybody: nothing was recorded",
                arguments.until
            );
            return;
        }
        if !payments.is_empty() || refused.is_empty() {
            let columns = ["payment", "publisher_id", "paid", "transactions", "paid_at"];
            println!("{}", table(payments, &columns));
        }
        for row in carried {
            let (publisher, owed) = (shown(&row["publisher_id"]), shown(&row["owed"]));
            println!("carried forward: publisher {publisher} stands at {owed}");
        }
        for row in refused {
            println!("not recorded: publisher {}: {}", shown(&row["publisher_id"]), shown(&row["why"]));
        }
    }
}

/// Shows what the run would make of what is owed.
fn show(arguments: &Arguments, owed: Vec<Value>, recorded: &[Value]) {
    let row = |mut row: Value| {
        let mut paid = recorded.iter().filter(|paid| paid["publisher_id"] == row["publisher_id"]);
        // Behind a full part there may be another one, which is still to be written.
        let ended = paid
            .next_back()
            .is_some_and(|last| last["transactions"].as_u64().unwrap_or(0) < PAYMENT_TRANSACTIONS_MAX as u64);
        row["would_be"] = json!(match (ended, is_nothing(&row["owed"])) {
            (true, _) => "left: this run has paid it before",
            (false, true) => "carried forward",
            (false, false) => "paid",
        });
        row
    };
    let rows: Vec<Value> = owed.into_iter().map(row).collect();
    if arguments.place.json {
        println!("{}", json!({ "payables": rows }));
    } else {
        println!("{}", table(&rows, &["publisher_id", "owed", "transactions", "would_be"]));
    }
}

/// True if nothing is to be paid: the publisher owes, or both sides are even.
fn is_nothing(owed: &Value) -> bool {
    let amount = owed["amount"].as_str().unwrap_or_default();
    amount.starts_with('-') || amount.bytes().all(|byte| matches!(byte, b'0' | b'.'))
}

/// A time, as it is told to the processor.
fn a_time(text: &str) -> Result<String, String> {
    let wrong = || format!("`{text}` is no time: write 2027-02-20 or 2027-02-20T12:00:00Z");
    let day = || Day::parse(text).map(Day::start);
    parse_time(text).or_else(day).map(|_| text.to_owned()).ok_or_else(wrong)
}

/// To whom the run owes something, page by page; of one publisher where one is named.
fn owed(arguments: &Arguments) -> Result<Vec<Value>, NoAnswer> {
    let mut rows = Vec::new();
    let (mut after, mut currency) =
        (arguments.publisher.map_or(0, |id| id.saturating_sub(1)), "ZZZ".to_owned());
    let until = encoded(&arguments.until);
    loop {
        let path = format!("/payables?limit=1000&after={after}&after_currency={currency}&until={until}");
        let answer = arguments.place.processor("GET", &path, None)?;
        rows.extend(list(&answer, "payables").iter().filter(|row| arguments.wants(row)).cloned());
        let next = &answer["next_after"];
        let (Some(id), Some(code)) = (next[0].as_u64(), next[1].as_str()) else { return Ok(rows) };
        if arguments.publisher.is_some_and(|wanted| id > wanted) {
            return Ok(rows);
        }
        (after, currency) = (id, code.to_owned());
    }
}

/// What the run has recorded before, page by page.
fn recorded(arguments: &Arguments) -> Result<Vec<Value>, NoAnswer> {
    let mut rows = Vec::new();
    let (mut after, reference) = (0, encoded(&arguments.reference));
    loop {
        let path = format!("/payments?limit=1000&after={after}&reference={reference}");
        let answer = arguments.place.processor("GET", &path, None)?;
        rows.extend(list(&answer, "payments").iter().filter(|row| arguments.wants(row)).cloned());
        let Some(next) = answer["next_after"].as_i64() else { return Ok(rows) };
        after = next;
    }
}

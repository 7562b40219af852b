//! `turnout recalculate`: does what is booked come out again, and what would other terms make of it?

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use serde_json::{Value, json};

use super::acting::{Actor, PerhapsReason};
use super::ask::{Where, list, number, shown, table};
use super::span::Span;
use crate::cli::Outcome;

/// Decide again who earned what, from the orders and the evidence that are kept, by the terms of each order's own time.
///
/// Without --terms every award must come out as it is booked, bit for bit. With a file of terms the difference in money
/// is told for each publisher; with --apply it is posted as corrections, but for what is locked. Exit code 0: nothing is
/// different, or what is was applied; 1: something is, or could not be decided about.
///
/// Example: turnout recalculate --since 2027-01-01 --until 2027-02-01 --terms terms.toml
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    place: Where,
    #[command(flatten)]
    span: Span,
    /// A file of terms in place of those in force.
    #[arg(long, value_name = "FILE")]
    terms: Option<PathBuf>,
    /// Post the difference as corrections.
    #[arg(long, requires = "reason")]
    apply: bool,
    #[command(flatten)]
    by: Actor,
    #[command(flatten)]
    because: PerhapsReason,
}

pub(crate) fn run(arguments: &Arguments) -> Outcome {
    let terms = match &arguments.terms {
        Some(file) => {
            let text = std::fs::read_to_string(file)
                .map_err(|error| format!("{} cannot be read: {error}", file.display()))?;
            Some((file.display().to_string(), text))
        }
        None => None,
    };
    let (since, until) = arguments.span.times()?;
    let asked = json!({
        "since": since,
        "until": until,
        "advertiser_id": arguments.span.advertiser,
        "terms": terms,
        "apply": arguments.apply,
        "actor": arguments.by.actor,
        "reason": arguments.because.text(),
    });
    let answer = arguments.place.processor_patiently("POST", "/recalculate", Some(&asked))?;
    if arguments.place.json {
        println!("{answer}");
    } else {
        report(&answer);
    }
    let changed = number(&answer, "changed").saturating_sub(number(&answer, "applied"));
    let whole = number(&answer, "failures") == 0 && answer.get("more") != Some(&Value::Bool(true));
    Ok(if whole && changed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn report(answer: &Value) {
    let rows: Vec<Value> =
        list(answer, "publishers").iter().filter(|row| row["booked"] != row["now"]).cloned().collect();
    if !rows.is_empty() {
        println!("{}", table(&rows, &["publisher_id", "currency", "booked", "now", "difference"]));
    }
    let (orders, alone) = (number(answer, "orders"), number(answer, "left_alone"));
    println!(
        "{orders} orders, of which {alone} stand as they are: changed by their merchant, declined or dropped"
    );
    if answer.get("identical") == Some(&Value::Bool(true)) {
        println!("everything comes out as it is booked: {}", shown(&answer["digest_now"]));
    } else {
        println!("booked: {}\nnow:    {}", shown(&answer["digest_booked"]), shown(&answer["digest_now"]));
        println!(
            "{} orders earn something else, of which {} are locked",
            number(answer, "changed"),
            number(answer, "locked")
        );
    }
    if let Some(applied) = answer.get("applied").and_then(Value::as_u64) {
        println!("{applied} were corrected");
    }
    super::span::print_failures(answer);
}

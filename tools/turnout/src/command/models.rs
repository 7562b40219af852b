//! `turnout models`: who would have earned what under another model?

use std::process::ExitCode;

use clap::Args;
use serde_json::Value;

use super::ask::{Where, list, number, shown, table};
use super::span::Span;
use crate::cli::Outcome;

/// Several attribution models side by side on the orders of a time, with the difference in money for each publisher.
///
/// It changes nothing: what is kept with each order is decided about again under each model. Exit code 0: every order
/// was; 1: some could not be, or there were more than one question is answered for.
///
/// Example: turnout models --since 2027-01-01 --until 2027-02-01 --model linear,time_decay
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    place: Where,
    #[command(flatten)]
    span: Span,
    /// Only these models, joined by commas: last_click, first_click, linear, position, time_decay.
    #[arg(long, default_value = "", hide_default_value = true)]
    model: String,
}

pub(crate) fn run(arguments: &Arguments) -> Outcome {
    let path = format!("/models?{}&model={}", arguments.span.query()?, arguments.model);
    let answer = arguments.place.processor_patiently("GET", &path, None)?;
    if arguments.place.json {
        println!("{answer}");
    } else {
        report(&answer);
    }
    let whole = list(&answer, "failed").is_empty() && answer.get("more") != Some(&Value::Bool(true));
    Ok(if whole { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn report(answer: &Value) {
    let models: Vec<String> = list(answer, "models").iter().map(shown).collect();
    let differences: Vec<String> = models.iter().map(|model| format!("{model}_difference")).collect();
    let pairs = models.iter().zip(&differences).flat_map(|(model, difference)| [model, difference]);
    let columns: Vec<&str> =
        ["publisher_id", "currency", "booked"].into_iter().chain(pairs.map(String::as_str)).collect();
    println!("{}", table(list(answer, "publishers"), &columns));
    let (orders, alone) = (number(answer, "orders"), number(answer, "left_alone"));
    println!(
        "{orders} orders, of which {alone} stand as they are: changed by their merchant, declined or dropped"
    );
    super::span::print_failures(answer);
}

//! `turnout unmapped`: which ids have no mapping, and what waits for them.

use std::process::ExitCode;

use clap::Args;

use super::ask::{Where, list, table};
use crate::cli::Outcome;

/// Which ids no map has, and how many conversions are held for each. They go on by themselves once a map has them.
///
/// Example: turnout unmapped --limit 20
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    place: Where,
    /// Most rows.
    #[arg(long, default_value_t = 50)]
    limit: u32,
}

pub(crate) fn run(arguments: &Arguments) -> Outcome {
    let answer = arguments.place.processor("GET", &format!("/unmapped?limit={}", arguments.limit), None)?;
    if arguments.place.json {
        println!("{answer}");
        return Ok(ExitCode::SUCCESS);
    }
    let rows = list(&answer, "unmapped");
    if rows.is_empty() {
        println!("nothing waits for a mapping");
        return Ok(ExitCode::SUCCESS);
    }
    println!("{}", table(rows, &["kind", "legacy_id", "held", "first_at", "last_at"]));
    println!("add them to the tables, then: turnout map import TABLES --switch");
    Ok(ExitCode::SUCCESS)
}

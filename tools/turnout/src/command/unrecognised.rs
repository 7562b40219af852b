//! `turnout unrecognised`: what comes in that no endpoint takes.

use std::process::ExitCode;

use clap::Args;

use super::ask::{Where, list, number, table};
use crate::cli::Outcome;

/// What comes in that no endpoint of the dialect takes, by shape, since the edge started.
///
/// A shape holds no values: words of the path, names of parameters, and `*` for everything else. Each was passed
/// to the legacy platform untouched.
///
/// Example: turnout unrecognised --limit 20
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    place: Where,
    /// Most rows.
    #[arg(long, default_value_t = 50)]
    limit: usize,
}

pub(crate) fn run(arguments: &Arguments) -> Outcome {
    let answer = arguments.place.edge_at("/unrecognised")?;
    if arguments.place.json {
        println!("{answer}");
        return Ok(ExitCode::SUCCESS);
    }
    let rows = list(&answer, "shapes");
    let shown = rows.get(..arguments.limit.min(rows.len())).unwrap_or_default();
    println!("{}", table(shown, &["times", "shape", "first", "last"]));
    let (total, beyond) = (number(&answer, "total"), number(&answer, "beyond"));
    println!("{total} requests of {} shapes; {beyond} of further shapes are counted together", rows.len());
    Ok(ExitCode::SUCCESS)
}

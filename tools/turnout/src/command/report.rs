//! `turnout report`: what the books said at one moment about what had happened until another.

use std::process::ExitCode;

use clap::{Args, ValueEnum};
use serde_json::Value;

use super::ask::{Where, list, table};
use crate::cli::Outcome;

/// What the books said at one moment about what had happened until another, added up.
///
/// A correction that was learned later does not change what an earlier report said: the same two times print the same
/// report for ever, byte for byte. It is read beside the ledger's writer, in short steps.
///
/// Example: turnout report --by publisher --happened-until 2026-12-01 --recorded-until 2026-12-05 --csv
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    place: Where,
    /// By what it adds up.
    #[arg(long, value_enum)]
    by: By,
    /// What was true in the world by then, as 2026-12-01 or 2026-12-01T12:00:00Z; the other time if nothing is said.
    #[arg(long, value_name = "TIME")]
    happened_until: Option<String>,
    /// What had been written by then; now if nothing is said.
    #[arg(long, value_name = "TIME")]
    recorded_until: Option<String>,
    /// Print CSV.
    #[arg(long, conflicts_with = "json")]
    csv: bool,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum By {
    /// Who earns.
    Publisher,
    /// Who pays.
    Advertiser,
    /// The day of the sale, in UTC.
    Day,
    /// Where the transactions stood.
    Status,
}

impl By {
    const fn name(self) -> &'static str {
        match self {
            Self::Publisher => "publisher",
            Self::Advertiser => "advertiser",
            Self::Day => "day",
            Self::Status => "status",
        }
    }
}

pub(crate) fn run(arguments: &Arguments) -> Outcome {
    let format = if arguments.csv { "csv" } else { "json" };
    let mut path = format!("/report?by={}&format={format}", arguments.by.name());
    for (name, time) in
        [("happened_until", &arguments.happened_until), ("recorded_until", &arguments.recorded_until)]
    {
        // Of what stands in a time, only these mean something else in a query.
        path.extend(time.as_deref().map(|time| {
            format!(
                "&{name}={}",
                time.replace('%', "%25").replace('+', "%2B").replace('&', "%26").replace(' ', "%20")
            )
        }));
    }
    let text = arguments.place.processor_for_text(&path)?;
    if arguments.csv {
        print!("{text}");
    } else if arguments.place.json {
        println!("{text}");
    } else {
        let report: Value = serde_json::from_str(&text)?;
        let by = arguments.by.name();
        let columns = [by, "currency", "transactions", "earned", "paid", "owed", "charged", "network"];
        let lines = list(&report, "lines");
        let told: Vec<&str> =
            columns.into_iter().filter(|name| lines.iter().any(|line| line.get(name).is_some())).collect();
        println!("{}", table(lines, &told));
        let time = |name: &str| report[name].as_str().unwrap_or_default().to_owned();
        println!(
            "what happened until {}, as recorded until {}",
            time("happened_until"),
            time("recorded_until")
        );
    }
    Ok(ExitCode::SUCCESS)
}

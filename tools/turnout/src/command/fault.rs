//! `turnout fault`: makes a simulated platform misbehave.

use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::Args;
use serde_json::json;

use super::ask::Where;
use crate::cli::Outcome;
use crate::client;

/// Set a fault of the simulated platforms of a running `up`.
///
/// Modes: none, down, reset, refused, slow, blackhole, error500, error429, reject200,
/// processed_then_no_answer, flapping. Where the edge can notice, the command waits until it has.
///
/// Example: turnout fault primary down
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// legacy or primary.
    #[arg(value_parser = ["legacy", "primary"])]
    platform: String,
    /// What goes wrong; none for nothing.
    mode: String,
    /// Milliseconds: the delay of slow and processed_then_no_answer, the healthy time of flapping.
    #[arg(long, default_value_t = 0)]
    ms: u64,
    /// Milliseconds: the down time of flapping.
    #[arg(long, default_value_t = 0)]
    down_ms: u64,
    /// The share of requests that are hit, in percent; 0 for all.
    #[arg(long, default_value_t = 0)]
    percent: u8,
    #[command(flatten)]
    place: Where,
}

pub(crate) fn run(arguments: &Arguments) -> Outcome {
    let run = arguments.place.running()?;
    let control =
        run.control.ok_or("the running process has no simulated platforms: faults are for `turnout up`")?;
    let mode = arguments.mode.replace('-', "_");
    let order = json!({
        "platform": arguments.platform,
        "mode": mode,
        "ms": arguments.ms,
        "down_ms": arguments.down_ms,
        "percent": arguments.percent,
    });
    let answer = client::ask(&control, "", client::Question::new("POST", "/fault", &order.to_string()))?;
    let noticed = noticed(arguments, &mode);
    if arguments.place.json {
        println!("{}", json!({ "fault": answer, "breaker": noticed }));
    } else {
        let breaker = noticed.map(|state| format!("; the edge's breaker is {state}")).unwrap_or_default();
        println!("{} platform: {mode}{breaker}", arguments.platform);
    }
    Ok(ExitCode::SUCCESS)
}

/// Waits until the edge has noticed what it can notice, so that what is tried next meets the new world.
fn noticed(arguments: &Arguments, mode: &str) -> Option<String> {
    let wanted = match mode {
        "none" => "closed",
        "down" | "reset" | "refused" | "blackhole" | "error500" | "processed_then_no_answer" => "open",
        _ => return None,
    };
    let until = Instant::now() + Duration::from_secs(8);
    loop {
        let status = arguments.place.edge().ok()?;
        let state = status.get("breakers")?.get(&arguments.platform)?.as_str()?.to_owned();
        // Only a platform that the dialect says how to probe is watched from the edge.
        if state == wanted || Instant::now() > until || arguments.platform == "legacy" {
            return Some(state);
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}

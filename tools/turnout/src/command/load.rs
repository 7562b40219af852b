//! `turnout load`: an open loop of realistic requests, measured without forgiving stalls.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};

use crate::cli::Outcome;
use crate::clock::parse_duration;
use crate::data;

/// Open-loop load: every request has its intended moment, and its latency counts from there.
///
/// Example: turnout load --target http://127.0.0.1:8080 --rate 2000 --for 30s --conversions 0.5
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Where it goes: an address of this machine, as 127.0.0.1:8080 or http://127.0.0.1:8080.
    #[arg(long, value_name = "URL", value_parser = target)]
    target: Option<SocketAddr>,
    /// Requests a second; 0 sends again as soon as an answer is there.
    #[arg(long, default_value_t = 500.0, value_parser = rate, allow_negative_numbers = true)]
    rate: f64,
    /// How long.
    #[arg(long = "for", value_name = "TIME", default_value = "10s", value_parser = some_time)]
    run_for: Duration,
    /// The share of conversions, from 0 to 1; the rest are clicks.
    #[arg(long, value_name = "SHARE", default_value_t = 0.1, value_parser = share, allow_negative_numbers = true)]
    conversions: f64,
    /// Connections, 1 to 2048.
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u16).range(1..=2048))]
    connections: u16,
    /// The seed of the world and of the mix.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// The data directory of the process to load where no target is given.
    #[arg(long, value_name = "DIR", default_value = data::DEFAULT)]
    data: PathBuf,
    /// Print the report as JSON.
    #[arg(long)]
    json: bool,
}

/// Most requests a second that anybody asks for: more than a machine sends, and few enough to be counted out one by one.
const RATE_MAX: f64 = 1_000_000.0;

/// Requests a second.
pub(crate) fn rate(text: &str) -> Result<f64, String> {
    let rate = text.parse().ok().filter(|rate| (0.0..=RATE_MAX).contains(rate));
    rate.ok_or_else(|| format!("`{text}` is no rate: write 0 to {RATE_MAX} requests a second"))
}

/// A part of a whole.
pub(crate) fn share(text: &str) -> Result<f64, String> {
    let share = text.parse().ok().filter(|share| (0.0..=1.0).contains(share));
    share.ok_or_else(|| format!("`{text}` is no share: write 0 to 1, as 0.5"))
}

/// A duration in which something can be measured.
pub(crate) fn some_time(text: &str) -> Result<Duration, String> {
    let time = parse_duration(text)?;
    if time.is_zero() {
        Err(format!("`{text}` is no time to measure anything in: write 10s"))
    } else {
        Ok(time)
    }
}

/// An address of this machine: a load test is never sent to anybody else.
fn target(text: &str) -> Result<SocketAddr, String> {
    let bare =
        text.strip_prefix("http://").unwrap_or(text).trim_end_matches('/').replace("localhost", "127.0.0.1");
    let address: SocketAddr = bare.parse().map_err(|_| {
        format!("`{text}` is no address of this machine in plain HTTP: write http://127.0.0.1:8080")
    })?;
    if address.ip().is_loopback() {
        Ok(address)
    } else {
        Err(format!("`{text}` is not on this machine: load goes to loopback addresses only"))
    }
}

pub(crate) fn run(arguments: &Arguments) -> Outcome {
    let target = match arguments.target {
        Some(target) => target,
        None => {
            let run = data::running(&arguments.data)?;
            target(
                &run.edge.ok_or("the running process has no edge with plain HTTP: name one with --target")?,
            )?
        }
    };
    let mut settings =
        lab::load::LoadSettings::new(target, arguments.rate, arguments.run_for, arguments.seed);
    settings.conversion_share = arguments.conversions;
    settings.connections = usize::from(arguments.connections);
    let bar = bar(arguments);
    let shown = bar.clone();
    let progress = move |now: lab::load::LoadProgress| {
        shown.set_position(u64::try_from(now.elapsed.as_millis()).unwrap_or(u64::MAX));
        let (rate, p50, p99) = (now.rate, now.latency.p50_us, now.latency.p99_us);
        shown.set_message(format!("{rate:.0}/s, p50 {p50} µs, p99 {p99} µs, {} errors", now.errors));
    };
    let report = super::runtime()?.block_on(lab::load::run(settings, progress))?;
    bar.finish_and_clear();
    if arguments.json {
        println!("{}", serde_json::to_string(&report)?);
    } else {
        tell(&report);
    }
    Ok(if report.errors.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn bar(arguments: &Arguments) -> ProgressBar {
    if arguments.json {
        return ProgressBar::hidden();
    }
    let millis = u64::try_from(arguments.run_for.as_millis()).unwrap_or(u64::MAX);
    let style = ProgressStyle::with_template("{bar:40} {percent}% {msg}");
    ProgressBar::new(millis).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}

fn tell(report: &lab::load::LoadReport) {
    let latency = &report.latency;
    println!("{} of {} requests answered, {:.0}/s", report.completed, report.intended, report.rate);
    println!(
        "latency from the intended moment: mean {:.0} µs, p50 {}, p90 {}, p95 {}, p99 {}, p99.9 {}, longest {}",
        latency.mean_us,
        latency.p50_us,
        latency.p90_us,
        latency.p95_us,
        latency.p99_us,
        latency.p999_us,
        latency.max_us
    );
    println!(
        "conversions: {} sent, {} acknowledged",
        report.conversions_sent, report.conversions_acknowledged
    );
    for (status, count) in &report.statuses {
        println!("  status {status}: {count}");
    }
    for (kind, count) in &report.errors {
        println!("  error {kind}: {count}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_measured_is_refused_with_what_can() {
        for text in ["-1", "NaN", "inf", "1e99", "many"] {
            assert_eq!(rate(text), Err(format!("`{text}` is no rate: write 0 to 1000000 requests a second")));
        }
        for text in ["-0.1", "1.1", "NaN", "half"] {
            assert_eq!(share(text), Err(format!("`{text}` is no share: write 0 to 1, as 0.5")));
        }
        assert_eq!((rate("0"), rate("1e3"), share("1")), (Ok(0.0), Ok(1000.0), Ok(1.0)));
        assert!(some_time("0s").is_err_and(|told| told.contains("write 10s")));
        for text in ["", "https://127.0.0.1:1", "example.com", "127.0.0.1", "127.0.0.1:99999"] {
            assert!(target(text).is_err_and(|told| told.contains("write http://127.0.0.1:8080")), "{text}");
        }
        assert!(target("192.0.2.1:80").is_err_and(|told| told.contains("loopback")));
    }
}

//! `turnout compare`: the old design and ours, under the same traffic and the same faults.

mod contestants;

use std::collections::BTreeSet;
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use lab::{Fault, Mode, PlatformName};
use serde::Serialize;
use serde_json::json;

use self::contestants::{Contestant, Kind};
use super::load::{self, rate, some_time};
use crate::cli::Outcome;

type Wrong = Box<dyn std::error::Error + Send + Sync>;

/// The old design (wait for the primary, else legacy, else a pixel and a queue in memory) and ours, under the
/// same traffic and the same faults: what was captured, errors and latencies, side by side.
///
/// The script, over the run: healthy; primary down; primary slow; both platforms down, and in the middle of
/// that the front is killed and started again, on a socket that is held for it; healthy.
///
/// Example: turnout compare --rate 200 --for 30s
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Requests a second.
    #[arg(long, default_value_t = 200.0, value_parser = rate, allow_negative_numbers = true)]
    rate: f64,
    /// How long each of the two is measured.
    #[arg(long = "for", value_name = "TIME", default_value = "20s", value_parser = some_time)]
    run_for: Duration,
    /// The share of conversions, from 0 to 1.
    #[arg(long, value_name = "SHARE", default_value_t = 0.3, value_parser = load::share, allow_negative_numbers = true)]
    conversions: f64,
    /// The seed of world and traffic.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// What one design came to.
#[derive(Debug, Serialize)]
struct Measured {
    design: &'static str,
    requests: u64,
    errors: u64,
    error_rate: f64,
    conversions_sent: u64,
    conversions_acknowledged: u64,
    captured_by_itself: u64,
    /// The same after what may have arrived was looked up in the platforms' books, and sent anew where it had not.
    conversions_captured: u64,
    captured_share: f64,
    /// Acknowledged, at no platform, and in the design's own books on disk: it waits, or a platform that answered with
    /// an error may have it, so that the platform's report or a person must say so before it is sent again.
    acknowledged_and_kept: u64,
    /// Acknowledged, and nowhere.
    acknowledged_and_lost: u64,
    mean_us: f64,
    p50_us: u64,
    p95_us: u64,
    p99_us: u64,
}

/// How long after the traffic what waits may still arrive.
const DRAIN: Duration = Duration::from_secs(45);

pub(crate) fn run(arguments: &Arguments) -> Outcome {
    let results = super::runtime()?.block_on(async {
        let mut results = Vec::new();
        for kind in [Kind::OldDesign, Kind::Turnout] {
            if !arguments.json {
                eprintln!("measuring {} for {} s ...", kind.name(), arguments.run_for.as_secs());
            }
            results.push(measure(arguments, kind).await?);
        }
        Ok::<_, Wrong>(results)
    })?;
    if arguments.json {
        println!("{}", json!({ "results": results }));
    } else {
        tell(&results);
    }
    Ok(ExitCode::SUCCESS)
}

async fn measure(arguments: &Arguments, kind: Kind) -> Result<Measured, Wrong> {
    let lab = lab::start(lab::WorldSettings::local(arguments.seed)).await?;
    let mut front = Contestant::start(kind, &lab).await?;
    let mut settings =
        lab::load::LoadSettings::new(front.address(), arguments.rate, arguments.run_for, arguments.seed);
    settings.conversion_share = arguments.conversions;
    settings.world = lab.world();
    settings.names_orders = true;
    let load = tokio::spawn(lab::load::run(settings, |_| {}));
    let script = script(&lab, &mut front, arguments.run_for).await;
    let report = load.await??;
    script?;
    let by_itself = drained(&lab, report.conversions_sent).await;
    let captured = match front.close_by_reports(&by_itself).await? {
        0 => by_itself.clone(),
        _ => drained(&lab, report.conversions_acknowledged).await,
    };
    let missing: BTreeSet<String> = report.acknowledged.difference(&captured).cloned().collect();
    let kept = front.kept(&missing).await?;
    front.stop().await;
    lab.stop().await;
    let errors = report.errors.values().sum::<u64>();
    Ok(Measured {
        design: kind.name(),
        requests: report.intended,
        errors,
        error_rate: share(errors, report.intended),
        conversions_sent: report.conversions_sent,
        conversions_acknowledged: report.conversions_acknowledged,
        captured_by_itself: by_itself.len() as u64,
        conversions_captured: captured.len() as u64,
        captured_share: share(captured.len() as u64, report.conversions_sent),
        acknowledged_and_kept: kept,
        acknowledged_and_lost: missing.len() as u64 - kept,
        mean_us: report.latency.mean_us,
        p50_us: report.latency.p50_us,
        p95_us: report.latency.p95_us,
        p99_us: report.latency.p99_us,
    })
}

#[expect(clippy::cast_precision_loss, reason = "a share for people")]
fn share(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

/// The faults, each for a part of the run.
async fn script(lab: &lab::Running, front: &mut Contestant, whole: Duration) -> Result<(), Wrong> {
    let part = |percent: u32| tokio::time::sleep(whole * percent / 100);
    let (primary, legacy) = (PlatformName::Primary, PlatformName::Legacy);
    part(20).await;
    lab.set_fault(primary, Fault::mode(Mode::Refused)).await?;
    part(15).await;
    lab.set_fault(primary, Fault::timed(Mode::Slow, 400)).await?;
    part(15).await;
    lab.set_fault(primary, Fault::mode(Mode::Error500)).await?;
    lab.set_fault(legacy, Fault::mode(Mode::Error500)).await?;
    part(10).await;
    front.kill_and_restart().await?;
    part(10).await;
    lab.set_fault(primary, Fault::mode(Mode::None)).await?;
    lab.set_fault(legacy, Fault::mode(Mode::None)).await?;
    Ok(())
}

/// The orders that stand in a platform's books, when nothing more arrives.
async fn drained(lab: &lab::Running, expected: u64) -> BTreeSet<String> {
    let until = tokio::time::Instant::now() + DRAIN;
    loop {
        let booked = booked(lab);
        if booked.len() as u64 >= expected || tokio::time::Instant::now() > until {
            return booked;
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

fn booked(lab: &lab::Running) -> BTreeSet<String> {
    let both =
        [PlatformName::Legacy, PlatformName::Primary].into_iter().flat_map(|name| lab.transactions(name));
    both.map(|transaction| transaction.order_reference).collect()
}

fn tell(results: &[Measured]) {
    let mut table = comfy_table::Table::new();
    table.load_style(comfy_table::presets::NOTHING);
    let names = results.iter().map(|result| result.design.to_owned());
    table.set_header(std::iter::once(String::new()).chain(names));
    let mut row = |title: &str, value: &dyn Fn(&Measured) -> String| {
        table.add_row(std::iter::once(title.to_owned()).chain(results.iter().map(value)));
    };
    row("requests", &|r| r.requests.to_string());
    row("errors", &|r| format!("{} ({:.3}%)", r.errors, r.error_rate * 100.0));
    row("conversions sent", &|r| r.conversions_sent.to_string());
    row("acknowledged", &|r| r.conversions_acknowledged.to_string());
    row("captured by itself", &|r| r.captured_by_itself.to_string());
    row("captured in the end", &|r| format!("{} ({:.3}%)", r.conversions_captured, r.captured_share * 100.0));
    row("acknowledged, kept for later", &|r| r.acknowledged_and_kept.to_string());
    row("acknowledged and lost", &|r| r.acknowledged_and_lost.to_string());
    row("mean", &|r| format!("{:.0} µs", r.mean_us));
    row("p50", &|r| format!("{} µs", r.p50_us));
    row("p95", &|r| format!("{} µs", r.p95_us));
    row("p99", &|r| format!("{} µs", r.p99_us));
    println!("{table}");
}

//! Measuring: an open loop that does not forgive stalls, or a closed loop to saturation.
//!
//! In the open loop every request has an intended moment, fixed before the run, and its latency counts from
//! there. A server that stalls for a second is charged for every request that should have left in that second,
//! which a client that politely waits would leave out.
//!
//! One thread and one blocking connection each: two system calls a request, no timer wheel between the
//! intended moment and the send, and nothing of the server's runtime in the client.

mod connection;
mod latency;
mod requests;
mod worker;

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use serde::Serialize;

use crate::error::Error;
use crate::limits::{LOAD_CONNECTIONS_MAX, LOAD_STACK_BYTES};
use crate::world::World;
use requests::order_reference;
use worker::{Plan, Tally, Worker};

pub use latency::Latency;

const PROGRESS_EVERY: Duration = Duration::from_secs(1);

/// What to measure.
#[derive(Debug, Clone)]
pub struct LoadSettings {
    /// Where the requests go.
    pub target: SocketAddr,
    /// Requests a second in all; 0 is a closed loop: every connection sends again as soon as it is answered.
    pub rate: f64,
    /// How long requests are sent.
    pub duration: Duration,
    /// Share of conversions, from 0 to 1; the rest are clicks.
    pub conversion_share: f64,
    /// Connections, and threads.
    pub connections: usize,
    /// Fixes the mix, and begins every order number.
    pub seed: u64,
    /// Hosts to name, in turn.
    pub hosts: Vec<String>,
    /// Whose ids to use.
    pub world: World,
    /// How long one answer may take.
    pub timeout: Duration,
    /// Whether the report names the orders that were acknowledged; each takes a few bytes until the end.
    pub names_orders: bool,
}

impl LoadSettings {
    /// An open loop with ordinary values.
    #[must_use]
    pub fn new(target: SocketAddr, rate: f64, duration: Duration, seed: u64) -> Self {
        Self {
            target,
            rate,
            duration,
            conversion_share: 0.1,
            connections: 64,
            seed,
            hosts: vec!["shareasale.com".to_owned(), "www.shareasale.com".to_owned()],
            world: World::generate(seed),
            timeout: Duration::from_secs(10),
            names_orders: false,
        }
    }
}

/// One second of a run.
#[derive(Debug, Clone, Serialize)]
pub struct LoadProgress {
    /// Since the start.
    pub elapsed: Duration,
    /// Answers so far.
    pub completed: u64,
    /// Failures so far.
    pub errors: u64,
    /// Answers a second, since the last report.
    pub rate: f64,
    /// Latencies so far.
    pub latency: Latency,
}

/// What a run found.
#[derive(Debug, Clone, Serialize)]
pub struct LoadReport {
    /// Requests that should have left; equals the sent ones in a closed loop.
    pub intended: u64,
    /// Requests sent.
    pub sent: u64,
    /// Answers read, of any status.
    pub completed: u64,
    /// Conversions sent.
    pub conversions_sent: u64,
    /// Conversions answered with 2xx or 3xx.
    pub conversions_acknowledged: u64,
    /// Their order references, if the settings want them.
    #[serde(skip)]
    pub acknowledged: BTreeSet<String>,
    /// Answers by status.
    pub statuses: BTreeMap<u16, u64>,
    /// Failures by kind: `connect`, `timeout`, `closed`, `malformed`, `never sent`, `status 5xx`, `status 4xx`.
    pub errors: BTreeMap<String, u64>,
    /// Answers a second over the run.
    pub rate: f64,
    /// From the first intended moment to the last answer.
    pub elapsed: Duration,
    /// From intended moment (open) or send (closed) to the whole answer.
    pub latency: Latency,
}

/// Runs a measurement; `progress` is called about every second.
///
/// # Errors
///
/// When the settings contradict themselves or a thread cannot be started.
pub async fn run(
    settings: LoadSettings,
    progress: impl FnMut(LoadProgress) + Send + 'static,
) -> Result<LoadReport, Error> {
    check(&settings)?;
    tokio::task::spawn_blocking(move || measure(&settings, progress))
        .await
        .map_err(|error| Error::Task(error.to_string()))?
}

fn check(settings: &LoadSettings) -> Result<(), Error> {
    let wrong = |reason: String| Err(Error::Settings(reason));
    if settings.connections == 0 || settings.connections > LOAD_CONNECTIONS_MAX {
        return wrong(format!("{} connections; 1 to {LOAD_CONNECTIONS_MAX} work", settings.connections));
    }
    if !(0.0..=1.0).contains(&settings.conversion_share) {
        return wrong(format!("a conversion share of {}; 0 to 1 works", settings.conversion_share));
    }
    if !settings.rate.is_finite() || settings.rate < 0.0 {
        return wrong(format!("a rate of {} requests a second", settings.rate));
    }
    if settings.hosts.is_empty()
        || settings.world.advertisers.is_empty()
        || settings.world.publishers.is_empty()
    {
        return wrong("load needs a host, a merchant and a publisher".to_owned());
    }
    Ok(())
}

fn measure(settings: &LoadSettings, mut progress: impl FnMut(LoadProgress)) -> Result<LoadReport, Error> {
    let plan = Arc::new(Plan::new(settings));
    let mut workers = Vec::with_capacity(settings.connections);
    for index in 0..settings.connections {
        let worker = Worker::new(Arc::clone(&plan), index)?;
        let tally = worker.tally();
        let thread = thread::Builder::new()
            .name(format!("load-{index}"))
            .stack_size(LOAD_STACK_BYTES)
            .spawn(move || worker.run())
            .map_err(|error| Error::Task(error.to_string()))?;
        workers.push((thread, tally));
    }
    let (mut last, mut last_at) = (0, Instant::now());
    while workers.iter().any(|(thread, _)| !thread.is_finished()) {
        wait(|| workers.iter().all(|(thread, _)| thread.is_finished()));
        let total = Tally::sum(workers.iter().map(|(_, tally)| &**tally))?;
        let rate = per_second(total.completed - last, last_at.elapsed());
        (last, last_at) = (total.completed, Instant::now());
        progress(LoadProgress {
            elapsed: plan.start.elapsed(),
            completed: total.completed,
            errors: total.errors.values().sum(),
            rate,
            latency: Latency::of(&total.latency),
        });
    }
    let tallies: Vec<Arc<std::sync::Mutex<Tally>>> =
        workers.iter().map(|(_, tally)| Arc::clone(tally)).collect();
    for (thread, _) in workers {
        thread.join().map_err(|_| Error::Task("a load thread ended abnormally".to_owned()))?;
    }
    Ok(report(&Tally::sum(tallies.iter().map(|tally| &**tally))?, &plan))
}

/// Waits for the next report, or less when everybody is done.
fn wait(is_done: impl Fn() -> bool) {
    let until = Instant::now() + PROGRESS_EVERY;
    while Instant::now() < until && !is_done() {
        thread::sleep(Duration::from_millis(20));
    }
}

fn report(total: &Tally, plan: &Plan) -> LoadReport {
    let elapsed = total.last.map_or(Duration::ZERO, |last| last.saturating_duration_since(plan.start));
    let seed = plan.seed();
    LoadReport {
        acknowledged: total.acknowledged.iter().map(|number| order_reference(seed, *number)).collect(),
        intended: total.sent + total.errors.get("never sent").copied().unwrap_or(0),
        sent: total.sent,
        completed: total.completed,
        conversions_sent: total.conversions_sent,
        conversions_acknowledged: total.conversions_acknowledged,
        statuses: total.statuses.clone(),
        errors: total.errors.clone(),
        rate: per_second(total.completed, elapsed),
        elapsed,
        latency: Latency::of(&total.latency),
    }
}

fn per_second(count: u64, elapsed: Duration) -> f64 {
    // A count of requests fits a float's 53 bits.
    #[allow(clippy::cast_precision_loss, reason = "counts stay far below 2^53")]
    let count = count as f64;
    if elapsed.is_zero() { 0.0 } else { count / elapsed.as_secs_f64() }
}

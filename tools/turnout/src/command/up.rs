//! `turnout up`: everything on this machine, in one process, with traffic through it.

use std::io::{IsTerminal as _, Write as _};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use clap::Args;
use relay::delivery::State;
use relay::policy::Snapshot;
use telemetry::Telemetry;
use tokio::sync::watch;

use super::Stop;
use crate::cli::Outcome;
use crate::clock::parse_duration;
use crate::data::{DataDir, RunFile};
use crate::ledger_place::LedgerPlace;
use crate::log_place::LogPlace;
use crate::reload::{self, Readers};
use crate::roles::{self, ANY, Ground, ProcessorParts};
use crate::settings::Edge as EdgeFile;
use crate::tls::{self, TlsFront};
use crate::{data, world};

/// Run everything on this machine: edge, processor, both simulated platforms, a shop, and traffic through it.
///
/// Example: turnout up --traffic 50 --for 30s
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Where everything is kept.
    #[arg(long, value_name = "DIR", default_value = data::DEFAULT)]
    data: PathBuf,
    /// Where the edge hears plain HTTP; port 0 for a free one.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8080")]
    edge: SocketAddr,
    /// Where the edge hears TLS; port 0 for a free one.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:0")]
    edge_tls: SocketAddr,
    /// Requests a second of simulated traffic; 0 for none.
    #[arg(long, value_name = "RATE", default_value_t = 20.0, value_parser = super::load::rate, allow_negative_numbers = true)]
    traffic: f64,
    /// The seed of the world and of its traffic.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Stop by itself after this time, as 30s or 5m.
    #[arg(long = "for", value_name = "TIME", value_parser = parse_duration)]
    run_for: Option<Duration>,
    /// Print the addresses as one JSON line, and nothing else.
    #[arg(long)]
    json: bool,
}

impl Default for Arguments {
    /// What `turnout` without a command runs.
    fn default() -> Self {
        Self {
            data: PathBuf::from(data::DEFAULT),
            edge: SocketAddr::from(([127, 0, 0, 1], 8080)),
            edge_tls: ANY,
            traffic: 20.0,
            seed: 1,
            run_for: None,
            json: false,
        }
    }
}

/// Everything that runs.
struct System {
    lab: lab::Running,
    processor: processor::Running,
    edge: edge::RunningEdge,
    snapshots: Vec<Arc<ArcSwap<Snapshot>>>,
    log: Option<requestlog::Log>,
    primary_tls: TlsFront,
    shop_tls: TlsFront,
}

pub(crate) fn run(arguments: &Arguments) -> Outcome {
    super::log("error", false);
    super::runtime()?.block_on(serve(arguments))
}

async fn serve(arguments: &Arguments) -> Outcome {
    if LedgerPlace::noted(&arguments.data)?.is_on_server() {
        let message = "the ledger of this data directory is on a server, and `up` keeps its own: name another directory";
        return Err(message.into());
    }
    // Before anything is written there: the tables of another seed are not what the other process serves by.
    if let Some(run) = data::running(&arguments.data).ok().filter(RunFile::answers) {
        let (pid, folder) = (run.pid, arguments.data.display());
        return Err(format!(
            "process {pid} runs on {folder}: stop it, or name another directory with --data"
        )
        .into());
    }
    let data = DataDir::open(&arguments.data)?;
    let keys = data.keys()?;
    let hang_up = reload::listen()?;
    let system = start(arguments, &data, &keys).await?;
    let run = run_file(&system, &keys.token);
    let asked = Stop::listen()?;
    data.write_run_file("up", &run)?;
    announce(arguments, &run)?;
    let (stop, stopped) = watch::channel(false);
    let stats = Arc::new(lab::traffic::Stats::default());
    let traffic = start_traffic(arguments, &system, &stats, stopped.clone());
    let readers = Readers {
        migration: Some(data.path("migration")),
        maps: data::maps(&arguments.data),
        hang_up,
        secrets: keys.secrets.clone(),
        data: data.clone(),
        shared: system.snapshots.clone(),
        processor: Some(system.processor.desk.clone()),
        operators: system.processor.operators.clone(),
    };
    tokio::select! {
        () = readers.run() => {}
        () = watch_numbers(&system, arguments.json) => {}
        () = asked.told(arguments.run_for) => {}
    }
    stop.send_replace(true);
    if let Some(traffic) = traffic {
        traffic.await??;
    }
    data.remove_run_file("up");
    finish(system, arguments.json).await;
    Ok(ExitCode::SUCCESS)
}

async fn start(
    arguments: &Arguments,
    data: &DataDir,
    keys: &data::KeyRing,
) -> Result<System, Box<dyn std::error::Error + Send + Sync>> {
    let settings = lab::WorldSettings::local(arguments.seed);
    let migration = data.path("migration");
    world::write(&migration, &settings.world, arguments.seed)?;
    data.write_callers(world::CALLERS_HEAD, &world::callers(&settings.world, arguments.seed))?;
    let snapshot =
        Arc::new(directory::load_with(Some(&migration), &data::maps(&arguments.data), keys.secrets.clone())?);
    crate::approvals::check(data.folder(), &snapshot.version)?;
    let credentials = roles::lab_credentials(&settings.world, &snapshot);
    let lab = roles::lab(settings).await?;
    let origins = roles::lab_origins(&lab);
    let telemetry = Arc::new(Telemetry::new());
    let log = LogPlace::usual().open(data, roles::LANE)?;
    let ground = Ground { data: data.clone(), snapshot, origins, telemetry, log: log.clone() };
    let place = LedgerPlace::default();
    let parts = ProcessorParts { place: &place, listen: ANY, credentials, private_postbacks: true };
    let (processor, sender_snapshot) = roles::processor(&ground, keys, parts).await?;
    let file = EdgeFile {
        listen: Some(arguments.edge),
        listen_tls: Some(arguments.edge_tls),
        operator: Some(ANY),
        ..EdgeFile::default()
    };
    let (edge, edge_snapshot) =
        roles::edge(&ground, keys, &file, outbox::Settings::default(), Some(processor.address.to_string()))
            .await?;
    let behaviour = lab::Behaviour { edge: edge.addresses().plain, ..lab.behaviour() };
    lab.set_behaviour(behaviour);
    let names = ground.snapshot.migration.primary.hosts().map(str::to_owned).collect();
    let primary_tls = tls::before(lab.primary, names).await?;
    let mut shops: Vec<String> = Vec::new();
    for row in ground.snapshot.directory.advertisers() {
        shops.extend(row.domains.iter().map(str::to_owned));
    }
    let shop_tls = tls::before(lab.shop, shops).await?;
    let snapshots = vec![edge_snapshot, sender_snapshot];
    Ok(System { lab, processor, edge, snapshots, log, primary_tls, shop_tls })
}

fn run_file(system: &System, token: &str) -> RunFile {
    let addresses = system.edge.addresses();
    let text = |address: Option<SocketAddr>| address.map(|address| address.to_string());
    RunFile {
        pid: std::process::id(),
        edge: text(addresses.plain),
        edge_tls: text(addresses.tls),
        edge_operator: text(addresses.operator),
        edge_copies: text(addresses.copies),
        processor: Some(system.processor.address.to_string()),
        legacy: Some(system.lab.legacy.to_string()),
        primary: Some(system.lab.primary.to_string()),
        primary_tls: Some(system.primary_tls.address.to_string()),
        shop: Some(system.lab.shop.to_string()),
        shop_tls: Some(system.shop_tls.address.to_string()),
        control: Some(system.lab.control.to_string()),
        token: token.to_owned(),
    }
}

/// Says where everything listens, and what to try.
fn announce(arguments: &Arguments, run: &RunFile) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let shown = RunFile { token: String::new(), ..run.clone() };
    if arguments.json {
        println!("{}", serde_json::to_string(&shown)?);
        return Ok(std::io::stdout().flush()?);
    }
    let or_none = |address: &Option<String>| address.clone().unwrap_or_default();
    println!("turnout is up. Data: {}", arguments.data.display());
    for (what, address) in [
        ("edge, plain HTTP", &run.edge),
        ("edge, TLS (self-signed)", &run.edge_tls),
        ("edge, for operators", &run.edge_operator),
        ("processor", &run.processor),
        ("legacy platform, simulated", &run.legacy),
        ("primary platform, simulated", &run.primary),
        ("the same, TLS", &run.primary_tls),
        ("shop, simulated", &run.shop),
        ("the same, TLS", &run.shop_tls),
        ("the simulation's controls", &run.control),
    ] {
        println!("  {what:<28} {}", or_none(address));
    }
    let (tls, data) = (or_none(&run.edge_tls), arguments.data.display());
    let examples = directory::embedded("migrations/examples.txt").unwrap_or_default();
    println!("Try:");
    for example in examples.lines().filter(|line| !line.is_empty()) {
        let filled = example.replace("{tls}", &tls).replace("{primary_tls}", &or_none(&run.primary_tls));
        println!("  {}", filled.replace("{shop_tls}", &or_none(&run.shop_tls)));
    }
    println!("  turnout audit --data {data}");
    Ok(())
}

fn start_traffic(
    arguments: &Arguments,
    system: &System,
    stats: &Arc<lab::traffic::Stats>,
    mut stopped: watch::Receiver<bool>,
) -> Option<tokio::task::JoinHandle<Result<(), lab::Error>>> {
    let edge = system.edge.addresses().plain.filter(|_| arguments.traffic > 0.0)?;
    let mut settings = lab::traffic::TrafficSettings::new(
        edge,
        system.lab.shop,
        arguments.traffic,
        arguments.seed,
        system.lab.world(),
    );
    settings.primary = Some(system.lab.primary);
    // A run of its own: yesterday's order numbers would only be merged with yesterday's orders.
    settings.order_prefix = format!("T{}-", crate::clock::wall_clock().as_seconds());
    let stats = Arc::clone(stats);
    Some(tokio::spawn(async move {
        let ended = async move { drop(stopped.wait_for(|stop| *stop).await) };
        lab::traffic::run(settings, stats, ended).await
    }))
}

/// Keeps one line with the numbers of the last second.
async fn watch_numbers(system: &System, quiet: bool) {
    let terminal = std::io::stdout().is_terminal();
    let every = if terminal { Duration::from_secs(1) } else { Duration::from_secs(10) };
    let mut before = system.edge.stats();
    loop {
        tokio::time::sleep(every).await;
        if quiet {
            continue;
        }
        let now = system.edge.stats();
        let states = system.processor.desk.ask(|core| core.status().map(|status| status.states)).await;
        let count = |wanted: State| {
            let states = states.as_ref().ok().and_then(|result| result.as_ref().ok());
            let place = State::ALL.iter().position(|state| *state == wanted);
            states.zip(place).and_then(|(states, place)| states.get(place)).copied().unwrap_or(0)
        };
        let millis = |percent| {
            let took = now.percentile(&before, percent).unwrap_or_default();
            format!("{}.{:02} ms", took.as_millis(), took.as_micros() % 1000 / 10)
        };
        let line = format!(
            "{} requests/s, p50 {}, p99 {}; captured {}, to hand over {}, queued {}, unknown {}, held {}, dead {}",
            now.requests_per_second(&before),
            millis(50),
            millis(99),
            now.captured,
            system.edge.outbox().backlog_entries,
            count(State::Queued),
            count(State::Unknown),
            count(State::Held),
            count(State::Dead),
        );
        if terminal {
            print!("\r\x1b[2K{line}");
        } else {
            println!("{line}");
        }
        // A closed terminal is no reason to stop serving.
        drop(std::io::stdout().flush());
        before = now;
    }
}

async fn finish(system: System, quiet: bool) {
    if !quiet {
        println!("\nstopping: requests under way end, what waits stays on disk");
    }
    system.edge.stop().await;
    system.processor.stop().await;
    system.log.iter().for_each(requestlog::Log::close);
    system.lab.stop().await;
}

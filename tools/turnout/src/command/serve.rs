//! `turnout serve`: one role by itself.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use clap::{Args, ValueEnum};
use telemetry::Telemetry;
use tokio::signal::unix::Signal;
use tracking::source::Mistake;

use super::Stop;
use crate::cli::Outcome;
use crate::data::{self, DataDir, KeyRing, RunFile};
use crate::reload::{self, Readers};
use crate::roles::{self, ANY, Credentials, Ground, ProcessorParts};
use crate::settings::{self, Settings};

/// Run one role by itself, as many machines do.
///
/// Example: turnout serve --role edge --config turnout.toml
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The role.
    #[arg(long, value_enum)]
    role: Role,
    /// The settings file.
    #[arg(long, value_name = "FILE", default_value = "turnout.toml")]
    config: PathBuf,
    /// Print the addresses as one JSON line, and nothing else.
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
enum Role {
    /// Takes the public's requests.
    Edge,
    /// Books and delivers.
    Processor,
    /// The simulated platforms and the shop.
    Platforms,
}

impl Role {
    const fn name(self) -> &'static str {
        match self {
            Self::Edge => "edge",
            Self::Processor => "processor",
            Self::Platforms => "platforms",
        }
    }
}

pub(crate) fn run(arguments: &Arguments) -> Outcome {
    super::log("info", true);
    let settings = settings::read(&arguments.config).map_err(not_started)?;
    super::runtime()?.block_on(serve(arguments, settings))
}

async fn serve(arguments: &Arguments, settings: Settings) -> Outcome {
    super::survive_file_limits()?;
    let data = DataDir::open(&settings.data)?;
    let keys = data.keys()?;
    let role = arguments.role.name();
    let mut run = RunFile { pid: std::process::id(), ..RunFile::default() };
    if arguments.role == Role::Platforms {
        let lab = platforms(&settings, &mut run).await?;
        let stop = Stop::listen()?;
        announce(arguments, &data, &run)?;
        stop.told(None).await;
        data.remove_run_file(role);
        lab.stop().await;
        return Ok(ExitCode::SUCCESS);
    }
    let hang_up = reload::listen()?;
    let ground = ground(arguments, &settings, &data, &keys)?;
    run.token.clone_from(&keys.token);
    match arguments.role {
        Role::Edge => {
            // Its sockets may be handed over with requests in them.
            let stop = Stop::listen()?;
            let processor = settings.edge.processor.clone();
            let (edge, snapshot) =
                roles::edge(&ground, &keys, &settings.edge, settings.outbox.clone(), processor).await?;
            let addresses = edge.addresses();
            run.edge = addresses.plain.map(|address| address.to_string());
            run.edge_tls = addresses.tls.map(|address| address.to_string());
            run.edge_operator = addresses.operator.map(|address| address.to_string());
            run.edge_copies = addresses.copies.map(|address| address.to_string());
            announce(arguments, &data, &run)?;
            let readers = readers(&settings, &data, &keys, hang_up);
            until_stopped(Readers { shared: vec![snapshot], ..readers }, stop).await;
            data.remove_run_file(role);
            edge.stop().await;
            close(&ground);
        }
        Role::Processor | Role::Platforms => {
            let parts = ProcessorParts {
                place: &settings.processor.ledger,
                listen: settings.processor.listen.unwrap_or(ANY),
                credentials: Credentials(settings.credentials()?),
                private_postbacks: settings.processor.private_postbacks,
            };
            let (processor, snapshot) = roles::processor(&ground, &keys, parts).await?;
            run.processor = Some(processor.address.to_string());
            let stop = Stop::listen()?;
            announce(arguments, &data, &run)?;
            let readers = readers(&settings, &data, &keys, hang_up);
            let (desk, operators) = (processor.desk.clone(), processor.operators.clone());
            let shared = vec![snapshot];
            until_stopped(Readers { processor: Some(desk), operators, shared, ..readers }, stop).await;
            data.remove_run_file(role);
            processor.stop().await;
            close(&ground);
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Writes what the request log still has in hand.
fn close(ground: &Ground) {
    ground.log.iter().for_each(requestlog::Log::close);
}

fn readers(settings: &Settings, data: &DataDir, keys: &KeyRing, hang_up: Signal) -> Readers {
    let (migration, secrets) = (settings.migration.clone(), keys.secrets.clone());
    let maps = data::maps(&settings.data);
    Readers {
        migration,
        maps,
        hang_up,
        secrets,
        data: data.clone(),
        shared: Vec::new(),
        processor: None,
        operators: processor::Operators::default(),
    }
}

/// Serves, reloading when asked to, until the process is told to stop.
async fn until_stopped(readers: Readers, stop: Stop) {
    tokio::select! {
        () = readers.run() => {}
        () = stop.told(None) => {}
    }
}

/// What keeps a role from its start, all of it.
fn not_started(wrong: Vec<Mistake>) -> Box<dyn std::error::Error + Send + Sync> {
    format!("nothing was started, {}", super::mistakes(wrong)).into()
}

/// Everything is read and checked before a port is bound.
fn ground(
    arguments: &Arguments,
    settings: &Settings,
    data: &DataDir,
    keys: &KeyRing,
) -> Result<Ground, Box<dyn std::error::Error + Send + Sync>> {
    let maps = data::maps(&settings.data);
    let snapshot = directory::load_with(settings.migration.as_deref(), &maps, keys.secrets.clone())?;
    crate::approvals::check(data.folder(), &snapshot.version)?;
    let file = arguments.config.display().to_string();
    let is_public = |host: &str| snapshot.migration.is_public_host(host);
    let wrong = settings::check_origins(settings, is_public, !snapshot.policy.legacy_lives, &file);
    if !wrong.is_empty() {
        return Err(not_started(wrong));
    }
    let lane = match arguments.role {
        Role::Edge => settings.edge.lane.as_deref().unwrap_or(roles::LANE),
        Role::Processor | Role::Platforms => arguments.role.name(),
    };
    let log = settings.request_log.open(data, lane)?;
    Ok(Ground {
        data: data.clone(),
        log,
        snapshot: Arc::new(snapshot),
        origins: settings.origins.clone(),
        telemetry: Arc::new(Telemetry::new()),
    })
}

async fn platforms(
    settings: &Settings,
    run: &mut RunFile,
) -> Result<lab::Running, Box<dyn std::error::Error + Send + Sync>> {
    let file = &settings.platforms;
    let mut world = lab::WorldSettings::local(file.seed);
    for (slot, wanted) in [
        (&mut world.legacy_addr, file.legacy),
        (&mut world.primary_addr, file.primary),
        (&mut world.shop_addr, file.shop),
        (&mut world.control_addr, file.control),
    ] {
        *slot = wanted.unwrap_or(*slot);
    }
    let lab = roles::lab(world).await?;
    run.legacy = Some(lab.legacy.to_string());
    run.primary = Some(lab.primary.to_string());
    run.shop = Some(lab.shop.to_string());
    run.control = Some(lab.control.to_string());
    Ok(lab)
}

fn announce(
    arguments: &Arguments,
    data: &DataDir,
    run: &RunFile,
) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    data.write_run_file(arguments.role.name(), run)?;
    let shown = RunFile { token: String::new(), ..run.clone() };
    let text =
        if arguments.json { serde_json::to_string(&shown)? } else { serde_json::to_string_pretty(&shown)? };
    println!("{text}");
    Ok(std::io::stdout().flush()?)
}

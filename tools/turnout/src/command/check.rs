//! `turnout check`: is everything sound, without binding a port?

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use reports::ReportError;
use tracking::directory::Table;
use tracking::source::Mistake;

use crate::cli::Outcome;
use crate::people::People;
use crate::{data, settings, snapshot};

/// Validate settings, dialects, migrations and who may call, without binding a port.
///
/// Every mistake is reported at once, with its file and line. Exit code 0: sound; 1: mistakes.
///
/// Example: turnout check --migration migrations/mine --config turnout.toml
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The migration's folder; the settings' or the embedded default if it is not given.
    #[arg(long, value_name = "DIR")]
    migration: Option<PathBuf>,
    /// The settings file; none is checked if it is not given.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Print a JSON object.
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(arguments: &Arguments) -> Outcome {
    let mut mistakes = Vec::new();
    let settings = arguments
        .config
        .as_deref()
        .and_then(|file| settings::read(file).map_err(|found| mistakes.extend(found)).ok());
    let of_settings = settings.as_ref().and_then(|settings| settings.migration.clone());
    let folder = arguments.migration.clone().or(of_settings);
    let snapshot = match &settings {
        Some(settings) => snapshot::load_served(folder.as_deref(), &settings.data),
        None => snapshot::load(folder.as_deref()),
    };
    let snapshot = snapshot.map_err(|error| mistakes.extend(error.mistakes)).ok();
    if let (Some(settings), Some(snapshot), Some(file)) = (&settings, &snapshot, &arguments.config) {
        let file = file.display().to_string();
        let is_public = |host: &str| snapshot.migration.is_public_host(host);
        mistakes.extend(settings::check_origins(settings, is_public, !snapshot.policy.legacy_lives, &file));
    }
    mistakes.extend(snapshot.as_ref().map(unreadable).unwrap_or_default());
    if let (Some(settings), Some(file)) = (&settings, &arguments.config) {
        let places = [settings.processor.ledger.check(), settings.request_log.check()];
        let file = file.display().to_string();
        let mistake = |message| Mistake { file: file.clone(), line: 1, message };
        mistakes.extend(places.into_iter().filter_map(Result::err).map(mistake));
    }
    let callers = settings.as_ref().map(|settings| data::read_callers(&settings.data));
    let of_callers = callers.and_then(Result::err).map(|error| error.to_string()).unwrap_or_default();
    let people = settings.as_ref().map(|settings| People::read(&settings.data));
    let of_people = people.and_then(Result::err).map(|error| error.to_string());
    let found = mistakes.iter().map(ToString::to_string);
    let lines: Vec<String> = found.chain(of_callers.lines().map(str::to_owned)).chain(of_people).collect();
    if arguments.json {
        let version = snapshot.as_ref().map(|snapshot| snapshot.version.clone());
        println!(
            "{}",
            serde_json::json!({ "sound": lines.is_empty(), "version": version, "mistakes": lines })
        );
    } else if let Some(snapshot) = snapshot.filter(|_| lines.is_empty()) {
        report(&snapshot);
    } else {
        lines.iter().for_each(|line| eprintln!("{line}"));
        eprintln!("{} to mend; nothing was started", lines.len());
    }
    Ok(if lines.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Reports that no reader could follow: a zone that does not exist, times in letters that tell none.
fn unreadable(snapshot: &relay::policy::Snapshot) -> Vec<Mistake> {
    let dialects = [&snapshot.migration.legacy, &snapshot.migration.primary];
    let wrong = dialects.into_iter().flat_map(|dialect| {
        dialect.reports.iter().filter_map(|report| {
            let (line, message) = match reports::Compiled::of(report).err()? {
                ReportError::Rule { line, why } => (line, why),
                other => (report.line, other.to_string()),
            };
            Some(Mistake { file: dialect.file.to_string(), line, message })
        })
    });
    wrong.collect()
}

fn report(snapshot: &relay::policy::Snapshot) {
    let (migration, directory) = (&snapshot.migration, &snapshot.directory);
    println!(
        "sound: migration {} ({} to {}), version {}",
        migration.name, migration.legacy.title, migration.primary.title, snapshot.version
    );
    println!(
        "  {}",
        Table::ALL.map(|table| format!("{} {}", directory.count(table), table.name())).join(", ")
    );
    for wave in &snapshot.policy.waves {
        let members = directory.advertisers().filter(|row| row.wave == wave.name).count();
        println!("  wave {}: {}, {members} advertisers", wave.name, wave.phase.name());
    }
    for (advertiser_id, version) in snapshot.policy.terms.versions() {
        let known = advertiser_id.is_none_or(|id| directory.advertiser(id).is_some());
        let note = if known { "" } else { "; the directory does not have it" };
        println!(
            "  terms of {}: {}, {} rules{note}",
            version.name,
            version.model.name(),
            version.rules.len()
        );
    }
    let open: Vec<&str> = snapshot.policy.consent.open().collect();
    if !open.is_empty() {
        println!(
            "  to decide: visitors of {} who say nothing are refused until `permit_countries` or `refuse_countries` \
             names them",
            open.join(", ")
        );
    }
    let hosts: Vec<&str> = migration.legacy.hosts().collect();
    println!("  our hosts: {}", hosts.join(", "));
}

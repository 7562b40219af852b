//! `turnout map`: importing id maps of any size, and switching between their versions while everything serves.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::{Args, Subcommand};
use directory::{Maps, counts};
use serde_json::{Value, json};
use tracking::directory::Directory;

use super::ask::{Where, shown, table};
use crate::approvals;
use crate::cli::Outcome;
use crate::data;

/// Import id maps, list their versions, switch between them while everything serves, and go back.
///
/// Example: turnout map import tables/ --switch
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Map,
}

#[derive(Debug, Subcommand)]
enum Map {
    /// Build a new version from tables: advertisers, publishers, creatives, short links. Example: turnout map import tables/
    Import {
        #[command(flatten)]
        place: Where,
        /// Files, or folders of them: CSV or Parquet.
        #[arg(required = true, value_name = "PATH")]
        tables: Vec<PathBuf>,
        /// The migration whose waves they must name; the data directory's own or the embedded default if not given.
        #[arg(long, value_name = "DIR")]
        migration: Option<PathBuf>,
        /// Put it in force at once.
        #[arg(long)]
        switch: bool,
    },
    /// List the versions. Example: turnout map list
    List {
        #[command(flatten)]
        place: Where,
    },
    /// Put a version in force, and have who serves take it up. Example: turnout map switch 7
    Switch {
        #[command(flatten)]
        place: Where,
        /// The version's number.
        number: u64,
    },
    /// Go back to the version before; a second time undoes the first. Example: turnout map rollback
    Rollback {
        #[command(flatten)]
        place: Where,
    },
    /// Check a version from the first byte to the last; all of them if none is named. Example: turnout map verify 7
    Verify {
        #[command(flatten)]
        place: Where,
        /// The version's number.
        number: Option<u64>,
    },
}

/// How long who serves may take to take up a version of ten million rows from a cold disk.
const TAKEN_UP_WITHIN: Duration = Duration::from_secs(60);

/// How often they are asked.
const ASK_EVERY: Duration = Duration::from_millis(50);

pub(crate) fn run(arguments: &Arguments) -> Outcome {
    match &arguments.command {
        Map::Import { place, tables, migration, switch } => {
            import(place, tables, migration.as_deref(), *switch)
        }
        Map::List { place } => list(place),
        Map::Switch { place, number } => {
            approvals::check_map(&place.data, *number)?;
            data::maps(&place.data).switch(*number)?;
            in_force(place, *number, &json!({}))
        }
        Map::Rollback { place } => {
            let maps = data::maps(&place.data);
            if let Some(before) = maps.list()?.iter().find(|version| version.previous) {
                approvals::check_map(&place.data, before.number)?;
            }
            let number = maps.rollback()?;
            in_force(place, number, &json!({}))
        }
        Map::Verify { place, number } => verify(place, *number),
    }
}

fn import(place: &Where, tables: &[PathBuf], migration: Option<&Path>, switch: bool) -> Outcome {
    let own = place.data.join("migration");
    let migration = migration.or_else(|| own.is_dir().then_some(own.as_path()));
    let began = Instant::now();
    let bar = indicatif::ProgressBar::new_spinner();
    bar.set_style(indicatif::ProgressStyle::with_template("{spinner} {pos} rows, {per_sec}")?);
    let maps = data::maps(&place.data);
    let rules = directory::Rules::of(migration)?;
    let imported = directory::import(&maps, tables, &rules, &mut |rows| bar.set_position(rows));
    bar.finish_and_clear();
    let imported = imported?;
    let told = json!({
        "version": imported.number,
        "file": maps.path(imported.number),
        "rows": rows(&imported.directory),
        "bytes": imported.directory.bytes().len(),
        "seconds": began.elapsed().as_secs_f64(),
        "removed": imported.pruned,
    });
    if switch {
        approvals::check_map(&place.data, imported.number)?;
        maps.switch(imported.number)?;
        return in_force(place, imported.number, &told);
    }
    if place.json {
        println!("{told}");
    } else {
        print_imported(&told);
        println!("it is not in force yet: turnout map switch {}", imported.number);
    }
    Ok(ExitCode::SUCCESS)
}

fn rows(directory: &Directory) -> Value {
    counts(directory).map(|(name, count)| (name.to_owned(), json!(count))).collect()
}

fn print_imported(told: &Value) {
    let rows = told["rows"].as_object().into_iter().flatten();
    let rows: Vec<String> = rows.map(|(name, count)| format!("{count} {}", name.replace('_', " "))).collect();
    println!("version {}: {}, {} bytes", told["version"], rows.join(", "), told["bytes"]);
}

/// Tells who serves that a version is in force, and waits until they have taken it up.
pub(super) fn in_force(place: &Where, number: u64, imported: &Value) -> Outcome {
    let told = data::hang_up(&place.data);
    let mark = format!("+map{number}");
    let began = Instant::now();
    let mut waiting = told.clone();
    while !waiting.is_empty() && began.elapsed() < TAKEN_UP_WITHIN {
        std::thread::sleep(ASK_EVERY);
        waiting = behind(place, &mark);
    }
    if place.json {
        let done = json!({ "version": number, "imported": imported, "told": told, "behind": waiting });
        println!("{done}");
    } else {
        if imported["rows"].is_object() {
            print_imported(imported);
        }
        println!("version {number} is in force");
        match (told.is_empty(), waiting.is_empty()) {
            (true, _) => {
                println!("nothing is running on {}: it is taken up at the next start", place.data.display())
            }
            (false, true) => println!("taken up by: {}", told.join(", ")),
            (false, false) => eprintln!(
                "not taken up by {} within {} s: its log says why, and its last good version stays",
                waiting.join(", "),
                TAKEN_UP_WITHIN.as_secs()
            ),
        }
    }
    Ok(if waiting.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Who decides by another version.
fn behind(place: &Where, mark: &str) -> Vec<String> {
    let Ok(run) = place.running() else { return Vec::new() };
    let mut behind = Vec::new();
    let mut look = |role: &str, answer: Result<Value, super::ask::NoAnswer>, key: &str| {
        // One that does not answer may be on its way out; nobody serves by an old version there.
        if let Ok(answer) = answer
            && !answer[key].as_str().is_some_and(|version| version.ends_with(mark))
        {
            behind.push(role.to_owned());
        }
    };
    if run.edge_operator.is_some() {
        look("edge", place.edge(), "snapshot");
    }
    if run.processor.is_some() {
        look("processor", place.serving_processor("/status"), "version");
    }
    behind
}

fn list(place: &Where) -> Outcome {
    let versions = data::maps(&place.data).list()?;
    let time = |at| {
        let at = jiff::Timestamp::try_from(at).ok();
        at.map(|at| at.round(jiff::Unit::Second).unwrap_or(at).to_string())
    };
    let rows: Vec<Value> = versions
        .iter()
        .map(|version| {
            let state = match (version.current, version.previous) {
                (true, _) => "in force",
                (false, true) => "before",
                (false, false) => "",
            };
            let imported_at = version.imported_at.and_then(time);
            json!({ "version": version.number, "state": state, "bytes": version.bytes, "imported_at": imported_at })
        })
        .collect();
    if place.json {
        println!("{}", json!({ "versions": rows }));
    } else if rows.is_empty() {
        println!("no map was imported: the migration's own tables are used");
    } else {
        println!("{}", table(&rows, &["version", "state", "bytes", "imported_at"]));
    }
    Ok(ExitCode::SUCCESS)
}

fn verify(place: &Where, number: Option<u64>) -> Outcome {
    let maps = data::maps(&place.data);
    let numbers = match number {
        Some(number) => vec![number],
        None => maps.list()?.iter().map(|version| version.number).collect(),
    };
    let mut found = Vec::new();
    for number in numbers {
        found.push(verified(&maps, number));
    }
    let sound = found.iter().all(|version| version["sound"] == true);
    if place.json {
        println!("{}", json!({ "sound": sound, "versions": found }));
    } else if found.is_empty() {
        println!("no map was imported: there is nothing to verify");
    } else {
        for version in &found {
            let why = if version["sound"] == true { "sound".to_owned() } else { shown(&version["mistake"]) };
            println!("version {}: {why}", version["version"]);
        }
    }
    Ok(if sound { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn verified(maps: &Maps, number: u64) -> Value {
    match maps.open(number) {
        Ok(directory) => json!({ "version": number, "sound": true, "rows": rows(&directory) }),
        Err(error) => json!({ "version": number, "sound": false, "mistake": error.to_string() }),
    }
}

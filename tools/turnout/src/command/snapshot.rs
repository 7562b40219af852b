//! `turnout snapshot` and `turnout restore`: everything that a machine holds, copied while it runs.
//!
//! The outbox is copied before the ledger. An entry that is handed over meanwhile is then in both copies, and taken in
//! once; the other way round it could be in neither.

mod files;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use serde_json::json;

use self::files::{Manifest, SnapshotError, copy_lane, copy_tree};
use crate::cli::Outcome;
use crate::clock::wall_clock;
use crate::data;
use crate::ledger_place::LedgerPlace;

/// The ledger's file in a data directory.
const LEDGER: &str = "ledger.sqlite";
/// The lanes' folder.
const OUTBOX: &str = "outbox";
/// What else makes a machine what it is. The request log is left out: it is no money, and large.
const OTHERS: [&str; 7] = [
    "secrets.toml",
    "callers.toml",
    "operators.toml",
    "approvals.toml",
    "ledger.json",
    "migration",
    "directory",
];

/// Copy outbox, ledger, keys, maps and migration of a data directory into a new folder, while everything runs.
///
/// The copy is consistent: whatever was acknowledged before the command began is in it, in the outbox or in the ledger.
/// It holds the keys: keep it as you keep them. Where edges and processor are on different machines, take the edges'
/// snapshots first and the processor's after them: the other way round what is handed over in between is in neither.
/// A ledger on a PostgreSQL server is that server's to back up, also after the edges. Bring it back with `turnout restore`.
///
/// Example: turnout snapshot /backup/today
#[derive(Debug, Args)]
pub(crate) struct TakeArguments {
    /// The new folder.
    #[arg(value_name = "DIR")]
    to: PathBuf,
    /// The data directory.
    #[arg(long, value_name = "DIR", default_value = data::DEFAULT)]
    data: PathBuf,
    /// Print JSON for programs.
    #[arg(long)]
    json: bool,
}

/// Make a data directory of a snapshot: every file is checked first, and nothing is overwritten.
///
/// What was accepted after the snapshot is not in it. What has been delivered meanwhile may be delivered again where the
/// platform does not deduplicate: reconcile before and after.
///
/// Example: turnout restore /backup/today --data turnout-data
#[derive(Debug, Args)]
pub(crate) struct RestoreArguments {
    /// The snapshot.
    #[arg(value_name = "DIR")]
    from: PathBuf,
    /// The data directory that is made; it must be empty or not there.
    #[arg(long, value_name = "DIR", default_value = data::DEFAULT)]
    data: PathBuf,
    /// Print JSON for programs.
    #[arg(long)]
    json: bool,
}

pub(crate) fn take(arguments: &TakeArguments) -> Outcome {
    let (from, to) = (&arguments.data, &arguments.to);
    if !from.is_dir() {
        return Err(SnapshotError::NoData(from.clone()).into());
    }
    files::new_folder(to)?;
    let began = wall_clock();
    for lane in files::folders(&from.join(OUTBOX))? {
        copy_lane(&from.join(OUTBOX).join(&lane), &to.join(OUTBOX).join(&lane))?;
    }
    let ledger = from.join(LEDGER);
    if LedgerPlace::noted(from)?.is_on_server() {
        eprintln!(
            "turnout: the ledger is on a server and not in this copy: back it up now (pg_dump), after the outbox"
        );
    } else if ledger.exists() {
        ledger::Ledger::copy(&ledger, &to.join(LEDGER))?;
    }
    for name in OTHERS {
        copy_tree(&from.join(name), &to.join(name))?;
    }
    let manifest = Manifest::of(to, began)?;
    manifest.write(to)?;
    tell("copied", &manifest, to, arguments.json);
    Ok(ExitCode::SUCCESS)
}

pub(crate) fn restore(arguments: &RestoreArguments) -> Outcome {
    let manifest = Manifest::read(&arguments.from)?;
    let wrong = manifest.wrong(&arguments.from);
    if !wrong.is_empty() {
        return Err(SnapshotError::Damaged(wrong).into());
    }
    files::new_folder(&arguments.data)?;
    for name in [OUTBOX, LEDGER].into_iter().chain(OTHERS) {
        copy_tree(&arguments.from.join(name), &arguments.data.join(name))?;
    }
    files::sync_folder(&arguments.data)?;
    let wrong = manifest.wrong(&arguments.data);
    if !wrong.is_empty() {
        return Err(SnapshotError::Damaged(wrong).into());
    }
    tell("restored", &manifest, &arguments.data, arguments.json);
    Ok(ExitCode::SUCCESS)
}

fn tell(done: &str, manifest: &Manifest, to: &Path, as_json: bool) {
    let (files, bytes) = manifest.size();
    let place = to.display().to_string();
    if as_json {
        println!("{}", json!({ done: place, "files": files, "bytes": bytes, "taken_at": manifest.taken_at }));
    } else {
        println!("{done} {files} files, {bytes} bytes, as of {}: {place}", manifest.taken_at);
    }
}

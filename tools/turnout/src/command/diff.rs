//! `turnout diff`: what would change if another mapping were live.

mod compare;
mod tally;

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use clap::Args;
use relay::policy::Snapshot;
use relay::translation::translate;
use units::{Seed, Timestamp};

use self::tally::Tally;
use crate::batch::{self, Batch, Named};
use crate::cli::Outcome;
use crate::clock::{parse_time, wall_clock};
use crate::{input, snapshot};

/// What would change in the outcomes of recorded requests if the mapping NEW were live instead of OLD.
///
/// Both are migration folders; `default` is the embedded one. Every request is translated with both, and what
/// differs is counted by its kind: endpoint, delivery, destination, ids, money, consent, cookies, problems. The
/// file is read as `turnout translate` reads it, in constant memory. Exit code 0: no difference; 1: some; 2: it
/// could not be done, or there was no request to compare.
///
/// Example: turnout diff default migrations/mine --requests recorded.txt
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The mapping of today: a folder, or `default`.
    #[arg(value_name = "OLD")]
    old: PathBuf,
    /// The mapping that would replace it: a folder, or `default`.
    #[arg(value_name = "NEW")]
    new: PathBuf,
    /// Requests, one a line; `-` is standard input.
    #[arg(long, value_name = "FILE")]
    requests: PathBuf,
    /// The time that requests are read at: Unix milliseconds, or 2026-11-23T19:31:00Z.
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    now: Option<Timestamp>,
    /// Examples shown of each kind of change.
    #[arg(long, value_name = "COUNT", default_value_t = 3)]
    examples: usize,
    /// Print a JSON object.
    #[arg(long)]
    json: bool,
}

/// The two mappings and the time, as every request meets them.
struct Both {
    old: Arc<Snapshot>,
    new: Arc<Snapshot>,
    now: Timestamp,
    examples: usize,
}

pub(crate) fn run(arguments: &Arguments) -> Outcome {
    let both = Both {
        old: Arc::new(load(&arguments.old)?),
        new: Arc::new(load(&arguments.new)?),
        now: arguments.now.unwrap_or_else(wall_clock),
        examples: arguments.examples,
    };
    let mut total = Tally::new(arguments.examples);
    batch::run(
        open(&arguments.requests)?,
        |batch| both.compare(batch),
        |part| {
            total.add(part);
            Ok(())
        },
    )?;
    if arguments.json {
        println!("{}", total.json());
    } else {
        print!("{}", super::printable(&total.text()));
    }
    if total.is_empty() {
        let requests = arguments.requests.display();
        return Err(format!("{requests}: there is no request in it, so nothing was compared").into());
    }
    Ok(if total.is_same() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn load(folder: &Path) -> Result<Snapshot, directory::LoadError> {
    snapshot::load((folder != Path::new("default")).then_some(folder))
}

fn open(path: &Path) -> Result<Box<dyn Read + Send>, String> {
    if path == Path::new("-") {
        return Ok(Box::new(Named::standard_input()));
    }
    match File::open(path) {
        Ok(file) => Ok(Box::new(Named::new(path.display().to_string(), file))),
        Err(error) => Err(format!("{}: the requests cannot be read: {error}", path.display())),
    }
}

impl Both {
    fn compare(&self, batch: &Batch) -> Tally {
        let mut tally = Tally::new(self.examples);
        for (number, line) in batch.lines() {
            match input::read(line) {
                Ok(inbound) => {
                    let seed = Seed(1).fork(number);
                    let old = translate(&inbound, &self.old, seed, self.now);
                    let new = translate(&inbound, &self.new, seed, self.now);
                    let migrations = [&self.old.migration, &self.new.migration];
                    tally.note(number, line, compare::changes(&old, &new, migrations));
                }
                Err(message) => tally.note_unreadable(number, message),
            }
        }
        tally
    }
}

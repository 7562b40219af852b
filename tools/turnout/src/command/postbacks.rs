//! `turnout postbacks`: the addresses that publishers have called for each of their transactions.

mod given_up;

use clap::{Args, Subcommand};
use ledger::Ledger;
use processor::{Imported, ImportedPostback};
use relay::policy::Snapshot;
use tracking::postback::{Manner, Postbacks, Template};

use super::import::{self, Fields, Table};
use crate::cli::Outcome;
use crate::clock::wall_clock;

/// Addresses that publishers have called for each of their transactions, with the old platform's macros in them.
///
/// Example: turnout postbacks import postbacks.csv
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Register the addresses of a table. Columns: publisher_id (the old platform's), address (empty: call it no
    /// more), and perhaps method (GET or POST; GET if empty). The macros are read by the dialect of `--migration`:
    /// name the one that is served, if it is not the default.
    ///
    /// Exit code 0: all of it is kept; 1: mistakes, and nothing was taken in.
    ///
    /// Example: turnout postbacks import postbacks.csv
    Import {
        #[command(flatten)]
        import: import::Arguments,
        /// Take addresses of private networks, too. The processor calls them only where its settings allow it.
        #[arg(long)]
        private: bool,
    },
    /// List whom we call and how it goes, and what was given up by cause; with a condition the calls that were given up.
    ///
    /// Example: turnout postbacks list --given-up --publisher 456
    List(given_up::List),
    /// Call again for a transaction, or for all that was given up by a cause. What is not given up is left alone, so that
    /// the same order again does nothing.
    ///
    /// Exit code 0: done; 1: something named is not there or not owed any more.
    ///
    /// Example: turnout postbacks retry --all-of dead/answered_503 --reason "their server is back"
    Retry(given_up::Retry),
}

pub(crate) fn run(arguments: &Arguments) -> Outcome {
    match &arguments.command {
        Command::Import { import, private } => {
            let migration = crate::snapshot::load(import.migration().as_deref())?.migration;
            let postbacks = migration.legacy.postbacks.clone().ok_or_else(|| {
                let file = &migration.legacy.file;
                format!("{file} has no `[postbacks]`: the old platform's macros are not known")
            })?;
            import::run(&Rows { postbacks, private: *private }, import)
        }
        Command::List(list) => list.run(),
        Command::Retry(retry) => retry.run(),
    }
}

/// The table of addresses, read by the old platform's macros.
struct Rows {
    postbacks: Postbacks,
    private: bool,
}

impl Table for Rows {
    type Row = ImportedPostback;
    const WHAT: &'static str = "import postbacks";
    const PATH: &'static str = "/postbacks";
    const COLUMNS: (&'static [&'static str], &'static [&'static str]) =
        (&["publisher_id", "address"], &["method"]);

    fn read(&self, fields: &Fields<'_>) -> Result<ImportedPostback, Vec<String>> {
        let mut wrong = Vec::new();
        let publisher_id = fields.required_id("publisher_id").map_err(|why| wrong.push(why)).ok();
        let manner = fields.text("method").and_then(|name| match name {
            "" => Ok(Manner::Get),
            name => Manner::parse(name).ok_or_else(|| format!("`method` is `{name}`: write GET or POST")),
        });
        let manner = manner.map_err(|why| wrong.push(why)).ok();
        let address = fields.text("address").map_err(|why| wrong.push(why)).unwrap_or_default();
        if !address.is_empty()
            && let Err(mistakes) = Template::parse(address, &self.postbacks, self.private)
        {
            wrong.extend(mistakes);
        }
        match (publisher_id, manner) {
            (Some(publisher_id), Some(manner)) if wrong.is_empty() => {
                let address = (!address.is_empty()).then(|| address.to_owned());
                Ok(ImportedPostback { publisher_id, method: manner.name().to_owned(), address })
            }
            _ => Err(wrong),
        }
    }

    fn take(
        ledger: &mut Ledger,
        snapshot: &Snapshot,
        rows: Vec<ImportedPostback>,
    ) -> Result<Imported, Box<dyn std::error::Error + Send + Sync>> {
        Ok(processor::import_postbacks(ledger, snapshot, &rows, wall_clock())?)
    }
}

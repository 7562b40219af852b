//! `turnout vouchers`: voucher codes that belong to one publisher each.

use std::process::ExitCode;

use clap::{Args, Subcommand};
use ledger::Ledger;
use processor::{Imported, ImportedVoucher};
use relay::policy::Snapshot;

use super::ask::{Where, list, table};
use super::import::{self, Fields, Table};
use crate::cli::Outcome;
use crate::clock::wall_clock;

/// Longest voucher code, in characters.
const CODE_CHARS_MAX: usize = 100;

/// Voucher codes that belong to one publisher each: an order that used one and names no click is credited to it.
///
/// Example: turnout vouchers import vouchers.csv
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Vouchers,
}

#[derive(Debug, Subcommand)]
enum Vouchers {
    /// Bind the codes of a table. Columns: advertiser_id, code, publisher_id (empty: bound to nobody any more),
    /// and perhaps starts_at and ends_at. Ids are the old platform's. Example: turnout vouchers import vouchers.csv
    Import(import::Arguments),
    /// List the bound codes of a merchant. Example: turnout vouchers list 789
    List {
        #[command(flatten)]
        place: Where,
        /// The merchant, by its id on the old platform.
        advertiser_id: u64,
    },
}

pub(crate) fn run(arguments: &Arguments) -> Outcome {
    match &arguments.command {
        Vouchers::Import(arguments) => import::run(&Rows, arguments),
        Vouchers::List { place, advertiser_id } => {
            let answer = place.processor("GET", &format!("/vouchers/{advertiser_id}"), None)?;
            if place.json {
                println!("{answer}");
            } else {
                println!(
                    "{}",
                    table(list(&answer, "vouchers"), &["code", "publisher_id", "starts_at", "ends_at"])
                );
            }
            Ok(ExitCode::SUCCESS)
        }
    }
}

/// The table of voucher codes.
struct Rows;

impl Table for Rows {
    type Row = ImportedVoucher;
    const WHAT: &'static str = "import vouchers";
    const PATH: &'static str = "/vouchers";
    const COLUMNS: (&'static [&'static str], &'static [&'static str]) =
        (&["advertiser_id", "code", "publisher_id"], &["starts_at", "ends_at"]);

    fn read(&self, fields: &Fields<'_>) -> Result<ImportedVoucher, Vec<String>> {
        let code = fields.text("code").and_then(|code| match code.chars().count() {
            0 => Err("`code` is empty".to_owned()),
            1..=CODE_CHARS_MAX if !code.contains(',') => Ok(code.to_owned()),
            _ => Err(format!("`code` has a comma or more than {CODE_CHARS_MAX} characters")),
        });
        let (advertiser_id, publisher_id) = (fields.required_id("advertiser_id"), fields.id("publisher_id"));
        let (starts_at, ends_at) = (fields.time("starts_at"), fields.time("ends_at"));
        let ends_at = match (&starts_at, ends_at) {
            (Ok(Some(start)), Ok(Some(end))) if end <= *start => {
                Err("`ends_at` is not after `starts_at`".to_owned())
            }
            (_, ends_at) => ends_at,
        };
        match (advertiser_id, code, publisher_id, starts_at, ends_at) {
            (Ok(advertiser_id), Ok(code), Ok(publisher_id), Ok(starts_at), Ok(ends_at)) => {
                Ok(ImportedVoucher { advertiser_id, code, publisher_id, starts_at, ends_at })
            }
            (advertiser_id, code, publisher_id, starts_at, ends_at) => {
                let ids = [advertiser_id.err(), code.err(), publisher_id.err()];
                Err(ids.into_iter().chain([starts_at.err(), ends_at.err()]).flatten().collect())
            }
        }
    }

    fn take(
        ledger: &mut Ledger,
        snapshot: &Snapshot,
        rows: Vec<ImportedVoucher>,
    ) -> Result<Imported, Box<dyn std::error::Error + Send + Sync>> {
        Ok(processor::import_vouchers(ledger, snapshot, &rows, wall_clock())?)
    }
}

//! `turnout clicks`: the clicks that conversions are credited by.

use std::process::ExitCode;

use clap::{Args, Subcommand};
use ledger::Ledger;
use processor::{Imported, ImportedClick};
use relay::policy::Snapshot;
use serde_json::Value;
use tracking::click_id::Keys;
use units::limits::CLICK_ID_CHARS_MAX;

use super::ask::{NoAnswer, Where, shown};
use super::import::{self, Fields, Table};
use crate::cli::Outcome;
use crate::clock::wall_clock;

/// Clicks made before the move: import them, and look at what is kept under an id.
///
/// Example: turnout clicks import clicks.csv
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Clicks,
}

#[derive(Debug, Subcommand)]
enum Clicks {
    /// Take in a table of clicks, as often as you like. Columns: click_id, advertiser_id, publisher_id,
    /// clicked_at, and perhaps creative_id, platform (legacy or primary) and tracking_reference. Ids are the
    /// old platform's.
    ///
    /// Exit code 0: all of it is kept; 1: mistakes, and nothing was taken in, or ids that are known otherwise.
    ///
    /// Example: turnout clicks import clicks.csv
    Import(import::Arguments),
    /// Show the click that is kept under an id. Exit code 1: there is none. Example: turnout clicks show 11k8_cr29d
    Show {
        #[command(flatten)]
        place: Where,
        /// The id, as a conversion names it.
        click_id: String,
    },
}

pub(crate) fn run(arguments: &Arguments) -> Outcome {
    match &arguments.command {
        Clicks::Import(arguments) => import::run(&Rows, arguments),
        Clicks::Show { place, click_id } => show(place, click_id),
    }
}

fn show(place: &Where, click_id: &str) -> Outcome {
    if !is_click_id(click_id) {
        return Err(format!("`{click_id}` is no click id: ASCII letters, digits, `_`, `-` and `.`").into());
    }
    let found = match place.processor("GET", &format!("/clicks/{click_id}"), None) {
        Ok(found) => Some(found),
        Err(NoAnswer::Ask(crate::client::AskError::Refused { status: 404, .. })) => None,
        Err(error) => return Err(error.into()),
    };
    match found {
        Some(found) if place.json => println!("{found}"),
        Some(Value::Object(fields)) => {
            for (name, value) in fields.iter().filter(|(_, value)| !value.is_null()) {
                println!("{name}: {}", shown(value));
            }
        }
        _ => {
            eprintln!("no click is kept under `{click_id}`: it was never seen, refused, or has expired");
            return Ok(ExitCode::FAILURE);
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn is_click_id(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte);
    !text.is_empty() && text.len() <= CLICK_ID_CHARS_MAX && text.bytes().all(allowed)
}

/// The table of clicks.
struct Rows;

impl Table for Rows {
    type Row = ImportedClick;
    const WHAT: &'static str = "import clicks";
    const PATH: &'static str = "/clicks";
    const COLUMNS: (&'static [&'static str], &'static [&'static str]) = (
        &["click_id", "advertiser_id", "publisher_id", "clicked_at"],
        &["creative_id", "platform", "tracking_reference"],
    );

    fn read(&self, fields: &Fields<'_>) -> Result<ImportedClick, Vec<String>> {
        let click_id = fields.text("click_id").and_then(|id| match id {
            id if Keys::is_token(id) => Err(format!("`{id}` is a click id of ours, which needs no import")),
            id if is_click_id(id) => Ok(id.to_owned()),
            _ => Err(format!(
                "`click_id` is no click id: 1 to {CLICK_ID_CHARS_MAX} ASCII letters, digits, `_`, `-` and `.`"
            )),
        });
        let primary = fields.text("platform").and_then(|name| match name {
            "" | "legacy" => Ok(false),
            "primary" => Ok(true),
            other => Err(format!("`platform` is `{other}`: write legacy or primary")),
        });
        let (advertiser_id, publisher_id) =
            (fields.required_id("advertiser_id"), fields.required_id("publisher_id"));
        let (creative_id, at) = (fields.id("creative_id"), fields.past("clicked_at"));
        let reference =
            fields.text("tracking_reference").map(|text| (!text.is_empty()).then(|| text.to_owned()));
        match (click_id, advertiser_id, publisher_id, creative_id, at, primary, reference) {
            (
                Ok(click_id),
                Ok(advertiser_id),
                Ok(publisher_id),
                Ok(creative_id),
                Ok(at),
                Ok(primary),
                Ok(reference),
            ) => {
                let creative_id = creative_id.unwrap_or(0);
                Ok(ImportedClick {
                    click_id,
                    advertiser_id,
                    publisher_id,
                    creative_id,
                    at,
                    primary,
                    reference,
                })
            }
            (click_id, advertiser_id, publisher_id, creative_id, at, primary, reference) => {
                let ids = [advertiser_id.err(), publisher_id.err(), creative_id.err()];
                let further = [click_id.err(), at.err(), primary.err(), reference.err()];
                Err(ids.into_iter().chain(further).flatten().collect())
            }
        }
    }

    fn take(
        ledger: &mut Ledger,
        snapshot: &Snapshot,
        rows: Vec<ImportedClick>,
    ) -> Result<Imported, Box<dyn std::error::Error + Send + Sync>> {
        Ok(processor::import_clicks(ledger, snapshot, rows, wall_clock())?)
    }
}

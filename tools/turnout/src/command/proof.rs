//! `turnout proof`: lets somebody who trusts nobody check that the books were never changed.

mod verify;

use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Subcommand};
use serde_json::{Value, json};
use units::Timestamp;

use super::ask::{Where, list, shown, table};
use crate::cli::Outcome;

/// The proof that nobody has changed the books: a chain of hashes, and signed roots of it for others to keep.
///
/// The form is described in docs/ledger-proof.md; docs/verify_proof.py checks an export without anything of ours.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Proof,
}

#[derive(Debug, Subcommand)]
enum Proof {
    /// Show the ledger, the end of its chain and the public key of its roots. Example: turnout proof key
    Key {
        #[command(flatten)]
        place: Where,
    },
    /// List the signed roots. Give one to whom you want to be able to prove something. Example: turnout proof roots
    Roots {
        #[command(flatten)]
        place: Where,
        /// Sign the end of the chain as it is now, first.
        #[arg(long)]
        sign: bool,
    },
    /// Write the whole chain and its roots into a file. Example: turnout proof export books.jsonl
    Export {
        #[command(flatten)]
        place: Where,
        /// The file; it is replaced.
        file: PathBuf,
    },
    /// Check an exported chain. It needs no ledger and no process.
    /// Example: turnout proof verify books.jsonl --key PUBLIC --root 120:HASH
    Verify(verify::Arguments),
}

pub(crate) fn run(arguments: &Arguments) -> Outcome {
    match &arguments.command {
        Proof::Key { place } => key(place),
        Proof::Roots { place, sign } => roots(place, *sign),
        Proof::Export { place, file } => export(place, file),
        Proof::Verify(arguments) => verify::run(arguments),
    }
}

fn key(place: &Where) -> Outcome {
    let answer = place.processor("GET", "/proof", None)?;
    if place.json {
        println!("{answer}");
    } else {
        for name in ["ledger", "links", "hash", "public_key"] {
            println!("{}: {}", name.replace('_', " "), shown(&answer[name]));
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn roots(place: &Where, sign: bool) -> Outcome {
    if sign {
        place.processor("POST", "/proof/root", Some(&json!({})))?;
    }
    let mut rows = Vec::new();
    each_root(place, |root| {
        rows.push(root.clone());
        Ok(())
    })?;
    if place.json {
        println!("{}", json!({ "roots": rows }));
    } else {
        for root in &mut rows {
            let at = root["signed_at"].as_i64().map(Timestamp::from_millis);
            root["signed_at"] = json!(at.map(|at| at.to_string()));
        }
        println!("{}", table(&rows, &["sequence", "hash", "signed_at", "public_key"]));
    }
    Ok(ExitCode::SUCCESS)
}

fn each_root(
    place: &Where,
    mut visit: impl FnMut(&Value) -> std::io::Result<()>,
) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let mut after = String::new();
    loop {
        let answer = place.processor("GET", &format!("/proof/roots{after}"), None)?;
        for root in list(&answer, "roots") {
            visit(root)?;
        }
        let Some(next) = answer["next_after"].as_u64() else { return Ok(()) };
        after = format!("?after={next}");
    }
}

fn export(place: &Where, path: &Path) -> Outcome {
    let told = |error: std::io::Error| format!("cannot write {}: {error}", path.display());
    let head = place.processor("GET", "/proof", None)?;
    let mut file = BufWriter::new(File::create(path).map_err(told)?);
    let first = json!({ "format": "turnout-proof", "version": 1, "ledger": head["ledger"], "public_key": head["public_key"] });
    writeln!(file, "{first}").map_err(told)?;
    // Every root that there is now is of a link that comes; each is written behind its link.
    let mut roots = Vec::new();
    each_root(place, |root| {
        roots.push(root.clone());
        Ok(())
    })?;
    let mut roots = roots.into_iter().peekable();
    let (mut after, mut count) = (String::new(), 0_usize);
    loop {
        let answer = place.processor("GET", &format!("/proof/links{after}"), None)?;
        let links = list(&answer, "links");
        let Some(last) = links.last() else { break };
        for link in links {
            writeln!(file, "{}", json!({ "link": link })).map_err(told)?;
            while let Some(root) =
                roots.next_if(|root| root["sequence"].as_u64() <= link["sequence"].as_u64())
            {
                writeln!(file, "{}", json!({ "root": root })).map_err(told)?;
            }
        }
        count = count.saturating_add(links.len());
        after = format!("?after={}", shown(&last["sequence"]));
    }
    file.into_inner().map_err(|error| told(error.into_error()))?.sync_all().map_err(told)?;
    println!("{count} links written to {}", path.display());
    Ok(ExitCode::SUCCESS)
}

//! Checking an exported chain, by the file alone.

use std::fs::File;
use std::io::{BufRead as _, BufReader, ErrorKind, Read as _};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use ledger::{Hash, canonical, hex, linked, root_message};
use serde_json::Value;
use units::Timestamp;

use crate::batch::Named;
use crate::cli::Outcome;
use crate::command::printable;
use crate::root_key;

/// Longest line of an export, in bytes: a record of the books with its longest texts is far shorter.
const LINE_BYTES_MAX: u64 = 1024 * 1024;

/// Check an exported chain.
///
/// Exit code 0: it is whole, and its roots are signed by the key; 1: it is not, and the line says where; 2: it cannot be
/// read.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The exported file.
    file: PathBuf,
    /// The public key of the roots, in 64 hexadecimal digits, from whom you trust and not from the file.
    #[arg(long, value_name = "HEX", value_parser = public_key)]
    key: String,
    /// A root that you kept, as SEQUENCE:HASH: the chain must lead through it. It may be given several times.
    #[arg(long, value_name = "SEQUENCE:HASH", value_parser = kept)]
    root: Vec<(u64, String)>,
}

fn public_key(text: &str) -> Result<String, String> {
    let is_key = text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    let told =
        || format!("`{text}` is no public key: 64 hexadecimal digits, as `turnout proof key` prints them");
    is_key.then(|| text.to_ascii_lowercase()).ok_or_else(told)
}

fn kept(text: &str) -> Result<(u64, String), String> {
    let parts = text.split_once(':').and_then(|(sequence, hash)| Some((sequence.parse().ok()?, hash)));
    let valid = parts.filter(|(_, hash)| hash.len() == 64);
    let (sequence, hash) = valid.ok_or("a root is SEQUENCE:HASH, as `turnout proof roots` prints them")?;
    Ok((sequence, hash.to_ascii_lowercase()))
}

/// What the walk has come to.
#[derive(Default)]
struct Walk {
    ledger: String,
    next: u64,
    hash: Hash,
    roots: u64,
    signed: Option<u64>,
    /// The roots that somebody kept and that the chain has not led through yet.
    kept: Vec<(u64, String)>,
}

pub(crate) fn run(arguments: &Arguments) -> Outcome {
    let file = File::open(&arguments.file);
    let file = file.map_err(|error| format!("cannot read {}: {error}", arguments.file.display()))?;
    let mut file = BufReader::new(Named::new(arguments.file.display().to_string(), file));
    let mut walk = Walk { kept: arguments.root.clone(), ..Walk::default() };
    let (mut line, mut number) = (String::new(), 0_u64);
    loop {
        line.clear();
        let read = file.by_ref().take(LINE_BYTES_MAX).read_line(&mut line);
        let read = match read {
            Err(error) if error.kind() == ErrorKind::InvalidData => {
                println!("BROKEN at line {}: it is no text", number.saturating_add(1));
                return Ok(ExitCode::FAILURE);
            }
            read => read?,
        };
        if read == 0 {
            break;
        }
        number = number.saturating_add(1);
        if let Err(why) = walk.take(&line, number, &arguments.key) {
            println!("BROKEN at line {number}: {}", printable(&why));
            return Ok(ExitCode::FAILURE);
        }
    }
    if let Some((sequence, hash)) = walk.kept.first() {
        println!("BROKEN: the chain does not lead through the root {sequence}:{hash}");
        return Ok(ExitCode::FAILURE);
    }
    if walk.next == 0 {
        println!("BROKEN: there is no link in it");
        return Ok(ExitCode::FAILURE);
    }
    let last = walk.next.saturating_sub(1);
    println!("whole: {} links of ledger {}, the last {last}:{}", walk.next, walk.ledger, hex(&walk.hash));
    match walk.signed {
        Some(signed) => println!("{} roots, the last of link {signed}", walk.roots),
        None => println!("no root: nobody has signed any of it"),
    }
    Ok(if walk.signed.is_some() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

impl Walk {
    fn take(&mut self, line: &str, number: u64, key: &str) -> Result<(), String> {
        let value: Value = serde_json::from_str(line).map_err(|error| format!("it is no JSON: {error}"))?;
        if number == 1 {
            let known = value["format"] == "turnout-proof" && value["version"] == 1;
            self.ledger = value["ledger"].as_str().unwrap_or_default().to_owned();
            return if known { Ok(()) } else { Err("it is no export of version 1".to_owned()) };
        }
        if let Some(link) = value.get("link") { self.link(link) } else { self.root(&value["root"], key) }
    }

    fn link(&mut self, link: &Value) -> Result<(), String> {
        let fields: Vec<&str> =
            link["fields"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        let (form, sequence) = (fields.first().copied(), fields.get(1).copied());
        if form != Some("turnout.link.1") {
            return Err(format!("the record's form is {form:?}, not `turnout.link.1`"));
        }
        if sequence != Some(self.next.to_string().as_str()) {
            return Err(format!("link {sequence:?} stands where link {} belongs", self.next));
        }
        if self.next == 0 && fields.get(3).copied() != Some(self.ledger.as_str()) {
            return Err("the first link is of another ledger".to_owned());
        }
        self.hash = linked(&self.hash, &canonical(&fields));
        if link["hash"].as_str() != Some(hex(&self.hash).as_str()) {
            return Err(format!("link {} has another hash than its record makes", self.next));
        }
        let passed = (self.next, hex(&self.hash));
        self.kept.retain(|root| *root != passed);
        self.next = self.next.saturating_add(1);
        Ok(())
    }

    fn root(&mut self, root: &Value, key: &str) -> Result<(), String> {
        let (Some(sequence), Some(at)) = (root["sequence"].as_u64(), root["signed_at"].as_i64()) else {
            return Err("it is neither a link nor a root".to_owned());
        };
        if sequence.checked_add(1) != Some(self.next) {
            return Err(format!("root {sequence} does not stand behind that link"));
        }
        if root["hash"].as_str() != Some(hex(&self.hash).as_str()) {
            return Err(format!("root {sequence} is not the hash of that link"));
        }
        let message = root_message(&self.ledger, sequence, &self.hash, Timestamp::from_millis(at));
        let signature = bytes(root["signature"].as_str().unwrap_or_default());
        let public_key = bytes(key).ok_or("the key is not hexadecimal")?;
        let signed = signature.is_some_and(|signature| root_key::verifies(&public_key, &message, &signature));
        if !signed {
            return Err(format!("root {sequence} is not signed by this key"));
        }
        self.roots = self.roots.saturating_add(1);
        self.signed = self.signed.max(Some(sequence));
        Ok(())
    }
}

fn bytes(hex: &str) -> Option<Vec<u8>> {
    if !hex.is_ascii() || !hex.len().is_multiple_of(2) {
        return None;
    }
    (0..hex.len() / 2).map(|at| u8::from_str_radix(hex.get(2 * at..2 * at + 2)?, 16).ok()).collect()
}

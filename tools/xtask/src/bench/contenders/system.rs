//! How is turnout itself started for a measurement? Everything that knows its command line stands here.
//!
//! One process holds every role, on the core of what is measured: the edge pays for the delivery behind it and for
//! the simulated platforms too, which is to its disadvantage, never to its advantage.

use std::io::{BufRead, BufReader, Read};
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::mpsc;
use std::time::Duration;

use serde::Deserialize;

use crate::bench::contenders::Started;
use crate::bench::site::{Role, Site};
use crate::failure::Failure;
use crate::process::{self, Running};

/// How long it may take to say where it listens.
const READY_WITHIN: Duration = Duration::from_secs(60);

/// The line of JSON that it prints once it listens, as far as it is used here.
#[derive(Debug, Deserialize)]
struct Addresses {
    edge: String,
}

/// The binary to measure: built here, unless `TURNOUT_BIN` names another.
pub(crate) fn binary(site: &Site<'_>) -> Result<PathBuf, Failure> {
    if let Some(binary) = std::env::var_os("TURNOUT_BIN") {
        return Ok(binary.into());
    }
    let mut cargo = process::cargo();
    cargo.current_dir(site.repository.root()).args(["build", "--release", "--quiet", "-p", "turnout"]);
    process::run(&mut cargo)?;
    Ok(site.repository.target().join("release").join("turnout"))
}

/// Starts it with fresh data and no traffic of its own.
pub(crate) fn start(site: &Site<'_>) -> Result<Started, Failure> {
    let data = site.fresh_directory("turnout-data")?;
    let mut command = site.command(Role::Measured, &binary(site)?);
    command.args(["up", "--traffic", "0", "--json", "--edge", "127.0.0.1:0", "--data"]).arg(data);
    command.stdout(Stdio::piped()).stderr(log(site)?);
    let mut process = Running::start(&mut command)?;
    let output =
        process.child().stdout.take().ok_or_else(|| Failure::new("turnout has no standard output"))?;
    let addresses = read_addresses(output)?;
    Ok(Started { address: addresses.edge, measured: vec![process], _beside: Vec::new() })
}

fn log(site: &Site<'_>) -> Result<std::fs::File, Failure> {
    let path = site.directory().join("turnout.log");
    std::fs::File::create(&path).map_err(|error| Failure::while_doing(path.display(), error))
}

/// Waits for the addresses; the rest is read to its end, so that the process never blocks on a full pipe.
fn read_addresses(output: impl Read + Send + 'static) -> Result<Addresses, Failure> {
    let (found, addresses) = mpsc::channel();
    std::thread::spawn(move || {
        for line in BufReader::new(output).lines().map_while(Result::ok) {
            if let Ok(addresses) = serde_json::from_str::<Addresses>(&line) {
                // Nobody listens any more after the first.
                drop(found.send(addresses));
            }
        }
    });
    let late = |_| {
        Failure::new("turnout did not say where it listens (see bench/turnout.log in the build directory)")
    };
    addresses.recv_timeout(READY_WITHIN).map_err(late)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_is_found_among_other_lines() {
        let output =
            "starting\n{\"level\":\"info\"}\n{\"edge\":\"127.0.0.1:1234\",\"shop\":\"127.0.0.1:9\"}\nmore\n";
        assert_eq!(read_addresses(output.as_bytes()).unwrap().edge, "127.0.0.1:1234");
        let failure = read_addresses("nothing\n".as_bytes()).unwrap_err().to_string();
        assert!(failure.contains("did not say"), "{failure}");
    }
}

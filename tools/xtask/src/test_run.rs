//! Does everything work? The whole run: the binary that the system tests drive, every test, every doc test.
//!
//! Each stage runs even if the one before it failed, so that one run shows everything; only a build that fails ends
//! it. The last line is the test runner's own summary. What the tests need
//! besides, a browser, a tracer and the tools that make faults, is installed first.

mod summary;

use std::path::Path;

use crate::failure::Failure;
use crate::process;
use crate::repository::Repository;
use crate::services;
use crate::wasm;
use summary::Tally;

/// Builds the binary, runs all tests and doc tests, and closes with a summary.
pub(crate) fn run(repository: &Repository) -> Result<(), Failure> {
    services::CHROMIUM.ensure()?;
    services::CHROMEDRIVER.ensure()?;
    let server = database_server()?;
    services::STRACE.ensure()?;
    for tool in services::FAULTS {
        tool.ensure()?;
    }
    process::run(cargo(repository).args(["build", "--release", "-p", "turnout"]))?;
    let binary = repository.target().join("release").join("turnout");
    let tests = run_tests(repository, &binary, &server.address())?;
    drop(server);
    let docs = run_doc_tests(repository)?;
    let as_wasm = wasm::run(repository);
    println!("\nbuilt: turnout, release profile");
    println!("doc tests: {}", docs.summary);
    println!("wasm32: {}", as_wasm.as_ref().map_or_else(ToString::to_string, Clone::clone));
    println!("tests: {}", tests.summary);
    match (tests.success, docs.success) {
        (true, true) => as_wasm.map(drop),
        (false, _) => Err(Failure::new("tests failed; their output is above")),
        (true, false) => Err(Failure::new("doc tests failed; their output is above")),
    }
}

/// How one stage ended.
struct Stage {
    success: bool,
    summary: String,
}

/// The database server that the tests share, installed if it is missing and stopped when this is dropped.
fn database_server() -> Result<pgserver::Own, Failure> {
    if let Err(pgserver::Error::Missing) = pgserver::check() {
        services::POSTGRES.ensure()?;
    }
    pgserver::Own::start().map_err(|error| Failure::new(error.to_string()))
}

fn run_tests(repository: &Repository, binary: &Path, server: &str) -> Result<Stage, Failure> {
    let mut command = cargo(repository);
    // The system tests drive the binary that was just built, and never build another inside a test.
    command.env("TURNOUT_BIN", binary).env(pgserver::VARIABLE, server);
    if process::which("cargo-nextest").is_some() {
        command.args(["nextest", "run", "--workspace", "--no-fail-fast", "--no-tests=pass"]);
        let watched = process::watch(&mut command, summary::is_of_nextest)?;
        let summary = watched.kept.last().cloned().unwrap_or_else(|| "no summary was printed".to_owned());
        return Ok(Stage { success: watched.success, summary });
    }
    command.args(["test", "--workspace", "--lib", "--bins", "--tests", "--examples", "--no-fail-fast"]);
    libtest(&mut command)
}

fn run_doc_tests(repository: &Repository) -> Result<Stage, Failure> {
    libtest(cargo(repository).args(["test", "--workspace", "--doc", "--no-fail-fast"]))
}

fn libtest(command: &mut std::process::Command) -> Result<Stage, Failure> {
    let watched = process::watch(command, summary::is_of_libtest)?;
    Ok(Stage { success: watched.success, summary: Tally::of(&watched.kept).to_string() })
}

fn cargo(repository: &Repository) -> std::process::Command {
    let mut command = process::cargo();
    command.current_dir(repository.root());
    command
}

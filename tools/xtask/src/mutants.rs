//! Mutation testing: does a test fail when a line that money depends on is changed?

use crate::failure::Failure;
use crate::process;
use crate::repository::Repository;

/// Crates and files, as `cargo mutants` takes them: where orders are told apart, booked, counted and settled.
const PARTS: [(&str, &[&str]); 4] = [
    ("tracking", &["**/key.rs"]),
    ("relay", &["**/intake.rs", "**/intake/**", "**/delivery.rs", "**/delivery/**", "**/owner.rs"]),
    (
        "ledger",
        &["**/intake.rs", "**/intake/**", "**/tally.rs", "**/delivery.rs", "**/delivery/**", "**/people.rs"],
    ),
    ("outbox", &["**/writer.rs", "**/recovery.rs", "**/progress.rs", "**/walk.rs", "**/reserve.rs"]),
];

const GET_IT: &str = "cargo-mutants is not installed: `cargo install cargo-mutants --locked`";

/// Changes the files of one crate, or of all, one place at a time, and runs the crate's tests for each.
pub(crate) fn run(repository: &Repository, only: Option<&str>) -> Result<(), Failure> {
    if process::which("cargo-mutants").is_none() {
        return Err(Failure::new(GET_IT));
    }
    let parts: Vec<_> = PARTS.iter().filter(|(name, _)| only.is_none_or(|only| only == *name)).collect();
    if parts.is_empty() {
        let names: Vec<&str> = PARTS.iter().map(|(name, _)| *name).collect();
        return Err(Failure::new(format!("mutants: name one of {}", names.join(", "))));
    }
    for (name, files) in parts {
        let mut command = process::cargo();
        command.current_dir(repository.root());
        command.args(["mutants", "--package", name, "--jobs", "1", "--output"]);
        command.arg(repository.target().join("mutants").join(name));
        for file in *files {
            command.args(["--file", file]);
        }
        process::run(&mut command)?;
    }
    Ok(())
}

//! Mutation testing: does a test fail when a line that money depends on is changed?

use std::process::Command;

use crate::failure::Failure;
use crate::process;
use crate::repository::Repository;

/// A crate whose lines are changed.
struct Part {
    name: &'static str,
    /// Its files, as `cargo mutants` takes them: where orders are told apart, booked, counted and settled.
    files: &'static [&'static str],
    /// Whose tests are asked as well, about what its own did not notice.
    askable: &'static [&'static str],
}

const PARTS: [Part; 4] = [
    Part { name: "tracking", files: &["**/key.rs"], askable: &[] },
    Part {
        name: "outbox",
        files: &["adapters/outbox/src/[!s]*.rs", "**/scrub.rs", "**/settings.rs", "**/shared.rs"],
        askable: &[],
    },
    Part {
        name: "ledger",
        files: &[
            "**/intake.rs",
            "**/intake/**",
            "**/tally.rs",
            "**/delivery.rs",
            "**/delivery/**",
            "**/people.rs",
            "**/closing.rs",
            "**/adjust.rs",
            "**/adjust/**",
            "**/edits.rs",
            "**/owner.rs",
            "**/post.rs",
            "**/postbacks.rs",
            "**/status.rs",
            "**/status/**",
            "**/awards.rs",
            "**/awards/**",
            "**/payments.rs",
            "**/links.rs",
            "**/links/**",
        ],
        askable: &["processor"],
    },
    Part {
        name: "relay",
        files: &["**/intake.rs", "**/intake/**", "**/delivery.rs", "**/delivery/**", "**/owner.rs"],
        askable: &["processor"],
    },
];

const GET_IT: &str = "cargo-mutants is not installed: `cargo install cargo-mutants --locked`";

/// Changes the files of one crate, or of all, one place at a time, and runs the crate's tests for each.
///
/// Where other crates' tests may be asked, the survivors of its own are tried again with those.
pub(crate) fn run(repository: &Repository, only: Option<&str>) -> Result<(), Failure> {
    if process::which("cargo-mutants").is_none() {
        return Err(Failure::new(GET_IT));
    }
    let parts: Vec<_> = PARTS.iter().filter(|part| only.is_none_or(|only| only == part.name)).collect();
    if parts.is_empty() {
        let names: Vec<&str> = PARTS.iter().map(|part| part.name).collect();
        return Err(Failure::new(format!("mutants: name one of {}", names.join(", "))));
    }
    let mut alive = Vec::new();
    for part in parts {
        let mut noticed = process::watch(&mut command(repository, part), |_| false)?.success;
        if !noticed && !part.askable.is_empty() {
            let mut again = command(repository, part);
            again.arg("--iterate");
            for package in part.askable {
                again.args(["--test-package", package]);
            }
            noticed = process::watch(&mut again, |_| false)?.success;
        }
        if !noticed {
            alive.push(part.name);
        }
    }
    if alive.is_empty() {
        return Ok(());
    }
    let (names, directory) = (alive.join(", "), repository.target().join("mutants"));
    Err(Failure::new(format!(
        "mutants: of {names} some survived, timed out or could not be tried: see missed.txt and timeout.txt under {}, and \
         write a test for each or its reason into docs/mutants.md",
        directory.display()
    )))
}

fn command(repository: &Repository, part: &Part) -> Command {
    let mut command = process::cargo();
    command.current_dir(repository.root());
    command.args(["mutants", "--package", part.name, "--jobs", "1", "--output"]);
    command.arg(repository.target().join("mutants").join(part.name));
    for file in part.files {
        command.args(["--file", file]);
    }
    command
}

//! Chores of this repository, as code: `cargo xtask help` lists them.
//!
//! Nothing here is part of the product, and nothing here depends on it: a chore must still run when the product
//! does not compile.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "printing is what this tool is for")]

mod arguments;
mod bench;
mod failure;
mod fuzz;
mod mutants;
mod process;
mod repository;
mod services;
mod sim;
mod sweep;
mod test_run;
mod tidy;
mod wasm;

use std::process::ExitCode;

use arguments::Chore;
use failure::Failure;
use repository::Repository;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let chore = match arguments::parse(&words) {
        Ok(chore) => chore,
        Err(failure) => {
            eprintln!("error: {failure}\n\n{}", arguments::HELP);
            return ExitCode::from(2);
        }
    };
    match run(&chore) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("error: {failure}");
            ExitCode::FAILURE
        }
    }
}

fn run(chore: &Chore) -> Result<(), Failure> {
    if matches!(chore, Chore::Help) {
        println!("{}", arguments::HELP);
        return Ok(());
    }
    let repository = Repository::find()?;
    match chore {
        Chore::Help => Ok(()),
        Chore::Tidy { write } => tidy::run(&repository, *write),
        Chore::Test => test_run::run(&repository),
        Chore::Sim { seeds, from } => sim::run(&repository, *seeds, *from),
        Chore::Mutants { only } => mutants::run(&repository, only.as_deref()),
        Chore::Sweep { full } => sweep::run(&repository, *full),
        Chore::Bench(options) => bench::run(&repository, options),
        Chore::Wasm => wasm::run(&repository).map(|summary| println!("wasm32: {summary}")),
        Chore::Fuzz { target, seconds } => fuzz::run(&repository, target, *seconds),
    }
}

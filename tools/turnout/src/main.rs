//! Turnout: every role and every operator command in one binary.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "printing is what a command line does")]

mod cli;
mod command;
mod input;
mod snapshot;

use std::process::ExitCode;

use clap::Parser as _;

/// Chosen for steady memory over months of serving rather than for speed.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    match cli::Cli::parse().run() {
        Ok(code) => code,
        Err(error) => {
            eprintln!("turnout: {error}");
            ExitCode::from(2)
        }
    }
}

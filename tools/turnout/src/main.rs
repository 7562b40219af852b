//! Turnout: every role and every operator command in one binary.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "printing is what a command line does")]

mod approvals;
mod batch;
mod cli;
mod client;
mod clock;
mod command;
mod data;
mod input;
mod ledger_place;
mod log;
mod log_place;
mod people;
mod reload;
mod resting;
mod roles;
mod root_key;
mod server_place;
mod settings;
mod snapshot;
mod sockets;
mod tls;
mod world;

use std::process::ExitCode;

use clap::Parser as _;

/// Chosen for steady memory over months of serving rather than for speed.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Whoever reads the output may stop in the middle, as `head` does: then there is nobody to tell anything, and no failure
/// of ours to tell of.
fn end_with_the_reader() {
    let usual = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        let said = panic.payload().downcast_ref::<String>().map(String::as_str).unwrap_or_default();
        if said.starts_with("failed printing to stdout") && said.contains("Broken pipe") {
            std::process::exit(2);
        }
        usual(panic);
    }));
}

fn main() -> ExitCode {
    // One provider for the whole process; with two in the graph the library would refuse to choose. It fails
    // only if one is installed already.
    drop(rustls::crypto::aws_lc_rs::default_provider().install_default());
    end_with_the_reader();
    match cli::Cli::parse().run() {
        Ok(code) => code,
        Err(error) => {
            eprintln!("turnout: {}", command::printable(&command::with_causes(error.as_ref())));
            ExitCode::from(2)
        }
    }
}

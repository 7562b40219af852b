//! The command line: what can be asked of the binary.

use std::error::Error;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::command;

/// What a command comes to: an exit code, or an error for a person.
pub(crate) type Outcome = Result<ExitCode, Box<dyn Error + Send + Sync>>;

/// Keeps a tracking platform's hard-coded links, pixels and server calls working while the business moves to
/// another platform.
///
/// Without a command it runs everything on this machine, as `turnout up` does.
#[derive(Debug, Parser)]
#[command(name = "turnout", version, max_term_width = 100)]
pub(crate) struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    Up(command::up::Arguments),
    Serve(command::serve::Arguments),
    Translate(command::translate::Arguments),
    Explain(command::explain::Arguments),
    Status(command::status::Arguments),
    Check(command::check::Arguments),
    Census(command::census::Arguments),
    Diff(command::diff::Arguments),
    Dialect(command::dialect::Arguments),
    Requests(command::requests::Arguments),
    Queue(command::queue::Arguments),
    Unrecognised(command::unrecognised::Arguments),
    Dead(Box<command::dead::Arguments>),
    Destinations(command::destinations::Arguments),
    Owner(command::owner::Arguments),
    Map(command::map::Arguments),
    Unmapped(command::unmapped::Arguments),
    Audit(command::audit::Arguments),
    Transactions(command::transactions::Arguments),
    Reconcile(Box<command::reconcile::Arguments>),
    Pay(command::pay::Arguments),
    Report(command::report::Arguments),
    Proof(command::proof::Arguments),
    Models(command::models::Arguments),
    Recalculate(command::recalculate::Arguments),
    Clicks(command::clicks::Arguments),
    Vouchers(command::vouchers::Arguments),
    Postbacks(command::postbacks::Arguments),
    Operators(command::operators::Arguments),
    Rules(command::rules::Arguments),
    Snapshot(command::snapshot::TakeArguments),
    Restore(command::snapshot::RestoreArguments),
    Fault(command::fault::Arguments),
    Load(command::load::Arguments),
    Compare(command::compare::Arguments),
}

impl Cli {
    pub(crate) fn run(self) -> Outcome {
        match self.command {
            Some(Command::Translate(arguments)) => command::translate::run(&arguments),
            Some(Command::Up(arguments)) => command::up::run(&arguments),
            Some(Command::Serve(arguments)) => command::serve::run(&arguments),
            Some(Command::Explain(arguments)) => command::explain::run(&arguments),
            Some(Command::Status(arguments)) => command::status::run(&arguments),
            Some(Command::Check(arguments)) => command::check::run(&arguments),
            Some(Command::Census(arguments)) => command::census::run(&arguments),
            Some(Command::Diff(arguments)) => command::diff::run(&arguments),
            Some(Command::Dialect(arguments)) => command::dialect::run(&arguments),
            Some(Command::Unrecognised(arguments)) => command::unrecognised::run(&arguments),
            Some(Command::Requests(arguments)) => command::requests::run(&arguments),
            Some(Command::Queue(arguments)) => command::queue::run(&arguments),
            Some(Command::Dead(arguments)) => command::dead::run(&arguments),
            Some(Command::Destinations(arguments)) => command::destinations::run(&arguments),
            Some(Command::Owner(arguments)) => command::owner::run(&arguments),
            Some(Command::Map(arguments)) => command::map::run(&arguments),
            Some(Command::Unmapped(arguments)) => command::unmapped::run(&arguments),
            Some(Command::Audit(arguments)) => command::audit::run(&arguments),
            Some(Command::Transactions(arguments)) => command::transactions::run(&arguments),
            Some(Command::Reconcile(arguments)) => command::reconcile::run(&arguments),
            Some(Command::Pay(arguments)) => command::pay::run(&arguments),
            Some(Command::Report(arguments)) => command::report::run(&arguments),
            Some(Command::Proof(arguments)) => command::proof::run(&arguments),
            Some(Command::Models(arguments)) => command::models::run(&arguments),
            Some(Command::Recalculate(arguments)) => command::recalculate::run(&arguments),
            Some(Command::Clicks(arguments)) => command::clicks::run(&arguments),
            Some(Command::Vouchers(arguments)) => command::vouchers::run(&arguments),
            Some(Command::Postbacks(arguments)) => command::postbacks::run(&arguments),
            Some(Command::Operators(arguments)) => command::operators::run(&arguments),
            Some(Command::Rules(arguments)) => command::rules::run(&arguments),
            Some(Command::Snapshot(arguments)) => command::snapshot::take(&arguments),
            Some(Command::Restore(arguments)) => command::snapshot::restore(&arguments),
            Some(Command::Fault(arguments)) => command::fault::run(&arguments),
            Some(Command::Load(arguments)) => command::load::run(&arguments),
            Some(Command::Compare(arguments)) => command::compare::run(&arguments),
            None => command::up::run(&command::up::Arguments::default()),
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_readme_lists_every_command() {
        let readme = include_str!("../../../README.md");
        let missing: Vec<String> = Cli::command()
            .get_subcommands()
            .map(|command| command.get_name().to_owned())
            .filter(|name| !readme.contains(&format!("\n| `{name}` |")))
            .collect();
        assert!(missing.is_empty(), "the README's table of commands has no row for {missing:?}");
    }
}

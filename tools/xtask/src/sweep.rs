//! The kill sweep: edge and processor killed at the n-th system call, for one n after the other.

use crate::failure::Failure;
use crate::process;
use crate::repository::Repository;
use crate::services;

/// Sweeps with the release binary; with `full`, every n instead of the first ones and some of the later ones.
pub(crate) fn run(repository: &Repository, full: bool) -> Result<(), Failure> {
    services::STRACE.ensure()?;
    let cargo = || {
        let mut command = process::cargo();
        command.current_dir(repository.root());
        command
    };
    process::run(cargo().args(["build", "--release", "-p", "turnout"]))?;
    let mut sweep = cargo();
    if full {
        sweep.env("TURNOUT_SWEEP", "full");
    }
    process::run(sweep.args(["test", "-p", "system-tests", "--test", "kill_sweep", "--", "--nocapture"]))
}

//! The simulation with virtual time: one command for its binary.

use crate::failure::Failure;
use crate::process;
use crate::repository::Repository;

/// Runs the simulation for `seeds` seeds, starting with `from`. It prints the seed of a failure.
pub(crate) fn run(repository: &Repository, seeds: u64, from: u64) -> Result<(), Failure> {
    process::run(
        process::cargo()
            .current_dir(repository.root())
            .args(["run", "--release", "--quiet", "-p", "sim", "--"])
            .args(["--seeds", &seeds.to_string(), "--from", &from.to_string()]),
    )
}

//! Does any input break a target? libFuzzer, built with the stable compiler: the coverage counters are a pass of LLVM
//! that it has, and no sanitizer is needed where no code is unsafe.

use std::path::Path;

use crate::failure::Failure;
use crate::process;
use crate::repository::Repository;

/// What makes a build count its branches and comparisons, as libFuzzer reads them.
const FLAGS: &str = "--cfg fuzzing -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
    -Cllvm-args=-sanitizer-coverage-trace-compares -Ccodegen-units=1";

/// Longest input that is tried, in bytes.
const INPUT_BYTES_MAX: u32 = 4096;

/// Memory that a run may take, in MiB: what grows without a limit is found by it.
const MEMORY_MIB_MAX: u32 = 1024;

/// Runs one target, or each for the same time, on its seeds and what was found before.
pub(crate) fn run(repository: &Repository, target: &str, seconds: u64) -> Result<(), Failure> {
    let folder = repository.path("fuzz");
    let known = targets(&folder)?;
    let wanted: Vec<&String> = known.iter().filter(|name| target == "all" || *name == target).collect();
    if wanted.is_empty() {
        return Err(Failure::new(format!(
            "fuzz: no target is called `{target}`; there are {}",
            known.join(", ")
        )));
    }
    let host = host()?;
    let build = repository.target().join("fuzz");
    process::run(
        process::cargo()
            .current_dir(&folder)
            .args(["build", "--release", "--quiet", "--target", &host])
            .env("CARGO_TARGET_DIR", &build)
            .env("RUSTFLAGS", FLAGS),
    )?;
    for name in wanted {
        let found = folder.join("found").join(name);
        std::fs::create_dir_all(&found).map_err(|error| Failure::while_doing(found.display(), error))?;
        process::run(
            std::process::Command::new(build.join(&host).join("release").join(name))
                .current_dir(&folder)
                .arg(&found)
                .arg(folder.join("seeds").join(name))
                .arg(format!("-max_total_time={seconds}"))
                .arg(format!("-max_len={INPUT_BYTES_MAX}"))
                .arg(format!("-rss_limit_mb={MEMORY_MIB_MAX}"))
                .arg(format!("-artifact_prefix=found/{name}-"))
                .args(["-timeout=5", "-print_final_stats=1", "-close_fd_mask=0"]),
        )?;
    }
    Ok(())
}

/// The targets' names, from their files.
fn targets(folder: &Path) -> Result<Vec<String>, Failure> {
    let folder = folder.join("targets");
    let entries =
        std::fs::read_dir(&folder).map_err(|error| Failure::while_doing(folder.display(), error))?;
    let files = entries.flatten().map(|entry| entry.path());
    let mut names: Vec<String> =
        files.filter_map(|file| Some(file.file_stem()?.to_string_lossy().into_owned())).collect();
    names.sort();
    Ok(names)
}

/// The machine's own target: naming it keeps build scripts free of the counters.
fn host() -> Result<String, Failure> {
    let told = process::output(std::process::Command::new("rustc").arg("-vV"))?;
    let line = told.lines().find_map(|line| line.strip_prefix("host: "));
    line.map(str::to_owned).ok_or_else(|| Failure::new("rustc -vV names no host"))
}

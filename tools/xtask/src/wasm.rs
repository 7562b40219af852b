//! Is the pure layer the same as wasm32? Its own tests run there, and what it makes of the corpus is compared, byte
//! for byte, with what it makes natively (I6).

mod toolchain;

use std::path::Path;

use crate::failure::Failure;
use crate::process;
use crate::repository::Repository;
use crate::services;
use toolchain::Toolchain;

/// The target: plain wasm32 with standard output and files, so that ordinary tests run as they are.
const TARGET: &str = "wasm32-wasip1";

/// How many differing cases are shown.
const SHOWN: usize = 10;

/// The crates whose tests run: the pure layer, and what must hold for every input of it.
const PROPERTIES: &str = "properties";

/// Runs the pure layer's tests as wasm32, then compares it with the native one. One line says how it went.
pub(crate) fn run(repository: &Repository) -> Result<String, Failure> {
    services::NODE.ensure()?;
    let toolchain = Toolchain::prepare(&repository.target().join("wasm"))?;
    let mut tests = cargo(repository, &toolchain);
    tests.args(["test", "--quiet", "--lib", "--tests", "-p", PROPERTIES]);
    for package in pure(repository)? {
        tests.args(["-p", &package]);
    }
    process::run(&mut tests)?;
    let as_wasm = digests(&mut cargo(repository, &toolchain))?;
    let mut native = process::cargo();
    let native = digests(native.current_dir(repository.root()))?;
    compare(&native, &as_wasm)
}

/// The pure layer's crates, by their folders.
fn pure(repository: &Repository) -> Result<Vec<String>, Failure> {
    let folder = repository.path("pure");
    let entries =
        std::fs::read_dir(&folder).map_err(|error| Failure::while_doing(folder.display(), error))?;
    let crates = entries.filter_map(Result::ok).filter(|entry| entry.path().join("Cargo.toml").is_file());
    let mut names: Vec<String> =
        crates.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    Ok(names)
}

/// Cargo with another compiler, in a build directory of its own: the two must not undo each other's work.
fn cargo(repository: &Repository, toolchain: &Toolchain) -> std::process::Command {
    let runner = repository.path("tools/xtask/data/wasi.mjs");
    let mut command = process::cargo();
    command
        .current_dir(repository.root())
        .env("CARGO_TARGET_DIR", repository.target().join("wasm").join("build"))
        .env("CARGO_BUILD_TARGET", TARGET)
        .env("CARGO_TARGET_WASM32_WASIP1_RUNNER", runner_line(&runner));
    toolchain.apply(&mut command);
    command
}

fn runner_line(runner: &Path) -> String {
    // Node says with a warning that its WASI is new; it has been the same for years.
    format!("node --no-warnings {}", runner.display())
}

fn digests(cargo: &mut std::process::Command) -> Result<Vec<String>, Failure> {
    let told = process::output(cargo.args(["run", "--quiet", "-p", PROPERTIES, "--bin", "digests"]))?;
    Ok(told.lines().map(str::to_owned).collect())
}

/// Equal in every line, or a failure that names the first cases that are not.
fn compare(native: &[String], as_wasm: &[String]) -> Result<String, Failure> {
    if native.is_empty() || native.len() != as_wasm.len() {
        let (native, as_wasm) = (native.len(), as_wasm.len());
        return Err(Failure::new(format!("{native} cases natively, {as_wasm} as wasm32")));
    }
    let pairs = native.iter().zip(as_wasm);
    let different: Vec<String> = pairs
        .filter(|(one, other)| one != other)
        .map(|(one, other)| format!("  native {one}\n  wasm32 {other}"))
        .collect();
    if different.is_empty() {
        return Ok(format!("{} cases of the corpus, the same bytes natively and as wasm32", native.len()));
    }
    let shown = different.iter().take(SHOWN).cloned().collect::<Vec<_>>().join("\n");
    Err(Failure::new(format!(
        "{} of {} cases differ between native and wasm32 (case, translation, exchange, exchange without outbox):\n{shown}",
        different.len(),
        native.len()
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(texts: &[&str]) -> Vec<String> {
        texts.iter().map(|&text| text.to_owned()).collect()
    }

    #[test]
    fn one_different_byte_is_named_with_its_case() {
        let native = lines(&["old:1 aa bb", "old:2 aa cc"]);
        assert!(compare(&native, &native).unwrap().starts_with("2 cases"));
        let failure = compare(&native, &lines(&["old:1 aa bb", "old:2 aa cd"])).unwrap_err().to_string();
        assert!(failure.contains("1 of 2") && failure.contains("old:2 aa cd"), "{failure}");
        assert!(!failure.contains("old:1"), "{failure}");
    }

    #[test]
    fn nothing_compared_is_not_equal() {
        assert!(compare(&[], &[]).is_err());
        assert!(compare(&lines(&["old:1 aa"]), &[]).is_err());
    }
}

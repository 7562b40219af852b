//! The commands that read files of millions of lines: `turnout translate` against the bare translation and a scan for
//! line ends, and the census against such a scan.

use std::fs::{self, File};
use std::io::{BufWriter, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{ChildStdout, Command, Stdio};
use std::time::Instant;

use serde::Deserialize;

use crate::bench::examples::{Translation, json_of};
use crate::bench::report::{Section, table, verdict};
use crate::failure::Failure;
use crate::process;
use crate::repository::Repository;

const LINES: u32 = 400_000;
const ROUNDS: usize = 3;
const CENSUS_MB_MIN: f64 = 500.0;

#[derive(Debug, Deserialize)]
struct Census {
    megabytes: f64,
    cores: u32,
    scan_mb_per_s: f64,
    census_mb_per_s: f64,
    all_cores_mb_per_s: f64,
    ratio_scan: f64,
}

/// The census of a generated log.
pub(crate) fn census(repository: &Repository) -> Section {
    let about = "A census of a generated combined log with its hosts, on one core, against a bare scan for line ends of \
                 the same file: at least 500 MB/s a core.";
    let section = Section { title: "Census", about: about.to_owned(), ..Section::default() };
    section.finish(json_of(repository, "census", "census_bench").map(|line| census_table(&line)))
}

fn census_table(measured: &Census) -> String {
    let row = |name: String, speed: f64, promise: String| {
        let share = speed / measured.scan_mb_per_s;
        vec![name, format!("{speed:.0}"), format!("{share:.3}"), promise]
    };
    let log = format!(
        "{:.0} MB; the census takes {:.1} times the scan's time.\n",
        measured.megabytes,
        1.0 / measured.ratio_scan
    );
    let promise = verdict(measured.census_mb_per_s >= CENSUS_MB_MIN);
    let rows = table(&[
        ["", "MB/s", "of the scan", "promise"].map(str::to_owned).to_vec(),
        row("scan for line ends, one core".to_owned(), measured.scan_mb_per_s, String::new()),
        row("census, one core".to_owned(), measured.census_mb_per_s, promise),
        row(format!("census, {} cores", measured.cores), measured.all_cores_mb_per_s, String::new()),
    ]);
    format!("{rows}\n{log}")
}

/// `turnout translate` on a file of many lines.
pub(crate) fn lines(repository: &Repository) -> Section {
    let about = "`turnout translate` on a file of the recorded shapes, with the account of every parameter as JSON, \
                 against the bare translation of one request in the same run, and `wc -l` on the same file.";
    let section = Section { title: "Translating files", about: about.to_owned(), ..Section::default() };
    section.finish(measured_lines(repository))
}

fn measured_lines(repository: &Repository) -> Result<String, Failure> {
    let bare: Translation = json_of(repository, "tracking", "translate_bench")?;
    let bare = 2e9 / (bare.click_ns + bare.sale_ns);
    let binary = binary(repository)?;
    let file = repository.target().join("bench-lines.txt");
    write_lines(repository, &file)?;
    let (mut translated, mut counted) = (f64::INFINITY, f64::INFINITY);
    for _ in 0..ROUNDS {
        let translate = seconds(Command::new(&binary).arg("translate"), &file, counted_lines)?;
        translated = translated.min(all_lines("`turnout translate`", translate)?);
        let count = seconds(Command::new("wc").arg("-l"), &file, number)?;
        counted = counted.min(all_lines("`wc -l`", count)?);
    }
    let cores = std::thread::available_parallelism()
        .map_or(1.0, |cores| f64::from(u32::try_from(cores.get()).unwrap_or(1)));
    let lines = f64::from(LINES);
    let row = |name: &str, speed: f64, of: f64| {
        vec![name.to_owned(), format!("{speed:.0}"), format!("{:.4}", speed / of)]
    };
    let a_core = lines / translated / cores;
    Ok(table(&[
        ["", "lines/s", "of the bare translation"].map(str::to_owned).to_vec(),
        row("bare translation, one core", bare, bare),
        row("`turnout translate`, every core", lines / translated, bare),
        row("`turnout translate`, a core", a_core, bare),
        row("`wc -l`", lines / counted, bare),
    ]))
}

fn binary(repository: &Repository) -> Result<PathBuf, Failure> {
    if let Some(named) = std::env::var_os("TURNOUT_BIN") {
        return Ok(PathBuf::from(named));
    }
    let mut command = process::cargo();
    process::run(command.current_dir(repository.root()).args([
        "build",
        "--release",
        "--quiet",
        "-p",
        "turnout",
    ]))?;
    Ok(repository.target().join("release/turnout"))
}

/// The recorded targets, one behind the other, as often as it takes.
fn write_lines(repository: &Repository, file: &Path) -> Result<(), Failure> {
    let failed = |error| Failure::while_doing("the file of requests", error);
    let mut targets = Vec::new();
    for name in ["clicks.txt", "sales.txt"] {
        let text = fs::read_to_string(repository.path("benches/requests").join(name)).map_err(failed)?;
        targets.extend(text.lines().filter(|line| line.starts_with('/')).map(str::to_owned));
    }
    let host = fs::read_to_string(repository.path("migrations/examples.txt")).map_err(failed)?;
    let host =
        host.lines().find_map(|line| line.strip_prefix("https://")?.split('/').next()).unwrap_or_default();
    let mut out = BufWriter::new(File::create(file).map_err(failed)?);
    for (number, target) in (0..LINES).zip(targets.iter().cycle()) {
        let target = target.replace("{n}", &number.to_string());
        writeln!(out, "https://{host}{target}").map_err(failed)?;
    }
    out.flush().map_err(failed)
}

/// Seconds of the wall that a command takes with the file as its input, and what `read` makes of its output.
fn seconds<T>(
    command: &mut Command,
    input: &Path,
    read: fn(ChildStdout) -> std::io::Result<T>,
) -> Result<(f64, T), Failure> {
    let failed = |error| Failure::while_doing("the file of requests", error);
    let line = process::shown(command);
    eprintln!("$ {line} < {}", input.display());
    let begun = Instant::now();
    command.stdin(File::open(input).map_err(failed)?).stdout(Stdio::piped());
    let mut child = command.spawn().map_err(|error| Failure::while_doing(&line, error))?;
    let output = child.stdout.take().map(read).transpose().map_err(failed)?;
    let status = child.wait().map_err(|error| Failure::while_doing(&line, error))?;
    match output {
        Some(output) if status.success() => Ok((begun.elapsed().as_secs_f64(), output)),
        _ => Err(Failure::new(format!("`{line}` ended with {status}"))),
    }
}

/// How many lines come out.
fn counted_lines(mut output: ChildStdout) -> std::io::Result<u64> {
    let mut buffer = vec![0; 1 << 20];
    let mut lines = 0;
    loop {
        let read = output.read(&mut buffer)?;
        if read == 0 {
            return Ok(lines);
        }
        let ends = buffer.iter().take(read).filter(|byte| **byte == b'\n').count();
        lines += u64::try_from(ends).unwrap_or(0);
    }
}

/// The number that comes out.
fn number(output: ChildStdout) -> std::io::Result<u64> {
    let text = std::io::read_to_string(output)?;
    text.trim().parse().map_err(std::io::Error::other)
}

/// A number of lines other than the file's means that something else was measured.
fn all_lines(what: &str, (seconds, lines): (f64, u64)) -> Result<f64, Failure> {
    if lines == u64::from(LINES) {
        return Ok(seconds);
    }
    Err(Failure::new(format!("{what} made {lines} lines of {LINES}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_that_loses_lines_is_not_measured() {
        assert!(all_lines("a command", (0.5, u64::from(LINES))).is_ok());
        assert!(all_lines("a command", (0.0, 0)).unwrap_err().to_string().contains("0 lines"));
    }

    #[test]
    fn a_census_is_held_to_its_promise() {
        let measured = |speed| Census {
            megabytes: 268.0,
            cores: 2,
            scan_mb_per_s: 8_000.0,
            census_mb_per_s: speed,
            all_cores_mb_per_s: 1_100.0,
            ratio_scan: speed / 8_000.0,
        };
        let text = census_table(&measured(640.0));
        assert!(text.contains("| census, one core | 640 | 0.080 | met |"), "{text}");
        assert!(text.contains("12.5 times"), "{text}");
        assert!(census_table(&measured(400.0)).contains("**missed**"));
    }
}

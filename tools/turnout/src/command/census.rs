//! `turnout census`: what access logs hold, and what of it the migration covers.

mod coverage;
mod draft;
mod report;

use std::fs;
use std::io::{self, IsTerminal as _, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::Duration;

use census::{Format, Options, Progress};
use clap::Args;
use indicatif::{HumanBytes, ProgressBar, ProgressStyle};

use self::coverage::Coverage;
use crate::cli::Outcome;
use crate::snapshot;

/// Count what access logs hold: endpoints, shapes, parameters and value patterns, and what of it the migration covers.
///
/// Reads combined logs (also with the virtual host first), W3C and CloudFront logs with a `#Fields:` line, JSON
/// lines (Cloudflare Logpush, CloudFront), and one URL a line; plain, gzip or zstd; in constant memory. Values are
/// never shown, only what they look like. Exit code 0: read wholly; 2: some log could not be, or no request was found.
///
/// Example: turnout census access.log.gz --draft uncovered.toml
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Logs; `-` is standard input.
    #[arg(value_name = "LOG", required = true)]
    logs: Vec<PathBuf>,
    /// The migration's folder; the embedded default if it is not given.
    #[arg(long, value_name = "DIR")]
    migration: Option<PathBuf>,
    /// The logs' format, if it is not what their first lines say: combined, fields, json, urls.
    #[arg(long, value_name = "FORMAT", value_parser = parse_format)]
    format: Option<Format>,
    /// The host of requests whose log names none.
    #[arg(long, value_name = "HOST")]
    host: Option<String>,
    /// Write a draft of dialect entries for what is not covered.
    #[arg(long, value_name = "FILE")]
    draft: Option<PathBuf>,
    /// Show the first value of each parameter and bad lines as they are. They can be personal data.
    #[arg(long)]
    show_values: bool,
    /// Show every endpoint and shape, not the most frequent ones alone.
    #[arg(long)]
    all: bool,
    /// Print a JSON object.
    #[arg(long)]
    json: bool,
    /// Threads, 1 to 1024; as many as there are cores if it is not given.
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u16).range(1..=1024))]
    threads: Option<u16>,
}

fn parse_format(name: &str) -> Result<Format, String> {
    Format::parse(name).ok_or_else(|| {
        let known = Format::ALL.map(Format::name).join(", ");
        format!("`{name}` is no format: known are {known}")
    })
}

pub(crate) fn run(arguments: &Arguments) -> Outcome {
    let snapshot = snapshot::load(arguments.migration.as_deref())?;
    let coverage = Coverage::new(&snapshot.migration);
    let options = Options {
        format: arguments.format,
        host: arguments.host.as_ref().map(|host| host.to_lowercase().into_bytes()),
        keep_values: arguments.show_values,
        threads: arguments
            .threads
            .map_or_else(|| thread::available_parallelism().map_or(1, usize::from), usize::from),
        seed: getrandom::u64()?,
    };
    let (progress, recognise) =
        (Progress::default(), |host: &[u8], path: &[u8]| coverage.recognise(host, path));
    let (census, unread) = watched(&progress, &arguments.logs, || {
        census::census_of(&arguments.logs, &options, &recognise, &progress)
    });
    let report = report::Report::new(&census, &coverage, arguments.logs.len());
    let text = if arguments.json {
        format!("{}\n", report.json())
    } else {
        super::printable(&report.text(arguments.all)).into_owned()
    };
    match io::stdout().write_all(text.as_bytes()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => return Err(error.into()),
        _ => {}
    }
    if let Some(path) = &arguments.draft {
        let text = draft::draft(&census, &coverage)?;
        fs::write(path, text)
            .map_err(|error| format!("{}: the draft cannot be written: {error}", path.display()))?;
        eprintln!("the draft is in {}", path.display());
    }
    for one in &unread {
        eprintln!("turnout: {one}; what stands before it is counted");
    }
    if census.requests == 0 && unread.is_empty() {
        eprintln!(
            "turnout: no request was found: the logs are empty, or of another format than their first lines say (--format)"
        );
        return Ok(ExitCode::from(2));
    }
    Ok(if unread.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(2) })
}

/// Does `work`, with a bar on standard error if a person sees it.
fn watched<R>(progress: &Progress, logs: &[PathBuf], work: impl FnOnce() -> R) -> R {
    if !io::stderr().is_terminal() {
        return work();
    }
    let length: u64 = logs.iter().filter_map(|log| fs::metadata(log).ok()).map(|data| data.len()).sum();
    let bar = ProgressBar::new(length);
    if let Ok(style) = ProgressStyle::with_template("{bar:40} {bytes}/{total_bytes} {bytes_per_sec} {eta}") {
        bar.set_style(style);
    }
    let (ended, end) = std::sync::mpsc::channel::<()>();
    thread::scope(|scope| {
        scope.spawn(move || {
            // The other side goes away when the work is done.
            while end
                .recv_timeout(Duration::from_millis(200))
                .is_err_and(|error| error == std::sync::mpsc::RecvTimeoutError::Timeout)
            {
                bar.set_position(progress.bytes.load(Ordering::Relaxed));
            }
            bar.finish_and_clear();
            eprintln!("{} read", HumanBytes(progress.bytes.load(Ordering::Relaxed)));
        });
        let done = work();
        drop(ended);
        done
    })
}

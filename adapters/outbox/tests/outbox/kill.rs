//! A real process, really killed, again and again.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};

use bytes::Bytes;
use outbox::Settings;

const LANE: &str = "OUTBOX_KILL_LANE";
const KILLS: u32 = 12;
const CLIENTS: u64 = 16;

fn settings() -> Settings {
    Settings { segment_bytes_max: 32 << 10, reserve_bytes: 64 << 10, ..Settings::default() }
}

/// This test is two programs: without a lane in its environment it kills the one with.
#[test]
fn every_append_that_a_killed_process_had_confirmed_is_there() {
    if let Some(lane) = std::env::var_os(LANE) {
        append_for_ever(Path::new(&lane));
    }
    let directory = tempfile::tempdir().unwrap();
    let mut confirmed = BTreeMap::new();
    for kill in 0..KILLS {
        let before = confirmed.len();
        let lines = 1 + kill * 97 % 400;
        confirmed.extend(run_and_kill(directory.path(), lines));
        assert!(confirmed.len() > before, "run {kill} confirmed nothing");
        check(directory.path(), &confirmed, kill);
    }
}

fn append_for_ever(lane: &Path) -> ! {
    let (appender, _consumer, _) = outbox::open(lane, settings()).unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap();
    for client in 0..CLIENTS {
        let appender = appender.clone();
        runtime.spawn(async move {
            for round in 0_u64.. {
                let entry =
                    format!("{}-{client}-{round}-{}", std::process::id(), "x".repeat((round % 300) as usize));
                let position = appender.append(Bytes::from(entry.clone())).await.unwrap();
                writeln!(std::io::stdout().lock(), "confirmed {position} {entry} end").unwrap();
            }
        });
    }
    loop {
        std::thread::park();
    }
}

/// Kills the child after so many confirmations; what it had printed by then counts, every line of it.
fn run_and_kill(lane: &Path, lines: u32) -> BTreeMap<u64, String> {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "kill::every_append_that_a_killed_process_had_confirmed_is_there", "--nocapture"])
        .env(LANE, lane)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut output = BufReader::new(child.stdout.take().unwrap())
        .lines()
        .map(Result::unwrap)
        .filter_map(|line| parse(&line));
    let mut confirmed: BTreeMap<_, _> = output.by_ref().take(lines as usize).collect();
    child.kill().unwrap();
    confirmed.extend(output);
    child.wait().unwrap();
    confirmed
}

/// The position and entry of a line that was printed whole.
fn parse(line: &str) -> Option<(u64, String)> {
    let (_, confirmed) = line.split_once("confirmed ")?;
    let (position, entry) = confirmed.strip_suffix(" end")?.split_once(' ')?;
    Some((position.parse().ok()?, entry.to_owned()))
}

fn check(lane: &Path, confirmed: &BTreeMap<u64, String>, kill: u32) {
    let (_appender, mut consumer, recovery) = outbox::open(lane, settings()).unwrap();
    let mut found = BTreeMap::new();
    loop {
        let batch = consumer.read(1000, 1 << 20).unwrap();
        if batch.is_empty() {
            break;
        }
        found.extend(batch.entries.into_iter().map(|(position, entry)| (position.get(), entry)));
    }
    assert!(found.keys().copied().eq(1..=recovery.last.get()), "kill {kill}: positions are gap-free");
    for (position, entry) in confirmed {
        assert_eq!(
            found.get(position).map(AsRef::as_ref),
            Some(entry.as_bytes()),
            "kill {kill}: {position} is lost"
        );
    }
}

//! How long a lane with a large backlog takes to serve again, and how fast it drains.
//!
//! Fills a lane with entries of 500 bytes, opens it anew, appends one entry, and drains it. Prints one line of JSON.
//!
//! `cargo run --release -p outbox --example restart_bench -- [directory] [entries]`

use std::error::Error;
use std::io::Write as _;
use std::path::PathBuf;
use std::time::Instant;

use outbox::{Disk, Log, Settings};

const ENTRY_BYTES: usize = 500;
const BATCH_ENTRIES: u64 = 4_000;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let parent = arguments.next().map_or_else(std::env::temp_dir, PathBuf::from);
    let entries: u64 = arguments.next().map_or(Ok(10_000_000), |entries| entries.parse())?;
    let directory = tempfile::tempdir_in(parent)?;
    fill(directory.path(), entries)?;

    let begun = Instant::now();
    let (mut log, recovery) = Log::open(&Disk, directory.path(), Settings::default())?;
    let opened = begun.elapsed();
    log.append_batch(&[[7; ENTRY_BYTES]])?;
    let served = begun.elapsed();

    let begun = Instant::now();
    while let Some(last) = log.read(1_000, 1 << 20)?.last() {
        log.acknowledge(last)?;
    }
    let drained = begun.elapsed().as_secs_f64();
    writeln!(
        std::io::stdout(),
        "{{\"entries\":{},\"open_ms\":{},\"first_append_ms\":{},\"unverified_bytes\":{},\"drain_s\":{drained:.1}}}",
        recovery.backlog_entries,
        opened.as_millis(),
        served.as_millis(),
        recovery.unverified_bytes,
    )?;
    Ok(())
}

fn fill(lane: &std::path::Path, entries: u64) -> Result<(), Box<dyn Error>> {
    let (mut log, _) = Log::open(&Disk, lane, Settings::default())?;
    let batch: Vec<_> = (0..BATCH_ENTRIES).map(|_| [7; ENTRY_BYTES]).collect();
    for _ in 0..entries.div_ceil(BATCH_ENTRIES) {
        log.append_batch(&batch)?;
    }
    Ok(log.close()?)
}

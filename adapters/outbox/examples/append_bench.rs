//! How much group commit gains, and how much of the disk it leaves unused.
//!
//! Three ways to make 500 bytes durable, taking turns on the same disk so that its moods hit all alike: 64 tasks each
//! waiting for its own append; one sync for each entry; and a bare file that gets the outbox's own group sizes in
//! one write and one sync. Prints one line of JSON.
//!
//! `cargo run --release -p outbox --example append_bench -- [directory] [seconds for each turn]`

use std::error::Error;
use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use bytes::Bytes;
use outbox::{Appender, Settings};
use tokio::runtime::Runtime;

const CLIENTS: usize = 64;
const ENTRY_BYTES: usize = 500;
const TURNS: u32 = 3;

type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

/// What one way has achieved in all its turns.
#[derive(Clone, Copy, Default)]
struct Tally {
    entries: u64,
    syncs: u64,
    seconds: f64,
}

impl Tally {
    fn add(&mut self, other: Self) {
        self.entries += other.entries;
        self.syncs += other.syncs;
        self.seconds += other.seconds;
    }

    #[expect(clippy::cast_precision_loss, reason = "counts of a benchmark are far below 2^52")]
    fn rate(&self) -> f64 {
        self.entries as f64 / self.seconds
    }

    #[expect(clippy::cast_precision_loss, reason = "counts of a benchmark are far below 2^52")]
    fn group(&self) -> f64 {
        self.entries as f64 / self.syncs as f64
    }
}

fn main() -> Outcome<()> {
    let mut arguments = std::env::args().skip(1);
    let parent = arguments.next().map_or_else(std::env::temp_dir, PathBuf::from);
    let turn = Duration::from_secs_f64(arguments.next().map_or(Ok(2.0), |seconds| seconds.parse())?);
    let directory = tempfile::tempdir_in(parent)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build()?;

    let (mut outbox, mut serial, mut bare) = (Tally::default(), Tally::default(), Tally::default());
    for number in 0..TURNS {
        let path = |name: &str| directory.path().join(format!("{name}-{number}"));
        outbox.add(append_together(&runtime, &path("outbox"), turn)?);
        serial.add(write_and_sync(&path("serial"), 1, turn)?);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a group is between 1 and 64"
        )]
        let group = outbox.group().round() as usize;
        bare.add(write_and_sync(&path("bare"), group, turn)?);
    }
    report(&outbox, &serial, &bare)
}

/// 64 tasks on one lane, each waiting for its own entry before it appends the next.
fn append_together(runtime: &Runtime, lane: &Path, turn: Duration) -> Outcome<Tally> {
    let (appender, _consumer, _) = outbox::open(lane, Settings::default())?;
    let begun = Instant::now();
    let clients: Vec<_> =
        (0..CLIENTS).map(|_| runtime.spawn(append_until(appender.clone(), begun + turn))).collect();
    for client in clients {
        runtime.block_on(client)??;
    }
    let (status, seconds) = (appender.status(), begun.elapsed().as_secs_f64());
    Ok(Tally { entries: status.appended, syncs: status.syncs, seconds })
}

async fn append_until(appender: Appender, end: Instant) -> Outcome<()> {
    let entry = Bytes::from(vec![7; ENTRY_BYTES]);
    while Instant::now() < end {
        appender.append(entry.clone()).await?;
    }
    Ok(())
}

/// One thread that writes a group and syncs it, with nothing around it.
fn write_and_sync(path: &Path, group: usize, turn: Duration) -> Outcome<Tally> {
    let mut file = File::create(path)?;
    let bytes = vec![7; ENTRY_BYTES * group];
    let begun = Instant::now();
    let mut tally = Tally::default();
    while begun.elapsed() < turn {
        file.write_all(&bytes)?;
        file.sync_data()?;
        tally.syncs += 1;
        tally.entries += group as u64;
    }
    tally.seconds = begun.elapsed().as_secs_f64();
    Ok(tally)
}

fn report(outbox: &Tally, serial: &Tally, bare: &Tally) -> Outcome<()> {
    let (ours, one, log) = (outbox.rate(), serial.rate(), bare.rate());
    writeln!(
        std::io::stdout(),
        "{{\"appends_per_s\":{ours:.0},\"serial_fsync_per_s\":{one:.0},\"bare_log_per_s\":{log:.0},\
         \"ratio_serial\":{:.2},\"ratio_bare\":{:.2},\"entries_per_sync\":{:.1}}}",
        ours / one,
        ours / log,
        outbox.group(),
    )?;
    Ok(())
}

//! A small lane on a simulated disk, and how to look into it.

use std::path::{Path, PathBuf};

use outbox::simulated::Simulated;
use outbox::{Filesystem, Log, OpenError, Recovery, Settings};

/// Segments of a few entries, so that every test rotates and removes.
pub(crate) fn small() -> Settings {
    Settings {
        ahead_bytes: 0,
        segment_bytes_max: 400,
        backlog_bytes_max: 64 << 10,
        reserve_bytes: 1 << 10,
        waiting_max: 100,
        entry_bytes_max: 2 << 10,
    }
}

pub(crate) fn lane() -> &'static Path {
    Path::new("/lane")
}

pub(crate) fn open(disk: &Simulated) -> Result<(Log<Simulated>, Recovery), OpenError> {
    Log::open(disk, lane(), small())
}

/// [`open`], with zeros laid out behind the records, as the defaults have it.
pub(crate) fn open_laid_out(disk: &Simulated) -> Result<(Log<Simulated>, Recovery), OpenError> {
    Log::open(disk, lane(), Settings { ahead_bytes: 150, ..small() })
}

/// The n-th entry of every scripted run: its number, repeated to a length that varies with it.
pub(crate) fn entry(number: u64) -> Vec<u8> {
    let length = 8 + usize::try_from(number * 37 % 120).unwrap();
    number.to_le_bytes().into_iter().cycle().take(length).collect()
}

/// Everything that a reader still finds, from the acknowledged position on.
pub(crate) fn contents<F: Filesystem>(log: &mut Log<F>) -> Vec<(u64, Vec<u8>)> {
    log.rewind();
    let mut contents = Vec::new();
    loop {
        let batch = log.read(7, 500).unwrap();
        if batch.is_empty() {
            return contents;
        }
        contents.extend(batch.entries.into_iter().map(|(position, entry)| (position.get(), entry.to_vec())));
    }
}

pub(crate) fn segments(disk: &Simulated) -> Vec<PathBuf> {
    let is_segment = |path: &PathBuf| path.extension().is_some_and(|extension| extension == "segment");
    disk.paths().into_iter().filter(is_segment).collect()
}

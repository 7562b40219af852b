//! How much opening reads in full: the newest segments up to a limit, the rest by header and length.
//!
//! The segments are longer than the limit without taking up a disk: most of each is a hole, which is damage to whoever
//! reads it, so a test sees from the outside what has been read.

use std::fs::OpenOptions;
use std::path::{Path, PathBuf};

use outbox::simulated::Simulated;
use outbox::{Disk, Flaw, Log, OpenError, Recovery};

use crate::support::{entry, open, segments, small};

const VERIFY_BYTES_MAX: u64 = 256 << 20;

/// A lane of four segments or more on the real disk, never closed and never acknowledged.
fn lane_on(directory: &Path) -> Vec<PathBuf> {
    let disk = Simulated::new(3);
    let (mut log, _) = open(&disk).unwrap();
    for number in 1..=12 {
        log.append_batch(&[entry(number)]).unwrap();
    }
    let copy = |path: PathBuf| {
        let copied = directory.join(path.file_name().unwrap());
        std::fs::write(&copied, disk.get(&path).unwrap()).unwrap();
        copied
    };
    segments(&disk).into_iter().map(copy).collect()
}

/// Makes a segment that long, and has the next one say so.
fn lengthen(paths: &[PathBuf], segment: usize, bytes: u64) {
    OpenOptions::new().write(true).open(&paths[segment]).unwrap().set_len(bytes).unwrap();
    let mut next = std::fs::read(&paths[segment + 1]).unwrap();
    next[40..48].copy_from_slice(&bytes.to_le_bytes());
    let crc = crc32fast::hash(&next[..60]);
    next[60..64].copy_from_slice(&crc.to_le_bytes());
    std::fs::write(&paths[segment + 1], next).unwrap();
}

fn opened(directory: &Path) -> Result<Recovery, OpenError> {
    Log::open(&Disk, directory, small()).map(|(_, recovery)| recovery)
}

#[test]
fn a_segment_as_long_as_the_limit_is_read_in_full_and_a_longer_one_is_not() {
    let directory = tempfile::tempdir().unwrap();
    let paths = lane_on(directory.path());
    // The newest but one is the first to be read.
    let segment = paths.len() - 2;
    lengthen(&paths, segment, VERIFY_BYTES_MAX);
    let refused = opened(directory.path()).unwrap_err();
    assert!(matches!(&refused, OpenError::Damaged { path, .. } if *path == paths[segment]), "{refused}");

    lengthen(&paths, segment, VERIFY_BYTES_MAX + 1);
    let recovery = opened(directory.path()).unwrap();
    assert_eq!(recovery.unverified_bytes, VERIFY_BYTES_MAX + 1);
}

#[test]
fn what_has_been_read_counts_towards_the_limit_and_what_has_not_is_added_up() {
    let directory = tempfile::tempdir().unwrap();
    let paths = lane_on(directory.path());
    assert!(paths.len() >= 4, "the lane must have rotated");
    let [oldest, second] = [paths.len() - 4, paths.len() - 3];
    for segment in [oldest, second] {
        lengthen(&paths, segment, VERIFY_BYTES_MAX);
    }
    let recovery = opened(directory.path()).unwrap();
    assert_eq!(recovery.unverified_bytes, 2 * VERIFY_BYTES_MAX, "the newest but one was read before them");
}

#[test]
fn what_is_not_read_is_still_measured() {
    let directory = tempfile::tempdir().unwrap();
    let paths = lane_on(directory.path());
    lengthen(&paths, 0, VERIFY_BYTES_MAX);
    OpenOptions::new().write(true).open(&paths[0]).unwrap().set_len(VERIFY_BYTES_MAX - 1).unwrap();
    let refused = opened(directory.path()).unwrap_err();
    assert!(
        matches!(refused, OpenError::Damaged { offset, flaw: Flaw::Short, .. } if offset == VERIFY_BYTES_MAX - 1),
        "{refused}"
    );
}

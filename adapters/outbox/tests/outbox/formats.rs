//! Format version 1, as bytes that were written once and must be read for ever.
//!
//! `formats/v1` is the directory of a lane: twelve entries of [`entry`] in single and joint writes, rotated at 400
//! bytes, acknowledged through the fifth, closed. `OUTBOX_WRITE_FORMATS=1` writes it anew, which is right only together
//! with a new version number.

use std::path::{Path, PathBuf};

use outbox::simulated::Simulated;
use outbox::{Log, OpenError, Position};

use crate::support::{contents, entry, lane, open, segments, small};

fn directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("formats/v1")
}

/// The lane that the fixture holds, written by the program as it is now.
fn written() -> Simulated {
    let disk = Simulated::new(1);
    let (mut log, _) = open(&disk).unwrap();
    for numbers in [1..2, 2..4, 4..7, 7..8, 8..12, 12..13] {
        log.append_batch(&numbers.map(entry).collect::<Vec<_>>()).unwrap();
    }
    log.read(5, 10_000).unwrap();
    log.acknowledge(Position::new(5)).unwrap();
    log.close().unwrap();
    disk
}

fn kept(disk: &Simulated) -> Vec<PathBuf> {
    segments(disk).into_iter().chain([lane().join("progress")]).collect()
}

/// The fixture on a disk of its own.
fn fixture() -> Simulated {
    let disk = Simulated::new(2);
    for file in std::fs::read_dir(directory()).unwrap() {
        let path = file.unwrap().path();
        disk.put(&lane().join(path.file_name().unwrap()), &std::fs::read(&path).unwrap());
    }
    disk
}

#[test]
fn version_1_still_loads() {
    if std::env::var_os("OUTBOX_WRITE_FORMATS").is_some() {
        let disk = written();
        std::fs::create_dir_all(directory()).unwrap();
        for path in kept(&disk) {
            std::fs::write(directory().join(path.file_name().unwrap()), disk.get(&path).unwrap()).unwrap();
        }
    }
    let (mut log, recovery) = open(&fixture()).unwrap();
    assert!(recovery.is_clean(), "{recovery}");
    assert_eq!((recovery.acknowledged.get(), recovery.last.get()), (5, 12));
    assert_eq!(contents(&mut log), (6..=12).map(|number| (number, entry(number))).collect::<Vec<_>>());
    assert_eq!(log.append_batch(&[entry(13)]).unwrap(), Position::new(13));
}

#[test]
fn version_1_is_what_is_written() {
    let (now, then) = (written(), fixture());
    assert_eq!(kept(&now), kept(&then));
    for path in kept(&now) {
        assert_eq!(now.get(&path), then.get(&path), "{}", path.display());
    }
}

#[test]
fn a_segment_says_how_many_times_the_lane_had_been_opened() {
    let disk = Simulated::new(1);
    for opened in 1..=3 {
        let (mut log, _) = open(&disk).unwrap();
        log.append_batch(&[vec![0; 400]]).unwrap();
        let newest = disk.get(&segments(&disk)[opened - 1]).unwrap();
        assert_eq!(newest[24..32], (opened as u64).to_le_bytes());
    }
}

#[test]
fn a_newer_version_is_refused_as_such() {
    let disk = fixture();
    let newest = segments(&disk).pop().unwrap();
    let mut bytes = disk.get(&newest).unwrap();
    bytes[8] = 2;
    let crc = crc32fast::hash(&bytes[..60]);
    bytes[60..64].copy_from_slice(&crc.to_le_bytes());
    disk.put(&newest, &bytes);
    let refused = Log::open(&disk, lane(), small()).map(|_| ()).unwrap_err();
    assert!(matches!(refused, OpenError::Version { found: 2, known: 1, .. }), "{refused}");
}

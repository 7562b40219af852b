//! What lies behind a bad record tells a torn write from damage: which bytes count as proof, to the byte.

use outbox::simulated::Simulated;
use outbox::{Flaw, OpenError};

use crate::support::{entry, open, segments};

/// A lane of single-entry writes of these entries, left without a clean end.
fn abandoned(entries: &[Vec<u8>]) -> Simulated {
    let disk = Simulated::new(3);
    let (mut log, _) = open(&disk).unwrap();
    for entry in entries {
        log.append_batch(&[entry]).unwrap();
    }
    drop(log);
    disk
}

/// A whole record that says it was a write by itself, as the format has it.
fn record(sequence: u64, entry: &[u8]) -> Vec<u8> {
    let length = u32::try_from(entry.len()).unwrap();
    let mut bytes = [&[0; 8], &length.to_le_bytes()[..], &[0; 4], &sequence.to_le_bytes(), entry].concat();
    let crc = crc32fast::hash(&bytes[4..]);
    bytes[..4].copy_from_slice(&crc.to_le_bytes());
    bytes
}

#[test]
fn an_empty_entry_at_the_very_end_proves_that_the_one_before_it_had_been_durable() {
    let disk = abandoned(&[Vec::new(), Vec::new()]);
    let path = segments(&disk)[0].clone();
    let mut bytes = disk.get(&path).unwrap();
    bytes[64] ^= 1;
    disk.put(&path, &bytes);
    let refused = open(&disk).map(|_| ()).unwrap_err();
    assert!(matches!(refused, OpenError::Damaged { offset: 64, flaw: Flaw::Checksum, .. }), "{refused}");
}

#[test]
fn a_record_that_cannot_lie_so_near_proves_nothing() {
    // Ten records of a header each have room behind the flaw: what bears a later number is no record of this lane.
    for (sequence, proves) in [(12, true), (13, false), (3, true), (2, false)] {
        let disk = abandoned(&[entry(1)]);
        let path = segments(&disk)[0].clone();
        let mut bytes = disk.get(&path).unwrap();
        let flawed = bytes.len();
        bytes.resize(flawed + 9 * 24, 0xff);
        bytes.extend(record(sequence, &[]));
        disk.put(&path, &bytes);
        match open(&disk).map(|(_, recovery)| recovery) {
            Ok(recovery) => assert_eq!((proves, recovery.trimmed.unwrap().bytes), (false, 240), "{sequence}"),
            Err(OpenError::Damaged { offset, .. }) => {
                assert_eq!((proves, offset), (true, flawed as u64), "{sequence}");
            }
            Err(refused) => panic!("{sequence}: {refused}"),
        }
    }
}

#[test]
fn a_record_that_goes_over_the_stated_end_of_its_segment_is_not_whole() {
    let disk = abandoned(&(1..=12).map(entry).collect::<Vec<_>>());
    let [first, second] = [0, 1].map(|segment| segments(&disk)[segment].clone());
    let stated = disk.get(&first).unwrap().len() as u64 - 1;
    let mut next = disk.get(&second).unwrap();
    next[40..48].copy_from_slice(&stated.to_le_bytes());
    let crc = crc32fast::hash(&next[..60]);
    next[60..64].copy_from_slice(&crc.to_le_bytes());
    disk.put(&second, &next);
    let refused = open(&disk).map(|_| ()).unwrap_err();
    let OpenError::Damaged { path, flaw: Flaw::Short, .. } = refused else { panic!("{refused}") };
    assert_eq!(path, first);
}

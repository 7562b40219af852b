//! Damage is found while nobody reads.

use outbox::simulated::Simulated;
use outbox::{Filesystem, Position, ReadError, Scrubber};

use crate::support::{contents, entry, open, segments};

const ENTRIES: u64 = 40;

/// One round: how many bytes it checked, and in how many steps.
fn round<F: Filesystem>(scrubber: &mut Scrubber<F>, bytes_max: usize) -> Result<(usize, usize), ReadError> {
    let (mut bytes, mut steps) = (0, 0);
    loop {
        let scrubbed = scrubber.step(bytes_max)?;
        (bytes, steps) = (bytes + scrubbed.bytes, steps + 1);
        if scrubbed.ended {
            return Ok((bytes, steps));
        }
    }
}

fn filled() -> (Simulated, outbox::Log<Simulated>) {
    let disk = Simulated::new(11);
    let (mut log, _) = open(&disk).unwrap();
    for number in 1..=ENTRIES {
        log.append_batch(&[entry(number)]).unwrap();
    }
    (disk, log)
}

#[test]
fn a_round_reads_every_entry_and_moves_nobody() {
    let (_disk, mut log) = filled();
    let whole: usize = (1..=ENTRIES).map(|number| entry(number).len()).sum();
    let mut scrubber = log.scrubber();
    for bytes_max in [1, 100, 1 << 20] {
        let (bytes, steps) = round(&mut scrubber, bytes_max).unwrap();
        assert_eq!(bytes, whole);
        assert!(bytes_max > 1 || steps as u64 >= ENTRIES, "{steps} steps of one entry each");
    }
    assert_eq!(contents(&mut log).len() as u64, ENTRIES);
}

#[test]
fn an_empty_lane_is_whole() {
    let disk = Simulated::new(11);
    let (log, _) = open(&disk).unwrap();
    assert!(log.scrubber().step(100).unwrap().ended);
}

#[test]
fn every_flipped_bit_is_found_and_named_and_its_mending_seen() {
    let (disk, log) = filled();
    let mut scrubber = log.scrubber();
    for path in segments(&disk) {
        let whole = disk.get(&path).unwrap();
        // The last bits of a record's entry, of its checksum, and of the header's.
        for offset in [whole.len() - 1, 64, 63] {
            let mut bytes = whole.clone();
            bytes[offset] ^= 0x10;
            disk.put(&path, &bytes);
            match round(&mut scrubber, 64) {
                Err(ReadError::Damaged { path: named, .. }) => assert_eq!(named, path, "at {offset}"),
                other => panic!("a flip at {offset} of {} gave {other:?}", path.display()),
            }
            disk.put(&path, &whole);
            round(&mut scrubber, 64).unwrap();
        }
    }
}

#[test]
fn what_is_acknowledged_and_removed_in_the_middle_of_a_round_is_no_damage() {
    for steps in 1..12 {
        let (disk, mut log) = filled();
        let mut scrubber = log.scrubber();
        for _ in 0..steps {
            assert!(!scrubber.step(64).unwrap().ended);
        }
        let read = log.read(usize::MAX, 1 << 20).unwrap();
        log.acknowledge(read.last().unwrap()).unwrap();
        assert_eq!(segments(&disk).len(), 1, "all but the newest are gone");
        round(&mut scrubber, 64).unwrap();
        let last = log.append_batch(&[entry(7)]).unwrap();
        assert_eq!(last, Position::new(ENTRIES + 1));
        round(&mut scrubber, 64).unwrap();
    }
}

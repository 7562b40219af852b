//! Zeros are laid out behind the records, so that a write seldom makes its segment longer.

use outbox::simulated::{Loss, Simulated};
use outbox::{Log, Position};

use crate::support::{contents, lane, open_laid_out, segments};

/// Record by record, of 50 bytes each: how long each segment is after it, and with how many writes.
fn appended(disk: &Simulated, log: &mut Log<Simulated>) -> (Vec<usize>, u64) {
    let before = disk.writes();
    log.append_batch(&[[7; 26]]).unwrap();
    let lengths = segments(disk).iter().map(|path| disk.get(path).unwrap().len()).collect();
    (lengths, disk.writes() - before)
}

#[test]
fn what_is_laid_out_is_used_up_before_more_is() {
    let disk = Simulated::new(1);
    let (mut log, _) = open_laid_out(&disk).unwrap();
    // The header's write comes with the first; two for a record and its zeros; one for a record among them. The
    // segment's limit of 400 bytes ends the laying out, and what is left of it goes when the next one is begun.
    let expected = [
        (vec![264], 3),
        (vec![264], 1),
        (vec![264], 1),
        (vec![264], 1),
        (vec![400], 2),
        (vec![400], 1),
        (vec![364, 264], 3),
    ];
    for (number, expected) in (1..).zip(expected) {
        assert_eq!(appended(&disk, &mut log), expected, "record {number}");
    }
    log.close().unwrap();
    let lengths: Vec<_> = segments(&disk).iter().map(|path| disk.get(path).unwrap().len()).collect();
    assert_eq!(lengths, [364, 114], "a clean end leaves records alone");
}

#[test]
fn where_there_is_no_room_to_be_fast_in_the_records_stand_alone() {
    let disk = Simulated::new(1);
    let (mut log, _) = open_laid_out(&disk).unwrap();
    disk.fill_at_write(3);
    assert_eq!(appended(&disk, &mut log), (vec![114], 3), "half of the zeros are given back");
    assert_eq!(appended(&disk, &mut log), (vec![314], 2), "and tried again with the next record");
    disk.restart(Loss::Unsynced);
    let (mut log, recovery) = open_laid_out(&disk).unwrap();
    assert_eq!((recovery.last, recovery.trimmed), (Position::new(2), None));
    assert_eq!(contents(&mut log).len(), 2);
}

#[test]
fn zeros_for_longer_than_is_written_at_a_time_are_laid_out_to_the_end() {
    let disk = Simulated::new(1);
    let settings =
        outbox::Settings { ahead_bytes: 150 << 10, segment_bytes_max: 1 << 20, ..crate::support::small() };
    let (mut log, _) = Log::open(&disk, lane(), settings).unwrap();
    assert_eq!(appended(&disk, &mut log), (vec![114 + (150 << 10)], 5));
}

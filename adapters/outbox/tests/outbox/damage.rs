//! Torn tails are cut off, damage refuses.

use std::path::PathBuf;

use outbox::simulated::{Loss, Simulated};
use outbox::{Disk, Flaw, Log, OpenError, Position, ReadError};

use crate::support::{contents, entry, lane, open, segments, small};

/// A lane of single-entry writes, left without a clean end.
fn abandoned(entries: u64) -> Simulated {
    let disk = Simulated::new(3);
    let (mut log, _) = open(&disk).unwrap();
    for number in 1..=entries {
        log.append_batch(&[entry(number)]).unwrap();
    }
    drop(log);
    disk
}

fn closed(entries: u64) -> Simulated {
    let disk = abandoned(entries);
    open(&disk).unwrap().0.close().unwrap();
    disk
}

fn change(disk: &Simulated, segment: usize, change: impl FnOnce(&mut Vec<u8>)) {
    let path = segments(disk)[segment].clone();
    let mut bytes = disk.get(&path).unwrap();
    change(&mut bytes);
    disk.put(&path, &bytes);
}

fn refusal(disk: &Simulated) -> OpenError {
    open(disk).map(|(_, recovery)| recovery).expect_err("the lane must not open")
}

#[test]
fn a_torn_tail_is_cut_off_and_reported_wherever_it_is_torn() {
    let whole = abandoned(2).get(&segments(&abandoned(2))[0]).unwrap();
    let second = 64 + 24 + entry(1).len();
    for length in second + 1..whole.len() {
        let disk = abandoned(2);
        change(&disk, 0, |bytes| bytes.truncate(length));
        let (mut log, recovery) = open(&disk).unwrap();
        let trim = recovery.trimmed.expect("the tear is reported");
        assert_eq!((trim.offset, trim.bytes), (second as u64, (length - second) as u64));
        assert_eq!(contents(&mut log), [(1, entry(1))]);
        assert_eq!(log.append_batch(&[entry(2)]).unwrap(), Position::new(2));
        assert_eq!(contents(&mut log), [(1, entry(1)), (2, entry(2))]);
    }
}

#[test]
fn garbage_behind_the_end_is_cut_off_and_reported_and_zeros_are_cut_off() {
    // The last one is zeros for longer than is read at a time.
    let late = [vec![0; 300 << 10], vec![1]].concat();
    let tails = [
        (vec![0; 300], None),
        (vec![0xff; 300], Some(300)),
        (entry(9), Some(101)),
        (late, Some((300 << 10) + 1)),
    ];
    for (tail, reported) in tails {
        let disk = abandoned(2);
        let whole = disk.get(&segments(&disk)[0]);
        change(&disk, 0, |bytes| bytes.extend_from_slice(&tail));
        let (mut log, recovery) = open(&disk).unwrap();
        assert_eq!(recovery.trimmed.map(|trim| trim.bytes), reported);
        assert_eq!(disk.get(&segments(&disk)[0]), whole);
        assert_eq!(contents(&mut log).len(), 2);
    }
}

#[test]
fn a_hole_in_the_last_write_is_a_torn_tail_though_records_follow_it() {
    let disk = Simulated::new(3);
    let (mut log, _) = open(&disk).unwrap();
    log.append_batch(&[entry(1)]).unwrap();
    log.append_batch(&[entry(2), entry(3)]).unwrap();
    drop(log);
    let second = 64 + 24 + entry(1).len();
    change(&disk, 0, |bytes| bytes[second..second + 30].fill(0));
    let (mut log, recovery) = open(&disk).unwrap();
    assert_eq!(recovery.trimmed.unwrap().offset, second as u64);
    assert_eq!(contents(&mut log), [(1, entry(1))]);
}

#[test]
fn a_flipped_bit_anywhere_before_the_last_write_refuses_with_file_and_offset() {
    let (disk, whole) = (abandoned(3), abandoned(3).get(&segments(&abandoned(3))[0]).unwrap());
    let third = whole.len() - 24 - entry(3).len();
    for place in 64..third {
        let damaged = Simulated::new(3);
        let path = segments(&disk)[0].clone();
        let mut bytes = whole.clone();
        bytes[place] ^= 1 << (place % 8);
        damaged.put(&path, &bytes);
        let OpenError::Damaged { path: named, offset, .. } = refusal(&damaged) else {
            panic!("place {place}")
        };
        let begins = if place < 64 + 24 + entry(1).len() { 64 } else { 64 + 24 + entry(1).len() };
        assert_eq!((named, offset), (path, begins as u64));
        assert_eq!(damaged.get(&segments(&damaged)[0]).unwrap(), bytes, "a refusal changes nothing");
    }
}

#[test]
fn a_flipped_bit_in_the_last_write_refuses_once_the_lane_was_closed_or_acknowledged() {
    let disk = closed(3);
    change(&disk, 0, |bytes| *bytes.last_mut().unwrap() ^= 1);
    let refused = refusal(&disk);
    assert!(
        matches!(refused, OpenError::Missing { from, through, .. } if from == through && from.get() == 3),
        "{refused}"
    );

    let disk = abandoned(3);
    let (mut log, _) = open(&disk).unwrap();
    let last = log.read(10, 10_000).unwrap().last().unwrap();
    log.acknowledge(last).unwrap();
    drop(log);
    change(&disk, 0, |bytes| bytes.truncate(100));
    let refused = refusal(&disk);
    assert!(matches!(refused, OpenError::Missing { through, .. } if through == last), "{refused}");
}

#[test]
fn a_missing_segment_refuses_wherever_it_was() {
    let count = segments(&abandoned(12)).len();
    assert!(count >= 4, "the lane must have rotated");
    for missing in 0..count {
        let disk = closed(12);
        let path = segments(&disk)[missing].clone();
        let kept: Vec<_> = segments(&disk).into_iter().filter(|kept| *kept != path).collect();
        let copy = Simulated::new(9);
        for kept in kept.into_iter().chain([lane().join("progress")]) {
            copy.put(&kept, &disk.get(&kept).unwrap());
        }
        let refused = refusal(&copy);
        let OpenError::Missing { from, through, .. } = refused else {
            panic!("without {}: {refused}", path.display())
        };
        let first = |path: &PathBuf| path.file_stem().unwrap().to_str().unwrap().parse::<u64>().unwrap();
        let next = segments(&disk).get(missing + 1).map_or(13, first);
        assert_eq!((from.get(), through.get()), (first(&path), next - 1), "the message names what is gone");
    }
}

#[test]
fn a_file_with_a_name_like_a_segments_is_left_alone() {
    let disk = abandoned(2);
    for name in ["7.segment", "+0000000000000000007.segment"] {
        disk.put(&lane().join(name), &[0; 70]);
    }
    assert_eq!(contents(&mut open(&disk).unwrap().0).len(), 2);
    assert_eq!(segments(&disk).len(), 3);
}

#[test]
fn an_old_segment_that_is_cut_or_exchanged_refuses() {
    let disk = abandoned(12);
    change(&disk, 1, |bytes| bytes.truncate(bytes.len() - 1));
    assert!(matches!(refusal(&disk), OpenError::Damaged { flaw: Flaw::Short, .. }));

    let (disk, other) = (abandoned(12), Simulated::new(4));
    let (mut log, _) = open(&other).unwrap();
    for number in 1..=12 {
        log.append_batch(&[entry(number)]).unwrap();
    }
    let path = segments(&disk)[1].clone();
    disk.put(&path, &other.get(&path).unwrap());
    assert!(matches!(refusal(&disk), OpenError::Foreign { .. }));
}

#[test]
fn a_segment_whose_header_is_damaged_or_names_another_place_refuses() {
    for segment in [0, 1] {
        let disk = abandoned(12);
        change(&disk, segment, |bytes| bytes[20] ^= 1);
        let refused = refusal(&disk);
        assert!(matches!(refused, OpenError::Damaged { offset: 0, flaw: Flaw::Header, .. }), "{refused}");
    }
    let disk = abandoned(2);
    change(&disk, 0, |bytes| bytes[20] ^= 1);
    let refused = refusal(&disk);
    assert!(
        matches!(refused, OpenError::Damaged { flaw: Flaw::Header, .. }),
        "the only one is no unfinished one: {refused}"
    );

    let disk = abandoned(12);
    let named = segments(&disk)[1].clone();
    disk.put(&named, &disk.get(&segments(&disk)[0]).unwrap());
    let refused = refusal(&disk);
    let OpenError::Damaged { path, offset: 0, flaw: Flaw::Predecessor } = refused else {
        panic!("{refused}")
    };
    assert_eq!(path, named);
}

#[test]
fn a_progress_file_of_another_lane_refuses_and_one_that_cannot_be_opened_is_not_taken_for_none() {
    let (disk, other) = (closed(3), Simulated::new(4));
    open(&other).unwrap().0.close().unwrap();
    let path = lane().join("progress");
    disk.put(&path, &other.get(&path).unwrap());
    let refused = refusal(&disk);
    assert!(matches!(&refused, OpenError::Foreign { path: named, .. } if *named == path), "{refused}");

    let directory = tempfile::tempdir().unwrap();
    std::fs::create_dir(directory.path().join("progress")).unwrap();
    let refused = Log::open(&Disk, directory.path(), small()).map(|_| ()).unwrap_err();
    assert!(refused.to_string().contains("cannot read back the progress file"), "{refused}");
}

#[test]
fn an_old_segment_of_another_history_of_the_same_lane_refuses() {
    let (disk, other) = (abandoned(12), other_history(12));
    let path = segments(&disk)[0].clone();
    disk.put(&path, &other.get(&path).unwrap());
    let refused = refusal(&disk);
    assert!(matches!(refused, OpenError::Damaged { flaw: Flaw::Predecessor, .. }), "{refused}");
}

/// A lane like `abandoned`, with other contents of the same lengths.
fn other_history(entries: u64) -> Simulated {
    let disk = Simulated::new(3);
    let (mut log, _) = open(&disk).unwrap();
    for number in 1..=entries {
        let mut content = entry(number);
        *content.last_mut().unwrap() ^= 1;
        log.append_batch(&[content]).unwrap();
    }
    disk
}

#[test]
fn a_segment_exchanged_while_the_lane_is_open_stops_the_reader() {
    let (disk, other) = (abandoned(12), other_history(12));
    let (mut log, _) = open(&disk).unwrap();
    let path = segments(&disk)[1].clone();
    disk.put(&path, &other.get(&path).unwrap());
    log.read(100, 1 << 20).unwrap();
    let error = log.read(100, 1 << 20).unwrap_err();
    assert!(matches!(error, ReadError::Damaged { flaw: Flaw::Predecessor, .. }), "{error}");
}

#[test]
fn a_record_exchanged_for_a_whole_one_of_another_history_refuses() {
    let (disk, other) = (abandoned(3), other_history(3));
    let first = 64..64 + 24 + entry(1).len();
    let foreign = other.get(&segments(&other)[0]).unwrap()[first.clone()].to_vec();
    change(&disk, 0, |bytes| bytes[first.clone()].copy_from_slice(&foreign));
    let refused = refusal(&disk);
    let OpenError::Damaged { offset, flaw, .. } = refused else { panic!("{refused}") };
    assert_eq!((offset, flaw), (first.end as u64, Flaw::Chain));
}

#[test]
fn bytes_behind_the_stated_end_of_an_old_segment_are_ignored() {
    let disk = abandoned(12);
    change(&disk, 0, |bytes| bytes.extend_from_slice(&[1; 50]));
    let (mut log, recovery) = open(&disk).unwrap();
    assert_eq!(contents(&mut log), (1..=12).map(|number| (number, entry(number))).collect::<Vec<_>>());
    assert_eq!(recovery.backlog_bytes, (1..=12).map(|number| 24 + entry(number).len() as u64).sum::<u64>());
}

#[test]
fn a_clean_end_is_proof_even_after_a_power_loss() {
    let disk = closed(3);
    disk.restart(Loss::Unsynced);
    change(&disk, 0, |bytes| bytes.truncate(bytes.len() - 1));
    assert!(matches!(refusal(&disk), OpenError::Missing { .. }));
}

#[test]
fn a_begun_segment_proves_the_entries_before_it() {
    let disk = abandoned(2);
    disk.put(&lane().join(format!("{:020}.segment", 9)), &[]);
    let refused = refusal(&disk);
    let OpenError::Missing { from, through, .. } = refused else { panic!("{refused}") };
    assert_eq!((from.get(), through.get()), (3, 8));
}

#[test]
fn swapped_records_refuse() {
    let disk = abandoned(4);
    let (first, second) = (24 + entry(1).len(), 24 + entry(2).len());
    change(&disk, 0, |bytes| bytes[64..64 + first + second].rotate_left(first));
    assert!(matches!(refusal(&disk), OpenError::Damaged { offset: 64, .. }));
}

#[test]
fn an_unfinished_newest_segment_is_begun_anew() {
    for length in [0, 10, 63, 64] {
        let disk = abandoned(2);
        disk.put(&lane().join(format!("{:020}.segment", 3)), &vec![0; length]);
        let (mut log, recovery) = open(&disk).unwrap();
        assert_eq!(recovery.unfinished, Some(Position::new(3)));
        assert_eq!(segments(&disk).len(), 1, "it is removed");
        assert_eq!(log.append_batch(&[entry(3)]).unwrap(), Position::new(3));
        drop(log);
        let (mut log, recovery) = open(&disk).unwrap();
        assert!(recovery.is_clean(), "{recovery}");
        assert_eq!(contents(&mut log), [(1, entry(1)), (2, entry(2)), (3, entry(3))]);
    }
}

#[test]
fn a_zero_length_only_segment_opens_as_an_empty_lane_but_not_where_entries_had_been() {
    let disk = Simulated::new(3);
    disk.put(&lane().join(format!("{:020}.segment", 1)), &[]);
    let (mut log, _) = open(&disk).unwrap();
    assert_eq!(log.append_batch(&[entry(1)]).unwrap(), Position::new(1));

    let disk = closed(2);
    change(&disk, 0, Vec::clear);
    assert!(matches!(refusal(&disk), OpenError::Missing { .. }));
}

#[test]
fn a_lost_progress_file_delivers_again_and_says_so() {
    let disk = abandoned(12);
    let (mut log, _) = open(&disk).unwrap();
    let fifth = log.read(5, 10_000).unwrap().last().unwrap();
    log.acknowledge(fifth).unwrap();
    drop(log);
    let oldest = segments(&disk)[0].clone();
    assert!(!oldest.ends_with(format!("{:020}.segment", 1)), "the first segment has been removed");
    disk.put(&lane().join("progress"), &[0xee; 1024]);

    let (mut log, recovery) = open(&disk).unwrap();
    assert!(recovery.progress_lost && recovery.acknowledged < fifth);
    let first = recovery.acknowledged.get() + 1;
    assert_eq!(contents(&mut log), (first..=12).map(|number| (number, entry(number))).collect::<Vec<_>>());
}

#[test]
fn damage_that_comes_while_the_lane_is_open_stops_the_reader_and_skips_nothing() {
    let disk = abandoned(12);
    let (mut log, _) = open(&disk).unwrap();
    let path = segments(&disk)[1].clone();
    let mut bytes = disk.get(&path).unwrap();
    bytes[64 + 30] ^= 4;
    disk.put(&path, &bytes);
    let good = log.read(100, 1 << 20).unwrap();
    let error = log.read(100, 1 << 20).unwrap_err();
    assert!(
        matches!(&error, ReadError::Damaged { path: named, offset: 64, .. } if *named == path),
        "{error}"
    );
    let named = path.file_stem().unwrap().to_str().unwrap().parse::<u64>().unwrap();
    assert_eq!(good.last().unwrap().get() + 1, named);
    assert!(log.read(1, 1).is_err(), "the cursor stays before the damage");
}

#[test]
fn the_messages_say_where_and_what_to_do() {
    let disk = abandoned(3);
    change(&disk, 0, |bytes| bytes[70] ^= 1);
    let message = refusal(&disk).to_string();
    for part in ["00000000000000000001.segment", "byte 64", "restore the file from a copy"] {
        assert!(message.contains(part), "{message}");
    }
    for (flaw, said) in [
        (Flaw::Short, "the file ends inside the record"),
        (Flaw::Checksum, "the checksum does not match"),
        (Flaw::Sequence { found: 7, due: 5 }, "sequence 7 where 5 was due"),
        (Flaw::Chain, "does not follow"),
        (Flaw::Header, "header cannot be read"),
        (Flaw::Predecessor, "does not follow"),
    ] {
        assert!(flaw.to_string().contains(said), "{flaw}");
    }
    let disk = Simulated::new(1);
    let _first = open(&disk).unwrap();
    let message = refusal(&disk).to_string();
    assert!(message.contains("/lane/lock") && message.contains("lane of its own"), "{message}");
}

#[test]
fn a_process_that_dies_frees_the_lock_and_loses_nothing() {
    let disk = Simulated::new(1);
    let (mut log, _) = Log::open(&disk, lane(), small()).unwrap();
    log.append_batch(&[entry(1)]).unwrap();
    disk.restart(Loss::Nothing);
    let (mut log, _) = open(&disk).unwrap();
    assert_eq!(contents(&mut log), [(1, entry(1))]);
}

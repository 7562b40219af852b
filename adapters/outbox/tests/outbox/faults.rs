//! Failed syncs: never believed, never retried.

use outbox::simulated::{Loss, Simulated};
use outbox::{AppendError, Position};

use crate::support::{contents, entry, open, segments};

#[test]
fn a_failed_sync_poisons_until_the_lane_is_opened_again() {
    let disk = Simulated::new(1);
    let (mut log, _) = open(&disk).unwrap();
    log.append_batch(&[entry(1)]).unwrap();
    disk.fail_sync(1);
    let first = log.append_batch(&[entry(2)]).unwrap_err();
    let syncs = disk.syncs();
    let later = log.append_batch(&[entry(3)]).unwrap_err();
    let AppendError::Unknown { cause } = first else { panic!("{first}") };
    assert!(cause.contains("sync"), "{cause}");
    assert_eq!((later, disk.syncs()), (AppendError::Poisoned { cause }, syncs), "no later sync is asked");
    assert!(log.status().poisoned.is_some());
    assert_eq!(contents(&mut log), [(1, entry(1))], "only what was synced is delivered");
    drop(log);

    let (mut log, _) = open(&disk).unwrap();
    assert_eq!(log.append_batch(&[entry(2)]).unwrap(), Position::new(2));
    assert_eq!(contents(&mut log), [(1, entry(1)), (2, entry(2))]);
}

#[test]
fn pages_that_only_look_written_are_not_taken_for_entries() {
    let disk = Simulated::new(1);
    let (mut log, _) = open(&disk).unwrap();
    log.append_batch(&[entry(1)]).unwrap();
    disk.fail_sync(1);
    log.append_batch(&[entry(2)]).unwrap_err();
    drop(log);
    // The process restarts, the page cache still shows entry 2, and the disk never got it.
    let (mut log, recovery) = open(&disk).unwrap();
    assert_eq!(recovery.last, Position::new(1));
    for number in 2..=5 {
        log.append_batch(&[entry(number)]).unwrap();
    }
    disk.restart(Loss::Unsynced);
    let (mut log, recovery) = open(&disk).unwrap();
    assert!(recovery.is_clean(), "{recovery}");
    assert_eq!(contents(&mut log), (1..=5).map(|number| (number, entry(number))).collect::<Vec<_>>());
}

#[test]
fn a_failed_sync_of_a_new_segment_or_of_its_directory_poisons_too() {
    for nth in [1, 2] {
        let disk = Simulated::new(1);
        let (mut log, _) = open(&disk).unwrap();
        disk.fail_sync(nth);
        let refused = log.append_batch(&[entry(1)]).unwrap_err();
        assert!(matches!(refused, AppendError::Unknown { .. }), "{refused}");
        drop(log);
        disk.restart(Loss::Unsynced);
        let (mut log, _) = open(&disk).unwrap();
        assert_eq!(log.append_batch(&[entry(1)]).unwrap(), Position::new(1));
    }
}

#[test]
fn a_failed_sync_while_opening_refuses_to_open() {
    let disk = Simulated::new(1);
    open(&disk).unwrap().0.append_batch(&[entry(1)]).unwrap();
    disk.fail_sync(1);
    let refused = open(&disk).map(|_| ()).unwrap_err().to_string();
    assert!(refused.contains("cannot sync /lane/00000000000000000001.segment"), "{refused}");
    assert_eq!(open(&disk).unwrap().1.last, Position::new(1));
}

#[test]
fn a_segment_that_found_no_room_does_not_hide_a_failed_sync_in_the_one_before_it() {
    let disk = Simulated::new(1);
    let (mut log, _) = open(&disk).unwrap();
    log.append_batch(&[vec![1; 250]]).unwrap();
    for nth in [1, 2] {
        disk.fill_at_write(nth);
    }
    log.append_batch(&[vec![2; 250]]).unwrap_err();
    assert_eq!(segments(&disk).len(), 2, "the begun segment is left behind");
    disk.fail_sync(1);
    log.append_batch(&[[3]]).unwrap_err();
    drop(log);

    let (mut log, recovery) = open(&disk).unwrap();
    assert_eq!(
        recovery.last,
        Position::new(1),
        "what the cache shows of the second entry is not on the disk"
    );
    assert_eq!(log.append_batch(&[entry(2)]).unwrap(), Position::new(2));
    disk.restart(Loss::Unsynced);
    assert_eq!(open(&disk).unwrap().1.last, Position::new(2));
}

#[test]
fn no_segment_is_removed_on_the_word_of_a_position_that_may_be_lost() {
    let disk = Simulated::new(1);
    let (mut log, _) = open(&disk).unwrap();
    for number in 1..=8 {
        log.append_batch(&[entry(number)]).unwrap();
    }
    let before = segments(&disk);
    let last = log.read(100, 10_000).unwrap().last().unwrap();
    disk.fail_sync(1);
    let refused = log.acknowledge(last).unwrap_err().to_string();
    assert!(refused.contains("sync /lane/progress"), "{refused}");
    assert_eq!(segments(&disk), before);
    drop(log);

    // The process restarts and reads back what the disk holds of the position: nothing.
    let (_, recovery) = open(&disk).unwrap();
    assert_eq!((recovery.acknowledged, segments(&disk)), (Position::ORIGIN, before));
    disk.restart(Loss::Unsynced);
    let (mut log, _) = open(&disk).unwrap();
    assert_eq!(contents(&mut log).len(), 8);
}

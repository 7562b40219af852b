//! What happens when there is no room, and when there is again.

use outbox::simulated::{Loss, Simulated};
use outbox::{AckError, AppendError, Disk, Filesystem as _, Log, OpenError, Position, Settings, Shortage};

use crate::support::{contents, entry, lane, open, segments, small};

fn bytes_used(disk: &Simulated) -> u64 {
    disk.paths().iter().map(|path| disk.get(path).unwrap().len() as u64).sum()
}

#[test]
fn a_full_disk_ends_the_work_at_hand_on_the_reserve_then_refuses_then_recovers_by_itself() {
    let disk = Simulated::new(1);
    let (mut log, _) = open(&disk).unwrap();
    log.append_batch(&[entry(1)]).unwrap();
    disk.limit(Some(bytes_used(&disk)));

    assert_eq!(log.append_batch(&[entry(2)]).unwrap(), Position::new(2), "on the reserve");
    let refused = log.append_batch(&[entry(3)]).unwrap_err();
    assert!(matches!(refused, AppendError::Full { shortage: Shortage::Disk { .. } }), "{refused}");
    assert!(refused.to_string().ends_with("; free space on its disk"), "{refused}");
    assert!(log.status().full && log.status().poisoned.is_none());
    assert_eq!(disk.get(&lane().join("reserve")), Some(Vec::new()), "half a reserve is of use to nobody");
    assert_eq!(contents(&mut log).len(), 2, "what is in the log is still delivered");

    disk.limit(None);
    log.regain().unwrap();
    assert!(!log.status().full);
    assert_eq!(log.append_batch(&[entry(3)]).unwrap(), Position::new(3));
    drop(log);
    let (mut log, recovery) = open(&disk).unwrap();
    assert!(recovery.is_clean(), "{recovery}");
    assert_eq!(contents(&mut log), [(1, entry(1)), (2, entry(2)), (3, entry(3))]);
}

#[test]
fn a_lane_on_a_full_disk_still_opens_and_drains() {
    let disk = Simulated::new(1);
    let settings = Settings { reserve_bytes: 0, ..small() };
    let (mut log, _) = Log::open(&disk, lane(), settings).unwrap();
    for number in 1..=12 {
        log.append_batch(&[entry(number)]).unwrap();
    }
    // Twice, so that the progress file is there; it needs no more space after its first write.
    let first = log.read(1, 1000).unwrap().last().unwrap();
    log.acknowledge(first).unwrap();
    drop(log);
    disk.limit(Some(bytes_used(&disk)));

    let (mut log, _) = open(&disk).unwrap();
    assert!(log.status().full);
    assert_eq!(contents(&mut log).len(), 11);
    log.acknowledge(Position::new(12)).unwrap();
    assert_eq!(log.status().backlog_entries, 0);
    assert_eq!(segments(&disk).len(), 1, "draining gives the space back");
}

#[test]
fn the_backlog_limit_refuses_until_the_consumer_acknowledges() {
    let disk = Simulated::new(1);
    let settings = Settings { backlog_bytes_max: 2200, ..small() };
    let (mut log, _) = Log::open(&disk, lane(), settings).unwrap();
    let mut count = 0;
    let refused = loop {
        match log.append_batch(&[entry(count + 1)]) {
            Ok(position) => count = position.get(),
            Err(refused) => break refused,
        }
    };
    assert!(count > 10);
    assert!(refused.to_string().ends_with("(limit 2200); is the consumer running?"), "{refused}");
    let AppendError::Full { shortage: Shortage::Backlog { bytes, .. } } = refused else {
        panic!("{refused}")
    };
    let written: usize = (1..=count).map(|number| 24 + entry(number).len()).sum();
    assert_eq!((bytes, log.status().backlog_bytes), (written as u64, written as u64));

    assert_eq!(contents(&mut log).len() as u64, count);
    log.acknowledge(Position::new(count / 2)).unwrap();
    assert_eq!(log.append_batch(&[entry(count + 1)]).unwrap(), Position::new(count + 1));
    log.acknowledge(Position::new(count)).unwrap();
    assert_eq!(log.status().backlog_bytes, 24 + entry(count + 1).len() as u64);
    assert_eq!(segments(&disk).len(), 1);
}

#[test]
fn a_backlog_is_full_only_above_its_limit() {
    let settings = Settings { entry_bytes_max: 76, backlog_bytes_max: 200, ..small() };
    let (mut log, _) = Log::open(&Simulated::new(1), lane(), settings).unwrap();
    for number in 1..=2 {
        assert_eq!(log.append_batch(&[[0; 76]]).unwrap(), Position::new(number));
    }
    assert!(log.append_batch(&[Vec::new()]).is_err());
}

#[test]
fn a_crash_while_the_disk_is_full_loses_nothing_promised() {
    let disk = Simulated::new(1);
    let (mut log, _) = open(&disk).unwrap();
    log.append_batch(&[entry(1), entry(2)]).unwrap();
    disk.limit(Some(bytes_used(&disk) + 40));
    log.append_batch(&[entry(3), entry(4)]).unwrap();
    assert!(log.append_batch(&[entry(5)]).is_err());
    disk.restart(Loss::Unsynced);
    let (mut log, _) = open(&disk).unwrap();
    assert_eq!(contents(&mut log), (1..=4).map(|number| (number, entry(number))).collect::<Vec<_>>());
}

#[test]
fn a_full_disk_refuses_a_new_segment_and_accepts_it_later() {
    let disk = Simulated::new(1);
    let settings = Settings { reserve_bytes: 0, ..small() };
    let (mut log, _) = Log::open(&disk, lane(), settings).unwrap();
    let long = vec![7; 350];
    log.append_batch(&[&long]).unwrap();
    disk.limit(Some(bytes_used(&disk) + 20));
    assert!(matches!(log.append_batch(&[&long]), Err(AppendError::Full { .. })));
    disk.limit(None);
    assert_eq!(log.append_batch(&[&long]).unwrap(), Position::new(2));
    drop(log);
    assert_eq!(open(&disk).unwrap().1.backlog_entries, 2);
}

#[test]
fn too_large_an_entry_and_settings_that_cannot_work_are_refused() {
    let disk = Simulated::new(1);
    let (mut log, _) = open(&disk).unwrap();
    let refused = log.append_batch(&[vec![0; 2049]]).unwrap_err();
    assert_eq!(refused, AppendError::TooLarge { bytes: 2049, bytes_max: 2048 });
    log.append_batch(&[vec![0; 2048]]).unwrap();
    log.append_batch(&[Vec::<u8>::new()]).unwrap();
    assert_eq!(contents(&mut log), [(1, vec![0; 2048]), (2, vec![])]);

    let settings = Settings { backlog_bytes_max: 100, ..small() };
    let refused = Log::open(&Simulated::new(1), lane(), settings).map(|_| ()).unwrap_err();
    assert!(matches!(refused, OpenError::Setting { field: "backlog_bytes_max", .. }), "{refused}");
}

#[test]
fn a_setting_is_refused_from_where_it_cannot_work() {
    const ENTRY_MAX: usize = (4 << 20) - 24;
    let backlog_bytes_max = 4 << 20;
    let entry = |entry_bytes_max| Settings { entry_bytes_max, backlog_bytes_max, ..small() };
    let cases = [
        (entry(0), Some("entry_bytes_max")),
        (entry(1), None),
        (entry(ENTRY_MAX), None),
        (entry(ENTRY_MAX + 1), Some("entry_bytes_max")),
        (Settings { waiting_max: 0, ..small() }, Some("waiting_max")),
        (Settings { segment_bytes_max: 64, ..small() }, Some("segment_bytes_max")),
        (Settings { segment_bytes_max: 65, ..small() }, None),
        (Settings { backlog_bytes_max: (2 << 10) + 23, ..small() }, Some("backlog_bytes_max")),
        (Settings { backlog_bytes_max: (2 << 10) + 24, ..small() }, None),
    ];
    for (settings, flawed) in cases {
        assert_eq!(settings.flaw().map(|(field, _)| field), flawed, "{settings:?}");
    }
}

#[test]
fn acknowledging_what_was_never_read_is_refused_and_the_past_is_no_news() {
    let disk = Simulated::new(1);
    let (mut log, _) = open(&disk).unwrap();
    log.append_batch(&[entry(1), entry(2), entry(3)]).unwrap();
    log.read(2, 1000).unwrap();
    let refused = log.acknowledge(Position::new(3)).unwrap_err();
    assert!(matches!(refused, AckError::Unread { read, .. } if read.get() == 2), "{refused}");
    log.acknowledge(Position::new(2)).unwrap();
    log.acknowledge(Position::new(1)).unwrap();
    log.rewind();
    assert_eq!(log.read(10, 1000).unwrap().last(), Some(Position::new(3)));
}

#[test]
fn a_read_keeps_its_limits_yet_always_moves() {
    let disk = Simulated::new(1);
    let (mut log, _) = open(&disk).unwrap();
    let sizes = [100, 100, 900, 10];
    let entries: Vec<_> = sizes.iter().map(|size| vec![1; *size]).collect();
    log.append_batch(&entries).unwrap();
    assert_eq!(log.read(10, 200).unwrap().entries.len(), 2, "to the last byte");
    log.rewind();
    let counts: Vec<_> = (0..5).map(|_| log.read(10, 150).unwrap().entries.len()).collect();
    assert_eq!(counts, [1, 1, 1, 1, 0]);
    log.rewind();
    assert_eq!(log.read(2, 10_000).unwrap().entries.len(), 2);
    assert!(log.read(0, 10_000).unwrap().is_empty());
}

#[test]
fn after_a_rewind_all_that_was_ever_read_may_be_acknowledged() {
    let disk = Simulated::new(1);
    let (mut log, _) = open(&disk).unwrap();
    log.append_batch(&(1..=5).map(entry).collect::<Vec<_>>()).unwrap();
    log.read(4, 10_000).unwrap();
    log.rewind();
    log.read(1, 10_000).unwrap();
    log.acknowledge(Position::new(3)).unwrap();
    let next = log.read(1, 10_000).unwrap().entries;
    assert_eq!(next[0].0, Position::new(4), "what is acknowledged is not delivered again");
}

#[test]
fn acknowledging_to_the_end_of_a_segment_removes_it_and_the_backlog_comes_back_to_nothing() {
    let disk = Simulated::new(1);
    let (mut log, _) = open(&disk).unwrap();
    for number in 1..=12 {
        log.append_batch(&[entry(number)]).unwrap();
    }
    log.read(100, 1 << 20).unwrap();
    while segments(&disk).len() > 1 {
        let second = segments(&disk)[1].clone();
        let first: u64 = second.file_stem().unwrap().to_str().unwrap().parse().unwrap();
        log.acknowledge(Position::new(first - 1)).unwrap();
        assert_eq!(segments(&disk)[0], second);
    }
    log.acknowledge(Position::new(12)).unwrap();
    assert_eq!((log.status().backlog_bytes, log.status().backlog_entries), (0, 0));
}

#[test]
fn a_segment_that_somebody_removed_is_removed_and_one_that_cannot_be_is_told() {
    let disk = Simulated::new(1);
    let (mut log, _) = open(&disk).unwrap();
    log.append_batch(&(1..=3).map(|_| vec![0; 300]).collect::<Vec<_>>()).unwrap();
    log.append_batch(&[entry(4)]).unwrap();
    let last = log.read(100, 10_000).unwrap().last().unwrap();
    disk.remove(&segments(&disk)[0]).unwrap();
    log.acknowledge(last).unwrap();

    let directory = tempfile::tempdir().unwrap();
    let (mut log, recovery) = Log::open(&Disk, directory.path(), small()).unwrap();
    assert_eq!((recovery.segments, recovery.is_clean()), (0, true));
    for _ in 0..2 {
        log.append_batch(&[vec![0; 300]]).unwrap();
    }
    let last = log.read(100, 10_000).unwrap().last().unwrap();
    let first = directory.path().join(format!("{:020}.segment", 1));
    std::fs::remove_file(&first).unwrap();
    std::fs::create_dir(&first).unwrap();
    let refused = log.acknowledge(last).unwrap_err().to_string();
    assert!(refused.contains("remove"), "{refused}");
}

#[test]
fn the_reserve_follows_its_setting() {
    let disk = Simulated::new(1);
    for reserve_bytes in [500, 2000, 100] {
        let settings = Settings { reserve_bytes, ..small() };
        drop(Log::open(&disk, lane(), settings).unwrap());
        assert_eq!(disk.get(&lane().join("reserve")).unwrap().len() as u64, reserve_bytes);
    }
    for disk in [disk, Simulated::new(1)] {
        let (mut log, _) = Log::open(&disk, lane(), Settings { reserve_bytes: 0, ..small() }).unwrap();
        assert_eq!(disk.get(&lane().join("reserve")), None, "a reserve of nothing is no file");
        log.append_batch(&[entry(1)]).unwrap();
        assert_eq!(disk.get(&lane().join("reserve")), None, "and becomes none");
    }
}

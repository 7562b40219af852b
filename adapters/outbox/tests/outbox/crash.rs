//! One scripted run, stopped at every single operation, with every kind of loss.

use outbox::simulated::{Loss, Simulated};
use outbox::{AppendError, Log, Position};

use crate::support::{contents, entry, open_laid_out as open};

/// What somebody outside knows about a run.
#[derive(Debug, Default)]
struct Witness {
    /// Entries through this one were promised.
    promised: u64,
    /// Entries through this one were handed to the log.
    attempted: u64,
    /// Entries through this one were acknowledged, or tried to be.
    acknowledged: u64,
}

/// Appends, reads, acknowledges and reopens until the end or until something fails.
fn script(disk: &Simulated, witness: &mut Witness) -> Option<()> {
    for _ in 0..2 {
        let (mut log, _) = open(disk).ok()?;
        assert!(log.status().durable.get() >= witness.promised);
        for size in [1, 3, 2, 5, 1, 4] {
            append(&mut log, size, witness)?;
            let batch = log.read(4, 1000).ok()?;
            if let Some((position, _)) = batch.entries.get(batch.entries.len() / 2) {
                witness.acknowledged = witness.acknowledged.max(position.get());
                log.acknowledge(*position).ok()?;
            }
        }
        log.close().ok()?;
    }
    Some(())
}

fn append(log: &mut Log<Simulated>, size: u64, witness: &mut Witness) -> Option<()> {
    let first = log.status().durable.get() + 1;
    let entries: Vec<_> = (first..first + size).map(entry).collect();
    witness.attempted = first + size - 1;
    let last = log.append_batch(&entries).ok()?;
    assert_eq!(last.get(), witness.attempted);
    witness.promised = last.get();
    Some(())
}

/// Opens, and holds the log against what was promised.
fn check(disk: &Simulated, witness: &Witness, case: &str) {
    let (mut log, recovery) = open(disk).unwrap_or_else(|error| panic!("{case}: {error}"));
    let last = recovery.last.get();
    assert!(last >= witness.promised, "{case}: promised {witness:?}, recovered {recovery}");
    assert!(last <= witness.attempted, "{case}: {recovery} has more than {witness:?}");
    assert!(recovery.acknowledged.get() <= witness.acknowledged, "{case}: {recovery} skips {witness:?}");
    let expected: Vec<_> =
        (recovery.acknowledged.get() + 1..=last).map(|number| (number, entry(number))).collect();
    assert_eq!(contents(&mut log), expected, "{case}");

    let next = log.append_batch(&[entry(last + 1)]).unwrap_or_else(|error| panic!("{case}: {error}"));
    assert_eq!(next, Position::new(last + 1), "{case}");
}

/// The run without a fault; how many operations it takes.
fn length() -> u64 {
    let disk = Simulated::new(1);
    let mut witness = Witness::default();
    script(&disk, &mut witness).unwrap();
    assert_eq!(witness.promised, 32);
    check(&disk, &witness, "no fault");
    disk.operations()
}

#[test]
fn what_was_promised_survives_a_crash_at_every_operation() {
    let losses = [Loss::Nothing, Loss::Unsynced].into_iter().chain((0..12).map(Loss::Some));
    for loss in losses {
        for nth in 1..=length() {
            let (disk, mut witness) = (Simulated::new(1), Witness::default());
            disk.crash_at(nth);
            script(&disk, &mut witness);
            assert!(disk.is_down() || nth > disk.operations() - 5);
            disk.restart(loss);
            check(&disk, &witness, &format!("crash at {nth}, {loss:?}"));
        }
    }
}

#[test]
fn a_crash_at_every_operation_of_the_recovery_loses_nothing_either() {
    for nth in 1..=length() {
        for again in 1..6 {
            for seed in 0..3 {
                let (disk, mut witness) = (Simulated::new(1), Witness::default());
                disk.crash_at(nth);
                script(&disk, &mut witness);
                disk.restart(Loss::Some(seed));
                disk.crash_at(again);
                drop(open(&disk));
                disk.restart(Loss::Some(seed + 100));
                check(&disk, &witness, &format!("crash at {nth}, then at {again}, seed {seed}"));
            }
        }
    }
}

#[test]
fn after_a_failed_sync_at_every_place_nothing_promised_is_missing() {
    let disk = Simulated::new(1);
    script(&disk, &mut Witness::default()).unwrap();
    for nth in 1..=disk.syncs() {
        for loss in [Loss::Nothing, Loss::Unsynced, Loss::Some(nth)] {
            for kept in [None, Some(nth)] {
                let (disk, mut witness) = (Simulated::new(1), Witness::default());
                kept.into_iter().for_each(|seed| disk.keep_some_of_failed_syncs(seed));
                disk.fail_sync(nth);
                script(&disk, &mut witness);
                disk.restart(loss);
                check(&disk, &witness, &format!("sync {nth} fails, {loss:?}, kept by {kept:?}"));
            }
        }
    }
}

#[test]
fn a_write_without_room_at_every_place_refuses_and_leaves_no_half_record() {
    let disk = Simulated::new(1);
    script(&disk, &mut Witness::default()).unwrap();
    for nth in 1..=disk.writes() {
        let (disk, mut witness) = (Simulated::new(1), Witness::default());
        disk.fill_at_write(nth);
        // The reserve takes the first blow; the second write without room is the refusal.
        disk.fill_at_write(nth + 1);
        let finished = script(&disk, &mut witness);
        disk.restart(Loss::Some(nth));
        check(&disk, &witness, &format!("write {nth} finds no room, finished: {}", finished.is_some()));
    }
}

#[test]
fn a_refused_batch_leaves_the_log_as_it_was() {
    let disk = Simulated::new(1);
    let (mut log, _) = open(&disk).unwrap();
    log.append_batch(&[entry(1)]).unwrap();
    for nth in [1, 2] {
        disk.fill_at_write(nth);
    }
    let refused = log.append_batch(&[entry(2), entry(3)]).unwrap_err();
    assert!(matches!(refused, AppendError::Full { .. }), "{refused}");
    assert_eq!(log.append_batch(&[entry(2)]).unwrap(), Position::new(2));
    assert_eq!(contents(&mut log), [(1, entry(1)), (2, entry(2))]);
}

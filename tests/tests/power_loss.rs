//! Power loss under the real binary: everything that was not synced is gone, and what was acknowledged is there.
//!
//! And the rig itself: with syncs that are eaten it must find sales lost.

#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stderr, reason = "a test")]

use std::fs;
use std::time::Duration;

use system_tests::power::{CALLS, Disk};
use system_tests::roles::{Role, Roles};
use system_tests::sales::{report, report_all};
use system_tests::sweep::{Fate, Fates, judge, on_platforms};
use system_tests::tracer::{Injection, Tracer};
use system_tests::wait::wait_for;
use system_tests::{Acknowledged, Client, Data, Sale};

const MINUTE: Duration = Duration::from_secs(60);
const SALES: usize = 40;

/// Small segments, so that the loss hits new files and their names as well.
const SMALL: &str = "segment_bytes_max = 8192\nahead_bytes = 2048\nreserve_bytes = 0";

/// Sells, loses the power, and says what became of every sale. `injection` is what the disk does meanwhile.
fn sell_and_lose_power(injection: Option<&Injection>) -> (Acknowledged, Fates, usize) {
    let data = Data::prepared();
    data.set_deduplicates(|_| Some(true));
    let mut roles = Roles::start_with(data, SMALL);
    // Nobody takes anything from the outbox, which has it alone.
    roles.processor.kill();
    let mut seen = Acknowledged::default();
    let first = Sale::plain(789, "POWER-0", "7.25");
    seen.orders.insert(first.order.clone(), report(&mut Client::new(roles.edge_address()), &first).unwrap());
    let lane = roles.data.file("outbox/lane-1");
    let mut disk = Disk::new(&lane);
    let log = roles.data.file("trace.log");
    let tracer = Tracer::journal(roles.edge.id(), "outbox-committer", CALLS, injection, &log);
    let sales: Vec<Sale> =
        (1..=SALES).map(|number| Sale::plain(789, &format!("POWER-{number}"), "7.25")).collect();
    let more = report_all(roles.edge_address(), &sales, 4);
    seen.orders.extend(more.orders);
    seen.not.extend(more.not);
    roles.edge.kill();
    drop(tracer);
    let (writes, syncs) = disk.replay(&fs::read_to_string(&log).unwrap());
    eprintln!("{} acknowledged over {writes} writes and {syncs} syncs", seen.orders.len());
    assert!(writes >= 5, "the journal is not read");
    disk.lose();
    if injection.is_some() {
        // The note of how far the outbox had come would not let it start: here nothing stands between loss and books.
        fs::remove_dir_all(roles.data.file("marks")).unwrap();
    }
    roles.crash(Role::Edge);
    roles.crash(Role::Processor);
    wait_for("everything is delivered", MINUTE, || roles.is_drained().then_some(()));
    let fates = judge(&seen, &roles.ledger().rows(), &on_platforms(&roles.lab()));
    (seen, fates, syncs)
}

#[test]
fn what_was_acknowledged_survives_the_loss_of_everything_that_was_not_synced() {
    let (seen, fates, syncs) = sell_and_lose_power(None);
    assert_eq!(seen.orders.len(), SALES + 1, "{:?}", seen.not);
    assert!(syncs >= 5, "{syncs} syncs");
    assert_eq!(fates.keys().copied().collect::<Vec<_>>(), [Fate::Delivered], "{fates:#?}");
}

#[test]
fn with_syncs_that_are_eaten_the_rig_finds_sales_lost() {
    let (seen, fates, syncs) = sell_and_lose_power(Some(&Injection::eaten("fdatasync")));
    assert_eq!(seen.orders.len(), SALES + 1, "it believes its disk: {:?}", seen.not);
    assert_eq!(syncs, 0, "no sync of a file gets through");
    assert!(fates.get(&Fate::Lost).is_some_and(|lost| lost.len() >= SALES / 2), "{fates:#?}");
}

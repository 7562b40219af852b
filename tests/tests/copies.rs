//! A second copy before the reply: an edge that loses its disk loses no sale.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test")]

use std::collections::BTreeMap;
use std::fs;
use std::time::Duration;

use system_tests::books::booked;
use system_tests::process::Process;
use system_tests::roles::Roles;
use system_tests::sales::report_all;
use system_tests::{Data, Sale, wait_for};

const SALES: usize = 200;
const MINUTE: Duration = Duration::from_secs(60);

/// Another edge, with a data directory of its own, that keeps copies.
fn keeper(roles: &Roles) -> Process {
    let folder = roles.data.file("keeper");
    fs::create_dir(&folder).unwrap();
    fs::copy(roles.data.file("secrets.toml"), folder.join("secrets.toml")).unwrap();
    let text = fs::read_to_string(roles.data.file("edge.toml")).unwrap();
    let any = "127.0.0.1:0";
    let text = text.replacen(&format!("data = {:?}", roles.data.text()), &format!("data = {folder:?}"), 1);
    let text =
        text.replacen(&format!("listen = {:?}", roles.edge_address()), &format!("listen = {any:?}"), 1);
    let config = roles.data.file("keeper.toml");
    fs::write(&config, text + &format!("copies_listen = {any:?}\nlane = \"keeper\"\n")).unwrap();
    let config = config.display().to_string();
    Process::start(
        &["serve", "--role", "edge", "--config", &config, "--json"],
        &roles.data.file("keeper.err"),
    )
}

#[test]
fn an_edge_that_loses_its_disk_before_handing_over_loses_no_acknowledged_sale() {
    let mut roles = Roles::start(Data::prepared());
    let keeper = keeper(&roles);
    let config = roles.data.file("edge.toml");
    let text = fs::read_to_string(&config).unwrap();
    let copies = format!("copies_to = {:?}\ncopy_wait = \"20s\"\n", keeper.address("edge_copies"));
    fs::write(&config, text + &copies).unwrap();
    roles.crash_edge();
    roles.processor.kill();

    let sale = |number| Sale::plain(789, &format!("COPY-{number}"), "3.00");
    let sales: Vec<Sale> = (0..SALES).map(sale).collect();
    let seen = report_all(roles.edge_address(), &sales, 8);
    assert_eq!(seen.not, BTreeMap::new());

    // The machine is gone, with everything that only its disk had.
    roles.edge.kill();
    fs::remove_dir_all(roles.data.file("outbox")).unwrap();
    fs::remove_dir_all(roles.data.file("marks")).unwrap();
    roles.crash_processor();
    wait_for("the keeper hands the copies over", MINUTE, || {
        (booked(&roles.ledger().rows()).len() == SALES).then_some(())
    });
    let counts = booked(&roles.ledger().rows());
    assert!(seen.orders.keys().all(|order| counts.get(order) == Some(&1)), "{counts:?}");

    // What both hand over is booked once.
    roles.crash_edge();
    let again: Vec<Sale> = (SALES..2 * SALES).map(sale).collect();
    assert_eq!(report_all(roles.edge_address(), &again, 8).not, BTreeMap::new());
    wait_for("everything is booked", MINUTE, || {
        (booked(&roles.ledger().rows()).len() == 2 * SALES).then_some(())
    });
    assert_eq!(roles.ledger().assert_balances(), 2 * SALES as u64);
    roles.edge.assert_calm();
    keeper.assert_calm();
}

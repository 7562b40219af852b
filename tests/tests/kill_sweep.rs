//! Edge and processor killed at the n-th system call, for one n after the other.
//!
//! One world lives through all kills of a sweep: each start after a kill is the recovery of the one before, and every
//! sale that was ever acknowledged is looked for at the end. A sale's reference names the kill that it met.
//! `TURNOUT_SWEEP=full` sweeps every n; without it the first ones and some of the later ones.

#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stderr, reason = "a test")]

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use serde_json::json;
use system_tests::roles::{Role, Roles};
use system_tests::sales::report;
use system_tests::sweep::{Fate, judge, on_platforms};
use system_tests::system::Merchant;
use system_tests::tracer::{Injection, Tracer};
use system_tests::wait::{wait_for, wait_until};
use system_tests::{Acknowledged, Client, Data, Sale};

/// Segments of a few sales, laid out in small steps, so that a few sales begin, lengthen, end and remove them.
const SMALL: &str = "segment_bytes_max = 1536\nahead_bytes = 512\nreserve_bytes = 65536";

/// The sales of one kill. A sweep of a call ends with the first n that so many sales do not reach.
const SALES: usize = 12;

/// Sweeps end here at the latest, should a call never stop being reached.
const NTH_MAX: usize = 60;

const MINUTE: Duration = Duration::from_secs(60);

struct Sweep {
    roles: Roles,
    merchants: Vec<Merchant>,
    seen: Acknowledged,
    sold: usize,
    kills: usize,
}

impl Sweep {
    /// Half of the merchants' copies are folded by their platform, and those of the others are not.
    fn start() -> Self {
        let data = Data::prepared();
        data.set_deduplicates(|merchant| Some(folds(merchant)));
        data.set("attempt_deadline", "\"2s\"");
        let roles = Roles::start_with(data, SMALL);
        let lab = roles.lab();
        let merchants: Vec<Merchant> = lab.moved().into_iter().chain(lab.not_moved()).collect();
        let dedup = |one: &Merchant| json!({ "legacy_id": one.legacy_id, "dedup": folds(one.legacy_id) });
        lab.settings(&json!({
            "advertisers": merchants.iter().map(dedup).collect::<Vec<_>>(),
            "primary_rate_limit_per_minute": 0,
        }));
        Self { roles, merchants, seen: Acknowledged::default(), sold: 0, kills: 0 }
    }

    /// Sells until the process of this role has ended, or enough is sold.
    fn sell(&mut self, role: Role, what: &str) {
        let mut shop = Client::new(self.roles.edge_address());
        for _ in 0..SALES {
            let merchant = &self.merchants[self.sold % self.merchants.len()];
            self.sold += 1;
            let mut sale = Sale::plain(merchant.legacy_id, &format!("{what}-{}", self.sold), "7.25");
            sale.currency = Some(merchant.currency.clone());
            match report(&mut shop, &sale) {
                Ok(took) => drop(self.seen.orders.insert(sale.order, took)),
                Err(why) => drop(self.seen.not.insert(sale.order, why)),
            }
            if !self.roles.process(role).is_running() {
                return;
            }
        }
    }

    /// Kills at the n-th of these calls of a running process's thread, for each n. How many kills there were.
    fn at_work(&mut self, role: Role, thread: Option<&str>, calls: &str) {
        for nth in nths() {
            let log = self.roles.data.file("trace.log");
            let tracer =
                Tracer::attach(self.roles.process(role).id(), thread, &Injection::kill(calls, nth), &log);
            self.sell(role, &format!("{}-{calls}-{nth}", role.name()));
            let killed = self.ends(role);
            drop(tracer);
            // The questions that `ends` asks are calls too: the last of them may have been the n-th.
            if !killed && self.roles.is_drained() {
                eprintln!("{}, {calls}: {SALES} sales do not reach the call {nth}", role.name());
                return;
            }
            self.kills += 1;
            self.roles.crash(role);
        }
    }

    /// Whether the process ends before everything is worked off.
    fn ends(&mut self, role: Role) -> bool {
        let look = || (self.roles.process(role).is_running(), self.roles.is_drained());
        let (running, _) =
            wait_until("the work is done", MINUTE, look, |(running, drained)| !running || *drained);
        !running
    }

    /// Kills at the n-th of these calls on the files of a role that starts after a kill, for each n.
    fn at_start(&mut self, role: Role, files: fn(&Data) -> Vec<PathBuf>, calls: &str) {
        for nth in nths() {
            self.roles.process(role).kill();
            let injection = Injection::kill(calls, nth).only(files(&self.roles.data));
            if self.roles.crash_into(role, &injection) {
                eprintln!("{}, {calls}: no start reaches the call {nth}", role.name());
                return;
            }
            self.kills += 1;
        }
    }

    /// Everything is handed over and delivered, and every sale has the fate that it must have.
    fn everything_adds_up(mut self, kills_min: usize) {
        self.roles.crash(Role::Edge);
        self.roles.crash(Role::Processor);
        wait_for("everything is delivered", MINUTE, || self.roles.is_drained().then_some(()));
        let (ledger, lab) = (self.roles.ledger(), self.roles.lab());
        let fates = judge(&self.seen, &ledger.rows(), &on_platforms(&lab));
        let counts: BTreeMap<Fate, usize> =
            fates.iter().map(|(fate, orders)| (*fate, orders.len())).collect();
        let (acknowledged, not) = (self.seen.orders.len(), self.seen.not.len());
        eprintln!("{} kills, {acknowledged} sales acknowledged, {not} not: {counts:?}", self.kills);
        for fate in [Fate::Lost, Fate::Duplicated, Fate::Unexpected, Fate::Queued, Fate::Dead] {
            assert_eq!(fates.get(&fate), None, "{fate:?}");
        }
        let moved: Vec<u64> = lab.moved().iter().map(|one| one.legacy_id).collect();
        for order in fates.get(&Fate::Unknown).into_iter().flatten() {
            assert!(
                !(folds(order.0) && moved.contains(&order.0)),
                "{order:?} may be sent again, and stands as unknown"
            );
        }
        ledger.assert_balances();
        self.roles.edge.assert_calm();
        self.roles.processor.assert_calm();
        assert!(self.kills >= kills_min, "{} kills: the test proves nothing", self.kills);
    }
}

const fn folds(merchant: u64) -> bool {
    merchant.is_multiple_of(2)
}

/// The files of the lane, and the lane itself.
fn lane(data: &Data) -> Vec<PathBuf> {
    let lane = data.file("outbox/lane-1");
    let files = fs::read_dir(&lane).unwrap().map(|file| file.unwrap().path());
    files.chain([lane.clone()]).collect()
}

fn ledger(data: &Data) -> Vec<PathBuf> {
    ["ledger.sqlite", "ledger.sqlite-wal", "ledger.sqlite-shm"].map(|name| data.file(name)).to_vec()
}

fn nths() -> impl Iterator<Item = usize> {
    let full = std::env::var("TURNOUT_SWEEP").is_ok_and(|value| value == "full");
    (1..=NTH_MAX).filter(move |nth| full || *nth <= 8 || nth.is_multiple_of(6))
}

#[test]
fn an_edge_killed_at_every_call_of_its_work_loses_nothing_and_doubles_nothing() {
    let mut sweep = Sweep::start();
    for calls in ["pwrite64", "fdatasync", "fsync", "openat", "ftruncate,fallocate"] {
        sweep.at_work(Role::Edge, Some("outbox-committer"), calls);
    }
    for calls in ["unlink,unlinkat", "sendto,writev", "recvfrom"] {
        sweep.at_work(Role::Edge, None, calls);
    }
    sweep.everything_adds_up(10);
}

#[test]
fn an_edge_killed_at_every_call_of_its_recovery_loses_nothing_and_doubles_nothing() {
    let mut sweep = Sweep::start();
    sweep.at_work(Role::Edge, Some("outbox-committer"), "fdatasync");
    sweep.roles.processor.kill();
    sweep.sell(Role::Edge, "waits");
    for calls in ["openat", "pread64", "pwrite64", "fdatasync,fsync", "ftruncate,fallocate", "unlink"] {
        sweep.at_start(Role::Edge, lane, calls);
    }
    sweep.everything_adds_up(10);
}

#[test]
fn a_processor_killed_at_every_call_of_its_work_loses_nothing_and_doubles_nothing() {
    let mut sweep = Sweep::start();
    for calls in ["pwrite64", "fdatasync,fsync"] {
        sweep.at_work(Role::Processor, Some("ledger"), calls);
    }
    for calls in ["sendto,writev", "recvfrom"] {
        sweep.at_work(Role::Processor, None, calls);
    }
    sweep.everything_adds_up(10);
}

#[test]
fn a_processor_killed_at_every_call_of_its_recovery_loses_nothing_and_doubles_nothing() {
    let mut sweep = Sweep::start();
    sweep.at_work(Role::Processor, Some("ledger"), "fdatasync,fsync");
    sweep.sell(Role::Processor, "waits");
    for calls in ["openat", "pread64", "pwrite64", "fdatasync,fsync", "ftruncate", "unlink"] {
        sweep.at_start(Role::Processor, ledger, calls);
    }
    sweep.everything_adds_up(10);
}

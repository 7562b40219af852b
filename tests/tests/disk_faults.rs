//! A disk that fails, fills up, hangs or is slow, under the real binary; and a system that gives it no more.

#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stderr, reason = "a test")]

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Resource, Rlimit, Signal, getrlimit, kill_process, prlimit};
use system_tests::roles::{Role, Roles};
use system_tests::sales::{PIXEL_HOST, Stream, report, report_all};
use system_tests::sweep::{Fate, judge, on_platforms};
use system_tests::tracer::Injection;
use system_tests::wait::{wait_for, wait_until};
use system_tests::world::{MERCHANT, World};
use system_tests::{Client, Sale};

const MINUTE: Duration = Duration::from_secs(60);

#[test]
fn after_one_failed_sync_nothing_is_believed_until_the_lane_is_read_again() {
    for when in ["1", "1+"] {
        let mut world = World::start("");
        assert_eq!(world.server_sells(), 200);
        let tracer = world.attach(&Injection::error("fdatasync", "EIO", when));
        // The processor takes what the outbox cannot.
        assert_eq!((world.server_sells(), world.page_sells()), (200, 200));
        assert!(world.outbox()["poisoned"].as_str().is_some_and(|why| why.contains("sync")), "{when}");
        wait_for("it is booked", MINUTE, || world.roles.is_drained().then_some(()));
        world.roles.processor.kill();
        // With nobody to take it a server is told the truth, and a page's sale goes to its owner.
        assert_eq!((world.server_sells(), world.page_sells()), (503, 200));
        world.a_click_goes_on();
        let traced = tracer.injected();
        assert_eq!(traced, 1, "no later sync is asked, whatever it would say");
        drop(tracer);
        assert_eq!(world.server_sells(), 503, "a disk that is well again proves nothing");
        assert_eq!(
            world.roles.status(Role::Edge)["remembered"]["waiting"],
            1,
            "what it sent by itself, and nobody holds"
        );
        world.roles.crash(Role::Processor);
        assert_eq!(world.server_sells(), 200);
        // The outbox stays shut, and the processor is told.
        wait_for("it is told", MINUTE, || {
            (world.roles.status(Role::Edge)["remembered"]["waiting"] == 0).then_some(())
        });
        world.roles.crash(Role::Edge);
        assert_eq!(world.server_sells(), 200);
        assert!(world.outbox()["poisoned"].is_null());
        wait_for("everything is delivered", MINUTE, || world.roles.is_drained().then_some(()));
        let there = on_platforms(&world.roles.lab());
        assert_eq!(there.get(&(MERCHANT, "DISK-5".to_owned())), Some(&1));
        let fates = judge(&world.seen, &world.roles.ledger().rows(), &there);
        assert_eq!(fates.get(&Fate::Duplicated), None);
        assert_eq!(fates.get(&Fate::Lost), None, "{fates:?}");
    }
}

#[test]
fn a_full_disk_refuses_nothing_while_the_processor_lives_and_recovers_by_itself() {
    let mut world = World::start("reserve_bytes = 65536");
    assert_eq!(world.server_sells(), 200);
    let tracer = world.attach(&Injection::error("pwrite64,fallocate", "ENOSPC", "1+"));
    for _ in 0..5 {
        assert_eq!((world.server_sells(), world.page_sells()), (200, 200));
    }
    world.a_click_goes_on();
    assert_eq!(world.outbox()["full"], true);
    world.roles.processor.kill();
    assert_eq!(world.server_sells(), 503);
    world.a_click_goes_on();
    drop(tracer);
    wait_for("the outbox takes again", MINUTE, || (world.outbox()["full"] == false).then_some(()));
    assert_eq!(world.server_sells(), 200, "without a restart");
    world.roles.crash(Role::Processor);
    world.everything_adds_up();
}

#[test]
fn a_file_that_may_not_grow_is_a_full_disk_and_ends_no_process() {
    let mut world = World::start("segment_bytes_max = 8192\nahead_bytes = 0\nreserve_bytes = 0");
    assert_eq!(world.server_sells(), 200);
    let pid = pid(&world.roles, Role::Edge);
    let before = prlimit(pid, Resource::Fsize, limit(Resource::Fsize, 16)).unwrap();
    for _ in 0..5 {
        assert_eq!(world.server_sells(), 200);
    }
    assert_eq!(world.outbox()["full"], true);
    prlimit(pid, Resource::Fsize, before).unwrap();
    wait_for("the outbox takes again", MINUTE, || (world.outbox()["full"] == false).then_some(()));
    assert_eq!(world.server_sells(), 200);
    assert!(world.roles.process(Role::Edge).is_running());
    world.everything_adds_up();
}

#[test]
fn while_a_sync_hangs_nobody_waits_for_it_and_everybody_goes_another_way() {
    const HANGS: Duration = Duration::from_secs(8);
    let mut world = World::start("waiting_max = 4");
    assert_eq!(world.server_sells(), 200);
    let tracer = world.attach(&Injection::late("fdatasync", 8_000_000, "1"));
    let sales: Vec<Sale> = (0..24).map(|_| world.sale()).collect();
    let seen = report_all(world.roles.edge_address(), &sales, 24);
    assert_eq!(seen.not, BTreeMap::new(), "the processor takes what the disk does not");
    let (slow, fast): (Vec<Duration>, Vec<Duration>) =
        seen.orders.values().partition(|took| **took >= Duration::from_secs(1));
    assert!(!slow.is_empty() && slow.len() <= 12, "{} waited for the disk", slow.len());
    assert!(slow.iter().all(|took| *took < HANGS / 2), "nobody waits as long as it hangs: {slow:?}");
    assert!(!fast.is_empty(), "nobody went another way at once");
    drop(tracer);
    world.seen.orders.extend(seen.orders);
    world.everything_adds_up();
}

#[test]
fn on_a_slow_disk_sales_share_their_syncs() {
    const SALES: usize = 128;
    let mut world = World::start("");
    assert_eq!(world.server_sells(), 200);
    let tracer = world.attach(&Injection::late("fdatasync", 200_000, "1+"));
    let sales: Vec<Sale> = (0..SALES).map(|_| world.sale()).collect();
    let began = Instant::now();
    let seen = report_all(world.roles.edge_address(), &sales, 64);
    let took = began.elapsed();
    let syncs = tracer.injected();
    drop(tracer);
    eprintln!("{SALES} sales over syncs of 200 ms in {took:?}, {syncs} syncs");
    assert_eq!(seen.orders.len(), SALES, "{:?}", seen.not);
    assert!((1..=SALES / 4).contains(&syncs), "{syncs} syncs for {SALES} sales");
    world.seen.orders.extend(seen.orders);
    world.everything_adds_up();
}

#[test]
fn without_file_descriptors_who_is_connected_is_served_and_others_are_later() {
    let mut world = World::start("");
    let mut connected = Client::new(world.roles.edge_address());
    let sale = world.sale();
    report(&mut connected, &sale).unwrap();
    world.seen.orders.insert(sale.order, Duration::ZERO);
    wait_for("everything is delivered", MINUTE, || world.roles.is_drained().then_some(()));
    let pid = pid(&world.roles, Role::Edge);
    let before = prlimit(pid, Resource::Nofile, limit(Resource::Nofile, 3)).unwrap();
    let sale = world.sale();
    report(&mut connected, &sale).unwrap();
    world.seen.orders.insert(sale.order, Duration::ZERO);
    // It is in the kernel's queue, and nobody accepts it.
    let mut waiting = Client::new(world.roles.edge_address()).with_patience(Duration::from_secs(1));
    let refused = waiting.get(PIXEL_HOST, "/robots.txt", &[]);
    assert!(refused.is_err(), "{refused:?}");
    prlimit(pid, Resource::Nofile, before).unwrap();
    wait_for("new connections are served", MINUTE, || {
        let mut fresh = Client::new(world.roles.edge_address()).with_patience(Duration::from_secs(1));
        fresh.get(PIXEL_HOST, &format!("/r.cfm?b=1&u=456&m={MERCHANT}"), &[]).ok().map(drop)
    });
    world.everything_adds_up();
}

#[test]
fn a_processor_that_is_paused_delivers_nothing_twice() {
    let mut world = World::start("");
    let stream = Stream::start(world.roles.edge_address(), 4, |number| {
        Sale::plain(MERCHANT, &format!("PAUSE-{number}"), "7.25")
    });
    for pause in 1..=3 {
        let until = stream.acknowledged() + 40;
        wait_for("sales flow", MINUTE, || (stream.acknowledged() >= until).then_some(()));
        let pid = pid(&world.roles, Role::Processor).unwrap();
        kill_process(pid, Signal::STOP).unwrap();
        let until = stream.acknowledged() + 40 * pause;
        wait_for("sales flow without it", MINUTE, || (stream.acknowledged() >= until).then_some(()));
        kill_process(pid, Signal::CONT).unwrap();
    }
    world.seen = stream.stop();
    assert_eq!(world.seen.not, BTreeMap::new(), "nobody waits for the processor");
    world.everything_adds_up();
}

#[test]
fn asked_to_end_and_killed_before_it_has_it_loses_nothing() {
    let mut world = World::start("");
    let stream = Stream::start(world.roles.edge_address(), 8, |number| {
        Sale::plain(MERCHANT, &format!("TERM-{number}"), "7.25")
    });
    for role in [Role::Edge, Role::Processor, Role::Edge, Role::Processor] {
        let until = stream.acknowledged() + 40;
        wait_for("sales flow", MINUTE, || (stream.acknowledged() >= until).then_some(()));
        kill_process(pid(&world.roles, role).unwrap(), Signal::TERM).unwrap();
        world.roles.crash(role);
    }
    world.seen = stream.stop();
    world.everything_adds_up();
}

#[test]
fn fifty_copies_of_one_pixel_at_the_same_moment_are_one_sale() {
    let mut world = World::start("");
    let sale = world.sale();
    let copies: Vec<Sale> = vec![sale.clone(); 50];
    let seen = report_all(world.roles.edge_address(), &copies, 50);
    assert_eq!(seen.not, BTreeMap::new(), "each gets its pixel");
    world.seen.orders.extend(seen.orders);
    let merged = || world.roles.ledger().states().get("merged").copied().unwrap_or(0);
    wait_until("all of them have arrived", MINUTE, merged, |merged| *merged == 49);
    world.everything_adds_up();
}

/// A lower limit of what the process may have, which it inherited from us; the upper one stays.
fn limit(of: Resource, most: u64) -> Rlimit {
    Rlimit { current: Some(most), maximum: getrlimit(of).maximum }
}

fn pid(roles: &Roles, role: Role) -> Option<Pid> {
    let process = if role == Role::Edge { &roles.edge } else { &roles.processor };
    Pid::from_raw(i32::try_from(process.id()).unwrap())
}

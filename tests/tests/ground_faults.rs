//! The ground gives way: no inode is left, the file system stops writing, names do not resolve, lines are bad.
//! Each test has a network and mounts of its own.

#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stderr, reason = "a test")]

use std::fs;
use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde_json::json;
use system_tests::apart::{Mount, filter, instead_of, is_inside};
use system_tests::resolver::{Resolver, Says};
use system_tests::roles::Role;
use system_tests::sales::report_all;
use system_tests::sweep::on_platforms;
use system_tests::wait::{wait_for, wait_until};
use system_tests::world::World;
use system_tests::{Client, Data, Sale};

const MINUTE: Duration = Duration::from_secs(60);

/// Every segment is begun when it is needed, and is small.
const NO_ROOM_AHEAD: &str = "segment_bytes_max = 8192\nahead_bytes = 0\nreserve_bytes = 0";

#[test]
fn without_inodes_nothing_is_refused_and_it_recovers_by_itself() {
    if !is_inside("without_inodes_nothing_is_refused_and_it_recovers_by_itself") {
        return;
    }
    let data = Data::prepared();
    let outbox = data.file("outbox");
    let _mount = Mount::of_files(&outbox, 40);
    let mut world = World::on(data, NO_ROOM_AHEAD);
    assert_eq!(world.server_sells(), 200);
    let mut fillers = (0..).map(|number| outbox.join(format!("filler-{number}")));
    let made: Vec<_> = fillers.by_ref().take_while(|path| fs::File::create(path).is_ok()).collect();
    assert!(!made.is_empty());
    wait_for("the outbox is full", MINUTE, || {
        assert_eq!(world.server_sells(), 200, "the processor takes what the outbox cannot");
        (world.outbox()["full"] == true).then_some(())
    });
    world.a_click_goes_on();
    made.iter().for_each(|path| fs::remove_file(path).unwrap());
    wait_for("the outbox takes again", MINUTE, || (world.outbox()["full"] == false).then_some(()));
    assert_eq!(world.server_sells(), 200, "without a restart");
    assert!(world.outbox()["poisoned"].is_null());
    world.everything_adds_up();
}

#[test]
fn a_file_system_that_turns_read_only_is_a_failed_sync() {
    if !is_inside("a_file_system_that_turns_read_only_is_a_failed_sync") {
        return;
    }
    let data = Data::prepared();
    let (outbox, image) = (data.file("outbox"), data.file("outbox.img"));
    let mount = Mount::of_image(&outbox, &image);
    let mut world = World::on(data, "");
    assert_eq!(world.server_sells(), 200);
    // Nothing is under way that the outbox would have to write down as handed over.
    wait_for("it is delivered", MINUTE, || world.roles.is_drained().then_some(()));
    mount.fails();
    assert_eq!((world.server_sells(), world.page_sells()), (200, 200), "the processor takes them");
    assert!(world.outbox()["poisoned"].is_string(), "{}", world.outbox());
    world.a_click_goes_on();
    wait_for("it is booked", MINUTE, || world.roles.is_drained().then_some(()));
    world.roles.processor.kill();
    assert_eq!(world.server_sells(), 503, "nobody is told yes");
    world.a_click_goes_on();
    // The operator looks at the disk: what it holds is mounted again and read again.
    world.roles.edge.kill();
    drop(mount);
    let _mount = Mount::of_image(&outbox, &image);
    world.roles.crash(Role::Processor);
    world.roles.crash(Role::Edge);
    assert_eq!(world.server_sells(), 200);
    assert!(world.outbox()["poisoned"].is_null());
    world.everything_adds_up();
}

/// A world whose platforms have names, in a network with a resolver of its own.
fn with_names(says: Says) -> (World, Resolver) {
    let resolver = Resolver::start(says);
    let mut world = World::start("");
    let folder = world.roles.data.file("");
    instead_of("/etc/resolv.conf", &folder, "nameserver 127.0.0.1\n");
    instead_of("/etc/nsswitch.conf", &folder, "hosts: files dns\n");
    for role in [Role::Processor, Role::Edge] {
        let config = world.roles.data.file(&format!("{}.toml", role.name()));
        let mut text = fs::read_to_string(&config).unwrap();
        for home in ["legacy", "primary"] {
            let address = world.roles.platform(home);
            let (_, port) = address.rsplit_once(':').unwrap();
            text = text.replace(&format!("{address:?}"), &format!("\"{home}.platform.test:{port}\""));
        }
        fs::write(&config, text).unwrap();
        world.roles.crash(role);
    }
    (world, resolver)
}

#[test]
fn names_that_do_not_resolve_deliver_nothing_and_lose_nothing() {
    if !is_inside("names_that_do_not_resolve_deliver_nothing_and_lose_nothing") {
        return;
    }
    let nobody = Says::Address(Ipv4Addr::new(127, 9, 9, 9));
    let (mut world, resolver) = with_names(Says::NoSuchName);
    for says in [Says::NoSuchName, Says::Nothing, Says::Silence, nobody] {
        resolver.say(says);
        let sold = world.sold();
        for _ in 0..3 {
            assert_eq!(world.server_sells(), 200, "{says:?}");
        }
        let asked = resolver.asked();
        let look = || (world.roles.status(Role::Processor)["accepted"].as_u64(), resolver.asked());
        wait_until(&format!("{says:?} was met"), MINUTE, look, |(accepted, now)| {
            *accepted >= Some(sold as u64 + 3) && *now > asked
        });
    }
    let states = world.roles.ledger().states();
    let waits = |state: &&String| matches!(state.as_str(), "queued" | "in_flight");
    assert!(states.keys().all(|state| waits(&state)), "certainly not delivered, so it waits: {states:?}");
    assert_eq!(on_platforms(&world.roles.lab()).len(), 0);
    resolver.say(Says::Address(Ipv4Addr::LOCALHOST));
    world.everything_adds_up();
}

#[test]
fn a_silent_resolver_takes_no_thread_from_sales_and_is_not_stormed() {
    const CLICKS: usize = 600;
    if !is_inside("a_silent_resolver_takes_no_thread_from_sales_and_is_not_stormed") {
        return;
    }
    let (mut world, resolver) = with_names(Says::Silence);
    let merchant = world.roles.lab().not_moved()[0].legacy_id;
    let target = format!("/r.cfm?b=1&u=456&m={merchant}");
    let edge = world.roles.edge_address().to_owned();
    let (before, answered) = (resolver.asked(), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        let clicks = (0..CLICKS).map(|_| {
            scope.spawn(|| {
                let answer = Client::new(&edge).with_patience(MINUTE).get("shareasale.com", &target, &[]);
                answered.fetch_add(1, Ordering::Relaxed);
                answer
            })
        });
        let clicks: Vec<_> = clicks.collect();
        // On a busy machine the first are answered before the last have come.
        wait_until(
            "they all wait for the resolver, or have waited",
            MINUTE,
            || (world.roles.status(Role::Edge)["connections"].as_u64(), answered.load(Ordering::Relaxed)),
            |(connections, answered)| *connections >= Some(CLICKS as u64) || *answered > 0,
        );
        let began = Instant::now();
        for _ in 0..20 {
            assert_eq!(world.server_sells(), 200);
        }
        let took = began.elapsed();
        wait_until(
            "sales are handed over meanwhile",
            Duration::from_secs(5),
            || world.outbox()["queued"].clone(),
            |queued| *queued == 0,
        );
        eprintln!("20 sales in {took:?}; {} questions for {CLICKS} clicks", resolver.asked() - before);
        assert!(took < Duration::from_secs(2), "{took:?}");
        for click in clicks {
            assert_eq!(click.join().unwrap().unwrap().status, 302, "nobody is stranded");
        }
    });
    let asked = resolver.asked() - before;
    assert!(asked < CLICKS / 10, "{asked} questions: a resolver that is in trouble is not helped by more");
    resolver.say(Says::Address(Ipv4Addr::LOCALHOST));
    world.everything_adds_up();
}

#[test]
fn over_bad_lines_it_is_slower_and_nothing_is_lost_or_doubled() {
    const SALES: usize = 40;
    if !is_inside("over_bad_lines_it_is_slower_and_nothing_is_lost_or_doubled") {
        return;
    }
    let mut world = World::start("");
    world.roles.lab().fault_with("primary", &json!({ "mode": "slow", "ms": 1000 }));
    let (_, port) = world.roles.platform("primary").rsplit_once(':').unwrap();
    // Three of ten packets are lost each way, and what is left has the room of a bad modem.
    let way = |side: &str| {
        format!(
            "tcp {side} {port} numgen random mod 100 < 30 drop\n\
             tcp {side} {port} limit rate over 8 kbytes/second burst 8 kbytes drop\n"
        )
    };
    let chain = "type filter hook input priority 0; policy accept;";
    let rules =
        format!("table inet lines {{\nchain bad {{\n{chain}\n{}{}}}\n}}\n", way("dport"), way("sport"));
    filter(&world.roles.data.file(""), &rules);
    let sales: Vec<Sale> = (0..SALES).map(|_| world.sale()).collect();
    let began = Instant::now();
    let seen = report_all(world.roles.edge_address(), &sales, 8);
    assert!(seen.slowest() < Duration::from_secs(2), "no reply waits for the line: {:?}", seen.slowest());
    assert_eq!(seen.orders.len(), SALES, "{:?}", seen.not);
    world.seen.orders.extend(seen.orders);
    wait_for("everything is delivered", 2 * MINUTE, || world.roles.is_drained().then_some(()));
    eprintln!("{SALES} sales over the line in {:?}", began.elapsed());
    world.everything_adds_up();
}

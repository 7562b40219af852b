//! The edge is exchanged under load, while its service manager holds the socket: nobody is refused.

#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stderr, reason = "a test")]

use std::collections::BTreeMap;
use std::fs;
use std::net::TcpListener;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use system_tests::clicks::follow;
use system_tests::roles::Role;
use system_tests::sales::Stream;
use system_tests::tracer::Injection;
use system_tests::wait::wait_for;
use system_tests::world::{MERCHANT, World};
use system_tests::{Client, Sale};

const EXCHANGES: usize = 20;
const MINUTE: Duration = Duration::from_secs(60);

#[test]
fn twenty_exchanges_under_load_refuse_nobody_and_lose_nothing() {
    let mut world = World::start("");
    world.roles.edge.end();
    let address = world.roles.edge_address().to_owned();
    let socket = TcpListener::bind(&address).unwrap();
    let sale = |number| Sale::plain(MERCHANT, &format!("DEPLOY-{number}"), "7.25");
    let stream = Stream::start(&address, 6, sale);
    let (stop, clicks) = (AtomicBool::new(false), AtomicUsize::new(0));
    thread::scope(|scope| {
        scope.spawn(|| {
            let mut client = Client::new(&address);
            while !stop.load(Ordering::Relaxed) {
                let link = format!("https://shareasale.com/r.cfm?b=1&u=456&m={MERCHANT}");
                assert_eq!(follow(&mut client, &link, &[]).status, 302);
                clicks.fetch_add(1, Ordering::Relaxed);
            }
        });
        for exchange in 0..EXCHANGES {
            let until = (stream.acknowledged() + 20, clicks.load(Ordering::Relaxed) + 5);
            // Nobody has answered yet before the first of them: the queue holds who has come.
            if exchange == 0 {
                world.roles.start_edge_on(&socket);
            } else {
                world.roles.exchange_edge(&socket);
            }
            wait_for("traffic flows", MINUTE, || {
                let flows = stream.acknowledged() >= until.0 && clicks.load(Ordering::Relaxed) >= until.1;
                flows.then_some(())
            });
        }
        stop.store(true, Ordering::Relaxed);
    });
    world.seen = stream.stop();
    eprintln!(
        "{} sales and {} clicks over {EXCHANGES} exchanges",
        world.seen.orders.len(),
        clicks.into_inner()
    );
    assert_eq!(world.seen.not, BTreeMap::new(), "nobody is refused");
    world.everything_adds_up();
}

/// A role that does not hear it yet is ended by it with its connections broken, so it hears before anybody can know of it.
#[test]
fn a_polite_kill_is_heard_before_anybody_knows_that_a_role_serves() {
    let mut world = World::start("");
    for (role, at_latest) in [(Role::Edge, "listen("), (Role::Processor, "write(1,")] {
        // Nothing is late by so little that it would matter: what counts is the order of the calls.
        let calls = Injection::late("rt_sigaction,listen,write", 1, "1");
        assert!(world.roles.crash_into(role, &calls), "{}", world.roles.process(role).errors());
        let trace = fs::read_to_string(world.roles.data.file("trace.log")).unwrap();
        let place = |what: &str| trace.lines().position(|line| line.contains(what)).unwrap_or(usize::MAX);
        let (heard, known) = (place("rt_sigaction(SIGTERM, {"), place(at_latest));
        assert!(heard < known && known < usize::MAX, "{role:?}: {heard}, {known}\n{trace}");
    }
}

//! Another wall clock under the real binary: it jumps back, it jumps ahead, it is wrong from the start.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test")]

use std::time::Duration;

use serde_json::json;
use system_tests::clock::Clock;
use system_tests::process::turnout;
use system_tests::roles::Role;
use system_tests::sweep::on_platforms;
use system_tests::wait::wait_until;
use system_tests::world::World;

const MINUTE: Duration = Duration::from_secs(60);

/// A world whose edge and processor go by this clock.
fn under(says: &str, roles: &[Role]) -> (World, Clock) {
    let mut world = World::start("");
    let clock = Clock::new(world.roles.data.file("clock"), says);
    for role in roles {
        world.roles.crash_under(*role, &clock.launcher());
    }
    (world, clock)
}

fn accepted(world: &World) -> u64 {
    world.roles.status(Role::Processor)["accepted"].as_u64().unwrap()
}

#[test]
fn a_clock_that_jumps_back_and_ahead_puts_nothing_off_and_makes_no_flood() {
    let (mut world, clock) = under("+0", &[Role::Edge, Role::Processor]);
    let lab = world.roles.lab();
    for jump in ["-2d", "+0", "+3600", "+0"] {
        lab.fault("primary", "refused");
        for _ in 0..5 {
            assert_eq!(world.server_sells(), 200);
        }
        let all = world.sold() as u64;
        wait_until("they are booked and wait", MINUTE, || accepted(&world), |count| *count == all);
        clock.set(jump);
        assert_eq!(world.server_sells(), 200, "{jump}");
        world.a_click_goes_on();
        lab.fault("primary", "none");
        let look = || {
            let rows = world.roles.ledger().rows();
            let waits = |row: &&system_tests::Row| matches!(row.state.as_str(), "queued" | "in_flight");
            (rows.len(), rows.iter().filter(waits).map(|row| row.all.clone()).collect::<Vec<_>>())
        };
        let all = world.sold();
        wait_until(&format!("everything is delivered after {jump}"), MINUTE, look, |(booked, waiting)| {
            *booked == all && waiting.is_empty()
        });
    }
    let most = on_platforms(&lab).into_values().max();
    assert_eq!(most, Some(1), "nothing is there twice");
    world.everything_adds_up();
}

#[test]
fn a_processor_that_starts_in_1970_takes_no_batch_and_says_why() {
    let (mut world, clock) = under("@1970-01-02 00:00:00", &[Role::Processor]);
    for _ in 0..5 {
        assert_eq!(world.server_sells(), 200, "the outbox keeps them");
    }
    let said = || world.roles.edge.errors();
    wait_until("it is told", MINUTE, said, |said| {
        said.contains("did not take a batch") && said.contains("clock")
    });
    assert_eq!(accepted(&world), 0, "a signature of another time is none");
    assert_eq!(world.outbox()["queued"], 5);
    clock.set("+0");
    world.everything_adds_up();
}

#[test]
fn what_waits_too_long_behind_a_slow_platform_is_told_before_any_limit_is_reached() {
    let (mut world, clock) = under("+0", &[Role::Edge, Role::Processor]);
    let lab = world.roles.lab();
    // Right, and so slow that one call at a time never catches up.
    lab.fault_with("primary", &json!({ "mode": "slow", "ms": 1500 }));
    for _ in 0..120 {
        assert_eq!(world.server_sells(), 200);
    }
    wait_until("they are booked", MINUTE, || accepted(&world), |count| *count == 120);
    let look = || world.roles.status(Role::Processor)["states"]["taken"].as_u64();
    wait_until("the first is taken", MINUTE, look, |taken| *taken > Some(0));
    clock.set("+700");
    let status = world.roles.status(Role::Processor);
    assert!(status["oldest_waiting_seconds"].as_u64() >= Some(700), "{status}");
    assert!(status["states"]["queued"].as_u64() > Some(0), "{status}");
    for state in ["dead", "unknown", "rejected", "held"] {
        assert_eq!(status["states"][state], 0, "no limit is reached: {status}");
    }
    let told = turnout(&["status", "--data", &world.roles.data.text()], b"");
    assert_eq!(told.code, Some(1), "{}{}", told.out, told.err);
    assert!(told.out.contains("the oldest delivery has waited for"), "{}", told.out);
    assert_eq!(world.server_sells(), 200, "and nothing is refused");
    lab.fault("primary", "none");
    world.everything_adds_up();
}

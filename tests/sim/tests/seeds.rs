//! Seeds that hold, seeds that once did not, and a checker that goes red when something is switched off.

#![allow(clippy::panic, clippy::unwrap_used, reason = "a failed test")]

use sim::{Counts, STEPS, Sabotage, Scope, run, run_in};

const SEEDS: u64 = 1000;

/// How many seeds a sabotage may stay unseen.
const SEEDS_TO_SEE: u64 = 25;

fn held(seed: u64) -> sim::Held {
    run(seed, STEPS, Sabotage::None).unwrap_or_else(|broken| panic!("{broken:#?}"))
}

#[test]
fn i1_i2_i3_i4_i5_i12_hold_over_every_seed_and_everything_happens() {
    let mut counts = Counts::default();
    let part = |from: u64| (from..SEEDS).step_by(4).map(|seed| held(seed).counts).collect::<Vec<_>>();
    let parts = std::thread::scope(|scope| {
        let threads = [0, 1, 2, 3].map(|from| scope.spawn(move || part(from)));
        threads.map(|thread| thread.join().unwrap())
    });
    parts.into_iter().flatten().for_each(|more| counts += more);
    let never: Vec<&str> =
        counts.all().into_iter().filter(|(_, count)| *count == 0).map(|(what, _)| what).collect();
    // A gap that is closed makes its count stay at 0: then it must leave the list of what is tolerated.
    assert!(never.is_empty(), "{never:?} never happened: {counts}");
}

#[test]
fn i6_a_seed_repeats_to_the_byte() {
    for seed in 0..10 {
        assert_eq!(held(seed), held(seed), "seed {seed}");
    }
    assert_ne!(held(0).hash, held(1).hash);
}

/// Some seed sees it, and names the invariant.
#[track_caller]
fn goes_red(sabotage: Sabotage, invariants: &[&str]) {
    let broken = (0..SEEDS_TO_SEE).find_map(|seed| run(seed, STEPS, sabotage).err());
    let broken = broken.unwrap_or_else(|| panic!("{sabotage:?} is not seen"));
    let invariant = broken.violation.invariant;
    assert!(invariants.contains(&invariant), "{invariant}: {}", broken.violation.what);
}

/// Some seed sees it, and says what it is.
#[track_caller]
fn goes_red_for(sabotage: Sabotage, what: &str) {
    let broken = (0..SEEDS_TO_SEE).find_map(|seed| run(seed, STEPS, sabotage).err());
    let said = broken.map_or_else(|| "nothing".to_owned(), |broken| broken.violation.what);
    assert!(said.contains(what), "{sabotage:?}: {said}");
}

#[test]
fn i1_the_checker_sees_an_outbox_that_does_not_sync() {
    goes_red(Sabotage::ForgetsSync, &["I1"]);
}

#[test]
fn i4_the_checker_sees_a_redrive_that_overrules_what_nobody_overruled() {
    goes_red(Sabotage::ForgetsApproval, &["I4"]);
}

#[test]
fn i1_the_checker_sees_a_ledger_that_forgets_what_it_has_committed() {
    goes_red(Sabotage::ForgetsCommits, &["I1", "I2"]);
}

#[test]
fn i1_the_checker_sees_an_edge_that_gives_up_what_the_processor_never_got() {
    goes_red(Sabotage::ForgetsBatches, &["I1"]);
}

#[test]
fn i2_the_checker_sees_events_that_change_their_identity() {
    goes_red(Sabotage::ForgetsIdentity, &["I1", "I2"]);
}

#[test]
fn i2_the_checker_sees_an_order_that_is_booked_twice() {
    goes_red(Sabotage::ForgetsKeys, &["I2"]);
}

#[test]
fn i4_the_checker_sees_a_doubt_that_is_taken_for_a_failure() {
    goes_red(Sabotage::ForgetsDoubt, &["I4"]);
}

#[test]
fn i2_the_checker_sees_a_merchant_that_is_told_what_is_not_so() {
    goes_red(Sabotage::ForgetsCalls, &["I2"]);
}

#[test]
fn i2_the_checker_sees_a_change_that_the_platform_never_got() {
    goes_red(Sabotage::ForgetsChanges, &["I2"]);
}

#[test]
fn i2_the_checker_sees_a_clock_that_is_never_taken_for_set_back() {
    goes_red_for(Sabotage::ForgetsJumps, "until nothing waited any more");
}

#[test]
fn i2_the_checker_sees_a_publisher_that_is_called_again() {
    goes_red_for(Sabotage::ForgetsCalled, "once more");
}

#[test]
fn i2_the_checker_sees_a_publisher_that_is_called_too_early() {
    goes_red_for(Sabotage::ForgetsWaiting, "is called for");
}

#[test]
fn i2_the_checker_sees_an_import_that_never_was() {
    goes_red_for(Sabotage::ForgetsImports, "is imported and credits nobody");
}

/// The first seed of each finding, in the scope in which it was found, so that it stays looked at.
#[test]
fn seeds_that_once_did_not_hold() {
    for (scope, seed, finding) in [
        (Scope::Machines, 1, "refused after an unanswered attempt that was booked"),
        (Scope::Machines, 11, "two placeholder references taken for one order"),
        (Scope::Ledger, 47, "a click set aside as poison because the store had failed three times"),
        (
            Scope::Publishers,
            20_464,
            "an answer that came while the processor began anew, taken for written down",
        ),
        (Scope::Publishers, 30_431, "an order given away that an edge had sent itself, which nobody knew"),
        (
            Scope::Publishers,
            30_576,
            "an edited sale given to the old platform, held with its booking in force",
        ),
        (Scope::Machines, 1009, "a lane that refused to open after a torn progress slot"),
        (
            Scope::Merchants,
            442,
            "a change under way of what was settled as not arrived, which stopped every turn after it",
        ),
        (Scope::Merchants, 22, "a referred sale whose pixel had come first, linked to nothing"),
        (
            Scope::Merchants,
            61,
            "an order that was taken back before its amount could be read, booked by its next pixel",
        ),
        (Scope::Publishers, 15, "a click forgotten that was imported after a copy had named it"),
        (Scope::Publishers, 445, "a publisher called again for what had turned out to be another's"),
        (
            Scope::Terms,
            2,
            "an order that came late and earned beyond what those of later days had left of the cap",
        ),
        (
            Scope::Terms,
            509,
            "a change that did not reach what had been made to follow an arrival without a readable amount",
        ),
        (Scope::Terms, 102_385, "a change of what is not there, told every minute for ever"),
        (Scope::Terms, 103_815, "a processor woken twenty times a second for a merchant that had to wait"),
        (Scope::Terms, 104_862, "a place never given back, where two requests for changes ended in one turn"),
        (
            Scope::Starts,
            300_466,
            "a change told again of what a person had settled as not arrived, which waited for ever",
        ),
        (Scope::Publishers, 738, "a publisher called for a sale that a person had settled as not arrived"),
    ] {
        let outcome = run_in(scope, seed, STEPS, Sabotage::None);
        assert!(outcome.is_ok(), "{finding}: {outcome:#?}");
    }
}

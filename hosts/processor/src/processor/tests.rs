//! Every test runs with its ledger in memory, and once more with it on a server; [`IN_MEMORY_ALONE`] are the exceptions.

/// Runs these tests of a module once more, with their ledgers on a server.
macro_rules! on_a_server_too {
    ($($name:ident),+ $(,)?) => {
        mod on_a_server {
            $(#[test] fn $name() { crate::processor::tests::place::on_a_server(super::$name); })+
        }
    };
}

mod anew;
mod arrivals;
mod awards;
mod calling;
mod clicks;
mod dead;
mod delivering;
mod editing;
mod failing;
mod fairness;
mod histories;
mod holding;
mod isolating;
pub(crate) mod place;
mod poison;
mod postbacks;
mod receiving;
mod refused;
mod sent;
mod together;
mod unreadable;
mod waiting;
pub(crate) mod world;

/// Tests that a server would only make slow: they play hours of a platform's outage in thousands of turns, each a commit
/// that reaches the disk, or have ten ledgers for each random case; and they ask the ledger nothing that others do not ask it
/// on a server.
const IN_MEMORY_ALONE: [&str; 3] = [
    "i2_the_order_of_arrival_changes_nothing_in_the_books",
    "a_long_outage_of_both_makes_no_dead_letters_and_everything_is_delivered_once",
    "a_backlog_of_five_advertisers_drains_within_minutes_at_the_platforms_pace",
];

#[test]
fn every_test_runs_on_a_server_too() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/processor/tests");
    for file in std::fs::read_dir(folder).unwrap() {
        let text = std::fs::read_to_string(file.unwrap().path()).unwrap();
        // A store that fails as planned is a simulated one.
        if text.contains("use ledger::{Fault, Faults") {
            continue;
        }
        let listed =
            text.split_once("on_a_server_too! {").map_or("", |(_, rest)| rest.split('}').next().unwrap());
        let listed: Vec<&str> = listed.split(',').map(str::trim).collect();
        for (_, test) in text.match_indices("#[test]\n").map(|(at, found)| text.split_at(at + found.len())) {
            let name = test.trim_start().trim_start_matches("fn ").split('(').next().unwrap();
            let body = test.split("\n}").next().unwrap();
            let is_there = listed.contains(&name) || IN_MEMORY_ALONE.contains(&name);
            assert!(is_there || body.contains("Place::server()"), "{name} runs in memory alone");
        }
    }
}

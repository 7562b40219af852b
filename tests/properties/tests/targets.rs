//! Every target on its seeds, on seeds changed by chance, and on anything.
//!
//! The seeds stand in `fuzz/seeds/TARGET/`: what real requests and files look like, and what once broke something,
//! each under a name that says so. The fuzzer in `fuzz/` goes on from here.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test")]

use std::path::Path;

use properties::targets::{self, Check};
use proptest::prelude::*;
use units::{Chance, Seed};

/// How many changed seeds each target gets.
const CHANGED: u64 = 200;

/// Runs a target on every seed, then on changed seeds, always the same ones.
fn explore(name: &str) {
    let check: Check = targets::ALL.iter().find(|(target, _)| *target == name).unwrap().1;
    let seeds = seeds(name);
    seeds.iter().for_each(|seed| check(seed));
    let mut chance = Chance::new(Seed(11));
    for _ in 0..CHANGED {
        let mut input = pick(&mut chance, &seeds).clone();
        for _ in 0..=chance.below(4) {
            change(&mut chance, &mut input, &seeds);
        }
        check(&input);
    }
}

/// The seeds of a target, in the order of their names.
fn seeds(name: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/seeds").join(name);
    let entries = std::fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut files: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert!(!files.is_empty(), "{} is empty", folder.display());
    files.iter().map(|file| std::fs::read(file).unwrap()).collect()
}

fn pick<'s, T>(chance: &mut Chance, among: &'s [T]) -> &'s T {
    among.get(place(chance, among.len())).unwrap()
}

fn place(chance: &mut Chance, length: usize) -> usize {
    usize::try_from(chance.below(length.max(1) as u64)).unwrap()
}

/// One change as transport and people make them: a byte lost, doubled, flipped, or a piece of something else put in.
fn change(chance: &mut Chance, input: &mut Vec<u8>, seeds: &[Vec<u8>]) {
    let at = place(chance, input.len());
    match chance.below(5) {
        0 => input.truncate(at),
        1 if !input.is_empty() => drop(input.remove(at)),
        2 => input.insert(at, *pick(chance, b"&=?%+;#\0\r\n\xff\xc2\"<")),
        3 if !input.is_empty() => input[at] ^= 1 << chance.below(8),
        _ => {
            let other = pick(chance, seeds).clone();
            let from = place(chance, other.len());
            let to = (from + place(chance, 24)).min(other.len());
            input.splice(at..at, other[from..to].iter().copied());
        }
    }
}

#[test]
fn gate() {
    explore("gate");
}

#[test]
fn chunked() {
    explore("chunked");
}

#[test]
fn query() {
    explore("query");
}

#[test]
fn cookies() {
    explore("cookies");
}

#[test]
fn translate() {
    explore("translate");
}

#[test]
fn envelope() {
    explore("envelope");
}

#[test]
fn dialect() {
    explore("dialect");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn nothing_at_all_breaks_a_target(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        for (_, check) in targets::ALL {
            check(&bytes);
        }
    }
}

#[test]
fn every_target_has_a_fuzzer_and_seeds() {
    let fuzz = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz");
    let manifest = std::fs::read_to_string(fuzz.join("Cargo.toml")).unwrap();
    for (name, _) in targets::ALL {
        let text = std::fs::read_to_string(fuzz.join(format!("targets/{name}.rs"))).unwrap();
        assert!(text.contains(&format!("properties::targets::{name}(")), "fuzz/targets/{name}.rs");
        assert!(manifest.contains(&format!("name = \"{name}\"")), "fuzz/Cargo.toml has no `{name}`");
        assert!(!seeds(name).is_empty());
    }
}

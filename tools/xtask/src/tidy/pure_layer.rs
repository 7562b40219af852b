//! Does the pure layer stay pure? Its lints stand in every crate, and only known crates come in.
//!
//! The calls that are banned in it (clocks, entropy, files) are clippy's work, by `pure/clippy.toml`.

use crate::tidy::finding::Finding;
use crate::tidy::house::House;
use crate::tidy::manifests::{self, Manifest};
use crate::tidy::tree::Tree;

/// Cargo cannot add lints to inherited ones, so that these stand in the crates.
const DENIED: [&str; 2] = ["clippy::float_arithmetic", "clippy::indexing_slicing"];

const DENY: &str = "start the crate with `#![deny(clippy::float_arithmetic, clippy::indexing_slicing)]`";
const BRING_IN: &str = "do without it, or decide to add it to `pure_may_use` in tools/xtask/data/house.toml";

pub(crate) fn check(tree: &Tree, house: &House) -> Vec<Finding> {
    let members = manifests::members(tree);
    let mut findings = Vec::new();
    for member in members.iter().filter(|member| member.layer() == "pure") {
        findings.extend(header(tree, member));
        for dependency in member.dependencies.iter().filter(|dependency| !dependency.of_tests) {
            let is_ours = members.iter().any(|other| other.name == dependency.name);
            if !is_ours && !house.pure_may_use(&dependency.name) {
                let what = format!("`{}` may not enter the pure layer", dependency.name);
                findings.push(Finding::new(&member.path, member.line_of(&dependency.name), what, BRING_IN));
            }
        }
    }
    findings
}

fn header(tree: &Tree, member: &Manifest) -> Vec<Finding> {
    let path = format!("{}/src/lib.rs", member.directory());
    let denied = tree.source(&path).map(|source| denied(&source.code)).unwrap_or_default();
    let missing = DENIED.iter().filter(|lint| !denied.iter().any(|denied| denied == *lint));
    missing.map(|lint| Finding::new(&path, 1, format!("`{lint}` is not denied"), DENY)).collect()
}

/// The lints that inner attributes of the crate deny or forbid.
fn denied(code: &str) -> Vec<&str> {
    ["#![deny(", "#![forbid("]
        .iter()
        .flat_map(|attribute| code.split(attribute).skip(1))
        .filter_map(|rest| rest.split(')').next())
        .flat_map(|lints| lints.split(',').map(str::trim))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::finding::places;
    use crate::tidy::house::example;

    const HEADER: &str =
        "//! What?\n#![deny(clippy::float_arithmetic,\n  clippy::indexing_slicing, clippy::todo)]\n";

    #[test]
    fn a_pure_crate_is_accepted() {
        let manifest = "[package]\nname = \"units\"\n[dependencies]\nserde.workspace = true\ntracking.workspace = true\n\
                        [dev-dependencies]\nproptest.workspace = true\n";
        let tracking = "[package]\nname = \"tracking\"\n";
        let tree = Tree::of(&[
            ("pure/units/Cargo.toml", manifest),
            ("pure/units/src/lib.rs", HEADER),
            ("pure/tracking/Cargo.toml", tracking),
            ("pure/tracking/src/lib.rs", HEADER),
            (
                "adapters/outbox/Cargo.toml",
                "[package]\nname = \"outbox\"\n[dependencies]\ntokio.workspace = true\n",
            ),
        ]);
        assert_eq!(check(&tree, &example()), []);
    }

    #[test]
    fn a_missing_lint_and_a_stranger_are_found() {
        let manifest = "[package]\nname = \"units\"\n[dependencies]\ntokio.workspace = true\n";
        let lib = "//! `#![deny(clippy::float_arithmetic)]` in a comment denies nothing.\n\
                   #![deny(clippy::indexing_slicing)]\n";
        let tree = Tree::of(&[("pure/units/Cargo.toml", manifest), ("pure/units/src/lib.rs", lib)]);
        assert_eq!(
            places(&check(&tree, &example())),
            [("pure/units/Cargo.toml", 4), ("pure/units/src/lib.rs", 1)]
        );
    }
}

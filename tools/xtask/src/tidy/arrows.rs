//! Do the arrows between crates point the way the house says?

use crate::tidy::finding::Finding;
use crate::tidy::house::House;
use crate::tidy::manifests::{self, Manifest};
use crate::tidy::tree::Tree;

const UNLISTED: &str = "give the crate its arrows in tools/xtask/data/house.toml";
const FORBIDDEN: &str =
    "let the caller bring the two together, or decide on a new arrow in tools/xtask/data/house.toml";

/// Every dependency on a crate of ours must be an arrow of the house.
pub(crate) fn check(tree: &Tree, house: &House) -> Vec<Finding> {
    let members = manifests::members(tree);
    let mut findings = Vec::new();
    for member in &members {
        let Some(arrows) = house.arrows_of(&member.name) else {
            findings.push(Finding::new(
                &member.path,
                1,
                format!("`{}` is in no layer", member.name),
                UNLISTED,
            ));
            continue;
        };
        for dependency in &member.dependencies {
            let Some(target) = members.iter().find(|other| other.name == dependency.name) else { continue };
            let is_own = target.name == member.name;
            if !is_own && !arrows.allow(&target.name, target.layer(), dependency.of_tests) {
                findings.push(forbidden(member, &target.name));
            }
        }
    }
    findings
}

fn forbidden(member: &Manifest, target: &str) -> Finding {
    let what = format!("`{}` may not depend on `{target}`", member.name);
    Finding::new(&member.path, member.line_of(target), what, FORBIDDEN)
}

/// The table of arrows for people: one line for each crate that exists.
pub(crate) fn table(tree: &Tree, house: &House) -> String {
    let members = manifests::members(tree);
    let mut table = String::from("| layer | crate | may depend on |\n|---|---|---|\n");
    for layer in house.layers() {
        for arrows in house.crates() {
            let Some(member) = members.iter().find(|member| member.name == arrows.name) else { continue };
            if member.layer() == layer {
                let may: Vec<String> = arrows.may.iter().map(|name| format!("`{name}`")).collect();
                let may = if may.is_empty() { "nothing of ours".to_owned() } else { may.join(" ") };
                table.push_str(&format!("| {layer} | `{}` | {may} |\n", arrows.name));
            }
        }
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::finding::places;
    use crate::tidy::house::example;

    const UNITS: (&str, &str) = ("pure/units/Cargo.toml", "[package]\nname = \"units\"\n");
    const OUTBOX: (&str, &str) = (
        "adapters/outbox/Cargo.toml",
        "[package]\nname = \"outbox\"\n[dependencies]\nunits.workspace = true\nserde.workspace = true\n",
    );

    #[test]
    fn arrows_of_the_house_are_accepted_and_drawn() {
        let tree = Tree::of(&[UNITS, OUTBOX]);
        assert_eq!(check(&tree, &example()), []);
        assert_eq!(
            table(&tree, &example()),
            "| layer | crate | may depend on |\n|---|---|---|\n\
             | pure | `units` | nothing of ours |\n| adapters | `outbox` | `pure/*` |\n"
        );
    }

    #[test]
    fn any_other_arrow_is_refused() {
        let upwards = "[package]\nname = \"units\"\n\n[dependencies]\noutbox.workspace = true\n";
        let by_table = "[package]\nname = \"tracking\"\n[target.'cfg(unix)'.dependencies]\noutbox = { workspace = true }\n";
        let unlisted = "[package]\nname = \"stray\"\n";
        let tree = Tree::of(&[
            ("pure/units/Cargo.toml", upwards),
            ("pure/tracking/Cargo.toml", by_table),
            ("hosts/stray/Cargo.toml", unlisted),
            OUTBOX,
        ]);
        let expected =
            [("hosts/stray/Cargo.toml", 1), ("pure/tracking/Cargo.toml", 4), ("pure/units/Cargo.toml", 5)];
        assert_eq!(places(&check(&tree, &example())), expected);
    }

    #[test]
    fn a_dev_dependency_may_go_where_tests_may() {
        let ledger = "[package]\nname = \"tracking\"\n";
        let dev = "[package]\nname = \"outbox\"\n[dev-dependencies]\ntracking.workspace = true\n";
        let tree = Tree::of(&[("adapters/tracking/Cargo.toml", ledger), ("adapters/outbox/Cargo.toml", dev)]);
        assert_eq!(check(&tree, &example()), []);
        let normal = dev.replace("dev-", "");
        let tree =
            Tree::of(&[("adapters/tracking/Cargo.toml", ledger), ("adapters/outbox/Cargo.toml", &normal)]);
        assert_eq!(places(&check(&tree, &example())), [("adapters/outbox/Cargo.toml", 4)]);
    }
}

//! Blocks that are up to date, out of date, broken and missing.

use super::*;
use crate::tidy::finding::places;
use crate::tidy::house::example;

const HOME: &str = "ARCHITECTURE.md";
const UNITS: [(&str, &str); 3] = [
    ("pure/units/Cargo.toml", "[package]\nname = \"units\"\n"),
    ("pure/units/src/lib.rs", "//! What is measured?\n//! Time | money.\n//!\n//! More.\n"),
    (
        "pure/units/src/limits.rs",
        "//! Limits.\n\n/// Longest line,\n/// in bytes.\npub const LINE_BYTES_MAX: usize = 4 * 1024;\n",
    ),
];

fn tree(architecture: &str, limits: &str) -> Tree {
    let [manifest, lib, source] = UNITS;
    Tree::of(&[manifest, lib, source, (HOME, architecture), ("docs/limits.md", limits)])
}

const ARROWS: &str =
    "| layer | crate | may depend on |\n|---|---|---|\n| pure | `units` | nothing of ours |\n";
const CRATES: &str =
    "| crate | what it is for |\n|---|---|\n| `pure/units` | What is measured? Time \\| money. |\n";
const LIMITS: &str = "| limit | value | why |\n|---|---|---|\n\
                      | `LINE_BYTES_MAX` | `4 * 1024` | Longest line, in bytes. |\n";

fn block(name: &str, inside: &str) -> String {
    format!("<!-- generated: {name} -->\n{inside}<!-- end -->\n")
}

#[test]
fn blocks_that_say_what_the_code_says_are_accepted() {
    let architecture = format!("# House\n\n{}\ntext\n{}", block("arrows", ARROWS), block("crates", CRATES));
    let tree = tree(&architecture, &block("limits", LIMITS));
    assert_eq!(check(&tree, &example()), []);
    assert_eq!(rewritten(&tree, &example()), []);
}

#[test]
fn a_stale_block_is_found_and_rewritten() {
    let architecture = format!("{}text\n{}", block("arrows", "old\n"), block("crates", CRATES));
    let stale = tree(&architecture, "nothing generated\n");
    assert_eq!(places(&check(&stale, &example())), [(HOME, 1)]);
    let expected = format!("{}text\n{}", block("arrows", ARROWS), block("crates", CRATES));
    assert_eq!(rewritten(&stale, &example()), [(HOME.to_owned(), expected)]);
}

#[test]
fn a_broken_or_missing_block_is_found() {
    let architecture = format!("<!-- generated: arrows -->\nno end\n{}", block("wishes", ""));
    let broken = tree(&architecture, "");
    let findings = check(&broken, &example());
    // Two broken ones, and `crates` is missing.
    assert_eq!(places(&findings), [(HOME, 1), (HOME, 1), (HOME, 3)]);
    assert_eq!(rewritten(&broken, &example()), []);
    let absent = check(&Tree::of(&[]), &example());
    assert_eq!(places(&absent), [(HOME, 1), (HOME, 1)]);
}

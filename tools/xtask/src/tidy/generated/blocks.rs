//! The blocks that are made from sources: what each crate is for, and every limit with its reason.

use crate::tidy::house::House;
use crate::tidy::manifests;
use crate::tidy::tree::Tree;

const LIMITS: &str = "pure/units/src/limits.rs";

/// Each crate in the order of the layers, with the first paragraph of its documentation.
pub(crate) fn crates(tree: &Tree, house: &House) -> String {
    let mut table = String::from("| crate | what it is for |\n|---|---|\n");
    let members = manifests::members(tree);
    for layer in house.layers() {
        let listed =
            house.crates().iter().filter_map(|arrows| members.iter().find(|one| one.name == arrows.name));
        for member in listed.filter(|member| member.layer() == layer) {
            let directory = member.directory();
            let roots = ["lib.rs", "main.rs"].map(|root| format!("{directory}/src/{root}"));
            let text = roots.iter().find_map(|root| tree.text(root)).unwrap_or_default();
            table.push_str(&format!("| `{directory}` | {} |\n", introduction(text)));
        }
    }
    table
}

/// The first paragraph of `//!` lines, in one line.
fn introduction(text: &str) -> String {
    let lines = text.lines().map_while(|line| line.strip_prefix("//! "));
    in_a_cell(&lines.map(str::trim).collect::<Vec<_>>().join(" "))
}

/// Every public constant of the limits, with its documentation.
pub(crate) fn limits(tree: &Tree, _house: &House) -> String {
    let mut table = String::from("| limit | value | why |\n|---|---|---|\n");
    let mut why = Vec::new();
    for line in tree.text(LIMITS).unwrap_or_default().lines() {
        if let Some(sentence) = line.strip_prefix("/// ") {
            why.push(sentence.trim());
            continue;
        }
        if let Some((name, value)) = constant(line) {
            table.push_str(&format!("| `{name}` | `{value}` | {} |\n", in_a_cell(&why.join(" "))));
        }
        why.clear();
    }
    table
}

/// `pub const NAME: TYPE = VALUE;` gives name and value.
fn constant(line: &str) -> Option<(&str, &str)> {
    let (name, rest) = line.strip_prefix("pub const ")?.split_once(':')?;
    let (_, value) = rest.split_once('=')?;
    Some((name.trim(), value.trim().trim_end_matches(';')))
}

/// A bar would end the cell.
fn in_a_cell(text: &str) -> String {
    text.replace('|', "\\|")
}

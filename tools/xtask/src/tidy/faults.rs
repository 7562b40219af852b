//! Is every fault of the list injected by a test, or is it said why not?
//!
//! `tests/faults.toml` has one entry for each fault: what goes wrong, what must come of it, which tests inject it,
//! and what no test does. A test is named by its function alone; that it exists, and where, is read from the sources.
//! `docs/faults.md` is made of it.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use crate::tidy::finding::Finding;
use crate::tidy::house::House;
use crate::tidy::source::{Source, is_word};
use crate::tidy::tree::Tree;

const LIST: &str = "tests/faults.toml";

/// The last number of the list. Numbers are never given to another fault.
const LAST: u32 = 80;

const CORRECT: &str = "correct it as the comment at the head of the file says";
const NAME_IT: &str = "name a test function that exists, or take it off the list";
const TELL_APART: &str = "rename one of them, so that a name means one test";
const STATE_IT: &str = "name the tests that inject it, or say in `missing` why none does";

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct List {
    #[serde(default)]
    fault: Vec<Fault>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Fault {
    number: u32,
    /// The part of the list that it opens; the first of each part has it.
    #[serde(default)]
    part: Option<String>,
    what: String,
    outcome: String,
    #[serde(default)]
    tests: Vec<String>,
    #[serde(default)]
    missing: Option<String>,
}

pub(crate) fn check(tree: &Tree, _house: &House) -> Vec<Finding> {
    let Some(text) = tree.text(LIST) else { return Vec::new() };
    let list: List = match toml::from_str(text) {
        Ok(list) => list,
        Err(error) => {
            let at = error.span().map_or(0, |span| span.start);
            return vec![Finding::new(LIST, line_of(text, at), error.message(), CORRECT)];
        }
    };
    let places = tests(tree);
    let mut findings = numbers(&list, text);
    for fault in &list.fault {
        let line = line_of_fault(text, fault.number);
        if fault.tests.is_empty() && fault.missing.is_none() {
            findings.push(Finding::new(LIST, line, format!("fault {} has no test", fault.number), STATE_IT));
        }
        for name in &fault.tests {
            match places.get(name.as_str()).map(Vec::len) {
                Some(1) => {}
                Some(_) => findings.push(Finding::new(
                    LIST,
                    line,
                    format!("several tests are called `{name}`"),
                    TELL_APART,
                )),
                None => {
                    findings.push(Finding::new(LIST, line, format!("no test is called `{name}`"), NAME_IT))
                }
            }
        }
    }
    findings
}

/// Each number once, and none left out.
fn numbers(list: &List, text: &str) -> Vec<Finding> {
    let mut seen = BTreeSet::new();
    let mut findings = Vec::new();
    for fault in &list.fault {
        let number = fault.number;
        if !(1..=LAST).contains(&number) || !seen.insert(number) {
            let what = format!("fault {number} stands twice, or is none of 1 to {LAST}");
            findings.push(Finding::new(LIST, line_of_fault(text, number), what, CORRECT));
        }
    }
    let left_out = (1..=LAST).filter(|number| !seen.contains(number));
    findings.extend(
        left_out.map(|number| Finding::new(LIST, 1, format!("fault {number} is left out"), STATE_IT)),
    );
    findings
}

/// The whole table, for `docs/faults.md`.
pub(crate) fn table(tree: &Tree, _house: &House) -> String {
    let list: Result<List, _> = toml::from_str(tree.text(LIST).unwrap_or_default());
    let Ok(list) = list else { return String::new() };
    let places = tests(tree);
    let whole = list.fault.iter().filter(|fault| !fault.tests.is_empty() && fault.missing.is_none()).count();
    let partly = list.fault.iter().filter(|fault| !fault.tests.is_empty() && fault.missing.is_some()).count();
    let without = list.fault.iter().filter(|fault| fault.tests.is_empty()).count();
    let mut text = format!(
        "Of {} faults {whole} are injected by tests, {partly} in part, and {without} by none; what is missing is stated.\n",
        list.fault.len()
    );
    for fault in &list.fault {
        if let Some(part) = &fault.part {
            text.push_str(&format!(
                "\n## {part}\n\n| | what goes wrong | what must come of it | tests |\n|---|---|---|---|\n"
            ));
        }
        let (number, what, outcome) = (fault.number, cell(&fault.what), cell(&fault.outcome));
        text.push_str(&format!("| {number} | {what} | {outcome} | {} |\n", proof(fault, &places)));
    }
    text
}

fn proof(fault: &Fault, places: &BTreeMap<&str, Vec<&str>>) -> String {
    let test = |name: &String| {
        let place = places.get(name.as_str()).and_then(|places| places.first()).copied().unwrap_or_default();
        format!("[`{name}`](../{place})")
    };
    let mut parts: Vec<String> = fault.tests.iter().map(test).collect();
    parts.extend(fault.missing.as_ref().map(|missing| format!("*Missing:* {}", cell(missing))));
    parts.join("<br>")
}

/// Every test function with the files in which one of its name stands.
fn tests(tree: &Tree) -> BTreeMap<&str, Vec<&str>> {
    let mut places: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (path, source) in tree.sources() {
        for name in names(source) {
            places.entry(name).or_default().push(path);
        }
    }
    places
}

/// The functions of a file that carry a test's attribute, in a macro or not, and those that a macro makes tests of.
fn names(source: &Source) -> Vec<&str> {
    let mut names = Vec::new();
    let (mut is_marked, mut is_listed) = (false, false);
    for line in source.lines() {
        let code = line.code.trim();
        is_listed |= code.starts_with("on_each_store!(");
        if is_listed {
            let list = code.rsplit_once("; ").map_or(code, |(_, list)| list);
            let listed = list.split(|letter| !is_word(letter)).filter(|word| word.contains('_'));
            names.extend(listed.filter(|word| *word != "on_each_store"));
            is_listed = !code.ends_with(");");
        } else if code.starts_with("#[test]") || code.starts_with("#[tokio::test") {
            is_marked = true;
        } else if let Some((_, rest)) = code.split_once("fn ").filter(|_| is_marked) {
            names.extend(rest.split(|letter| !is_word(letter)).next());
            is_marked = false;
        }
    }
    names
}

fn line_of(text: &str, at: usize) -> usize {
    text.bytes().take(at).filter(|byte| *byte == b'\n').count() + 1
}

fn line_of_fault(text: &str, number: u32) -> usize {
    let is_it =
        |line: &str| line.strip_prefix("number = ").is_some_and(|rest| rest.trim().parse() == Ok(number));
    text.lines().position(is_it).map_or(1, |index| index + 1)
}

/// A bar would end the cell.
fn cell(text: &str) -> String {
    text.replace('|', "\\|").split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests;

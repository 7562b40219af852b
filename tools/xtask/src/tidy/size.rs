//! Does every function fit on a screen, and every file into a head? Tests are not counted.
//!
//! Lines of a function are counted as clippy's `too_many_lines` counts them, so that the two never disagree.

use crate::tidy::finding::Finding;
use crate::tidy::house::House;
use crate::tidy::source::Source;
use crate::tidy::tree::Tree;

const FUNCTION_LINES_MAX: usize = 60;
const FILE_LINES_MAX: usize = 500;

/// How far above a function, or below the top of a file, its reason may stand.
const REASON_LINES: usize = 12;

const SPLIT: &str = "split it where the subject changes, or give the reason in a `// size:` comment above it";

pub(crate) fn check(tree: &Tree, _house: &House) -> Vec<Finding> {
    tree.sources().flat_map(|(path, source)| of_file(path, source)).collect()
}

fn of_file(path: &str, source: &Source) -> Vec<Finding> {
    let mut findings = Vec::new();
    let length = source.length();
    if length > FILE_LINES_MAX && !has_reason(source, 1, REASON_LINES) {
        let what = format!("{length} lines without tests, of at most {FILE_LINES_MAX}");
        findings.push(Finding::new(path, 1, what, SPLIT));
    }
    for function in source.functions() {
        let above = function.line.saturating_sub(REASON_LINES);
        if function.length > FUNCTION_LINES_MAX && !has_reason(source, above, function.line) {
            let what =
                format!("`{}` has {} lines, of at most {FUNCTION_LINES_MAX}", function.name, function.length);
            findings.push(Finding::new(path, function.line, what, SPLIT));
        }
    }
    findings
}

fn has_reason(source: &Source, first: usize, last: usize) -> bool {
    let mut lines = source.lines().filter(|line| (first..=last).contains(&line.number));
    lines.any(|line| {
        let reason = line.comment.split_once("// size:").map(|(_, reason)| reason.trim());
        reason.is_some_and(|reason| !reason.is_empty())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::finding::places;
    use crate::tidy::house::example;

    const PATH: &str = "pure/units/src/money.rs";

    fn function(lines: usize) -> String {
        format!("fn long() {{\n{}}}\n", "    step();\n".repeat(lines))
    }

    #[test]
    fn what_fits_or_says_why_not_is_accepted() {
        let reasoned = format!("// size: one table, read top down\n{}", function(61));
        let file = format!("//! Money.\n// size: every currency\n{}", "const A: u8 = 1;\n".repeat(500));
        let tests = format!("#[cfg(test)]\nmod tests {{\n{}{}}}\n", function(61), "use a;\n".repeat(500));
        for good in [function(60), reasoned, file, tests] {
            assert_eq!(check(&Tree::of(&[(PATH, &good)]), &example()), []);
        }
    }

    #[test]
    fn what_is_too_long_is_found() {
        let empty_reason = format!("// size:\n{}", function(61));
        let file = format!("//! Money.\n{}", "const A: u8 = 1;\n".repeat(500));
        for (bad, line) in [(function(61), 1), (empty_reason, 2), (file, 1)] {
            let tree = Tree::of(&[(PATH, &bad)]);
            assert_eq!(places(&check(&tree, &example())), [(PATH, line)]);
        }
    }
}

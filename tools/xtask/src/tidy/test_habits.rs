//! Do tests prove something, and always run? None is ignored, none waits for a clock, none asserts nothing.

use crate::tidy::finding::Finding;
use crate::tidy::house::House;
use crate::tidy::source::{Line, Source};
use crate::tidy::tree::Tree;

const SLEEPS: [&str; 3] = ["thread::sleep(", "time::sleep(", "time::sleep_until("];

const RUN_IT: &str = "make it run always, or delete it";
const WAIT: &str = "wait for the event itself, or say in a comment above why time must pass";
const ASSERT_IT: &str = "wrap it in `assert!`: by itself it proves nothing";

pub(crate) fn check(tree: &Tree, _house: &House) -> Vec<Finding> {
    tree.sources().flat_map(|(path, source)| of_file(path, source)).collect()
}

fn of_file(path: &str, source: &Source) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut has_reason = false;
    for line in source.lines() {
        if line.code.contains("#[ignore") {
            findings.push(Finding::new(path, line.number, "an ignored test", RUN_IT));
        }
        if line.is_test && sleeps(line.code) && !has_reason && !is_comment(&line) {
            findings.push(Finding::new(path, line.number, "a test that sleeps", WAIT));
        }
        has_reason = is_comment(&line) && line.code.trim().is_empty();
    }
    let bare = bare_matches(source).into_iter().filter(|line| source.is_test(*line));
    findings.extend(bare.map(|line| Finding::new(path, line, "`matches!` as a statement", ASSERT_IT)));
    findings
}

/// Qualified, or imported and called by its own name.
fn sleeps(code: &str) -> bool {
    let bare = code.trim_start();
    SLEEPS.iter().any(|sleep| code.contains(sleep)) || bare.starts_with("sleep(")
}

fn is_comment(line: &Line<'_>) -> bool {
    !line.comment.trim().is_empty()
}

/// Lines of `matches!(…);` whose value nobody takes.
fn bare_matches(source: &Source) -> Vec<usize> {
    let code = source.code.as_str();
    let starts = code.match_indices("matches!(").map(|(at, _)| at);
    let bare = starts.filter(|at| begins_statement(code, *at) && ends_statement(code, *at));
    bare.map(|at| source.line_of(at)).collect()
}

fn begins_statement(code: &str, at: usize) -> bool {
    let before = code.get(..at).unwrap_or_default().trim_end();
    before.is_empty() || before.ends_with([';', '{', '}'])
}

fn ends_statement(code: &str, at: usize) -> bool {
    let mut depth = 0_usize;
    for (offset, letter) in code.get(at..).unwrap_or_default().char_indices() {
        match letter {
            '(' => depth += 1,
            ')' if depth == 1 => {
                return code.get(at + offset + 1..).unwrap_or_default().trim_start().starts_with(';');
            }
            ')' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::finding::places;
    use crate::tidy::house::example;

    const PATH: &str = "tests/src/crash.rs";

    #[test]
    fn tests_that_prove_something_are_accepted() {
        let good = "#[test]\nfn a() {\n    assert!(matches!(x, A { .. }));\n    let b = matches!(x, B);\n\
                    // The kernel gives no event for this.\n    std::thread::sleep(pause);\n    matches!(x, C)\n}\n";
        assert_eq!(check(&Tree::of(&[(PATH, good)]), &example()), []);
        let not_a_test = "fn backoff() {\n    std::thread::sleep(pause);\n}\n";
        assert_eq!(check(&Tree::of(&[("adapters/outbox/src/disk.rs", not_a_test)]), &example()), []);
    }

    #[test]
    fn tests_that_prove_nothing_are_found() {
        let bad = "#[test]\n#[ignore]\nfn a() {\n    std::thread::sleep(pause);\n    matches!(\n        f(x), A);\n\
                   \n    tokio::time::sleep(pause).await;\n    sleep(pause).await;\n}\n";
        let tree = Tree::of(&[(PATH, bad)]);
        let lines: Vec<usize> = places(&check(&tree, &example())).iter().map(|(_, line)| *line).collect();
        assert_eq!(lines, [2, 4, 5, 8, 9]);
    }
}

//! What did the test runner say at the end? nextest prints one line; libtest one for every test binary.

use std::fmt;

/// Whether this is nextest's closing line.
pub(crate) fn is_of_nextest(line: &str) -> bool {
    line.trim_start().starts_with("Summary [")
}

/// Whether this is the closing line of one libtest binary.
pub(crate) fn is_of_libtest(line: &str) -> bool {
    line.starts_with("test result:")
}

/// The sum of libtest's closing lines.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    passed: u64,
    failed: u64,
    ignored: u64,
}

impl Tally {
    pub(crate) fn of(lines: &[String]) -> Self {
        let mut tally = Self::default();
        for line in lines {
            tally.passed += count(line, "passed");
            tally.failed += count(line, "failed");
            tally.ignored += count(line, "ignored");
        }
        tally
    }
}

/// The number before a word: `3 passed;` gives 3.
fn count(line: &str, word: &str) -> u64 {
    let words: Vec<&str> = line.split([' ', ';']).filter(|word| !word.is_empty()).collect();
    let pair = words.windows(2).find(|pair| pair.last() == Some(&word));
    pair.and_then(|pair| pair.first()?.parse().ok()).unwrap_or(0)
}

impl fmt::Display for Tally {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verdict = if self.failed == 0 { "ok" } else { "FAILED" };
        let Self { passed, failed, ignored } = self;
        write!(formatter, "test result: {verdict}. {passed} passed; {failed} failed; {ignored} ignored")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lines_of_all_binaries_are_added_up() {
        let lines = [
            "test result: ok. 12 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.01s"
                .to_owned(),
            "test result: FAILED. 3 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out".to_owned(),
        ];
        let tally = Tally::of(&lines);
        assert_eq!(tally, Tally { passed: 15, failed: 2, ignored: 1 });
        assert_eq!(tally.to_string(), "test result: FAILED. 15 passed; 2 failed; 1 ignored");
    }

    #[test]
    fn closing_lines_are_told_from_others() {
        assert!(is_of_nextest("     Summary [   0.010s] 3 tests run: 3 passed, 0 skipped"));
        assert!(!is_of_nextest("        PASS [   0.010s] xtask Summary"));
        assert!(is_of_libtest("test result: ok. 1 passed; 0 failed"));
        assert!(!is_of_libtest("test result_is_read ... ok"));
    }
}

//! What is wrong, where, and what to do about it.

use std::fmt;

/// One thing that a check does not accept. The order is that of path and line.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Finding {
    path: String,
    line: usize,
    what: String,
    remedy: &'static str,
}

impl Finding {
    /// `line` starts at 1.
    pub(crate) fn new(path: &str, line: usize, what: impl Into<String>, remedy: &'static str) -> Self {
        Self { path: path.to_owned(), line, what: what.into(), remedy }
    }

    #[cfg(test)]
    pub(crate) fn place(&self) -> (&str, usize) {
        (&self.path, self.line)
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}:{}: {}: {}", self.path, self.line, self.what, self.remedy)
    }
}

/// Where the findings of a check stand: what its tests compare.
#[cfg(test)]
pub(crate) fn places(findings: &[Finding]) -> Vec<(&str, usize)> {
    let mut places: Vec<_> = findings.iter().map(Finding::place).collect();
    places.sort_unstable();
    places
}

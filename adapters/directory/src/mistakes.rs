//! Everything that is wrong, told together and within bounds.

use tracking::source::Mistake;

/// Most mistakes that are kept; the rest are counted. A table of millions may be wrong in every row.
const KEPT_MAX: usize = 1000;

/// The mistakes found so far.
#[derive(Debug, Default)]
pub(crate) struct Mistakes {
    kept: Vec<Mistake>,
    total: u64,
}

impl Mistakes {
    /// Notes one.
    pub(crate) fn note(&mut self, file: &str, line: usize, message: impl Into<String>) {
        self.total = self.total.saturating_add(1);
        if self.kept.len() < KEPT_MAX {
            self.kept.push(Mistake { file: file.to_owned(), line, message: message.into() });
        }
    }

    /// How many there are.
    pub(crate) const fn total(&self) -> u64 {
        self.total
    }

    /// The first of them, in the order of files and lines as they were read.
    pub(crate) fn into_kept(self) -> Vec<Mistake> {
        self.kept
    }
}

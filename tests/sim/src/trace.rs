//! What happened, in order: a hash over all of it and the last lines for a person.

use std::collections::VecDeque;

/// Lines that are kept for the report of a failure.
const KEPT: usize = 60;

/// A running record of one seed.
#[derive(Debug, Default)]
pub(crate) struct Trace {
    hash: u64,
    last: VecDeque<String>,
}

impl Trace {
    /// Takes down one line.
    pub(crate) fn note(&mut self, line: String) {
        self.mix(line.as_bytes());
        if self.last.len() == KEPT {
            self.last.pop_front();
        }
        self.last.push_back(line);
    }

    /// Takes bytes into the hash alone: what is too long to show and must still repeat.
    pub(crate) fn mix(&mut self, bytes: &[u8]) {
        for byte in bytes {
            // FNV-1a: two runs are compared, nobody attacks.
            self.hash = (self.hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
        self.hash = self.hash.rotate_left(7) ^ 0x9e37_79b9_7f4a_7c15;
    }

    /// The hash over everything so far.
    pub(crate) const fn hash(&self) -> u64 {
        self.hash
    }

    /// The last lines.
    pub(crate) fn last(&self) -> Vec<String> {
        self.last.iter().cloned().collect()
    }
}

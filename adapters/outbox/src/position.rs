//! The number of an entry, and what a read hands over.

use std::fmt;

use bytes::Bytes;

/// The place of an entry in its lane: gap-free, counted from 1, never used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position(u64);

impl Position {
    /// Before the first entry; what an empty lane reports as its last and as its acknowledged position.
    pub const ORIGIN: Self = Self(0);

    /// The position with this number, as stored by somebody who got it from [`Position::get`].
    #[must_use]
    pub const fn new(number: u64) -> Self {
        Self(number)
    }

    /// The number itself.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }
}

impl fmt::Display for Position {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

/// Entries in order, each with its position; empty when nothing unread is durable.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Batch {
    /// Consecutive positions and the bytes that were appended there.
    pub entries: Vec<(Position, Bytes)>,
}

impl Batch {
    /// True when there was nothing to read.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The position to acknowledge once the whole batch has been dealt with.
    #[must_use]
    pub fn last(&self) -> Option<Position> {
        self.entries.last().map(|(position, _)| *position)
    }
}

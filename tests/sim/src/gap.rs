//! What is known not to hold yet: each is counted and tolerated, and nothing else is.
//!
//! Closing a gap means deleting it from [`OPEN`]; a test sees to it that nothing closed stays tolerated.

use std::collections::BTreeSet;

use crate::model::{Violation, violation};

/// Something that is known not to hold.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Gap {
    /// I2: an edge whose outbox cannot write, and which finds no processor, sends a sale itself and tells the
    /// processor once it can. The same order, told again before that or after the edge has crashed, is sent a second
    /// time. It takes two faults at once and a copy of the order; to refuse the sale would lose it for certain.
    /// Where all copies come through that one edge and it does not crash, its memory of what it has sent could close it:
    /// a part of the cases, which is counted. Copies through other edges, and an edge that crashes before it could tell
    /// anybody, leave nothing that anybody could know it by.
    DoubledByEdge,
    /// I2: an attempt that was never answered was booked; the platform refused the same bytes later, and the
    /// sale stands as rejected instead of unknown.
    RefusedAfterDoubt,
    /// I2: two sales whose reference is a template's placeholder are sent under that placeholder, and a
    /// platform that deduplicates takes the second for the first.
    CollapsedPlaceholder,
}

/// The gaps that are tolerated.
pub const OPEN: &[Gap] = &[Gap::DoubledByEdge];

/// The gaps that a run went through, with the orders concerned.
#[derive(Debug, Default)]
pub(crate) struct Gaps {
    seen: BTreeSet<(Gap, usize)>,
}

impl Gaps {
    /// Takes one down, or makes it a violation if it is not known.
    pub(crate) fn seen(&mut self, gap: Gap, order: usize, what: String) -> Result<(), Violation> {
        if OPEN.contains(&gap) {
            self.seen.insert((gap, order));
            return Ok(());
        }
        violation("I2", format!("{gap:?}: {what}"))
    }

    /// The orders that it hit.
    pub(crate) fn orders(&self, gap: Gap) -> impl Iterator<Item = usize> {
        self.seen.iter().filter(move |(seen, _)| *seen == gap).map(|(_, order)| *order)
    }

    /// How many orders it hit.
    pub(crate) fn count(&self, gap: Gap) -> u64 {
        self.orders(gap).count() as u64
    }
}

//! One file: what a reader sees, what is on the platter, and what lies between.

use super::world::Dice;

/// A disk writes whole sectors; a torn write is made of some of them.
const SECTOR_BYTES: usize = 512;

#[derive(Clone, Debug)]
enum Change {
    Write { offset: usize, bytes: Vec<u8> },
    Resize(usize),
}

#[derive(Clone, Debug, Default)]
pub(super) struct Node {
    seen: Vec<u8>,
    durable: Vec<u8>,
    /// Made since the last sync, in order.
    pending: Vec<Change>,
}

impl Node {
    pub(super) fn holding(bytes: &[u8]) -> Self {
        Self { seen: bytes.to_vec(), durable: bytes.to_vec(), pending: Vec::new() }
    }

    pub(super) fn seen(&self) -> &[u8] {
        &self.seen
    }

    pub(super) fn write(&mut self, offset: usize, bytes: &[u8]) {
        self.change(Change::Write { offset, bytes: bytes.to_vec() });
    }

    pub(super) fn resize(&mut self, bytes: usize) {
        self.change(Change::Resize(bytes));
    }

    pub(super) fn sync(&mut self) {
        for change in std::mem::take(&mut self.pending) {
            apply(&mut self.durable, &change);
        }
    }

    /// A failed sync: readers still see the changes, yet no later sync will write them. The sectors for which the dice
    /// say so have reached the platter all the same.
    pub(super) fn forsake(&mut self, keeps: &mut impl FnMut() -> bool) {
        for change in std::mem::take(&mut self.pending) {
            match change {
                Change::Write { offset, bytes } => {
                    sectors(offset, &bytes)
                        .filter(|_| keeps())
                        .for_each(|sector| apply(&mut self.durable, &sector));
                }
                Change::Resize(_) if keeps() => apply(&mut self.durable, &change),
                Change::Resize(_) => {}
            }
        }
    }

    /// Drops clean pages; what is only in memory and still dirty stays.
    pub(super) fn evict(&mut self) {
        self.seen.clone_from(&self.durable);
        for change in &self.pending {
            apply(&mut self.seen, change);
        }
    }

    /// A power loss that keeps the sectors for which the dice say so.
    pub(super) fn lose(&mut self, keeps: &mut impl FnMut() -> bool) {
        self.forsake(keeps);
        self.seen.clone_from(&self.durable);
    }

    fn change(&mut self, change: Change) {
        apply(&mut self.seen, &change);
        self.pending.push(change);
    }
}

fn apply(contents: &mut Vec<u8>, change: &Change) {
    match change {
        Change::Write { offset, bytes } => {
            let end = offset + bytes.len();
            if contents.len() < end {
                contents.resize(end, 0);
            }
            contents[*offset..end].copy_from_slice(bytes);
        }
        Change::Resize(bytes) => contents.resize(*bytes, 0),
    }
}

/// A write cut at the borders of sectors.
fn sectors(offset: usize, bytes: &[u8]) -> impl Iterator<Item = Change> + '_ {
    let mut start = 0;
    std::iter::from_fn(move || {
        let rest = bytes.get(start..).filter(|rest| !rest.is_empty())?;
        let at = offset + start;
        let count = (SECTOR_BYTES - at % SECTOR_BYTES).min(rest.len());
        start += count;
        Some(Change::Write { offset: at, bytes: rest[..count].to_vec() })
    })
}

/// What decides for a power loss.
pub(super) fn keeper(loss: super::Loss) -> impl FnMut() -> bool {
    let mut dice = match loss {
        super::Loss::Some(seed) => Some(Dice::new(seed)),
        super::Loss::Nothing | super::Loss::Unsynced => None,
    };
    move || dice.as_mut().is_some_and(|dice| dice.roll() % 2 == 0)
}

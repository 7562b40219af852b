//! What an edge counts apart so that a person can read it: bounded rows, and one number for everything beyond (I8).

use std::collections::BTreeMap;

use tracking::directory::Table;
use units::Timestamp;
use units::limits::{SHAPES_MAX, UNMAPPED_MAX};

/// Shapes of what was not recognised.
pub type Shapes = Tally<String, SHAPES_MAX>;

/// Ids and codes that no map has, each with its table.
pub type Misses = Tally<(Table, String), UNMAPPED_MAX>;

/// Keys with how often they came.
#[derive(Debug)]
pub struct Tally<K, const MAX: usize> {
    rows: BTreeMap<K, Count>,
    beyond: u64,
}

impl<K, const MAX: usize> Default for Tally<K, MAX> {
    fn default() -> Self {
        Self { rows: BTreeMap::new(), beyond: 0 }
    }
}

/// How often a key came, and when.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Count {
    /// How often.
    pub times: u64,
    /// The first time.
    pub first: Timestamp,
    /// The last time.
    pub last: Timestamp,
}

impl<K: Ord + Clone, const MAX: usize> Tally<K, MAX> {
    /// Counts one of this key.
    pub fn count(&mut self, key: K, now: Timestamp) {
        if let Some(row) = self.rows.get_mut(&key) {
            row.times = row.times.saturating_add(1);
            row.last = now;
        } else if self.rows.len() < MAX {
            self.rows.insert(key, Count { times: 1, first: now, last: now });
        } else {
            self.beyond = self.beyond.saturating_add(1);
        }
    }

    /// The rows, the most frequent first.
    pub fn rows(&self) -> Vec<(K, Count)> {
        let mut rows: Vec<(K, Count)> = self.rows.iter().map(|(key, row)| (key.clone(), *row)).collect();
        rows.sort_by(|(left, a), (right, b)| b.times.cmp(&a.times).then_with(|| left.cmp(right)));
        rows
    }

    /// How many came with keys beyond the limit.
    pub const fn beyond(&self) -> u64 {
        self.beyond
    }

    /// How many came.
    pub fn total(&self) -> u64 {
        self.rows.values().fold(self.beyond, |sum, row| sum.saturating_add(row.times))
    }

    /// Forgets the rows that `keep` does not want; what came beyond the limit stays counted.
    pub fn retain(&mut self, mut keep: impl FnMut(&K) -> bool) {
        self.rows.retain(|key, _| keep(key));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn i8_the_number_of_rows_is_bounded() {
        let mut shapes = Shapes::default();
        for number in 0..SHAPES_MAX + 10 {
            shapes.count(format!("shape {number}"), Timestamp::from_millis(1));
        }
        shapes.count("shape 3".to_owned(), Timestamp::from_millis(2));
        assert_eq!((shapes.rows().len(), shapes.beyond()), (SHAPES_MAX, 10));
        let row = Count { times: 2, first: Timestamp::from_millis(1), last: Timestamp::from_millis(2) };
        assert_eq!(shapes.rows()[0], ("shape 3".to_owned(), row));
        assert_eq!(shapes.total(), SHAPES_MAX as u64 + 11);
        shapes.retain(|shape| shape == "shape 3");
        assert_eq!((shapes.rows().len(), shapes.total()), (1, 12));
    }
}

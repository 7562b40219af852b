//! The conservation sum of a transaction, added up in memory and written once.

use std::collections::BTreeMap;

use relay::delivery::State;

use crate::store::{Connection, Value};
use crate::{LedgerError, sql};

/// The counter of what was accepted; every other counter is a state's.
pub(crate) const ACCEPTED: &str = "accepted";

/// Counters in one statement, where there are that many.
const WRITTEN_AT_ONCE: usize = 32;

#[derive(Debug, Default)]
pub(crate) struct Tally {
    changes: BTreeMap<(i64, &'static str), i64>,
}

impl Tally {
    /// A conversion of the advertiser was accepted.
    pub(crate) fn accepted(&mut self, advertiser_id: i64) {
        self.add(advertiser_id, ACCEPTED, 1);
    }

    /// A conversion of the advertiser is in `state` now.
    pub(crate) fn entered(&mut self, advertiser_id: i64, state: State) {
        self.add(advertiser_id, state.name(), 1);
    }

    /// A conversion of the advertiser left `state`.
    pub(crate) fn left(&mut self, advertiser_id: i64, state: State) {
        self.add(advertiser_id, state.name(), -1);
    }

    fn add(&mut self, advertiser_id: i64, name: &'static str, change: i64) {
        let slot = self.changes.entry((advertiser_id, name)).or_default();
        *slot = slot.saturating_add(change);
    }

    pub(crate) fn write(&self, connection: &Connection) -> Result<(), LedgerError> {
        let changes: Vec<_> = self.changes.iter().filter(|(_, change)| **change != 0).collect();
        let (many, few) = changes.as_chunks::<WRITTEN_AT_ONCE>();
        many.iter().try_for_each(|some| upsert(connection, some))?;
        few.chunks(1).try_for_each(|one| upsert(connection, one))
    }
}

fn upsert(connection: &Connection, changes: &[(&(i64, &'static str), &i64)]) -> Result<(), LedgerError> {
    let places = sql::places(changes.len(), 3);
    let upsert = format!(
        "INSERT INTO counters (advertiser_id, name, count) VALUES {places}
         ON CONFLICT (advertiser_id, name) DO UPDATE SET count = counters.count + excluded.count"
    );
    let row = |((advertiser_id, name), change): &(&(i64, &'static str), &i64)| {
        [Value::Integer(*advertiser_id), Value::Text(name), Value::Integer(**change)]
    };
    let values: Vec<Value<'_>> = changes.iter().flat_map(row).collect();
    sql::send(connection, &upsert, values, "write its counters")
}

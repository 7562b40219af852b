//! The conservation sum of a transaction, added up in memory and written once.

use std::collections::BTreeMap;

use relay::delivery::State;

use crate::store::Connection;
use crate::{LedgerError, sql};

/// The counter of what was accepted; every other counter is a state's.
pub(crate) const ACCEPTED: &str = "accepted";

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
        let upsert = "INSERT INTO counters (advertiser_id, name, count) VALUES (?1, ?2, ?3)
            ON CONFLICT (advertiser_id, name) DO UPDATE SET count = counters.count + excluded.count";
        for ((advertiser_id, name), change) in self.changes.iter().filter(|(_, change)| **change != 0) {
            sql::send(connection, upsert, (advertiser_id, name, change), "write its counters")?;
        }
        Ok(())
    }
}

//! What waits for a person, as work: grouped by what it waits for, and searched. Every answer is bounded.
//!
//! Each conversion that needs a person carries its *cause*: its state, its reasons, and where an attempt failed, the
//! endpoint and the class of the answer, as `rejected/rejected/conversion_api/4xx`. A cause names a group for as long as
//! the group exists, so that a person can look at it today and order about it tomorrow.

mod groups;
mod search;

use units::EventId;

pub use groups::Group;
#[cfg(test)]
pub(crate) use search::plan;
pub use search::{DeadSearch, Found};

use crate::{LedgerError, Transaction, sql};

/// What begins the cause of a merchant's change.
pub const CHANGE: &str = "change/";

/// Largest amount that a sum counts as it is, in minor units: strangers send amounts at the edge of what can be written,
/// and a few of them would be a sum that cannot.
pub(crate) const SUMMED_MAX: i64 = 1_000_000_000_000;

impl Transaction<'_> {
    /// Writes down what a conversion waits for, where it waits for a person.
    pub(crate) fn mark_cause(&mut self, event_id: EventId) -> Result<(), LedgerError> {
        let update = "UPDATE conversions SET cause = state || '/' || replace(reason, ' ', '+') || coalesce(
            (SELECT '/' || a.endpoint || '/' ||
                CASE WHEN a.status IS NULL THEN 'none' ELSE CAST(a.status / 100 AS TEXT) || 'xx' END
             FROM attempts a WHERE a.event_id = conversions.event_id ORDER BY a.number DESC LIMIT 1), '')
            WHERE event_id = ?1 AND attention = 1";
        sql::run(&self.inner, update, (sql::id(event_id),), "name what a conversion waits for")?;
        Ok(())
    }
}

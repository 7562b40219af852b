//! The arrivals of an order that may make it better later: once a click that they name is recorded, or once what stands for
//! them is decided about.

use units::EventId;

use crate::store::{Row, StoreError};
use crate::{LedgerError, Transaction, sql};

/// An arrival that waits for the record of a click.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Waiter {
    /// The arrival.
    pub event_id: EventId,
    /// Its encoded envelope, without its sealed part.
    pub open: Vec<u8>,
    /// True while its sealed part is kept.
    pub sealed: bool,
}

const WAITERS: &str = "SELECT c.event_id, e.open, CASE WHEN e.sealed IS NULL THEN 0 ELSE 1 END
    FROM conversions c JOIN envelopes e ON e.event_id = c.event_id";

impl Transaction<'_> {
    /// The arrivals that name the click `click_id`, which was not recorded when they came. At most `limit`.
    ///
    /// # Errors
    /// If the store fails.
    pub fn waiting_for_click(&self, click_id: &str, limit: usize) -> Result<Vec<Waiter>, LedgerError> {
        let query = format!(
            "{WAITERS} WHERE c.wanted_click = ?1 AND c.state <> 'conflict'
             ORDER BY CASE WHEN c.state = 'merged' THEN 1 ELSE 0 END, c.event_id LIMIT ?2"
        );
        sql::all(&self.inner, &query, (click_id, sql::limit(limit)), waiter)
    }

    /// The arrivals that were merged into the conversion `event_id`, at most `limit`, and its own.
    ///
    /// # Errors
    /// If the store fails.
    pub fn arrivals_of(&self, event_id: EventId, limit: usize) -> Result<Vec<Waiter>, LedgerError> {
        let query =
            format!("{WAITERS} WHERE c.first = ?1 AND c.state = 'merged' ORDER BY c.event_id LIMIT ?2");
        let mut arrivals = sql::all(&self.inner, &query, (sql::id(event_id), sql::limit(limit)), waiter)?;
        let itself = format!("{WAITERS} WHERE c.event_id = ?1");
        arrivals.extend(sql::one(&self.inner, &itself, (sql::id(event_id),), waiter)?);
        Ok(arrivals)
    }

    /// The click id that an arrival waits for from now on; none for none.
    ///
    /// # Errors
    /// If the store fails.
    pub fn wants_click(&mut self, event_id: EventId, click_id: Option<&str>) -> Result<(), LedgerError> {
        let update = "UPDATE conversions SET wanted_click = ?2 WHERE event_id = ?1";
        sql::run(&self.inner, update, (sql::id(event_id), click_id), "wait for a click").map(drop)
    }

    /// The event that a conversion is delivered from.
    ///
    /// # Errors
    /// If the store fails.
    pub fn source_of(&self, event_id: EventId) -> Result<Option<EventId>, LedgerError> {
        let query = "SELECT source FROM conversions WHERE event_id = ?1";
        sql::one(&self.inner, query, (sql::id(event_id),), |row| row.get(0).map(sql::event_id))
    }
}

fn waiter(row: &Row<'_>) -> Result<Waiter, StoreError> {
    Ok(Waiter { event_id: sql::event_id(row.get(0)?), open: row.get(1)?, sealed: row.get(2)? })
}

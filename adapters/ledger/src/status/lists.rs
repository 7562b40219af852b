//! Transactions and their statuses for people.

use attribution::Status;
use units::{Currency, EventId, Money, Timestamp};

use super::status;
use crate::store::{Params, Row};
use crate::{ConversionRow, Ledger, LedgerError, Page, sql};

/// One change of a status.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StatusChange {
    /// Its number.
    pub change_id: i64,
    /// Where the transaction stood before.
    pub before: Status,
    /// Where it stood from then on.
    pub status: Status,
    /// Who moved it, by name.
    pub cause: String,
    /// In whose name.
    pub actor: String,
    /// Why.
    pub reason: String,
    /// The postings that it made.
    pub set_id: Option<i64>,
    /// When it was true in the world.
    pub happened_at: Timestamp,
    /// When it was written.
    pub recorded_at: Timestamp,
}

/// How many transactions stand in a status.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct StatusSum {
    /// The status.
    pub status: Status,
    /// How many transactions.
    pub transactions: u64,
}

impl Ledger {
    /// Where a transaction stands, as it is written down; none if it is not booked.
    ///
    /// # Errors
    /// If the store fails.
    pub fn status(&self, event_id: EventId) -> Result<Option<Status>, LedgerError> {
        let query = "SELECT status FROM conversions WHERE event_id = ?1";
        let name =
            sql::one(&self.connection, query, (sql::id(event_id),), |row| row.get::<Option<String>>(0))?;
        name.flatten().map(|name| status(&name)).transpose()
    }

    /// What became of a transaction after its booking, in order.
    ///
    /// # Errors
    /// If the store fails, or holds what cannot be.
    pub fn status_changes(&self, event_id: EventId) -> Result<Vec<StatusChange>, LedgerError> {
        let query = "SELECT change_id, before, status, cause, actor, reason, set_id, happened_at, recorded_at
            FROM status_changes WHERE event_id = ?1 ORDER BY change_id LIMIT 1000";
        let rows = sql::all(&self.connection, query, (sql::id(event_id),), |row| Ok(change(row)))?;
        rows.into_iter().collect()
    }

    /// Booked transactions, by their ids, of one status or of all.
    ///
    /// # Errors
    /// If the store fails, or holds what cannot be.
    pub fn booked(&self, page: &Page, wanted: Option<Status>) -> Result<Vec<ConversionRow>, LedgerError> {
        let which =
            wanted.map_or("status IS NOT NULL".to_owned(), |status| format!("status = '{}'", status.name()));
        self.list(&which, "event_id", page)
    }

    /// How many transactions stand in each status.
    ///
    /// # Errors
    /// If the store fails, or holds what cannot be.
    pub fn status_sums(&self) -> Result<Vec<StatusSum>, LedgerError> {
        let query = "SELECT status, count(*) FROM conversions WHERE status IS NOT NULL GROUP BY status";
        let read = |row: &Row<'_>| Ok((row.get::<String>(0)?, row.get::<i64>(1)?));
        let mut sums = Status::ALL.map(|status| StatusSum { status, transactions: 0 });
        for (name, count) in sql::all(&self.connection, query, (), read)? {
            let found = status(&name)?;
            for sum in sums.iter_mut().filter(|sum| sum.status == found) {
                sum.transactions = sql::uint(count);
            }
        }
        Ok(sums.to_vec())
    }

    /// What is owed to publishers, or by them after clawbacks, once their next payment run comes: by publisher and
    /// currency, with the number of transactions. Those after `after`, at most `limit`.
    ///
    /// # Errors
    /// If the store fails, or holds what cannot be.
    pub fn owed(&self, after: (u64, &str), limit: usize) -> Result<Vec<(u64, Money, u64)>, LedgerError> {
        let query = "SELECT publisher_id, currency, CAST(sum(minor) AS BIGINT), count(*) FROM payables
            WHERE (publisher_id, currency) > (?1, ?2) GROUP BY publisher_id, currency
            ORDER BY publisher_id, currency LIMIT ?3";
        self.sums_owed(query, (sql::int(after.0), after.1, sql::limit(limit)))
    }

    /// The same of what had locked by `until` and waits for no person: what a payment run would pay.
    ///
    /// # Errors
    /// If the store fails, or holds what cannot be.
    pub fn payable(
        &self,
        until: Timestamp,
        after: (u64, &str),
        limit: usize,
    ) -> Result<Vec<(u64, Money, u64)>, LedgerError> {
        let query =
            "SELECT p.publisher_id, p.currency, CAST(sum(p.minor) AS BIGINT), count(*) FROM payables p
            JOIN conversions c ON c.event_id = p.event_id
            WHERE (p.publisher_id, p.currency) > (?1, ?2) AND p.due_from <= ?4 AND c.attention = 0
            GROUP BY p.publisher_id, p.currency ORDER BY p.publisher_id, p.currency LIMIT ?3";
        self.sums_owed(query, (sql::int(after.0), after.1, sql::limit(limit), until.as_millis()))
    }

    fn sums_owed(&self, query: &str, row: impl Params) -> Result<Vec<(u64, Money, u64)>, LedgerError> {
        let read = |row: &Row<'_>| {
            Ok((row.get::<i64>(0)?, row.get::<String>(1)?, row.get::<i64>(2)?, row.get::<i64>(3)?))
        };
        let rows = sql::all(&self.connection, query, row, read)?;
        let owed = |(publisher_id, code, minor, count): (i64, String, i64, i64)| {
            let currency = Currency::parse(&code);
            let currency = currency.ok_or(LedgerError::Corrupt { what: "the currency", value: code })?;
            Ok((sql::uint(publisher_id), Money::from_minor(minor, currency), sql::uint(count)))
        };
        rows.into_iter().map(owed).collect()
    }
}

fn change(row: &Row<'_>) -> Result<StatusChange, LedgerError> {
    let get = |error| LedgerError::Store { doing: "read a status change", source: error };
    let text = |place| row.get::<String>(place).map_err(get);
    let time = |place| row.get(place).map(sql::time).map_err(get);
    Ok(StatusChange {
        change_id: row.get(0).map_err(get)?,
        before: status(&text(1)?)?,
        status: status(&text(2)?)?,
        cause: text(3)?,
        actor: text(4)?,
        reason: text(5)?,
        set_id: row.get(6).map_err(get)?,
        happened_at: time(7)?,
        recorded_at: time(8)?,
    })
}

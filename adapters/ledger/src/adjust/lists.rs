//! Changes for people: counted, listed and audited.

use relay::delivery::State;
use units::{EventId, Money, Timestamp};

use crate::store::{Params, Row};
use crate::{Finding, Ledger, LedgerError, sql};

/// One change, as a table shows it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AdjustmentRow {
    /// The change.
    pub adjustment_id: EventId,
    /// The call that asked for it.
    pub event_id: EventId,
    /// The transaction.
    pub conversion: EventId,
    /// Its place among the changes of its transaction.
    pub number: u32,
    /// `edit` or `void`.
    pub operation: String,
    /// Its advertiser, by the legacy id.
    pub advertiser_id: u64,
    /// The order's value from then on.
    pub amount: Option<Money>,
    /// What is earned from then on.
    pub commission: Option<Money>,
    /// Why, in the merchant's words.
    pub reason: String,
    /// Where it stands.
    pub state: State,
    /// Why it stands there.
    pub detail: String,
    /// Attempts begun.
    pub tries: u32,
    /// When it was asked for.
    pub received_at: Timestamp,
    /// When it last changed.
    pub changed_at: Timestamp,
    /// When it is next due.
    pub due_at: Option<Timestamp>,
}

const COLUMNS: &str =
    "SELECT adjustment_id, event_id, conversion, number, operation, advertiser_id, minor, currency,
    commission_minor, commission_currency, reason, state, detail, tries, received_at, changed_at, due_at
    FROM adjustments";

impl Ledger {
    /// How many changes are in each state, in the order of [`State::ALL`].
    ///
    /// # Errors
    /// If the store fails.
    pub fn adjustment_totals(&self) -> Result<[u64; 11], LedgerError> {
        let query = "SELECT state, count(*) FROM adjustments GROUP BY state";
        let read = |row: &Row<'_>| Ok((row.get::<String>(0)?, row.get::<i64>(1)?));
        let counts = sql::all(&self.connection, query, (), read)?;
        Ok(State::ALL.map(|state| {
            let count = counts.iter().find(|(name, _)| *name == state.name());
            count.map_or(0, |(_, count)| sql::uint(*count))
        }))
    }

    /// The changes of a transaction, in their order.
    ///
    /// # Errors
    /// If the store fails, or holds what cannot be.
    pub fn adjustments_of(&self, conversion: EventId) -> Result<Vec<AdjustmentRow>, LedgerError> {
        let query = format!("{COLUMNS} WHERE conversion = ?1 ORDER BY number LIMIT 1000");
        self.adjustments(&query, (sql::id(conversion),))
    }

    /// The transaction that this one follows.
    pub(crate) fn follows(&self, event_id: EventId) -> Result<Option<EventId>, LedgerError> {
        let query = "SELECT parent FROM followers WHERE event_id = ?1";
        sql::one(&self.connection, query, (sql::id(event_id),), |row| row.get(0).map(sql::event_id))
    }

    /// Changes that only a person can move, the longest waiting first.
    ///
    /// # Errors
    /// If the store fails, or holds what cannot be.
    pub fn adjustments_at_risk(&self, limit: usize) -> Result<Vec<AdjustmentRow>, LedgerError> {
        let query = format!("{COLUMNS} WHERE attention = 1 ORDER BY changed_at LIMIT ?1");
        self.adjustments(&query, (sql::limit(limit),))
    }

    fn adjustments(&self, query: &str, params: impl Params) -> Result<Vec<AdjustmentRow>, LedgerError> {
        let rows = sql::all(&self.connection, query, params, |row| Ok(adjustment(row)))?;
        rows.into_iter().collect()
    }

    /// I3 and I12 for changes: every call that was taken in stands somewhere, every change that is booked is of a
    /// transaction, and nothing earns after it was taken back.
    pub(crate) fn adjustment_findings(&self) -> Result<Vec<Finding>, LedgerError> {
        let checks = [
            (
                "I3",
                "SELECT 'call ' || hex(event_id) || ' was accepted and changed nothing' FROM events e
                 WHERE class = 'adjustment' AND money = 0
                 AND NOT EXISTS (SELECT 1 FROM adjustments a WHERE a.event_id = e.event_id)",
            ),
            (
                "I3",
                "SELECT 'change ' || hex(adjustment_id) || ' is of no transaction' FROM adjustments a
                 WHERE NOT EXISTS (SELECT 1 FROM conversions c WHERE c.event_id = a.conversion)",
            ),
            (
                "I12",
                "SELECT 'transaction ' || hex(a.conversion) || ' was voided and still earns ' || sum(p.minor)
                 FROM adjustments a JOIN posting_sets s ON s.event_id = a.conversion
                 JOIN postings p ON p.set_id = s.set_id
                 WHERE a.operation = 'void' GROUP BY a.conversion, p.account, p.party, p.currency HAVING sum(p.minor) <> 0",
            ),
        ];
        let mut findings = Vec::new();
        for (invariant, query) in checks {
            let query = format!("{query} LIMIT 100");
            let messages = sql::all(&self.connection, &query, (), |row| row.get::<String>(0))?;
            findings.extend(messages.into_iter().map(|message| Finding { invariant, message }));
        }
        Ok(findings)
    }
}

fn adjustment(row: &Row<'_>) -> Result<AdjustmentRow, LedgerError> {
    let get = |error| LedgerError::Store { doing: "read a change", source: error };
    let state: String = row.get(11).map_err(get)?;
    Ok(AdjustmentRow {
        adjustment_id: sql::event_id(row.get(0).map_err(get)?),
        event_id: sql::event_id(row.get(1).map_err(get)?),
        conversion: sql::event_id(row.get(2).map_err(get)?),
        number: sql::count(row.get(3).map_err(get)?),
        operation: row.get(4).map_err(get)?,
        advertiser_id: sql::uint(row.get(5).map_err(get)?),
        amount: sql::money(row.get(6).map_err(get)?, row.get(7).map_err(get)?)?,
        commission: sql::money(row.get(8).map_err(get)?, row.get(9).map_err(get)?)?,
        reason: row.get(10).map_err(get)?,
        state: sql::state(&state)?,
        detail: row.get(12).map_err(get)?,
        tries: sql::count(row.get(13).map_err(get)?),
        received_at: sql::time(row.get(14).map_err(get)?),
        changed_at: sql::time(row.get(15).map_err(get)?),
        due_at: row.get::<Option<i64>>(16).map_err(get)?.map(sql::time),
    })
}

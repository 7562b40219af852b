//! What is looked at all the time: the counters, the oldest of what ought to move, and how often orders repeat.
//!
//! Everything here walks along an index or reads the counters, so that it may be asked every few seconds.

use core::time::Duration;

use reconciliation::Repeats;
use relay::delivery::State;
use units::Timestamp;

use crate::reconcile::drawn_at;
use crate::store::Row;
use crate::tally::ACCEPTED;
use crate::{Ledger, LedgerError, sql};

/// The ledger at one glance, by its counters.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Vitals {
    /// Conversions accepted, ever.
    pub accepted: u64,
    /// Conversions in each state, in the order of [`State::ALL`].
    pub states: [u64; 11],
    /// Advertisers whose sum over the states is not what was accepted, with the difference (I3).
    pub off: Vec<(u64, i64)>,
    /// Since when the oldest waits for its delivery.
    pub oldest_waiting: Option<Timestamp>,
    /// Since when the oldest stands as unknown.
    pub oldest_unknown: Option<Timestamp>,
    /// Since when the oldest stands as taken.
    pub oldest_taken: Option<Timestamp>,
    /// Since when the oldest is held.
    pub oldest_held: Option<Timestamp>,
    /// Calls of publishers that were given up.
    pub postbacks_given_up: u64,
}

impl Ledger {
    /// The ledger at one glance.
    ///
    /// # Errors
    /// If the store fails.
    pub fn vitals(&self) -> Result<Vitals, LedgerError> {
        let (accepted, states) = self.totals()?;
        let since = |query: &str| -> Result<Option<Timestamp>, LedgerError> {
            let found = sql::one(&self.connection, query, (), |row| row.get::<Option<i64>>(0))?;
            Ok(found.flatten().map(sql::time))
        };
        let attention = |state: State| {
            let name = state.name();
            since(&format!(
                "SELECT min(changed_at) FROM conversions WHERE attention = 1 AND state = '{name}'"
            ))
        };
        Ok(Vitals {
            accepted,
            states,
            off: self.off()?,
            oldest_waiting: since("SELECT min(received_at) FROM conversions WHERE active = 1")?,
            oldest_unknown: attention(State::Unknown)?,
            oldest_taken: since("SELECT min(changed_at) FROM conversions WHERE state = 'taken'")?,
            oldest_held: attention(State::Held)?,
            postbacks_given_up: self.postbacks_given_up()?,
        })
    }

    /// I3 by the counters, per advertiser.
    fn off(&self) -> Result<Vec<(u64, i64)>, LedgerError> {
        let query = format!(
            "SELECT advertiser_id, CAST(sum(CASE WHEN name = '{ACCEPTED}' THEN count ELSE -count END) AS BIGINT)
             FROM counters GROUP BY advertiser_id
             HAVING sum(CASE WHEN name = '{ACCEPTED}' THEN count ELSE -count END) <> 0
             ORDER BY advertiser_id LIMIT 100"
        );
        sql::all(&self.connection, &query, (), |row| Ok((sql::uint(row.get(0)?), row.get(1)?)))
    }

    /// How often orders repeated within `lately` before `now`, beside how often they ever did. Advertisers without
    /// any arrival lately are left out.
    ///
    /// # Errors
    /// If the store fails.
    pub fn repeats(&self, now: Timestamp, lately: Duration) -> Result<Vec<Repeats>, LedgerError> {
        let query = "SELECT c.advertiser_id, count(*),
            CAST(sum(CASE WHEN c.state = 'merged' THEN 1 ELSE 0 END) AS BIGINT),
            (SELECT a.count FROM counters a WHERE a.advertiser_id = c.advertiser_id AND a.name = 'accepted'),
            (SELECT m.count FROM counters m WHERE m.advertiser_id = c.advertiser_id AND m.name = 'merged')
            FROM conversions c WHERE c.event_id > ?1 GROUP BY c.advertiser_id ORDER BY c.advertiser_id";
        let read = |row: &Row<'_>| {
            let ever = |place| row.get::<Option<i64>>(place).map(|count| count.map_or(0, sql::uint));
            Ok(Repeats {
                advertiser_id: sql::uint(row.get(0)?),
                arrivals: sql::uint(row.get(1)?),
                merged: sql::uint(row.get(2)?),
                arrivals_ever: ever(3)?,
                merged_ever: ever(4)?,
            })
        };
        sql::all(&self.connection, query, (sql::id(drawn_at(now.minus(lately))),), read)
    }
}

//! What waits for a person, by cause.

use std::collections::BTreeMap;

use crate::store::Row;
use relay::delivery::State;
use units::{EventId, Money, Timestamp};

use super::{CHANGE, SUMMED_MAX};
use crate::{Ledger, LedgerError, sql};

/// Everything that waits for a person by one cause.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Group {
    /// The cause: what orders name the group by.
    pub key: String,
    /// Where they stand.
    pub state: State,
    /// The codes of why, joined by blanks.
    pub reasons: String,
    /// How many there are.
    pub count: u64,
    /// Of how many advertisers.
    pub advertisers: u64,
    /// The money at stake, by currency; what is above ten thousand million of a currency counts as that.
    pub sums: Vec<Money>,
    /// Since when the one stands there that stands there the longest.
    pub oldest: Timestamp,
    /// Since when the last one does.
    pub newest: Timestamp,
    /// One of them.
    pub example: EventId,
}

/// Most rows of the summary that are read: one for each cause and currency.
const ROWS_MAX: usize = 10_000;

/// A row of the summary: cause, currency, count, sum, oldest, newest.
type Summed = (String, Option<String>, i64, Option<i64>, i64, i64);

impl Ledger {
    /// Everything that waits for a person, by cause; the largest groups first, at most `limit`.
    ///
    /// # Errors
    /// If the store fails, or holds what cannot be.
    pub fn dead_groups(&self, limit: usize) -> Result<Vec<Group>, LedgerError> {
        let mut groups: BTreeMap<String, Group> = BTreeMap::new();
        for row in self.summed()? {
            add(&mut groups, row)?;
        }
        let mut groups: Vec<Group> = groups.into_values().collect();
        groups.sort_by(|one, other| (other.count, &one.key).cmp(&(one.count, &other.key)));
        groups.truncate(limit);
        let advertisers = self.advertisers_by_cause()?;
        for group in &mut groups {
            group.advertisers = advertisers.get(&group.key).copied().unwrap_or(0);
            if let Some(example) = self.example(&group.key)? {
                group.example = example;
            }
        }
        Ok(groups)
    }

    fn summed(&self) -> Result<Vec<Summed>, LedgerError> {
        let query = format!(
            "SELECT cause, currency, count(*),
             CAST(sum(CASE WHEN minor > {SUMMED_MAX} THEN {SUMMED_MAX} ELSE minor END) AS BIGINT),
             min(changed_at), max(changed_at) FROM conversions WHERE attention = 1 GROUP BY cause, currency LIMIT ?1"
        );
        let changes = format!(
            "SELECT '{CHANGE}' || operation || '/' || state, currency, count(*),
             CAST(sum(CASE WHEN minor > {SUMMED_MAX} THEN {SUMMED_MAX} ELSE minor END) AS BIGINT),
             min(changed_at), max(changed_at) FROM adjustments WHERE attention = 1
             GROUP BY operation, state, currency LIMIT ?1"
        );
        let read = |row: &Row<'_>| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?, row.get(5)?))
        };
        let mut rows: Vec<Summed> = sql::all(&self.connection, &query, (sql::limit(ROWS_MAX),), read)?;
        rows.extend(sql::all(&self.connection, &changes, (sql::limit(ROWS_MAX),), read)?);
        Ok(rows)
    }

    fn advertisers_by_cause(&self) -> Result<BTreeMap<String, u64>, LedgerError> {
        let read = |row: &Row<'_>| Ok((row.get::<String>(0)?, sql::uint(row.get(1)?)));
        let query = "SELECT cause, count(DISTINCT advertiser_id) FROM conversions WHERE attention = 1
            GROUP BY cause LIMIT ?1";
        let mut all = sql::all(&self.connection, query, (sql::limit(ROWS_MAX),), read)?;
        let query = format!(
            "SELECT '{CHANGE}' || operation || '/' || state, count(DISTINCT advertiser_id) FROM adjustments
             WHERE attention = 1 GROUP BY operation, state LIMIT ?1"
        );
        all.extend(sql::all(&self.connection, &query, (sql::limit(ROWS_MAX),), read)?);
        Ok(all.into_iter().collect())
    }

    fn example(&self, key: &str) -> Result<Option<EventId>, LedgerError> {
        if key.starts_with(CHANGE) {
            return Ok(self.changes_of_group(key, 1)?.pop().map(|(id, _)| id));
        }
        let query =
            "SELECT event_id FROM conversions WHERE attention = 1 AND cause = ?1 ORDER BY event_id LIMIT 1";
        sql::one(&self.connection, query, (key,), |row| row.get(0).map(sql::event_id))
    }

    /// The merchants' changes of a group, each with when it last changed.
    pub(super) fn changes_of_group(
        &self,
        key: &str,
        limit: usize,
    ) -> Result<Vec<(EventId, Timestamp)>, LedgerError> {
        let (operation, state) =
            key.strip_prefix(CHANGE).and_then(|rest| rest.split_once('/')).unwrap_or_default();
        let query = "SELECT adjustment_id, changed_at FROM adjustments WHERE attention = 1 AND operation = ?1
            AND state = ?2 ORDER BY changed_at, adjustment_id LIMIT ?3";
        let read = |row: &Row<'_>| Ok((sql::event_id(row.get(0)?), sql::time(row.get(1)?)));
        sql::all(&self.connection, query, (operation, state, sql::limit(limit)), read)
    }
}

fn add(groups: &mut BTreeMap<String, Group>, row: Summed) -> Result<(), LedgerError> {
    let (key, code, count, minor, oldest, newest) = row;
    let own = key.strip_prefix(CHANGE);
    let mut parts =
        own.map_or(key.as_str(), |rest| rest.split_once('/').map_or(rest, |(_, state)| state)).split('/');
    let state = sql::state(parts.next().unwrap_or_default())?;
    let reasons = parts.next().unwrap_or_default().replace('+', " ");
    let (oldest, newest) = (sql::time(oldest), sql::time(newest));
    let group = groups.entry(key.clone()).or_insert_with(|| Group {
        key,
        state,
        reasons,
        count: 0,
        advertisers: 0,
        sums: Vec::new(),
        oldest,
        newest,
        example: EventId::from_u128(0),
    });
    group.count = group.count.saturating_add(sql::uint(count));
    group.oldest = group.oldest.min(oldest);
    group.newest = group.newest.max(newest);
    group.sums.extend(sql::money(minor, code)?);
    Ok(())
}

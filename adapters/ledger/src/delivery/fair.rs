//! What waits, by merchant and by how long it has waited: looked up along the indexes, so that neither a backlog
//! of millions nor one merchant's part of it costs more than what is asked for.

use relay::intake::EvidenceKind;
use tracking::Home;
use units::limits::PULLED_IN_AT_ONCE;
use units::{EventId, Timestamp};

use super::waiting::{COLUMNS, due};
use super::{Due, Lane, Which};
use crate::store::{Connection, Row, named_params};
use crate::{Ledger, LedgerError, sql};

/// A part of what waits in a lane: first or further attempts that have been due for some time.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Wanted<'a> {
    /// Where to, and by which evidence.
    pub lane: Lane<'a>,
    /// First attempts or further ones.
    pub which: Which,
    /// Due later than this.
    pub after: Timestamp,
    /// Due at this time or before.
    pub until: Timestamp,
    /// True for those that have waited the shortest time; else those that have waited the longest.
    pub newest: bool,
}

/// How much of one merchant waits for one platform with one kind of evidence.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Backlog {
    /// The platform.
    pub home: Home,
    /// The kind of evidence, which picks the endpoint.
    pub evidence: EvidenceKind,
    /// The merchant, by the legacy id; 0 for none.
    pub advertiser_id: u64,
    /// First attempts or further ones.
    pub which: Which,
    /// How many.
    pub count: u64,
}

/// Walks along an index, merged, so that no more rows are read than are wanted.
fn merged(connection: &Connection, kinds: &[EvidenceKind], conditions: &[&str], newest: bool) -> String {
    let order = if newest { "due_at DESC, event_id DESC" } else { "due_at, event_id" };
    let walk = |kind: &EvidenceKind, condition: &str| {
        let walk = format!(
            "SELECT event_id, due_at FROM conversions WHERE active = 1 AND state = 'queued' AND owner = :owner
             AND evidence = '{}' AND {condition} AND due_at > :after AND due_at <= :until",
            kind.name()
        );
        match connection {
            Connection::Sqlite(_) | Connection::Simulated(_) => walk,
            // It merges nothing, and would read every walk to its end.
            Connection::Postgres(_) => {
                format!("SELECT * FROM ({walk} ORDER BY {order} LIMIT :limit) AS walk")
            }
        }
    };
    let walks: Vec<String> =
        kinds.iter().flat_map(|kind| conditions.iter().map(move |condition| walk(kind, condition))).collect();
    format!(
        "SELECT {COLUMNS} WHERE c.event_id IN
         (SELECT event_id FROM ({} ORDER BY {order} LIMIT :limit) AS walked) ORDER BY c.due_at, c.event_id",
        walks.join(" UNION ALL ")
    )
}

const fn of_which(which: Which) -> &'static [&'static str] {
    match which {
        Which::Fresh => &["fresh = 1"],
        Which::Retries => &["fresh = 0"],
    }
}

/// What was never sent cannot have been processed.
const fn of_merchant(which: Which) -> &'static [&'static str] {
    match which {
        Which::Fresh => &["advertiser_id = :advertiser AND fresh = 1 AND ambiguous = 0"],
        Which::Retries => &[
            "advertiser_id = :advertiser AND fresh = 0 AND ambiguous = 0",
            "advertiser_id = :advertiser AND fresh = 0 AND ambiguous = 1",
        ],
    }
}

const NEXT_MERCHANT: &str = "SELECT advertiser_id FROM conversions WHERE active = 1 AND state = 'queued'
    AND owner = ?1 AND evidence = ?2 AND advertiser_id > ?3 ORDER BY advertiser_id LIMIT 1";

/// It groups by the columns of an index in their order, so that the rows come as they are counted and none is kept.
pub(crate) const BACKLOG: &str = "SELECT owner, evidence, advertiser_id, fresh, count(*) FROM conversions
    WHERE active = 1 AND state = 'queued' AND due_at <= ?1 GROUP BY owner, evidence, advertiser_id, fresh";

const PULL_IN: &str = "UPDATE conversions SET due_at = :now WHERE event_id IN
    (SELECT event_id FROM conversions WHERE active = 1 AND state = 'queued' AND owner = :owner
     AND evidence = :evidence AND fresh = :fresh AND due_at > :latest LIMIT :limit)";

const SET_BACK: &str = "UPDATE conversions SET due_at = CASE WHEN due_at - :by < :now THEN :now
    WHEN due_at - :by > :latest THEN :latest ELSE due_at - :by END
    WHERE active = 1 AND state = 'queued' AND owner = :owner AND evidence = :evidence AND fresh = :fresh
    AND due_at > :now";

/// Everything that has a schedule of its own beside conversions.
const ALSO_SCHEDULED: [&str; 2] = ["adjustments", "postbacks"];

impl Ledger {
    /// What waits, of all merchants.
    ///
    /// # Errors
    /// If the store fails, or holds what cannot be.
    pub fn waiting(&self, wanted: &Wanted<'_>, limit: usize) -> Result<Vec<Due>, LedgerError> {
        if wanted.lane.kinds.is_empty() || limit == 0 {
            return Ok(Vec::new());
        }
        let query = merged(&self.connection, wanted.lane.kinds, of_which(wanted.which), wanted.newest);
        let params = named_params! {
            ":owner": wanted.lane.home.name(), ":after": wanted.after.as_millis(),
            ":until": wanted.until.as_millis(), ":limit": sql::limit(limit),
        };
        sql::all(&self.connection, &query, params, |row| Ok(due(row)))?.into_iter().collect()
    }

    /// What waits of one merchant.
    ///
    /// # Errors
    /// If the store fails, or holds what cannot be.
    pub fn waiting_of(
        &self,
        merchant: u64,
        wanted: &Wanted<'_>,
        limit: usize,
    ) -> Result<Vec<Due>, LedgerError> {
        if wanted.lane.kinds.is_empty() || limit == 0 {
            return Ok(Vec::new());
        }
        let query = merged(&self.connection, wanted.lane.kinds, of_merchant(wanted.which), wanted.newest);
        let params = named_params! {
            ":owner": wanted.lane.home.name(), ":advertiser": sql::int(merchant),
            ":after": wanted.after.as_millis(), ":until": wanted.until.as_millis(), ":limit": sql::limit(limit),
        };
        sql::all(&self.connection, &query, params, |row| Ok(due(row)))?.into_iter().collect()
    }

    /// The merchant behind `after`, in the order of the index, of which anything is queued in the lane; the
    /// first one if none is given.
    ///
    /// # Errors
    /// If the store fails.
    pub fn next_merchant(&self, lane: Lane<'_>, after: Option<u64>) -> Result<Option<u64>, LedgerError> {
        let after = after.map_or(i64::MIN, sql::int);
        let mut next: Option<i64> = None;
        for kind in lane.kinds {
            let params = (lane.home.name(), kind.name(), after);
            let found = sql::one(&self.connection, NEXT_MERCHANT, params, |row| row.get::<i64>(0))?;
            next = next.into_iter().chain(found).min();
        }
        Ok(next.map(sql::uint))
    }

    /// What has been due since `before` or longer. It counts along an index: a question for people, to be asked
    /// on a connection of its own.
    ///
    /// # Errors
    /// If the store fails, or holds what cannot be.
    pub fn backlog(&self, before: Timestamp) -> Result<Vec<Backlog>, LedgerError> {
        let read = |row: &Row<'_>| {
            let (owner, evidence) = (row.get::<Option<String>>(0)?, row.get::<String>(1)?);
            let (advertiser_id, fresh, count) = (row.get(2)?, row.get(3)?, row.get(4)?);
            Ok((owner.unwrap_or_default(), evidence, advertiser_id, fresh, count))
        };
        let rows: Vec<(String, String, i64, i64, i64)> =
            sql::all(&self.connection, BACKLOG, (before.as_millis(),), read)?;
        // What stands where no lane looks goes nowhere, and is told of by itself ([`Ledger::lost`]).
        let backlog = rows.into_iter().filter_map(|(owner, evidence, advertiser_id, fresh, count)| {
            let which = match fresh {
                1 => Which::Fresh,
                0 => Which::Retries,
                _ => return None,
            };
            Some(Backlog {
                home: Home::parse(&owner)?,
                evidence: EvidenceKind::parse(&evidence)?,
                advertiser_id: sql::uint(advertiser_id),
                which,
                count: sql::uint(count),
            })
        });
        Ok(backlog.collect())
    }

    /// Pulls in what is due later than `latest`, which no schedule of ours says: a clock that has been set back
    /// since did. A bounded number at once; how many there were.
    ///
    /// # Errors
    /// If the store fails.
    pub fn pull_in(&mut self, now: Timestamp, latest: Timestamp) -> Result<usize, LedgerError> {
        let doing = "pull deliveries in";
        let mut pulled = 0_usize;
        for (home, kind) in Home::ALL.into_iter().flat_map(|home| EvidenceKind::ALL.map(|kind| (home, kind)))
        {
            for fresh in [true, false] {
                let row = named_params! {
                    ":now": now.as_millis(), ":owner": home.name(), ":evidence": kind.name(), ":fresh": fresh,
                    ":latest": latest.as_millis(), ":limit": sql::limit(PULLED_IN_AT_ONCE),
                };
                pulled = pulled.saturating_add(sql::run(&self.connection, PULL_IN, row, doing)?);
            }
        }
        for table in ALSO_SCHEDULED {
            let update = format!(
                "UPDATE {table} SET due_at = ?1 WHERE active = 1 AND state = 'queued' AND due_at > ?2"
            );
            let row = (now.as_millis(), latest.as_millis());
            pulled = pulled.saturating_add(sql::run(&self.connection, &update, row, doing)?);
        }
        Ok(pulled)
    }

    /// The clock was set back by so much, to `now`: everything that waits was scheduled by the old time and goes back with
    /// it, so that each waits for as long as it was told to, and none beyond `latest`.
    ///
    /// # Errors
    /// If the store fails.
    pub fn set_back(
        &mut self,
        now: Timestamp,
        by: core::time::Duration,
        latest: Timestamp,
    ) -> Result<(), LedgerError> {
        let (doing, latest) = ("set the schedule back", latest.as_millis());
        let millis = i64::try_from(by.as_millis()).unwrap_or(i64::MAX);
        for (home, kind) in Home::ALL.into_iter().flat_map(|home| EvidenceKind::ALL.map(|kind| (home, kind)))
        {
            for fresh in [true, false] {
                let row = named_params! {
                    ":now": now.as_millis(), ":by": millis, ":latest": latest, ":owner": home.name(),
                    ":evidence": kind.name(), ":fresh": fresh,
                };
                sql::run(&self.connection, SET_BACK, row, doing)?;
            }
        }
        for table in ALSO_SCHEDULED {
            let update = format!(
                "UPDATE {table} SET due_at = CASE WHEN due_at - ?2 < ?1 THEN ?1
                 WHEN due_at - ?2 > ?3 THEN ?3 ELSE due_at - ?2 END
                 WHERE active = 1 AND state = 'queued' AND due_at > ?1"
            );
            sql::run(&self.connection, &update, (now.as_millis(), millis, latest), doing)?;
        }
        Ok(())
    }

    /// When the oldest conversion that may have arrived came to stand there; none if there is none.
    ///
    /// # Errors
    /// If the store fails.
    pub fn oldest_unknown(&self) -> Result<Option<Timestamp>, LedgerError> {
        let query = "SELECT changed_at FROM conversions WHERE attention = 1 AND state = 'unknown'
            ORDER BY changed_at LIMIT 1";
        sql::one(&self.connection, query, (), |row| row.get::<i64>(0).map(sql::time))
    }

    /// Where an event's conversion stands, as far as its owner is concerned; none if there is no such one.
    ///
    /// # Errors
    /// If the store fails, or holds what cannot be.
    pub fn owned(&self, event_id: EventId) -> Result<Option<crate::Owned>, LedgerError> {
        crate::owner::owned(&self.connection, event_id)
    }
}

/// The queries that are asked all the time, for a look at how the store answers them.
#[cfg(test)]
pub(crate) fn queries(connection: &Connection) -> Vec<String> {
    let kinds = &EvidenceKind::ALL;
    let mut queries = vec![NEXT_MERCHANT.to_owned(), PULL_IN.to_owned(), SET_BACK.to_owned()];
    for which in [Which::Fresh, Which::Retries] {
        for newest in [false, true] {
            queries.push(merged(connection, kinds, of_which(which), newest));
            queries.push(merged(connection, kinds, of_merchant(which), newest));
        }
    }
    queries
}

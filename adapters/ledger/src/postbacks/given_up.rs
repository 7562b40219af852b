//! Calls of publishers that were given up: told by cause, and made again by a person's order.

use relay::delivery::State;
use units::{EventId, Timestamp};

use super::{LAST_CHANGE, OBJECTION, objection};
use crate::store::{AsValue, Row};
use crate::{By, Ledger, LedgerError, Transaction, sql};

/// Everything that was given up by one cause.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct GivenUpGroup {
    /// The cause, which orders name the group by: the state, and what came of the last attempt.
    pub cause: String,
    /// How many calls.
    pub count: u64,
    /// Of how many publishers.
    pub publishers: u64,
    /// Since when the first of them stands there.
    pub oldest: Timestamp,
    /// Since when the last one does.
    pub newest: Timestamp,
}

/// A call that was given up.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct GivenUp {
    /// The transaction.
    pub event_id: EventId,
    /// The publisher, by the legacy id.
    pub publisher_id: u64,
    /// The cause.
    pub cause: String,
    /// What came of the last attempt, for people.
    pub detail: String,
    /// Attempts begun.
    pub tries: u32,
    /// Since when it stands there.
    pub changed_at: Timestamp,
}

/// Which of them are meant. What is not named does not matter.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct GivenUpSearch {
    /// The cause.
    pub cause: Option<String>,
    /// The publisher, by the legacy id.
    pub publisher_id: Option<u64>,
    /// The transaction.
    pub event_id: Option<EventId>,
}

/// What an order to call again came to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Recalled {
    /// It waits to be made again.
    Queued,
    /// Nothing was done: it was not given up, and stands here.
    Already(State),
    /// Nothing was done: the publisher is not to be called for it any more.
    NotOwed(&'static str),
    /// There is no such call.
    NotFound,
}

/// Why a publisher is not called whose address was taken away.
const UNREGISTERED: &str = "no address is registered for the publisher any more";

/// The cause, in the words of what an attempt leaves behind.
const CAUSE: &str = "CASE WHEN p.detail LIKE 'answered %' THEN p.state || '/' || replace(p.detail, ' ', '_')
    WHEN p.detail LIKE 'nothing sent%' THEN p.state || '/not_reached'
    WHEN p.detail LIKE 'may have been processed%' THEN p.state || '/no_answer' ELSE p.state || '/not_made' END";

/// Along the index of what is not answered, publisher by publisher: those whose address is registered.
const FROM: &str = "FROM postback_addresses a CROSS JOIN postbacks p ON p.publisher_id = a.publisher_id
    WHERE p.state IN ('rejected', 'dead', 'unknown') AND p.state <> 'confirmed'";

impl Ledger {
    /// How many calls were given up, of publishers who have an address.
    ///
    /// # Errors
    /// If the store fails.
    pub fn postbacks_given_up(&self) -> Result<u64, LedgerError> {
        let query = format!("SELECT count(*) {FROM}");
        let count = sql::one(&self.connection, &query, (), |row| row.get::<i64>(0))?;
        Ok(count.map_or(0, sql::uint))
    }

    /// What was given up, by cause, the largest first.
    ///
    /// # Errors
    /// If the store fails.
    pub fn given_up_groups(&self, limit: usize) -> Result<Vec<GivenUpGroup>, LedgerError> {
        let query = format!(
            "SELECT cause, count(*), count(DISTINCT publisher_id), min(changed_at), max(changed_at) FROM
             (SELECT {CAUSE} AS cause, p.publisher_id, p.changed_at {FROM}) AS given_up
             GROUP BY cause ORDER BY 2 DESC, cause LIMIT ?1"
        );
        sql::all(&self.connection, &query, (sql::limit(limit),), |row| {
            let (count, publishers) = (sql::uint(row.get(1)?), sql::uint(row.get(2)?));
            let (oldest, newest) = (sql::time(row.get(3)?), sql::time(row.get(4)?));
            Ok(GivenUpGroup { cause: row.get(0)?, count, publishers, oldest, newest })
        })
    }

    /// Calls that were given up, by transaction and publisher, after one of them.
    ///
    /// # Errors
    /// If the store fails.
    pub fn given_up(
        &self,
        search: &GivenUpSearch,
        after: Option<(EventId, u64)>,
        limit: usize,
    ) -> Result<Vec<GivenUp>, LedgerError> {
        let mut query =
            format!("SELECT p.event_id, p.publisher_id, {CAUSE}, p.detail, p.tries, p.changed_at {FROM}");
        let (publisher, event) = (search.publisher_id.map(sql::int), search.event_id.map(sql::id));
        let after = after.map(|(event_id, publisher)| (sql::id(event_id), sql::int(publisher)));
        let limit = sql::limit(limit);
        let mut params: Vec<(&str, &dyn AsValue)> = vec![(":limit", &limit)];
        if let Some(cause) = &search.cause {
            query.push_str(&format!(" AND {CAUSE} = :cause"));
            params.push((":cause", cause));
        }
        if let Some(publisher) = &publisher {
            query.push_str(" AND p.publisher_id = :publisher");
            params.push((":publisher", publisher));
        }
        if let Some(event) = &event {
            query.push_str(" AND p.event_id = :event");
            params.push((":event", event));
        }
        if let Some((event_id, publisher_id)) = &after {
            query.push_str(" AND (p.event_id > :e OR (p.event_id = :e AND p.publisher_id > :p))");
            params.push((":e", event_id));
            params.push((":p", publisher_id));
        }
        query.push_str(" ORDER BY p.event_id, p.publisher_id LIMIT :limit");
        sql::all(&self.connection, &query, params.as_slice(), given_up)
    }
}

fn given_up(row: &Row<'_>) -> Result<GivenUp, crate::StoreError> {
    Ok(GivenUp {
        event_id: sql::event_id(row.get(0)?),
        publisher_id: sql::uint(row.get(1)?),
        cause: row.get(2)?,
        detail: row.get(3)?,
        tries: sql::count(row.get(4)?),
        changed_at: sql::time(row.get(5)?),
    })
}

impl Transaction<'_> {
    /// Makes a call again that was given up: a fresh schedule from `due_at`. Ordered twice, the second does nothing.
    ///
    /// # Errors
    /// If the store fails, or holds what cannot be.
    pub fn recall_postback(
        &mut self,
        event_id: EventId,
        publisher_id: u64,
        due_at: Timestamp,
        by: By<'_>,
    ) -> Result<Recalled, LedgerError> {
        let query = format!(
            "SELECT p.state, CASE WHEN a.publisher_id IS NULL THEN 1 ELSE 0 END, {OBJECTION} FROM postbacks p
             LEFT JOIN postback_addresses a ON a.publisher_id = p.publisher_id
             LEFT JOIN conversions c ON c.event_id = p.event_id {LAST_CHANGE}
             WHERE p.event_id = ?1 AND p.publisher_id = ?2"
        );
        let (id, publisher) = (sql::id(event_id), sql::int(publisher_id));
        let read = |row: &Row<'_>| Ok((row.get::<String>(0)?, row.get::<i64>(1)? == 1, row.get(2)?));
        let Some((name, unregistered, number)) = sql::one(&self.inner, &query, (id, publisher), read)? else {
            return Ok(Recalled::NotFound);
        };
        let state = sql::state(&name)?;
        if !matches!(state, State::Rejected | State::Dead | State::Unknown) {
            return Ok(Recalled::Already(state));
        }
        if let Some(why) = Some(UNREGISTERED).filter(|_| unregistered).or_else(|| objection(number)) {
            return Ok(Recalled::NotOwed(why));
        }
        // Written down first: what is done is never done by nobody.
        let detail = format!("publisher {publisher_id}, {name} -> queued: {}", by.why);
        self.journal(by.actor, "retry postback", Some(event_id), &detail)?;
        let update =
            "UPDATE postbacks SET state = 'queued', active = 1, counted = 0, due_at = ?3, changed_at = ?4
            WHERE event_id = ?1 AND publisher_id = ?2";
        let row = (id, publisher, due_at.as_millis(), self.now().as_millis());
        sql::run(&self.inner, update, row, "call a publisher again")?;
        Ok(Recalled::Queued)
    }
}

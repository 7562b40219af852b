//! Everything that is known of one conversion, for `explain`: the walk from its arrival to where it stands.

use attribution::Posting;
use relay::intake::Considered;
use units::{EventId, Timestamp};

use crate::intake::posting;
use crate::store::Row;
use crate::{AdjustmentRow, AwardRow, ConversionRow, Ledger, LedgerError, OwedPostback, StatusChange, sql};

/// One attempt.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AttemptRow {
    /// Its number, counted from 1.
    pub number: u32,
    /// The platform, by name.
    pub home: String,
    /// The endpoint's name in the platform's dialect.
    pub endpoint: String,
    /// Method, host and path.
    pub line: String,
    /// True if it was the probe of an open breaker.
    pub probe: bool,
    /// When it began.
    pub started_at: Timestamp,
    /// When it ended; none while it is under way.
    pub finished_at: Option<Timestamp>,
    /// What it came to, by name.
    pub verdict: Option<String>,
    /// Why.
    pub reason: Option<String>,
    /// The answer's status.
    pub status: Option<u16>,
    /// The beginning of the answer.
    pub excerpt: Option<String>,
}

/// One line of the books.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PostingRow {
    /// The set it belongs to.
    pub set_id: i64,
    /// What made it: `booking`, `correction`, `decline`, `reinstatement`, `payment` or `clawback`.
    pub kind: String,
    /// The event that caused it.
    pub cause: EventId,
    /// When it was true in the world.
    pub happened_at: Timestamp,
    /// When it was written.
    pub posted_at: Timestamp,
    /// The line; none for a set that owes nothing.
    pub posting: Option<Posting>,
}

/// One entry of the journal.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct JournalRow {
    /// When.
    pub at: Timestamp,
    /// Who.
    pub actor: String,
    /// What.
    pub action: String,
    /// Why, or how.
    pub detail: String,
}

/// Everything that is known of one conversion.
#[derive(Clone, PartialEq, Debug)]
pub struct Shown {
    /// Where it stands.
    pub conversion: ConversionRow,
    /// The evidence that was looked at, in order.
    pub considered: Vec<Considered>,
    /// The encoded envelope, without its sealed part.
    pub open: Vec<u8>,
    /// True while its sealed part is kept.
    pub sealed: bool,
    /// Its attempts, in order.
    pub attempts: Vec<AttemptRow>,
    /// Who earns how much of it, by each decision in order.
    pub awards: Vec<AwardRow>,
    /// Its postings, in order.
    pub postings: Vec<PostingRow>,
    /// What was done to it.
    pub journal: Vec<JournalRow>,
    /// The arrivals that were merged into it, or are in conflict with it.
    pub later_arrivals: Vec<ConversionRow>,
    /// What its merchant changed, in order.
    pub changes: Vec<AdjustmentRow>,
    /// The publishers that are called for it.
    pub postbacks: Vec<OwedPostback>,
    /// What became of it after its booking, in order.
    pub statuses: Vec<StatusChange>,
    /// The transaction whose publisher it copied.
    pub follows: Option<EventId>,
}

impl Ledger {
    /// Everything that is known of one conversion.
    ///
    /// # Errors
    /// If the store fails, or holds what cannot be.
    pub fn show(&self, event_id: EventId) -> Result<Option<Shown>, LedgerError> {
        let Some(conversion) = self.conversion(event_id)? else { return Ok(None) };
        let query = "SELECT open, sealed IS NOT NULL FROM envelopes WHERE event_id = ?1";
        let read = |row: &Row<'_>| Ok((row.get(0)?, row.get(1)?));
        let envelope = sql::one(&self.connection, query, (sql::id(event_id),), read)?;
        let (open, sealed) = envelope.unwrap_or_default();
        let query = "SELECT considered FROM conversions WHERE event_id = ?1";
        let considered = sql::one(&self.connection, query, (sql::id(event_id),), |row| row.get::<String>(0))?;
        Ok(Some(Shown {
            conversion,
            considered: Considered::read(&considered.unwrap_or_default()),
            open,
            sealed,
            attempts: self.attempts(event_id)?,
            awards: self.awards_of(event_id)?,
            postings: self.postings(event_id)?,
            journal: self.journal_of(event_id)?,
            later_arrivals: self.later_arrivals(event_id)?,
            changes: self.adjustments_of(event_id)?,
            postbacks: self.postbacks_of(event_id)?,
            statuses: self.status_changes(event_id)?,
            follows: self.follows(event_id)?,
        }))
    }

    fn attempts(&self, event_id: EventId) -> Result<Vec<AttemptRow>, LedgerError> {
        let query =
            "SELECT number, home, endpoint, line, probe, started_at, finished_at, verdict, reason, status,
            excerpt FROM attempts WHERE event_id = ?1 ORDER BY number LIMIT 1000";
        sql::all(&self.connection, query, (sql::id(event_id),), |row| {
            Ok(AttemptRow {
                number: row.get(0)?,
                home: row.get(1)?,
                endpoint: row.get(2)?,
                line: row.get(3)?,
                probe: row.get(4)?,
                started_at: sql::time(row.get(5)?),
                finished_at: row.get::<Option<i64>>(6)?.map(sql::time),
                verdict: row.get(7)?,
                reason: row.get(8)?,
                status: row.get(9)?,
                excerpt: row.get(10)?,
            })
        })
    }

    fn postings(&self, event_id: EventId) -> Result<Vec<PostingRow>, LedgerError> {
        let query = "SELECT s.set_id, s.kind, s.cause, s.posted_at, p.account, p.party, p.minor, p.currency,
            s.happened_at
            FROM posting_sets s LEFT JOIN postings p ON p.set_id = s.set_id
            WHERE s.event_id = ?1 ORDER BY s.set_id, p.line LIMIT 1000";
        let read = |row: &Row<'_>| {
            let set = PostingRow {
                set_id: row.get(0)?,
                kind: row.get(1)?,
                cause: sql::event_id(row.get(2)?),
                posted_at: sql::time(row.get(3)?),
                happened_at: sql::time(row.get(8)?),
                posting: None,
            };
            let Some(account) = row.get::<Option<String>>(4)? else { return Ok((set, None)) };
            Ok((set, Some((account, row.get::<i64>(5)?, row.get::<i64>(6)?, row.get::<String>(7)?))))
        };
        let rows = sql::all(&self.connection, query, (sql::id(event_id),), read)?;
        let lines = rows.into_iter().map(|(set, line)| {
            let line = line.map(|(account, party, minor, code)| posting(&account, party, &code, minor));
            Ok(PostingRow { posting: line.transpose()?, ..set })
        });
        lines.collect()
    }

    fn journal_of(&self, event_id: EventId) -> Result<Vec<JournalRow>, LedgerError> {
        let query =
            "SELECT at, actor, action, detail FROM journal WHERE event_id = ?1 ORDER BY entry_id LIMIT 1000";
        sql::all(&self.connection, query, (sql::id(event_id),), |row| {
            let (actor, action, detail) = (row.get(1)?, row.get(2)?, row.get(3)?);
            Ok(JournalRow { at: sql::time(row.get(0)?), actor, action, detail })
        })
    }
}

//! Appending to the books.

use attribution::{Posting, posting};
use units::{EventId, Timestamp};

use crate::links::{Kind, LineRecord, SetRecord};
use crate::store::Value;
use crate::{LedgerError, Transaction, sql};

/// A set of postings that is to be appended.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NewSet<'a> {
    /// The transaction.
    pub(crate) event_id: EventId,
    /// What makes it.
    pub(crate) kind: &'static str,
    /// The event that brought it.
    pub(crate) cause: EventId,
    /// When it was true in the world.
    pub(crate) happened_at: Timestamp,
    /// Its lines.
    pub(crate) lines: &'a [Posting],
}

impl Transaction<'_> {
    /// Appends a set of postings (I12: it balances, or it is a mistake of ours and nothing is written), and links it.
    /// Its number.
    pub(crate) fn post(&mut self, new: &NewSet<'_>) -> Result<i64, LedgerError> {
        let NewSet { kind, lines, .. } = *new;
        if !posting::balances(lines) {
            return Err(LedgerError::Corrupt {
                what: "a set of postings that does not balance",
                value: new.event_id.to_string(),
            });
        }
        let recorded = self.recorded_at()?;
        let insert = "INSERT INTO posting_sets (set_id, event_id, kind, cause, happened_at, posted_at)
            VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
        let (event_id, cause) = (sql::id(new.event_id), sql::id(new.cause));
        let (happened_at, posted_at) = (new.happened_at.as_millis(), recorded.as_millis());
        let set_id = self.next_set()?;
        sql::send(&self.inner, insert, (set_id, event_id, kind, cause, happened_at, posted_at), "post")?;
        self.post_lines(set_id, lines)?;
        self.link(Kind::Posting, set_id, recorded, |record| {
            SetRecord { set_id, event_id, kind, cause, happened_at, posted_at }.write(record);
            for (line, posting) in (1_i64..).zip(lines) {
                let (account, party) = (posting.account.kind(), sql::int(posting.account.party()));
                let (minor, currency) = (posting.amount.minor, posting.amount.currency.code());
                LineRecord { line, account, party, minor, currency }.write(record);
            }
        })?;
        Ok(set_id)
    }

    /// Writes the lines of a set in one statement; there are few different numbers of them.
    fn post_lines(&self, set_id: i64, lines: &[Posting]) -> Result<(), LedgerError> {
        if lines.is_empty() {
            return Ok(());
        }
        let places = sql::places(lines.len(), 6);
        let insert =
            format!("INSERT INTO postings (set_id, line, account, party, minor, currency) VALUES {places}");
        let values = (1_i64..).zip(lines).flat_map(|(line, posting)| {
            [
                Value::Integer(set_id),
                Value::Integer(line),
                Value::Text(posting.account.kind()),
                Value::Integer(sql::int(posting.account.party())),
                Value::Integer(posting.amount.minor),
                Value::Text(posting.amount.currency.code()),
            ]
        });
        sql::send(&self.inner, &insert, values.collect::<Vec<_>>(), "post")
    }

    /// The next set's number. There is one writer, so that the last one needs to be asked for once.
    fn next_set(&mut self) -> Result<i64, LedgerError> {
        let last = match self.last_set {
            Some(last) => last,
            None => {
                let query = "SELECT set_id FROM posting_sets ORDER BY set_id DESC LIMIT 1";
                sql::one(&self.inner, query, (), |row| row.get(0))?.unwrap_or(0)
            }
        };
        let next = last.saturating_add(1);
        self.last_set = Some(next);
        Ok(next)
    }
}

//! Appending to the books.

use attribution::{Posting, posting};
use units::{EventId, Timestamp};

use crate::links::{Kind, LineRecord, SetRecord};
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
        let insert = "INSERT INTO posting_sets (event_id, kind, cause, happened_at, posted_at)
            VALUES (?1, ?2, ?3, ?4, ?5) RETURNING set_id";
        let (event_id, cause) = (sql::id(new.event_id), sql::id(new.cause));
        let (happened_at, posted_at) = (new.happened_at.as_millis(), recorded.as_millis());
        let row = (event_id, kind, cause, happened_at, posted_at);
        let set_id = sql::one(&self.inner, insert, row, |row| row.get(0))?.unwrap_or(0);
        let insert = "INSERT INTO postings (set_id, line, account, party, minor, currency)
            VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
        for (line, posting) in (1_i64..).zip(lines) {
            let party = sql::int(posting.account.party());
            let (minor, currency) = (posting.amount.minor, posting.amount.currency);
            let row = (set_id, line, posting.account.kind(), party, minor, currency.code());
            sql::run(&self.inner, insert, row, "post")?;
        }
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
}

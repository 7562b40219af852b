//! The journal's chain: each entry carries a hash of itself and of the one before it, so that an entry that was changed,
//! taken out or put in between is seen.

use crate::store::{Connection, Row, StoreError};
use sha2::{Digest as _, Sha256};
use units::EventId;

use crate::{Finding, Ledger, LedgerError, sql};

/// An entry, as it is hashed.
pub(crate) struct Entry<'a> {
    pub(crate) at: i64,
    pub(crate) actor: &'a str,
    pub(crate) action: &'a str,
    pub(crate) event_id: Option<[u8; 16]>,
    pub(crate) detail: &'a str,
}

impl Entry<'_> {
    /// The hash of the entry behind `previous`. Every text has its length before it, so that no two entries read alike.
    pub(crate) fn hash(&self, previous: &[u8]) -> Vec<u8> {
        let mut digest = Sha256::new();
        let texts = [self.actor.as_bytes(), self.action.as_bytes(), self.detail.as_bytes()];
        let event: &[u8] = self.event_id.as_ref().map_or(&[], |id| id.as_slice());
        for part in [previous, &self.at.to_be_bytes(), event].into_iter().chain(texts) {
            digest.update((part.len() as u64).to_be_bytes());
            digest.update(part);
        }
        digest.finalize().to_vec()
    }
}

/// The hash of the last entry; empty before the first one that has any.
pub(crate) fn last(connection: &Connection) -> Result<Vec<u8>, LedgerError> {
    let query = "SELECT hash FROM journal ORDER BY entry_id DESC LIMIT 1";
    let hash = sql::one(connection, query, (), |row| row.get::<Option<Vec<u8>>>(0))?;
    Ok(hash.flatten().unwrap_or_default())
}

/// Entries that are checked at a time.
const CHECKED_AT_ONCE: usize = 10_000;

impl Ledger {
    /// Walks the whole journal, and says where its chain is broken.
    pub(crate) fn journal_findings(&self) -> Result<Vec<Finding>, LedgerError> {
        let query =
            "SELECT entry_id, at, actor, action, event_id, detail, hash FROM journal WHERE entry_id > ?1
            ORDER BY entry_id LIMIT ?2";
        let (mut after, mut previous): (i64, Option<Vec<u8>>) = (0, None);
        loop {
            let rows = sql::all(&self.connection, query, (after, sql::limit(CHECKED_AT_ONCE)), kept)?;
            let count = rows.len();
            for row in rows {
                if let Some(finding) = row.broken(previous.as_deref()) {
                    return Ok(vec![finding]);
                }
                after = row.entry_id;
                previous = row.hash.or(previous);
            }
            if count < CHECKED_AT_ONCE {
                return Ok(Vec::new());
            }
        }
    }
}

/// An entry as it is kept.
struct Kept {
    entry_id: i64,
    at: i64,
    actor: String,
    action: String,
    event_id: Option<[u8; 16]>,
    detail: String,
    hash: Option<Vec<u8>>,
}

fn kept(row: &Row<'_>) -> Result<Kept, StoreError> {
    Ok(Kept {
        entry_id: row.get(0)?,
        at: row.get(1)?,
        actor: row.get(2)?,
        action: row.get(3)?,
        event_id: row.get(4)?,
        detail: row.get(5)?,
        hash: row.get(6)?,
    })
}

impl Kept {
    /// What is wrong with the entry behind one with this hash. Entries from before the chain have none, and none stands
    /// behind one that has.
    fn broken(&self, previous: Option<&[u8]>) -> Option<Finding> {
        let Self { at, actor, action, event_id, detail, .. } = self;
        let right =
            Entry { at: *at, actor, action, event_id: *event_id, detail }.hash(previous.unwrap_or_default());
        let sound = match &self.hash {
            Some(hash) => *hash == right,
            None => previous.is_none(),
        };
        (!sound).then(|| {
            let when = sql::time(*at);
            let event = event_id.map(|id| format!(" about {}", EventId::from_u128(u128::from_be_bytes(id))));
            let event = event.unwrap_or_default();
            let message = format!(
                "journal entry {} (`{action}` by {actor} at {when}{event}) is not the one that was written there",
                self.entry_id
            );
            Finding { invariant: "journal", message }
        })
    }
}

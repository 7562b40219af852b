//! The owner of a conversion, and its change by a person's order.

use relay::delivery::State;
use relay::intake::EvidenceKind;
use relay::owner::{Owned as Standing, Refusal};
use tracking::Home;
use units::{EventId, Timestamp};

use crate::store::{Connection, Row};
use crate::{By, LedgerError, Transaction, sql};

/// A conversion, as far as its owner is concerned.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Owned {
    /// What decides whether it may change.
    pub standing: Standing,
    /// The advertiser, by the legacy id; 0 for none.
    pub advertiser_id: u64,
    /// The credited publisher, by the legacy id.
    pub publisher_id: Option<u64>,
    /// How the click is known that the owner is told of.
    pub evidence: EvidenceKind,
}

/// What a conversion is to be given.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct NewOwner {
    /// The platform.
    pub home: Home,
    /// The advertiser's id on the new platform, if that is the owner and knows it.
    pub advertiser_primary_id: Option<u64>,
    /// The credited publisher's id there.
    pub publisher_primary_id: Option<u64>,
    /// When it is first sent.
    pub due_at: Timestamp,
}

/// What an order came to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Given {
    /// The owner is changed.
    Done,
    /// It belongs there already.
    Already,
    /// It must not be changed.
    Refused(Refusal),
    /// There is no such conversion.
    NotFound,
}

pub(crate) fn owned(connection: &Connection, event_id: EventId) -> Result<Option<Owned>, LedgerError> {
    let query = "SELECT c.state, c.owner, c.ambiguous, c.advertiser_id, c.publisher_id,
        CASE WHEN e.sealed IS NULL THEN 0 ELSE 1 END,
        CASE WHEN EXISTS (SELECT 1 FROM adjustments a WHERE a.conversion = c.event_id) THEN 1 ELSE 0 END,
        c.evidence FROM conversions c JOIN envelopes e ON e.event_id = c.source WHERE c.event_id = ?1";
    let read = |row: &Row<'_>| {
        let (state, owner) = (row.get::<String>(0)?, row.get::<Option<String>>(1)?);
        let (ambiguous, sealed, changed) = (row.get(2)?, row.get(5)?, row.get(6)?);
        let ids = (row.get::<i64>(3)?, row.get::<Option<i64>>(4)?, row.get::<String>(7)?);
        Ok((state, owner, (ambiguous, sealed, changed), ids))
    };
    let Some((state, owner, (ambiguous, sealed, changed), (advertiser_id, publisher_id, evidence))) =
        sql::one(connection, query, (sql::id(event_id),), read)?
    else {
        return Ok(None);
    };
    let standing = Standing {
        state: sql::state(&state)?,
        owner: owner.map(|name| sql::home(&name)).transpose()?,
        may_have_arrived: ambiguous,
        original_kept: sealed,
        changed_by_merchant: changed,
    };
    let (advertiser_id, publisher_id) = (sql::uint(advertiser_id), publisher_id.map(sql::uint));
    let kind = EvidenceKind::parse(&evidence);
    let evidence = kind.ok_or(LedgerError::Corrupt { what: "the evidence", value: evidence })?;
    Ok(Some(Owned { standing, advertiser_id, publisher_id, evidence }))
}

impl Transaction<'_> {
    /// Where an event's conversion stands, as far as its owner is concerned.
    ///
    /// # Errors
    /// If the store fails, or holds what cannot be.
    pub fn owned(&self, event_id: EventId) -> Result<Option<Owned>, LedgerError> {
        owned(&self.inner, event_id)
    }

    /// Gives a queued conversion of which certainly nothing has arrived to another owner, with a schedule of its
    /// own, and journals it. The caller has decided that it may be; what is not queued any more is not touched.
    ///
    /// # Errors
    /// If it is not queued, or may have arrived, or the store fails.
    pub fn give(&mut self, event_id: EventId, new: NewOwner, by: By<'_>) -> Result<(), LedgerError> {
        let update =
            "UPDATE conversions SET owner = ?2, advertiser_primary_id = ?3, publisher_primary_id = ?4,
            due_at = ?5, counted = 0, reason = 'owner_changed', detail = ?6, changed_at = ?7
            WHERE event_id = ?1 AND state = 'queued' AND ambiguous = 0";
        let (home, now) = (new.home.name(), self.now().as_millis());
        let ids = (new.advertiser_primary_id.map(sql::int), new.publisher_primary_id.map(sql::int));
        let row = (sql::id(event_id), home, ids.0, ids.1, new.due_at.as_millis(), by.why, now);
        if sql::run(&self.inner, update, row, "change an owner")? != 1 {
            return Err(LedgerError::Moved { event_id, expected: State::Queued });
        }
        let detail = format!("to {home}: {}; nothing had arrived", by.why);
        self.journal(by.actor, "change owner", Some(event_id), &detail)
    }
}

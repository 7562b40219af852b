//! What waits for a mapping: which ids have no row or no id on the new platform, and how much waits for each.

use std::collections::BTreeMap;

use relay::intake::WAIT_FOR_A_MAP;
use units::{EventId, Timestamp};

use crate::store::Row;
use crate::{Ledger, LedgerError, sql};

/// Whose id is missing.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Missing {
    /// A programme's.
    Advertiser,
    /// A publisher's.
    Publisher,
}

impl Missing {
    /// The kind's name for people and programs.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Advertiser => "advertiser",
            Self::Publisher => "publisher",
        }
    }
}

/// An id that is not mapped, and what is held for it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Unmapped {
    /// Whose id it is.
    pub missing: Missing,
    /// The id on the legacy platform.
    pub legacy_id: u64,
    /// How many conversions are held for it.
    pub held: u64,
    /// When the first of them was received.
    pub first_at: Timestamp,
    /// When the last of them was.
    pub last_at: Timestamp,
}

/// What makes a held conversion one that a map may release.
const WAITS: &str =
    "state = 'held' AND (instr(reason, 'unknown_advertiser') > 0 OR instr(reason, 'advertiser_unmapped') > 0
    OR instr(reason, 'publisher_unmapped') > 0)";

/// True if a conversion that is held for these reasons waits for a map alone.
pub(crate) fn waits_for_a_map(reasons: &str) -> bool {
    !reasons.is_empty() && reasons.split(' ').all(|reason| WAIT_FOR_A_MAP.contains(&reason))
}

/// Most groups that are read: rows held for the same ids and with the same words count as one.
const GROUPS_MAX: usize = 100_000;

impl Ledger {
    /// What is held for want of a mapping, by event, after this one.
    ///
    /// # Errors
    /// If the store fails.
    pub fn held_for_mapping(
        &self,
        after: Option<EventId>,
        limit: usize,
    ) -> Result<Vec<EventId>, LedgerError> {
        let query = format!(
            "SELECT event_id FROM conversions INDEXED BY conversions_held WHERE {WAITS} AND event_id > ?1
             ORDER BY event_id LIMIT ?2"
        );
        let after = after.map_or([0; 16], sql::id);
        let read = |row: &Row<'_>| Ok(sql::event_id(row.get(0)?));
        sql::all(&self.connection, &query, (after, sql::limit(limit)), read)
    }

    /// The ids that conversions are held for, those with the most held first.
    ///
    /// # Errors
    /// If the store fails.
    pub fn unmapped(&self, limit: usize) -> Result<Vec<Unmapped>, LedgerError> {
        let query = format!(
            "SELECT advertiser_id, reason, detail, count(*), min(received_at), max(received_at)
             FROM conversions INDEXED BY conversions_held WHERE {WAITS}
             GROUP BY advertiser_id, reason, detail LIMIT ?1"
        );
        let read = |row: &Row<'_>| {
            let (advertiser, reason, detail) = (row.get::<i64>(0)?, row.get(1)?, row.get(2)?);
            let (held, first, last) = (row.get::<i64>(3)?, row.get(4)?, row.get(5)?);
            let group = Group { advertiser: sql::uint(advertiser), reason, detail };
            Ok((group, sql::uint(held), sql::time(first), sql::time(last)))
        };
        let mut found: BTreeMap<(Missing, u64), Unmapped> = BTreeMap::new();
        for (group, held, first_at, last_at) in
            sql::all(&self.connection, &query, (sql::limit(GROUPS_MAX),), read)?
        {
            for (missing, legacy_id) in group.missing() {
                let none = Unmapped { missing, legacy_id, held: 0, first_at, last_at };
                let sum = found.entry((missing, legacy_id)).or_insert(none);
                sum.held = sum.held.saturating_add(held);
                sum.first_at = sum.first_at.min(first_at);
                sum.last_at = sum.last_at.max(last_at);
            }
        }
        let mut found: Vec<Unmapped> = found.into_values().collect();
        found.sort_by_key(|unmapped| std::cmp::Reverse(unmapped.held));
        found.truncate(limit);
        Ok(found)
    }
}

/// Conversions that are held for the same reasons.
struct Group {
    advertiser: u64,
    reason: String,
    detail: String,
}

impl Group {
    fn missing(&self) -> Vec<(Missing, u64)> {
        let mut missing = Vec::new();
        let codes: Vec<&str> = self.reason.split_whitespace().collect();
        if codes.contains(&"unknown_advertiser") || codes.contains(&"advertiser_unmapped") {
            missing.push((Missing::Advertiser, self.advertiser));
        }
        if codes.contains(&"publisher_unmapped") {
            missing.extend(self.publisher().map(|id| (Missing::Publisher, id)));
        }
        missing
    }

    /// A held conversion credits nobody yet: whom it would is told by its reason alone.
    fn publisher(&self) -> Option<u64> {
        let (_, rest) = self.detail.split_once("publisher ")?;
        rest.split_whitespace().next()?.parse().ok()
    }
}

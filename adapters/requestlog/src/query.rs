//! What can be asked, and what comes back.

use units::{EventId, Timestamp};

use crate::settings::ROWS_MAX;

/// Which requests are wanted. Everything that is given must hold; the newest come first.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Query {
    /// The event.
    pub event_id: Option<EventId>,
    /// The order's reference, as it was sent.
    pub reference: Option<String>,
    /// The programme, by the legacy id.
    pub advertiser_id: Option<u64>,
    /// The publisher, by the legacy id.
    pub publisher_id: Option<u64>,
    /// The class, as `click`.
    pub class: Option<String>,
    /// From when.
    pub since: Option<Timestamp>,
    /// Until when, exclusively.
    pub until: Option<Timestamp>,
    /// Only what stands behind this event: the last one of the page before.
    pub after: Option<EventId>,
    /// Most rows, at most 1,000.
    pub limit: usize,
}

impl Query {
    pub(crate) fn rows(&self) -> usize {
        self.limit.clamp(1, ROWS_MAX)
    }

    /// The newest event that may be in the answer, and the oldest: identities sort by time.
    pub(crate) fn range(&self) -> (EventId, EventId) {
        if let Some(event_id) = self.event_id {
            return (event_id, event_id);
        }
        let least = |at: Timestamp| u128::try_from(at.as_millis()).unwrap_or(0) << 80;
        let oldest = self.since.map_or(0, least);
        let before_time = self.until.map_or(u128::MAX, |until| least(until).saturating_sub(1));
        let behind = self.after.map_or(u128::MAX, |after| after.as_u128().saturating_sub(1));
        (EventId::from_u128(before_time.min(behind)), EventId::from_u128(oldest))
    }
}

/// One request, as it stands in the log.
#[derive(Clone, PartialEq, Eq, Debug)]
#[allow(missing_docs, reason = "the columns of the table, which `relay::seen::Seen` describes one by one")]
pub struct RequestRow {
    pub event_id: EventId,
    pub received_at: Timestamp,
    pub lane: String,
    pub class: String,
    pub method: String,
    pub host: String,
    pub endpoint: String,
    pub recognised: bool,
    pub advertiser_id: Option<u64>,
    pub publisher_id: Option<u64>,
    pub creative_id: Option<u64>,
    pub reference: Option<String>,
    pub minor: Option<i64>,
    pub currency: Option<String>,
    pub phase: Option<String>,
    pub consent: Option<String>,
    pub consent_reason: Option<String>,
    pub country: Option<String>,
    pub network: Option<String>,
    pub referrer: Option<String>,
    pub problems: String,
    pub mode: String,
    pub status: u16,
    pub leads_to: Option<String>,
    pub took_micros: u64,
}

/// Something that became of an event.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct OutcomeRow {
    /// When.
    pub at: Timestamp,
    /// What.
    pub what: String,
    /// More about it.
    pub detail: String,
}

/// An answer.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Found {
    /// The rows, the newest first.
    pub rows: Vec<RequestRow>,
    /// True if there may be more: ask again behind the last row.
    pub more: bool,
}

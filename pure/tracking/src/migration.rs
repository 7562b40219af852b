//! A migration: two dialects and the join between them.

use units::EventId;

use crate::consent::Consent;
use crate::event::{Click, Event};
use crate::wire::{Answer, Home, Judged, Outbound, Verdict};

/// A migration, compiled.
#[derive(Debug, Default)]
pub struct Migration {}

/// What proves which click a conversion belongs to; it picks the endpoint (design, section 7).
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Evidence {
    /// A click id of the new platform itself.
    PlatformClickId(String),
    /// A click of our token or an imported click.
    Click(Click),
    /// A voucher code that is bound to a publisher.
    Voucher(String),
    /// None: sent unattributed, and counted.
    None,
}

/// A conversion that is to be told to the primary.
#[derive(Clone, Copy, Debug)]
pub struct ConversionOrder<'a> {
    /// The event's identity.
    pub event_id: EventId,
    /// What happened; ids are the legacy platform's.
    pub event: &'a Event,
    /// What proves the click.
    pub evidence: &'a Evidence,
    /// The advertiser's id on the primary.
    pub advertiser_primary_id: u64,
    /// The credited publisher's id on the primary.
    pub publisher_primary_id: Option<u64>,
    /// What the visitor permits.
    pub consent: Consent,
}

/// A request to a platform with what is needed to judge its answer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Dispatch {
    /// The request.
    pub request: Outbound,
    /// The endpoint's name in the platform's dialect, for judging.
    pub endpoint: String,
}

/// Why a request to a platform cannot be written.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum EncodeError {
    /// No rule of the migration sends this kind of event with this evidence.
    #[error("the migration has no rule that sends a {0} with this evidence")]
    NoRule(&'static str),
    /// A value that the endpoint requires is missing.
    #[error("`{parameter}` is required by endpoint `{endpoint}` and the event has no {field}")]
    Missing {
        /// The endpoint.
        endpoint: String,
        /// The parameter.
        parameter: String,
        /// The event's field.
        field: &'static str,
    },
}

impl Migration {
    /// The request that tells the primary of a conversion.
    ///
    /// # Errors
    /// What is missing, by parameter and field.
    pub fn conversion(&self, order: &ConversionOrder<'_>) -> Result<Dispatch, EncodeError> {
        Err(EncodeError::NoRule(order.event.class.name()))
    }

    /// What a platform's answer to a conversion means.
    pub fn judge(&self, home: Home, endpoint: &str, event: &Event, answer: &Answer) -> Judged {
        let reason = format!("{home} {endpoint} {} {}", event.class, answer.status);
        Judged { verdict: Verdict::Unknown, reason, retry_after: None }
    }
}

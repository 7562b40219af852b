//! The envelope: one event on its way from the edge to its final home.
//!
//! The open part is what the processor needs to book and to route. The sealed part is what a platform needs
//! to attribute (the original request with its cookies, the client's address and user agent); it is
//! encrypted at rest and erased on confirmation (I9).

use core::net::IpAddr;

use tracking::consent::Consent;
use tracking::event::Click;
use tracking::{Event, Inbound};
use units::{EventId, Timestamp};

/// What an event is for. Only `live` is money.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum Purpose {
    /// Real traffic.
    Live,
    /// A test that the sender declared.
    Test,
    /// A copy for comparison, marked and never booked.
    Shadow,
}

/// An event on its way.
#[derive(Clone, PartialEq, Debug)]
pub struct Envelope {
    /// The event's identity.
    pub event_id: EventId,
    /// What it is for.
    pub purpose: Purpose,
    /// When the edge received it.
    pub received_at: Timestamp,
    /// The legacy endpoint that was asked, by its name in the dialect.
    pub endpoint: String,
    /// What it means; ids are the legacy platform's.
    pub event: Event,
    /// The conversion's content-derived key; none where nothing identifies it, and for clicks.
    pub key: Option<String>,
    /// What the visitor permits.
    pub consent: Consent,
    /// The click that the request proves by a token of ours, already verified.
    pub click: Option<Click>,
    /// A publisher that a cookie of our hosts names, with the time the cookie was set if it tells it.
    pub cookie_click: Option<Click>,
    /// Codes of what is wrong with the request, as `invalid_amount`. Empty for a sound one.
    pub problems: Vec<String>,
    /// The visitor's country (ISO 3166-1 alpha-2), where a trusted front told it.
    pub country: Option<String>,
    /// The W3C `traceparent` of the request, if it had one.
    pub trace_parent: Option<String>,
    /// The sealed part, encrypted; empty once it has been erased.
    pub sealed: Vec<u8>,
}

/// The sealed part, opened.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Sealed {
    /// The request, byte for byte.
    pub original: Inbound,
    /// The client's address.
    pub client: Option<IpAddr>,
}

/// The key that seals the personal part of envelopes: 32 secret bytes. It prints nothing.
#[derive(Clone, PartialEq, Eq)]
pub struct SealKey(pub [u8; 32]);

impl core::fmt::Debug for SealKey {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("SealKey(..)")
    }
}

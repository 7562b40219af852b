//! The envelope: one event on its way from the edge to its final home.
//!
//! The open part is what the processor needs to book and to route. The sealed part is what a platform needs
//! to attribute (the original request with its cookies, the client's address and user agent); it is
//! encrypted at rest and erased on confirmation (I9).
//!
//! On the wire an envelope is a protocol buffer with its format version inside ([`mod@wire`]). Fields that a
//! reader does not know are skipped, so that an edge may be newer than its processor; a *word of the event*
//! that a reader does not know makes the whole envelope unreadable, because a parameter is never silently
//! lost (I11). The processor holds such an entry until it understands it.

mod batch;
mod seal;
mod wire;
mod write;

use core::net::IpAddr;

use tracking::consent::Consent;
use tracking::event::Click;
use tracking::{Event, Field, Home, Inbound, Verdict};
use units::{EventId, Timestamp};

pub use batch::Batch;
pub use seal::{OpenError, SealKey, open_bytes, seal, seal_bytes};

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

impl Purpose {
    /// Every purpose.
    pub const ALL: [Self; 3] = [Self::Live, Self::Test, Self::Shadow];

    /// The purpose's name in files, tables and on the wire.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Test => "test",
            Self::Shadow => "shadow",
        }
    }

    /// The purpose called `name`.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|purpose| purpose.name() == name)
    }
}

/// What an edge has sent to a platform by itself, because its outbox could not write.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Sent {
    /// The platform.
    pub home: Home,
    /// The endpoint's name in the platform's dialect.
    pub endpoint: String,
    /// What came of it: taken, confirmed, or unknown.
    pub verdict: Verdict,
    /// Why it counts as that.
    pub reason: String,
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
    /// What the edge has sent already; none where delivering it is the processor's part.
    pub sent: Option<Sent>,
}

/// Why bytes are no envelope, or none that can be read completely.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum EnvelopeError {
    /// Not a message of this kind.
    #[error("the bytes are no {what}: {reason}")]
    Malformed {
        /// What was expected.
        what: &'static str,
        /// What the reader says.
        reason: String,
    },
    /// A format that this reader does not know.
    #[error("the {what} has format version {version}, and only 1 is known here: update this process")]
    Version {
        /// What was read.
        what: &'static str,
        /// Its version; 0 if it names none.
        version: u32,
    },
    /// A word from a newer vocabulary, or a value out of its range.
    #[error("`{value}` is no known {what}: update this process, or correct the sender")]
    Unknown {
        /// What was expected.
        what: &'static str,
        /// What was found.
        value: String,
    },
}

impl Envelope {
    /// True if the field came as an e-mail address, of which its hash was kept.
    pub fn held_an_email(&self, field: Field) -> bool {
        let code = format!("email_in_{}", field.name());
        self.problems.contains(&code)
    }

    /// The envelope's bytes, in format version 1.
    pub fn encode(&self) -> Vec<u8> {
        wire::encode(self)
    }

    /// Reads an envelope.
    ///
    /// # Errors
    /// What is malformed or unknown; nothing is read by halves.
    pub fn decode(bytes: &[u8]) -> Result<Self, EnvelopeError> {
        wire::decode(bytes)
    }
}

/// The sealed part, opened.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Sealed {
    /// The request, byte for byte.
    pub original: Inbound,
    /// The client's address.
    pub client: Option<IpAddr>,
}

#[cfg(test)]
pub(crate) mod tests;

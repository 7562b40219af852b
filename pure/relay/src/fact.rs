//! Facts: what happened, as the pure core reports it. Telemetry is made from facts alone.
//!
//! A fact holds ids, closed sets of values and durations. It holds no personal data, no payload and no text
//! that a client chose (I9).

use core::time::Duration;
use std::sync::Arc;

use tracking::directory::Table;
use tracking::{Class, Home, Verdict};
use units::EventId;

use crate::reply::Mode;

/// One thing that happened.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Fact {
    /// A request was understood.
    Recognised {
        /// The event's identity.
        event_id: EventId,
        /// What kind of thing it is.
        class: Class,
        /// The legacy advertiser id, if it was readable.
        advertiser_id: Option<u64>,
    },
    /// An entry was made durable.
    Appended {
        /// The event's identity.
        event_id: EventId,
    },
    /// An entry could not be made durable.
    AppendFailed {
        /// The event's identity.
        event_id: EventId,
        /// The reason's name.
        reason: &'static str,
    },
    /// The processor holds an entry that the outbox could not take.
    HandedOver {
        /// The event's identity.
        event_id: EventId,
    },
    /// A reply was given.
    Replied {
        /// The event's identity.
        event_id: EventId,
        /// What kind of thing it was.
        class: Class,
        /// How the reply came about.
        mode: Mode,
        /// The status.
        status: u16,
        /// From the first byte of the request to the reply.
        took: Duration,
    },
    /// A destination was refused and the shopper sent to the merchant's own page.
    DestinationRefused {
        /// The event's identity.
        event_id: EventId,
        /// The reason's name.
        reason: &'static str,
    },
    /// An id or code of a request is in no map.
    Unmapped {
        /// The event's identity.
        event_id: EventId,
        /// The table that should have it.
        table: Table,
    },
    /// A platform was asked by an edge.
    Asked {
        /// The event's identity.
        event_id: EventId,
        /// Which platform.
        home: Home,
        /// Whether an answer came.
        answered: bool,
    },
    /// A platform's breaker changed.
    BreakerChanged {
        /// Which platform.
        home: Home,
        /// True if it now refuses calls.
        open: bool,
    },
    /// A destination, which is an endpoint of a platform, came into another condition.
    DestinationChanged {
        /// Which platform.
        home: Home,
        /// The endpoint's name in its dialect.
        endpoint: Arc<str>,
        /// Its condition: `up`, `down`, or why it is paused.
        condition: &'static str,
        /// How many destinations of the platform are down or paused now.
        impaired: u64,
    },
    /// The clock was set back: what had been scheduled by it was pulled in.
    ClockSetBack {
        /// By how much.
        by: Duration,
    },
    /// A conversion was booked by the processor.
    Booked {
        /// The event's identity.
        event_id: EventId,
        /// The legacy advertiser id, if known.
        advertiser_id: Option<u64>,
        /// True if a publisher is credited.
        attributed: bool,
    },
    /// A conversion reached another state in the processor.
    Moved {
        /// The event's identity.
        event_id: EventId,
        /// The new state's name.
        state: &'static str,
    },
    /// What waited to be sent could not be read, and was set aside for a person.
    SetAside {
        /// The event's identity, or that of a merchant's change.
        event_id: EventId,
    },
    /// One attempt of a delivery ended.
    Attempted {
        /// The event's identity.
        event_id: EventId,
        /// Which platform.
        home: Home,
        /// What it came to.
        verdict: Verdict,
        /// How long it took.
        took: Duration,
    },
    /// An invariant does not hold. The number names it; in production this counter must stay 0.
    InvariantBroken {
        /// The invariant's number, as `I3`.
        invariant: &'static str,
    },
}

//! What an exchange asks its host to do, and what the host tells it.

use core::time::Duration;
use std::sync::Arc;

use tracking::directory::Table;
use tracking::{Answer, Home, Outbound, SendFailure};
use units::{EventId, Timestamp};

use crate::fact::Fact;
use crate::reply::Reply;
use crate::seen::Seen;
use crate::shelf::Kept;

/// One thing for the host to do.
#[derive(Clone, PartialEq, Debug)]
pub enum Step {
    /// Make the entry durable and say how it went ([`Happened::Appended`] or [`Happened::AppendFailed`]).
    Append(Entry),
    /// Have the processor take an entry that the outbox could not take, and say how it went
    /// ([`Happened::HandedOver`] or [`Happened::NotHandedOver`]).
    HandOver {
        /// The entry.
        entry: Entry,
        /// The total deadline.
        within: Duration,
    },
    /// Hand the entry to the outbox without waiting: losing it loses a record, never money.
    Record(Entry),
    /// Hand the entry to the outbox or the processor as soon as one of them takes it, and keep it until then: it tells
    /// of money that has left already, so that nobody sends it once more, or of some that may be nowhere else.
    Remember(Entry),
    /// Call a platform and say what it said. `within` is the whole time that may be spent.
    Send {
        /// The request.
        request: Outbound,
        /// The total deadline of this one try, from connect to the last byte.
        within: Duration,
        /// True for a fetch that changes nothing: it may go out once more on a fresh connection if a kept-alive
        /// one dies before a byte of the answer. Never true where money may move (I4).
        repeatable: bool,
    },
    /// Ask the processor and say what it answered ([`Happened::Served`] or [`Happened::NotServed`]).
    Ask {
        /// The call, as an envelope.
        entry: Entry,
        /// The total deadline.
        within: Duration,
    },
    /// Reply to the client. At most once in an exchange.
    Reply(Reply),
    /// Look on the shelf of kept answers, and say what is there ([`Happened::Found`]). If another exchange
    /// is asking the platform for the same, wait for it, but no longer than `within`.
    Find {
        /// Names the answer.
        key: Vec<u8>,
        /// The longest wait, which is also how long a claim holds.
        within: Duration,
    },
    /// Put an answer on the shelf, or nothing, and end the claim that a [`Step::Find`] has brought.
    Keep {
        /// Names the answer.
        key: Vec<u8>,
        /// The answer; none leaves what is there.
        kept: Option<Kept>,
    },
    /// Count a request that was not recognised, by its shape.
    Tally(String),
    /// Count an id or code that no map has.
    Miss {
        /// The table that should have it.
        table: Table,
        /// The id or code, for people.
        key: String,
    },
    /// Nothing to do before this time, unless something happens: then tell [`Happened::TimePassed`].
    WaitUntil(Timestamp),
    /// Something worth knowing has happened.
    Report(Fact),
    /// Hand this to the request log without waiting: losing it loses a line, never money.
    Log(Box<Seen>),
}

/// An entry for the outbox: opaque bytes with what a host needs to handle them.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Entry {
    /// The event's identity.
    pub event_id: EventId,
    /// The encoded envelope.
    pub bytes: Vec<u8>,
}

/// Something that a host tells an exchange.
#[derive(Clone, PartialEq, Debug)]
pub enum Happened {
    /// The entry is on stable storage.
    Appended,
    /// The entry is not known to be on stable storage, and it may not be acknowledged.
    AppendFailed(AppendFailure),
    /// The processor holds the entry, on stable storage.
    HandedOver,
    /// The processor has not said that it holds the entry; the failure says whether it may.
    NotHandedOver(SendFailure),
    /// A platform answered.
    Answered {
        /// Which one.
        home: Home,
        /// What it said.
        answer: Answer,
    },
    /// A platform did not answer.
    Unanswered {
        /// Which one.
        home: Home,
        /// Why, and whether it may have received the request.
        failure: SendFailure,
    },
    /// What the shelf of kept answers holds.
    Found {
        /// The answer, fresh or stale; none if there is none that may still be used.
        kept: Option<Arc<Kept>>,
        /// True if this exchange is to ask the platform, because nobody else does.
        claimed: bool,
    },
    /// The processor answered.
    Served(Served),
    /// The processor did not answer, or could not: nobody can tell what it did.
    NotServed,
    /// The time of [`Step::WaitUntil`] has come.
    TimePassed,
}

/// What the processor answered to a call.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Served {
    /// This is the reply.
    Reply {
        /// The status.
        status: u16,
        /// The content type.
        content_type: String,
        /// The body.
        body: String,
    },
    /// It is not ours to answer: the legacy platform is to be asked.
    Forward,
}

/// Why an entry could not be made durable.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum AppendFailure {
    /// No space, or more waiting than the limits allow; it recovers by itself.
    Full,
    /// A sync failed before; only a restart recovers.
    Poisoned,
    /// Nobody knows: it may be durable all the same, here or in its copy, and come to the processor from there.
    Unknown,
}

impl AppendFailure {
    /// The failure's name in facts.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::Poisoned => "poisoned",
            Self::Unknown => "unknown",
        }
    }
}

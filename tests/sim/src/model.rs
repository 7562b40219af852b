//! What an observer knows: who bought what, what was acknowledged, and which request was which event.
//!
//! It knows nothing of rows, keys or schedules.

use std::collections::BTreeMap;

use units::EventId;

/// What the client of a sale was told.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Reply {
    /// Nothing: the edge ended first, or has not come to it.
    None,
    /// Yes, because it is durable.
    Durable,
    /// Yes, because a platform said yes.
    Platform,
    /// No, or not now.
    No,
}

/// A click, as an order carries it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct Touch {
    /// When it was made, in seconds of the clock of its edge.
    pub(crate) second: i64,
    /// Who referred.
    pub(crate) site: u64,
    /// True if its click id stands in the request, and not in a cookie.
    pub(crate) named: bool,
}

/// One request that tells of a sale.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Arrival {
    pub(crate) order: usize,
    pub(crate) shop: u64,
    /// What it says; none if that is unreadable.
    pub(crate) cents: Option<u64>,
    pub(crate) event_id: EventId,
    pub(crate) reply: Reply,
    /// The edge that took it.
    pub(crate) edge: usize,
    /// True if it carries a click id of ours, or cookies.
    pub(crate) proves: bool,
    /// The click that it carries.
    pub(crate) touch: Option<Touch>,
}

/// Everything that was observed, by the request's number.
#[derive(Debug, Default)]
pub(crate) struct Model {
    pub(crate) arrivals: BTreeMap<u64, Arrival>,
    numbers: BTreeMap<EventId, u64>,
}

impl Model {
    /// A sale was told.
    pub(crate) fn arrived(&mut self, number: u64, arrival: Arrival) {
        self.numbers.insert(arrival.event_id, number);
        self.arrivals.insert(number, arrival);
    }

    /// The client of a sale has its reply.
    pub(crate) fn replied(&mut self, number: u64, reply: Reply) {
        if let Some(arrival) = self.arrivals.get_mut(&number) {
            arrival.reply = reply;
        }
    }

    /// The arrival that is this event.
    pub(crate) fn event(&self, event_id: EventId) -> Option<&Arrival> {
        self.numbers.get(&event_id).and_then(|number| self.arrivals.get(number))
    }
}

/// What must never be, and was.
#[derive(Clone, Debug)]
pub struct Violation {
    /// The invariant's number, as `I1`.
    pub invariant: &'static str,
    /// What was seen.
    pub what: String,
}

pub(crate) fn violation<T>(invariant: &'static str, what: String) -> Result<T, Violation> {
    Err(Violation { invariant, what })
}

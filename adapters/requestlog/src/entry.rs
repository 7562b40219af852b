//! What is written.

use relay::Fact;
use relay::seen::Seen;
use units::{EventId, Timestamp};

/// One thing to remember.
#[derive(Clone, PartialEq, Debug)]
pub enum Entry {
    /// A request came in and was replied to.
    Seen(Box<Seen>),
    /// Something became of a conversion.
    Outcome(Outcome),
}

/// Something that became of a conversion.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Outcome {
    /// The event.
    pub event_id: EventId,
    /// When.
    pub at: Timestamp,
    /// What, as a state's name.
    pub what: &'static str,
    /// More about it, in our own words.
    pub detail: String,
}

impl Outcome {
    /// What a fact of the processor tells about its conversion at `at`; none if it tells of none.
    pub fn of(fact: &Fact, at: Timestamp) -> Option<Self> {
        let (event_id, what, detail) = match fact {
            Fact::Booked { event_id, attributed, .. } => {
                let credit = if *attributed { "a publisher is credited" } else { "nobody is credited" };
                (*event_id, "booked", credit.to_owned())
            }
            Fact::Moved { event_id, state } => (*event_id, *state, String::new()),
            Fact::Attempted { event_id, home, verdict, took } => {
                let detail = format!("the {home} platform: {} after {} ms", verdict.name(), took.as_millis());
                (*event_id, "attempted", detail)
            }
            _ => return None,
        };
        Some(Self { event_id, at, what, detail })
    }
}

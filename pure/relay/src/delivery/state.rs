//! Where a conversion stands: the terms of the conservation sum (I3).

use core::fmt;

/// The state of a conversion. Every accepted one is in exactly one of these.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
pub enum State {
    /// Waits for its first or its next attempt.
    Queued,
    /// An attempt is under way.
    InFlight,
    /// An attempt may have been processed, and the owner does not deduplicate.
    Unknown,
    /// Waits for a mapping or a decision; not booked yet.
    Held,
    /// The same key as another conversion with other money; the first stands.
    Conflict,
    /// The owner gave a recognised answer that proves nothing.
    Taken,
    /// The owner named it: it is booked there.
    Confirmed,
    /// The owner refused it for good.
    Rejected,
    /// It outlived its schedule, and certainly never arrived.
    Dead,
    /// Another arrival of a conversion that stands; kept as evidence.
    Merged,
    /// Dropped by a declared rule, or discarded by a person.
    Dropped,
}

impl State {
    /// Every state, in the order of the conservation sum.
    pub const ALL: [Self; 11] = [
        Self::Queued,
        Self::InFlight,
        Self::Unknown,
        Self::Held,
        Self::Conflict,
        Self::Taken,
        Self::Confirmed,
        Self::Rejected,
        Self::Dead,
        Self::Merged,
        Self::Dropped,
    ];

    /// The state's name in tables, facts and output.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::InFlight => "in_flight",
            Self::Unknown => "unknown",
            Self::Held => "held",
            Self::Conflict => "conflict",
            Self::Taken => "taken",
            Self::Confirmed => "confirmed",
            Self::Rejected => "rejected",
            Self::Dead => "dead",
            Self::Merged => "merged",
            Self::Dropped => "dropped",
        }
    }

    /// The state called `name`.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.name() == name)
    }

    /// True if money is at stake and only a person can move it.
    pub const fn needs_a_person(self) -> bool {
        matches!(self, Self::Unknown | Self::Held | Self::Conflict | Self::Rejected | Self::Dead)
    }

    /// True if nothing more happens to it, and what is personal may be erased.
    pub const fn is_closed(self) -> bool {
        matches!(self, Self::Confirmed | Self::Dropped)
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_must_act_and_what_is_over() {
        let names = |is: fn(State) -> bool| {
            let mut names: Vec<String> =
                State::ALL.into_iter().filter(|state| is(*state)).map(|state| state.to_string()).collect();
            names.sort();
            names
        };
        assert_eq!(names(State::needs_a_person), ["conflict", "dead", "held", "rejected", "unknown"]);
        assert_eq!(names(State::is_closed), ["confirmed", "dropped"]);
    }

    #[test]
    fn i3_the_states_are_those_of_the_conservation_sum() {
        let names = State::ALL.map(State::name).join(" + ");
        let sum = "queued + in_flight + unknown + held + conflict + taken + confirmed + rejected + dead + merged + dropped";
        assert_eq!(names, sum);
        assert!(State::ALL.into_iter().all(|state| State::parse(state.name()) == Some(state)));
    }
}

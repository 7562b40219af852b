//! What a visitor permits, and why we think so (I10).

/// Why a consent has the value it has.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum ConsentReason {
    /// A parameter of the link said so.
    Link,
    /// The consent string of the link said so.
    ConsentString,
    /// The browser sent a global opt-out.
    GlobalOptOut,
    /// The migration's table for the visitor's country decided, as nothing else said anything.
    Country,
    /// Nothing said anything.
    NoSignal,
}

impl ConsentReason {
    /// The reason's name in facts and tables.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Link => "link",
            Self::ConsentString => "consent_string",
            Self::GlobalOptOut => "global_opt_out",
            Self::Country => "country",
            Self::NoSignal => "no_signal",
        }
    }

    /// The reason called `name`.
    pub fn parse(name: &str) -> Option<Self> {
        [Self::Link, Self::ConsentString, Self::GlobalOptOut, Self::Country, Self::NoSignal]
            .into_iter()
            .find(|reason| reason.name() == name)
    }
}

/// Whether identifiers may be stored and passed on: three values, each with its reason.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum Consent {
    /// Given.
    Granted(ConsentReason),
    /// Refused: no cookie, no stored identifier, no click id passed on; the order is still booked.
    Refused(ConsentReason),
    /// No signal at all, and the migration's table permits.
    NoSignal,
}

impl Consent {
    /// True if identifiers may be stored and passed on.
    pub const fn permits(self) -> bool {
        !matches!(self, Self::Refused(_))
    }

    /// The value's name in facts and tables.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Granted(_) => "granted",
            Self::Refused(_) => "refused",
            Self::NoSignal => "no_signal",
        }
    }

    /// Why the consent has its value.
    pub const fn reason(self) -> ConsentReason {
        match self {
            Self::Granted(reason) | Self::Refused(reason) => reason,
            Self::NoSignal => ConsentReason::NoSignal,
        }
    }
}

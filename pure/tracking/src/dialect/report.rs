//! Reports: what a platform itself says that it has booked, as a file or from its interface.
//!
//! Which column holds what, how times and amounts are written and what a word in a cell means is data. Reading the
//! bytes is an adapter's work; here stands what it reads them by.

use core::time::Duration;

use serde::{Deserialize, Serialize};
use units::Currency;

/// A report of a platform.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Report {
    /// Its name, for commands.
    pub name: String,
    /// How its bytes are laid out.
    pub format: Format,
    /// The zone of its times that name none: a name of the IANA database.
    pub zone: String,
    /// The currency of amounts that name none; none if that is the programme's own.
    pub currency: Option<Currency>,
    /// True if it names advertisers and publishers by the ids of the new platform.
    pub primary_ids: bool,
    /// As many rows as the platform gives at once: a report of exactly so many may be cut off.
    pub rows_max: Option<u64>,
    /// How long it may take until a transaction is in it.
    pub settling: Duration,
    /// Its columns.
    pub columns: Vec<Column>,
    /// How the platform's interface is asked for it, if it can be.
    pub live: Option<Live>,
    /// The line it stands at.
    pub line: usize,
}

/// How a report's bytes are laid out.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Format {
    /// Lines of cells under a line of names, with one of these bytes between the cells.
    Delimited(Vec<u8>),
    /// A JSON array of objects. A column's name is the path to its value, joined by dots.
    Json,
}

/// A column that means something.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Column {
    /// What it holds.
    pub holds: Holds,
    /// Its names. They are compared without regard to letter case and blanks.
    pub names: Vec<String>,
    /// True if a report without it is none.
    pub required: bool,
    /// How its times are written, in the letters of `strptime`; the first that fits counts.
    pub times: Vec<String>,
    /// What its words mean, in lower case.
    pub values: Vec<(String, Means)>,
    /// What any other word means; none if it says nothing.
    pub otherwise: Option<Means>,
    /// What its text is made of, the first that fits.
    pub patterns: Vec<Pattern>,
    /// The line it stands at.
    pub line: usize,
}

/// What a column holds.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
pub enum Holds {
    /// The platform's number of the transaction.
    TransactionId,
    /// The order's reference.
    OrderReference,
    /// The advertiser's id.
    Advertiser,
    /// The publisher's id.
    Publisher,
    /// The order's value.
    Amount,
    /// Its currency.
    Currency,
    /// What the publisher earns.
    Commission,
    /// What kind of transaction it is.
    Kind,
    /// Whether it stands. Several columns may say so: the first that says anything counts.
    Standing,
    /// When it happened.
    TransactedAt,
    /// When its click happened.
    ClickedAt,
    /// The day of its click.
    ClickedDay,
    /// The time of that day.
    ClickedTime,
    /// Why it was taken back.
    VoidReason,
}

impl Holds {
    /// Everything that a column can hold.
    pub const ALL: [Self; 14] = [
        Self::TransactionId,
        Self::OrderReference,
        Self::Advertiser,
        Self::Publisher,
        Self::Amount,
        Self::Currency,
        Self::Commission,
        Self::Kind,
        Self::Standing,
        Self::TransactedAt,
        Self::ClickedAt,
        Self::ClickedDay,
        Self::ClickedTime,
        Self::VoidReason,
    ];

    /// The names, in the order of [`Self::ALL`].
    pub const NAMES: [&'static str; 14] = [
        "transaction_id",
        "order_reference",
        "advertiser",
        "publisher",
        "amount",
        "currency",
        "commission",
        "kind",
        "standing",
        "transacted_at",
        "clicked_at",
        "clicked_day",
        "clicked_time",
        "void_reason",
    ];

    /// The name in dialect files.
    pub fn name(self) -> &'static str {
        let place = Self::ALL.iter().position(|one| *one == self);
        place.and_then(|place| Self::NAMES.get(place)).copied().unwrap_or_default()
    }

    /// What is called `name`.
    pub fn parse(name: &str) -> Option<Self> {
        let place = Self::NAMES.iter().position(|one| *one == name)?;
        Self::ALL.get(place).copied()
    }
}

/// What a word in a cell means.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Means {
    /// A kind of transaction.
    Kind(Kind),
    /// Whether it stands.
    Standing(Standing),
}

/// What kind of transaction a report's row is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// An order.
    Sale,
    /// A lead or an installation.
    Lead,
    /// A payment beside any order.
    Bonus,
    /// A credit that a person gave by hand.
    ManualCredit,
    /// A share in what another publisher earns.
    SecondTier,
    /// Anything else that the platform pays for, and that never comes through a tracking request.
    Other,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 6] =
        [Self::Sale, Self::Lead, Self::Bonus, Self::ManualCredit, Self::SecondTier, Self::Other];

    /// The kind's name in dialect files and output.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sale => "sale",
            Self::Lead => "lead",
            Self::Bonus => "bonus",
            Self::ManualCredit => "manual_credit",
            Self::SecondTier => "second_tier",
            Self::Other => "other",
        }
    }

    /// The kind called `name`.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// True if a tracking request makes transactions of this kind.
    pub const fn is_tracked(self) -> bool {
        matches!(self, Self::Sale | Self::Lead)
    }
}

/// Whether a platform's transaction stands.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// Nobody has decided about it.
    Pending,
    /// It is accepted.
    Approved,
    /// It was taken back or refused: it earns nothing.
    Voided,
}

impl Standing {
    /// Every standing.
    pub const ALL: [Self; 3] = [Self::Pending, Self::Approved, Self::Voided];

    /// The name in dialect files and output.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Approved => "approved",
            Self::Voided => "voided",
        }
    }

    /// The standing called `name`.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|standing| standing.name() == name)
    }
}

/// A text with places in it that hold something, as `VOIDED {void_reason} Sale - {order_reference}`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Pattern {
    /// What stands before the first place.
    start: String,
    /// Each place with the text behind it; the last one's may be empty and then takes the rest.
    places: Vec<(Holds, String)>,
}

impl Pattern {
    /// Reads a pattern; none if a place holds what a text cannot, or two places touch.
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split('{');
        let start = parts.next()?.to_owned();
        let mut places = Vec::new();
        for part in parts {
            let (name, behind) = part.split_once('}')?;
            let holds = Holds::parse(name).filter(|holds| {
                matches!(holds, Holds::OrderReference | Holds::VoidReason | Holds::TransactionId)
            })?;
            places.push((holds, behind.to_owned()));
        }
        let touching = places.iter().rev().skip(1).any(|(_, behind)| behind.is_empty());
        (!places.is_empty() && !touching).then_some(Self { start, places })
    }

    /// What the places of `text` hold, if it is made so. The first text that ends a place ends it.
    pub fn read<'t>(&self, text: &'t str) -> Option<Vec<(Holds, &'t str)>> {
        let mut rest = text.strip_prefix(self.start.as_str())?;
        let mut found = Vec::with_capacity(self.places.len());
        for (holds, behind) in &self.places {
            let (value, further) = match behind.as_str() {
                "" => (rest, ""),
                behind => rest.split_once(behind)?,
            };
            found.push((*holds, value.trim()));
            rest = further;
        }
        rest.trim().is_empty().then_some(found)
    }
}

/// How a platform's interface is asked for a report.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Live {
    /// The host.
    pub host: String,
    /// The path; `{advertiser}` stands for the advertiser's id there.
    pub path: String,
    /// The query.
    pub parameters: Vec<Asked>,
    /// The header that the credential goes into, with what stands before it.
    pub credential: Option<(String, String)>,
    /// The endpoint whose signature the call carries; the merchant's own token and secret sign it.
    pub signed_as: Option<String>,
    /// The longest span that is given at once, in days.
    pub span_days: u64,
    /// Calls that are answered in a minute.
    pub calls_per_minute: u64,
}

/// A parameter of the question.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Asked {
    /// Its name.
    pub name: String,
    /// What it says.
    pub says: Says,
}

/// What a parameter of the question says.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Says {
    /// The first moment of the span, in the letters of `strftime`, by the report's zone.
    From(String),
    /// The last second of the span, written likewise.
    Until(String),
    /// The advertiser's id.
    Advertiser,
    /// The merchant's public token.
    Token,
    /// Always the same.
    Text(String),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_taken_apart() {
        let pattern = |text| Pattern::parse(text).unwrap();
        let plain = pattern("Sale - {order_reference}");
        assert_eq!(plain.read("Sale - A - 1"), Some(vec![(Holds::OrderReference, "A - 1")]));
        assert_eq!(plain.read("Lead - A"), None);
        let voided = pattern("VOIDED {void_reason} Sale - {order_reference}");
        let found = vec![(Holds::VoidReason, "sent back"), (Holds::OrderReference, "A-1")];
        assert_eq!(voided.read("VOIDED sent back Sale - A-1"), Some(found));
        let closed = pattern("[{order_reference}]");
        assert_eq!(closed.read("[A-1]"), Some(vec![(Holds::OrderReference, "A-1")]));
        assert_eq!(closed.read("[A-1] more"), None);
    }

    #[test]
    fn patterns_that_say_nothing_are_refused() {
        for text in ["", "no place", "{order_reference", "{amount}", "{void_reason}{order_reference}"] {
            assert_eq!(Pattern::parse(text), None, "{text}");
        }
    }

    #[test]
    fn names_are_read_back() {
        for holds in Holds::ALL {
            assert_eq!(Holds::parse(holds.name()), Some(holds));
        }
    }
}

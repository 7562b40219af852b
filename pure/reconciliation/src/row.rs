//! The rows of the three lists.

use relay::Purpose;
use relay::delivery::State;
use relay::intake::EvidenceKind;
use serde::{Deserialize, Serialize};
use tracking::Home;
pub use tracking::dialect::report::{Kind, Standing};
use tracking::key::canonical;
use units::limits::ORDER_REFERENCE_CHARS_MAX;
use units::{EventId, Money, Timestamp};

use crate::wire;

/// A row of any of the lists.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "side", rename_all = "snake_case")]
pub enum Row {
    /// Of our ledger.
    Ours(Ours),
    /// Of a platform's report.
    Theirs(Theirs),
    /// Of the merchant's list of orders.
    Order(Order),
}

/// A conversion as our ledger has it. Nothing in it is personal (I9).
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Ours {
    /// The conversion.
    pub event_id: EventId,
    /// Where it stands.
    #[serde(with = "wire::state")]
    pub state: State,
    /// Why it stands there, by code.
    pub reason: String,
    /// Live, a test, or a copy for comparison.
    #[serde(with = "wire::purpose")]
    pub purpose: Purpose,
    /// Its advertiser, by the legacy id; 0 if it has none.
    pub advertiser_id: u64,
    /// The platform that it belongs to; none while that is not decided.
    #[serde(with = "wire::some_home")]
    pub owner: Option<Home>,
    /// The credited publisher, by the legacy id.
    pub publisher_id: Option<u64>,
    /// The same publisher's id on the new platform.
    pub publisher_primary_id: Option<u64>,
    /// The order's value, after its merchant's last edit.
    #[serde(with = "wire::some_money")]
    pub amount: Option<Money>,
    /// What the publisher earns.
    #[serde(with = "wire::some_money")]
    pub commission: Option<Money>,
    /// What proves the click.
    #[serde(with = "wire::evidence")]
    pub evidence: EvidenceKind,
    /// The evidence that was looked at.
    pub weighed: Vec<Weighed>,
    /// When the credited click happened.
    pub clicked_at: Option<Timestamp>,
    /// The order's reference, as it was given.
    pub reference: Option<String>,
    /// True if its merchant took it back.
    pub voided: bool,
    /// True if a change by its merchant has not reached the platform.
    pub change_pending: bool,
    /// When the edge received it.
    pub received_at: Timestamp,
    /// When it last changed.
    pub changed_at: Timestamp,
    /// What kind of order it is, in the words of the tracking request; none if that does not say.
    #[serde(default)]
    pub kind: Option<String>,
    /// The amount that its platform was told, where that is not the order's value: of leads it is their number.
    #[serde(default, with = "wire::some_money")]
    pub told: Option<Money>,
    /// When the processor sent it for the last time; none if it never did.
    #[serde(default)]
    pub sent_at: Option<Timestamp>,
    /// The day of its receipt by the clock of the platform that it is compared with, counted from 1970-01-01.
    #[serde(default)]
    pub day: i64,
}

/// A piece of evidence that was looked at.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Weighed {
    /// What it is.
    #[serde(with = "wire::evidence")]
    pub kind: EvidenceKind,
    /// What became of it, by code.
    pub outcome: String,
    /// The publisher that it names, by the legacy id.
    pub publisher_id: Option<u64>,
    /// The same publisher's id on the new platform.
    #[serde(default)]
    pub publisher_primary_id: Option<u64>,
    /// When its click happened.
    pub at: Option<Timestamp>,
}

/// A transaction as a platform's report has it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Theirs {
    /// Whose report it is.
    #[serde(with = "wire::home")]
    pub home: Home,
    /// Which of the reports that are compared at once it stands in, counted from 0.
    #[serde(default)]
    pub report: u32,
    /// Its line in the report, or its place where the report has no lines.
    pub line: u64,
    /// The platform's number of it.
    pub transaction_id: String,
    /// Its advertiser by the legacy id; none if no map has the id that the report names.
    pub advertiser_id: Option<u64>,
    /// Its advertiser by the id that the report names.
    pub named_advertiser: u64,
    /// True if the report tells publishers at all.
    pub names_publisher: bool,
    /// The publisher by the platform's own id; none if nobody earns.
    pub publisher: Option<u64>,
    /// The order's value.
    #[serde(with = "wire::money")]
    pub amount: Money,
    /// What the publisher earns.
    #[serde(with = "wire::some_money")]
    pub commission: Option<Money>,
    /// What kind of transaction it is.
    pub kind: Kind,
    /// Whether it stands.
    pub standing: Standing,
    /// The order's reference; none if the report has none for it.
    pub reference: Option<String>,
    /// Why it was taken back.
    pub void_reason: Option<String>,
    /// When it happened by the report.
    pub at: Timestamp,
    /// The day of that by the platform's clock, counted from 1970-01-01.
    pub day: i64,
    /// When its click happened by the report.
    pub clicked_at: Option<Timestamp>,
}

/// An order as its merchant has it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Order {
    /// Its line in the list.
    pub line: u64,
    /// The merchant, by the legacy id.
    pub advertiser_id: u64,
    /// The order's reference.
    pub reference: String,
    /// Its value.
    #[serde(with = "wire::money")]
    pub amount: Money,
    /// When it was made.
    pub at: Timestamp,
    /// The day of that, counted from 1970-01-01.
    pub day: i64,
    /// True if it was cancelled or returned.
    pub cancelled: bool,
}

impl Ours {
    /// The amount that its platform was told.
    pub fn told_amount(&self) -> Option<Money> {
        self.told.or(self.amount)
    }

    /// The last moment at which it can have arrived. What came after it is a change of our books alone.
    pub fn last_sent(&self) -> Timestamp {
        self.sent_at.unwrap_or(self.changed_at)
    }
}

impl Row {
    /// The row with the reference by which the other side knows its order. What a template left behind identifies
    /// nothing, and where nothing does, the new platform is told our own identity of the event.
    #[must_use]
    pub fn identified(mut self, is_placeholder: impl Fn(&str) -> bool) -> Self {
        let named = |reference: &mut Option<String>| reference.take().filter(|text| !is_placeholder(text));
        match &mut self {
            Self::Ours(ours) => {
                let told = (ours.owner == Some(Home::Primary)).then(|| ours.event_id.to_string());
                ours.reference = named(&mut ours.reference).or(told);
            }
            Self::Theirs(theirs) => theirs.reference = named(&mut theirs.reference),
            Self::Order(_) => {}
        }
        self
    }

    /// What the rows of one order have in common, in all three lists: the merchant, and the order's reference as far
    /// as the shortest-sighted platform reads it. Rows without a usable reference come together by their money.
    pub fn group_key(&self, is_placeholder: impl Fn(&str) -> bool) -> String {
        let (advertiser, reference, amount) = match self {
            Self::Ours(ours) => (Some(ours.advertiser_id), ours.reference.as_deref(), ours.told_amount()),
            Self::Theirs(theirs) => (theirs.advertiser_id, theirs.reference.as_deref(), Some(theirs.amount)),
            Self::Order(order) => {
                (Some(order.advertiser_id), Some(order.reference.as_str()), Some(order.amount))
            }
        };
        let merchant = match (advertiser, self) {
            (None, Self::Theirs(theirs)) => format!("?{:020}", theirs.named_advertiser),
            (id, _) => format!("{:020}", id.unwrap_or(0)),
        };
        match reference.filter(|text| !is_placeholder(text)) {
            Some(reference) => {
                let seen: String = canonical(reference).chars().take(ORDER_REFERENCE_CHARS_MAX).collect();
                format!("{merchant} {seen}")
            }
            None => {
                let amount = amount.map(|money| format!("{} {}", money.currency, money.minor));
                format!("{merchant}\u{1}{}", amount.unwrap_or_default())
            }
        }
    }
}

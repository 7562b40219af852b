//! What a postback may tell of a transaction.

use units::{EventId, Money, Timestamp, calendar};

/// Something that a macro stands for: a closed set. Nothing that is personal is in it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fact {
    /// The advertiser, by the id that publishers know.
    AdvertiserId,
    /// The publisher, by its own id.
    PublisherId,
    /// The publisher's own reference, from the click.
    TrackingReference,
    /// The order's reference.
    OrderReference,
    /// The order's value, as a decimal number.
    Amount,
    /// Its currency.
    Currency,
    /// What the publisher earns, as a decimal number.
    Commission,
    /// When the transaction came, as `2026-11-23 19:31:00`.
    TransactionTime,
    /// The transaction's identity.
    TransactionId,
    /// `sale` or `lead`.
    ConversionType,
}

impl Fact {
    const ALL: [(Self, &'static str); 10] = [
        (Self::AdvertiserId, "advertiser_id"),
        (Self::PublisherId, "publisher_id"),
        (Self::TrackingReference, "tracking_reference"),
        (Self::OrderReference, "order_reference"),
        (Self::Amount, "amount"),
        (Self::Currency, "currency"),
        (Self::Commission, "commission"),
        (Self::TransactionTime, "transaction time"),
        (Self::TransactionId, "transaction id"),
        (Self::ConversionType, "conversion_type"),
    ];

    /// Their names in dialect files.
    pub const NAMES: [&'static str; 10] = {
        let mut names = [""; 10];
        let mut rest: &mut [&'static str] = &mut names;
        let mut all: &[(Self, &'static str)] = &Self::ALL;
        while let ([slot, further @ ..], [(_, name), behind @ ..]) = (rest, all) {
            *slot = name;
            rest = further;
            all = behind;
        }
        names
    };

    /// The fact called `name`.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|(_, known)| *known == name).map(|(fact, _)| fact)
    }
}

/// Whose clock a time is told by.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Clock {
    /// UTC.
    Utc,
    /// That of the central United States, with its summer time.
    UsCentral,
}

impl Clock {
    /// Their names in dialect files.
    pub const NAMES: [&'static str; 2] = ["utc", "us central"];

    /// The clock called `name`.
    pub fn parse(name: &str) -> Option<Self> {
        match name {
            "utc" => Some(Self::Utc),
            "us central" => Some(Self::UsCentral),
            _ => None,
        }
    }
}

/// The facts of one transaction.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Facts {
    /// The transaction.
    pub transaction_id: EventId,
    /// Its advertiser, by the legacy id.
    pub advertiser_id: u64,
    /// The publisher, by the legacy id.
    pub publisher_id: u64,
    /// The publisher's own reference of the click; none if there was none or the visitor refused.
    pub tracking_reference: Option<String>,
    /// The order's reference; none if there was none that identifies anything.
    pub order_reference: Option<String>,
    /// The order's value.
    pub amount: Option<Money>,
    /// What is earned.
    pub commission: Option<Money>,
    /// `sale` or `lead`.
    pub conversion_type: Option<String>,
    /// When it came.
    pub at: Timestamp,
    /// Whose clock that is told by.
    pub clock: Clock,
}

impl Facts {
    /// What a macro becomes; empty where there is nothing to tell.
    pub fn told(&self, fact: Fact) -> String {
        let text = |text: &Option<String>| text.clone().filter(|text| !is_personal(text)).unwrap_or_default();
        let money = |money: Option<Money>| money.map(|money| money.decimal()).unwrap_or_default();
        match fact {
            Fact::AdvertiserId => self.advertiser_id.to_string(),
            Fact::PublisherId => self.publisher_id.to_string(),
            Fact::TrackingReference => text(&self.tracking_reference),
            Fact::OrderReference => text(&self.order_reference),
            Fact::Amount => money(self.amount),
            Fact::Currency => self.amount.map(|money| money.currency.code().to_owned()).unwrap_or_default(),
            Fact::Commission => money(self.commission),
            Fact::TransactionTime => match self.clock {
                Clock::Utc => calendar::written(self.at),
                Clock::UsCentral => calendar::written_in_us_central(self.at),
            },
            Fact::TransactionId => self.transaction_id.to_string(),
            Fact::ConversionType => text(&self.conversion_type),
        }
    }
}

/// True if a text that should be a reference looks like an e-mail address: some shops write one in its place.
pub fn is_personal(text: &str) -> bool {
    text.contains('@') || text.to_ascii_lowercase().contains("%40")
}

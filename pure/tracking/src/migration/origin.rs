//! Where the values of a request to the primary come from.

use crate::event::{Event, Field};

/// Where a value comes from.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Origin {
    /// A field of the event.
    Field(Field),
    /// Always the same text.
    Constant(String),
    /// The advertiser's id on the primary.
    AdvertiserPrimaryId,
    /// The credited publisher's id on the primary.
    PublisherPrimaryId,
    /// The event's identity, our own reference.
    EventId,
    /// The landing page with our click id in it.
    LandingWithClickId,
    /// The order reference; the event's identity where nothing identifies the order.
    OrderReference,
    /// The amount that the order's commission group asks for, which is the order's own for most.
    ToldAmount,
    /// The code of the order's commission group.
    GroupCode,
    /// That amount under that code, as the only part of the order.
    DefaultParts,
    /// The marketing channel that won the order.
    WinningChannel(Channels),
    /// The first voucher code.
    FirstVoucher,
    /// The basket, a row for each article; each row starts with this text.
    BasketRows(String),
    /// The basket, a JSON object for each article.
    BasketItems(ItemNames),
    /// 1 for a test, 0 for money.
    TestFlag,
    /// 0 for refused, 1 where the link says that it was given, else absent.
    ConsentFlag,
    /// The primary's own click id.
    PlatformClickId,
    /// Our click id, or the legacy platform's.
    ClickId,
    /// When the click happened, in Unix seconds.
    ClickTime,
    /// When the event happened, in Unix seconds.
    EventTime,
    /// When the event happened, as `2026-11-23T19:31:00`, in UTC.
    EventDateTime,
}

/// What tells which channel won an order where the merchant's own rule gives it to another one.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Channels {
    /// What is told where the order is ours.
    pub own: String,
    /// What is told where another channel won and its name is not known.
    pub unnamed: String,
}

/// The names of an article's members in JSON.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ItemNames {
    /// Each of these is the article's SKU: nothing else names it.
    pub sku: Vec<String>,
    /// The unit price.
    pub price: String,
    /// The quantity.
    pub quantity: String,
}

/// A commission group that orders are told under.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CommissionGroup {
    /// The kind of order that it is for; any other if it names none.
    pub conversion_type: Option<String>,
    /// Its code on the primary.
    pub code: String,
    /// The amount that is told instead of the order's own.
    pub amount: Option<String>,
    /// The line it stands at.
    pub line: usize,
}

impl Origin {
    /// The event's fields that the value is made from.
    pub const fn fields(&self) -> &'static [Field] {
        match self {
            Self::AdvertiserPrimaryId => &[Field::AdvertiserId],
            Self::PublisherPrimaryId => &[Field::PublisherId],
            Self::LandingWithClickId => &[Field::DestinationUrl],
            Self::OrderReference => &[Field::OrderReference],
            Self::ToldAmount => &[Field::Amount],
            Self::DefaultParts => &[Field::Amount, Field::ConversionType],
            Self::GroupCode => &[Field::ConversionType],
            Self::WinningChannel(_) => &[Field::AutoVoid, Field::Channel],
            Self::FirstVoucher => &[Field::VoucherCodes],
            Self::BasketRows(_) | Self::BasketItems(_) => {
                &[Field::BasketSkus, Field::BasketPrices, Field::BasketQuantities]
            }
            Self::TestFlag => &[Field::TestMode],
            Self::ConsentFlag => &[Field::Consent],
            Self::PlatformClickId | Self::ClickId | Self::ClickTime => &[Field::ClickId],
            Self::Field(_) | Self::Constant(_) | Self::EventId | Self::EventTime | Self::EventDateTime => &[],
        }
    }

    /// True if the value that `event` has in `field` really goes into it.
    pub fn carries(&self, event: &Event, field: Field) -> bool {
        match self {
            Self::BasketRows(_) | Self::BasketItems(_) => event.basket_lines_up(),
            Self::WinningChannel(_) if field == Field::Channel => event.flag(Field::AutoVoid) == Some(true),
            _ => true,
        }
    }

    /// True if the value is made from `field`.
    pub fn uses(&self, field: Field) -> bool {
        *self == Self::Field(field) || self.fields().contains(&field)
    }
}

//! The event: what a request means, in our own words.
//!
//! An event is a set of fields from one closed vocabulary ([`Field`]). Dialects name the vocabulary's words
//! and nothing else, so that two dialects meet in the event and never in each other. The ids in it are the
//! legacy platform's, as the request gave them; mapping them is the directory's business.

use core::fmt;

pub use compact_str::CompactString as Text;
use serde::ser::{Serialize, SerializeMap, Serializer};
use units::{Money, Timestamp};

/// What kind of thing a request is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
pub enum Class {
    /// A person follows a link.
    Click,
    /// A sale, a lead or another order.
    Conversion,
    /// A creative was shown.
    Impression,
    /// A script for a page.
    Script,
    /// A change of a booked transaction.
    Adjustment,
    /// A question about booked transactions.
    Report,
    /// A known endpoint that is none of these.
    Other,
    /// Nothing that the dialect knows.
    Unrecognised,
}

impl Class {
    /// Every class, in the order of the documentation.
    pub const ALL: [Self; 8] = [
        Self::Click,
        Self::Conversion,
        Self::Impression,
        Self::Script,
        Self::Adjustment,
        Self::Report,
        Self::Other,
        Self::Unrecognised,
    ];

    /// The class's name in files and output.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Click => "click",
            Self::Conversion => "conversion",
            Self::Impression => "impression",
            Self::Script => "script",
            Self::Adjustment => "adjustment",
            Self::Report => "report",
            Self::Other => "other",
            Self::Unrecognised => "unrecognised",
        }
    }

    /// The class called `name`.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|class| class.name() == name)
    }
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

macro_rules! fields {
    ($($variant:ident $name:literal $doc:literal),* $(,)?) => {
        /// One word of the event's vocabulary.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
        pub enum Field { $(#[doc = $doc] $variant),* }

        impl Field {
            /// The whole vocabulary.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// The field's place in [`Self::ALL`].
            const fn place(self) -> usize {
                self as usize
            }

            /// The field's standard name, as it stands in the event's JSON and in dialect files.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name),* }
            }

            /// What the field means, in one sentence.
            pub const fn meaning(self) -> &'static str {
                match self { $(Self::$variant => $doc),* }
            }
        }
    };
}

fields! {
    AdvertiserId "advertiser_id" "The merchant whose programme this is.",
    PublisherId "publisher_id" "The site that earns the credit.",
    CreativeId "creative_id" "The banner or text link that was used.",
    DealId "deal_id" "The deal or coupon page that was used.",
    ProductId "product_id" "The product of a feed that was linked.",
    DestinationUrl "destination_url" "Where the shopper wants to land.",
    TrackingReference "tracking_reference" "The publisher's own reference for a click.",
    OrderReference "order_reference" "The merchant's own reference for an order.",
    Amount "amount" "The order's value after discounts, before tax and shipping.",
    Currency "currency" "The currency of every amount of the event.",
    ConversionType "conversion_type" "sale, lead or another kind of order.",
    ClickId "click_id" "The id of the click that the conversion names.",
    ClickIdMode "click_id_mode" "How the click id is to be used.",
    StoreId "store_id" "One of several shops of the merchant.",
    CustomType "custom_type" "The merchant's own kind of order, for commission rules.",
    VoucherCodes "voucher_codes" "Coupon codes used in the order.",
    NewCustomer "new_customer" "Whether the buyer is new to the merchant.",
    BasketSkus "basket_skus" "The articles of the basket, in order.",
    BasketPrices "basket_prices" "The unit prices of the basket, in the same order.",
    BasketQuantities "basket_quantities" "The quantities of the basket, in the same order.",
    AutoVoid "auto_void" "The merchant's own rule refuses the order.",
    Channel "channel" "The marketing channel that won at the merchant.",
    ClientVersion "client_version" "The integration that sent the request.",
    CommissionPercent "commission_percent" "A commission percentage that overrides the programme's.",
    LeadCommission "lead_commission" "A commission for a lead that overrides the programme's.",
    HitCommission "hit_commission" "A commission for a hit that overrides the programme's.",
    SiteName "site_name" "The cart's or site's name.",
    PublisherData "publisher_data" "An opaque value kept from the landing.",
    AppPackage "app_package" "The app that sent the request.",
    InstallReferrer "install_referrer" "Where the app was installed from.",
    SenderSignature "sender_signature" "A signature of the sender's software kit.",
    DeviceData "device_data" "Data about a device; personal, never stored in the clear.",
    HopClickId "hop_click_id" "The click id that a first hop created.",
    HopSessionId "hop_session_id" "The session id that a first hop created.",
    Consent "consent" "Whether the visitor permits tracking, as the link says it.",
    GdprApplies "gdpr_applies" "Whether European consent rules apply, as the link says it.",
    GdprConsent "gdpr_consent" "A TCF consent string.",
    UsPrivacy "us_privacy" "A US privacy string.",
    Gpp "gpp" "A Global Privacy Platform string.",
    GppSections "gpp_sections" "The sections of the privacy platform string that apply.",
    TestMode "test_mode" "The request is a test and moves no money.",
    Campaign "campaign" "The publisher's campaign name.",
    TransactionDate "transaction_date" "The date of the transaction that is meant.",
    Reason "reason" "Why a transaction is changed.",
    Action "action" "What an interface call asks for.",
    ApiVersion "api_version" "The version of an interface call.",
    ApiToken "api_token" "The caller's public token of an interface call.",
    Format "format" "The format that an answer is wanted in.",
    PageUrl "page_url" "The page that sent the request.",
    CommissionParts "commission_parts" "The order's value by commission group.",
    Transport "transport" "How the sender delivers conversions.",
    ProtocolVersion "protocol_version" "The version of the sender's protocol.",
    ParentReference "parent_reference" "The order reference of an earlier transaction that this one follows.",
    Comment "comment" "The merchant's own words about a transaction.",
    CommissionAmount "commission_amount" "A commission that overrides the programme's, as an amount.",
    Children "children" "Whether a change is meant for the transactions that follow the one that is named.",
    AdvertiserPrimaryId "advertiser_primary_id" "The merchant's programme on the platform moved to.",
    PublisherReference "publisher_reference" "The publisher's first reference, where the platform has several.",
    PublisherReferences "publisher_references" "The publisher's further references, each as number=text.",
    CustomValues "custom_values" "The merchant's own values, each as number=text.",
    BrowserId "browser_id" "The platform's own id of a browser.",
    IdentityHash "identity_hash" "A hash of what identifies a person across devices.",
    ClickIdSource "click_id_source" "Where the sender found the click id.",
}

impl Field {
    /// The field called `name`.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|field| field.name() == name)
    }
}

/// The value of a field.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Value {
    /// An id, which both platforms write as a bare decimal integer.
    Id(u64),
    /// Text; a short one needs no memory of its own.
    Text(Text),
    /// Money.
    Money(Money),
    /// Yes or no; unknown is the field's absence.
    Flag(bool),
    /// Several texts in order, where emptiness counts.
    List(Vec<Text>),
}

impl Value {
    /// The value as the text a person would read.
    pub fn text(&self) -> Text {
        match self {
            Self::Id(id) => compact_str::ToCompactString::to_compact_string(id),
            Self::Text(text) => text.clone(),
            Self::Money(money) => Text::new(&*money.decimal_text()),
            Self::Flag(flag) => Text::const_new(if *flag { "true" } else { "false" }),
            Self::List(items) => joined(items),
        }
    }

    /// True if that text is `word`, in any letter case.
    pub fn is(&self, word: &str) -> bool {
        match self {
            Self::Text(text) => text.eq_ignore_ascii_case(word),
            Self::Id(_) | Self::Money(_) | Self::Flag(_) | Self::List(_) => {
                self.text().eq_ignore_ascii_case(word)
            }
        }
    }
}

impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Id(id) => serializer.collect_str(id),
            Self::Text(text) => serializer.serialize_str(text),
            Self::Money(money) => serializer.serialize_str(&money.decimal()),
            Self::Flag(flag) => serializer.serialize_bool(*flag),
            Self::List(items) => serializer.collect_seq(items),
        }
    }
}

/// What a request means: a class and the fields it gave, each at most once.
#[derive(Clone, PartialEq, Eq)]
pub struct Event {
    /// What kind of thing it is.
    pub class: Class,
    values: Vec<(Field, Value)>,
    /// By the field's place in the vocabulary: its place in `values`, counted from 1; 0 where it is absent.
    places: [u8; Field::ALL.len()],
}

const _: () = assert!(Field::ALL.len() < 255, "the place of a field's value is one byte");

/// As many fields as nearly every request gives.
const USUAL_FIELDS: usize = 24;

impl Event {
    /// An event without fields.
    pub const fn new(class: Class) -> Self {
        Self { class, values: Vec::new(), places: [0; Field::ALL.len()] }
    }

    /// An event with room for the fields of a request.
    pub(crate) fn with_room(class: Class) -> Self {
        Self { values: Vec::with_capacity(USUAL_FIELDS), ..Self::new(class) }
    }

    fn place(&self, field: Field) -> Option<usize> {
        let place = self.places.get(field.place()).copied().map_or(0, usize::from);
        place.checked_sub(1)
    }

    fn append(&mut self, field: Field, value: Value) {
        self.values.push((field, value));
        let last = u8::try_from(self.values.len()).unwrap_or(0);
        if let Some(place) = self.places.get_mut(field.place()) {
            *place = last;
        }
    }

    /// The value of `field`.
    pub fn get(&self, field: Field) -> Option<&Value> {
        self.values.get(self.place(field)?).map(|(_, value)| value)
    }

    fn get_mut(&mut self, field: Field) -> Option<&mut Value> {
        let place = self.place(field)?;
        self.values.get_mut(place).map(|(_, value)| value)
    }

    /// Sets `field`, replacing its value.
    #[inline(always)]
    pub fn set(&mut self, field: Field, value: Value) {
        match self.get_mut(field) {
            Some(slot) => *slot = value,
            None => self.append(field, value),
        }
    }

    /// Takes `field` away.
    pub fn remove(&mut self, field: Field) {
        if self.place(field).is_none() {
            return;
        }
        let values = core::mem::take(&mut self.values);
        self.places = [0; Field::ALL.len()];
        for (name, value) in values.into_iter().filter(|(name, _)| *name != field) {
            self.append(name, value);
        }
    }

    /// Every field that is set, in the order of arrival.
    pub fn fields(&self) -> impl Iterator<Item = (Field, &Value)> {
        self.values.iter().map(|(field, value)| (*field, value))
    }

    /// The field as an id.
    pub fn id(&self, field: Field) -> Option<u64> {
        if let Some(Value::Id(id)) = self.get(field) { Some(*id) } else { None }
    }

    /// The field as text, if it is text.
    pub fn text(&self, field: Field) -> Option<&str> {
        if let Some(Value::Text(text)) = self.get(field) { Some(text) } else { None }
    }

    /// The field as money.
    pub fn money(&self, field: Field) -> Option<Money> {
        if let Some(Value::Money(money)) = self.get(field) { Some(*money) } else { None }
    }

    /// The field as a flag.
    pub fn flag(&self, field: Field) -> Option<bool> {
        if let Some(Value::Flag(flag)) = self.get(field) { Some(*flag) } else { None }
    }

    /// The field as a list; empty if it is absent.
    pub fn list(&self, field: Field) -> &[Text] {
        if let Some(Value::List(items)) = self.get(field) { items } else { &[] }
    }
}

impl Event {
    /// Appends `item` to the list in `field`.
    pub fn push(&mut self, field: Field, item: Text) {
        match self.get_mut(field) {
            Some(Value::List(items)) => items.push(item),
            Some(other) => *other = Value::List(vec![item]),
            None => self.append(field, Value::List(vec![item])),
        }
    }

    /// True if the basket's three lists can be read as rows.
    pub fn basket_lines_up(&self) -> bool {
        self.lines_up(Field::BasketSkus, [Field::BasketPrices, Field::BasketQuantities])
    }

    /// True if the lists in `first` and `others` can be read as rows: they have the same length, every item of
    /// the first is named, and every item of the others is a plain decimal number.
    pub fn lines_up(&self, first: Field, others: impl IntoIterator<Item = Field>) -> bool {
        let names = self.list(first);
        let mut others = others.into_iter().map(|field| self.list(field));
        let numbers = |items: &[Text]| items.iter().all(|item| is_number(item));
        names.iter().all(|name| !name.is_empty())
            && others.all(|items| items.len() == names.len() && numbers(items))
    }
}

impl fmt::Debug for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fields = self.values.iter().map(|(field, value)| (field.name(), value));
        f.debug_map().entry(&"class", &self.class.name()).entries(fields).finish()
    }
}

/// The items with commas between them.
fn joined(items: &[Text]) -> Text {
    let mut text = Text::default();
    for (place, item) in items.iter().enumerate() {
        if place > 0 {
            text.push(',');
        }
        text.push_str(item);
    }
    text
}

/// True if `text` is digits with at most one decimal point.
fn is_number(text: &str) -> bool {
    let (mut digits, mut dots) = (0_usize, 0_usize);
    for byte in text.bytes() {
        match byte {
            b'0'..=b'9' => digits = digits.saturating_add(1),
            b'.' => dots = dots.saturating_add(1),
            _ => return false,
        }
    }
    digits > 0 && dots <= 1
}

impl Serialize for Event {
    /// An object of the class and the standard names; amounts are decimal texts, ids are texts.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("class", self.class.name())?;
        for (field, value) in &self.values {
            map.serialize_entry(field.name(), value)?;
        }
        map.end()
    }
}

/// A click that a conversion names, as its token, an imported record or a cookie tells it.
///
/// Ids are the legacy platform's.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Click {
    /// The click's advertiser.
    pub advertiser_id: u64,
    /// The publisher that earns the credit.
    pub publisher_id: u64,
    /// The creative that was used; 0 if none is known.
    pub creative_id: u64,
    /// When the click happened.
    pub at: Timestamp,
    /// The click id as it travels in URLs.
    pub click_id: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_found_again() {
        for field in Field::ALL {
            assert_eq!(Field::parse(field.name()), Some(*field));
            assert!(field.meaning().ends_with('.'));
        }
        for class in Class::ALL {
            assert_eq!(Class::parse(class.name()), Some(class));
        }
    }

    #[test]
    fn a_field_holds_one_value() {
        let mut event = Event::new(Class::Click);
        event.set(Field::PublisherId, Value::Id(1));
        event.set(Field::PublisherId, Value::Id(2));
        assert_eq!(event.id(Field::PublisherId), Some(2));
        assert_eq!(event.fields().count(), 1);
        event.set(Field::CreativeId, Value::Id(3));
        event.remove(Field::PublisherId);
        assert_eq!(event.get(Field::PublisherId), None);
        assert_eq!(event.id(Field::CreativeId), Some(3));
    }
}

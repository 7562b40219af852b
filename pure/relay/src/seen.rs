//! What the request log keeps of a request: enough to tell months later what came in, what was decided and what was
//! replied, and nothing that is personal (I9).
//!
//! Of the client's address its network is kept, of the referrer and of the page that the reply leads to their hosts,
//! of the parameters what they mean in our words. Values that a client chose freely are not kept, but for the order's
//! reference: it is what a merchant asks by, and an e-mail address in its place has become a hash before.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use core::time::Duration;

use tracking::consent::Consent;
use tracking::{Class, Field, Inbound, Method, Text};
use units::limits::SEEN_TEXT_BYTES_MAX;
use units::{EventId, Money, Timestamp};

use crate::exchange::Reading;
use crate::policy::Phase;
use crate::reply::{Mode, Reply};

/// Bits of an IPv4 address that are kept: the network of an access provider, not a household.
const V4_BITS: u32 = 24;

/// Bits of an IPv6 address that are kept: a provider gives a household 48 to 64.
const V6_BITS: u32 = 48;

/// What is kept of one request.
#[derive(Clone, PartialEq, Debug)]
pub struct Seen {
    /// The event's identity.
    pub event_id: EventId,
    /// When it was received.
    pub received_at: Timestamp,
    /// What kind of thing it was.
    pub class: Class,
    /// How it was asked.
    pub method: Method,
    /// The host that was asked.
    pub host: Text,
    /// The endpoint, by its name in the dialect; the request's shape where no endpoint takes it.
    pub endpoint: Text,
    /// Whether an endpoint takes it.
    pub recognised: bool,
    /// The programme, by the legacy id.
    pub advertiser_id: Option<u64>,
    /// The publisher, by the legacy id.
    pub publisher_id: Option<u64>,
    /// The creative, by the legacy id.
    pub creative_id: Option<u64>,
    /// The order's reference.
    pub reference: Option<Text>,
    /// The order's value.
    pub amount: Option<Money>,
    /// Where the programme stood; none where none was looked for.
    pub phase: Option<Phase>,
    /// What the visitor permitted; none where nobody asked.
    pub consent: Option<Consent>,
    /// The visitor's country, where a trusted front told it.
    pub country: Option<Text>,
    /// The client's network, as `203.0.113.0`; none for a visitor who refused.
    pub network: Option<IpAddr>,
    /// The host of the page that the request came from.
    pub referrer: Option<Text>,
    /// Codes of what was wrong with the request.
    pub problems: Vec<String>,
    /// How the reply came about.
    pub mode: Mode,
    /// Its status.
    pub status: u16,
    /// The host that a redirect led to.
    pub leads_to: Option<Text>,
    /// From the request to the reply.
    pub took: Duration,
}

impl Seen {
    /// What is known of a request before anything is read of it.
    pub(crate) fn of(inbound: &Inbound, event_id: EventId, received_at: Timestamp) -> Self {
        Self {
            event_id,
            received_at,
            class: Class::Unrecognised,
            method: inbound.method,
            host: bounded(&inbound.host),
            endpoint: Text::default(),
            recognised: false,
            advertiser_id: None,
            publisher_id: None,
            creative_id: None,
            reference: None,
            amount: None,
            phase: None,
            consent: None,
            country: inbound.country().map(Text::from),
            network: inbound.peer.map(network),
            referrer: inbound.header("referer").and_then(host_of),
            problems: Vec::new(),
            mode: Mode::Local,
            status: 0,
            leads_to: None,
            took: Duration::ZERO,
        }
    }

    /// What reading the request brought.
    pub(crate) fn read(&mut self, reading: &Reading<'_>) {
        let event = &reading.decoded.event;
        self.advertiser_id = event.id(Field::AdvertiserId);
        self.publisher_id = event.id(Field::PublisherId);
        self.creative_id = event.id(Field::CreativeId);
        let reference = event.get(Field::OrderReference).map(|value| bounded(&value.text()));
        self.reference = reference.filter(|text| !text.is_empty());
        self.amount = event.money(Field::Amount);
        self.phase = reading.advertiser.as_ref().map(|_| reading.phase);
        self.consent = Some(reading.consent);
        self.problems = reading.decoded.problems.iter().map(|problem| problem.code.clone()).collect();
        if !reading.consent.permits() {
            self.network = None;
        }
    }

    /// What was replied.
    pub(crate) fn replied(&mut self, reply: &Reply, took: Duration) {
        (self.mode, self.status, self.took) = (reply.mode, reply.status, took);
        let location = reply.headers.iter().find(|(name, _)| name == "location");
        self.leads_to = location.and_then(|(_, value)| host_of(value));
    }

    /// True if it moves money: such a request is kept for as long as anybody may ask about it.
    pub const fn is_money(&self) -> bool {
        matches!(self.class, Class::Conversion | Class::Adjustment)
    }
}

/// The network that an address belongs to, as its first address.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => Ipv4Addr::from_bits(address.to_bits() & (u32::MAX << (32 - V4_BITS))).into(),
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() & (u128::MAX << (128 - V6_BITS))).into(),
    }
}

/// The host of a URL, in lower case. It is shown to people and decides nothing.
fn host_of(url: &str) -> Option<Text> {
    let (_, rest) = url.split_once("://")?;
    let authority = rest.split(['/', '?', '#', '\\']).next().unwrap_or_default();
    let (_, host) = authority.rsplit_once('@').unwrap_or(("", authority));
    let host = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    };
    let is_host = host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-_[]:".contains(&byte));
    (is_host && !host.is_empty()).then(|| {
        let mut text = bounded(host);
        text.make_ascii_lowercase();
        text
    })
}

/// The text, cut at its limit.
pub(crate) fn bounded(text: &str) -> Text {
    text.get(..text.floor_char_boundary(SEEN_TEXT_BYTES_MAX)).unwrap_or_default().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_an_address_its_network_is_kept() {
        for (address, expected) in [
            ("203.0.113.77", "203.0.113.0"),
            ("::ffff:203.0.113.77", "203.0.113.0"),
            ("2001:db8:1:2:3:4:5:6", "2001:db8:1::"),
        ] {
            assert_eq!(network(address.parse().unwrap()).to_string(), expected, "{address}");
        }
    }

    #[test]
    fn of_a_page_its_host_is_kept() {
        for (url, expected) in [
            ("https://Shop.example/page?mail=a@b.example#x", Some("shop.example")),
            ("http://name:secret@shop.example:8080/", Some("shop.example")),
            ("https://shop.example?x=https://other.example/", Some("shop.example")),
            ("https://[2001:db8::1]:8443/", Some("[2001:db8::1]")),
            ("android-app://com.example.app/", Some("com.example.app")),
            ("https:///", None),
            ("https://sh op/", None),
            ("/page", None),
        ] {
            assert_eq!(host_of(url).as_deref(), expected, "{url}");
        }
    }

    #[test]
    fn a_long_text_is_cut_between_characters() {
        let text = "é".repeat(SEEN_TEXT_BYTES_MAX);
        assert!(bounded(&text).len() <= SEEN_TEXT_BYTES_MAX);
    }
}

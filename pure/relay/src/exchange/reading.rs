//! Everything that a request says, with the directory's rows and the decisions that follow from both.

use std::borrow::Cow;

use tracking::consent::{self, Consent, Decided, Signals};
use tracking::cookie;
use tracking::decode::{self, Decoded, Outcome, Problem};
use tracking::destination::{self, Refusal};
use tracking::dialect::{Endpoint, Handling};
use tracking::directory::{Advertiser, CreativeKind, Publisher, Table};
use tracking::event::Click;
use tracking::{Class, Event, Field, Home, Inbound, Value};
use units::{EventId, Timestamp};

use crate::policy::{Phase, Snapshot};

/// A request, read completely.
#[derive(Debug)]
pub struct Reading<'a> {
    /// What it says, with every parameter's fate.
    pub decoded: Decoded<'a, 'a>,
    /// The event's identity.
    pub event_id: EventId,
    /// When it was received.
    pub received_at: Timestamp,
    /// The programme; none if the id is missing or not mapped.
    pub advertiser: Option<Advertiser<'a>>,
    /// The publisher; none if the id is missing or not mapped.
    pub publisher: Option<Publisher<'a>>,
    /// Where the programme stands.
    pub phase: Phase,
    /// What the visitor permits.
    pub consent: Consent,
}

/// Where a click leads.
#[derive(Clone, Debug)]
pub struct Landing {
    /// The page.
    pub url: url::Url,
    /// Why the link's own destination was refused.
    pub refusal: Option<Refusal>,
}

/// Reads a request to an endpoint that is translated.
pub fn read<'a>(
    snapshot: &'a Snapshot,
    endpoint: &'a Endpoint,
    inbound: &'a Inbound,
    event_id: EventId,
    received_at: Timestamp,
) -> Reading<'a> {
    let directory = &snapshot.directory;
    let currency_of = |id| directory.advertiser(id).map(|row| row.currency);
    let mut decoded = decode::decode(&snapshot.migration.legacy, endpoint, inbound, &currency_of);
    complete_from_creative(&mut decoded, snapshot);
    let advertiser_id = decoded.event.id(Field::AdvertiserId);
    let advertiser = advertiser_id.and_then(|id| directory.advertiser(id));
    let publisher_id = decoded.event.id(Field::PublisherId);
    let publisher = publisher_id.and_then(|id| directory.publisher(id));
    for (what, id, found) in [
        ("advertiser", advertiser_id, advertiser.is_some()),
        ("publisher", publisher_id, publisher.is_some()),
    ] {
        if let (Some(id), false) = (id, found) {
            let message = format!("{what} {id} is not in the directory: it is held, never guessed");
            decoded.problems.push(Problem::new(format!("unmapped_{what}"), message));
        }
    }
    super::click_reference::take(&mut decoded, snapshot, advertiser.as_ref());
    let country = inbound.country().filter(|_| endpoint.handling != Handling::Serve);
    let decided = consent_of(&decoded.event, inbound, country, snapshot);
    for field in decided.unreadable {
        let message =
            format!("{} cannot be read as what it should be, and is passed on as it is", field.name());
        decoded.problems.push(Problem::new(format!("invalid_{}", field.name()), message));
    }
    let consent = decided.consent;
    let phase = advertiser.as_ref().map_or(Phase::Observe, |row| snapshot.policy.phase(row));
    let mut reading = Reading { decoded, event_id, received_at, advertiser, publisher, phase, consent };
    reading.complete_from_cookies(snapshot, inbound);
    reading
}

/// What the visitor behind a request permits. `country` is the visitor's, if that is known: where a merchant's server
/// calls, its own country is not.
pub(super) fn consent_of(
    event: &Event,
    inbound: &Inbound,
    country: Option<&str>,
    snapshot: &Snapshot,
) -> Decided {
    let signals = Signals {
        global_opt_out: inbound.header("sec-gpc"),
        opted_out: super::opt_out::has_opted_out(&snapshot.migration.legacy, inbound),
        refused_without_signal: snapshot.policy.consent.refusal(country),
        vendor: snapshot.migration.primary.vendor.as_ref(),
    };
    consent::decide(event, signals)
}

/// A link whose advertiser is missing or unreadable still names it by its creative, if the map knows that one.
fn complete_from_creative(decoded: &mut Decoded<'_, '_>, snapshot: &Snapshot) {
    let event = &decoded.event;
    if event.class != Class::Click || event.get(Field::AdvertiserId).is_some() {
        return;
    }
    let creative = event.id(Field::CreativeId).filter(|id| *id > 0);
    let row = creative.and_then(|id| snapshot.directory.creative(CreativeKind::Creative, id));
    if let Some(row) = row {
        decoded.event.set(Field::AdvertiserId, Value::Id(row.advertiser_id));
    }
}

/// What a link may name beside advertiser and publisher, and where.
const CREATIVES: [(CreativeKind, Field); 3] = [
    (CreativeKind::Creative, Field::CreativeId),
    (CreativeKind::Deal, Field::DealId),
    (CreativeKind::Product, Field::ProductId),
];

impl Reading<'_> {
    /// The page that the click leads to, for a programme of the directory: the link's own destination if it
    /// lies on the merchant's domains, else the creative's page, else the merchant's.
    pub fn landing(&self, snapshot: &Snapshot, advertiser: &Advertiser<'_>) -> Option<Landing> {
        let wanted = self.decoded.event.text(Field::DestinationUrl);
        let resolved = wanted.map(|text| destination::resolve(text, &advertiser.domains));
        let refusal = match resolved {
            Some(Ok(url)) => {
                let url = match &snapshot.migration.legacy.landing_parameter {
                    Some(parameter) => destination::without_click_id(url, parameter),
                    None => url,
                };
                return Some(Landing { url, refusal: None });
            }
            Some(Err(refusal)) => Some(refusal),
            None => None,
        };
        // A refused destination lands on the merchant's own page; only an absent one on the creative's.
        let creative = if refusal.is_some() { None } else { self.creative_page(snapshot, advertiser) };
        let page = creative.unwrap_or(Cow::Borrowed(&*advertiser.landing_url));
        let url = destination::resolve(&page, &advertiser.domains).ok();
        url.map(|url| Landing { url, refusal })
    }

    fn creative_page<'s>(&self, snapshot: &'s Snapshot, advertiser: &Advertiser<'_>) -> Option<Cow<'s, str>> {
        let event = &self.decoded.event;
        let rows = CREATIVES
            .into_iter()
            .filter_map(|(kind, field)| event.id(field).and_then(|id| snapshot.directory.creative(kind, id)));
        let mut own = rows.filter(|row| row.advertiser_id == advertiser.legacy_id);
        own.find_map(|row| row.landing_url)
    }

    /// The ids that no map has, or that have none on the new platform though the programme has moved there.
    pub fn misses(&self, snapshot: &Snapshot) -> Vec<(Table, u64)> {
        let event = &self.decoded.event;
        let moved = self.phase.owner() == Home::Primary;
        let mut misses = Vec::new();
        let mut look = |table, id: Option<u64>, found: bool| {
            misses.extend(id.filter(|_| !found).map(|id| (table, id)));
        };
        let mapped = |primary_id: Option<u64>| primary_id.is_some() || !moved;
        let advertiser = self.advertiser.as_ref();
        look(
            Table::Advertisers,
            event.id(Field::AdvertiserId),
            advertiser.is_some_and(|row| mapped(row.primary_id)),
        );
        let publisher = self.publisher.as_ref();
        look(
            Table::Publishers,
            event.id(Field::PublisherId),
            publisher.is_some_and(|row| mapped(row.primary_id)),
        );
        // A link with a destination of its own needs no creative's page.
        let needs_page = event.class == Class::Click && event.get(Field::DestinationUrl).is_none();
        for (kind, field) in CREATIVES.into_iter().filter(|_| needs_page && advertiser.is_some()) {
            let id = event.id(field).filter(|id| *id > 0);
            let found = id.is_some_and(|id| snapshot.directory.creative(kind, id).is_some());
            look(Table::of(kind), id, found);
        }
        misses
    }

    /// The pairs that no rule touched, as sent, joined by `&`.
    pub fn passed(&self) -> Vec<u8> {
        let passed = self.decoded.traces.iter().filter(|trace| trace.outcome == Outcome::Passed);
        let pairs: Vec<&[u8]> = passed.map(|trace| trace.raw).collect();
        pairs.join(&b"&"[..])
    }

    /// The click that this request is, without an id yet; none if its advertiser or publisher is unreadable.
    pub fn click(&self) -> Option<Click> {
        let event = &self.decoded.event;
        Some(Click {
            advertiser_id: event.id(Field::AdvertiserId)?,
            publisher_id: event.id(Field::PublisherId)?,
            creative_id: event.id(Field::CreativeId).unwrap_or(0),
            at: self.received_at,
            click_id: String::new(),
        })
    }

    /// The click that a conversion proves by a token of ours.
    pub fn proven_click(&self, snapshot: &Snapshot) -> Option<Click> {
        if !self.consent.permits() {
            return None;
        }
        let id = self.decoded.event.text(Field::ClickId)?;
        let click = id.split(',').find_map(|part| snapshot.secrets.click_id_keys.open(part))?;
        let advertiser = self.decoded.event.id(Field::AdvertiserId)?;
        (click.advertiser_id == advertiser).then_some(click)
    }

    /// The click that the browser's cookies remember.
    pub fn remembered_click(&self, snapshot: &Snapshot, inbound: &Inbound) -> Option<Click> {
        if !self.consent.permits() {
            return None;
        }
        let advertiser = self.advertiser.as_ref()?;
        let (rules, keys) = (&snapshot.migration.cookies, &snapshot.secrets.click_id_keys);
        let cookie = inbound.header("cookie");
        cookie.and_then(|header| cookie::remembered(header, rules, advertiser, keys, self.received_at))
    }

    /// A conversion that names no click is given the one that a cookie names, unless a click of ours is remembered
    /// that is later, or whose time alone is known.
    fn complete_from_cookies(&mut self, snapshot: &Snapshot, inbound: &Inbound) {
        let event = &self.decoded.event;
        let asks = event.class == Class::Conversion && event.get(Field::ClickId).is_none();
        let (Some(advertiser), Some(header)) = (self.advertiser.as_ref(), inbound.header("cookie")) else {
            return;
        };
        if !asks || !self.consent.permits() {
            return;
        }
        let primary = |id: &str| snapshot.migration.primary_click_id(id);
        let Some(named) = cookie::named(header, &snapshot.migration.cookies, advertiser, primary) else {
            return;
        };
        let own = self.remembered_click(snapshot, inbound).filter(|click| !click.click_id.is_empty());
        if own.is_none_or(|click| named.at.is_some_and(|at| at > click.at)) {
            self.decoded.event.set(Field::ClickId, Value::Text(named.id.into()));
        }
    }

    /// The click of a publisher that a conversion names outright, as merchants' servers do that kept its id
    /// from the landing page. Its time is not told, so the conversion's stands for it.
    pub fn named_publisher(&self) -> Option<Click> {
        let conversion = self.decoded.endpoint.class == Class::Conversion && self.consent.permits();
        self.click().filter(|click| conversion && click.publisher_id > 0)
    }

    /// The event as the primary is told of it: without an order reference that identifies nothing, which would
    /// make one order of all that carry it.
    pub fn event_for_primary(&self, snapshot: &Snapshot) -> Event {
        let mut event = self.decoded.event.clone();
        let reference = event.text(Field::OrderReference);
        if reference.is_some_and(|text| snapshot.migration.legacy.is_placeholder(text)) {
            event.remove(Field::OrderReference);
        }
        event
    }

    /// The key of a conversion; none if nothing identifies it, or every arrival is an order of its own.
    pub fn key(&self, snapshot: &Snapshot) -> Option<String> {
        snapshot.conversion_key(&self.decoded.event, self.received_at)
    }
}

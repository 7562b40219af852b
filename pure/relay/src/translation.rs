//! A request explained: what it means, what became of every parameter, and what would happen.
//!
//! This is what `turnout translate` prints and `turnout explain` tells. It runs the real exchange with
//! nothing behind it: an append succeeds, and a platform that would be asked does not answer.

mod account;

use std::sync::Arc;

use tracking::consent::Consent;
use tracking::dialect::{Dialect, Endpoint, Handling};
use tracking::migration::{ConversionOrder, Evidence, EvidenceKind};
use tracking::wire::SendFailure;
use tracking::{Class, Event, Field, Home, Inbound, Method, Outbound};
use units::{EventId, Seed, Timestamp};

pub use self::account::{Fate, ParameterAccount};
use crate::exchange::short_link::{Stored, stored};
use crate::exchange::{Exchange, Health, Reading, page, read};
use crate::policy::{Phase, Snapshot};
use crate::reply::{Mode, Reply};
use crate::step::{Happened, Step};

/// A request, explained.
#[derive(Debug)]
pub struct Translation {
    /// The event's identity.
    pub event_id: EventId,
    /// What kind of thing it is.
    pub class: Class,
    /// The endpoint's name, and where the dialect declares it.
    pub endpoint: Option<(String, String)>,
    /// What it means; none if the endpoint is not translated.
    pub event: Option<Event>,
    /// Where the programme stands; none if there is none.
    pub phase: Option<Phase>,
    /// What the visitor's choice was taken for, and why; none where nothing depends on it.
    pub consent: Option<Consent>,
    /// The evidence that picks the endpoint of a conversion.
    pub evidence: Option<EvidenceKind>,
    /// The request to the primary; none if it is not to be asked, or cannot be.
    pub primary: Option<Outbound>,
    /// How the client is answered: by the legacy platform where it is asked, else as the reply says.
    pub mode: Mode,
    /// What the client would be told; where the legacy platform is asked, if it does not answer.
    pub reply: Reply,
    /// Where the reply sends the shopper: by its header, or by the script of its page.
    pub leads_to: Option<String>,
    /// What became of every parameter.
    pub parameters: Vec<ParameterAccount>,
    /// What is wrong with it: a word for programs and a sentence for people.
    pub problems: Vec<(String, String)>,
}

impl Translation {
    fn blank(event_id: EventId, class: Class, mode: Mode, reply: Reply, dialect: &Dialect) -> Self {
        Self {
            event_id,
            class,
            endpoint: None,
            event: None,
            phase: None,
            consent: None,
            evidence: None,
            primary: None,
            mode,
            leads_to: page::address(dialect, &reply),
            reply,
            parameters: Vec::new(),
            problems: Vec::new(),
        }
    }
}

/// Explains `inbound` as an edge with this snapshot would read it at `now`.
pub fn translate(inbound: &Inbound, snapshot: &Arc<Snapshot>, seed: Seed, now: Timestamp) -> Translation {
    let (mode, reply) = rehearse(inbound, snapshot, seed, now);
    let event_id = EventId::new(seed, now);
    let migration = &snapshot.migration;
    let blank = |class, mode, reply| Translation::blank(event_id, class, mode, reply, &migration.legacy);
    if let Some(endpoint) = migration.legacy.recognise_request(inbound) {
        let mut translation = blank(endpoint.class, mode, reply);
        translation.endpoint = Some(place(endpoint, &migration.legacy.file));
        if endpoint.handling == Handling::ShortLink {
            short_link(&mut translation, endpoint, snapshot, inbound, now);
            return translation;
        }
        let reading = read(snapshot, endpoint, inbound, event_id, now);
        let decides = matches!(endpoint.handling, Handling::Translate | Handling::Record | Handling::Serve);
        translation.consent = decides.then_some(reading.consent);
        match endpoint.handling {
            Handling::Translate => fill(&mut translation, &reading, snapshot, inbound),
            Handling::Proxy | Handling::OptOut | Handling::ShortLink => {
                translation.parameters = account::all_proxied(inbound, &migration.legacy, endpoint);
            }
            Handling::Serve => call(&mut translation, &reading, snapshot, inbound),
            Handling::Record => {
                translation.parameters = account::of_reading(&reading, snapshot, EvidenceKind::None);
            }
        }
        return translation;
    }
    match migration.primary.recognise(&inbound.host, inbound.path()) {
        Some(endpoint) => {
            own_words(blank(endpoint.class, Mode::Refuse, foreign_host()), inbound, snapshot, endpoint)
        }
        None if migration.is_public_host(&inbound.host) => {
            let mut translation = blank(Class::Unrecognised, mode, reply);
            let why =
                format!("{}:1: no endpoint takes this path: passed on byte for byte", migration.legacy.file);
            translation.parameters = account::all_passed(inbound, &why);
            let message = "no endpoint of the dialect takes this: passed to the legacy platform untouched";
            translation.problems.push(("unrecognised".to_owned(), message.to_owned()));
            translation
        }
        None => {
            let mut translation = blank(Class::Unrecognised, Mode::Refuse, foreign_host());
            let why =
                format!("{}:1: the host is not listed, and the request is refused", migration.legacy.file);
            translation.parameters = account::all_rejected(inbound, &why);
            let message = format!("`{}` is not one of the migration's hosts", inbound.host);
            translation.problems.push(("foreign_host".to_owned(), message));
            translation
        }
    }
}

/// A short link: the click that it stands for, or what is passed on because no table has it.
fn short_link(
    translation: &mut Translation,
    endpoint: &Endpoint,
    snapshot: &Snapshot,
    inbound: &Inbound,
    now: Timestamp,
) {
    let rule = format!("{}:{}", snapshot.migration.legacy.file, endpoint.line);
    let problem = match stored(snapshot, inbound) {
        Stored::Link(link) => {
            let reading = read(snapshot, link.endpoint, &link.inbound, translation.event_id, now);
            translation.consent = Some(reading.consent);
            fill(translation, &reading, snapshot, &link.inbound);
            account::tell_link(&mut translation.parameters, &link, &rule);
            return;
        }
        Stored::Unmapped(code) => (
            "unmapped_short_link",
            format!(
                "no table has the short link `{code}`: the legacy platform is asked, and nothing is guessed"
            ),
        ),
        Stored::NoCode => {
            ("missing_code", "the request names no short link: the legacy platform is asked".to_owned())
        }
    };
    translation.problems.push((problem.0.to_owned(), problem.1));
    translation.parameters = account::all_passed(inbound, &format!("{rule}: passed on untouched"));
}

/// A call of the signed interface: read where its programme has moved, passed on as it is before.
fn call(translation: &mut Translation, reading: &Reading<'_>, snapshot: &Snapshot, inbound: &Inbound) {
    let (file, line) = (&snapshot.migration.legacy.file, reading.decoded.endpoint.line);
    if reading.advertiser.is_none() || reading.phase.owner() == Home::Legacy {
        let why = format!("{file}:{line}: passed on untouched, as its programme has not moved");
        translation.parameters = account::all_passed(inbound, &why);
        return;
    }
    translation.problems = problems(&reading.decoded.problems);
    translation.phase = Some(reading.phase);
    translation.parameters = account::of_reading(reading, snapshot, EvidenceKind::None);
    translation.event = Some(reading.decoded.event.clone());
}

fn place(endpoint: &Endpoint, file: &str) -> (String, String) {
    (endpoint.name.clone(), format!("{file}:{}", endpoint.line))
}

/// What an edge says to a request for a host that is none of ours.
pub fn foreign_host() -> Reply {
    let text =
        "421: this host is not served here. The hosts of the migration are listed by `turnout check`.\n";
    let headers = vec![("content-type".to_owned(), "text/plain; charset=utf-8".to_owned())];
    Reply { mode: Mode::Refuse, status: 421, headers, body: text.as_bytes().to_vec() }
}

/// A request in the primary's own words, which goes to it as it is.
fn own_words(
    mut translation: Translation,
    inbound: &Inbound,
    snapshot: &Snapshot,
    endpoint: &Endpoint,
) -> Translation {
    let dialect = &snapshot.migration.primary;
    let decoded = tracking::decode::decode(dialect, endpoint, inbound, &|_| None);
    translation.endpoint = Some(place(endpoint, &dialect.file));
    translation.event = (decoded.event.fields().count() > 0).then_some(decoded.event);
    translation.problems = problems(&decoded.problems);
    let why = format!("{}:{}: the primary's own words", dialect.file, endpoint.line);
    translation.parameters = account::all_passed(inbound, &why);
    translation.primary = Some(Outbound {
        home: Home::Primary,
        method: inbound.method.name().into(),
        secure: inbound.secure,
        host: inbound.host.as_str().into(),
        target: inbound.target.clone(),
        headers: Vec::new(),
        body: inbound.body.clone(),
    });
    translation
}

fn problems(found: &[tracking::decode::Problem]) -> Vec<(String, String)> {
    found.iter().map(|problem| (problem.code.clone(), problem.message.clone())).collect()
}

fn fill(translation: &mut Translation, reading: &Reading<'_>, snapshot: &Snapshot, inbound: &Inbound) {
    let event = &reading.decoded.event;
    translation.problems = problems(&reading.decoded.problems);
    translation.phase = reading.advertiser.as_ref().map(|_| reading.phase);
    let evidence = evidence(reading, snapshot, inbound);
    let kind = evidence.kind();
    if translation.class == Class::Conversion {
        note_identity(translation, reading, snapshot);
        translation.evidence = Some(kind);
        let held = |problem: &tracking::decode::Problem| tracking::decode::holds(&problem.code);
        let booked = inbound.method != Method::Head && !reading.decoded.problems.iter().any(held);
        translation.primary = conversion(reading, snapshot, &evidence).filter(|_| booked);
    } else {
        note_destination(translation, reading, snapshot);
        translation.primary = click(translation);
    }
    translation.parameters = account::of_reading(reading, snapshot, kind);
    translation.event = Some(with_destination(event, reading, snapshot));
}

/// The event as it is told to people: its destination is the page that the click leads to.
fn with_destination(event: &Event, reading: &Reading<'_>, snapshot: &Snapshot) -> Event {
    let mut event = event.clone();
    let landing = reading.advertiser.as_ref().and_then(|row| reading.landing(snapshot, row));
    if let (Class::Click, Some(landing)) = (event.class, landing) {
        event.set(Field::DestinationUrl, tracking::Value::Text(landing.url.to_string().into()));
    }
    event
}

fn note_destination(translation: &mut Translation, reading: &Reading<'_>, snapshot: &Snapshot) {
    let landing = reading.advertiser.as_ref().and_then(|row| reading.landing(snapshot, row));
    if let Some(refusal) = landing.and_then(|landing| landing.refusal) {
        let message =
            "the destination is not a page of the merchant: the shopper lands on the merchant's own page";
        translation.problems.push((refusal.name().to_owned(), message.to_owned()));
    }
}

fn note_identity(translation: &mut Translation, reading: &Reading<'_>, snapshot: &Snapshot) {
    let reference = reading.decoded.event.text(Field::OrderReference);
    let placeholder = reference.filter(|text| snapshot.migration.legacy.is_placeholder(text));
    if let Some(text) = placeholder {
        let message = format!("`{text}` identifies no order: booked by itself, never collapsed with another");
        translation.problems.push(("placeholder_reference".to_owned(), message));
    }
}

fn evidence(reading: &Reading<'_>, snapshot: &Snapshot, inbound: &Inbound) -> Evidence {
    let named = reading.decoded.event.text(Field::ClickId).filter(|_| reading.consent.permits());
    match named.filter(|id| snapshot.migration.is_primary_click_id(id)) {
        Some(id) => Evidence::PlatformClickId(id.to_owned()),
        None => {
            let click = reading.proven_click(snapshot);
            let click = click.or_else(|| reading.remembered_click(snapshot, inbound));
            let click = click.or_else(|| reading.named_publisher());
            click.map_or(Evidence::None, Evidence::Click)
        }
    }
}

fn conversion(reading: &Reading<'_>, snapshot: &Snapshot, evidence: &Evidence) -> Option<Outbound> {
    let advertiser = reading.advertiser.as_ref().filter(|_| reading.phase.owner() == Home::Primary)?;
    reading.decoded.event.money(Field::Amount)?;
    let publisher = match evidence {
        Evidence::Click(click) => snapshot.directory.publisher(click.publisher_id)?.primary_id,
        Evidence::PlatformClickId(_) | Evidence::Voucher(_) | Evidence::None => None,
    };
    let order = ConversionOrder {
        event_id: reading.event_id,
        at: reading.received_at,
        event: &reading.event_for_primary(snapshot),
        evidence,
        advertiser_primary_id: advertiser.primary_id?,
        publisher_primary_id: publisher,
        consent: reading.consent,
    };
    snapshot.migration.conversion(&order).ok().map(|dispatch| dispatch.request)
}

/// The request that the shopper's browser makes when it follows a redirect to the primary.
fn click(translation: &Translation) -> Option<Outbound> {
    if translation.reply.mode != Mode::Redirect {
        return None;
    }
    let location = translation.leads_to.as_deref()?;
    let rest = location.strip_prefix("https://")?;
    let (host, target) = rest.split_at_checked(rest.find('/')?)?;
    Some(Outbound {
        home: Home::Primary,
        method: "GET".into(),
        secure: true,
        host: host.into(),
        target: target.as_bytes().to_vec(),
        headers: Vec::new(),
        body: Vec::new(),
    })
}

/// Runs the exchange with nothing behind it and takes its reply, and whether a platform would have given it.
fn rehearse(inbound: &Inbound, snapshot: &Arc<Snapshot>, seed: Seed, now: Timestamp) -> (Mode, Reply) {
    let (mut asked, mut served) = (false, false);
    let mut exchange = Exchange::open(inbound.clone(), Arc::clone(snapshot), Health::default(), seed, now);
    while let Some(step) = exchange.poll() {
        match step {
            Step::Append(_) => exchange.handle(Happened::Appended, now),
            Step::Send { request, .. } => {
                asked = true;
                let failure = SendFailure::NothingSent("nothing is asked in a rehearsal".to_owned());
                exchange.handle(Happened::Unanswered { home: request.home, failure }, now);
            }
            Step::Ask { .. } => {
                served = true;
                exchange.handle(Happened::NotServed, now);
            }
            Step::HandOver { .. } => exchange.handle(Happened::HandedOver, now),
            Step::Reply(reply) if served => return (Mode::Serve, reply),
            Step::Reply(reply) => return (if asked { Mode::Proxy } else { reply.mode }, reply),
            Step::Find { .. } => exchange.handle(Happened::Found { kept: None, claimed: true }, now),
            Step::Tally(_)
            | Step::Miss { .. }
            | Step::Keep { .. }
            | Step::Record(_)
            | Step::Remember(_)
            | Step::WaitUntil(_)
            | Step::Log(_)
            | Step::Report(_) => {}
        }
    }
    (Mode::Refuse, foreign_host())
}

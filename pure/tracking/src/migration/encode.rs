//! From an event to a request in the primary's words.

mod json;

use std::borrow::Cow;

use units::{DecimalText, EventId, EventIdText, Timestamp};

use super::{
    Channels, ClickOrder, ConversionOrder, Dispatch, EncodeError, Evidence, Format, JsonKind, Migration,
    Origin, Send,
};
use super::{CommissionGroup, EvidenceKind, ItemNames, SendParameter};
use crate::consent::{Consent, ConsentReason};
use crate::event::{Class, Event, Field, Text, Value};
use crate::query;
use crate::wire::{Home, Outbound};

/// Of a time's text, what stands before its fraction.
const DATE_TIME_CHARS: usize = 19;

/// Everything that a value can be made from.
struct Material<'a> {
    event: &'a Event,
    event_id: EventId,
    event_seconds: i64,
    advertiser_primary_id: u64,
    publisher_primary_id: Option<u64>,
    landing: Option<&'a str>,
    consent: Consent,
    evidence: &'a Evidence,
    migration: &'a Migration,
    group: Option<&'a CommissionGroup>,
    amount: Option<DecimalText>,
}

pub(super) fn click(migration: &Migration, order: &ClickOrder<'_>) -> Result<Outbound, EncodeError> {
    let send = migration.send(Class::Click, EvidenceKind::None);
    let send = send.ok_or(EncodeError::NoRule(Class::Click.name()))?;
    let material = Material {
        event: order.event,
        event_id: order.event_id,
        event_seconds: order.at.as_seconds(),
        advertiser_primary_id: order.advertiser_primary_id,
        publisher_primary_id: Some(order.publisher_primary_id),
        landing: Some(order.landing),
        consent: order.consent,
        evidence: &Evidence::None,
        migration,
        group: None,
        amount: order.event.money(Field::Amount).map(|amount| amount.decimal_text()),
    };
    let mut request = begin(send, &material);
    write_query(send, &material, &mut request.target);
    if send.pass_unknown {
        pass(migration, send, order.passed, &mut request.target);
    }
    Ok(request)
}

pub(super) fn conversions(
    migration: &Migration,
    orders: &[ConversionOrder<'_>],
) -> Result<Dispatch, EncodeError> {
    let kind = orders.first().map_or(EvidenceKind::None, |order| order.evidence.kind());
    let send = migration.send(Class::Conversion, kind);
    self::orders(migration, send.ok_or(EncodeError::NoRule(Class::Conversion.name()))?, orders)
}

/// One request by the rule `send` for all of these; a query tells of the first.
pub(super) fn orders(
    migration: &Migration,
    send: &Send,
    orders: &[ConversionOrder<'_>],
) -> Result<Dispatch, EncodeError> {
    let (order, others) = orders.split_first().ok_or(EncodeError::Nothing)?;
    let first = material(migration, order);
    let mut request = begin(send, &first);
    match send.format {
        Format::Query => write_query(send, &first, &mut request.target),
        Format::Json => {
            let others = others.iter().map(|order| material(migration, order));
            let materials: Vec<Material<'_>> = core::iter::once(first).chain(others).collect();
            write_json(send, &materials, &mut request);
        }
    }
    Ok(Dispatch { request, endpoint: send.endpoint.clone() })
}

fn material<'a>(migration: &'a Migration, order: &ConversionOrder<'a>) -> Material<'a> {
    Material {
        event: order.event,
        event_id: order.event_id,
        event_seconds: order.at.as_seconds(),
        advertiser_primary_id: order.advertiser_primary_id,
        publisher_primary_id: order.publisher_primary_id,
        landing: None,
        consent: order.consent,
        evidence: order.evidence,
        migration,
        group: migration.group(order.event),
        amount: order.event.money(Field::Amount).map(|amount| amount.decimal_text()),
    }
}

/// As long as nearly every target.
const USUAL_TARGET_BYTES: usize = 768;

/// What stands in a path, behind a brace, for the advertiser's id on the primary.
const ADVERTISER_IN_PATH: &str = "advertiser primary id}";

/// The request without its parameters.
fn begin(send: &Send, material: &Material<'_>) -> Outbound {
    let mut target = Vec::new();
    if send.format == Format::Query {
        target.reserve(USUAL_TARGET_BYTES);
    }
    let parts = send.path.split_once('{');
    match parts.and_then(|(before, rest)| Some((before, rest.strip_prefix(ADVERTISER_IN_PATH)?))) {
        Some((before, behind)) => {
            target.extend_from_slice(before.as_bytes());
            target.extend_from_slice(number(material.advertiser_primary_id).as_bytes());
            target.extend_from_slice(behind.as_bytes());
        }
        None => target.extend_from_slice(send.path.as_bytes()),
    }
    Outbound {
        home: Home::Primary,
        method: send.method.clone(),
        secure: true,
        host: send.host.clone(),
        target,
        headers: Vec::new(),
        body: Vec::new(),
    }
}

/// Writes every conversion's leaves. A path's first `0` is the place of the conversion in the request.
fn write_json(send: &Send, materials: &[Material<'_>], request: &mut Outbound) {
    let mut leaves: Vec<(Cow<'_, str>, JsonKind, Told<'_>)> =
        Vec::with_capacity(materials.len().saturating_mul(send.parameters.len()));
    for (place, material) in materials.iter().enumerate() {
        for parameter in &send.parameters {
            let path = match place {
                0 => Cow::Borrowed(parameter.name.as_str()),
                _ => Cow::Owned(at_place(&parameter.name, place)),
            };
            if let Origin::BasketItems(names) = &parameter.from {
                leaves.extend(basket_items(material, names, &path));
            } else if let Some(value) = value(parameter, material) {
                leaves.push((path, parameter.json, value));
            }
        }
    }
    let leaves = leaves.iter().map(|(path, kind, text)| (path.as_ref(), json::Leaf { kind: *kind, text }));
    request.body = json::document(leaves).into_bytes();
    request.headers.push(("content-type".to_owned(), b"application/json".to_vec()));
}

/// A path with its first `0` replaced by `place`; where the document itself is the list it stands at the start.
fn at_place(path: &str, place: usize) -> String {
    match path.strip_prefix("0.") {
        Some(rest) => format!("{place}.{rest}"),
        None => path.replacen(".0.", &format!(".{place}."), 1),
    }
}

/// The basket's articles as leaves below `path`, if each of them can be told as the interface wants it.
fn basket_items<'a>(
    material: &Material<'a>,
    names: &ItemNames,
    path: &str,
) -> Vec<(Cow<'a, str>, JsonKind, Told<'a>)> {
    let mut leaves = Vec::new();
    for (place, article) in articles(material.event).into_iter().flatten().enumerate() {
        let mut leaf = |name: &String, kind, text: &'a str| {
            leaves.push((Cow::Owned(format!("{path}.{place}.{name}")), kind, Told::As(text)));
        };
        for name in &names.sku {
            leaf(name, JsonKind::Text, article.sku);
        }
        leaf(&names.price, JsonKind::Number, article.price);
        leaf(&names.quantity, JsonKind::Number, article.quantity);
    }
    leaves
}

/// Appends the parameters. Each is written with an ampersand before it, and the first one's becomes the question mark.
fn write_query(send: &Send, material: &Material<'_>, target: &mut Vec<u8>) {
    let begin = target.len();
    for parameter in &send.parameters {
        match &parameter.from {
            Origin::Constant(_) => target.extend_from_slice(&parameter.assigned),
            Origin::BasketRows(start) => write_rows(parameter, material, start, target),
            _ => match value(parameter, material) {
                Some(value) => {
                    target.extend_from_slice(&parameter.assigned);
                    value.encode_into(target);
                }
                None if parameter.empty => target.extend_from_slice(&parameter.assigned),
                None => {}
            },
        }
    }
    if let Some(mark) = target.get_mut(begin) {
        *mark = b'?';
    }
}

/// Appends the pairs that no rule touched. One that the endpoint knows under the same name is left out: it
/// would speak to the platform in our name.
fn pass(migration: &Migration, send: &Send, passed: &[u8], target: &mut Vec<u8>) {
    for pair in query::pairs(passed) {
        if !collides(migration, send, pair.name) {
            target.push(if target.contains(&b'?') { b'&' } else { b'?' });
            query::pass_into(target, pair.raw);
        }
    }
}

/// True if a passed parameter's name means something to the endpoint that it would reach.
pub(super) fn collides(migration: &Migration, send: &Send, name: &[u8]) -> bool {
    let plain = query::decode_text(name);
    let sent = send.parameters.iter().any(|parameter| parameter.name.eq_ignore_ascii_case(plain.trim()));
    let known = migration.primary.endpoint(&send.endpoint);
    sent || known.is_some_and(|endpoint| {
        let plain = plain.trim();
        let is = |name: &String| name.eq_ignore_ascii_case(plain);
        endpoint.parameters.iter().any(|known| is(&known.name) || known.spellings.iter().any(is))
    })
}

/// A value as it is told.
enum Told<'a> {
    /// As it stands somewhere.
    As(&'a str),
    /// Written for this request.
    Made(Text),
    /// A whole number.
    Number(Text),
    /// An amount.
    Amount(DecimalText),
    /// Our own identity of the event.
    Event(EventIdText),
}

impl Told<'_> {
    /// Appends the value, percent-encoded; nothing in a number or in our own identity has to be.
    fn encode_into(&self, target: &mut Vec<u8>) {
        match self {
            Self::As(text) => query::encode_into(target, text.as_bytes()),
            Self::Made(text) => query::encode_into(target, text.as_bytes()),
            Self::Number(text) => target.extend_from_slice(text.as_bytes()),
            Self::Amount(text) => target.extend_from_slice(text.as_bytes()),
            Self::Event(text) => target.extend_from_slice(text.as_bytes()),
        }
    }
}

impl core::ops::Deref for Told<'_> {
    type Target = str;

    fn deref(&self) -> &str {
        match self {
            Self::As(text) => text,
            Self::Made(text) | Self::Number(text) => text,
            Self::Amount(text) => text,
            Self::Event(text) => text,
        }
    }
}

fn number(number: u64) -> Text {
    compact_str::ToCompactString::to_compact_string(&number)
}

fn seconds(seconds: i64) -> Text {
    compact_str::ToCompactString::to_compact_string(&seconds)
}

/// The value of a parameter as text; none if there is none.
#[inline(always)]
fn value<'a>(parameter: &'a SendParameter, material: &'a Material<'_>) -> Option<Told<'a>> {
    match &parameter.from {
        Origin::Field(field) => field_value(parameter, material.event.get(*field)?),
        computed => computed_value(computed, material),
    }
}

fn computed_value<'a>(origin: &'a Origin, material: &'a Material<'_>) -> Option<Told<'a>> {
    let Material { evidence, event, .. } = material;
    match origin {
        Origin::Constant(text) => Some(Told::As(text)),
        Origin::AdvertiserPrimaryId => Some(Told::Number(number(material.advertiser_primary_id))),
        Origin::PublisherPrimaryId => material.publisher_primary_id.map(|id| Told::Number(number(id))),
        // Refused: not even our own reference of the click is passed on (I10).
        Origin::EventId => material.consent.permits().then(|| Told::Event(material.event_id.text())),
        Origin::LandingWithClickId => material.landing.map(Told::As),
        Origin::OrderReference => Some(order_reference(material)),
        Origin::ToldAmount => told_amount(material),
        Origin::GroupCode => material.group.map(|group| Told::As(&group.code)),
        Origin::DefaultParts => default_parts(material),
        Origin::WinningChannel(channels) => Some(Told::As(winning_channel(event, channels))),
        Origin::FirstVoucher => first_voucher(material).map(Told::As),
        Origin::TestFlag => Some(Told::As(test_flag(event))),
        Origin::ConsentFlag => consent_flag(material.consent).map(Told::As),
        Origin::PlatformClickId => match evidence {
            Evidence::PlatformClickId(ids) => {
                Some(Told::As(material.migration.newest_click_id(ids, material.advertiser_primary_id)))
            }
            Evidence::Click(_) | Evidence::Voucher(_) | Evidence::None => None,
        },
        Origin::ClickId => click_id(evidence).map(Told::As),
        Origin::ClickTime => match evidence {
            Evidence::Click(click) => Some(Told::Number(seconds(click.at.as_seconds()))),
            Evidence::PlatformClickId(_) | Evidence::Voucher(_) | Evidence::None => None,
        },
        Origin::EventTime => Some(Told::Number(seconds(material.event_seconds))),
        Origin::EventDateTime => {
            let at = Timestamp::from_seconds(material.event_seconds).to_string();
            at.get(..DATE_TIME_CHARS).map(|text| Told::Made(text.into()))
        }
        // A field is told as it is, and the basket by the loops of the query and of the JSON body: it is more than one.
        Origin::Field(_) | Origin::BasketRows(_) | Origin::BasketItems(_) => None,
    }
}

fn field_value<'a>(parameter: &'a SendParameter, value: &'a Value) -> Option<Told<'a>> {
    let told = match (value, &parameter.flag_words) {
        (Value::Flag(flag), Some((yes, no))) => return Some(Told::As(if *flag { yes } else { no })),
        (Value::Flag(flag), None) => return Some(Told::As(if *flag { "1" } else { "0" })),
        (Value::Text(text), _) => Told::As(text),
        (Value::Money(money), _) => Told::Amount(money.decimal_text()),
        (Value::Id(id), _) => Told::Number(number(*id)),
        (Value::List(_), _) => Told::Made(value.text()),
    };
    (!told.is_empty()).then_some(told)
}

/// A consent string speaks for itself: a flag beside it would be a consent of our own making.
const fn consent_flag(consent: Consent) -> Option<&'static str> {
    match consent {
        Consent::Granted(ConsentReason::Link) => Some("1"),
        Consent::Refused(_) => Some("0"),
        Consent::Granted(_) | Consent::NoSignal => None,
    }
}

fn default_parts<'a>(material: &'a Material<'_>) -> Option<Told<'a>> {
    let amount = told_amount(material)?;
    let mut parts = Text::new(&material.group?.code);
    parts.push(':');
    parts.push_str(&amount);
    Some(Told::Made(parts))
}

/// Where nothing identifies the order the request is booked by itself, under our own identity of it.
fn order_reference<'a>(material: &'a Material<'_>) -> Told<'a> {
    let named = material.event.text(Field::OrderReference);
    named.map_or_else(|| Told::Event(material.event_id.text()), Told::As)
}

fn first_voucher<'a>(material: &'a Material<'_>) -> Option<&'a str> {
    if let Evidence::Voucher(code) = material.evidence {
        return Some(code);
    }
    material.event.list(Field::VoucherCodes).iter().map(Text::as_str).find(|code| !code.is_empty())
}

fn test_flag(event: &Event) -> &'static str {
    if event.flag(Field::TestMode) == Some(true) { "1" } else { "0" }
}

fn click_id(evidence: &Evidence) -> Option<&str> {
    match evidence {
        Evidence::Click(click) if !click.click_id.is_empty() => Some(&click.click_id),
        Evidence::PlatformClickId(id) => Some(id),
        Evidence::Click(_) | Evidence::Voucher(_) | Evidence::None => None,
    }
}

/// The amount that is told: the group's where it has one, as the number of leads, else the order's own.
fn told_amount<'a>(material: &'a Material<'_>) -> Option<Told<'a>> {
    let own = material.amount?;
    let instead = material.group.and_then(|group| group.amount.as_deref());
    Some(instead.map_or(Told::Amount(own), Told::As))
}

/// Another channel won where the merchant's own rule refuses the order.
fn winning_channel<'a>(event: &'a Event, channels: &'a Channels) -> &'a str {
    let other = event.flag(Field::AutoVoid) == Some(true);
    if other { event.text(Field::Channel).unwrap_or(&channels.unnamed) } else { &channels.own }
}

/// An article of the basket.
struct Article<'a> {
    sku: &'a str,
    price: &'a str,
    quantity: &'a str,
}

/// The basket's articles, if its three lists can be read as rows.
fn articles(event: &Event) -> Option<impl Iterator<Item = Article<'_>>> {
    let skus = event.list(Field::BasketSkus);
    let (prices, quantities) = (event.list(Field::BasketPrices), event.list(Field::BasketQuantities));
    let articles = skus.iter().zip(prices).zip(quantities);
    event
        .basket_lines_up()
        .then(|| articles.map(|((sku, price), quantity)| Article { sku, price, quantity: whole(quantity) }))
}

/// A count without the decimals that say nothing: shops tell it as they keep it, `2.0000`.
fn whole(quantity: &str) -> &str {
    if quantity.bytes().all(|byte| byte != b'.') {
        return quantity;
    }
    match quantity.split_once('.') {
        Some((whole, decimals)) if !whole.is_empty() && decimals.bytes().all(|byte| byte == b'0') => whole,
        _ => quantity,
    }
}

/// Appends the basket, a row of ten fields for each article. The legacy lists name articles by their SKU alone, so it
/// stands for the product's id and name as well (inferred). Columns are separated by bars, so none may hold one.
fn write_rows(parameter: &SendParameter, material: &Material<'_>, start: &str, target: &mut Vec<u8>) {
    let Some(articles) = articles(material.event) else { return };
    // What every row begins with, once it is written.
    let mut beginning = None;
    for (place, Article { sku, price, quantity }) in articles.enumerate() {
        target.extend_from_slice(&parameter.named);
        target.extend_from_slice(b"%5B");
        match u8::try_from(place) {
            Ok(digit @ 0..=9) => target.push(b'0' | digit),
            _ => target.extend_from_slice(place.to_string().as_bytes()),
        }
        target.extend_from_slice(b"%5D=");
        match beginning.clone() {
            Some(written) => target.extend_from_within(written),
            None => {
                let from = target.len();
                query::encode_into(target, start.as_bytes());
                write_column(target, &number(material.advertiser_primary_id));
                write_column(target, &order_reference(material));
                beginning = Some(from..target.len());
            }
        }
        let from = target.len();
        write_column(target, sku);
        let written = from..target.len();
        target.extend_from_within(written.clone());
        write_number(target, price);
        write_number(target, quantity);
        target.extend_from_within(written);
        write_column(target, material.group.map_or("", |group| group.code.as_str()));
        target.extend_from_slice(BAR);
    }
}

/// What stands between the columns of a row.
const BAR: &[u8] = b"%7C";

/// Writes a number, in which nothing has to be escaped.
fn write_number(target: &mut Vec<u8>, text: &str) {
    target.extend_from_slice(BAR);
    target.extend_from_slice(json::plain_number(text).as_bytes());
}

fn write_column(target: &mut Vec<u8>, text: &str) {
    target.extend_from_slice(BAR);
    query::encode_without_into(target, text.as_bytes(), b'|');
}

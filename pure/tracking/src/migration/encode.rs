//! From an event to a request in the primary's words.

mod json;

use std::borrow::Cow;

use units::Timestamp;

use super::{
    Channels, ClickOrder, ConversionOrder, Dispatch, EncodeError, Evidence, Format, JsonKind, Migration,
    Origin, Send,
};
use super::{CommissionGroup, EvidenceKind, ItemNames, SendParameter};
use crate::consent::{Consent, ConsentReason};
use crate::event::{Class, Event, Field, Value};
use crate::query;
use crate::wire::{Home, Outbound};

/// Of a time's text, what stands before its fraction.
const DATE_TIME_CHARS: usize = 19;

/// Everything that a value can be made from.
struct Material<'a> {
    event: &'a Event,
    event_id: String,
    event_seconds: i64,
    advertiser_primary_id: u64,
    publisher_primary_id: Option<u64>,
    landing: Option<&'a str>,
    consent: Consent,
    evidence: &'a Evidence,
    migration: &'a Migration,
    group: Option<&'a CommissionGroup>,
}

pub(super) fn click(migration: &Migration, order: &ClickOrder<'_>) -> Result<Outbound, EncodeError> {
    let send = migration.send(Class::Click, EvidenceKind::None);
    let send = send.ok_or(EncodeError::NoRule(Class::Click.name()))?;
    let material = Material {
        event: order.event,
        event_id: order.event_id.to_string(),
        event_seconds: order.at.as_seconds(),
        advertiser_primary_id: order.advertiser_primary_id,
        publisher_primary_id: Some(order.publisher_primary_id),
        landing: Some(order.landing),
        consent: order.consent,
        evidence: &Evidence::None,
        migration,
        group: None,
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

/// One request by the rule `send` for all of these.
pub(super) fn orders(
    migration: &Migration,
    send: &Send,
    orders: &[ConversionOrder<'_>],
) -> Result<Dispatch, EncodeError> {
    let materials: Vec<Material<'_>> = orders.iter().map(|order| material(migration, order)).collect();
    let first = materials.first().ok_or(EncodeError::Nothing)?;
    let mut request = begin(send, first);
    match send.format {
        Format::Query => write_query(send, first, &mut request.target),
        Format::Json => write_json(send, &materials, &mut request),
    }
    Ok(Dispatch { request, endpoint: send.endpoint.clone() })
}

fn material<'a>(migration: &'a Migration, order: &ConversionOrder<'a>) -> Material<'a> {
    Material {
        event: order.event,
        event_id: order.event_id.to_string(),
        event_seconds: order.at.as_seconds(),
        advertiser_primary_id: order.advertiser_primary_id,
        publisher_primary_id: order.publisher_primary_id,
        landing: None,
        consent: order.consent,
        evidence: order.evidence,
        migration,
        group: migration.group(order.event),
    }
}

/// The request without its parameters.
fn begin(send: &Send, material: &Material<'_>) -> Outbound {
    let id = material.advertiser_primary_id.to_string();
    Outbound {
        home: Home::Primary,
        method: send.method.clone(),
        secure: true,
        host: send.host.clone(),
        target: send.path.replace("{advertiser primary id}", &id).into_bytes(),
        headers: Vec::new(),
        body: Vec::new(),
    }
}

/// Writes every conversion's leaves. A path's first `0` is the place of the conversion in the request.
fn write_json(send: &Send, materials: &[Material<'_>], request: &mut Outbound) {
    let mut leaves = Vec::with_capacity(materials.len().saturating_mul(send.parameters.len()));
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
) -> Vec<(Cow<'a, str>, JsonKind, Cow<'a, str>)> {
    let mut leaves = Vec::new();
    for (place, article) in articles(material.event).into_iter().flatten().enumerate() {
        let mut leaf = |name: &String, kind, text: &'a str| {
            leaves.push((Cow::Owned(format!("{path}.{place}.{name}")), kind, Cow::Borrowed(text)));
        };
        for name in &names.sku {
            leaf(name, JsonKind::Text, article.sku);
        }
        leaf(&names.price, JsonKind::Number, article.price);
        leaf(&names.quantity, JsonKind::Number, article.quantity);
    }
    leaves
}

fn write_query(send: &Send, material: &Material<'_>, target: &mut Vec<u8>) {
    let mut mark = b'?';
    let mut pair = |name: &str, value: &str| {
        target.push(mark);
        mark = b'&';
        query::encode_into(target, name.as_bytes());
        target.push(b'=');
        query::encode_into(target, value.as_bytes());
    };
    for parameter in &send.parameters {
        if let Origin::BasketRows(start) = &parameter.from {
            for (place, row) in basket_rows(material, start).into_iter().enumerate() {
                pair(&format!("{}[{place}]", parameter.name), &row);
            }
        } else if let Some(value) = value(parameter, material) {
            pair(&parameter.name, &value);
        } else if parameter.empty {
            pair(&parameter.name, "");
        }
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

/// The value of a parameter as text; none if there is none.
fn value<'a>(parameter: &'a SendParameter, material: &'a Material<'_>) -> Option<Cow<'a, str>> {
    match &parameter.from {
        Origin::Field(field) => field_value(parameter, material.event.get(*field)?),
        Origin::Constant(text) => Some(text.as_str().into()),
        Origin::AdvertiserPrimaryId => Some(material.advertiser_primary_id.to_string().into()),
        Origin::PublisherPrimaryId => material.publisher_primary_id.map(|id| Cow::Owned(id.to_string())),
        // Refused: not even our own reference of the click is passed on (I10).
        Origin::EventId => material.consent.permits().then_some(material.event_id.as_str().into()),
        Origin::LandingWithClickId => material.landing.map(Cow::Borrowed),
        Origin::OrderReference => Some(order_reference(material).into()),
        Origin::ToldAmount => told_amount(material),
        Origin::GroupCode => material.group.map(|group| group.code.as_str().into()),
        Origin::DefaultParts => {
            let amount = told_amount(material)?;
            material.group.map(|group| Cow::Owned(format!("{}:{amount}", group.code)))
        }
        Origin::WinningChannel(channels) => Some(winning_channel(material.event, channels).into()),
        Origin::FirstVoucher => first_voucher(material).map(Cow::Borrowed),
        Origin::TestFlag => Some(test_flag(material.event).into()),
        Origin::ConsentFlag => match material.consent {
            // A consent string speaks for itself: a flag beside it would be a consent of our own making.
            Consent::Granted(ConsentReason::Link) => Some("1".into()),
            Consent::Refused(_) => Some("0".into()),
            Consent::Granted(_) | Consent::NoSignal => None,
        },
        Origin::PlatformClickId => match material.evidence {
            Evidence::PlatformClickId(ids) => {
                Some(material.migration.newest_click_id(ids, material.advertiser_primary_id).into())
            }
            Evidence::Click(_) | Evidence::Voucher(_) | Evidence::None => None,
        },
        Origin::ClickId => click_id(material.evidence).map(Cow::Borrowed),
        Origin::ClickTime => match material.evidence {
            Evidence::Click(click) => Some(click.at.as_seconds().to_string().into()),
            Evidence::PlatformClickId(_) | Evidence::Voucher(_) | Evidence::None => None,
        },
        Origin::EventTime => Some(material.event_seconds.to_string().into()),
        Origin::EventDateTime => {
            let at = Timestamp::from_seconds(material.event_seconds).to_string();
            at.get(..DATE_TIME_CHARS).map(|text| text.to_owned().into())
        }
        // The basket is written by the loops of the query and of the JSON body: it is more than one value.
        Origin::BasketRows(_) | Origin::BasketItems(_) => None,
    }
}

fn field_value<'a>(parameter: &'a SendParameter, value: &'a Value) -> Option<Cow<'a, str>> {
    let text = match (value, &parameter.flag_words) {
        (Value::Flag(flag), Some((yes, no))) => Cow::Borrowed(if *flag { yes.as_str() } else { no }),
        (Value::Flag(flag), None) => Cow::Borrowed(if *flag { "1" } else { "0" }),
        (Value::Text(text), _) => Cow::Borrowed(text.as_str()),
        (Value::Id(_) | Value::Money(_) | Value::List(_), _) => Cow::Owned(value.text()),
    };
    (matches!(value, Value::Flag(_)) || !text.is_empty()).then_some(text)
}

/// Where nothing identifies the order the request is booked by itself, under our own identity of it.
fn order_reference<'a>(material: &'a Material<'_>) -> &'a str {
    material.event.text(Field::OrderReference).unwrap_or(&material.event_id)
}

fn first_voucher<'a>(material: &'a Material<'_>) -> Option<&'a str> {
    if let Evidence::Voucher(code) = material.evidence {
        return Some(code);
    }
    material.event.list(Field::VoucherCodes).iter().map(String::as_str).find(|code| !code.is_empty())
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
fn told_amount<'a>(material: &'a Material<'_>) -> Option<Cow<'a, str>> {
    let own = material.event.money(Field::Amount)?;
    let instead = material.group.and_then(|group| group.amount.as_deref());
    Some(instead.map_or_else(|| Cow::Owned(own.decimal()), Cow::Borrowed))
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
    match quantity.split_once('.') {
        Some((whole, decimals)) if !whole.is_empty() && decimals.bytes().all(|byte| byte == b'0') => whole,
        _ => quantity,
    }
}

/// The basket as rows of ten fields, if its three lists line up. The legacy lists name articles by their
/// SKU alone, so it stands for the product's id and name as well (inferred).
fn basket_rows(material: &Material<'_>, start: &str) -> Vec<String> {
    let (advertiser, reference) = (material.advertiser_primary_id, bar_free(order_reference(material)));
    let group = material.group.map_or("", |group| group.code.as_str());
    let row = |article: Article<'_>| {
        let Article { sku, price, quantity } = article;
        let (sku, price, quantity) = (bar_free(sku), json::plain_number(price), json::plain_number(quantity));
        format!("{start}|{advertiser}|{reference}|{sku}|{sku}|{price}|{quantity}|{sku}|{group}|")
    };
    articles(material.event).into_iter().flatten().map(row).collect()
}

/// Rows are separated by bars, so a value may not hold one.
fn bar_free(text: &str) -> String {
    text.replace('|', " ")
}

//! The envelope's format, version 1: protocol buffers.
//!
//! A word of the event travels by its standard *name* and never by its place in our enum, so that the enum
//! may be reordered and a stored envelope still means the same. A field number that was given away once is
//! never used for anything else.

use prost::Message as _;
use tracking::consent::{Consent, ConsentReason};
use tracking::event::Click;
use tracking::{Class, Event, Field, Value};
use units::{Currency, EventId, Money, Timestamp};

use super::{Envelope, EnvelopeError, Purpose};

const VERSION: u32 = 1;

#[derive(Clone, PartialEq, prost::Message)]
struct EnvelopeV1 {
    #[prost(uint32, tag = "1")]
    version: u32,
    #[prost(bytes = "vec", tag = "2")]
    event_id: Vec<u8>,
    #[prost(string, tag = "3")]
    purpose: String,
    #[prost(sint64, tag = "4")]
    received_at_ms: i64,
    #[prost(string, tag = "5")]
    endpoint: String,
    #[prost(string, tag = "6")]
    class: String,
    #[prost(message, repeated, tag = "7")]
    fields: Vec<FieldV1>,
    #[prost(string, optional, tag = "8")]
    key: Option<String>,
    #[prost(string, tag = "9")]
    consent: String,
    #[prost(string, tag = "10")]
    consent_reason: String,
    #[prost(message, optional, tag = "11")]
    click: Option<ClickV1>,
    #[prost(message, optional, tag = "12")]
    cookie_click: Option<ClickV1>,
    #[prost(string, repeated, tag = "13")]
    problems: Vec<String>,
    #[prost(string, optional, tag = "14")]
    country: Option<String>,
    #[prost(string, optional, tag = "15")]
    trace_parent: Option<String>,
    #[prost(bytes = "vec", tag = "16")]
    sealed: Vec<u8>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct FieldV1 {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(oneof = "ValueV1", tags = "2, 3, 4, 5, 6")]
    value: Option<ValueV1>,
}

#[derive(Clone, PartialEq, prost::Oneof)]
enum ValueV1 {
    #[prost(uint64, tag = "2")]
    Id(u64),
    #[prost(string, tag = "3")]
    Text(String),
    #[prost(message, tag = "4")]
    Money(MoneyV1),
    #[prost(bool, tag = "5")]
    Flag(bool),
    #[prost(message, tag = "6")]
    List(ListV1),
}

#[derive(Clone, PartialEq, prost::Message)]
struct MoneyV1 {
    #[prost(sint64, tag = "1")]
    minor: i64,
    #[prost(string, tag = "2")]
    currency: String,
}

#[derive(Clone, PartialEq, prost::Message)]
struct ListV1 {
    #[prost(string, repeated, tag = "1")]
    items: Vec<String>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct ClickV1 {
    #[prost(uint64, tag = "1")]
    advertiser_id: u64,
    #[prost(uint64, tag = "2")]
    publisher_id: u64,
    #[prost(uint64, tag = "3")]
    creative_id: u64,
    #[prost(sint64, tag = "4")]
    at_ms: i64,
    #[prost(string, tag = "5")]
    click_id: String,
}

pub(super) fn encode(envelope: &Envelope) -> Vec<u8> {
    let message = EnvelopeV1 {
        version: VERSION,
        event_id: envelope.event_id.as_u128().to_be_bytes().to_vec(),
        purpose: envelope.purpose.name().to_owned(),
        received_at_ms: envelope.received_at.as_millis(),
        endpoint: envelope.endpoint.clone(),
        class: envelope.event.class.name().to_owned(),
        fields: envelope.event.fields().map(|(field, value)| field_out(field, value)).collect(),
        key: envelope.key.clone(),
        consent: envelope.consent.name().to_owned(),
        consent_reason: envelope.consent.reason().name().to_owned(),
        click: envelope.click.as_ref().map(click_out),
        cookie_click: envelope.cookie_click.as_ref().map(click_out),
        problems: envelope.problems.clone(),
        country: envelope.country.clone(),
        trace_parent: envelope.trace_parent.clone(),
        sealed: envelope.sealed.clone(),
    };
    message.encode_to_vec()
}

pub(super) fn decode(bytes: &[u8]) -> Result<Envelope, EnvelopeError> {
    let message = EnvelopeV1::decode(bytes)
        .map_err(|error| EnvelopeError::Malformed { what: "envelope", reason: error.to_string() })?;
    if message.version != VERSION {
        return Err(EnvelopeError::Version { what: "envelope", version: message.version });
    }
    let mut event = Event::new(known("class", &message.class, Class::parse)?);
    for field in message.fields {
        let (field, value) = field_in(field)?;
        event.set(field, value);
    }
    Ok(Envelope {
        event_id: event_id_in(&message.event_id)?,
        purpose: known("purpose", &message.purpose, Purpose::parse)?,
        received_at: Timestamp::from_millis(message.received_at_ms),
        endpoint: message.endpoint,
        event,
        key: message.key,
        consent: consent_in(&message.consent, &message.consent_reason)?,
        click: message.click.map(click_in),
        cookie_click: message.cookie_click.map(click_in),
        problems: message.problems,
        country: message.country,
        trace_parent: message.trace_parent,
        sealed: message.sealed,
    })
}

fn known<T>(what: &'static str, name: &str, parse: fn(&str) -> Option<T>) -> Result<T, EnvelopeError> {
    parse(name).ok_or_else(|| EnvelopeError::Unknown { what, value: name.to_owned() })
}

fn event_id_in(bytes: &[u8]) -> Result<EventId, EnvelopeError> {
    let bytes: [u8; 16] = bytes
        .try_into()
        .map_err(|_| EnvelopeError::Unknown { what: "event id", value: format!("{bytes:02x?}") })?;
    Ok(EventId::from_u128(u128::from_be_bytes(bytes)))
}

fn consent_in(name: &str, reason: &str) -> Result<Consent, EnvelopeError> {
    let reason = known("reason of a consent", reason, ConsentReason::parse)?;
    match name {
        "granted" => Ok(Consent::Granted(reason)),
        "refused" => Ok(Consent::Refused(reason)),
        "no_signal" => Ok(Consent::NoSignal),
        other => Err(EnvelopeError::Unknown { what: "consent", value: other.to_owned() }),
    }
}

fn click_out(click: &Click) -> ClickV1 {
    ClickV1 {
        advertiser_id: click.advertiser_id,
        publisher_id: click.publisher_id,
        creative_id: click.creative_id,
        at_ms: click.at.as_millis(),
        click_id: click.click_id.clone(),
    }
}

fn click_in(click: ClickV1) -> Click {
    Click {
        advertiser_id: click.advertiser_id,
        publisher_id: click.publisher_id,
        creative_id: click.creative_id,
        at: Timestamp::from_millis(click.at_ms),
        click_id: click.click_id,
    }
}

fn field_out(field: Field, value: &Value) -> FieldV1 {
    let value = match value {
        Value::Id(id) => ValueV1::Id(*id),
        Value::Text(text) => ValueV1::Text(text.clone()),
        Value::Money(money) => {
            ValueV1::Money(MoneyV1 { minor: money.minor, currency: money.currency.code().to_owned() })
        }
        Value::Flag(flag) => ValueV1::Flag(*flag),
        Value::List(items) => ValueV1::List(ListV1 { items: items.clone() }),
    };
    FieldV1 { name: field.name().to_owned(), value: Some(value) }
}

fn field_in(field: FieldV1) -> Result<(Field, Value), EnvelopeError> {
    let name = known("field of an event", &field.name, Field::parse)?;
    let value = match field.value {
        Some(ValueV1::Id(id)) => Value::Id(id),
        Some(ValueV1::Text(text)) => Value::Text(text),
        Some(ValueV1::Money(money)) => {
            let currency = known("currency", &money.currency, Currency::parse)?;
            Value::Money(Money::from_minor(money.minor, currency))
        }
        Some(ValueV1::Flag(flag)) => Value::Flag(flag),
        Some(ValueV1::List(list)) => Value::List(list.items),
        None => return Err(EnvelopeError::Unknown { what: "value of a field", value: field.name }),
    };
    Ok((name, value))
}

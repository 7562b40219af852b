//! The envelope's format, version 1: protocol buffers.
//!
//! A word of the event travels by its standard *name* and never by its place in our enum, so that the enum
//! may be reordered and a stored envelope still means the same. A field number that was given away once is
//! never used for anything else.

use prost::Message as _;
use tracking::consent::{Consent, ConsentReason};
use tracking::event::Click;
use tracking::{Class, Event, Field, Home, Value, Verdict};
use units::{Currency, EventId, Money, Timestamp};

use super::write::Writer;
use super::{Envelope, EnvelopeError, Purpose, Sent};

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
    #[prost(message, optional, tag = "17")]
    sent: Option<SentV1>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct SentV1 {
    #[prost(string, tag = "1")]
    home: String,
    #[prost(string, tag = "2")]
    endpoint: String,
    #[prost(string, tag = "3")]
    verdict: String,
    #[prost(string, tag = "4")]
    reason: String,
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

/// Most bytes of an envelope's fields beside the sealed part and the texts of the event, as a first guess.
const FIELDS_BYTES: usize = 512;

/// Writes the fields of [`EnvelopeV1`], in its order.
pub(super) fn encode(envelope: &Envelope) -> Vec<u8> {
    let room = envelope.sealed.len().saturating_add(FIELDS_BYTES);
    let mut writer = Writer::behind(Vec::with_capacity(room));
    let text = |value: &Option<String>, tag: u64, writer: &mut Writer| {
        if let Some(value) = value {
            writer.item(tag, value.as_bytes());
        }
    };
    writer.number(1, VERSION.into());
    writer.bytes(2, &envelope.event_id.as_u128().to_be_bytes());
    writer.bytes(3, envelope.purpose.name().as_bytes());
    writer.signed(4, envelope.received_at.as_millis());
    writer.bytes(5, envelope.endpoint.as_bytes());
    writer.bytes(6, envelope.event.class.name().as_bytes());
    for (field, value) in envelope.event.fields() {
        writer.message(7, |writer| field_out(writer, field, value));
    }
    text(&envelope.key, 8, &mut writer);
    writer.bytes(9, envelope.consent.name().as_bytes());
    writer.bytes(10, envelope.consent.reason().name().as_bytes());
    for (tag, click) in [(11, &envelope.click), (12, &envelope.cookie_click)] {
        if let Some(click) = click {
            writer.message(tag, |writer| click_out(writer, click));
        }
    }
    envelope.problems.iter().for_each(|problem| writer.item(13, problem.as_bytes()));
    text(&envelope.country, 14, &mut writer);
    text(&envelope.trace_parent, 15, &mut writer);
    writer.bytes(16, &envelope.sealed);
    if let Some(sent) = &envelope.sent {
        writer.message(17, |writer| sent_out(writer, sent));
    }
    writer.into_bytes()
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
        sent: message.sent.map(sent_in).transpose()?,
    })
}

fn sent_out(writer: &mut Writer, sent: &Sent) {
    let texts = [sent.home.name(), &sent.endpoint, sent.verdict.name(), &sent.reason];
    for (tag, text) in (1..).zip(texts) {
        writer.bytes(tag, text.as_bytes());
    }
}

fn sent_in(sent: SentV1) -> Result<Sent, EnvelopeError> {
    Ok(Sent {
        home: known("platform", &sent.home, Home::parse)?,
        endpoint: sent.endpoint,
        verdict: known("verdict", &sent.verdict, Verdict::parse)?,
        reason: sent.reason,
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

fn click_out(writer: &mut Writer, click: &Click) {
    for (tag, id) in [(1, click.advertiser_id), (2, click.publisher_id), (3, click.creative_id)] {
        if id != 0 {
            writer.number(tag, id);
        }
    }
    writer.signed(4, click.at.as_millis());
    writer.bytes(5, click.click_id.as_bytes());
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

fn field_out(writer: &mut Writer, field: Field, value: &Value) {
    writer.bytes(1, field.name().as_bytes());
    match value {
        Value::Id(id) => writer.number(2, *id),
        Value::Text(text) => writer.item(3, text.as_bytes()),
        Value::Money(money) => writer.message(4, |writer| {
            writer.signed(1, money.minor);
            writer.bytes(2, money.currency.code().as_bytes());
        }),
        Value::Flag(flag) => writer.number(5, u64::from(*flag)),
        Value::List(items) => writer.message(6, |writer| {
            items.iter().for_each(|item| writer.item(1, item.as_bytes()));
        }),
    }
}

fn field_in(field: FieldV1) -> Result<(Field, Value), EnvelopeError> {
    let name = known("field of an event", &field.name, Field::parse)?;
    let value = match field.value {
        Some(ValueV1::Id(id)) => Value::Id(id),
        Some(ValueV1::Text(text)) => Value::Text(text.into()),
        Some(ValueV1::Money(money)) => {
            let currency = known("currency", &money.currency, Currency::parse)?;
            Value::Money(Money::from_minor(money.minor, currency))
        }
        Some(ValueV1::Flag(flag)) => Value::Flag(flag),
        Some(ValueV1::List(list)) => Value::List(list.items.into_iter().map(Into::into).collect()),
        None => return Err(EnvelopeError::Unknown { what: "value of a field", value: field.name }),
    };
    Ok((name, value))
}

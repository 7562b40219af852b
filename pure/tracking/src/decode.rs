//! From a request to an event: every parameter gets a fate, and nothing stops at a bad one (I11).

mod value;

use std::borrow::Cow;

use units::{Currency, limits};

use crate::dialect::{Dialect, Endpoint, Kind, Meaning, Parameter, Unknown};
use crate::event::{Event, Field, Value};
use crate::query::{self, Pair};
use crate::wire::{Inbound, Method};

/// A request, understood.
#[derive(Debug)]
pub struct Decoded<'r, 'd> {
    /// The endpoint that it asked.
    pub endpoint: &'d Endpoint,
    /// What it means.
    pub event: Event,
    /// What became of each parameter, in the order of arrival, then the defaults.
    pub traces: Vec<Trace<'r>>,
    /// What is wrong with it.
    pub problems: Vec<Problem>,
}

/// What became of one parameter.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Trace<'r> {
    /// The pair as sent; empty for a default.
    pub raw: &'r [u8],
    /// The name as sent.
    pub name: &'r [u8],
    /// The value as sent.
    pub value: Option<&'r [u8]>,
    /// The endpoint's parameter that it is, by its place.
    pub parameter: Option<usize>,
    /// What became of it.
    pub outcome: Outcome,
}

/// What becomes of a parameter on the way to the event.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Outcome {
    /// It is the field of the event.
    Mapped(Field),
    /// It names a field, and its emptiness says that there is no value.
    Empty(Field),
    /// It belongs to the destination that stands before it.
    Absorbed,
    /// No rule touches it: it is passed on, byte for byte.
    Passed,
    /// The endpoint keeps unknown parameters in the original request only.
    Kept,
    /// The dialect drops it, for a declared reason.
    Dropped,
    /// The same parameter came before; the first counts.
    Repeated,
    /// Its value cannot be read.
    Rejected,
    /// It was not sent, and the dialect gives it a value.
    Defaulted(Field),
}

/// One thing wrong with a request.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{message}")]
pub struct Problem {
    /// A word for programs, as `invalid_amount`.
    pub code: String,
    /// A sentence for people.
    pub message: String,
}

impl Problem {
    /// A problem.
    pub fn new(code: impl Into<String>, message: impl Into<String>) -> Self {
        Self { code: code.into(), message: message.into() }
    }
}

/// The values of an endpoint's parameters, as they came, by the parameter's place.
struct Slots<'r> {
    raw: Vec<Option<&'r [u8]>>,
    /// What stands behind a destination and belongs to it, with the destination's place.
    tail: Option<(usize, Vec<u8>)>,
}

/// Reads `inbound` as a request to `endpoint`. `currency_of` tells an advertiser's currency, by its legacy
/// id, for a request that names none.
pub fn decode<'r, 'd>(
    dialect: &'d Dialect,
    endpoint: &'d Endpoint,
    inbound: &'r Inbound,
    currency_of: &dyn Fn(u64) -> Option<Currency>,
) -> Decoded<'r, 'd> {
    let event = Event::new(endpoint.class);
    let mut decoded = Decoded { endpoint, event, traces: Vec::with_capacity(24), problems: Vec::new() };
    let mut slots = Slots { raw: vec![None; endpoint.parameters.len()], tail: None };
    let form =
        if endpoint.form_body && inbound.method == Method::Post { inbound.body.as_slice() } else { &[] };
    let sent = query::pairs(inbound.query().unwrap_or_default()).chain(query::pairs(form));
    for (count, pair) in sent.enumerate() {
        if count >= limits::PARAMETERS_MAX {
            let most = limits::PARAMETERS_MAX;
            let message = format!("more than {most} parameters: the rest stays in the original request only");
            decoded.problems.push(Problem::new("too_many_parameters", message));
            break;
        }
        let trace = place(dialect, endpoint, pair, &mut slots, &mut decoded.problems);
        decoded.traces.push(trace);
    }
    read_values(&mut decoded, &slots, currency_of);
    decoded
}

/// Finds the parameter that a pair is, and keeps its value for reading.
fn place<'r>(
    dialect: &Dialect,
    endpoint: &Endpoint,
    pair: Pair<'r>,
    slots: &mut Slots<'r>,
    problems: &mut Vec<Problem>,
) -> Trace<'r> {
    let trace =
        |parameter, outcome| Trace { raw: pair.raw, name: pair.name, value: pair.value, parameter, outcome };
    let known = dialect.parameter(endpoint, pair.name).or_else(|| {
        let plain = query::decode(pair.name);
        dialect.parameter(endpoint, plain.trim_ascii())
    });
    let Some((place, parameter)) = known else { return trace(None, unknown(endpoint, pair, slots)) };
    let field = match &parameter.meaning {
        Meaning::Field(field) => *field,
        Meaning::Dropped(_) => return trace(Some(place), Outcome::Dropped),
    };
    let value = pair.value.unwrap_or_default();
    let Some(slot) = slots.raw.get_mut(place) else { return trace(None, Outcome::Passed) };
    match *slot {
        // An empty first occurrence is filled by a later one; the platform's help asks to fill it.
        Some(first) if !first.is_empty() => {
            if first != value && decides_money(field) {
                let name = &parameter.name;
                let message = format!("`{name}` stands twice with different values: the first counts");
                problems.push(Problem::new(format!("conflicting_{}", field.name()), message));
            }
            trace(Some(place), Outcome::Repeated)
        }
        _ => {
            *slot = Some(value);
            if parameter.absorbs && value.contains(&b'?') {
                slots.tail = Some((place, Vec::new()));
            }
            let empty = value.is_empty();
            trace(Some(place), if empty { Outcome::Empty(field) } else { Outcome::Mapped(field) })
        }
    }
}

const fn decides_money(field: Field) -> bool {
    matches!(field, Field::Amount | Field::Currency | Field::AdvertiserId | Field::OrderReference)
}

fn unknown(endpoint: &Endpoint, pair: Pair<'_>, slots: &mut Slots<'_>) -> Outcome {
    if let Some((_, tail)) = &mut slots.tail {
        tail.push(b'&');
        tail.extend(pair.raw);
        return Outcome::Absorbed;
    }
    match endpoint.unknown {
        Unknown::Pass => Outcome::Passed,
        Unknown::Keep(_) => Outcome::Kept,
    }
}

/// Reads every value into the event. The advertiser and the currency come first: amounts are typed by them.
fn read_values(
    decoded: &mut Decoded<'_, '_>,
    slots: &Slots<'_>,
    currency_of: &dyn Fn(u64) -> Option<Currency>,
) {
    let endpoint = decoded.endpoint;
    let rank = |parameter: &Parameter| match (&parameter.kind, &parameter.meaning) {
        (Kind::Currency, _) => 0,
        (_, Meaning::Field(Field::AdvertiserId)) => 1,
        _ => 2,
    };
    let all = || endpoint.parameters.iter().enumerate();
    let order = (0..3).flat_map(|wanted| all().filter(move |(_, parameter)| rank(parameter) == wanted));
    for (place, parameter) in order {
        let Meaning::Field(field) = parameter.meaning else { continue };
        let raw = slots.raw.get(place).copied().flatten();
        let tail = slots.tail.as_ref().filter(|(of, _)| *of == place).map(|(_, tail)| tail.as_slice());
        let text = raw.map(|raw| with_tail(raw, tail));
        let currency = assumed_currency(&decoded.event, currency_of);
        let outcome = read_value(decoded, parameter, text.as_deref(), currency);
        let has_money = field == Field::Amount && decoded.event.money(field).is_some();
        note(decoded, place, outcome);
        if has_money && decoded.event.get(Field::Currency).is_none() {
            decoded.event.set(Field::Currency, Value::Text(currency.code().to_owned()));
            let of = all().find(|(_, p)| p.kind == Kind::Currency).map(|(place, _)| place);
            let outcome = Outcome::Defaulted(Field::Currency);
            decoded.traces.push(Trace { raw: b"", name: b"", value: None, parameter: of, outcome });
        }
    }
}

fn with_tail<'r>(raw: &'r [u8], tail: Option<&[u8]>) -> Cow<'r, str> {
    match tail {
        Some(tail) if !tail.is_empty() => Cow::Owned(query::decode_text(&[raw, tail].concat())),
        _ => query::text(raw),
    }
}

/// Reads one value into the event; none if it was neither sent nor given a default.
fn read_value(
    decoded: &mut Decoded<'_, '_>,
    parameter: &Parameter,
    text: Option<&str>,
    currency: Currency,
) -> Option<Outcome> {
    let Meaning::Field(field) = parameter.meaning else { return None };
    let outcome = match text {
        None => None,
        Some(text) => Some(match value::read(parameter, field, text, currency) {
            Ok((None, _)) => Outcome::Empty(field),
            Ok((Some(value), problem)) => {
                decoded.problems.extend(problem);
                decoded.event.set(field, value);
                Outcome::Mapped(field)
            }
            Err(problem) => {
                decoded.problems.push(problem);
                Outcome::Rejected
            }
        }),
    };
    let missing = !matches!(outcome, Some(Outcome::Mapped(_)));
    if missing && let Some(default) = &parameter.default {
        decoded.event.set(field, Value::Text(default.clone()));
        if outcome == Some(Outcome::Rejected) {
            let place = endpoint_place(decoded, parameter);
            let outcome = Outcome::Defaulted(field);
            decoded.traces.push(Trace { raw: b"", name: b"", value: None, parameter: place, outcome });
            return Some(Outcome::Rejected);
        }
        return Some(Outcome::Defaulted(field));
    }
    if missing && parameter.required && outcome != Some(Outcome::Rejected) {
        let name = &parameter.name;
        let message = format!("`{name}` is missing or empty: it is {}", lower_first(field.meaning()));
        decoded.problems.push(Problem::new(format!("missing_{}", field.name()), message));
    }
    outcome
}

fn endpoint_place(decoded: &Decoded<'_, '_>, parameter: &Parameter) -> Option<usize> {
    decoded
        .endpoint
        .parameters
        .iter()
        .position(|known| known.line == parameter.line && known.name == parameter.name)
}

/// The currency that amounts are read in: the request's own, else the advertiser's, else the dollar that the
/// legacy platform assumed.
fn assumed_currency(event: &Event, currency_of: &dyn Fn(u64) -> Option<Currency>) -> Currency {
    let named = event.text(Field::Currency).and_then(Currency::parse);
    let own = || event.id(Field::AdvertiserId).and_then(currency_of);
    named.or_else(own).unwrap_or(Currency::USD)
}

fn lower_first(sentence: &str) -> String {
    let mut letters = sentence.trim_end_matches('.').chars();
    letters.next().map_or_else(String::new, |first| first.to_lowercase().chain(letters).collect())
}

/// Writes an outcome into the trace of the pair that gave the value, or adds one for a default.
fn note(decoded: &mut Decoded<'_, '_>, place: usize, outcome: Option<Outcome>) {
    let Some(outcome) = outcome else { return };
    let own = |trace: &&mut Trace<'_>| {
        trace.parameter == Some(place) && matches!(trace.outcome, Outcome::Mapped(_))
    };
    match (
        decoded.traces.iter_mut().filter(|trace| trace.value.is_some_and(|v| !v.is_empty())).find(own),
        outcome,
    ) {
        (Some(trace), outcome) => trace.outcome = outcome,
        (None, Outcome::Defaulted(_)) => {
            decoded.traces.iter_mut().filter(|t| t.parameter == Some(place)).for_each(empty);
            let trace = Trace { raw: b"", name: b"", value: None, parameter: Some(place), outcome };
            decoded.traces.push(trace);
        }
        (None, _) => decoded.traces.iter_mut().filter(|t| t.parameter == Some(place)).for_each(empty),
    }
}

/// A pair without a value says nothing about its field.
fn empty(trace: &mut Trace<'_>) {
    if let Outcome::Mapped(field) = trace.outcome {
        trace.outcome = Outcome::Empty(field);
    }
}

#[cfg(test)]
mod tests;

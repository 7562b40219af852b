//! From a request to an event: every parameter gets a fate, and nothing stops at a bad one (I11).

mod condition;
mod date;
mod split;
mod value;

use std::borrow::Cow;

use smallvec::SmallVec;
use units::{Currency, limits};

use crate::dialect::{Dialect, Endpoint, Kind, Meaning, Parameter, Reading, Unknown};
use crate::event::{Event, Field, Value};
use crate::query::{self, Pair};
use crate::wire::{Inbound, Method};

use self::split::Glue;

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
    /// The value where decoding it changes nothing.
    plain: Option<&'r str>,
    /// Where the name ends in the pair.
    name_end: u32,
    /// The endpoint's parameter that it is, by its place; [`NO_PARAMETER`] where it is none.
    parameter: u16,
    /// What became of it.
    pub outcome: Outcome,
}

/// The place that no parameter has.
const NO_PARAMETER: u16 = u16::MAX;

impl<'r> Trace<'r> {
    fn new(pair: &Pair<'r>, plain: Option<&'r str>, parameter: Option<usize>, outcome: Outcome) -> Self {
        Self {
            raw: pair.raw,
            plain,
            name_end: u32::try_from(pair.name.len()).unwrap_or(u32::MAX),
            parameter: parameter.and_then(|place| u16::try_from(place).ok()).unwrap_or(NO_PARAMETER),
            outcome,
        }
    }

    /// The name as sent.
    pub fn name(&self) -> &'r [u8] {
        let end = usize::try_from(self.name_end).unwrap_or(usize::MAX);
        self.raw.get(..end).unwrap_or(self.raw)
    }

    /// The value as sent; none if there is no equals sign.
    pub fn value(&self) -> Option<&'r [u8]> {
        self.raw.get(self.name().len().saturating_add(1)..)
    }

    /// The endpoint's parameter that it is, by its place.
    pub fn parameter(&self) -> Option<usize> {
        (self.parameter != NO_PARAMETER).then(|| usize::from(self.parameter))
    }

    fn text(&self) -> Cow<'r, str> {
        match self.plain {
            Some(text) => Cow::Borrowed(text),
            None => query::text(self.value().unwrap_or_default()),
        }
    }
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
    /// It begins a second link that was glued behind the first.
    GluedLink,
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

/// True if a problem with this code makes the money of a conversion doubtful, so that a person looks at it
/// before it is booked. Every other problem is noted and stops nothing.
pub fn holds(code: &str) -> bool {
    let own = code.contains(Field::Amount.name()) || code.contains(Field::Currency.name());
    own || code.starts_with("held_") || code.starts_with("conflicting_")
}

/// Reads `text` as the value of `field`, as the endpoint's own parameter for it is read; none if it says that there is
/// no value. Amounts are of `currency`.
///
/// # Errors
/// If the endpoint has no single parameter for the field, or the text is no clean value of it.
pub fn read_field(
    endpoint: &Endpoint,
    field: Field,
    text: &str,
    currency: Currency,
) -> Result<Option<Value>, Problem> {
    let single = |parameter: &&Parameter| {
        parameter.meaning == Meaning::Field(field)
            && parameter.family.is_none()
            && !matches!(parameter.kind, Kind::Row(_))
    };
    let Some(parameter) = endpoint.parameters.iter().find(single) else {
        let mut names: Vec<&str> = Vec::new();
        for parameter in &endpoint.parameters {
            if let Meaning::Field(field) = parameter.meaning
                && single(&parameter)
                && !names.contains(&field.name())
            {
                names.push(field.name());
            }
        }
        let message = format!(
            "endpoint `{}` has no single parameter for `{}`; it has {}",
            endpoint.name,
            field.name(),
            names.join(", ")
        );
        return Err(Problem::new("no_such_field", message));
    };
    let mut problems = Vec::new();
    let value = value::read(parameter, field, text, currency, &mut problems)?;
    problems.into_iter().next().map_or(Ok(value), Err)
}

/// Where the values of an endpoint's parameters stand among the traces.
struct Slots<'s> {
    /// By the parameter's place: the place of the trace that counts, from 1; 0 where none came.
    single: &'s mut [u16],
    /// The members of families, in the order of arrival: the parameter's place, the number, the trace's place.
    members: Vec<(usize, u32, usize)>,
    /// What stands behind a destination and belongs to it, with the destination's place.
    tail: Option<(usize, Vec<u8>)>,
}

impl Slots<'_> {
    /// The place of the trace that counts for the parameter at `place`.
    fn trace(&self, place: usize) -> Option<usize> {
        self.single.get(place).copied().map_or(0, usize::from).checked_sub(1)
    }
}

/// As many parameters as nearly every endpoint has.
const USUAL_PARAMETERS: usize = 96;

/// As many pairs as nearly every request has, with the defaults.
const USUAL_TRACES: usize = 25;

/// Reads `inbound` as a request to `endpoint`. `currency_of` tells an advertiser's currency, by its legacy
/// id, for a request that names none.
pub fn decode<'r, 'd>(
    dialect: &'d Dialect,
    endpoint: &'d Endpoint,
    inbound: &'r Inbound,
    currency_of: &dyn Fn(u64) -> Option<Currency>,
) -> Decoded<'r, 'd> {
    let event = Event::with_room(endpoint.class);
    let traces = Vec::with_capacity(USUAL_TRACES);
    let mut decoded = Decoded { endpoint, event, traces, problems: Vec::new() };
    let mut single: SmallVec<[u16; USUAL_PARAMETERS]> = SmallVec::from_elem(0, endpoint.parameters.len());
    let mut slots = Slots { single: &mut single, members: Vec::new(), tail: None };
    let form =
        if endpoint.form_body && inbound.method == Method::Post { inbound.body.as_slice() } else { &[] };
    for part in [inbound.query().unwrap_or_default(), form] {
        take_all(dialect, part, &mut slots, &mut decoded);
    }
    read_values(&mut decoded, &slots, currency_of);
    condition::check(&mut decoded);
    decoded
}

/// Takes every pair of a part of the request, and what pairs fall into.
fn take_all<'r>(dialect: &Dialect, part: &'r [u8], slots: &mut Slots<'_>, decoded: &mut Decoded<'r, '_>) {
    let readable = core::str::from_utf8(part).ok();
    let glue = Glue::in_query(dialect, decoded.endpoint, part);
    for pair in query::pairs(part) {
        if !has_room(decoded) {
            return;
        }
        if glue.leaves(&pair) {
            take(dialect, &pair, readable, slots, decoded);
        } else if !take_apart((dialect, glue), pair, readable, slots, decoded) {
            return;
        }
    }
}

/// Takes what a pair falls into; false if there is no room for all of it.
fn take_apart<'r>(
    (dialect, glue): (&Dialect, Glue<'_>),
    pair: Pair<'r>,
    readable: Option<&'r str>,
    slots: &mut Slots<'_>,
    decoded: &mut Decoded<'r, '_>,
) -> bool {
    let mut rest = glue.cut(pair);
    loop {
        take(dialect, &rest.head, readable, slots, decoded);
        if let Some(link) = rest.link {
            if !has_room(decoded) {
                return false;
            }
            take_link(link, decoded);
        }
        let Some(tail) = rest.tail else { return true };
        if !has_room(decoded) {
            return false;
        }
        rest = glue.cut(tail);
    }
}

/// True if one more trace may be kept.
fn has_room(decoded: &mut Decoded<'_, '_>) -> bool {
    let most = limits::PARAMETERS_MAX;
    let room = decoded.traces.len() < most;
    if !room {
        let message = format!("more than {most} parameters: the rest stays in the original request only");
        decoded.problems.push(Problem::new("too_many_parameters", message));
    }
    room
}

/// `readable` is the whole that the pair was cut from, if that is text.
fn take<'r>(
    dialect: &Dialect,
    pair: &Pair<'r>,
    readable: Option<&'r str>,
    slots: &mut Slots<'_>,
    decoded: &mut Decoded<'r, '_>,
) {
    let (parameter, outcome) = place(dialect, pair, slots, decoded);
    let plain = match (readable, pair.value) {
        (Some(whole), Some(value)) if pair.value_is_plain => part_of(whole, value),
        _ => None,
    };
    decoded.traces.push(Trace::new(pair, plain, parameter, outcome));
}

fn take_link<'r>(raw: &'r [u8], decoded: &mut Decoded<'r, '_>) {
    let message = "a second link is glued behind the first: it fills only what the first left out";
    decoded.problems.push(Problem::new("glued_link", message));
    let pair = Pair { name: raw, value: None, ..query::pair(raw) };
    decoded.traces.push(Trace::new(&pair, None, None, Outcome::GluedLink));
}

/// `part` as text, where it is a part of `whole` in memory: the whole has been checked once, so its parts need not be.
fn part_of<'r>(whole: &'r str, part: &[u8]) -> Option<&'r str> {
    let start = part.as_ptr().addr().checked_sub(whole.as_ptr().addr())?;
    whole.get(start..start.checked_add(part.len())?)
}

/// Finds the parameter that a pair is, and keeps its place for reading.
fn place(
    dialect: &Dialect,
    pair: &Pair<'_>,
    slots: &mut Slots<'_>,
    decoded: &mut Decoded<'_, '_>,
) -> (Option<usize>, Outcome) {
    let endpoint = decoded.endpoint;
    let known = find(dialect, endpoint, pair);
    let parameter = known.and_then(|(place, _)| endpoint.parameters.get(place));
    let (Some((place, number)), Some(parameter)) = (known, parameter) else {
        return (None, unknown(endpoint, pair, slots));
    };
    let Meaning::Field(field) = parameter.meaning else { return (Some(place), Outcome::Dropped) };
    let value = pair.value.unwrap_or_default();
    let came = if value.is_empty() { Outcome::Empty(field) } else { Outcome::Mapped(field) };
    let trace = decoded.traces.len();
    if let Some(number) = number {
        let again = slots.members.iter().any(|(of, other, _)| (*of, *other) == (place, number));
        if !again {
            slots.members.push((place, number, trace));
        }
        return (Some(place), if again { Outcome::Repeated } else { came });
    }
    // An empty first occurrence is filled by a later one; the platform's help asks to fill it.
    let first = slots.trace(place).and_then(|trace| decoded.traces.get(trace)?.value());
    if let Some(first) = first.filter(|first| !first.is_empty()) {
        if first != value && decides_money(field) {
            let name = &parameter.name;
            let message = format!("`{name}` stands twice with different values: the first counts");
            decoded.problems.push(Problem::new(format!("conflicting_{}", field.name()), message));
        }
        return (Some(place), Outcome::Repeated);
    }
    if let (Some(slot), Ok(number)) = (slots.single.get_mut(place), u16::try_from(trace.saturating_add(1))) {
        *slot = number;
    }
    if parameter.absorbs && value.contains(&b'?') {
        slots.tail = Some((place, Vec::new()));
    }
    (Some(place), came)
}

/// The place of the parameter that a pair names, as sent or else decoded and without blanks around it.
fn find(dialect: &Dialect, endpoint: &Endpoint, pair: &Pair<'_>) -> Option<(usize, Option<u32>)> {
    let as_sent = dialect.find_parameter(endpoint, pair.name);
    if as_sent.is_some() || pair.name_is_plain && pair.name.trim_ascii().len() == pair.name.len() {
        return as_sent;
    }
    dialect.find_parameter(endpoint, query::decode(pair.name).trim_ascii())
}

const fn decides_money(field: Field) -> bool {
    matches!(field, Field::Amount | Field::Currency | Field::AdvertiserId | Field::OrderReference)
}

fn unknown(endpoint: &Endpoint, pair: &Pair<'_>, slots: &mut Slots<'_>) -> Outcome {
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

/// Reads every value into the event, in the endpoint's reading order.
fn read_values(
    decoded: &mut Decoded<'_, '_>,
    slots: &Slots<'_>,
    currency_of: &dyn Fn(u64) -> Option<Currency>,
) {
    let endpoint = decoded.endpoint;
    for Reading { place, field, absence_counts } in endpoint.reading_order.iter().copied() {
        let sent = slots.trace(place);
        if sent.is_none() && !absence_counts {
            continue;
        }
        let Some(parameter) = endpoint.parameters.get(place) else { continue };
        if parameter.family.is_some() {
            read_members(decoded, parameter, (place, field), slots);
        }
        let of_request = Context { place, field, currency_of };
        match sent {
            Some(trace) => read_sent(decoded, parameter, &of_request, trace, slots),
            None => absent(decoded, parameter, &of_request, None),
        }
    }
}

/// What reading a value needs beside its parameter.
struct Context<'c> {
    place: usize,
    field: Field,
    currency_of: &'c dyn Fn(u64) -> Option<Currency>,
}

fn read_sent(
    decoded: &mut Decoded<'_, '_>,
    parameter: &Parameter,
    context: &Context<'_>,
    trace: usize,
    slots: &Slots<'_>,
) {
    let Context { place, field, currency_of } = *context;
    let Some(sent) = decoded.traces.get(trace) else { return };
    let tail = slots.tail.as_ref().filter(|(of, tail)| *of == place && !tail.is_empty());
    let text = match tail {
        Some((_, tail)) => Cow::Owned(query::decode_text(&[sent.value().unwrap_or_default(), tail].concat())),
        None => sent.text(),
    };
    let money = matches!(parameter.kind, Kind::Money);
    let currency = if money { assumed_currency(&decoded.event, currency_of) } else { Currency::USD };
    let outcome = match value::read(parameter, field, &text, currency, &mut decoded.problems) {
        Ok(None) if value::read_rows(parameter, &mut decoded.event, &text) => Outcome::Mapped(field),
        Ok(None) => Outcome::Empty(field),
        Ok(Some(value)) => {
            decoded.event.set(field, value);
            Outcome::Mapped(field)
        }
        Err(problem) => {
            decoded.problems.push(problem);
            Outcome::Rejected
        }
    };
    if let Some(trace) = decoded.traces.get_mut(trace) {
        trace.outcome = outcome;
    }
    if !matches!(outcome, Outcome::Mapped(_)) {
        absent(decoded, parameter, context, Some(outcome));
    } else if money && field == Field::Amount && decoded.event.get(Field::Currency).is_none() {
        decoded.event.set(Field::Currency, Value::Text(currency.code().into()));
        let mut all = decoded.endpoint.parameters.iter();
        let of = all.position(|parameter| matches!(parameter.kind, Kind::Currency));
        defaulted(decoded, of, Field::Currency);
    }
}

/// A field without a usable value: its default is taken, or its absence told if it is required.
fn absent(
    decoded: &mut Decoded<'_, '_>,
    parameter: &Parameter,
    context: &Context<'_>,
    outcome: Option<Outcome>,
) {
    let field = context.field;
    if let Some(default) = &parameter.default {
        decoded.event.set(field, Value::Text(default.as_str().into()));
        defaulted(decoded, Some(context.place), field);
    } else if parameter.required && outcome != Some(Outcome::Rejected) {
        let name = &parameter.name;
        let message = format!("`{name}` is missing or empty: it is {}", lower_first(field.meaning()));
        decoded.problems.push(Problem::new(format!("missing_{}", field.name()), message));
    }
}

fn defaulted(decoded: &mut Decoded<'_, '_>, parameter: Option<usize>, field: Field) {
    let outcome = Outcome::Defaulted(field);
    decoded.traces.push(Trace::new(&query::pair(b""), None, parameter, outcome));
}

/// Reads the members of a family, one behind the other.
fn read_members(
    decoded: &mut Decoded<'_, '_>,
    parameter: &Parameter,
    (place, field): (usize, Field),
    slots: &Slots<'_>,
) {
    for (_, number, trace) in slots.members.iter().filter(|(of, ..)| *of == place) {
        let Some(sent) = decoded.traces.get_mut(*trace) else { continue };
        let text = sent.text();
        let trimmed = text.trim();
        if trimmed.is_empty() {
            sent.outcome = Outcome::Empty(field);
        } else if !value::read_rows(parameter, &mut decoded.event, trimmed) {
            let item = format!("{number}={}", value::shortened(parameter, trimmed));
            decoded.event.push(field, item.into());
        }
    }
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

#[cfg(test)]
mod tests;

//! What must hold between the parameters of a request, once each has been read by itself.

use units::{Currency, Money};

use super::{Decoded, Outcome, Problem, value};
use crate::dialect::{Condition, Endpoint, Fault, Meaning, Rule};
use crate::event::{Event, Field};

pub(super) fn check(decoded: &mut Decoded<'_, '_>) {
    let endpoint = decoded.endpoint;
    for condition in &endpoint.conditions {
        let Some(field) = field_at(endpoint, condition.parameter) else { continue };
        let Some(message) = broken(endpoint, condition, field, &decoded.event) else { continue };
        if !decoded.problems.iter().any(|problem| problem.code == condition.problem) {
            decoded.problems.push(Problem::new(condition.problem.clone(), message));
        }
        if let Rule::ForcedBy(_, _, becomes) = &condition.rule {
            force(decoded, condition.parameter, field, becomes);
        }
        if condition.outcome == Fault::Reject {
            decoded.event.remove(field);
            let own = |trace: &&mut super::Trace<'_>| trace.outcome == Outcome::Mapped(field);
            decoded.traces.iter_mut().filter(own).for_each(|trace| trace.outcome = Outcome::Rejected);
        }
    }
}

fn field_at(endpoint: &Endpoint, place: usize) -> Option<Field> {
    match endpoint.parameters.get(place)?.meaning {
        Meaning::Field(field) => Some(field),
        Meaning::Dropped(_) | Meaning::Passed(_) => None,
    }
}

/// What is wrong, for people; none if the condition holds.
fn broken(endpoint: &Endpoint, condition: &Condition, field: Field, event: &Event) -> Option<String> {
    let name = |place: usize| endpoint.parameters.get(place).map_or("", |parameter| parameter.name.as_str());
    let own = name(condition.parameter);
    let value_of = |place: usize| field_at(endpoint, place).and_then(|field| event.get(field));
    let there = event.get(field).is_some();
    let is = |place: usize, words: &[String]| {
        value_of(place).is_some_and(|value| words.iter().any(|word| value.is(word)))
    };
    match &condition.rule {
        Rule::RequiredWith(other) => (!there && value_of(*other).is_some())
            .then(|| format!("`{own}` is missing: it belongs to `{}`", name(*other))),
        Rule::RequiredWhen(other, words) => (!there && is(*other, words))
            .then(|| format!("`{own}` is missing: `{}` asks for it", name(*other))),
        Rule::OnlyWith(other) => (there && value_of(*other).is_none())
            .then(|| format!("`{own}` says nothing without `{}`", name(*other))),
        Rule::OnlyWhen(other, words) => (there && !is(*other, words)).then(|| {
            format!("`{own}` says something only where `{}` is {}", name(*other), words.join(" or "))
        }),
        Rule::Excludes(other) => (there && value_of(*other).is_some())
            .then(|| format!("`{own}` and `{}` exclude each other", name(*other))),
        Rule::ForcedBy(other, words, becomes) => {
            let forces = if words.is_empty() { value_of(*other).is_some() } else { is(*other, words) };
            let differs = event.get(field).is_none_or(|value| value.text() != *becomes);
            (forces && differs)
                .then(|| format!("`{own}` is taken as `{becomes}`, because of `{}`", name(*other)))
        }
        Rule::RowsWith(others) => {
            let names = || others.iter().map(|place| name(*place)).collect::<Vec<_>>().join("`, `");
            let fields = others.iter().filter_map(|place| field_at(endpoint, *place));
            (!event.lines_up(field, fields)).then(|| {
                format!("the lists `{own}`, `{}` do not line up: they cannot be read as rows", names())
            })
        }
        Rule::SumsTo(other) => wrong_sum(event, field, field_at(endpoint, *other)?)
            .then(|| format!("the amounts of `{own}` do not make up `{}`", name(*other))),
    }
}

/// Gives the field the value that another parameter forces on it, and accounts for one that was not sent.
fn force(decoded: &mut Decoded<'_, '_>, place: usize, field: Field, becomes: &str) {
    let parameter = decoded.endpoint.parameters.get(place);
    let read = |known| value::read(known, field, becomes, Currency::USD, &mut Vec::new()).ok();
    let Some(Some(forced)) = parameter.and_then(read) else { return };
    decoded.event.set(field, forced);
    if !decoded.traces.iter().any(|trace| trace.outcome == Outcome::Mapped(field)) {
        super::defaulted(decoded, Some(place), field);
    }
}

/// True if the amounts in a text `GROUP:amount|GROUP:amount` do not sum to the whole, to the unit.
fn wrong_sum(event: &Event, parts: Field, whole: Field) -> bool {
    let (Some(parts), Some(whole)) = (event.text(parts), event.money(whole)) else { return false };
    let mut sum = Some(Money::from_minor(0, whole.currency));
    for part in parts.split('|') {
        let amount = part.rsplit_once(':').and_then(|(_, text)| Money::parse(text, whole.currency).ok());
        sum = sum.zip(amount).and_then(|(sum, amount)| sum.checked_add(amount));
    }
    sum != Some(whole)
}

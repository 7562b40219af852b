//! Correcting an event by hand: a few fields get other values, typed as the dialect types them.
//!
//! Nothing is lost by it: who corrects keeps the event as it was. What was wrong with a field that is set anew is no
//! problem any more; that a person has set it is one of its own, so that it is seen wherever the event goes.

use tracking::decode::read_field;
use tracking::dialect::Endpoint;
use tracking::{Field, Value};
use units::{Currency, Money};

use crate::envelope::Envelope;
use crate::policy::Snapshot;

/// The problem that a corrected event has, and the flag of its conversion.
pub const EDITED: &str = "edited";

/// One field that is to have another value.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Change {
    /// The field.
    pub field: Field,
    /// Its value as a client would write it; none takes the field away.
    pub to: Option<String>,
}

/// An event that was corrected.
#[derive(Clone, PartialEq, Debug)]
pub struct Edited {
    /// The corrected event.
    pub envelope: Envelope,
    /// The fields whose values differ now: before and after.
    pub differences: Vec<(Field, Option<String>, Option<String>)>,
}

impl Edited {
    /// The differences, for people.
    pub fn told(&self) -> String {
        let shown = |value: &Option<String>| value.clone().unwrap_or_else(|| "nothing".to_owned());
        let one = |(field, before, after): &(Field, Option<String>, Option<String>)| {
            format!("{} {} -> {}", field.name(), shown(before), shown(after))
        };
        self.differences.iter().map(one).collect::<Vec<_>>().join(", ")
    }
}

/// Corrects an event.
///
/// # Errors
/// Everything that is wrong with the changes, for people.
pub fn edit(snapshot: &Snapshot, envelope: &Envelope, changes: &[Change]) -> Result<Edited, Vec<String>> {
    let Some(endpoint) = snapshot.migration.legacy.endpoint(&envelope.endpoint) else {
        let name = &envelope.endpoint;
        return Err(vec![format!(
            "the dialect has no endpoint `{name}` any more, by which its fields are typed"
        )]);
    };
    let mut edited = envelope.clone();
    let mut mistakes = Vec::new();
    for change in in_order(changes) {
        if let Err(mistake) = set(snapshot, endpoint, &mut edited, change) {
            mistakes.push(mistake);
        }
    }
    let twice = changes
        .iter()
        .enumerate()
        .filter(|(place, one)| changes.iter().take(*place).any(|other| other.field == one.field));
    mistakes.extend(twice.map(|(_, one)| format!("`{}` is set twice", one.field.name())));
    if !mistakes.is_empty() {
        return Err(mistakes);
    }
    let differences = differences(envelope, &edited);
    if differences.is_empty() {
        return Err(vec!["nothing would change: the event has these values already".to_owned()]);
    }
    for (field, ..) in &differences {
        let about = format!("_{}", field.name());
        edited.problems.retain(|code| !code.ends_with(&about));
    }
    if !edited.problems.iter().any(|code| code == EDITED) {
        edited.problems.push(EDITED.to_owned());
    }
    edited.key = snapshot.conversion_key(&edited.event, edited.received_at);
    Ok(Edited { envelope: edited, differences })
}

/// What others are read by comes first: the advertiser has a currency, and the currency has decimals.
fn in_order(changes: &[Change]) -> Vec<&Change> {
    let rank = |field| match field {
        Field::AdvertiserId => 0,
        Field::Currency => 1,
        _ => 2,
    };
    let mut changes: Vec<&Change> = changes.iter().collect();
    changes.sort_by_key(|change| rank(change.field));
    changes
}

fn set(
    snapshot: &Snapshot,
    endpoint: &Endpoint,
    envelope: &mut Envelope,
    change: &Change,
) -> Result<(), String> {
    let name = change.field.name();
    let Some(text) = &change.to else {
        if envelope.event.get(change.field).is_none() {
            return Err(format!("the event has no `{name}` that could be taken away"));
        }
        envelope.event.remove(change.field);
        return Ok(());
    };
    let currency = currency_of(snapshot, envelope);
    let value = read_field(endpoint, change.field, text, currency).map_err(|problem| problem.message)?;
    let Some(value) = value else {
        return Err(format!("`{name}` is empty: to take it away, unset it"));
    };
    match &value {
        Value::Money(money) => {
            let code = money.currency.code().into();
            envelope.event.set(Field::Currency, Value::Text(code));
        }
        Value::Text(code) if change.field == Field::Currency => denominate(envelope, code)?,
        _ => {}
    }
    envelope.event.set(change.field, value);
    Ok(())
}

/// The currency that the event's amounts are in: its own, else its advertiser's, else the dollar that the legacy platform
/// assumed.
fn currency_of(snapshot: &Snapshot, envelope: &Envelope) -> Currency {
    let named = envelope.event.text(Field::Currency).and_then(Currency::parse);
    let advertiser = envelope.event.id(Field::AdvertiserId).and_then(|id| snapshot.directory.advertiser(id));
    named.or_else(|| advertiser.map(|row| row.currency)).unwrap_or(Currency::USD)
}

/// Every amount of the event keeps its number and gets the currency.
fn denominate(envelope: &mut Envelope, code: &str) -> Result<(), String> {
    let Some(currency) = Currency::parse(code) else { return Ok(()) };
    let amounts: Vec<(Field, Money)> = envelope
        .event
        .fields()
        .filter_map(
            |(field, value)| if let Value::Money(money) = value { Some((field, *money)) } else { None },
        )
        .collect();
    for (field, money) in amounts {
        let read = Money::parse(&money.decimal(), currency).ok();
        let exact = read.filter(|read| read.currency.decimals() >= money.currency.decimals());
        let Some(read) = exact else {
            let name = field.name();
            return Err(format!("{currency} has other decimals than {}: set `{name}` too", money.currency));
        };
        envelope.event.set(field, Value::Money(read));
    }
    Ok(())
}

fn differences(before: &Envelope, after: &Envelope) -> Vec<(Field, Option<String>, Option<String>)> {
    let shown = |envelope: &Envelope, field| {
        envelope.event.get(field).map(|value| match value {
            Value::Money(money) => money.to_string(),
            Value::Id(_) | Value::Text(_) | Value::Flag(_) | Value::List(_) => value.text().into_string(),
        })
    };
    let fields = Field::ALL.iter().map(|field| (*field, shown(before, *field), shown(after, *field)));
    fields.filter(|(_, before, after)| before != after).collect()
}

//! What is in the way of booking an event: every error, named.

use attribution::Credit;
use tracking::decode::holds;
use tracking::directory::{Advertiser, Publisher};
use tracking::{Field, Home, Value};

use super::book::{Arrival, needs_mapping};
use super::{Claims, Reason};

/// The largest amount that is booked without a person having looked at it, in major units. Carts that lose
/// their decimal mark send amounts a hundred times too large.
const UNATTENDED_AMOUNT_MAX: i64 = 1_000_000;

fn missing(code: &str, message: impl Into<String>) -> Reason {
    Reason { code: code.to_owned(), message: message.into(), doubt: false }
}

fn doubt(code: &str, message: impl Into<String>) -> Reason {
    Reason { code: code.to_owned(), message: message.into(), doubt: true }
}

/// Everything that the event itself is wrong in.
pub(super) fn validate(arrival: &Arrival<'_>, claims: &Claims) -> Vec<Reason> {
    let mut reasons = Vec::new();
    reasons.extend(advertiser(arrival, claims));
    reasons.extend(amount(arrival, claims));
    reasons.extend(arrival.envelope.problems.iter().filter(|code| holds(code)).map(|code| {
        doubt(code, format!("the request says `{code}`: look at it, then redrive or discard the event"))
    }));
    if let Some(other) = &arrival.known.collides_with {
        let message = format!(
            "the new platform reads only the first {} characters of an order reference, and order `{other}` \
             has the same ones: it would count one of the two",
            units::limits::ORDER_REFERENCE_CHARS_MAX
        );
        reasons.push(doubt("reference_collides", message));
    }
    reasons.extend(superseded(arrival, claims));
    // A problem of the amount is told once, as what is missing.
    let mut seen = Vec::new();
    reasons.retain(|reason| {
        let first = !seen.contains(&reason.code);
        seen.push(reason.code.clone());
        first
    });
    reasons
}

fn advertiser(arrival: &Arrival<'_>, claims: &Claims) -> Option<Reason> {
    let field = Field::AdvertiserId.name();
    match (claims.advertiser_id, arrival.envelope.event.get(Field::AdvertiserId)) {
        (None, None) => Some(missing("missing_advertiser_id", format!("the event has no {field}"))),
        (None, Some(value)) => {
            let message = format!("{field} is no whole number, but text of {} bytes", value.text().len());
            Some(missing("invalid_advertiser_id", message))
        }
        (Some(id), _) if arrival.ground.directory.advertiser(id).is_none() => {
            let message = format!("advertiser {id} is not in the directory: add it");
            Some(missing("unknown_advertiser", message))
        }
        (Some(_), _) => None,
    }
}

fn amount(arrival: &Arrival<'_>, claims: &Claims) -> Option<Reason> {
    let field = Field::Amount.name();
    let Some(amount) = claims.amount else {
        let told = arrival.envelope.problems.iter().find(|code| code.contains("amount"));
        let present = arrival.envelope.event.get(Field::Amount);
        return Some(match (told, present) {
            (Some(code), _) => missing(code, format!("{field} is not usable: the request says `{code}`")),
            (
                None,
                Some(Value::Id(_) | Value::Text(_) | Value::Flag(_) | Value::List(_) | Value::Money(_)),
            ) => missing("invalid_amount", format!("{field} is no money")),
            (None, None) => missing("missing_amount", format!("the event has no {field}")),
        });
    };
    let base = 10_i64.checked_pow(amount.currency.decimals()).unwrap_or(1);
    if amount.minor < 0 {
        Some(missing("negative_amount", format!("{field} is {amount}")))
    } else if amount.minor > UNATTENDED_AMOUNT_MAX.saturating_mul(base) {
        let message = format!("{field} is {amount}, and a person looks at more than {UNATTENDED_AMOUNT_MAX}");
        Some(doubt("amount_out_of_range", message))
    } else {
        None
    }
}

/// What is held is decided about by the arrival that proves its click; another one may have said what it is worth since,
/// where the terms take the latest value.
fn superseded(arrival: &Arrival<'_>, claims: &Claims) -> Option<Reason> {
    let standing = arrival.known.standing.as_ref().filter(|_| arrival.known.again)?;
    let (latest, own) = (standing.amount?, claims.amount?);
    let message = || {
        format!(
            "a later arrival of the order says {latest}, and the one that proves its click says {own}: correct the \
             amount (`turnout dead edit`), or redrive it with `--approve` to book {own}"
        )
    };
    (latest != own).then(|| doubt("amount_superseded", message()))
}

/// What the new platform would need and the directory does not have. `credit` is what it is told of a
/// publisher; none if it finds out by itself.
pub(super) fn mapping(
    owner: Home,
    advertiser: &Advertiser<'_>,
    credit: Option<&Credit>,
    publisher: Option<&Publisher<'_>>,
) -> Vec<Reason> {
    if !needs_mapping(owner) {
        return Vec::new();
    }
    let mut reasons = Vec::new();
    if advertiser.primary_id.is_none() {
        let message = format!(
            "advertiser {} has moved and has no id on the new platform: add it to the map, then redrive",
            advertiser.legacy_id
        );
        reasons.push(missing("advertiser_unmapped", message));
    }
    if let Some(Credit::To(candidate)) = credit
        && publisher.and_then(|row| row.primary_id).is_none()
    {
        let id = candidate.click.publisher_id;
        let message = format!(
            "publisher {id} has no id on the new platform: add it to the map, then redrive the event"
        );
        reasons.push(missing("publisher_unmapped", message));
    }
    reasons
}

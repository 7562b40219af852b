//! What operators look for among the dead letters, as it comes in a query or in a body.

use ledger::DeadSearch;
use relay::delivery::State;
use serde::{Deserialize, Serialize};
use units::calendar::parse_time;
use units::{Currency, EventId, Money, Timestamp};

use super::reply::Refusal;

/// Rows of a list where none are asked for, and at most.
const ROWS: usize = 100;
const ROWS_MAX: usize = 1000;

/// What is looked for. A name that is not known is refused: an order must not mean more than was meant.
#[derive(Clone, Deserialize, Serialize, Default, Debug)]
#[serde(deny_unknown_fields)]
pub(super) struct Filter {
    /// The cause of a group.
    #[serde(skip_serializing_if = "Option::is_none")]
    group: Option<String>,
    /// States, joined by commas.
    #[serde(skip_serializing_if = "Option::is_none")]
    state: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    advertiser_id: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    publisher_id: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    order_reference: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    amount_min: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    amount_max: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    currency: Option<String>,
    /// Received then or later: a day or a point in time.
    #[serde(skip_serializing_if = "Option::is_none")]
    since: Option<String>,
    /// Received before.
    #[serde(skip_serializing_if = "Option::is_none")]
    until: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    flag: Option<String>,
    #[serde(skip_serializing)]
    after: Option<EventId>,
    #[serde(skip_serializing)]
    limit: Option<usize>,
}

impl Filter {
    pub(super) const fn after(&self) -> Option<EventId> {
        self.after
    }

    pub(super) fn limit(&self) -> usize {
        self.limit.unwrap_or(ROWS).clamp(1, ROWS_MAX)
    }

    /// The filter as text, equal for equal filters, without the part that is wanted of a list.
    pub(super) fn told(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }

    pub(super) fn search(&self) -> Result<DeadSearch, Refusal> {
        Ok(DeadSearch {
            group: self.group.clone(),
            states: states(self.state.as_deref().unwrap_or_default())?,
            advertiser_id: self.advertiser_id,
            publisher_id: self.publisher_id,
            reference: self.order_reference.clone(),
            least: self.amount("amount_min", self.amount_min.as_deref())?,
            most: self.amount("amount_max", self.amount_max.as_deref())?,
            since: time("since", self.since.as_deref())?,
            until: time("until", self.until.as_deref())?,
            reason: self.reason.clone(),
            text: self.text.clone(),
            flag: self.flag.clone(),
        })
    }

    fn amount(&self, name: &str, text: Option<&str>) -> Result<Option<Money>, Refusal> {
        let Some(text) = text else { return Ok(None) };
        let Some(code) = self.currency.as_deref() else {
            return Err(Refusal::bad_request(format!(
                "`{name}` needs `currency`: amounts of two are not compared"
            )));
        };
        let currency = Currency::parse(code);
        let currency = currency
            .ok_or_else(|| Refusal::bad_request(format!("`{code}` is no currency code of three letters")))?;
        let money = Money::parse(text, currency);
        money.map(Some).map_err(|error| Refusal::bad_request(format!("`{name}`: {error}")))
    }
}

fn states(text: &str) -> Result<Vec<State>, Refusal> {
    let names = text.split(',').map(str::trim).filter(|name| !name.is_empty());
    let known = || {
        let needing = State::ALL.into_iter().filter(|state| state.needs_a_person());
        needing.map(State::name).collect::<Vec<_>>().join(", ")
    };
    names
        .map(|name| {
            State::parse(name).filter(|state| state.needs_a_person()).ok_or_else(|| {
                Refusal::bad_request(format!(
                    "`{name}` is no state that waits for a person; there are {}",
                    known()
                ))
            })
        })
        .collect()
}

fn time(name: &str, text: Option<&str>) -> Result<Option<Timestamp>, Refusal> {
    let Some(text) = text else { return Ok(None) };
    let midnight = || parse_time(&format!("{} 00:00:00", text.trim()));
    let read = parse_time(text).or_else(midnight);
    let wanted =
        || format!("`{name}` is `{text}`: a day or a point in time is expected, as 2026-11-30T02:00:00Z");
    read.map(Some).ok_or_else(|| Refusal::bad_request(wanted()))
}

//! Which dead letters a command is about: by id, or by what they have in common.

use clap::Args;
use serde_json::{Map, Value, json};
use units::EventId;

use crate::command::ask::encoded;

/// What dead letters have in common.
#[derive(Debug, Args, Default)]
pub(super) struct Filter {
    /// Only this group, by the key that `turnout dead` shows.
    #[arg(long, value_name = "KEY")]
    group: Option<String>,
    /// Only these states, joined by commas: dead, held, conflict, unknown, rejected.
    #[arg(long)]
    state: Option<String>,
    /// Only this advertiser, by its legacy id.
    #[arg(long, value_name = "ID")]
    advertiser: Option<u64>,
    /// Only this publisher, by its legacy id.
    #[arg(long, value_name = "ID")]
    publisher: Option<u64>,
    /// Only this order reference.
    #[arg(long, value_name = "TEXT")]
    order: Option<String>,
    /// At least this amount; needs --currency.
    #[arg(long, value_name = "AMOUNT", requires = "currency")]
    amount_min: Option<String>,
    /// At most this amount; needs --currency.
    #[arg(long, value_name = "AMOUNT", requires = "currency")]
    amount_max: Option<String>,
    /// The currency of the amounts.
    #[arg(long, value_name = "CODE")]
    currency: Option<String>,
    /// Received then or later, as 2026-11-30 or 2026-11-30T02:00:00Z.
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    /// Received before.
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
    /// Only with this code among the reasons.
    #[arg(long, value_name = "CODE")]
    because: Option<String>,
    /// Only where the reason, as it is told, has this text.
    #[arg(long, value_name = "TEXT")]
    text: Option<String>,
    /// Only with this flag.
    #[arg(long, value_name = "CODE")]
    flag: Option<String>,
}

impl Filter {
    pub(super) fn json(&self) -> Map<String, Value> {
        let texts = [
            ("group", &self.group),
            ("state", &self.state),
            ("order_reference", &self.order),
            ("amount_min", &self.amount_min),
            ("amount_max", &self.amount_max),
            ("currency", &self.currency),
            ("since", &self.since),
            ("until", &self.until),
            ("reason", &self.because),
            ("text", &self.text),
            ("flag", &self.flag),
        ];
        let numbers = [("advertiser_id", self.advertiser), ("publisher_id", self.publisher)];
        let texts =
            texts.into_iter().filter_map(|(name, text)| Some((name.to_owned(), json!(text.as_ref()?))));
        let numbers = numbers.into_iter().filter_map(|(name, id)| Some((name.to_owned(), json!(id?))));
        texts.chain(numbers).collect()
    }

    /// The filter as a query.
    pub(super) fn query(&self) -> String {
        let part = |(name, value): (String, Value)| {
            let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            format!("&{name}={}", encoded(&text))
        };
        self.json().into_iter().map(part).collect()
    }
}

/// Dead letters by id, or by what they have in common.
#[derive(Debug, Args)]
pub(super) struct Selection {
    /// The ids of events, or of merchants' changes.
    event_ids: Vec<EventId>,
    #[command(flatten)]
    filter: Filter,
}

impl Selection {
    /// Puts the selection into a request's body.
    pub(super) fn put(&self, body: &mut Map<String, Value>) {
        let filter = self.filter.json();
        if !filter.is_empty() {
            body.insert("search".to_owned(), Value::Object(filter));
        }
        if !self.event_ids.is_empty() {
            body.insert("events".to_owned(), json!(self.event_ids));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_is_the_same_question_in_a_query_and_in_a_body() {
        let filter = Filter {
            group: Some("held/a+b".to_owned()),
            advertiser: Some(7),
            text: Some("50 %&".to_owned()),
            ..Filter::default()
        };
        assert_eq!(filter.query(), "&advertiser_id=7&group=held%2Fa%2Bb&text=50%20%25%26");
        assert_eq!(filter.json().len(), 3);
        assert!(Filter::default().query().is_empty());
    }
}

//! The processor's books, as its operators see them, and the sums that an observer makes of them.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Value;

use crate::http::get_json;
use crate::system::{array, number};
use crate::wait::wait_until;

/// Merchant, by the id on the platform being left, and order reference.
pub type Order = (u64, String);

/// One conversion of the ledger.
#[derive(Debug, Clone)]
pub struct Row {
    /// Its id.
    pub event_id: String,
    /// Where it stands.
    pub state: String,
    /// Merchant and order reference.
    pub order: Order,
    /// Everything that is told about it.
    pub all: Value,
}

impl Row {
    fn of(row: &Value) -> Self {
        let text = |name: &str| row[name].as_str().unwrap_or_default().to_owned();
        Self {
            event_id: text("event_id"),
            state: text("state"),
            order: (number(row, "advertiser_id"), text("order_reference")),
            all: row.clone(),
        }
    }

    /// Whether it counts as a sale of its own: what was merged into another does not.
    pub fn is_booked(&self) -> bool {
        !matches!(self.state.as_str(), "merged" | "conflict" | "rejected" | "dropped")
    }
}

/// The operators' view of a processor.
#[derive(Debug, Clone)]
pub struct Ledger {
    processor: String,
    token: String,
}

impl Ledger {
    /// The ledger of the processor that listens here.
    pub fn new(processor: &str, token: &str) -> Self {
        Self { processor: processor.to_owned(), token: token.to_owned() }
    }

    /// An operator's question.
    pub fn ask(&self, what: &str) -> Value {
        get_json(&self.processor, &format!("/v1/operator/{what}"), Some(&self.token))
    }

    /// How many conversions stand in each state.
    pub fn states(&self) -> BTreeMap<String, u64> {
        let status = self.ask("status");
        let states = status["states"].as_object().unwrap();
        let count =
            |(name, count): (&String, &Value)| Some((name.clone(), count.as_u64()?)).filter(|(_, n)| *n > 0);
        states.iter().filter_map(count).collect()
    }

    /// Every conversion.
    pub fn rows(&self) -> Vec<Row> {
        let mut rows: Vec<Row> = Vec::new();
        let mut after = String::new();
        loop {
            let page = self.ask(&format!("transactions?limit=1000{after}"));
            rows.extend(array(page["transactions"].clone()).iter().map(Row::of));
            match page["next_after"].as_str() {
                Some(next) => after = format!("&after={next}"),
                None => return rows,
            }
        }
    }

    /// The conversions of one order.
    pub fn of_order(&self, advertiser: u64, reference: &str) -> Vec<Row> {
        let page = self.ask(&format!("transactions?limit=1000&advertiser_id={advertiser}"));
        let rows = array(page["transactions"].clone());
        rows.iter().map(Row::of).filter(|row| row.order.1 == reference).collect()
    }

    /// Waits until nothing is queued or in flight any more, and `accepted` events have arrived.
    pub fn wait_until_settled(&self, accepted: u64, within: Duration) -> BTreeMap<String, u64> {
        let look = || {
            let status = self.ask("status");
            (status["accepted"].as_u64().unwrap_or(0), self.states())
        };
        let settled = |(seen, states): &(u64, BTreeMap<String, u64>)| {
            *seen >= accepted && !states.contains_key("queued") && !states.contains_key("in_flight")
        };
        let what = format!("{accepted} conversions accepted and all of them delivered or decided");
        wait_until(&what, within, look, settled).1
    }

    /// Fails the test if the audit does not balance; the sum of what was accepted.
    pub fn assert_balances(&self) -> u64 {
        let audit = self.ask("audit");
        assert_eq!(audit["balances"], true, "{audit:#}");
        assert_eq!(audit["findings"].as_array().map(Vec::len), Some(0), "{audit:#}");
        let rows = audit["advertisers"].as_array().unwrap();
        for row in rows {
            assert_eq!(row["accepted"], row["sum"], "{row:#}");
        }
        rows.iter().map(|row| number(row, "accepted")).sum()
    }
}

/// How often each order is booked.
pub fn booked(rows: &[Row]) -> BTreeMap<Order, usize> {
    let mut counts = BTreeMap::new();
    for row in rows.iter().filter(|row| row.is_booked()) {
        *counts.entry(row.order.clone()).or_default() += 1;
    }
    counts
}

/// How often a platform has received each order; `merchant_of` gives the old id of a platform's own.
pub fn received(transactions: &[Value], merchant_of: impl Fn(u64) -> u64) -> BTreeMap<Order, Vec<Value>> {
    let mut orders: BTreeMap<Order, Vec<Value>> = BTreeMap::new();
    for one in transactions {
        let reference = one["order_reference"].as_str().unwrap_or_default().to_owned();
        orders.entry((merchant_of(number(one, "advertiser")), reference)).or_default().push(one.clone());
    }
    orders
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn row(state: &str, reference: &str) -> Row {
        Row::of(
            &json!({ "event_id": "e", "state": state, "advertiser_id": 789, "order_reference": reference }),
        )
    }

    #[test]
    fn an_observer_that_counts_sees_what_is_lost_and_what_is_there_twice() {
        let rows = [
            row("taken", "A"),
            row("merged", "A"),
            row("unknown", "B"),
            row("queued", "B"),
            row("conflict", "C"),
        ];
        let counts = booked(&rows);
        let of = |reference: &str| counts.get(&(789, reference.to_owned())).copied();
        assert_eq!((of("A"), of("B"), of("C")), (Some(1), Some(2), None));
    }

    #[test]
    fn a_platform_that_has_an_order_twice_is_seen() {
        let one = |reference: &str| json!({ "advertiser": 100_789, "order_reference": reference });
        let orders = received(&[one("A"), one("A"), one("B")], |id| id - 100_000);
        assert_eq!(orders[&(789, "A".to_owned())].len(), 2);
        assert_eq!(orders[&(789, "B".to_owned())].len(), 1);
    }
}

//! What became of every sale: the observer's verdict, from what shops were told, our books and the platforms'.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::books::{Order, Row, received};
use crate::sales::Acknowledged;
use crate::system::Lab;

/// What became of a sale.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fate {
    /// In our books as taken by its platform, and there once.
    Delivered,
    /// Waits for its delivery.
    Queued,
    /// May have arrived; a person or a report decides.
    Unknown,
    /// Certainly not delivered, and a person must decide.
    Dead,
    /// Acknowledged and in no book, or said to be delivered and on no platform.
    Lost,
    /// In our books twice, or on the platforms twice.
    Duplicated,
    /// In our books, and nobody reported it.
    Unexpected,
}

/// The sales of each fate. What was reported and not acknowledged has one only if it is in a book.
pub type Fates = BTreeMap<Fate, BTreeSet<Order>>;

/// Judges every sale. `there` holds how often the platforms have each order.
pub fn judge(seen: &Acknowledged, rows: &[Row], there: &BTreeMap<Order, usize>) -> Fates {
    let mut booked: BTreeMap<&Order, Vec<&Row>> = BTreeMap::new();
    for row in rows.iter().filter(|row| row.is_booked()) {
        booked.entry(&row.order).or_default().push(row);
    }
    let mut fates = Fates::new();
    let orders: BTreeSet<&Order> =
        seen.orders.keys().chain(booked.keys().copied()).chain(there.keys()).collect();
    for order in orders {
        let (rows, there) = (booked.get(order).map_or(&[][..], Vec::as_slice), there.get(order).copied());
        let reported = seen.orders.contains_key(order) || seen.not.contains_key(order);
        let fate = if reported { fate(rows, there.unwrap_or(0)) } else { Fate::Unexpected };
        fates.entry(fate).or_default().insert(order.clone());
    }
    fates
}

fn fate(rows: &[&Row], there: usize) -> Fate {
    match rows {
        _ if there > 1 => Fate::Duplicated,
        [] => Fate::Lost,
        [row] => match row.state.as_str() {
            "taken" | "confirmed" if there == 0 => Fate::Lost,
            "taken" | "confirmed" => Fate::Delivered,
            "queued" | "in_flight" => Fate::Queued,
            "unknown" => Fate::Unknown,
            _ => Fate::Dead,
        },
        _ => Fate::Duplicated,
    }
}

/// How often the platforms have each order.
pub fn on_platforms(lab: &Lab) -> BTreeMap<Order, usize> {
    let by_primary: BTreeMap<u64, u64> =
        lab.merchants(|_| true).iter().map(|one| (one.primary_id, one.legacy_id)).collect();
    let mut counts: BTreeMap<Order, usize> = BTreeMap::new();
    let mut add = |orders: BTreeMap<Order, Vec<Value>>| {
        for (order, transactions) in orders {
            *counts.entry(order).or_default() += transactions.len();
        }
    };
    add(received(&lab.transactions("primary"), |id| by_primary[&id]));
    add(received(&lab.transactions("legacy"), |id| id));
    counts
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::json;

    use super::*;

    fn order(reference: &str) -> Order {
        (789, reference.to_owned())
    }

    fn row(reference: &str, state: &str) -> Row {
        let all = json!({});
        Row { event_id: String::new(), state: state.to_owned(), order: order(reference), all }
    }

    fn seen(acknowledged: &[&str], not: &[&str]) -> Acknowledged {
        Acknowledged {
            orders: acknowledged.iter().map(|one| (order(one), Duration::ZERO)).collect(),
            not: not.iter().map(|one| (order(one), "no answer".to_owned())).collect(),
        }
    }

    #[test]
    fn every_fate_is_told_from_the_others() {
        let rows = [
            row("delivered", "taken"),
            row("queued", "queued"),
            row("unknown", "unknown"),
            row("dead", "held"),
            row("nowhere", "confirmed"),
            row("ours-twice", "queued"),
            row("ours-twice", "taken"),
            row("copied", "taken"),
            row("copied", "merged"),
            row("theirs-twice", "taken"),
            row("invented", "taken"),
            row("unheard", "queued"),
        ];
        let there = [("delivered", 1), ("copied", 1), ("ours-twice", 1), ("theirs-twice", 2), ("sneaked", 1)];
        let there = there.map(|(reference, count)| (order(reference), count)).into();
        let told =
            ["delivered", "queued", "unknown", "dead", "nowhere", "ours-twice", "copied", "theirs-twice"];
        let fates = judge(&seen(&[&told[..], &["gone"]].concat(), &["unheard", "silent"]), &rows, &there);
        let of = |fate| fates[&fate].iter().map(|(_, reference)| reference.as_str()).collect::<Vec<_>>();
        assert_eq!(of(Fate::Delivered), ["copied", "delivered"]);
        assert_eq!(of(Fate::Queued), ["queued", "unheard"]);
        assert_eq!(of(Fate::Unknown), ["unknown"]);
        assert_eq!(of(Fate::Dead), ["dead"]);
        assert_eq!(of(Fate::Lost), ["gone", "nowhere"]);
        assert_eq!(of(Fate::Duplicated), ["ours-twice", "theirs-twice"]);
        assert_eq!(of(Fate::Unexpected), ["invented", "sneaked"]);
        assert!(!fates.values().flatten().any(|(_, reference)| reference == "silent"));
    }
}

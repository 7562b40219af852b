//! Who earns how much of an order, worked out again from the clicks that its arrivals carried.
//!
//! It knows the models from their description alone, and works out only orders of which nobody but shoppers has told.

mod models;

use std::collections::{BTreeMap, BTreeSet};

use ledger::{AwardRow, ConversionRow, Ledger};
use relay::delivery::State;
use units::Timestamp;

use super::{Known, Rows};
use crate::model::{Touch, Violation, violation};
use crate::shopper::Reference;

/// I12: who earns of an order earns what the terms say, to the unit, and who earns most is who the platform is told of.
/// `named` are orders whose evidence is another platform's. How many orders were shared by several.
pub(crate) fn shares(
    known: &Known<'_>,
    rows: &Rows,
    named: &BTreeSet<usize>,
    ledger: &Ledger,
) -> Result<u64, Violation> {
    let mut shared = 0;
    for row in rows.values().filter(|row| is_booked(row)) {
        let Some(arrival) = known.model.event(row.event_id) else { continue };
        if named.contains(&arrival.order) || !is_of_shoppers(known, row, arrival.order) {
            continue;
        }
        let Some(touches) = touches(known, rows, row, arrival.order) else { continue };
        let awards = ledger.awards_of(row.event_id).or_else(|error| violation("I12", error.to_string()))?;
        let last = awards.iter().map(|award| award.number).max();
        let in_force: Vec<&AwardRow> =
            awards.iter().filter(|award| Some(award.number) == last && award.publisher_id != 0).collect();
        let weights = models::weights(row.advertiser_id, &touches, ordered_at(rows, row, &in_force));
        let all = in_force.iter().map(|award| award.share.minor).sum();
        let mut due: BTreeMap<u64, i64> = BTreeMap::new();
        let parts = touches.iter().zip(models::split(all, &weights)).zip(&weights);
        for ((touch, part), _) in parts.filter(|(_, weight)| **weight > 0) {
            *due.entry(touch.site).or_default() += part;
        }
        let earned: BTreeMap<u64, i64> =
            in_force.iter().map(|award| (award.publisher_id, award.share.minor)).collect();
        let told = in_force.iter().find(|award| award.credited).map(|award| award.publisher_id);
        let credited = models::credited(&touches, &weights);
        if earned != due || told != credited || row.publisher_id != credited {
            return violation("I12", format!("{due:?} by {touches:?}, and {in_force:?} for {row:?}"));
        }
        shared += u64::from(due.len() > 1);
    }
    Ok(shared)
}

const fn is_booked(row: &ConversionRow) -> bool {
    !matches!(row.state, State::Merged | State::Conflict | State::Dropped | State::Held)
}

/// True if no person and no merchant had a part in it, and all of its arrivals can be told from other orders'.
fn is_of_shoppers(known: &Known<'_>, row: &ConversionRow, order: usize) -> bool {
    let is_plain = matches!(known.orders[order].reference, Reference::Own(_) | Reference::Long(_));
    let touched = known.said.touched.contains(&order) || known.merchants.parents.contains_key(&order);
    is_plain && !touched && !known.merchants.account(row.event_id).is_changed
}

/// The clicks of an order, the oldest first. None if a wrong clock makes one later than the order.
fn touches(known: &Known<'_>, rows: &Rows, row: &ConversionRow, order: usize) -> Option<Vec<Touch>> {
    let mut touches: BTreeMap<(i64, u64), Touch> = BTreeMap::new();
    let mut first = row.received_at.as_seconds();
    let arrivals = known.model.arrivals.values().filter(|arrival| arrival.order == order);
    let told = arrivals.filter_map(|arrival| Some((arrival, rows.get(&arrival.event_id)?)));
    for (arrival, own) in told {
        if own.event_id != row.event_id && own.state != State::Merged {
            continue;
        }
        first = first.min(own.received_at.as_seconds());
        if let Some(touch) = arrival.touch {
            let same = touches.entry((touch.second, touch.site)).or_insert(touch);
            same.named |= touch.named;
        }
    }
    let mut touches: Vec<Touch> = touches.into_values().collect();
    // Of one second, what proves more counts as the later; of the same proof, the site with the smaller id.
    touches.sort_by_key(|touch| (touch.second, touch.named, std::cmp::Reverse(touch.site)));
    touches.iter().all(|touch| touch.second <= first).then_some(touches)
}

/// When the order happened, as it was decided about last.
fn ordered_at(rows: &Rows, row: &ConversionRow, awards: &[&AwardRow]) -> Timestamp {
    let decided_by = awards.iter().filter_map(|award| rows.get(&award.source));
    decided_by.map(|arrival| arrival.received_at).fold(row.received_at, Timestamp::min)
}

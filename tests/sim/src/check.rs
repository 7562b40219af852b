//! The checker: holds the ledger's rows against what clients were told and what the platforms logged.
//!
//! It reads states and amounts from the rows and believes neither; whatever it says is derived from the
//! orders as they really happened, from the replies, and from the platforms' own books.

use std::collections::BTreeMap;

use ledger::{ConversionRow, Ledger};
use relay::delivery::State;
use tracking::Home;
use units::EventId;

use crate::counts::Counts;
use crate::edge::Edge;
use crate::model::{Arrival, Model, Reply, Violation, violation};
use crate::platform::{Effect, Logged, Platform, Told};
use crate::shopper::{Order, Reference};
use crate::words::{DEDUPLICATES, has_moved, is_unmapped};

/// The ledger's rows, by event.
pub(crate) type Rows = BTreeMap<EventId, ConversionRow>;

/// I3 and I12: the product's own audit finds nothing, and each shop's sum is that of its rows.
pub(crate) fn accounts(rows: &Rows, ledger: &Ledger) -> Result<(), Violation> {
    let audit = ledger.audit().or_else(|error| violation("I3", format!("no audit: {error}")))?;
    if let Some(finding) = audit.findings.first() {
        return violation(finding.invariant, finding.message.clone());
    }
    let mut counted: BTreeMap<u64, u64> = BTreeMap::new();
    for row in rows.values() {
        *counted.entry(row.advertiser_id).or_default() += 1;
    }
    for row in audit.rows {
        let found = counted.remove(&row.advertiser_id).unwrap_or(0);
        if row.accepted != found || row.sum() != found {
            let (shop, accepted, sum) = (row.advertiser_id, row.accepted, row.sum());
            return violation("I3", format!("shop {shop}: {accepted} accepted, {sum} in states, {found} rows"));
        }
    }
    match counted.pop_first() {
        Some((shop, count)) => violation("I3", format!("shop {shop}: {count} rows that no audit has")),
        None => Ok(()),
    }
}

/// I1: what was acknowledged as durable is in an outbox or in the ledger. I2: the ledger holds no event that
/// nobody told.
pub(crate) fn acknowledged(model: &Model, edges: &[Edge], rows: &Rows) -> Result<(), Violation> {
    for (number, arrival) in &model.arrivals {
        let found = rows.contains_key(&arrival.event_id) || edges[arrival.edge].holds.contains(&arrival.event_id);
        if arrival.reply == Reply::Durable && !found {
            return violation("I1", format!("sale {number} was acknowledged and is nowhere: {arrival:?}"));
        }
    }
    match rows.keys().find(|event_id| model.event(**event_id).is_none()) {
        Some(event_id) => violation("I2", format!("nobody told event {event_id}, and it is accepted")),
        None => Ok(()),
    }
}

/// I2: an order is booked at most once, and its other arrivals stand where they belong.
pub(crate) fn orders(model: &Model, orders: &[Order], rows: &Rows) -> Result<(), Violation> {
    let mut standing: BTreeMap<usize, &ConversionRow> = BTreeMap::new();
    for (number, arrival) in &model.arrivals {
        let Some(row) = rows.get(&arrival.event_id) else { continue };
        let said = arrival.cents.and_then(|cents| i64::try_from(cents).ok());
        if row.amount.map(|money| money.minor) != said {
            return violation("I2", format!("sale {number} said {said:?} and stands with {:?}", row.amount));
        }
        match row.state {
            State::Merged | State::Conflict => other_arrival(*number, row, &orders[arrival.order], rows, model)?,
            _ if said.is_none() && row.state != State::Held => {
                return violation("I2", format!("sale {number} has no amount and is {}", row.state));
            }
            _ if said.is_none() || !orders[arrival.order].has_key() => {}
            _ => {
                if let Some(first) = standing.insert(arrival.order, row) {
                    let (first, second) = (first.event_id, row.event_id);
                    return violation("I2", format!("order {} stands twice: {first}, {second}", arrival.order));
                }
            }
        }
    }
    Ok(())
}

fn other_arrival(
    number: u64,
    row: &ConversionRow,
    order: &Order,
    rows: &Rows,
    model: &Model,
) -> Result<(), Violation> {
    let first = row.first.and_then(|first| Some((rows.get(&first)?, model.event(first)?)));
    let Some((first, arrival)) = first else {
        return violation("I2", format!("sale {number} is {} with nothing", row.state));
    };
    let same_order = model.event(row.event_id).is_some_and(|own| own.order == arrival.order);
    if !same_order || !order.has_key() {
        return violation("I2", format!("sale {number} is {} with another order", row.state));
    }
    let same_money = first.amount == row.amount;
    if same_money != (row.state == State::Merged) {
        let (own, other) = (row.amount, first.amount);
        return violation("I2", format!("sale {number} is {}: {own:?} and {other:?}", row.state));
    }
    Ok(())
}

/// The sales in a platform's log, by order.
fn by_order<'a>(
    model: &'a Model,
    platform: &'a Platform,
) -> Result<BTreeMap<usize, Vec<(&'a Arrival, &'a Logged)>>, Violation> {
    let mut sales: BTreeMap<usize, Vec<(&Arrival, &Logged)>> = BTreeMap::new();
    for logged in &platform.log {
        let Some(arrival) = model.arrivals.get(&logged.arrival) else {
            return violation("I2", format!("nobody told what the {} platform got: {logged:?}", platform.home));
        };
        sales.entry(arrival.order).or_default().push((arrival, logged));
    }
    Ok(sales)
}

/// I2 and I4 as the platforms see them: the right platform, the right money, and nothing sent again unless
/// it is certain that the one before did not arrive, or the receiver deduplicates and the bytes are the same.
///
/// Counts the sales that are booked twice because an edge whose outbox could not write sent one of them
/// itself: of those sends the processor is not told, so that nothing there can know.
pub(crate) fn sends(model: &Model, orders: &[Order], platforms: &[Platform; 2]) -> Result<u64, Violation> {
    let mut doubled = 0;
    for platform in platforms {
        for (order, sales) in by_order(model, platform)? {
            for (place, (arrival, logged)) in sales.iter().enumerate() {
                right_platform(platform.home, arrival, logged)?;
                if logged.by_edge {
                    continue;
                }
                let earlier = sales.iter().take(place).map(|(_, earlier)| *earlier);
                for earlier in earlier.filter(|earlier| !earlier.by_edge) {
                    may_follow(platform.home, &orders[order], earlier, logged)?;
                }
            }
            let booked = sales.iter().filter(|(_, logged)| logged.effect == Effect::Booked).count();
            let by_edge = sales.iter().filter(|(_, logged)| logged.by_edge).count();
            if booked > 1 && by_edge == 0 {
                return violation("I2", format!("order {order} is booked {booked} times: {sales:?}"));
            }
            doubled += u64::from(booked > 1);
        }
    }
    Ok(doubled)
}

fn right_platform(home: Home, arrival: &Arrival, logged: &Logged) -> Result<(), Violation> {
    if (home == Home::Primary) != has_moved(arrival.shop) || logged.shop != arrival.shop {
        return violation("I4", format!("a sale of shop {} went to the {home} platform", arrival.shop));
    }
    let said = arrival.cents.map(|cents| format!("{}.{:02}", cents / 100, cents % 100));
    if said.as_deref() != Some(logged.amount.as_str()) {
        return violation("I2", format!("{said:?} was said, and {} sent: {logged:?}", logged.amount));
    }
    Ok(())
}

fn may_follow(home: Home, order: &Order, earlier: &Logged, later: &Logged) -> Result<(), Violation> {
    let deduplicated = home == Home::Primary && order.shop == DEDUPLICATES;
    match earlier.told {
        Told::Later | Told::Refused => Ok(()),
        Told::Yes => violation("I2", format!("sent again after a yes: {earlier:?}, {later:?}")),
        Told::Unsure if !deduplicated => {
            violation("I4", format!("sent again and may have been processed: {earlier:?}, {later:?}"))
        }
        Told::Unsure if earlier.bytes != later.bytes => {
            violation("I4", format!("sent again in other bytes: {earlier:?}, {later:?}"))
        }
        Told::Unsure => Ok(()),
    }
}

/// I2: what the ledger says has arrived is in its owner's books, and as this order.
pub(crate) fn homes(model: &Model, rows: &Rows, platforms: &[Platform; 2]) -> Result<(), Violation> {
    let [legacy, primary] = platforms;
    let sales = [by_order(model, legacy)?, by_order(model, primary)?];
    for row in rows.values().filter(|row| matches!(row.state, State::Confirmed | State::Taken)) {
        let Some(arrival) = model.event(row.event_id) else { continue };
        let own = &sales[usize::from(has_moved(arrival.shop))];
        let books = |logged: &Logged| match logged.effect {
            Effect::Booked => true,
            Effect::Duplicate(first) => {
                model.arrivals.get(&first).is_some_and(|first| first.order == arrival.order)
            }
            Effect::Nothing => false,
        };
        let sent = own.get(&arrival.order).map(Vec::as_slice).unwrap_or_default();
        if !sent.iter().any(|(_, logged)| books(logged)) {
            let message = format!("{} is {} and no platform has booked it: {sent:?}", row.event_id, row.state);
            return violation("I2", message);
        }
    }
    Ok(())
}

/// I2 at the end of a healed run: every acknowledged sale has one final home, and the home is the right one.
pub(crate) fn drained(
    model: &Model,
    orders: &[Order],
    rows: &Rows,
    platforms: &[Platform; 2],
) -> Result<(), Violation> {
    for (number, arrival) in &model.arrivals {
        let Some(row) = rows.get(&arrival.event_id) else {
            if arrival.reply == Reply::Durable {
                return violation("I1", format!("sale {number} was acknowledged and did not arrive"));
            }
            continue;
        };
        let order = &orders[arrival.order];
        let is_held = is_unmapped(arrival.shop)
            || arrival.cents.is_none()
            || matches!(order.reference, Reference::Long(_))
            || row.reason.contains("publisher_unmapped");
        let arrived = sales_of(model, platforms, arrival.order).any(|logged| {
            !logged.by_edge && logged.effect != Effect::Nothing
        });
        let right = match row.state {
            State::Queued | State::InFlight | State::Dropped => false,
            State::Held => is_held,
            State::Dead | State::Rejected => !arrived,
            State::Merged | State::Conflict | State::Taken | State::Confirmed | State::Unknown => true,
        };
        if !right {
            let (state, reason) = (row.state, &row.reason);
            return violation("I2", format!("sale {number} is {state} ({reason}) at the end: {arrival:?}"));
        }
    }
    Ok(())
}

fn sales_of<'a>(
    model: &'a Model,
    platforms: &'a [Platform; 2],
    order: usize,
) -> impl Iterator<Item = &'a Logged> {
    let own = move |logged: &&Logged| {
        model.arrivals.get(&logged.arrival).is_some_and(|arrival| arrival.order == order)
    };
    platforms.iter().flat_map(|platform| platform.log.iter()).filter(own)
}

/// I12, recomputed from every line: each set is zero, and what is in force is a tenth of the sale, once.
pub(crate) fn books(rows: &Rows, ledger: &Ledger) -> Result<(), Violation> {
    for row in rows.values() {
        let shown = ledger.show(row.event_id).or_else(|error| violation("I12", error.to_string()))?;
        let mut sets: BTreeMap<i64, i64> = BTreeMap::new();
        let mut accounts: BTreeMap<String, i64> = BTreeMap::new();
        for line in shown.iter().flat_map(|shown| &shown.postings) {
            let Some(posting) = &line.posting else { continue };
            *sets.entry(line.set_id).or_default() += posting.amount.minor;
            *accounts.entry(format!("{:?}", posting.account)).or_default() += posting.amount.minor;
        }
        if let Some((set, sum)) = sets.iter().find(|(_, sum)| **sum != 0) {
            return violation("I12", format!("posting set {set} is off by {sum}"));
        }
        let owed: i64 = accounts.values().filter(|sum| **sum > 0).sum();
        let credited = row.publisher_id.is_some() && is_booked(row.state);
        let tenth = row.amount.map_or(0, |money| money.minor) / 10;
        let right = if credited { (owed - tenth).abs() <= 1 } else { owed == 0 };
        if !right {
            return violation("I12", format!("{owed} are owed for {row:?}"));
        }
    }
    Ok(())
}

const fn is_booked(state: State) -> bool {
    !matches!(state, State::Held | State::Merged | State::Conflict | State::Dropped)
}

/// Adds up where everything stands.
pub(crate) fn count(counts: &mut Counts, rows: &Rows, platforms: &[Platform; 2]) {
    for row in rows.values() {
        match row.state {
            State::Confirmed => counts.confirmed += 1,
            State::Taken => counts.taken += 1,
            State::Unknown => counts.unknown += 1,
            State::Held => counts.held += 1,
            State::Conflict => counts.conflict += 1,
            State::Merged => counts.merged += 1,
            State::Rejected => counts.rejected += 1,
            State::Dead => counts.dead += 1,
            State::Queued | State::InFlight | State::Dropped => {}
        }
    }
    let booked = |platform: &Platform| {
        platform.log.iter().filter(|logged| logged.effect == Effect::Booked).count() as u64
    };
    counts.booked = platforms.iter().map(booked).sum();
}

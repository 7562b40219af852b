//! The checker: holds the ledger's rows against what clients were told and what the platforms logged.
//!
//! It reads states and amounts from the rows and believes neither; whatever it says is derived from the
//! orders as they really happened, from the replies, and from the platforms' own books.

mod cap;
mod end;
mod shares;

use std::collections::BTreeMap;

use ledger::{Audit, ConversionRow};
use relay::delivery::State;
use tracking::Home;
use units::EventId;

pub(crate) use cap::{Earned, capped};
pub(crate) use end::{books, count, drained, unguessed};
pub(crate) use shares::shares;

use crate::desk::Strays;
use crate::edge::Edge;
use crate::gap::{Gap, Gaps};
use crate::merchants::Merchants;
use crate::model::{Arrival, Model, Reply, Violation, violation};
use crate::people::Said;
use crate::platform::{Effect, Logged, Platform, Told};
use crate::shopper::{Order, Reference};
use crate::words::{DEDUPLICATES, has_moved};

/// The ledger's rows, by event.
pub(crate) type Rows = BTreeMap<EventId, ConversionRow>;

/// What the checker knows: what was told, what really happened, what people said, and what the platforms have.
pub(crate) struct Known<'a> {
    pub(crate) model: &'a Model,
    pub(crate) orders: &'a [Order],
    pub(crate) said: &'a Said,
    pub(crate) platforms: &'a [Platform; 2],
    pub(crate) merchants: &'a Merchants,
}

/// I3 and I12: the product's own audit finds nothing, and each shop's sum is that of its rows.
pub(crate) fn accounts(rows: &Rows, audit: &Audit) -> Result<(), Violation> {
    if let Some(finding) = audit.findings.first() {
        return violation(finding.invariant, finding.message.clone());
    }
    let mut counted: BTreeMap<u64, u64> = BTreeMap::new();
    for row in rows.values() {
        *counted.entry(row.advertiser_id).or_default() += 1;
    }
    for row in &audit.rows {
        let found = counted.remove(&row.advertiser_id).unwrap_or(0);
        if row.accepted != found || row.sum() != found {
            let (shop, accepted, sum) = (row.advertiser_id, row.accepted, row.sum());
            return violation(
                "I3",
                format!("shop {shop}: {accepted} accepted, {sum} in states, {found} rows"),
            );
        }
    }
    match counted.pop_first() {
        Some((shop, count)) => violation("I3", format!("shop {shop}: {count} rows that no audit has")),
        None => Ok(()),
    }
}

/// I1: what was acknowledged as durable is in an outbox or in the ledger. I2: the ledger holds no event that
/// nobody told.
pub(crate) fn acknowledged(
    model: &Model,
    edges: &[Edge],
    rows: &Rows,
    strays: &Strays,
) -> Result<(), Violation> {
    for (number, arrival) in &model.arrivals {
        let event_id = arrival.event_id;
        let found = rows.contains_key(&event_id)
            || edges[arrival.edge].holds.contains(&event_id)
            || strays.values().any(|stray| *stray == event_id);
        if arrival.reply == Reply::Durable && !found {
            return violation("I1", format!("sale {number} was acknowledged and is nowhere: {arrival:?}"));
        }
    }
    // An entry that was set aside may be a click's, too.
    let unheard_of =
        |event_id: &&EventId| model.event(**event_id).is_none() && !strays.contains_key(*event_id);
    match rows.keys().find(unheard_of) {
        Some(event_id) => violation("I2", format!("nobody told event {event_id}, and it is accepted")),
        None => Ok(()),
    }
}

/// I2: an order is booked at most once, and its other arrivals stand where they belong.
pub(crate) fn orders(known: &Known<'_>, rows: &Rows) -> Result<(), Violation> {
    let &Known { model, orders, said, .. } = known;
    let mut standing: BTreeMap<usize, &ConversionRow> = BTreeMap::new();
    for (number, arrival) in &model.arrivals {
        let Some(row) = rows.get(&arrival.event_id) else { continue };
        let minor = row.amount.and_then(|money| u64::try_from(money.minor).ok());
        if !said.may_be(arrival.order, arrival.cents, minor) {
            let cents = arrival.cents;
            return violation("I2", format!("sale {number} said {cents:?} and stands with {minor:?}"));
        }
        match row.state {
            State::Merged | State::Conflict => other_arrival(*number, row, known, rows)?,
            State::Dropped => {}
            _ if minor.is_none() && row.state != State::Held => {
                return violation("I2", format!("sale {number} has no amount and is {}", row.state));
            }
            _ if minor.is_none() || !orders[arrival.order].has_key() => {}
            _ => {
                if let Some(first) = standing.insert(arrival.order, row) {
                    let (first, second) = (first.event_id, row.event_id);
                    return violation(
                        "I2",
                        format!("order {} stands twice: {first}, {second}", arrival.order),
                    );
                }
            }
        }
    }
    Ok(())
}

fn other_arrival(number: u64, row: &ConversionRow, known: &Known<'_>, rows: &Rows) -> Result<(), Violation> {
    let model = known.model;
    let first = row.first.and_then(|first| Some((rows.get(&first)?, model.event(first)?)));
    let Some((first, arrival)) = first else {
        return violation("I2", format!("sale {number} is {} with nothing", row.state));
    };
    let same_order = model.event(row.event_id).is_some_and(|own| own.order == arrival.order);
    if !same_order || !known.orders[arrival.order].has_key() {
        return violation("I2", format!("sale {number} is {} with another order", row.state));
    }
    let edited = known.said.amounts.contains_key(&arrival.order);
    let same_money = first.amount == row.amount;
    let taken_back = first.amount.is_none() && known.merchants.is_void(first.event_id);
    if !edited && !taken_back && same_money != (row.state == State::Merged) {
        let (own, other) = (row.amount, first.amount);
        return violation("I2", format!("sale {number} is {}: {own:?} and {other:?}", row.state));
    }
    Ok(())
}

/// Sales in a platform's log with the arrivals that they tell of, by order.
type Sales<'a> = BTreeMap<usize, Vec<(&'a Arrival, &'a Logged)>>;

fn by_order<'a>(model: &'a Model, platform: &'a Platform) -> Result<Sales<'a>, Violation> {
    let mut sales = Sales::new();
    for logged in &platform.log {
        let Some(arrival) = model.arrivals.get(&logged.arrival) else {
            return violation(
                "I2",
                format!("nobody told what the {} platform got: {logged:?}", platform.home),
            );
        };
        sales.entry(arrival.order).or_default().push((arrival, logged));
    }
    Ok(sales)
}

/// I2 and I4 as the platforms see them: the right platform, the right money, and nothing sent again unless
/// it is certain that the one before did not arrive, or the receiver deduplicates and the bytes are the same.
pub(crate) fn sends(known: &Known<'_>, gaps: &mut Gaps) -> Result<(), Violation> {
    let &Known { model, orders, said, platforms, .. } = known;
    let mut elsewhere: BTreeMap<usize, (usize, usize)> = BTreeMap::new();
    for platform in platforms {
        for (order, sales) in by_order(model, platform)? {
            for (place, (arrival, logged)) in sales.iter().enumerate() {
                right_platform(platform.home, known, arrival, logged)?;
                if logged.by_edge || said.again.contains(&order) {
                    continue;
                }
                let earlier = sales.iter().take(place).map(|(_, earlier)| *earlier);
                for earlier in earlier.filter(|earlier| !earlier.by_edge) {
                    may_follow(platform.home, &orders[order], earlier, logged)?;
                }
            }
            // Each time that somebody overruled the doubt, it may have gone out once more.
            let times = said.times.get(&order).copied().unwrap_or(0);
            if said.again.contains(&order) {
                let booked = sales.iter().filter(|(_, logged)| logged.effect == Effect::Booked);
                let booked = booked.filter(|(_, logged)| !logged.by_edge).count();
                if booked > 1 + times {
                    return violation("I2", format!("order {order} is booked {booked} times: {sales:?}"));
                }
                continue;
            }
            // What has a new owner is nowhere else, unless an edge had sent it there and nobody knew.
            let (booked, by_edge) = elsewhere.entry(order).or_default();
            *booked += sales.iter().filter(|(_, logged)| logged.effect == Effect::Booked).count();
            *by_edge += sales.iter().filter(|(_, logged)| logged.by_edge).count();
            let (booked, by_edge) = (*booked, *by_edge);
            let what = || format!("order {order} is booked {booked} times: {sales:?}");
            match (booked, by_edge) {
                (0 | 1, _) => {}
                (_, 0) => return violation("I2", what()),
                _ if same_arrival(&sales) => return violation("I2", what()),
                _ => gaps.seen(Gap::DoubledByEdge, order, what())?,
            }
        }
    }
    Ok(())
}

/// True if one arrival went out twice: by the edge, and from its outbox.
fn same_arrival(sales: &[(&Arrival, &Logged)]) -> bool {
    let booked = |by_edge| {
        sales.iter().filter(move |(_, logged)| logged.effect == Effect::Booked && logged.by_edge == by_edge)
    };
    booked(true).any(|(_, sent)| booked(false).any(|(_, found)| found.arrival == sent.arrival))
}

fn right_platform(
    home: Home,
    known: &Known<'_>,
    arrival: &Arrival,
    logged: &Logged,
) -> Result<(), Violation> {
    let own = (home == Home::Primary) == has_moved(arrival.shop);
    let given = !logged.by_edge && known.said.given.contains(&(arrival.order, home));
    if !(own || given) || logged.shop != arrival.shop {
        return violation("I4", format!("a sale of shop {} went to the {home} platform", arrival.shop));
    }
    let sent = logged.amount.replace('.', "").parse().ok();
    if !known.said.may_be(arrival.order, arrival.cents, sent)
        && !known.merchants.may_be(known.orders, arrival.order, sent)
    {
        let said = arrival.cents;
        return violation("I2", format!("{said:?} was said, and {} sent: {logged:?}", logged.amount));
    }
    Ok(())
}

fn may_follow(home: Home, order: &Order, earlier: &Logged, later: &Logged) -> Result<(), Violation> {
    let deduplicated = home == Home::Primary && order.shop == DEDUPLICATES;
    match earlier.told {
        Told::Later | Told::Refused => Ok(()),
        Told::Yes => violation("I2", format!("sent again after a yes: {earlier:?}, {later:?}")),
        // It has heard that nothing arrived, and could not write it down.
        Told::Unsure if matches!(earlier.answered, Told::Later | Told::Refused) => Ok(()),
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
pub(crate) fn homes(known: &Known<'_>, rows: &Rows, gaps: &mut Gaps) -> Result<(), Violation> {
    let &Known { model, orders, said, platforms: [legacy, primary], .. } = known;
    let sales = [by_order(model, legacy)?, by_order(model, primary)?];
    for row in rows.values().filter(|row| matches!(row.state, State::Confirmed | State::Taken)) {
        let Some(arrival) = model.event(row.event_id) else { continue };
        if said.arrived.contains(&arrival.order) {
            continue;
        }
        let own = &sales[usize::from(row.owner == Some(Home::Primary))];
        let books = |logged: &Logged| match logged.effect {
            Effect::Booked => true,
            Effect::Duplicate(first) => {
                model.arrivals.get(&first).is_some_and(|first| first.order == arrival.order)
            }
            Effect::Nothing => false,
        };
        let sent = own.get(&arrival.order).map(Vec::as_slice).unwrap_or_default();
        if sent.iter().any(|(_, logged)| books(logged)) {
            continue;
        }
        let what = format!("{} is {} and no platform has booked it: {sent:?}", row.event_id, row.state);
        let collapsed = sent.iter().any(|(_, logged)| matches!(logged.effect, Effect::Duplicate(_)));
        if collapsed && orders[arrival.order].reference == Reference::Placeholder {
            gaps.seen(Gap::CollapsedPlaceholder, arrival.order, what)?;
        } else {
            return violation("I2", what);
        }
    }
    Ok(())
}

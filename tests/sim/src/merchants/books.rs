//! What changes make: in our books, and at the platform that is told of them.

use std::collections::BTreeSet;

use ledger::{AdjustmentRow, ConversionRow};
use processor::Delivery;
use relay::delivery::State;
use units::EventId;

use super::{Merchants, Wish};
use crate::check::{Known, Rows};
use crate::model::{Model, Violation, violation};
use crate::platform::{Effect, Platform, Told};
use crate::shopper::{Order, are_alike};
use crate::world::World;

/// What is in force for one transaction after its changes.
pub(crate) struct Account {
    /// What it is worth; none if nothing was changed.
    pub(crate) cents: Option<i64>,
    /// True if nobody earns by it any more.
    pub(crate) is_void: bool,
    pub(crate) is_changed: bool,
}

impl Merchants {
    pub(crate) fn account(&self, conversion: EventId) -> Account {
        let last = self.last_change(conversion);
        Account {
            cents: last.and_then(|change| change.amount).map(|amount| amount.minor),
            is_void: self.is_void(conversion),
            is_changed: last.is_some(),
        }
    }
}

/// I2: every change was asked for, once, by somebody who may; and what is taken back stays so.
pub(crate) fn lawful(merchants: &Merchants, orders: &[Order], model: &Model) -> Result<(), Violation> {
    for (conversion, changes) in &merchants.changes {
        let order = model.event(*conversion).map(|arrival| arrival.order);
        let mut calls = BTreeSet::new();
        for (place, change) in changes.iter().enumerate() {
            let wrong = |why: &str| violation("I2", format!("{why}: {change:?} of {changes:?}"));
            let Some(call) = merchants.asked.get(&change.event_id) else {
                return wrong("nobody asked for it");
            };
            let minor = change.amount.and_then(|amount| u64::try_from(amount.minor).ok());
            let as_asked = match call.wish {
                Wish::Void => change.operation == "void",
                Wish::Edit { cents } => change.operation == "edit" && minor == Some(cents),
                Wish::New { .. } | Wish::Refer { .. } => false,
            };
            let own = order.is_some_and(|own| are_alike(orders, own, call.order)) && call.with != 2;
            let parent = order.and_then(|order| merchants.parents.get(&order));
            let follows = call.with > 0 && parent.is_some_and(|own| are_alike(orders, *own, call.order));
            if call.forged || !as_asked || !(own || follows || order.is_none()) {
                return wrong("it is not what was asked for");
            }
            if !calls.insert(change.event_id) {
                return wrong("one call is obeyed twice");
            }
            if change.operation == "void" && place + 1 != changes.len() {
                return wrong("something was changed after it was taken back");
            }
        }
    }
    Ok(())
}

/// I2 where a change goes out: after what it changes, in its turn, and never again once it was taken.
pub(crate) fn goes_out(world: &mut World, delivery: &Delivery) -> Result<(), Violation> {
    for id in &delivery.ids {
        let Some(conversion) = world.merchants.of.get(&id.event_id).copied() else { continue };
        let row = world.desk.look(|ledger| ledger.conversion(conversion))?;
        let merchants = &world.merchants;
        let changes = merchants.changes.get(&conversion).map(Vec::as_slice).unwrap_or_default();
        let Some(change) = changes.iter().find(|change| change.adjustment_id == id.event_id) else {
            continue;
        };
        let wrong = |why: &str| violation("I2", format!("{why}: {change:?} of {changes:?}, {row:?}"));
        let is_touched = merchants.touched.contains(&conversion);
        if merchants.told.get(&conversion).is_some_and(|last| *last > change.number) && !is_touched {
            return wrong("it comes behind a later one");
        }
        let primary = &world.platforms[1];
        let taken = |told: &&crate::platform::Change| told.id == Some(id.event_id) && told.told == Told::Yes;
        if primary.changes.iter().any(|told| taken(&told)) && !is_touched {
            return wrong("it was taken, and is told again");
        }
        let order = world.model.event(conversion).map(|arrival| arrival.order);
        let excused = order
            .is_none_or(|order| world.said.arrived.contains(&order) || world.said.again.contains(&order))
            || row.as_ref().is_some_and(|row| row.state == State::Dropped);
        if !excused && !has(&world.model, primary, order) {
            return wrong("the platform does not have what it changes");
        }
        world.counts.changes_told += 1;
        world.merchants.told.insert(conversion, change.number);
    }
    Ok(())
}

/// I2 where a sale goes out: what was taken back before it was sent is never sent.
pub(crate) fn writes(world: &World, delivery: &Delivery) -> Result<(), Violation> {
    for id in &delivery.ids {
        let changes = world.merchants.changes.get(&id.event_id).map(Vec::as_slice).unwrap_or_default();
        if changes.iter().any(|change| change.operation == "void" && change.state == State::Merged) {
            return violation("I2", format!("{} was cancelled, and is sent: {changes:?}", id.event_id));
        }
    }
    Ok(())
}

fn has(model: &Model, platform: &Platform, order: Option<usize>) -> bool {
    platform.log.iter().any(|logged| {
        let own = model.arrivals.get(&logged.arrival).map(|arrival| arrival.order);
        logged.effect != Effect::Nothing && own == order
    })
}

/// I2 at the end: no change waits for nothing, and where the platform has taken all of a transaction's changes, its own
/// books say what ours say.
pub(crate) fn settled(merchants: &Merchants, known: &Known<'_>, rows: &Rows) -> Result<(), Violation> {
    for (conversion, changes) in &merchants.changes {
        let Some(row) = rows.get(conversion) else { continue };
        let wrong = |why: &str| violation("I2", format!("{why}: {changes:?}, {row:?}"));
        if changes.iter().any(|change| waits_for_nothing(change, changes, row)) {
            return wrong("a change waits for nothing");
        }
        let Some(arrival) = known.model.event(*conversion) else { continue };
        let order = arrival.order;
        let excused = merchants.touched.contains(conversion) || known.said.touched.contains(&order);
        let primary = &known.platforms[1];
        let by_edge = primary.log.iter().any(|logged| {
            logged.by_edge
                && known.model.arrivals.get(&logged.arrival).is_some_and(|other| other.order == order)
        });
        if excused || by_edge || !has(known.model, primary, Some(order)) {
            continue;
        }
        let told = |change: &AdjustmentRow| {
            matches!(change.state, State::Taken | State::Confirmed | State::Merged | State::Dropped)
        };
        let is_there = matches!(row.state, State::Taken | State::Confirmed);
        if !is_there || !changes.iter().all(told) {
            continue;
        }
        let Some(standing) = primary.standing(row) else { return wrong("the platform has it under no name") };
        let account = merchants.account(*conversion);
        let same =
            standing.is_void == account.is_void && (account.is_void || Some(standing.cents) == account.cents);
        if !same {
            return wrong(&format!("the platform has {standing:?}"));
        }
    }
    Ok(())
}

/// True if a change is still to be told and nothing is in its way.
fn waits_for_nothing(change: &AdjustmentRow, changes: &[AdjustmentRow], row: &ConversionRow) -> bool {
    if !matches!(change.state, State::Queued | State::InFlight) {
        return false;
    }
    let blocked =
        changes.iter().any(|earlier| earlier.number < change.number && earlier.state.needs_a_person());
    // What nobody knows the end of is waited for.
    row.state != State::Unknown && !blocked
}

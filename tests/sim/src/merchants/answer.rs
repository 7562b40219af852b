//! Is the answer to a call true?

use ledger::{AdjustmentRow, ConversionRow};
use relay::delivery::State;
use tracking::Home;
use units::EventId;

use super::{Answer, CALLERS, Call, Seen, Wish, asked, is_a_transaction};
use crate::model::{Violation, violation};
use crate::shopper::{Order, Reference, are_alike};
use crate::world::World;

/// A signature is believed for so long, either way.
const SIGNED_WITHIN_MS: u64 = 900_000;

/// I2: what a merchant is told is so.
pub(super) fn judge(
    world: &mut World,
    call: &Call,
    edge: usize,
    before: &Seen,
    answer: &Answer,
) -> Result<(), Violation> {
    let follows = match answer {
        Answer::Ours(_, Some(named)) => follows(world, *named)?,
        _ => None,
    };
    let Err(why) = truth(world, call, edge, before, (answer, follows)) else { return Ok(()) };
    let mut seen = transactions(before, &world.shoppers.orders, call);
    seen.extend(selected(before, world, call, false));
    let changes: Vec<_> = seen.iter().filter_map(|row| before.changes.get(&row.event_id)).collect();
    violation("I2", format!("{why}: {call:?} was told {answer:?}; {seen:?}, {changes:?}"))
}

/// Why the answer is not true. `follows` is what the transaction follows that it names.
fn truth(
    world: &World,
    call: &Call,
    edge: usize,
    before: &Seen,
    (answer, follows): (&Answer, Option<EventId>),
) -> Result<(), &'static str> {
    let changed = asked(&world.merchants.changes) != asked(&before.changes);
    let off = world.edges[edge].clock.shows(world.now).as_millis().abs_diff(world.now.as_millis());
    let signed = !call.forged && off <= SIGNED_WITHIN_MS;
    let Answer::Ours(said, named) = answer else {
        return match answer {
            Answer::Elsewhere if signed && is_ours(before, world, call) => {
                Err("a call of ours is answered elsewhere")
            }
            Answer::Elsewhere if changed => Err("what is answered elsewhere changed something"),
            _ if changed && !signed => Err("a forgery changed something"),
            _ => Ok(()),
        };
    };
    if !CALLERS.contains(&world.shoppers.orders[call.order].shop) {
        return Err("a call that is not ours is answered");
    }
    if (said == "unsigned") == signed {
        return Err("a signature is misread");
    }
    if changed && said != "done" {
        return Err("a refusal changed something");
    }
    let is_true = match said.as_str() {
        "unsigned" => true,
        "done" => named.is_some_and(|named| is_done(world, call, before, (named, follows))),
        "differs" => named.is_some_and(|named| differs(world, call, named)),
        _ => is_refused(world, call, before, said),
    };
    if is_true { Ok(()) } else { Err("the answer is not true") }
}

fn is_done(world: &World, call: &Call, before: &Seen, (named, follows): (EventId, Option<EventId>)) -> bool {
    let found = transactions(before, &world.shoppers.orders, call);
    let only = match found.as_slice() {
        [only] => Some(only.event_id),
        _ => None,
    };
    match call.wish {
        Wish::Void | Wish::Edit { .. } => {
            let selected = selected(before, world, call, true);
            only == Some(named) && selected.iter().all(|row| is_so(world, before, call, row))
        }
        Wish::New { .. } => stands(world, call, named),
        Wish::Refer { parent, .. } => {
            let linked = follows == only || follows.is_some_and(|event| is_of(world, event, parent));
            stands(world, call, named) && only.is_some() && linked
        }
    }
}

/// True if the event told of this order: an arrival without a readable amount stood for it until a better one came, and
/// what was made to follow that follows the order.
fn is_of(world: &World, event: EventId, order: usize) -> bool {
    let arrival = world.model.event(event);
    arrival.is_some_and(|arrival| are_alike(&world.shoppers.orders, arrival.order, order))
}

fn is_refused(world: &World, call: &Call, before: &Seen, said: &str) -> bool {
    let found = transactions(before, &world.shoppers.orders, call);
    let selected = selected(before, world, call, false);
    let is_edit = matches!(call.wish, Wish::Edit { .. });
    match said {
        "several" => !matches!(call.wish, Wish::New { .. }) && found.len() > 1,
        "nothing" => selected.iter().any(|row| row.state == State::Dropped),
        "locked" => is_edit && selected.iter().any(|row| is_closed(before, row)),
        _ => false,
    }
}

/// The transactions that a call names: those it changes, or the one that is to be followed.
fn transactions<'a>(seen: &'a Seen, orders: &[Order], call: &Call) -> Vec<&'a ConversionRow> {
    let place = if let Wish::Refer { parent, .. } = call.wish { parent } else { call.order };
    let order = &orders[place];
    let reference = match &order.reference {
        Reference::Own(text) | Reference::Long(text) if call.exists => text.as_str(),
        Reference::Placeholder if call.exists => "##ORDER##",
        _ => "NOBODY-MADE-IT",
    };
    let named = |row: &&ConversionRow| {
        row.advertiser_id == order.shop
            && is_a_transaction(row)
            && row.reference.as_deref() == Some(reference)
    };
    let mut found: Vec<_> = seen.rows.values().filter(named).collect();
    // An arrival that says no amount stands for its order only where no other does.
    if found.iter().any(|row| row.amount.is_some()) {
        found.retain(|row| row.amount.is_some());
    }
    found
}

/// The transactions that are to be changed: the one that is named, and those that follow it, as far as they are meant;
/// `certainly` if only those count of which a merchant was told that they do.
fn selected<'a>(seen: &'a Seen, world: &World, call: &Call, certainly: bool) -> Vec<&'a ConversionRow> {
    let found = transactions(seen, &world.shoppers.orders, call);
    let follows = |row: &&ConversionRow| {
        let own = world.model.event(row.event_id).map(|arrival| arrival.order);
        let parent = own.and_then(|own| world.merchants.parents.get(&own));
        let linked = !certainly || own.is_some_and(|own| world.merchants.linked.contains(&own));
        linked
            && is_a_transaction(row)
            && parent.is_some_and(|own| are_alike(&world.shoppers.orders, *own, call.order))
    };
    let mut selected = if call.with == 2 { Vec::new() } else { found };
    if call.with > 0 {
        selected.extend(seen.rows.values().filter(follows));
    }
    selected
}

/// True if nobody but us can answer: the merchant's secret is here, and so is the transaction.
fn is_ours(seen: &Seen, world: &World, call: &Call) -> bool {
    let shop = world.shoppers.orders[call.order].shop;
    if !CALLERS.contains(&shop) {
        return false;
    }
    if matches!(call.wish, Wish::New { .. }) {
        return true;
    }
    let found = transactions(seen, &world.shoppers.orders, call);
    let legacy = |row: &&ConversionRow| row.owner == Some(Home::Legacy);
    let chosen = if matches!(call.wish, Wish::Refer { .. }) {
        found.clone()
    } else {
        selected(seen, world, call, false)
    };
    !found.is_empty() && !chosen.iter().any(legacy)
}

/// True if an edit is refused: it was taken back, or is not booked.
fn is_closed(seen: &Seen, row: &ConversionRow) -> bool {
    let last = seen.changes.get(&row.event_id).and_then(|changes| changes.last());
    last.is_some_and(is_void) || matches!(row.state, State::Held) || row.amount.is_none()
}

fn is_void(change: &AdjustmentRow) -> bool {
    change.operation == "void"
}

/// True if the transaction is now as the merchant wants it, or was one that nothing can change any more.
fn is_so(world: &World, before: &Seen, call: &Call, row: &ConversionRow) -> bool {
    let last = world.merchants.last_change(row.event_id);
    match call.wish {
        Wish::Void => last.is_some_and(is_void) || row.state == State::Dropped,
        Wish::Edit { cents } => {
            let amount = last.and_then(|change| change.amount).or(row.amount);
            let is_set = amount.is_some_and(|amount| u64::try_from(amount.minor) == Ok(cents));
            is_set || (call.with > 0 && (is_closed(before, row) || row.state == State::Dropped))
        }
        Wish::New { .. } | Wish::Refer { .. } => false,
    }
}

/// True if this is the transaction of the call's order.
fn stands(world: &World, call: &Call, named: EventId) -> bool {
    let own = world.model.event(named).is_some_and(|arrival| arrival.order == call.order);
    own && world.rows.get(&named).is_some_and(is_a_transaction)
}

fn differs(world: &World, call: &Call, named: EventId) -> bool {
    let (Wish::New { cents } | Wish::Refer { cents, .. }) = call.wish else { return false };
    let minor = world.rows.get(&named).and_then(|row| row.amount).map(|amount| amount.minor);
    stands(world, call, named) && minor.is_none_or(|minor| u64::try_from(minor) != Ok(cents))
}

fn follows(world: &mut World, named: EventId) -> Result<Option<EventId>, Violation> {
    world.desk.look(|ledger| Ok(ledger.show(named)?.and_then(|shown| shown.follows)))
}

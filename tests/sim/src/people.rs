//! The operators: what they see, what they order, and what their word excuses.
//!
//! They are untidy, too: they overrule doubts, err about what has arrived, and two of them press at once.

use std::collections::{BTreeMap, BTreeSet};

use ledger::{Action, By, Closed, ConversionRow, Given, Redriven};
use processor::{Corrected, Correcting, Ordered, OwnerOrder, Redrive};
use relay::delivery::{Destination, State};
use relay::edit::Change;
use tracking::{Field, Home};
use units::{Chance, EventId};

use crate::desk::Desk;
use crate::model::{Violation, violation};
use crate::platform::{Effect, Mood, Platform, pick};
use crate::world::World;

/// Most conversions that one order is about.
const PICKED_MAX: u64 = 3;

/// What people have said, by the order that they said it of. It is taken down before it is done: where the ledger fails,
/// nobody knows whether it was.
#[derive(Debug, Default)]
pub(crate) struct Said {
    /// That it goes out again, whatever became of it before.
    pub(crate) again: BTreeSet<usize>,
    /// How often that was said.
    pub(crate) times: BTreeMap<usize, usize>,
    /// That it has arrived.
    pub(crate) arrived: BTreeSet<usize>,
    /// That it is dropped.
    pub(crate) dropped: BTreeSet<usize>,
    /// That it belongs to this platform.
    pub(crate) given: BTreeSet<(usize, Home)>,
    /// That its amount is one of these.
    pub(crate) amounts: BTreeMap<usize, BTreeSet<u64>>,
    /// Anything.
    pub(crate) touched: BTreeSet<usize>,
}

impl Said {
    /// True if what was said of the order can put it where only a person moves it: it has another owner or another amount,
    /// or its doubt was overruled after its request was erased.
    pub(crate) fn may_be_held(&self, order: usize) -> bool {
        let given = self.given.iter().any(|(own, _)| *own == order);
        given || self.amounts.contains_key(&order) || self.again.contains(&order)
    }

    /// True if an arrival of `order` that said `cents` may stand with `minor`.
    pub(crate) fn may_be(&self, order: usize, cents: Option<u64>, minor: Option<u64>) -> bool {
        let edited = || self.amounts.get(&order);
        cents == minor || minor.is_some_and(|minor| edited().is_some_and(|amounts| amounts.contains(&minor)))
    }
}

/// What one person orders.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Act {
    Redrive { overrules: bool },
    Discard,
    Settle { arrived: bool },
    Give { to: Home },
    Edit { cents: u64 },
    Order { action: Action, overrules: bool },
    Resume,
}

fn any_act(chance: &mut Chance) -> Act {
    let coin = chance.happens(1, 2);
    match chance.below(14) {
        0..=2 => Act::Redrive { overrules: false },
        3 => Act::Redrive { overrules: true },
        4 => Act::Discard,
        5 | 6 => Act::Settle { arrived: coin },
        7 | 8 => Act::Give { to: if coin { Home::Primary } else { Home::Legacy } },
        9 => Act::Edit { cents: 100 + chance.below(20_000) },
        10 => Act::Order { action: Action::Redrive, overrules: coin },
        11 | 12 => Act::Resume,
        _ => Act::Order { action: if coin { Action::Redrive } else { Action::Discard }, overrules: false },
    }
}

/// Somebody looks at what stands, and then orders something; now and then two do, having seen the same.
pub(crate) fn act(world: &mut World) -> Result<(), Violation> {
    let chance = &mut world.people.chance;
    if chance.happens(1, 12) {
        let home = pick(chance, &[0, 1]);
        world.trace.note(format!("platform {home} does not know our credentials any more"));
        world.platforms[home].mood = Mood::Forbids;
    }
    let acts: Vec<Act> = (0..=chance.below(4) / 3).map(|_| any_act(chance)).collect();
    let seen: Vec<ConversionRow> = picked(world);
    for (person, act) in acts.iter().enumerate() {
        world.counts.acts += 1;
        let ids: Vec<EventId> = seen.iter().map(|row| row.event_id).collect();
        world.trace.note(format!("person {person}: {act:?} {ids:?}"));
        take_down(world, *act, &seen);
        obey(world, *act, &seen, person)?;
    }
    Ok(())
}

/// Conversions that an act may be about: those that wait for a person or have not gone out, and now and then any.
fn picked(world: &mut World) -> Vec<ConversionRow> {
    let any = world.people.chance.happens(1, 6);
    let waits = |row: &&ConversionRow| {
        any || row.state.needs_a_person() || matches!(row.state, State::Queued | State::Taken)
    };
    let rows: Vec<ConversionRow> = world.rows.values().filter(waits).cloned().collect();
    let mut seen: Vec<ConversionRow> = Vec::new();
    for _ in 0..=world.people.chance.below(PICKED_MAX) {
        let places: Vec<usize> = (0..rows.len()).collect();
        if places.is_empty() {
            break;
        }
        let row = &rows[pick(&mut world.people.chance, &places)];
        if seen.iter().all(|other| other.event_id != row.event_id) {
            seen.push(row.clone());
        }
    }
    seen
}

/// What the order excuses from here on.
fn take_down(world: &mut World, act: Act, seen: &[ConversionRow]) {
    let model = &world.model;
    let orders: BTreeSet<usize> =
        seen.iter().filter_map(|row| model.event(row.event_id).map(|arrival| arrival.order)).collect();
    let said = &mut world.said;
    said.touched.extend(&orders);
    match act {
        Act::Redrive { overrules: true }
        | Act::Order { action: Action::Redrive, overrules: true }
        | Act::Settle { arrived: false } => {
            said.again.extend(&orders);
            orders.iter().for_each(|order| *said.times.entry(*order).or_default() += 1);
        }
        Act::Redrive { .. } | Act::Order { action: Action::Redrive, .. } | Act::Resume => {}
        Act::Discard | Act::Order { action: Action::Discard, .. } => said.dropped.extend(&orders),
        Act::Settle { arrived: true } => said.arrived.extend(&orders),
        Act::Give { to } => said.given.extend(orders.iter().map(|order| (*order, to))),
        Act::Edit { cents } => {
            for order in orders {
                said.amounts.entry(order).or_default().insert(cents);
            }
        }
    }
}

fn obey(world: &mut World, act: Act, seen: &[ConversionRow], person: usize) -> Result<(), Violation> {
    let ids: Vec<EventId> = seen.iter().map(|row| row.event_id).collect();
    let (now, actor) = (world.now, format!("person {person}"));
    let by = By { actor: &actor, why: "simulated" };
    match act {
        Act::Redrive { overrules } => {
            let approved = overrules || world.sabotage == crate::run::Sabotage::ForgetsApproval;
            let order = Redrive { events: ids, actor, why: "simulated".to_owned(), approved };
            let outcomes = world.desk.ask("redrive", now, |desk, now| desk.redrive(&order, now))?;
            redriven(world, overrules, seen, &outcomes.unwrap_or_default())
        }
        Act::Discard => world.desk.ask("discard", now, |desk, now| desk.discard(&ids, by, now)).map(drop),
        Act::Settle { arrived } => {
            let outcomes = world.desk.ask("settle", now, |desk, now| desk.close(&ids, arrived, by, now))?;
            let done = |(_, outcome): &&(EventId, Closed)| matches!(outcome, Closed::Done(_));
            world.counts.settled += outcomes.iter().flatten().filter(done).count() as u64;
            Ok(())
        }
        Act::Give { to } => {
            let order = OwnerOrder { events: ids, to, actor, why: "simulated".to_owned() };
            let outcomes = world.desk.ask("change owners", now, |desk, now| desk.give(&order, now))?;
            given(world, to, &outcomes.unwrap_or_default())
        }
        Act::Edit { cents } => edit(world, &ids, cents, &actor),
        Act::Resume => resume(world, by),
        Act::Order { action, overrules } => order(world, action, overrules, seen, &actor),
    }
}

/// I4: what may have arrived goes out again only if the person overruled that doubt.
fn redriven(
    world: &mut World,
    overrules: bool,
    seen: &[ConversionRow],
    outcomes: &[(EventId, Redriven)],
) -> Result<(), Violation> {
    for (event_id, outcome) in outcomes {
        if *outcome != Redriven::Queued {
            continue;
        }
        world.counts.redriven += 1;
        let doubtful = |row: &&ConversionRow| row.event_id == *event_id && row.state == State::Unknown;
        let order = world.model.event(*event_id).map(|arrival| arrival.order);
        let settled = order.is_some_and(|order| world.said.again.contains(&order));
        if !overrules && !settled && seen.iter().any(|row| doubtful(&row)) {
            return violation("I4", format!("{event_id} may have arrived, and is sent again unasked"));
        }
    }
    Ok(())
}

/// I4: an owner changes only while nothing has arrived at the one before.
fn given(world: &mut World, to: Home, outcomes: &[(EventId, Given)]) -> Result<(), Violation> {
    for (event_id, _) in outcomes.iter().filter(|(_, outcome)| *outcome == Given::Done) {
        world.counts.owners_changed += 1;
        let Some(arrival) = world.model.event(*event_id) else { continue };
        let own = |platform: &&Platform| platform.home != to;
        let arrived = world.platforms.iter().filter(own).flat_map(|platform| &platform.log).any(|logged| {
            world.model.arrivals.get(&logged.arrival).is_some_and(|other| other.event_id == *event_id)
                && logged.effect != Effect::Nothing
        });
        if arrived && !world.said.again.contains(&arrival.order) {
            return violation("I4", format!("{event_id} has arrived, and belongs to the {to} platform now"));
        }
    }
    Ok(())
}

fn edit(world: &mut World, ids: &[EventId], cents: u64, actor: &str) -> Result<(), Violation> {
    let now = world.now;
    for event_id in ids {
        let to = Some(format!("{}.{:02}", cents / 100, cents % 100));
        let correcting = Correcting {
            event_id: *event_id,
            changes: vec![Change { field: Field::Amount, to }],
            overrules: false,
            dry_run: world.people.chance.happens(1, 4),
            actor: actor.to_owned(),
            reason: "simulated".to_owned(),
        };
        let done = world.desk.ask("edit", now, |desk, now| desk.correct_event(&correcting, now))?;
        let done = matches!(done, Some(Corrected::Done { .. })) && !correcting.dry_run;
        world.counts.edited += u64::from(done);
    }
    Ok(())
}

/// Somebody says that what was wrong with a destination is mended; now and then it is not.
fn resume(world: &mut World, by: By<'_>) -> Result<(), Violation> {
    let destination = match world.people.chance.below(3) {
        0 => Destination::new(Home::Legacy, ""),
        1 => Destination::new(Home::Primary, "sale"),
        _ => Destination::new(Home::Primary, "order"),
    };
    let now = world.now;
    let resumed = world.desk.ask("resume", now, |desk, now| desk.resume(&destination, by, now))?;
    world.counts.resumed += u64::from(resumed.flatten().flatten().is_some());
    Ok(())
}

/// An order that is written down first, whose items must stand as the person saw them.
fn order(
    world: &mut World,
    action: Action,
    overrules: bool,
    seen: &[ConversionRow],
    actor: &str,
) -> Result<(), Violation> {
    let ordered = Ordered {
        order_id: None,
        action,
        selection: "simulated".to_owned(),
        items: seen.iter().map(|row| (row.event_id, Some(row.changed_at))).collect(),
        capped: false,
        overrules,
        actor: actor.to_owned(),
        reason: "simulated".to_owned(),
        alone: false,
    };
    let now = world.now;
    let desk: &mut Desk = &mut world.desk;
    desk.ask("order", now, |processor, now| processor.order(&ordered, now)).map(drop)
}

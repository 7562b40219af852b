//! What happens besides, each thing by a dial and by chances of its own.

use ledger::{Fault, When};
use units::Chance;

use super::Sabotage;
use crate::merchants;
use crate::model::Violation;
use crate::people;
use crate::publishers;
use crate::world::World;

/// Statements until the ledger fails: a transaction has some tens of them.
const STATEMENTS_UNTIL: u64 = 60;

/// Of so many commits the last is forgotten, where that is the sabotage.
const COMMITS_REMEMBERED: u64 = 5;

/// Statements that a server does not answer after a commit in doubt.
const SILENCE_MAX: u64 = 8;

pub(super) fn act(world: &mut World) -> Result<(), Violation> {
    if world.failing.strikes() {
        plan(world);
    }
    if world.setting.strikes() {
        set_a_clock(world);
    }
    if world.sabotage == Sabotage::ForgetsCommits {
        world.desk.plan(When::Commit(COMMITS_REMEMBERED), Fault::Forgets);
    }
    if world.people.strikes() {
        people::act(world)?;
    }
    if world.publishing.strikes() {
        publishers::import(world)?;
    }
    if world.calling.strikes() {
        merchants::act(world)?;
    }
    if world.calling.is_on() && world.calling.chance.happens(1, 25) {
        merchants::mend(world)?;
    }
    Ok(())
}

/// Somebody sets the clock of the processor or of an edge.
fn set_a_clock(world: &mut World) {
    let chance = &mut world.setting.chance;
    let whose = usize::try_from(chance.below(1 + world.edges.len() as u64)).unwrap_or(0);
    let clock = match world.edges.get_mut(whose) {
        Some(edge) => &mut edge.clock,
        None => &mut world.desk.clock,
    };
    clock.set(world.scope, chance);
    world.counts.clocks_set += 1;
    world.trace.note(format!("clock {whose}: {clock:?}"));
}

/// The ledger is going to fail, now and then twice in a row.
fn plan(world: &mut World) {
    let chance = &mut world.failing.chance;
    for _ in 0..=chance.below(3) / 2 {
        let when = match chance.below(2) {
            0 => When::Commit(1 + chance.below(4)),
            _ => When::Statement(1 + chance.below(STATEMENTS_UNTIL)),
        };
        let fault = any_fault(chance);
        world.trace.note(format!("the ledger: {fault:?} at {when:?}"));
        world.desk.plan(when, fault);
    }
}

/// How the ledger fails.
pub(crate) fn any_fault(chance: &mut Chance) -> Fault {
    let happened = chance.happens(1, 2);
    match chance.below(8) {
        0 => Fault::Fails { undoes: happened },
        1 | 2 => Fault::Aborts,
        3 => Fault::Lost,
        4 => Fault::Killed { happened },
        _ => Fault::Doubt { happened, silent: chance.below(SILENCE_MAX) },
    }
}

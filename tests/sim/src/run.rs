//! One seed: what happens in which order, and how it ends.

pub(crate) mod further;

use std::time::Duration;

use units::{EventId, Timestamp};

use crate::check;
use crate::clocks::Clock;
use crate::counts::Counts;
use crate::merchants;
use crate::model::{Violation, violation};
use crate::platform::{MOODS, Mood, pick};
use crate::publishers;
use crate::scope::Scope;
use crate::words;
use crate::world::{Passage, World};

/// Turns after which a healed system must have drained.
const DRAIN_TURNS_MAX: usize = 5000;

/// Time passes by at most so much at once: the drive loop sleeps for less, and looks for what a wrong clock has put off.
const SLEEP_MAX: Duration = Duration::from_secs(60);

/// The time after which a healed system must have drained.
const DRAIN_MAX: Duration = Duration::from_secs(3 * 3600);

/// What is switched off on purpose, to prove that the checker sees it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Sabotage {
    /// Nothing.
    None,
    /// Syncs say that they worked and do nothing (I1).
    ForgetsSync,
    /// The edge gives up batches that the processor never got (I1, I2).
    ForgetsBatches,
    /// A batch gets new event ids at every hand-over (I2).
    ForgetsIdentity,
    /// Conversions lose their keys (I2).
    ForgetsKeys,
    /// What may have been processed is taken for what was never sent (I4).
    ForgetsDoubt,
    /// Every redrive overrules the doubts, whatever the person said (I4).
    ForgetsApproval,
    /// The ledger says that a transaction is durable, and it is gone (I1).
    ForgetsCommits,
    /// A merchant is told that it is done, and the processor never got the call (I2).
    ForgetsCalls,
    /// The new platform never gets a change, and it counts as told (I2).
    ForgetsChanges,
    /// The processor never takes its clock for set back, and waits until it comes there again (I2).
    ForgetsJumps,
    /// What a publisher answered to a call is taken for a call that never went out (I2).
    ForgetsCalled,
    /// Publishers are called for what the platform has not taken yet (I2).
    ForgetsWaiting,
    /// Clicks count as imported, and are not (I2).
    ForgetsImports,
}

/// A run that held.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Held {
    /// The hash over everything that happened (I6).
    pub hash: u64,
    /// What it went through.
    pub counts: Counts,
}

/// A run that did not hold.
#[derive(Clone, Debug)]
pub struct Broken {
    /// The seed, which repeats it.
    pub seed: u64,
    /// The step after which it was seen.
    pub step: usize,
    /// What was seen.
    pub violation: Violation,
    /// The last lines of what happened.
    pub trace: Vec<String>,
}

/// Runs one seed over so many steps, then heals everything and drains it.
///
/// # Errors
/// The first violation.
pub fn run(seed: u64, steps: usize, sabotage: Sabotage) -> Result<Held, Box<Broken>> {
    run_in(Scope::WHOLE, seed, steps, sabotage)
}

/// The same where less may happen.
///
/// # Errors
/// The first violation.
pub fn run_in(scope: Scope, seed: u64, steps: usize, sabotage: Sabotage) -> Result<Held, Box<Broken>> {
    let at_start = |violation| Box::new(Broken { seed, step: 0, violation, trace: Vec::new() });
    let mut world = World::new(seed, words::snapshot(scope), scope, sabotage).map_err(at_start)?;
    if scope >= Scope::Publishers {
        publishers::register(&mut world).map_err(at_start)?;
    }
    let mut step = 0;
    match live(&mut world, steps, &mut step) {
        Ok(()) => Ok(Held { hash: world.trace.hash(), counts: world.counts }),
        Err(violation) => Err(Box::new(Broken { seed, step, violation, trace: world.trace.last() })),
    }
}

fn live(world: &mut World, steps: usize, step: &mut usize) -> Result<(), Violation> {
    while *step < steps {
        *step += 1;
        further::act(world)?;
        act(world)?;
        tend(world)?;
        world.check()?;
    }
    heal(world)?;
    drain(world)?;
    world.check()?;
    let (rows, strays) = world.desk.rows()?;
    let changed: Vec<EventId> = world.merchants.changes.keys().copied().collect();
    merchants::look_at(world, &changed)?;
    let known = check::Known {
        model: &world.model,
        orders: &world.shoppers.orders,
        said: &world.said,
        platforms: &world.platforms,
        merchants: &world.merchants,
    };
    check::drained(&known, (&rows, &strays), &mut world.gaps)?;
    check::unguessed(&known, &rows, &world.publishers)?;
    if world.scope >= Scope::Publishers {
        world.publishers.all_called(&rows, &world.merchants)?;
        world.publishers.credited(&known, &rows, &mut world.gaps)?;
    }
    merchants::settled(&world.merchants, &known, &rows)?;
    world.desk.look(|ledger| Ok(check::books((world.scope, &rows), &world.merchants, ledger)))??;
    if world.scope.has_terms() {
        let named = world.publishers.named();
        let shared = world.desk.look(|ledger| Ok(check::shares(&known, &rows, &named, ledger)))??;
        world.counts.shared += shared;
    }
    world.counts += world.desk.counts;
    check::count(&mut world.counts, &rows, &known, &world.gaps);
    Ok(())
}

/// One thing happens.
fn act(world: &mut World) -> Result<(), Violation> {
    let few = world.chance.below(40);
    world.pass(Duration::from_millis(few));
    let edge = any_edge(world);
    match world.chance.below(100) {
        0..=27 => (0..=world.chance.below(4)).try_for_each(|_| world.request(edge)),
        28..=45 => world.commit(edge),
        46..=59 => {
            let (passage, entries_max) = (any_passage(world), 1 + world.chance.below(8));
            world.hand_over(edge, passage, usize::try_from(entries_max).unwrap_or(1))
        }
        60..=61 => again(world),
        62..=75 => world.deliver(None).map(drop),
        76 => {
            let sent = usize::try_from(world.chance.below(4)).unwrap_or(0);
            world.deliver(Some(sent)).map(drop)
        }
        77..=90 => time(world),
        91 => world.crash_edge(edge),
        92 => world.crash_processor(),
        93..=96 => mood(world),
        97..=98 => trouble(world, edge),
        _ => redrive(world),
    }
}

fn any_edge(world: &mut World) -> usize {
    let edges: Vec<usize> = (0..world.edges.len()).collect();
    pick(&mut world.chance, &edges)
}

fn any_passage(world: &mut World) -> Passage {
    match world.chance.below(14) {
        0 => Passage::Lost,
        1 => Passage::AnswerLost,
        2 => Passage::ArrivesTwice,
        3 if world.chance.happens(1, 2) => Passage::CrashBefore,
        4 if world.chance.happens(1, 2) => Passage::CrashAfter,
        _ => Passage::Arrives,
    }
}

/// A batch that was on the way turns up once more.
fn again(world: &mut World) -> Result<(), Violation> {
    if world.bodies.is_empty() {
        return Ok(());
    }
    let places: Vec<usize> = (0..world.bodies.len()).collect();
    let body = world.bodies[pick(&mut world.chance, &places)].clone();
    world.receive(&body).map(drop)
}

/// Time passes: to the next answer, or by any amount.
fn time(world: &mut World) -> Result<(), Violation> {
    let until = world.desk.next_answer().filter(|_| world.chance.happens(2, 3));
    match until {
        Some(at) => world.now = world.now.max(at),
        None => {
            let longest = pick(&mut world.chance, &[2_000, 20_000, 90_000, 600_000]);
            let millis = world.chance.below(longest);
            world.pass(Duration::from_millis(millis));
        }
    }
    world.settle()
}

fn mood(world: &mut World) -> Result<(), Violation> {
    let which = usize::from(world.chance.happens(1, 2));
    let mood = pick(&mut world.chance, &MOODS);
    world.platforms[which].mood = mood;
    world.trace.note(format!("the {} platform is {mood:?}", world.platforms[which].home));
    Ok(())
}

/// Something is wrong with an edge's disk, at once or soon.
fn trouble(world: &mut World, edge: usize) -> Result<(), Violation> {
    let soon = 1 + world.chance.below(6);
    let what = world.chance.below(6);
    world.trace.note(format!("edge {edge}: trouble {what} in {soon}"));
    let edge = &world.edges[edge];
    match what {
        0 => edge.fill(true),
        1 => edge.fill(false),
        2 => edge.disk.inner.fail_sync(soon),
        3 => edge.disk.inner.fill_at_write(soon),
        _ => edge.disk.inner.crash_at(2 * soon),
    }
    Ok(())
}

fn redrive(world: &mut World) -> Result<(), Violation> {
    let count = world.desk.redrive(world.now)?;
    world.counts.redriven += count as u64;
    world.trace.note(format!("a person redrives {count} conversions"));
    Ok(())
}

/// What hosts do by themselves: an edge whose machine stopped starts again, one whose disk failed a sync is
/// restarted after a while, a full one looks for room.
fn tend(world: &mut World) -> Result<(), Violation> {
    for edge in 0..world.edges.len() {
        if world.edges[edge].disk.inner.is_down() {
            world.crash_edge(edge)?;
        } else if world.edges[edge].must_restart() && world.chance.happens(1, 8) {
            world.counts.restarts += 1;
            world.crash_edge(edge)?;
        }
    }
    Ok(())
}

fn heal(world: &mut World) -> Result<(), Violation> {
    world.trace.note("everything is healed".to_owned());
    world.platforms.iter_mut().for_each(|platform| platform.mood = Mood::Well);
    world.desk.calm();
    world.desk.clock = Clock::default();
    world.edges.iter_mut().for_each(|edge| edge.clock = Clock::default());
    for edge in 0..world.edges.len() {
        world.edges[edge].fill(false);
        if world.edges[edge].must_restart() {
            world.crash_edge(edge)?;
        }
        world.edges[edge].regain();
        world.commit(edge)?;
    }
    Ok(())
}

/// I2: nothing waits for longer than its own schedule says, whatever a clock once showed.
fn in_time(took: Duration) -> Result<(), Violation> {
    if took <= DRAIN_MAX {
        return Ok(());
    }
    violation("I2", format!("it took {took:?} until nothing waited any more"))
}

/// I2: a place that nobody gives back stops a destination sooner or later.
fn places_are_free(world: &mut World) -> Result<(), Violation> {
    let busy = world.desk.busy()?;
    if busy.is_empty() {
        return Ok(());
    }
    violation("I2", format!("nothing is under way, and places are taken: {busy:?}"))
}

/// Lets everything run until nothing is left to do.
fn drain(world: &mut World) -> Result<(), Violation> {
    let begun = world.now;
    for _ in 0..DRAIN_TURNS_MAX {
        tend(world)?;
        for edge in 0..world.edges.len() {
            world.commit(edge)?;
            world.hand_over(edge, Passage::Arrives, 50)?;
        }
        let sent = world.deliver(None)?;
        let backlog = world.edges.iter().any(|edge| !edge.is_drained());
        let wake = world.desk.wake(world.now)?;
        let next: Option<Timestamp> = world.desk.next_answer().into_iter().chain(wake).min();
        match next {
            Some(at) => world.now = world.now.max(at.min(world.now.plus(SLEEP_MAX))),
            None if sent == Some(0) && !backlog => {
                places_are_free(world)?;
                return in_time(world.now.since(begun));
            }
            None => {}
        }
        world.settle()?;
    }
    violation("I2", format!("after {DRAIN_TURNS_MAX} turns something still waits"))
}

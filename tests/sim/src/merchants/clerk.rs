//! Clerks: people who see to changes that the new platform did not take.

use ledger::By;
use processor::Redrive;

use crate::model::Violation;
use crate::platform::pick;
use crate::world::World;

/// How many waiting changes a clerk looks at.
const SEEN_MAX: usize = 5;

/// Somebody looks at the changes that wait for a person, and decides about one, rightly or wrongly.
pub(crate) fn mend(world: &mut World) -> Result<(), Violation> {
    let waiting = world.desk.look(|ledger| ledger.adjustments_at_risk(SEEN_MAX))?;
    let ids: Vec<_> = waiting.iter().map(|change| (change.adjustment_id, change.conversion)).collect();
    if ids.is_empty() {
        return Ok(());
    }
    let (id, conversion) = pick(&mut world.calling.chance, &ids);
    let what = world.calling.chance.below(6);
    world.trace.note(format!("a clerk decides {what} about change {id}"));
    world.counts.changes_mended += 1;
    let (now, by) = (world.now, By { actor: "a clerk", why: "simulated" });
    if what > 2 {
        let (actor, why) = ("a clerk".to_owned(), "simulated".to_owned());
        let order = Redrive { events: vec![id], actor, why, approved: what == 3 };
        return world.desk.ask("redrive", now, |desk, now| desk.redrive(&order, now)).map(drop);
    }
    world.merchants.touched.insert(conversion);
    if what == 0 {
        return world.desk.ask("discard", now, |desk, now| desk.discard(&[id], by, now)).map(drop);
    }
    world.desk.ask("settle", now, |desk, now| desk.close(&[id], what == 1, by, now)).map(drop)
}

//! What a programme pays in a month at most, held against every decision when it was made.

use std::collections::BTreeMap;

use units::EventId;

use super::Rows;
use crate::model::{Violation, violation};
use crate::scope::Scope;
use crate::words::{CAP, OFFLINE, earns};

/// What the orders of the capped programme earn as they were last decided about, in cents.
pub(crate) type Earned = BTreeMap<EventId, i64>;

/// I12: all orders of the programme's month together never earn more than its cap, in whatever order they came; and each
/// earns everything that it is worth, or all that was left when it was decided about.
///
/// Where one step decided about several, what was left for each lies between what it was before and after the step.
pub(crate) fn capped(before: &Earned, rows: &Rows) -> Result<Earned, Violation> {
    // What is held and was never booked names what it would earn.
    let own = rows.values().filter(|row| row.advertiser_id == OFFLINE && row.status.is_some());
    let now: Earned = own.filter_map(|row| Some((row.event_id, row.commission?.minor))).collect();
    let sum: i64 = now.values().sum();
    if sum > CAP {
        return violation("I12", format!("{sum} of at most {CAP} are earned in a month: {now:?}"));
    }
    for (event_id, earned) in now.iter().filter(|(event_id, earned)| before.get(event_id) != Some(*earned)) {
        let left = |bound: fn(i64, i64) -> i64| CAP - others(*event_id, before, &now, bound);
        let row = &rows[event_id];
        let due = earns(Scope::Terms, OFFLINE, row.amount.map_or(0, |money| money.minor));
        let (least, most) = (due.min(left(i64::max)), due.min(left(i64::min)));
        if !(least..=most).contains(earned) {
            return violation("I12", format!("{earned} is earned, and not {least} to {most}, by {row:?}"));
        }
    }
    Ok(now)
}

/// What all others earn, each before or after a step as `bound` picks.
fn others(event_id: EventId, before: &Earned, now: &Earned, bound: fn(i64, i64) -> i64) -> i64 {
    let of = |earned: &Earned, id: &EventId| earned.get(id).copied().unwrap_or(0);
    let gone = before.keys().filter(|id| !now.contains_key(*id));
    let everybody = now.keys().chain(gone).filter(|id| **id != event_id);
    everybody.map(|id| bound(of(before, id), of(now, id))).sum()
}

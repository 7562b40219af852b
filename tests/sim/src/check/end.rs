//! What must hold at the end, once everything is healed and drained.

use std::collections::{BTreeMap, BTreeSet};

use ledger::{ConversionRow, Ledger};
use relay::delivery::State;

use super::{Known, Rows};
use crate::counts::Counts;
use crate::desk::Strays;
use crate::gap::{Gap, Gaps};
use crate::merchants::Merchants;
use crate::model::{Arrival, Model, Reply, Violation, violation};
use crate::platform::{Effect, Logged, Platform, Told};
use crate::publishers::Publishers;
use crate::scope::Scope;
use crate::shopper::Reference;
use crate::words::{CAP, OFFLINE, earns, is_unmapped};

/// I2 at the end of a healed run: every acknowledged sale has one final home, and the home is the right one.
pub(crate) fn drained(
    known: &Known<'_>,
    (rows, strays): (&Rows, &Strays),
    gaps: &mut Gaps,
) -> Result<(), Violation> {
    let &Known { model, platforms, .. } = known;
    for (number, arrival) in &model.arrivals {
        match rows.get(&arrival.event_id) {
            Some(row) => {
                let sent: Vec<&Logged> =
                    sales_of(model, platforms, arrival.order).filter(|logged| !logged.by_edge).collect();
                final_home(arrival, row, known, &sent, gaps)?;
            }
            None if strays.values().any(|stray| *stray == arrival.event_id) => {}
            None if arrival.reply == Reply::Durable => {
                return violation("I1", format!("sale {number} was acknowledged and did not arrive"));
            }
            None => {}
        }
    }
    Ok(())
}

fn final_home(
    arrival: &Arrival,
    row: &ConversionRow,
    known: &Known<'_>,
    sent: &[&Logged],
    gaps: &mut Gaps,
) -> Result<(), Violation> {
    let what = format!("{} ({}) at the end: {arrival:?}, {sent:?}", row.state, row.reason);
    let (order, said) = (&known.orders[arrival.order], known.said);
    // What may have gone out twice by somebody's word is where it is.
    let again = said.again.contains(&arrival.order);
    let held = is_unmapped(arrival.shop)
        || said.may_be_held(arrival.order)
        || arrival.cents.is_none()
        || matches!(order.reference, Reference::Long(_))
        || row.reason.contains("publisher_unmapped");
    let arrived = sent.iter().any(|logged| logged.effect != Effect::Nothing);
    let doubted = sent.iter().any(|logged| logged.told == Told::Unsure);
    let right = match row.state {
        State::Queued | State::InFlight => false,
        State::Dropped if known.merchants.is_void(row.event_id) => !arrived || doubted || again,
        State::Dropped => said.dropped.contains(&arrival.order),
        State::Held => held,
        State::Dead | State::Rejected if again => true,
        State::Dead => !arrived,
        State::Rejected if arrived && doubted => {
            return gaps.seen(Gap::RefusedAfterDoubt, arrival.order, what);
        }
        State::Rejected => !arrived && sent.iter().any(|logged| logged.answered == Told::Refused),
        // The platform said yes, and it was not understood.
        State::Unknown => again || sent.iter().all(|logged| logged.told != Told::Yes),
        State::Merged | State::Conflict | State::Taken | State::Confirmed => true,
    };
    if right { Ok(()) } else { violation("I2", what) }
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

/// Nothing is awarded by guessing: who is credited is credited by a click that an arrival of the order proves.
pub(crate) fn unguessed(known: &Known<'_>, rows: &Rows, publishers: &Publishers) -> Result<(), Violation> {
    let proven: BTreeSet<usize> =
        known.model.arrivals.values().filter(|arrival| arrival.proves).map(|arrival| arrival.order).collect();
    for row in rows.values().filter(|row| row.publisher_id.is_some()) {
        let Some(arrival) = known.model.event(row.event_id) else { continue };
        if !proven.contains(&arrival.order) && !publishers.proves(arrival.order) {
            return violation("I12", format!("nothing proves who is credited for {row:?}"));
        }
    }
    Ok(())
}

/// I12, recomputed from every line: each set is zero, and what is in force is what the sale earns, once.
pub(crate) fn books(
    (scope, rows): (Scope, &Rows),
    merchants: &Merchants,
    ledger: &Ledger,
) -> Result<(), Violation> {
    let mut capped = 0;
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
        let account = merchants.account(row.event_id);
        if !account.is_changed {
            awarded(row, ledger, &accounts)?;
        }
        let credited = row.publisher_id.is_some() && is_booked(row) && !account.is_void;
        let cents = account.cents.unwrap_or_else(|| row.amount.map_or(0, |money| money.minor));
        let due = earns(scope, row.advertiser_id, cents);
        let is_capped = scope.has_terms() && row.advertiser_id == OFFLINE;
        capped += if is_capped { owed } else { 0 };
        let right = match credited {
            true if is_capped => owed <= due + 1 && capped <= CAP,
            true => owed == due,
            false => owed == 0,
        };
        if !right {
            return violation("I12", format!("{owed} are owed for {row:?}"));
        }
    }
    Ok(())
}

/// The award in force is what the books owe to publishers.
fn awarded(row: &ConversionRow, ledger: &Ledger, accounts: &BTreeMap<String, i64>) -> Result<(), Violation> {
    if !is_booked(row) {
        return Ok(());
    }
    let awards = ledger.awards_of(row.event_id).or_else(|error| violation("I12", error.to_string()))?;
    let last = awards.iter().map(|award| award.number).max();
    let in_force = awards.iter().filter(|award| Some(award.number) == last && award.publisher_id != 0);
    let awarded: i64 = in_force.map(|award| award.share.minor).sum();
    let publishers = accounts.iter().filter(|(account, _)| account.starts_with("Publisher("));
    let owed: i64 = publishers.map(|(_, sum)| *sum).sum();
    if awarded == owed {
        return Ok(());
    }
    violation("I12", format!("{owed} are owed to publishers and {awarded} awarded: {awards:?} for {row:?}"))
}

/// What is held may have been booked before.
const fn is_booked(row: &ConversionRow) -> bool {
    match row.state {
        State::Held => row.status.is_some(),
        state => !matches!(state, State::Merged | State::Conflict | State::Dropped),
    }
}

/// True if every booking of the order came through the same edge, which had sent one of them itself.
fn at_one_edge(known: &Known<'_>, order: usize) -> bool {
    let booked =
        sales_of(known.model, known.platforms, order).filter(|logged| logged.effect == Effect::Booked);
    let edges: BTreeSet<usize> =
        booked.filter_map(|logged| known.model.arrivals.get(&logged.arrival)).map(|told| told.edge).collect();
    edges.len() == 1
}

/// Adds up where everything stands.
pub(crate) fn count(counts: &mut Counts, rows: &Rows, known: &Known<'_>, gaps: &Gaps) {
    let platforms = known.platforms;
    counts.doubled_by_edge = gaps.count(Gap::DoubledByEdge);
    counts.doubled_at_one_edge =
        gaps.orders(Gap::DoubledByEdge).filter(|order| at_one_edge(known, *order)).count() as u64;
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
            State::Dropped => counts.dropped += 1,
            State::Queued | State::InFlight => {}
        }
    }
    let booked = |platform: &Platform| {
        platform.log.iter().filter(|logged| logged.effect == Effect::Booked).count() as u64
    };
    counts.booked = platforms.iter().map(booked).sum();
}

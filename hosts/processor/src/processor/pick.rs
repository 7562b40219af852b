//! Which of the conversions that wait are looked at for the next places.
//!
//! They are asked for by how long they wait, which is right as long as everybody may go. Where the first of them
//! are of merchants that may not, however many they are, the merchants are gone through one after another
//! instead, a bounded number in one turn and on from there in the next, so that nobody waits behind another's
//! backlog.

use std::collections::{BTreeMap, BTreeSet};

use ledger::{Due, Wanted, Which};
use relay::delivery::{Gate, Rank};
use units::limits::MERCHANTS_LOOKED_AT_MAX;
use units::{EventId, Timestamp};

use super::lane::Lane;
use super::{Processor, ProcessorError};

/// Before everything.
const EVER: Timestamp = Timestamp::from_millis(i64::MIN);

/// Conversions that were picked for places, no more of one merchant than there is room for.
struct Picked<'a> {
    gate: &'a Gate,
    now: Timestamp,
    wanted: usize,
    rows: Vec<Due>,
    seen: BTreeSet<EventId>,
    places: BTreeMap<u64, usize>,
}

impl<'a> Picked<'a> {
    const fn new(gate: &'a Gate, wanted: usize, now: Timestamp) -> Self {
        Self { gate, now, wanted, rows: Vec::new(), seen: BTreeSet::new(), places: BTreeMap::new() }
    }

    fn missing(&self) -> usize {
        self.wanted.saturating_sub(self.rows.len())
    }

    fn room(&self, merchant: u64) -> usize {
        let taken = self.places.get(&merchant).copied().unwrap_or(0);
        self.gate.merchant_room(merchant, self.now).saturating_sub(taken).min(self.missing())
    }

    fn take(&mut self, rows: Vec<Due>) {
        for row in rows {
            if self.room(row.advertiser_id) > 0 && self.seen.insert(row.event_id) {
                *self.places.entry(row.advertiser_id).or_default() += 1;
                self.rows.push(row);
            }
        }
    }
}

impl Processor {
    /// Up to `wanted` conversions of a rank that may go.
    pub(super) fn pick(
        &mut self,
        lane: &Lane,
        rank: Rank,
        wanted: usize,
        now: Timestamp,
    ) -> Result<Vec<Due>, ProcessorError> {
        let ask = self.ask(lane, rank, now);
        if wanted == 0 || !self.waits(&ask)? {
            return Ok(Vec::new());
        }
        let Some(gate) = self.gates.get(&lane.destination) else { return Ok(Vec::new()) };
        let mut picked = Picked::new(gate, wanted, now);
        let mut crowded = false;
        // Of a backlog the oldest and the newest by turns: those at the end of their merchant's patience, and those
        // whose evidence is still warm.
        let first_end = rank == Rank::Backlog && self.newest_first.contains(&lane.destination);
        let first = self.ledger.waiting(&Wanted { newest: first_end, ..ask }, wanted)?;
        crowded |= first.len() == wanted;
        if rank == Rank::Backlog {
            if !self.newest_first.remove(&lane.destination) {
                self.newest_first.insert(lane.destination.clone());
            }
            let second = wanted.div_euclid(2);
            let second = self.ledger.waiting(&Wanted { newest: !first_end, ..ask }, second)?;
            picked.take(interleaved(first, second));
        } else {
            picked.take(first);
        }
        if crowded && picked.missing() > 0 {
            let key = (lane.destination.clone(), rank);
            let at = self.rings.get(&key).copied();
            let at = go_round(&self.ledger, &mut picked, lane, &ask, at)?;
            let rows = picked.rows;
            self.rings.insert(key, at);
            return Ok(rows);
        }
        Ok(picked.rows)
    }

    /// One conversion of the merchant whose turn it is.
    pub(super) fn pick_in_turn(
        &mut self,
        lane: &Lane,
        rank: Rank,
        now: Timestamp,
    ) -> Result<Option<Due>, ProcessorError> {
        let ask = self.ask(lane, rank, now);
        if !self.waits(&ask)? {
            return Ok(None);
        }
        let Some(gate) = self.gates.get(&lane.destination) else { return Ok(None) };
        let mut picked = Picked::new(gate, 1, now);
        let key = (lane.destination.clone(), rank);
        let at = go_round(&self.ledger, &mut picked, lane, &ask, self.rings.get(&key).copied())?;
        let row = picked.rows.pop();
        self.rings.insert(key, at);
        Ok(row)
    }

    /// False if nothing waits for so long: a question that costs a look at the end of an index, and is asked in every
    /// turn.
    fn waits(&self, ask: &Wanted<'_>) -> Result<bool, ProcessorError> {
        let next = self.ledger.next_due(ask.lane, ask.which)?;
        Ok(next.is_some_and(|due| due <= ask.until))
    }

    /// What is asked of the ledger for a rank.
    pub(super) fn ask<'a>(&self, lane: &'a Lane, rank: Rank, now: Timestamp) -> Wanted<'a> {
        let fresh_from = now.minus(self.snapshot.policy.delivery.fresh_for);
        let (which, after, until) = match rank {
            Rank::Fresh => (Which::Fresh, fresh_from, now),
            Rank::Backlog => (Which::Fresh, EVER, fresh_from),
            Rank::Retry => (Which::Retries, EVER, now),
        };
        Wanted { lane: lane.rows(), which, after, until, newest: false }
    }
}

/// Goes through the merchants of a lane from behind `at`, once round at most and never more than a bounded number of
/// them. Returns where it ended.
fn go_round(
    ledger: &ledger::Ledger,
    picked: &mut Picked<'_>,
    lane: &Lane,
    ask: &Wanted<'_>,
    at: Option<u64>,
) -> Result<u64, ProcessorError> {
    let (mut at, mut wrapped) = (at, at.is_none());
    for _ in 0..MERCHANTS_LOOKED_AT_MAX {
        let Some(merchant) = ledger.next_merchant(lane.rows(), at)? else {
            if wrapped {
                break;
            }
            (at, wrapped) = (None, true);
            continue;
        };
        at = Some(merchant);
        let room = picked.room(merchant);
        if room > 0 {
            picked.take(ledger.waiting_of(merchant, ask, room)?);
        }
        if picked.missing() == 0 {
            break;
        }
    }
    Ok(at.unwrap_or(u64::MAX))
}

/// One of each by turns.
fn interleaved(first: Vec<Due>, second: Vec<Due>) -> Vec<Due> {
    let mut both = Vec::with_capacity(first.len().saturating_add(second.len()));
    let (mut first, mut second) = (first.into_iter(), second.into_iter());
    loop {
        match (first.next(), second.next()) {
            (None, None) => return both,
            (one, other) => both.extend(one.into_iter().chain(other)),
        }
    }
}

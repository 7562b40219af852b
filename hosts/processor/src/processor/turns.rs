//! Which changes are told next: edits and voids by turns, and of each kind the merchants in rounds.
//!
//! The platform takes a request for changes every few seconds. Whose changes are due the longest would have all of these
//! moments, were it not passed over until everybody else who waits has had one.

use std::collections::BTreeSet;

use ledger::{DueAdjustment, WantedChanges};
use relay::delivery::Destination;
use tracking::Home;
use tracking::dialect::interface::Operation;
use units::Timestamp;

use super::deliver::Delivery;
use super::quarantine::steadily;
use super::{Processor, ProcessorError};

/// Most merchants that are passed over for one request, because they may not send for now.
const MERCHANTS_PASSED_OVER_MAX: usize = 1000;

/// Who has had a turn.
#[derive(Debug, Default)]
pub(super) struct ChangeTurns {
    last: Option<Operation>,
    /// The merchants who were told of in this round, of edits and of voids.
    told: [BTreeSet<u64>; 2],
}

impl ChangeTurns {
    /// The kinds in the order in which they are asked for.
    fn order(&self) -> [Operation; 2] {
        match self.last {
            Some(Operation::Edit) => [Operation::Void, Operation::Edit],
            _ => [Operation::Edit, Operation::Void],
        }
    }

    const fn round(&mut self, operation: Operation) -> &mut BTreeSet<u64> {
        let [edits, voids] = &mut self.told;
        if matches!(operation, Operation::Void) { voids } else { edits }
    }

    /// A change of this kind was told of, of this merchant.
    pub(super) fn told(&mut self, operation: Operation, merchant: u64) {
        self.last = Some(operation);
        self.round(operation).insert(merchant);
    }
}

impl Processor {
    /// Adds the requests for changes that may go now, durably in flight. What has begun is in flight whatever happens to
    /// the others, which are asked for again; what went wrong with them is told with the turn.
    pub(super) fn next_changes(&mut self, now: Timestamp, deliveries: &mut Vec<Delivery>) {
        for operation in self.change_turns.order() {
            let ask = |processor: &mut Self| processor.next_change(operation, now);
            let change = steadily("tell of changes", || self.passing_unreadable(now, ask));
            change.map_or_else(|error| self.complaints.push(error), |change| deliveries.extend(change));
        }
    }

    /// Changes of the merchant whose change is due the longest, of those that may send and have not had a turn in this
    /// round; once nobody of these waits, another round begins.
    pub(super) fn changes_of_one(
        &mut self,
        destination: &Destination,
        (told_before, operation): (Timestamp, Operation),
        limit: usize,
        now: Timestamp,
    ) -> Result<Vec<DueAdjustment>, ProcessorError> {
        let shut_out = self.without_room(destination, now);
        let round = self.change_turns.round(operation);
        let room = MERCHANTS_PASSED_OVER_MAX.saturating_sub(shut_out.len());
        if !round.is_empty() && round.len() <= room {
            let except: Vec<u64> = shut_out.iter().chain(&*round).copied().collect();
            let wanted = WantedChanges { told_before, operation, except: &except };
            let others = self.ledger.due_adjustments(now, &wanted, limit)?;
            if !others.is_empty() {
                return Ok(others);
            }
        }
        self.change_turns.round(operation).clear();
        let wanted = WantedChanges { told_before, operation, except: &shut_out };
        Ok(self.ledger.due_adjustments(now, &wanted, limit)?)
    }

    /// The merchants that are passed over, because they may not send for now.
    fn without_room(&self, destination: &Destination, now: Timestamp) -> Vec<u64> {
        let gate = self.gates.get(destination);
        let shut_out = gate.into_iter().flat_map(|gate| gate.merchants_without_room(now));
        shut_out.take(MERCHANTS_PASSED_OVER_MAX).collect()
    }

    /// When [`Processor::next_changes`] may have something that it has not now; none if nothing but an outcome makes
    /// that possible.
    pub(super) fn next_change_at(&self, now: Timestamp) -> Result<Option<Timestamp>, ProcessorError> {
        let mut next: Option<Timestamp> = None;
        for send in &self.snapshot.migration.sends {
            let Some(operation) = send.change else { continue };
            let destination = Destination::new(Home::Primary, &send.endpoint);
            let gate = self.gates.get(&destination);
            let opens = gate.and_then(|gate| gate.opens_at(now));
            // Every place is taken, or it is asked first whether anybody is there: that outcome wakes.
            let taken = opens.is_none() && gate.is_some_and(|gate| gate.room(now) == 0);
            if taken || self.asks_first(&destination) {
                continue;
            }
            let except = self.without_room(&destination, now);
            let due = self.ledger.next_adjustment(operation, &except)?;
            let due = due.map(|due| due.plus(send.settle));
            // Those who are passed over come when the first of them may send again.
            let others = gate.filter(|_| !except.is_empty()).and_then(|gate| gate.merchant_opens_at(now));
            let possible = due.into_iter().chain(others).min();
            let possible = possible.map(|at| at.max(self.change_at).max(opens.unwrap_or(at)));
            next = next.into_iter().chain(possible).min();
        }
        Ok(next)
    }
}

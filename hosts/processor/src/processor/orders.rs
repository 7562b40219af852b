//! Orders of people over many dead letters: written down first, then worked off step by step, a bounded number in a
//! second, across crashes.

use ledger::{Action, By, Closed, LedgerError, NewOrder, OrderItem, OrderRow, Redriven, Transaction};
use relay::delivery::State;
use units::limits::{ORDER_EVERY, ORDER_STEP_MAX, ORDERS_OPEN_MAX};
use units::{EventId, Timestamp};

use super::people::Obeying;
use super::quarantine::step;
use super::{Processor, ProcessorError};

/// What a person orders.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Ordered {
    /// The operation's id; none makes one.
    pub order_id: Option<String>,
    /// What is to be done.
    pub action: Action,
    /// What was asked for; equal texts are equal questions.
    pub selection: String,
    /// Each dead letter with when it last changed, if that was looked up already; at most once each.
    pub items: Vec<(EventId, Option<Timestamp>)>,
    /// True where more was found than the order takes.
    pub capped: bool,
    /// True to overrule doubts.
    pub overrules: bool,
    /// Who orders it.
    pub actor: String,
    /// Why.
    pub reason: String,
    /// True where nobody knows who orders it: then it may not be one that needs a second person.
    pub alone: bool,
}

/// What became of an order that came in.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Placed {
    /// It is written down, and perhaps worked off already.
    New(OrderRow),
    /// The operation was ordered before: this is how that order stands. Nothing was done.
    Before(OrderRow),
    /// The operation's id is another order's. Nothing was done.
    Taken(OrderRow),
    /// Too many orders are not over. Nothing was done.
    TooMany,
    /// It needs a second person, and nobody knows who the first is. Nothing was done.
    NeedsAName,
}

/// What a second person's word came to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Approval {
    /// The order runs.
    Approved(OrderRow),
    /// It does not wait for anybody.
    NotWaiting(OrderRow),
    /// Who orders cannot approve.
    SamePerson(OrderRow),
    /// There is no such order.
    NotFound,
}

/// How many dead letters orders may still move in this moment.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Pacing {
    from: Timestamp,
    room: usize,
}

impl Pacing {
    pub(super) const fn new(now: Timestamp) -> Self {
        Self { from: now, room: ORDER_STEP_MAX }
    }

    fn room(&mut self, now: Timestamp) -> usize {
        // A clock that was set back makes nobody wait for it to come back.
        if now.since(self.from) >= ORDER_EVERY || now < self.from {
            *self = Self::new(now);
        }
        self.room
    }

    const fn took(&mut self, count: usize) {
        self.room = self.room.saturating_sub(count);
    }

    /// When there is room again.
    fn opens_at(&self) -> Timestamp {
        if self.room > 0 { self.from } else { self.from.plus(ORDER_EVERY) }
    }
}

impl Processor {
    /// Writes an order down and begins with it, unless it waits for a second person.
    ///
    /// # Errors
    /// If the ledger fails; then nothing was ordered.
    pub fn order(&mut self, ordered: &Ordered, now: Timestamp) -> Result<Placed, ProcessorError> {
        let order_id = match &ordered.order_id {
            Some(id) => id.clone(),
            None => EventId::new(self.draw(), now).to_string(),
        };
        if let Some(row) = self.ledger.order(&order_id)? {
            let same = row.action == ordered.action
                && row.selection == ordered.selection
                && row.overrules == ordered.overrules;
            return Ok(if same { Placed::Before(row) } else { Placed::Taken(row) });
        }
        if self.ledger.open_orders()? >= ORDERS_OPEN_MAX {
            return Ok(Placed::TooMany);
        }
        let mut items = ordered.items.clone();
        for (event_id, seen_at) in items.iter_mut().filter(|(_, seen_at)| seen_at.is_none()) {
            *seen_at = self.ledger.last_changed(*event_id)?;
        }
        let events: Vec<EventId> = items.iter().map(|(event_id, _)| *event_id).collect();
        let waits = self.snapshot.policy.orders.needs_second(events.len(), &self.ledger.money_of(&events)?);
        if waits && ordered.alone {
            return Ok(Placed::NeedsAName);
        }
        let mut transaction = self.ledger.transaction(now)?;
        transaction.place_order(&NewOrder {
            order_id: &order_id,
            action: ordered.action,
            selection: &ordered.selection,
            overrules: ordered.overrules,
            capped: ordered.capped,
            by: By { actor: &ordered.actor, why: &ordered.reason },
            waits,
            items: &items,
        })?;
        transaction.commit()?;
        self.begin_order(&order_id, now)
    }

    /// What is written down is obeyed, now or later: nothing from here on undoes the order.
    fn begin_order(&mut self, order_id: &str, now: Timestamp) -> Result<Placed, ProcessorError> {
        self.orders_run = true;
        let placed = self.ledger.order(order_id)?;
        if let Some(row) = placed.filter(|row| row.state == ledger::OrderState::Running) {
            let room = self.pacing.room(now);
            self.obey(&row, room, now)?;
        }
        let row = self.ledger.order(order_id)?;
        row.map(Placed::New).ok_or_else(|| LedgerError::Schema("an order is gone".to_owned()).into())
    }

    /// A second person approves an order that waits for one.
    ///
    /// # Errors
    /// If the ledger fails; then nothing was approved.
    pub fn approve(
        &mut self,
        order_id: &str,
        actor: &str,
        now: Timestamp,
    ) -> Result<Approval, ProcessorError> {
        let Some(row) = self.ledger.order(order_id)? else { return Ok(Approval::NotFound) };
        let same = row.actor.trim().eq_ignore_ascii_case(actor.trim());
        if row.state != ledger::OrderState::Waiting {
            return Ok(Approval::NotWaiting(row));
        }
        if same {
            return Ok(Approval::SamePerson(row));
        }
        let mut transaction = self.ledger.transaction(now)?;
        transaction.approve_order(order_id, actor)?;
        transaction.commit()?;
        match self.begin_order(order_id, now)? {
            Placed::New(row) | Placed::Before(row) | Placed::Taken(row) => Ok(Approval::Approved(row)),
            Placed::TooMany | Placed::NeedsAName => Ok(Approval::NotFound),
        }
    }

    /// Stops an order: what it has not moved yet stays as it is. None if there is no such order.
    ///
    /// # Errors
    /// If the ledger fails; then nothing was stopped.
    pub fn stop_order(
        &mut self,
        order_id: &str,
        by: By<'_>,
        now: Timestamp,
    ) -> Result<Option<OrderRow>, ProcessorError> {
        let mut transaction = self.ledger.transaction(now)?;
        transaction.stop_order(order_id, by)?;
        transaction.commit()?;
        Ok(self.ledger.order(order_id)?)
    }

    /// Goes on with the orders that run, as far as there is room for it now.
    ///
    /// # Errors
    /// If the ledger fails; what was not done is done the next time.
    pub fn obey_orders(&mut self, now: Timestamp) -> Result<(), ProcessorError> {
        while self.orders_run {
            let room = self.pacing.room(now);
            if room == 0 {
                return Ok(());
            }
            match self.ledger.running_order()? {
                Some(row) => self.obey(&row, room, now)?,
                None => self.orders_run = false,
            }
        }
        Ok(())
    }

    /// When an order may go on; none if none runs.
    pub(super) fn next_order(&self) -> Option<Timestamp> {
        self.orders_run.then(|| self.pacing.opens_at())
    }

    /// The next items of an order: together, and one by one where that fails.
    fn obey(&mut self, order: &OrderRow, room: usize, now: Timestamp) -> Result<(), ProcessorError> {
        if room == 0 {
            return Ok(());
        }
        let worked = i64::try_from(order.worked).unwrap_or(i64::MAX);
        let items = self.ledger.order_items(&order.order_id, worked, room)?;
        self.pacing.took(items.len().max(1));
        if items.is_empty() {
            // Nothing is left of it, whatever its count says: it is over.
            let mut transaction = self.ledger.transaction(now)?;
            transaction.order_went_on(&order.order_id)?;
            transaction.commit()?;
            return Ok(());
        }
        if step(|| self.obey_some(order, &items, now)).is_ok() {
            return Ok(());
        }
        for item in items {
            let one = std::slice::from_ref(&item);
            if let Err(why) = step(|| self.obey_some(order, one, now)) {
                let mut transaction = self.ledger.transaction(now)?;
                let detail = format!("order {}: not done, because {why}", order.order_id);
                transaction.journal(&order.actor, order.action.name(), Some(item.event_id), &detail)?;
                transaction.item_done(&order.order_id, item.place, "failed", None)?;
                transaction.order_went_on(&order.order_id)?;
                transaction.commit()?;
            }
        }
        Ok(())
    }

    fn obey_some(
        &mut self,
        order: &OrderRow,
        items: &[OrderItem],
        now: Timestamp,
    ) -> Result<(), ProcessorError> {
        let obeying = Obeying {
            by: By { actor: &order.actor, why: &order.reason },
            approved: order.overrules,
            snapshot: &self.snapshot,
            now,
        };
        let mut slot = self.redrive_at.max(now);
        let mut moved = Vec::new();
        let mut transaction = self.ledger.transaction(now)?;
        for item in items {
            let (outcome, state) = done(&obeying, order.action, &mut transaction, item, &mut slot)?;
            moved.extend(state.filter(|_| outcome == DONE).map(|state| (item.event_id, state)));
            let state = state.map(State::name);
            transaction.item_done(&order.order_id, item.place, outcome, state)?;
        }
        transaction.order_went_on(&order.order_id)?;
        transaction.commit()?;
        self.redrive_at = slot;
        for (event_id, state) in moved {
            self.moved(event_id, state.name());
        }
        Ok(())
    }

    /// Closes doubts about conversions and changes, by a person's evidence (`by.why`).
    ///
    /// # Errors
    /// If the ledger fails; then nothing was closed.
    pub fn close(
        &mut self,
        events: &[EventId],
        arrived: bool,
        by: By<'_>,
        now: Timestamp,
    ) -> Result<Vec<(EventId, Closed)>, ProcessorError> {
        let mut outcomes = Vec::with_capacity(events.len());
        let mut transaction = self.ledger.transaction(now)?;
        for &event_id in events {
            outcomes.push((event_id, transaction.close(event_id, arrived, by)?));
        }
        transaction.commit()?;
        for (event_id, outcome) in &outcomes {
            if let Closed::Done(state) = outcome {
                self.moved(*event_id, state.name());
            }
        }
        Ok(outcomes)
    }
}

/// The outcome of an item that was moved.
const DONE: &str = "done";

/// What an order does with one item: the outcome, and the state that it is left in.
fn done(
    obeying: &Obeying<'_>,
    action: Action,
    transaction: &mut Transaction<'_>,
    item: &OrderItem,
    slot: &mut Timestamp,
) -> Result<(&'static str, Option<State>), LedgerError> {
    let event_id = item.event_id;
    let Some(changed_at) = transaction.last_changed(event_id)? else { return Ok(("not_found", None)) };
    if item.seen_at.is_some_and(|seen_at| seen_at != changed_at) {
        let state = transaction.stands(event_id)?.map(|(state, _)| state);
        return Ok(("moved_meanwhile", state));
    }
    let redriven = match action {
        Action::Redrive => obeying.redrive(transaction, event_id, *slot)?,
        Action::Discard => match transaction.discard(event_id, obeying.by)? {
            Redriven::NotFound => transaction.discard_change(event_id, obeying.by)?,
            other => other,
        },
    };
    Ok(match redriven {
        Redriven::Queued => {
            *slot = slot.plus(super::people::REDRIVE_EVERY);
            (DONE, Some(State::Queued))
        }
        Redriven::Decided(State::Held) => ("still_held", Some(State::Held)),
        Redriven::Decided(state) => (DONE, Some(state)),
        Redriven::Already(state) => ("nothing_to_do", Some(state)),
        Redriven::NotFound => ("not_found", None),
    })
}

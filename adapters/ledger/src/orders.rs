//! Orders of people over many dead letters: written down before anything moves, worked off item by item.
//!
//! An order and the list of what it is about are one commit; each item's outcome is in the same commit as what was done
//! with it. So a crash in the middle leaves an order that knows exactly what is left to do. The operation's id is the
//! orderer's: the same one again is the same order, whoever sends it.

use crate::store::Row;
use units::{Currency, EventId, Money, Timestamp};

use crate::dead::SUMMED_MAX;
use crate::{By, Ledger, LedgerError, Transaction, sql};

/// What an order does with each dead letter.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Action {
    /// Sends it again, or decides about it anew.
    Redrive,
    /// Drops it for good, as a recorded decision.
    Discard,
}

impl Action {
    /// The action's name in tables and output.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Redrive => "redrive",
            Self::Discard => "discard",
        }
    }

    /// The action called `name`.
    pub fn parse(name: &str) -> Option<Self> {
        [Self::Redrive, Self::Discard].into_iter().find(|action| action.name() == name)
    }
}

/// Where an order stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum OrderState {
    /// It waits for a second person.
    Waiting,
    /// It is being worked off.
    Running,
    /// A person has stopped it.
    Stopped,
    /// Everything in it is worked off.
    Done,
}

impl OrderState {
    /// The state's name in tables and output.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Running => "running",
            Self::Stopped => "stopped",
            Self::Done => "done",
        }
    }

    fn parse(name: &str) -> Option<Self> {
        [Self::Waiting, Self::Running, Self::Stopped, Self::Done]
            .into_iter()
            .find(|state| state.name() == name)
    }
}

/// An order to be written down.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct NewOrder<'a> {
    /// The operation's id.
    pub order_id: &'a str,
    /// What is to be done.
    pub action: Action,
    /// What was asked for; equal texts are equal questions.
    pub selection: &'a str,
    /// True where doubts are overruled.
    pub overrules: bool,
    /// True where more was found than the order takes.
    pub capped: bool,
    /// Who orders it, and why.
    pub by: By<'a>,
    /// True if it waits for a second person.
    pub waits: bool,
    /// What it is about, each with when it last changed; none for what is not there.
    pub items: &'a [(EventId, Option<Timestamp>)],
}

/// An order as it stands.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct OrderRow {
    /// The operation's id.
    pub order_id: String,
    /// What is done.
    pub action: Action,
    /// What was asked for.
    pub selection: String,
    /// True where doubts are overruled.
    pub overrules: bool,
    /// True where more was found than it takes.
    pub capped: bool,
    /// Who ordered it.
    pub actor: String,
    /// Why.
    pub reason: String,
    /// Where it stands.
    pub state: OrderState,
    /// Who approved it.
    pub approved_by: Option<String>,
    /// Who stopped it.
    pub stopped_by: Option<String>,
    /// How many dead letters it is about.
    pub items: u64,
    /// How many are worked off.
    pub worked: u64,
    /// How many of those it moved.
    pub moved: u64,
    /// When it was ordered.
    pub ordered_at: Timestamp,
    /// When it last went on.
    pub changed_at: Timestamp,
}

/// One dead letter of an order.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct OrderItem {
    /// Its place, from 1.
    pub place: i64,
    /// The conversion, or the change.
    pub event_id: EventId,
    /// When it last changed when it was ordered.
    pub seen_at: Option<Timestamp>,
    /// What became of it; none while it waits.
    pub outcome: Option<String>,
    /// The state that it was left in.
    pub state: Option<String>,
}

const COLUMNS: &str =
    "SELECT order_id, action, selection, overrules, capped, actor, reason, state, approved_by,
    stopped_by, items, worked, moved, ordered_at, changed_at FROM orders";

const ITEMS: &str = "SELECT place, event_id, seen_at, outcome, state FROM order_items WHERE order_id = ?1";

impl Transaction<'_> {
    /// Writes an order down. It must not be there yet.
    ///
    /// # Errors
    /// If the store fails.
    pub fn place_order(&mut self, new: &NewOrder<'_>) -> Result<(), LedgerError> {
        let doing = "write an order down";
        let insert =
            "INSERT INTO orders (order_id, action, selection, overrules, capped, actor, reason, state, items,
            ordered_at, changed_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?10)";
        let state = if new.waits { OrderState::Waiting } else { OrderState::Running };
        let (count, now) = (sql::limit(new.items.len()), self.now().as_millis());
        let (action, By { actor, why }) = (new.action.name(), new.by);
        let row = (
            new.order_id,
            action,
            new.selection,
            new.overrules,
            new.capped,
            actor,
            why,
            state.name(),
            count,
            now,
        );
        sql::run(&self.inner, insert, row, doing)?;
        let insert = "INSERT INTO order_items (order_id, place, event_id, seen_at) VALUES (?1, ?2, ?3, ?4)";
        for (place, (event_id, seen_at)) in (1_i64..).zip(new.items) {
            let row = (new.order_id, place, sql::id(*event_id), seen_at.map(Timestamp::as_millis));
            sql::run(&self.inner, insert, row, doing)?;
        }
        let detail = format!("order {}: {count} of {}: {why}", new.order_id, new.selection);
        self.journal(actor, &format!("order {action}"), None, &detail)
    }

    /// What became of an item of an order.
    ///
    /// # Errors
    /// If the store fails.
    pub fn item_done(
        &mut self,
        order_id: &str,
        place: i64,
        outcome: &str,
        state: Option<&str>,
    ) -> Result<(), LedgerError> {
        let update = "UPDATE order_items SET outcome = ?3, state = ?4 WHERE order_id = ?1 AND place = ?2
            AND outcome IS NULL";
        sql::run(&self.inner, update, (order_id, place, outcome, state), "work an order off")?;
        Ok(())
    }

    /// An order has gone on. How far is counted from its items, so that a step that is done again counts once.
    ///
    /// # Errors
    /// If the store fails.
    pub fn order_went_on(&mut self, order_id: &str) -> Result<(), LedgerError> {
        let update = "UPDATE orders SET changed_at = ?2,
            worked = (SELECT count(*) FROM order_items i WHERE i.order_id = ?1 AND i.outcome IS NOT NULL),
            moved = (SELECT count(*) FROM order_items i WHERE i.order_id = ?1 AND i.outcome = 'done'),
            state = CASE WHEN state = 'running' AND NOT EXISTS
                (SELECT 1 FROM order_items i WHERE i.order_id = ?1 AND i.outcome IS NULL) THEN 'done' ELSE state END
            WHERE order_id = ?1";
        sql::run(&self.inner, update, (order_id, self.now().as_millis()), "work an order off")?;
        Ok(())
    }

    /// A second person approves an order. False if it does not wait for one.
    ///
    /// # Errors
    /// If the store fails.
    pub fn approve_order(&mut self, order_id: &str, actor: &str) -> Result<bool, LedgerError> {
        let update = "UPDATE orders SET state = 'running', approved_by = ?2, changed_at = ?3
            WHERE order_id = ?1 AND state = 'waiting'";
        let row = (order_id, actor, self.now().as_millis());
        let approved = sql::run(&self.inner, update, row, "approve an order")? == 1;
        if approved {
            self.journal(actor, "approve order", None, &format!("order {order_id}"))?;
        }
        Ok(approved)
    }

    /// A person stops an order: what is not worked off stays as it is. False if it is over already.
    ///
    /// # Errors
    /// If the store fails.
    pub fn stop_order(&mut self, order_id: &str, by: By<'_>) -> Result<bool, LedgerError> {
        let update = "UPDATE orders SET state = 'stopped', stopped_by = ?2, changed_at = ?3
            WHERE order_id = ?1 AND state IN ('waiting', 'running')";
        let row = (order_id, by.actor, self.now().as_millis());
        let stopped = sql::run(&self.inner, update, row, "stop an order")? == 1;
        if stopped {
            self.journal(by.actor, "stop order", None, &format!("order {order_id}: {}", by.why))?;
        }
        Ok(stopped)
    }
}

impl Ledger {
    /// An order.
    ///
    /// # Errors
    /// If the store fails, or holds what cannot be.
    pub fn order(&self, order_id: &str) -> Result<Option<OrderRow>, LedgerError> {
        let query = format!("{COLUMNS} WHERE order_id = ?1");
        sql::one(&self.connection, &query, (order_id,), |row| Ok(order(row)))?.transpose()
    }

    /// The orders, the newest first.
    ///
    /// # Errors
    /// If the store fails, or holds what cannot be.
    pub fn orders(&self, limit: usize) -> Result<Vec<OrderRow>, LedgerError> {
        let query = format!("{COLUMNS} ORDER BY ordered_at DESC LIMIT ?1");
        sql::all(&self.connection, &query, (sql::limit(limit),), |row| Ok(order(row)))?.into_iter().collect()
    }

    /// How many orders are not over.
    ///
    /// # Errors
    /// If the store fails.
    pub fn open_orders(&self) -> Result<u64, LedgerError> {
        let query = "SELECT count(*) FROM orders WHERE state IN ('waiting', 'running')";
        let count = sql::one(&self.connection, query, (), |row| row.get::<i64>(0))?;
        Ok(count.map_or(0, sql::uint))
    }

    /// The running order whose turn it is: the one that went on the longest ago.
    ///
    /// # Errors
    /// If the store fails, or holds what cannot be.
    pub fn running_order(&self) -> Result<Option<OrderRow>, LedgerError> {
        let query = format!("{COLUMNS} WHERE state = 'running' ORDER BY changed_at LIMIT 1");
        sql::one(&self.connection, &query, (), |row| Ok(order(row)))?.transpose()
    }

    /// Items of an order behind a place, in order.
    ///
    /// # Errors
    /// If the store fails.
    pub fn order_items(
        &self,
        order_id: &str,
        after: i64,
        limit: usize,
    ) -> Result<Vec<OrderItem>, LedgerError> {
        let query = format!("{ITEMS} AND place > ?2 ORDER BY place LIMIT ?3");
        sql::all(&self.connection, &query, (order_id, after, sql::limit(limit)), |row| {
            Ok(OrderItem {
                place: row.get(0)?,
                event_id: sql::event_id(row.get(1)?),
                seen_at: row.get::<Option<i64>>(2)?.map(sql::time),
                outcome: row.get(3)?,
                state: row.get(4)?,
            })
        })
    }

    /// What an order's items came to: each outcome with its count.
    ///
    /// # Errors
    /// If the store fails.
    pub fn order_outcomes(&self, order_id: &str) -> Result<Vec<(String, u64)>, LedgerError> {
        let query = "SELECT coalesce(outcome, 'waits'), count(*) FROM order_items WHERE order_id = ?1
            GROUP BY outcome ORDER BY outcome";
        sql::all(&self.connection, query, (order_id,), |row| Ok((row.get(0)?, sql::uint(row.get(1)?))))
    }

    /// The money of these conversions and changes, by currency; none where there is no amount.
    ///
    /// # Errors
    /// If the store fails, or holds what cannot be.
    pub fn money_of(&self, events: &[EventId]) -> Result<Vec<Money>, LedgerError> {
        let query = "SELECT minor, currency FROM conversions WHERE event_id = ?1 UNION ALL
            SELECT minor, currency FROM adjustments WHERE adjustment_id = ?1";
        let mut sums: Vec<(Currency, i64)> = Vec::new();
        for event_id in events {
            let read = |row: &Row<'_>| Ok((row.get::<Option<i64>>(0)?, row.get::<Option<String>>(1)?));
            let found = sql::one(&self.connection, query, (sql::id(*event_id),), read)?;
            let Some(money) = found.map(|(minor, code)| sql::money(minor, code)).transpose()?.flatten()
            else {
                continue;
            };
            let minor = money.minor.min(SUMMED_MAX);
            match sums.iter_mut().find(|(currency, _)| *currency == money.currency) {
                Some((_, sum)) => *sum = sum.saturating_add(minor),
                None => sums.push((money.currency, minor)),
            }
        }
        Ok(sums.into_iter().map(|(currency, minor)| Money::from_minor(minor, currency)).collect())
    }

    /// When a conversion or a change last changed; none if there is none.
    ///
    /// # Errors
    /// If the store fails.
    pub fn last_changed(&self, event_id: EventId) -> Result<Option<Timestamp>, LedgerError> {
        changed(&self.connection, event_id)
    }
}

impl Transaction<'_> {
    /// When a conversion or a change last changed; none if there is none.
    ///
    /// # Errors
    /// If the store fails.
    pub fn last_changed(&self, event_id: EventId) -> Result<Option<Timestamp>, LedgerError> {
        changed(&self.inner, event_id)
    }
}

fn changed(
    connection: &crate::store::Connection,
    event_id: EventId,
) -> Result<Option<Timestamp>, LedgerError> {
    let query = "SELECT changed_at FROM conversions WHERE event_id = ?1 UNION ALL
        SELECT changed_at FROM adjustments WHERE adjustment_id = ?1";
    sql::one(connection, query, (sql::id(event_id),), |row| row.get::<i64>(0).map(sql::time))
}

fn order(row: &Row<'_>) -> Result<OrderRow, LedgerError> {
    let get = |error| LedgerError::Store { doing: "read an order", source: error };
    let text = |place: usize| row.get::<Option<String>>(place).map_err(get);
    let number = |place: usize| row.get::<i64>(place).map_err(get);
    let (action, state) = (text(1)?.unwrap_or_default(), text(7)?.unwrap_or_default());
    let corrupt = |what, value: &str| LedgerError::Corrupt { what, value: value.to_owned() };
    Ok(OrderRow {
        order_id: text(0)?.unwrap_or_default(),
        action: Action::parse(&action).ok_or_else(|| corrupt("the order's action", &action))?,
        selection: text(2)?.unwrap_or_default(),
        overrules: row.get(3).map_err(get)?,
        capped: row.get(4).map_err(get)?,
        actor: text(5)?.unwrap_or_default(),
        reason: text(6)?.unwrap_or_default(),
        state: OrderState::parse(&state).ok_or_else(|| corrupt("the order's state", &state))?,
        approved_by: text(8)?,
        stopped_by: text(9)?,
        items: sql::uint(number(10)?),
        worked: sql::uint(number(11)?),
        moved: sql::uint(number(12)?),
        ordered_at: sql::time(number(13)?),
        changed_at: sql::time(number(14)?),
    })
}

//! The lines, added up.

use std::collections::BTreeMap;

use units::{Currency, Money};

use crate::class::Class;
use crate::matching::Line;

/// A number of rows and their money in one currency. The face value: what was voided counts with what it was.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Sum {
    /// Rows.
    pub count: u64,
    /// Minor units.
    pub minor: i128,
}

impl Sum {
    fn add(&mut self, minor: i64) {
        self.count = self.count.saturating_add(1);
        self.minor = self.minor.saturating_add(i128::from(minor));
    }
}

/// The three sides of a part of the comparison.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Cell {
    /// Lines.
    pub lines: u64,
    /// Of them, those that a person must look at.
    pub open: u64,
    /// Our rows, by currency. What has no amount counts under none.
    pub ours: BTreeMap<Option<Currency>, Sum>,
    /// The platforms'.
    pub theirs: BTreeMap<Option<Currency>, Sum>,
    /// The merchants'.
    pub orders: BTreeMap<Option<Currency>, Sum>,
}

/// The whole comparison.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Summary {
    /// By class.
    pub classes: BTreeMap<Class, Cell>,
    /// What is the matter besides, by class.
    pub also: BTreeMap<Class, u64>,
    /// By merchant (none: in no map) and day, without what lies outside the period or is not compared.
    pub days: BTreeMap<(Option<u64>, i64), Cell>,
    /// Lines whose order the report proves to have arrived.
    pub confirmable: u64,
}

impl Summary {
    /// Adds a line.
    pub fn add(&mut self, line: &Line) {
        self.classes.entry(line.class).or_default().add(line, |_| true);
        for class in &line.also {
            let count = self.also.entry(*class).or_default();
            *count = count.saturating_add(1);
        }
        if line.confirms() {
            self.confirmable = self.confirmable.saturating_add(1);
        }
        if !matches!(line.class, Class::OutsidePeriod | Class::NotCompared) {
            self.add_days(line);
        }
    }

    /// Each row counts on its own day: the days of a side are those of that side's own statement.
    fn add_days(&mut self, line: &Line) {
        let merchant = line.advertiser_id();
        let days = [
            line.ours.as_ref().map(|ours| ours.day),
            line.theirs.as_ref().map(|theirs| theirs.day),
            line.order.as_ref().map(|order| order.day),
        ];
        let mut done: Vec<i64> = Vec::with_capacity(days.len());
        for day in days.into_iter().flatten() {
            if !done.contains(&day) {
                done.push(day);
                self.days.entry((merchant, day)).or_default().add(line, |of| of == day);
            }
        }
    }

    /// The sum of all classes.
    pub fn total(&self) -> Cell {
        let mut total = Cell::default();
        for cell in self.classes.values() {
            total.merge(cell);
        }
        total
    }

    /// Lines that a person must look at.
    pub fn open(&self) -> u64 {
        self.classes.values().map(|cell| cell.open).sum()
    }

    /// Lines of a class.
    pub fn lines(&self, class: Class) -> u64 {
        self.classes.get(&class).map_or(0, |cell| cell.lines)
    }
}

impl Cell {
    fn add(&mut self, line: &Line, on: impl Fn(i64) -> bool) {
        let first = [
            line.ours.as_ref().map(|ours| ours.day),
            line.theirs.as_ref().map(|theirs| theirs.day),
            line.order.as_ref().map(|order| order.day),
        ];
        // The line itself counts once, on the day of its first side.
        if first.into_iter().flatten().next().is_some_and(&on) {
            self.lines = self.lines.saturating_add(1);
            let also = line.also.iter().any(|class| class.needs_a_person());
            self.open = self.open.saturating_add(u64::from(line.class.needs_a_person() || also));
        }
        if let Some(ours) = line.ours.as_ref().filter(|ours| on(ours.day)) {
            count(&mut self.ours, ours.amount);
        }
        if let Some(theirs) = line.theirs.as_ref().filter(|theirs| on(theirs.day)) {
            count(&mut self.theirs, Some(theirs.amount));
        }
        if let Some(order) = line.order.as_ref().filter(|order| on(order.day)) {
            count(&mut self.orders, Some(order.amount));
        }
    }

    fn merge(&mut self, other: &Self) {
        self.lines = self.lines.saturating_add(other.lines);
        self.open = self.open.saturating_add(other.open);
        for (own, others) in [
            (&mut self.ours, &other.ours),
            (&mut self.theirs, &other.theirs),
            (&mut self.orders, &other.orders),
        ] {
            for (currency, sum) in others {
                let slot = own.entry(*currency).or_default();
                slot.count = slot.count.saturating_add(sum.count);
                slot.minor = slot.minor.saturating_add(sum.minor);
            }
        }
    }
}

fn count(sums: &mut BTreeMap<Option<Currency>, Sum>, amount: Option<Money>) {
    sums.entry(amount.map(|money| money.currency)).or_default().add(amount.map_or(0, |money| money.minor));
}

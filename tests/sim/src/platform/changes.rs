//! Changes that the new platform is told of: each sets a state of a transaction, once it can be seen.

use std::time::Duration;

use ledger::ConversionRow;
use units::{EventId, Timestamp};

use super::{Effect, Logged, Platform, Told, decoded};
use crate::words::PRIMARY_IDS_FROM;

/// How long a new transaction cannot be seen by those who change it.
const UNSEEN: Duration = Duration::from_secs(5);

/// What the platform itself has of a transaction.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Standing {
    since: Timestamp,
    pub(crate) cents: i64,
    pub(crate) is_void: bool,
}

/// A change that it was told of.
#[derive(Clone, Debug)]
pub(crate) struct Change {
    /// Which one it was, as its sender knows.
    pub(crate) id: Option<EventId>,
    shop: u64,
    reference: String,
    /// None takes it back.
    cents: Option<i64>,
    pub(crate) told: Told,
    pub(crate) answered: Told,
}

impl Platform {
    /// Takes down what a request wants changed: the places of its parts.
    pub(super) fn take_down(&mut self, body: &[u8]) -> core::ops::Range<usize> {
        let from = self.changes.len();
        let parts: Vec<serde_json::Value> = serde_json::from_slice(body).unwrap_or_default();
        for part in parts {
            let text = |name: &str| match part.get(name) {
                Some(serde_json::Value::String(text)) => text.clone(),
                Some(other) => other.to_string(),
                None => String::new(),
            };
            let shop = text("m").parse::<u64>().unwrap_or(0).saturating_sub(PRIMARY_IDS_FROM);
            let cents = (text("do") == "edit").then(|| cents(&text("sum")));
            let (told, answered, reference) = (Told::Unsure, Told::Unsure, text("order"));
            self.changes.push(Change { id: None, shop, reference, cents, told, answered });
        }
        from..self.changes.len()
    }

    /// Sets what is wanted, all of it or nothing: false if one of the transactions cannot be seen.
    pub(super) fn set(&mut self, places: core::ops::Range<usize>) -> bool {
        let wanted = self.changes.get(places).unwrap_or_default();
        let key = |change: &Change| (change.shop, change.reference.clone());
        let now = self.now;
        let seen = |change: &Change| {
            self.standing.get(&key(change)).is_some_and(|standing| now.since(standing.since) >= UNSEEN)
        };
        if !wanted.iter().all(seen) {
            return false;
        }
        for change in wanted {
            let Some(standing) = self.standing.get_mut(&key(change)) else { continue };
            match change.cents {
                Some(cents) => standing.cents = cents,
                None => standing.is_void = true,
            }
        }
        true
    }

    /// A sale more is in its books.
    pub(super) fn stands(&mut self, logged: &Logged) {
        let key = (logged.shop, decoded(&logged.reference));
        let new = Standing { since: self.now, cents: cents(&logged.amount), is_void: false };
        if logged.effect == Effect::Booked {
            self.standing.entry(key).or_insert(new);
        }
    }

    /// What it has of a transaction of ours.
    pub(crate) fn standing(&self, row: &ConversionRow) -> Option<Standing> {
        let own = row.reference.clone().filter(|reference| !reference.contains("##"));
        let reference = own.unwrap_or_else(|| row.event_id.to_string());
        self.standing.get(&(row.advertiser_id, reference)).copied()
    }
}

fn cents(text: &str) -> i64 {
    let (whole, part) = text.split_once('.').unwrap_or((text, "00"));
    let number = |text: &str| text.parse::<i64>().unwrap_or(-1_000_000);
    number(whole) * 100 + number(&format!("{part:0<2}"))
}

//! The clicks a platform remembers, the oldest forgotten first.

use std::collections::{HashMap, VecDeque};

use crate::limits::CLICKS_KEPT_MAX;

/// One click, by the platform's own ids.
#[derive(Debug, Clone)]
pub(crate) struct Click {
    pub(crate) advertiser: u64,
    pub(crate) publisher: u64,
    pub(crate) creative: u64,
    pub(crate) reference: String,
    pub(crate) at_ms: u64,
}

/// Clicks by click id.
#[derive(Debug, Default)]
pub(crate) struct Clicks {
    by_id: HashMap<String, Click>,
    order: VecDeque<String>,
    total: u64,
}

impl Clicks {
    pub(crate) fn remember(&mut self, id: &str, click: Click) {
        self.total += 1;
        if self.order.len() >= CLICKS_KEPT_MAX
            && let Some(oldest) = self.order.pop_front()
        {
            self.by_id.remove(&oldest);
        }
        self.order.push_back(id.to_owned());
        self.by_id.insert(id.to_owned(), click);
    }

    pub(crate) fn get(&self, id: &str) -> Option<&Click> {
        self.by_id.get(id)
    }

    pub(crate) fn total(&self) -> u64 {
        self.total
    }
}

//! The shelf: answers of static endpoints that are the same for everybody, bounded in number and bytes.
//!
//! It is a value without a lock and without a clock; a host owns one and tells it the time. An answer that was
//! asked for twice outlives those that were asked for once, so that a flood of invented names drives out
//! nothing that is in use.

use core::time::Duration;
use std::collections::BTreeMap;
use std::sync::Arc;

use units::Timestamp;
use units::limits::{SHELF_BYTES_MAX, SHELF_ENTRIES_MAX};

/// An answer, kept.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Kept {
    /// What it is.
    pub kind: KeptKind,
    /// The status.
    pub status: u16,
    /// Header lines that describe the content; names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
    /// When the platform gave it.
    pub stored_at: Timestamp,
    /// Until when it is as good as new.
    pub fresh_until: Timestamp,
    /// Until when it is better than none.
    pub stale_until: Timestamp,
}

/// What a kept answer is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum KeptKind {
    /// The platform's file.
    Content,
    /// The platform's file beyond its time, because the platform gives nothing.
    Stale,
    /// The platform's word that there is none.
    Absent,
    /// A reply of our own, because the platform gave nothing; kept so that not everybody asks again.
    Substitute,
}

impl Kept {
    /// True if it is as good as new.
    pub fn is_fresh(&self, now: Timestamp) -> bool {
        now < self.fresh_until
    }

    fn is_usable(&self, now: Timestamp) -> bool {
        now < self.stale_until.max(self.fresh_until)
    }

    fn bytes(&self) -> usize {
        let headers = self.headers.iter().map(|(name, value)| name.len().saturating_add(value.len()));
        headers.sum::<usize>().saturating_add(self.body.len()).saturating_add(ENTRY_BYTES)
    }

    /// The first value of the header called `name` (lower case).
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(header, _)| header == name).map(|(_, value)| value.as_str())
    }
}

/// What an entry costs beside its content.
const ENTRY_BYTES: usize = 256;

/// What a shelf says to somebody who looks.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Look {
    /// Here it is: fresh, or stale while somebody else asks the platform.
    Found(Arc<Kept>),
    /// Ask the platform: nobody else does. What is here is stale, or nothing.
    Claimed(Option<Arc<Kept>>),
    /// Nothing is here, and somebody else asks the platform, at the latest until then.
    Busy(Timestamp),
}

/// How much a shelf holds, and what it was good for.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Holdings {
    /// Answers.
    pub entries: usize,
    /// Their bytes.
    pub bytes: usize,
    /// Times that a fresh answer was found.
    pub fresh: u64,
    /// Times that only a stale one was found.
    pub stale: u64,
    /// Times that nothing was found.
    pub missed: u64,
    /// Answers that made room for others.
    pub evicted: u64,
}

/// The shelf.
#[derive(Debug)]
pub struct Shelf {
    bytes_max: usize,
    entries_max: usize,
    entries: BTreeMap<Vec<u8>, Entry>,
    /// By whether it was asked for again, then by when it was last: the first goes first.
    order: BTreeMap<(bool, u64), Vec<u8>>,
    claims: BTreeMap<Vec<u8>, Timestamp>,
    reused_bytes: usize,
    clock: u64,
    holdings: Holdings,
}

#[derive(Debug)]
struct Entry {
    kept: Arc<Kept>,
    bytes: usize,
    place: (bool, u64),
}

impl Default for Shelf {
    fn default() -> Self {
        Self::new(SHELF_BYTES_MAX, SHELF_ENTRIES_MAX)
    }
}

impl Shelf {
    /// An empty shelf with room for this much.
    pub const fn new(bytes_max: usize, entries_max: usize) -> Self {
        Self {
            bytes_max,
            entries_max,
            entries: BTreeMap::new(),
            order: BTreeMap::new(),
            claims: BTreeMap::new(),
            reused_bytes: 0,
            clock: 0,
            holdings: Holdings { entries: 0, bytes: 0, fresh: 0, stale: 0, missed: 0, evicted: 0 },
        }
    }

    /// What is here under `key`. Where nothing fresh is, the first to look gets a claim of at most `within`.
    pub fn look(&mut self, key: &[u8], now: Timestamp, within: Duration) -> Look {
        let found = self.usable(key, now);
        match &found {
            Some(kept) if kept.is_fresh(now) => {
                let kept = Arc::clone(kept);
                count(&mut self.holdings.fresh);
                self.touch(key);
                return Look::Found(kept);
            }
            Some(_) => {
                count(&mut self.holdings.stale);
                self.touch(key);
            }
            None => count(&mut self.holdings.missed),
        }
        match (self.claims.get(key).copied().filter(|until| *until > now), found) {
            (Some(_), Some(stale)) => Look::Found(stale),
            (Some(until), None) => Look::Busy(until),
            (None, found) => {
                self.claim(key, now, within);
                Look::Claimed(found)
            }
        }
    }

    /// What is here under `key` for somebody who has waited: without a claim, everybody asks for themselves.
    pub fn look_again(&mut self, key: &[u8], now: Timestamp) -> Look {
        self.usable(key, now).map_or(Look::Claimed(None), Look::Found)
    }

    /// True while somebody asks the platform for it.
    pub fn is_claimed(&self, key: &[u8], now: Timestamp) -> bool {
        self.claims.get(key).is_some_and(|until| *until > now)
    }

    /// Puts `kept` here, or leaves what is here, and ends the claim.
    pub fn put(&mut self, key: &[u8], kept: Option<Kept>) {
        self.claims.remove(key);
        let Some(kept) = kept else { return };
        let reused = self.remove(key).is_some_and(|entry| entry.place.0);
        let bytes = kept.bytes().saturating_add(key.len().saturating_mul(2));
        if bytes > self.bytes_max {
            return;
        }
        let place = (reused, self.tick());
        self.place(key.to_vec(), Entry { kept: Arc::new(kept), bytes, place });
        while self.holdings.bytes > self.bytes_max || self.entries.len() > self.entries_max {
            let Some(first) = self.order.first_key_value().map(|(_, key)| key.clone()) else { break };
            self.remove(&first);
            count(&mut self.holdings.evicted);
        }
    }

    /// How much is here.
    pub fn holdings(&self) -> Holdings {
        Holdings { entries: self.entries.len(), ..self.holdings }
    }

    fn usable(&mut self, key: &[u8], now: Timestamp) -> Option<Arc<Kept>> {
        let kept = Arc::clone(&self.entries.get(key)?.kept);
        if kept.is_usable(now) {
            return Some(kept);
        }
        self.remove(key);
        None
    }

    /// Remembers who asks. Past the limit everybody asks for themselves.
    fn claim(&mut self, key: &[u8], now: Timestamp, within: Duration) {
        if self.claims.len() >= self.entries_max {
            self.claims.retain(|_, until| *until > now);
        }
        if self.claims.len() < self.entries_max {
            self.claims.insert(key.to_vec(), now.plus(within));
        }
    }

    /// It was asked for again. Those that were may take four fifths of the room; then the oldest of them has
    /// to prove itself anew.
    fn touch(&mut self, key: &[u8]) {
        let Some(mut entry) = self.remove(key) else { return };
        entry.place = (true, self.tick());
        self.place(key.to_vec(), entry);
        while self.reused_bytes > self.bytes_max / 5 * 4 {
            let first = self.order.range((true, 0)..).next().map(|(_, key)| key.clone());
            let Some(key) = first else { break };
            let Some(mut entry) = self.remove(&key) else { break };
            entry.place = (false, self.tick());
            self.place(key, entry);
        }
    }

    fn place(&mut self, key: Vec<u8>, entry: Entry) {
        self.holdings.bytes = self.holdings.bytes.saturating_add(entry.bytes);
        if entry.place.0 {
            self.reused_bytes = self.reused_bytes.saturating_add(entry.bytes);
        }
        self.order.insert(entry.place, key.clone());
        self.entries.insert(key, entry);
    }

    fn remove(&mut self, key: &[u8]) -> Option<Entry> {
        let entry = self.entries.remove(key)?;
        self.order.remove(&entry.place);
        self.holdings.bytes = self.holdings.bytes.saturating_sub(entry.bytes);
        if entry.place.0 {
            self.reused_bytes = self.reused_bytes.saturating_sub(entry.bytes);
        }
        Some(entry)
    }

    const fn tick(&mut self) -> u64 {
        self.clock = self.clock.saturating_add(1);
        self.clock
    }
}

const fn count(number: &mut u64) {
    *number = number.saturating_add(1);
}

#[cfg(test)]
mod tests;

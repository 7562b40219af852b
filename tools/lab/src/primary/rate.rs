//! Calls a minute and user, counted over a sliding minute.

use std::collections::{HashMap, VecDeque};

const MINUTE_MS: u64 = 60_000;

/// The calls of the last minute by user token.
#[derive(Debug, Default)]
pub(super) struct Rate {
    calls: HashMap<String, VecDeque<u64>>,
}

impl Rate {
    /// Counts a call unless `limit` calls stand in the last minute; 0 is no limit.
    pub(super) fn admit(&mut self, user: &str, limit: u32, now_ms: u64) -> bool {
        if limit == 0 {
            return true;
        }
        let calls = self.calls.entry(user.to_owned()).or_default();
        while calls.front().is_some_and(|&at| at + MINUTE_MS <= now_ms) {
            calls.pop_front();
        }
        let admitted = calls.len() < usize::try_from(limit).unwrap_or(usize::MAX);
        if admitted {
            calls.push_back(now_ms);
        }
        admitted
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_minute_slides() {
        let mut rate = Rate::default();
        assert!((0..20).all(|at| rate.admit("a", 20, at * 100)));
        assert!(!rate.admit("a", 20, 59_999));
        assert!(rate.admit("b", 20, 59_999));
        assert!(rate.admit("a", 20, 60_000));
        assert!(!rate.admit("a", 20, 60_001));
    }
}

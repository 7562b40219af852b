//! The merchants of one destination: what each may hold, so that one merchant's trouble is nobody else's.
//!
//! Each may hold a share of the places in flight. Once its calls fail it may hold one place, until one goes well;
//! and after a few failures in a row none for a while, which is the longer the more often it happens. One that is
//! told to wait waits by itself, and so does one for whom our credentials are refused while others' calls are taken.
//!
//! What is remembered of a merchant is forgotten as soon as it says nothing any more.

use core::time::Duration;
use std::collections::BTreeMap;

use units::Timestamp;
use units::limits::{CREDENTIALS_WAIT, MERCHANTS_REMEMBERED_MAX};

/// What a merchant may do, and how long it is shut out.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Rules {
    /// Places in flight that one may hold.
    pub(super) share: usize,
    /// Failures in a row after which none may be held for a while.
    pub(super) failures_max: u32,
    /// How long, at first and at most.
    pub(super) wait: [Duration; 2],
}

#[derive(Clone, Copy, Debug, Default)]
struct Merchant {
    in_flight: usize,
    /// Failures in a row.
    failures: u32,
    /// How often in a row it was shut out.
    shut_out: u32,
    /// Nothing goes before.
    until: Option<Timestamp>,
    /// True if the platform asked for that wait.
    asked_to_wait: bool,
    /// How often in a row our credentials were refused for it while they were taken for others; none if they are taken.
    refused: Option<u32>,
}

impl Merchant {
    /// True if it stands as one of whom nothing is known.
    const fn says_nothing(&self) -> bool {
        self.in_flight == 0 && self.failures == 0 && self.until.is_none() && self.refused.is_none()
    }
}

/// What a failed call says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Failed {
    /// True if the call before it had not failed: it speaks of the destination as well.
    pub(super) first: bool,
    /// True if the merchant is shut out with it.
    pub(super) shut_out: bool,
}

/// The merchants of one destination of which something is known.
#[derive(Clone, Debug)]
pub(super) struct Merchants {
    rules: Rules,
    known: BTreeMap<u64, Merchant>,
}

impl Merchants {
    pub(super) const fn new(rules: Rules) -> Self {
        Self { rules, known: BTreeMap::new() }
    }

    /// How many more calls of the merchant may go.
    pub(super) fn room(&self, merchant: u64, now: Timestamp) -> usize {
        let Some(known) = self.known.get(&merchant) else { return self.rules.share };
        if known.until.is_some_and(|until| self.is_ahead(until, now)) {
            return 0;
        }
        let most = if known.failures > 0 || known.refused.is_some() { 1 } else { self.rules.share };
        most.saturating_sub(known.in_flight)
    }

    /// True if `until` lies ahead, and not so far that only a clock that was set back can have put it there.
    fn is_ahead(&self, until: Timestamp, now: Timestamp) -> bool {
        let longest = self.rules.wait[1].max(units::limits::RETRY_AFTER_MAX);
        now < until && until.since(now) <= longest
    }

    /// Nobody waits by a time any more; what failed is remembered.
    pub(super) fn forget_waits(&mut self) {
        self.known.values_mut().for_each(|known| known.until = None);
    }

    pub(super) fn began(&mut self, merchant: u64) {
        let known = self.known.entry(merchant).or_default();
        known.in_flight = known.in_flight.saturating_add(1);
    }

    /// A call has ended in a way that says nothing about the merchant.
    pub(super) fn left(&mut self, merchant: u64) {
        let Some(known) = self.known.get_mut(&merchant) else { return };
        known.in_flight = known.in_flight.saturating_sub(1);
        self.forget(merchant);
    }

    pub(super) fn went_well(&mut self, merchant: u64) {
        if let Some(known) = self.known.get_mut(&merchant) {
            (known.failures, known.shut_out, known.until, known.refused) = (0, 0, None, None);
        }
        self.left(merchant);
    }

    /// True if our credentials are known to be refused for this merchant alone.
    pub(super) fn is_refused(&self, merchant: u64) -> bool {
        self.known.get(&merchant).is_some_and(|known| known.refused.is_some())
    }

    /// Our credentials were refused for this merchant, and are taken for others.
    pub(super) fn is_alone(&mut self, merchant: u64) {
        if let Some(known) = self.remembered(merchant) {
            known.refused.get_or_insert(0);
        }
    }

    /// They were refused for it once more: it waits, the longer the more often.
    pub(super) fn refused(&mut self, merchant: u64, now: Timestamp) {
        if let Some(known) = self.remembered(merchant) {
            let times = known.refused.unwrap_or(0);
            let [first, longest] = CREDENTIALS_WAIT;
            let factor = 1_u32.checked_shl(times).unwrap_or(u32::MAX);
            let wait = first.checked_mul(factor).unwrap_or(longest).min(longest);
            (known.until, known.asked_to_wait) = (Some(now.plus(wait)), false);
            known.refused = Some(times.saturating_add(1));
        }
        self.left(merchant);
    }

    /// A person has mended our credentials: they are tried for everybody.
    pub(super) fn take_all(&mut self) {
        for known in self.known.values_mut().filter(|known| known.refused.is_some()) {
            (known.refused, known.until) = (None, known.until.filter(|_| known.asked_to_wait));
        }
        self.known.retain(|_, known| !known.says_nothing());
    }

    pub(super) fn failed(&mut self, merchant: u64, now: Timestamp) -> Failed {
        let rules = self.rules;
        let Some(known) = self.remembered(merchant) else {
            return Failed { first: true, shut_out: false };
        };
        known.failures = known.failures.saturating_add(1);
        let failed =
            Failed { first: known.failures == 1, shut_out: known.failures >= rules.failures_max.max(1) };
        if failed.shut_out {
            let factor = 1_u32.checked_shl(known.shut_out).unwrap_or(u32::MAX);
            let wait = rules.wait[0].checked_mul(factor).unwrap_or(rules.wait[1]).min(rules.wait[1]);
            known.shut_out = known.shut_out.saturating_add(1);
            (known.until, known.asked_to_wait) = (Some(now.plus(wait)), false);
        }
        self.left(merchant);
        failed
    }

    /// The platform asks for time. Returns until when all must wait, if another merchant was told so too and its
    /// time is not over: then it speaks of us and not of one merchant.
    pub(super) fn told_to_wait(
        &mut self,
        merchant: u64,
        wait: Duration,
        now: Timestamp,
    ) -> Option<Timestamp> {
        let until = now.plus(wait);
        let told = |(other, known): (&u64, &Merchant)| {
            known.until.filter(|until| *other != merchant && known.asked_to_wait && now < *until)
        };
        let others = self.known.iter().filter_map(told).max();
        if let Some(known) = self.remembered(merchant) {
            (known.until, known.asked_to_wait) = (Some(until), true);
        }
        self.left(merchant);
        others.map(|other| other.max(until))
    }

    /// Forgets every failure: it was the destination's own. What the platform asked for stays.
    pub(super) fn forgive(&mut self) {
        for known in self.known.values_mut() {
            (known.failures, known.shut_out) = (0, 0);
            known.until = known.until.filter(|_| known.asked_to_wait);
        }
        self.known.retain(|_, known| !known.says_nothing());
    }

    /// Those that may not send before a time, with it.
    pub(super) fn waiting(&self, now: Timestamp) -> impl Iterator<Item = (u64, Timestamp)> {
        let ahead = move |until: &Timestamp| self.is_ahead(*until, now);
        self.known.iter().filter_map(move |(merchant, known)| Some((*merchant, known.until.filter(ahead)?)))
    }

    /// Those of which no call may go: they wait, or have their share of the places.
    pub(super) fn without_room(&self, now: Timestamp) -> impl Iterator<Item = u64> {
        self.known.keys().copied().filter(move |merchant| self.room(*merchant, now) == 0)
    }

    /// What is known of the merchant, to be changed; none if too many are remembered.
    fn remembered(&mut self, merchant: u64) -> Option<&mut Merchant> {
        if self.known.len() >= MERCHANTS_REMEMBERED_MAX {
            return self.known.get_mut(&merchant);
        }
        Some(self.known.entry(merchant).or_default())
    }

    fn forget(&mut self, merchant: u64) {
        if self.known.get(&merchant).is_some_and(Merchant::says_nothing) {
            self.known.remove(&merchant);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const RULES: Rules =
        Rules { share: 4, failures_max: 3, wait: [Duration::from_secs(2), Duration::from_secs(60)] };

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_seconds(seconds)
    }

    #[test]
    fn a_share_each_and_one_place_after_a_failure() {
        let mut merchants = Merchants::new(RULES);
        (0..4).for_each(|_| merchants.began(1));
        assert_eq!((merchants.room(1, at(0)), merchants.room(2, at(0))), (0, 4));
        merchants.failed(1, at(0));
        assert_eq!(merchants.room(1, at(0)), 0, "three are under way");
        (0..3).for_each(|_| merchants.left(1));
        assert_eq!(merchants.room(1, at(0)), 1);
        merchants.began(1);
        merchants.went_well(1);
        assert_eq!(merchants.room(1, at(0)), 4);
        assert!(merchants.known.is_empty(), "nothing is remembered of one that is well");
    }

    #[test]
    fn failures_in_a_row_shut_a_merchant_out_for_longer_each_time() {
        let mut merchants = Merchants::new(RULES);
        let mut fail = |now| {
            merchants.began(1);
            let failed = merchants.failed(1, at(now));
            let room = |merchants: &Merchants, later| merchants.room(1, at(now + later));
            (failed, room(&merchants, 1), room(&merchants, 2), room(&merchants, 4))
        };
        assert_eq!(fail(0), (Failed { first: true, shut_out: false }, 1, 1, 1));
        assert_eq!(fail(1), (Failed { first: false, shut_out: false }, 1, 1, 1));
        assert_eq!(fail(2), (Failed { first: false, shut_out: true }, 0, 1, 1));
        assert_eq!(fail(4), (Failed { first: false, shut_out: true }, 0, 0, 1));
        for _ in 0..100 {
            fail(100);
        }
        assert_eq!((merchants.room(1, at(159)), merchants.room(1, at(160))), (0, 1));
        merchants.forgive();
        assert_eq!(merchants.room(1, at(100)), 4);
    }

    #[test]
    fn one_that_is_told_to_wait_waits_alone_and_two_speak_for_all() {
        let mut merchants = Merchants::new(RULES);
        merchants.began(1);
        assert_eq!(merchants.told_to_wait(1, Duration::from_secs(30), at(0)), None);
        assert_eq!((merchants.room(1, at(29)), merchants.room(2, at(0))), (0, 4));
        assert_eq!((merchants.waiting(at(29)).count(), merchants.waiting(at(30)).count()), (1, 0));
        let mut late = merchants.clone();
        assert_eq!(late.told_to_wait(2, Duration::from_secs(5), at(30)), None, "its time is just over");
        merchants.began(2);
        assert_eq!(merchants.told_to_wait(2, Duration::from_secs(5), at(1)), Some(at(30)));
        assert_eq!(merchants.waiting(at(1)).collect::<Vec<_>>(), [(1, at(30)), (2, at(6))]);
        assert_eq!(merchants.without_room(at(6)).collect::<Vec<_>>(), [1]);
        merchants.began(3);
        assert_eq!(merchants.told_to_wait(3, Duration::from_secs(5), at(40)), None, "their time is over");
        merchants.forgive();
        assert_eq!(merchants.room(3, at(41)), 0, "what the platform asked for is not forgiven");
    }

    #[test]
    fn what_is_forgiven_keeps_its_places_in_flight() {
        let mut merchants = Merchants::new(RULES);
        (0..3).for_each(|_| merchants.began(1));
        merchants.failed(1, at(0));
        merchants.failed(2, at(0));
        merchants.forgive();
        assert_eq!((merchants.room(1, at(0)), merchants.room(2, at(0))), (2, 4), "two are under way");
        assert_eq!(merchants.known.keys().collect::<Vec<_>>(), [&1], "nothing is known of the other");
    }

    #[test]
    fn a_clock_that_was_set_back_shuts_nobody_out_for_days() {
        let mut merchants = Merchants::new(RULES);
        for _ in 0..3 {
            merchants.failed(1, at(200_000));
        }
        assert_eq!(merchants.room(1, at(0)), 1);
    }

    proptest! {
        #[test]
        fn it_remembers_only_what_says_something(
            steps in prop::collection::vec((0_u64..4, 0_u8..5, 0_i64..10), 0..200)
        ) {
            let mut merchants = Merchants::new(RULES);
            let (mut flying, mut now) = ([0_usize; 4], 0);
            for (merchant, what, pause) in steps {
                now += pause;
                let slot = usize::try_from(merchant).unwrap();
                if what == 0 || flying[slot] == 0 {
                    if merchants.room(merchant, at(now)) > 0 {
                        merchants.began(merchant);
                        flying[slot] += 1;
                    }
                } else {
                    flying[slot] -= 1;
                    match what {
                        1 => merchants.went_well(merchant),
                        2 => {
                            merchants.failed(merchant, at(now));
                        }
                        3 => drop(merchants.told_to_wait(merchant, Duration::from_secs(3), at(now))),
                        _ => merchants.left(merchant),
                    }
                }
                prop_assert!(flying.iter().all(|places| *places <= RULES.share));
                for (merchant, known) in &merchants.known {
                    prop_assert_eq!(known.in_flight, flying[usize::try_from(*merchant).unwrap()]);
                }
            }
            for merchant in 0..4 {
                let busy = flying[usize::try_from(merchant).unwrap()] > 0;
                prop_assert!(merchants.room(merchant, at(now + 61)) > 0 || busy);
            }
        }
    }
}

//! Whether the whole process can still afford retries.
//!
//! A backoff spreads the retries of one delivery; it does not limit the retries of ten thousand. The budget
//! does: every fresh attempt earns a share of a retry, every retry spends a whole one. So retries add at most
//! that share to the load, however many deliveries fail.
//!
//! Two additions keep it from starving the work it protects. A floor earns a few retries per second from time
//! alone, because after an outage there may be nothing fresh left to earn from. And a retry that succeeds
//! gives back what it spent: a platform that takes what it is given is not being hammered.

use units::Timestamp;

/// One retry, in the hundredths that credit is counted in.
const RETRY: u64 = 100;

/// A budget of retries, in percent of the fresh attempts.
#[derive(Clone, Debug)]
pub struct Budget {
    percent: u32,
    floor_per_second: u32,
    credit: u64,
    credit_max: u64,
    earned_until: Option<Timestamp>,
}

impl Budget {
    /// A budget of `percent` of the fresh attempts, that also earns `floor_per_second` retries from time and
    /// never saves up more than `saved_max` retries. It starts full.
    pub fn new(percent: u32, floor_per_second: u32, saved_max: u32) -> Self {
        let credit_max = u64::from(saved_max).saturating_mul(RETRY);
        Self { percent, floor_per_second, credit: credit_max, credit_max, earned_until: None }
    }

    /// A fresh attempt is made: it earns its share.
    pub fn fresh(&mut self) {
        self.earn(u64::from(self.percent));
    }

    /// Spends one retry if there is one.
    pub fn retry(&mut self, now: Timestamp) -> bool {
        self.earn_from_time(now);
        match self.credit.checked_sub(RETRY) {
            Some(rest) => {
                self.credit = rest;
                true
            }
            None => false,
        }
    }

    /// A retry succeeded: it gives back what it spent, and its share on top.
    pub fn succeeded(&mut self) {
        self.earn(RETRY.saturating_add(u64::from(self.percent)));
    }

    /// How many retries could be spent at `now`.
    pub fn available(&mut self, now: Timestamp) -> u64 {
        self.earn_from_time(now);
        self.left()
    }

    /// How many retries could be spent when it was last asked.
    pub fn left(&self) -> u64 {
        self.credit.div_euclid(RETRY)
    }

    fn earn_from_time(&mut self, now: Timestamp) {
        let last = *self.earned_until.get_or_insert(now);
        // A clock that was set back earns from there on, and nothing for the time that comes again.
        if now < last {
            self.earned_until = Some(now);
            return;
        }
        let millis = u64::try_from(now.since(last).as_millis()).unwrap_or(u64::MAX);
        let per_second = u64::from(self.floor_per_second).saturating_mul(RETRY);
        let earned = millis.saturating_mul(per_second).div_euclid(1000);
        // A step too short to earn a whole hundredth stays on the clock, else frequent asking would earn nothing.
        if earned > 0 {
            self.earned_until = Some(now);
            self.earn(earned);
        }
    }

    fn earn(&mut self, credit: u64) {
        self.credit = self.credit.saturating_add(credit).min(self.credit_max);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millis(millis)
    }

    #[test]
    fn retries_stay_a_share_of_fresh_attempts() {
        let mut budget = Budget::new(10, 0, 0);
        budget.credit_max = 1_000_000;
        (0..1000).for_each(|_| budget.fresh());
        let retries = (0..1000).filter(|_| budget.retry(at(0))).count();
        assert_eq!(retries, 100);
    }

    #[test]
    fn time_earns_the_floor() {
        let mut budget = Budget::new(10, 5, 20);
        while budget.retry(at(0)) {}
        assert!(!budget.retry(at(100)));
        assert!(budget.retry(at(200)), "a fifth of a second earns one of five");
        let later = (0..100).filter(|_| budget.retry(at(60_000))).count();
        assert_eq!(later, 20, "never more than is saved");
    }

    #[test]
    fn a_clock_that_was_set_back_goes_on_earning() {
        let mut budget = Budget::new(0, 10, 10);
        let now = 1_000_000_000_000;
        while budget.retry(at(now)) {}
        let before = now - 2 * 86_400_000;
        assert!(!budget.retry(at(before)));
        assert!(budget.retry(at(before + 100)));
    }

    #[test]
    fn a_successful_retry_costs_nothing() {
        let mut budget = Budget::new(10, 0, 1);
        for _ in 0..100 {
            assert!(budget.retry(at(0)));
            budget.succeeded();
        }
        assert!(budget.retry(at(0)));
        assert!(!budget.retry(at(0)), "a retry without success spends");
    }

    proptest! {
        #[test]
        fn never_more_retries_than_saved_and_earned(steps in prop::collection::vec(any::<bool>(), 0..500)) {
            let mut budget = Budget::new(20, 0, 10);
            let (mut fresh, mut retries) = (0_u64, 0_u64);
            for is_fresh in steps {
                if is_fresh { budget.fresh(); fresh += 1 } else { retries += u64::from(budget.retry(at(0))) }
                prop_assert!(retries * 100 <= 10 * 100 + fresh * 20);
            }
        }
    }
}

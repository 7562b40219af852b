//! How fast a backlog is drained.
//!
//! After an outage everything is due at once. A platform that has just come back is given a stated number a
//! second and not what we could send, and at first only a part of that: the rate grows evenly over a ramp. What
//! is not taken in time is not saved up, so that neither a pause nor a clock that jumps makes a flood.

use core::time::Duration;

use units::Timestamp;

/// One of a backlog, in the thousandths that credit is counted in.
const ONE: u64 = 1000;

/// The part of the rate that a ramp begins with: one eighth.
const RAMP_FROM: u64 = 8;

/// What may be saved up, as a part of what a second earns: one quarter.
const SAVED: u64 = 4;

/// A stated rate with a ramp.
#[derive(Clone, Debug)]
pub struct Pacer {
    per_second: u32,
    ramp: Duration,
    began: Timestamp,
    earned_until: Timestamp,
    credit: u64,
}

impl Pacer {
    /// A pacer of `per_second` (at least one), whose ramp begins at `now`.
    pub const fn new(per_second: u32, ramp: Duration, now: Timestamp) -> Self {
        Self { per_second, ramp, began: now, earned_until: now, credit: ONE }
    }

    /// Begins the ramp anew: what is paced has just come back.
    pub const fn restart(&mut self, now: Timestamp) {
        self.began = now;
        self.earned_until = now;
        self.credit = ONE;
    }

    /// How many a second may go at `now`.
    pub fn rate(&self, now: Timestamp) -> u32 {
        let full = u64::from(self.per_second.max(1));
        let ramp = u64::try_from(self.ramp.as_millis()).unwrap_or(u64::MAX);
        let since = u64::try_from(now.since(self.began).as_millis()).unwrap_or(u64::MAX);
        if since >= ramp {
            return self.per_second.max(1);
        }
        let first = full.div_ceil(RAMP_FROM);
        let grown = full.saturating_sub(first).saturating_mul(since).div_euclid(ramp.max(1));
        u32::try_from(first.saturating_add(grown)).unwrap_or(u32::MAX)
    }

    /// How many may go at `now`.
    pub fn left(&mut self, now: Timestamp) -> usize {
        self.earn(now);
        usize::try_from(self.credit.div_euclid(ONE)).unwrap_or(usize::MAX)
    }

    /// One goes.
    pub const fn spend(&mut self) {
        self.credit = self.credit.saturating_sub(ONE);
    }

    /// How long `count` take from `now` on, at this pace.
    pub fn drains_in(&self, count: u64, now: Timestamp) -> Duration {
        let full = u64::from(self.per_second.max(1));
        let left_of_ramp = self.ramp.saturating_sub(now.since(self.began));
        // Within the rest of the ramp the mean rate is half way between the present one and the full one.
        let mean = u64::from(self.rate(now)).saturating_add(full).div_euclid(2).max(1);
        let ramp_millis = u64::try_from(left_of_ramp.as_millis()).unwrap_or(u64::MAX);
        let in_ramp = mean.saturating_mul(ramp_millis).div_euclid(1000);
        if count <= in_ramp {
            return Duration::from_millis(count.saturating_mul(1000).div_ceil(mean));
        }
        let rest = count.saturating_sub(in_ramp).saturating_mul(1000).div_ceil(full);
        Duration::from_millis(ramp_millis.saturating_add(rest))
    }

    fn earn(&mut self, now: Timestamp) {
        // A clock that was set back starts a ramp: how long it was, nobody knows.
        if now < self.began.max(self.earned_until) {
            let credit = self.credit;
            self.restart(now);
            self.credit = credit.min(ONE);
            return;
        }
        let rate = u64::from(self.rate(now));
        let millis = u64::try_from(now.since(self.earned_until).as_millis()).unwrap_or(u64::MAX);
        // A thousandth of one for each millisecond and each of the rate.
        let saved_max = rate.saturating_mul(ONE).div_euclid(SAVED).max(ONE);
        self.credit = self.credit.saturating_add(millis.saturating_mul(rate)).min(saved_max);
        self.earned_until = now;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millis(millis)
    }

    fn go(pacer: &mut Pacer, from: i64, to: i64, step: i64) -> usize {
        let mut gone = 0;
        let mut now = from;
        while now < to {
            for _ in 0..pacer.left(at(now)) {
                pacer.spend();
                gone += 1;
            }
            now += step;
        }
        gone
    }

    #[test]
    fn it_grows_to_the_stated_rate_and_keeps_it() {
        let mut pacer = Pacer::new(200, Duration::from_secs(30), at(0));
        let seconds: Vec<usize> = (0..40).map(|s| go(&mut pacer, s * 1000, (s + 1) * 1000, 50)).collect();
        assert!((20..=40).contains(&seconds[0]), "{seconds:?}");
        assert!(seconds.windows(2).all(|pair| pair[1] + 2 >= pair[0]), "{seconds:?}");
        assert!(seconds[31..].iter().all(|gone| (199..=201).contains(gone)), "{seconds:?}");
    }

    #[test]
    fn neither_a_pause_nor_a_jump_of_the_clock_makes_a_flood() {
        let mut pacer = Pacer::new(200, Duration::ZERO, at(0));
        let hour = 3_600_000;
        assert_eq!(pacer.left(at(hour)), 50, "a quarter of a second's worth");
        (0..50).for_each(|_| pacer.spend());
        let days = 2 * 86_400_000;
        assert!(pacer.left(at(hour - days)) <= 1);
        assert!(go(&mut pacer, hour - days, hour - days + 1000, 50) >= 190, "it goes on from there");
    }

    #[test]
    fn a_rate_below_the_tick_still_goes() {
        let mut pacer = Pacer::new(1, Duration::ZERO, at(0));
        pacer.spend();
        assert_eq!(go(&mut pacer, 0, 10_500, 50), 10);
    }

    #[test]
    fn its_end_is_told_in_advance() {
        let pacer = Pacer::new(100, Duration::from_secs(10), at(0));
        let told = pacer.drains_in(5_000, at(0));
        let (mut running, mut gone, mut now) = (pacer, 0, 0);
        while gone < 5_000 {
            gone += go(&mut running, now, now + 50, 50);
            now += 50;
        }
        let took = Duration::from_millis(now.cast_unsigned());
        assert!(took.abs_diff(told) < Duration::from_secs(2), "told {told:?}, took {took:?}");
    }

    proptest! {
        #[test]
        fn never_more_than_the_rate_and_what_is_saved(
            per_second in 1_u32..500, pauses in prop::collection::vec(0_i64..2_000, 1..100)
        ) {
            let mut pacer = Pacer::new(per_second, Duration::ZERO, at(0));
            let (mut now, mut gone) = (0, 0_u64);
            for pause in pauses {
                now += pause;
                for _ in 0..pacer.left(at(now)) { pacer.spend(); gone += 1 }
                let most = u64::from(per_second) * now.cast_unsigned() / 1000 + u64::from(per_second / 4) + 2;
                prop_assert!(gone <= most, "{gone} > {most}");
            }
        }
    }
}

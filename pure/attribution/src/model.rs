//! How the commission of an order is shared over its journey.
//!
//! A model gives each touch a whole-number weight. [`split`] turns weights into money that adds up to the commission
//! exactly: each part is rounded down, and what is left goes, a minor unit each, to the largest remainders; among equal
//! ones to the later touch, which would have won everything under the last click.

use core::time::Duration;

use units::Timestamp;

/// A way to share the commission.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash, Default)]
pub enum Model {
    /// Everything to the last touch of the strongest proof.
    #[default]
    LastClick,
    /// Everything to the first touch of the strongest proof.
    FirstClick,
    /// To every touch the same.
    Linear,
    /// 40 to the first, 40 to the last, 20 over those between.
    Position,
    /// Half as much for each week that a touch lies further back.
    TimeDecay,
}

impl Model {
    /// Every model, in the order of the documentation.
    pub const ALL: [Self; 5] =
        [Self::LastClick, Self::FirstClick, Self::Linear, Self::Position, Self::TimeDecay];

    /// The name in files, tables and output.
    pub const fn name(self) -> &'static str {
        match self {
            Self::LastClick => "last_click",
            Self::FirstClick => "first_click",
            Self::Linear => "linear",
            Self::Position => "position",
            Self::TimeDecay => "time_decay",
        }
    }

    /// The model called `name`.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|model| model.name() == name)
    }

    /// True if a journey of several touches may earn several publishers something.
    pub const fn shares(self) -> bool {
        match self {
            Self::LastClick | Self::FirstClick => false,
            Self::Linear | Self::Position | Self::TimeDecay => true,
        }
    }
}

/// Equal weights for `count` touches.
pub fn linear(count: usize) -> Vec<u64> {
    vec![1; count]
}

/// 40, 20 and 40 hundredths: for the first touch, for those between together, for the last. Two touches have half
/// each, one has everything.
pub fn position(count: usize) -> Vec<u64> {
    let between = u64::try_from(count.saturating_sub(2)).unwrap_or(u64::MAX);
    if between == 0 {
        return linear(count);
    }
    // In units of what one touch between gets, so that everything stays whole.
    let end = between.saturating_mul(2);
    let weight = |place: usize| if place == 0 || place == count.saturating_sub(1) { end } else { 1 };
    (0..count).map(weight).collect()
}

/// The weights of touches at `times` for an order at `at`: halved for each week between.
pub fn time_decay(times: impl Iterator<Item = Timestamp>, at: Timestamp) -> Vec<u64> {
    times.map(|touched| decay(at.since(touched))).collect()
}

/// Hours in which a touch loses half of its weight.
const HALF_LIFE_HOURS: usize = 7 * 24;

/// The weight of a touch at the order's own time.
const WEIGHT_NOW: u64 = 1 << 62;

/// Two to the power of minus one hour's share of a half-life, in units of 2⁻⁶³.
const ONE_HOUR: u128 = 9_185_395_943_039_508_846;

/// The weight of a touch so many hours back, over one half-life. Made of whole numbers, so that it is the same
/// on every machine.
const DECAY: [u64; HALF_LIFE_HOURS] = decay_table();

#[expect(clippy::indexing_slicing, clippy::arithmetic_side_effects, reason = "evaluated when it is compiled")]
#[expect(clippy::cast_possible_truncation, reason = "a weight is at most 2^62")]
const fn decay_table() -> [u64; HALF_LIFE_HOURS] {
    let mut table = [WEIGHT_NOW; HALF_LIFE_HOURS];
    let mut hour = 1;
    while hour < HALF_LIFE_HOURS {
        table[hour] = ((table[hour - 1] as u128 * ONE_HOUR + (1 << 62)) >> 63) as u64;
        hour += 1;
    }
    table
}

/// Whole hours count. However far back, a touch keeps a weight.
fn decay(age: Duration) -> u64 {
    let hours = usize::try_from(age.as_secs().checked_div(3600).unwrap_or(0)).unwrap_or(usize::MAX);
    let place = hours.checked_rem(HALF_LIFE_HOURS).unwrap_or(0);
    let halvings = hours.checked_div(HALF_LIFE_HOURS).unwrap_or(0);
    let weight = DECAY.get(place).copied().unwrap_or(0);
    let halvings = u32::try_from(halvings).unwrap_or(u32::MAX);
    weight.checked_shr(halvings).unwrap_or(0).max(1)
}

/// `whole` in parts as `weights` say, which add up to it exactly. Nothing if there are no weights.
pub fn split(whole: i64, weights: &[u64]) -> Vec<i64> {
    let sum: u128 = weights.iter().map(|weight| u128::from(*weight)).sum();
    let size = u128::from(whole.unsigned_abs());
    let mut parts: Vec<(u128, u128)> = weights.iter().map(|weight| part(size, *weight, sum)).collect();
    let given: u128 = parts.iter().map(|(part, _)| part).sum();
    let mut left = size.saturating_sub(given);
    let mut order: Vec<usize> = (0..parts.len()).collect();
    order.sort_by_key(|place| {
        let remainder = parts.get(*place).map_or(0, |(_, remainder)| *remainder);
        (core::cmp::Reverse(remainder), core::cmp::Reverse(*place))
    });
    for place in order {
        if left == 0 {
            break;
        }
        if let Some((part, _)) = parts.get_mut(place) {
            *part = part.saturating_add(1);
            left = left.saturating_sub(1);
        }
    }
    let signed = |part: u128| i64::try_from(part).unwrap_or(i64::MAX).saturating_mul(whole.signum());
    parts.into_iter().map(|(part, _)| signed(part)).collect()
}

/// The part of `size` that `weight` out of `sum` gets, rounded down, and what the rounding took.
fn part(size: u128, weight: u64, sum: u128) -> (u128, u128) {
    // A minor amount and a weight have 64 bits each.
    let product = size.saturating_mul(u128::from(weight));
    (product.checked_div(sum).unwrap_or(0), product.checked_rem(sum).unwrap_or(0))
}

#[cfg(test)]
mod tests;

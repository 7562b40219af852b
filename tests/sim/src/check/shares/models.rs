//! The models of the terms in `data/terms.toml`, as the documentation describes them.

use std::collections::BTreeMap;

use units::Timestamp;

use crate::model::Touch;
use crate::words::{DEDUPLICATES, MOVED, OBSERVED, SHADOW};

/// What is left of a weight after an hour, if half of it is after a week: two to the power of minus one in 168, in parts of
/// [`WHOLE`].
const AN_HOUR_LATER: i128 = 995_882_623_658_297_423;
const WHOLE: i128 = 1_000_000_000_000_000_000;

/// What each of `touches`, the oldest first, weighs for an order of `shop`.
pub(super) fn weights(shop: u64, touches: &[Touch], at: Timestamp) -> Vec<i128> {
    let strongest = touches.iter().any(|touch| touch.named);
    let mut strong = (0..touches.len()).filter(|place| touches[*place].named == strongest);
    let winner = if shop == DEDUPLICATES { strong.next() } else { strong.next_back() };
    let weight = |place: usize| match shop {
        MOVED => 1,
        OBSERVED => of_position(place, touches.len()),
        SHADOW => decayed(touches[place], at),
        _ => i128::from(winner == Some(place)),
    };
    (0..touches.len()).map(weight).collect()
}

/// Forty, forty, and twenty over those between; halves where there are but two.
fn of_position(place: usize, count: usize) -> i128 {
    let between = i128::try_from(count).unwrap_or(0) - 2;
    let is_an_end = place == 0 || place + 1 == count;
    if is_an_end && between > 0 { 2 * between } else { 1 }
}

/// By whole hours.
fn decayed(touch: Touch, at: Timestamp) -> i128 {
    let hours = at.since(Timestamp::from_millis(1000 * touch.second)).as_secs() / 3600;
    (0..hours).fold(WHOLE, |weight, _| weight * AN_HOUR_LATER / WHOLE)
}

/// `all` in parts: each is rounded down, and what is left goes to the largest remainders; of equal ones to the later.
pub(super) fn split(all: i64, weights: &[i128]) -> Vec<i64> {
    let (all, sum) = (i128::from(all), weights.iter().sum::<i128>().max(1));
    let mut parts: Vec<i128> = weights.iter().map(|weight| all * weight / sum).collect();
    let left = usize::try_from(all - parts.iter().sum::<i128>()).unwrap_or(0);
    let mut places: Vec<usize> = (0..weights.len()).collect();
    places.sort_by_key(|place| std::cmp::Reverse((all * weights[*place] % sum, *place)));
    places.into_iter().take(left).for_each(|place| parts[place] += 1);
    parts.into_iter().map(|part| i64::try_from(part).unwrap_or(i64::MAX)).collect()
}

/// Whose touches weigh most together; of equal ones whose last touch is the later.
pub(super) fn credited(touches: &[Touch], weights: &[i128]) -> Option<u64> {
    let mut sums: BTreeMap<u64, (i128, usize)> = BTreeMap::new();
    for ((place, touch), weight) in touches.iter().enumerate().zip(weights) {
        let (sum, last) = sums.entry(touch.site).or_default();
        (*sum, *last) = (*sum + weight, place);
    }
    sums.into_iter().max_by_key(|(_, weighed)| *weighed).map(|(site, _)| site)
}

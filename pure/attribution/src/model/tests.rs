use proptest::prelude::*;

use super::*;

#[test]
fn names_are_found_again() {
    for model in Model::ALL {
        assert_eq!(Model::parse(model.name()), Some(model));
    }
    assert_eq!(Model::ALL.map(Model::shares), [false, false, true, true, true]);
}

#[test]
fn positions_are_forty_twenty_forty() {
    for (count, hundred) in [
        (1, vec![100]),
        (2, vec![50, 50]),
        (3, vec![40, 20, 40]),
        (4, vec![40, 10, 10, 40]),
        (6, vec![40, 5, 5, 5, 5, 40]),
    ] {
        assert_eq!(split(100, &position(count)), hundred, "{count} touches");
    }
    assert!(position(0).is_empty());
}

#[test]
fn a_week_halves() {
    let at = Timestamp::from_seconds(1_000_000_000);
    let hours = |back: i64| Timestamp::from_seconds(1_000_000_000 - back * 3600);
    let weights = |back: &[i64]| time_decay(back.iter().map(|back| hours(*back)), at);
    assert_eq!(weights(&[0, 168, 336]), [1 << 62, 1 << 61, 1 << 60]);
    assert_eq!(split(700, &weights(&[336, 168, 0])), [100, 200, 400]);
    // Half a week: one over the root of two, to nine digits.
    let half = weights(&[84])[0];
    assert_eq!(u128::from(half) * 1_000_000_000 / (1 << 62), 707_106_781);
    // The step that closes the table makes a half of it.
    let last = (u128::from(weights(&[167])[0]) * ONE_HOUR) >> 63;
    assert!(last.abs_diff(1 << 61) < 200, "{last}");
    assert_eq!(weights(&[-5]), [1 << 62], "a clock that runs ahead weighs no more than now");
    assert_eq!(weights(&[168 * 62, 168 * 63, 168 * 5000]), [1, 1, 1], "never nothing");
    let before = weights(&(0..1000).collect::<Vec<_>>());
    assert!(before.is_sorted_by(|near, far| near >= far));
}

#[test]
fn what_is_left_goes_to_the_largest_remainder_and_then_to_the_later_touch() {
    for (whole, weights, expected) in [
        (100, &[1_u64, 1, 1][..], &[33_i64, 33, 34][..]),
        (101, &[1, 1, 1], &[33, 34, 34]),
        (1, &[1, 1], &[0, 1]),
        (10, &[7, 2, 1], &[7, 2, 1]),
        (11, &[7, 2, 1], &[8, 2, 1]),
        (-100, &[1, 1, 1], &[-33, -33, -34]),
        (0, &[3, 4], &[0, 0]),
        (5, &[], &[]),
    ] {
        assert_eq!(split(whole, weights), expected, "{whole} by {weights:?}");
    }
}

proptest! {
    #[test]
    fn the_parts_are_the_whole(
        whole in -i64::MAX..=i64::MAX, weights in prop::collection::vec(1_u64..=u64::MAX, 1..20)
    ) {
        let parts = split(whole, &weights);
        prop_assert_eq!(parts.iter().map(|part| i128::from(*part)).sum::<i128>(), i128::from(whole));
        let sum: u128 = weights.iter().map(|weight| u128::from(*weight)).sum();
        for (part, weight) in parts.iter().zip(&weights) {
            // Each part is its exact share, to less than one minor unit.
            let exact = u128::from(whole.unsigned_abs()) * u128::from(*weight);
            let got = u128::from(part.unsigned_abs());
            prop_assert!(got == exact / sum || got == exact / sum + 1);
        }
    }

    #[test]
    fn a_heavier_touch_never_gets_less(whole in 0_i64..1_000_000, weights in prop::collection::vec(1_u64..1000, 2..9)) {
        let parts = split(whole, &weights);
        for (left, one) in weights.iter().zip(&parts) {
            for (right, other) in weights.iter().zip(&parts) {
                prop_assert!(left <= right || one >= other);
            }
        }
    }
}

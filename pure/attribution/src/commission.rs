//! What a conversion earns the credited publisher.

use tracking::directory::Commission;
use units::Money;

const WHOLE_BASIS_POINTS: u64 = 10_000;

/// Why a commission cannot be computed.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum CommissionError {
    /// The amount or the rule is too large to multiply.
    #[error(
        "a commission of {basis_points} hundredths of a percent of {amount} is larger than can be booked"
    )]
    TooLarge {
        /// The rule.
        basis_points: u64,
        /// The order's value.
        amount: Money,
    },
}

/// What `rule` pays for an order of `amount`, rounded half to even. A flat amount keeps its own currency.
///
/// # Errors
/// If the commission cannot be represented.
pub fn commission(rule: &Commission, amount: Money) -> Result<Money, CommissionError> {
    match *rule {
        Commission::Percent { basis_points } => amount
            .share(basis_points, WHOLE_BASIS_POINTS)
            .ok_or(CommissionError::TooLarge { basis_points, amount }),
        Commission::Flat(flat) => Ok(flat),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use units::Currency;

    use super::*;

    #[test]
    fn percent_and_flat() {
        let usd = |minor| Money::from_minor(minor, Currency::USD);
        let percent = |basis_points| Commission::Percent { basis_points };
        for (rule, amount, expected) in [
            (percent(1000), 1000, 100),
            (percent(750), 1999, 150),
            (percent(0), 1999, 0),
            (percent(10_000), 1999, 1999),
            (Commission::Flat(usd(250)), 1, 250),
        ] {
            assert_eq!(commission(&rule, usd(amount)), Ok(usd(expected)), "{rule:?} of {amount}");
        }
        assert!(commission(&percent(u64::MAX), usd(i64::MAX)).is_err());
    }

    proptest! {
        #[test]
        fn a_part_is_never_more_than_the_whole(minor in 0_i64..=i64::MAX, basis_points in 0_u64..=10_000) {
            let amount = Money::from_minor(minor, Currency::USD);
            let earned = commission(&Commission::Percent { basis_points }, amount).unwrap();
            prop_assert!((0..=minor).contains(&earned.minor));
        }
    }
}

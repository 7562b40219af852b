//! A share of an order's value, as an exact decimal.

use units::Money;

/// Hundred-millionths of the whole: a percentage with six decimals.
const WHOLE: u64 = 100_000_000;

/// Decimals of a percentage that can be kept.
const DECIMALS_MAX: usize = 6;

/// A percentage, exact to six decimals.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Rate(u64);

impl Rate {
    /// So many hundredths of a percent.
    pub const fn from_basis_points(basis_points: u64) -> Self {
        Self(basis_points.saturating_mul(10_000))
    }

    /// Reads a percentage as people write it, `10`, `7.125` or `7.125%`; none if it is not one, has more than six
    /// decimals, or is more than a hundred.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim().trim_end_matches('%').trim_end();
        let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
        let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        let sound = !whole.is_empty() && digits(whole) && digits(fraction) && fraction.len() <= DECIMALS_MAX;
        if !sound {
            return None;
        }
        let padded = format!("{whole}{fraction:0<DECIMALS_MAX$}");
        padded.parse().ok().filter(|units| *units <= WHOLE).map(Self)
    }

    /// This share of `amount`, rounded half to even. None if it cannot be represented.
    pub fn of(self, amount: Money) -> Option<Money> {
        amount.share(self.0, WHOLE)
    }
}

#[cfg(test)]
mod tests {
    use units::Currency;

    use super::*;

    #[test]
    fn a_percentage_is_read_exactly() {
        for (text, expected) in [
            ("10", Some(10_000_000)),
            ("7.125%", Some(7_125_000)),
            (" 0.000001 % ", Some(1)),
            ("100", Some(WHOLE)),
            ("100.000001", None),
            ("0.0000001", None),
            ("-1", None),
            (".5", None),
            ("1,5", None),
            ("", None),
        ] {
            assert_eq!(Rate::parse(text), expected.map(Rate), "{text}");
        }
        assert_eq!(Rate::from_basis_points(750), Rate(7_500_000));
    }

    #[test]
    fn halves_go_to_the_even_neighbour() {
        let usd = |minor| Money::from_minor(minor, Currency::USD);
        for (percent, amount, expected) in [
            ("50", 1, 0),
            ("50", 3, 2),
            ("7.5", 20, 2),
            ("7.5", 60, 4),
            ("12.345678", 100_000_000, 12_345_678),
        ] {
            let earned = Rate::parse(percent).and_then(|rate| rate.of(usd(amount)));
            assert_eq!(earned, Some(usd(expected)), "{percent} of {amount}");
        }
    }
}

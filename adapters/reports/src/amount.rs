//! Amounts as reports write them: with a sign, in brackets, and with the digits of a binary fraction.

use units::{Currency, Money};

/// The amount, or what is wrong with the text.
pub(crate) fn read(text: &str, currency: Currency) -> Result<Money, String> {
    let mut text = text.trim();
    let mut negative = false;
    if let Some(inner) = text.strip_prefix('(').and_then(|text| text.strip_suffix(')')) {
        (text, negative) = (inner.trim(), true);
    }
    // The sign stands before the currency's mark or behind it.
    for _ in 0..2 {
        if let Some(rest) = text.strip_prefix('-') {
            (text, negative) = (rest, !negative);
            break;
        }
        text = text.trim_start_matches(['$', '€', '£']).trim_start();
    }
    let plain = plain(text);
    let money =
        Money::parse(plain.as_deref().unwrap_or(text), currency).map_err(|error| error.to_string())?;
    Ok(if negative { money.negated() } else { money })
}

/// The digits of a number with an exponent, as `0E-12`; none if it has none.
fn plain(text: &str) -> Option<String> {
    let (mantissa, exponent) = text.split_once(['e', 'E'])?;
    let exponent: i32 = exponent.parse().ok()?;
    let (whole, part) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = format!("{whole}{part}");
    // No amount of a report has more places than this on either side.
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) || exponent.abs() > 18 {
        return None;
    }
    let point = i32::try_from(whole.len()).ok()? + exponent;
    let padded =
        if point <= 0 { format!("{}{digits}", "0".repeat(usize::try_from(1 - point).ok()?)) } else { digits };
    let point = usize::try_from(point.max(1)).ok()?;
    let filled = format!("{padded:0<point$}");
    let (whole, part) = filled.split_at_checked(point)?;
    Some(if part.is_empty() { whole.to_owned() } else { format!("{whole}.{part}") })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_of_reports() {
        for (text, minor) in [
            ("10.00", 1000),
            ("$9.95", 995),
            ("504.21000000000004", 50_421),
            ("0E-12", 0),
            ("1.5E+2", 15_000),
            ("12E-1", 120),
            ("-2.50", -250),
            ("$-2.50", -250),
            ("(2.50)", -250),
            ("1,234.56", 123_456),
            ("12,50", 1250),
            (" 0 ", 0),
        ] {
            assert_eq!(read(text, Currency::USD).map(|money| money.minor), Ok(minor), "{text}");
        }
        for text in ["", "ten", "1-2", "1E99", "E5", "--1", "1.2.3.4"] {
            assert!(read(text, Currency::USD).is_err(), "{text}");
        }
    }
}

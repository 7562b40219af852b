use proptest::prelude::*;

use super::*;

fn check(text: &str, currency: &str, expected: Result<i64, &str>) {
    let currency = Currency::parse(currency).unwrap();
    match (Money::parse(text, currency), expected) {
        (Ok(money), Ok(minor)) => assert_eq!(money.minor, minor, "{text}"),
        (Err(error), Err(part)) => assert!(error.to_string().contains(part), "{text}: {error}"),
        (got, wanted) => panic!("{text}: {got:?}, wanted {wanted:?}"),
    }
}

#[test]
fn amounts_as_carts_write_them() {
    for (text, currency, minor) in [
        ("10.00", "USD", 1000),
        ("10", "USD", 1000),
        ("9.95", "USD", 995),
        (".5", "USD", 50),
        ("5.", "USD", 500),
        ("50000.00", "USD", 5_000_000),
        ("1,234.56", "USD", 123_456),
        ("1.234,56", "EUR", 123_456),
        ("12,50", "EUR", 1250),
        ("1,234", "USD", 123_400),
        (" $10.00 ", "USD", 1000),
        ("19.989999999999998", "USD", 1999),
        ("0.125", "USD", 12),
        ("0.135", "USD", 14),
        ("1500", "JPY", 1500),
        ("1.2345", "KWD", 1234),
        ("0.00", "USD", 0),
    ] {
        check(text, currency, Ok(minor));
    }
}

#[test]
fn what_is_no_amount_is_never_zero() {
    for (text, part) in [
        ("", "empty"),
        ("  ", "empty"),
        ("AMOUNTOFSALE", "not an amount"),
        ("1e9", "not an amount"),
        ("NaN", "not an amount"),
        ("-5", "negative"),
        ("--5", "not an amount"),
        ("1.2.3", "not an amount"),
        ("12,34,56", "not an amount"),
        (".", "not an amount"),
        ("99999999999999999999", "larger"),
    ] {
        check(text, "USD", Err(part));
    }
}

#[test]
fn amounts_are_written_with_the_decimals_of_their_currency() {
    for (minor, currency, text) in [
        (0, "USD", "0.00"),
        (5, "USD", "0.05"),
        (-5, "USD", "-0.05"),
        (1999, "USD", "19.99"),
        (1500, "JPY", "1500"),
        (0, "JPY", "0"),
        (1234, "KWD", "1.234"),
        (i64::MAX, "USD", "92233720368547758.07"),
        (i64::MIN, "KWD", "-9223372036854775.808"),
        (i64::MIN, "JPY", "-9223372036854775808"),
    ] {
        assert_eq!(Money::from_minor(minor, Currency::parse(currency).unwrap()).decimal(), text);
    }
}

proptest! {
    #[test]
    fn the_short_way_reads_as_the_long_one(text in "[0-9]{0,16}[.]?[0-9]{0,4}", code in "USD|JPY|KWD") {
        let currency = Currency::parse(&code).unwrap();
        prop_assert_eq!(Money::parse(&text, currency), Money::parse_any(&text, currency));
    }

    #[test]
    fn what_is_written_is_read_back(minor in 0_i64..1_000_000_000_000, code in "[A-Z]{3}") {
        let money = Money::from_minor(minor, Currency::parse(&code).unwrap());
        prop_assert_eq!(Money::parse(&money.decimal(), money.currency), Ok(money));
    }

    #[test]
    fn no_text_panics(text in ".*") {
        if let Ok(money) = Money::parse(&text, Currency::USD) {
            prop_assert!(money.minor >= 0);
        }
    }

    #[test]
    fn a_share_and_its_rest_make_the_whole(minor in 0_i64..1_000_000_000, parts in 0_u64..10_000) {
        let money = Money::from_minor(minor, Currency::USD);
        let share = money.share(parts, 10_000).unwrap();
        prop_assert!(share.minor <= minor);
        prop_assert!((i128::from(share.minor) * 10_000 - i128::from(minor) * i128::from(parts)).abs() <= 5_000);
    }
}

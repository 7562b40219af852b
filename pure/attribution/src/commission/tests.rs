use proptest::prelude::*;
use tracking::{Class, Field, Value};

use super::*;
use crate::Terms;
use crate::terms::Version;

/// Fields of an order, as text.
type Fields<'a> = &'a [(Field, &'a str)];

fn usd(minor: i64) -> Money {
    Money::from_minor(minor, Currency::USD)
}

fn version(rules: &str) -> Version {
    let text = format!("[[terms]]\n{rules}");
    let terms = Terms::load("terms.toml", &text).unwrap_or_else(|mistakes| panic!("{mistakes:?}"));
    terms.versions().next().unwrap().1.clone()
}

/// An order by its fields: lists are separated by blanks.
fn event(fields: &[(Field, &str)]) -> Event {
    let mut event = Event::new(Class::Conversion);
    for (field, text) in fields {
        let list = || Value::List(text.split(' ').map(Into::into).collect());
        let value = match field {
            Field::BasketSkus | Field::BasketPrices | Field::BasketQuantities | Field::VoucherCodes => list(),
            Field::NewCustomer => Value::Flag(*text == "new"),
            Field::StoreId => Value::Id(text.parse().unwrap()),
            _ => Value::Text((*text).into()),
        };
        event.set(*field, value);
    }
    event
}

const TEN_PERCENT: Commission = Commission::Percent { basis_points: 1000 };

fn earned_by(rules: &str, fields: &[(Field, &str)], minor: i64, figures: Figures) -> (i64, String) {
    let event = event(fields);
    let order = Order { event: &event, amount: usd(minor), publisher_id: 456, figures };
    let earned = earned(&order, &version(rules), &TEN_PERCENT).unwrap();
    assert_eq!(earned.amount.currency, Currency::USD);
    (earned.amount.minor, earned.rules.join("; "))
}

#[test]
fn percent_and_flat() {
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

/// Each condition, where it holds and where it does not: 5 % if it fits, else the directory's 10 %, of 100.00.
#[test]
fn every_condition_of_the_closed_set() {
    use Field::{ConversionType, CustomType, NewCustomer, StoreId, VoucherCodes};
    let cases: [(&str, Fields<'_>, bool); 22] = [
        ("custom_type = [\"rental\"]", &[(CustomType, " Rental ")], true),
        ("custom_type = [\"rental\"]", &[(CustomType, "sale")], false),
        ("custom_type = [\"rental\"]", &[], false),
        ("store = [3, 4]", &[(StoreId, "4")], true),
        ("store = [3, 4]", &[(StoreId, "5")], false),
        ("new_customer = true", &[(NewCustomer, "new")], true),
        ("new_customer = true", &[(NewCustomer, "returning")], false),
        ("new_customer = true", &[], false),
        ("new_customer = false", &[(NewCustomer, "returning")], true),
        ("coupon = [\"SAVE10\"]", &[(VoucherCodes, "other save10")], true),
        ("coupon = [\"SAVE10\"]", &[(VoucherCodes, "other")], false),
        ("any_coupon = true", &[(VoucherCodes, "other")], true),
        ("any_coupon = true", &[(VoucherCodes, "")], false),
        ("publisher = [456]", &[], true),
        ("publisher = [457]", &[], false),
        ("kind = [\"lead\"]", &[(ConversionType, "lead")], true),
        ("kind = [\"sale\"]", &[], true),
        ("kind = [\"lead\"]", &[], false),
        ("amount_from = \"100.00\"", &[], true),
        ("amount_from = \"100.01\"", &[], false),
        ("amount_below = \"100.00\"", &[], false),
        ("amount_from = \"50\"\namount_below = \"100.01\"", &[], true),
    ];
    for (condition, fields, fits) in cases {
        let rules = format!("[[terms.rule]]\nname = \"five\"\npercent = \"5\"\n{condition}\n");
        let expected = if fits { (500, "five".to_owned()) } else { (1000, "directory".to_owned()) };
        assert_eq!(
            earned_by(&rules, fields, 10_000, Figures::default()),
            expected,
            "{condition} of {fields:?}"
        );
    }
}

#[test]
fn a_group_is_known_by_the_publishers_of_the_terms() {
    let rules = "[[terms.publisher]]\nids = [456]\ngroup = \"cashback\"\n[[terms.rule]]\nname = \"five\"\npercent = \"5\"\n\
        publisher_group = [\"cashback\"]\n";
    assert_eq!(earned_by(rules, &[], 10_000, Figures::default()).0, 500);
    assert_eq!(earned_by(&rules.replace("[456]", "[9]"), &[], 10_000, Figures::default()).0, 1000);
}

#[test]
fn an_amount_in_another_currency_is_not_compared() {
    let version = version(
        "currency = \"EUR\"\n[[terms.rule]]\nname = \"five\"\npercent = \"5\"\namount_from = \"1\"\n",
    );
    let event = event(&[]);
    let order = Order { event: &event, amount: usd(10_000), publisher_id: 1, figures: Figures::default() };
    assert_eq!(earned(&order, &version, &TEN_PERCENT).unwrap().rules, ["directory"]);
}

const BASKET: [(Field, &str); 3] = [
    (Field::BasketSkus, "A-1 B-1 a-2"),
    (Field::BasketPrices, "10.00 30.00 5"),
    (Field::BasketQuantities, "2 1 2"),
];

/// 60.00 of articles: 20, 30 and 10, sold for 54.00 after a discount: 18.00, 27.00 and 9.00.
#[test]
fn articles_share_the_orders_value() {
    let a = "[[terms.rule]]\nname = \"a\"\npercent = \"20\"\nsku = [\"A-*\"]\n";
    let b = "[[terms.rule]]\nname = \"b\"\nflat = \"1.50\"\nsku = [\"b-1\"]\n";
    let each = "[[terms.category]]\nname = \"as\"\nskus = [\"A-1\", \"A-2\"]\n\
        [[terms.rule]]\nname = \"each\"\nper_item = \"0.25\"\ncategory = [\"as\"]\n";
    for (rules, expected) in [
        // 20 % of 27.00, and 10 % of 27.00.
        (a.to_owned(), (810, "a; directory")),
        (format!("{a}{b}"), (690, "a; b")),
        (format!("{b}{a}"), (690, "b; a")),
        // Four articles of the category, and 10 % of 27.00.
        (each.to_owned(), (370, "each; directory")),
        (format!("{each}{a}"), (370, "each; directory")),
    ] {
        let found = earned_by(&rules, &BASKET, 5400, Figures::default());
        assert_eq!((found.0, found.1.as_str()), expected, "{rules}");
    }
    let torn = [BASKET[0], BASKET[1], (Field::BasketQuantities, "2 1")];
    assert_eq!(
        earned_by(a, &torn, 5400, Figures::default()),
        (540, "directory".to_owned()),
        "no basket, no article"
    );
    let free = [BASKET[0], (Field::BasketPrices, "0 0 0"), BASKET[2]];
    assert_eq!(earned_by(a, &free, 5400, Figures::default()).0, 540, "what costs nothing tells no shares");
    let per_item = "[[terms.rule]]\nname = \"each\"\nper_item = \"0.25\"\n";
    assert_eq!(earned_by(per_item, &BASKET, 5400, Figures::default()).0, 125, "five articles");
    assert_eq!(
        earned_by(per_item, &[], 5400, Figures::default()).0,
        25,
        "an order without a basket is one article"
    );
}

#[test]
fn a_scale_goes_by_what_came_before() {
    let orders = "[[terms.rule]]\nname = \"scale\"\ntiers_by = \"orders\"\ntiers = [\n{ percent = \"5\" },\n\
        { from = 10, percent = \"7.5\" },\n{ from = 100, percent = \"10\" },\n]\n";
    for (before, expected) in [(0, 500), (9, 500), (10, 750), (99, 750), (100, 1000), (5000, 1000)] {
        let figures = Figures { orders: before, ..Figures::default() };
        assert_eq!(earned_by(orders, &[], 10_000, figures).0, expected, "{before} orders before");
    }
    let sum = "[[terms.rule]]\nname = \"scale\"\ntiers_by = \"sum\"\ntiers = [{ percent = \"5\" },\n\
        { from = \"1000\", percent = \"6\" }]\n";
    for (before, expected) in [(0, 500), (99_999, 500), (100_000, 600), (-1, 500)] {
        let figures = Figures { value: before, ..Figures::default() };
        assert_eq!(earned_by(sum, &[], 10_000, figures).0, expected, "{before} before");
    }
    // A thousand of another currency is not the thousand that the step says.
    let (event, euro) = (event(&[]), Currency::parse("EUR").unwrap());
    let figures = Figures { value: 100_000, ..Figures::default() };
    let order = Order { event: &event, amount: Money::from_minor(10_000, euro), publisher_id: 456, figures };
    let step = |text: &str| earned(&order, &version(text), &TEN_PERCENT).unwrap().amount.minor;
    assert_eq!((step(sum), step(&format!("currency = \"EUR\"\n{sum}"))), (500, 600));
}

#[test]
fn caps_cut_what_is_left() {
    let cap = |per: &str, of: &str, amount: &str| {
        format!("[[terms.cap]]\nper = \"{per}\"\nof = \"{of}\"\namount = \"{amount}\"\n")
    };
    let figures = Figures {
        publisher_day: 100,
        publisher_month: 200,
        programme_day: 300,
        programme_month: 400,
        ..Figures::default()
    };
    for (caps, expected, name) in [
        (cap("order", "publisher", "9.99"), 999, "cap of 9.99 USD per order and publisher"),
        (cap("day", "publisher", "9"), 800, "cap of 9.00 USD per day and publisher"),
        (cap("month", "publisher", "9"), 700, "cap of 9.00 USD per month and publisher"),
        (cap("day", "programme", "9"), 600, "cap of 9.00 USD per day and programme"),
        (cap("month", "programme", "9"), 500, "cap of 9.00 USD per month and programme"),
        (cap("month", "programme", "3"), 0, "cap of 3.00 USD per month and programme"),
    ] {
        let found = earned_by(&caps, &[], 10_000, figures);
        assert_eq!(found, (expected, format!("directory; {name}")));
    }
    let wide = cap("day", "publisher", "11");
    assert_eq!(earned_by(&wide, &[], 10_000, figures), (1000, "directory".to_owned()), "to the last unit");
    let two = cap("day", "publisher", "9") + &cap("order", "publisher", "5");
    assert_eq!(earned_by(&two, &[], 10_000, figures).0, 500);
}

#[test]
fn a_cap_in_another_currency_is_refused_and_never_passed_over() {
    let event = event(&[]);
    let order = Order { event: &event, amount: usd(10_000), publisher_id: 1, figures: Figures::default() };
    let euro = "[[terms.cap]]\nper = \"order\"\namount = \"5 EUR\"\n";
    let error = earned(&order, &version(euro), &TEN_PERCENT).unwrap_err();
    assert!(error.to_string().contains("is in EUR, and the commission is in USD"), "{error}");
    let both = format!("{euro}[[terms.cap]]\nper = \"order\"\namount = \"6\"\n");
    assert_eq!(earned(&order, &version(&both), &TEN_PERCENT).unwrap().amount, usd(600));
    let mixed = "[[terms.rule]]\nname = \"a\"\nflat = \"1 EUR\"\nsku = [\"A-1\"]\n";
    let basket = self::event(&BASKET);
    let order = Order { event: &basket, ..order };
    assert!(matches!(
        earned(&order, &version(mixed), &TEN_PERCENT),
        Err(CommissionError::OtherCurrency { .. })
    ));
}

/// Two dollars for each order in euros would never be counted, and the cap never be reached.
#[test]
fn a_commission_in_another_currency_than_its_orders_is_not_passed_by_a_cap_that_counts() {
    let event = event(&[]);
    let amount = Money::from_minor(10_000, Currency::parse("EUR").unwrap());
    let order = Order { event: &event, amount, publisher_id: 1, figures: Figures::default() };
    let flat = "[[terms.rule]]\nname = \"flat\"\nflat = \"2.00\"\n";
    let cap = |per: &str| format!("{flat}[[terms.cap]]\nper = \"{per}\"\namount = \"1.00\"\n");
    for per in ["day", "month"] {
        let error = earned(&order, &version(&cap(per)), &TEN_PERCENT).unwrap_err();
        assert!(matches!(error, CommissionError::Uncounted { .. }), "{per}: {error}");
        assert!(error.to_string().contains("in the order's own currency, EUR"), "{error}");
    }
    let order_alone = earned(&order, &version(&cap("order")), &TEN_PERCENT).unwrap();
    assert_eq!(order_alone.amount, usd(100), "one order is not counted");
}

#[test]
fn what_the_request_names_overrides_where_it_may() {
    use Field::{CommissionPercent, ConversionType, LeadCommission};
    let rule = "[[terms.rule]]\nname = \"five\"\npercent = \"5\"\n";
    let allowed = format!("overrides = \"allow\"\n{rule}");
    let cases: [(&str, Fields<'_>, i64); 7] = [
        (rule, &[(CommissionPercent, "12.5")], 500),
        (&allowed, &[(CommissionPercent, "12.5")], 1250),
        (&allowed, &[], 500),
        (&allowed, &[(CommissionPercent, "x")], 500),
        (&allowed, &[(LeadCommission, "3.00")], 500),
        (&allowed, &[(ConversionType, "lead"), (LeadCommission, "3.00")], 300),
        (&allowed, &[(ConversionType, "lead"), (CommissionPercent, "12.5")], 500),
    ];
    for (rules, fields, expected) in cases {
        assert_eq!(earned_by(rules, fields, 10_000, Figures::default()).0, expected, "{fields:?} by {rules}");
    }
    let capped = format!("{allowed}[[terms.cap]]\nper = \"order\"\namount = \"2\"\n");
    let fields = [(CommissionPercent, "12.5")];
    assert_eq!(earned_by(&capped, &fields, 10_000, Figures::default()).0, 200, "a cap holds for it too");
}

#[test]
fn figures_are_read_as_they_were_written() {
    let figures = Figures {
        orders: 1,
        value: -2,
        publisher_day: 3,
        publisher_month: 4,
        programme_day: 5,
        programme_month: 6,
    };
    assert_eq!(Figures::read(&figures.write()), Some(figures));
    assert_eq!((Figures::default().write().as_str(), Figures::read("")), ("", Some(Figures::default())));
    assert_eq!((Figures::read("1 2"), Figures::read("x 1 2 3 4 5")), (None, None));
}

proptest! {
    #[test]
    fn a_part_is_never_more_than_the_whole(minor in 0_i64..=i64::MAX, basis_points in 0_u64..=10_000) {
        let earned = commission(&Commission::Percent { basis_points }, usd(minor)).unwrap();
        prop_assert!((0..=minor).contains(&earned.minor));
    }

    /// The parts of a basket are the order: one percentage for each kind of article earns what it earns of the whole,
    /// to within one rounding for each rule.
    #[test]
    fn the_parts_of_a_basket_are_the_order(
        minor in 0_i64..100_000_000, rows in prop::collection::vec((0_u8..3, 0_u32..10_000, 1_u32..9), 1..20)
    ) {
        let words = |word: &dyn Fn(&(u8, u32, u32)) -> String| rows.iter().map(word).collect::<Vec<_>>().join(" ");
        let fields = [
            (Field::BasketSkus, words(&|row| format!("{}-{}", row.0, row.1))),
            (Field::BasketPrices, words(&|row| format!("{}.{:02}", row.1 / 100, row.1 % 100))),
            (Field::BasketQuantities, words(&|row| row.2.to_string())),
        ];
        let fields: Vec<(Field, &str)> = fields.iter().map(|(field, text)| (*field, text.as_str())).collect();
        let rule = |name: &str| format!("[[terms.rule]]\nname = \"{name}\"\npercent = \"10\"\nsku = [\"{name}-*\"]\n");
        let (earned, _) = earned_by(&(rule("0") + &rule("1")), &fields, minor, Figures::default());
        let whole = commission(&TEN_PERCENT, usd(minor)).unwrap().minor;
        prop_assert!((earned - whole).abs() <= 2, "{} of {}", earned, whole);
        let all = "[[terms.rule]]\nname = \"all\"\npercent = \"100\"\nsku = [\"0-*\", \"1-*\", \"2-*\"]\n";
        prop_assert_eq!(earned_by(all, &fields, minor, Figures::default()).0.max(minor / 10), minor);
    }
}

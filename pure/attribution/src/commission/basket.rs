//! An order taken apart, where its rules tell articles apart.

use tracking::{Event, Field};
use units::{Currency, Money};

use super::Order;
use super::rules::{self, Article};
use crate::model::split;
use crate::terms::Version;

/// Price and quantity are read as amounts with so many decimals more than they need, and never as binary fractions.
const EXACT: &str = "KWD";

/// A part of an order that one rule pays for.
pub(super) struct Part {
    /// The place of its rule; none if no rule fits.
    pub(super) rule: Option<usize>,
    /// What it is worth, out of the order's value.
    pub(super) value: Money,
    /// How many articles it is.
    pub(super) items: u64,
}

/// What parts are worth together. They are parts of one value, so that the sum is no more than that.
pub(super) fn value(parts: &[&Part], currency: Currency) -> Money {
    let minor = parts.iter().fold(0_i64, |sum, part| sum.saturating_add(part.value.minor));
    Money::from_minor(minor, currency)
}

/// The parts of an order, each with the first rule that fits it.
///
/// The order's value is what the merchant says, after discounts; a basket says prices before them. So the articles
/// share the order's value in proportion to price and quantity, and add up to it exactly. A basket that cannot be read,
/// and one that no rule asks for, leaves the order whole.
pub(super) fn parts(order: &Order<'_>, version: &Version) -> Vec<Part> {
    let articles = articles(order.event);
    let rule = |article: Option<&Article<'_>>| {
        version.rules.iter().position(|rule| rules::fits(rule, article, order, version))
    };
    let asked = version.rules.iter().any(super::Rule::asks_for_articles);
    let weights: Vec<u64> = articles.iter().map(|article| article.weight).collect();
    if !asked || weights.iter().all(|weight| *weight == 0) {
        let items = articles.iter().fold(0_u64, |sum, article| sum.saturating_add(article.items)).max(1);
        return vec![Part { rule: rule(None), value: order.amount, items }];
    }
    let values = split(order.amount.minor, &weights);
    let part = |(article, minor): (&Article<'_>, i64)| Part {
        rule: rule(Some(article)),
        value: Money::from_minor(minor, order.amount.currency),
        items: article.items,
    };
    articles.iter().zip(values).map(part).collect()
}

/// The articles of a basket; none if its lists do not line up.
fn articles(event: &Event) -> Vec<Article<'_>> {
    if !event.basket_lines_up() {
        return Vec::new();
    }
    let (skus, prices) = (event.list(Field::BasketSkus), event.list(Field::BasketPrices));
    let rows = skus.iter().zip(prices).zip(event.list(Field::BasketQuantities));
    rows.map(|((sku, price), quantity)| article(sku, price, quantity)).collect()
}

fn article<'a>(sku: &'a str, price: &str, quantity: &str) -> Article<'a> {
    let (price, quantity) = (thousandths(price), thousandths(quantity));
    Article { sku, weight: price.saturating_mul(quantity), items: quantity.checked_div(1000).unwrap_or(0) }
}

/// A plain decimal number in thousandths; more decimals are rounded half to even. Nothing where it is none.
fn thousandths(text: &str) -> u64 {
    let exact = Currency::parse(EXACT).and_then(|exact| Money::parse(text, exact).ok());
    exact.and_then(|amount| u64::try_from(amount.minor).ok()).unwrap_or(0)
}

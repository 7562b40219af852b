//! What an order earns.
//!
//! The whole order earns one commission, by the rules as they are for its credited publisher; a model then says how it
//! is shared ([`crate::model`]). An order is taken apart where its rules tell articles apart: each part goes to the first
//! rule that fits it, and each rule is paid once on the sum of its parts, rounded half to even. So nothing is rounded
//! twice, and the parts are the whole.

mod basket;
mod rules;

use tracking::Event;
use tracking::directory::Commission;
use units::{Currency, Money};

pub use rules::{Cap, Condition, Figures, Of, Pays, Period, Rule, Step, Volume, kind};

use crate::rate::Rate;
use crate::terms::Version;

/// Why a commission cannot be computed.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum CommissionError {
    /// The amount or the rule is too large to multiply.
    #[error("the commission by `{rule}` of {amount} is larger than can be booked")]
    TooLarge {
        /// The rule.
        rule: String,
        /// What it is of.
        amount: Money,
    },
    /// Rules or caps of two currencies meet.
    #[error(
        "`{rule}` is in {wanted}, and the commission is in {found}: say it in {found} too, in a new version of the terms"
    )]
    OtherCurrency {
        /// The rule or cap.
        rule: String,
        /// Its currency.
        wanted: Currency,
        /// The commission's.
        found: Currency,
    },
    /// A cap counts what is earned in the orders' own currency.
    #[error(
        "`{cap}` counts commissions in the order's own currency, {order}, and this one is in {found}: say a share, or an \
         amount in {order}, in a version of the terms that begins on or before the order's day"
    )]
    Uncounted {
        /// The cap.
        cap: String,
        /// The order's currency.
        order: Currency,
        /// The commission's.
        found: Currency,
    },
}

/// What `rule` pays for an order of `amount`, rounded half to even. A flat amount keeps its own currency.
///
/// # Errors
/// If the commission cannot be represented.
pub fn commission(rule: &Commission, amount: Money) -> Result<Money, CommissionError> {
    match *rule {
        Commission::Percent { basis_points } => {
            let too_large =
                || CommissionError::TooLarge { rule: "the programme's percentage".to_owned(), amount };
            Rate::from_basis_points(basis_points).of(amount).ok_or_else(too_large)
        }
        Commission::Flat(flat) => Ok(flat),
    }
}

/// An order, as far as its commission asks.
#[derive(Clone, Copy, Debug)]
pub struct Order<'a> {
    /// What it says.
    pub event: &'a Event,
    /// Its value.
    pub amount: Money,
    /// Who is credited for it.
    pub publisher_id: u64,
    /// What was earned before it.
    pub figures: Figures,
}

/// A commission and the rules that made it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Earned {
    /// How much.
    pub amount: Money,
    /// The rules and caps that applied, by name, in order.
    pub rules: Vec<String>,
}

/// What an order earns under `version`, where `usual` is earned if none of its rules fits.
///
/// # Errors
/// If the commission cannot be represented, or is in two currencies.
pub fn earned(order: &Order<'_>, version: &Version, usual: &Commission) -> Result<Earned, CommissionError> {
    let (amount, mut names) = match rules::overriding(order, version)? {
        Some((amount, name)) => (amount, vec![name]),
        None => by_rules(order, version, usual)?,
    };
    let amount = rules::capped(amount, order, version, &mut names)?;
    Ok(Earned { amount, rules: names })
}

fn by_rules(
    order: &Order<'_>,
    version: &Version,
    usual: &Commission,
) -> Result<(Money, Vec<String>), CommissionError> {
    let parts = basket::parts(order, version);
    let (mut total, mut names) = (None, Vec::new());
    for (place, rule) in version.rules.iter().enumerate() {
        let own: Vec<_> = parts.iter().filter(|part| part.rule == Some(place)).collect();
        if let Some(paid) = rules::paid(rule, &own, order, version)? {
            total = Some(sum(total, paid, &rule.name)?);
            names.push(rule.name.clone());
        }
    }
    let rest: Vec<_> = parts.iter().filter(|part| part.rule.is_none()).collect();
    if !rest.is_empty() {
        let paid = commission(usual, basket::value(&rest, order.amount.currency))?;
        total = Some(sum(total, paid, "directory")?);
        names.push("directory".to_owned());
    }
    Ok((total.unwrap_or(Money::from_minor(0, order.amount.currency)), names))
}

fn sum(total: Option<Money>, paid: Money, rule: &str) -> Result<Money, CommissionError> {
    let Some(total) = total else { return Ok(paid) };
    if total.currency != paid.currency {
        let (wanted, found) = (paid.currency, total.currency);
        return Err(CommissionError::OtherCurrency { rule: rule.to_owned(), wanted, found });
    }
    let too_large = || CommissionError::TooLarge { rule: rule.to_owned(), amount: paid };
    total.checked_add(paid).ok_or_else(too_large)
}

#[cfg(test)]
mod tests;

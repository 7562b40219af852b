//! The rules of a commission: conditions from a closed set, and what is paid where they hold.

use tracking::{Event, Field};
use units::{Currency, Money};

use super::basket::{Part, value};
use super::{CommissionError, Order};
use crate::rate::Rate;
use crate::terms::{Version, comparable};

/// One rule: it fits if every one of its conditions holds.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Rule {
    /// The name in the books.
    pub name: String,
    /// When it fits; always, if there is none.
    pub when: Vec<Condition>,
    /// What it pays.
    pub pays: Pays,
}

impl Rule {
    /// True if it tells the articles of an order apart.
    pub fn asks_for_articles(&self) -> bool {
        self.when.iter().any(|condition| matches!(condition, Condition::Articles(_)))
    }
}

/// What must hold for a rule to fit.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Condition {
    /// The article is one of these: a text ending in `*` stands for every one that begins so.
    Articles(Vec<String>),
    /// The merchant's own kind of order is one of these.
    CustomType(Vec<String>),
    /// The shop is one of these.
    Store(Vec<u64>),
    /// The buyer is new to the merchant, or is not.
    NewCustomer(bool),
    /// One of these codes was used; any one, if there is none.
    Coupon(Vec<String>),
    /// The credited publisher is one of these.
    Publisher(Vec<u64>),
    /// The credited publisher is in one of these groups.
    Group(Vec<String>),
    /// The kind of order is one of these.
    Kind(Vec<String>),
    /// The order's value is at least this, in the minor units of the version's currency.
    From(i64),
    /// The order's value is less than this.
    Below(i64),
}

/// What a rule pays.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Pays {
    /// A share of the value.
    Percent(Rate),
    /// An amount for the order.
    Flat(Money),
    /// An amount for each article.
    PerItem(Money),
    /// As the step says that the publisher has reached in the month.
    Tiers {
        /// What is counted.
        by: Volume,
        /// The steps, each from more on than the one before; the first from nothing.
        steps: Vec<Step>,
    },
}

impl Pays {
    /// True if what is paid depends on what came before.
    pub const fn looks_back(&self) -> bool {
        matches!(self, Self::Tiers { .. })
    }
}

/// What a publisher's month is measured by.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Volume {
    /// How many orders.
    Orders,
    /// What they were worth, in the currency of the order at hand.
    Sum,
}

/// One step of a scale.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Step {
    /// From how many orders on, or from how many minor units.
    pub from: u64,
    /// What it pays.
    pub rate: Rate,
}

/// A limit on what is earned.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Cap {
    /// In what time.
    pub per: Period,
    /// By whom.
    pub of: Of,
    /// How much.
    pub amount: Money,
}

impl Cap {
    /// True if it depends on what came before.
    pub fn looks_back(&self) -> bool {
        self.per != Period::Order
    }

    /// The name in the books.
    pub fn name(&self) -> String {
        format!("cap of {} per {} and {}", self.amount, self.per.name(), self.of.name())
    }
}

/// The time of a limit. Days and months are in UTC.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Period {
    /// One order.
    Order,
    /// The order's day.
    Day,
    /// The order's month.
    Month,
}

impl Period {
    /// Every period.
    pub const ALL: [Self; 3] = [Self::Order, Self::Day, Self::Month];

    /// The name in files and the books.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Order => "order",
            Self::Day => "day",
            Self::Month => "month",
        }
    }
}

/// Whose earnings a limit counts.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Of {
    /// Those of the credited publisher with this programme.
    Publisher,
    /// Those of all publishers with this programme.
    Programme,
}

impl Of {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Publisher, Self::Programme];

    /// The name in files and the books.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Publisher => "publisher",
            Self::Programme => "programme",
        }
    }
}

/// What was earned with a programme before an order, as it stood when the order was decided about: orders and their value up
/// to its day, and what was earned in its whole month and on its whole day. It is kept with the award, so that the same
/// decision can be made again.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Figures {
    /// Orders of the publisher in the month.
    pub orders: u64,
    /// What they were worth, in minor units of the order's currency.
    pub value: i64,
    /// What the publisher earned on the day.
    pub publisher_day: i64,
    /// What the publisher earned in the month.
    pub publisher_month: i64,
    /// What all publishers earned on the day.
    pub programme_day: i64,
    /// What all publishers earned in the month.
    pub programme_month: i64,
}

impl Figures {
    /// The figures as one text, for a table; empty if there are none.
    pub fn write(&self) -> String {
        if *self == Self::default() {
            return String::new();
        }
        let Self { orders, value, publisher_day, publisher_month, programme_day, programme_month } = self;
        format!("{orders} {value} {publisher_day} {publisher_month} {programme_day} {programme_month}")
    }

    /// Reads what [`Self::write`] wrote; none if it is something else.
    pub fn read(text: &str) -> Option<Self> {
        if text.is_empty() {
            return Some(Self::default());
        }
        let (orders, rest) = text.split_once(' ')?;
        let numbers: Result<Vec<i64>, _> = rest.split(' ').map(str::parse).collect();
        let [value, publisher_day, publisher_month, programme_day, programme_month] =
            <[i64; 5]>::try_from(numbers.ok()?).ok()?;
        let orders = orders.parse().ok()?;
        Some(Self { orders, value, publisher_day, publisher_month, programme_day, programme_month })
    }

    const fn spent(&self, per: Period, of: Of) -> i64 {
        match (per, of) {
            (Period::Order, _) => 0,
            (Period::Day, Of::Publisher) => self.publisher_day,
            (Period::Day, Of::Programme) => self.programme_day,
            (Period::Month, Of::Publisher) => self.publisher_month,
            (Period::Month, Of::Programme) => self.programme_month,
        }
    }
}

/// An article of a basket.
pub(super) struct Article<'a> {
    pub(super) sku: &'a str,
    /// Price times quantity, in millionths.
    pub(super) weight: u64,
    pub(super) items: u64,
}

/// True if `rule` fits a part of the order: this article of it, or all of it where no article is given.
pub(super) fn fits(rule: &Rule, article: Option<&Article<'_>>, order: &Order<'_>, version: &Version) -> bool {
    rule.when.iter().all(|condition| holds(condition, article, order, version))
}

fn holds(condition: &Condition, article: Option<&Article<'_>>, order: &Order<'_>, version: &Version) -> bool {
    let event = order.event;
    let amount = || comparable(order.amount, version);
    match condition {
        Condition::Articles(wanted) => article.is_some_and(|article| any_pattern(wanted, article.sku)),
        Condition::CustomType(wanted) => any_text(wanted, text(event, Field::CustomType).as_deref()),
        Condition::Store(wanted) => {
            let id = text(event, Field::StoreId).and_then(|id| id.trim().parse().ok());
            id.is_some_and(|id| wanted.contains(&id))
        }
        Condition::NewCustomer(wanted) => event.flag(Field::NewCustomer) == Some(*wanted),
        Condition::Coupon(wanted) => coupon(wanted, event),
        Condition::Publisher(wanted) => wanted.contains(&order.publisher_id),
        Condition::Group(wanted) => {
            version.group(order.publisher_id).is_some_and(|group| wanted.iter().any(|name| name == group))
        }
        Condition::Kind(wanted) => any_text(wanted, Some(kind(event))),
        Condition::From(least) => amount().is_some_and(|minor| minor >= *least),
        Condition::Below(limit) => amount().is_some_and(|minor| minor < *limit),
    }
}

/// The kind of an order: what names none is a sale.
pub fn kind(event: &Event) -> &str {
    event.text(Field::ConversionType).unwrap_or("sale")
}

fn text(event: &Event, field: Field) -> Option<tracking::Text> {
    event.get(field).map(tracking::Value::text)
}

fn any_text(wanted: &[String], found: Option<&str>) -> bool {
    let found = found.unwrap_or_default().trim();
    wanted.iter().any(|one| one.eq_ignore_ascii_case(found))
}

fn any_pattern(wanted: &[String], found: &str) -> bool {
    let begins = |start: &str| found.get(..start.len()).is_some_and(|head| head.eq_ignore_ascii_case(start));
    wanted.iter().any(|one| match one.strip_suffix('*') {
        Some(start) => begins(start),
        None => one.eq_ignore_ascii_case(found),
    })
}

fn coupon(wanted: &[String], event: &Event) -> bool {
    let codes = event.list(Field::VoucherCodes).iter();
    let mut used = codes.map(|code| code.trim()).filter(|code| !code.is_empty());
    used.any(|code| wanted.is_empty() || wanted.iter().any(|one| one.eq_ignore_ascii_case(code)))
}

/// What a rule pays for its parts; none if it has none.
pub(super) fn paid(
    rule: &Rule,
    parts: &[&Part],
    order: &Order<'_>,
    version: &Version,
) -> Result<Option<Money>, CommissionError> {
    if parts.is_empty() {
        return Ok(None);
    }
    let amount = value(parts, order.amount.currency);
    let too_large = || CommissionError::TooLarge { rule: rule.name.clone(), amount };
    let paid = match &rule.pays {
        Pays::Percent(rate) => rate.of(amount),
        Pays::Flat(flat) => Some(*flat),
        Pays::PerItem(each) => {
            let items = parts.iter().fold(0_u64, |sum, part| sum.saturating_add(part.items));
            each.share(items, 1)
        }
        Pays::Tiers { by, steps } => {
            let reached = match by {
                Volume::Orders => order.figures.orders,
                // The steps are amounts in the version's currency, and the sum is in the order's.
                Volume::Sum if comparable(order.amount, version).is_none() => 0,
                Volume::Sum => u64::try_from(order.figures.value).unwrap_or(0),
            };
            let step = steps.iter().rev().find(|step| step.from <= reached);
            step.map_or(Some(Money::from_minor(0, amount.currency)), |step| step.rate.of(amount))
        }
    };
    paid.map(Some).ok_or_else(too_large)
}

/// The commission that the request itself names, where the terms allow that: a percentage for what is sold, an amount
/// for a lead.
pub(super) fn overriding(
    order: &Order<'_>,
    version: &Version,
) -> Result<Option<(Money, String)>, CommissionError> {
    if !version.overrides {
        return Ok(None);
    }
    let (event, amount) = (order.event, order.amount);
    if kind(event) == "lead" {
        let currency: Currency = amount.currency;
        let read = |named: tracking::Text| Money::parse(&named, currency).ok();
        let named = text(event, Field::LeadCommission).and_then(read);
        return Ok(named.map(|paid| (paid, "override: amount of the lead".to_owned())));
    }
    let named = text(event, Field::CommissionPercent).and_then(|percent| Rate::parse(&percent));
    let Some(rate) = named else { return Ok(None) };
    let name = "override: percentage of the order".to_owned();
    let too_large = || CommissionError::TooLarge { rule: name.clone(), amount };
    Ok(Some((rate.of(amount).ok_or_else(too_large)?, name.clone())))
}

/// `amount` as far as the caps let it, with the names of those that cut it.
pub(super) fn capped(
    amount: Money,
    order: &Order<'_>,
    version: &Version,
    names: &mut Vec<String>,
) -> Result<Money, CommissionError> {
    let mut left = amount;
    for cap in &version.caps {
        if cap.amount.currency != amount.currency {
            let same = |other: &Cap| (other.per, other.of) == (cap.per, cap.of);
            let mut others = version.caps.iter().filter(|other| same(other));
            if others.any(|other| other.amount.currency == amount.currency) {
                continue;
            }
            let (wanted, found) = (cap.amount.currency, amount.currency);
            return Err(CommissionError::OtherCurrency { rule: cap.name(), wanted, found });
        }
        let own = order.amount.currency;
        if cap.looks_back() && amount.currency != own && amount.minor != 0 {
            // What is earned is counted in the currency of its order: this would use no room.
            return Err(CommissionError::Uncounted { cap: cap.name(), order: own, found: amount.currency });
        }
        let room = cap.amount.minor.saturating_sub(order.figures.spent(cap.per, cap.of)).max(0);
        if left.minor > room {
            left.minor = room;
            names.push(cap.name());
        }
    }
    Ok(left)
}

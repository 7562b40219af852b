//! Reading the rules and caps of a version.

use tracking::source::Section;
use units::{Currency, Money};

use crate::commission::{Cap, Condition, Of, Pays, Period, Rule, Step, Volume};
use crate::rate::Rate;

/// Articles that rules know by one name.
pub(super) type Categories = Vec<(String, Vec<String>)>;

pub(super) fn categories(section: &Section<'_, '_>) -> Categories {
    section.sections("category", |row| {
        let (name, skus) = (row.required_text("name"), row.texts("skus"));
        if skus.is_empty() {
            row.mistake(
                "`skus` is missing: the articles, where `A*` stands for every one that begins with `A`",
            );
        }
        (name, skus)
    })
}

pub(super) fn rule(section: &Section<'_, '_>, currency: Currency, categories: &Categories) -> Rule {
    Rule {
        name: section.required_text("name"),
        when: conditions(section, currency, categories),
        pays: pays(section, currency).unwrap_or(Pays::Percent(Rate::from_basis_points(0))),
    }
}

fn conditions(section: &Section<'_, '_>, currency: Currency, categories: &Categories) -> Vec<Condition> {
    let mut when = Vec::new();
    when.extend(texts(section, "sku").map(Condition::Articles));
    when.extend(category(section, categories).map(Condition::Articles));
    when.extend(texts(section, "custom_type").map(Condition::CustomType));
    when.extend(ids(section, "store").map(Condition::Store));
    when.extend(section.has("new_customer").then(|| Condition::NewCustomer(section.flag("new_customer"))));
    when.extend(coupon(section));
    when.extend(ids(section, "publisher").map(Condition::Publisher));
    when.extend(texts(section, "publisher_group").map(Condition::Group));
    when.extend(texts(section, "kind").map(Condition::Kind));
    let (from, below) = (limit(section, "amount_from", currency), limit(section, "amount_below", currency));
    if let (Some(from), Some(below)) = (from, below)
        && from.minor >= below.minor
    {
        section.mistake_at("amount_below", "`amount_below` is not more than `amount_from`: no order fits");
    }
    when.extend(from.map(|from| Condition::From(from.minor)));
    when.extend(below.map(|below| Condition::Below(below.minor)));
    when
}

fn texts(section: &Section<'_, '_>, key: &'static str) -> Option<Vec<String>> {
    section.has(key).then(|| not_empty(section, key, section.texts(key)))
}

fn ids(section: &Section<'_, '_>, key: &'static str) -> Option<Vec<u64>> {
    section.has(key).then(|| not_empty(section, key, section.numbers(key)))
}

fn not_empty<T>(section: &Section<'_, '_>, key: &'static str, list: Vec<T>) -> Vec<T> {
    if list.is_empty() {
        section
            .mistake_at(key, format!("`{key}` must be a list of at least one: no order fits an empty one"));
    }
    list
}

/// The articles of the categories that a rule names.
fn category(section: &Section<'_, '_>, categories: &Categories) -> Option<Vec<String>> {
    let names = texts(section, "category")?;
    let mut skus = Vec::new();
    for name in &names {
        match categories.iter().find(|(known, _)| known == name) {
            Some((_, of_it)) => skus.extend(of_it.iter().cloned()),
            None => {
                let known: Vec<&str> = categories.iter().map(|(known, _)| known.as_str()).collect();
                let message = tracking::source::unknown_word("category", name, &known);
                section.mistake_at("category", message);
            }
        }
    }
    Some(skus)
}

/// `any_coupon = true` is any code; `coupon` is one of these.
fn coupon(section: &Section<'_, '_>) -> Option<Condition> {
    let any = section.flag("any_coupon").then(|| Condition::Coupon(Vec::new()));
    texts(section, "coupon").map(Condition::Coupon).or(any)
}

/// The one thing that a rule pays.
fn pays(section: &Section<'_, '_>, currency: Currency) -> Option<Pays> {
    let percent = rate(section, "percent").map(Pays::Percent);
    let flat = money(section, "flat", currency).map(Pays::Flat);
    let each = money(section, "per_item", currency).map(Pays::PerItem);
    let tiers = section.has("tiers").then(|| tiers(section, currency)).flatten();
    let named = ["percent", "flat", "per_item", "tiers"].into_iter().filter(|key| section.has(key)).count();
    if named != 1 {
        section.mistake("a rule pays one of `percent`, `flat`, `per_item` and `tiers`");
        return None;
    }
    percent.or(flat).or(each).or(tiers)
}

fn tiers(section: &Section<'_, '_>, currency: Currency) -> Option<Pays> {
    let parse = |name: &str| match name {
        "orders" => Some(Volume::Orders),
        "sum" => Some(Volume::Sum),
        _ => None,
    };
    let by = section.choice("tiers_by", &["orders", "sum"], parse);
    if by.is_none() && !section.has("tiers_by") {
        section.mistake("`tiers_by` is missing: the month is measured by `orders` or by `sum`");
    }
    let by = by?;
    let steps: Vec<Step> = section.sections("tiers", |row| {
        let from = match by {
            Volume::Orders => row.number("from").unwrap_or(0),
            Volume::Sum => {
                limit(row, "from", currency).and_then(|from| u64::try_from(from.minor).ok()).unwrap_or(0)
            }
        };
        Step { from, rate: rate(row, "percent").unwrap_or(Rate::from_basis_points(0)) }
    });
    let first = steps.first().is_some_and(|step| step.from == 0);
    if !first || !steps.is_sorted_by(|one, next| one.from < next.from) {
        section.mistake_at("tiers", "the first of `tiers` has no `from`, and each further one begins later");
    }
    Some(Pays::Tiers { by, steps })
}

fn rate(section: &Section<'_, '_>, key: &'static str) -> Option<Rate> {
    let text = section.text(key)?;
    let rate = Rate::parse(&text);
    if rate.is_none() {
        let message =
            format!("`{text}` is no percentage: write `7.5`, from 0 to 100 with at most six decimals");
        section.mistake_at(key, message);
    }
    rate
}

/// An amount such as `2.50` or `2.50 EUR`, in the version's currency where it names none.
fn money(section: &Section<'_, '_>, key: &'static str, usual: Currency) -> Option<Money> {
    let text = section.text(key)?;
    let (number, currency) = match text.trim().split_once(' ') {
        Some((number, code)) => (number, Currency::parse(code.trim())),
        None => (text.trim(), Some(usual)),
    };
    let plain = number.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    let decimals = number.split_once('.').map_or(0, |(_, decimals)| decimals.len());
    let amount = currency.filter(|_| plain).and_then(|currency| {
        let fits = u32::try_from(decimals).is_ok_and(|decimals| decimals <= currency.decimals());
        Money::parse(number, currency).ok().filter(|_| fits)
    });
    if amount.is_none() {
        section.mistake_at(key, format!("`{text}` is no amount: write `2.50` or `2.50 {usual}`"));
    }
    amount
}

/// An amount that orders are compared with: in the version's own currency.
fn limit(section: &Section<'_, '_>, key: &'static str, own: Currency) -> Option<Money> {
    let amount = money(section, key, own)?;
    if amount.currency != own {
        section.mistake_at(key, format!("`{key}` must be in {own}, the version's `currency`"));
    }
    Some(amount)
}

pub(super) fn cap(section: &Section<'_, '_>, currency: Currency) -> Option<Cap> {
    let periods = Period::ALL.map(Period::name);
    let per = section.choice("per", &periods, |name| Period::ALL.into_iter().find(|one| one.name() == name));
    let of = section
        .choice("of", &Of::ALL.map(Of::name), |name| Of::ALL.into_iter().find(|one| one.name() == name));
    if !section.has("per") {
        section.mistake(format!("`per` is missing: one of {}", periods.join(", ")));
    }
    if !section.has("amount") {
        section.mistake("`amount` is missing: what is earned at most");
    }
    Some(Cap { amount: money(section, "amount", currency)?, per: per?, of: of.unwrap_or(Of::Publisher) })
}

/// Each rule has a name of its own, and none stands behind one that always fits.
pub(super) fn in_order(section: &Section<'_, '_>, rules: &[Rule]) {
    for (place, rule) in rules.iter().enumerate() {
        if let Some(before) = rules.iter().take(place).find(|before| before.when.is_empty()) {
            let (name, before) = (&rule.name, &before.name);
            section.mistake(format!("rule `{name}` is never asked: `{before}` before it has no condition"));
        }
        if rules.iter().take(place).any(|other| other.name == rule.name) {
            section.mistake(format!("rule `{}` stands twice: the books tell rules apart by name", rule.name));
        }
    }
}

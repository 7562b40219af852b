//! From a file of terms to [`Terms`].

mod rules;

use std::collections::BTreeMap;

use tracking::source::{Mistake, Section, Source};
use units::limits::{CLICK_WINDOW_DAYS_MAX, TERMS_RULES_MAX};
use units::{Currency, Day};

use super::{Duplicates, Publisher, PublisherClass, Terms, Version};
use crate::credit::Proof;
use crate::model::Model;

/// Longest time in which arrivals under one key are one order, in hours: a year.
const DUPLICATE_HOURS_MAX: u64 = 366 * 24;

pub(super) fn load(file: &str, text: &str) -> Result<Terms, Vec<Mistake>> {
    let source = Source::new(file, text);
    let terms = source.read(read);
    let mistakes = source.into_mistakes();
    if mistakes.is_empty() { Ok(terms) } else { Err(mistakes) }
}

fn read(root: &Section<'_, '_>) -> Terms {
    let mut terms = Terms::default();
    for (advertiser_id, version, line) in root.sections("terms", read_version) {
        let versions = terms.versions.entry(advertiser_id).or_default();
        if versions.iter().any(|other| other.from == version.from) {
            let message = format!("`{}` stands twice: one version for each programme and day", version.name);
            root.source().mistake_on(line, message);
        }
        versions.push(version);
        versions.sort_by_key(|version| version.from);
    }
    terms
}

fn read_version(section: &Section<'_, '_>) -> (Option<u64>, Version, usize) {
    let usual = Version::default();
    let advertiser_id = section.number("advertiser");
    let day = day(section);
    let whose = advertiser_id.map_or_else(|| "every programme".to_owned(), |id| format!("programme {id}"));
    let since = day.map_or_else(|| "the beginning".to_owned(), shown);
    let names = Model::ALL.map(Model::name);
    let currency = currency(section).unwrap_or(usual.currency);
    let categories = rules::categories(section);
    let version = Version {
        name: format!("{whose} from {since}"),
        from: day.map_or(usual.from, Day::start),
        model: section.choice("model", &names, Model::parse).unwrap_or_default(),
        priority: priority(section).unwrap_or(usual.priority),
        window_days: days(section, "window_days"),
        class_windows: section.section("windows", class_windows).unwrap_or_default(),
        publishers: publishers(section),
        duplicates: duplicates(section),
        epoch: epoch(section),
        overrides: overrides(section),
        rules: section.sections("rule", |rule| rules::rule(rule, currency, &categories)),
        caps: section.sections("cap", |cap| rules::cap(cap, currency)).into_iter().flatten().collect(),
        currency,
    };
    if version.rules.len() > TERMS_RULES_MAX {
        section.mistake(format!(
            "there are more than {TERMS_RULES_MAX} rules, and every order asks each of them"
        ));
    }
    rules::in_order(section, &version.rules);
    (advertiser_id, version, section.line())
}

fn shown(day: Day) -> String {
    let (year, month, day) = day.civil();
    format!("{year:04}-{month:02}-{day:02}")
}

fn day(section: &Section<'_, '_>) -> Option<Day> {
    let text = section.text("from")?;
    let day = Day::parse(&text).filter(|day| shown(*day) == text);
    if day.is_none() {
        section.mistake_at(
            "from",
            format!("`{text}` is no day: write it as `2027-01-01`; it begins at 00:00 UTC"),
        );
    }
    day
}

fn currency(section: &Section<'_, '_>) -> Option<Currency> {
    let text = section.text("currency")?;
    let currency = Currency::parse(&text);
    if currency.is_none() {
        section.mistake_at("currency", format!("`{text}` is no currency: write three letters, as `USD`"));
    }
    currency
}

/// A number of days that a click can be kept for.
fn days(section: &Section<'_, '_>, key: &'static str) -> Option<u32> {
    let number = section.number(key)?;
    let days = u32::try_from(number).ok().filter(|days| (1..=CLICK_WINDOW_DAYS_MAX).contains(days));
    if days.is_none() {
        section.mistake_at(
            key,
            format!("`{key}` must be 1 to {CLICK_WINDOW_DAYS_MAX} days: no click is kept longer"),
        );
    }
    days
}

fn class_windows(section: &Section<'_, '_>) -> BTreeMap<PublisherClass, u32> {
    let of = |class: PublisherClass| days(section, class.name()).map(|days| (class, days));
    PublisherClass::ALL.into_iter().filter_map(of).collect()
}

/// The words of the priority, each with the proofs that it stands for.
const PRIORITY: [(&str, &[Proof]); 4] = [
    ("click_id", &[Proof::Token, Proof::ClickId]),
    ("identity", &[Proof::Cookie]),
    ("voucher", &[Proof::Voucher]),
    ("named_publisher", &[Proof::Named]),
];

fn priority(section: &Section<'_, '_>) -> Option<[Proof; 5]> {
    if !section.has("priority") {
        return None;
    }
    let words = section.texts("priority");
    let proofs_of = |word: &String| PRIORITY.iter().find(|(name, _)| name == word).map(|(_, proofs)| *proofs);
    let proofs: Vec<Proof> = words.iter().filter_map(proofs_of).flatten().copied().collect();
    let whole = words.len() == PRIORITY.len()
        && PRIORITY.iter().all(|(name, _)| words.iter().any(|word| word == name));
    if !whole {
        let names = PRIORITY.map(|(name, _)| name).join(", ");
        section.mistake_at(
            "priority",
            format!("`priority` must name each of {names} once, the strongest first"),
        );
    }
    proofs.try_into().ok()
}

fn publishers(section: &Section<'_, '_>) -> BTreeMap<u64, Publisher> {
    let mut publishers = BTreeMap::new();
    let names = PublisherClass::ALL.map(PublisherClass::name);
    section.sections("publisher", |row| {
        let publisher = Publisher {
            class: row.choice("class", &names, PublisherClass::parse).unwrap_or_default(),
            window_days: days(row, "window_days"),
            group: row.text("group"),
        };
        let ids = row.numbers("ids");
        if ids.is_empty() {
            row.mistake("`ids` is missing: the publishers by their ids on the old platform");
        }
        for id in ids {
            if publishers.insert(id, publisher.clone()).is_some() {
                row.mistake_at("ids", format!("publisher {id} stands twice"));
            }
        }
    });
    publishers
}

fn duplicates(section: &Section<'_, '_>) -> BTreeMap<String, Duplicates> {
    let mut duplicates = BTreeMap::new();
    section.sections("duplicate", |row| {
        let kind = row.text("kind").unwrap_or_default();
        let Some(policy) = duplicate(row) else { return };
        if duplicates.insert(kind.clone(), policy).is_some() {
            row.mistake(format!("what a second `{kind}` means stands twice"));
        }
    });
    duplicates
}

fn duplicate(row: &Section<'_, '_>) -> Option<Duplicates> {
    if !row.has("policy") {
        row.mistake(format!("`policy` is missing: one of {}", Duplicates::NAMES.join(", ")));
    }
    let simple =
        [Duplicates::Conflict, Duplicates::First, Duplicates::Merge, Duplicates::Latest, Duplicates::Each];
    let parse = |name: &str| {
        let window = (name == "window").then_some(Duplicates::Window { hours: 0 });
        simple.into_iter().find(|policy| policy.name() == name).or(window)
    };
    let policy = row.choice("policy", &Duplicates::NAMES, parse)?;
    let hours = row.number("hours");
    match (policy, hours) {
        (Duplicates::Window { .. }, Some(hours @ 1..=DUPLICATE_HOURS_MAX)) => {
            u32::try_from(hours).ok().map(|hours| Duplicates::Window { hours })
        }
        (Duplicates::Window { .. }, _) => {
            row.mistake(format!("`window` needs `hours`, 1 to {DUPLICATE_HOURS_MAX}"));
            None
        }
        (policy, None) => Some(policy),
        (policy, Some(_)) => {
            row.mistake_at("hours", format!("`hours` belongs to `window`; `{}` has none", policy.name()));
            None
        }
    }
}

fn epoch(section: &Section<'_, '_>) -> u32 {
    let number = section.number("epoch").unwrap_or(0);
    u32::try_from(number).unwrap_or_else(|_| {
        section.mistake_at("epoch", "`epoch` is raised by one whenever order numbers start again");
        0
    })
}

fn overrides(section: &Section<'_, '_>) -> bool {
    let parse = |name: &str| match name {
        "allow" => Some(true),
        "ignore" => Some(false),
        _ => None,
    };
    section.choice("overrides", &["allow", "ignore"], parse).unwrap_or(false)
}

//! The terms of programmes: who may earn, by which model, how much, and until when; as data, by date.
//!
//! Terms come in versions, each from a day on. The version that is in force at an order's own time decides about it,
//! for ever: a later version changes nothing of what was earned before. A programme without terms of its own goes by
//! those that name no programme, and without those by its row of the directory.

mod load;

use std::collections::BTreeMap;

use tracking::directory::Advertiser;
use tracking::source::Mistake;
use units::{Currency, Money, Timestamp};

use crate::commission::{Cap, Rule};
use crate::credit::Proof;
use crate::model::Model;

/// The terms of every programme.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Terms {
    /// By programme, each programme's in the order of their days; under none stand those of every other programme.
    versions: BTreeMap<Option<u64>, Vec<Version>>,
    /// What holds where no version does.
    usual: Version,
}

impl Terms {
    /// Reads a file of terms; `file` names it in messages.
    ///
    /// # Errors
    /// Every mistake in the file.
    pub fn load(file: &str, text: &str) -> Result<Self, Vec<Mistake>> {
        load::load(file, text)
    }

    /// The version that decides about an order of `advertiser_id` at `at`.
    pub fn at(&self, advertiser_id: u64, at: Timestamp) -> &Version {
        let of = |advertiser_id| {
            let versions = self.versions.get(&advertiser_id).map_or(&[][..], Vec::as_slice);
            versions.iter().rev().find(|version| version.from <= at)
        };
        of(Some(advertiser_id)).or_else(|| of(None)).unwrap_or(&self.usual)
    }

    /// How many days after a click of this publisher an order of `advertiser` may earn, under whichever version decides
    /// about it: so long the click must be known. It is never less than the directory's.
    pub fn longest_window_days(&self, publisher_id: u64, advertiser: &Advertiser<'_>) -> u32 {
        let of = |advertiser_id| self.versions.get(&advertiser_id).into_iter().flatten();
        let versions = of(Some(advertiser.legacy_id)).chain(of(None));
        let days = versions.map(|version| version.window_days(publisher_id, advertiser));
        days.max().unwrap_or(0).max(advertiser.window_days)
    }

    /// Every version, in the order of programmes and days.
    pub fn versions(&self) -> impl Iterator<Item = (Option<u64>, &Version)> {
        let of = |(id, versions): (&Option<u64>, _)| (*id, versions);
        self.versions
            .iter()
            .map(of)
            .flat_map(|(id, versions): (_, &Vec<Version>)| versions.iter().map(move |v| (id, v)))
    }
}

/// The terms of a programme from one day on.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Version {
    /// Names it in the books: whose terms, and from when.
    pub name: String,
    /// From when.
    pub from: Timestamp,
    /// How a commission is shared.
    pub model: Model,
    /// What proves more: the earlier one wins.
    pub priority: [Proof; 5],
    /// How many days after a click an order still earns; none leaves it to the directory.
    pub window_days: Option<u32>,
    /// The same for the publishers of a class.
    pub class_windows: BTreeMap<PublisherClass, u32>,
    /// Publishers that are more than a standard one.
    pub publishers: BTreeMap<u64, Publisher>,
    /// What a second arrival under one key means, by kind of order; the empty kind is every other.
    pub duplicates: BTreeMap<String, Duplicates>,
    /// Raised for a programme that starts its order numbers again.
    pub epoch: u32,
    /// True if a commission that a request names overrides the rules.
    pub overrides: bool,
    /// The currency of the amounts in the rules' conditions.
    pub currency: Currency,
    /// What is earned: the first rule that fits. Where none does, the directory's commission is earned.
    pub rules: Vec<Rule>,
    /// What is earned at most.
    pub caps: Vec<Cap>,
}

impl Default for Version {
    fn default() -> Self {
        Self {
            name: "directory".to_owned(),
            from: Timestamp::from_millis(i64::MIN),
            model: Model::default(),
            priority: Proof::ALL,
            window_days: None,
            class_windows: BTreeMap::new(),
            publishers: BTreeMap::new(),
            duplicates: BTreeMap::new(),
            epoch: 0,
            overrides: false,
            currency: Currency::USD,
            rules: Vec::new(),
            caps: Vec::new(),
        }
    }
}

impl Version {
    /// How many days after a click of this publisher an order of `advertiser` still earns: the publisher's own number,
    /// else its class's, else the version's, else the directory's.
    pub fn window_days(&self, publisher_id: u64, advertiser: &Advertiser<'_>) -> u32 {
        let own = self.publishers.get(&publisher_id).and_then(|publisher| publisher.window_days);
        let of_class = || self.class_windows.get(&self.class(publisher_id)).copied();
        own.or_else(of_class).or(self.window_days).unwrap_or(advertiser.window_days)
    }

    /// The publisher's class.
    pub fn class(&self, publisher_id: u64) -> PublisherClass {
        self.publishers.get(&publisher_id).map_or_else(PublisherClass::default, |publisher| publisher.class)
    }

    /// The group that the publisher is in, if it is in one.
    pub fn group(&self, publisher_id: u64) -> Option<&str> {
        self.publishers.get(&publisher_id)?.group.as_deref()
    }

    /// How far behind the strongest proof this one stands.
    pub fn place(&self, proof: Proof) -> usize {
        self.priority.iter().position(|known| *known == proof).unwrap_or(self.priority.len())
    }

    /// What a second arrival of an order of this kind means.
    pub fn duplicates(&self, kind: &str) -> Duplicates {
        let named = self.duplicates.get(kind).or_else(|| self.duplicates.get(""));
        named.copied().unwrap_or_default()
    }

    /// True if what is earned depends on what was earned before.
    pub fn looks_back(&self) -> bool {
        self.caps.iter().any(Cap::looks_back) || self.rules.iter().any(|rule| rule.pays.looks_back())
    }
}

/// A publisher that the terms name.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Publisher {
    /// What its touches are worth beside others.
    pub class: PublisherClass,
    /// How many days after its click an order still earns.
    pub window_days: Option<u32>,
    /// A name that rules know several publishers by.
    pub group: Option<String>,
}

/// What a publisher's touches are worth beside those of others.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash, Default)]
pub enum PublisherClass {
    /// A click that the shopper wanted.
    #[default]
    Standard,
    /// A click for which the shopper is rewarded: cashback, loyalty, charity. Worth the same.
    Incentive,
    /// A click that the shopper need not have noticed. It counts where there is no other click.
    Soft,
    /// A creative that was shown. It counts where there is no click at all.
    View,
}

impl PublisherClass {
    /// Every class, the strongest first.
    pub const ALL: [Self; 4] = [Self::Standard, Self::Incentive, Self::Soft, Self::View];

    /// The name in files and output.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Standard => "standard",
            Self::Incentive => "incentive",
            Self::Soft => "soft",
            Self::View => "view",
        }
    }

    /// The class called `name`.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|class| class.name() == name)
    }

    /// A touch of a smaller rank is never displaced by one of a larger.
    pub const fn rank(self) -> u8 {
        match self {
            Self::Standard | Self::Incentive => 0,
            Self::Soft => 1,
            Self::View => 2,
        }
    }
}

/// What a second arrival under one key means.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Duplicates {
    /// The same money is the same order, and better evidence corrects it; other money waits for a person.
    #[default]
    Conflict,
    /// The first arrival stands as it is, whatever comes later.
    First,
    /// Better evidence corrects the first; its money stands, whatever money comes later.
    Merge,
    /// Better evidence corrects the first, and so does the money of whatever was received last.
    Latest,
    /// Every arrival is an order of its own.
    Each,
    /// As `Conflict` for so many hours; what comes later is another order that has the same reference.
    Window {
        /// The hours.
        hours: u32,
    },
}

impl Duplicates {
    /// Every policy's name, in the order of the documentation.
    pub const NAMES: [&'static str; 6] = ["conflict", "first", "merge", "latest", "each", "window"];

    /// The name in files and output.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Conflict => "conflict",
            Self::First => "first",
            Self::Merge => "merge",
            Self::Latest => "latest",
            Self::Each => "each",
            Self::Window { .. } => "window",
        }
    }
}

/// An amount in a version's own currency; none if the order's is another one, which cannot be compared.
pub(crate) fn comparable(amount: Money, version: &Version) -> Option<i64> {
    (amount.currency == version.currency).then_some(amount.minor)
}

#[cfg(test)]
mod tests;

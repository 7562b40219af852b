//! Does a report cover what is compared?
//!
//! An order that a report does not name is missing only if the report would have named it. A report that was cut off,
//! made for other days, or saved for another merchant, would turn every order of the rest into a claim.

use core::fmt;
use core::time::Duration;
use std::collections::BTreeMap;

use tracking::Home;
use units::{Day, Timestamp};

use crate::row::Theirs;
use crate::terms::{Period, Told};

/// So many of our delivered orders on days of which a report is silent are no chance.
const SILENT_ORDERS_MIN: u64 = 5;

/// What was counted of one merchant, or of all of a platform's, while reports were read.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Coverage {
    /// The reports' rows by day of their platform's clock.
    rows: BTreeMap<i64, u64>,
    /// Our delivered orders by the days of their receipt and of their last sending: the platform dates them between.
    ours: BTreeMap<(i64, i64), u64>,
    /// The time for which the platform was asked for this merchant's rows by name, if it was.
    asked: Option<Period>,
    /// When the first and the last of the rows happened.
    ends: Option<(Timestamp, Timestamp)>,
    /// Whom its rows credit.
    credited: Credited,
}

/// Whom the rows of a report credit, as far as it matters: an affiliate's export has its own sales alone.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
enum Credited {
    #[default]
    Nobody,
    One(u64),
    Several,
}

impl Credited {
    const fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::Nobody, credited) | (credited, Self::Nobody) => credited,
            (Self::One(one), Self::One(another)) if one == another => self,
            _ => Self::Several,
        }
    }
}

/// Why a report cannot be trusted to be whole.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Doubt {
    /// It names nothing, and we delivered something.
    Empty {
        /// How much we delivered.
        delivered: u64,
    },
    /// It begins after the period does.
    BeginsLate {
        /// Its first day.
        first: i64,
        /// What we delivered before that.
        silent: u64,
    },
    /// It ends before the period does.
    EndsEarly {
        /// Its last day.
        last: i64,
        /// What we delivered after that.
        silent: u64,
    },
    /// It has a hole.
    Silent {
        /// The last day before the hole.
        after: i64,
        /// The first day behind it.
        before: i64,
        /// What we delivered in it.
        silent: u64,
    },
}

impl Coverage {
    /// The report has a row of this day.
    pub fn named(&mut self, day: i64) {
        add(&mut self.rows, day, 1);
    }

    /// We delivered an order that was received on this day and sent for the last time on another, and the report
    /// ought to name it.
    pub fn delivered(&mut self, day: i64, sent: i64) {
        add(&mut self.ours, (day, sent), 1);
    }

    /// Its rows of this time were asked for by its name, and all of them came.
    pub const fn asked(&mut self, span: Period) {
        self.asked = Some(span);
    }

    fn row(&mut self, theirs: &Theirs) {
        self.named(theirs.day);
        let (first, last) = self.ends.unwrap_or((theirs.at, theirs.at));
        self.ends = Some((first.min(theirs.at), last.max(theirs.at)));
        let credited = theirs.publisher.filter(|_| theirs.names_publisher).map(Credited::One);
        self.credited = self.credited.and(credited.unwrap_or(Credited::Several));
    }

    /// The time of which the rows tell. A file is taken to be made for `days`, and tells of what its own rows enclose.
    fn span(&self, days: Period) -> Period {
        if let Some(span) = self.asked {
            return span;
        }
        let Some((first, last)) = self.ends else { return days };
        let behind = last.plus(Duration::from_millis(1));
        Period { from: days.from.min(first), until: days.until.max(behind) }
    }

    /// True if the reports tell of it at all, or the platform was asked whether there is anything to tell.
    fn is_told_of(&self) -> bool {
        self.asked.is_some() || !self.rows.is_empty()
    }

    /// What speaks against the report's being whole.
    pub fn doubts(&self) -> Vec<Doubt> {
        self.doubts_if(self.asked.is_some())
    }

    /// What was asked for by name is believed to be nothing where little was delivered.
    fn doubts_if(&self, asked: bool) -> Vec<Doubt> {
        let (Some(first), Some(last)) = (self.rows.keys().next(), self.rows.keys().next_back()) else {
            let delivered = self.silent(|_, _| true);
            let enough = if asked { SILENT_ORDERS_MIN } else { 1 };
            return if delivered >= enough { vec![Doubt::Empty { delivered }] } else { Vec::new() };
        };
        let mut doubts = Vec::new();
        // A day's slack on either side: an order may be there on the day after ours.
        let before = self.silent(|day, _| day < first.saturating_sub(1));
        if before >= SILENT_ORDERS_MIN {
            doubts.push(Doubt::BeginsLate { first: *first, silent: before });
        }
        // Of a platform that was asked, a hole is what it has: what it lost on such a day is to be claimed.
        if !asked {
            doubts.extend(self.holes());
        }
        let after = self.silent(|day, _| day > *last);
        if after >= SILENT_ORDERS_MIN {
            doubts.push(Doubt::EndsEarly { last: *last, silent: after });
        }
        doubts
    }

    /// Days between two rows on which orders were both received and sent. What was sent behind them is no sign of a
    /// hole: the platform was away, and has it on a later day.
    fn holes(&self) -> impl Iterator<Item = Doubt> {
        self.rows.keys().zip(self.rows.keys().skip(1)).filter_map(|(after, before)| {
            if before.saturating_sub(*after) <= 1 {
                return None;
            }
            let silent = self.silent(|day, sent| day > *after && sent < *before);
            (silent >= SILENT_ORDERS_MIN).then_some(Doubt::Silent { after: *after, before: *before, silent })
        })
    }

    fn silent(&self, is: impl Fn(i64, i64) -> bool) -> u64 {
        self.ours.iter().filter(|((day, sent), _)| is(*day, *sent)).map(|(_, count)| *count).sum()
    }

    fn merge(&mut self, other: &Self) {
        self.credited = self.credited.and(other.credited);
        other.rows.iter().for_each(|(day, count)| add(&mut self.rows, *day, *count));
        other.ours.iter().for_each(|(days, count)| add(&mut self.ours, *days, *count));
    }
}

/// What was counted, by platform and merchant.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Coverages {
    /// None: rows of merchants whom no map has.
    of: BTreeMap<(Home, Option<u64>), Coverage>,
}

impl Coverages {
    /// That of a merchant, by the legacy id.
    pub fn of(&mut self, home: Home, advertiser_id: Option<u64>) -> &mut Coverage {
        self.of.entry((home, advertiser_id)).or_default()
    }

    /// A report has this row.
    pub fn row(&mut self, theirs: &Theirs) {
        self.of(theirs.home, theirs.advertiser_id).row(theirs);
    }

    /// The merchants that a platform's reports tell of, and how. Files are taken to be made for `days`.
    pub fn told(&self, home: Home, days: Period) -> BTreeMap<u64, Told> {
        let own = || self.of.iter().filter(move |((of, _), _)| *of == home);
        let exported = own().filter(|(_, coverage)| coverage.asked.is_none());
        let credited = exported.fold(Credited::Nobody, |sum, (_, coverage)| sum.and(coverage.credited));
        let told = |((_, id), coverage): (&(Home, Option<u64>), &Coverage)| {
            let publisher = match credited {
                Credited::One(publisher) if coverage.asked.is_none() => Some(publisher),
                _ => None,
            };
            Some(((*id)?, Told { publisher, span: coverage.span(days) }))
        };
        own().filter(|(_, coverage)| coverage.is_told_of()).filter_map(told).collect()
    }

    /// What speaks against the reports' being whole: all of a platform's together, else those of single merchants.
    /// Holes are looked for in the whole alone, as one merchant with few sales has them every week.
    pub fn doubts(&self, home: Home) -> Vec<(Option<u64>, Doubt)> {
        let own = self.of.iter().filter(|((of, _), _)| *of == home);
        let asked = own.clone().all(|(_, coverage)| coverage.asked.is_some());
        let mut whole = Coverage::default();
        own.clone().for_each(|(_, coverage)| whole.merge(coverage));
        let doubts = whole.doubts_if(asked);
        if !doubts.is_empty() {
            return doubts.into_iter().map(|doubt| (None, doubt)).collect();
        }
        let of_one = |((_, id), coverage): (&(Home, Option<u64>), &Coverage)| {
            let doubts =
                coverage.doubts().into_iter().filter(|doubt| doubt.stands_for_one(coverage.asked.is_some()));
            doubts.map(|doubt| (*id, doubt)).collect::<Vec<_>>()
        };
        own.flat_map(of_one).collect()
    }
}

impl Doubt {
    /// True if it says as much of one merchant. Who was asked for by name has no other ends than its sales have.
    const fn stands_for_one(&self, asked: bool) -> bool {
        match self {
            Self::Empty { delivered } => *delivered >= SILENT_ORDERS_MIN,
            Self::BeginsLate { .. } | Self::EndsEarly { .. } => !asked,
            Self::Silent { .. } => false,
        }
    }
}

fn add<K: Ord>(counts: &mut BTreeMap<K, u64>, of: K, more: u64) {
    let count = counts.entry(of).or_default();
    *count = count.saturating_add(more);
}

/// A day as people write it.
pub fn day_text(day: i64) -> String {
    let (year, month, day) = Day::of(Timestamp::from_seconds(day.saturating_mul(86_400))).civil();
    format!("{year:04}-{month:02}-{day:02}")
}

impl fmt::Display for Doubt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty { delivered } => {
                write!(f, "the report names no transaction, and {delivered} were delivered in its period")
            }
            Self::BeginsLate { first, silent } => write!(
                f,
                "the report begins on {}, and {silent} orders were delivered before that: ask for it from the first day",
                day_text(*first)
            ),
            Self::EndsEarly { last, silent } => write!(
                f,
                "the report ends on {}, and {silent} orders were delivered after that: it may be cut off",
                day_text(*last)
            ),
            Self::Silent { after, before, silent } => write!(
                f,
                "the report names nothing between {} and {}, and {silent} orders were delivered on these days: ask for them too",
                day_text(*after),
                day_text(*before)
            ),
        }
    }
}

//! What the books said at one moment about what had happened until another.
//!
//! Everything that a report reads is append-only: postings and status changes, each with the time when it was true in
//! the world and the time when it was written. So the same two times give the same report for ever, and it can be
//! read in short steps, each a look of its own: no reader holds the books for long, and no writer waits.

mod audit;

use std::collections::BTreeMap;

use attribution::{Account, Status};
use units::limits::{REPORT_GROUPS_MAX, REPORT_STEP};
use units::{Currency, Day, Timestamp};

use crate::intake::posting;
use crate::status::status;
use crate::store::Row;
use crate::{Ledger, LedgerError, sql};

/// By what a report adds up.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ReportBy {
    /// Who earns.
    Publisher,
    /// Who pays.
    Advertiser,
    /// The day of the sale, in UTC.
    Day,
    /// Where the transactions stood.
    Status,
}

impl ReportBy {
    /// Every way.
    pub const ALL: [Self; 4] = [Self::Publisher, Self::Advertiser, Self::Day, Self::Status];

    /// Its name for people.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Publisher => "publisher",
            Self::Advertiser => "advertiser",
            Self::Day => "day",
            Self::Status => "status",
        }
    }

    /// The way called `name`.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|by| by.name() == name)
    }
}

/// The two times of a report.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct AsOf {
    /// What was true in the world by then.
    pub happened_until: Timestamp,
    /// What had been written by then.
    pub recorded_until: Timestamp,
}

/// What is added up together.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum ReportGroup {
    /// A publisher or an advertiser, by the legacy id.
    Party(u64),
    /// A day.
    Day(Day),
    /// A status.
    Status(Status),
}

/// One line of a report, in minor units of its currency.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Sums {
    /// Transactions that have postings here, or were booked without any.
    pub transactions: u64,
    /// What publishers have earned: paid and owed.
    pub earned: i128,
    /// What they were paid.
    pub paid: i128,
    /// What they are still owed; negative where they owe after clawbacks.
    pub owed: i128,
    /// What advertisers owe for it.
    pub charged: i128,
    /// What is the network's.
    pub network: i128,
}

impl Sums {
    /// Adds an amount on an account.
    fn add(&mut self, account: Account, minor: i64) {
        let minor = i128::from(minor);
        match account {
            Account::Publisher(_) => {
                self.earned = self.earned.saturating_add(minor);
                self.owed = self.owed.saturating_add(minor);
            }
            Account::Paid(_) => {
                self.earned = self.earned.saturating_add(minor);
                self.paid = self.paid.saturating_add(minor);
            }
            Account::Advertiser(_) => self.charged = self.charged.saturating_sub(minor),
            Account::Network => self.network = self.network.saturating_add(minor),
        }
    }
}

/// A report: its lines by group and currency. A transaction without any postings has no currency.
pub type Report = BTreeMap<(ReportGroup, Option<Currency>), Sums>;

/// A transaction as it stood, while a report reads it.
#[derive(Default)]
struct Seen {
    day: Day,
    status: Option<Status>,
    /// Its lines: whose account, and how much.
    lines: Vec<(Account, Currency, i64)>,
}

impl Ledger {
    /// What the books said at one moment about what had happened until another.
    ///
    /// # Errors
    /// If the store fails or holds what cannot be, or there are more groups than a report has.
    pub fn report(&self, by: ReportBy, as_of: AsOf) -> Result<Report, LedgerError> {
        let last = "SELECT coalesce(max(set_id), 0) FROM posting_sets";
        let last = sql::one(&self.connection, last, (), |row| row.get::<i64>(0))?.unwrap_or(0);
        let mut report = Report::new();
        let mut after = 0_i64;
        while after < last {
            let upto = after.saturating_add(REPORT_STEP);
            let mut seen = self.seen(after, upto, as_of)?;
            if by == ReportBy::Status {
                self.statuses(&mut seen, after, upto, as_of)?;
            }
            for transaction in seen.values() {
                count(&mut report, by, transaction);
            }
            if report.len() > REPORT_GROUPS_MAX {
                return Err(LedgerError::TooMany { what: "lines of a report", most: REPORT_GROUPS_MAX });
            }
            after = upto;
        }
        Ok(report)
    }

    /// The transactions that were booked in these sets, with everything that the books said of them.
    fn seen(&self, after: i64, upto: i64, as_of: AsOf) -> Result<BTreeMap<[u8; 16], Seen>, LedgerError> {
        let query = "SELECT b.event_id, b.happened_at, p.account, p.party, p.currency, p.minor
            FROM posting_sets b JOIN posting_sets s ON s.event_id = b.event_id
            LEFT JOIN postings p ON p.set_id = s.set_id
            WHERE b.kind = 'booking' AND b.set_id > ?1 AND b.set_id <= ?2
            AND b.happened_at <= ?3 AND b.posted_at <= ?4 AND s.happened_at <= ?3 AND s.posted_at <= ?4";
        let times = (as_of.happened_until.as_millis(), as_of.recorded_until.as_millis());
        let read = |row: &Row<'_>| {
            let (account, party) = (row.get::<Option<String>>(2)?, row.get::<Option<i64>>(3)?);
            let (code, minor) = (row.get::<Option<String>>(4)?, row.get::<Option<i64>>(5)?);
            Ok((row.get::<[u8; 16]>(0)?, row.get::<i64>(1)?, account.zip(party), code.zip(minor)))
        };
        let mut seen: BTreeMap<[u8; 16], Seen> = BTreeMap::new();
        for (id, happened_at, account, amount) in
            sql::all(&self.connection, query, (after, upto, times.0, times.1), read)?
        {
            let transaction = seen.entry(id).or_default();
            transaction.day = Day::of(sql::time(happened_at));
            if let (Some((kind, party)), Some((code, minor))) = (account, amount) {
                let line = posting(&kind, party, &code, minor)?;
                transaction.lines.push((line.account, line.amount.currency, minor));
            }
        }
        Ok(seen)
    }

    /// Where these transactions stood.
    fn statuses(
        &self,
        seen: &mut BTreeMap<[u8; 16], Seen>,
        after: i64,
        upto: i64,
        as_of: AsOf,
    ) -> Result<(), LedgerError> {
        let query =
            "SELECT x.event_id, x.status FROM posting_sets b JOIN status_changes x ON x.event_id = b.event_id
            WHERE b.kind = 'booking' AND b.set_id > ?1 AND b.set_id <= ?2
            AND x.happened_at <= ?3 AND x.recorded_at <= ?4 ORDER BY x.change_id";
        let times = (as_of.happened_until.as_millis(), as_of.recorded_until.as_millis());
        let read = |row: &Row<'_>| Ok((row.get::<[u8; 16]>(0)?, row.get::<String>(1)?));
        for (id, name) in sql::all(&self.connection, query, (after, upto, times.0, times.1), read)? {
            let found = status(&name)?;
            if let Some(transaction) = seen.get_mut(&id) {
                transaction.status = Some(found);
            }
        }
        Ok(())
    }
}

/// Adds one transaction to a report.
fn count(report: &mut Report, by: ReportBy, transaction: &Seen) {
    let whole = match by {
        ReportBy::Day => Some(ReportGroup::Day(transaction.day)),
        ReportBy::Status => Some(ReportGroup::Status(transaction.status.unwrap_or(Status::Pending))),
        ReportBy::Publisher | ReportBy::Advertiser => None,
    };
    let mut places: Vec<(ReportGroup, Option<Currency>)> = Vec::new();
    for (account, currency, minor) in &transaction.lines {
        let group = match (by, account) {
            (ReportBy::Publisher, Account::Publisher(id) | Account::Paid(id))
            | (ReportBy::Advertiser, Account::Advertiser(id)) => Some(ReportGroup::Party(*id)),
            _ => whole,
        };
        let Some(group) = group else { continue };
        let place = (group, Some(*currency));
        let sums = report.entry(place).or_default();
        sums.add(*account, *minor);
        if !places.contains(&place) {
            sums.transactions = sums.transactions.saturating_add(1);
            places.push(place);
        }
    }
    if let Some(group) = whole.filter(|_| places.is_empty()) {
        let sums = report.entry((group, None)).or_default();
        sums.transactions = sums.transactions.saturating_add(1);
    }
}

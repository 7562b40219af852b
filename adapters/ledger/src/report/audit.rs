//! A report over everything is the sum of everything.

use std::collections::BTreeMap;

use units::Timestamp;

use super::{AsOf, ReportBy, Sums};
use crate::intake::posting;
use crate::store::Row;
use crate::{Finding, Ledger, LedgerError, sql};

impl Ledger {
    /// I12 for reports: their lines add up to the postings, and their transactions to those that are booked.
    pub(crate) fn report_findings(&self) -> Result<Vec<Finding>, LedgerError> {
        let ever = Timestamp::from_millis(i64::MAX);
        let report = self.report(ReportBy::Status, AsOf { happened_until: ever, recorded_until: ever })?;
        let mut told: BTreeMap<String, Sums> = BTreeMap::new();
        for ((_, currency), sums) in &report {
            let Some(currency) = currency else { continue };
            let total = told.entry(currency.code().to_owned()).or_default();
            total.earned = total.earned.saturating_add(sums.earned);
            total.paid = total.paid.saturating_add(sums.paid);
            total.owed = total.owed.saturating_add(sums.owed);
            total.charged = total.charged.saturating_add(sums.charged);
            total.network = total.network.saturating_add(sums.network);
        }
        let query = "SELECT account, party, currency, CAST(sum(minor) AS BIGINT) FROM postings
            GROUP BY account, party, currency ORDER BY currency";
        let read = |row: &Row<'_>| {
            Ok((row.get::<String>(0)?, row.get::<i64>(1)?, row.get::<String>(2)?, row.get::<i64>(3)?))
        };
        let mut right: BTreeMap<String, Sums> = BTreeMap::new();
        for (account, party, code, minor) in sql::all(&self.connection, query, (), read)? {
            let account = posting(&account, party, &code, minor)?.account;
            right.entry(code).or_default().add(account, minor);
        }
        if told == right {
            return Ok(Vec::new());
        }
        let message = format!("a report over everything says {told:?}, and the postings sum to {right:?}");
        Ok(vec![Finding { invariant: "I12", message }])
    }
}

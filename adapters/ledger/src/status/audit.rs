//! What must always be true of statuses, recomputed from the rows.

use units::EventId;

use crate::store::Row;
use crate::{Finding, Ledger, LedgerError, sql};

/// Most findings of each kind: a person begins with the first.
const FINDINGS_MAX: usize = 100;

/// Payments that are recomputed in one step.
const STEP: usize = 1000;

/// Each gives a line for everything that does not hold.
const CHECKS: [&str; 7] = [
    // The books know which transactions there are.
    "SELECT 'transaction ' || hex(c.event_id) || ' is booked and has no status' FROM conversions c
     WHERE c.status IS NULL AND EXISTS
        (SELECT 1 FROM posting_sets s WHERE s.event_id = c.event_id AND s.kind = 'booking')",
    "SELECT 'transaction ' || hex(c.event_id) || ' is ' || c.status || ' and was never booked' FROM conversions c
     WHERE c.status IS NOT NULL AND NOT EXISTS
        (SELECT 1 FROM posting_sets s WHERE s.event_id = c.event_id AND s.kind = 'booking')",
    // Where a transaction stands is where its last change has put it, and each change goes on from the one before.
    "SELECT 'transaction ' || hex(c.event_id) || ' is ' || c.status || ', and its last change says '
        || coalesce(x.status, 'pending')
     FROM conversions c LEFT JOIN status_changes x ON x.event_id = c.event_id AND x.change_id =
        (SELECT max(y.change_id) FROM status_changes y WHERE y.event_id = c.event_id)
     WHERE c.status IS NOT NULL AND c.status <> coalesce(x.status, 'pending')",
    "SELECT 'status change ' || change_id || ' goes on from ' || before || ', and the one before it ended at ' || last
     FROM (SELECT change_id, before, lag(status, 1, 'pending') OVER (PARTITION BY event_id ORDER BY change_id)
        AS last FROM status_changes) AS followed WHERE before <> last",
    // What was taken back earns nothing, paid or not.
    "SELECT 'transaction ' || hex(event_id) || ' is ' || status || ' and still earns ' || sum(minor) || ' ' || currency
     FROM (SELECT c.event_id, c.status, CASE p.account WHEN 'paid' THEN 'publisher' ELSE p.account END AS account,
            p.party, p.currency, p.minor
        FROM conversions c JOIN posting_sets s ON s.event_id = c.event_id JOIN postings p ON p.set_id = s.set_id
        WHERE c.status IN ('declined', 'clawed_back')) AS earned
     GROUP BY event_id, status, account, party, currency HAVING sum(minor) <> 0",
    "SELECT 'transaction ' || hex(c.event_id) || ' is paid, and no payment is' FROM conversions c
     WHERE c.status = 'paid' AND NOT EXISTS
        (SELECT 1 FROM posting_sets s WHERE s.event_id = c.event_id AND s.kind = 'payment')",
    // What waits for a payment run is what the books owe.
    "SELECT 'transaction ' || hex(event_id) || ' owes publisher ' || party || ' ' || sum(minor) || ' ' || currency
        || ' more than waits for a payment run'
     FROM (SELECT c.event_id, p.party, p.currency, p.minor
            FROM conversions c JOIN posting_sets s ON s.event_id = c.event_id JOIN postings p ON p.set_id = s.set_id
            WHERE p.account = 'publisher' AND c.status IN ('locked', 'paid', 'clawed_back')
        UNION ALL SELECT event_id, publisher_id, currency, -minor FROM payables) AS owed
     GROUP BY event_id, party, currency HAVING sum(minor) <> 0",
];

impl Ledger {
    /// I12 for statuses, payments and what waits for them.
    pub(crate) fn status_findings(&self) -> Result<Vec<Finding>, LedgerError> {
        let mut findings = Vec::new();
        for check in CHECKS {
            let query = format!("{check} LIMIT {FINDINGS_MAX}");
            let messages = sql::all(&self.connection, &query, (), |row| row.get::<String>(0))?;
            findings.extend(messages.into_iter().map(found));
        }
        self.payment_findings(&mut findings)?;
        Ok(findings)
    }

    /// Each payment is the sum of what its postings moved.
    fn payment_findings(&self, findings: &mut Vec<Finding>) -> Result<(), LedgerError> {
        let query = "SELECT payment_id, minor, transactions, currency FROM payments WHERE payment_id > ?1
            ORDER BY payment_id LIMIT ?2";
        let moved = "SELECT coalesce(CAST(sum(p.minor) AS BIGINT), 0), count(DISTINCT s.event_id)
            FROM posting_sets s JOIN postings p ON p.set_id = s.set_id
            WHERE s.kind = 'payment' AND s.cause = ?1 AND p.account = 'paid' AND p.currency = ?2";
        let mut after = 0_i64;
        loop {
            let read = |row: &Row<'_>| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get::<String>(3)?));
            let payments: Vec<(i64, i64, i64, String)> =
                sql::all(&self.connection, query, (after, sql::limit(STEP)), read)?;
            let Some((last, ..)) = payments.last() else { return Ok(()) };
            after = *last;
            for (payment_id, minor, transactions, currency) in &payments {
                let key = (sql::id(payment_cause(*payment_id)), currency);
                let sums = sql::one(&self.connection, moved, key, |row| Ok((row.get(0)?, row.get(1)?)))?;
                let (moved, count): (i64, i64) = sums.unwrap_or_default();
                if (moved, count) != (*minor, *transactions) && findings.len() < FINDINGS_MAX {
                    findings.push(found(format!(
                        "payment {payment_id} is {minor} {currency} for {transactions} transactions, and its postings \
                         move {moved} for {count}"
                    )));
                }
            }
        }
    }
}

/// The cause of a payment's postings.
pub(crate) fn payment_cause(payment_id: i64) -> EventId {
    EventId::from_u128(u128::from(sql::uint(payment_id)))
}

fn found(message: String) -> Finding {
    Finding { invariant: "I12", message }
}

//! The audit: recomputes from the rows what must always be true, and says where it is not.

use relay::delivery::State;
use std::collections::BTreeMap;

use crate::store::{Purpose, Row};
use crate::tally::ACCEPTED;
use crate::{Head, Ledger, LedgerError, StatusSum, sql, store};

/// The conservation sum of one advertiser (I3).
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct AuditRow {
    /// The advertiser, by the legacy id; 0 for events that name none.
    pub advertiser_id: u64,
    /// Conversions that were accepted, counted from the events.
    pub accepted: u64,
    /// Conversions in each state, in the order of [`State::ALL`], counted from the rows.
    pub states: [u64; 11],
}

impl AuditRow {
    /// The sum over the states.
    pub fn sum(&self) -> u64 {
        self.states.iter().sum()
    }
}

/// Something that must never be.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Finding {
    /// The invariant's number, as `I3`.
    pub invariant: &'static str,
    /// What does not hold, with its numbers.
    pub message: String,
}

/// What an audit found.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Audit {
    /// The conservation sums, by advertiser.
    pub rows: Vec<AuditRow>,
    /// Changes that merchants asked for, in each state, in the order of [`State::ALL`].
    pub changes: [u64; 11],
    /// Transactions in each status.
    pub statuses: Vec<StatusSum>,
    /// The end of the chain that was recomputed.
    pub head: Head,
    /// Everything that does not hold; empty if the books are right.
    pub findings: Vec<Finding>,
}

impl Ledger {
    /// Recomputes the conservation sums and the balances.
    ///
    /// It reads every row, at one moment of the ledger. A process that serves does it with a
    /// [`Ledger::reader`], so that nobody waits for it.
    ///
    /// # Errors
    /// If the store fails, or holds what cannot be.
    pub fn audit(&self) -> Result<Audit, LedgerError> {
        let moment = self.connection.begin(Purpose::Look).map_err(store("begin an audit"))?;
        let rows = self.sums()?;
        let mut findings = self.conservation(&rows)?;
        findings.extend(self.books()?);
        findings.extend(self.promises()?);
        findings.extend(self.adjustment_findings()?);
        findings.extend(self.status_findings()?);
        findings.extend(self.chain_findings()?);
        findings.extend(self.report_findings()?);
        let (changes, statuses, head) = (self.adjustment_totals()?, self.status_sums()?, self.chain_head()?);
        moment.commit().map_err(store("end an audit"))?;
        Ok(Audit { rows: rows.into_values().collect(), changes, statuses, head, findings })
    }

    /// The conservation sums, by advertiser.
    pub(crate) fn sums(&self) -> Result<BTreeMap<i64, AuditRow>, LedgerError> {
        let mut rows: BTreeMap<i64, AuditRow> = BTreeMap::new();
        let accepted = "SELECT advertiser_id, count(*) FROM events WHERE money = 1 GROUP BY advertiser_id";
        for (advertiser_id, count) in
            sql::all(&self.connection, accepted, (), |row| Ok((row.get(0)?, row.get(1)?)))?
        {
            rows.entry(advertiser_id).or_default().accepted = sql::uint(count);
        }
        let states = "SELECT advertiser_id, state, count(*) FROM conversions GROUP BY advertiser_id, state";
        let read = |row: &Row<'_>| Ok((row.get(0)?, row.get::<String>(1)?, row.get(2)?));
        for (advertiser_id, name, count) in sql::all(&self.connection, states, (), read)? {
            let row = rows.entry(advertiser_id).or_default();
            // What is no state counts in none of them, so that the sum is off by it.
            let Some(state) = State::parse(&name) else { continue };
            let slots = State::ALL.iter().zip(row.states.iter_mut());
            slots.filter(|(other, _)| **other == state).for_each(|(_, slot)| *slot = sql::uint(count));
        }
        for (advertiser_id, row) in &mut rows {
            row.advertiser_id = sql::uint(*advertiser_id);
        }
        Ok(rows)
    }

    /// I3: what was accepted is in exactly one state, and the counters say the same.
    pub(crate) fn conservation(&self, rows: &BTreeMap<i64, AuditRow>) -> Result<Vec<Finding>, LedgerError> {
        let mut findings = Vec::new();
        let mut counters = self.counters()?;
        for (advertiser_id, row) in rows {
            let id = row.advertiser_id;
            if row.accepted != row.sum() {
                let (accepted, sum) = (row.accepted, row.sum());
                let message = format!("advertiser {id}: {accepted} accepted, and {sum} in all states");
                findings.push(Finding { invariant: "I3", message });
            }
            let names = core::iter::once(ACCEPTED).chain(State::ALL.iter().map(|state| state.name()));
            let counts = core::iter::once(row.accepted).chain(row.states);
            for (name, count) in names.zip(counts) {
                let counter = counters.remove(&(*advertiser_id, name.to_owned())).unwrap_or(0);
                if counter != count {
                    let message =
                        format!("advertiser {id}: the counter of {name} says {counter}, the rows {count}");
                    findings.push(Finding { invariant: "I3", message });
                }
            }
        }
        let lost = counters.into_iter().filter(|(_, count)| *count != 0);
        findings.extend(lost.map(|((id, name), count)| Finding {
            invariant: "I3",
            message: format!("advertiser {id}: the counter of {name} says {count}, and there are no rows"),
        }));
        Ok(findings)
    }

    /// I12: every set balances, and every booked conversion has one booking.
    pub(crate) fn books(&self) -> Result<Vec<Finding>, LedgerError> {
        use State::{Confirmed, Conflict, Dead, InFlight, Merged, Queued, Rejected, Taken, Unknown};
        let booked = sql::states([Queued, InFlight, Unknown, Taken, Confirmed, Rejected, Dead]);
        let (never, all) = (sql::states([Merged, Conflict]), sql::states(State::ALL));
        let checks = [
            (
                "I12",
                "SELECT 'posting set ' || set_id || ' is off by ' || sum(minor) || ' ' || currency FROM postings
                 GROUP BY set_id, currency HAVING sum(minor) <> 0"
                    .to_owned(),
            ),
            (
                "I12",
                format!(
                    "SELECT 'conversion ' || hex(event_id) || ' is ' || state || ' and has no booking' FROM conversions c
                     WHERE state IN ({booked})
                     AND NOT EXISTS (SELECT 1 FROM posting_sets s WHERE s.event_id = c.event_id AND s.kind = 'booking')"
                ),
            ),
            (
                "I12",
                format!(
                    "SELECT 'posting set ' || set_id || ' belongs to no conversion that was booked' FROM posting_sets s
                     WHERE NOT EXISTS (SELECT 1 FROM conversions c WHERE c.event_id = s.event_id
                     AND state NOT IN ({never}))"
                ),
            ),
            (
                "I3",
                format!(
                    "SELECT 'conversion ' || hex(event_id) || ' stands in `' || state || '`, which is no state'
                     FROM conversions WHERE state NOT IN ({all})"
                ),
            ),
            (
                "I2",
                "SELECT 'event ' || hex(event_id) || ' was accepted and stands nowhere' FROM events e
                 WHERE money = 1 AND NOT EXISTS (SELECT 1 FROM conversions c WHERE c.event_id = e.event_id)"
                    .to_owned(),
            ),
        ];
        self.found_by(&checks)
    }

    /// I4 and I9: what may have arrived was sent to no other platform unless a person had settled it, and what was
    /// confirmed has nothing personal left.
    pub(crate) fn promises(&self) -> Result<Vec<Finding>, LedgerError> {
        self.found_by(&[
            (
                "I4",
                "SELECT 'conversion ' || hex(a.event_id) || ' may have arrived at ' || a.home || ' and was sent to '
                 || b.home FROM attempts a JOIN attempts b ON b.event_id = a.event_id AND b.number > a.number
                 WHERE a.verdict = 'unknown' AND b.home <> a.home AND NOT EXISTS
                 (SELECT 1 FROM journal j WHERE j.event_id = a.event_id AND j.action = 'settle')",
            ),
            (
                "I9",
                "SELECT 'conversion ' || hex(c.event_id) || ' is confirmed and its sealed part is still there'
                 FROM conversions c JOIN envelopes e ON e.event_id = c.event_id
                 WHERE c.state = 'confirmed' AND e.sealed IS NOT NULL",
            ),
            (
                "I9",
                "SELECT 'conversion ' || hex(c.event_id) || ' is confirmed and the sealed part of its arrival '
                 || hex(m.event_id) || ' is still there'
                 FROM conversions c JOIN conversions m ON m.first = c.event_id AND m.state = 'merged'
                 JOIN envelopes e ON e.event_id = m.event_id
                 WHERE c.state = 'confirmed' AND e.sealed IS NOT NULL",
            ),
            (
                "I9",
                "SELECT 'conversion ' || hex(c.event_id) || ' is confirmed and a request of it is still there'
                 FROM conversions c JOIN attempts a ON a.event_id = c.event_id
                 WHERE c.state = 'confirmed' AND a.request IS NOT NULL",
            ),
        ])
    }

    /// What these questions find; each tells of one breach a row.
    fn found_by(&self, checks: &[(&'static str, impl AsRef<str>)]) -> Result<Vec<Finding>, LedgerError> {
        let mut findings = Vec::new();
        for (invariant, query) in checks {
            let query = format!("{} LIMIT 100", query.as_ref());
            let messages = sql::all(&self.connection, &query, (), |row| row.get::<String>(0))?;
            findings.extend(messages.into_iter().map(|message| Finding { invariant, message }));
        }
        Ok(findings)
    }

    fn counters(&self) -> Result<BTreeMap<(i64, String), u64>, LedgerError> {
        let query = "SELECT advertiser_id, name, count FROM counters";
        let read = |row: &Row<'_>| Ok(((row.get(0)?, row.get(1)?), sql::uint(row.get(2)?)));
        Ok(sql::all(&self.connection, query, (), read)?.into_iter().collect())
    }

    /// How many conversions are in each state over all advertisers, in the order of [`State::ALL`], and how
    /// many were accepted. It reads the counters alone.
    ///
    /// # Errors
    /// If the store fails.
    pub fn totals(&self) -> Result<(u64, [u64; 11]), LedgerError> {
        let query = "SELECT name, CAST(sum(count) AS BIGINT) FROM counters GROUP BY name";
        let read = |row: &Row<'_>| Ok((row.get::<String>(0)?, row.get::<i64>(1)?));
        let counts: BTreeMap<String, i64> =
            sql::all(&self.connection, query, (), read)?.into_iter().collect();
        let count = |name: &str| counts.get(name).copied().map_or(0, sql::uint);
        Ok((count(ACCEPTED), State::ALL.map(|state| count(state.name()))))
    }
}

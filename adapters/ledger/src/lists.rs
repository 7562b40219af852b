//! Lists for people: what waits, what needs a decision, what was booked. Every one is bounded.

use std::cell::Cell;

use attribution::Status;
use relay::delivery::State;
use relay::intake::EvidenceKind;
use tracking::Home;
use units::{EventId, Money, Timestamp};

use crate::dead::SUMMED_MAX;
use crate::store::{AsValue, Params, Row};
use crate::{Ledger, LedgerError, UNREADABLE_ROW, sql};

/// One conversion, as a table shows it. Nothing in it is personal (I9).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ConversionRow {
    /// The conversion.
    pub event_id: EventId,
    /// Where it stands.
    pub state: State,
    /// Why, by code.
    pub reason: String,
    /// Why, for people.
    pub detail: String,
    /// What is remarkable, by code, joined by blanks.
    pub flags: String,
    /// Its advertiser, by the legacy id; 0 if it has none.
    pub advertiser_id: u64,
    /// The credited publisher, by the legacy id.
    pub publisher_id: Option<u64>,
    /// The platform that it belongs to; none while that is not decided.
    pub owner: Option<Home>,
    /// Its money.
    pub amount: Option<Money>,
    /// What the publisher earns.
    pub commission: Option<Money>,
    /// The merchant's own reference.
    pub reference: Option<String>,
    /// What proves the click, by name.
    pub evidence: String,
    /// The conversion that it was merged into or is in conflict with.
    pub first: Option<EventId>,
    /// True if the owner was told before a correction arrived.
    pub corrected_late: bool,
    /// Attempts begun.
    pub tries: u32,
    /// When the edge received it.
    pub received_at: Timestamp,
    /// When it last changed.
    pub changed_at: Timestamp,
    /// When it is next due.
    pub due_at: Option<Timestamp>,
    /// Where it stands in its life after the booking; none while it is not booked.
    pub status: Option<Status>,
}

/// Which part of a list is wanted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Page {
    /// At most this many rows.
    pub limit: usize,
    /// Only this advertiser.
    pub advertiser_id: Option<u64>,
    /// Only rows after this one, in the order of the list.
    pub after: Option<EventId>,
}

/// Money that only a person can move, of one advertiser in one currency and state.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AtRisk {
    /// The advertiser, by the legacy id.
    pub advertiser_id: u64,
    /// Where it stands.
    pub state: State,
    /// How many conversions.
    pub count: u64,
    /// Their sum; none for those without an amount.
    pub amount: Option<Money>,
    /// Since when the oldest stands there.
    pub since: Timestamp,
}

/// What waits for one platform.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct QueueStatus {
    /// The longest waiting conversion's time of receipt; none if nothing waits.
    pub oldest: Option<Timestamp>,
    /// Corrections that came after the owner was told.
    pub corrected_late: u64,
}

pub(crate) const COLUMNS: &str =
    "event_id, state, reason, detail, flags, advertiser_id, publisher_id, owner, minor, currency,
    commission_minor, commission_currency, reference, evidence, first, corrected_late, tries, received_at,
    changed_at, due_at, status FROM conversions";

impl Ledger {
    /// What is in flight and what waits for a delivery, the next due first.
    ///
    /// # Errors
    /// If the store fails, or holds what cannot be.
    pub fn queue(&self, page: &Page) -> Result<Vec<ConversionRow>, LedgerError> {
        let mut rows = self.list("active = 1 AND state = 'in_flight'", "changed_at", page)?;
        // Short walks along the index of what is due; one over everything would sort the whole backlog.
        let mut waiting = Vec::new();
        for owner in Home::ALL {
            for kind in EvidenceKind::ALL.map(EvidenceKind::name) {
                for fresh in [0, 1] {
                    let which = format!(
                        "active = 1 AND state = 'queued' AND owner = '{owner}' AND evidence = '{kind}' AND fresh = {fresh}"
                    );
                    waiting.extend(self.list(&which, "due_at", page)?);
                }
            }
        }
        waiting.sort_by_key(|row| (row.due_at, row.event_id));
        rows.extend(waiting);
        rows.truncate(page.limit);
        Ok(rows)
    }

    /// What only a person can move: these states, or every such state if none is named. The oldest first.
    ///
    /// # Errors
    /// If the store fails, or holds what cannot be.
    pub fn dead_list(&self, states: &[State], page: &Page) -> Result<Vec<ConversionRow>, LedgerError> {
        let names: Vec<String> = states.iter().map(|state| format!("'{}'", state.name())).collect();
        let among =
            if names.is_empty() { String::new() } else { format!(" AND state IN ({})", names.join(", ")) };
        self.list(&format!("attention = 1{among}"), "event_id", page)
    }

    /// Every conversion, by event.
    ///
    /// # Errors
    /// If the store fails, or holds what cannot be.
    pub fn transactions(&self, page: &Page) -> Result<Vec<ConversionRow>, LedgerError> {
        self.list("1 = 1", "event_id", page)
    }

    pub(crate) fn list(
        &self,
        which: &str,
        order: &str,
        page: &Page,
    ) -> Result<Vec<ConversionRow>, LedgerError> {
        // Only what is asked for stands in the query: a condition that may be absent keeps the store from
        // walking along an index.
        let advertiser =
            page.advertiser_id.map_or(String::new(), |_| " AND advertiser_id = :advertiser".to_owned());
        let after = page.after.map_or(String::new(), |_| " AND event_id > :after".to_owned());
        let query =
            format!("SELECT {COLUMNS} WHERE {which}{advertiser}{after} ORDER BY {order} LIMIT :limit");
        let (limit, advertiser, after) =
            (sql::limit(page.limit), page.advertiser_id.map(sql::int), page.after.map(sql::id));
        let mut params: Vec<(&str, &dyn AsValue)> = vec![(":limit", &limit)];
        params.extend(advertiser.as_ref().map(|id| (":advertiser", id as &dyn AsValue)));
        params.extend(after.as_ref().map(|id| (":after", id as &dyn AsValue)));
        self.rows(&query, params.as_slice())
    }

    /// One conversion.
    ///
    /// # Errors
    /// If the store fails, or holds what cannot be.
    pub fn conversion(&self, event_id: EventId) -> Result<Option<ConversionRow>, LedgerError> {
        let query = format!("SELECT {COLUMNS} WHERE event_id = ?1");
        Ok(self.rows(&query, (sql::id(event_id),))?.pop())
    }

    /// The arrivals that were merged into a conversion, or are in conflict with it.
    ///
    /// # Errors
    /// If the store fails, or holds what cannot be.
    pub fn later_arrivals(&self, event_id: EventId) -> Result<Vec<ConversionRow>, LedgerError> {
        let query = format!("SELECT {COLUMNS} WHERE first = ?1 ORDER BY event_id LIMIT 100");
        self.rows(&query, (sql::id(event_id),))
    }

    pub(crate) fn rows(&self, query: &str, params: impl Params) -> Result<Vec<ConversionRow>, LedgerError> {
        sql::all(&self.connection, query, params, |row| Ok(conversion(row)))?.into_iter().collect()
    }

    /// The money that only a person can move.
    ///
    /// # Errors
    /// If the store fails, or holds what cannot be.
    pub fn at_risk(&self) -> Result<Vec<AtRisk>, LedgerError> {
        let query = format!(
            "SELECT advertiser_id, state, currency, count(*),
             CAST(sum(CASE WHEN minor > {SUMMED_MAX} THEN {SUMMED_MAX} ELSE minor END) AS BIGINT), min(changed_at)
             FROM conversions WHERE attention = 1 GROUP BY advertiser_id, state, currency
             ORDER BY advertiser_id, state, currency LIMIT 10000"
        );
        let read = |row: &Row<'_>| {
            let (state, code) = (row.get::<String>(1)?, row.get::<Option<String>>(2)?);
            let (count, minor, since) = (row.get::<i64>(3)?, row.get(4)?, row.get::<i64>(5)?);
            Ok((row.get::<i64>(0)?, state, code, count, minor, since))
        };
        let rows = sql::all(&self.connection, &query, (), read)?;
        let at_risk = rows.into_iter().map(|(advertiser_id, state, code, count, minor, since)| {
            Ok(AtRisk {
                advertiser_id: sql::uint(advertiser_id),
                state: sql::state(&state)?,
                count: sql::uint(count),
                // An amount in no currency is no amount; the count tells of it all the same.
                amount: sql::money(minor, code).unwrap_or(None),
                since: sql::time(since),
            })
        });
        at_risk.collect()
    }

    /// How long the longest waiting conversion has waited, and what was told to an owner too early.
    ///
    /// # Errors
    /// If the store fails.
    pub fn queue_status(&self) -> Result<QueueStatus, LedgerError> {
        let oldest = "SELECT received_at FROM conversions WHERE active = 1 ORDER BY received_at LIMIT 1";
        let oldest = sql::one(&self.connection, oldest, (), |row| row.get::<i64>(0))?;
        let late = "SELECT count(*) FROM conversions WHERE corrected_late = 1";
        let late = sql::one(&self.connection, late, (), |row| row.get::<i64>(0))?;
        Ok(QueueStatus { oldest: oldest.map(sql::time), corrected_late: late.map_or(0, sql::uint) })
    }
}

/// A row as people see it. What of it cannot be read is left out and said: a person has to find such a row, and one of
/// them must not hide the others.
fn conversion(row: &Row<'_>) -> Result<ConversionRow, LedgerError> {
    let get = |error| LedgerError::Store { doing: "read a conversion", source: error };
    let damaged = Cell::new(false);
    let text = |place: usize| known(row.get::<Option<String>>(place), &damaged).flatten();
    let number = |place: usize| known(row.get::<Option<i64>>(place), &damaged).flatten();
    let money = |minor, code| known(sql::money(number(minor), text(code)), &damaged).flatten();
    let first = known(row.get::<Option<[u8; 16]>>(14), &damaged).flatten();
    let conversion = ConversionRow {
        event_id: sql::event_id(row.get(0).map_err(get)?),
        state: sql::state(&row.get::<String>(1).map_err(get)?)?,
        reason: text(2).unwrap_or_default(),
        detail: text(3).unwrap_or_default(),
        flags: text(4).unwrap_or_default(),
        advertiser_id: sql::uint(number(5).unwrap_or(0)),
        publisher_id: number(6).map(sql::uint),
        owner: text(7).and_then(|name| known(sql::home(&name), &damaged)),
        amount: money(8, 9),
        commission: money(10, 11),
        reference: text(12),
        evidence: text(13).unwrap_or_default(),
        first: first.map(sql::event_id),
        corrected_late: known(row.get(15), &damaged).unwrap_or(false),
        tries: sql::count(number(16).unwrap_or(0)),
        received_at: sql::time(number(17).unwrap_or(0)),
        changed_at: sql::time(number(18).unwrap_or(0)),
        due_at: number(19).map(sql::time),
        status: text(20).and_then(|name| known(crate::status::status(&name), &damaged)),
    };
    if !damaged.get() {
        return Ok(conversion);
    }
    let flags = format!("{} {UNREADABLE_ROW}", conversion.flags).trim_start().to_owned();
    Ok(ConversionRow { flags, ..conversion })
}

/// What was read, or nothing, with a note that something is damaged.
fn known<T, E>(read: Result<T, E>, damaged: &Cell<bool>) -> Option<T> {
    damaged.set(damaged.get() || read.is_err());
    read.ok()
}

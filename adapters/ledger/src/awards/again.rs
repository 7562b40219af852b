//! Conversions as they were decided about, for whoever decides again: a page at a time, in the order in which they
//! happened, from what is kept with them alone.

use attribution::{Awarded, Posting, posting};
use relay::delivery::State;
use relay::intake::Considered;
use units::{Currency, EventId, Money, Timestamp};

use super::{Award, AwardRow, awards_of};
use crate::intake::{earned, in_force};
use crate::post::NewSet;
use crate::store::{Connection, Row};
use crate::{By, Ledger, LedgerError, Transaction, sql};

/// Which conversions are decided about again.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Span {
    /// Received from here on.
    pub since: Timestamp,
    /// Until here, exclusively.
    pub until: Timestamp,
    /// Only this programme's.
    pub advertiser_id: Option<u64>,
}

/// A page of them.
#[derive(Clone, PartialEq, Debug)]
pub struct AwardPage {
    /// In the order of their times.
    pub rows: Vec<Decided>,
    /// Where the next page begins; none after the last.
    pub next: Option<(Timestamp, EventId)>,
}

/// A conversion as it was decided about.
#[derive(Clone, PartialEq, Debug)]
pub struct Decided {
    /// The conversion.
    pub event_id: EventId,
    /// Where it stands.
    pub state: State,
    /// Its programme.
    pub advertiser_id: u64,
    /// Its value, as it was booked.
    pub amount: Money,
    /// The publisher that the platform is told of.
    pub publisher_id: Option<u64>,
    /// When it was received.
    pub received_at: Timestamp,
    /// When the order happened, as it was decided about.
    pub happened_at: Timestamp,
    /// The evidence that is known of it.
    pub considered: Vec<Considered>,
    /// True if the merchant's own rule gave it to another channel.
    pub auto_voided: bool,
    /// True if its merchant has changed it since, or it was declined.
    pub changed: bool,
    /// True if it is locked or paid: what it earned stands.
    pub locked: bool,
    /// The encoded envelope that it was decided by.
    pub open: Vec<u8>,
    /// The decision in force; empty if nobody ever earned, or it was booked before decisions were kept.
    pub awards: Vec<AwardRow>,
    /// The lines in force.
    pub postings: Vec<Posting>,
}

/// A conversion, its last decision's arrival and time.
const DECIDED: &str =
    "SELECT c.event_id, c.state, c.advertiser_id, c.minor, c.currency, c.publisher_id, c.received_at,
    c.considered, c.flags, CASE WHEN EXISTS (SELECT 1 FROM adjustments x WHERE x.conversion = c.event_id)
        THEN 1 ELSE 0 END, e.open, a.happened_at, c.status
    FROM conversions c
    LEFT JOIN awards a ON a.event_id = c.event_id AND a.line = 1
        AND a.number = (SELECT max(w.number) FROM awards w WHERE w.event_id = c.event_id)
    JOIN envelopes e ON e.event_id = coalesce(a.source, c.source)";

/// The same with the decision and the lines in force.
fn with_decision(connection: &Connection, row: Decided) -> Result<Decided, LedgerError> {
    let mut awards = awards_of(connection, row.event_id)?;
    let last = awards.last().map(|award| award.number);
    awards.retain(|award| Some(award.number) == last);
    let postings = in_force(connection, row.event_id)?.unwrap_or_default();
    Ok(Decided { awards, postings, ..row })
}

impl Ledger {
    /// Booked conversions of `span` behind `after`, at most `limit`.
    ///
    /// # Errors
    /// If the store fails, or holds what cannot be.
    pub fn decided(
        &self,
        span: &Span,
        after: Option<(Timestamp, EventId)>,
        limit: usize,
    ) -> Result<AwardPage, LedgerError> {
        let query = format!(
            "{DECIDED}
            WHERE (c.received_at, c.event_id) > (?1, ?2) AND c.received_at >= ?3 AND c.received_at < ?4
            AND (?5 = 0 OR c.advertiser_id = ?5)
            AND EXISTS (SELECT 1 FROM posting_sets s WHERE s.event_id = c.event_id AND s.kind = 'booking')
            ORDER BY c.received_at, c.event_id LIMIT ?6"
        );
        let (at, id) = after.map_or((i64::MIN, [0; 16]), |(at, id)| (at.as_millis(), sql::id(id)));
        let advertiser_id = span.advertiser_id.map_or(0, sql::int);
        let (since, until) = (span.since.as_millis(), span.until.as_millis());
        let row = (at, id, since, until, advertiser_id, sql::limit(limit));
        let rows = sql::all(&self.connection, &query, row, |row| Ok(decided(row)))?;
        let whole = |row: Result<Decided, LedgerError>| with_decision(&self.connection, row?);
        let rows: Vec<Decided> = rows.into_iter().map(whole).collect::<Result<_, _>>()?;
        let last = rows.last().filter(|_| rows.len() == limit);
        Ok(AwardPage { next: last.map(|row| (row.received_at, row.event_id)), rows })
    }
}

/// A decision that takes the place of the one in force.
#[derive(Clone, Copy, Debug)]
pub struct Reaward<'a> {
    /// The conversion.
    pub event_id: EventId,
    /// The number of the decision in force, as it was when this one was made; 0 for none.
    pub number: u32,
    /// When the order happened.
    pub at: Timestamp,
    /// The currency of its value.
    pub currency: Currency,
    /// Who earns from now on; none for nobody.
    pub awarded: Option<&'a Awarded>,
    /// The lines that are right from now on.
    pub right: &'a [Posting],
}

impl Transaction<'_> {
    /// A booked conversion as it was decided about; none if it has no money.
    ///
    /// # Errors
    /// If the store fails, or holds what cannot be.
    pub fn decided(&self, event_id: EventId) -> Result<Option<Decided>, LedgerError> {
        let query = format!("{DECIDED} WHERE c.event_id = ?1 AND c.minor IS NOT NULL");
        let found = sql::one(&self.inner, &query, (sql::id(event_id),), |row| Ok(decided(row)))?;
        found.map(|row| with_decision(&self.inner, row?)).transpose()
    }

    /// Decides anew who earns of a conversion. The platform is not told: it is money in our own books alone. False if it
    /// was decided about by somebody else meanwhile, changed by its merchant or dropped; then nothing is done.
    ///
    /// # Errors
    /// If the store fails.
    pub fn reaward(&mut self, new: &Reaward<'_>, by: By<'_>) -> Result<bool, LedgerError> {
        let id = sql::id(new.event_id);
        let query = "SELECT coalesce(a.source, c.source), c.minor, c.currency FROM conversions c
            LEFT JOIN awards a ON a.event_id = c.event_id AND a.line = 1 AND a.number = ?2
            WHERE c.event_id = ?1 AND c.state <> 'dropped'
            AND ?2 = (SELECT coalesce(max(number), 0) FROM awards WHERE event_id = ?1)
            AND (c.status IS NULL OR c.status IN ('pending', 'approved'))
            AND NOT EXISTS (SELECT 1 FROM adjustments x WHERE x.conversion = c.event_id)";
        let read = |row: &Row<'_>| Ok((sql::event_id(row.get(0)?), row.get(1)?, row.get(2)?));
        let Some((source, minor, code)) = sql::one(&self.inner, query, (id, new.number), read)? else {
            return Ok(false);
        };
        let (Some(standing), Some(amount)) = (in_force(&self.inner, new.event_id)?, sql::money(minor, code)?)
        else {
            return Ok(false);
        };
        let advertiser_id = self.earn_no_more(new.event_id)?;
        let (event_id, at, currency) = (new.event_id, new.at, new.currency);
        self.award(&Award { event_id, source, at, currency, awarded: new.awarded })?;
        if let (Some(advertiser_id), Some(awarded)) = (advertiser_id, new.awarded) {
            self.count_earned(&earned(advertiser_id, at, amount, awarded), 1)?;
        }
        let commission = new.awarded.map(|awarded| awarded.commission);
        let update = "UPDATE conversions SET commission_minor = ?2, commission_currency = ?3, changed_at = ?4
            WHERE event_id = ?1";
        let code = commission.map(|earned| earned.currency.code().to_owned());
        let row = (id, commission.map(|earned| earned.minor), code, self.now().as_millis());
        sql::run(&self.inner, update, row, "decide again")?;
        let lines = posting::correction(&standing, new.right);
        let (kind, cause, happened_at) = ("correction", event_id, at);
        self.post(&NewSet { event_id, kind, cause, happened_at, lines: &lines })?;
        self.journal(by.actor, "recalculate", Some(event_id), by.why)?;
        Ok(true)
    }
}

fn decided(row: &Row<'_>) -> Result<Decided, LedgerError> {
    let get = |source| LedgerError::Store { doing: "read a decision", source };
    let text = |place| row.get::<Option<String>>(place).map_err(get);
    let event_id = sql::event_id(row.get(0).map_err(get)?);
    let amount = sql::money(row.get(3).map_err(get)?, text(4)?)?;
    let no_money = || LedgerError::Corrupt { what: "a booking without money", value: event_id.to_string() };
    let received_at = sql::time(row.get(6).map_err(get)?);
    let status = text(12)?;
    let happened_at = row.get::<Option<i64>>(11).map_err(get)?.map(sql::time);
    Ok(Decided {
        event_id,
        state: sql::state(&text(1)?.unwrap_or_default())?,
        advertiser_id: sql::uint(row.get(2).map_err(get)?),
        amount: amount.ok_or_else(no_money)?,
        publisher_id: row.get::<Option<i64>>(5).map_err(get)?.map(sql::uint),
        received_at,
        happened_at: happened_at.unwrap_or(received_at),
        considered: Considered::read(&text(7)?.unwrap_or_default()),
        auto_voided: text(8)?.unwrap_or_default().split(' ').any(|flag| flag == "auto_void"),
        changed: row.get::<bool>(9).map_err(get)?
            || matches!(status.as_deref(), Some("declined" | "clawed_back")),
        locked: matches!(status.as_deref(), Some("locked" | "paid")),
        open: row.get(10).map_err(get)?,
        awards: Vec::new(),
        postings: Vec::new(),
    })
}

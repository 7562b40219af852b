//! What the ledger has for a comparison with others' books, and closing what their reports prove.

use core::time::Duration;

use reconciliation::{Ours, Period, Weighed};
use relay::Envelope;
use relay::delivery::State;
use relay::intake::{AUTO_VOID, Considered, EvidenceKind};
use tracking::Home;
use tracking::event::Field;
use units::{EventId, Timestamp};

use crate::closing::Closed;
use crate::people::By;
use crate::store::Row;
use crate::{Ledger, LedgerError, Transaction, sql};

/// An event's id holds the time at which an edge drew it, which is that of its receipt but for this.
const DRAWN_WITHIN: Duration = Duration::from_secs(3600);

/// Which conversions are asked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Reconcilable {
    /// Received in this time.
    pub period: Period,
    /// Only after this one.
    pub after: Option<EventId>,
    /// At most so many.
    pub limit: usize,
}

/// What proves that a conversion arrived.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Proof<'a> {
    /// The platform whose report it is.
    pub home: Home,
    /// The report, by name and digest.
    pub report: &'a str,
    /// The line that names it.
    pub line: u64,
    /// The platform's number of it.
    pub transaction_id: &'a str,
}

/// What a proof came to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Proven {
    /// It is confirmed now.
    Now,
    /// Nothing was done: it stands in this state, which no report closes.
    Already(State),
    /// Nothing was done: it belongs to another platform than the report's.
    OtherOwner,
    /// There is no such conversion.
    NotFound,
}

const ROWS: &str =
    "SELECT c.event_id, c.state, c.reason, e.purpose, c.advertiser_id, c.owner, c.publisher_id,
    c.publisher_primary_id, coalesce(a.minor, c.minor), coalesce(a.currency, c.currency),
    CASE WHEN a.number IS NULL THEN c.commission_minor ELSE a.commission_minor END,
    CASE WHEN a.number IS NULL THEN c.commission_currency ELSE a.commission_currency END,
    c.evidence, c.considered, c.click_at, c.reference, c.received_at, c.changed_at, a.operation, a.state, c.status,
    (SELECT max(coalesce(t.finished_at, t.started_at)) FROM attempts t WHERE t.event_id = c.event_id),
    c.flags, o.open
    FROM conversions c JOIN events e ON e.event_id = c.event_id
    LEFT JOIN envelopes o ON o.event_id = c.source
    LEFT JOIN adjustments a ON a.conversion = c.event_id
        AND a.number = (SELECT max(number) FROM adjustments WHERE conversion = c.event_id)
    WHERE c.event_id > ?1 AND c.event_id < ?2 AND c.received_at >= ?3 AND c.received_at < ?4
    ORDER BY c.event_id LIMIT ?5";

impl Ledger {
    /// A page of conversions, by event, as a comparison needs them. Entries that could not be read are not among
    /// them: nobody knows yet whose orders they are.
    ///
    /// # Errors
    /// If the store fails, or holds what cannot be.
    pub fn reconcilable(&self, wanted: &Reconcilable) -> Result<Vec<Ours>, LedgerError> {
        let Period { from, until } = wanted.period;
        let (first, last) = (drawn_at(from.minus(DRAWN_WITHIN)), drawn_at(until.plus(DRAWN_WITHIN)));
        let after = wanted.after.map_or(first, |after| after.max(first));
        let bounds =
            (sql::id(after), sql::id(last), from.as_millis(), until.as_millis(), sql::limit(wanted.limit));
        sql::all(&self.connection, ROWS, bounds, |row| Ok(ours(row)))?.into_iter().collect()
    }

    /// When the first conversion of each advertiser was received.
    ///
    /// # Errors
    /// If the store fails.
    pub fn first_seen(&self) -> Result<Vec<(u64, Timestamp)>, LedgerError> {
        let query = "SELECT advertiser_id, min(received_at) FROM conversions GROUP BY advertiser_id";
        sql::all(&self.connection, query, (), |row| Ok((sql::uint(row.get(0)?), sql::time(row.get(1)?))))
    }
}

impl Transaction<'_> {
    /// A report of its owner names a conversion that was taken without a word, or of which nobody knew whether it
    /// had arrived: it is confirmed. Told again, nothing is done.
    ///
    /// # Errors
    /// If the store fails.
    pub fn confirm_by_report(
        &mut self,
        event_id: EventId,
        proof: &Proof<'_>,
        by: By<'_>,
    ) -> Result<Proven, LedgerError> {
        let query = "SELECT state, owner FROM conversions WHERE event_id = ?1";
        let read = |row: &Row<'_>| Ok((row.get::<String>(0)?, row.get::<Option<String>>(1)?));
        let found = sql::one(&self.inner, query, (sql::id(event_id),), read)?;
        let Some((state, owner)) = found else { return Ok(Proven::NotFound) };
        let state = sql::state(&state)?;
        if owner.as_deref() != Some(proof.home.name()) {
            return Ok(Proven::OtherOwner);
        }
        if !matches!(state, State::Taken | State::Unknown) {
            return Ok(Proven::Already(state));
        }
        let Proof { home, report, line, transaction_id } = proof;
        let mut evidence = format!("transaction {transaction_id} of {home}, line {line} of {report}");
        if !by.why.is_empty() {
            evidence.push_str(&format!(": {}", by.why));
        }
        let closed = self.close(event_id, true, By { actor: by.actor, why: &evidence })?;
        Ok(if matches!(closed, Closed::Done(_)) { Proven::Now } else { Proven::Already(state) })
    }
}

/// The least id that an edge can have drawn at `at`.
pub(crate) fn drawn_at(at: Timestamp) -> EventId {
    let millis = u128::try_from(at.as_millis()).unwrap_or(0).min(0xffff_ffff_ffff);
    EventId::from_u128(millis << 80)
}

fn ours(row: &Row<'_>) -> Result<Ours, LedgerError> {
    let get = |error| LedgerError::Store { doing: "read a conversion", source: error };
    let text = |place: usize| row.get::<Option<String>>(place).map_err(get);
    let number = |place: usize| row.get::<Option<i64>>(place).map_err(get);
    let named = |what, value: Option<String>| LedgerError::Corrupt { what, value: value.unwrap_or_default() };
    let (purpose, evidence) = (text(3)?, text(12)?);
    let (operation, change, status) = (text(18)?, text(19)?, text(20)?);
    let flags = text(22)?.unwrap_or_default();
    let open = row.get::<Option<Vec<u8>>>(23).map_err(get)?;
    let change = change.map(|name| sql::state(&name)).transpose()?;
    Ok(Ours {
        event_id: sql::event_id(row.get(0).map_err(get)?),
        state: sql::state(&text(1)?.unwrap_or_default())?,
        reason: text(2)?.unwrap_or_default(),
        purpose: purpose
            .as_deref()
            .and_then(relay::Purpose::parse)
            .ok_or_else(|| named("the purpose", purpose.clone()))?,
        advertiser_id: sql::uint(number(4)?.unwrap_or(0)),
        owner: text(5)?.map(|name| sql::home(&name)).transpose()?,
        publisher_id: number(6)?.map(sql::uint),
        publisher_primary_id: number(7)?.map(sql::uint),
        amount: sql::money(number(8)?, text(9)?)?,
        commission: sql::money(number(10)?, text(11)?)?,
        evidence: evidence
            .as_deref()
            .and_then(EvidenceKind::parse)
            .ok_or_else(|| named("the kind of evidence", evidence.clone()))?,
        weighed: Considered::read(&text(13)?.unwrap_or_default()).into_iter().map(weighed).collect(),
        clicked_at: number(14)?.map(sql::time),
        reference: text(15)?,
        received_at: sql::time(number(16)?.unwrap_or(0)),
        changed_at: sql::time(number(17)?.unwrap_or(0)),
        // Where another channel won, the platform was told so, and books nothing.
        voided: operation.as_deref() == Some("void")
            || flags.split(' ').any(|flag| flag == AUTO_VOID)
            || matches!(status.as_deref(), Some("declined" | "clawed_back")),
        change_pending: matches!(change, Some(State::Queued | State::InFlight | State::Unknown)),
        sent_at: number(21)?.map(sql::time),
        kind: open.as_deref().and_then(kind),
        told: None,
        day: 0,
    })
}

/// What kind of order an envelope tells of; none if it does not say.
fn kind(open: &[u8]) -> Option<String> {
    Some(Envelope::decode(open).ok()?.event.text(Field::ConversionType)?.to_owned())
}

fn weighed(one: Considered) -> Weighed {
    let Considered { kind, outcome, publisher_id, at } = one;
    Weighed { kind, outcome, publisher_id, publisher_primary_id: None, at }
}

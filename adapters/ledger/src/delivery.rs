//! Deliveries: what is due, and an attempt's beginning and end.
//!
//! An attempt is on stable storage before its first byte goes out. After a crash a row that stands `in_flight`
//! is therefore exactly one that may have been sent, and every other row certainly was not.

use relay::delivery::{Settled, State};
use relay::intake::EvidenceKind;
use rusqlite::{Row, named_params};
use tracking::Home;
use tracking::event::Click;
use tracking::migration::Evidence;
use units::{EventId, Timestamp};

use crate::{Ledger, LedgerError, Transaction, sql};

/// A conversion that is due, with everything that its delivery needs.
#[derive(Clone, PartialEq, Debug)]
pub struct Due {
    /// The conversion.
    pub event_id: EventId,
    /// Its advertiser, by the legacy id; 0 if it has none.
    pub advertiser_id: u64,
    /// Its owner.
    pub owner: Home,
    /// Attempts begun so far.
    pub tries: u32,
    /// Attempts that count towards the limit.
    pub counted: u32,
    /// True if an attempt may have been processed: only its own bytes may be sent again.
    pub ambiguous: bool,
    /// What proves the click.
    pub evidence: Evidence,
    /// The advertiser's id on the new platform.
    pub advertiser_primary_id: Option<u64>,
    /// The credited publisher's id on the new platform.
    pub publisher_primary_id: Option<u64>,
    /// The event whose envelope this is: the conversion's own, or of the arrival with the better evidence.
    pub source: EventId,
    /// The encoded envelope, without its sealed part.
    pub open: Vec<u8>,
    /// Its sealed part; empty if it was erased.
    pub sealed: Vec<u8>,
    /// The sealed request of the attempt that may have been processed.
    pub resend: Option<Vec<u8>>,
}

/// Which deliveries are wanted: first attempts or further ones.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Which {
    /// First attempts.
    Fresh,
    /// Further attempts, which a budget limits.
    Retries,
}

/// An attempt that begins.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Begun<'a> {
    /// The conversion.
    pub event_id: EventId,
    /// The attempt's number, counted from 1.
    pub number: u32,
    /// The platform.
    pub home: Home,
    /// The endpoint's name in the platform's dialect.
    pub endpoint: &'a str,
    /// Method, host and path, for people; no query, which may be personal.
    pub line: &'a str,
    /// True if it is the probe of an open breaker.
    pub probe: bool,
    /// The request, sealed.
    pub request: &'a [u8],
}

/// An attempt that ended.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Finished<'a> {
    /// The conversion.
    pub event_id: EventId,
    /// The attempt's number.
    pub number: u32,
    /// What it makes of the conversion.
    pub settled: &'a Settled,
    /// The answer's status, if one came.
    pub status: Option<u16>,
    /// The beginning of the answer's body, for people.
    pub excerpt: &'a str,
}

const DUE_COLUMNS: &str = "c.event_id, c.advertiser_id, c.owner, c.tries, c.counted, c.ambiguous, c.evidence,
    c.evidence_value, c.publisher_id, c.creative_id, c.click_id, c.click_at, c.advertiser_primary_id,
    c.publisher_primary_id, c.source, e.open, e.sealed,
    (SELECT a.request FROM attempts a WHERE c.ambiguous AND a.event_id = c.event_id AND a.request IS NOT NULL
        ORDER BY a.number DESC LIMIT 1)
    FROM conversions c JOIN envelopes e ON e.event_id = c.source";

impl Ledger {
    /// What is due at `now` for a platform, the longest due first.
    ///
    /// # Errors
    /// If the store fails, or holds what cannot be.
    pub fn due(
        &self,
        now: Timestamp,
        home: Home,
        which: Which,
        limit: usize,
    ) -> Result<Vec<Due>, LedgerError> {
        let query = format!(
            "SELECT {DUE_COLUMNS} WHERE c.active = 1 AND c.state = 'queued' AND c.owner = ?1 AND c.fresh = ?2
             AND c.due_at <= ?3 ORDER BY c.due_at LIMIT ?4"
        );
        let params = (home.name(), which == Which::Fresh, now.as_millis(), sql::limit(limit));
        let rows = sql::all(&self.connection, &query, params, |row| Ok(due(row)))?;
        rows.into_iter().collect()
    }

    /// What stands in flight: after a start, what may have been sent before it.
    ///
    /// # Errors
    /// If the store fails, or holds what cannot be.
    pub fn in_flight(&self, limit: usize) -> Result<Vec<Due>, LedgerError> {
        let query = format!("SELECT {DUE_COLUMNS} WHERE c.active = 1 AND c.state = 'in_flight' LIMIT ?1");
        let rows = sql::all(&self.connection, &query, (sql::limit(limit),), |row| Ok(due(row)))?;
        rows.into_iter().collect()
    }

    /// When the next delivery to a platform is due; none if nothing waits for it.
    ///
    /// # Errors
    /// If the store fails.
    pub fn next_due(&self, home: Home, which: Which) -> Result<Option<Timestamp>, LedgerError> {
        let query = "SELECT due_at FROM conversions WHERE active = 1 AND state = 'queued' AND owner = ?1
            AND fresh = ?2 ORDER BY due_at LIMIT 1";
        let params = (home.name(), which == Which::Fresh);
        sql::one(&self.connection, query, params, |row| row.get::<_, i64>(0).map(sql::time))
    }
}

impl Transaction<'_> {
    /// An attempt begins: the conversion is in flight once this is committed, and not before.
    ///
    /// # Errors
    /// If the conversion is not queued any more, or the store fails.
    pub fn begin(&mut self, begun: &Begun<'_>) -> Result<(), LedgerError> {
        let update = "UPDATE conversions SET state = 'in_flight', fresh = 0, tries = ?2, changed_at = ?3
            WHERE event_id = ?1 AND state = 'queued' RETURNING advertiser_id";
        let id = sql::id(begun.event_id);
        let params = (id, begun.number, self.now.as_millis());
        let advertiser_id = sql::one(&self.inner, update, params, |row| row.get::<_, i64>(0))?;
        let moved = LedgerError::Moved { event_id: begun.event_id, expected: State::Queued };
        let advertiser_id = advertiser_id.ok_or(moved)?;
        self.tally.left(advertiser_id, State::Queued);
        self.tally.entered(advertiser_id, State::InFlight);
        let insert =
            "INSERT INTO attempts (event_id, number, home, endpoint, line, probe, request, started_at)
            VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";
        let home = begun.home.name();
        let (now, number) = (self.now.as_millis(), begun.number);
        let row = (id, number, home, begun.endpoint, begun.line, begun.probe, begun.request, now);
        sql::run(&self.inner, insert, row, "begin an attempt")?;
        Ok(())
    }

    /// An attempt ended.
    ///
    /// # Errors
    /// If the conversion is not in flight, or the store fails.
    pub fn finish(&mut self, finished: &Finished<'_>) -> Result<(), LedgerError> {
        let settled = finished.settled;
        self.change(finished.event_id, State::InFlight, settled)?;
        let keeps_request = settled.ambiguous && !settled.state.is_closed();
        let update =
            "UPDATE attempts SET finished_at = ?3, verdict = ?4, reason = ?5, status = ?6, excerpt = ?7,
            request = CASE WHEN ?8 THEN request ELSE NULL END WHERE event_id = ?1 AND number = ?2";
        let (id, now) = (sql::id(finished.event_id), self.now.as_millis());
        let (verdict, reason) = (settled.verdict.name(), settled.reason.as_str());
        let excerpt = finished.excerpt;
        let row = (id, finished.number, now, verdict, reason, finished.status, excerpt, keeps_request);
        sql::run(&self.inner, update, row, "end an attempt")?;
        if settled.state.is_closed() {
            self.erase(finished.event_id)?;
        }
        Ok(())
    }

    fn change(&mut self, event_id: EventId, from: State, settled: &Settled) -> Result<(), LedgerError> {
        let update = "UPDATE conversions SET state = :state, reason = :reason, detail = :detail,
            active = :active, attention = :attention, counted = :counted, ambiguous = :ambiguous,
            due_at = :due_at, changed_at = :now WHERE event_id = :event_id AND state = :from
            RETURNING advertiser_id";
        let row = named_params! {
            ":state": settled.state.name(), ":reason": settled.verdict.name(), ":detail": settled.reason,
            ":active": settled.state == State::Queued, ":attention": settled.state.needs_a_person(),
            ":counted": settled.counted, ":ambiguous": settled.ambiguous,
            ":due_at": settled.due_at.map(Timestamp::as_millis), ":now": self.now.as_millis(),
            ":event_id": sql::id(event_id), ":from": from.name(),
        };
        let advertiser_id = sql::one(&self.inner, update, row, |row| row.get::<_, i64>(0))?;
        let advertiser_id = advertiser_id.ok_or(LedgerError::Moved { event_id, expected: from })?;
        self.tally.left(advertiser_id, from);
        self.tally.entered(advertiser_id, settled.state);
        Ok(())
    }

    /// Erases what is personal in a conversion and in every arrival that was merged into it (I9).
    pub(crate) fn erase(&mut self, event_id: EventId) -> Result<(), LedgerError> {
        let doing = "erase what is personal";
        let id = sql::id(event_id);
        let envelopes = "UPDATE envelopes SET sealed = NULL WHERE sealed IS NOT NULL AND event_id IN
            (SELECT ?1 UNION ALL SELECT source FROM conversions WHERE event_id = ?1)";
        sql::run(&self.inner, envelopes, (id,), doing)?;
        let attempts = "UPDATE attempts SET request = NULL WHERE event_id = ?1 AND request IS NOT NULL";
        sql::run(&self.inner, attempts, (id,), doing)?;
        Ok(())
    }
}

fn due(row: &Row<'_>) -> Result<Due, LedgerError> {
    let get = |error| LedgerError::Store { doing: "read what is due", source: error };
    let advertiser_id = sql::uint(row.get(1).map_err(get)?);
    let text = |place| row.get::<_, Option<String>>(place).map_err(get);
    let number = |place| row.get::<_, Option<i64>>(place).map_err(get);
    let owner = text(2)?.unwrap_or_default();
    let click = match (number(8)?, number(11)?) {
        (Some(publisher_id), Some(at)) => Some(Click {
            advertiser_id,
            publisher_id: sql::uint(publisher_id),
            creative_id: sql::uint(number(9)?.unwrap_or(0)),
            at: sql::time(at),
            click_id: text(10)?.unwrap_or_default(),
        }),
        _ => None,
    };
    Ok(Due {
        event_id: sql::event_id(row.get(0).map_err(get)?),
        advertiser_id,
        owner: sql::home(&owner)?,
        tries: sql::count(row.get(3).map_err(get)?),
        counted: sql::count(row.get(4).map_err(get)?),
        ambiguous: row.get(5).map_err(get)?,
        evidence: evidence(&text(6)?.unwrap_or_default(), text(7)?, click)?,
        advertiser_primary_id: number(12)?.map(sql::uint),
        publisher_primary_id: number(13)?.map(sql::uint),
        source: sql::event_id(row.get(14).map_err(get)?),
        open: row.get(15).map_err(get)?,
        sealed: row.get::<_, Option<Vec<u8>>>(16).map_err(get)?.unwrap_or_default(),
        resend: row.get(17).map_err(get)?,
    })
}

fn evidence(kind: &str, value: Option<String>, click: Option<Click>) -> Result<Evidence, LedgerError> {
    let known = EvidenceKind::parse(kind);
    let known = known.ok_or_else(|| LedgerError::Corrupt { what: "the evidence", value: kind.to_owned() })?;
    Ok(match (known, value, click) {
        (EvidenceKind::PlatformClickId, Some(id), _) => Evidence::PlatformClickId(id),
        (EvidenceKind::Voucher, Some(code), _) => Evidence::Voucher(code),
        (EvidenceKind::Token | EvidenceKind::ClickId | EvidenceKind::Cookie, _, Some(click)) => {
            Evidence::Click(click)
        }
        (EvidenceKind::None, _, _) => Evidence::None,
        (_, _, _) => {
            return Err(LedgerError::Corrupt { what: "evidence without its value", value: kind.to_owned() });
        }
    })
}

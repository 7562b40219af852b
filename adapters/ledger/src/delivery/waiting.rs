//! What waits: looked up along the indexes, so that a backlog of millions costs no more than what is asked for.

use relay::intake::EvidenceKind;
use tracking::Home;
use tracking::event::Click;
use tracking::migration::Evidence;
use units::{EventId, Timestamp};

use super::Due;
use crate::store::{Connection, Row, named_params};
use crate::unreadable::{self, LATEST};
use crate::{Ledger, LedgerError, Waiting, sql};

/// The conversions of one platform whose evidence sends them the same way.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Lane<'a> {
    /// The platform.
    pub home: Home,
    /// The kinds of evidence.
    pub kinds: &'a [EvidenceKind],
}

/// Which deliveries are wanted: first attempts or further ones.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Which {
    /// First attempts.
    Fresh,
    /// Further attempts, which a budget limits.
    Retries,
}

/// What may go in one request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Together<'a> {
    /// The advertiser, by the legacy id; 0 for none.
    pub advertiser_id: u64,
    /// Where to, and by which evidence.
    pub lane: Lane<'a>,
}

pub(super) const COLUMNS: &str =
    "c.event_id, c.advertiser_id, c.owner, c.tries, c.counted, c.ambiguous, c.evidence,
    c.evidence_value, c.publisher_id, c.creative_id, c.click_id, c.click_at, c.advertiser_primary_id,
    c.publisher_primary_id, c.source, e.open, e.sealed,
    (SELECT a.request FROM attempts a WHERE c.ambiguous = 1 AND a.event_id = c.event_id AND a.request IS NOT NULL
        ORDER BY a.number DESC LIMIT 1),
    coalesce((SELECT minor FROM adjustments d WHERE d.conversion = c.event_id ORDER BY d.number DESC LIMIT 1), c.minor),
    coalesce((SELECT currency FROM adjustments d WHERE d.conversion = c.event_id ORDER BY d.number DESC LIMIT 1),
        c.currency)
    FROM conversions c LEFT JOIN envelopes e ON e.event_id = c.source";

const OF_WHICH: &[&str] = &["fresh = :fresh"];

const OF_ADVERTISER: &[&str] = &[
    "advertiser_id = :advertiser AND fresh = 1 AND ambiguous = 0",
    "advertiser_id = :advertiser AND fresh = 0 AND ambiguous = 0",
];

/// The rows that one of `conditions` chooses in addition to a kind of evidence, the longest due first. Each is a
/// walk along an index and the walks are merged, so that no more rows are read than are wanted.
fn longest_due(connection: &Connection, kinds: &[EvidenceKind], conditions: &[&str]) -> String {
    let walk = |kind: &EvidenceKind, condition: &str| {
        let walk = format!(
            "SELECT event_id, due_at FROM conversions WHERE active = 1 AND state = 'queued' AND owner = :owner
             AND evidence = '{}' AND {condition} AND due_at <= :now",
            kind.name()
        );
        match connection {
            Connection::Sqlite(_) | Connection::Simulated(_) => walk,
            // It merges nothing, and would read every walk to its end.
            Connection::Postgres(_) => {
                format!("SELECT * FROM ({walk} ORDER BY due_at, event_id LIMIT :limit) AS walk")
            }
        }
    };
    let walks: Vec<String> =
        kinds.iter().flat_map(|kind| conditions.iter().map(move |condition| walk(kind, condition))).collect();
    format!(
        "SELECT {COLUMNS} WHERE c.event_id IN
         (SELECT event_id FROM ({} ORDER BY due_at, event_id LIMIT :limit) AS longest) ORDER BY c.due_at, c.event_id",
        walks.join(" UNION ALL ")
    )
}

impl Ledger {
    /// What is due at `now`, the longest due first.
    ///
    /// # Errors
    /// If the store fails, or holds what cannot be.
    pub fn due(
        &self,
        now: Timestamp,
        lane: Lane<'_>,
        which: Which,
        limit: usize,
    ) -> Result<Vec<Due>, LedgerError> {
        if lane.kinds.is_empty() || limit == 0 {
            return Ok(Vec::new());
        }
        let query = longest_due(&self.connection, lane.kinds, OF_WHICH);
        let params = named_params! {
            ":owner": lane.home.name(), ":fresh": which == Which::Fresh, ":now": now.as_millis(),
            ":limit": sql::limit(limit),
        };
        sql::all(&self.connection, &query, params, |row| Ok(due(row)))?.into_iter().collect()
    }

    /// What is due at `now` and may go in one request, the longest due first: nothing that may have been
    /// processed already, as that is sent in its own bytes.
    ///
    /// # Errors
    /// If the store fails, or holds what cannot be.
    pub fn due_together(
        &self,
        now: Timestamp,
        together: Together<'_>,
        limit: usize,
    ) -> Result<Vec<Due>, LedgerError> {
        let lane = together.lane;
        if lane.kinds.is_empty() || limit == 0 {
            return Ok(Vec::new());
        }
        let query = longest_due(&self.connection, lane.kinds, OF_ADVERTISER);
        let params = named_params! {
            ":owner": lane.home.name(), ":advertiser": sql::int(together.advertiser_id),
            ":now": now.as_millis(), ":limit": sql::limit(limit),
        };
        sql::all(&self.connection, &query, params, |row| Ok(due(row)))?.into_iter().collect()
    }

    /// What stands in flight: after a start, what may have been sent before it.
    ///
    /// # Errors
    /// If the store fails, or holds what cannot be.
    pub fn in_flight(&self, limit: usize) -> Result<Vec<Due>, LedgerError> {
        let query = format!("SELECT {COLUMNS} WHERE c.active = 1 AND c.state = 'in_flight' LIMIT ?1");
        let rows = sql::all(&self.connection, &query, (sql::limit(limit),), |row| Ok(due(row)))?;
        rows.into_iter().collect()
    }

    /// A conversion as it would be delivered, wherever it stands; none if it was never booked.
    ///
    /// # Errors
    /// If the store fails, or holds what cannot be.
    pub fn due_of(&self, event_id: EventId) -> Result<Option<Due>, LedgerError> {
        let query = format!("SELECT {COLUMNS} WHERE c.event_id = ?1 AND c.owner IS NOT NULL");
        sql::one(&self.connection, &query, (sql::id(event_id),), |row| Ok(due(row)))?.transpose()
    }

    /// When the next delivery of a lane is due; none if nothing waits there.
    ///
    /// # Errors
    /// If the store fails.
    pub fn next_due(&self, lane: Lane<'_>, which: Which) -> Result<Option<Timestamp>, LedgerError> {
        let query = "SELECT due_at FROM conversions WHERE active = 1 AND state = 'queued' AND owner = ?1
            AND evidence = ?2 AND fresh = ?3 AND due_at < ?4 ORDER BY due_at LIMIT 1";
        let mut next: Option<Timestamp> = None;
        for kind in lane.kinds {
            let params = (lane.home.name(), kind.name(), which == Which::Fresh, LATEST);
            let due = sql::one(&self.connection, query, params, |row| row.get::<i64>(0).map(sql::time))?;
            next = next.into_iter().chain(due).min();
        }
        Ok(next)
    }
}

pub(super) fn due(row: &Row<'_>) -> Result<Due, LedgerError> {
    let get = |error| LedgerError::Store { doing: "read what is due", source: error };
    let event_id = sql::event_id(row.get(0).map_err(get)?);
    conversion(event_id, row).map_err(unreadable::of(Waiting::Conversion(event_id)))
}

fn conversion(event_id: EventId, row: &Row<'_>) -> Result<Due, LedgerError> {
    let get = |error| LedgerError::Store { doing: "read what is due", source: error };
    let gone = || LedgerError::Corrupt { what: "no envelope under the event", value: event_id.to_string() };
    let advertiser_id = sql::uint(row.get(1).map_err(get)?);
    let text = |place| row.get::<Option<String>>(place).map_err(get);
    let number = |place| row.get::<Option<i64>>(place).map_err(get);
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
        event_id,
        advertiser_id,
        owner: sql::home(&owner)?,
        tries: sql::count(row.get(3).map_err(get)?),
        counted: sql::count(row.get(4).map_err(get)?),
        ambiguous: row.get(5).map_err(get)?,
        evidence: evidence(&text(6)?.unwrap_or_default(), text(7)?, click)?,
        advertiser_primary_id: number(12)?.map(sql::uint),
        publisher_primary_id: number(13)?.map(sql::uint),
        source: sql::event_id(row.get(14).map_err(get)?),
        open: row.get::<Option<Vec<u8>>>(15).map_err(get)?.ok_or_else(gone)?,
        sealed: row.get::<Option<Vec<u8>>>(16).map_err(get)?.unwrap_or_default(),
        resend: row.get(17).map_err(get)?,
        amount: sql::money(number(18)?, text(19)?)?,
    })
}

fn evidence(kind: &str, value: Option<String>, click: Option<Click>) -> Result<Evidence, LedgerError> {
    let known = EvidenceKind::parse(kind);
    let known = known.ok_or_else(|| LedgerError::Corrupt { what: "the evidence", value: kind.to_owned() })?;
    Ok(match (known, value, click) {
        (EvidenceKind::PlatformClickId, Some(id), _) => Evidence::PlatformClickId(id),
        (EvidenceKind::Voucher, Some(code), _) => Evidence::Voucher(code),
        (
            EvidenceKind::Token | EvidenceKind::ClickId | EvidenceKind::Cookie | EvidenceKind::Named,
            _,
            Some(click),
        ) => Evidence::Click(click),
        (EvidenceKind::None, _, _) => Evidence::None,
        (_, _, _) => {
            return Err(LedgerError::Corrupt { what: "evidence without its value", value: kind.to_owned() });
        }
    })
}

/// The queries, for a look at how the store answers them.
#[cfg(test)]
pub(crate) fn queries(connection: &Connection) -> [String; 2] {
    [OF_WHICH, OF_ADVERTISER].map(|conditions| longest_due(connection, &EvidenceKind::ALL, conditions))
}

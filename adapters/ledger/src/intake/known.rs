//! What the ledger knows of a conversion and the books.

use attribution::{Account, Figures, Posting, posting as books};
use relay::Envelope;
use relay::delivery::State;
use relay::intake::{AUTO_VOID, Claims, Considered, EvidenceKind, Standing};
use units::limits::RESEMBLING_WITHIN;
use units::{Currency, EventId, Money, Timestamp};

use crate::clicks::carried_ids;
use crate::store::{Connection, Params, Row};
use crate::{LedgerError, Transaction, sql};

pub(super) fn collision(
    connection: &Connection,
    advertiser_id: i64,
    prefix: &str,
    key: &str,
) -> Result<Option<String>, LedgerError> {
    let query = "SELECT reference FROM conversions
        WHERE advertiser_id = ?1 AND reference_prefix = ?2 AND key IS NOT NULL AND key <> ?3 LIMIT 1";
    sql::one(connection, query, (advertiser_id, prefix, key), |row| row.get(0))
}

pub(super) fn standing(
    connection: &Connection,
    key: &str,
    locked_before: Timestamp,
) -> Result<Option<Standing>, LedgerError> {
    standing_where(connection, "key = ?1", (key, locked_before.as_millis()))
}

/// The conversion of this event, as what stands.
pub(crate) fn standing_of(
    connection: &Connection,
    event_id: EventId,
    locked_before: Timestamp,
) -> Result<Option<Standing>, LedgerError> {
    standing_where(connection, "event_id = ?1", (sql::id(event_id), locked_before.as_millis()))
}

fn standing_where(
    connection: &Connection,
    condition: &str,
    params: impl Params,
) -> Result<Option<Standing>, LedgerError> {
    // What its merchant has changed stands as the merchant left it, whatever proves its click later; and what is
    // declined or locked stands as it is.
    let query = format!(
        "SELECT event_id,
         CASE WHEN EXISTS (SELECT 1 FROM adjustments a WHERE a.conversion = c.event_id)
             OR status NOT IN ('pending', 'approved') OR (status IS NOT NULL AND received_at < ?2)
             THEN 'dropped' ELSE state END,
         minor, currency, publisher_id, evidence, tries, received_at, considered, flags,
         (SELECT max(received_at) FROM conversions m WHERE m.first = c.event_id),
         (SELECT min(received_at) FROM conversions m WHERE m.first = c.event_id AND m.state = 'merged')
         FROM conversions c WHERE {condition}"
    );
    let found = sql::one(connection, &query, params, |row| Ok(what_stands(row)))?;
    let Some(standing) = found.transpose()? else { return Ok(None) };
    let sent = standing.sent || standing.state == State::Held && sent_by_edge(connection, standing.event_id)?;
    let (postings, figures) =
        (in_force(connection, standing.event_id)?, decided_by(connection, standing.event_id)?);
    Ok(Some(Standing { postings, figures, sent, ..standing }))
}

/// What the credited publisher had earned before, as it stood when it was last decided who earns.
fn decided_by(connection: &Connection, event_id: EventId) -> Result<Option<(u64, Figures)>, LedgerError> {
    let query = "SELECT publisher_id, figures FROM awards WHERE event_id = ?1 AND credited = 1
        ORDER BY number DESC LIMIT 1";
    let read = |row: &Row<'_>| Ok((row.get::<i64>(0)?, row.get::<String>(1)?));
    let found = sql::one(connection, query, (sql::id(event_id),), read)?;
    Ok(found.and_then(|(publisher_id, text)| Some((sql::uint(publisher_id), Figures::read(&text)?))))
}

/// True if an edge has sent what is held, which is remembered with the event that it would be booked from.
fn sent_by_edge(connection: &Connection, event_id: EventId) -> Result<bool, LedgerError> {
    let query = "SELECT e.open FROM conversions c JOIN envelopes e ON e.event_id = c.source
        WHERE c.event_id = ?1";
    let open = sql::one(connection, query, (sql::id(event_id),), |row| row.get::<Vec<u8>>(0))?;
    Ok(open.is_some_and(|open| Envelope::decode(&open).is_ok_and(|envelope| envelope.sent.is_some())))
}

/// What stands, without its lines.
fn what_stands(row: &Row<'_>) -> Result<Standing, LedgerError> {
    let get = |source| LedgerError::Store { doing: "look something up", source };
    let text = |place| row.get::<String>(place).map_err(get);
    let time = |place| row.get::<Option<i64>>(place).map(|at| at.map(sql::time)).map_err(get);
    let evidence = text(5)?;
    let kind = EvidenceKind::parse(&evidence);
    let received_at = time(7)?.unwrap_or_default();
    Ok(Standing {
        event_id: sql::event_id(row.get(0).map_err(get)?),
        state: sql::state(&text(1)?)?,
        amount: sql::money(row.get(2).map_err(get)?, row.get(3).map_err(get)?)?,
        publisher_id: row.get::<Option<i64>>(4).map_err(get)?.map(sql::uint),
        evidence: kind.ok_or(LedgerError::Corrupt { what: "the evidence", value: evidence })?,
        sent: row.get::<i64>(6).map_err(get)? > 0,
        postings: None,
        figures: None,
        received_at,
        first_at: time(11)?.map_or(received_at, |first| first.min(received_at)),
        last_at: time(10)?.map_or(received_at, |last| last.max(received_at)),
        considered: Considered::read(&text(8)?),
        auto_voided: text(9)?.split(' ').any(|flag| flag == AUTO_VOID),
    })
}

impl Transaction<'_> {
    /// The reference of another order that came from the same click, is worth the same and was received at nearly the
    /// same time.
    pub(super) fn resembling(
        &self,
        envelope: &Envelope,
        claims: &Claims,
    ) -> Result<Option<String>, LedgerError> {
        let (Some(advertiser_id), Some(amount), Some(reference)) =
            (claims.advertiser_id, claims.amount.filter(|amount| amount.minor > 0), &claims.reference)
        else {
            return Ok(None);
        };
        let query = "SELECT reference FROM conversions
            WHERE advertiser_id = ?1 AND click_id = ?2 AND minor = ?3 AND currency = ?4 AND reference <> ?5
            AND received_at BETWEEN ?6 AND ?7 AND event_id <> ?8 AND state NOT IN ('merged', 'conflict', 'dropped')
            LIMIT 1";
        let advertiser_id = sql::int(advertiser_id);
        let ids = carried_ids(envelope, claims).into_iter();
        for click_id in ids.filter(|id| !self.ahead.is_no_source(advertiser_id, id)) {
            let (from, to) =
                (envelope.received_at.minus(RESEMBLING_WITHIN), envelope.received_at.plus(RESEMBLING_WITHIN));
            let row = (
                advertiser_id,
                click_id,
                amount.minor,
                amount.currency.code(),
                reference,
                from.as_millis(),
                to.as_millis(),
                sql::id(envelope.event_id),
            );
            let found = sql::one(&self.inner, query, row, |row| row.get(0))?;
            if found.is_some() {
                return Ok(found);
            }
        }
        Ok(None)
    }
}

/// What is earned by a conversion, whether it was paid since or not; none if it was never booked.
pub(crate) fn in_force(
    connection: &Connection,
    event_id: EventId,
) -> Result<Option<Vec<Posting>>, LedgerError> {
    let booked = "SELECT 1 FROM posting_sets WHERE event_id = ?1 AND kind = 'booking'";
    if sql::one(connection, booked, (sql::id(event_id),), |_| Ok(()))?.is_none() {
        return Ok(None);
    }
    Ok(Some(books::earned(&balances(connection, event_id)?)))
}

/// What the sets of a conversion sum to, by account and currency.
pub(crate) fn balances(connection: &Connection, event_id: EventId) -> Result<Vec<Posting>, LedgerError> {
    let query = "SELECT account, party, currency, CAST(sum(minor) AS BIGINT) FROM postings
        WHERE set_id IN (SELECT set_id FROM posting_sets WHERE event_id = ?1)
        GROUP BY account, party, currency HAVING sum(minor) <> 0 ORDER BY account, party, currency";
    postings(connection, query, (sql::id(event_id),))
}

/// The lines that a query finds: account, party, currency and amount.
pub(crate) fn postings(
    connection: &Connection,
    query: &str,
    params: impl Params,
) -> Result<Vec<Posting>, LedgerError> {
    let read = |row: &Row<'_>| {
        Ok((row.get::<String>(0)?, row.get::<i64>(1)?, row.get::<String>(2)?, row.get::<i64>(3)?))
    };
    let lines = sql::all(connection, query, params, read)?;
    lines.into_iter().map(|(kind, party, code, minor)| posting(&kind, party, &code, minor)).collect()
}

pub(crate) fn posting(kind: &str, party: i64, code: &str, minor: i64) -> Result<Posting, LedgerError> {
    let corrupt = |what, value: &str| LedgerError::Corrupt { what, value: value.to_owned() };
    let account = Account::parse(kind, sql::uint(party)).ok_or_else(|| corrupt("the account", kind))?;
    let currency = Currency::parse(code).ok_or_else(|| corrupt("the currency", code))?;
    Ok(Posting { account, amount: Money::from_minor(minor, currency) })
}

//! What the ledger knows of a conversion and the books.

use attribution::{Account, Posting, posting as books};
use relay::intake::{EvidenceKind, Standing};
use units::{Currency, EventId, Money, Timestamp};

use crate::store::{Connection, Params, Row};
use crate::{LedgerError, sql};

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
         minor, currency, publisher_id, evidence, tries FROM conversions c WHERE {condition}"
    );
    let read = |row: &Row<'_>| {
        let (minor, code) = (row.get::<Option<i64>>(2)?, row.get::<Option<String>>(3)?);
        let publisher_id = row.get::<Option<i64>>(4)?.map(sql::uint);
        let (state, evidence) = (row.get::<String>(1)?, row.get::<String>(5)?);
        Ok((sql::event_id(row.get(0)?), state, (minor, code), publisher_id, evidence, row.get::<i64>(6)?))
    };
    let Some((event_id, state, (minor, code), publisher_id, evidence, tries)) =
        sql::one(connection, &query, params, read)?
    else {
        return Ok(None);
    };
    let kind = EvidenceKind::parse(&evidence);
    Ok(Some(Standing {
        event_id,
        state: sql::state(&state)?,
        amount: sql::money(minor, code)?,
        publisher_id,
        evidence: kind.ok_or(LedgerError::Corrupt { what: "the evidence", value: evidence })?,
        sent: tries > 0,
        postings: in_force(connection, event_id)?,
    }))
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

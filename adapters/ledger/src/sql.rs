//! Our values in the store's types, and the two ways to run a statement.

use relay::delivery::State;
use rusqlite::{Connection, OptionalExtension as _, Params, Row};
use tracking::Home;
use units::{Currency, EventId, Money, Timestamp};

use crate::{LedgerError, store};

/// Runs a statement; how many rows it changed.
pub(crate) fn run(
    connection: &Connection,
    sql: &str,
    params: impl Params,
    doing: &'static str,
) -> Result<usize, LedgerError> {
    let mut statement = connection.prepare_cached(sql).map_err(store(doing))?;
    statement.execute(params).map_err(store(doing))
}

/// The first row of a query, if there is one.
pub(crate) fn one<T>(
    connection: &Connection,
    sql: &str,
    params: impl Params,
    read: impl FnOnce(&Row<'_>) -> rusqlite::Result<T>,
) -> Result<Option<T>, LedgerError> {
    let doing = "look something up";
    let mut statement = connection.prepare_cached(sql).map_err(store(doing))?;
    statement.query_row(params, read).optional().map_err(store(doing))
}

/// Every row of a query.
pub(crate) fn all<T>(
    connection: &Connection,
    sql: &str,
    params: impl Params,
    read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
) -> Result<Vec<T>, LedgerError> {
    let doing = "list something";
    let mut statement = connection.prepare_cached(sql).map_err(store(doing))?;
    let rows = statement.query_map(params, read).map_err(store(doing))?;
    rows.collect::<rusqlite::Result<Vec<T>>>().map_err(store(doing))
}

pub(crate) fn id(event_id: EventId) -> [u8; 16] {
    event_id.as_u128().to_be_bytes()
}

pub(crate) fn event_id(bytes: [u8; 16]) -> EventId {
    EventId::from_u128(u128::from_be_bytes(bytes))
}

/// The store's integers are signed; ids keep their bits.
pub(crate) const fn int(value: u64) -> i64 {
    value.cast_signed()
}

pub(crate) const fn uint(value: i64) -> u64 {
    value.cast_unsigned()
}

pub(crate) fn count(value: i64) -> u32 {
    u32::try_from(value).unwrap_or(0)
}

pub(crate) const fn time(millis: i64) -> Timestamp {
    Timestamp::from_millis(millis)
}

pub(crate) fn limit(rows: usize) -> i64 {
    i64::try_from(rows).unwrap_or(i64::MAX)
}

pub(crate) fn state(name: &str) -> Result<State, LedgerError> {
    State::parse(name).ok_or_else(|| LedgerError::Corrupt { what: "the state", value: name.to_owned() })
}

pub(crate) fn home(name: &str) -> Result<Home, LedgerError> {
    Home::parse(name).ok_or_else(|| LedgerError::Corrupt { what: "the platform", value: name.to_owned() })
}

pub(crate) fn money(minor: Option<i64>, code: Option<String>) -> Result<Option<Money>, LedgerError> {
    let (Some(minor), Some(code)) = (minor, code) else { return Ok(None) };
    let currency = Currency::parse(&code);
    let currency = currency.ok_or(LedgerError::Corrupt { what: "the currency", value: code })?;
    Ok(Some(Money::from_minor(minor, currency)))
}

//! Our values in the store's types, and the ways to run a statement.

use relay::delivery::State;
use tracking::Home;
use units::{Currency, EventId, Money, Timestamp};

use crate::store::{Connection, Enough, Params, Row, StoreError};
use crate::{LedgerError, store};

/// Names of our types as a statement has them.
pub(crate) fn quoted<const N: usize>(names: [&str; N]) -> Vec<String> {
    names.iter().map(|name| format!("'{name}'")).collect()
}

/// States as a statement lists them.
pub(crate) fn states<const N: usize>(states: [State; N]) -> String {
    quoted(states.map(State::name)).join(", ")
}

/// Runs a statement; how many rows it changed.
pub(crate) fn run(
    connection: &Connection,
    sql: &str,
    params: impl Params,
    doing: &'static str,
) -> Result<usize, LedgerError> {
    connection.run(sql, &params).map_err(store(doing))
}

/// Runs a statement of a transaction of which nobody asks what it did; on a server, without waiting for it.
pub(crate) fn send(
    connection: &Connection,
    sql: &str,
    params: impl Params,
    doing: &'static str,
) -> Result<(), LedgerError> {
    connection.send(sql, &params).map_err(store(doing))
}

/// The first row of a query, if there is one.
pub(crate) fn one<T>(
    connection: &Connection,
    sql: &str,
    params: impl Params,
    read: impl FnOnce(&Row<'_>) -> Result<T, StoreError>,
) -> Result<Option<T>, LedgerError> {
    let (mut read, mut found) = (Some(read), None);
    let mut first = |row: &Row<'_>| {
        found = read.take().map(|read| read(row)).transpose()?;
        Ok(Enough::Yes)
    };
    connection.rows(sql, &params, &mut first).map_err(store("look something up"))?;
    Ok(found)
}

/// Every row of a query.
pub(crate) fn all<T>(
    connection: &Connection,
    sql: &str,
    params: impl Params,
    mut read: impl FnMut(&Row<'_>) -> Result<T, StoreError>,
) -> Result<Vec<T>, LedgerError> {
    let mut found = Vec::new();
    let mut each = |row: &Row<'_>| {
        found.push(read(row)?);
        Ok(Enough::NotYet)
    };
    connection.rows(sql, &params, &mut each).map_err(store("list something"))?;
    Ok(found)
}

/// The places of this many rows of values, as they stand after `VALUES`.
pub(crate) fn places(rows: usize, values: usize) -> String {
    let row = |number: usize| {
        let first = number.saturating_mul(values);
        let places: Vec<String> =
            (1..=values).map(|value| format!("?{}", first.saturating_add(value))).collect();
        format!("({})", places.join(", "))
    };
    let rows: Vec<String> = (0..rows).map(row).collect();
    rows.join(", ")
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

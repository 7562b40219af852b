//! The columns of both stores: how a request becomes a row, and a row what is told of a request.

use pglink::{Column, Value};
use relay::seen::Seen;
use units::{EventId, Timestamp};

use crate::entry::Outcome;
use crate::query::{OutcomeRow, Query, RequestRow};
use crate::settings::OUTCOMES_MAX;
use crate::volume::time_of;

/// The columns of a request, in the order in which they are written and read.
const COLUMNS: &str = "event_id, lane, class, method, host, endpoint, recognised, advertiser_id, publisher_id,
    creative_id, reference, minor, currency, phase, consent, consent_reason, country, network, referrer, problems,
    mode, status, leads_to, took_micros";

/// What is to be asked when outcomes are listed.
pub(crate) struct Question<'a> {
    pub(crate) sql: String,
    pub(crate) values: &'a [Value<'a>],
}

/// The statement that writes a request into `table`. A request that is there already stays as it is.
pub(crate) fn insert_request(table: &str) -> String {
    let places: Vec<String> = (1..=COLUMNS.split(',').count()).map(|place| format!("?{place}")).collect();
    let places = places.join(", ");
    format!("INSERT INTO {table} ({COLUMNS}) VALUES ({places}) ON CONFLICT (event_id) DO NOTHING")
}

/// The statement that writes an outcome into `table`.
pub(crate) fn insert_outcome(table: &str) -> String {
    format!("INSERT INTO {table} (event_id, at, what, detail) VALUES (?1, ?2, ?3, ?4)")
}

/// Gives `write` the values of a request's row.
pub(crate) fn with_request<T>(seen: &Seen, lane: &str, write: impl FnOnce(&[Value<'_>]) -> T) -> T {
    let event_id = bytes(seen.event_id);
    let consent = seen.consent.filter(|_| seen.recognised);
    let network = seen.network.map(|network| network.to_string());
    let problems = seen.problems.join(" ");
    write(&[
        Value::Bytes(&event_id),
        Value::Text(lane),
        Value::Text(seen.class.name()),
        Value::Text(seen.method.name()),
        Value::Text(&seen.host),
        Value::Text(&seen.endpoint),
        Value::Integer(seen.recognised.into()),
        id(seen.advertiser_id),
        id(seen.publisher_id),
        id(seen.creative_id),
        text(seen.reference.as_deref()),
        seen.amount.as_ref().map_or(Value::Null, |amount| Value::Integer(amount.minor)),
        text(seen.amount.as_ref().map(|amount| amount.currency.code())),
        text(seen.phase.map(|phase| phase.name())),
        text(consent.map(|consent| consent.name())),
        text(consent.map(|consent| consent.reason().name())),
        text(seen.country.as_deref()),
        text(network.as_deref()),
        text(seen.referrer.as_deref()),
        Value::Text(&problems),
        Value::Text(seen.mode.name()),
        Value::Integer(seen.status.into()),
        text(seen.leads_to.as_deref()),
        Value::Integer(i64::try_from(seen.took.as_micros()).unwrap_or(i64::MAX)),
    ])
}

fn text(text: Option<&str>) -> Value<'_> {
    text.map_or(Value::Null, Value::Text)
}

fn id(id: Option<u64>) -> Value<'static> {
    id.map_or(Value::Null, |id| Value::Integer(id.cast_signed()))
}

/// Gives `write` the values of an outcome's row.
pub(crate) fn with_outcome<T>(outcome: &Outcome, write: impl FnOnce(&[Value<'_>]) -> T) -> T {
    let event_id = bytes(outcome.event_id);
    write(&[
        Value::Bytes(&event_id),
        Value::Integer(outcome.at.as_millis()),
        Value::Text(outcome.what),
        Value::Text(&outcome.detail),
    ])
}

/// Gives `ask` what finds the requests of `query` in `table`, at most `limit`, the newest first. Values are always
/// bound, never written into the text.
pub(crate) fn with_query<T>(
    query: &Query,
    table: &str,
    limit: usize,
    ask: impl FnOnce(Question<'_>) -> T,
) -> T {
    let (newest, oldest) = query.range();
    let (newest, oldest) = (bytes(newest), bytes(oldest));
    let mut condition = "event_id <= ?1 AND event_id >= ?2".to_owned();
    let mut values = vec![Value::Bytes(&newest), Value::Bytes(&oldest)];
    let id = |id: Option<u64>| id.map(|id| Value::Integer(id.cast_signed()));
    for (column, value) in [
        ("reference", query.reference.as_deref().map(Value::Text)),
        ("advertiser_id", id(query.advertiser_id)),
        ("publisher_id", id(query.publisher_id)),
        ("class", query.class.as_deref().map(Value::Text)),
    ] {
        let Some(value) = value else { continue };
        values.push(value);
        condition = format!("{condition} AND {column} = ?{}", values.len());
    }
    let sql = format!("SELECT {COLUMNS} FROM {table} WHERE {condition} ORDER BY event_id DESC LIMIT {limit}");
    ask(Question { sql, values: &values })
}

/// Gives `ask` what lists the outcomes of an event in `table`, in the order in which they were learnt.
pub(crate) fn with_outcomes<T>(event_id: EventId, table: &str, ask: impl FnOnce(Question<'_>) -> T) -> T {
    let sql = format!(
        "SELECT at, what, detail FROM {table} WHERE event_id = ?1 ORDER BY number LIMIT {OUTCOMES_MAX}"
    );
    ask(Question { sql, values: &[Value::Bytes(&bytes(event_id))] })
}

/// One row of an answer, of whichever store.
pub(crate) trait Cells {
    /// The value in a column; none for a kind that is never stored.
    fn value(&self, place: usize) -> Option<Value<'_>>;

    /// What is read of a column; the column's number where something else is in it.
    fn get<T: Column>(&self, place: usize) -> Result<T, usize> {
        self.value(place).and_then(T::read).ok_or(place)
    }
}

/// The request of a row; the number of a column that holds something else than what belongs there.
pub(crate) fn request(row: &impl Cells) -> Result<RequestRow, usize> {
    let event_id = EventId::from_u128(u128::from_be_bytes(row.get(0)?));
    let id = |place| Ok::<_, usize>(row.get::<Option<i64>>(place)?.map(i64::cast_unsigned));
    Ok(RequestRow {
        event_id,
        received_at: time_of(event_id),
        lane: row.get(1)?,
        class: row.get(2)?,
        method: row.get(3)?,
        host: row.get(4)?,
        endpoint: row.get(5)?,
        recognised: row.get(6)?,
        advertiser_id: id(7)?,
        publisher_id: id(8)?,
        creative_id: id(9)?,
        reference: row.get(10)?,
        minor: row.get(11)?,
        currency: row.get(12)?,
        phase: row.get(13)?,
        consent: row.get(14)?,
        consent_reason: row.get(15)?,
        country: row.get(16)?,
        network: row.get(17)?,
        referrer: row.get(18)?,
        problems: row.get(19)?,
        mode: row.get(20)?,
        status: row.get(21)?,
        leads_to: row.get(22)?,
        took_micros: row.get::<i64>(23)?.cast_unsigned(),
    })
}

/// The outcome of a row.
pub(crate) fn outcome(row: &impl Cells) -> Result<OutcomeRow, usize> {
    Ok(OutcomeRow { at: Timestamp::from_millis(row.get(0)?), what: row.get(1)?, detail: row.get(2)? })
}

fn bytes(event_id: EventId) -> [u8; 16] {
    event_id.as_u128().to_be_bytes()
}

//! What taking a batch in will ask, asked at once.
//!
//! A server is asked a few times for a batch, and not several times for each of its sales. What is remembered are clicks, and
//! what is certainly not there: nothing is known of nearly every sale. Whatever the transaction writes is forgotten here, so
//! that the rest of the batch asks for it again and sees it.

use std::collections::{BTreeMap, BTreeSet};

use relay::Envelope;
use relay::intake::{Claims, KeptClick};
use units::EventId;

use super::{advertiser, is_looked_up};
use crate::clicks::{carried_ids, clicks_among};
use crate::store::{Connection, Row, StoreError, Value};
use crate::{LedgerError, Transaction, sql};

/// How many things one statement asks for: the smallest that is enough.
const SIZES: [usize; 4] = [8, 32, 128, 512];

/// Something of an advertiser: a reference's beginning, a click, a voucher's code.
type Of = (i64, String);

/// What is known ahead within one transaction.
#[derive(Debug, Default)]
pub(crate) struct Ahead {
    /// Events that were never taken in.
    events: BTreeSet<[u8; 16]>,
    /// Keys that nothing stands under.
    keys: BTreeSet<String>,
    /// Beginnings of references that no order has.
    prefixes: BTreeSet<Of>,
    /// Clicks that no order came from.
    sources: BTreeSet<Of>,
    /// Codes that are bound to nobody.
    vouchers: BTreeSet<Of>,
    /// Clicks by their id; none where there is no such click.
    clicks: BTreeMap<String, Option<KeptClick>>,
}

impl Transaction<'_> {
    /// Asks at once what taking these events in will ask.
    ///
    /// # Errors
    /// If the store fails.
    pub fn look_ahead<'e>(
        &mut self,
        envelopes: impl ExactSizeIterator<Item = &'e Envelope>,
    ) -> Result<(), LedgerError> {
        // One asks for itself, and a store in this process answers at once.
        if envelopes.len() < 2 || !self.inner.is_far() {
            return Ok(());
        }
        let mut asked = Ahead::default();
        envelopes.for_each(|envelope| asked.ask_for(envelope));
        let Ahead { events, keys, prefixes, sources, vouchers, clicks } = asked;
        let found = "SELECT 1 FROM events WHERE event_id = v.column1";
        self.ahead.events = absent(&self.inner, found, events)?;
        let found = "SELECT 1 FROM conversions WHERE key = v.column1";
        self.ahead.keys = absent(&self.inner, found, keys)?;
        let found = "SELECT 1 FROM conversions WHERE advertiser_id = v.column1 AND reference_prefix = v.column2 LIMIT 1";
        self.ahead.prefixes = absent(&self.inner, found, prefixes)?;
        let found =
            "SELECT 1 FROM conversions WHERE advertiser_id = v.column1 AND click_id = v.column2 LIMIT 1";
        self.ahead.sources = absent(&self.inner, found, sources)?;
        let found = "SELECT 1 FROM bound_vouchers WHERE advertiser_id = v.column1 AND code = v.column2";
        self.ahead.vouchers = absent(&self.inner, found, vouchers)?;
        self.ahead.clicks = clicks;
        let ids: Vec<String> = self.ahead.clicks.keys().cloned().collect();
        for part in parts(&ids) {
            for kept in clicks_among(&self.inner, &asked_rows(part), asked_values(part))? {
                self.ahead.clicks.insert(kept.click.click_id.clone(), Some(kept));
            }
        }
        Ok(())
    }
}

impl Ahead {
    /// Everything that is asked about an event, as if it were known already.
    fn ask_for(&mut self, envelope: &Envelope) {
        self.events.insert(sql::id(envelope.event_id));
        if !is_looked_up(envelope) {
            return;
        }
        let claims = Claims::of(envelope);
        let ids = carried_ids(envelope, &claims);
        if envelope.consent.permits() {
            self.clicks.extend(ids.iter().map(|id| ((*id).clone(), None)));
        }
        let advertiser_id = advertiser(envelope);
        self.vouchers.extend(claims.vouchers.iter().map(|code| (advertiser_id, code.clone())));
        let Some(key) = &envelope.key else { return };
        self.keys.insert(key.clone());
        self.prefixes.extend(claims.reference_prefix.as_ref().map(|prefix| (advertiser_id, prefix.clone())));
        self.sources.extend(ids.into_iter().map(|id| (advertiser_id, id.clone())));
    }

    /// True, once, if the event was never taken in.
    pub(crate) fn is_new(&mut self, event_id: EventId) -> bool {
        self.events.remove(&sql::id(event_id))
    }

    /// True if nothing stands under the key.
    pub(crate) fn is_free(&self, key: &str) -> bool {
        self.keys.contains(key)
    }

    /// True if no order's reference begins so.
    pub(crate) fn has_no_prefix(&self, advertiser_id: i64, prefix: &str) -> bool {
        !self.prefixes.is_empty() && self.prefixes.contains(&(advertiser_id, prefix.to_owned()))
    }

    /// True if no order came from the click.
    pub(crate) fn is_no_source(&self, advertiser_id: i64, click_id: &str) -> bool {
        !self.sources.is_empty() && self.sources.contains(&(advertiser_id, click_id.to_owned()))
    }

    /// True if the code is bound to nobody.
    pub(crate) fn is_unbound(&self, advertiser_id: i64, code: &str) -> bool {
        !self.vouchers.is_empty() && self.vouchers.contains(&(advertiser_id, code.to_owned()))
    }

    /// What is known of the click, if that was asked; none within where there is no such click.
    pub(crate) fn click(&self, click_id: &str) -> Option<&Option<KeptClick>> {
        self.clicks.get(click_id)
    }

    /// A conversion is written.
    pub(crate) fn placed(
        &mut self,
        advertiser_id: i64,
        key: Option<&str>,
        prefix: Option<&str>,
        click_id: Option<&str>,
    ) {
        key.map(|key| self.keys.remove(key));
        prefix.map(|prefix| self.prefixes.remove(&(advertiser_id, prefix.to_owned())));
        click_id.map(|id| self.sources.remove(&(advertiser_id, id.to_owned())));
    }

    /// A conversion that stands comes from another click.
    pub(crate) fn proven(&mut self) {
        self.sources.clear();
    }

    /// A click is written.
    pub(crate) fn kept(&mut self, click_id: &str) {
        self.clicks.remove(click_id);
    }

    /// Clicks or vouchers are written, whichever.
    pub(crate) fn forget_clicks(&mut self) {
        self.clicks.clear();
        self.vouchers.clear();
    }
}

/// What a statement asks for many of.
trait Asked: Ord + Sized {
    /// The type of its first value, by which the store knows those of all rows.
    const KIND: &'static str;
    /// How many values it has.
    const VALUES: usize;
    fn values(&self) -> impl Iterator<Item = Value<'_>>;
    fn read(row: &Row<'_>) -> Result<Self, StoreError>;
}

impl Asked for [u8; 16] {
    const KIND: &'static str = "BLOB";
    const VALUES: usize = 1;

    fn values(&self) -> impl Iterator<Item = Value<'_>> {
        [Value::Bytes(self)].into_iter()
    }

    fn read(row: &Row<'_>) -> Result<Self, StoreError> {
        row.get(0)
    }
}

impl Asked for String {
    const KIND: &'static str = "TEXT";
    const VALUES: usize = 1;

    fn values(&self) -> impl Iterator<Item = Value<'_>> {
        [Value::Text(self)].into_iter()
    }

    fn read(row: &Row<'_>) -> Result<Self, StoreError> {
        row.get(0)
    }
}

impl Asked for Of {
    const KIND: &'static str = "BIGINT";
    const VALUES: usize = 2;

    fn values(&self) -> impl Iterator<Item = Value<'_>> {
        [Value::Integer(self.0), Value::Text(&self.1)].into_iter()
    }

    fn read(row: &Row<'_>) -> Result<Self, StoreError> {
        Ok((row.get(0)?, row.get(1)?))
    }
}

/// Those of `asked` for which `found` finds nothing.
fn absent<T: Asked>(
    connection: &Connection,
    found: &str,
    asked: BTreeSet<T>,
) -> Result<BTreeSet<T>, LedgerError> {
    let asked: Vec<T> = asked.into_iter().collect();
    let columns = if T::VALUES == 1 { "v.column1" } else { "v.column1, v.column2" };
    let mut absent = BTreeSet::new();
    for part in parts(&asked) {
        // A subquery that is asked for each row: no planner makes a walk through the whole table of it.
        let rows = asked_rows::<T>(part);
        let query = format!("SELECT {columns} FROM {rows} WHERE v.column1 IS NOT NULL AND ({found}) IS NULL");
        absent.extend(sql::all(connection, &query, asked_values(part), T::read)?);
    }
    Ok(absent)
}

fn parts<T>(asked: &[T]) -> impl Iterator<Item = &[T]> {
    let [.., most] = SIZES;
    asked.chunks(most)
}

/// The rows that are asked for, as a table. There are more of them than things, so that few statements differ; what is
/// too many is nothing.
fn asked_rows<T: Asked>(part: &[T]) -> String {
    let size = SIZES.into_iter().find(|size| *size >= part.len()).unwrap_or(part.len());
    let rows = sql::places(size, T::VALUES);
    let typed = rows.replacen("?1", &format!("CAST(?1 AS {})", T::KIND), 1);
    format!("(VALUES {typed}) AS v")
}

/// Their values, in the order of their places.
fn asked_values<T: Asked>(part: &[T]) -> Vec<Value<'_>> {
    let size = SIZES.into_iter().find(|size| *size >= part.len()).unwrap_or(part.len());
    let mut values: Vec<Value<'_>> = part.iter().flat_map(T::values).collect();
    values.resize(size.saturating_mul(T::VALUES), Value::Null);
    values
}

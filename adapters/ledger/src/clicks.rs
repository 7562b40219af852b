//! The clicks that are kept, under every id that a conversion may name, and the vouchers that stand for one.

use relay::Envelope;
use relay::intake::{BoundVoucher, Claims, KeptClick, Origin, Standing};
use tracking::Home;
use tracking::event::Click;
use units::{EventId, Timestamp};

use crate::intake::standing_of;
use crate::store::{Connection, Params, Row};
use crate::{Ledger, LedgerError, Transaction, sql};

/// What keeping a click came to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Keeping {
    /// It is new.
    New,
    /// It is known, as it is.
    Known,
    /// Its id is known with another advertiser, publisher or time: the first stays.
    Differs,
}

const COLUMNS: &str =
    "click_id, advertiser_id, publisher_id, creative_id, clicked_at, origin, home, alias_of,
    event_id, expires_at, reference";

impl Ledger {
    /// The click that is kept under this id.
    ///
    /// # Errors
    /// If the store fails, or holds what cannot be.
    pub fn click(&self, click_id: &str) -> Result<Option<KeptClick>, LedgerError> {
        click(&self.connection, click_id)
    }

    /// How many clicks are kept; it reads all of them.
    ///
    /// # Errors
    /// If the store fails.
    pub fn clicks_count(&self) -> Result<u64, LedgerError> {
        let count = sql::one(&self.connection, "SELECT count(*) FROM clicks", (), |row| row.get(0))?;
        Ok(sql::uint(count.unwrap_or(0)))
    }
}

impl Ledger {
    /// The voucher codes that are bound in a programme, at most `limit`.
    ///
    /// # Errors
    /// If the store fails.
    pub fn vouchers(&self, advertiser_id: u64, limit: usize) -> Result<Vec<BoundVoucher>, LedgerError> {
        let query = "SELECT code, publisher_id, starts_at, ends_at FROM bound_vouchers
            WHERE advertiser_id = ?1 ORDER BY code LIMIT ?2";
        sql::all(&self.connection, query, (sql::int(advertiser_id), sql::limit(limit)), |row| {
            let [starts_at, ends_at] = [row.get(2)?, row.get(3)?].map(|at: Option<i64>| at.map(sql::time));
            let (code, publisher_id) = (row.get(0)?, sql::uint(row.get(1)?));
            Ok(BoundVoucher { advertiser_id, code, publisher_id, starts_at, ends_at })
        })
    }
}

impl Transaction<'_> {
    /// Keeps a click under its id. The first of an id stays, because a click happens once; only an imported one
    /// knows better than an id that was merely seen on its way.
    ///
    /// # Errors
    /// If the store fails.
    pub fn keep_click(&mut self, kept: &KeptClick) -> Result<Keeping, LedgerError> {
        let click = &kept.click;
        if click.click_id.is_empty() {
            return Ok(Keeping::Known);
        }
        let insert = "INSERT INTO clicks (click_id, advertiser_id, publisher_id, creative_id, clicked_at,
            imported, origin, home, alias_of, event_id, expires_at, reference)
            VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)
            ON CONFLICT (click_id) DO UPDATE SET advertiser_id = excluded.advertiser_id,
            publisher_id = excluded.publisher_id, creative_id = excluded.creative_id,
            clicked_at = excluded.clicked_at, imported = 1, origin = excluded.origin, home = excluded.home,
            alias_of = NULL, event_id = NULL, expires_at = excluded.expires_at,
            reference = coalesce(excluded.reference, clicks.reference)
            WHERE excluded.origin = 'imported' AND clicks.origin = 'hop'";
        let [advertiser, publisher, creative] =
            [click.advertiser_id, click.publisher_id, click.creative_id].map(sql::int);
        let (origin, home) = (kept.origin.name(), kept.home.map(Home::name));
        let (event_id, alias_of) = (kept.event_id.map(sql::id), kept.alias_of.as_deref());
        let (at, expires_at) = (click.at.as_millis(), kept.expires_at.as_millis());
        let imported = kept.origin == Origin::Imported;
        let row = (
            &click.click_id,
            advertiser,
            publisher,
            creative,
            at,
            imported,
            origin,
            home,
            alias_of,
            event_id,
            expires_at,
            &kept.reference,
        );
        self.ahead.kept(&click.click_id);
        if sql::run(&self.inner, insert, row, "keep a click")? == 1 {
            return Ok(Keeping::New);
        }
        let same = "SELECT 1 FROM clicks WHERE click_id = ?1 AND advertiser_id = ?2 AND publisher_id = ?3
            AND clicked_at = ?4";
        let row = (&click.click_id, advertiser, publisher, at);
        let known = sql::one(&self.inner, same, row, |_| Ok(()))?.is_some();
        Ok(if known { Keeping::Known } else { Keeping::Differs })
    }

    /// Removes at most `limit` clicks that have expired; how many it were.
    ///
    /// # Errors
    /// If the store fails.
    pub fn sweep_clicks(&mut self, limit: usize) -> Result<usize, LedgerError> {
        let delete = "DELETE FROM clicks WHERE click_id IN
            (SELECT click_id FROM clicks WHERE expires_at < ?1 ORDER BY expires_at LIMIT ?2)";
        let row = (self.now().as_millis(), sql::limit(limit));
        self.ahead.forget_clicks();
        sql::run(&self.inner, delete, row, "sweep clicks")
    }

    /// Binds a voucher code to a publisher; what it was bound to before is forgotten. False if it was bound so
    /// already.
    ///
    /// # Errors
    /// If the store fails.
    pub fn bind_voucher(&mut self, bound: &BoundVoucher) -> Result<bool, LedgerError> {
        let insert = "INSERT INTO bound_vouchers (advertiser_id, code, publisher_id, starts_at, ends_at)
            VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT (advertiser_id, code) DO UPDATE SET
            publisher_id = excluded.publisher_id, starts_at = excluded.starts_at, ends_at = excluded.ends_at
            WHERE bound_vouchers.publisher_id <> excluded.publisher_id
            OR bound_vouchers.starts_at IS DISTINCT FROM excluded.starts_at
            OR bound_vouchers.ends_at IS DISTINCT FROM excluded.ends_at";
        let [advertiser, publisher] = [bound.advertiser_id, bound.publisher_id].map(sql::int);
        let [starts_at, ends_at] = [bound.starts_at, bound.ends_at].map(|at| at.map(Timestamp::as_millis));
        let row = (advertiser, &bound.code, publisher, starts_at, ends_at);
        self.ahead.forget_clicks();
        Ok(sql::run(&self.inner, insert, row, "bind a voucher")? == 1)
    }

    /// Forgets a bound voucher code. False if it was not bound.
    ///
    /// # Errors
    /// If the store fails.
    pub fn unbind_voucher(&mut self, advertiser_id: u64, code: &str) -> Result<bool, LedgerError> {
        let delete = "DELETE FROM bound_vouchers WHERE advertiser_id = ?1 AND code = ?2";
        Ok(sql::run(&self.inner, delete, (sql::int(advertiser_id), code), "unbind a voucher")? == 1)
    }

    /// What stands for this event: its own conversion, or the one that it was merged into.
    ///
    /// # Errors
    /// If the store fails, or holds what cannot be.
    pub fn standing_for(&self, event_id: EventId) -> Result<Option<Standing>, LedgerError> {
        let query =
            "SELECT first FROM conversions WHERE event_id = ?1 AND state = 'merged' AND first IS NOT NULL";
        let into = sql::one(&self.inner, query, (sql::id(event_id),), |row| row.get(0).map(sql::event_id))?;
        standing_of(&self.inner, into.unwrap_or(event_id), self.lock.locked_before(self.now))
    }

    /// The clicks that are kept under the ids that bear on a conversion: those that it names, and those that
    /// its token and its cookie carry.
    pub(crate) fn clicks_of(
        &self,
        envelope: &Envelope,
        claims: &Claims,
    ) -> Result<Vec<KeptClick>, LedgerError> {
        if !envelope.consent.permits() {
            return Ok(Vec::new());
        }
        let found = carried_ids(envelope, claims).into_iter().map(|id| match self.ahead.click(id) {
            Some(known) => Ok(known.clone()),
            None => click(&self.inner, id),
        });
        found.filter_map(Result::transpose).collect()
    }

    pub(crate) fn bound_vouchers(&self, claims: &Claims) -> Result<Vec<BoundVoucher>, LedgerError> {
        let Some(advertiser_id) = claims.advertiser_id else { return Ok(Vec::new()) };
        let query = "SELECT publisher_id, starts_at, ends_at FROM bound_vouchers
            WHERE advertiser_id = ?1 AND code = ?2";
        let bound = |code: &String| {
            let read = |row: &Row<'_>| {
                let [starts_at, ends_at] =
                    [row.get(1)?, row.get(2)?].map(|at: Option<i64>| at.map(sql::time));
                let publisher_id = sql::uint(row.get(0)?);
                Ok(BoundVoucher { advertiser_id, code: code.clone(), publisher_id, starts_at, ends_at })
            };
            sql::one(&self.inner, query, (sql::int(advertiser_id), code), read)
        };
        let asked = |code: &&String| !self.ahead.is_unbound(sql::int(advertiser_id), code);
        claims.vouchers.iter().filter(asked).map(bound).filter_map(Result::transpose).collect()
    }
}

/// The ids of clicks that bear on a conversion, each once: those that it names, and those that its token and its cookie
/// carry.
pub(crate) fn carried_ids<'a>(envelope: &'a Envelope, claims: &'a Claims) -> Vec<&'a String> {
    let carried = [&envelope.click, &envelope.cookie_click];
    let carried = carried.into_iter().flatten().map(|click| &click.click_id);
    let mut ids: Vec<&String> = Vec::new();
    for id in claims.click_ids.iter().chain(carried).filter(|id| !id.is_empty()) {
        if !ids.contains(&id) {
            ids.push(id);
        }
    }
    ids
}

/// The clicks whose ids stand in the rows of the table `v`.
pub(crate) fn clicks_among(
    connection: &Connection,
    v: &str,
    ids: impl Params,
) -> Result<Vec<KeptClick>, LedgerError> {
    let query = format!("SELECT {COLUMNS} FROM {v} CROSS JOIN clicks ON click_id = v.column1");
    let found = sql::all(connection, &query, ids, |row| Ok(kept(row)))?;
    found.into_iter().collect()
}

fn click(connection: &Connection, click_id: &str) -> Result<Option<KeptClick>, LedgerError> {
    let query = format!("SELECT {COLUMNS} FROM clicks WHERE click_id = ?1");
    let found = sql::one(connection, &query, (click_id,), |row| Ok(kept(row)))?;
    found.transpose()
}

fn kept(row: &Row<'_>) -> Result<KeptClick, LedgerError> {
    let get = |source| LedgerError::Store { doing: "read a click", source };
    let id = |place| row.get(place).map(sql::uint).map_err(get);
    let origin: String = row.get(5).map_err(get)?;
    let home: Option<String> = row.get(6).map_err(get)?;
    let click = Click {
        click_id: row.get(0).map_err(get)?,
        advertiser_id: id(1)?,
        publisher_id: id(2)?,
        creative_id: id(3)?,
        at: sql::time(row.get(4).map_err(get)?),
    };
    let known = Origin::parse(&origin);
    Ok(KeptClick {
        click,
        home: home.map(|name| sql::home(&name)).transpose()?,
        origin: known.ok_or(LedgerError::Corrupt { what: "the origin of a click", value: origin })?,
        alias_of: row.get(7).map_err(get)?,
        event_id: row.get::<Option<[u8; 16]>>(8).map_err(get)?.map(sql::event_id),
        expires_at: sql::time(row.get(9).map_err(get)?),
        reference: row.get(10).map_err(get)?,
    })
}

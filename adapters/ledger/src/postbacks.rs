//! Postbacks: the addresses that publishers have called, and which calls are due.
//!
//! A call is owed once the new platform has taken a transaction, for the publisher that it was told with, in the
//! transaction of the ledger that says so. From then on it moves as a delivery does: in flight before its first byte
//! goes out, and put back after a crash, so that a publisher is called at least once and, once it has answered,
//! never again.

mod given_up;

use relay::delivery::{Settled, State};
use relay::postback::Row as Told;
use units::limits::POSTBACKS_PUT_OFF_MAX;
use units::{EventId, Timestamp};

use crate::store::{Row, named_params};
use crate::{Ledger, LedgerError, Transaction, Waiting, sql, unreadable};
pub use given_up::{GivenUp, GivenUpGroup, GivenUpSearch, Recalled};

/// An address that a publisher has called.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PostbackAddress {
    /// The publisher, by the legacy id.
    pub publisher_id: u64,
    /// `GET` or `POST`.
    pub method: String,
    /// The address with its macros.
    pub address: String,
}

/// A publisher's address, and how its calls go.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PostbackRow {
    /// The address.
    pub address: PostbackAddress,
    /// Calls that were answered, ever.
    pub called: u64,
    /// Calls that wait or are under way.
    pub waiting: u64,
    /// Calls that were given up.
    pub given_up: u64,
    /// What came of the last call that was not taken.
    pub detail: String,
}

/// A call that is due.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DuePostback {
    /// Everything that it tells.
    pub told: Told,
    /// Attempts begun so far.
    pub tries: u32,
    /// Attempts that count towards the limit.
    pub counted: u32,
    /// Why nobody is to be called any more, if so. This is looked at when a call is picked: whatever happens to the
    /// transaction until then needs no rule of its own.
    pub not_owed: Option<&'static str>,
}

/// A call that a transaction owes, or has made.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct OwedPostback {
    /// The publisher, by the legacy id.
    pub publisher_id: u64,
    /// Where it stands.
    pub state: State,
    /// Why it stands there.
    pub detail: String,
    /// Attempts begun so far.
    pub tries: u32,
    /// When it last changed.
    pub changed_at: Timestamp,
    /// When it is next due.
    pub due_at: Option<Timestamp>,
}

/// Which call of which transaction.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct PostbackId {
    /// The transaction.
    pub event_id: EventId,
    /// The publisher, by the legacy id.
    pub publisher_id: u64,
    /// The attempt's number, counted from 1.
    pub number: u32,
}

// CROSS JOIN keeps the store from starting at the conversions, of which there are millions. What the merchant has
// changed since is told as it is now.
fn due_query() -> String {
    format!(
    "SELECT p.event_id, p.publisher_id, a.method, a.address, p.tries, p.counted, c.advertiser_id,
    c.minor, c.currency,
    coalesce((SELECT w.minor FROM awards w WHERE w.event_id = c.event_id AND w.publisher_id = c.publisher_id
        AND w.number = (SELECT max(v.number) FROM awards v WHERE v.event_id = c.event_id)), c.commission_minor),
    c.commission_currency, c.received_at,
    (SELECT reference FROM clicks k WHERE k.click_id = c.click_id), e.open,
    d.minor, d.currency, d.commission_minor, d.commission_currency,
    {OBJECTION} FROM postbacks p CROSS JOIN postback_addresses a ON a.publisher_id = p.publisher_id
    CROSS JOIN conversions c ON c.event_id = p.event_id LEFT JOIN envelopes e ON e.event_id = c.source
    {LAST_CHANGE} WHERE p.active = 1 AND p.state = 'queued' AND p.due_at <= ?1
        AND instr(?3, ',' || p.publisher_id || ',') = 0
    ORDER BY p.due_at, p.event_id LIMIT ?2"
    )
}

/// Why nobody is to be called for `p`, a call of the conversion `c` that was changed by `d`, as [`objection`] reads it. Whoever
/// picks a call asks this, and whoever orders one again: so a person is told at once what would end the call later.
const OBJECTION: &str = "CASE WHEN d.operation = 'void' THEN 1 WHEN c.state NOT IN ('taken', 'confirmed') THEN 2
    WHEN instr(c.flags, 'auto_void') > 0 THEN 3 WHEN coalesce(c.publisher_id, -1) <> p.publisher_id THEN 4 ELSE 0 END";

/// What its merchant has asked of a transaction last.
const LAST_CHANGE: &str = "LEFT JOIN adjustments d ON d.conversion = p.event_id
    AND d.number = (SELECT max(number) FROM adjustments WHERE conversion = p.event_id)";

/// Why nobody is called for what its merchant does not want any more.
const TAKEN_BACK: &str = "its merchant has taken the transaction back";

/// Why nobody is called for what a report says is not there.
const NOT_THERE: &str = "the platform does not have the transaction after all";

/// Why nobody is called for what its merchant says another channel won.
const GIVEN_AWAY: &str = "the merchant gave the transaction to another channel";

/// Why a publisher is called no more for what another one earns.
const CREDITED_TO_ANOTHER: &str = "the transaction is credited to another publisher";

impl Ledger {
    /// Calls that are due, the longest due first, to everybody but the publishers in `but`.
    ///
    /// # Errors
    /// If the store fails, or holds what cannot be.
    pub fn due_postbacks(
        &self,
        now: Timestamp,
        limit: usize,
        but: &[u64],
    ) -> Result<Vec<DuePostback>, LedgerError> {
        let but: Vec<String> = but.iter().map(|id| sql::int(*id).to_string()).collect();
        let params = (now.as_millis(), sql::limit(limit), format!(",{},", but.join(",")));
        sql::all(&self.connection, &due_query(), params, |row| Ok(due(row)))?.into_iter().collect()
    }

    /// When a call is due next; none if nothing waits.
    ///
    /// # Errors
    /// If the store fails.
    pub fn next_postback(&self) -> Result<Option<Timestamp>, LedgerError> {
        let query =
            "SELECT due_at FROM postbacks WHERE active = 1 AND state = 'queued' ORDER BY due_at LIMIT 1";
        sql::one(&self.connection, query, (), |row| row.get::<i64>(0).map(sql::time))
    }

    /// The addresses with how their calls go, by publisher. It reads every call that is not answered.
    ///
    /// # Errors
    /// If the store fails.
    pub fn postback_addresses(&self, limit: usize) -> Result<Vec<PostbackRow>, LedgerError> {
        let count = |states: &str| {
            format!(
                "(SELECT count(*) FROM postbacks p WHERE p.publisher_id = a.publisher_id
                  AND p.state <> 'confirmed' AND p.state IN ({states}))"
            )
        };
        let (waiting, given_up) = (count("'queued', 'in_flight'"), count("'rejected', 'dead', 'unknown'"));
        let query = format!(
            "SELECT publisher_id, method, address, called, {waiting}, {given_up},
             coalesce((SELECT detail FROM postbacks p WHERE p.publisher_id = a.publisher_id
                AND p.state <> 'confirmed' AND p.tries > 0 ORDER BY p.changed_at DESC LIMIT 1), '')
             FROM postback_addresses a ORDER BY publisher_id LIMIT ?1"
        );
        sql::all(&self.connection, &query, (sql::limit(limit),), |row| {
            let publisher_id = sql::uint(row.get(0)?);
            let address = PostbackAddress { publisher_id, method: row.get(1)?, address: row.get(2)? };
            let [called, waiting, given_up] = [row.get(3)?, row.get(4)?, row.get(5)?].map(sql::uint);
            Ok(PostbackRow { address, called, waiting, given_up, detail: row.get(6)? })
        })
    }

    /// The calls for one transaction.
    ///
    /// # Errors
    /// If the store fails, or holds what cannot be.
    pub fn postbacks_of(&self, event_id: EventId) -> Result<Vec<OwedPostback>, LedgerError> {
        let query = "SELECT publisher_id, state, detail, tries, changed_at, due_at FROM postbacks
            WHERE event_id = ?1 ORDER BY publisher_id LIMIT 100";
        let rows = sql::all(&self.connection, query, (sql::id(event_id),), |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?, row.get(5)?))
        })?;
        rows.into_iter().map(owed).collect()
    }

    /// Puts calls back that were under way when the last process ended: nobody knows whether they arrived.
    ///
    /// # Errors
    /// If the store fails.
    pub fn recover_postbacks(&mut self, now: Timestamp) -> Result<usize, LedgerError> {
        let update = "UPDATE postbacks SET state = 'queued', due_at = ?1, changed_at = ?1,
            detail = 'this process ended while it was called' WHERE active = 1 AND state = 'in_flight'";
        sql::run(&self.connection, update, (now.as_millis(),), "recover postbacks")
    }
}

impl Transaction<'_> {
    /// Registers a publisher's address. False if it is registered so already.
    ///
    /// # Errors
    /// If the store fails.
    pub fn register_postback(&mut self, new: &PostbackAddress) -> Result<bool, LedgerError> {
        let insert = "INSERT INTO postback_addresses (publisher_id, method, address) VALUES (?1, ?2, ?3)
            ON CONFLICT (publisher_id) DO UPDATE SET method = excluded.method, address = excluded.address
            WHERE postback_addresses.method <> excluded.method OR postback_addresses.address <> excluded.address";
        let row = (sql::int(new.publisher_id), &new.method, &new.address);
        Ok(sql::run(&self.inner, insert, row, "register a postback")? == 1)
    }

    /// Forgets a publisher's address, and what waits for it or is under way to it: an outcome that comes later changes
    /// nothing. False if there is none.
    ///
    /// # Errors
    /// If the store fails.
    pub fn forget_postback(&mut self, publisher_id: u64) -> Result<bool, LedgerError> {
        let doing = "forget a postback";
        let publisher = sql::int(publisher_id);
        let update = "UPDATE postbacks SET state = 'dropped', active = 0, due_at = NULL, changed_at = ?2,
            detail = 'its address was taken away'
            WHERE publisher_id = ?1 AND state IN ('queued', 'in_flight') AND state <> 'confirmed'";
        sql::run(&self.inner, update, (publisher, self.now.as_millis()), doing)?;
        let delete = "DELETE FROM postback_addresses WHERE publisher_id = ?1";
        Ok(sql::run(&self.inner, delete, (publisher,), doing)? == 1)
    }

    /// The new platform has taken a transaction: its publisher is called, if it has an address, and once. What was not
    /// to be called for any more is. The platform being left calls for its own transactions itself.
    pub(crate) fn owe_postback(&mut self, event_id: EventId) -> Result<(), LedgerError> {
        let insert = "INSERT INTO postbacks
            (event_id, publisher_id, state, detail, active, changed_at, due_at)
            SELECT c.event_id, c.publisher_id, 'queued', '', 1, ?2, ?2 FROM conversions c
            JOIN postback_addresses a ON a.publisher_id = c.publisher_id
            WHERE c.event_id = ?1 AND c.owner = 'primary' AND c.state IN ('taken', 'confirmed')
            AND c.commission_minor IS NOT NULL
            ON CONFLICT (event_id, publisher_id) DO UPDATE SET state = 'queued', detail = '', active = 1,
            changed_at = excluded.changed_at, due_at = excluded.due_at WHERE postbacks.state = 'dropped'";
        sql::run(&self.inner, insert, (sql::id(event_id), self.now.as_millis()), "owe a postback")?;
        Ok(())
    }

    /// A transaction that was sent has another publisher, or one at last: that one is called, and nobody else any more.
    /// One who was called before it was known better is not told otherwise: the words for that do not exist.
    pub(crate) fn owe_postback_to_another(&mut self, event_id: EventId) -> Result<(), LedgerError> {
        let update = "UPDATE postbacks SET state = 'dropped', active = 0, due_at = NULL, changed_at = ?2,
            detail = ?3 WHERE event_id = ?1 AND state = 'queued'
            AND publisher_id <> coalesce((SELECT publisher_id FROM conversions WHERE event_id = ?1), -1)";
        let row = (sql::id(event_id), self.now.as_millis(), CREDITED_TO_ANOTHER);
        sql::run(&self.inner, update, row, "drop a postback")?;
        self.owe_postback(event_id)
    }

    /// A call begins.
    ///
    /// # Errors
    /// If it is not queued any more, or the store fails.
    pub fn begin_postback(&mut self, id: PostbackId) -> Result<(), LedgerError> {
        let update = "UPDATE postbacks SET state = 'in_flight', tries = ?3, changed_at = ?4
            WHERE event_id = ?1 AND publisher_id = ?2 AND state = 'queued'";
        let row = (sql::id(id.event_id), sql::int(id.publisher_id), id.number, self.now.as_millis());
        if sql::run(&self.inner, update, row, "begin a postback")? != 1 {
            return Err(LedgerError::Moved { event_id: id.event_id, expected: State::Queued });
        }
        Ok(())
    }

    /// A call ended, or cannot be made. Where it is to be made again, the publisher's others are put off with it
    /// ([`Transaction::put_postbacks_off`]).
    ///
    /// # Errors
    /// If the store fails.
    pub fn finish_postback(&mut self, id: PostbackId, settled: &Settled) -> Result<(), LedgerError> {
        let doing = "end a postback";
        let publisher = sql::int(id.publisher_id);
        let update = "UPDATE postbacks SET state = :state, detail = :detail, active = :active, counted = :counted,
            due_at = :due_at, changed_at = :now WHERE event_id = :id AND publisher_id = :publisher AND active = 1";
        let due_at = settled.due_at.map(Timestamp::as_millis);
        let row = named_params! {
            ":state": settled.state.name(), ":detail": settled.reason,
            ":active": settled.state == State::Queued, ":counted": settled.counted, ":due_at": due_at,
            ":now": self.now.as_millis(), ":id": sql::id(id.event_id), ":publisher": publisher,
        };
        sql::run(&self.inner, update, row, doing)?;
        if settled.state == State::Confirmed {
            let count = "UPDATE postback_addresses SET called = called + 1 WHERE publisher_id = ?1";
            sql::run(&self.inner, count, (publisher,), doing)?;
        }
        Ok(())
    }

    /// Everything that waits for a publisher waits as long as what is put off the longest: its server would not take that
    /// either, and nobody else waits behind it.
    ///
    /// # Errors
    /// If the store fails.
    pub fn put_postbacks_off(&mut self, publisher_id: u64) -> Result<(), LedgerError> {
        let publisher = sql::int(publisher_id);
        let last = "(SELECT max(due_at) FROM postbacks WHERE publisher_id = ?1 AND state = 'queued' AND state <> 'confirmed')";
        let update = format!(
            "UPDATE postbacks SET due_at = {last} WHERE publisher_id = ?1 AND event_id IN (SELECT event_id FROM postbacks
                WHERE publisher_id = ?1 AND state = 'queued' AND state <> 'confirmed' AND due_at < {last}
                ORDER BY due_at LIMIT ?2)"
        );
        let update = update.as_str();
        sql::run(&self.inner, update, (publisher, sql::limit(POSTBACKS_PUT_OFF_MAX)), "put postbacks off")?;
        Ok(())
    }
}

fn owed(row: (i64, String, String, i64, i64, Option<i64>)) -> Result<OwedPostback, LedgerError> {
    let (publisher_id, state, detail, tries, changed_at, due_at) = row;
    Ok(OwedPostback {
        publisher_id: sql::uint(publisher_id),
        state: sql::state(&state)?,
        detail,
        tries: sql::count(tries),
        changed_at: sql::time(changed_at),
        due_at: due_at.map(sql::time),
    })
}

fn due(row: &Row<'_>) -> Result<DuePostback, LedgerError> {
    let get = |error| LedgerError::Store { doing: "read a postback", source: error };
    let (event_id, publisher_id) = (sql::event_id(row.get(0).map_err(get)?), row.get(1).map_err(get)?);
    let publisher_id = sql::uint(publisher_id);
    call(event_id, publisher_id, row).map_err(unreadable::of(Waiting::Postback(event_id, publisher_id)))
}

fn call(event_id: EventId, publisher_id: u64, row: &Row<'_>) -> Result<DuePostback, LedgerError> {
    let get = |error| LedgerError::Store { doing: "read a postback", source: error };
    let money =
        |minor: usize, code: usize| sql::money(row.get(minor).map_err(get)?, row.get(code).map_err(get)?);
    let (changed, earned) = (money(14, 15)?, money(16, 17)?);
    let told = Told {
        event_id,
        publisher_id,
        method: row.get(2).map_err(get)?,
        address: row.get(3).map_err(get)?,
        advertiser_id: sql::uint(row.get(6).map_err(get)?),
        amount: changed.or(money(7, 8)?),
        commission: if changed.is_some() { earned } else { money(9, 10)? },
        received_at: sql::time(row.get(11).map_err(get)?),
        reference: row.get(12).map_err(get)?,
        open: unreadable::envelope(row.get(13).map_err(get)?)?,
    };
    let [tries, counted] = [row.get(4).map_err(get)?, row.get(5).map_err(get)?].map(sql::count);
    let not_owed = objection(row.get(18).map_err(get)?);
    Ok(DuePostback { told, tries, counted, not_owed })
}

/// What an [`OBJECTION`] says.
const fn objection(number: i64) -> Option<&'static str> {
    match number {
        1 => Some(TAKEN_BACK),
        2 => Some(NOT_THERE),
        3 => Some(GIVEN_AWAY),
        4 => Some(CREDITED_TO_ANOTHER),
        _ => None,
    }
}

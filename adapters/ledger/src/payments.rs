//! Payment runs: what is owed to a publisher becomes what it was paid.
//!
//! An operator records that a run has paid; nothing here moves money. A run pays each publisher at most once in each
//! currency, however often it is recorded. What a publisher owes after clawbacks is taken from what it is paid; where
//! that is more, nothing is paid and it is carried forward.
//!
//! What waits for one publisher may be more than one transaction of the store should write. It is paid in parts, each of
//! them whole: all but the last are full, so that a run which ended between two of them is known, and goes on.

use attribution::status::{Act, Cause, step};
use attribution::{Account, Posting, posting};
use units::limits::PAYMENT_TRANSACTIONS_MAX;
use units::{Currency, EventId, Money, Timestamp};

use crate::intake::balances;
use crate::links::{Kind, PaymentRecord};
use crate::post::NewSet;
use crate::status::{Asked, Moving, payment_cause};
use crate::store::Row;
use crate::{By, Ledger, LedgerError, Transaction, sql};

/// A payment of one publisher that an operator records.
#[derive(Clone, Copy, Debug)]
pub struct PaymentOrder<'a> {
    /// The operator's own name of the run.
    pub reference: &'a str,
    /// Who was paid, by the legacy id.
    pub publisher_id: u64,
    /// What had locked by this moment.
    pub until: Timestamp,
    /// When it was paid.
    pub paid_at: Timestamp,
    /// Who records it.
    pub actor: &'a str,
}

/// A payment in one currency.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PaymentRow {
    /// Its number.
    pub payment_id: i64,
    /// The run.
    pub reference: String,
    /// Which part of what it pays this publisher in this currency, counted from 1.
    pub part: u64,
    /// Who was paid, by the legacy id.
    pub publisher_id: u64,
    /// How much.
    pub amount: Money,
    /// For how many transactions.
    pub transactions: u64,
    /// What had locked by this moment.
    pub until: Timestamp,
    /// Who recorded it.
    pub actor: String,
    /// When it was paid.
    pub paid_at: Timestamp,
    /// When it was written.
    pub recorded_at: Timestamp,
}

/// What recording a payment came to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum PaidOut {
    /// It is recorded now.
    Recorded {
        /// What was paid, by currency.
        payments: Vec<PaymentRow>,
        /// What is not more than the publisher owes, and is carried forward.
        carried: Vec<Money>,
        /// True if other parts are to follow: record it again.
        more: bool,
    },
    /// This run has paid this publisher before; nothing was done.
    Already(Vec<PaymentRow>),
    /// This run has paid this publisher before, until another moment.
    Another(Timestamp),
    /// The publisher owes for so many transactions that one part cannot set them off.
    TooMany,
}

/// What waits for a payment in one currency.
struct Due {
    currency: Currency,
    minor: i64,
    transactions: u64,
}

/// One transaction that waits for a payment.
struct Waiting {
    currency: Currency,
    event_id: EventId,
    minor: i64,
    due_from: Timestamp,
}

const COLUMNS: &str =
    "SELECT payment_id, reference, publisher_id, minor, currency, transactions, until, actor, paid_at,
    recorded_at, part FROM payments";

/// What waits for a person is not paid yet.
const WAITING: &str = "FROM payables p JOIN conversions c ON c.event_id = p.event_id
    WHERE p.publisher_id = ?1 AND p.due_from <= ?2 AND c.attention = 0";

impl Ledger {
    /// Payments after the one numbered `after`, in order, at most `limit`.
    ///
    /// # Errors
    /// If the store fails, or holds what cannot be.
    pub fn payments(&self, after: i64, limit: usize) -> Result<Vec<PaymentRow>, LedgerError> {
        let query = format!("{COLUMNS} WHERE payment_id > ?1 ORDER BY payment_id LIMIT ?2");
        sql::all(&self.connection, &query, (after, sql::limit(limit)), |row| Ok(payment(row)))?
            .into_iter()
            .collect()
    }

    /// The payments of one run after the one numbered `after`, in order, at most `limit`.
    ///
    /// # Errors
    /// If the store fails, or holds what cannot be.
    pub fn payments_of(
        &self,
        reference: &str,
        after: i64,
        limit: usize,
    ) -> Result<Vec<PaymentRow>, LedgerError> {
        let query =
            format!("{COLUMNS} WHERE reference = ?1 AND payment_id > ?2 ORDER BY payment_id LIMIT ?3");
        let row = (reference, after, sql::limit(limit));
        sql::all(&self.connection, &query, row, |row| Ok(payment(row)))?.into_iter().collect()
    }
}

impl Transaction<'_> {
    /// Records that a publisher was paid, or the next part of it.
    ///
    /// # Errors
    /// If the store fails, or holds what cannot be.
    pub fn pay(&mut self, order: &PaymentOrder<'_>) -> Result<PaidOut, LedgerError> {
        self.pay_in_parts(order, PAYMENT_TRANSACTIONS_MAX)
    }

    /// The same, in parts of at most so many transactions.
    pub(crate) fn pay_in_parts(
        &mut self,
        order: &PaymentOrder<'_>,
        most: usize,
    ) -> Result<PaidOut, LedgerError> {
        let full = u64::try_from(most).unwrap_or(u64::MAX);
        let before = self.paid_by(order)?;
        if let Some(first) = before.first().filter(|first| first.until != order.until) {
            return Ok(PaidOut::Another(first.until));
        }
        if before.last().is_some_and(|last| last.transactions < full) {
            return Ok(PaidOut::Already(before));
        }
        let (due, carried): (Vec<Due>, Vec<Due>) =
            self.due(order)?.into_iter().partition(|due| due.minor > 0);
        if due.is_empty() && !before.is_empty() {
            return Ok(PaidOut::Already(before));
        }
        let long = due.iter().position(|due| due.transactions > full);
        let now = long.map_or(due.as_slice(), |place| due.get(place..=place).unwrap_or_default());
        for one in now {
            if !self.pay_part(order, one.currency, most)? {
                return Ok(PaidOut::TooMany);
            }
        }
        let carried = carried.iter().filter(|_| long.is_none());
        let carried = carried.map(|due| Money::from_minor(due.minor, due.currency)).collect();
        Ok(PaidOut::Recorded { payments: self.paid_by(order)?, carried, more: long.is_some() })
    }

    fn paid_by(&self, order: &PaymentOrder<'_>) -> Result<Vec<PaymentRow>, LedgerError> {
        let query = format!("{COLUMNS} WHERE reference = ?1 AND publisher_id = ?2 ORDER BY payment_id");
        let key = (order.reference, sql::int(order.publisher_id));
        sql::all(&self.inner, &query, key, |row| Ok(payment(row)))?.into_iter().collect()
    }

    /// What is owed to the publisher or by it, by currency.
    fn due(&self, order: &PaymentOrder<'_>) -> Result<Vec<Due>, LedgerError> {
        let query = format!(
            "SELECT p.currency, CAST(sum(p.minor) AS BIGINT), count(*) {WAITING} GROUP BY p.currency ORDER BY p.currency"
        );
        let row = (sql::int(order.publisher_id), order.until.as_millis());
        let read = |row: &Row<'_>| Ok((row.get::<String>(0)?, row.get::<i64>(1)?, row.get::<i64>(2)?));
        let one = |(code, minor, transactions)| {
            Ok(Due { currency: currency(code)?, minor, transactions: sql::uint(transactions) })
        };
        sql::all(&self.inner, &query, row, read)?.into_iter().map(one).collect()
    }

    /// The next transactions to be paid in one currency. What the publisher owes comes first: it is set off against the
    /// first part, and not left for one in which nothing is paid any more.
    fn waiting(
        &self,
        order: &PaymentOrder<'_>,
        currency: Currency,
        most: usize,
    ) -> Result<Vec<Waiting>, LedgerError> {
        let mut waiting: Vec<Waiting> = Vec::new();
        // The largest first, so that a part comes to something if any can.
        for (owed, order_by) in [("p.minor < 0", "p.event_id"), ("p.minor >= 0", "p.minor DESC, p.event_id")]
        {
            let query = format!(
                "SELECT p.event_id, p.minor, p.due_from {WAITING} AND p.currency = ?3 AND {owed}
                ORDER BY {order_by} LIMIT ?4"
            );
            let limit = sql::limit(most.saturating_sub(waiting.len()));
            let row = (sql::int(order.publisher_id), order.until.as_millis(), currency.code(), limit);
            let read = |row: &Row<'_>| {
                let (event_id, due_from) = (sql::event_id(row.get(0)?), sql::time(row.get(2)?));
                Ok(Waiting { currency, event_id, minor: row.get(1)?, due_from })
            };
            waiting.extend(sql::all(&self.inner, &query, row, read)?);
        }
        Ok(waiting)
    }

    /// Pays at most so many transactions in one currency; false if they come to nothing that could be paid.
    fn pay_part(
        &mut self,
        order: &PaymentOrder<'_>,
        currency: Currency,
        most: usize,
    ) -> Result<bool, LedgerError> {
        let waiting = self.waiting(order, currency, most)?;
        let sum: i128 = waiting.iter().map(|one| i128::from(one.minor)).sum();
        let minor = i64::try_from(sum).map_err(|_| LedgerError::Corrupt {
            what: "a payment that is larger than can be booked, of",
            value: order.publisher_id.to_string(),
        })?;
        if minor <= 0 {
            return Ok(false);
        }
        let payment_id = self.write_payment(order, Money::from_minor(minor, currency), waiting.len())?;
        for one in &waiting {
            self.pay_one(order, payment_id, one)?;
        }
        Ok(true)
    }

    /// The number of the next part in one currency.
    fn next_part(&self, order: &PaymentOrder<'_>, currency: Currency) -> Result<i64, LedgerError> {
        let query = "SELECT coalesce(max(part), 0) + 1 FROM payments
            WHERE reference = ?1 AND publisher_id = ?2 AND currency = ?3";
        let key = (order.reference, sql::int(order.publisher_id), currency.code());
        Ok(sql::one(&self.inner, query, key, |row| row.get::<i64>(0))?.unwrap_or(1))
    }

    fn write_payment(
        &mut self,
        order: &PaymentOrder<'_>,
        amount: Money,
        transactions: usize,
    ) -> Result<i64, LedgerError> {
        let (recorded, part) = (self.recorded_at()?, self.next_part(order, amount.currency)?);
        let insert = "INSERT INTO payments (reference, part, publisher_id, currency, minor, transactions, until, actor,
            paid_at, recorded_at) VALUES (?1, ?10, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9) RETURNING payment_id";
        let (reference, publisher_id, actor) = (order.reference, sql::int(order.publisher_id), order.actor);
        let (minor, currency, transactions) =
            (amount.minor, amount.currency.code(), sql::limit(transactions));
        let (until, paid_at, recorded_at) =
            (order.until.as_millis(), order.paid_at.as_millis(), recorded.as_millis());
        let row = (
            reference,
            publisher_id,
            currency,
            minor,
            transactions,
            until,
            actor,
            paid_at,
            recorded_at,
            part,
        );
        let payment_id = sql::one(&self.inner, insert, row, |row| row.get::<i64>(0))?.unwrap_or(0);
        self.link(Kind::Payment, payment_id, recorded, |record| {
            let payment = PaymentRecord {
                payment_id,
                reference,
                part,
                publisher_id,
                currency,
                minor,
                transactions,
                until,
                actor,
                paid_at,
                recorded_at,
            };
            payment.write(record);
        })?;
        Ok(payment_id)
    }

    /// Pays one transaction: it is paid once nothing of it is owed to anybody any more.
    fn pay_one(
        &mut self,
        order: &PaymentOrder<'_>,
        payment_id: i64,
        waiting: &Waiting,
    ) -> Result<(), LedgerError> {
        let event_id = waiting.event_id;
        let (cause, happened_at) = (payment_cause(payment_id), order.paid_at.max(waiting.due_from));
        let gone =
            || LedgerError::Corrupt { what: "a payable of no transaction,", value: event_id.to_string() };
        let from = self.status_of(event_id)?.ok_or_else(gone)?;
        let made = step(from, Act::Pay, Cause::Payment, None);
        let made = made.map_err(|refusal| LedgerError::Refused { event_id, refusal })?;
        let owed = |line: &Posting| {
            line.account == Account::Publisher(order.publisher_id) && line.amount.currency == waiting.currency
        };
        let mut standing = balances(&self.inner, event_id)?;
        standing.retain(owed);
        let lines = posting::payment(&standing);
        let set_id = self.post(&NewSet { event_id, kind: "payment", cause, happened_at, lines: &lines })?;
        let delete = "DELETE FROM payables WHERE publisher_id = ?1 AND currency = ?2 AND event_id = ?3";
        let key = (sql::int(order.publisher_id), waiting.currency.code(), sql::id(event_id));
        sql::run(&self.inner, delete, key, "pay a transaction")?;
        let open = balances(&self.inner, event_id)?;
        let open = open.iter().any(|line| matches!(line.account, Account::Publisher(_)));
        if open || made.to == from {
            return Ok(());
        }
        let by = By { actor: order.actor, why: order.reference };
        let asked = Asked { act: Act::Pay, cause: Cause::Payment, by, happened_at, event: cause };
        self.enter(&Moving { event_id, from, step: made, asked }, Some(set_id))
    }
}

fn currency(code: String) -> Result<Currency, LedgerError> {
    Currency::parse(&code).ok_or(LedgerError::Corrupt { what: "the currency", value: code })
}

fn payment(row: &Row<'_>) -> Result<PaymentRow, LedgerError> {
    let get = |error| LedgerError::Store { doing: "read a payment", source: error };
    let number = |place| row.get::<i64>(place).map_err(get);
    let currency = currency(row.get(4).map_err(get)?)?;
    Ok(PaymentRow {
        payment_id: number(0)?,
        reference: row.get(1).map_err(get)?,
        publisher_id: sql::uint(number(2)?),
        amount: Money::from_minor(number(3)?, currency),
        transactions: sql::uint(number(5)?),
        until: sql::time(number(6)?),
        actor: row.get(7).map_err(get)?,
        paid_at: sql::time(number(8)?),
        recorded_at: sql::time(number(9)?),
        part: sql::uint(number(10)?),
    })
}

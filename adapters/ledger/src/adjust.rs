//! Changes of transactions: which transaction is meant, and writing down what was decided about it.

mod deliver;
mod lists;
mod people;

use attribution::status::{Act, Cause};
use relay::Envelope;
use relay::call::{Applied, Change, How, Last, Target};
use relay::delivery::State;
use tracking::dialect::interface::Operation;
use tracking::{Field, Home};
use units::{EventId, Timestamp};

pub use deliver::{AdjustmentFinished, DueAdjustment, WantedChanges};
pub use lists::AdjustmentRow;

use crate::intake::in_force;
use crate::post::NewSet;
use crate::status::status;
use crate::store::{Connection, Params, Row, named_params};
use crate::{Asked, By, LedgerError, Transaction, sql};

/// Most transactions that are looked at for one call: two of one order are ambiguous already.
const FOUND_MAX: usize = 2;

/// Most transactions that follow one and are changed with it.
const FOLLOWERS_MAX: usize = 1000;

/// Where a transaction stands, and the amount after its last change; none where nobody could ever read one.
const TARGET: &str = "SELECT c.event_id, c.state, c.ambiguous, c.received_at, c.owner,
    CASE WHEN c.minor IS NULL THEN NULL ELSE coalesce(a.minor, c.minor) END,
    CASE WHEN c.minor IS NULL THEN NULL ELSE coalesce(a.currency, c.currency) END, c.publisher_id, a.operation, a.content,
    c.status
    FROM conversions c LEFT JOIN adjustments a ON a.conversion = c.event_id
        AND a.number = (SELECT max(number) FROM adjustments WHERE conversion = c.event_id)";

/// A change to be written down.
#[derive(Clone, Copy, Debug)]
pub struct NewAdjustment<'a> {
    /// The call, which was taken in.
    pub envelope: &'a Envelope,
    /// What it asks for.
    pub change: &'a Change,
    /// The transaction.
    pub target: &'a Target,
    /// What becomes of it.
    pub applied: &'a Applied,
    /// When the platform can be told, if it is told by a request of its own.
    pub due_at: Timestamp,
}

impl Transaction<'_> {
    /// The transactions that `change` can mean, as they stand: two of them where there are more, for then no one is
    /// meant. A reference is found in the call's own spelling, and in the usual ones that mean the same. An arrival
    /// without a readable amount stands for its order only where no other does.
    ///
    /// # Errors
    /// If the store fails, or holds what cannot be.
    pub fn transactions_of(&self, advertiser_id: u64, change: &Change) -> Result<Vec<Target>, LedgerError> {
        let query = format!(
            "{TARGET} WHERE c.advertiser_id = ?1 AND c.reference IN (?2, '#' || ?2, ?3)
             AND c.received_at >= ?4 AND c.received_at < ?5
             AND c.state NOT IN ('merged', 'conflict')
             ORDER BY CASE WHEN c.minor IS NULL THEN 1 ELSE 0 END, c.event_id LIMIT {FOUND_MAX}"
        );
        let Change { reference, spelled, .. } = change;
        let (first, end) = change.window();
        let params = (
            sql::int(advertiser_id),
            reference.as_str(),
            spelled.as_str(),
            first.as_millis(),
            end.as_millis(),
        );
        let mut found = self.targets(&query, params)?;
        if found.iter().any(|target| target.amount.is_some()) {
            found.retain(|target| target.amount.is_some());
        }
        Ok(found)
    }

    /// The transactions that follow this one, as they stand. An arrival whose amount could not be read stood for the order
    /// until this one came: what was made to follow it follows the order.
    ///
    /// # Errors
    /// If the store fails, or holds what cannot be.
    pub fn followers_of(&self, parent: EventId) -> Result<Vec<Target>, LedgerError> {
        let query = format!(
            "{TARGET} WHERE c.event_id IN (SELECT event_id FROM followers WHERE parent = ?1
                 UNION SELECT f.event_id FROM conversions p
                 JOIN conversions h ON h.advertiser_id = p.advertiser_id AND h.reference = p.reference
                 JOIN followers f ON f.parent = h.event_id
                 WHERE p.event_id = ?1 AND h.minor IS NULL)
             AND c.state NOT IN ('merged', 'conflict') LIMIT {FOLLOWERS_MAX}"
        );
        self.targets(&query, (sql::id(parent),))
    }

    /// `event_id` follows `parent`.
    ///
    /// # Errors
    /// If the store fails.
    pub fn follow(&mut self, event_id: EventId, parent: EventId) -> Result<(), LedgerError> {
        let insert = "INSERT INTO followers (event_id, parent) VALUES (?1, ?2) ON CONFLICT DO NOTHING";
        sql::run(&self.inner, insert, (sql::id(event_id), sql::id(parent)), "link a transaction")?;
        Ok(())
    }

    /// The conversion that stands under a key.
    ///
    /// # Errors
    /// If the store fails.
    pub fn under_key(&self, key: &str) -> Result<Option<EventId>, LedgerError> {
        let query = "SELECT event_id FROM conversions WHERE key = ?1";
        sql::one(&self.inner, query, (key,), |row| row.get(0).map(sql::event_id))
    }

    fn targets(&self, query: &str, params: impl Params) -> Result<Vec<Target>, LedgerError> {
        let rows = sql::all(&self.inner, query, params, |row| Ok(target(&self.inner, row)))?;
        rows.into_iter().collect()
    }

    /// Takes the call of a change in. False if it was taken in before. It is no conversion, so that it does not
    /// count among them.
    ///
    /// # Errors
    /// If the store fails.
    pub fn receive_change(&mut self, envelope: &Envelope, lane: &str) -> Result<bool, LedgerError> {
        let insert = "INSERT INTO events
            (event_id, class, purpose, advertiser_id, money, lane, received_at, taken_in_at)
            VALUES (?1, ?2, ?3, ?4, 0, ?5, ?6, ?7) ON CONFLICT DO NOTHING";
        let advertiser_id = envelope.event.id(Field::AdvertiserId).map_or(0, sql::int);
        let (class, purpose) = (envelope.event.class.name(), envelope.purpose.name());
        let (at, now) = (envelope.received_at.as_millis(), self.now.as_millis());
        let row = (sql::id(envelope.event_id), class, purpose, advertiser_id, lane, at, now);
        if sql::run(&self.inner, insert, row, "take a call in")? == 0 {
            return Ok(false);
        }
        let insert = "INSERT INTO envelopes (event_id, open, sealed) VALUES (?1, ?2, NULL)";
        let open = Envelope { sealed: Vec::new(), ..envelope.clone() }.encode();
        sql::run(&self.inner, insert, (sql::id(envelope.event_id), open), "keep a call")?;
        Ok(true)
    }

    /// Writes a change down: its row, its postings, and the end of a transaction that is never sent.
    ///
    /// # Errors
    /// If the store fails.
    pub fn adjust(&mut self, new: &NewAdjustment<'_>) -> Result<(), LedgerError> {
        let NewAdjustment { envelope, change, target, applied, due_at } = *new;
        let conversion = sql::id(target.event_id);
        let number = "SELECT coalesce(max(number), 0) + 1 FROM adjustments WHERE conversion = ?1";
        let number = sql::one(&self.inner, number, (conversion,), |row| row.get::<i64>(0))?.unwrap_or(1);
        let (state, detail) = match applied.how {
            How::Cancel => (State::Merged, "the transaction was not sent yet, and never will be"),
            How::WithIt => (State::Merged, "the transaction is sent as it is now"),
            How::Afterwards => (State::Queued, ""),
            How::NotAtAll => (State::Dropped, "nothing of it is told to the platform"),
        };
        let id = identity(envelope.event_id, target.event_id);
        let insert = "INSERT INTO adjustments (adjustment_id, event_id, conversion, number, operation, content,
            advertiser_id, minor, currency, commission_minor, commission_currency, reason, state, detail, active,
            attention, received_at, changed_at, due_at) VALUES (:id, :event_id, :conversion, :number, :operation,
            :content, :advertiser_id, :minor, :currency, :commission_minor, :commission_currency, :reason, :state,
            :detail, :active, 0, :received_at, :now, :due_at)";
        let queued = state == State::Queued;
        let row = named_params! {
            ":id": sql::id(id), ":event_id": sql::id(envelope.event_id), ":conversion": conversion,
            ":number": number, ":operation": change.operation.name(), ":content": change.content,
            ":advertiser_id": envelope.event.id(Field::AdvertiserId).map_or(0, sql::int),
            ":minor": applied.amount.minor, ":currency": applied.amount.currency.code().to_owned(),
            ":commission_minor": applied.commission.map(|earned| earned.minor),
            ":commission_currency": applied.commission.map(|earned| earned.currency.code().to_owned()),
            ":reason": envelope.event.text(Field::Reason).unwrap_or_default(),
            ":state": state.name(), ":detail": detail, ":active": queued,
            ":received_at": envelope.received_at.as_millis(), ":now": self.now.as_millis(),
            ":due_at": queued.then_some(due_at.as_millis()),
        };
        sql::run(&self.inner, insert, row, "write a change down")?;
        self.rebook(new)?;
        if applied.how == How::Cancel {
            self.cancel(target.event_id)?;
        }
        let detail = format!("asked for by event {}", envelope.event_id);
        self.journal("merchant", change.operation.name(), Some(target.event_id), &detail)
    }

    /// What a change makes in the books.
    fn rebook(&mut self, new: &NewAdjustment<'_>) -> Result<(), LedgerError> {
        let NewAdjustment { envelope, change, target, applied, .. } = *new;
        let happened_at = envelope.received_at;
        match change.operation {
            Operation::Void => {
                let why = envelope.event.text(Field::Reason).unwrap_or_default();
                let by = By { actor: "merchant", why };
                let (act, cause, event) = (Act::Decline, Cause::Merchant, envelope.event_id);
                self.must(target.event_id, Asked { act, cause, by, happened_at, event })
            }
            _ if applied.postings.is_empty() => Ok(()),
            _ => {
                self.may_amend(target.event_id, Cause::Merchant)?;
                let (event_id, kind, cause) = (target.event_id, "correction", envelope.event_id);
                let new = NewSet { event_id, kind, cause, happened_at, lines: &applied.postings };
                self.post(&new).map(|_| ())
            }
        }
    }

    /// A transaction that the platform certainly does not have is never sent.
    fn cancel(&mut self, event_id: EventId) -> Result<(), LedgerError> {
        let query = "SELECT state, advertiser_id FROM conversions WHERE event_id = ?1";
        let read = |row: &Row<'_>| Ok((row.get::<String>(0)?, row.get::<i64>(1)?));
        let Some((from, advertiser_id)) = sql::one(&self.inner, query, (sql::id(event_id),), read)? else {
            return Ok(());
        };
        let update = "UPDATE conversions SET state = 'dropped', reason = 'voided', detail = ?2, active = 0,
            attention = 0, due_at = NULL, changed_at = ?3 WHERE event_id = ?1";
        let why = "its merchant took it back before it was sent";
        sql::run(
            &self.inner,
            update,
            (sql::id(event_id), why, self.now.as_millis()),
            "cancel a transaction",
        )?;
        self.tally.left(advertiser_id, sql::state(&from)?);
        self.tally.entered(advertiser_id, State::Dropped);
        self.stand_for_key(event_id)?;
        self.erase(event_id)
    }

    /// What was held for want of an amount stands for no key, so that a better arrival of its order is booked. Once the
    /// order is taken back, none is.
    fn stand_for_key(&mut self, event_id: EventId) -> Result<(), LedgerError> {
        let query = "SELECT e.open FROM conversions c JOIN envelopes e ON e.event_id = c.source
            WHERE c.event_id = ?1 AND c.key IS NULL AND c.minor IS NULL";
        let open = sql::one(&self.inner, query, (sql::id(event_id),), |row| row.get::<Vec<u8>>(0))?;
        let Some(key) = open.and_then(|open| Envelope::decode(&open).ok()?.key) else { return Ok(()) };
        let update = "UPDATE conversions SET key = ?2 WHERE event_id = ?1
            AND NOT EXISTS (SELECT 1 FROM conversions WHERE key = ?2)";
        sql::run(&self.inner, update, (sql::id(event_id), key), "stand for a key").map(drop)
    }

    /// A delivery ended so that the platform certainly does not have the transaction: what its merchant asked for
    /// meanwhile need not be told afterwards.
    pub(crate) fn overtaken(&mut self, event_id: EventId) -> Result<(), LedgerError> {
        let waiting = "SELECT max(CASE WHEN operation = 'void' THEN 1 ELSE 0 END) FROM adjustments
            WHERE conversion = ?1 AND active = 1 HAVING count(*) > 0";
        let voided = sql::one(&self.inner, waiting, (sql::id(event_id),), |row| row.get::<bool>(0))?;
        let Some(voided) = voided else { return Ok(()) };
        let update = "UPDATE adjustments SET state = 'merged', active = 0, due_at = NULL, changed_at = ?2,
            detail = 'the transaction had not arrived' WHERE conversion = ?1 AND active = 1";
        sql::run(&self.inner, update, (sql::id(event_id), self.now.as_millis()), "settle changes")?;
        if voided { self.cancel(event_id) } else { Ok(()) }
    }
}

/// True if the platform certainly does not have a transaction that stands so.
pub(crate) const fn is_away(state: State, ambiguous: bool) -> bool {
    match state {
        State::Queued => !ambiguous,
        State::Dead | State::Rejected => true,
        _ => false,
    }
}

/// The identity of a change: of one transaction by one call.
fn identity(event_id: EventId, conversion: EventId) -> EventId {
    // Both are 48 bits of time and 80 of chance, so that the sum is as good as either.
    EventId::from_u128(event_id.as_u128().rotate_left(64) ^ conversion.as_u128())
}

fn target(connection: &Connection, row: &Row<'_>) -> Result<Target, LedgerError> {
    let get = |error| LedgerError::Store { doing: "find a transaction", source: error };
    let text = |place| row.get::<Option<String>>(place).map_err(get);
    let event_id = sql::event_id(row.get(0).map_err(get)?);
    let owner: Option<Home> = text(4)?.map(|name| sql::home(&name)).transpose()?;
    let last = match (text(8)?, text(9)?) {
        (Some(operation), Some(content)) => Some(Last { operation: self::operation(&operation)?, content }),
        _ => None,
    };
    Ok(Target {
        event_id,
        state: sql::state(&text(1)?.unwrap_or_default())?,
        ambiguous: row.get(2).map_err(get)?,
        received_at: sql::time(row.get(3).map_err(get)?),
        owner,
        amount: sql::money(row.get(5).map_err(get)?, text(6)?)?,
        publisher_id: row.get::<Option<i64>>(7).map_err(get)?.map(sql::uint),
        postings: in_force(connection, event_id)?,
        last,
        status: text(10)?.map(|name| status(&name)).transpose()?,
    })
}

fn operation(name: &str) -> Result<Operation, LedgerError> {
    let known = Operation::parse(name);
    known.ok_or_else(|| LedgerError::Corrupt { what: "the change", value: name.to_owned() })
}

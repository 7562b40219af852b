//! Rows that wait and cannot be read: each is set aside by itself, so that what waits behind it goes on.
//!
//! A row that a disk, an older version or a hand has damaged is never repaired in silence and never passed over in
//! silence: it stands where a person finds it, with everything that it holds, and the conservation sum counts it.

use core::fmt;

use relay::delivery::State;
use relay::intake::EvidenceKind;
use tracking::Home;
use units::EventId;

use crate::{Ledger, LedgerError, Transaction, sql, with_causes};

/// The code of what is set aside.
pub const UNREADABLE_ROW: &str = "unreadable_row";

/// A row that waits to be sent and cannot be read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Waiting {
    /// A conversion.
    Conversion(EventId),
    /// A merchant's change.
    Change(EventId),
    /// The call of a publisher for a transaction.
    Postback(EventId, u64),
}

impl Waiting {
    /// Its event, or the change's own identity.
    pub const fn event_id(self) -> EventId {
        match self {
            Self::Conversion(event_id) | Self::Change(event_id) | Self::Postback(event_id, _) => event_id,
        }
    }
}

impl fmt::Display for Waiting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Conversion(event_id) => write!(f, "conversion {event_id}"),
            Self::Change(event_id) => write!(f, "change {event_id}"),
            Self::Postback(event_id, publisher) => {
                write!(f, "the call of publisher {publisher} for transaction {event_id}")
            }
        }
    }
}

/// Names the row that could not be read.
pub(crate) fn of(row: Waiting) -> impl FnOnce(LedgerError) -> LedgerError {
    move |error| LedgerError::Unreadable { row, why: with_causes(&error) }
}

/// The envelope of what waits, which must be there.
pub(crate) fn envelope(found: Option<Vec<u8>>) -> Result<Vec<u8>, LedgerError> {
    found.ok_or_else(|| LedgerError::Corrupt { what: "no envelope for what waits", value: String::new() })
}

/// Conversions that are queued, and that no question for what is due can find: one walk along the index of what is due for
/// each gap between what is looked for there, so that none of what can be found is read. What is no number is larger
/// than every number to one store, and cannot be there in the other.
pub(crate) fn lost() -> String {
    let walk = |gap: &str, what: &str| {
        format!(
            "SELECT event_id, '{what}' AS what FROM conversions WHERE active = 1 AND state = 'queued' AND {gap}"
        )
    };
    let mut walks = vec![walk("owner IS NULL", "its owner")];
    walks.extend(
        beside("owner", &sql::quoted(Home::ALL.map(Home::name))).iter().map(|gap| walk(gap, "its owner")),
    );
    let kinds = sql::quoted(EvidenceKind::ALL.map(EvidenceKind::name));
    for owner in sql::quoted(Home::ALL.map(Home::name)) {
        let of_owner = |gap: &String| walk(&format!("owner = {owner} AND {gap}"), "its evidence");
        walks.extend(beside("evidence", &kinds).iter().map(of_owner));
        for kind in &kinds {
            let lane = format!("owner = {owner} AND evidence = {kind}");
            let of_lane = |gap: &String| walk(&format!("{lane} AND {gap}"), "whether it was sent");
            walks.extend(beside("fresh", &FRESH.map(str::to_owned)).iter().map(of_lane));
            let undue = ["due_at IS NULL".to_owned(), format!("due_at > {LATEST}")];
            for (fresh, gap) in FRESH.iter().flat_map(|fresh| undue.iter().map(move |gap| (fresh, gap))) {
                walks.push(walk(&format!("{lane} AND fresh = {fresh} AND {gap}"), "when it is due"));
            }
        }
    }
    format!("SELECT event_id, what FROM ({}) AS lost LIMIT ?1", walks.join(" UNION ALL "))
}

/// Before a first attempt or after it: the one or the other.
const FRESH: [&str; 2] = ["0", "1"];

/// The ranges of a column beside these values of it: below the first, between each two, and above the last.
fn beside(column: &str, values: &[String]) -> Vec<String> {
    let mut values = values.to_vec();
    values.sort();
    let below = values.first().map(|first| format!("{column} < {first}"));
    let between = values.array_windows().map(|[one, next]| format!("{column} > {one} AND {column} < {next}"));
    let above = values.last().map(|last| format!("{column} > {last}"));
    below.into_iter().chain(between).chain(above).collect()
}

/// Later than any time that is written.
pub(crate) const LATEST: i64 = i64::MAX;

impl Ledger {
    /// Conversions that are queued where no lane looks, because what would lead there is damaged; each with what that is.
    /// It costs the same however much waits.
    ///
    /// # Errors
    /// If the store fails.
    pub fn lost(&self, limit: usize) -> Result<Vec<(EventId, String)>, LedgerError> {
        sql::all(&self.connection, &lost(), (sql::limit(limit),), |row| {
            Ok((sql::event_id(row.get(0)?), row.get::<String>(1)?))
        })
    }
}

impl Transaction<'_> {
    /// Sets aside what cannot be read, with everything that it holds, for a person. One that was under way may have
    /// arrived. Where it stands now; none if it does not wait any more.
    ///
    /// # Errors
    /// If the store fails.
    pub fn set_aside(&mut self, row: Waiting, why: &str) -> Result<Option<State>, LedgerError> {
        match row {
            Waiting::Conversion(event_id) => self.set_conversion_aside(event_id, why),
            Waiting::Change(event_id) => {
                let update =
                    "UPDATE adjustments SET state = 'held', active = 0, attention = 1, due_at = NULL,
                    changed_at = ?2, detail = ?3 WHERE adjustment_id = ?1 AND active = 1";
                let row = (sql::id(event_id), self.now.as_millis(), why);
                let set = sql::run(&self.inner, update, row, "set a change aside")? == 1;
                Ok(set.then_some(State::Held))
            }
            Waiting::Postback(event_id, publisher) => {
                let update =
                    "UPDATE postbacks SET state = 'dead', active = 0, due_at = NULL, changed_at = ?3,
                    detail = ?4 WHERE event_id = ?1 AND publisher_id = ?2 AND active = 1";
                let row = (sql::id(event_id), sql::int(publisher), self.now.as_millis(), why);
                let set = sql::run(&self.inner, update, row, "set a postback aside")? == 1;
                Ok(set.then_some(State::Dead))
            }
        }
    }

    fn set_conversion_aside(&mut self, event_id: EventId, why: &str) -> Result<Option<State>, LedgerError> {
        let id = sql::id(event_id);
        let query = "SELECT state, advertiser_id FROM conversions WHERE event_id = ?1 AND active = 1";
        let found =
            sql::one(&self.inner, query, (id,), |row| Ok((row.get::<String>(0)?, row.get::<i64>(1)?)))?;
        let Some((before, advertiser_id)) = found else { return Ok(None) };
        let before = sql::state(&before)?;
        // Of what was under way nobody knows whether it arrived (I4).
        let (state, ambiguous) = match before {
            State::InFlight => (State::Unknown, true),
            _ => (State::Held, false),
        };
        let update = "UPDATE conversions SET state = ?2, reason = ?3, detail = ?4, active = 0, attention = 1,
            ambiguous = CASE WHEN ?5 THEN 1 ELSE ambiguous END, due_at = NULL, changed_at = ?6 WHERE event_id = ?1";
        let now = self.now.as_millis();
        let row = (id, state.name(), UNREADABLE_ROW, why, ambiguous, now);
        sql::run(&self.inner, update, row, "set a conversion aside")?;
        if ambiguous {
            let update = "UPDATE attempts SET finished_at = ?2, verdict = 'unknown', reason = ?3
                WHERE event_id = ?1 AND finished_at IS NULL";
            sql::run(&self.inner, update, (id, now, why), "end an attempt")?;
        }
        self.tally.left(advertiser_id, before);
        self.tally.entered(advertiser_id, state);
        self.mark_cause(event_id)?;
        Ok(Some(state))
    }
}

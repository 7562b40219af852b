//! Looking for dead letters.
//!
//! One condition that an index serves leads the walk, in the order of events; the others are looked at on the way. A
//! walk ends after so many rows, whether it has found anything or not, and tells where the next one goes on: no question
//! reads a million rows at once.

use relay::delivery::State;
use units::limits::DEAD_WALK_MAX;
use units::{EventId, Money, Timestamp};

use super::CHANGE;
use crate::lists::COLUMNS;
use crate::store::{AsValue, Purpose};
use crate::{ConversionRow, Ledger, LedgerError, sql, store};

/// What is looked for among what waits for a person. What is not named does not matter.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct DeadSearch {
    /// The cause of a group.
    pub group: Option<String>,
    /// Any of these states.
    pub states: Vec<State>,
    /// The advertiser, by the legacy id.
    pub advertiser_id: Option<u64>,
    /// The credited publisher, by the legacy id.
    pub publisher_id: Option<u64>,
    /// The whole order reference.
    pub reference: Option<String>,
    /// At least this much, in its currency.
    pub least: Option<Money>,
    /// At most this much, in its currency.
    pub most: Option<Money>,
    /// Received then or later.
    pub since: Option<Timestamp>,
    /// Received before.
    pub until: Option<Timestamp>,
    /// One of the reason's codes.
    pub reason: Option<String>,
    /// A part of the reason as it is told, in any letter case.
    pub text: Option<String>,
    /// One of the flags.
    pub flag: Option<String>,
}

/// What one walk has found.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Found {
    /// The conversions, by event.
    pub rows: Vec<ConversionRow>,
    /// Where the next walk goes on; none at the end.
    pub next_after: Option<EventId>,
}

/// A question in the making: conditions, and the values at their places.
#[derive(Default)]
struct Walk {
    values: Vec<(String, Box<dyn AsValue>)>,
    /// What the index that is walked along serves.
    along: String,
    /// How many of the values that takes.
    along_values: usize,
    /// What is looked at on the way.
    others: String,
}

impl Walk {
    /// A condition; `?` in it is the place of the value.
    fn condition(&mut self, text: &str, value: Box<dyn AsValue>) -> String {
        let name = format!(":v{}", self.values.len());
        let condition = format!(" AND {}", text.replace('?', &name));
        self.values.push((name, value));
        condition
    }

    fn look(&mut self, text: &str, value: Box<dyn AsValue>) {
        let condition = self.condition(text, value);
        self.others.push_str(&condition);
    }

    fn params(&self) -> Vec<(&str, &dyn AsValue)> {
        self.values.iter().map(|(name, value)| (name.as_str(), value.as_ref())).collect()
    }

    /// The query: at most `walked` rows are looked at, along an index.
    fn query(&self, walked: usize, limit: usize) -> String {
        let Self { along, others, .. } = self;
        if others.is_empty() {
            return format!("SELECT {COLUMNS} WHERE attention = 1{along} ORDER BY event_id LIMIT {limit}");
        }
        format!(
            "SELECT {COLUMNS} WHERE event_id IN
             (SELECT event_id FROM conversions WHERE attention = 1{along} ORDER BY event_id LIMIT {walked}){others}
             ORDER BY event_id LIMIT {limit}"
        )
    }
}

impl DeadSearch {
    /// True if it names nothing, so that everything would be meant.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// True if it names a group and nothing else.
    pub fn is_a_group(&self) -> bool {
        *self == Self { group: self.group.clone(), ..Self::default() }
    }

    /// True if it is for merchants' changes, of which nothing but the group is asked.
    pub fn is_for_changes(&self) -> bool {
        self.group.as_ref().is_some_and(|key| key.starts_with(CHANGE))
    }

    fn walk(&self, after: Option<EventId>) -> Walk {
        let mut walk = Walk::default();
        let (text, id) =
            (|text: String| Box::new(text) as Box<dyn AsValue>, |id| Box::new(sql::int(id)) as _);
        let named = [
            ("reference = ?", self.reference.clone().map(text)),
            ("cause = ?", self.group.clone().map(text)),
            ("publisher_id = ?", self.publisher_id.map(id)),
            ("advertiser_id = ?", self.advertiser_id.map(id)),
        ];
        let mut named = named.into_iter().filter_map(|(text, value)| Some((text, value?)));
        let leading = named.next().map(|(text, value)| walk.condition(text, value)).unwrap_or_default();
        let after = walk.condition("event_id > ?", Box::new(after.map_or([0; 16], sql::id)));
        walk.along = format!("{leading}{after}");
        walk.along_values = walk.values.len();
        for (text, value) in named {
            walk.look(text, value);
        }
        self.look_further(&mut walk);
        walk
    }

    fn look_further(&self, walk: &mut Walk) {
        if !self.states.is_empty() {
            let names: Vec<String> = self.states.iter().map(|state| format!("'{}'", state.name())).collect();
            walk.others.push_str(&format!(" AND state IN ({})", names.join(", ")));
        }
        for (bound, sign) in [(self.least, ">="), (self.most, "<=")] {
            if let Some(money) = bound {
                walk.look("currency = ?", Box::new(money.currency.code().to_owned()));
                walk.look(&format!("minor {sign} ?"), Box::new(money.minor));
            }
        }
        for (bound, sign) in [(self.since, ">="), (self.until, "<")] {
            if let Some(at) = bound {
                walk.look(&format!("received_at {sign} ?"), Box::new(at.as_millis()));
            }
        }
        for (column, word) in [("reason", &self.reason), ("flags", &self.flag)] {
            if let Some(word) = word {
                let text = format!("' ' || {column} || ' ' LIKE ? ESCAPE '!'");
                walk.look(&text, Box::new(format!("% {} %", escaped(word))));
            }
        }
        if let Some(part) = &self.text {
            let part = Box::new(format!("%{}%", escaped(&part.to_lowercase())));
            walk.look("lower(detail) LIKE ? ESCAPE '!'", part);
        }
    }
}

/// A text in which a pattern's signs mean themselves.
fn escaped(text: &str) -> String {
    text.replace('!', "!!").replace('%', "!%").replace('_', "!_")
}

impl Ledger {
    /// One walk over what waits for a person, after an event: at most `limit` rows.
    ///
    /// # Errors
    /// If the store fails, or holds what cannot be.
    pub fn search_dead(
        &self,
        search: &DeadSearch,
        after: Option<EventId>,
        limit: usize,
    ) -> Result<Found, LedgerError> {
        // The rows and the end of the walk are of one moment: what is moved between them must not be passed over.
        let moment = self.connection.begin(Purpose::Look).map_err(store("begin a search"))?;
        let walk = search.walk(after);
        let query = walk.query(DEAD_WALK_MAX, limit);
        let rows = self.rows(&query, walk.params().as_slice())?;
        let next_after = if rows.len() >= limit {
            rows.last().map(|row| row.event_id)
        } else if walk.others.is_empty() {
            None
        } else {
            self.end_of_walk(search, after)?
        };
        moment.commit().map_err(store("end a search"))?;
        Ok(Found { rows, next_after })
    }

    /// The last event of a full walk; none if it came to the end.
    fn end_of_walk(
        &self,
        search: &DeadSearch,
        after: Option<EventId>,
    ) -> Result<Option<EventId>, LedgerError> {
        let mut walk = search.walk(after);
        walk.values.truncate(walk.along_values);
        let query = format!(
            "SELECT event_id FROM conversions WHERE attention = 1{} ORDER BY event_id LIMIT 1 OFFSET {}",
            walk.along,
            DEAD_WALK_MAX.saturating_sub(1)
        );
        sql::one(&self.connection, &query, walk.params().as_slice(), |row| row.get(0).map(sql::event_id))
    }

    /// What is found, each with when it last changed: at most `limit`, and whether there is more.
    ///
    /// # Errors
    /// If the store fails, or holds what cannot be.
    pub fn select_dead(
        &self,
        search: &DeadSearch,
        limit: usize,
    ) -> Result<(Vec<(EventId, Timestamp)>, bool), LedgerError> {
        let wanted = limit.saturating_add(1);
        let mut chosen = Vec::new();
        if search.is_for_changes() {
            let key = search.group.as_deref().unwrap_or_default();
            chosen = self.changes_of_group(key, wanted)?;
        } else {
            let mut after = None;
            while chosen.len() < wanted {
                let found = self.search_dead(search, after, wanted.saturating_sub(chosen.len()))?;
                chosen.extend(found.rows.iter().map(|row| (row.event_id, row.changed_at)));
                after = found.next_after;
                if after.is_none() {
                    break;
                }
            }
        }
        let more = chosen.len() > limit;
        chosen.truncate(limit);
        Ok((chosen, more))
    }
}

/// How the store answers a search, step by step.
#[cfg(test)]
pub(crate) fn plan(ledger: &Ledger, search: &DeadSearch) -> Vec<String> {
    let walk = search.walk(None);
    let query = format!("EXPLAIN QUERY PLAN {}", walk.query(DEAD_WALK_MAX, 100));
    sql::all(&ledger.connection, &query, walk.params().as_slice(), |row| row.get(3)).unwrap()
}

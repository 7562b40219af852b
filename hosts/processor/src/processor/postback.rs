//! Calling publishers for their transactions.
//!
//! A call moves no money, so that it may be made twice where nobody knows what became of the first; a publisher's
//! server that does not answer holds up its owner alone.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use ledger::{By, DuePostback, PostbackAddress, PostbackId, PostbackRow, Recalled};
use relay::delivery::{Health, Outcome, Settled, State, Tried, settle};
use relay::policy::Snapshot;
use relay::postback;
use serde::{Deserialize, Serialize};
use tracking::postback::Call;
use tracking::{Answer, SendFailure, Verdict};
use units::limits::{POSTBACKS_IN_FLIGHT_MAX, POSTBACKS_OF_ONE_MAX, RETRY_AFTER_MAX};
use units::{EventId, Timestamp};

use super::clicks::Imported;
use super::people::REDRIVE_EVERY;
use super::quarantine::calmly;
use super::{Processor, ProcessorError};

/// Most rows that are looked at for one turn: what is beyond comes with the next.
const LOOKED_AT_MAX: usize = 4 * POSTBACKS_IN_FLIGHT_MAX;

/// Most looks for one turn: all but the last fill every place of another publisher, and there is room for so many.
const LOOKS_MAX: usize = POSTBACKS_IN_FLIGHT_MAX / POSTBACKS_OF_ONE_MAX + 1;

/// A call that is about to begin, or what becomes of it where none is to be made.
type Going = (PostbackId, Tried, Result<Call, Settled>);

/// A call that is to be made now.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Postback {
    /// Which one.
    pub id: PostbackId,
    /// What is sent, and where to.
    pub call: Call,
    /// The whole time that may be spent.
    pub within: Duration,
}

/// How a call ended.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Called {
    /// Which one.
    pub id: PostbackId,
    /// What came back.
    pub result: Result<Answer, SendFailure>,
}

/// An address of an operator's file.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ImportedPostback {
    /// The publisher, by the legacy id.
    pub publisher_id: u64,
    /// `GET` or `POST`.
    pub method: String,
    /// The address with its macros; none to call it no more.
    pub address: Option<String>,
}

/// Registers the addresses of an operator's file, in one transaction.
///
/// # Errors
/// If the ledger fails; then none of them is registered.
pub fn import_postbacks(
    ledger: &mut ledger::Ledger,
    snapshot: &Snapshot,
    rows: &[ImportedPostback],
    now: Timestamp,
) -> Result<Imported, ledger::LedgerError> {
    let mut imported = Imported::default();
    let mut transaction = ledger.transaction(now)?;
    for row in rows {
        let publisher_id = row.publisher_id;
        imported.unmapped += u64::from(snapshot.directory.publisher(publisher_id).is_none());
        let changed = match &row.address {
            Some(address) => transaction.register_postback(&PostbackAddress {
                publisher_id,
                method: row.method.clone(),
                address: address.clone(),
            })?,
            None => transaction.forget_postback(publisher_id)?,
        };
        imported.new += u64::from(changed);
        imported.known += u64::from(!changed);
    }
    transaction.commit()?;
    Ok(imported)
}

impl Processor {
    /// Whether publishers' addresses may lead to private networks, as those of tests do.
    pub const fn allow_private_postbacks(&mut self, allowed: bool) {
        self.private_postbacks = allowed;
    }

    /// The calls that are to be made now, durably under way when this returns.
    ///
    /// # Errors
    /// If the ledger fails; then nothing has begun.
    pub fn next_postbacks(&mut self, now: Timestamp) -> Result<Vec<Postback>, ProcessorError> {
        let going = self.passing_unreadable(now, |processor| processor.pick_postbacks(now))?;
        if going.is_empty() {
            return Ok(Vec::new());
        }
        let mut transaction = self.ledger.transaction(now)?;
        for (id, _, call) in &going {
            transaction.begin_postback(*id)?;
            if let Err(settled) = call {
                transaction.finish_postback(*id, settled)?;
            }
        }
        transaction.commit()?;
        let within = self.snapshot.policy.delivery.attempt_deadline;
        let mut postbacks = Vec::with_capacity(going.len());
        for (id, tried, call) in going {
            if let Ok(call) = call {
                self.calling.insert(id, tried);
                postbacks.push(Postback { id, call, within });
            }
        }
        Ok(postbacks)
    }

    /// What is due and has a place. Whose places are all taken is not looked at, so that nobody waits behind another's
    /// backlog; every further look finds another whose places are taken, or is the last.
    fn pick_postbacks(&self, now: Timestamp) -> Result<Vec<Going>, ProcessorError> {
        let room = POSTBACKS_IN_FLIGHT_MAX.saturating_sub(self.calling.len());
        let mut going: Vec<Going> = Vec::new();
        let mut looks = 0;
        while going.len() < room && looks < LOOKS_MAX {
            let mut busy: BTreeMap<u64, usize> = BTreeMap::new();
            for id in self.calling.keys().chain(going.iter().map(|(id, ..)| id)) {
                *busy.entry(id.publisher_id).or_default() += 1;
            }
            busy.retain(|_, places| *places >= POSTBACKS_OF_ONE_MAX);
            let full: Vec<u64> = busy.into_keys().collect();
            let rows = self.ledger.due_postbacks(now, LOOKED_AT_MAX, &full)?;
            looks = if rows.len() < LOOKED_AT_MAX { LOOKS_MAX } else { looks + 1 };
            for row in rows {
                let id = id(&row);
                let others = self.calling.keys().chain(going.iter().map(|(id, ..)| id));
                let places = others.filter(|other| other.publisher_id == id.publisher_id).count();
                let seen = going.iter().any(|(known, ..)| *known == id);
                if !seen && going.len() < room && places < POSTBACKS_OF_ONE_MAX {
                    going.push((id, tried(&row), self.write_postback(&row)));
                }
            }
        }
        Ok(going)
    }

    /// The call, or what becomes of it where none is to be made.
    fn write_postback(&self, row: &DuePostback) -> Result<Call, Settled> {
        if let Some(why) = row.not_owed {
            return Err(uncalled(row, State::Dropped, why.to_owned()));
        }
        let write = || postback::call(&self.snapshot, &row.told, self.private_postbacks);
        let call = calmly(write).unwrap_or_else(Err);
        call.map_err(|why| uncalled(row, State::Dead, why))
    }

    /// Tells how calls ended. If the ledger fails, what was told is kept and written with the next call.
    ///
    /// # Errors
    /// If the ledger fails; the calls stand under way until it works again.
    pub fn settle_postbacks(&mut self, called: Vec<Called>, now: Timestamp) -> Result<(), ProcessorError> {
        self.uncalled.extend(called);
        if self.uncalled.is_empty() {
            return Ok(());
        }
        let called = std::mem::take(&mut self.uncalled);
        if let Err(error) = self.write_postbacks(&called, now) {
            self.uncalled = called;
            return Err(error);
        }
        for Called { id, .. } in called {
            self.calling.remove(&id);
        }
        Ok(())
    }

    fn write_postbacks(&mut self, called: &[Called], now: Timestamp) -> Result<(), ProcessorError> {
        let mut settled = Vec::with_capacity(called.len());
        for Called { id, result } in called {
            let seed = self.draw();
            let Some(tried) = self.calling.get(id) else { continue };
            let (outcome, wait) = heard(result);
            let mut made = settle(tried, &outcome, &self.snapshot.policy.delivery, now, seed);
            made.due_at = made.due_at.map(|due| due.max(now.plus(wait)));
            settled.push((*id, made));
        }
        let mut transaction = self.ledger.transaction(now)?;
        for (id, settled) in &settled {
            transaction.finish_postback(*id, settled)?;
        }
        let wait = settled.iter().filter(|(_, settled)| settled.state == State::Queued);
        let wait: BTreeSet<u64> = wait.map(|(id, _)| id.publisher_id).collect();
        wait.into_iter().try_for_each(|publisher_id| transaction.put_postbacks_off(publisher_id))?;
        transaction.commit()?;
        Ok(())
    }

    /// When a call may be due next; none if nothing waits, or an outcome must come first.
    pub(super) fn next_postback(&self) -> Result<Option<Timestamp>, ProcessorError> {
        if self.calling.len() >= POSTBACKS_IN_FLIGHT_MAX {
            return Ok(None);
        }
        Ok(self.ledger.next_postback()?)
    }

    /// Makes calls again that were given up, one after another, each at most once. Ordered twice, the second does nothing.
    ///
    /// # Errors
    /// If the ledger fails; then nothing was ordered.
    pub fn recall_postbacks(
        &mut self,
        calls: &[(EventId, u64)],
        by: By<'_>,
        now: Timestamp,
    ) -> Result<Vec<Recalled>, ProcessorError> {
        let mut slot = self.recall_at.max(now);
        let mut outcomes = Vec::with_capacity(calls.len());
        let mut transaction = self.ledger.transaction(now)?;
        for &(event_id, publisher_id) in calls {
            let outcome = transaction.recall_postback(event_id, publisher_id, slot, by)?;
            if outcome == Recalled::Queued {
                slot = slot.plus(REDRIVE_EVERY);
            }
            outcomes.push(outcome);
        }
        transaction.commit()?;
        self.recall_at = slot;
        Ok(outcomes)
    }

    /// Registers the addresses of an operator's file.
    ///
    /// # Errors
    /// If the ledger fails; then none of them is registered.
    pub fn import_postbacks(
        &mut self,
        rows: &[ImportedPostback],
        now: Timestamp,
    ) -> Result<Imported, ProcessorError> {
        Ok(import_postbacks(&mut self.ledger, &self.snapshot, rows, now)?)
    }
}

/// What came of a call, and how long the publisher's server asks to be left alone. It only puts the next call off: a server
/// that asks for time again and again has had its calls like one that fails.
fn heard(result: &Result<Answer, SendFailure>) -> (Outcome, Duration) {
    match result {
        Ok(answer) => {
            let mut judged = postback::judge(answer);
            let wait = judged.retry_after.take().unwrap_or_default();
            (Outcome::Judged(judged), wait.min(RETRY_AFTER_MAX))
        }
        Err(failure) => (Outcome::Failed(failure.clone()), Duration::ZERO),
    }
}

const fn id(row: &DuePostback) -> PostbackId {
    let (event_id, publisher_id) = (row.told.event_id, row.told.publisher_id);
    PostbackId { event_id, publisher_id, number: row.tries.saturating_add(1) }
}

/// Being called twice is harmless: the transaction's identity is told.
const fn tried(row: &DuePostback) -> Tried {
    Tried { deduplicates: true, counted: row.counted, ambiguous: false, probe: false, alone: false }
}

/// What becomes of a call that is not made.
fn uncalled(row: &DuePostback, state: State, reason: String) -> Settled {
    let (verdict, health) = (Verdict::Rejected, Health::Well);
    Settled { state, due_at: None, counted: row.counted, ambiguous: false, verdict, reason, health }
}

/// An address as the operator's interface shows it, without what stands behind its host: that may hold a
/// publisher's own secrets.
pub(crate) fn shown(row: &PostbackRow) -> serde_json::Value {
    let address = &row.address.address;
    let start = address.find("://").map_or(0, |at| at + 3);
    let end = address.get(start..).and_then(|rest| rest.find(['/', '?'])).map(|at| start + at);
    serde_json::json!({
        "publisher_id": row.address.publisher_id,
        "method": row.address.method,
        "host": address.get(start..end.unwrap_or(address.len())),
        "called": row.called,
        "waiting": row.waiting,
        "given_up": row.given_up,
        "last_trouble": row.detail,
    })
}

//! What fails the processor is set aside, so that its neighbours go on.
//!
//! A batch is taken in as a whole. If that fails, or panics, its entries are taken in one by one: what panics by itself as
//! well, and what has failed too often while the store works, is kept with its bytes as a dead letter. Its neighbours are
//! booked as if it had never been there, and the edge may forget the batch. What waits to be sent and cannot be read from the
//! ledger any more is set aside as well, and what waits behind it goes on.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::slice;

use ledger::{LedgerError, Transaction, Waiting, with_causes};
use relay::Fact;
use relay::envelope::Batch;
use relay::intake::Reason;
use units::limits::{POISON_REMEMBERED_MAX, POISON_TRIES, UNREADABLE_AT_ONCE};
use units::{EventId, Timestamp};

use super::receive::{ReceiveError, Received, identity};
use super::{Processor, ProcessorError};

/// Entries that fail behind one another until the store itself is suspected.
const FAILURES_IN_A_ROW: usize = 2;

/// Something that is written down in a transaction.
pub(super) type Step<'a> = Box<dyn Fn(&mut Transaction<'_>) -> Result<(), LedgerError> + 'a>;

/// Does a step that must not take others down with it: a panic is its error, with what it said.
pub(super) fn calmly<T>(step: impl FnOnce() -> T) -> Result<T, String> {
    // Whoever passes a step leaves nothing half done behind it: a transaction is rolled back as it unwinds.
    catch_unwind(AssertUnwindSafe(step)).map_err(|panic| said(&*panic))
}

/// The same for a step that can fail: beside what has begun already a panic is one more error.
pub(super) fn steadily<T>(
    doing: &'static str,
    step: impl FnOnce() -> Result<T, ProcessorError>,
) -> Result<T, ProcessorError> {
    calmly(step).unwrap_or_else(|said| Err(ProcessorError::Panicked { doing, said }))
}

fn said(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    let text = text.or_else(|| panic.downcast_ref::<String>().cloned());
    format!("it panicked: {}", text.unwrap_or_else(|| "without a word".to_owned()))
}

impl Processor {
    /// Takes the entries of a batch in one by one, and sets aside what cannot be taken in.
    pub(super) fn receive_one_by_one(
        &mut self,
        batch: &Batch,
        now: Timestamp,
    ) -> Result<Received, ReceiveError> {
        let mut sum = Received::default();
        let (mut failed, mut in_a_row) = (None, 0_usize);
        for entry in &batch.entries {
            let some = slice::from_ref(entry);
            let error = match calmly(|| self.receive_some(some, &batch.lane, now)) {
                Ok(Ok(received)) => {
                    self.failures.remove(&identity(entry));
                    in_a_row = 0;
                    sum.accepted = sum.accepted.saturating_add(received.accepted);
                    sum.duplicates = sum.duplicates.saturating_add(received.duplicates);
                    continue;
                }
                Ok(Err(error)) => error,
                Err(panic) => {
                    self.set_aside(entry, &batch.lane, panic, now)?;
                    sum.accepted = sum.accepted.saturating_add(1);
                    continue;
                }
            };
            // What the store does to everything is not the entry's fault.
            if !error.is_of_the_store() && self.failed_too_often(entry) {
                self.set_aside(entry, &batch.lane, with_causes(&error), now)?;
                sum.accepted = sum.accepted.saturating_add(1);
                continue;
            }
            failed = Some(error);
            in_a_row = in_a_row.saturating_add(1);
            if in_a_row >= FAILURES_IN_A_ROW {
                break;
            }
        }
        // What is not taken in is sent again, with everything around it.
        failed.map_or(Ok(sum), Err)
    }

    /// Asks for what is due. A row that cannot be read is set aside, and then it is asked again: nothing waits behind it.
    ///
    /// # Errors
    /// If the ledger fails, or a row cannot be set aside either.
    pub(super) fn passing_unreadable<T>(
        &mut self,
        now: Timestamp,
        ask: impl Fn(&mut Self) -> Result<T, ProcessorError>,
    ) -> Result<T, ProcessorError> {
        for _ in 0..UNREADABLE_AT_ONCE {
            match ask(self) {
                Err(ProcessorError::Ledger(LedgerError::Unreadable { row, why })) => {
                    self.set_row_aside(row, &why, now)?;
                }
                other => return other,
            }
        }
        ask(self)
    }

    /// Sets the conversions aside of which a step fails by itself, twice and not because of the store: whatever is written
    /// down together with them would fail for ever. Where several fail and none succeeds it is not theirs, and nothing is
    /// set aside. Which were.
    ///
    /// # Errors
    /// If the ledger fails, or one cannot be set aside either.
    pub(super) fn set_aside_what_fails(
        &mut self,
        steps: &[(EventId, Step<'_>)],
        now: Timestamp,
    ) -> Result<Vec<EventId>, ProcessorError> {
        let mut failed = Vec::new();
        for (event_id, step) in steps {
            failed.extend(self.fails(step, now)?.map(|why| (*event_id, why)));
        }
        if failed.len() > 1 && failed.len() == steps.len() {
            return Ok(Vec::new());
        }
        for (event_id, why) in &failed {
            self.set_row_aside(Waiting::Conversion(*event_id), why, now)?;
        }
        Ok(failed.into_iter().map(|(event_id, _)| event_id).collect())
    }

    /// Why a step fails by itself; none if it does not.
    fn fails(&mut self, step: &Step<'_>, now: Timestamp) -> Result<Option<String>, ProcessorError> {
        let mut why = String::new();
        for _ in 0..2 {
            // Tried only: without a commit nothing of it has happened.
            let mut transaction = self.ledger.transaction(now)?;
            match step(&mut transaction) {
                Err(error) if error.is_of_the_store() => return Err(error.into()),
                // Somebody else has it, who will write down what becomes of it.
                Ok(()) | Err(LedgerError::Moved { .. }) => return Ok(None),
                Err(error) => why = with_causes(&error),
            }
        }
        Ok(Some(why))
    }

    /// Sets a row aside that waits to be sent and cannot be read.
    ///
    /// # Errors
    /// If the ledger fails.
    pub fn set_row_aside(&mut self, row: Waiting, why: &str, now: Timestamp) -> Result<(), ProcessorError> {
        let mut transaction = self.ledger.transaction(now)?;
        let set = transaction.set_aside(row, why)?;
        transaction.commit()?;
        let Some(state) = set else { return Ok(()) };
        let event_id = row.event_id();
        self.facts.push(Fact::SetAside { event_id });
        if matches!(row, Waiting::Conversion(_)) {
            self.moved(event_id, state.name());
        }
        Ok(())
    }

    fn failed_too_often(&mut self, entry: &[u8]) -> bool {
        if self.failures.len() >= POISON_REMEMBERED_MAX {
            self.failures.clear();
        }
        let tries = self.failures.entry(identity(entry)).or_default();
        *tries = tries.saturating_add(1);
        *tries >= POISON_TRIES
    }

    /// Keeps an entry with its bytes, for a person. That this can be written shows that the store works.
    fn set_aside(
        &mut self,
        entry: &[u8],
        lane: &str,
        message: String,
        now: Timestamp,
    ) -> Result<(), ReceiveError> {
        let event_id: EventId = identity(entry);
        let why = Reason { code: "poison_entry".to_owned(), message, doubt: false };
        let mut transaction = self.ledger.transaction(now)?;
        let new = transaction.receive_unreadable(event_id, entry, lane, &why)?;
        transaction.commit()?;
        self.failures.remove(&event_id);
        self.facts.extend(new.then_some(Fact::Moved { event_id, state: "held" }));
        Ok(())
    }
}

/// Does a step of an order; a panic in it is told like a failure of the ledger.
pub(super) fn step<T>(step: impl FnOnce() -> Result<T, ProcessorError>) -> Result<T, String> {
    match calmly(step) {
        Ok(Ok(done)) => Ok(done),
        Ok(Err(ProcessorError::Ledger(error))) => Err(with_causes(&ReceiveError::Ledger(error))),
        Ok(Err(error)) => Err(with_causes(&error)),
        Err(panic) => Err(panic),
    }
}

/// Where tests make an event fail.
#[cfg(test)]
pub(super) mod fault {
    use std::cell::Cell;

    use ledger::LedgerError;
    use units::EventId;

    /// How an event fails.
    #[derive(Clone, Copy, PartialEq, Eq, Debug)]
    pub(crate) enum Fault {
        Panics,
        Fails,
    }

    thread_local! {
        pub(crate) static POISON: Cell<Option<(EventId, Fault)>> = const { Cell::new(None) };
    }

    pub(crate) fn point(event_id: EventId) -> Result<(), LedgerError> {
        match POISON.get().filter(|(poison, _)| *poison == event_id) {
            None => Ok(()),
            Some((_, Fault::Panics)) => panic!("a fault that was put here"),
            Some((_, Fault::Fails)) => {
                Err(LedgerError::Corrupt { what: "what was put here", value: "x".to_owned() })
            }
        }
    }
}

//! What a start makes of what was under way when the last process ended.

use ledger::Due;
use relay::delivery::{Settled, recover};
use units::{EventId, Timestamp};

use super::deliver::{DeliveryId, tried};
use super::quarantine::Step;
use super::settle::finish;
use super::{Processor, ProcessorError};

/// Rows recovered in one transaction after a crash.
const RECOVERED_AT_ONCE: usize = 500;

impl Processor {
    pub(super) fn recover_everything(&mut self, now: Timestamp) -> Result<(), ProcessorError> {
        self.ledger.recover_adjustments(now)?;
        self.ledger.recover_postbacks(now)?;
        self.recover(now)
    }

    fn recover(&mut self, now: Timestamp) -> Result<(), ProcessorError> {
        loop {
            let rows = self
                .passing_unreadable(now, |processor| Ok(processor.ledger.in_flight(RECOVERED_AT_ONCE)?))?;
            if rows.is_empty() {
                return Ok(());
            }
            self.pace.called_by_another(&self.lanes, now);
            let policy = self.snapshot.policy.delivery.clone();
            let mut settled = Vec::with_capacity(rows.len());
            for row in &rows {
                let seed = self.draw();
                settled.push(recover(&tried(row, self.deduplicates(row), false), &policy, now, seed));
            }
            match self.interrupted(&rows, &settled, now) {
                Ok(()) => {}
                Err(error) if error.is_of_the_store() || error.is_surprise() => return Err(error),
                Err(error) => self.set_interrupted_apart(&rows, &settled, now)?.then_some(()).ok_or(error)?,
            }
        }
    }

    fn interrupted(
        &mut self,
        rows: &[Due],
        settled: &[Settled],
        now: Timestamp,
    ) -> Result<(), ProcessorError> {
        let mut transaction = self.ledger.transaction(now)?;
        for (row, settled) in rows.iter().zip(settled) {
            finish(&mut transaction, attempt(row), settled, None)?;
        }
        transaction.commit()?;
        for (row, settled) in rows.iter().zip(settled) {
            self.moved(row.event_id, settled.state.name());
        }
        Ok(())
    }

    /// One of them cannot be written down, so that no process would start any more: it is set aside. False if each can, by
    /// itself.
    fn set_interrupted_apart(
        &mut self,
        rows: &[Due],
        settled: &[Settled],
        now: Timestamp,
    ) -> Result<bool, ProcessorError> {
        let ended = rows.iter().zip(settled).map(|(row, settled)| {
            let step: Step<'_> =
                Box::new(move |transaction| finish(transaction, attempt(row), settled, None));
            (row.event_id, step)
        });
        let steps: Vec<(EventId, Step<'_>)> = ended.collect();
        Ok(!self.set_aside_what_fails(&steps, now)?.is_empty())
    }
}

/// The attempt that was under way.
const fn attempt(row: &Due) -> DeliveryId {
    DeliveryId { event_id: row.event_id, number: row.tries }
}

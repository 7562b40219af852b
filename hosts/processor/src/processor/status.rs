//! What an operator asks first: is money being lost, whose, since when.

use ledger::{AdjustmentRow, AtRisk, QueueStatus};
use relay::delivery::GateStatus;

use super::{Processor, ProcessorError};

/// The processor at one glance.
#[derive(Clone, PartialEq, Debug)]
pub struct Status {
    /// The snapshot that is decided by.
    pub version: String,
    /// Conversions accepted, ever.
    pub accepted: u64,
    /// Conversions in each state, in the order of `relay::delivery::State::ALL`.
    pub states: [u64; 11],
    /// What waits.
    pub queue: QueueStatus,
    /// Both platforms' gates.
    pub gates: [GateStatus; 2],
    /// The money that only a person can move.
    pub at_risk: Vec<AtRisk>,
    /// Changes of transactions in each state, in the same order.
    pub changes: [u64; 11],
    /// Changes that only a person can move.
    pub changes_at_risk: Vec<AdjustmentRow>,
}

/// Changes that are listed at one glance.
const CHANGES_SHOWN: usize = 20;

impl Processor {
    /// The processor at one glance. It reads counters and short lists, never whole tables.
    ///
    /// # Errors
    /// If the ledger fails.
    pub fn status(&self) -> Result<Status, ProcessorError> {
        let (accepted, states) = self.ledger.totals()?;
        Ok(Status {
            version: self.snapshot.version.clone(),
            accepted,
            states,
            queue: self.ledger.queue_status()?,
            gates: self.gates(),
            at_risk: self.ledger.at_risk()?,
            changes: self.ledger.adjustment_totals()?,
            changes_at_risk: self.ledger.adjustments_at_risk(CHANGES_SHOWN)?,
        })
    }

    /// Both platforms' gates, the old one's first.
    pub fn gates(&self) -> [GateStatus; 2] {
        [self.legacy.status(), self.primary.status()]
    }
}

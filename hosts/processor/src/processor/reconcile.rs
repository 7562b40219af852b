//! Closing what a platform's own report proves.

use ledger::{By, Ledger, Proof, Proven as Came};
use relay::delivery::State;
use serde::{Deserialize, Serialize};
use tracking::Home;
use units::{EventId, Timestamp};

use super::{Processor, ProcessorError};

/// What a report proves, as an order of a person.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Proven {
    /// The platform whose report it is, by name.
    pub platform: String,
    /// The report, by name and digest.
    pub report: String,
    /// Who orders it.
    pub actor: String,
    /// Why.
    pub reason: String,
    /// What it names.
    pub lines: Vec<ProvenLine>,
}

/// A line of a report that names a conversion.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ProvenLine {
    /// The conversion.
    pub event_id: EventId,
    /// The line.
    pub line: u64,
    /// The platform's number of it.
    pub transaction_id: String,
}

/// What an order of proofs came to.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Confirmed {
    /// Confirmed now.
    pub now: u64,
    /// Confirmed before.
    pub before: u64,
    /// Left alone: they stand where no report closes them, belong to another platform, or are not there.
    pub left: u64,
}

/// Confirms in `ledger` what a report proves; which events were confirmed now.
///
/// # Errors
/// If the ledger fails; then nothing was done.
pub fn confirm_proven(
    ledger: &mut Ledger,
    home: Home,
    proven: &Proven,
    now: Timestamp,
) -> Result<(Confirmed, Vec<EventId>), ProcessorError> {
    let (mut sum, mut moved) = (Confirmed::default(), Vec::new());
    let by = By { actor: &proven.actor, why: &proven.reason };
    let mut transaction = ledger.transaction(now)?;
    for line in &proven.lines {
        let ProvenLine { event_id, line, transaction_id } = line;
        let proof = Proof { home, report: &proven.report, line: *line, transaction_id };
        match transaction.confirm_by_report(*event_id, &proof, by)? {
            Came::Now => {
                sum.now += 1;
                moved.push(*event_id);
            }
            Came::Already(State::Confirmed) => sum.before += 1,
            Came::Already(_) | Came::OtherOwner | Came::NotFound => sum.left += 1,
        }
    }
    transaction.commit()?;
    Ok((sum, moved))
}

impl Processor {
    /// Confirms what a report of `home` proves. Ordered twice, the second does nothing.
    ///
    /// # Errors
    /// If the ledger fails; then nothing was done.
    pub fn confirm_proven(
        &mut self,
        home: Home,
        proven: &Proven,
        now: Timestamp,
    ) -> Result<Confirmed, ProcessorError> {
        let (sum, moved) = confirm_proven(&mut self.ledger, home, proven, now)?;
        for event_id in moved {
            self.moved(event_id, State::Confirmed.name());
        }
        Ok(sum)
    }
}

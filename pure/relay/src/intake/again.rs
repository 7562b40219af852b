//! Deciding again who earned how much of an order, from what is kept with it.
//!
//! Clicks are forgotten and vouchers are bound anew, so nothing is looked up: the touches stand in the evidence that was
//! considered, the order in its envelope, and what was earned before in the award. The same terms give the same award,
//! to the unit, whenever it is asked.

use attribution::{Awarded, Case, CommissionError, Figures, Model, Touch};
use tracking::directory::Directory;
use tracking::{Event, Field};
use units::{Money, Timestamp};

use super::Considered;
use crate::policy::Terms;

/// An order as it is kept.
#[derive(Clone, Copy, Debug)]
pub struct Kept<'a> {
    /// What it says.
    pub event: &'a Event,
    /// Its programme.
    pub advertiser_id: u64,
    /// Its value.
    pub amount: Money,
    /// When it happened.
    pub at: Timestamp,
    /// The evidence that is known of it.
    pub considered: &'a [Considered],
    /// True if the merchant's own rule gave it to another channel.
    pub auto_voided: bool,
    /// What publishers had earned before.
    pub figures: &'a [(u64, Figures)],
}

/// Why an order cannot be decided about again.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum AgainError {
    /// Its programme is gone.
    #[error("programme {0} is not in the directory any more: add it, and ask again")]
    Programme(u64),
    /// Its commission cannot be computed.
    #[error(transparent)]
    Commission(#[from] CommissionError),
}

impl Kept<'_> {
    /// The publishers that it may credit.
    pub fn publishers(&self) -> Vec<u64> {
        let mut publishers: Vec<u64> = self.touches().iter().map(|touch| touch.publisher_id).collect();
        publishers.sort_unstable();
        publishers.dedup();
        publishers
    }

    /// Who earns how much under `terms`, by `model` or by the one of the terms. None if nobody does.
    ///
    /// # Errors
    /// If its programme is gone, or its commission cannot be computed.
    pub fn award(
        &self,
        directory: &Directory,
        terms: &Terms,
        model: Option<Model>,
    ) -> Result<Option<Awarded>, AgainError> {
        let advertiser = directory.advertiser(self.advertiser_id);
        let advertiser = advertiser.ok_or(AgainError::Programme(self.advertiser_id))?;
        if self.auto_voided || self.event.flag(Field::AutoVoid) == Some(true) {
            return Ok(None);
        }
        let version = terms.at(self.advertiser_id, self.at);
        let case = Case {
            event: self.event,
            amount: self.amount,
            at: self.at,
            advertiser: &advertiser,
            version,
            figures: self.figures,
        };
        Ok(case.award_by(model.unwrap_or(version.model), &self.touches())?)
    }

    fn touches(&self) -> Vec<Touch> {
        self.considered.iter().filter_map(Considered::touch).collect()
    }
}

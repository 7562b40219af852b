//! Who earned how much of an order, and why: the answer that is written into the books.

use tracking::Event;
use tracking::directory::Advertiser;
use units::{Money, Timestamp};

use crate::commission::{CommissionError, Figures, Order, earned};
use crate::journey::{Journey, Touch};
use crate::model::{Model, split};
use crate::terms::Version;

/// What one publisher earns of an order.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Award {
    /// The touch that it is for: of several ones of a publisher the strongest and latest.
    pub touch: Touch,
    /// How many touches of the publisher earn it.
    pub touches: usize,
    /// How much.
    pub share: Money,
}

/// Who earned how much of an order.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Awarded {
    /// The order's whole commission.
    pub commission: Money,
    /// One award for each publisher, from the first of the journey to the last. The shares are the commission.
    pub awards: Vec<Award>,
    /// The publisher that the platform is told of.
    pub credited: Touch,
    /// How the commission was shared.
    pub model: Model,
    /// The version of the terms.
    pub terms: String,
    /// The rules and caps that made the commission, by name.
    pub rules: Vec<String>,
    /// What was earned before, as far as the rules asked.
    pub figures: Figures,
}

/// An order that is to be decided about.
#[derive(Clone, Copy, Debug)]
pub struct Case<'a> {
    /// What it says.
    pub event: &'a Event,
    /// Its value.
    pub amount: Money,
    /// When it happened.
    pub at: Timestamp,
    /// Its programme.
    pub advertiser: &'a Advertiser<'a>,
    /// The terms in force.
    pub version: &'a Version,
    /// What every publisher had earned before.
    pub figures: &'a [(u64, Figures)],
}

impl Case<'_> {
    /// Who earns how much under the model of the terms; none if no touch is valid.
    ///
    /// # Errors
    /// If the commission cannot be represented, or is in two currencies.
    pub fn award(&self, touches: &[Touch]) -> Result<Option<Awarded>, CommissionError> {
        self.award_by(self.version.model, touches)
    }

    /// The same under another model.
    ///
    /// # Errors
    /// If the commission cannot be represented, or is in two currencies.
    pub fn award_by(&self, model: Model, touches: &[Touch]) -> Result<Option<Awarded>, CommissionError> {
        let journey = Journey::new(touches, self.advertiser, self.at, self.version);
        let weights = journey.weights(model, self.at);
        let credited = journey.credited(&weights, self.version);
        let Some(credited) = credited.and_then(|place| journey.touches().get(place)).copied() else {
            return Ok(None);
        };
        let figures = if self.version.looks_back() {
            self.figures_of(credited.publisher_id)
        } else {
            Figures::default()
        };
        let order =
            Order { event: self.event, amount: self.amount, publisher_id: credited.publisher_id, figures };
        let paid = earned(&order, self.version, &self.advertiser.commission)?;
        let shares = split(paid.amount.minor, &weights);
        let awards = awards(&journey, &weights, &shares, paid.amount, self.version);
        let terms = self.version.name.clone();
        Ok(Some(Awarded {
            commission: paid.amount,
            awards,
            credited,
            model,
            terms,
            rules: paid.rules,
            figures,
        }))
    }

    fn figures_of(&self, publisher_id: u64) -> Figures {
        let known = self.figures.iter().find(|(of, _)| *of == publisher_id);
        known.map(|(_, figures)| *figures).unwrap_or_default()
    }
}

/// The shares of each publisher together.
fn awards(
    journey: &Journey,
    weights: &[u64],
    shares: &[i64],
    commission: Money,
    version: &Version,
) -> Vec<Award> {
    let mut awards: Vec<Award> = Vec::new();
    for ((touch, share), weight) in journey.touches().iter().zip(shares).zip(weights) {
        if *weight == 0 {
            continue;
        }
        let share = Money::from_minor(*share, commission.currency);
        match awards.iter_mut().find(|award| award.touch.publisher_id == touch.publisher_id) {
            Some(award) => {
                award.touches = award.touches.saturating_add(1);
                award.share.minor = award.share.minor.saturating_add(share.minor);
                if version.place(touch.proof) <= version.place(award.touch.proof) {
                    award.touch = *touch;
                }
            }
            None => awards.push(Award { touch: *touch, touches: 1, share }),
        }
    }
    awards
}

#[cfg(test)]
mod tests;

//! The journey of an order: every valid touch of it, from the first to the last.
//!
//! A journey is made of what is kept with an order, so that it can be made again long after its clicks were
//! forgotten. It is a set: in which order its touches were found, or arrived, does not matter.

use tracking::directory::Advertiser;
use units::Timestamp;
use units::limits::TOUCHES_MAX;

use crate::credit::{Proof, objection_to};
use crate::model::{self, Model};
use crate::terms::Version;

/// One touch of an order's journey.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Touch {
    /// What proves it.
    pub proof: Proof,
    /// Who touched.
    pub publisher_id: u64,
    /// When; none where its proof tells no time.
    pub at: Option<Timestamp>,
}

/// The valid touches of an order that may earn, from the first to the last.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Journey {
    touches: Vec<Touch>,
    /// The place of the touch that has everything under the last click, and under the first.
    last: usize,
    first: usize,
}

impl Journey {
    /// The journey that `touches` make for an order of `advertiser` at `at`.
    ///
    /// What lies outside its window or after the order is left out, and so is every touch of a weaker class than the
    /// strongest one there is. Two touches of one publisher in the same second are one. A touch that tells no time says
    /// who, and not that somebody came once more: it counts by itself where its publisher has no other, and stands for
    /// the publisher's last one where it proves more.
    pub fn new(touches: &[Touch], advertiser: &Advertiser<'_>, at: Timestamp, version: &Version) -> Self {
        let valid = |touch: &&Touch| {
            let window_days = version.window_days(touch.publisher_id, advertiser);
            let of = (advertiser.legacy_id, touch.at.unwrap_or(at));
            objection_to(of, advertiser.legacy_id, at, window_days).is_none()
        };
        let mut valid: Vec<Touch> = touches.iter().filter(valid).copied().collect();
        let rank = |touch: &Touch| version.class(touch.publisher_id).rank();
        let strongest = valid.iter().map(rank).min();
        valid.retain(|touch| Some(rank(touch)) == strongest);
        // Of those that are one the strongest comes first; those that tell no time come last.
        valid.sort_by_key(|touch| {
            (touch.at.is_none(), version.place(touch.proof), touch.publisher_id, touch.at)
        });
        let mut kept: Vec<Touch> = Vec::new();
        for touch in valid.into_iter().take(TOUCHES_MAX) {
            match touch.at {
                Some(at) => add_timed(&mut kept, touch, at),
                None => add_untimed(&mut kept, touch, version),
            }
        }
        Self::in_order(kept, at, version)
    }

    fn in_order(mut touches: Vec<Touch>, at: Timestamp, version: &Version) -> Self {
        let time = |touch: &Touch| touch.at.unwrap_or(at);
        let place = |touch: &Touch| version.place(touch.proof);
        touches.sort_by_key(|touch| {
            (time(touch), core::cmp::Reverse(place(touch)), core::cmp::Reverse(touch.publisher_id))
        });
        let strongest = touches.iter().map(place).min();
        let is_strongest = |touch: &Touch| Some(place(touch)) == strongest;
        let last = touches.iter().rposition(is_strongest).unwrap_or(0);
        let first = touches.iter().position(is_strongest).unwrap_or(0);
        Self { touches, last, first }
    }

    /// Its touches, from the first to the last.
    pub fn touches(&self) -> &[Touch] {
        &self.touches
    }

    /// What each touch weighs for an order at `at`.
    pub fn weights(&self, model: Model, at: Timestamp) -> Vec<u64> {
        let count = self.touches.len();
        let all_to = |winner: usize| (0..count).map(|place| u64::from(place == winner)).collect();
        match model {
            Model::LastClick => all_to(self.last),
            Model::FirstClick => all_to(self.first),
            Model::Linear => model::linear(count),
            Model::Position => model::position(count),
            Model::TimeDecay => {
                model::time_decay(self.touches.iter().map(|touch| touch.at.unwrap_or(at)), at)
            }
        }
    }

    /// The place of the touch that the platform is told of, which knows one publisher for an order: of the publisher
    /// that weighs most, and of two that weigh the same the later one, its last touch of the strongest proof.
    pub fn credited(&self, weights: &[u64], version: &Version) -> Option<usize> {
        let weight_of = |publisher_id: u64| {
            let own =
                self.touches.iter().zip(weights).filter(|(touch, _)| touch.publisher_id == publisher_id);
            own.map(|(_, weight)| u128::from(*weight)).sum::<u128>()
        };
        let latest = self.touches.iter().enumerate();
        let (_, most) = latest.max_by_key(|(place, touch)| (weight_of(touch.publisher_id), *place))?;
        let own =
            self.touches.iter().enumerate().filter(|(_, touch)| touch.publisher_id == most.publisher_id);
        let weighs = own.filter(|(place, _)| weights.get(*place).is_some_and(|weight| *weight > 0));
        let best =
            weighs.max_by_key(|(place, touch)| (core::cmp::Reverse(version.place(touch.proof)), *place));
        best.map(|(place, _)| place)
    }
}

fn add_timed(kept: &mut Vec<Touch>, touch: Touch, at: Timestamp) {
    let same = |other: &Touch| {
        let second = other.at.map(Timestamp::as_seconds);
        other.publisher_id == touch.publisher_id && second == Some(at.as_seconds())
    };
    if !kept.iter().any(same) {
        kept.push(touch);
    }
}

fn add_untimed(kept: &mut Vec<Touch>, touch: Touch, version: &Version) {
    let own = || kept.iter().filter(|other| other.publisher_id == touch.publisher_id);
    let strongest = own().map(|other| version.place(other.proof)).min();
    let latest = own().map(|other| other.at).max();
    match strongest {
        None => kept.push(touch),
        Some(place) if version.place(touch.proof) < place => {
            let of =
                |other: &&mut Touch| other.publisher_id == touch.publisher_id && Some(other.at) == latest;
            if let Some(last) = kept.iter_mut().find(of) {
                *last = touch;
            }
        }
        Some(_) => {}
    }
}

#[cfg(test)]
pub(crate) mod tests;

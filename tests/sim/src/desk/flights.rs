//! The requests that are under way, and what the processor knows of those that have ended.

use std::collections::BTreeMap;
use std::ops::Range;
use std::time::Duration;

use processor::{Delivery, DeliveryId, Ended};
use relay::delivery::Destination;
use tracking::{Answer, Home, SendFailure};
use units::Timestamp;

use crate::platform::{Change, Logged, Platform, Reaction, Told};
use crate::run::Sabotage;

/// A request that was sent and whose end is not known yet.
struct Flight {
    ids: Vec<DeliveryId>,
    result: Result<Answer, SendFailure>,
    destination: Destination,
    heard: Heard,
}

/// What an answer tells about one request in a platform's log.
#[derive(Clone)]
struct Heard {
    told: Told,
    home: Home,
    place: Option<usize>,
    changes: Range<usize>,
    /// How often the processor had begun anew when it was sent.
    anew: u64,
}

impl Heard {
    /// What it was about.
    fn each(&self, platforms: &mut [Platform; 2], sale: impl Fn(&mut Logged), change: impl Fn(&mut Change)) {
        let Some(platform) = platforms.iter_mut().find(|platform| platform.home == self.home) else { return };
        let place = self.place;
        place.and_then(|place| platform.log.get_mut(place)).into_iter().for_each(sale);
        platform.changes.get_mut(self.changes.clone()).into_iter().flatten().for_each(change);
    }
}

#[derive(Default)]
pub(super) struct Flights {
    flying: BTreeMap<(Timestamp, u64), Flight>,
    /// What the processor was told, and has not written down for certain.
    heard: Vec<Heard>,
    sent: u64,
    anew: u64,
}

impl Flights {
    pub(super) fn depart(&mut self, delivery: &Delivery, home: Home, reaction: Reaction, now: Timestamp) {
        let late = reaction.after >= delivery.within || is_silence(&reaction.result);
        let (after, result, told) = if late {
            (delivery.within, Err(SendFailure::Ambiguous("no answer in time".to_owned())), Told::Unsure)
        } else {
            (reaction.after, reaction.result, reaction.told)
        };
        self.sent += 1;
        let (place, changes, anew) = (reaction.place, reaction.changes, self.anew);
        let heard = Heard { told, home, place, changes, anew };
        let (ids, destination) = (delivery.ids.clone(), delivery.destination.clone());
        self.flying.insert((now.plus(after), self.sent), Flight { ids, result, destination, heard });
    }

    /// What has come back by now.
    pub(super) fn land(
        &mut self,
        platforms: &mut [Platform; 2],
        now: Timestamp,
        forgets: Sabotage,
    ) -> Vec<Ended> {
        let later = self.flying.split_off(&(now.plus(Duration::from_millis(1)), 0));
        let come = std::mem::replace(&mut self.flying, later);
        let mut ended = Vec::with_capacity(come.len());
        for flight in come.into_values() {
            let told = flight.heard.told;
            flight.heard.each(platforms, |sale| sale.answered = told, |change| change.answered = told);
            self.heard.push(flight.heard);
            let result = match flight.result {
                Err(SendFailure::Ambiguous(why)) if forgets == Sabotage::ForgetsDoubt => {
                    Err(SendFailure::NothingSent(why))
                }
                result => result,
            };
            ended.push(Ended { ids: flight.ids, destination: flight.destination, result });
        }
        ended
    }

    /// The processor has written down what it was told, unless it has forgotten the request since it was sent.
    pub(super) fn persisted(&mut self, platforms: &mut [Platform; 2]) {
        for heard in std::mem::take(&mut self.heard) {
            if heard.anew == self.anew {
                heard.each(platforms, |sale| sale.told = heard.told, |change| change.told = heard.told);
            }
        }
    }

    /// The process is gone, with every answer that it waited for and had not written down.
    pub(super) fn forget(&mut self) {
        self.flying.clear();
        self.heard.clear();
        self.anew = 0;
    }

    /// The processor has begun anew so often, and each time has forgotten what is under way. How often since this was
    /// last told.
    pub(super) fn begun_anew(&mut self, times: u64) -> u64 {
        let before = std::mem::replace(&mut self.anew, times);
        times.saturating_sub(before)
    }

    /// How often the processor has begun anew.
    pub(super) const fn anew(&self) -> u64 {
        self.anew
    }

    pub(super) fn under_way(&self) -> u64 {
        self.flying.len() as u64
    }

    pub(super) fn next_answer(&self) -> Option<Timestamp> {
        self.flying.keys().next().map(|(at, _)| *at)
    }
}

const fn is_silence(result: &Result<Answer, SendFailure>) -> bool {
    matches!(result, Err(SendFailure::Ambiguous(_)))
}

//! What is asked about the time before an order, where what is earned depends on that: of the order that will be decided
//! about, which need not be the one that stands under its key, and in the currency of the value that will be taken.

use units::{Currency, EventId, Money, Timestamp};

use super::book::Arrival;
use super::{Claims, Ground, Known, attribute, merge};
use crate::envelope::Envelope;

/// What is asked about what was earned before an order.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Asked {
    /// The programme.
    pub advertiser_id: u64,
    /// The currency of the order.
    pub currency: Currency,
    /// When the order happened: only what came before it counts.
    pub at: Timestamp,
    /// Of these.
    pub publishers: Vec<u64>,
    /// Without this one, which is the order itself: it is decided about again.
    pub but: Option<EventId>,
}

/// The publishers that `envelope` may credit when it is decided about, where what is earned depends on what they had
/// earned before; and the programme and the time that this is asked of. None where it does not depend on that.
pub fn asks_for_figures(ground: &Ground<'_>, envelope: &Envelope, known: &Known) -> Option<Asked> {
    let arrival = Arrival { envelope, ground, known, now: envelope.received_at };
    let claims = Claims::of(envelope);
    if merge::is_alone(&arrival, &claims) {
        // What stands is another order: this one has its own time, and nothing of its own in the books.
        let known = &Known { standing: None, ..known.clone() };
        return asked(&Arrival { known, ..arrival }, &claims, claims.amount);
    }
    asked(&arrival, &claims, merge::value(&arrival, &claims))
}

/// The same where an arrival that came before is looked at again, at the value that stands.
pub fn asks_again_for_figures(ground: &Ground<'_>, envelope: &Envelope, known: &Known) -> Option<Asked> {
    let arrival = Arrival { envelope, ground, known, now: envelope.received_at };
    let claims = Claims::of(envelope);
    let standing = known.standing.as_ref().and_then(|standing| standing.amount);
    asked(&arrival, &claims, standing.or(claims.amount))
}

fn asked(arrival: &Arrival<'_>, claims: &Claims, amount: Option<Money>) -> Option<Asked> {
    let (advertiser_id, amount) = (claims.advertiser_id?, amount?);
    let (ground, at) = (arrival.ground, arrival.at());
    let version = ground.policy.terms.at(advertiser_id, at);
    if !version.looks_back() {
        return None;
    }
    let advertiser = ground.directory.advertiser(advertiser_id)?;
    let basis = attribute::Basis { advertiser: &advertiser, version, at, amount };
    let publishers = attribute::publishers(arrival, claims, &basis);
    let but = arrival.known.standing.as_ref().map(|standing| standing.event_id);
    Some(Asked { advertiser_id, currency: amount.currency, at, publishers, but })
}

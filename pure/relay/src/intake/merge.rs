//! Another arrival of a conversion that stands.

use attribution::{Credit, posting};
use units::Money;

use super::book::{Arrival, booking};
use super::{Booking, Claims, Correction, Decision, EvidenceKind, Reason, Standing};
use crate::delivery::State;

/// The same money is the same order, seen again; other money is a question for a person.
pub(super) fn merge(arrival: &Arrival<'_>, standing: &Standing) -> Decision {
    let claims = Claims::of(arrival.envelope);
    if claims.amount != standing.amount {
        let reason = conflict(standing.amount, claims.amount);
        return Decision::Conflict { with: standing.event_id, reason };
    }
    Decision::Merge { into: standing.event_id, correction: better(arrival, standing) }
}

/// What an arrival makes better of what stands.
///
/// An arrival that could not be booked by itself still counts as seen; it has nothing better to say.
pub(super) fn better(arrival: &Arrival<'_>, standing: &Standing) -> Option<Box<Correction>> {
    let better = booking(arrival).ok().filter(|booking| improves(booking, standing));
    better.map(|booking| Box::new(correct(booking, standing)))
}

/// True if the arrival has a click where what stands has none.
fn improves(booking: &Booking, standing: &Standing) -> bool {
    // What a person dropped stays dropped, whatever proves it later.
    if standing.state == State::Dropped {
        return false;
    }
    let credited = matches!(booking.credit, Credit::To(_)) && standing.publisher_id.is_none();
    let proven = booking.evidence_kind != EvidenceKind::None && standing.evidence == EvidenceKind::None;
    // A publisher that stands is never taken away by an arrival that names none.
    credited || (proven && standing.publisher_id.is_none())
}

fn correct(booking: Booking, standing: &Standing) -> Correction {
    let postings = standing.postings.as_ref().map(|lines| posting::correction(lines, &booking.postings));
    Correction { postings, in_time: !standing.sent, booking }
}

fn conflict(first: Option<Money>, second: Option<Money>) -> Reason {
    let shown =
        |money: Option<Money>| money.map_or_else(|| "no amount".to_owned(), |money| money.to_string());
    Reason {
        code: "amount_conflict".to_owned(),
        message: format!(
            "the same order came with {} first and with {} now; the first stands: correct it on the platform if \
             the second is right, then discard this one",
            shown(first),
            shown(second)
        ),
        doubt: false,
    }
}

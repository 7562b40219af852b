//! Booking a conversion that is new under its key.

use attribution::{Awarded, CommissionError, Credit, posting};
use tracking::directory::Publisher;
use tracking::migration::Evidence;
use tracking::{Field, Home};
use units::Timestamp;

use super::attribute::{Attribution, Basis, attribute, evidence_kind, wanted_click};
use super::merge::{together, told_again};
use super::{AUTO_VOID, Booking, Claims, Considered, Decision, Ground, Known, Reason, Under, validate};
use crate::envelope::Envelope;
use crate::owner::owner;

/// An arrival with everything that bears on it.
#[derive(Clone, Copy)]
pub(super) struct Arrival<'a> {
    pub(super) envelope: &'a Envelope,
    pub(super) ground: &'a Ground<'a>,
    pub(super) known: &'a Known,
    pub(super) now: Timestamp,
}

impl Arrival<'_> {
    /// When the order happened, as far as is known: one order may arrive more than once.
    pub(super) fn at(&self) -> Timestamp {
        let standing = self.known.standing.as_ref().map(|standing| standing.first_at);
        standing.map_or(self.envelope.received_at, |first| first.min(self.envelope.received_at))
    }

    /// True if the merchant's own rule gave the order to another channel, as this arrival says or one before it.
    fn is_auto_voided(&self) -> bool {
        let standing = self.known.standing.as_ref().is_some_and(|standing| standing.auto_voided);
        standing || self.envelope.event.flag(Field::AutoVoid) == Some(true)
    }
}

/// What is in the way of a booking, with the evidence that was looked at.
pub(super) struct Obstacles {
    pub(super) reasons: Vec<Reason>,
    pub(super) considered: Vec<Considered>,
}

/// A booking as it would be if every map had what it needs.
pub(super) struct Draft {
    pub(super) booking: Booking,
    /// What the new platform cannot be told, because no map has it.
    pub(super) unmapped: Vec<Reason>,
}

pub(super) fn book(arrival: &Arrival<'_>) -> Decision {
    let told = told_again(arrival);
    let arrival = &Arrival { envelope: told.as_ref().unwrap_or(arrival.envelope), ..*arrival };
    // Where it is decided about again, what was known of its journey stays known; and whoever was credited by it is still,
    // unless another click is found now.
    let known = |considered, stands| match &arrival.known.standing {
        Some(itself) => together(considered, stands, itself),
        None => considered,
    };
    match booking(arrival) {
        Ok(booking) => {
            let stands = matches!(booking.credit, Credit::None(_));
            let considered = known(booking.considered, stands);
            Decision::Book(Box::new(Booking { considered, ..booking }))
        }
        Err(Obstacles { reasons, considered }) => held(arrival, reasons, known(considered, false)),
    }
}

/// It is held for these reasons.
pub(super) fn held(arrival: &Arrival<'_>, reasons: Vec<Reason>, considered: Vec<Considered>) -> Decision {
    let wanted_click = wanted_click(arrival, &Claims::of(arrival.envelope));
    Decision::Hold { reasons, considered, wanted_click }
}

/// The booking of an arrival, or everything that is in its way.
pub(super) fn booking(arrival: &Arrival<'_>) -> Result<Booking, Obstacles> {
    let Draft { booking, unmapped } = draft(arrival)?;
    if unmapped.is_empty() {
        return Ok(booking);
    }
    Err(Obstacles { reasons: unmapped, considered: booking.considered })
}

/// The booking of an arrival with what no map has of it, or everything else that is in its way, and that with it.
pub(super) fn draft(arrival: &Arrival<'_>) -> Result<Draft, Obstacles> {
    let claims = Claims::of(arrival.envelope);
    let mut reasons = validate::validate(arrival, &claims);
    let advertiser = claims.advertiser_id.and_then(|id| arrival.ground.directory.advertiser(id));
    let (Some(advertiser), Some(amount)) = (advertiser.as_ref(), claims.amount) else {
        return Err(Obstacles { reasons, considered: Vec::new() });
    };
    let policy = arrival.ground.policy;
    let at = arrival.at();
    let version = policy.terms.at(advertiser.legacy_id, at);
    let found = attribute(arrival, &claims, &Basis { advertiser, version, at, amount });
    let owner = owner(policy.legacy_lives, policy.phase(advertiser), found.click_home);
    // What an edge has sent already has its home, and needs no map any more.
    let sent = arrival.envelope.sent.as_ref();
    let owner = sent.map_or(owner, |sent| sent.home);
    let due_at = due_at(arrival, found.proven);
    let Attribution { evidence, credit, awarded, considered, wanted_click, .. } = found;
    let publisher = credited_publisher(arrival, &credit);
    let told = matches!(evidence, Evidence::Click(_));
    let unmapped = match sent {
        None => validate::mapping(owner, advertiser, told.then_some(&credit), publisher.as_ref()),
        Some(_) => Vec::new(),
    };
    let awarded = earned(awarded, arrival, &mut reasons);
    if reasons.iter().any(|reason| !(reason.doubt && arrival.known.approved)) {
        reasons.extend(unmapped);
        return Err(Obstacles { reasons, considered });
    }
    let shares = awarded.iter().flat_map(|awarded| &awarded.awards);
    let shares = shares.map(|award| (award.touch.publisher_id, award.share));
    let booking = Booking {
        owner,
        amount,
        at,
        evidence_kind: evidence_kind(&evidence, &credit),
        due_at,
        flags: flags(arrival, &claims, &reasons),
        advertiser_primary_id: advertiser.primary_id,
        publisher_primary_id: publisher.and_then(|row| row.primary_id),
        postings: posting::booking(advertiser.legacy_id, shares),
        commission: awarded.as_ref().map(|awarded| awarded.commission),
        evidence,
        credit,
        awarded,
        considered,
        wanted_click,
        under: Under::Key,
    };
    Ok(Draft { booking, unmapped })
}

fn credited_publisher<'a>(arrival: &Arrival<'a>, credit: &Credit) -> Option<Publisher<'a>> {
    match credit {
        Credit::To(candidate) => arrival.ground.directory.publisher(candidate.click.publisher_id),
        Credit::None(_) => None,
    }
}

/// Who earns how much. What the merchant's own rule gave to another channel earns nobody anything in our books; the
/// platform is told of it all the same, with the channel that won.
fn earned(
    awarded: Result<Option<Awarded>, CommissionError>,
    arrival: &Arrival<'_>,
    reasons: &mut Vec<Reason>,
) -> Option<Awarded> {
    let awarded = awarded.unwrap_or_else(|error| {
        let code = match error {
            CommissionError::TooLarge { .. } => "commission_out_of_range",
            CommissionError::OtherCurrency { .. } | CommissionError::Uncounted { .. } => {
                "commission_currency"
            }
        };
        reasons.push(Reason { code: code.to_owned(), message: error.to_string(), doubt: false });
        None
    });
    awarded.filter(|_| !arrival.is_auto_voided())
}

/// Without evidence a conversion waits for its copy that has some: one order commonly arrives raw first. A
/// visitor who refused has no such copy.
fn due_at(arrival: &Arrival<'_>, proven: bool) -> Timestamp {
    let wait = arrival.ground.policy.delivery.evidence_wait;
    // An edge whose clock runs ahead makes nobody wait for it.
    let ready = arrival.envelope.received_at.min(arrival.now).plus(wait);
    if proven { arrival.now } else { ready.max(arrival.now) }
}

fn flags(arrival: &Arrival<'_>, claims: &Claims, overruled: &[Reason]) -> Vec<String> {
    let mut flags = arrival.envelope.problems.clone();
    flags.extend(overruled.iter().map(|reason| reason.code.clone()));
    if arrival.known.resembles.is_some() {
        // Two orders of one click may well be worth the same: a suggestion, which holds nothing up.
        flags.push("resembles_order".to_owned());
    }
    if arrival.envelope.key.is_none() {
        flags.push("no_key".to_owned());
    }
    if claims.amount.is_some_and(|amount| amount.minor == 0) {
        flags.push("zero_amount".to_owned());
    }
    if arrival.is_auto_voided() {
        flags.push(AUTO_VOID.to_owned());
    }
    flags.sort();
    flags.dedup();
    flags
}

/// True if the conversion must be mapped before its owner can be told.
pub(super) const fn needs_mapping(owner: Home) -> bool {
    matches!(owner, Home::Primary)
}

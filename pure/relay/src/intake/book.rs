//! Booking a conversion that is new under its key.

use attribution::{Credit, commission, posting};
use tracking::directory::{Advertiser, Publisher};
use tracking::migration::Evidence;
use tracking::{Field, Home};
use units::{Money, Timestamp};

use super::attribute::{Attribution, attribute, evidence_kind};
use super::{Booking, Claims, Decision, Ground, Known, Reason, validate};
use crate::envelope::Envelope;
use crate::owner::owner;

/// An arrival with everything that bears on it.
pub(super) struct Arrival<'a> {
    pub(super) envelope: &'a Envelope,
    pub(super) ground: &'a Ground<'a>,
    pub(super) known: &'a Known,
    pub(super) now: Timestamp,
}

pub(super) fn book(arrival: &Arrival<'_>) -> Decision {
    match booking(arrival) {
        Ok(booking) => Decision::Book(Box::new(booking)),
        Err(reasons) => Decision::Hold { reasons },
    }
}

/// The booking of an arrival, or everything that is in its way.
pub(super) fn booking(arrival: &Arrival<'_>) -> Result<Booking, Vec<Reason>> {
    let claims = Claims::of(arrival.envelope);
    let mut reasons = validate::validate(arrival, &claims);
    let advertiser = claims.advertiser_id.and_then(|id| arrival.ground.directory.advertiser(id));
    let (Some(advertiser), Some(amount)) = (advertiser.as_ref(), claims.amount) else { return Err(reasons) };
    let found = attribute(arrival, &claims, advertiser);
    let policy = arrival.ground.policy;
    let owner = owner(policy.legacy_lives, policy.phase(advertiser), found.click_home);
    // What an edge has sent already has its home, and needs no map any more.
    let sent = arrival.envelope.sent.as_ref();
    let owner = sent.map_or(owner, |sent| sent.home);
    let due_at = due_at(arrival, found.proven);
    let Attribution { evidence, credit, considered, wanted_click, .. } = found;
    let publisher = credited_publisher(arrival, &credit);
    let told = matches!(evidence, Evidence::Click(_));
    if sent.is_none() {
        reasons.extend(validate::mapping(owner, advertiser, told.then_some(&credit), publisher.as_ref()));
    }
    let commission = match earned(advertiser, &credit, amount) {
        Ok(commission) => commission,
        Err(reason) => {
            reasons.push(reason);
            None
        }
    };
    if reasons.iter().any(|reason| !(reason.doubt && arrival.known.approved)) {
        return Err(reasons);
    }
    let credited = match &credit {
        Credit::To(candidate) => commission.map(|earned| (candidate.click.publisher_id, earned)),
        Credit::None(_) => None,
    };
    Ok(Booking {
        owner,
        amount,
        evidence_kind: evidence_kind(&evidence, &credit),
        due_at,
        flags: flags(arrival, &claims, &reasons),
        advertiser_primary_id: advertiser.primary_id,
        publisher_primary_id: publisher.and_then(|row| row.primary_id),
        postings: posting::booking(advertiser.legacy_id, credited),
        evidence,
        credit,
        commission,
        considered,
        wanted_click,
    })
}

fn credited_publisher<'a>(arrival: &Arrival<'a>, credit: &Credit) -> Option<Publisher<'a>> {
    match credit {
        Credit::To(candidate) => arrival.ground.directory.publisher(candidate.click.publisher_id),
        Credit::None(_) => None,
    }
}

fn earned(advertiser: &Advertiser<'_>, credit: &Credit, amount: Money) -> Result<Option<Money>, Reason> {
    if matches!(credit, Credit::None(_)) {
        return Ok(None);
    }
    let earned = commission(&advertiser.commission, amount);
    earned.map(Some).map_err(|error| Reason {
        code: "commission_out_of_range".to_owned(),
        message: error.to_string(),
        doubt: false,
    })
}

/// Without evidence a conversion waits for its copy that has some: one order commonly arrives raw first. A
/// visitor who refused has no such copy.
fn due_at(arrival: &Arrival<'_>, proven: bool) -> Timestamp {
    let ready = arrival.envelope.received_at.plus(arrival.ground.policy.delivery.evidence_wait);
    if proven { arrival.now } else { ready.max(arrival.now) }
}

fn flags(arrival: &Arrival<'_>, claims: &Claims, overruled: &[Reason]) -> Vec<String> {
    let mut flags = arrival.envelope.problems.clone();
    flags.extend(overruled.iter().map(|reason| reason.code.clone()));
    if arrival.envelope.key.is_none() {
        flags.push("no_key".to_owned());
    }
    if claims.amount.is_some_and(|amount| amount.minor == 0) {
        flags.push("zero_amount".to_owned());
    }
    if arrival.envelope.event.flag(Field::AutoVoid) == Some(true) {
        flags.push("auto_void".to_owned());
    }
    flags.sort();
    flags.dedup();
    flags
}

/// True if the conversion must be mapped before its owner can be told.
pub(super) const fn needs_mapping(owner: Home) -> bool {
    matches!(owner, Home::Primary)
}

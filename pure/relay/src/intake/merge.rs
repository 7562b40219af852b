//! Another arrival of a conversion that stands.

use core::time::Duration;

use attribution::commission::kind;
use attribution::{Credit, Duplicates, Posting, posting};
use tracking::{Field, Value};
use units::Money;
use units::limits::TOUCHES_MAX;

use super::book::{Arrival, Obstacles, booking};
use super::considered::{USED, WEAKER};
use super::{
    Better, Booking, Claims, Considered, Correction, Decision, EvidenceKind, Known, Reason, Standing, Under,
};
use crate::delivery::State;

/// Of the same order or another one with the same reference, as the programme's terms say for its kind.
pub(super) fn merge(arrival: &Arrival<'_>, standing: &Standing) -> Decision {
    let claims = Claims::of(arrival.envelope);
    let terms = &arrival.ground.policy.terms;
    let version = claims.advertiser_id.map(|id| terms.at(id, arrival.at()));
    let policy = version.map(|version| version.duplicates(kind(&arrival.envelope.event))).unwrap_or_default();
    let into = standing.event_id;
    let same_money = claims.amount == standing.amount;
    match policy {
        Duplicates::First => Decision::Merge { into, correction: None },
        Duplicates::Each => alone(arrival, Under::Nothing),
        Duplicates::Window { hours } if is_far(arrival, standing, hours) => {
            let later = arrival.envelope.received_at > standing.received_at;
            alone(arrival, if later { Under::InPlaceOf(into) } else { Under::Nothing })
        }
        Duplicates::Merge if !same_money => {
            let mut envelope = arrival.envelope.clone();
            standing.amount.iter().for_each(|money| envelope.event.set(Field::Amount, Value::Money(*money)));
            let told = Arrival { envelope: &envelope, ..*arrival };
            Decision::Merge { into, correction: better(&told, standing) }
        }
        Duplicates::Latest if !same_money => Decision::Merge { into, correction: latest(arrival, standing) },
        // Its merchant took the order back before anybody could read what it is worth.
        _ if standing.state == State::Dropped && standing.amount.is_none() => {
            Decision::Merge { into, correction: None }
        }
        _ if !same_money => {
            Decision::Conflict { with: into, reason: conflict(standing.amount, claims.amount) }
        }
        // A page that is seen again is one order, even after another click: that click came too late to earn by it.
        _ => Decision::Merge { into, correction: better(arrival, standing) },
    }
}

/// An order of its own, whatever stands under its reference.
fn alone(arrival: &Arrival<'_>, under: Under) -> Decision {
    let known = Known { standing: None, ..arrival.known.clone() };
    match booking(&Arrival { known: &known, ..*arrival }) {
        Ok(booking) => Decision::Book(Box::new(Booking { under, ..booking })),
        Err(Obstacles { reasons, considered }) => Decision::Hold { reasons, considered },
    }
}

fn is_far(arrival: &Arrival<'_>, standing: &Standing, hours: u32) -> bool {
    let (one, other) = (arrival.envelope.received_at, standing.received_at);
    one.since(other).max(other.since(one)) > Duration::from_secs(u64::from(hours).saturating_mul(3600))
}

/// What an arrival makes better of what stands.
///
/// An arrival that could not be booked by itself still counts as seen; it has nothing better to say. What is earned is
/// found out from the evidence of all arrivals together, so that the order in which they come does not matter.
pub(super) fn better(arrival: &Arrival<'_>, standing: &Standing) -> Option<Box<Correction>> {
    let booking = correctable(arrival, standing)?;
    let better = improvement(&booking, standing)?;
    Some(Box::new(corrected(booking, standing, better)))
}

/// The money of whatever was received last is right.
fn latest(arrival: &Arrival<'_>, standing: &Standing) -> Option<Box<Correction>> {
    if arrival.envelope.received_at <= standing.last_at {
        let mut envelope = arrival.envelope.clone();
        standing.amount.iter().for_each(|money| envelope.event.set(Field::Amount, Value::Money(*money)));
        return better(&Arrival { envelope: &envelope, ..*arrival }, standing);
    }
    let booking = correctable(arrival, standing)?;
    let evidence = improvement(&booking, standing) == Some(Better::Evidence);
    let better = if evidence { Better::Evidence } else { Better::Amount };
    Some(Box::new(corrected(booking, standing, better)))
}

/// The booking of all arrivals together, where what stands may still be corrected.
fn correctable(arrival: &Arrival<'_>, standing: &Standing) -> Option<Booking> {
    // What a person dropped stays dropped, and what is locked stays as it is, whatever proves it later.
    let locked = arrival.ground.policy.lock.holds(standing.received_at, arrival.now);
    if standing.state == State::Dropped || locked {
        return None;
    }
    booking(arrival).ok()
}

fn corrected(booking: Booking, standing: &Standing, better: Better) -> Correction {
    let right = |lines: &Vec<Posting>| match better {
        Better::Journey => Vec::new(),
        _ => posting::correction(lines, &booking.postings),
    };
    let postings = standing.postings.as_ref().map(right);
    // What changes nothing comes too late for nobody.
    let in_time = !standing.sent || better == Better::Journey;
    let told = in_time && !matches!(better, Better::Money | Better::Journey);
    let books = told && standing.state == State::Held && postings.is_none() && tells(&booking);
    let stands = matches!(booking.credit, Credit::None(_));
    let considered = together(booking.considered, stands, standing);
    Correction { postings, in_time, better, books, booking: Booking { considered, ..booking } }
}

/// True if the owner can be told of who earns by this arrival alone: a click that only another arrival names is told by
/// that one.
fn tells(booking: &Booking) -> bool {
    let own_id = |piece: &Considered| piece.kind == EvidenceKind::PlatformClickId && piece.outcome == USED;
    let proven = matches!(booking.credit, Credit::To(_)) || booking.considered.iter().any(own_id);
    proven || booking.awarded.is_none()
}

fn improvement(booking: &Booking, standing: &Standing) -> Option<Better> {
    let Some(awarded) = &booking.awarded else {
        let voided = booking.flags.iter().any(|flag| flag == "auto_void");
        if voided && !standing.auto_voided {
            return Some(Better::Void);
        }
        // A publisher that stands is never taken away by an arrival that names none.
        let proven = booking.evidence_kind != EvidenceKind::None && standing.evidence == EvidenceKind::None;
        return (proven && standing.publisher_id.is_none()).then_some(Better::Evidence);
    };
    let own = matches!(booking.credit, Credit::To(_));
    if standing.publisher_id.is_none() && standing.postings.is_some() {
        return own.then_some(Better::Evidence);
    }
    // What is held names nobody yet, and keeps its journey all the same.
    if standing.postings.is_none() && tells(booking) {
        return Some(Better::Evidence);
    }
    // An arrival that names nobody new changes nothing: not even where the terms were edited meanwhile.
    let known = |piece: &Considered| standing.considered.iter().any(|other| other.touch() == piece.touch());
    if booking.considered.iter().all(|piece| piece.touch().is_none() || known(piece)) {
        return None;
    }
    if own && Some(awarded.credited.publisher_id) != standing.publisher_id {
        return Some(Better::Evidence);
    }
    let stands = standing.postings.as_ref().is_none_or(|lines| same_lines(lines, &booking.postings));
    Some(if awarded.model.shares() && !stands { Better::Money } else { Better::Journey })
}

/// True if two sets of lines owe the same to the same.
fn same_lines(one: &[Posting], other: &[Posting]) -> bool {
    let owed = |lines: &[Posting], line: &Posting| {
        let of_it =
            |each: &&Posting| each.account == line.account && each.amount.currency == line.amount.currency;
        lines.iter().filter(of_it).map(|each| i128::from(each.amount.minor)).sum::<i128>()
    };
    one.iter().chain(other).all(|line| owed(one, line) == owed(other, line))
}

/// The evidence of all arrivals: what the arrival has found, and every touch that was known before. What was credited
/// before is so still where it `stands`.
pub(super) fn together(found: Vec<Considered>, stands: bool, standing: &Standing) -> Vec<Considered> {
    let mut pieces = found;
    for known in &standing.considered {
        let told = |piece: &Considered| piece.touch().is_some() && piece.touch() == known.touch();
        if known.touch().is_some() && !pieces.iter().any(told) && pieces.len() < TOUCHES_MAX {
            let outcome =
                if stands || known.outcome != USED { known.outcome.clone() } else { WEAKER.to_owned() };
            // Where nothing of a kind was found, that is no longer so.
            pieces.retain(|piece| !(piece.kind == known.kind && piece.outcome == "absent"));
            pieces.push(Considered { outcome, ..known.clone() });
        }
    }
    super::attribute::in_order(&mut pieces);
    pieces
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

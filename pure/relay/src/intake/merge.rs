//! Another arrival of a conversion that stands.

use core::time::Duration;

use attribution::commission::kind;
use attribution::{Credit, Duplicates, Posting, posting};
use tracking::{Field, Home, Value};
use units::limits::TOUCHES_MAX;
use units::{EventId, Money};

use super::attribute::wanted_click;
use super::book::{Arrival, Draft, Obstacles, booking, draft, held};
use super::considered::{USED, WEAKER};
use super::{
    AUTO_VOID, Better, Booking, Claims, Considered, Correction, Decision, EvidenceKind, Known, Reason,
    Standing, Under,
};
use crate::delivery::State;
use crate::envelope::Envelope;

/// Of the same order or another one with the same reference, as the programme's terms say for its kind.
pub(super) fn merge(arrival: &Arrival<'_>, standing: &Standing) -> Decision {
    let claims = Claims::of(arrival.envelope);
    let into = standing.event_id;
    let same_money = claims.amount == standing.amount;
    let merged = |correction: Option<Box<Correction>>| {
        let wanted_click = wanted_click(arrival, &claims);
        let may_be_sent = may_be_sent(correction.as_deref(), wanted_click.as_deref(), standing);
        Decision::Merge { into, correction, wanted_click, may_be_sent }
    };
    match policy(arrival, &claims) {
        Duplicates::First => ignored(into),
        Duplicates::Each => alone(arrival, Under::Nothing),
        Duplicates::Window { hours } if is_far(arrival, standing, hours) => {
            let later = arrival.envelope.received_at > standing.received_at;
            alone(arrival, if later { Under::InPlaceOf(into) } else { Under::Nothing })
        }
        Duplicates::Merge if !same_money => merged(better_at_its_value(arrival, standing, Look::First)),
        Duplicates::Latest if !same_money => merged(latest(arrival, standing)),
        // Its merchant took the order back before anybody could read what it is worth.
        _ if standing.state == State::Dropped && standing.amount.is_none() => merged(None),
        _ if !same_money => {
            Decision::Conflict { with: into, reason: conflict(standing.amount, claims.amount) }
        }
        // A page that is seen again is one order, even after another click: that click came too late to earn by it.
        _ => merged(better(arrival, standing, Look::First)),
    }
}

/// Whether an arrival is looked at as it comes, or again because more is known.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Look {
    First,
    Again,
}

/// Nothing that it proves ever counts.
const fn ignored(into: EventId) -> Decision {
    Decision::Merge { into, correction: None, wanted_click: None, may_be_sent: false }
}

/// True if the owner may be told by an arrival: because it is better now, because the click that it names may make it so,
/// or because nobody can say before what is held is decided about.
fn may_be_sent(better: Option<&Correction>, wanted_click: Option<&str>, standing: &Standing) -> bool {
    let waits = standing.state == State::Held && standing.postings.is_none();
    better.is_some_and(|better| better.is_sent) || !standing.sent && (wanted_click.is_some() || waits)
}

/// What the terms make of another arrival of an order.
fn policy(arrival: &Arrival<'_>, claims: &Claims) -> Duplicates {
    let terms = &arrival.ground.policy.terms;
    let version = claims.advertiser_id.map(|id| terms.at(id, arrival.at()));
    version.map(|version| version.duplicates(kind(&arrival.envelope.event))).unwrap_or_default()
}

/// True if an arrival is an order of its own beside the one that stands under its key.
pub(super) fn is_alone(arrival: &Arrival<'_>, claims: &Claims) -> bool {
    let Some(standing) = arrival.known.standing.as_ref().filter(|_| !arrival.known.again) else {
        return false;
    };
    match policy(arrival, claims) {
        Duplicates::Each => true,
        Duplicates::Window { hours } => is_far(arrival, standing, hours),
        _ => false,
    }
}

/// The order's value by which an arrival is decided about.
pub(super) fn value(arrival: &Arrival<'_>, claims: &Claims) -> Option<Money> {
    let Some(standing) = &arrival.known.standing else { return claims.amount };
    let came_before = arrival.envelope.received_at <= standing.last_at && !arrival.known.again;
    match policy(arrival, claims) {
        Duplicates::Merge => standing.amount.or(claims.amount),
        Duplicates::Latest if came_before => standing.amount.or(claims.amount),
        _ => claims.amount,
    }
}

/// What an arrival that came before makes better now, because more is known than when it came.
pub(super) fn again(arrival: &Arrival<'_>, standing: &Standing) -> Option<Box<Correction>> {
    let itself = standing.event_id == arrival.envelope.event_id;
    if !itself && policy(arrival, &Claims::of(arrival.envelope)) == Duplicates::First {
        return None;
    }
    better_at_its_value(arrival, standing, Look::Again)
}

/// The envelope as it would be if it said the order's value that stands.
fn at_its_value(envelope: &Envelope, standing: &Standing) -> Envelope {
    let mut envelope = envelope.clone();
    standing.amount.iter().for_each(|money| envelope.event.set(Field::Amount, Value::Money(*money)));
    envelope
}

/// What is held is decided about again by one of its arrivals, which need not be the one whose value the terms take.
pub(super) fn told_again(arrival: &Arrival<'_>) -> Option<Envelope> {
    let standing = arrival.known.standing.as_ref().filter(|_| arrival.known.again)?;
    let merges = policy(arrival, &Claims::of(arrival.envelope)) == Duplicates::Merge;
    merges.then(|| at_its_value(arrival.envelope, standing))
}

/// What an arrival makes better but for the order's value, which stands.
fn better_at_its_value(arrival: &Arrival<'_>, standing: &Standing, look: Look) -> Option<Box<Correction>> {
    let envelope = at_its_value(arrival.envelope, standing);
    let mut better = better(&Arrival { envelope: &envelope, ..*arrival }, standing, look)?;
    // The legacy platform gets the client's own bytes, and those of this arrival say another value.
    let says_other = arrival.envelope.event.money(Field::Amount) != standing.amount;
    if says_other && better.booking.owner == Home::Legacy {
        (better.is_sent, better.books) = (false, false);
    }
    Some(better)
}

/// An order of its own, whatever stands under its reference.
fn alone(arrival: &Arrival<'_>, under: Under) -> Decision {
    let known = Known { standing: None, ..arrival.known.clone() };
    match booking(&Arrival { known: &known, ..*arrival }) {
        Ok(booking) => Decision::Book(Box::new(Booking { under, ..booking })),
        Err(Obstacles { reasons, considered }) => held(arrival, reasons, considered),
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
fn better(arrival: &Arrival<'_>, standing: &Standing, look: Look) -> Option<Box<Correction>> {
    // What is doubtful about an order was settled when it was booked; what is doubtful about an arrival was not.
    let sound = !arrival.envelope.problems.iter().any(|code| tracking::decode::holds(code));
    let approved = arrival.known.approved || sound && standing.postings.is_some();
    let known = &Known { approved, ..arrival.known.clone() };
    let arrival = &Arrival { known, ..*arrival };
    let mut draft = correctable(arrival, standing)?;
    let better = improvement(&draft, standing, look)?;
    if better == Better::Journey {
        draft = as_decided(arrival, standing).unwrap_or(draft);
    }
    Some(Box::new(corrected(draft, standing, better)))
}

/// The same by what was earned before when it was decided who earns: what others earned since is no reason to decide
/// otherwise.
fn as_decided(arrival: &Arrival<'_>, standing: &Standing) -> Option<Draft> {
    let figures = standing.figures.iter().copied().collect();
    let known = Known { figures, ..arrival.known.clone() };
    draft(&Arrival { known: &known, ..*arrival }).ok()
}

/// The money of whatever was received last is right.
fn latest(arrival: &Arrival<'_>, standing: &Standing) -> Option<Box<Correction>> {
    if arrival.envelope.received_at <= standing.last_at {
        return better_at_its_value(arrival, standing, Look::First);
    }
    let draft = correctable(arrival, standing)?;
    let evidence = improvement(&draft, standing, Look::First) == Some(Better::Evidence);
    let better = if evidence { Better::Evidence } else { Better::Amount };
    Some(Box::new(corrected(draft, standing, better)))
}

/// The booking of all arrivals together, where what stands may still be corrected. A click that the new platform could not
/// be told of counts all the same: who earns is a matter of our own books.
fn correctable(arrival: &Arrival<'_>, standing: &Standing) -> Option<Draft> {
    // What a person dropped stays dropped, and what is locked stays as it is, whatever proves it later.
    let locked = arrival.ground.policy.lock.holds(standing.received_at, arrival.now);
    if standing.state == State::Dropped || locked {
        return None;
    }
    draft(arrival).ok()
}

fn corrected(draft: Draft, standing: &Standing, better: Better) -> Correction {
    let Draft { booking, unmapped } = draft;
    let right = |lines: &Vec<Posting>| match better {
        Better::Journey => Vec::new(),
        _ => posting::correction(lines, &booking.postings),
    };
    let postings = standing.postings.as_ref().map(right);
    // What changes nothing comes too late for nobody.
    let in_time = !standing.sent || better == Better::Journey;
    let is_sent = in_time && is_told(better, &booking, standing);
    let silent = matches!(better, Better::Money | Better::Journey);
    let unmapped = if silent { Vec::new() } else { unmapped };
    let held = standing.state == State::Held && standing.postings.is_none();
    let books = is_sent && held && tells(&booking) && unmapped.is_empty();
    let as_it_stands = standing.postings.as_ref().is_none_or(|lines| same_lines(lines, &booking.postings));
    let is_decided_anew = better != Better::Journey || as_it_stands;
    let stands = matches!(booking.credit, Credit::None(_));
    let credited = booking.awarded.as_ref().map(|awarded| awarded.credited.publisher_id);
    let is_proven_elsewhere = stands && credited.is_some() && credited != standing.publisher_id;
    let considered = together(booking.considered, stands, standing);
    let booking = Booking { considered, ..booking };
    Correction {
        booking,
        postings,
        in_time,
        better,
        books,
        is_sent,
        is_decided_anew,
        is_proven_elsewhere,
        unmapped,
    }
}

/// True if the owner is to be told by the arrival that makes it better. What is held is decided about by the arrival that
/// proves its click, even where another one says what it is worth.
pub(super) fn is_told(better: Better, booking: &Booking, standing: &Standing) -> bool {
    match better {
        Better::Money | Better::Journey => false,
        Better::Amount => standing.postings.is_some() || tells(booking),
        Better::Evidence | Better::Void => true,
    }
}

/// True if the owner can be told of who earns by this arrival alone: a click that only another arrival names is told by
/// that one.
fn tells(booking: &Booking) -> bool {
    let own_id = |piece: &Considered| piece.kind == EvidenceKind::PlatformClickId && piece.outcome == USED;
    let proven = matches!(booking.credit, Credit::To(_)) || booking.considered.iter().any(own_id);
    proven || booking.awarded.is_none()
}

fn improvement(draft: &Draft, standing: &Standing, look: Look) -> Option<Better> {
    let Draft { booking, unmapped } = draft;
    let Some(awarded) = &booking.awarded else {
        let voided = booking.flags.iter().any(|flag| flag == AUTO_VOID);
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
    let known = |piece: &Considered| standing.considered.iter().any(|other| other.touch() == piece.touch());
    let names_nobody_new = booking.considered.iter().all(|piece| piece.touch().is_none() || known(piece));
    // What is held names nobody yet, and keeps its journey all the same.
    let waits_on = names_nobody_new && !unmapped.is_empty();
    if standing.postings.is_none() && tells(booking) && !waits_on {
        return Some(Better::Evidence);
    }
    let brings_the_credited = own && Some(awarded.credited.publisher_id) != standing.publisher_id;
    // An arrival that names nobody new changes nothing: not even where the terms were edited meanwhile.
    if names_nobody_new && !(look == Look::Again && brings_the_credited) {
        return None;
    }
    if brings_the_credited {
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

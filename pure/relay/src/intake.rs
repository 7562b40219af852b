//! What the processor makes of an event that arrives.
//!
//! One function of three things: the envelope, the rules in force ([`Ground`]), and what the ledger knows of the same
//! conversion ([`Known`]). It answers with one [`Decision`], which the ledger writes down in the same
//! transaction as the event itself. Nothing is looked up here and nothing is written.
//!
//! The order of the questions matters. An arrival is first held against what *stands* under its key, because
//! a second arrival of a booked order is never a second order. Only then is it validated, because the second
//! arrival need not be complete. What cannot be booked is held with every reason named; nothing becomes zero.

mod again;
mod asks;
mod attribute;
mod book;
mod clicks;
mod considered;
mod merge;
mod validate;

use tracking::dialect::ForeignClickId;
use tracking::directory::Directory;
use tracking::migration::Evidence;
use tracking::{Class, Field, Home, Text, Value};
use units::{EventId, Money, Timestamp};

pub use again::{AgainError, Kept};
pub use asks::{Asked, asks_again_for_figures, asks_for_figures};
pub use attribute::{EvidenceKind, Token, evidence_kind, evidence_kind_of};
use attribution::{Awarded, Credit, Figures, Posting};
pub use clicks::{KeptClick, Origin, click_reference, expires_at};
pub use considered::Considered;

use crate::delivery::State;
use crate::envelope::{Envelope, Purpose};
use crate::policy::{Policy, Snapshot};

/// What the ledger knows that bears on an arrival.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Known {
    /// The conversion that stands under the same key.
    pub standing: Option<Standing>,
    /// Another order reference of the same advertiser, equal to this one as far as the new platform reads.
    pub collides_with: Option<String>,
    /// Another order of the same click, worth the same, at nearly the same time: its reference.
    pub resembles: Option<String>,
    /// The clicks that are held under the ids that the event names.
    pub clicks: Vec<KeptClick>,
    /// What is bound of the voucher codes that the event names.
    pub vouchers: Vec<BoundVoucher>,
    /// What publishers had earned before this order, where its programme's terms ask for that.
    pub figures: Vec<(u64, Figures)>,
    /// True if a person has looked at it and decided that it is to be booked in spite of a doubt.
    pub approved: bool,
    /// True if what stands is the conversion itself, which is decided about again: what is known of it counts, and it is
    /// no second arrival.
    pub again: bool,
}

impl Known {
    /// The same, where the conversion `event_id` is decided about as if it had only come now.
    #[must_use]
    pub fn without(self, event_id: EventId) -> Self {
        let standing = self.standing.filter(|standing| standing.event_id != event_id);
        Self { standing, ..self }
    }

    /// The same, where it is the conversion `event_id` that is decided about again.
    #[must_use]
    pub fn about(self, event_id: EventId) -> Self {
        let again = self.standing.as_ref().is_some_and(|standing| standing.event_id == event_id);
        Self { again, ..self }
    }
}

/// A voucher code that belongs to one publisher.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BoundVoucher {
    /// The programme, by the legacy id.
    pub advertiser_id: u64,
    /// The code, as [`voucher_code`] writes it.
    pub code: String,
    /// Whose it is, by the legacy id.
    pub publisher_id: u64,
    /// From when; none for always.
    pub starts_at: Option<Timestamp>,
    /// Until when, exclusively; none for ever.
    pub ends_at: Option<Timestamp>,
}

impl BoundVoucher {
    /// True if the code belongs to the publisher at `at`.
    pub fn holds_at(&self, at: Timestamp) -> bool {
        self.starts_at.is_none_or(|start| start <= at) && self.ends_at.is_none_or(|end| at < end)
    }
}

/// A voucher code as it is compared: shops differ in letter case and blanks.
pub fn voucher_code(text: &str) -> String {
    text.trim().to_uppercase()
}

/// A conversion that stands under a key.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Standing {
    /// Its event.
    pub event_id: EventId,
    /// Where it stands.
    pub state: State,
    /// Its money; none if it is held for want of it.
    pub amount: Option<Money>,
    /// The credited publisher.
    pub publisher_id: Option<u64>,
    /// What proves its click.
    pub evidence: EvidenceKind,
    /// True if an attempt to deliver it was ever begun, by whomever.
    pub sent: bool,
    /// The lines that are in force for it; none if it is not booked.
    pub postings: Option<Vec<Posting>>,
    /// When it was received.
    pub received_at: Timestamp,
    /// When the first of its arrivals was received, whichever that is.
    pub first_at: Timestamp,
    /// When the last arrival of it was received.
    pub last_at: Timestamp,
    /// The evidence that is known of it.
    pub considered: Vec<Considered>,
    /// True if the merchant's own rule gave it to another channel.
    pub auto_voided: bool,
    /// What the credited publisher had earned before it when it was decided who earns, if that was asked.
    pub figures: Option<(u64, Figures)>,
}

/// One thing that is wrong with an event.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Reason {
    /// The code, for programs.
    pub code: String,
    /// What, where and what to do, for people.
    pub message: String,
    /// True if it is a doubt that a person may overrule; false if something is really missing.
    pub doubt: bool,
}

/// The flag of an order that its merchant's own rule gave to another channel.
pub const AUTO_VOID: &str = "auto_void";

/// The codes of what keeps a conversion held until a map has it.
pub const WAIT_FOR_A_MAP: [&str; 3] = ["unknown_advertiser", "advertiser_unmapped", "publisher_unmapped"];

/// What becomes of an event.
#[derive(Clone, PartialEq, Debug)]
pub enum Decision {
    /// It is no money: recorded, and the click kept if it is one.
    Record {
        /// The click to keep, under each of its ids.
        clicks: Vec<KeptClick>,
    },
    /// Dropped by a declared rule.
    Drop {
        /// The rule's name.
        rule: &'static str,
    },
    /// Waits for a mapping or a decision.
    Hold {
        /// Everything that is in the way, at least one.
        reasons: Vec<Reason>,
        /// The evidence that was looked at, in order: a later arrival is held against it, as if it were booked.
        considered: Vec<Considered>,
        /// A click id that it names and that is not recorded yet: its record may be what it waits for.
        wanted_click: Option<String>,
    },
    /// Another arrival of the conversion that stands.
    Merge {
        /// The conversion that stands.
        into: EventId,
        /// What the arrival makes better.
        correction: Option<Box<Correction>>,
        /// A click id that it names and that is not recorded yet: its record may make more of it better.
        wanted_click: Option<String>,
        /// True if the owner may be told by this arrival, now or later: what is personal in it is kept until then.
        may_be_sent: bool,
    },
    /// The same key with other money; the first stands.
    Conflict {
        /// The conversion that stands.
        with: EventId,
        /// Both amounts, for people.
        reason: Reason,
    },
    /// A conversion to book and to deliver.
    Book(Box<Booking>),
}

impl Decision {
    /// The click id that the event names and that is not recorded yet, if its record may change what becomes of it.
    pub fn wanted_click(&self) -> Option<&str> {
        match self {
            Self::Hold { wanted_click, .. } | Self::Merge { wanted_click, .. } => wanted_click.as_deref(),
            Self::Book(booking) => booking.wanted_click.as_deref(),
            Self::Record { .. } | Self::Drop { .. } | Self::Conflict { .. } => None,
        }
    }
}

/// Everything that booking a conversion writes.
#[derive(Clone, PartialEq, Debug)]
pub struct Booking {
    /// The platform that it belongs to.
    pub owner: Home,
    /// Its money.
    pub amount: Money,
    /// When the order happened, as far as is known: the terms of that time decide.
    pub at: Timestamp,
    /// What proves the click; it picks the endpoint.
    pub evidence: Evidence,
    /// How that evidence is known.
    pub evidence_kind: EvidenceKind,
    /// Whose click the platform is told of, or why of nobody's.
    pub credit: Credit,
    /// Who earns how much in our own books, and why; none if nobody does.
    pub awarded: Option<Awarded>,
    /// The advertiser's id on the new platform.
    pub advertiser_primary_id: Option<u64>,
    /// The credited publisher's id on the new platform.
    pub publisher_primary_id: Option<u64>,
    /// What the order earns, all publishers together.
    pub commission: Option<Money>,
    /// The lines; they sum to zero.
    pub postings: Vec<Posting>,
    /// When it is to be delivered.
    pub due_at: Timestamp,
    /// What is remarkable and does not stop it, by code.
    pub flags: Vec<String>,
    /// The evidence that was looked at, in order.
    pub considered: Vec<Considered>,
    /// A click id that the event names and that is not recorded yet, the first of them: its record may make this better.
    pub wanted_click: Option<String>,
    /// Whether it stands under its key.
    pub under: Under,
}

/// Whether a conversion stands under its key, so that later arrivals are held against it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Under {
    /// It does.
    Key,
    /// It does not: another order stands there.
    Nothing,
    /// It does from now on, and this one does not any more.
    InPlaceOf(EventId),
}

/// What a later arrival makes better.
#[derive(Clone, PartialEq, Debug)]
pub struct Correction {
    /// The booking as it ought to have been.
    pub booking: Booking,
    /// The lines that turn what stands into what is right, empty where it is; none if nothing is booked yet.
    pub postings: Option<Vec<Posting>>,
    /// True if it was not sent yet, so that the owner will be told with the better evidence, or if there is nothing to
    /// tell. False makes it a correction that a person sees.
    pub in_time: bool,
    /// What is better.
    pub better: Better,
    /// True if what stands was held until now, and is booked with the arrival that this comes from.
    pub books: bool,
    /// True if the owner will be told by the arrival that it comes from.
    pub is_sent: bool,
    /// True if who earns how much, and by which touches, is written anew.
    pub is_decided_anew: bool,
    /// True if the click that is credited from now on is one that another arrival brought: the owner is told of it by that.
    pub is_proven_elsewhere: bool,
    /// What the new platform could not be told with the better evidence, because no map has it: with any, what stands
    /// waits for that.
    pub unmapped: Vec<Reason>,
}

impl Correction {
    /// True if all arrivals of the order are to be looked at again: they could not be weighed before, or one of them
    /// brought the click that the owner is to be told of.
    pub const fn asks_for_all(&self) -> bool {
        self.books || self.is_proven_elsewhere
    }
}

/// What a correction makes better.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Better {
    /// The click that the owner is told of, and what is earned by it.
    Evidence,
    /// What is earned alone: the click that the owner is told of stands.
    Money,
    /// What is known of the order's journey alone: nobody earns otherwise by it, until yet another arrival is held
    /// against all of them.
    Journey,
    /// The order's value, and what is earned with it.
    Amount,
    /// The merchant's own rule gave the order to another channel: the owner is told so, and nobody earns.
    Void,
}

/// What the envelope claims about a conversion, for the ledger's look-ups.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Claims {
    /// The legacy advertiser id.
    pub advertiser_id: Option<u64>,
    /// The order's reference, as it was given.
    pub reference: Option<String>,
    /// The order's reference as far as the new platform reads it, if it is that long.
    pub reference_prefix: Option<String>,
    /// The money.
    pub amount: Option<Money>,
    /// The click ids that the event names, at most [`NAMED_MAX`].
    pub click_ids: Vec<String>,
    /// The voucher codes that the event names, as they are compared, at most [`NAMED_MAX`].
    pub vouchers: Vec<String>,
}

/// Most click ids and most voucher codes of one conversion that are looked up. Real ones name one or two.
pub const NAMED_MAX: usize = 8;

impl Claims {
    /// What `envelope` claims.
    pub fn of(envelope: &Envelope) -> Self {
        let event = &envelope.event;
        let reference = event.get(Field::OrderReference).map(|value| value.text().into_string());
        let reference = reference.filter(|text| !text.is_empty());
        let limit = units::limits::ORDER_REFERENCE_CHARS_MAX;
        let prefix = reference.as_deref().filter(|text| text.chars().count() >= limit);
        Self {
            advertiser_id: event.id(Field::AdvertiserId),
            reference_prefix: prefix.map(|text| text.chars().take(limit).collect()),
            reference,
            amount: event.money(Field::Amount),
            click_ids: named(event.get(Field::ClickId).map(Value::text).iter(), str::to_owned),
            vouchers: named(event.list(Field::VoucherCodes).iter(), voucher_code),
        }
    }
}

/// The different parts of lists joined by commas.
fn named<'a>(texts: impl Iterator<Item = &'a Text>, written: impl Fn(&str) -> String) -> Vec<String> {
    let mut parts: Vec<String> = Vec::new();
    for part in texts.flat_map(|text| text.split(',')).map(written).filter(|part| !part.is_empty()) {
        if parts.len() < NAMED_MAX && !parts.contains(&part) {
            parts.push(part);
        }
    }
    parts
}

/// What click ids tell.
pub trait ClickIds {
    /// What `id` tells by its shape alone, if that is the shape of the new platform's own click ids.
    fn primary(&self, id: &str) -> Option<ForeignClickId>;

    /// What `id` is, seen as a token of ours.
    fn token(&self, id: &str) -> Token;
}

impl ClickIds for Snapshot {
    fn primary(&self, id: &str) -> Option<ForeignClickId> {
        self.migration.primary_click_id(id)
    }

    fn token(&self, id: &str) -> Token {
        if !tracking::click_id::Keys::is_token(id) {
            return Token::Other;
        }
        self.secrets.click_id_keys.open(id).map_or(Token::Invalid, Token::Click)
    }
}

/// The rules in force.
#[derive(Clone, Copy)]
pub struct Ground<'a> {
    /// Who is who.
    pub directory: &'a Directory,
    /// What the operator decided.
    pub policy: &'a Policy,
    /// What click ids tell.
    pub click_ids: &'a dyn ClickIds,
}

impl core::fmt::Debug for Ground<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Ground(..)")
    }
}

impl<'a> Ground<'a> {
    /// The rules of `snapshot`.
    pub fn of(snapshot: &'a Snapshot) -> Self {
        Self { directory: &snapshot.directory, policy: &snapshot.policy, click_ids: snapshot }
    }
}

/// Decides about an arrival by the rules of `snapshot`.
pub fn decide_by(snapshot: &Snapshot, envelope: &Envelope, known: &Known, now: Timestamp) -> Decision {
    decide(&Ground::of(snapshot), envelope, known, now)
}

/// What is better now about a conversion that stands, because more is known than when `envelope`, one of its arrivals,
/// came: `known` holds the conversion as what stands, and is approved if what stands is booked from that arrival, whose
/// doubts were settled then. None if nothing is.
pub fn reconsider(
    ground: &Ground<'_>,
    envelope: &Envelope,
    known: &Known,
    now: Timestamp,
) -> Option<Box<Correction>> {
    let standing = known.standing.as_ref()?;
    merge::again(&book::Arrival { envelope, ground, known, now }, standing)
}

/// The click id that `envelope` names and that is not recorded yet, the first of them.
pub fn wanted_click(ground: &Ground<'_>, envelope: &Envelope, known: &Known) -> Option<String> {
    let arrival = book::Arrival { envelope, ground, known, now: envelope.received_at };
    attribute::wanted_click(&arrival, &Claims::of(envelope))
}

/// Decides about an arrival.
pub fn decide(ground: &Ground<'_>, envelope: &Envelope, known: &Known, now: Timestamp) -> Decision {
    match envelope.purpose {
        Purpose::Test => return Decision::Drop { rule: "purpose_test" },
        Purpose::Shadow => return Decision::Drop { rule: "purpose_shadow" },
        Purpose::Live => {}
    }
    match envelope.event.class {
        Class::Conversion => {}
        Class::Adjustment => return hold(vec![adjustment()]),
        Class::Click => return Decision::Record { clicks: clicks::keep(ground, envelope) },
        Class::Impression | Class::Script | Class::Report | Class::Other | Class::Unrecognised => {
            return Decision::Record { clicks: Vec::new() };
        }
    }
    let arrival = book::Arrival { envelope, ground, known, now };
    match known.standing.as_ref().filter(|_| !known.again) {
        Some(standing) => merge::merge(&arrival, standing),
        None => book::book(&arrival),
    }
}

const fn hold(reasons: Vec<Reason>) -> Decision {
    Decision::Hold { reasons, considered: Vec::new(), wanted_click: None }
}

fn adjustment() -> Reason {
    Reason {
        code: "adjustment".to_owned(),
        message:
            "a change of a booked transaction waits for a person: apply it on the platform, then discard it"
                .to_owned(),
        doubt: false,
    }
}

#[cfg(test)]
mod tests;

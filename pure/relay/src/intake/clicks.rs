//! The clicks that are kept, and for how long: what a later conversion may name.

use core::time::Duration;

use tracking::event::Click;
use tracking::postback::is_personal;
use tracking::{Field, Home, click_id};
use units::limits::{
    CLICK_ID_CHARS_MAX, CLICK_MARGIN_DAYS, CLICK_REFERENCE_CHARS_MAX, CLICK_WINDOW_DAYS_MAX,
};
use units::{EventId, Timestamp};

use super::Ground;
use crate::envelope::Envelope;

const DAY: Duration = Duration::from_secs(86_400);

/// How a click came to be known.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum Origin {
    /// An edge of ours saw it.
    Edge,
    /// An edge of ours saw it on its way, under an id that the legacy platform had given it.
    Hop,
    /// An operator imported it.
    Imported,
}

impl Origin {
    /// The origin's name in tables and output.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Edge => "edge",
            Self::Hop => "hop",
            Self::Imported => "imported",
        }
    }

    /// The origin called `name`.
    pub fn parse(name: &str) -> Option<Self> {
        [Self::Edge, Self::Hop, Self::Imported].into_iter().find(|origin| origin.name() == name)
    }
}

/// A click that is kept.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct KeptClick {
    /// The click, with the id that it is kept under.
    pub click: Click,
    /// The platform that knows it; none if only we do.
    pub home: Option<Home>,
    /// How it came to be known.
    pub origin: Origin,
    /// The id of our own for the same click.
    pub alias_of: Option<String>,
    /// The event that it was; none for an imported one.
    pub event_id: Option<EventId>,
    /// The publisher's own reference of it, for its postbacks.
    pub reference: Option<String>,
    /// When it may be forgotten.
    pub expires_at: Timestamp,
}

/// When a click of a publisher for `advertiser_id` at `at` may be forgotten: a margin after the longest window that the
/// directory or the terms give it, because a conversion may come late by an outage.
pub fn expires_at(ground: &Ground<'_>, advertiser_id: u64, publisher_id: u64, at: Timestamp) -> Timestamp {
    let longest = |row| ground.policy.terms.longest_window_days(publisher_id, &row);
    let window = ground.directory.advertiser(advertiser_id).map(longest);
    let days = window.unwrap_or(CLICK_WINDOW_DAYS_MAX).min(CLICK_WINDOW_DAYS_MAX);
    at.plus(DAY.saturating_mul(days.saturating_add(CLICK_MARGIN_DAYS)))
}

/// A publisher's reference as it is kept; none where it is empty, or personal.
pub fn click_reference(text: &str) -> Option<String> {
    let text: String = text.trim().chars().take(CLICK_REFERENCE_CHARS_MAX).collect();
    (!text.is_empty() && !is_personal(&text)).then_some(text)
}

/// What is kept of a click: itself, and the ids under which the legacy platform's own first hop knows it.
pub(super) fn keep(ground: &Ground<'_>, envelope: &Envelope) -> Vec<KeptClick> {
    let Some(click) = envelope.click.as_ref().filter(|_| envelope.consent.permits()) else {
        return Vec::new();
    };
    let advertiser = ground.directory.advertiser(click.advertiser_id);
    let moved = advertiser.is_some_and(|row| ground.policy.phase(&row).owner() == Home::Primary);
    let reference = envelope.event.text(Field::TrackingReference).and_then(click_reference);
    let reference = reference.filter(|_| !envelope.held_an_email(Field::TrackingReference));
    let kept = |click: Click, home, origin, alias_of| KeptClick {
        expires_at: expires_at(ground, click.advertiser_id, click.publisher_id, click.at),
        event_id: Some(envelope.event_id),
        reference: reference.clone(),
        click,
        home,
        origin,
        alias_of,
    };
    // Where nothing has moved, our own id reaches a landing page only if legacy did not answer: legacy does not
    // know that click.
    // A second hop is not another click: the first one was counted, by an edge or before the move.
    let hop = envelope.event.get(Field::HopClickId).is_some();
    let origin = if hop { Origin::Hop } else { Origin::Edge };
    let own = kept(click.clone(), moved.then_some(Home::Primary), origin, None);
    let mut clicks = vec![own];
    for field in [Field::HopClickId, Field::HopSessionId] {
        let id = envelope.event.text(field).filter(|id| is_foreign(id));
        if let Some(id) = id.filter(|id| clicks.iter().all(|kept| kept.click.click_id != **id)) {
            let alias = Click { click_id: id.to_owned(), ..click.clone() };
            clicks.push(kept(alias, Some(Home::Legacy), Origin::Hop, Some(click.click_id.clone())));
        }
    }
    clicks
}

fn is_foreign(id: &str) -> bool {
    !id.is_empty() && id.len() <= CLICK_ID_CHARS_MAX && !click_id::Keys::is_token(id)
}

//! Why did the platform award somebody else?
//!
//! The old platform's decision is made again from what we know and from what the report tells: a publisher that the
//! merchant named, else the last click inside the programme's window, by click id or by cookie. Where that gives the
//! publisher of the report, the rule that gave it is the answer; else the report names evidence that never came here.

use core::time::Duration;

use relay::intake::EvidenceKind;
use tracking::Home;
use units::Timestamp;

use crate::row::{Ours, Theirs, Weighed};

const DAY: Duration = Duration::from_secs(86_400);

/// A report may tell a click by its day alone, and clocks differ by minutes: clicks so close are the same one.
const SAME_CLICK: Duration = Duration::from_secs(300);

/// The rule that gives the platform's publisher where it is not ours.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
pub enum AwardRule {
    /// The merchant named the publisher, which the platform puts first and we put last.
    NamedByMerchant,
    /// A voucher code that is bound to the publisher.
    Voucher,
    /// A later click than the one that we credit; ours is proven better.
    LastClick,
    /// The publisher's click is older than the window of our map: the platform's is longer.
    LongerWindow,
    /// Our click is older than the platform's window: it fell back to another.
    ShorterWindow,
    /// The click came after the sale by our clock.
    ClockSkew,
    /// A click that came here and that our evidence does not count, for the reason told.
    RefusedHere,
    /// The visitor refused: we credit nobody.
    ConsentRefused,
    /// A click that never came through here.
    ClickUnknownHere,
    /// Nobody is credited there: the platform did not know our click or did not accept it.
    NobodyThere,
    /// Nobody is credited there although we sent no evidence either: our credit came later.
    EvidenceLate,
    /// The same publisher under an id that our map does not have.
    UnmappedPublisher,
}

impl AwardRule {
    /// The rule's name in output.
    pub const fn name(self) -> &'static str {
        match self {
            Self::NamedByMerchant => "named_by_merchant",
            Self::Voucher => "voucher",
            Self::LastClick => "last_click",
            Self::LongerWindow => "longer_window",
            Self::ShorterWindow => "shorter_window",
            Self::ClockSkew => "clock_skew",
            Self::RefusedHere => "refused_here",
            Self::ConsentRefused => "consent_refused",
            Self::ClickUnknownHere => "click_unknown_here",
            Self::NobodyThere => "nobody_there",
            Self::EvidenceLate => "evidence_late",
            Self::UnmappedPublisher => "unmapped_publisher",
        }
    }
}

/// Our publisher by the ids of `home`.
pub fn publisher_in(ours: &Ours, home: Home) -> Option<u64> {
    match home {
        Home::Legacy => ours.publisher_id,
        Home::Primary => ours.publisher_primary_id,
    }
}

/// The rule that gives the report's publisher; none if it is ours.
pub fn rule(ours: &Ours, theirs: &Theirs, window_days: u32) -> Option<AwardRule> {
    if !theirs.names_publisher {
        return None;
    }
    let own = publisher_in(ours, theirs.home);
    // Its own click id was passed on: whose click that was, the platform alone knows.
    if own.is_none() && ours.evidence == EvidenceKind::PlatformClickId {
        return None;
    }
    if own == theirs.publisher {
        // Credited here and unknown there by its id: the same nobody for two reasons.
        let unmapped = own.is_none() && ours.publisher_id.is_some();
        return unmapped.then_some(AwardRule::UnmappedPublisher);
    }
    let Some(publisher) = theirs.publisher else {
        let late = matches!(ours.evidence, EvidenceKind::None);
        return Some(if late { AwardRule::EvidenceLate } else { AwardRule::NobodyThere });
    };
    if ours.publisher_id.is_some() && own.is_none() {
        return Some(AwardRule::UnmappedPublisher);
    }
    if refused(ours) {
        return Some(AwardRule::ConsentRefused);
    }
    Some(by_evidence(ours, theirs, publisher, window_days))
}

fn by_evidence(ours: &Ours, theirs: &Theirs, publisher: u64, window_days: u32) -> AwardRule {
    let named = |one: &&Weighed| weighed_publisher(one, theirs.home) == Some(publisher);
    let same_click = |one: &&Weighed| match (one.at, theirs.clicked_at) {
        (Some(here), Some(there)) => here.since(there) <= SAME_CLICK && there.since(here) <= SAME_CLICK,
        _ => true,
    };
    let known = ours.weighed.iter().filter(named);
    let best = known.clone().find(same_click).or_else(|| known.clone().next());
    match best {
        Some(one) if one.kind == EvidenceKind::Named => AwardRule::NamedByMerchant,
        Some(one) if one.kind == EvidenceKind::Voucher => AwardRule::Voucher,
        Some(one) if one.outcome == "click_outside_window" => AwardRule::LongerWindow,
        Some(one) if one.outcome == "click_after_conversion" => AwardRule::ClockSkew,
        Some(one) if one.outcome == "weaker" => by_time(ours, one.at.or(theirs.clicked_at), window_days),
        Some(_) => AwardRule::RefusedHere,
        None => match theirs.clicked_at {
            Some(at) if is_older(at, ours.received_at, window_days) => AwardRule::LongerWindow,
            Some(at) if at > ours.received_at.plus(SAME_CLICK) => AwardRule::ClockSkew,
            _ => AwardRule::ClickUnknownHere,
        },
    }
}

/// Both clicks are known here: which of them the last-click rule prefers.
fn by_time(ours: &Ours, theirs: Option<Timestamp>, window_days: u32) -> AwardRule {
    match (ours.clicked_at, theirs) {
        (Some(own), Some(other)) if other > own => AwardRule::LastClick,
        (Some(own), _) if is_older(own, ours.received_at, window_days) => AwardRule::ShorterWindow,
        (Some(_), Some(_)) => AwardRule::ShorterWindow,
        _ => AwardRule::RefusedHere,
    }
}

fn is_older(click: Timestamp, sale: Timestamp, window_days: u32) -> bool {
    sale.since(click) > DAY.saturating_mul(window_days)
}

fn refused(ours: &Ours) -> bool {
    ours.publisher_id.is_none() && ours.weighed.iter().any(|one| one.outcome == "consent_refused")
}

fn weighed_publisher(one: &Weighed, home: Home) -> Option<u64> {
    match home {
        Home::Legacy => one.publisher_id,
        Home::Primary => one.publisher_primary_id,
    }
}

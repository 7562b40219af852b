//! Which click earns the credit for a conversion.
//!
//! Candidates are ranked by the class of their publisher, since what a shopper need not have noticed never displaces
//! a click; then by what proves them: a token of ours in the request, a click that we hold under the click id that the
//! request names, a voucher that is bound to a publisher, a publisher that a cookie names, and last one that the
//! merchant names, unless the terms say another order. The strongest kind that has a valid click decides; among clicks
//! of one kind the last before the conversion wins. A click is valid if it belongs to the conversion's advertiser and
//! lies in its publisher's window. Nothing is awarded by guessing.

use core::time::Duration;

use tracking::directory::Advertiser;
use tracking::event::Click;
use units::Timestamp;

use crate::terms::Version;

/// How much the clock of another machine may run ahead before its click counts as later than the sale.
const CLOCK_SKEW_MAX: Duration = Duration::from_secs(300);

const SECONDS_PER_DAY: u64 = 86_400;

/// What proves a click, strongest first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
pub enum Proof {
    /// A token that we minted and verified.
    Token,
    /// A click that we hold under the click id that the request names.
    ClickId,
    /// A voucher code that is bound to a publisher. It tells no time of a click.
    Voucher,
    /// A publisher that a cookie names.
    Cookie,
    /// A publisher that the merchant's own call names. It tells no time of a click.
    Named,
}

impl Proof {
    /// Every proof, the strongest first where the terms do not say otherwise.
    pub const ALL: [Self; 5] = [Self::Token, Self::ClickId, Self::Voucher, Self::Cookie, Self::Named];

    /// True if it tells when its click happened.
    pub const fn tells_time(self) -> bool {
        !matches!(self, Self::Voucher | Self::Named)
    }

    /// The proof's name in tables and output.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Token => "token",
            Self::ClickId => "click_id",
            Self::Voucher => "voucher",
            Self::Cookie => "cookie",
            Self::Named => "named_publisher",
        }
    }
}

/// A click that may have led to the conversion.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Candidate {
    /// The click.
    pub click: Click,
    /// What proves it.
    pub proof: Proof,
}

/// Why nobody is credited.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum NoCredit {
    /// No click is known.
    NoClick,
    /// A click is known, and it belongs to another advertiser.
    OtherAdvertiser,
    /// A click is known, and it is older than the window.
    OutsideWindow,
    /// A click is known, and it came after the conversion.
    AfterConversion,
    /// The visitor refused: no identifier may be used.
    ConsentRefused,
}

impl NoCredit {
    /// The reason's name in tables and output.
    pub const fn name(self) -> &'static str {
        match self {
            Self::NoClick => "no_click",
            Self::OtherAdvertiser => "click_of_other_advertiser",
            Self::OutsideWindow => "click_outside_window",
            Self::AfterConversion => "click_after_conversion",
            Self::ConsentRefused => "consent_refused",
        }
    }
}

/// Who is credited, or why nobody is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Credit {
    /// This click's publisher.
    To(Candidate),
    /// Nobody.
    None(NoCredit),
}

/// What was found about one candidate.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Judged {
    /// The candidate.
    pub candidate: Candidate,
    /// Why it cannot be credited; none if it can, whether or not another one is.
    pub objection: Option<NoCredit>,
}

/// Every candidate with what was found about it under the terms in force, the strongest first.
///
/// The order is that of class, proof and time, and of the publishers' ids where all of that is the same: it does not
/// depend on the order in which the candidates were found.
pub fn judge(
    candidates: &[Candidate],
    advertiser: &Advertiser<'_>,
    at: Timestamp,
    version: &Version,
) -> Vec<Judged> {
    let judged = |candidate: &Candidate| {
        let click = &candidate.click;
        let window_days = version.window_days(click.publisher_id, advertiser);
        let of = (click.advertiser_id, click.at);
        Judged {
            objection: objection_to(of, advertiser.legacy_id, at, window_days),
            candidate: candidate.clone(),
        }
    };
    let mut judged: Vec<Judged> = candidates.iter().map(judged).collect();
    judged.sort_by_key(|one| {
        let Candidate { click, proof } = &one.candidate;
        let rank = version.class(click.publisher_id).rank();
        (rank, version.place(*proof), core::cmp::Reverse(click.at), click.publisher_id)
    });
    judged
}

/// The first of the judged candidates that can be credited, else the strongest one's reason.
pub fn winner(judged: &[Judged]) -> Credit {
    match judged.iter().find(|one| one.objection.is_none()) {
        Some(one) => Credit::To(one.candidate.clone()),
        None => {
            let reason = judged.first().and_then(|one| one.objection);
            Credit::None(reason.unwrap_or(NoCredit::NoClick))
        }
    }
}

/// Why a click of `of` at `clicked_at` cannot be credited for a conversion of `advertiser_id` at `at`.
pub fn objection_to(
    (of, clicked_at): (u64, Timestamp),
    advertiser_id: u64,
    at: Timestamp,
    window_days: u32,
) -> Option<NoCredit> {
    let window = Duration::from_secs(u64::from(window_days).saturating_mul(SECONDS_PER_DAY));
    if of != advertiser_id {
        Some(NoCredit::OtherAdvertiser)
    } else if clicked_at > at.plus(CLOCK_SKEW_MAX) {
        Some(NoCredit::AfterConversion)
    } else if at.since(clicked_at) > window {
        Some(NoCredit::OutsideWindow)
    } else {
        None
    }
}

#[cfg(test)]
mod tests;

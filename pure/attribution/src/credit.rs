//! Which click earns the credit for a conversion.
//!
//! Candidates are ranked by what proves them: a token of ours in the request, a click that we hold under the
//! click id that the request names, a voucher that is bound to a publisher, a publisher that a cookie names, and
//! last one that the merchant names. The strongest kind that has a valid click decides; among clicks of one kind
//! the last before the conversion wins. A click is valid if it belongs to the conversion's advertiser and lies in
//! the advertiser's window. Nothing is awarded by guessing.

use core::time::Duration;

use tracking::event::Click;
use units::Timestamp;

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

/// The click that earns the credit for a conversion of `advertiser_id` at `at`, among `candidates`.
///
/// Where no click is valid, the reason is that of the strongest candidate.
pub fn credit(candidates: &[Candidate], advertiser_id: u64, at: Timestamp, window_days: u32) -> Credit {
    winner(&judge(candidates, advertiser_id, at, window_days))
}

/// Every candidate with what was found about it, the strongest first.
pub fn judge(candidates: &[Candidate], advertiser_id: u64, at: Timestamp, window_days: u32) -> Vec<Judged> {
    let judged = |candidate: &Candidate| Judged {
        objection: objection(&candidate.click, advertiser_id, at, window_days),
        candidate: candidate.clone(),
    };
    let mut judged: Vec<Judged> = candidates.iter().map(judged).collect();
    judged.sort_by_key(|one| (one.candidate.proof, core::cmp::Reverse(one.candidate.click.at)));
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

fn objection(click: &Click, advertiser_id: u64, at: Timestamp, window_days: u32) -> Option<NoCredit> {
    objection_to((click.advertiser_id, click.at), advertiser_id, at, window_days)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn candidate(proof: Proof, publisher_id: u64, day: i64) -> Candidate {
        let at = Timestamp::from_seconds(day * 86_400);
        let click = Click { advertiser_id: 1, publisher_id, creative_id: 0, at, click_id: String::new() };
        Candidate { click, proof }
    }

    fn credited(candidates: &[Candidate]) -> Result<u64, NoCredit> {
        match credit(candidates, 1, Timestamp::from_seconds(100 * 86_400), 30) {
            Credit::To(winner) => Ok(winner.click.publisher_id),
            Credit::None(reason) => Err(reason),
        }
    }

    #[test]
    fn the_strongest_proof_decides_and_then_the_last_click() {
        use Proof::{ClickId, Cookie, Named, Token, Voucher};
        let cases: [(&[Candidate], Result<u64, NoCredit>); 9] = [
            (&[], Err(NoCredit::NoClick)),
            (&[candidate(Cookie, 3, 99), candidate(Token, 1, 80)], Ok(1)),
            (&[candidate(ClickId, 2, 80), candidate(ClickId, 4, 90)], Ok(4)),
            (&[candidate(Token, 1, 60), candidate(Cookie, 3, 99)], Ok(3)),
            (&[candidate(Voucher, 2, 100), candidate(ClickId, 4, 90)], Ok(4)),
            (&[candidate(Cookie, 3, 99), candidate(Voucher, 2, 100)], Ok(2)),
            (&[candidate(Named, 5, 100), candidate(Cookie, 3, 99)], Ok(3)),
            (&[candidate(Token, 1, 69)], Err(NoCredit::OutsideWindow)),
            (&[candidate(Token, 1, 101)], Err(NoCredit::AfterConversion)),
        ];
        for (candidates, expected) in cases {
            assert_eq!(credited(candidates), expected, "{candidates:?}");
        }
    }

    #[test]
    fn the_last_moment_of_the_window_counts() {
        assert_eq!(credited(&[candidate(Proof::Token, 1, 70)]), Ok(1));
        let mut foreign = candidate(Proof::Token, 1, 99);
        foreign.click.advertiser_id = 2;
        assert_eq!(credited(&[foreign]), Err(NoCredit::OtherAdvertiser));
    }

    proptest! {
        #[test]
        fn the_order_of_arrival_does_not_matter(
            seeds in prop::collection::vec((0_u8..5, 0_i64..110), 1..8), turn in 0_usize..8
        ) {
            let kinds = [Proof::Token, Proof::ClickId, Proof::Voucher, Proof::Cookie, Proof::Named];
            let proof = |n| kinds[usize::from(n)];
            let mut candidates: Vec<Candidate> =
                seeds.iter().map(|&(kind, day)| candidate(proof(kind), u64::try_from(day).unwrap(), day)).collect();
            let before = credited(&candidates).ok();
            let places = candidates.len();
            candidates.rotate_left(turn % places);
            prop_assert_eq!(credited(&candidates).ok(), before);
        }
    }
}

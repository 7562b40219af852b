//! Which click earns the credit for a conversion.
//!
//! Candidates are ranked by what proves them: a token of ours in the request, a click that we hold under the
//! click id that the request names, and last a publisher that a cookie names. The strongest kind that has a
//! valid click decides; among clicks of one kind the last before the conversion wins. A click is valid if it
//! belongs to the conversion's advertiser and lies in the advertiser's window. Nothing is awarded by guessing.

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
    /// A publisher that a cookie names.
    Cookie,
}

impl Proof {
    /// The proof's name in tables and output.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Token => "token",
            Self::ClickId => "click_id",
            Self::Cookie => "cookie",
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

/// The click that earns the credit for a conversion of `advertiser_id` at `at`, among `candidates`.
///
/// Where no click is valid, the reason is that of the strongest candidate.
pub fn credit(candidates: &[Candidate], advertiser_id: u64, at: Timestamp, window_days: u32) -> Credit {
    let mut ranked: Vec<&Candidate> = candidates.iter().collect();
    ranked.sort_by_key(|candidate| (candidate.proof, core::cmp::Reverse(candidate.click.at)));
    let mut reason = None;
    for candidate in ranked {
        match objection(&candidate.click, advertiser_id, at, window_days) {
            None => return Credit::To(candidate.clone()),
            Some(objection) => reason = reason.or(Some(objection)),
        }
    }
    Credit::None(reason.unwrap_or(NoCredit::NoClick))
}

fn objection(click: &Click, advertiser_id: u64, at: Timestamp, window_days: u32) -> Option<NoCredit> {
    let window = Duration::from_secs(u64::from(window_days).saturating_mul(SECONDS_PER_DAY));
    if click.advertiser_id != advertiser_id {
        Some(NoCredit::OtherAdvertiser)
    } else if click.at > at.plus(CLOCK_SKEW_MAX) {
        Some(NoCredit::AfterConversion)
    } else if at.since(click.at) > window {
        Some(NoCredit::OutsideWindow)
    } else {
        None
    }
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
        use Proof::{ClickId, Cookie, Token};
        let cases: [(&[Candidate], Result<u64, NoCredit>); 6] = [
            (&[], Err(NoCredit::NoClick)),
            (&[candidate(Cookie, 3, 99), candidate(Token, 1, 80)], Ok(1)),
            (&[candidate(ClickId, 2, 80), candidate(ClickId, 4, 90)], Ok(4)),
            (&[candidate(Token, 1, 60), candidate(Cookie, 3, 99)], Ok(3)),
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
            seeds in prop::collection::vec((0_u8..3, 0_i64..110), 1..8), turn in 0_usize..8
        ) {
            let proof = |n| [Proof::Token, Proof::ClickId, Proof::Cookie][usize::from(n)];
            let mut candidates: Vec<Candidate> =
                seeds.iter().map(|&(kind, day)| candidate(proof(kind), u64::try_from(day).unwrap(), day)).collect();
            let before = credited(&candidates).ok();
            let places = candidates.len();
            candidates.rotate_left(turn % places);
            prop_assert_eq!(credited(&candidates).ok(), before);
        }
    }
}

//! One owner: the one platform that a conversion belongs to.
//!
//! While the legacy platform lives, a conversion follows its click's platform: only the platform that saw the
//! click can credit it by its own means, and a merchant's move must not lose the clicks that were made before
//! it. Where no click's platform is known, its merchant's wave decides. Once legacy has closed, everything
//! belongs to the primary, which is told of an old click by what was imported of it.

use tracking::Home;

use crate::delivery::State;
use crate::policy::Phase;

/// The owner of a conversion.
///
/// `click` is the platform on which its click is known to have happened; none for a click that only we know,
/// and for no click at all.
pub const fn owner(legacy_lives: bool, phase: Phase, click: Option<Home>) -> Home {
    match (legacy_lives, phase, click) {
        (false, _, _) | (true, Phase::Closed, _) => Home::Primary,
        (true, _, Some(home)) => home,
        (true, phase, None) => phase.owner(),
    }
}

/// A conversion, as far as a change of its owner is concerned.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Owned {
    /// Where it stands.
    pub state: State,
    /// Whom it belongs to; none while that is not decided.
    pub owner: Option<Home>,
    /// True if an attempt may have been processed.
    pub may_have_arrived: bool,
    /// True while the client's own request is kept: the old platform gets nothing else.
    pub original_kept: bool,
    /// True if its merchant has changed it since it came.
    pub changed_by_merchant: bool,
}

/// Why an owner must not be changed.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
pub enum Refusal {
    /// An attempt is under way.
    InFlight,
    /// An attempt may have been processed: the change could make two bookings of it.
    MayHaveArrived,
    /// It does not wait to be sent.
    NotQueued,
    /// The old platform takes no conversions any more.
    LegacyClosed,
    /// The client's own request is not kept any more.
    OriginalErased,
    /// The old platform would be told what the client sent, and not what its merchant made of it.
    ChangedByMerchant,
    /// The advertiser has no id on the new platform.
    Unmapped,
}

impl Refusal {
    /// Every refusal.
    pub const ALL: [Self; 7] = [
        Self::InFlight,
        Self::MayHaveArrived,
        Self::NotQueued,
        Self::LegacyClosed,
        Self::OriginalErased,
        Self::ChangedByMerchant,
        Self::Unmapped,
    ];

    /// The refusal's name in output.
    pub const fn name(self) -> &'static str {
        match self {
            Self::InFlight => "in_flight",
            Self::MayHaveArrived => "may_have_arrived",
            Self::NotQueued => "not_queued",
            Self::LegacyClosed => "legacy_closed",
            Self::OriginalErased => "original_erased",
            Self::ChangedByMerchant => "changed_by_merchant",
            Self::Unmapped => "advertiser_unmapped",
        }
    }

    /// What is wrong and what to do, for people.
    pub const fn message(self) -> &'static str {
        match self {
            Self::InFlight => "an attempt is under way: order it again when that has ended",
            Self::MayHaveArrived => {
                "an attempt may have been processed, so that it belongs where it is: two bookings are worse than a \
                 late one. Look for it in the owner's report"
            }
            Self::NotQueued => "it does not wait to be sent: redrive it first, if it never arrived",
            Self::LegacyClosed => "the policy says that the old platform is closed",
            Self::OriginalErased => {
                "the client's own request, which is all the old platform reads, is erased"
            }
            Self::ChangedByMerchant => {
                "its merchant has changed it, and the old platform would be told what it was before"
            }
            Self::Unmapped => "its advertiser has no id on the new platform: map it first",
        }
    }
}

/// Whether a person may give a conversion to another platform: only while it is certain that nothing of it has
/// arrived where it belongs now.
///
/// # Errors
/// Why it must not be changed.
pub fn may_change(owned: &Owned, to: Home, legacy_lives: bool, mapped: bool) -> Result<(), Refusal> {
    match owned.state {
        State::InFlight => return Err(Refusal::InFlight),
        State::Unknown => return Err(Refusal::MayHaveArrived),
        State::Queued if owned.may_have_arrived => return Err(Refusal::MayHaveArrived),
        State::Queued => {}
        _ => return Err(Refusal::NotQueued),
    }
    match to {
        Home::Legacy if !legacy_lives => Err(Refusal::LegacyClosed),
        Home::Legacy if owned.changed_by_merchant => Err(Refusal::ChangedByMerchant),
        Home::Legacy if !owned.original_kept => Err(Refusal::OriginalErased),
        Home::Primary if !mapped => Err(Refusal::Unmapped),
        Home::Legacy | Home::Primary => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WAITS: Owned = Owned {
        state: State::Queued,
        owner: Some(Home::Primary),
        may_have_arrived: false,
        original_kept: true,
        changed_by_merchant: false,
    };

    #[test]
    fn i4_only_what_certainly_did_not_arrive_may_be_given_away() {
        for state in State::ALL {
            for may_have_arrived in [false, true] {
                let owned = Owned { state, may_have_arrived, ..WAITS };
                let allowed = state == State::Queued && !may_have_arrived;
                for to in Home::ALL {
                    assert_eq!(may_change(&owned, to, true, true).is_ok(), allowed, "{owned:?}");
                }
            }
        }
    }

    #[test]
    fn each_refusal_has_its_reason() {
        use Home::{Legacy, Primary};
        let cases = [
            (Owned { state: State::InFlight, ..WAITS }, Legacy, true, true, Refusal::InFlight),
            (Owned { state: State::Unknown, ..WAITS }, Legacy, true, true, Refusal::MayHaveArrived),
            (Owned { may_have_arrived: true, ..WAITS }, Legacy, true, true, Refusal::MayHaveArrived),
            (Owned { state: State::Confirmed, ..WAITS }, Legacy, true, true, Refusal::NotQueued),
            (WAITS, Legacy, false, true, Refusal::LegacyClosed),
            (Owned { original_kept: false, ..WAITS }, Legacy, true, true, Refusal::OriginalErased),
            (Owned { changed_by_merchant: true, ..WAITS }, Legacy, true, true, Refusal::ChangedByMerchant),
            (WAITS, Primary, true, false, Refusal::Unmapped),
        ];
        for (owned, to, lives, mapped, refusal) in cases {
            assert_eq!(may_change(&owned, to, lives, mapped), Err(refusal));
        }
        assert_eq!(may_change(&WAITS, Primary, false, true), Ok(()), "to the new one it needs no original");
    }

    #[test]
    fn every_case() {
        use Home::{Legacy, Primary};
        use Phase::{Closed, Moved, Observe, Shadow};
        let cases = [
            (true, Observe, None, Legacy, "nothing has moved"),
            (true, Observe, Some(Legacy), Legacy, "nothing has moved"),
            (true, Observe, Some(Primary), Primary, "clicked before a wave was taken back"),
            (true, Shadow, None, Legacy, "compared, not moved"),
            (true, Shadow, Some(Legacy), Legacy, "compared, not moved"),
            (true, Shadow, Some(Primary), Primary, "clicked before a wave was taken back"),
            (true, Moved, None, Primary, "the wave decides"),
            (true, Moved, Some(Legacy), Legacy, "clicked before the move: only legacy can credit it"),
            (true, Moved, Some(Primary), Primary, "clicked after the move"),
            (true, Closed, None, Primary, "legacy is gone for this wave"),
            (true, Closed, Some(Legacy), Primary, "told by what was imported of the click"),
            (true, Closed, Some(Primary), Primary, "legacy is gone for this wave"),
            (false, Observe, None, Primary, "legacy is gone: `check` refuses such a wave"),
            (false, Shadow, Some(Legacy), Primary, "legacy is gone: `check` refuses such a wave"),
            (false, Moved, Some(Legacy), Primary, "told by what was imported of the click"),
            (false, Moved, None, Primary, "the wave decides"),
            (false, Closed, Some(Primary), Primary, "the wave decides"),
        ];
        for (lives, phase, click, expected, why) in cases {
            assert_eq!(owner(lives, phase, click), expected, "{lives} {phase:?} {click:?}: {why}");
        }
    }
}

//! One owner: the one platform that a conversion belongs to.
//!
//! While the legacy platform lives, a conversion follows its click's platform: only the platform that saw the
//! click can credit it by its own means, and a merchant's move must not lose the clicks that were made before
//! it. Where no click's platform is known, its merchant's wave decides. Once legacy has closed, everything
//! belongs to the primary, which is told of an old click by what was imported of it.

use tracking::Home;

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

#[cfg(test)]
mod tests {
    use super::*;

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

use proptest::prelude::*;
use tracking::directory::{Commission, Domains, Programme};
use tracking::event::Click;
use units::Currency;

use super::*;
use crate::Terms;
use crate::credit::{Candidate, Credit, judge, winner};

pub(crate) fn advertiser(window_days: u32) -> Advertiser<'static> {
    Advertiser {
        legacy_id: 1,
        primary_id: None,
        name: "".into(),
        landing_url: "".into(),
        domains: Domains::default(),
        wave: "".into(),
        programme: Programme::Online,
        currency: Currency::USD,
        window_days,
        commission: Commission::Percent { basis_points: 1000 },
        deduplicates: false,
    }
}

pub(crate) const AT: Timestamp = Timestamp::from_seconds(100 * 86_400);

pub(crate) fn touch(proof: Proof, publisher_id: u64, day: i64) -> Touch {
    let at = proof.tells_time().then(|| Timestamp::from_seconds(day * 86_400));
    Touch { proof, publisher_id, at }
}

fn journey(touches: &[Touch]) -> Vec<(u64, Proof)> {
    let journey = Journey::new(touches, &advertiser(30), AT, &Version::default());
    journey.touches().iter().map(|touch| (touch.publisher_id, touch.proof)).collect()
}

use Proof::{ClickId, Cookie, Named, Token, Voucher};

#[test]
fn a_journey_is_told_from_the_first_to_the_last() {
    for (touches, expected) in [
        (vec![], vec![]),
        (vec![touch(Cookie, 3, 99), touch(Token, 1, 80)], vec![(1, Token), (3, Cookie)]),
        (vec![touch(Token, 1, 69), touch(Token, 2, 101), touch(Token, 3, 70)], vec![(3, Token)]),
        // The cookie remembers the click that the token carries.
        (vec![touch(Cookie, 1, 80), touch(Token, 1, 80)], vec![(1, Token)]),
        (vec![touch(Token, 1, 80), touch(Token, 1, 81)], vec![(1, Token), (1, Token)]),
        // What tells no time says who.
        (vec![touch(Voucher, 1, 0), touch(Cookie, 2, 99)], vec![(2, Cookie), (1, Voucher)]),
        (vec![touch(Named, 1, 0), touch(Cookie, 1, 99)], vec![(1, Cookie)]),
        (
            vec![touch(Voucher, 1, 0), touch(Cookie, 1, 90), touch(Cookie, 1, 99)],
            vec![(1, Cookie), (1, Voucher)],
        ),
        (vec![touch(Voucher, 1, 0), touch(Named, 1, 0)], vec![(1, Voucher)]),
    ] {
        assert_eq!(journey(&touches), expected, "{touches:?}");
    }
}

#[test]
fn weights_follow_the_model() {
    let touches = [touch(ClickId, 1, 86), touch(Token, 2, 90), touch(Cookie, 3, 93), touch(Token, 4, 95)];
    let journey = Journey::new(&touches, &advertiser(30), AT, &Version::default());
    for (model, weights, credited) in [
        (Model::LastClick, vec![0, 0, 0, 1], 4),
        (Model::FirstClick, vec![0, 1, 0, 0], 2),
        (Model::Linear, vec![1, 1, 1, 1], 4),
        (Model::Position, vec![4, 1, 1, 4], 4),
    ] {
        assert_eq!(journey.weights(model, AT), weights, "{model:?}");
        let place = journey.credited(&weights, &Version::default()).unwrap();
        assert_eq!(journey.touches()[place].publisher_id, credited, "{model:?}");
    }
    let decay = journey.weights(Model::TimeDecay, AT);
    assert!(decay.is_sorted_by(|earlier, later| earlier < later));
    assert_eq!((decay[0], decay[2]), (1 << 60, 1 << 61), "two weeks and one");
}

#[test]
fn the_platform_is_told_of_the_publisher_that_weighs_most() {
    let touches = [touch(Token, 1, 80), touch(Token, 2, 90), touch(Token, 1, 95), touch(Cookie, 3, 99)];
    let journey = Journey::new(&touches, &advertiser(30), AT, &Version::default());
    let weights = journey.weights(Model::Linear, AT);
    assert_eq!(
        journey.credited(&weights, &Version::default()),
        Some(2),
        "two touches of four, the later of them"
    );
    assert_eq!(journey.credited(&[4, 0, 0, 4], &Version::default()), Some(3), "of equal ones the later");
    assert_eq!(
        journey.credited(&[5, 0, 0, 4], &Version::default()),
        Some(0),
        "a touch that weighs something"
    );
    assert_eq!(Journey::default().credited(&[], &Version::default()), None);
}

fn any_touch() -> impl Strategy<Value = Touch> {
    (0_usize..5, 1_u64..6, 60_i64..103)
        .prop_map(|(proof, publisher, day)| touch(Proof::ALL[proof], publisher, day))
}

const CLASSES: &str = "[[terms]]\n[[terms.publisher]]\nids = [4]\nclass = \"soft\"\n[[terms.publisher]]\nids = [5]\n\
    class = \"incentive\"\nwindow_days = 9\n";

proptest! {
    /// Two ways to find the last click agree: the one that a delivery tells, and the one that earns.
    #[test]
    fn the_last_click_is_the_winner(touches in prop::collection::vec(any_touch(), 0..9), classes: bool) {
        let terms = if classes { Terms::load("terms.toml", CLASSES).unwrap() } else { Terms::default() };
        let version = terms.at(1, AT);
        let candidate = |touch: &Touch| {
            let at = touch.at.unwrap_or(AT);
            let click =
                Click { advertiser_id: 1, publisher_id: touch.publisher_id, creative_id: 0, at, click_id: String::new() };
            Candidate { click, proof: touch.proof }
        };
        let candidates: Vec<Candidate> = touches.iter().map(candidate).collect();
        let won = match winner(&judge(&candidates, &advertiser(30), AT, version)) {
            Credit::To(candidate) => Some((candidate.click.publisher_id, candidate.proof)),
            Credit::None(_) => None,
        };
        let journey = Journey::new(&touches, &advertiser(30), AT, version);
        let credited = journey.credited(&journey.weights(Model::LastClick, AT), version);
        let credited = credited.map(|place| journey.touches()[place]);
        prop_assert_eq!(credited.map(|touch| (touch.publisher_id, touch.proof)), won);
    }

    #[test]
    fn a_journey_is_a_set(mut touches in prop::collection::vec(any_touch(), 0..9), turn in 0_usize..9) {
        let before = Journey::new(&touches, &advertiser(30), AT, &Version::default());
        let places = touches.len().max(1);
        touches.rotate_left(turn % places);
        touches.extend_from_within(..places.min(touches.len()).min(3));
        prop_assert_eq!(Journey::new(&touches, &advertiser(30), AT, &Version::default()), before);
    }
}

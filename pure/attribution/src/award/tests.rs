use proptest::prelude::*;
use tracking::{Class, Field, Value};
use units::Currency;

use super::*;
use crate::Terms;
use crate::credit::Proof::{self, Cookie, Token, Voucher};
use crate::journey::tests::{AT, advertiser, touch};

fn usd(minor: i64) -> Money {
    Money::from_minor(minor, Currency::USD)
}

fn awarded(model: Model, minor: i64, touches: &[Touch]) -> Option<Awarded> {
    let (terms, event) = (Terms::default(), Event::new(Class::Conversion));
    let advertiser = advertiser(30);
    let version = terms.at(1, AT);
    let case =
        Case { event: &event, amount: usd(minor), at: AT, advertiser: &advertiser, version, figures: &[] };
    case.award_by(model, touches).unwrap()
}

fn shares(awarded: &Awarded) -> Vec<(u64, i64)> {
    awarded.awards.iter().map(|award| (award.touch.publisher_id, award.share.minor)).collect()
}

/// 10 % of 100.00, four touches: worked by hand.
#[test]
fn worked_numbers() {
    let touches = [touch(Token, 1, 86), touch(Token, 2, 93), touch(Cookie, 3, 93), touch(Token, 4, 100)];
    for (model, expected) in [
        (Model::LastClick, vec![(4, 1000)]),
        (Model::FirstClick, vec![(1, 1000)]),
        (Model::Linear, vec![(1, 250), (3, 250), (2, 250), (4, 250)]),
        (Model::Position, vec![(1, 400), (3, 100), (2, 100), (4, 400)]),
        // 1/4, 1/2, 1/2 and 1 of 9/4: 111.1, 222.2, 222.2 and 444.4; the last unit to the largest remainder.
        (Model::TimeDecay, vec![(1, 111), (3, 222), (2, 222), (4, 445)]),
    ] {
        let awarded = awarded(model, 10_000, &touches).unwrap();
        assert_eq!(shares(&awarded), expected, "{model:?}");
        assert_eq!((awarded.commission, awarded.model), (usd(1000), model));
        assert_eq!(awarded.rules, ["directory"]);
    }
}

#[test]
fn a_publisher_has_one_award() {
    let touches = [touch(Token, 1, 90), touch(Cookie, 2, 95), touch(Cookie, 1, 99)];
    let awarded = awarded(Model::Linear, 10_000, &touches).unwrap();
    assert_eq!(shares(&awarded), [(1, 667), (2, 333)]);
    assert_eq!(awarded.awards.iter().map(|award| award.touches).collect::<Vec<_>>(), [2, 1]);
    assert_eq!(awarded.credited, touch(Token, 1, 90), "the strongest proof of the one that weighs most");
    assert_eq!(awarded.awards[0].touch, touch(Token, 1, 90));
}

#[test]
fn without_a_valid_touch_nobody_earns() {
    assert_eq!(awarded(Model::Linear, 100, &[]), None);
    assert_eq!(awarded(Model::LastClick, 100, &[touch(Token, 1, 60)]), None);
}

#[test]
fn what_was_earned_before_is_the_credited_publishers() {
    let text = "[[terms]]\n[[terms.rule]]\nname = \"scale\"\ntiers_by = \"orders\"\n\
        tiers = [{ percent = \"1\" }, { from = 3, percent = \"2\" }]\n";
    let (terms, event, advertiser) =
        (Terms::load("terms.toml", text).unwrap(), Event::new(Class::Conversion), advertiser(30));
    let figures =
        [(1, Figures { orders: 9, ..Figures::default() }), (2, Figures { orders: 2, ..Figures::default() })];
    let version = terms.at(1, AT);
    let case = Case {
        event: &event,
        amount: usd(10_000),
        at: AT,
        advertiser: &advertiser,
        version,
        figures: &figures,
    };
    let earned = |publisher| {
        let awarded = case.award(&[touch(Token, publisher, 99)]).unwrap().unwrap();
        (awarded.commission.minor, awarded.figures.orders)
    };
    assert_eq!([earned(1), earned(2), earned(3)], [(200, 9), (100, 2), (100, 0)]);
}

proptest! {
    /// The parts are the whole, under every model and for every journey.
    #[test]
    fn the_shares_are_the_commission(
        minor in 0_i64..1_000_000_000,
        seeds in prop::collection::vec((0_usize..5, 1_u64..6, 65_i64..100), 1..12),
        model in 0_usize..5,
    ) {
        let touches: Vec<Touch> =
            seeds.iter().map(|&(proof, publisher, day)| touch(Proof::ALL[proof], publisher, day)).collect();
        if let Some(awarded) = awarded(Model::ALL[model], minor, &touches) {
            let sum: i64 = awarded.awards.iter().map(|award| award.share.minor).sum();
            prop_assert_eq!(sum, awarded.commission.minor);
            let of = |publisher| awarded.awards.iter().filter(|award| award.touch.publisher_id == publisher).count();
            prop_assert!(awarded.awards.iter().all(|award| of(award.touch.publisher_id) == 1));
            let most = awarded.awards.iter().map(|award| award.share.minor).max().unwrap();
            let credited = awarded.credited.publisher_id;
            let own = awarded.awards.iter().find(|award| award.touch.publisher_id == credited).unwrap();
            // Rounding moves a share by less than a unit for each of its touches.
            prop_assert!(most - own.share.minor <= 12);
        }
    }
}

#[test]
fn a_voucher_stands_for_the_order_itself() {
    let touches = [touch(Voucher, 1, 0), touch(Cookie, 2, 95)];
    assert_eq!(shares(&awarded(Model::LastClick, 10_000, &touches).unwrap()), [(1, 1000)]);
    assert_eq!(shares(&awarded(Model::Position, 10_000, &touches).unwrap()), [(2, 500), (1, 500)]);
    let with_field = {
        let mut event = Event::new(Class::Conversion);
        event.set(Field::ConversionType, Value::Text("lead".into()));
        event
    };
    assert_eq!(crate::commission::kind(&with_field), "lead");
}

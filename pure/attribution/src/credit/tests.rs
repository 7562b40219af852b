use proptest::prelude::*;

use super::*;

fn candidate(proof: Proof, publisher_id: u64, day: i64) -> Candidate {
    let at = Timestamp::from_seconds(day * 86_400);
    let click = Click { advertiser_id: 1, publisher_id, creative_id: 0, at, click_id: String::new() };
    Candidate { click, proof }
}

fn advertiser(window_days: u32) -> Advertiser<'static> {
    crate::journey::tests::advertiser(window_days)
}

fn credited_under(candidates: &[Candidate], version: &Version) -> Result<u64, NoCredit> {
    match winner(&judge(candidates, &advertiser(30), Timestamp::from_seconds(100 * 86_400), version)) {
        Credit::To(winner) => Ok(winner.click.publisher_id),
        Credit::None(reason) => Err(reason),
    }
}

fn credited(candidates: &[Candidate]) -> Result<u64, NoCredit> {
    credited_under(candidates, &Version::default())
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

#[test]
fn what_a_shopper_need_not_have_noticed_never_displaces_a_click() {
    use Proof::{Cookie, Token, Voucher};
    let terms = "[[terms]]\n[[terms.publisher]]\nids = [7]\nclass = \"soft\"\n[[terms.publisher]]\nids = [8]\n\
        class = \"view\"\n[[terms.publisher]]\nids = [9]\nclass = \"incentive\"\nwindow_days = 5\n";
    let terms = crate::Terms::load("terms.toml", terms).unwrap();
    let version = terms.at(1, Timestamp::from_seconds(0));
    for (candidates, expected) in [
        (vec![candidate(Token, 7, 99), candidate(Cookie, 3, 80)], Ok(3)),
        (vec![candidate(Token, 8, 99), candidate(Cookie, 7, 80)], Ok(7)),
        (vec![candidate(Token, 8, 99)], Ok(8)),
        (vec![candidate(Token, 9, 96), candidate(Token, 3, 95)], Ok(9)),
        (vec![candidate(Token, 9, 94), candidate(Token, 3, 80)], Ok(3)),
        (vec![candidate(Voucher, 7, 100), candidate(Token, 7, 60)], Ok(7)),
        (vec![candidate(Token, 9, 90)], Err(NoCredit::OutsideWindow)),
    ] {
        assert_eq!(credited_under(&candidates, version), expected, "{candidates:?}");
    }
}

#[test]
fn the_terms_say_what_proves_more() {
    use Proof::{Cookie, Token, Voucher};
    let terms = "[[terms]]\npriority = [\"voucher\", \"click_id\", \"identity\", \"named_publisher\"]\n";
    let terms = crate::Terms::load("terms.toml", terms).unwrap();
    let version = terms.at(1, Timestamp::from_seconds(0));
    let all = [candidate(Token, 1, 90), candidate(Voucher, 2, 100), candidate(Cookie, 3, 99)];
    assert_eq!(credited_under(&all, version), Ok(2));
    assert_eq!(credited(&all), Ok(1));
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
        let before = credited(&candidates);
        let places = candidates.len();
        candidates.rotate_left(turn % places);
        prop_assert_eq!(credited(&candidates), before);
    }
}

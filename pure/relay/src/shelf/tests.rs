use proptest::prelude::*;

use super::*;

const WITHIN: Duration = Duration::from_secs(2);

const fn at(second: i64) -> Timestamp {
    Timestamp::from_seconds(second)
}

/// An answer of `bytes` bytes, stored at 0, fresh for 10 s and better than none for 100 s.
fn kept(bytes: usize) -> Kept {
    Kept {
        kind: KeptKind::Content,
        status: 200,
        headers: Vec::new(),
        body: vec![1; bytes],
        stored_at: at(0),
        fresh_until: at(10),
        stale_until: at(100),
    }
}

fn found(look: &Look) -> bool {
    matches!(look, Look::Found(_))
}

#[test]
fn one_asks_and_the_others_wait_for_it() {
    let mut shelf = Shelf::default();
    assert_eq!(shelf.look(b"a", at(0), WITHIN), Look::Claimed(None));
    assert_eq!(shelf.look(b"a", at(1), WITHIN), Look::Busy(at(2)));
    assert_eq!(shelf.look(b"b", at(1), WITHIN), Look::Claimed(None), "another answer is another claim");
    shelf.put(b"a", Some(kept(3)));
    assert!(found(&shelf.look_again(b"a", at(1))));
    assert!(found(&shelf.look(b"a", at(9), WITHIN)));
    assert_eq!(shelf.holdings().fresh, 1);
}

#[test]
fn a_claim_whose_owner_has_gone_ends_by_itself() {
    let mut shelf = Shelf::default();
    assert_eq!(shelf.look(b"a", at(0), WITHIN), Look::Claimed(None));
    assert_eq!(shelf.look(b"a", at(2), WITHIN), Look::Claimed(None));
}

#[test]
fn a_claim_that_brings_nothing_lets_everybody_ask_at_once() {
    let mut shelf = Shelf::default();
    assert_eq!(shelf.look(b"a", at(0), WITHIN), Look::Claimed(None));
    shelf.put(b"a", None);
    assert_eq!(shelf.look_again(b"a", at(0)), Look::Claimed(None));
    assert_eq!(shelf.look_again(b"a", at(0)), Look::Claimed(None));
}

#[test]
fn a_stale_answer_is_given_while_one_asks_and_forgotten_in_the_end() {
    let mut shelf = Shelf::default();
    shelf.put(b"a", Some(kept(3)));
    assert_eq!(shelf.look(b"a", at(10), WITHIN), Look::Claimed(Some(Arc::new(kept(3)))));
    assert!(found(&shelf.look(b"a", at(11), WITHIN)), "nobody waits where something can be given");
    shelf.put(b"a", None);
    assert_eq!(shelf.look(b"a", at(100), WITHIN), Look::Claimed(None));
    assert_eq!(shelf.holdings().bytes, 0);
}

#[test]
fn a_flood_of_names_drives_out_nothing_that_is_in_use() {
    let mut shelf = Shelf::new(100_000, 50);
    shelf.put(b"used", Some(kept(1000)));
    assert!(found(&shelf.look(b"used", at(1), WITHIN)));
    for number in 0..1000_u32 {
        shelf.put(&number.to_be_bytes(), Some(kept(1000)));
    }
    assert!(found(&shelf.look(b"used", at(1), WITHIN)));
    assert!(shelf.holdings().entries <= 50 && shelf.holdings().evicted >= 950);
}

#[test]
fn what_was_once_in_use_gives_way_to_what_is_now() {
    let mut shelf = Shelf::new(20_000, 50);
    for name in 0..10_u8 {
        shelf.put(&[name], Some(kept(3000)));
        assert!(
            found(&shelf.look(&[name], at(1), WITHIN)),
            "{name} finds room though the others were in use"
        );
    }
    assert!(!found(&shelf.look(&[0], at(1), WITHIN)));
}

proptest! {
    /// I8: never more than the limits, and the sums are those of what is there.
    #[test]
    fn i8_a_shelf_stays_within_its_limits(steps in prop::collection::vec((0..20_u8, 0..3_u8, 0..9000_usize), 1..200)) {
        let mut shelf = Shelf::new(30_000, 8);
        for (second, (name, what, bytes)) in steps.into_iter().enumerate() {
            let now = at(i64::try_from(second).unwrap());
            match what {
                0 => shelf.put(&[name], Some(Kept { fresh_until: now.plus(WITHIN), ..kept(bytes) })),
                1 => shelf.put(&[name], None),
                _ => drop(shelf.look(&[name], now, WITHIN)),
            }
            let holdings = shelf.holdings();
            prop_assert!(holdings.bytes <= 30_000 && holdings.entries <= 8 && shelf.claims.len() <= 8);
            let sum: usize = shelf.entries.values().map(|entry| entry.bytes).sum();
            let reused: usize = shelf.entries.values().filter(|e| e.place.0).map(|e| e.bytes).sum();
            prop_assert_eq!((holdings.bytes, shelf.reused_bytes), (sum, reused));
            prop_assert_eq!(shelf.order.len(), shelf.entries.len());
        }
    }
}

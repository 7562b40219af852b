use std::time::Duration;

use relay::intake::{BoundVoucher, KeptClick, Origin};
use tracking::Home;
use tracking::event::Click;

use super::place::{Place, on_each_store};
use super::world::NOW;
use crate::{Keeping, Ledger};

const DAY: Duration = Duration::from_secs(86_400);

fn kept(id: &str, publisher_id: u64, origin: Origin) -> KeptClick {
    let click = Click { advertiser_id: 1, publisher_id, creative_id: 0, at: NOW, click_id: id.to_owned() };
    let home = (origin != Origin::Edge).then_some(Home::Legacy);
    let alias_of = (origin == Origin::Hop).then(|| "own".to_owned());
    KeptClick {
        click,
        home,
        origin,
        alias_of,
        event_id: None,
        reference: Some(format!("ref {id}")),
        expires_at: NOW.plus(DAY),
    }
}

fn keep(ledger: &mut Ledger, click: &KeptClick) -> Keeping {
    let mut transaction = ledger.transaction(NOW).unwrap();
    let keeping = transaction.keep_click(click).unwrap();
    transaction.commit().unwrap();
    keeping
}

fn the_first_of_an_id_stays_and_only_an_import_knows_better_than_a_hop(place: &Place) {
    let mut ledger = place.open();
    for (click, keeping, publisher) in [
        (kept("a", 1, Origin::Imported), Keeping::New, 1),
        (kept("a", 1, Origin::Imported), Keeping::Known, 1),
        (kept("a", 2, Origin::Imported), Keeping::Differs, 1),
        (kept("a", 2, Origin::Edge), Keeping::Differs, 1),
        (kept("b", 3, Origin::Hop), Keeping::New, 3),
        (kept("b", 4, Origin::Hop), Keeping::Differs, 3),
        (kept("b", 5, Origin::Imported), Keeping::New, 5),
        (kept("b", 3, Origin::Hop), Keeping::Differs, 5),
        (kept("", 3, Origin::Edge), Keeping::Known, 0),
    ] {
        assert_eq!(keep(&mut ledger, &click), keeping, "{click:?}");
        let found = ledger.click(&click.click.click_id).unwrap();
        assert_eq!(found.map_or(0, |found| found.click.publisher_id), publisher, "{click:?}");
    }
    let found = ledger.click("b").unwrap().unwrap();
    assert_eq!(found, kept("b", 5, Origin::Imported), "whole, and no alias any more");
    assert_eq!(ledger.clicks_count().unwrap(), 2);
}

fn what_has_expired_is_swept_in_small_steps(place: &Place) {
    let mut ledger = place.open();
    for number in 0..10 {
        let click = kept(&format!("c{number}"), 1, Origin::Imported);
        keep(&mut ledger, &KeptClick { expires_at: NOW.plus(DAY * number), ..click });
    }
    let mut sweep = |day: u32| {
        let mut transaction = ledger.transaction(NOW.plus(DAY * day)).unwrap();
        let swept = transaction.sweep_clicks(3).unwrap();
        transaction.commit().unwrap();
        (swept, ledger.clicks_count().unwrap())
    };
    assert_eq!(sweep(0), (0, 10), "its last moment counts");
    assert_eq!(sweep(5), (3, 7));
    assert_eq!(sweep(5), (2, 5));
    assert_eq!(sweep(5), (0, 5));
}

fn a_code_is_bound_anew_and_unbound(place: &Place) {
    let mut ledger = place.open();
    let bound = |publisher_id, ends_at| BoundVoucher {
        advertiser_id: 1,
        code: "SAVE10".to_owned(),
        publisher_id,
        starts_at: None,
        ends_at,
    };
    let mut transaction = ledger.transaction(NOW).unwrap();
    for (voucher, changed) in [
        (bound(1, None), true),
        (bound(1, None), false),
        (bound(2, None), true),
        (bound(2, Some(NOW)), true),
        (bound(2, Some(NOW)), false),
    ] {
        assert_eq!(transaction.bind_voucher(&voucher).unwrap(), changed, "{voucher:?}");
    }
    transaction.commit().unwrap();
    assert_eq!(ledger.vouchers(1, 10).unwrap(), [bound(2, Some(NOW))]);
    let mut transaction = ledger.transaction(NOW).unwrap();
    assert!(transaction.unbind_voucher(1, "SAVE10").unwrap());
    assert!(!transaction.unbind_voucher(1, "SAVE10").unwrap());
    assert!(!transaction.unbind_voucher(2, "SAVE10").unwrap());
    transaction.commit().unwrap();
    assert_eq!(ledger.vouchers(1, 10).unwrap(), []);
}

on_each_store!(memory;
    the_first_of_an_id_stays_and_only_an_import_knows_better_than_a_hop,
    what_has_expired_is_swept_in_small_steps,
    a_code_is_bound_anew_and_unbound
);

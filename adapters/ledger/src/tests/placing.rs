//! What is decided about an event is written down as it was decided.

use relay::delivery::State;
use relay::intake::{Decision, Known, Reason};
use relay::{Envelope, Purpose};
use tracking::Class;

use super::place::{Place, on_each_store};
use super::world::{NOW, Sale, assert_balanced, event_id, take_in};
use crate::Ledger;

fn sale(id: u64) -> Sale {
    Sale { id, advertiser_id: 1, order: 1, minor: 1000, clicked: true }
}

fn stands(ledger: &Ledger, id: u64) -> (State, String, String) {
    let row = ledger.conversion(event_id(id)).unwrap().unwrap();
    (row.state, row.reason, row.detail)
}

fn a_decision_keeps_its_reason(place: &Place) {
    let mut ledger = place.open();
    take_in(&mut ledger, &[sale(1), Sale { minor: 1500, ..sale(2) }]);
    let (state, reason, detail) = stands(&ledger, 2);
    assert_eq!((state, reason.as_str()), (State::Conflict, "amount_conflict"));
    assert!(detail.contains("10.00 USD first and with 15.00 USD now"), "{detail}");

    let (code, message) = ("some_code".to_owned(), "and in words".to_owned());
    let told = Reason { code, message, doubt: false };
    let decisions = [
        (Decision::Drop { rule: "some_rule" }, (State::Dropped, "some_rule", "")),
        (
            Decision::Hold { reasons: vec![told], considered: Vec::new(), wanted_click: None },
            (State::Held, "some_code", "and in words"),
        ),
    ];
    for (id, (decision, (state, code, words))) in (3..).zip(decisions) {
        // The key is taken by the first one, which stands whatever is decided about a later one.
        let envelope = sale(id).envelope();
        let mut transaction = ledger.transaction(NOW).unwrap();
        assert!(transaction.receive(&envelope, "test").unwrap());
        transaction.apply(&envelope, b"", &decision).unwrap();
        transaction.commit().unwrap();
        let found = stands(&ledger, id);
        assert_eq!((found.0, found.1.as_str()), (state, code));
        assert!(found.2.contains(words), "{}", found.2);
    }
    assert_eq!(ledger.conversion(event_id(1)).unwrap().unwrap().state, State::Queued);
    assert_balanced(&ledger);
}

fn only_a_real_order_is_compared_with_what_stands(place: &Place) {
    let mut ledger = place.open();
    take_in(&mut ledger, &[sale(1)]);
    let again = sale(2).envelope();
    let transaction = ledger.transaction(NOW).unwrap();
    assert!(transaction.known(&again).unwrap().standing.is_some());
    let mut seen = again.clone();
    seen.event.class = Class::Impression;
    for other in [Envelope { purpose: Purpose::Test, ..again.clone() }, seen] {
        assert_eq!(transaction.known(&other).unwrap(), Known::default(), "{:?}", other.purpose);
    }
}

on_each_store!(memory;
    a_decision_keeps_its_reason,
    only_a_real_order_is_compared_with_what_stands
);

//! Dead letters as work: groups, search, orders, doubts that people close, and the chain of the journal.

use relay::delivery::State;
use units::{Currency, EventId, Money};

use super::place::{Place, on_each_store};
use super::world::{NOW, Sale, assert_balanced, begin, event_id, finish, take_in};
use crate::dead::plan;
use crate::{Action, By, Closed, DeadSearch, Ledger, NewOrder, OrderState, Redriven};

const BY: By<'_> = By { actor: "ada", why: "looked at it" };

fn sale(id: u64, advertiser_id: u64, minor: i64) -> Sale {
    Sale { id, advertiser_id, order: u8::try_from(id % 200).unwrap(), minor, clicked: true }
}

/// Sale 1 is unknown, 2 dead, 3 rejected, 4 taken; 5 and 6 are held for want of their advertiser.
fn ledger(place: &Place) -> Ledger {
    let mut ledger = place.open();
    let mut sales: Vec<Sale> = (1..=4).map(|id| sale(id, 1, 1000)).collect();
    sales.extend([sale(5, 7, 250), sale(6, 8, 50)]);
    take_in(&mut ledger, &sales);
    for (id, state) in [(1, State::Unknown), (2, State::Dead), (3, State::Rejected), (4, State::Taken)] {
        begin(&mut ledger, id, 1).unwrap();
        finish(&mut ledger, id, 1, state).unwrap();
    }
    ledger
}

fn state(ledger: &Ledger, id: u64) -> State {
    ledger.conversion(event_id(id)).unwrap().unwrap().state
}

fn close(ledger: &mut Ledger, id: u64, arrived: bool) -> Closed {
    let mut transaction = ledger.transaction(NOW).unwrap();
    let closed = transaction.close(event_id(id), arrived, BY).unwrap();
    transaction.commit().unwrap();
    closed
}

fn groups_are_named_by_their_cause_and_add_up(place: &Place) {
    let ledger = ledger(place);
    let groups = ledger.dead_groups(10).unwrap();
    let told: Vec<(&str, u64, u64)> =
        groups.iter().map(|group| (group.key.as_str(), group.count, group.advertisers)).collect();
    let alone = |key| (key, 1, 1);
    let first = ("held/unknown_advertiser", 2, 2);
    assert_eq!(
        told,
        [first, alone("dead/later/e/2xx"), alone("rejected/later/e/2xx"), alone("unknown/later/e/2xx")]
    );
    assert_eq!(groups[0].sums, [Money::from_minor(300, Currency::USD)]);
    assert_eq!((groups[0].state, groups[0].reasons.as_str()), (State::Held, "unknown_advertiser"));
    assert_eq!(groups[0].example, event_id(5));
    assert_eq!(ledger.dead_groups(1).unwrap().len(), 1);
}

fn amounts_at_the_edge_of_what_can_be_written_break_no_sum(place: &Place) {
    let mut ledger = place.open();
    take_in(&mut ledger, &[sale(1, 7, i64::MAX), sale(2, 7, i64::MAX)]);
    assert_eq!(ledger.dead_groups(10).unwrap()[0].count, 2);
    assert_eq!(ledger.at_risk().unwrap()[0].count, 2);
    assert!(ledger.money_of(&[event_id(1), event_id(2)]).unwrap()[0].minor > 0);
}

fn found(ledger: &Ledger, search: &DeadSearch) -> Vec<EventId> {
    ledger.search_dead(search, None, 100).unwrap().rows.iter().map(|row| row.event_id).collect()
}

fn each_thing_that_is_looked_for_is_found_and_nothing_else(place: &Place) {
    let ledger = ledger(place);
    let any = DeadSearch::default;
    let usd = |minor| Some(Money::from_minor(minor, Currency::USD));
    let cases = [
        (any(), vec![1, 2, 3, 5, 6]),
        (DeadSearch { group: Some("held/unknown_advertiser".to_owned()), ..any() }, vec![5, 6]),
        (DeadSearch { states: vec![State::Dead, State::Held], ..any() }, vec![2, 5, 6]),
        (DeadSearch { advertiser_id: Some(8), ..any() }, vec![6]),
        (DeadSearch { publisher_id: Some(super::world::PUBLISHER), ..any() }, vec![1, 2, 3]),
        (DeadSearch { reference: Some("order 2".to_owned()), ..any() }, vec![2]),
        (DeadSearch { least: usd(100), most: usd(999), ..any() }, vec![5]),
        (DeadSearch { least: Some(Money::from_minor(1, Currency::parse("EUR").unwrap())), ..any() }, vec![]),
        (DeadSearch { since: Some(NOW), ..any() }, vec![1, 2, 3, 5, 6]),
        (DeadSearch { until: Some(NOW), ..any() }, vec![]),
        (DeadSearch { reason: Some("unknown_advertiser".to_owned()), ..any() }, vec![5, 6]),
        (DeadSearch { reason: Some("unknown%advertiser".to_owned()), ..any() }, vec![]),
        (DeadSearch { text: Some("ADVERTISER 8".to_owned()), ..any() }, vec![6]),
        (DeadSearch { text: Some("_".to_owned()), ..any() }, vec![]),
        (DeadSearch { flag: Some("no_key".to_owned()), ..any() }, vec![]),
        (DeadSearch { advertiser_id: Some(7), text: Some("advertiser 7".to_owned()), ..any() }, vec![5]),
    ];
    for (search, expected) in cases {
        let expected: Vec<EventId> = expected.into_iter().map(event_id).collect();
        assert_eq!(found(&ledger, &search), expected, "{search:?}");
    }
}

fn pages_follow_one_another_and_a_selection_says_that_there_is_more(place: &Place) {
    let ledger = ledger(place);
    let first = ledger.search_dead(&DeadSearch::default(), None, 3).unwrap();
    assert_eq!(first.next_after, Some(event_id(3)));
    let second = ledger.search_dead(&DeadSearch::default(), first.next_after, 3).unwrap();
    let ids: Vec<EventId> = second.rows.iter().map(|row| row.event_id).collect();
    assert_eq!((ids, second.next_after), (vec![event_id(5), event_id(6)], None));
    let (some, more) = ledger.select_dead(&DeadSearch::default(), 4).unwrap();
    assert_eq!((some.len(), more), (4, true));
    assert_eq!(some[0], (event_id(1), NOW));
    assert!(!ledger.select_dead(&DeadSearch::default(), 5).unwrap().1);
}

#[test]
fn every_search_walks_along_an_index_of_dead_letters() {
    let place = &Place::memory();
    let ledger = ledger(place);
    let any = DeadSearch::default;
    let text = Some("x".to_owned());
    let searches = [
        ("conversions_dead ", any()),
        ("conversions_dead ", DeadSearch { text: text.clone(), ..any() }),
        ("conversions_dead_cause ", DeadSearch { group: text.clone(), text: text.clone(), ..any() }),
        ("conversions_dead_advertiser ", DeadSearch { advertiser_id: Some(1), ..any() }),
        ("conversions_dead_publisher ", DeadSearch { publisher_id: Some(1), flag: text.clone(), ..any() }),
        (
            "conversions_dead_reference ",
            DeadSearch { reference: text.clone(), advertiser_id: Some(1), ..any() },
        ),
    ];
    for (index, search) in searches {
        let plan: Vec<String> = plan(&ledger, &search).into_iter().map(|step| step + " ").collect();
        assert!(plan.iter().any(|step| step.contains(&format!("INDEX {index}"))), "{search:?}: {plan:#?}");
        assert!(!plan.iter().any(|step| step.trim_end() == "SCAN conversions"), "{search:?}: {plan:#?}");
        assert!(!plan.iter().any(|step| step.contains("TEMP B-TREE")), "{search:?}: {plan:#?}");
    }
}

#[test]
fn summaries_read_an_index_alone() {
    let place = &Place::memory();
    let ledger = ledger(place);
    for query in [
        "SELECT cause, currency, count(*), sum(minor), min(changed_at) FROM conversions WHERE attention = 1
            GROUP BY cause, currency",
        "SELECT cause, count(DISTINCT advertiser_id) FROM conversions WHERE attention = 1 GROUP BY cause",
        "SELECT advertiser_id, state, currency, count(*), sum(minor), min(changed_at) FROM conversions
            WHERE attention = 1 GROUP BY advertiser_id, state, currency",
    ] {
        let explained = format!("EXPLAIN QUERY PLAN {query}");
        let plan = crate::sql::all(&ledger.connection, &explained, (), |row| row.get::<String>(3)).unwrap();
        assert!(plan.iter().any(|step| step.contains("USING COVERING INDEX")), "{plan:#?}");
    }
}

fn an_order_is_there_before_anything_moves_and_knows_what_is_left(place: &Place) {
    let mut ledger = ledger(place);
    let items = [(event_id(2), Some(NOW)), (event_id(9), None)];
    let new = NewOrder {
        order_id: "op-1",
        action: Action::Redrive,
        selection: "two events",
        overrules: false,
        capped: false,
        by: BY,
        waits: true,
        items: &items,
    };
    let mut transaction = ledger.transaction(NOW).unwrap();
    transaction.place_order(&new).unwrap();
    transaction.commit().unwrap();
    assert_eq!(ledger.order("op-1").unwrap().unwrap().state, OrderState::Waiting);
    assert_eq!((ledger.running_order().unwrap(), ledger.open_orders().unwrap()), (None, 1));
    let mut transaction = ledger.transaction(NOW).unwrap();
    assert!(transaction.place_order(&new).is_err(), "an operation is one order");
    drop(transaction);
    let mut transaction = ledger.transaction(NOW).unwrap();
    assert!(transaction.approve_order("op-1", "bea").unwrap());
    assert!(!transaction.approve_order("op-1", "cem").unwrap());
    transaction.item_done("op-1", 1, "done", Some("queued")).unwrap();
    transaction.order_went_on("op-1").unwrap();
    transaction.commit().unwrap();
    let order = ledger.running_order().unwrap().unwrap();
    assert_eq!((order.worked, order.moved, order.approved_by.as_deref()), (1, 1, Some("bea")));
    let left = ledger.order_items("op-1", 1, 10).unwrap();
    assert_eq!((left.len(), left[0].outcome.as_deref()), (1, None));
    let mut transaction = ledger.transaction(NOW).unwrap();
    transaction.item_done("op-1", 2, "not_found", None).unwrap();
    transaction.order_went_on("op-1").unwrap();
    assert!(!transaction.stop_order("op-1", BY).unwrap(), "it is over");
    transaction.commit().unwrap();
    assert_eq!(ledger.orders(10).unwrap()[0].state, OrderState::Done);
    let outcomes = ledger.order_outcomes("op-1").unwrap();
    assert_eq!(outcomes, [("done".to_owned(), 1), ("not_found".to_owned(), 1)]);
    assert_balanced(&ledger);
}

fn doubts_are_closed_on_evidence_and_never_against_an_answer(place: &Place) {
    let mut ledger = ledger(place);
    assert_eq!(close(&mut ledger, 4, true), Closed::Done(State::Confirmed));
    assert_eq!(close(&mut ledger, 4, true), Closed::Already(State::Confirmed));
    assert!(matches!(close(&mut ledger, 4, false), Closed::Contradicts(State::Confirmed, _)));
    assert!(matches!(close(&mut ledger, 2, true), Closed::Contradicts(State::Dead, _)));
    assert!(matches!(close(&mut ledger, 3, true), Closed::Contradicts(State::Rejected, _)));
    assert_eq!(close(&mut ledger, 1, false), Closed::Done(State::Dead));
    assert_eq!(close(&mut ledger, 99, true), Closed::NotFound);
    take_in(&mut ledger, &[sale(7, 1, 1000)]);
    begin(&mut ledger, 7, 1).unwrap();
    for arrived in [true, false] {
        let closed = close(&mut ledger, 7, arrived);
        assert!(matches!(closed, Closed::Contradicts(State::InFlight, _)), "nobody knows yet: {closed:?}");
    }
    let shown = ledger.show(event_id(1)).unwrap().unwrap();
    assert_eq!(shown.journal.last().unwrap().detail, "unknown -> dead: looked at it");
    let mut transaction = ledger.transaction(NOW).unwrap();
    assert_eq!(transaction.requeue(event_id(1), NOW, BY).unwrap(), Redriven::Queued);
    transaction.commit().unwrap();
    let lane = crate::Lane { home: tracking::Home::Primary, kinds: &relay::intake::EvidenceKind::ALL };
    let due = ledger.due(NOW, lane, crate::Which::Retries, 10).unwrap();
    assert!(!due[0].ambiguous, "what certainly is not there is written anew");
    assert_balanced(&ledger);
}

fn an_answer_that_names_it_is_not_talked_away(place: &Place) {
    let mut ledger = ledger(place);
    let named = "UPDATE attempts SET verdict = 'confirmed' WHERE event_id = ?1";
    crate::sql::run(&ledger.connection, named, (crate::sql::id(event_id(1)),), "name it").unwrap();
    assert!(matches!(close(&mut ledger, 1, false), Closed::Contradicts(State::Unknown, _)));
    assert_eq!(state(&ledger, 1), State::Unknown);
}

fn a_journal_that_was_touched_is_seen(place: &Place) {
    let mut ledger = ledger(place);
    for _ in 0..3 {
        let mut transaction = ledger.transaction(NOW).unwrap();
        transaction.discard(event_id(5), BY).unwrap();
        transaction.journal("ada", "look", None, "twice").unwrap();
        transaction.commit().unwrap();
    }
    assert_balanced(&ledger);
    let touch = |ledger: &Ledger, change: &str| ledger.connection.script(change);
    assert!(touch(&ledger, "UPDATE journal SET actor = 'bea'").is_err(), "it is append-only");
    assert!(touch(&ledger, "DELETE FROM journal").is_err(), "it is append-only");
    // As somebody with the file in hand would do it.
    super::links::without_triggers(&ledger, "journal");
    touch(&ledger, "UPDATE journal SET actor = 'bea' WHERE entry_id = 2").unwrap();
    let findings = ledger.audit().unwrap().findings;
    assert_eq!(findings.len(), 1, "{findings:?}");
    assert!(findings[0].message.contains("journal entry 2"), "{findings:?}");
}

fn what_waited_before_there_were_causes_gets_its_own(place: &Place) {
    let ledger = ledger(place);
    let before = ledger.dead_groups(10).unwrap();
    let change = include_str!("../../migrations/0006_dead.sql");
    let (_, rest) = change.split_once("UPDATE conversions SET cause").unwrap();
    let (update, _) = rest.split_once(';').unwrap();
    ledger.connection.script("UPDATE conversions SET cause = ''").unwrap();
    ledger.connection.script(&format!("UPDATE conversions SET cause{update}")).unwrap();
    assert_eq!(ledger.dead_groups(10).unwrap(), before);
}

on_each_store!(memory;
    groups_are_named_by_their_cause_and_add_up,
    amounts_at_the_edge_of_what_can_be_written_break_no_sum,
    each_thing_that_is_looked_for_is_found_and_nothing_else,
    pages_follow_one_another_and_a_selection_says_that_there_is_more,
    an_order_is_there_before_anything_moves_and_knows_what_is_left,
    doubts_are_closed_on_evidence_and_never_against_an_answer,
    an_answer_that_names_it_is_not_talked_away,
    a_journal_that_was_touched_is_seen,
    what_waited_before_there_were_causes_gets_its_own
);

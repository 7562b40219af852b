//! What waits by merchant and by age, what a clock left behind, and owners that change.

use relay::delivery::State;
use relay::intake::EvidenceKind;
use tracking::Home;
use units::Timestamp;

use crate::delivery::{BACKLOG, fair_queries};
use crate::{By, Lane, Ledger, LedgerError, NewOwner, Wanted, Which};

use super::place::{Place, on_each_store, plan};
use super::world::{NOW, Sale, assert_balanced, begin, event_id, finish, take_in};

fn sale(id: u64) -> Sale {
    Sale { id, advertiser_id: 1, order: u8::try_from(id).unwrap(), minor: 1000, clicked: true }
}

fn ledger_with(place: &Place, count: u64) -> Ledger {
    let mut ledger = place.open();
    take_in(&mut ledger, &(1..=count).map(sale).collect::<Vec<_>>());
    ledger
}

const fn lane(home: Home) -> Lane<'static> {
    Lane { home, kinds: &EvidenceKind::ALL }
}

fn wanted(which: Which, newest: bool) -> Wanted<'static> {
    let after = Timestamp::from_millis(i64::MIN);
    Wanted { lane: lane(Home::Primary), which, after, until: NOW, newest }
}

fn ids(rows: &[crate::Due]) -> Vec<u128> {
    rows.iter().map(|row| row.event_id.as_u128()).collect()
}

fn what_waits_of_one_merchant_is_found_by_itself_and_the_merchants_one_after_another(place: &Place) {
    let mut ledger = ledger_with(place, 4);
    take_in(&mut ledger, &[Sale { advertiser_id: 2, ..sale(5) }, Sale { advertiser_id: 2, ..sale(6) }]);
    begin(&mut ledger, 6, 1).unwrap();
    finish(&mut ledger, 6, 1, State::Queued).unwrap();
    let of = |merchant, which| ids(&ledger.waiting_of(merchant, &wanted(which, false), 3).unwrap());
    assert_eq!((of(1, Which::Fresh), of(2, Which::Fresh)), (vec![1, 2, 3], vec![5]));
    assert_eq!((of(2, Which::Retries), of(3, Which::Fresh)), (vec![6], vec![]));
    let nothing = Wanted { lane: Lane { home: Home::Primary, kinds: &[] }, ..wanted(Which::Fresh, false) };
    assert_eq!(
        (ledger.waiting_of(1, &nothing, 3).unwrap(), ledger.waiting(&nothing, 3).unwrap()),
        (vec![], vec![])
    );
    let next = |after| ledger.next_merchant(lane(Home::Primary), after).unwrap();
    assert_eq!([next(None), next(Some(1)), next(Some(2))], [Some(1), Some(2), None]);
    assert_eq!(ledger.next_merchant(lane(Home::Legacy), None).unwrap(), None);
    let count =
        |rows: &[crate::Backlog]| rows.iter().map(|row| (row.advertiser_id, row.count)).collect::<Vec<_>>();
    assert_eq!(count(&ledger.backlog(NOW).unwrap()), [(1, 4), (2, 1), (2, 1)]);
}

fn what_waits_is_found_from_either_end_and_within_a_time(place: &Place) {
    let mut ledger = ledger_with(place, 3);
    for (id, seconds) in [(1, 30), (2, 20), (3, 10)] {
        let due = NOW.minus(core::time::Duration::from_secs(seconds)).as_millis();
        let update = "UPDATE conversions SET due_at = ?2 WHERE event_id = ?1";
        crate::sql::run(&ledger.connection, update, (crate::sql::id(event_id(id)), due), "test").unwrap();
    }
    let fresh = |after: u64, until: u64, newest| {
        let at = |seconds| NOW.minus(core::time::Duration::from_secs(seconds));
        let wanted = Wanted { after: at(after), until: at(until), ..wanted(Which::Fresh, newest) };
        ids(&ledger.waiting(&wanted, 2).unwrap())
    };
    assert_eq!((fresh(99, 0, false), fresh(99, 0, true)), (vec![1, 2], vec![2, 3]));
    assert_eq!((fresh(20, 0, false), fresh(99, 20, true)), (vec![3], vec![1, 2]));
    // What a clock scheduled that has been set back since is due now.
    let (before, latest) =
        (NOW.minus(core::time::Duration::from_secs(99)), NOW.minus(core::time::Duration::from_secs(15)));
    assert_eq!(ledger.pull_in(before, latest).unwrap(), 1);
    assert_eq!(ledger.next_due(lane(Home::Primary), Which::Fresh).unwrap(), Some(before));
    assert_eq!(ledger.pull_in(before, latest).unwrap(), 0);
    // Each goes back with the clock, and none beyond the new time.
    let seconds = core::time::Duration::from_secs;
    let back = NOW.minus(seconds(200));
    ledger.set_back(back, seconds(100), back.plus(seconds(500))).unwrap();
    assert_eq!(ledger.next_due(lane(Home::Primary), Which::Fresh).unwrap(), Some(back.plus(seconds(1))));
    let far_back = back.minus(seconds(5));
    ledger.set_back(far_back, seconds(1_000), far_back).unwrap();
    assert_eq!(ledger.next_due(lane(Home::Primary), Which::Fresh).unwrap(), Some(far_back));
    // Of a schedule that lay far ahead no more is left than it may.
    let latest = far_back.minus(seconds(3));
    ledger.set_back(far_back.minus(seconds(5)), seconds(1), latest).unwrap();
    assert_eq!(ledger.next_due(lane(Home::Primary), Which::Fresh).unwrap(), Some(latest));
}

fn an_owner_is_changed_only_while_nothing_can_have_arrived(place: &Place) {
    let mut ledger = ledger_with(place, 2);
    let new =
        NewOwner { home: Home::Legacy, advertiser_primary_id: None, publisher_primary_id: None, due_at: NOW };
    let by = By { actor: "ada", why: "the primary is gone for a week" };
    let give = |ledger: &mut Ledger, id| {
        let mut transaction = ledger.transaction(NOW).unwrap();
        transaction.give(event_id(id), new, by)?;
        transaction.commit()
    };
    give(&mut ledger, 1).unwrap();
    let shown = ledger.show(event_id(1)).unwrap().unwrap();
    assert_eq!(shown.conversion.owner, Some(Home::Legacy));
    assert!(shown.journal.iter().any(|entry| entry.action == "change owner" && entry.actor == "ada"));
    begin(&mut ledger, 2, 1).unwrap();
    assert!(matches!(give(&mut ledger, 2), Err(LedgerError::Moved { .. })), "in flight");
    finish(&mut ledger, 2, 1, State::Unknown).unwrap();
    assert!(ledger.owned(event_id(2)).unwrap().unwrap().standing.may_have_arrived);
    assert!(give(&mut ledger, 2).is_err());
    assert_balanced(&ledger);
}

#[test]
fn each_look_ends_by_what_it_looks_for() {
    let ledger = ledger_with(&Place::memory(), 1);
    for query in fair_queries(&ledger.connection) {
        let plan = plan(&ledger, &query);
        // The few rows that were found are sorted; what they were found among is not.
        let sorts = plan.iter().filter(|step| step.contains("USE TEMP B-TREE")).count();
        let scans = plan.iter().filter(|step| step.starts_with("SCAN conversions")).count();
        assert!(sorts <= 1 && scans == 0, "{query}\n{plan:#?}");
        for walk in plan.iter().filter(|step| step.contains("INDEX conversions_")) {
            let ends = ["due_at<?", "due_at>?", "advertiser_id>?"].iter().any(|end| walk.contains(end));
            assert!(ends, "{query}\n{walk}");
        }
    }
}

/// It reads everything that waits, and keeps nothing of it but the counts: the rows come in the order that they are counted in.
#[test]
fn what_waits_is_counted_in_the_order_of_the_index() {
    let ledger = ledger_with(&Place::memory(), 1);
    let plan = plan(&ledger, BACKLOG);
    assert_eq!(plan, ["SEARCH conversions USING COVERING INDEX conversions_merchant (state=?)"]);
}

on_each_store!(memory;
    what_waits_of_one_merchant_is_found_by_itself_and_the_merchants_one_after_another,
    what_waits_is_found_from_either_end_and_within_a_time,
    an_owner_is_changed_only_while_nothing_can_have_arrived
);

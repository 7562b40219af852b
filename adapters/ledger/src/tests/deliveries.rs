use relay::Envelope;
use relay::delivery::State;
use relay::intake::EvidenceKind;
use tracking::Home;

use crate::delivery::waiting_queries;

use super::place::{Place, on_each_store};
use super::world::{NOW, Sale, assert_balanced, begin, event_id, finish, take_in};
use crate::store::{Connection, named_params};
use crate::{By, Lane, Ledger, LedgerError, Together, Which};

fn sale(id: u64) -> Sale {
    Sale { id, advertiser_id: 1, order: u8::try_from(id).unwrap(), minor: 1000, clicked: true }
}

fn ledger_with(place: &Place, count: u64) -> Ledger {
    let mut ledger = place.open();
    assert_eq!(
        take_in(&mut ledger, &(1..=count).map(sale).collect::<Vec<_>>()),
        usize::try_from(count).unwrap()
    );
    ledger
}

const fn lane(home: Home) -> Lane<'static> {
    Lane { home, kinds: &EvidenceKind::ALL }
}

fn due(ledger: &Ledger, which: Which) -> Vec<u128> {
    let rows = ledger.due(NOW, lane(Home::Primary), which, 100).unwrap();
    rows.iter().map(|row| row.event_id.as_u128()).collect()
}

fn first_attempts_and_retries_are_apart(place: &Place) {
    let mut ledger = ledger_with(place, 3);
    assert_eq!(due(&ledger, Which::Fresh).len(), 3);
    begin(&mut ledger, 2, 1).unwrap();
    assert_eq!(ledger.in_flight(10).unwrap().len(), 1);
    finish(&mut ledger, 2, 1, State::Queued).unwrap();
    assert_eq!((due(&ledger, Which::Fresh), due(&ledger, Which::Retries)), (vec![1, 3], vec![2]));
    assert_eq!(ledger.next_due(lane(Home::Primary), Which::Retries).unwrap(), Some(NOW));
    assert_eq!(ledger.next_due(lane(Home::Legacy), Which::Fresh).unwrap(), None);
    assert_balanced(&ledger);
}

fn an_attempt_begins_and_ends_once(place: &Place) {
    let mut ledger = ledger_with(place, 1);
    begin(&mut ledger, 1, 1).unwrap();
    let error = begin(&mut ledger, 1, 2).unwrap_err();
    assert!(matches!(error, LedgerError::Moved { expected: State::Queued, .. }), "{error}");
    finish(&mut ledger, 1, 1, State::Taken).unwrap();
    assert!(finish(&mut ledger, 1, 1, State::Confirmed).is_err());
    assert_eq!(ledger.conversion(event_id(1)).unwrap().unwrap().state, State::Taken);
}

fn only_an_ambiguous_attempt_keeps_its_bytes(place: &Place) {
    let mut ledger = ledger_with(place, 3);
    for (id, state) in [(1, State::Unknown), (2, State::Dead)] {
        begin(&mut ledger, id, 1).unwrap();
        finish(&mut ledger, id, 1, state).unwrap();
        let mut transaction = ledger.transaction(NOW).unwrap();
        transaction.requeue(event_id(id), NOW, By { actor: "ada", why: "again" }).unwrap();
        transaction.commit().unwrap();
    }
    // It certainly did not arrive, and is tried again by itself.
    begin(&mut ledger, 3, 1).unwrap();
    finish(&mut ledger, 3, 1, State::Queued).unwrap();
    let rows = ledger.due(NOW, lane(Home::Primary), Which::Retries, 10).unwrap();
    let kept: Vec<_> = rows.iter().map(|row| (row.event_id, row.resend.as_deref())).collect();
    assert_eq!(kept, [(event_id(1), Some(&b"bytes"[..])), (event_id(2), None), (event_id(3), None)]);
    let query = "SELECT count(*) FROM attempts WHERE request IS NOT NULL";
    let kept = crate::sql::one(&ledger.connection, query, (), |row| row.get::<i64>(0)).unwrap();
    assert_eq!(kept, Some(1));
}

fn i9_confirmation_erases_what_is_personal(place: &Place) {
    let mut ledger = ledger_with(place, 1);
    assert!(ledger.show(event_id(1)).unwrap().unwrap().sealed);
    begin(&mut ledger, 1, 1).unwrap();
    finish(&mut ledger, 1, 1, State::Confirmed).unwrap();
    assert!(!ledger.show(event_id(1)).unwrap().unwrap().sealed);
}

fn i9_a_call_is_taken_in_once_and_kept_without_what_is_personal(place: &Place) {
    let mut ledger = place.open();
    let call = Envelope { sealed: b"personal".to_vec(), ..sale(9).envelope() };
    let mut transaction = ledger.transaction(NOW).unwrap();
    let taken = [(); 2].map(|()| transaction.receive_change(&call, "test").unwrap());
    transaction.commit().unwrap();
    assert_eq!(taken, [true, false]);
    let query = "SELECT open FROM envelopes WHERE event_id = ?1 AND sealed IS NULL";
    let id = crate::sql::id(event_id(9));
    let open = crate::sql::one(&ledger.connection, query, (id,), |row| row.get::<Vec<u8>>(0)).unwrap();
    assert_eq!(Envelope::decode(&open.unwrap()).unwrap(), Envelope { sealed: Vec::new(), ..call });
}

fn what_is_not_committed_has_not_happened(place: &Place) {
    let mut ledger = ledger_with(place, 1);
    let before = ledger.audit().unwrap();
    let mut transaction = ledger.transaction(NOW).unwrap();
    transaction.discard(event_id(1), By { actor: "ada", why: "oops" }).unwrap();
    assert!(transaction.receive(&sale(9).envelope(), "test").unwrap());
    drop(transaction);
    assert_eq!(ledger.audit().unwrap(), before);
    assert_balanced(&ledger);
}

/// One attempt that may have arrived, and one at the other platform behind it.
const SENT_TO_BOTH: &str =
    "INSERT INTO attempts (event_id, number, home, endpoint, line, probe, started_at, verdict)
    SELECT event_id, 1, 'primary', '', '', 0, 0, 'unknown' FROM envelopes
    UNION ALL SELECT event_id, 2, 'legacy', '', '', 0, 0, 'taken' FROM envelopes";

fn the_audit_sees_what_is_wrong(place: &Place) {
    let ledger = ledger_with(place, 2);
    let wrongs = [
        (
            "I3",
            "DELETE FROM conversions WHERE event_id = (SELECT event_id FROM conversions ORDER BY event_id LIMIT 1)",
        ),
        ("I3", "UPDATE counters SET count = count + 1 WHERE name = 'accepted'"),
        ("I3", "INSERT INTO counters (advertiser_id, name, count) VALUES (77, 'accepted', 1)"),
        ("I12", "INSERT INTO postings VALUES (1, 9, 'network', 0, 5, 'USD')"),
        ("I12", "INSERT INTO posting_sets SELECT 99, open, 'booking', open, 0, 0 FROM envelopes LIMIT 1"),
        ("I4", SENT_TO_BOTH),
        ("I9", "UPDATE conversions SET state = 'confirmed'"),
    ];
    for (invariant, wrong) in wrongs {
        ledger.connection.script("BEGIN").unwrap();
        ledger.connection.script(wrong).unwrap();
        // The audit's own transaction cannot begin inside this one, so the checks are asked one by one.
        let mut findings = ledger.books().unwrap();
        findings.extend(ledger.promises().unwrap());
        findings.extend(ledger.conservation(&ledger.sums().unwrap()).unwrap());
        assert!(findings.iter().any(|found| found.invariant == invariant), "{wrong}: {findings:?}");
        ledger.connection.script("ROLLBACK").unwrap();
    }
    assert_balanced(&ledger);
}

fn i12_the_books_cannot_be_changed(place: &Place) {
    let ledger = ledger_with(place, 1);
    for change in ["UPDATE postings SET minor = 0", "DELETE FROM postings", "DELETE FROM posting_sets"] {
        let error = ledger.connection.script(change).unwrap_err();
        assert!(error.to_string().contains("append-only"), "{change}");
    }
}

fn a_kind_of_evidence_is_asked_for_by_itself(place: &Place) {
    let mut ledger = ledger_with(place, 3);
    take_in(&mut ledger, &[Sale { clicked: false, ..sale(4) }, Sale { advertiser_id: 2, ..sale(5) }]);
    let later = NOW.plus(core::time::Duration::from_secs(60));
    let of = |kinds| {
        let rows = ledger.due(later, Lane { home: Home::Primary, kinds }, Which::Fresh, 100).unwrap();
        rows.iter().map(|row| row.event_id.as_u128()).collect::<Vec<_>>()
    };
    let clicks = [EvidenceKind::Token, EvidenceKind::ClickId, EvidenceKind::Cookie];
    assert_eq!((of(&clicks), of(&[EvidenceKind::None]), of(&[])), (vec![1, 2, 3, 5], vec![4], vec![]));
    let of_nothing = Lane { home: Home::Primary, kinds: &[] };
    let together = Together { advertiser_id: 1, lane: of_nothing };
    assert_eq!(ledger.due_together(later, together, 2).unwrap().len(), 0);
    let rows = ledger.due(later, lane(Home::Primary), Which::Fresh, 100).unwrap();
    let credited: Vec<_> = rows.iter().map(|row| (row.event_id.as_u128(), row.publisher_id())).collect();
    let publisher = Some(super::world::PUBLISHER);
    assert_eq!(credited, [(1, publisher), (2, publisher), (3, publisher), (5, publisher), (4, None)]);
    let together = Together { advertiser_id: 1, lane: Lane { home: Home::Primary, kinds: &clicks } };
    let rows = ledger.due_together(later, together, 2).unwrap();
    assert_eq!(rows.iter().map(|row| row.event_id.as_u128()).collect::<Vec<_>>(), [1, 2]);
}

fn what_may_have_been_processed_goes_with_no_other(place: &Place) {
    let mut ledger = ledger_with(place, 2);
    begin(&mut ledger, 1, 1).unwrap();
    finish(&mut ledger, 1, 1, State::Unknown).unwrap();
    let mut transaction = ledger.transaction(NOW).unwrap();
    transaction.requeue(event_id(1), NOW, By { actor: "ada", why: "again" }).unwrap();
    transaction.commit().unwrap();
    let together = Together { advertiser_id: 1, lane: lane(Home::Primary) };
    let rows = ledger.due_together(NOW, together, 10).unwrap();
    assert_eq!(rows.iter().map(|row| row.event_id).collect::<Vec<_>>(), [event_id(2)]);
}

fn what_waits_is_found_along_the_indexes(place: &Place) {
    let ledger = ledger_with(place, 1);
    for query in waiting_queries(&ledger.connection) {
        let plan = plan(&ledger, &query);
        // The few rows that were found are sorted, when they are put together or when they are read; what they were
        // found among is not.
        let sorts = plan
            .iter()
            .filter(|step| {
                step.contains("USE TEMP B-TREE")
                    || step.trim_start_matches([' ', '-', '>']).starts_with("Sort  (")
            })
            .count();
        let scans = plan.iter().filter(|step| step.starts_with("SCAN conversions")).count();
        let through = plan.iter().filter(|step| step.contains("Seq Scan on conversions")).count();
        assert!(sorts <= 2 && scans == 0 && through == 0, "{query}\n{plan:#?}");
    }
}

fn plan(ledger: &Ledger, query: &str) -> Vec<String> {
    let (explain, column) = match &ledger.connection {
        Connection::Sqlite(_) | Connection::Simulated(_) => ("EXPLAIN QUERY PLAN", 3),
        Connection::Postgres(_) => ("EXPLAIN", 0),
    };
    let all = named_params! {
        ":owner": "primary", ":fresh": 1, ":now": 0_i64, ":limit": 10_i64, ":advertiser": 1_i64,
    };
    let known: Vec<_> = all.iter().filter(|(name, _)| query.contains(name)).copied().collect();
    crate::sql::all(&ledger.connection, &format!("{explain} {query}"), known.as_slice(), |row| {
        row.get(column)
    })
    .unwrap()
}

on_each_store!(memory;
    first_attempts_and_retries_are_apart,
    an_attempt_begins_and_ends_once,
    only_an_ambiguous_attempt_keeps_its_bytes,
    i9_confirmation_erases_what_is_personal,
    i9_a_call_is_taken_in_once_and_kept_without_what_is_personal,
    what_is_not_committed_has_not_happened,
    the_audit_sees_what_is_wrong,
    i12_the_books_cannot_be_changed,
    a_kind_of_evidence_is_asked_for_by_itself,
    what_may_have_been_processed_goes_with_no_other,
    what_waits_is_found_along_the_indexes
);

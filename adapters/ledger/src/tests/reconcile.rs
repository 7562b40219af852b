use core::time::Duration;

use reconciliation::Period;
use relay::delivery::State;
use tracking::Home;
use units::{EventId, Seed, Timestamp};

use super::place::{Place, on_each_store};
use super::world::{NOW, Sale, assert_balanced, begin, event_id, finish, take_in};
use crate::{By, Ledger, LedgerError, Proof, Proven, Reconcilable};

const BY: By<'static> = By { actor: "lead", why: "month end" };

fn ledger_with(place: &Place, states: &[State]) -> Ledger {
    let mut ledger = place.open();
    for (id, state) in (1_u64..).zip(states) {
        let order = u8::try_from(id).unwrap();
        take_in(&mut ledger, &[Sale { id, advertiser_id: 1, order, minor: 1000, clicked: true }]);
        begin(&mut ledger, id, 1).unwrap();
        finish(&mut ledger, id, 1, *state).unwrap();
    }
    ledger
}

fn confirm(ledger: &mut Ledger, id: EventId, home: Home) -> Proven {
    let proof = Proof { home, report: "june.csv (sha256 ab)", line: 7, transaction_id: "77" };
    let mut transaction = ledger.transaction(NOW).unwrap();
    let closed = transaction.confirm_by_report(id, &proof, BY).unwrap();
    transaction.commit().unwrap();
    closed
}

fn page(from: i64, after: Option<EventId>, limit: usize) -> Reconcilable {
    let period = Period { from: Timestamp::from_millis(from), until: NOW.plus(Duration::from_millis(1)) };
    Reconcilable { period, after, limit }
}

fn what_a_report_names_is_confirmed_once(place: &Place) {
    let states = [State::Taken, State::Unknown, State::Dead, State::Confirmed];
    let mut ledger = ledger_with(place, &states);
    let legacy = confirm(&mut ledger, event_id(1), Home::Legacy);
    assert_eq!(legacy, Proven::OtherOwner);
    let once: Vec<Proven> = (1..=5).map(|id| confirm(&mut ledger, event_id(id), Home::Primary)).collect();
    let dead = Proven::Already(State::Dead);
    let confirmed = Proven::Already(State::Confirmed);
    assert_eq!(once, [Proven::Now, Proven::Now, dead, confirmed, Proven::NotFound]);
    let again = confirm(&mut ledger, event_id(1), Home::Primary);
    assert_eq!(again, confirmed);
    let shown = ledger.show(event_id(2)).unwrap().unwrap();
    assert_eq!((shown.conversion.state, shown.sealed), (State::Confirmed, false));
    let entries: Vec<_> = shown.journal.iter().filter(|entry| entry.action == "settle").collect();
    assert_eq!(entries.len(), 1);
    assert_eq!(entries[0].actor, "lead");
    for part in ["transaction 77", "line 7", "june.csv", "sha256 ab", "month end"] {
        assert!(entries[0].detail.contains(part), "{}", entries[0].detail);
    }
    assert_balanced(&ledger);
}

fn rows_come_page_by_page(place: &Place) {
    let ledger = ledger_with(place, &[State::Taken, State::Unknown, State::Dead]);
    let first = ledger.reconcilable(&page(0, None, 2)).unwrap();
    let next = ledger.reconcilable(&page(0, first.last().map(|row| row.event_id), 2)).unwrap();
    let states: Vec<State> = first.iter().chain(&next).map(|row| row.state).collect();
    assert_eq!(states, [State::Taken, State::Unknown, State::Dead]);
    let row = &first[0];
    assert_eq!((row.owner, row.publisher_id, row.advertiser_id), (Some(Home::Primary), Some(456), 1));
    assert_eq!(row.reference.as_deref(), Some("order 1"));
    assert_eq!(row.sent_at, Some(NOW), "its only attempt");
    assert_eq!(ledger.first_seen().unwrap(), [(1, NOW)]);
    // Nothing was received after that, and nothing is looked for that cannot have been drawn then.
    assert!(ledger.reconcilable(&page(NOW.as_millis() + 1, None, 9)).unwrap().is_empty());
    let drawn = EventId::new(Seed(1), NOW);
    assert!(super::super::reconcile::drawn_at(NOW) <= drawn);
    assert!(drawn < super::super::reconcile::drawn_at(NOW.plus(Duration::from_millis(1))));
}

fn what_another_channel_won_counts_as_taken_back(place: &Place) {
    let ledger = ledger_with(place, &[State::Taken, State::Taken]);
    let flag = "UPDATE conversions SET flags = 'late auto_void' WHERE event_id =
        (SELECT event_id FROM conversions ORDER BY event_id LIMIT 1)";
    ledger.connection.script(flag).unwrap();
    let rows = ledger.reconcilable(&page(0, None, 9)).unwrap();
    assert_eq!(rows.iter().map(|row| row.voided).collect::<Vec<_>>(), [true, false]);
}

#[test]
fn a_reader_of_a_file_changes_nothing_of_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.sqlite");
    assert!(Ledger::open_reader(&path).is_err());
    drop(Ledger::open(&path).unwrap());
    let mut reader = Ledger::open_reader(&path).unwrap();
    assert!(reader.audit().unwrap().findings.is_empty());
    let written = reader.transaction(NOW).and_then(|mut open| open.journal("a", "b", None, "c"));
    assert!(written.is_err());
    let older = rusqlite::Connection::open(&path).unwrap();
    older.execute_batch("DELETE FROM schema_changes WHERE number > 2").unwrap();
    let error = Ledger::open_reader(&path).unwrap_err();
    assert!(matches!(error, LedgerError::Schema(_)), "{error}");
}

on_each_store!(memory;
    what_a_report_names_is_confirmed_once,
    what_another_channel_won_counts_as_taken_back,
    rows_come_page_by_page
);

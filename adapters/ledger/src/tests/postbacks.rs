use core::time::Duration;

use relay::delivery::{Health, Settled, State};
use tracking::Verdict;
use units::Timestamp;

use super::place::{Place, on_each_store};
use super::world::{NOW, PUBLISHER, Sale, assert_balanced, begin, event_id, finish, take_in};
use crate::{
    By, Closed, GivenUpSearch, Ledger, LedgerError, PostbackAddress, PostbackId, Recalled, Redriven,
};

const BY: By<'_> = By { actor: "ada", why: "the report" };

const SECOND: Duration = Duration::from_secs(1);

fn registered(address: &str) -> PostbackAddress {
    PostbackAddress { publisher_id: PUBLISHER, method: "GET".to_owned(), address: address.to_owned() }
}

fn register(ledger: &mut Ledger, new: &PostbackAddress) -> bool {
    let mut transaction = ledger.transaction(NOW).unwrap();
    let changed = transaction.register_postback(new).unwrap();
    transaction.commit().unwrap();
    changed
}

/// Sales with and without a click, delivered.
fn delivered(ledger: &mut Ledger, ids: core::ops::RangeInclusive<u64>, clicked: bool, state: State) {
    for id in ids {
        let order = u8::try_from(id).unwrap();
        take_in(ledger, &[Sale { id, advertiser_id: 1, order, minor: 1000, clicked }]);
        begin(ledger, id, 1).unwrap();
        finish(ledger, id, 1, state).unwrap();
    }
}

fn due(ledger: &Ledger, now: Timestamp) -> Vec<u128> {
    let rows = ledger.due_postbacks(now, 100, &[]).unwrap();
    rows.iter().map(|row| row.told.event_id.as_u128()).collect()
}

fn id(event: u64, number: u32) -> PostbackId {
    PostbackId { event_id: event_id(event), publisher_id: PUBLISHER, number }
}

fn start(ledger: &mut Ledger, id: PostbackId) -> Result<(), LedgerError> {
    let mut transaction = ledger.transaction(NOW).unwrap();
    transaction.begin_postback(id)?;
    transaction.commit()
}

fn end(ledger: &mut Ledger, id: PostbackId, state: State, due_at: Option<Timestamp>) {
    let (verdict, reason, health) = (Verdict::Later, "answered 503".to_owned(), Health::Failed);
    let settled = Settled { state, due_at, counted: id.number, ambiguous: false, verdict, reason, health };
    let mut transaction = ledger.transaction(NOW).unwrap();
    transaction.finish_postback(id, &settled).unwrap();
    if settled.state == State::Queued {
        transaction.put_postbacks_off(id.publisher_id).unwrap();
    }
    transaction.commit().unwrap();
}

fn a_call_is_owed_once_for_what_the_new_platform_has_taken_for_a_registered_publisher(place: &Place) {
    let mut ledger = place.open();
    delivered(&mut ledger, 1..=1, true, State::Taken);
    assert!(register(&mut ledger, &registered("https://a.example/?[[x]]")));
    assert!(!register(&mut ledger, &registered("https://a.example/?[[x]]")), "it is known");
    delivered(&mut ledger, 2..=2, true, State::Taken);
    delivered(&mut ledger, 3..=3, true, State::Confirmed);
    delivered(&mut ledger, 4..=4, false, State::Confirmed);
    delivered(&mut ledger, 5..=5, true, State::Rejected);
    delivered(&mut ledger, 6..=6, true, State::Unknown);
    assert_eq!(due(&ledger, NOW), [2, 3], "not what came before, what is nobody's, or what was not taken");
    let row = ledger.due_postbacks(NOW, 1, &[]).unwrap().remove(0);
    assert_eq!(ledger.due_postbacks(NOW, 1, &[PUBLISHER + 1]).unwrap().len(), 1);
    assert_eq!(
        ledger.due_postbacks(NOW, 1, &[PUBLISHER + 1, PUBLISHER]).unwrap(),
        [],
        "its places are taken"
    );
    assert_eq!((row.told.amount.unwrap().minor, row.told.commission.unwrap().minor), (1000, 100));

    start(&mut ledger, id(2, 1)).unwrap();
    assert!(start(&mut ledger, id(2, 2)).is_err(), "it is under way");
    assert_eq!(due(&ledger, NOW), [3]);
    // A crash puts it back; its answer ends it for good.
    assert_eq!(ledger.recover_postbacks(NOW).unwrap(), 1);
    start(&mut ledger, id(2, 2)).unwrap();
    end(&mut ledger, id(2, 2), State::Confirmed, None);
    assert_eq!((ledger.recover_postbacks(NOW).unwrap(), due(&ledger, NOW)), (0, vec![3]));
    let rows = ledger.postback_addresses(10).unwrap();
    assert_eq!((rows[0].called, rows[0].waiting, rows[0].given_up), (1, 1, 0), "{rows:?}");
    assert_balanced(&ledger);
}

fn what_waits_for_a_silent_server_waits_together(place: &Place) {
    let mut ledger = place.open();
    register(&mut ledger, &registered("https://a.example/?[[x]]"));
    delivered(&mut ledger, 1..=4, true, State::Taken);
    for event in [1, 2] {
        start(&mut ledger, id(event, 1)).unwrap();
    }
    end(&mut ledger, id(1, 1), State::Queued, Some(NOW.plus(SECOND * 9)));
    assert_eq!(
        due(&ledger, NOW.plus(SECOND * 8)),
        [0_u128; 0],
        "nobody is asked before the first is due again"
    );
    end(&mut ledger, id(2, 1), State::Queued, Some(NOW.plus(SECOND)));
    assert_eq!(ledger.next_postback().unwrap(), Some(NOW.plus(SECOND * 9)), "by the longest wait of any");
    assert_eq!(due(&ledger, NOW.plus(SECOND * 9)), [1, 2, 3, 4]);
    let rows = ledger.postback_addresses(10).unwrap();
    assert_eq!((rows[0].waiting, rows[0].detail.as_str()), (4, "answered 503"), "{rows:?}");

    start(&mut ledger, id(1, 2)).unwrap();
    end(&mut ledger, id(1, 2), State::Dead, None);
    let mut transaction = ledger.transaction(NOW).unwrap();
    assert!(transaction.forget_postback(PUBLISHER).unwrap());
    assert!(!transaction.forget_postback(PUBLISHER).unwrap());
    transaction.commit().unwrap();
    assert_eq!((due(&ledger, NOW.plus(SECOND * 99)), ledger.next_postback().unwrap()), (vec![], None));
}

fn who_is_credited_after_the_sale_was_sent_is_called_then(place: &Place) {
    let mut ledger = place.open();
    register(&mut ledger, &registered("https://a.example/?[[x]]"));
    delivered(&mut ledger, 1..=1, false, State::Taken);
    assert_eq!(due(&ledger, NOW), [0_u128; 0], "nobody is credited");
    // The same order again, with its click.
    take_in(&mut ledger, &[Sale { id: 2, advertiser_id: 1, order: 1, minor: 1000, clicked: true }]);
    assert_eq!(due(&ledger, NOW), [1]);
    start(&mut ledger, id(1, 1)).unwrap();
    end(&mut ledger, id(1, 1), State::Confirmed, None);
    take_in(&mut ledger, &[Sale { id: 3, advertiser_id: 1, order: 1, minor: 1000, clicked: true }]);
    assert_eq!(due(&ledger, NOW), [0_u128; 0], "and once");
    let shown = ledger.show(event_id(1)).unwrap().unwrap().postbacks;
    let told: Vec<_> = shown.iter().map(|call| (call.publisher_id, call.state, call.tries)).collect();
    assert_eq!(told, [(PUBLISHER, State::Confirmed, 1)]);
    assert_balanced(&ledger);
}

/// One that waits to be called, one that is being called, and one whose call a crash cuts off.
fn what_a_report_says_is_not_there_calls_nobody_until_it_is_there(place: &Place) {
    let mut ledger = place.open();
    register(&mut ledger, &registered("https://a.example/?[[x]]"));
    delivered(&mut ledger, 1..=3, true, State::Taken);
    start(&mut ledger, id(2, 1)).unwrap();
    start(&mut ledger, id(3, 1)).unwrap();
    let mut transaction = ledger.transaction(NOW).unwrap();
    for event in 1..=3 {
        let closed = transaction.close(event_id(event), false, BY).unwrap();
        assert_eq!(closed, Closed::Done(State::Dead));
    }
    transaction.commit().unwrap();
    end(&mut ledger, id(2, 1), State::Queued, Some(NOW.plus(SECOND)));
    assert_eq!(ledger.recover_postbacks(NOW).unwrap(), 1);
    let rows = ledger.due_postbacks(NOW.plus(SECOND * 9), 100, &[]).unwrap();
    assert_eq!(rows.len(), 3);
    assert!(rows.iter().all(|row| row.not_owed.is_some()), "whoever picks them calls nobody: {rows:?}");
    for event in 1..=3 {
        let mut transaction = ledger.transaction(NOW).unwrap();
        assert_eq!(transaction.requeue(event_id(event), NOW, BY).unwrap(), Redriven::Queued);
        transaction.commit().unwrap();
        begin(&mut ledger, event, 2).unwrap();
        finish(&mut ledger, event, 2, State::Confirmed).unwrap();
    }
    let rows = ledger.due_postbacks(NOW.plus(SECOND * 9), 100, &[]).unwrap();
    assert_eq!(rows.iter().filter(|row| row.not_owed.is_none()).count(), 3, "it was sent anew");
    assert_balanced(&ledger);
}

fn recall(ledger: &mut Ledger, event: u64, publisher: u64) -> Recalled {
    let mut transaction = ledger.transaction(NOW).unwrap();
    let recalled = transaction.recall_postback(event_id(event), publisher, NOW, BY).unwrap();
    transaction.commit().unwrap();
    recalled
}

/// Three that are given up in three ways, one that was answered, and one that waits.
fn what_was_given_up_is_told_by_cause_and_called_again_once(place: &Place) {
    let mut ledger = place.open();
    register(&mut ledger, &registered("https://a.example/?[[x]]"));
    delivered(&mut ledger, 1..=5, true, State::Taken);
    for event in 1..=4 {
        start(&mut ledger, id(event, 1)).unwrap();
    }
    end(&mut ledger, id(1, 1), State::Rejected, None);
    end(&mut ledger, id(2, 1), State::Dead, None);
    end(&mut ledger, id(3, 1), State::Dead, None);
    end(&mut ledger, id(4, 1), State::Confirmed, None);
    ledger
        .connection
        .script("UPDATE postbacks SET detail = 'nothing sent: refused' WHERE state = 'rejected'")
        .unwrap();
    assert_eq!((ledger.postbacks_given_up().unwrap(), ledger.vitals().unwrap().postbacks_given_up), (3, 3));
    let groups = ledger.given_up_groups(10).unwrap();
    let told: Vec<_> =
        groups.iter().map(|group| (group.cause.as_str(), group.count, group.publishers)).collect();
    assert_eq!(told, [("dead/answered_503", 2, 1), ("rejected/not_reached", 1, 1)]);

    let of = |cause: &str| GivenUpSearch { cause: Some(cause.to_owned()), ..GivenUpSearch::default() };
    let rows = ledger.given_up(&of("dead/answered_503"), None, 1).unwrap();
    assert_eq!((rows.len(), rows[0].event_id, rows[0].tries), (1, event_id(2), 1));
    let after = Some((rows[0].event_id, rows[0].publisher_id));
    let rows = ledger.given_up(&of("dead/answered_503"), after, 10).unwrap();
    assert_eq!(rows.iter().map(|row| row.event_id).collect::<Vec<_>>(), [event_id(3)]);
    assert_eq!(ledger.given_up(&of("dead/another"), None, 10).unwrap(), []);
    let search = GivenUpSearch { publisher_id: Some(PUBLISHER), event_id: Some(event_id(1)), cause: None };
    assert_eq!(ledger.given_up(&search, None, 10).unwrap().len(), 1);

    assert_eq!(recall(&mut ledger, 2, PUBLISHER), Recalled::Queued);
    assert_eq!(recall(&mut ledger, 2, PUBLISHER), Recalled::Already(State::Queued), "twice is once");
    assert_eq!(recall(&mut ledger, 4, PUBLISHER), Recalled::Already(State::Confirmed), "it was answered");
    assert_eq!(recall(&mut ledger, 2, PUBLISHER + 1), Recalled::NotFound);
    assert_eq!(due(&ledger, NOW), [2, 5]);
    let row = ledger.due_postbacks(NOW, 1, &[]).unwrap().remove(0);
    assert_eq!((row.tries, row.counted), (1, 0), "it has a whole schedule again");
    let journal = ledger.show(event_id(2)).unwrap().unwrap().journal;
    let told: Vec<_> = journal.iter().map(|entry| (entry.actor.as_str(), entry.action.as_str())).collect();
    assert_eq!(told, [("ada", "retry postback")], "once, like the act");
    assert_balanced(&ledger);
}

/// One that a report says is not there, one that its merchant takes back, one that another channel wins, one that another
/// publisher earns, one whose address is gone, and one that stands.
fn nobody_is_called_again_who_is_owed_nothing(place: &Place) {
    let mut ledger = place.open();
    register(&mut ledger, &registered("https://a.example/?[[x]]"));
    delivered(&mut ledger, 1..=5, true, State::Taken);
    for event in 1..=5 {
        start(&mut ledger, id(event, 1)).unwrap();
        end(&mut ledger, id(event, 1), State::Dead, None);
    }
    let mut transaction = ledger.transaction(NOW).unwrap();
    transaction.close(event_id(1), false, BY).unwrap();
    transaction.commit().unwrap();
    let one = |number: u64| {
        format!(
            "event_id = (SELECT event_id FROM conversions ORDER BY event_id LIMIT 1 OFFSET {})",
            number - 1
        )
    };
    let (void, flag, credit) = (one(2), one(3), one(4));
    let changes = format!(
        "INSERT INTO adjustments (adjustment_id, event_id, conversion, number, operation, content, advertiser_id,
            minor, currency, reason, state, detail, active, attention, received_at, changed_at)
         SELECT event_id, event_id, event_id, 1, 'void', 'x', advertiser_id, 0, 'USD', '', 'dropped', '', 0, 0, 0, 0
            FROM conversions WHERE {void};
         UPDATE conversions SET flags = 'auto_void' WHERE {flag};
         UPDATE conversions SET publisher_id = publisher_id + 1 WHERE {credit};"
    );
    ledger.connection.script(&changes).unwrap();
    for (event, why) in [
        (1, "the platform does not have the transaction after all"),
        (2, "its merchant has taken the transaction back"),
        (3, "the merchant gave the transaction to another channel"),
        (4, "the transaction is credited to another publisher"),
    ] {
        assert_eq!(recall(&mut ledger, event, PUBLISHER), Recalled::NotOwed(why));
        assert!(
            ledger
                .show(event_id(event))
                .unwrap()
                .unwrap()
                .postbacks
                .iter()
                .all(|call| call.state == State::Dead)
        );
    }
    let mut transaction = ledger.transaction(NOW).unwrap();
    transaction.forget_postback(PUBLISHER).unwrap();
    transaction.commit().unwrap();
    assert!(matches!(recall(&mut ledger, 5, PUBLISHER), Recalled::NotOwed(_)), "its address is gone");
    assert_eq!((ledger.postbacks_given_up().unwrap(), ledger.given_up_groups(10).unwrap()), (0, vec![]));
    assert!(ledger.show(event_id(5)).unwrap().unwrap().journal.is_empty(), "nothing was done");
    register(&mut ledger, &registered("https://a.example/?[[x]]"));
    assert_eq!(recall(&mut ledger, 5, PUBLISHER), Recalled::Queued, "it stands");
}

on_each_store!(memory;
    what_was_given_up_is_told_by_cause_and_called_again_once,
    nobody_is_called_again_who_is_owed_nothing,
    what_a_report_says_is_not_there_calls_nobody_until_it_is_there,
    who_is_credited_after_the_sale_was_sent_is_called_then,
    a_call_is_owed_once_for_what_the_new_platform_has_taken_for_a_registered_publisher,
    what_waits_for_a_silent_server_waits_together
);

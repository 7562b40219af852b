//! Rows that wait and are damaged: each is named, set aside and counted, and hides no other.

use relay::delivery::State;
use relay::intake::EvidenceKind;
use tracking::Home;

use super::place::{Place, on_each_store, plan};
use super::world::{NOW, Sale, assert_balanced, begin, event_id, take_in};
use crate::{Lane, Ledger, LedgerError, Page, UNREADABLE_ROW, Waiting, Which};

/// The second of three conversions.
const SECOND: &str = "event_id = (SELECT event_id FROM conversions ORDER BY event_id LIMIT 1 OFFSET 1)";

const LANE: Lane<'_> = Lane { home: Home::Primary, kinds: &EvidenceKind::ALL };

/// What can be wrong with a row that a question for what is due finds.
const DAMAGES: [&str; 3] = [
    "UPDATE conversions SET publisher_id = NULL",
    "UPDATE conversions SET click_at = NULL",
    "DELETE FROM envelopes",
];

/// What can be wrong with a row so that no such question finds it.
const LOSSES: [&str; 5] = [
    "UPDATE conversions SET owner = 'primarx'",
    "UPDATE conversions SET owner = NULL",
    "UPDATE conversions SET evidence = 'tokem'",
    "UPDATE conversions SET fresh = 2",
    "UPDATE conversions SET due_at = NULL",
];

/// Each place beside what is looked for, with the name of what is damaged.
const GAPS: [(&str, &str); 13] = [
    ("owner = NULL", "its owner"),
    ("owner = ''", "its owner"),
    ("owner = 'legacz'", "its owner"),
    ("owner = 'primary '", "its owner"),
    ("evidence = ''", "its evidence"),
    ("evidence = 'click_ie'", "its evidence"),
    ("evidence = 'cookif'", "its evidence"),
    ("evidence = 'token '", "its evidence"),
    ("evidence = 'vouches'", "its evidence"),
    ("fresh = -1", "whether it was sent"),
    ("fresh = 2", "whether it was sent"),
    ("due_at = NULL", "when it is due"),
    ("due_at = NULL, fresh = 0", "when it is due"),
];

fn three(place: &Place) -> Ledger {
    let mut ledger = place.open();
    let sale =
        |id| Sale { id, advertiser_id: 1, order: u8::try_from(id).unwrap(), minor: 1000, clicked: true };
    assert_eq!(take_in(&mut ledger, &(1..=3).map(sale).collect::<Vec<_>>()), 3);
    ledger
}

fn damage(ledger: &Ledger, change: &str) {
    ledger.connection.script(&format!("{change} WHERE {SECOND}")).unwrap();
}

fn set_aside(ledger: &mut Ledger, row: Waiting, why: &str) -> Option<State> {
    let mut transaction = ledger.transaction(NOW).unwrap();
    let state = transaction.set_aside(row, why).unwrap();
    transaction.commit().unwrap();
    state
}

fn due(ledger: &Ledger) -> Result<Vec<u128>, LedgerError> {
    let rows = ledger.due(NOW, LANE, Which::Fresh, 10)?;
    Ok(rows.iter().map(|row| row.event_id.as_u128()).collect())
}

/// It stands where a person finds it, and everything else is as it was.
fn assert_found(ledger: &Ledger, state: State) {
    let dead = ledger.dead_list(&[], &Page { limit: 10, advertiser_id: None, after: None }).unwrap();
    let found: Vec<_> = dead.iter().map(|row| (row.event_id, row.state, row.reason.as_str())).collect();
    assert_eq!(found, [(event_id(2), state, UNREADABLE_ROW)]);
    let groups = ledger.dead_groups(10).unwrap();
    assert!(groups[0].key.starts_with(&format!("{state}/{UNREADABLE_ROW}")), "{}", groups[0].key);
    assert_eq!(ledger.at_risk().unwrap().len(), 1);
    assert!(ledger.show(event_id(2)).unwrap().is_some());
    assert_eq!(ledger.transactions(&Page { limit: 10, advertiser_id: None, after: None }).unwrap().len(), 3);
    assert_balanced(ledger);
}

fn what_cannot_be_read_is_named_and_what_waits_behind_it_goes_on(place: &Place) {
    for change in DAMAGES {
        let mut ledger = three(&place.another());
        damage(&ledger, change);
        let Err(LedgerError::Unreadable { row, why }) = due(&ledger) else { panic!("{change} is not seen") };
        assert_eq!(row, Waiting::Conversion(event_id(2)), "{why}");
        assert_eq!(set_aside(&mut ledger, row, &why), Some(State::Held));
        assert_eq!(due(&ledger).unwrap(), [1, 3], "{change}");
        assert_eq!(set_aside(&mut ledger, row, &why), None, "twice is once");
        assert_found(&ledger, State::Held);
    }
}

fn what_no_lane_looks_for_is_found_all_the_same(place: &Place) {
    for change in LOSSES {
        let mut ledger = three(&place.another());
        assert_eq!(ledger.lost(10).unwrap(), []);
        damage(&ledger, change);
        assert_eq!(due(&ledger).unwrap(), [1, 3], "{change}: it hides nobody");
        assert_eq!(ledger.next_due(LANE, Which::Fresh).unwrap(), Some(NOW), "{change}");
        assert_eq!(ledger.backlog(NOW).unwrap().iter().map(|row| row.count).sum::<u64>(), 2, "{change}");
        let lost = ledger.lost(10).unwrap();
        assert_eq!(lost.iter().map(|(id, _)| *id).collect::<Vec<_>>(), [event_id(2)], "{change}");
        set_aside(&mut ledger, Waiting::Conversion(event_id(2)), &lost[0].1);
        assert_eq!(ledger.lost(10).unwrap(), []);
        assert_found(&ledger, State::Held);
    }
}

fn whatever_is_beside_what_is_looked_for_is_lost_and_named(place: &Place) {
    let ledger = three(place);
    for home in Home::ALL.map(Home::name) {
        for evidence in EvidenceKind::ALL.map(EvidenceKind::name) {
            let whole = format!("owner = '{home}', evidence = '{evidence}', fresh = 1, due_at = 1");
            damage(&ledger, &format!("UPDATE conversions SET {whole}"));
            assert_eq!(ledger.lost(10).unwrap(), [], "{whole}");
            for (change, what) in GAPS {
                damage(&ledger, &format!("UPDATE conversions SET {whole}"));
                damage(&ledger, &format!("UPDATE conversions SET {change}"));
                assert_eq!(ledger.lost(10).unwrap(), [(event_id(2), what.to_owned())], "{whole}, {change}");
            }
        }
    }
    damage(&ledger, "UPDATE conversions SET owner = NULL, active = 0");
    assert_eq!(ledger.lost(10).unwrap(), [], "it does not wait");
}

fn what_was_under_way_may_have_arrived(place: &Place) {
    let mut ledger = three(place);
    begin(&mut ledger, 2, 1).unwrap();
    damage(&ledger, DAMAGES[0]);
    let Err(LedgerError::Unreadable { row, why }) = ledger.in_flight(10) else { panic!("it is not seen") };
    assert_eq!(set_aside(&mut ledger, row, &why), Some(State::Unknown));
    assert!(ledger.in_flight(10).unwrap().is_empty());
    assert_found(&ledger, State::Unknown);
    let shown = ledger.show(event_id(2)).unwrap().unwrap();
    assert_eq!(shown.attempts[0].verdict.as_deref(), Some("unknown"));
}

fn a_state_that_is_none_is_a_finding_and_stops_no_audit(place: &Place) {
    let ledger = three(place);
    damage(&ledger, "UPDATE conversions SET state = 'quexed'");
    let findings = ledger.audit().unwrap().findings;
    assert!(findings.iter().any(|finding| finding.message.contains("`quexed`")), "{findings:?}");
    assert!(findings.iter().any(|finding| finding.message.contains("3 accepted, and 2")), "{findings:?}");
}

/// A server's columns take nothing of another kind.
#[test]
fn what_is_no_number_is_named_too() {
    for (change, lost) in [
        ("UPDATE conversions SET tries = 'many'", false),
        ("UPDATE conversions SET click_at = 'soon'", false),
        ("UPDATE conversions SET due_at = 'soon'", true),
    ] {
        let mut ledger = three(&Place::memory());
        damage(&ledger, change);
        let row = if lost {
            let lost = ledger.lost(10).unwrap();
            lost.first().map(|(event_id, _)| Waiting::Conversion(*event_id))
        } else {
            due(&ledger).err().map(|error| match error {
                LedgerError::Unreadable { row, .. } => row,
                other => panic!("{other}"),
            })
        };
        assert_eq!(row, Some(Waiting::Conversion(event_id(2))), "{change}");
        set_aside(&mut ledger, row.unwrap(), "damaged");
        assert_eq!(due(&ledger).unwrap(), [1, 3], "{change}");
        assert_found(&ledger, State::Held);
    }
}

/// The watch looks for them beside a backlog of millions.
#[test]
fn what_is_lost_is_looked_up_and_not_looked_for() {
    let ledger = three(&Place::memory());
    let plan = plan(&ledger, &crate::unreadable::lost());
    let walks: Vec<&String> = plan.iter().filter(|step| step.contains("conversions")).collect();
    assert_eq!(walks.len(), 118, "one for each gap: {plan:#?}");
    for walk in walks {
        let (how, ends) = walk.trim_end_matches(')').split_once(" (state=? AND ").unwrap();
        assert!(how.starts_with("SEARCH conversions USING COVERING INDEX conversions_"), "{walk}");
        let last = ends.rsplit(" AND ").next().unwrap();
        let to_nothing = last == "due_at=?" || last == "owner=?";
        assert!(to_nothing || last.contains('<') || last.contains('>'), "{walk}");
    }
    assert!(!plan.iter().any(|step| step.contains("TEMP B-TREE")), "{plan:#?}");
}

on_each_store!(memory;
    what_cannot_be_read_is_named_and_what_waits_behind_it_goes_on,
    what_no_lane_looks_for_is_found_all_the_same,
    whatever_is_beside_what_is_looked_for_is_lost_and_named,
    what_was_under_way_may_have_arrived,
    a_state_that_is_none_is_a_finding_and_stops_no_audit,
);

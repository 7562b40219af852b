//! The chain finds whatever was done behind our back.

use attribution::status::{Act, Cause};
use core::time::Duration;

use super::place::{Place, on_each_store};
use super::statuses::{SALE, judge_at, lock_day};
use super::world::{NOW, Sale, assert_balanced, take_in};
use crate::store::Connection;
use crate::{Hash, Ledger, Root, canonical, hex, linked, root_message};

/// Three sales, one of them declined, and a journal entry.
fn ledger(place: &Place) -> Ledger {
    let mut ledger = place.open();
    let sale = |id: u64| Sale { id, order: u8::try_from(id).unwrap(), ..SALE };
    take_in(&mut ledger, &[sale(1), sale(2), sale(3)]);
    judge_at(&mut ledger, 1, Act::Decline, Cause::Operator, NOW);
    let mut transaction = ledger.transaction(NOW).unwrap();
    transaction.journal("ada", "note", None, "three sales").unwrap();
    transaction.journal("ada", "note", None, "and no more").unwrap();
    transaction.commit().unwrap();
    ledger
}

/// As somebody with the store in hand would begin.
pub(super) fn without_triggers(ledger: &Ledger, table: &str) {
    let drop = match &ledger.connection {
        Connection::Sqlite(_) | Connection::Simulated(_) => {
            format!("DROP TRIGGER IF EXISTS {table}_no_update; DROP TRIGGER IF EXISTS {table}_no_delete;")
        }
        Connection::Postgres(_) => format!("ALTER TABLE {table} DISABLE TRIGGER USER"),
    };
    ledger.connection.script(&drop).unwrap();
}

/// What the audit says of the chain after this was done with plain SQL, the triggers out of the way.
fn after(ledger: &Ledger, tampering: &str) -> Vec<String> {
    for table in ["posting_sets", "postings", "journal", "status_changes", "payments", "links", "roots"] {
        without_triggers(ledger, table);
    }
    let tampering = match &ledger.connection {
        Connection::Sqlite(_) | Connection::Simulated(_) => tampering.to_owned(),
        Connection::Postgres(_) => {
            tampering.replace("x'", "'\\x").replace("zeroblob(32)", "decode(repeat('00', 32), 'hex')")
        }
    };
    ledger.connection.script(&tampering).unwrap();
    ledger.chain_findings().unwrap().into_iter().map(|found| found.message).collect()
}

fn an_untouched_chain_holds(place: &Place) {
    let mut ledger = ledger(place);
    assert_balanced(&ledger);
    assert_eq!(ledger.chain_head().unwrap().sequence, 7, "the beginning, four sets, a change, two entries");
    assert_eq!(after(&ledger, ""), Vec::<String>::new());
    take_in(&mut ledger, &[SALE]);
    assert_eq!(ledger.chain_head().unwrap().sequence, 7, "what was known makes no link");
}

fn every_way_of_touching_it_is_found(place: &Place) {
    for (tampering, what) in [
        (
            "UPDATE postings SET minor = minor * 2 WHERE set_id = 2",
            "link 2: posting set 2 is not what was linked",
        ),
        ("UPDATE postings SET party = 457 WHERE set_id = 2 AND account = 'publisher'", "posting set 2"),
        ("UPDATE postings SET line = line + 2 WHERE set_id = 3", "posting set 3"),
        ("UPDATE posting_sets SET happened_at = happened_at - 1 WHERE set_id = 1", "posting set 1"),
        ("UPDATE posting_sets SET posted_at = posted_at - 1 WHERE set_id = 1", "and its link of"),
        ("DELETE FROM postings WHERE set_id = 3", "posting set 3"),
        (
            "DELETE FROM posting_sets WHERE set_id = 2; DELETE FROM postings WHERE set_id = 2",
            "posting set 2 is gone",
        ),
        (
            "INSERT INTO posting_sets VALUES (50, x'00000000000000000000000000000001', 'correction', x'00000000000000000000000000000001', 0, 0)",
            "posting set 50 was never linked",
        ),
        (
            "INSERT INTO postings VALUES (2, 3, 'network', 0, 5, 'USD'), (2, 4, 'network', 0, -5, 'USD')",
            "posting set 2",
        ),
        (
            "UPDATE posting_sets SET set_id = 99 WHERE set_id = 2; UPDATE postings SET set_id = 99 WHERE set_id = 2",
            "posting set 2 is gone",
        ),
        ("UPDATE status_changes SET reason = 'fraud'", "status change 1"),
        ("DELETE FROM status_changes", "status change 1 is gone"),
        ("UPDATE journal SET actor = 'bob' WHERE entry_id = 1", "journal entry 1"),
        (
            "UPDATE journal SET entry_id = CASE entry_id WHEN 1 THEN -2 ELSE 1 END; UPDATE journal SET entry_id = 2 WHERE entry_id = -2",
            "journal entry 1",
        ),
        (
            "INSERT INTO journal (entry_id, at, actor, action, detail) VALUES (3, 0, 'bob', 'note', '')",
            "journal entry 3 was never linked",
        ),
        ("UPDATE links SET hash = zeroblob(32) WHERE sequence = 3", "link 3"),
        ("UPDATE links SET row_id = 3 WHERE sequence = 2", "link 2"),
        ("DELETE FROM links WHERE sequence = 3", "link 4 follows where link 3 belongs"),
        ("DELETE FROM links WHERE sequence = 7", "journal entry 2 was never linked"),
        ("DELETE FROM links WHERE sequence = 0", "link 1 follows where link 0 belongs"),
        ("UPDATE ledger_identity SET ledger_id = 'another'", "link 0"),
        ("UPDATE ledger_identity SET last_set = 1", "link 0"),
        (
            "UPDATE links SET sequence = CASE sequence WHEN 2 THEN -3 ELSE -2 END WHERE sequence IN (2, 3); UPDATE links SET sequence = -sequence WHERE sequence < 0",
            "link 2",
        ),
        ("UPDATE links SET recorded_at = 1 WHERE sequence = 5", "and its link of"),
    ] {
        let found = after(&ledger(&place.another()), tampering);
        assert!(
            found.iter().any(|message| message.contains(what)),
            "{tampering}: {what} is not in {found:#?}"
        );
        assert!(found.len() <= 6, "what is whole is not accused: {tampering}: {found:#?}");
    }
}

fn root(sequence: u64, hash: Hash) -> Root {
    Root { sequence, hash, signed_at: NOW, public_key: vec![1; 32], signature: vec![2; 64] }
}

fn keep(ledger: &mut Ledger, root: &Root) {
    let mut transaction = ledger.transaction(NOW).unwrap();
    transaction.keep_root(root).unwrap();
    transaction.commit().unwrap();
}

/// Truncated at its end a chain fits; a root that somebody keeps does not.
fn a_root_finds_what_was_cut_off(place: &Place) {
    let mut ledger = ledger(place);
    let beginning = root(0, ledger.export_links(None).unwrap()[0].hash);
    keep(&mut ledger, &beginning);
    let head = ledger.chain_head().unwrap();
    let root = root(head.sequence, head.hash);
    keep(&mut ledger, &root);
    assert_eq!(ledger.last_root().unwrap().as_ref(), Some(&root));
    assert_eq!(ledger.roots(None, 9).unwrap(), [beginning.clone(), root.clone()], "from the first link on");
    assert_eq!(ledger.roots(None, 1).unwrap(), [beginning]);
    assert_eq!(ledger.roots(Some(0), 9).unwrap(), [root], "and behind it");
    assert_balanced(&ledger);
    let cut = "DELETE FROM journal WHERE entry_id = 2; DELETE FROM links WHERE sequence = 7";
    let found = after(&ledger, cut);
    assert_eq!(found, ["a root was signed for link 7, and the chain ends before it"]);
}

/// Written anew from some link on, a chain fits too.
fn a_root_finds_what_was_written_anew(place: &Place) {
    let mut ledger = ledger(place);
    keep(&mut ledger, &root(2, [9; 32]));
    assert_eq!(after(&ledger, ""), ["the root that was signed for link 2 does not fit the chain"]);
}

/// With the form that `docs/ledger-proof.md` describes, from what everybody can have.
fn a_third_party_comes_to_the_same_hashes(place: &Place) {
    let ledger = ledger(place);
    let exported = ledger.export_links(None).unwrap();
    let mut hash = [0; 32];
    for link in &exported {
        let fields: Vec<&str> = link.fields.iter().map(String::as_str).collect();
        hash = linked(&hash, &canonical(&fields));
        assert_eq!(hash, link.hash, "link {}", link.sequence);
    }
    assert_eq!((exported.len(), hash), (8, ledger.chain_head().unwrap().hash));
    assert_eq!(exported[0].fields[3], ledger.ledger_id().unwrap(), "who it is stands in its first link");
}

#[test]
fn the_form_of_what_is_linked_and_signed_is_the_documented_one() {
    assert_eq!(canonical(&["ab", ""]), b"\0\0\0\x02ab\0\0\0\0");
    let (hash, at) = ([0xab; 32], NOW.as_millis().to_string());
    let message = root_message("a ledger", 7, &hash, NOW);
    assert_eq!(message, canonical(&["turnout.root.1", "a ledger", "7", &hex(&hash), &at]));
}

/// Rows are read in steps: one that nothing links, in the first step, hides none of the next.
fn what_was_added_among_many_is_accused_alone(place: &Place) {
    let mut ledger = place.open();
    let write = |ledger: &mut Ledger, entries: usize| {
        let mut transaction = ledger.transaction(NOW).unwrap();
        for _ in 0..entries {
            transaction.journal("ada", "note", None, "one of many").unwrap();
        }
        transaction.commit().unwrap();
    };
    write(&mut ledger, 1);
    let added = "INSERT INTO journal (at, actor, action, detail) VALUES (0, 'bob', 'note', '')";
    ledger.connection.script(added).unwrap();
    write(&mut ledger, 1001);
    let found = after(&ledger, "");
    assert_eq!(found, ["journal entry 2 was never linked: it was added behind our back"]);
    let found = after(&ledger, "DELETE FROM journal WHERE entry_id = 700");
    assert_eq!(found.len(), 2, "{found:#?}");
    assert_eq!(found[1], "link 699: journal entry 700 is gone");
}

/// By how much a time was changed is told.
fn both_times_of_a_changed_one_are_told(place: &Place) {
    let ledger = ledger(place);
    let found = after(&ledger, "UPDATE posting_sets SET posted_at = posted_at - 1 WHERE set_id = 1");
    let before = NOW.minus(Duration::from_millis(1));
    assert_eq!(found[0], format!("link 1: posting set 1 is of {before}, and its link of {NOW}"));
}

fn the_chain_of_an_older_ledger_begins_over_what_is_there(place: &Place) {
    let mut ledger = place.open();
    take_in(&mut ledger, &[SALE]);
    without_triggers(&ledger, "links");
    let older = "DELETE FROM links;
        INSERT INTO journal (at, actor, action, detail) VALUES (1, 'ada', 'before', 'the chain began');
        UPDATE ledger_identity SET last_set = 1, last_change = 0, last_entry = 1";
    ledger.connection.script(older).unwrap();
    drop(ledger);
    let mut ledger = place.open();
    take_in(&mut ledger, &[Sale { id: 2, order: 2, ..SALE }]);
    assert_balanced(&ledger);
    let exported = ledger.export_links(None).unwrap();
    assert_eq!(exported.len(), 2, "the beginning, and the second sale");
    assert_eq!(exported[0].fields.get(2).map(String::as_str), Some("genesis"));
    let found = after(&ledger, "UPDATE postings SET minor = minor * 2 WHERE set_id = 1");
    assert!(found[0].contains("link 0: the beginning"), "{found:?}");
}

fn recorded_times_do_not_go_back_with_the_clock(place: &Place) {
    let mut ledger = ledger(place);
    let earlier = NOW.minus(Duration::from_secs(60));
    judge_at(&mut ledger, 2, Act::Approve, Cause::Operator, earlier);
    let change = ledger.status_changes(super::world::event_id(2)).unwrap().pop().unwrap();
    assert_eq!((change.recorded_at, change.happened_at), (NOW, NOW));
    // A clock that was far ahead by mistake does not hold the times of the books there.
    judge_at(&mut ledger, 2, Act::Decline, Cause::Operator, lock_day().minus(Duration::from_secs(5)));
    judge_at(&mut ledger, 3, Act::Decline, Cause::Operator, NOW);
    let change = ledger.status_changes(super::world::event_id(3)).unwrap().pop().unwrap();
    assert_eq!(change.recorded_at, NOW);
    assert_balanced(&ledger);
}

on_each_store!(file;
    an_untouched_chain_holds,
    every_way_of_touching_it_is_found,
    a_root_finds_what_was_cut_off,
    a_root_finds_what_was_written_anew,
    a_third_party_comes_to_the_same_hashes,
    what_was_added_among_many_is_accused_alone,
    both_times_of_a_changed_one_are_told,
    the_chain_of_an_older_ledger_begins_over_what_is_there,
    recorded_times_do_not_go_back_with_the_clock
);

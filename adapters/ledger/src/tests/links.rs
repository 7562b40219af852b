//! The chain finds whatever was done behind our back.

use attribution::status::{Act, Cause};
use core::time::Duration;

use super::place::{Place, on_each_store};
use super::statuses::{SALE, judge_at, lock_day};
use super::world::{NOW, Sale, assert_balanced, take_in};
use crate::store::Connection;
use crate::{Ledger, Root};

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

/// Truncated at its end a chain fits; a root that somebody keeps does not.
fn a_root_finds_what_was_cut_off(place: &Place) {
    let mut ledger = ledger(place);
    let head = ledger.chain_head().unwrap();
    let root = Root {
        sequence: head.sequence,
        hash: head.hash,
        signed_at: NOW,
        public_key: vec![1; 32],
        signature: vec![2; 64],
    };
    let mut transaction = ledger.transaction(NOW).unwrap();
    transaction.keep_root(&root).unwrap();
    transaction.commit().unwrap();
    assert_eq!(ledger.last_root().unwrap(), Some(root));
    assert_balanced(&ledger);
    let cut = "DELETE FROM journal WHERE entry_id = 2; DELETE FROM links WHERE sequence = 7";
    let found = after(&ledger, cut);
    assert_eq!(found, ["a root was signed for link 7, and the chain ends before it"]);
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
    the_chain_of_an_older_ledger_begins_over_what_is_there,
    recorded_times_do_not_go_back_with_the_clock
);

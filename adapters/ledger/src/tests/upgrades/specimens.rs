//! Specimens: the rows of a ledger as each version left them, in `formats/`.
//!
//! A version is its changes of the tables (which are never edited, see `formats/changes.txt`) and the rows of its
//! specimen. `TURNOUT_WRITE_SPECIMENS=1` writes those that are missing; one that is there is never written again.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use attribution::posting;
use attribution::status::{Act, Cause};
use relay::delivery::State;
use relay::intake::{BoundVoucher, KeptClick, Origin};
use tracking::event::Click;

use crate::post::NewSet;
use crate::schema;
use crate::store::Connection;
use crate::tests::payments::pay;
use crate::tests::statuses::{judge_at, lock_day};
use crate::tests::world::{NOW, PUBLISHER, Sale, begin, event_id, finish, take_in};
use crate::{Action, By, Ledger, NewOrder, PostbackAddress, sql};

/// The columns of each table, and whether one holds bytes.
pub(super) type Columns = BTreeMap<String, Vec<(String, bool)>>;

pub(super) fn formats() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("formats")
}

/// The rows of a version; none before the first.
pub(super) fn specimen(version: usize) -> String {
    if version == 0 {
        return String::new();
    }
    let file = formats().join(format!("{version:02}.sql"));
    if !file.exists() && std::env::var_os("TURNOUT_WRITE_SPECIMENS").is_some() {
        std::fs::write(&file, written(version)).unwrap();
    }
    std::fs::read_to_string(&file).unwrap_or_else(|error| {
        panic!("{}: {error}; TURNOUT_WRITE_SPECIMENS=1 makes it of this version", file.display())
    })
}

/// The tables of a version.
pub(super) fn columns(version: usize) -> Columns {
    let connection = Connection::memory().unwrap();
    schema::bring_up_to(&connection, version).unwrap();
    let query = "SELECT m.name, p.name, p.type = 'BLOB' FROM sqlite_schema m JOIN pragma_table_info(m.name) p
        WHERE m.type = 'table' AND m.name <> 'schema_changes' ORDER BY m.name, p.cid";
    let read = |row: &crate::store::Row<'_>| Ok((row.get::<String>(0)?, row.get::<String>(1)?, row.get(2)?));
    let mut columns = Columns::new();
    for (table, column, bytes) in sql::all(&connection, query, (), read).unwrap() {
        columns.entry(table).or_default().push((column, bytes));
    }
    columns
}

/// What this version's code writes, in the columns of `version`.
fn written(version: usize) -> String {
    let mut ledger = Ledger::in_memory().unwrap();
    fill(&mut ledger, version);
    let mut columns = columns(version);
    let mut text = String::new();
    // A set must be there before its lines.
    let sets = columns.remove_entry("posting_sets");
    if columns.contains_key("ledger_identity") {
        text += "DELETE FROM ledger_identity;\n";
    }
    for (table, columns) in sets.into_iter().chain(columns) {
        let names: Vec<&str> = columns.iter().map(|(name, _)| name.as_str()).collect();
        let quoted: Vec<String> = names.iter().map(|name| format!("quote({name})")).collect();
        let query = format!("SELECT {} FROM {table} ORDER BY 1, 2", quoted.join(" || ', ' || "))
            .replace("ORDER BY 1, 2", "ORDER BY 1");
        for row in sql::all(&ledger.connection, &query, (), |row| row.get::<String>(0)).unwrap() {
            writeln!(text, "INSERT INTO {table} ({}) VALUES ({row});", names.join(", ")).unwrap();
        }
    }
    text
}

/// A little of everything that a ledger of `version` may hold.
fn fill(ledger: &mut Ledger, version: usize) {
    let sale = |id: u64| Sale {
        id,
        advertiser_id: 1,
        order: u8::try_from(id).unwrap(),
        minor: 1000 + i64::try_from(id).unwrap(),
        clicked: !id.is_multiple_of(3),
    };
    let sales: Vec<Sale> = (1..=9).map(sale).collect();
    take_in(ledger, &sales);
    take_in(
        ledger,
        &[
            // A copy of the first with the same money, one with other money, and one of a stranger.
            Sale { id: 10, ..sale(1) },
            Sale { id: 11, order: 2, ..sale(1) },
            Sale { id: 12, advertiser_id: 77, ..sale(12) },
        ],
    );
    for (id, state) in [
        (1, State::Confirmed),
        (2, State::Taken),
        (3, State::Rejected),
        (4, State::Dead),
        (5, State::Unknown),
        (6, State::Queued),
    ] {
        begin(ledger, id, 1).unwrap();
        finish(ledger, id, 1, state).unwrap();
    }
    begin(ledger, 7, 1).unwrap();
    let mut transaction = ledger.transaction(NOW).unwrap();
    transaction.journal("ada", "note", Some(event_id(4)), "Größe 1'2").unwrap();
    transaction.keep_click(&click()).unwrap();
    if version >= 2 {
        transaction.bind_voucher(&voucher()).unwrap();
    }
    if version >= 5 {
        transaction.register_postback(&address()).unwrap();
    }
    transaction.commit().unwrap();
    if version >= 5 {
        begin(ledger, 8, 1).unwrap();
        finish(ledger, 8, 1, State::Confirmed).unwrap();
    }
    if version >= 3 {
        change(ledger, 9, "edit", 1009);
        void(ledger, 8, version);
    }
    if version >= 6 {
        order(ledger);
    }
    if version >= 7 {
        life(ledger);
    }
}

/// What became of transactions after their booking.
fn life(ledger: &mut Ledger) {
    judge_at(ledger, 1, Act::Approve, Cause::Merchant, NOW);
    judge_at(ledger, 2, Act::Decline, Cause::Operator, NOW);
    let mut transaction = ledger.transaction(lock_day()).unwrap();
    transaction.lock_due(100).unwrap();
    transaction.commit().unwrap();
    pay(ledger, "march", lock_day(), lock_day());
    let mut transaction = ledger.transaction(NOW).unwrap();
    transaction.discard(event_id(4), By { actor: "ada", why: "no such shop" }).unwrap();
    transaction.commit().unwrap();
}

/// A merchant's change of a transaction, as it is written down.
fn change(ledger: &Ledger, id: u64, operation: &str, minor: i64) {
    let (conversion, call) = (sql::id(event_id(id)), sql::id(event_id(100 + id)));
    let insert = "INSERT INTO adjustments (adjustment_id, event_id, conversion, number, operation, content,
            advertiser_id, minor, currency, reason, state, detail, active, attention, received_at, changed_at)
        VALUES (?1, ?1, ?2, 1, ?3, ?3, 1, ?4, 'USD', 'a return', 'confirmed', '', 0, 0, ?5, ?5)";
    let row = (call, conversion, operation, minor, NOW.as_millis());
    sql::run(&ledger.connection, insert, row, "write a change").unwrap();
    let insert = "INSERT INTO followers (event_id, parent) VALUES (?1, ?2)";
    sql::run(&ledger.connection, insert, (call, conversion), "link a transaction").unwrap();
}

/// A void: a correction until statuses came, a status and its posting since.
fn void(ledger: &mut Ledger, id: u64, version: usize) {
    if version >= 7 {
        judge_at(ledger, id, Act::Decline, Cause::Merchant, NOW);
    } else {
        let event_id = event_id(id);
        let mut transaction = ledger.transaction(NOW).unwrap();
        let earned = transaction.earned(event_id).unwrap().unwrap();
        let lines = posting::correction(&earned, &[]);
        let kind = "correction";
        transaction
            .post(&NewSet { event_id, kind, cause: event_id, happened_at: NOW, lines: &lines })
            .unwrap();
        transaction.commit().unwrap();
    }
    change(ledger, id, "void", 0);
}

/// An order that waits for a second person, and a correction of an event.
fn order(ledger: &mut Ledger) {
    let mut transaction = ledger.transaction(NOW).unwrap();
    let order = NewOrder {
        order_id: "bulk",
        action: Action::Redrive,
        selection: "[3]",
        overrules: false,
        capped: false,
        by: By { actor: "ada", why: "the platform is mended" },
        waits: true,
        items: &[(event_id(3), Some(NOW))],
    };
    transaction.place_order(&order).unwrap();
    transaction.commit().unwrap();
    let insert = "INSERT INTO edits (event_id, number, edited_at, actor, reason, changes, original)
        VALUES (?1, 1, ?2, 'ada', 'a typo', 'amount: 1 -> 2', ?3)";
    let row = (sql::id(event_id(3)), NOW.as_millis(), [1_u8, 2, 3]);
    sql::run(&ledger.connection, insert, row, "correct an event").unwrap();
}

fn click() -> KeptClick {
    KeptClick {
        click: Click {
            advertiser_id: 1,
            publisher_id: PUBLISHER,
            creative_id: 3,
            at: NOW,
            click_id: "kept".to_owned(),
        },
        home: None,
        origin: Origin::Edge,
        alias_of: None,
        event_id: None,
        reference: Some("theirs".to_owned()),
        expires_at: NOW,
    }
}

fn voucher() -> BoundVoucher {
    BoundVoucher {
        advertiser_id: 1,
        code: "SAVE10".to_owned(),
        publisher_id: PUBLISHER,
        starts_at: None,
        ends_at: Some(NOW),
    }
}

fn address() -> PostbackAddress {
    PostbackAddress {
        publisher_id: PUBLISHER,
        method: "GET".to_owned(),
        address: "https://publisher.example/?[[tracking]]".to_owned(),
    }
}

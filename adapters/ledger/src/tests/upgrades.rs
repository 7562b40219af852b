//! Ledgers of every version that was released are brought up to date, wherever that is cut off.

mod specimens;

use std::collections::BTreeMap;

use relay::delivery::State;

use super::place::{Place, on_each_store};
use super::world::{Sale, assert_balanced, begin, event_id, finish, take_in};
use crate::schema::{self, COUNT};
use crate::store::{Connection, Purpose};
use crate::{Ledger, sql};
use specimens::{Columns, columns, formats, specimen};

/// The rows of each table, every value as text.
type Rows = BTreeMap<String, Vec<Vec<Option<String>>>>;

/// A ledger as version `version` left it, with the rows of its specimen.
fn left_by(version: usize, place: &Place) {
    let connection = place.connection();
    schema::bring_up_to(&connection, version).unwrap();
    let mut rows = specimen(version);
    if let Connection::Postgres(_) = &connection {
        rows = rows.replace("X'", "'\\x");
    }
    connection.script(&rows).unwrap();
    if let Connection::Postgres(_) = &connection {
        number_on(&connection);
    }
}

/// Rows that were written with their numbers do not move the server's own count of them.
fn number_on(connection: &Connection) {
    let query = "SELECT 'SELECT setval(pg_get_serial_sequence(''' || table_name || ''', ''' || column_name
            || '''), (SELECT coalesce(max(' || column_name || '), 0) + 1 FROM ' || table_name || '), false)'
        FROM information_schema.columns WHERE table_schema = current_schema() AND is_identity = 'YES'";
    for statement in sql::all(connection, query, (), |row| row.get::<String>(0)).unwrap() {
        connection.script(&statement).unwrap();
    }
}

/// Everything in these columns.
fn everything(connection: &Connection, columns: &Columns) -> Rows {
    let rows =
        |(table, columns): (&String, &Vec<(String, bool)>)| {
            let shown = columns.iter().map(|(name, bytes)| {
                if *bytes { format!("hex({name})") } else { format!("CAST({name} AS TEXT)") }
            });
            let shown: Vec<String> = shown.collect();
            let query = format!("SELECT {} FROM {table}", shown.join(", "));
            let mut rows = sql::all(connection, &query, (), |row| {
                (0..columns.len()).map(|place| row.get::<Option<String>>(place)).collect()
            });
            rows.as_mut().unwrap().sort();
            (table.clone(), rows.unwrap())
        };
    columns.iter().map(rows).collect()
}

/// How many changes of the tables were applied.
fn applied(connection: &Connection) -> Option<i64> {
    sql::one(connection, "SELECT count(*) FROM schema_changes", (), |row| row.get(0)).unwrap()
}

/// One more sale goes all the way in a ledger that was brought up to date.
fn goes_on(ledger: &mut Ledger) {
    let sale = Sale { id: 900, advertiser_id: 1, order: 200, minor: 700, clicked: true };
    assert_eq!(take_in(ledger, &[sale]), 1);
    begin(ledger, 900, 1).unwrap();
    finish(ledger, 900, 1, State::Confirmed).unwrap();
    assert_eq!(ledger.conversion(event_id(900)).unwrap().unwrap().state, State::Confirmed);
    assert_balanced(ledger);
}

fn a_ledger_of_every_version_is_brought_up_to_date(place: &Place) {
    for version in 1..=COUNT {
        let (place, columns) = (place.another(), columns(version));
        left_by(version, &place);
        let before = everything(&place.connection_beside(), &columns);
        assert!(before["conversions"].len() > 5, "the specimen {version} has rows");
        let mut ledger = place.open();
        assert_eq!(everything(&ledger.connection, &columns), before, "from version {version}");
        assert_eq!(applied(&ledger.connection), i64::try_from(COUNT).ok());
        assert_balanced(&ledger);
        goes_on(&mut ledger);
        drop(ledger);
        assert_balanced(&place.open());
    }
}

/// The statements of a change, one by one.
fn statements(text: &str) -> Vec<String> {
    let (mut all, mut one) = (Vec::new(), String::new());
    for line in text.lines().filter(|line| !line.trim_start().starts_with("--")) {
        one += line;
        one.push('\n');
        if line.trim_end().ends_with(';') && one.matches("$$").count() % 2 == 0 {
            all.push(std::mem::take(&mut one));
        }
    }
    assert!(one.trim().is_empty(), "{one}");
    all
}

/// Does the first statements of a change and is cut off, as by a kill; where the ledger is then.
fn cut_off(place: &Place, done: &[String]) -> Option<Place> {
    let connection = place.connection_beside();
    let open = connection.begin(Purpose::Write).unwrap();
    done.iter().for_each(|statement| open.script(statement).unwrap());
    match place {
        Place::File(folder) => {
            // The files as a kill leaves them, with an open transaction in them.
            let copy = tempfile::tempdir().unwrap();
            for file in std::fs::read_dir(folder.path()).unwrap() {
                let file = file.unwrap();
                std::fs::copy(file.path(), copy.path().join(file.file_name())).unwrap();
            }
            Some(Place::File(copy))
        }
        Place::Server(_) => {
            // The server hears nothing more of it than that the connection has ended.
            std::mem::forget(open);
            None
        }
        Place::Memory => panic!("nothing is left of memory"),
    }
}

fn an_upgrade_that_is_cut_off_at_any_statement_is_begun_again(place: &Place) {
    for version in 0..COUNT {
        let (place, columns) = (place.another(), columns(version));
        left_by(version, &place);
        let before = everything(&place.connection_beside(), &columns);
        let statements = statements(schema::text_of(version + 1, &place.connection_beside()));
        for count in 1..=statements.len() {
            let copy = cut_off(&place, &statements[..count]);
            let found = copy.as_ref().unwrap_or(&place).connection_beside();
            assert_eq!(applied(&found), i64::try_from(version).ok(), "after {count} statements");
            assert_eq!(everything(&found, &columns), before, "after {count} statements of version {version}");
            drop(found);
            if let Some(copy) = copy.filter(|_| count == statements.len()) {
                assert_balanced(&copy.open());
            }
        }
        let mut ledger = place.open();
        assert_eq!(everything(&ledger.connection, &columns), before);
        goes_on(&mut ledger);
    }
}

fn an_older_ledger_is_not_read_before_it_is_brought_up_to_date(place: &Place) {
    let place = place.another();
    left_by(COUNT - 1, &place);
    let refused = place.try_look().unwrap_err().to_string();
    assert!(refused.contains("open it once with the version that serves it"), "{refused}");
    drop(place.open());
    assert_balanced(&place.try_look().unwrap());
}

/// A large ledger takes longer to change than anything that its writer asks.
fn a_change_of_the_tables_may_take_its_time(place: &Place) {
    let ledger = place.open();
    let Connection::Postgres(_) = &ledger.connection else { return };
    let setting = |name: &str| {
        let query = format!("SELECT current_setting('{name}')");
        sql::one(&ledger.connection, &query, (), |row| row.get::<String>(0)).unwrap().unwrap()
    };
    assert_eq!((setting("statement_timeout"), setting("enable_seqscan")), ("30s".into(), "off".into()));
    let open = ledger.connection.begin(Purpose::Write).unwrap();
    open.expect_a_long_change().unwrap();
    assert_eq!((setting("statement_timeout"), setting("enable_seqscan")), ("15min".into(), "on".into()));
    drop(open);
    assert_eq!(setting("statement_timeout"), "30s", "only there");
}

#[test]
fn a_released_change_is_never_edited_and_has_a_specimen() {
    let known = std::fs::read_to_string(formats().join("changes.txt")).unwrap();
    assert_eq!(
        schema::checksums(),
        known,
        "a change that was released must stay as it is; a new one is added to adapters/ledger/formats/changes.txt"
    );
    for version in 1..=COUNT {
        assert!(!specimen(version).is_empty(), "{version}");
    }
}

on_each_store!(file;
    a_ledger_of_every_version_is_brought_up_to_date,
    an_upgrade_that_is_cut_off_at_any_statement_is_begun_again,
    an_older_ledger_is_not_read_before_it_is_brought_up_to_date,
    a_change_of_the_tables_may_take_its_time,
);

//! What only a server can do: be lost in the middle, be asked by two, come back.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::thread;
use std::time::Duration;

use super::world::{NOW, Sale, assert_balanced, event_id, take_in};
use crate::store::Connection;
use crate::{By, Ledger, LedgerError, Server};

const SALE: Sale = Sale { id: 1, advertiser_id: 1, order: 1, minor: 1000, clicked: true };

fn connect(schema: &pgserver::Schema) -> Ledger {
    Ledger::connect(&Server::parse(schema.address(), None, None).unwrap()).unwrap()
}

/// Ends the writer's session, as a server that is stopped or a network that is cut would.
fn cut(schema: &pgserver::Schema, writer: &Ledger) {
    let Connection::Postgres(_) = &writer.connection else { panic!("no server") };
    let own = crate::sql::one(&writer.connection, "SELECT pg_backend_pid()", (), |row| row.get::<i64>(0));
    let pid = own.unwrap().unwrap();
    let other = Ledger::look(&Server::parse(schema.address(), None, None).unwrap()).unwrap();
    other.connection.script(&format!("SELECT pg_terminate_backend({pid}, 5000)")).unwrap();
}

/// Stands between the ledger and its server, and cuts the connection at a commit.
struct Between {
    address: String,
    cut: Arc<AtomicU8>,
}

/// Lets everything pass.
const PASS: u8 = 0;
/// Cuts before the server has seen the commit.
const BEFORE: u8 = 1;
/// Cuts when the server has answered the commit, before the ledger has.
const AFTER: u8 = 2;
/// As `AFTER`, and nobody comes through from then on.
const FOR_GOOD: u8 = 3;
/// Nobody comes through.
const SHUT: u8 = 4;

impl Between {
    fn of(schema: &pgserver::Schema) -> Self {
        let (before, rest) = schema.address().split_once("127.0.0.1:").unwrap();
        let (port, rest) = rest.split_once('/').unwrap();
        let port: u16 = port.parse().unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let own = listener.local_addr().unwrap().port();
        let cut = Arc::new(AtomicU8::new(PASS));
        let mode = Arc::clone(&cut);
        thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                if mode.load(Ordering::SeqCst) == SHUT {
                    continue;
                }
                let server = TcpStream::connect(("127.0.0.1", port)).unwrap();
                let mode = Arc::clone(&mode);
                thread::spawn(move || carry(&client, &server, &mode));
            }
        });
        Self { address: format!("{before}127.0.0.1:{own}/{rest}"), cut }
    }

    fn connect(&self) -> Ledger {
        Ledger::connect(&Server::parse(&self.address, None, None).unwrap()).unwrap()
    }

    fn cut(&self, mode: u8) {
        self.cut.store(mode, Ordering::SeqCst);
    }
}

fn carry(client: &TcpStream, server: &TcpStream, mode: &AtomicU8) {
    let (mut from, mut to) = (client.try_clone().unwrap(), server.try_clone().unwrap());
    let (mut back_from, mut back_to) = (server.try_clone().unwrap(), client.try_clone().unwrap());
    let swallow = Arc::new(AtomicU8::new(0));
    let swallows = Arc::clone(&swallow);
    let back = thread::spawn(move || {
        let mut bytes = [0; 65_536];
        while let Ok(count @ 1..) = back_from.read(&mut bytes) {
            if swallows.load(Ordering::SeqCst) == 1 || back_to.write_all(&bytes[..count]).is_err() {
                break;
            }
        }
        drop((back_to.shutdown(Shutdown::Both), back_from.shutdown(Shutdown::Both)));
    });
    let mut bytes = [0; 65_536];
    while let Ok(count @ 1..) = from.read(&mut bytes) {
        let is_commit = bytes[..count].windows(7).any(|word| word == b"COMMIT\0");
        match mode.load(Ordering::SeqCst) {
            BEFORE if is_commit => {
                mode.store(PASS, Ordering::SeqCst);
                break;
            }
            cut @ (AFTER | FOR_GOOD) if is_commit => {
                mode.store(if cut == AFTER { PASS } else { SHUT }, Ordering::SeqCst);
                swallow.store(1, Ordering::SeqCst);
            }
            _ => {}
        }
        if to.write_all(&bytes[..count]).is_err() {
            break;
        }
    }
    drop((from.shutdown(Shutdown::Both), to.shutdown(Shutdown::Both)));
    back.join().unwrap();
}

/// One sale in a transaction whose commit comes to this.
fn receive(ledger: &mut Ledger, id: u64) -> Result<bool, LedgerError> {
    let mut transaction = ledger.transaction(NOW)?;
    let new = transaction.receive(&Sale { id, ..SALE }.envelope(), "test")?;
    transaction.journal("test", "receive", None, &id.to_string())?;
    transaction.commit().map(|()| new)
}

fn has(ledger: &mut Ledger, id: u64) -> bool {
    ledger.transaction(NOW).unwrap().has_event(event_id(id)).unwrap()
}

#[test]
fn a_commit_whose_answer_is_lost_is_asked_about() {
    let schema = pgserver::schema().unwrap();
    let between = Between::of(&schema);
    let mut ledger = between.connect();
    between.cut(AFTER);
    assert!(receive(&mut ledger, 1).unwrap(), "it has happened, and is told as that");
    assert!(!receive(&mut ledger, 1).unwrap(), "it is there");
    between.cut(BEFORE);
    let error = receive(&mut ledger, 2).unwrap_err();
    assert!(!error.is_surprise(), "{error}");
    assert!(!has(&mut ledger, 2), "it has not happened, and is told as that");
    assert!(receive(&mut ledger, 2).unwrap(), "the caller's next try goes through");
    let journal = crate::sql::one(&ledger.connection, "SELECT count(*) FROM journal", (), |row| row.get(0));
    assert_eq!(journal.unwrap(), Some(3_i64));
}

#[test]
fn a_commit_that_was_given_up_and_has_happened_is_a_surprise_until_the_caller_begins_anew() {
    let schema = pgserver::schema().unwrap();
    let between = Between::of(&schema);
    let mut ledger = between.connect();
    let Connection::Postgres(server) = &ledger.connection else { panic!("no server") };
    server.doubt_no_longer_than(Duration::from_millis(300));
    between.cut(FOR_GOOD);
    let error = receive(&mut ledger, 1).unwrap_err();
    assert!(!error.is_surprise(), "nobody knows yet: {error}");
    let error = receive(&mut ledger, 1).unwrap_err();
    assert!(!error.is_surprise(), "there is no server: {error}");
    between.cut(PASS);
    for _ in 0..2 {
        let error = receive(&mut ledger, 1).unwrap_err();
        assert!(error.is_surprise(), "{error}");
    }
    ledger.begin_anew();
    assert!(!receive(&mut ledger, 1).unwrap(), "it is there");
}

#[test]
fn a_connection_lost_in_a_transaction_undoes_it_and_the_next_one_goes_through() {
    let schema = pgserver::schema().unwrap();
    let mut ledger = connect(&schema);
    take_in(&mut ledger, &[SALE]);
    let pid = crate::sql::one(&ledger.connection, "SELECT pg_backend_pid()", (), |row| row.get::<i64>(0));
    let other = ledger.reader().unwrap().unwrap();
    let mut transaction = ledger.transaction(NOW).unwrap();
    transaction.discard(event_id(1), By { actor: "ada", why: "oops" }).unwrap_or(crate::Redriven::NotFound);
    transaction.journal("ada", "before", None, "").unwrap();
    other
        .connection
        .script(&format!("SELECT pg_terminate_backend({}, 5000)", pid.unwrap().unwrap()))
        .unwrap();
    assert!(transaction.journal("ada", "after", None, "").is_err());
    assert!(transaction.journal("ada", "again", None, "").is_err(), "not on a connection of its own");
    assert!(transaction.commit().is_err());
    assert!(ledger.show(event_id(1)).unwrap().unwrap().journal.is_empty(), "nothing of it has happened");
    assert!(receive(&mut ledger, 2).unwrap());
}

/// A standby that was promoted has another timeline. It may lack commits that were acknowledged, and the number of one in
/// doubt may be somebody else's there.
#[test]
fn a_promoted_standby_is_no_server_to_go_on_with() {
    let schema = pgserver::schema().unwrap();
    let between = Between::of(&schema);
    let mut ledger = between.connect();
    assert!(receive(&mut ledger, 1).unwrap());
    let promoted = |ledger: &Ledger| {
        let Connection::Postgres(server) = &ledger.connection else { panic!("no server") };
        server.was_on_timeline("0000FFFF");
    };
    // In doubt: another server's word on that transaction is worth nothing.
    promoted(&ledger);
    between.cut(AFTER);
    let error = receive(&mut ledger, 2).unwrap_err();
    assert!(error.is_surprise(), "{error}");
    ledger.begin_anew();
    assert!(!receive(&mut ledger, 2).unwrap(), "it is there, as it happens");
    // Between two transactions.
    cut(&schema, &ledger);
    promoted(&ledger);
    assert!(receive(&mut ledger, 3).unwrap_err().is_surprise());
    ledger.begin_anew();
    assert!(receive(&mut ledger, 3).unwrap());
    // The same server comes back as itself.
    cut(&schema, &ledger);
    let again = receive(&mut ledger, 4).or_else(|_| receive(&mut ledger, 4));
    assert!(again.unwrap());
}

/// Whoever asks for a reader is the writer's thread.
#[test]
fn a_reader_connects_where_it_is_asked() {
    let schema = pgserver::schema().unwrap();
    let between = Between::of(&schema);
    let ledger = between.connect();
    between.cut(SHUT);
    let reader = ledger.reader().unwrap().unwrap();
    assert!(reader.totals().is_err(), "nobody lets it in");
    between.cut(PASS);
    assert_eq!(reader.totals().unwrap().0, 0, "and then somebody does");
}

/// The server has begun it, and refuses what comes with it.
#[test]
fn a_transaction_that_begins_half_leaves_nothing_open() {
    let schema = pgserver::schema().unwrap();
    let mut ledger = connect(&schema);
    let refuses =
        "CREATE FUNCTION pg_current_xact_id() RETURNS text LANGUAGE plpgsql AS $$ BEGIN RAISE 'full'; END $$;
        SELECT set_config('search_path', current_schema() || ', pg_catalog', false)";
    ledger.connection.script(refuses).unwrap();
    assert!(receive(&mut ledger, 1).is_err());
    ledger.connection.script("DROP FUNCTION pg_current_xact_id()").unwrap();
    assert!(receive(&mut ledger, 1).unwrap());
}

#[test]
fn a_failed_statement_fails_the_whole_transaction() {
    let schema = pgserver::schema().unwrap();
    let mut ledger = connect(&schema);
    let transaction = ledger.transaction(NOW).unwrap();
    assert!(transaction.inner.run("INSERT INTO counters (advertiser_id) VALUES (1)", &()).is_err());
    let error = transaction.commit().unwrap_err();
    assert!(std::error::Error::source(&error).unwrap().to_string().contains("has failed"), "{error}");
    assert!(receive(&mut ledger, 1).unwrap(), "the next one begins afresh");
}

#[test]
fn there_is_one_writer() {
    let schema = pgserver::schema().unwrap();
    let mut first = connect(&schema);
    let error = Ledger::connect(&Server::parse(schema.address(), None, None).unwrap()).unwrap_err();
    let why = std::error::Error::source(&error).unwrap().to_string();
    assert!(why.contains("another processor writes to this ledger (from 127.0.0.1"), "{why}");
    // The first one is cut off, and another takes its place and goes again.
    cut(&schema, &first);
    let mut second = connect(&schema);
    assert!(receive(&mut second, 1).unwrap());
    drop(second);
    let error = receive(&mut first, 2).unwrap_err();
    assert!(error.is_surprise(), "what it remembers may be wrong: {error}");
    first.begin_anew();
    assert!(receive(&mut first, 2).unwrap());
}

#[test]
fn a_killed_server_comes_back_with_everything_that_was_acknowledged() {
    let own = pgserver::Own::start().unwrap();
    let schema = own.schema().unwrap();
    let mut ledger = connect(&schema);
    take_in(&mut ledger, &[SALE]);
    own.kill().unwrap();
    assert!(receive(&mut ledger, 2).is_err());
    own.restart().unwrap();
    assert!(receive(&mut ledger, 2).unwrap());
    assert!(!receive(&mut ledger, 1).unwrap());
}

#[test]
fn who_asks_may_be_part_of_another_runtime() {
    let schema = pgserver::schema().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let mut ledger = connect(&schema);
        take_in(&mut ledger, &[SALE]);
        assert_balanced(&ledger);
    });
}

#[test]
fn a_server_that_is_not_there_is_told() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    let server = Server::parse(&format!("postgres://ada@127.0.0.1:{port}/turnout"), None, None).unwrap();
    let error = Ledger::connect(&server).unwrap_err();
    let why = std::error::Error::source(&error).unwrap().to_string();
    assert!(why.contains("the server cannot be reached"), "{why}");
}

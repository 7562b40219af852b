//! Where a test's ledger is: in memory, in a file, or on a server.

use std::cell::Cell;

use ledger::{Ledger, Server};

thread_local! {
    /// True while this thread's tests have their ledgers on a server.
    static ON_A_SERVER: Cell<bool> = const { Cell::new(false) };
}

/// Runs a test whose ledgers are on a server. Each test has a thread of its own.
pub(crate) fn on_a_server(test: fn()) {
    ON_A_SERVER.set(true);
    test();
}

/// How many random cases are worth their time: a server's commits reach its disk.
pub(crate) fn cases(usually: u32) -> u32 {
    if ON_A_SERVER.get() { usually / 8 } else { usually }
}

/// Where one ledger of a test is.
pub(crate) enum Place {
    /// It ends with the test.
    Memory,
    /// It outlives its connection.
    File(tempfile::TempDir),
    /// It is on the shared server, and outlives its connection too.
    Server(pgserver::Schema),
}

impl Place {
    /// A place for a ledger that need not outlive its connection.
    pub(crate) fn any() -> Self {
        if ON_A_SERVER.get() { Self::server() } else { Self::Memory }
    }

    /// A place for a ledger that is opened again.
    pub(crate) fn lasting() -> Self {
        if ON_A_SERVER.get() { Self::server() } else { Self::File(tempfile::tempdir().unwrap()) }
    }

    pub(crate) fn server() -> Self {
        Self::Server(pgserver::schema().unwrap_or_else(|error| panic!("{error}")))
    }

    /// Changes something behind the ledger's back, as a bad disk or a hand would.
    pub(crate) fn damage(&self, statement: &str) {
        match self {
            Self::Memory => panic!("a ledger in memory has one connection"),
            Self::File(folder) => {
                let file = rusqlite::Connection::open(folder.path().join("ledger.sqlite")).unwrap();
                file.execute_batch(statement).unwrap();
            }
            Self::Server(schema) => schema.run(statement).unwrap(),
        }
    }

    /// From now on no attempt at the event, as it is written in a statement, can be ended.
    pub(crate) fn refuse_to_end(&self, event: &str) {
        let of =
            format!("BEFORE UPDATE OF counted ON conversions FOR EACH ROW WHEN (OLD.event_id = {event})");
        self.damage(&match self {
            Self::Server(_) => format!(
                "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'damaged'; END $$;
                CREATE TRIGGER refuse {of} EXECUTE FUNCTION refuse()"
            ),
            Self::Memory | Self::File(_) => {
                format!("CREATE TRIGGER refuse {of} BEGIN SELECT RAISE(ABORT, 'damaged'); END")
            }
        });
    }

    /// They can be ended again.
    pub(crate) fn refuse_no_more(&self) {
        self.damage(match self {
            Self::Server(_) => "DROP TRIGGER refuse ON conversions",
            Self::Memory | Self::File(_) => "DROP TRIGGER refuse",
        });
    }

    pub(crate) fn open(&self) -> Ledger {
        match self {
            Self::Memory => Ledger::in_memory().unwrap(),
            Self::File(folder) => Ledger::open(&folder.path().join("ledger.sqlite")).unwrap(),
            Self::Server(schema) => {
                Ledger::connect(&Server::parse(schema.address(), None, None).unwrap()).unwrap()
            }
        }
    }
}

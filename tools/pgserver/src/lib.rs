//! A PostgreSQL server for tests, with data of its own on this machine.
//!
//! [`schema`] gives a test an empty schema on a server that all tests share. `TURNOUT_TEST_POSTGRES` names that server;
//! where it does not, the first test that needs one starts it, and it is stopped once nobody has used it for a while.
//! [`Own`] is a server of one owner, who may kill it.
//!
//! It needs Debian's package `postgresql`, or the server's programs on the path. It syncs its disk as a real one does.

mod own;
mod programs;
mod shared;

use std::process::Command;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

pub use own::Own;
use programs::Programs;

/// The variable that names the server that tests share.
pub const VARIABLE: &str = "TURNOUT_TEST_POSTGRES";

/// Makes of each function a test on either store, given its `Place`: on SQLite `Place::memory()` or `Place::file()`, and
/// `Place::server()`.
#[macro_export]
macro_rules! on_each_store {
    ($sqlite:ident; $($name:ident),+ $(,)?) => {
        mod on_sqlite {
            $(#[test] fn $name() { super::$name(&super::Place::$sqlite()); })+
        }
        mod on_postgres {
            $(#[test] fn $name() { super::$name(&super::Place::server()); })+
        }
    };
}

/// Why there is no server.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The programs are missing.
    #[error(
        "these tests need a PostgreSQL server and its programs are not here: install the package `postgresql` (on \
         Debian `cargo xtask test` does it), or name a running server in {VARIABLE} as postgres://user@host:port/database"
    )]
    Missing,
    /// A program failed.
    #[error("{doing} failed: {why}")]
    Failed {
        /// What was being done.
        doing: String,
        /// Why.
        why: String,
    },
}

pub(crate) fn failed(doing: impl Into<String>) -> impl FnOnce(std::io::Error) -> Error {
    let doing = doing.into();
    move |error| Error::Failed { doing, why: error.to_string() }
}

/// Says whether the server's programs are here.
///
/// # Errors
/// If they are missing.
pub fn check() -> Result<(), Error> {
    Programs::find().map(drop)
}

/// An empty schema of the shared server.
#[derive(Debug)]
pub struct Schema {
    address: String,
}

impl Schema {
    /// The server's address, with this schema as the one that is used.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Runs a statement in it, beside whoever has it open.
    ///
    /// # Errors
    /// If the server refuses it.
    pub fn run(&self, statement: &str) -> Result<(), Error> {
        psql(&self.address, statement, "running a statement")
    }

    /// Ends every session that holds an advisory lock of this schema, as a network that is cut would. The key's second
    /// half names the schema.
    ///
    /// # Errors
    /// If the server cannot be asked.
    pub fn end_sessions(&self) -> Result<(), Error> {
        let end =
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_locks WHERE locktype = 'advisory' AND granted
            AND objid = (hashtext(current_schema())::bigint & 4294967295)::oid";
        psql(&self.address, end, "ending sessions")
    }
}

/// An empty schema of the shared server. It goes with the server.
///
/// # Errors
/// If there is no server, and none can be started.
pub fn schema() -> Result<Schema, Error> {
    let server = match std::env::var(VARIABLE) {
        Ok(address) if !address.is_empty() => address,
        _ => shared::address()?,
    };
    schema_of(&server)
}

fn schema_of(server: &str) -> Result<Schema, Error> {
    static GIVEN: AtomicU64 = AtomicU64::new(0);
    let nanos = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos());
    let name = format!("t{nanos:x}_{}_{}", std::process::id(), GIVEN.fetch_add(1, Ordering::Relaxed));
    psql(server, &format!("CREATE SCHEMA {name}"), "creating a schema")?;
    let joint = if server.contains('?') { '&' } else { '?' };
    Ok(Schema { address: format!("{server}{joint}options=-c%20search_path%3D{name}") })
}

/// Runs a statement.
pub(crate) fn psql(address: &str, statement: &str, doing: &str) -> Result<(), Error> {
    let psql = Programs::find()?.path("psql");
    let words = ["-q", "-X", "-v", "ON_ERROR_STOP=1", "-d", address, "-c", statement];
    run(Command::new(psql).args(words), doing).map(drop)
}

/// Runs a program to its end; what it said is told where it fails.
pub(crate) fn run(command: &mut Command, doing: &str) -> Result<String, Error> {
    let output = command.stdin(std::process::Stdio::null()).output().map_err(failed(doing))?;
    if !output.status.success() {
        let why = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        return Err(Error::Failed { doing: doing.to_owned(), why });
    }
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

//! The store on a server: PostgreSQL.
//!
//! One session writes. It holds an advisory lock for as long as it lives, so that a second processor of the same ledger does
//! not start, and it numbers itself in the table `writers`, so that one whose connection was lost knows after the next
//! whether another has written meanwhile; then it never writes again, because what it remembers may be wrong.
//!
//! A connection that is lost undoes the open transaction, and the next statement outside of one connects anew. Where it is
//! lost while the server was told to commit, the server is asked what became of the transaction as soon as it answers.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::thread;
use std::time::{Duration, Instant};

use pglink::{Link, LinkError, Server};
use units::limits::{
    LEDGER_AUDIT_MAX, LEDGER_DOUBT_MAX, LEDGER_LOCK_WAIT_MAX, LEDGER_STATEMENT_MAX,
    LEDGER_TRANSACTION_IDLE_MAX,
};

use super::{Enough, Params, Purpose, Row, StoreError};

/// The first half of the advisory lock's key: "turn". The second is the schema.
const LOCK: &str = "1953854062, hashtext(current_schema())";

/// What an answer may take on its way beside the statement's own time.
const ON_ITS_WAY: Duration = Duration::from_secs(5);

/// The wait before the lock is tried again, or a server that does not answer.
const TRY_AGAIN: Duration = Duration::from_millis(100);

/// The session with the server, and what must be known when its connection is lost.
pub(crate) struct Postgres {
    server: Server,
    purpose: Purpose,
    link: RefCell<Option<Link>>,
    /// True while a transaction is open: a lost connection must not be replaced in its middle.
    open: Cell<bool>,
    /// True once a statement of the open transaction has failed: the server then undoes all of it, and would answer a
    /// commit without a complaint.
    failed: Cell<bool>,
    /// The number of this writer; none before it has taken the lock for the first time.
    writer: Cell<Option<i64>>,
    /// The server's timeline, which is another one after a standby has taken the server's place; none where it does not
    /// say.
    timeline: RefCell<Option<String>>,
    /// The transaction that was told to commit, if nobody knows whether it did.
    doubt: RefCell<Option<String>>,
    /// How long the server is asked about it.
    doubt_max: Cell<Duration>,
}

impl fmt::Debug for Postgres {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Postgres({})", self.server)
    }
}

impl Postgres {
    /// Connects to write.
    pub(super) fn connect(server: &Server) -> Result<Self, StoreError> {
        let session = Self::new(server, Purpose::Write);
        session.with(|_| Ok(()))?;
        Ok(session)
    }

    /// Connects to read.
    pub(super) fn look(server: &Server) -> Result<Self, StoreError> {
        let session = Self::new(server, Purpose::Look);
        session.with(|_| Ok(()))?;
        Ok(session)
    }

    /// The same server for reading. It connects when it is first asked, where that is: the writer's thread waits for nobody's
    /// connection.
    pub(super) fn reader(&self) -> Self {
        Self::new(&self.server, Purpose::Look)
    }

    fn new(server: &Server, purpose: Purpose) -> Self {
        Self {
            server: server.clone(),
            purpose,
            link: RefCell::new(None),
            open: Cell::new(false),
            failed: Cell::new(false),
            writer: Cell::new(None),
            timeline: RefCell::new(None),
            doubt: RefCell::new(None),
            doubt_max: Cell::new(LEDGER_DOUBT_MAX),
        }
    }

    /// From now on this is another writer, which knows nothing but what is stored.
    pub(super) fn begin_anew(&self) {
        self.writer.set(None);
        *self.timeline.borrow_mut() = None;
        *self.doubt.borrow_mut() = None;
        *self.link.borrow_mut() = None;
    }

    #[cfg(test)]
    pub(crate) fn doubt_no_longer_than(&self, longest: Duration) {
        self.doubt_max.set(longest);
    }

    pub(super) fn run(&self, sql: &str, params: &dyn Params) -> Result<usize, StoreError> {
        self.with(|link| link.run(sql, params))
    }

    pub(super) fn send(&self, sql: &str, params: &dyn Params) -> Result<(), StoreError> {
        self.with(|link| link.send(sql, params))
    }

    pub(super) fn rows(
        &self,
        sql: &str,
        params: &dyn Params,
        each: &mut dyn FnMut(&Row<'_>) -> Result<Enough, StoreError>,
    ) -> Result<(), StoreError> {
        // The rows are all here before the first is read: a reader may ask something else meanwhile.
        for row in &self.with(|link| link.rows(sql, params))? {
            if each(&Row::Postgres(row))? == Enough::Yes {
                break;
            }
        }
        Ok(())
    }

    pub(super) fn script(&self, text: &str) -> Result<(), StoreError> {
        self.with(|link| link.script(text, LEDGER_AUDIT_MAX))
    }

    pub(super) fn begin(&self, purpose: Purpose) -> Result<(), StoreError> {
        let begun = match purpose {
            // The transaction's number is what the server can be asked about after a commit in doubt.
            Purpose::Write => self
                .with(|link| link.ask("BEGIN; SELECT pg_current_xact_id()"))
                .map(|number| *self.doubt.borrow_mut() = number),
            Purpose::Look => self.script("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"),
        };
        // It may have begun all the same, and then the session would refuse everything after it.
        if begun.is_err() {
            self.undo();
        }
        self.open.set(begun.is_ok());
        self.failed.set(false);
        begun
    }

    /// Until the end of the open transaction statements may take as long as an audit's, and read whole tables.
    pub(super) fn expect_a_long_change(&self) -> Result<(), StoreError> {
        let longest = LEDGER_AUDIT_MAX.as_millis();
        self.script(&format!(
            "SET LOCAL statement_timeout = {longest}; SET LOCAL enable_seqscan = on;
             SET LOCAL enable_bitmapscan = on; SET LOCAL enable_sort = on"
        ))
    }

    /// Makes everything durable. Whatever happens, the transaction is over.
    pub(super) fn commit(&self) -> Result<(), StoreError> {
        if self.failed.get() {
            self.roll_back();
            return Err(StoreError::Aborted);
        }
        // What went wrong with what was sent is known before the server is told to commit.
        if let Err(error) = self.with(Link::settle) {
            self.roll_back();
            return Err(error);
        }
        let outcome = self.with(|link| link.ask("COMMIT"));
        self.open.set(false);
        match outcome {
            Err(lost) if lost.loses_the_connection() && self.doubt.borrow().is_some() => self.resolve(lost),
            outcome => {
                *self.doubt.borrow_mut() = None;
                outcome.map(drop)
            }
        }
    }

    pub(super) fn roll_back(&self) {
        self.open.set(false);
        *self.doubt.borrow_mut() = None;
        self.undo();
    }

    fn undo(&self) {
        // One that cannot be told to undo is dropped, and the server undoes it.
        let mut place = self.link.borrow_mut();
        let told = place.as_mut().is_some_and(|link| {
            link.forget();
            link.script("ROLLBACK", LEDGER_STATEMENT_MAX).is_ok()
        });
        if !told {
            *place = None;
        }
    }

    /// The connection was lost while the server was told to commit: asks it what became of that, until it answers or
    /// has been silent for too long.
    fn resolve(&self, lost: StoreError) -> Result<(), StoreError> {
        let begun = Instant::now();
        loop {
            match self.connected().and_then(|link| self.became(&link).map(|happened| (link, happened))) {
                Ok((link, Some(happened))) => {
                    *self.link.borrow_mut() = Some(link);
                    *self.doubt.borrow_mut() = None;
                    return if happened { Ok(()) } else { Err(lost) };
                }
                Err(error @ (StoreError::Displaced | StoreError::Replaced)) => return Err(error),
                Ok((_, None)) | Err(_) if begun.elapsed() < self.doubt_max.get() => thread::sleep(TRY_AGAIN),
                Ok((_, None)) | Err(_) => return Err(StoreError::InDoubt),
            }
        }
    }

    /// Whether the transaction in doubt has happened; none while the server is still at it.
    fn became(&self, link: &Link) -> Result<Option<bool>, StoreError> {
        let doubt = self.doubt.borrow();
        let Some(number) = doubt.as_deref() else { return Ok(Some(false)) };
        let status = link.ask(&format!("SELECT pg_xact_status('{number}'::xid8)"))?;
        Ok(match status.as_deref() {
            Some("committed") => Some(true),
            Some("aborted") => Some(false),
            _ => None,
        })
    }

    /// Does `task` with a connection that works, and forgets one that turns out not to.
    fn with<T>(&self, task: impl FnOnce(&mut Link) -> Result<T, LinkError>) -> Result<T, StoreError> {
        let mut place = self.link.borrow_mut();
        if place.as_ref().is_none_or(Link::is_closed) {
            *place = None;
            if self.open.get() {
                return Err(StoreError::Gone);
            }
            *place = Some(self.certain()?);
        }
        let Some(link) = place.as_mut() else { return Err(StoreError::Gone) };
        let outcome = task(link);
        self.failed.set(self.failed.get() || outcome.is_err());
        if outcome.as_ref().is_err_and(LinkError::loses_the_connection) {
            *place = None;
        }
        Ok(outcome?)
    }

    /// A new connection, once nothing is in doubt any more. A commit that was reported as failed and turns out to have
    /// happened is more than the caller knows: it must begin anew, from what is stored.
    fn certain(&self) -> Result<Link, StoreError> {
        let link = self.connected()?;
        if self.doubt.borrow().is_some() {
            match self.became(&link)? {
                Some(false) => *self.doubt.borrow_mut() = None,
                Some(true) => return Err(StoreError::Surprised),
                None => return Err(StoreError::InDoubt),
            }
        }
        Ok(link)
    }

    fn connected(&self) -> Result<Link, StoreError> {
        let patience = match self.purpose {
            Purpose::Write => LEDGER_STATEMENT_MAX,
            Purpose::Look => LEDGER_AUDIT_MAX,
        };
        let link = Link::open(&self.server, patience.saturating_add(ON_ITS_WAY))?;
        link.script(&settings(self.purpose, patience), patience)?;
        if link.ask("SHOW fsync")?.as_deref() == Some("off") {
            return Err(StoreError::Unsafe("fsync"));
        }
        if self.purpose == Purpose::Write {
            lock(&link)?;
            self.number(&link)?;
            self.same_server(&link)?;
        }
        Ok(link)
    }

    /// Makes sure that the server is the one that this writer knows. A standby that was promoted may lack the last commits,
    /// has given their numbers to others, and knows nothing of what is in doubt.
    fn same_server(&self, link: &Link) -> Result<(), StoreError> {
        let now = match link.ask("SELECT left(pg_walfile_name(pg_current_wal_lsn()), 8)") {
            Err(error) if error.loses_the_connection() => return Err(error.into()),
            // A server that is not one's own may not tell; then what was known before stays known.
            told => told.ok().flatten(),
        };
        let mut known = self.timeline.borrow_mut();
        if known.is_some() && now.is_some() && *known != now {
            return Err(StoreError::Replaced);
        }
        *known = now.or_else(|| known.take());
        Ok(())
    }

    #[cfg(test)]
    pub(crate) fn was_on_timeline(&self, timeline: &str) {
        *self.timeline.borrow_mut() = Some(timeline.to_owned());
    }

    /// Numbers this writer, or makes sure that it is still the last one.
    fn number(&self, link: &Link) -> Result<(), StoreError> {
        let last = link.ask(
            "CREATE TABLE IF NOT EXISTS writers (one BIGINT PRIMARY KEY CHECK (one = 1), number BIGINT NOT NULL);
             INSERT INTO writers VALUES (1, 0) ON CONFLICT DO NOTHING;
             SELECT number FROM writers",
        )?;
        let last: i64 = last.and_then(|number| number.parse().ok()).unwrap_or(0);
        match self.writer.get() {
            Some(own) if own != last => Err(StoreError::Displaced),
            Some(_) => Ok(()),
            None => {
                let next = last.saturating_add(1);
                link.script(&format!("UPDATE writers SET number = {next}"), LEDGER_STATEMENT_MAX)?;
                self.writer.set(Some(next));
                Ok(())
            }
        }
    }
}

/// What holds for a session, whatever the server's own settings are.
fn settings(purpose: Purpose, statement_max: Duration) -> String {
    let (statement, idle) = (statement_max.as_millis(), LEDGER_TRANSACTION_IDLE_MAX.as_millis());
    // A server that waits for its standbys goes on doing so; one that does not wait for its disk does.
    let durable = "SELECT set_config('synchronous_commit', 'on', false)
        WHERE current_setting('synchronous_commit') IN ('off', 'local')";
    // What the ledger's writer asks is a walk along an index, in the index's order. A planner that knows the tables as they
    // were when they were empty would read all of a backlog and sort it.
    let planner = match purpose {
        Purpose::Write => {
            "SET enable_seqscan = off; SET enable_bitmapscan = off; SET enable_sort = off;
            SET enable_hashjoin = off; SET enable_mergejoin = off;"
        }
        Purpose::Look => "SET default_transaction_read_only = on;",
    };
    format!(
        "SET statement_timeout = {statement}; SET lock_timeout = {statement};
         SET application_name = 'turnout ledger'; SET idle_in_transaction_session_timeout = {idle}; SET client_min_messages = warning; SET jit = off;
         SET tcp_keepalives_idle = 10; SET tcp_keepalives_interval = 5; SET tcp_keepalives_count = 3; {planner} {durable}"
    )
}

/// Takes the lock of the writer. A session that has just ended may hold it for a moment.
fn lock(link: &Link) -> Result<(), StoreError> {
    let begun = Instant::now();
    loop {
        if link.ask(&format!("SELECT pg_try_advisory_lock({LOCK})"))?.as_deref() == Some("t") {
            return Ok(());
        }
        if begun.elapsed() >= LEDGER_LOCK_WAIT_MAX {
            return Err(StoreError::Locked { holder: holder(link)? });
        }
        thread::sleep(TRY_AGAIN);
    }
}

/// Who holds the lock, as the server knows it.
fn holder(link: &Link) -> Result<String, StoreError> {
    let query = "SELECT coalesce(host(a.client_addr), 'this machine') || ', since '
            || to_char(a.backend_start AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS UTC') || ', server process ' || a.pid
        FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid
        WHERE l.locktype = 'advisory' AND l.granted AND l.classid = 1953854062
        AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
        AND l.objid = (hashtext(current_schema())::bigint & 4294967295)::oid";
    Ok(link.ask(query)?.unwrap_or_else(|| "a session that has ended meanwhile".to_owned()))
}

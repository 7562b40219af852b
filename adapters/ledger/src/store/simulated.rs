//! The store of a simulation: in memory, and failing as planned.
//!
//! A failure shows as one of a file or of a server does; what [`super::postgres`] does about a commit in doubt is done here
//! in the same way, without a server.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rusqlite::ffi;

use super::sqlite::Sqlite;
use super::{Enough, Params, Purpose, Row, StoreError};

/// How a store fails.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fault {
    /// A file: this statement fails.
    Fails {
        /// Whether the whole transaction is undone at once, as SQLite does after some errors. What its caller still
        /// ran in it would then happen by itself.
        undoes: bool,
    },
    /// A server: this statement fails, and with it the whole transaction.
    Aborts,
    /// A server: the connection is lost, and the transaction with it.
    Lost,
    /// A server: the connection is lost, and if that was during a commit, nobody can tell what became of it until
    /// something is asked again.
    Doubt {
        /// Whether the commit took effect.
        happened: bool,
        /// How many statements the server does not answer after it.
        silent: u64,
    },
    /// A commit is told as done, and is undone: what a store without a sync amounts to. It exists to prove that a checker
    /// sees it, and does nothing to other statements.
    Forgets,
    /// The process is killed: nothing works until [`Faults::restart`].
    Killed {
        /// Whether a commit that was under way took effect.
        happened: bool,
    },
}

/// When a store fails, counted from the last failure that was planned before.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum When {
    /// At this statement, counted from 1. A begin is one, and so is a commit.
    Statement(u64),
    /// At this commit, counted from 1.
    Commit(u64),
}

/// Where a transaction stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
enum Stage {
    /// None is open.
    #[default]
    None,
    Open,
    /// It is open for its caller, and a statement of it has failed.
    Aborted,
    /// It is open for its caller, and gone.
    Gone,
}

#[derive(Debug, Default)]
struct Plan {
    planned: VecDeque<(When, Fault)>,
    hit: Option<Fault>,
    stage: Stage,
    /// Whether the transaction in doubt has happened.
    doubt: Option<bool>,
    silent: u64,
    down: bool,
    looking: bool,
    /// What is stored while no process has it open.
    disk: Option<Sqlite>,
}

/// Plans how a simulated ledger fails, and tells what came of it. It is the ledger's disk, too: what one process has
/// stored the next one finds.
#[derive(Clone, Debug, Default)]
pub struct Faults(Arc<Mutex<Plan>>);

impl Faults {
    /// What a planned failure of a file says of itself.
    pub const SAYS: &str = "a planned failure";

    /// The store fails like this, once.
    pub fn plan(&self, when: When, fault: Fault) {
        self.lock().planned.push_back((when, fault));
    }

    /// Nothing fails any more of what was planned. What has failed stays so.
    pub fn calm(&self) {
        self.lock().planned.clear();
    }

    /// The fault that was hit since this was last asked.
    pub fn hit(&self) -> Option<Fault> {
        self.lock().hit.take()
    }

    /// True if the process was killed.
    pub fn is_down(&self) -> bool {
        self.lock().down
    }

    /// Another process takes the place of the one that ended.
    pub fn restart(&self) {
        let mut plan = self.lock();
        *plan = Plan { disk: plan.disk.take(), ..Plan::default() };
    }

    /// While an observer looks, nothing fails, and nothing that it asks counts.
    pub fn look(&self, looking: bool) {
        self.lock().looking = looking;
    }

    fn lock(&self) -> MutexGuard<'_, Plan> {
        // A plan is never half changed.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Plan {
    /// What keeps a statement from even being tried.
    fn standing(&mut self) -> Result<(), StoreError> {
        match self.stage {
            _ if self.looking => Ok(()),
            _ if self.down => Err(StoreError::Gone),
            Stage::Aborted => Err(StoreError::Aborted),
            Stage::Gone => Err(StoreError::Gone),
            Stage::Open => Ok(()),
            Stage::None if self.silent > 0 => {
                self.silent -= 1;
                Err(StoreError::InDoubt)
            }
            Stage::None => match self.doubt {
                Some(true) => Err(StoreError::Surprised),
                Some(false) | None => {
                    self.doubt = None;
                    Ok(())
                }
            },
        }
    }

    /// Counts a statement; the fault that hits it.
    fn strikes(&mut self, commits: bool) -> Option<Fault> {
        let (when, fault) = self.planned.front_mut().filter(|_| !self.looking)?;
        let left = match when {
            When::Commit(_) if !commits => return None,
            When::Statement(left) | When::Commit(left) => left,
        };
        *left = left.saturating_sub(1);
        if *left > 0 {
            return None;
        }
        self.hit = Some(*fault);
        self.planned.pop_front().map(|(_, fault)| fault)
    }

    /// What a fault makes of the open transaction, and what its statement's caller is told.
    fn fail(&mut self, fault: Fault) -> StoreError {
        let (stage, error) = match fault {
            Fault::Fails { .. } => (self.stage, broken_file()),
            Fault::Aborts => (Stage::Aborted, StoreError::Aborted),
            Fault::Lost | Fault::Doubt { .. } | Fault::Forgets => (Stage::Gone, StoreError::Gone),
            Fault::Killed { .. } => {
                self.down = true;
                (Stage::Gone, StoreError::Gone)
            }
        };
        if self.stage == Stage::Open {
            self.stage = stage;
        }
        error
    }
}

fn broken_file() -> StoreError {
    let code = ffi::Error::new(ffi::SQLITE_IOERR);
    StoreError::Sqlite(rusqlite::Error::SqliteFailure(code, Some(Faults::SAYS.to_owned())))
}

#[derive(Debug)]
pub(crate) struct Simulated {
    /// None only while it is dropped.
    inner: Option<Sqlite>,
    faults: Faults,
}

impl Drop for Simulated {
    fn drop(&mut self) {
        self.roll_back();
        self.faults.lock().disk = self.inner.take();
    }
}

impl Simulated {
    pub(super) fn new(faults: Faults) -> Result<Self, StoreError> {
        let disk = faults.lock().disk.take();
        Ok(Self { inner: Some(disk.map_or_else(Sqlite::memory, Ok)?), faults })
    }

    fn inner(&self) -> Result<&Sqlite, StoreError> {
        self.inner.as_ref().ok_or(StoreError::Gone)
    }

    pub(super) fn begin_anew(&self) {
        self.faults.lock().doubt = None;
    }

    /// Lets a statement pass, or fails it.
    fn pass(&self) -> Result<(), StoreError> {
        let mut plan = self.faults.lock();
        plan.standing()?;
        let fault = plan.strikes(false).filter(|fault| *fault != Fault::Forgets);
        let Some(fault) = fault else { return Ok(()) };
        if fault == (Fault::Fails { undoes: true }) {
            self.inner()?.roll_back();
        }
        Err(plan.fail(fault))
    }

    pub(super) fn run(&self, sql: &str, params: &dyn Params) -> Result<usize, StoreError> {
        self.pass()?;
        self.inner()?.run(sql, params)
    }

    /// A server tells what went wrong with a statement that nobody waits for with the next one.
    pub(super) fn send(&self, sql: &str, params: &dyn Params) -> Result<(), StoreError> {
        match self.pass() {
            Err(StoreError::Aborted) => Ok(()),
            Err(error) => Err(error),
            Ok(()) => self.inner()?.run(sql, params).map(drop),
        }
    }

    pub(super) fn rows(
        &self,
        sql: &str,
        params: &dyn Params,
        each: &mut dyn FnMut(&Row<'_>) -> Result<Enough, StoreError>,
    ) -> Result<(), StoreError> {
        self.pass()?;
        self.inner()?.rows(sql, params, each)
    }

    pub(super) fn script(&self, text: &str) -> Result<(), StoreError> {
        self.pass()?;
        self.inner()?.script(text)
    }

    pub(super) fn begin(&self, purpose: Purpose) -> Result<(), StoreError> {
        self.pass()?;
        self.inner()?.begin(purpose)?;
        self.faults.lock().stage = Stage::Open;
        Ok(())
    }

    /// Makes everything durable. Whatever happens, the transaction is over.
    pub(super) fn commit(&self) -> Result<(), StoreError> {
        let outcome = self.committed();
        self.roll_back();
        outcome
    }

    fn committed(&self) -> Result<(), StoreError> {
        let mut plan = self.faults.lock();
        plan.standing()?;
        let fault = plan.strikes(true);
        let happens = match fault {
            Some(Fault::Doubt { happened, .. } | Fault::Killed { happened }) => happened,
            Some(_) => false,
            None => true,
        };
        if happens {
            self.inner()?.script("COMMIT")?;
        }
        let Some(fault) = fault.filter(|fault| *fault != Fault::Forgets) else { return Ok(()) };
        let error = plan.fail(fault);
        let Fault::Doubt { silent, .. } = fault else { return Err(error) };
        (plan.doubt, plan.silent) = (Some(happens), silent);
        Err(StoreError::InDoubt)
    }

    /// Undoes the open transaction, if there is one.
    pub(super) fn roll_back(&self) {
        self.faults.lock().stage = Stage::None;
        self.inner.iter().for_each(Sqlite::roll_back);
    }
}

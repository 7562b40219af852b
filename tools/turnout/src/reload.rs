//! Reading the migration again while serving: a hang-up signal asks for it.
//!
//! The new version is read and checked whole before anything uses it. If it has a mistake, every mistake is told
//! and the last good version stays.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use arc_swap::ArcSwap;
use directory::Maps;
use relay::policy::{Secrets, Snapshot};
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::approvals;
use crate::data::DataDir;
use crate::people::People;

/// Hears hang-up signals from now on. A process that does not hear them is ended by the first one, so this comes before
/// anybody can know that it runs, and before it reads what it serves by: what is changed meanwhile is read again.
pub(crate) fn listen() -> io::Result<Signal> {
    signal(SignalKind::hangup())
}

/// Who decides by a snapshot.
pub(crate) struct Readers {
    /// The migration's folder; the embedded default if there is none.
    pub(crate) migration: Option<PathBuf>,
    /// The imported id maps.
    pub(crate) maps: Maps,
    /// Asks for a reload.
    pub(crate) hang_up: Signal,
    /// The keys, which a reload does not change.
    pub(crate) secrets: Secrets,
    /// Where the callers of the signed interface stand.
    pub(crate) data: DataDir,
    /// Those who look up the present one whenever they need it.
    pub(crate) shared: Vec<Arc<ArcSwap<Snapshot>>>,
    /// The processor's.
    pub(crate) processor: Option<processor::Desk>,
    /// Who has a token of their own, as the processor knows them.
    pub(crate) operators: processor::Operators,
}

impl Readers {
    /// Reloads at every hang-up signal, for as long as it is polled.
    pub(crate) async fn run(mut self) {
        while self.hang_up.recv().await.is_some() {
            let (migration, maps, secrets) =
                (self.migration.clone(), self.maps.clone(), self.secrets.clone());
            // A large map is read from the first byte to the last: not where requests are served.
            let load = move || directory::load_with(migration.as_deref(), &maps, secrets);
            let folder = self.data.folder();
            let approved = |snapshot: &Snapshot| approvals::check(folder, &snapshot.version);
            let Ok(loaded) = tokio::task::spawn_blocking(load).await else { continue };
            match loaded {
                Ok(snapshot) => match approved(&snapshot) {
                    Ok(()) => self.take(Arc::new(snapshot)).await,
                    Err(error) => {
                        tracing::error!(target: "turnout", "the migration was not reloaded, the last approved one stays: {error}");
                    }
                },
                Err(error) => {
                    tracing::error!(target: "turnout", "the migration was not reloaded, the last good one stays: {error}");
                }
            }
            self.take_callers().await;
            self.take_operators();
        }
        std::future::pending().await
    }

    async fn take_callers(&self) {
        let Some(desk) = &self.processor else { return };
        match self.data.callers() {
            Ok(callers) => {
                // A processor that has stopped says so when it is asked for its migration.
                let _replaced = desk.ask(move |core| core.replace_callers(callers)).await;
            }
            Err(error) => {
                tracing::error!(target: "turnout", "the callers were not reloaded, the last good ones stay: {error}");
            }
        }
    }

    fn take_operators(&self) {
        match People::read(self.data.folder()) {
            Ok(people) => self.operators.replace(people.operators()),
            Err(error) => {
                tracing::error!(target: "turnout", "the operators were not reloaded, the last good ones stay: {error}");
            }
        }
    }

    async fn take(&self, snapshot: Arc<Snapshot>) {
        let version = snapshot.version.clone();
        // Who sends must know a rule before anything is written by it.
        self.shared.iter().for_each(|shared| shared.store(Arc::clone(&snapshot)));
        if let Some(desk) = &self.processor {
            let replaced = desk.ask(move |core| core.replace_snapshot(snapshot)).await;
            if replaced.is_err() {
                tracing::error!(target: "turnout", "the processor has stopped and took no new migration");
            }
            release(desk).await;
        }
        tracing::info!(target: "turnout", version, "the migration was reloaded");
    }
}

/// Has the processor decide anew about what waits for a mapping, turn by turn, so that deliveries go on between them.
async fn release(desk: &processor::Desk) {
    let (mut after, mut count) = (None, 0_usize);
    loop {
        let turn = desk.ask(move |core| core.release_mapped(after, crate::clock::wall_clock())).await;
        let released = match turn {
            Ok(Ok(released)) => released,
            Ok(Err(error)) => {
                tracing::error!(target: "turnout", "what waits for a mapping was not looked through: {error}");
                return;
            }
            Err(_) => return,
        };
        count = count.saturating_add(released.count);
        after = released.next_after;
        if after.is_none() {
            break;
        }
    }
    if count > 0 {
        tracing::info!(target: "turnout", count, "conversions that waited for a mapping go on");
    }
}

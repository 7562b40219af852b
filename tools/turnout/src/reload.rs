//! Reading the migration again while serving: a hang-up signal asks for it.
//!
//! The new version is read and checked whole before anything uses it. If it has a mistake, every mistake is told
//! and the last good version stays.

use std::path::PathBuf;
use std::sync::Arc;

use arc_swap::ArcSwap;
use relay::policy::{Secrets, Snapshot};
use tokio::signal::unix::{SignalKind, signal};

use crate::data::DataDir;

/// Who decides by a snapshot.
pub(crate) struct Readers {
    /// The migration's folder; the embedded default if there is none.
    pub(crate) migration: Option<PathBuf>,
    /// The keys, which a reload does not change.
    pub(crate) secrets: Secrets,
    /// Where the callers of the signed interface stand.
    pub(crate) data: DataDir,
    /// The edge's.
    pub(crate) edge: Option<Arc<ArcSwap<Snapshot>>>,
    /// The processor's.
    pub(crate) processor: Option<processor::Desk>,
}

impl Readers {
    /// Reloads at every hang-up signal, for as long as it is polled.
    pub(crate) async fn run(self) {
        let Ok(mut hang_up) = signal(SignalKind::hangup()) else { return std::future::pending().await };
        while hang_up.recv().await.is_some() {
            match directory::load(self.migration.as_deref(), self.secrets.clone()) {
                Ok(snapshot) => self.take(Arc::new(snapshot)).await,
                Err(error) => {
                    tracing::error!(target: "turnout", "the migration was not reloaded, the last good one stays: {error}");
                }
            }
            self.take_callers().await;
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

    async fn take(&self, snapshot: Arc<Snapshot>) {
        let version = snapshot.version.clone();
        if let Some(edge) = &self.edge {
            edge.store(Arc::clone(&snapshot));
        }
        if let Some(desk) = &self.processor {
            let replaced = desk.ask(move |core| core.replace_snapshot(snapshot)).await;
            if replaced.is_err() {
                tracing::error!(target: "turnout", "the processor has stopped and took no new migration");
            }
        }
        tracing::info!(target: "turnout", version, "the migration was reloaded");
    }
}

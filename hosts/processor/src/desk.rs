//! The desk: the one thread that owns the processor.
//!
//! The ledger has one writer and its calls block on the disk, so the processor lives on a thread of its own
//! and everybody else asks it to do things, one after another. The line before it is bounded: who finds it
//! full waits, and with him the edge that sent him, whose outbox keeps what it has.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread;

use tokio::sync::{mpsc, oneshot};

use crate::Processor;

/// Most askers in line. Each is a batch or an operator's question; the sockets hold the rest.
const LINE_MAX: usize = 64;

type Task = Box<dyn FnOnce(&mut Processor) + Send>;

/// Why the desk did not do what it was asked.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum DeskError {
    /// The processor's thread is gone: the process is stopping.
    #[error("the processor has stopped")]
    Closed,
    /// Doing it has panicked. Its transaction was rolled back, and everybody else is served as before.
    #[error("doing it has failed, and nothing of it was kept: the log has the reason")]
    Failed,
}

/// Asks the processor to do things.
#[derive(Clone, Debug)]
pub struct Desk {
    line: mpsc::Sender<Task>,
}

impl Desk {
    /// Starts the thread. It ends when the last desk is dropped; the receiver then gets the processor back.
    ///
    /// # Errors
    /// If the system gives no thread.
    pub(crate) fn open(mut processor: Processor) -> std::io::Result<(Self, oneshot::Receiver<Processor>)> {
        let (line, mut tasks) = mpsc::channel::<Task>(LINE_MAX);
        let (done, ended) = oneshot::channel();
        thread::Builder::new().name("ledger".to_owned()).spawn(move || {
            while let Some(task) = tasks.blocking_recv() {
                // One question that panics must not take the ledger away from everybody: what it had begun in the
                // ledger is rolled back as it unwinds, and its asker finds no answer.
                drop(catch_unwind(AssertUnwindSafe(|| task(&mut processor))));
            }
            // Nobody may be waiting for it any more, which is no error.
            drop(done.send(processor));
        })?;
        Ok((Self { line }, ended))
    }

    /// Does `task` with the processor. It is done even if the asker goes away meanwhile.
    ///
    /// # Errors
    /// If the processor has stopped, or doing it has failed.
    pub async fn ask<T: Send + 'static>(
        &self,
        task: impl FnOnce(&mut Processor) -> T + Send + 'static,
    ) -> Result<T, DeskError> {
        let (answer, answered) = oneshot::channel();
        let task: Task = Box::new(move |processor| drop(answer.send(task(processor))));
        self.line.send(task).await.map_err(|_| DeskError::Closed)?;
        let gone = |_| if self.line.is_closed() { DeskError::Closed } else { DeskError::Failed };
        answered.await.map_err(gone)
    }
}

//! The desk: the one thread that owns the processor.
//!
//! The ledger has one writer and its calls block on the disk, so the processor lives on a thread of its own
//! and everybody else asks it to do things, one after another. The line before it is bounded: who finds it
//! full waits, and with him the edge that sent him, whose outbox keeps what it has.

use std::thread;

use tokio::sync::{mpsc, oneshot};

use crate::Processor;

/// Most askers in line. Each is a batch or an operator's question; the sockets hold the rest.
const LINE_MAX: usize = 64;

type Task = Box<dyn FnOnce(&mut Processor) + Send>;

/// The processor's thread is gone: the process is stopping, or the thread has panicked.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("the processor has stopped")]
pub struct DeskClosed;

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
                task(&mut processor);
            }
            // Nobody may be waiting for it any more, which is no error.
            drop(done.send(processor));
        })?;
        Ok((Self { line }, ended))
    }

    /// Does `task` with the processor. It is done even if the asker goes away meanwhile.
    ///
    /// # Errors
    /// If the processor has stopped.
    pub async fn ask<T: Send + 'static>(
        &self,
        task: impl FnOnce(&mut Processor) -> T + Send + 'static,
    ) -> Result<T, DeskClosed> {
        let (answer, answered) = oneshot::channel();
        let task: Task = Box::new(move |processor| drop(answer.send(task(processor))));
        self.line.send(task).await.map_err(|_| DeskClosed)?;
        answered.await.map_err(|_| DeskClosed)
    }
}

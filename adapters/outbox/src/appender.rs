//! The appending half, for many tasks at once, and the thread that commits for all of them.

use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use bytes::Bytes;
use tokio::sync::oneshot;

use crate::error::AppendError;
use crate::io::Filesystem;
use crate::position::Position;
use crate::queue::{Queue, Waiting, Work};
use crate::shared::Status;
use crate::writer::Writer;

/// Appends entries and waits until they are durable. Cheap to clone; all clones share one committer.
#[derive(Clone)]
pub struct Appender {
    committer: Arc<Committer>,
}

impl Appender {
    pub(crate) fn start<F: Filesystem>(writer: Writer<F>) -> std::io::Result<Self> {
        let queue = Arc::new(Queue::new(Arc::clone(&writer.shared().gauges)));
        let theirs = Arc::clone(&queue);
        let thread = std::thread::Builder::new().name("outbox-committer".to_owned());
        let thread = Mutex::new(Some(thread.spawn(move || commit(writer, &theirs))?));
        Ok(Self { committer: Arc::new(Committer { queue, thread }) })
    }

    /// Appends one entry; resolves once it is on stable storage, with its position.
    ///
    /// Dropping the future before that takes nothing back: the entry may yet become durable, whole.
    ///
    /// # Errors
    /// See [`AppendError`]: only after `Unknown` may the entry be found in the log all the same.
    pub async fn append(&self, entry: Bytes) -> Result<Position, AppendError> {
        let (reply, answer) = oneshot::channel();
        self.committer.queue.push(Waiting { entry, reply })?;
        answer.await.unwrap_or_else(|_| Err(AppendError::Unknown { cause: "the committer stopped".into() }))
    }

    /// How many appends wait for the committer.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.committer.queue.waiting()
    }

    /// How the lane stands.
    #[must_use]
    pub fn status(&self) -> Status {
        self.committer.queue.gauges().status(self.committer.queue.waiting())
    }

    /// Refuses new entries, makes the waiting ones durable and ends the committer; returns when that is done.
    ///
    /// Blocks for as long as the disk takes. The lane stays locked until the [`crate::Consumer`] is dropped as well.
    pub fn close(&self) {
        self.committer.close();
    }
}

impl std::fmt::Debug for Appender {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Appender").field("status", &self.status()).finish_non_exhaustive()
    }
}

/// The thread's other end; closes with the last appender.
struct Committer {
    queue: Arc<Queue>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Committer {
    fn close(&self) {
        self.queue.close();
        let mut thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(thread) = thread.take() {
            // A committer that panicked has already sent everybody away, and there is no more to say.
            drop(thread.join());
        }
    }
}

impl Drop for Committer {
    fn drop(&mut self) {
        self.close();
    }
}

/// Commits until closed: everything that waits, one write, one sync, everybody woken.
fn commit<F: Filesystem>(mut writer: Writer<F>, queue: &Queue) {
    let _guard = Abandon(queue);
    loop {
        match queue.take() {
            Work::Batch(batch) => {
                let outcome = writer.append(&batch);
                queue.committed();
                settle(batch, outcome);
            }
            Work::Regain => drop(writer.regain()),
            Work::Closed => break,
        }
    }
    // What is lost with it is only the proof against a tail cut off later, and the disk has said so before.
    drop(writer.close());
}

/// Tells everybody in the batch. Who has stopped waiting is not missed.
fn settle(batch: Vec<Waiting>, outcome: Result<Position, AppendError>) {
    let count = batch.len() as u64;
    for (waiting, place) in batch.into_iter().zip(1..) {
        let answer = outcome.clone().map(|last| Position::new(last.get() - count + place));
        drop(waiting.reply.send(answer));
    }
}

/// Leaves nobody waiting, should the committer panic.
struct Abandon<'a>(&'a Queue);

impl Drop for Abandon<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.abandon();
        }
    }
}

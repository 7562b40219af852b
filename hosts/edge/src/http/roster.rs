//! Who is connected: how many may be, and how all of them are let go at the end.
//!
//! A kept-alive connection that is closed while the client writes its next request loses that request. So a
//! stop says `connection: close` on every reply for a while first; then it closes the connections that are
//! idle, and a connection that has just begun to read a request wins the race against its own end.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::AbortHandle;

const IDLE: u8 = 0;
const BUSY: u8 = 1;
const CLOSED: u8 = 2;

/// All connections of a process.
#[derive(Debug)]
pub(crate) struct Roster {
    free: Arc<Semaphore>,
    connections_max: u32,
    stopping: AtomicBool,
    next: AtomicU64,
    open: Arc<Mutex<BTreeMap<u64, Open>>>,
}

#[derive(Debug)]
struct Open {
    state: Arc<AtomicU8>,
    task: AbortHandle,
}

impl Roster {
    pub(crate) fn new(connections_max: usize) -> Self {
        let connections_max = u32::try_from(connections_max.min(Semaphore::MAX_PERMITS)).unwrap_or(u32::MAX);
        Self {
            free: Arc::new(Semaphore::new(connections_max as usize)),
            connections_max,
            stopping: AtomicBool::new(false),
            next: AtomicU64::new(0),
            open: Arc::default(),
        }
    }

    /// Waits for room for one more connection. None once nobody is let in any more.
    pub(crate) async fn room(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.free).acquire_owned().await.ok()
    }

    /// How many connections are open.
    pub(crate) fn connections(&self) -> usize {
        self.lock().len()
    }

    /// Serves a connection in a task of its own.
    pub(crate) fn enter<F, T>(&self, room: OwnedSemaphorePermit, serve: F)
    where
        F: FnOnce(Place) -> T,
        T: Future<Output = ()> + Send + 'static,
    {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let state = Arc::new(AtomicU8::new(IDLE));
        let leave = Leave { number, open: Arc::clone(&self.open), _room: room };
        let work = serve(Place { state: Arc::clone(&state) });
        // Locked across the spawn, so that a connection cannot leave before it has entered.
        let mut open = self.lock();
        let task = tokio::spawn(async move {
            let _leave = leave;
            work.await;
        });
        open.insert(number, Open { state, task: task.abort_handle() });
    }

    /// True once replies must end their connections.
    pub(crate) fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Relaxed)
    }

    /// From now on each reply ends its connection.
    pub(crate) fn begin_stop(&self) {
        self.stopping.store(true, Ordering::Relaxed);
    }

    /// Lets everybody go: those who ask within `grace` are told, the idle are then closed, the busy may end
    /// until `within` more has passed. True if nobody had to be cut off.
    pub(crate) async fn let_go(&self, grace: Duration, within: Duration) -> bool {
        self.begin_stop();
        if self.is_empty_within(grace).await {
            return true;
        }
        for open in self.lock().values() {
            if open.state.compare_exchange(IDLE, CLOSED, Ordering::AcqRel, Ordering::Acquire).is_ok() {
                open.task.abort();
            }
        }
        if self.is_empty_within(within).await {
            return true;
        }
        self.lock().values().for_each(|open| open.task.abort());
        false
    }

    async fn is_empty_within(&self, within: Duration) -> bool {
        let all = self.free.acquire_many(self.connections_max);
        matches!(tokio::time::timeout(within, all).await, Ok(Ok(_)))
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<u64, Open>> {
        // Every change is one insertion or one removal, so a panic elsewhere leaves it whole.
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A connection's own mark on the roster.
#[derive(Debug)]
pub(crate) struct Place {
    state: Arc<AtomicU8>,
}

impl Place {
    /// The connection waits for a request and may be closed.
    pub(crate) fn idle(&self) {
        let _closed = self.state.compare_exchange(BUSY, IDLE, Ordering::AcqRel, Ordering::Acquire);
    }

    /// The connection has a request to answer; false if it was closed just before.
    pub(crate) fn busy(&self) -> bool {
        self.state.compare_exchange(IDLE, BUSY, Ordering::AcqRel, Ordering::Acquire).is_ok()
    }
}

/// Leaves the roster when the connection's task ends, however it ends.
struct Leave {
    number: u64,
    open: Arc<Mutex<BTreeMap<u64, Open>>>,
    _room: OwnedSemaphorePermit,
}

impl Drop for Leave {
    fn drop(&mut self) {
        self.open.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.number);
    }
}

//! What both platforms have in common: a request read, a log, a fault, books, an answer.
//!
//! A platform itself is a [`Site`]: a plain function from a request to an answer, without sockets. The
//! listener around it owns connections and misbehaves on order.

mod answer;
mod clicks;
mod listener;
mod stream;

use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use http::{HeaderMap, Method};
use serde::{Deserialize, Serialize};
use tokio::sync::watch;

use crate::books::Books;
use crate::clock::now_ms;
use crate::fault::{Active, Fault, Mode};
use crate::limits::LISTENER_CHANGE_WAIT;
use crate::requests::Requests;

pub(crate) use answer::Answer;
pub(crate) use clicks::{Click, Clicks};
pub(crate) use listener::{bind, serve};

/// Which of the two platforms.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PlatformName {
    /// The one being left.
    Legacy,
    /// The one being moved to.
    Primary,
}

/// One request as a platform sees it.
#[derive(Debug, Clone)]
pub(crate) struct Received {
    pub(crate) method: Method,
    pub(crate) host: String,
    pub(crate) path: String,
    pub(crate) query: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    pub(crate) peer: IpAddr,
    pub(crate) at_ms: u64,
}

impl Received {
    /// A header as text, empty when absent.
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| std::str::from_utf8(value.as_bytes()).ok()).unwrap_or("")
    }

    /// The scheme the visitor used, as the tier in front reports it.
    pub(crate) fn scheme(&self) -> &'static str {
        if self.header("x-forwarded-proto").eq_ignore_ascii_case("https") { "https" } else { "http" }
    }

    /// Whether this asks for headers alone, and so must change nothing.
    pub(crate) fn is_head(&self) -> bool {
        self.method == Method::HEAD
    }
}

/// A platform without its sockets.
pub(crate) trait Site: Send + Sync + 'static {
    /// Processes a request and answers it.
    fn answer(&self, request: &Received) -> Answer;

    /// Answers 200 in words that mean "rejected", and processes nothing.
    fn reject(&self, request: &Received) -> Answer;

    /// The platform's log, fault and books.
    fn gate(&self) -> &Gate;

    /// Forgets clicks and other memory.
    fn forget(&self);
}

/// A platform's log, fault and books.
#[derive(Debug)]
pub(crate) struct Gate {
    name: PlatformName,
    fault: watch::Sender<Active>,
    listening: watch::Sender<bool>,
    requests: Mutex<Requests>,
    books: Mutex<Books>,
}

impl Gate {
    pub(crate) fn new(name: PlatformName) -> Arc<Self> {
        Arc::new(Self {
            name,
            fault: watch::Sender::new(Active::default()),
            listening: watch::Sender::new(true),
            requests: Mutex::default(),
            books: Mutex::default(),
        })
    }

    pub(crate) fn name(&self) -> PlatformName {
        self.name
    }

    pub(crate) fn requests(&self) -> MutexGuard<'_, Requests> {
        lock(&self.requests)
    }

    pub(crate) fn books(&self) -> MutexGuard<'_, Books> {
        lock(&self.books)
    }

    pub(crate) fn active(&self) -> Active {
        self.fault.borrow().clone()
    }

    /// Changes the fault, and returns once the listener has followed.
    pub(crate) async fn set_fault(&self, fault: Fault) -> bool {
        let wanted = fault.mode != Mode::Refused;
        let mut listening = self.listening.subscribe();
        self.fault.send_replace(Active { fault, since_ms: now_ms() });
        tokio::time::timeout(LISTENER_CHANGE_WAIT, listening.wait_for(|is| *is == wanted))
            .await
            .is_ok_and(|seen| seen.is_ok())
    }

    /// Forgets requests and transactions; the fault stays.
    pub(crate) fn clear(&self) {
        *self.requests() = Requests::default();
        *self.books() = Books::default();
    }
}

/// Takes a lock whatever its last holder did: the lab's state is counters and lists, never half a change.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

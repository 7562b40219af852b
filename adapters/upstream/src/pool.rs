//! Idle connections to one server, newest first: the one that answered last is the likeliest to be alive.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::transport::Transport;

/// Idle connections to one server.
#[derive(Debug)]
pub(crate) struct Pool {
    idle: Mutex<Vec<Idle>>,
    idle_for: Duration,
    idle_max: usize,
}

#[derive(Debug)]
struct Idle {
    transport: Transport,
    since: Instant,
}

impl Pool {
    pub(crate) const fn new(idle_for: Duration, idle_max: usize) -> Self {
        Self { idle: Mutex::new(Vec::new()), idle_for, idle_max }
    }

    /// A connection that has been idle for less than `idle_below`, that the server has not closed and on which
    /// it has not said anything.
    pub(crate) fn take(&self, idle_below: Duration) -> Option<Transport> {
        loop {
            let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop()?;
            if idle.since.elapsed() >= idle_below.min(self.idle_for) {
                // All below it are older. A patient caller may still use it, and the pool is bounded anyway.
                self.put_back(idle);
                return None;
            }
            if idle.transport.is_quiet() {
                return Some(idle.transport);
            }
        }
    }

    /// Keeps a connection whose last answer ended cleanly.
    pub(crate) fn put(&self, transport: Transport) {
        self.put_back(Idle { transport, since: Instant::now() });
    }

    fn put_back(&self, idle: Idle) {
        let mut stack = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        stack.retain(|idle| idle.since.elapsed() < self.idle_for);
        if idle.since.elapsed() < self.idle_for && stack.len() < self.idle_max {
            stack.push(idle);
        }
    }
}

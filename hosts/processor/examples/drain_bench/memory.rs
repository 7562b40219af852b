//! How much memory of its own the process has: anonymous pages, which no file stands behind. What is mapped from a file the
//! system takes back when it needs it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::shop::{Failed, told_kib};

/// How often it is looked at: seldom enough to be in nobody's way. What comes and goes in between is not seen.
const EVERY: Duration = Duration::from_millis(10);

/// Looks at the memory all the time, on a thread of its own: the system keeps the highest mark of all memory, and none of
/// this part of it.
pub(crate) struct Watcher {
    most: Arc<AtomicU64>,
    over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Watcher {
    pub(crate) fn start() -> Self {
        let (most, over) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
        let (seen, stop) = (Arc::clone(&most), Arc::clone(&over));
        let look = move || {
            while !stop.load(Ordering::Relaxed) {
                seen.fetch_max(anonymous_kib().unwrap_or(0), Ordering::Relaxed);
                std::thread::sleep(EVERY);
            }
        };
        Self { most, over, thread: Some(std::thread::spawn(look)) }
    }

    /// The most that there was since the last time that this was asked.
    pub(crate) fn most_kib(&self) -> Result<u64, Failed> {
        Ok(self.most.swap(0, Ordering::Relaxed).max(anonymous_kib()?))
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        drop(self.thread.take().map(JoinHandle::join));
    }
}

fn anonymous_kib() -> Result<u64, Failed> {
    told_kib("RssAnon:")
}

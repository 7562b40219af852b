//! Log lines on their way to standard error, which may be full, slow or dead: no request waits for it.
//!
//! Lines go to a thread of their own over a bounded queue. While that is full, lines are dropped and counted, and
//! the count is told before the next line.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread;

use tracing_subscriber::fmt::MakeWriter;

/// Lines that may wait for standard error: a few megabytes, and a burst of some seconds.
const WAITING_MAX: usize = 8192;

/// Where lines are put. Each one comes as one write.
#[derive(Clone, Debug)]
pub(crate) struct Lines {
    queue: SyncSender<Vec<u8>>,
    dropped: Arc<AtomicU64>,
}

impl Lines {
    /// Lines for standard error.
    pub(crate) fn to_standard_error() -> io::Result<Self> {
        let (lines, receiver, dropped) = Self::waiting(WAITING_MAX);
        // It ends with the process: nobody waits for lines that cannot be written.
        thread::Builder::new()
            .name("log".to_owned())
            .spawn(move || copy(&receiver, &dropped, io::stderr()))?;
        Ok(lines)
    }

    fn waiting(most: usize) -> (Self, Receiver<Vec<u8>>, Arc<AtomicU64>) {
        let (queue, receiver) = sync_channel(most);
        let dropped = Arc::new(AtomicU64::new(0));
        (Self { queue, dropped: Arc::clone(&dropped) }, receiver, dropped)
    }
}

/// Writes what comes until nobody sends any more.
fn copy(receiver: &Receiver<Vec<u8>>, dropped: &AtomicU64, mut to: impl io::Write) {
    for line in receiver {
        let missing = dropped.swap(0, Ordering::Relaxed);
        if missing > 0 {
            // A reader that has gone must not end the process that it read of.
            drop(writeln!(
                to,
                "turnout: {missing} log lines were dropped: standard error was not read fast enough"
            ));
        }
        drop(to.write_all(&line));
    }
}

impl io::Write for Lines {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        if let Err(TrySendError::Full(_)) = self.queue.try_send(line.to_vec()) {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Lines {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    #[test]
    fn lines_beyond_the_queue_are_dropped_and_counted_and_nobody_waits() {
        let (mut lines, receiver, dropped) = Lines::waiting(2);
        for line in ["one\n", "two\n", "three\n", "four\n"] {
            lines.write_all(line.as_bytes()).unwrap();
        }
        drop(lines);
        let mut seen = Vec::new();
        copy(&receiver, &dropped, &mut seen);
        let seen = String::from_utf8(seen).unwrap();
        assert!(seen.starts_with("turnout: 2 log lines were dropped"), "{seen}");
        assert!(seen.ends_with("one\ntwo\n"), "{seen}");
    }
}

//! What has left without the outbox, or may have, kept in memory until somebody holds it: the outbox once it takes it,
//! or the processor itself, which may be there again long before a poisoned outbox is opened anew.
//!
//! Both take an event once, so that telling it twice costs nothing. What is here when the process is killed is forgotten.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use outbox::Appender;
use relay::step::Entry;
use tokio::sync::{mpsc, watch};
use tokio::time::{MissedTickBehavior, interval, timeout};
use units::EventId;
use units::limits::{APPEND_WITHIN, HAND_OVER_WITHIN, REMEMBERED_MAX};

use crate::ask::Asker;
use crate::stats::Stats;

/// How often somebody is asked again to take what is remembered.
const EVERY: Duration = Duration::from_secs(1);

/// Notes that nobody takes, one behind the other, until the rest waits for the next time.
const FAILURES_IN_A_ROW: usize = 2;

/// Most time that a stop waits for what is remembered.
const FLUSH_WITHIN: Duration = Duration::from_secs(5);

/// How many notes there are.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    /// Those that wait for somebody to hold them.
    pub(crate) waiting: AtomicU64,
    /// Those that nobody will be told of.
    pub(crate) forgotten: AtomicU64,
}

/// Takes notes. Clones share one line.
#[derive(Clone, Debug)]
pub(crate) struct Notes {
    line: mpsc::Sender<Entry>,
    pub(crate) tally: Arc<Tally>,
}

/// Tells them.
#[derive(Debug)]
pub(crate) struct Teller {
    appender: Appender,
    asker: Option<Arc<Asker>>,
    stats: Arc<Stats>,
    tally: Arc<Tally>,
    line: mpsc::Receiver<Entry>,
    notes: VecDeque<(EventId, Bytes)>,
}

/// Where notes are left, and what tells them.
pub(crate) fn open(appender: Appender, asker: Option<Arc<Asker>>, stats: Arc<Stats>) -> (Notes, Teller) {
    let (sender, line) = mpsc::channel(REMEMBERED_MAX);
    let tally = Arc::<Tally>::default();
    let notes = Notes { line: sender, tally: Arc::clone(&tally) };
    (notes, Teller { appender, asker, stats, tally, line, notes: VecDeque::new() })
}

impl Notes {
    /// Keeps an entry until somebody holds it. More than [`REMEMBERED_MAX`] is not kept.
    pub(crate) fn remember(&self, entry: Entry) {
        let event_id = entry.event_id;
        let waiting = self.tally.waiting.fetch_add(1, Ordering::Relaxed);
        let no_room = waiting >= u64::try_from(REMEMBERED_MAX).unwrap_or(u64::MAX);
        if no_room || self.line.try_send(entry).is_err() {
            self.tally.waiting.fetch_sub(1, Ordering::Relaxed);
            self.tally.forgotten.fetch_add(1, Ordering::Relaxed);
            tracing::error!(%event_id, "no room to remember a conversion that the outbox could not take: look for it on its platform");
        }
    }
}

impl Teller {
    /// Tells until `stop` changes, and then once more.
    pub(crate) async fn run(mut self, mut stop: watch::Receiver<bool>) {
        let mut again = interval(EVERY);
        again.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                biased;
                _ = stop.wait_for(|stop| *stop) => break,
                Some(entry) = self.line.recv() => {
                    self.keep(entry);
                    // Behind others that nobody takes it waits with them.
                    if self.notes.len() > 1 {
                        continue;
                    }
                }
                _ = again.tick() => {}
            }
            // A note goes once it is taken, so that a stop may come in between.
            tokio::select! {
                biased;
                _ = stop.wait_for(|stop| *stop) => break,
                () = self.tell() => {}
            }
        }
        self.line.close();
        while let Ok(entry) = self.line.try_recv() {
            self.keep(entry);
        }
        // What is not told by then is given up.
        let _told = timeout(FLUSH_WITHIN, self.tell()).await;
        self.give_up();
    }

    fn keep(&mut self, entry: Entry) {
        self.notes.push_back((entry.event_id, Bytes::from(entry.bytes)));
    }

    /// Tries each note once, until nobody is there.
    async fn tell(&mut self) {
        let (mut failures, mut appends) = (0, true);
        for _ in 0..self.notes.len() {
            let Some((event_id, bytes)) = self.notes.front().cloned() else { return };
            if self.is_taken(event_id, bytes, &mut appends).await {
                failures = 0;
                self.notes.pop_front();
                self.tally.waiting.fetch_sub(1, Ordering::Relaxed);
                self.stats.recorded(true);
                continue;
            }
            // One that is not taken must not keep those behind it.
            self.notes.rotate_left(1);
            failures += 1;
            if failures >= FAILURES_IN_A_ROW {
                return;
            }
        }
    }

    /// Has the outbox take a note, or else the processor. A disk that hangs is asked once in a round: each note would wait
    /// for it, and stand in its line once more.
    async fn is_taken(&self, event_id: EventId, bytes: Bytes, appends: &mut bool) -> bool {
        if *appends {
            match timeout(APPEND_WITHIN, self.appender.append(bytes.clone())).await {
                Ok(Ok(_)) => return true,
                Ok(Err(_)) => {}
                Err(_) => *appends = false,
            }
        }
        let Some(asker) = &self.asker else { return false };
        asker.hand_over(Entry { event_id, bytes: bytes.to_vec() }, HAND_OVER_WITHIN).await.is_ok()
    }

    fn give_up(&self) {
        for (event_id, _) in &self.notes {
            tracing::error!(%event_id, "a conversion that the outbox could not take is forgotten: look for it on its platform");
        }
        let forgotten = u64::try_from(self.notes.len()).unwrap_or(u64::MAX);
        self.tally.waiting.fetch_sub(forgotten, Ordering::Relaxed);
        self.tally.forgotten.fetch_add(forgotten, Ordering::Relaxed);
    }
}

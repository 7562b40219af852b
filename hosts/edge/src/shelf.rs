//! The shelf of kept answers, shared by all requests of one edge.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use relay::shelf::{Holdings, Kept, Look, Shelf};
use relay::step::Happened;
use tokio::sync::Notify;

use crate::clock;

/// The shelf, and the bell that rings when something was put on it.
#[derive(Debug, Default)]
pub(crate) struct SharedShelf {
    shelf: Mutex<Shelf>,
    bell: Notify,
}

impl SharedShelf {
    /// What is there, after whoever asks the platform for the same has come back.
    pub(crate) async fn find(&self, key: &[u8], within: Duration) -> Happened {
        let until = match self.lock().look(key, clock::now(), within) {
            Look::Busy(until) => until,
            look => return told(look),
        };
        let patience = until.since(clock::now());
        let put = tokio::time::timeout(patience, self.wait(key)).await;
        // Whoever asks has not come back in time, and will not for us either.
        put.unwrap_or(Happened::Found { kept: None, claimed: false })
    }

    async fn wait(&self, key: &[u8]) -> Happened {
        loop {
            let rung = self.bell.notified();
            tokio::pin!(rung);
            // Listening starts before the look, so that nothing is put in between unheard.
            rung.as_mut().enable();
            {
                let mut shelf = self.lock();
                if !shelf.is_claimed(key, clock::now()) {
                    return told(shelf.look_again(key, clock::now()));
                }
            }
            rung.await;
        }
    }

    pub(crate) fn keep(&self, key: &[u8], kept: Option<Kept>) {
        self.lock().put(key, kept);
        self.bell.notify_waiters();
    }

    pub(crate) fn holdings(&self) -> Holdings {
        self.lock().holdings()
    }

    /// No step on the shelf can be half done, so a holder that panicked spoiled nothing.
    fn lock(&self) -> MutexGuard<'_, Shelf> {
        self.shelf.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn told(look: Look) -> Happened {
    match look {
        Look::Found(kept) => Happened::Found { kept: Some(kept), claimed: false },
        Look::Claimed(kept) => Happened::Found { kept, claimed: true },
        Look::Busy(_) => Happened::Found { kept: None, claimed: false },
    }
}

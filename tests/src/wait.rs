//! Waiting for something to become true, with a deadline and never for luck.

use std::thread;
use std::time::{Duration, Instant};

/// The pause between two looks.
const PAUSE: Duration = Duration::from_millis(25);

/// Looks until `look` finds something, and fails the test with `what` when `within` has passed.
pub fn wait_for<T>(what: &str, within: Duration, mut look: impl FnMut() -> Option<T>) -> T {
    let began = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(began.elapsed() < within, "waited {within:?} in vain: {what}");
        pause();
    }
}

/// As [`wait_for`]; the last thing seen is told when the wait was in vain.
pub fn wait_until<T: std::fmt::Debug>(
    what: &str,
    within: Duration,
    mut look: impl FnMut() -> T,
    good: impl Fn(&T) -> bool,
) -> T {
    let began = Instant::now();
    loop {
        let seen = look();
        if good(&seen) {
            return seen;
        }
        assert!(began.elapsed() < within, "waited {within:?} in vain: {what}; last seen {seen:#?}");
        pause();
    }
}

fn pause() {
    // What is waited for happens in another process, which tells nobody: it is asked again after a moment.
    thread::sleep(PAUSE);
}

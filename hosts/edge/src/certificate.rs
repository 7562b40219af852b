//! Watches the public's certificate: takes a new one from its files, and says in time when it runs out.
//!
//! A file that cannot be used changes nothing: the certificate that is in memory serves on, and what is wrong is told.
//! Files are read away from the tasks that reply.

use std::fmt;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde_json::json;
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;
use units::Timestamp;
use units::limits::CERTIFICATE_WARNINGS_DAYS;

use crate::clock;
use crate::settings::Certificate;
use crate::tls::{self, Current, TlsError};

const DAY: Duration = Duration::from_secs(86_400);

/// The certificate in use, and how it stands.
#[derive(Debug)]
pub(crate) struct Watched {
    from: Certificate,
    /// What the files held when they were looked at last; at first, just before they were loaded.
    seen: Mutex<Content>,
    current: Arc<Current>,
    /// Why what the files hold now is not in use.
    problem: Mutex<Option<String>>,
}

impl Watched {
    /// Loads what the files hold.
    pub(crate) fn load(from: Certificate) -> Result<Self, TlsError> {
        // Read before it is loaded, so that whatever is put there from now on is seen as new.
        let seen = Mutex::new(Content::of(&from));
        let current = Arc::new(Current::new(tls::load(&from)?));
        Ok(Self { from, seen, current, problem: Mutex::default() })
    }

    /// What accepts handshakes with it.
    pub(crate) fn acceptor(&self) -> Result<TlsAcceptor, TlsError> {
        tls::acceptor(Arc::clone(&self.current))
    }

    /// When it runs out; none if it does not say.
    pub(crate) fn expires(&self) -> Option<Timestamp> {
        self.current.expires()
    }

    /// Why what the files hold now is not in use; none if it is.
    pub(crate) fn problem(&self) -> Option<String> {
        self.problem.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// How it stands, for people.
    pub(crate) fn status(&self) -> serde_json::Value {
        let now = clock::now();
        let expires = self.expires();
        json!({
            "expires": expires.map(|at| at.to_string()),
            "days_left": expires.map(|at| at.since(now).as_secs().div_euclid(DAY.as_secs())),
            "has_expired": expires.is_some_and(|at| at <= now),
            "problem": self.problem(),
        })
    }

    /// Looks whether the files hold something else now, and takes it. While one look hangs on the disk there is no
    /// second one.
    fn look(&self) {
        let Ok(mut seen) = self.seen.try_lock() else { return };
        let now = Content::of(&self.from);
        if now != *seen {
            *seen = now;
            self.take();
        }
    }

    /// Takes what the files hold now.
    fn take(&self) {
        let taken = tls::load(&self.from);
        let problem = match taken {
            Ok(key) => {
                self.current.exchange(key);
                let expires = self.expires().map(|at| at.to_string());
                tracing::info!(expires, "the certificate was exchanged");
                None
            }
            Err(error) => {
                let why = told(&error);
                tracing::error!(%why, "the new certificate cannot be used; the old one serves on");
                Some(why)
            }
        };
        *self.problem.lock().unwrap_or_else(PoisonError::into_inner) = problem;
    }
}

fn told(error: &TlsError) -> String {
    let causes = std::iter::successors(Some(error as &dyn std::error::Error), |error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

/// Looks every now and then, until `stop` changes.
pub(crate) async fn run(watched: Arc<Watched>, every: Duration, mut stop: watch::Receiver<bool>) {
    let mut told = Told::default();
    loop {
        if let Some(warning) = watched.expires().and_then(|expires| told.next(expires, clock::now())) {
            tracing::warn!(
                days = warning,
                "the public's certificate runs out: put the next one into its files"
            );
        }
        if tokio::time::timeout(every, stop.wait_for(|stop| *stop)).await.is_ok() {
            return;
        }
        let watched = Arc::clone(&watched);
        let _on_its_own = tokio::task::spawn_blocking(move || watched.look());
    }
}

/// What the files hold, if there are any; empty where one cannot be read. They are a few kilobytes.
#[derive(PartialEq, Eq)]
struct Content(Option<[Vec<u8>; 2]>);

impl Content {
    fn of(from: &Certificate) -> Self {
        let Certificate::Files { chain, key } = from else { return Self(None) };
        let read = |path: &Path| std::fs::read(path).unwrap_or_default();
        Self(Some([read(chain), read(key)]))
    }
}

impl fmt::Debug for Content {
    // A key is in it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Content")
    }
}

/// Which warnings were given for the certificate in use.
#[derive(Debug, Default)]
struct Told {
    of: Option<Timestamp>,
    days: Option<u64>,
}

impl Told {
    /// The warning that is due now, in days before the end; each is given once for a certificate.
    fn next(&mut self, expires: Timestamp, now: Timestamp) -> Option<u64> {
        if self.of != Some(expires) {
            *self = Self { of: Some(expires), days: None };
        }
        let left = expires.since(now);
        let due = CERTIFICATE_WARNINGS_DAYS.into_iter().rfind(|days| left <= DAY * *days)?;
        let due = u64::from(due);
        let is_new = self.days.is_none_or(|days| due < days);
        self.days = Some(due);
        is_new.then_some(due)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_warning_is_given_once_and_a_new_certificate_begins_anew() {
        let end = Timestamp::from_seconds(100 * 86_400);
        let at = |days: u32| end.minus(DAY * days);
        let mut told = Told::default();
        let given = [31, 30, 29, 14, 14, 3, 2, 1, 0].map(|days| told.next(end, at(days)));
        assert_eq!(given, [None, Some(30), None, Some(14), None, Some(7), Some(2), None, Some(0)]);
        assert_eq!(told.next(end, end.plus(DAY)), None, "it is known that it has run out");
        assert_eq!(told.next(end.plus(DAY * 365), end), None);
        assert_eq!(told.next(end.plus(DAY * 365), end.plus(DAY * 360)), Some(7));
    }
}

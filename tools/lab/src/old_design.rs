//! The system that did this job before, small enough to run beside the new one.
//!
//! Every request waits for a platform: rename the parameters, ask the primary with a timeout, on failure ask the
//! legacy platform, and when both fail answer a conversion with a pixel and queue it in memory. The queue is
//! retried, and it is lost with the process. What the first answer meant is not read: any 2xx or 3xx is success,
//! and a timeout counts as a failure even when the platform had booked the order.

mod fetch;
mod rename;

use std::collections::VecDeque;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::header::{CONTENT_TYPE, LOCATION, SET_COOKIE};
use axum::http::{HeaderValue, Response, StatusCode};
use bytes::Bytes;
use http_body_util::Full;
use serde::Serialize;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::error::Error;
use crate::platform::{Answer, bind, lock};
use crate::wire::{Incoming, Outgoing};
use crate::world::{Directory, World};
use fetch::Fetcher;
use rename::{Asked, rename};

/// How the old system runs.
#[derive(Debug, Clone)]
pub struct OldDesignSettings {
    /// Where it listens.
    pub listen: SocketAddr,
    /// A socket to listen on instead, which outlives it: who connects while it is away waits for its successor.
    pub socket: Option<Arc<TcpListener>>,
    /// The platform being moved to.
    pub primary: SocketAddr,
    /// The platform being left.
    pub legacy: SocketAddr,
    /// Its id maps.
    pub world: World,
    /// How long it waits for one platform.
    pub timeout: Duration,
    /// How often it tries its queue again.
    pub retry_every: Duration,
    /// Tries of a queued conversion before it is dropped.
    pub retries_max: u32,
    /// Conversions its queue holds; more are dropped.
    pub queue_max: usize,
}

impl OldDesignSettings {
    /// The values it ran with.
    #[must_use]
    pub fn new(listen: SocketAddr, primary: SocketAddr, legacy: SocketAddr, world: World) -> Self {
        Self {
            listen,
            socket: None,
            primary,
            legacy,
            world,
            timeout: Duration::from_secs(3),
            retry_every: Duration::from_secs(5),
            retries_max: 3,
            queue_max: 1_000,
        }
    }
}

/// What it has done so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct OldDesignStats {
    /// Requests received.
    pub requests: u64,
    /// Answered with the primary's answer.
    pub by_primary: u64,
    /// Answered with the legacy platform's answer.
    pub by_legacy: u64,
    /// Answered with nobody's: a pixel for a conversion, an error for anything else.
    pub by_itself: u64,
    /// Conversions waiting in memory.
    pub waiting: u64,
    /// Conversions delivered from the queue.
    pub delivered_late: u64,
    /// Conversions given up: too many tries, or no room.
    pub dropped: u64,
}

/// The running old system. Dropping it loses its queue, as a crash would.
#[derive(Debug)]
pub struct OldDesign {
    /// Where it listens.
    pub address: SocketAddr,
    system: Arc<System>,
    stop: watch::Sender<bool>,
    tasks: JoinSet<()>,
}

#[derive(Debug)]
struct System {
    settings: OldDesignSettings,
    directory: Directory,
    primary: Fetcher,
    legacy: Fetcher,
    queue: Mutex<VecDeque<Queued>>,
    counts: Counts,
}

#[derive(Debug, Default)]
struct Counts {
    requests: AtomicU64,
    by_primary: AtomicU64,
    by_legacy: AtomicU64,
    by_itself: AtomicU64,
    delivered_late: AtomicU64,
    dropped: AtomicU64,
}

/// A conversion that no platform took.
#[derive(Debug)]
struct Queued {
    renamed: Option<Outgoing>,
    original: Outgoing,
    tries: u32,
}

/// Starts the old system.
///
/// # Errors
///
/// When its listener cannot be opened.
pub async fn start(settings: OldDesignSettings) -> Result<OldDesign, Error> {
    let wrong = |source| Error::Bind { what: "old design", address: settings.listen, source };
    let listener = match &settings.socket {
        Some(socket) => adopt(socket).map_err(wrong)?,
        None => bind("old design", settings.listen)?,
    };
    let address = listener.local_addr().map_err(wrong)?;
    let system = Arc::new(System {
        directory: Directory::new(settings.world.clone()),
        primary: Fetcher::new(settings.primary, settings.timeout),
        legacy: Fetcher::new(settings.legacy, settings.timeout),
        queue: Mutex::default(),
        counts: Counts::default(),
        settings,
    });
    let stop = watch::Sender::new(false);
    let router = Router::new().fallback(handle).with_state(Arc::clone(&system));
    let mut stopped = stop.subscribe();
    let mut tasks = JoinSet::new();
    tasks.spawn(async move {
        tokio::select! {
            served = axum::serve(listener, router) => drop(served),
            _ = stopped.wait_for(|stopped| *stopped) => {}
        }
    });
    tasks.spawn(retry(Arc::clone(&system)));
    Ok(OldDesign { address, system, stop, tasks })
}

fn adopt(socket: &TcpListener) -> io::Result<tokio::net::TcpListener> {
    let own = socket.try_clone()?;
    own.set_nonblocking(true)?;
    tokio::net::TcpListener::from_std(own)
}

impl OldDesign {
    /// Counts at this moment.
    #[must_use]
    pub fn stats(&self) -> OldDesignStats {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let counts = &self.system.counts;
        OldDesignStats {
            requests: read(&counts.requests),
            by_primary: read(&counts.by_primary),
            by_legacy: read(&counts.by_legacy),
            by_itself: read(&counts.by_itself),
            waiting: lock(&self.system.queue).len() as u64,
            delivered_late: read(&counts.delivered_late),
            dropped: read(&counts.dropped),
        }
    }

    /// Ends it as a crash does, and answers with the number of conversions that are gone.
    pub async fn crash(mut self) -> u64 {
        self.stop.send_replace(true);
        self.tasks.shutdown().await;
        let mut queue = lock(&self.system.queue);
        let lost = queue.len() as u64;
        queue.clear();
        lost
    }
}

async fn handle(State(system): State<Arc<System>>, request: Request) -> Response<Full<Bytes>> {
    count(&system.counts.requests);
    let original = fetch::outgoing(&request);
    let renamed = rename(&original, &system.directory);
    if let Some(renamed) = &renamed.request
        && let Some(answer) = system.primary.ask(renamed).await
    {
        count(&system.counts.by_primary);
        return pass_on(answer);
    }
    if let Some(answer) = system.legacy.ask(&original).await {
        count(&system.counts.by_legacy);
        return pass_on(answer);
    }
    count(&system.counts.by_itself);
    if renamed.asked != Asked::Conversion {
        return Answer::html(StatusCode::BAD_GATEWAY, "<h1>Bad Gateway</h1>").into_response();
    }
    system.enqueue(Queued { renamed: renamed.request, original, tries: 0 });
    Answer::pixel().into_response()
}

impl System {
    fn enqueue(&self, conversion: Queued) {
        let mut queue = lock(&self.queue);
        if queue.len() >= self.settings.queue_max || conversion.tries >= self.settings.retries_max {
            count(&self.counts.dropped);
        } else {
            queue.push_back(conversion);
        }
    }

    async fn try_again(&self, mut conversion: Queued) {
        conversion.tries += 1;
        let taken = match &conversion.renamed {
            Some(renamed) => self.primary.ask(renamed).await.is_some(),
            None => false,
        };
        if taken || self.legacy.ask(&conversion.original).await.is_some() {
            count(&self.counts.delivered_late);
        } else {
            self.enqueue(conversion);
        }
    }
}

async fn retry(system: Arc<System>) {
    loop {
        sleep(system.settings.retry_every).await;
        let waiting = lock(&system.queue).len();
        for _ in 0..waiting {
            let next = lock(&system.queue).pop_front();
            if let Some(conversion) = next {
                system.try_again(conversion).await;
            }
        }
    }
}

/// The platform's answer to the browser, with what a browser needs of it.
fn pass_on(answer: Incoming) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(answer.body)));
    *response.status_mut() = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::BAD_GATEWAY);
    for name in [CONTENT_TYPE, LOCATION, SET_COOKIE] {
        let values = answer.headers.iter().filter(|(key, _)| key == name.as_str());
        for value in values.filter_map(|(_, value)| HeaderValue::from_str(value).ok()) {
            response.headers_mut().append(&name, value);
        }
    }
    response
}

fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

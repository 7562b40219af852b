//! The host: a listener, the ledger's thread and the drive loop.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use relay::Fact;
use relay::signature::Keys;
use telemetry::Telemetry;
use tokio::net::TcpListener;
use tokio::sync::{Notify, Semaphore, oneshot, watch};
use tokio::task::JoinHandle;
use units::Timestamp;
use units::limits::READERS_MAX;

use crate::conservation::{self, Watch, Watched};
use crate::drive::{Senders, drive};
use crate::http::delivering::Counted;
use crate::http::{Hall, router};
use crate::{Desk, Operators, Processor};

/// Where facts go: telemetry, or a test's list.
pub type FactSink = Arc<dyn Fn(Fact) + Send + Sync>;

/// What a processor is told by its operator. It prints no secret.
#[derive(Clone)]
pub struct Settings {
    /// The keys that edges sign with.
    pub keys: Keys,
    /// The token of the operator's interface, which the data directory holds.
    pub operator_token: String,
    /// The people with tokens of their own.
    pub operators: Operators,
    /// What the listener shows as metrics.
    pub metrics: Arc<Telemetry>,
    /// How often the conservation sums are counted again from the rows.
    pub recount_every: Duration,
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings").field("keys", &self.keys).finish_non_exhaustive()
    }
}

/// A processor that serves.
#[derive(Debug)]
pub struct Running {
    /// Where it listens.
    pub address: SocketAddr,
    /// Asks the processor to do things, beside its HTTP interface.
    pub desk: Desk,
    /// Who has a token of their own, for whoever reads that again.
    pub operators: Operators,
    stop: watch::Sender<bool>,
    listening: JoinHandle<()>,
    driving: JoinHandle<()>,
    watching: JoinHandle<()>,
    ended: oneshot::Receiver<Processor>,
}

/// How long a stop waits for open connections. An edge whose batch is cut off sends it again.
const CLOSING_MAX: Duration = Duration::from_secs(5);

impl Running {
    /// Stops: takes no more batches, waits for what is in flight, and closes the ledger.
    ///
    /// What has not ended when the caller stops waiting is in flight, and is recovered as what may have been
    /// processed.
    pub async fn stop(self) {
        self.stop.send_replace(true);
        let abort = self.listening.abort_handle();
        if tokio::time::timeout(CLOSING_MAX, self.listening).await.is_err() {
            abort.abort();
        }
        // Both end by themselves; a panic in one must not keep the other from being waited for.
        drop(self.driving.await);
        // A look at the ledger that is under way is of no use any more.
        self.watching.abort();
        drop(self.watching.await);
        drop(self.desk);
        drop(tokio::time::timeout(CLOSING_MAX, self.ended).await);
    }
}

/// Serves `processor` on `listener` until it is stopped.
///
/// # Errors
/// If the system gives no thread, or the listener has no address.
pub async fn serve(
    settings: Settings,
    processor: Processor,
    listener: TcpListener,
    senders: Senders,
    sink: FactSink,
) -> std::io::Result<Running> {
    let address = listener.local_addr()?;
    let (desk, ended) = Desk::open(processor)?;
    let (stop, stopped) = watch::channel(false);
    let news = Arc::new(Notify::new());
    let watched = Watched::default();
    let watch = Watch {
        desk: desk.clone(),
        watched: watched.clone(),
        metrics: Arc::clone(&settings.metrics),
        sink: Arc::clone(&sink),
        recount_every: settings.recount_every,
    };
    let operators = settings.operators.clone();
    let hall = Hall {
        desk: desk.clone(),
        news: Arc::clone(&news),
        settings: Arc::new(settings),
        watched,
        counted: Counted::default(),
        readers: Arc::new(Semaphore::new(READERS_MAX)),
        at_rest: false,
    };
    let mut closing = stopped.clone();
    let listening = tokio::spawn(async move {
        let closed = async move { drop(closing.wait_for(|stop| *stop).await) };
        // An accept error is retried by the server; it ends only when it is told to.
        drop(axum::serve(listener, router(hall)).with_graceful_shutdown(closed).await);
    });
    let watching = tokio::spawn(conservation::watch(watch, stopped.clone()));
    let driving = tokio::spawn(drive(desk.clone(), senders, sink, news, stopped));
    Ok(Running { address, desk, operators, stop, listening, driving, watching, ended })
}

/// The time now. A clock before 1970 counts as 1970.
pub(crate) fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
    Timestamp::from_millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

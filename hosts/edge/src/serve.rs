//! Starting an edge, looking at it, and stopping it.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use admission::Limits;
use arc_swap::ArcSwap;
use outbox::{Appender, Consumer};
use relay::policy::Snapshot;
use requestlog::Log;
use telemetry::Telemetry;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use units::limits::BATCH_BYTES_MAX;
use upstream::{Peer, Upstream};

use crate::ask::Asker;
use crate::certificate::{self, Watched};
use crate::clock::Seeds;
use crate::consumer::Handover;
use crate::copies::{Copier, Keeper};
use crate::drive::Hands;
use crate::health::Platforms;
use crate::http::{Ground, Listener, Roster, Service, Tls};
use crate::journal::Journal;
use crate::mark;
use crate::operator::Operator;
use crate::probe;
use crate::remembered;
use crate::scrub::{self, Found};
use crate::service::Public;
use crate::settings::{EdgeSettings, OperatorSettings, ProcessorSettings};
use crate::shelf::SharedShelf;
use crate::stats::{Reading, Stats};
use crate::tls::TlsError;

/// How long copies wait before they are handed over.
const COPIES_LINGER: Duration = Duration::from_secs(2);

/// Most connections of other edges that bring copies at once.
const COPIERS_MAX: usize = 64;

/// Most operators' connections at once. A scraper, a dashboard and a few people.
const OPERATORS_MAX: usize = 64;

/// What an edge is given beside its settings.
#[derive(Debug)]
pub struct Parts {
    /// The policy snapshot. Storing another one changes what new requests see, while serving.
    pub snapshot: Arc<ArcSwap<Snapshot>>,
    /// The appending half of the outbox.
    pub appender: Appender,
    /// Its one consumer; not touched if no processor is set.
    pub consumer: Consumer,
    /// Where facts go.
    pub telemetry: Arc<Telemetry>,
    /// What remembers requests; none where nobody wants to.
    pub log: Option<Log>,
    /// The outbox for copies of other edges' conversions; none where none are kept.
    pub copies: Option<(Appender, Consumer)>,
    /// Sockets that listen already, each in the place of one that would be bound to its address.
    pub sockets: Vec<TcpListener>,
    /// Where it is noted how far the outbox has come; none where nobody asks.
    pub mark: Option<PathBuf>,
}

/// Why an edge did not start.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A socket that cannot be had.
    #[error("cannot listen on {address}: is another process there, or may this one not?")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// The system's answer.
        source: io::Error,
    },
    /// Nowhere to listen.
    #[error("neither a plain nor a TLS listener is set")]
    NoListener,
    /// TLS cannot be spoken.
    #[error("TLS for the public cannot be set up")]
    Tls(#[from] TlsError),
    /// An origin or the processor's endpoint cannot work.
    #[error("an origin cannot be used")]
    Upstream(#[from] upstream::SettingsError),
    /// The system has no entropy.
    #[error("the system gives no random bytes")]
    Entropy(#[from] getrandom::Error),
}

/// Where a running edge listens.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Addresses {
    /// Plain HTTP.
    pub plain: Option<SocketAddr>,
    /// TLS.
    pub tls: Option<SocketAddr>,
    /// The operators' socket.
    pub operator: Option<SocketAddr>,
    /// The socket for copies of other edges.
    pub copies: Option<SocketAddr>,
}

/// An edge at work. Dropping it leaves it running; [`RunningEdge::stop`] ends it.
#[derive(Debug)]
pub struct RunningEdge {
    addresses: Addresses,
    public: Arc<Public>,
    ground: Arc<Ground>,
    settings: EdgeSettings,
    stop: watch::Sender<bool>,
    stop_background: watch::Sender<bool>,
    background: Vec<JoinHandle<()>>,
}

/// Starts an edge: everything is checked and bound when this returns.
///
/// # Errors
/// What cannot be had; nothing is left listening then.
pub async fn serve(settings: EdgeSettings, parts: Parts) -> Result<RunningEdge, Error> {
    let Parts { snapshot, appender, consumer, telemetry, log, copies, sockets, mark } = parts;
    let stats = Arc::new(Stats::default());
    let (kept, copies) = copies.map_or((None, None), |(kept, copies)| (Some(kept), Some(copies)));
    let asker = asker(&settings)?;
    let (notes, teller) = remembered::open(appender.clone(), asker.clone(), Arc::clone(&stats));
    let hands = Arc::new(Hands {
        journal: Journal::new(appender, copier(&settings)?, Arc::clone(&stats), notes),
        kept,
        found: Found::default(),
        upstream: Upstream::new(&settings.upstream)?,
        platforms: Platforms::new(&snapshot.load().policy.breaker),
        telemetry,
        log,
        shelf: SharedShelf::default(),
        asker,
        shapes: std::sync::Mutex::default(),
        misses: std::sync::Mutex::default(),
    });
    let handed = handover(&settings, &hands, &stats)?;
    let handed_copies = handover_of_copies(&settings, &hands)?;
    let certificate = certificate(&settings)?;
    let public = Arc::new(Public {
        snapshot: Arc::clone(&snapshot),
        certificate: certificate.clone(),
        hands: Arc::clone(&hands),
        seeds: Seeds::from_entropy()?,
        stats,
    });
    let ground = Arc::new(ground(&settings, settings.connections_max));
    let (stop, stopped) = watch::channel(false);
    let (stop_background, background_stopped) = watch::channel(false);
    let bound = Bound::all(&settings, sockets).await?;
    let addresses = bound.addresses()?;
    let mut background = bound.run(&settings, &public, &ground, &stopped)?;
    for (watched, tls) in certificate.into_iter().zip(&settings.tls) {
        let looking = certificate::run(watched, tls.look_every, background_stopped.clone());
        background.push(tokio::spawn(looking));
    }
    let scrubbing = scrub::run(consumer.scrubber(), Arc::clone(&hands), background_stopped.clone());
    background.push(tokio::spawn(scrubbing));
    background.push(tokio::spawn(teller.run(background_stopped.clone())));
    if let Some(path) = mark {
        let noted = Arc::clone(&hands);
        let durable = move || noted.journal.status().durable.get();
        background.push(tokio::spawn(mark::run(path, durable, background_stopped.clone())));
    }
    background.push(tokio::spawn(probe::run(snapshot, hands, background_stopped.clone())));
    for (handover, consumer) in handed.zip(Some(consumer)).into_iter().chain(handed_copies.zip(copies)) {
        background.push(tokio::spawn(handover.run(consumer, background_stopped.clone())));
    }
    Ok(RunningEdge { addresses, public, ground, settings, stop, stop_background, background })
}

impl RunningEdge {
    /// Where it listens.
    pub const fn addresses(&self) -> Addresses {
        self.addresses
    }

    /// The live numbers.
    pub fn stats(&self) -> Reading {
        self.public.stats.read()
    }

    /// How the outbox stands.
    pub fn outbox(&self) -> outbox::Status {
        self.public.hands.journal.status()
    }

    #[cfg(test)]
    pub(crate) const fn public(&self) -> &Arc<Public> {
        &self.public
    }

    /// Stops: no new connections, replies end theirs, requests under way are finished. Entries that the
    /// processor has not taken stay in the outbox. True if no request had to be cut off.
    pub async fn stop(self) -> bool {
        self.stop.send_replace(true);
        let drain = self.settings.drain;
        let complete = self.ground.roster.let_go(drain.grace, drain.within).await;
        self.stop_background.send_replace(true);
        for task in self.background {
            // A task that panicked has nothing more to end.
            let _ended = task.await;
        }
        complete
    }
}

/// The public's certificate; none where TLS is off.
fn certificate(settings: &EdgeSettings) -> Result<Option<Arc<Watched>>, Error> {
    let Some(tls) = &settings.tls else { return Ok(None) };
    Ok(Some(Arc::new(Watched::load(tls.certificate.clone())?)))
}

fn ground(settings: &EdgeSettings, connections_max: usize) -> Ground {
    Ground {
        limits: Limits::default(),
        deadlines: settings.deadlines,
        fronts: settings.fronts.networks.clone(),
        front_header: settings.fronts.address_header.to_ascii_lowercase(),
        country_header: settings.fronts.country_header.to_ascii_lowercase(),
        roster: Roster::new(connections_max),
    }
}

fn asker(settings: &EdgeSettings) -> Result<Option<Arc<Asker>>, Error> {
    let Some(processor) = &settings.processor else { return Ok(None) };
    // Connections of its own: a client that waits does not stand behind a batch.
    Ok(Some(Arc::new(Asker::new(Peer::new(&processor.endpoint, &settings.upstream)?, processor))))
}

/// What sends copies to this edge's keeper.
fn copier(settings: &EdgeSettings) -> Result<Option<Copier>, Error> {
    let Some(keeper) = &settings.keeper else { return Ok(None) };
    Ok(Some(Copier::start(Peer::new(&keeper.endpoint, &settings.upstream)?, keeper.clone())))
}

/// Hands over the copies of others, some time after they came: usually the processor has had them by then. They are
/// counted by the edge whose they are.
fn handover_of_copies(settings: &EdgeSettings, hands: &Arc<Hands>) -> Result<Option<Handover>, Error> {
    let handover = handover(settings, hands, &Arc::default())?;
    Ok(handover.map(|handover| Handover {
        settings: ProcessorSettings {
            lane: format!("{}-copies", handover.settings.lane),
            ..handover.settings
        },
        linger: COPIES_LINGER,
        counted: false,
        ..handover
    }))
}

fn handover(
    settings: &EdgeSettings,
    hands: &Arc<Hands>,
    stats: &Arc<Stats>,
) -> Result<Option<Handover>, Error> {
    let Some(processor) = &settings.processor else { return Ok(None) };
    Ok(Some(Handover {
        processor: Peer::new(&processor.endpoint, &settings.upstream)?,
        settings: processor.clone(),
        hands: Arc::clone(hands),
        seeds: Seeds::from_entropy()?,
        stats: Arc::clone(stats),
        linger: Duration::ZERO,
        counted: true,
    }))
}

/// The sockets, bound and not yet served.
struct Bound {
    plain: Option<Listener>,
    tls: Option<Listener>,
    operator: Option<(Listener, OperatorSettings)>,
    copies: Option<Listener>,
}

impl Bound {
    async fn all(settings: &EdgeSettings, mut sockets: Vec<TcpListener>) -> Result<Self, Error> {
        if settings.plain.is_none() && settings.tls.is_none() {
            return Err(Error::NoListener);
        }
        let sockets = &mut sockets;
        let plain = some(settings.plain, sockets).await?;
        let tls = some(settings.tls.as_ref().map(|tls| tls.listen), sockets).await?;
        let operator = some(settings.operator.as_ref().map(|operator| operator.listen), sockets).await?;
        let copies = some(settings.keeps, sockets).await?;
        for unused in sockets {
            let address = unused.local_addr().map(|address| address.to_string()).unwrap_or_default();
            tracing::warn!(address, "a socket was handed over that no setting names; nobody is served there");
        }
        Ok(Self { plain, tls, operator: operator.zip(settings.operator.clone()), copies })
    }

    fn addresses(&self) -> Result<Addresses, Error> {
        let address = |listener: Option<&Listener>| listener.map(address_of).transpose();
        Ok(Addresses {
            plain: address(self.plain.as_ref())?,
            tls: address(self.tls.as_ref())?,
            operator: address(self.operator.as_ref().map(|(listener, _)| listener))?,
            copies: address(self.copies.as_ref())?,
        })
    }

    fn run(
        self,
        settings: &EdgeSettings,
        public: &Arc<Public>,
        ground: &Arc<Ground>,
        stop: &watch::Receiver<bool>,
    ) -> Result<Vec<JoinHandle<()>>, Error> {
        let mut tasks = Vec::new();
        if let Some(listener) = self.plain {
            tasks.push(listen(listener, Tls::Off, ground, public, stop));
        }
        if let (Some(listener), Some(certificate)) = (self.tls, &public.certificate) {
            let tls = Tls::On(certificate.acceptor()?);
            tasks.push(listen(listener, tls, ground, public, stop));
        }
        if let Some((listener, OperatorSettings { token, .. })) = self.operator {
            let (public, ground) = (Arc::clone(public), Arc::clone(ground));
            let started = public.stats.read();
            // Operators have a roster of their own: the public cannot lock them out.
            let theirs = Arc::new(self::ground(settings, OPERATORS_MAX));
            let operator = Arc::new(Operator { public, ground, token, started });
            tasks.push(listen(listener, Tls::Off, &theirs, &operator, stop));
        }
        let keeper = public.hands.kept.clone().zip(settings.processor.as_ref());
        if let (Some(listener), Some((appender, processor))) = (self.copies, keeper) {
            let theirs = self::ground(settings, COPIERS_MAX);
            let limits = Limits { body_bytes_max: BATCH_BYTES_MAX, ..theirs.limits };
            let keeper = Arc::new(Keeper { appender, keys: processor.keys.clone() });
            tasks.push(listen(listener, Tls::Off, &Arc::new(Ground { limits, ..theirs }), &keeper, stop));
        }
        Ok(tasks)
    }
}

/// The socket for this address: one that was handed over, or a new one.
async fn some(
    address: Option<SocketAddr>,
    sockets: &mut Vec<TcpListener>,
) -> Result<Option<Listener>, Error> {
    let Some(address) = address else { return Ok(None) };
    let is_it = |socket: &TcpListener| socket.local_addr().is_ok_and(|own| own == address);
    let listener = match sockets.iter().position(is_it) {
        Some(place) => Listener::of(sockets.swap_remove(place)),
        None => Listener::bind(address).await,
    };
    listener.map(Some).map_err(|source| Error::Listen { address, source })
}

fn address_of(listener: &Listener) -> Result<SocketAddr, Error> {
    let unknown = SocketAddr::from(([0, 0, 0, 0], 0));
    listener.address().map_err(|source| Error::Listen { address: unknown, source })
}

fn listen<V: Service>(
    listener: Listener,
    tls: Tls,
    ground: &Arc<Ground>,
    service: &Arc<V>,
    stop: &watch::Receiver<bool>,
) -> JoinHandle<()> {
    tokio::spawn(listener.run(tls, Arc::clone(ground), Arc::clone(service), stop.clone()))
}

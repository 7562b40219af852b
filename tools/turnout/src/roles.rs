//! Starting the roles: what `up` runs in one process and `serve` one by one.

use std::error::Error;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use edge::settings::{
    Certificate, EdgeSettings, FrontSettings, KeeperSettings, OperatorSettings, ProcessorSettings,
    TlsSettings, Token,
};
use relay::policy::Snapshot;
use telemetry::Telemetry;
use tracking::Outbound;
use tracking::postback::Call;
use units::Seed;
use upstream::{Elsewhere, Endpoint, Origin, Upstream};

use crate::clock::wall_clock;
use crate::data::{DataDir, KeyRing};
use crate::ledger_place::LedgerPlace;
use crate::people::People;
use crate::settings::Edge as EdgeFile;

type Wrong = Box<dyn Error + Send + Sync>;

/// The address that asks for a free port of loopback.
pub(crate) const ANY: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 0);

/// Everything that starts a role.
#[derive(Clone, Debug)]
pub(crate) struct Ground {
    /// The data directory.
    pub(crate) data: DataDir,
    /// What is decided by.
    pub(crate) snapshot: Arc<Snapshot>,
    /// Where the platforms' servers are.
    pub(crate) origins: Vec<Origin>,
    /// Where facts go.
    pub(crate) telemetry: Arc<Telemetry>,
    /// What remembers requests; none where nobody wants to.
    pub(crate) log: Option<requestlog::Log>,
}

/// Starts an edge whose outbox is in the data directory, within these limits.
pub(crate) async fn edge(
    ground: &Ground,
    keys: &KeyRing,
    file: &EdgeFile,
    limits: outbox::Settings,
    processor: Option<String>,
) -> Result<(edge::RunningEdge, Arc<ArcSwap<Snapshot>>), Wrong> {
    let lane = file.lane.clone().unwrap_or_else(|| LANE.to_owned());
    let (appender, consumer) = open_lane(ground, &lane, limits.clone())?;
    let mark = checked_mark(ground, &lane, &appender)?;
    let copies = match file.copies_listen {
        Some(_) => Some(open_lane(ground, &format!("{lane}-copies"), limits)?),
        None => None,
    };
    let keeper = file.copies_to.as_ref().map(|address| KeeperSettings {
        endpoint: Endpoint { private_allowed: true, ..Endpoint::plain(address.clone()) },
        lane: lane.clone(),
        keys: keys.signing.clone(),
        within: file.copy_wait.unwrap_or(COPY_WAIT),
    });
    let handover = processor.map(|address| {
        let mut endpoint = Endpoint::plain(address);
        endpoint.private_allowed = true;
        ProcessorSettings::new(endpoint, lane, keys.signing.clone())
    });
    let names: Vec<String> = ground.snapshot.migration.legacy.hosts().map(str::to_owned).collect();
    let certificate = match &file.certificate {
        Some((chain, key)) => Certificate::Files { chain: chain.clone(), key: key.clone() },
        None => Certificate::SelfSigned(names),
    };
    let settings = EdgeSettings {
        plain: file.listen,
        tls: file.listen_tls.map(|listen| TlsSettings::new(listen, certificate)),
        operator: file.operator.map(|listen| OperatorSettings { listen, token: Token(keys.token.clone()) }),
        processor: handover,
        keeper,
        keeps: file.copies_listen,
        upstream: upstream::Settings { origins: ground.origins.clone(), ..upstream::Settings::default() },
        fronts: fronts(file),
        ..EdgeSettings::default()
    };
    let snapshot = Arc::new(ArcSwap::from(Arc::clone(&ground.snapshot)));
    let parts = edge::Parts {
        snapshot: Arc::clone(&snapshot),
        appender,
        consumer,
        telemetry: Arc::clone(&ground.telemetry),
        log: ground.log.clone(),
        copies,
        sockets: crate::sockets::handed_over()?,
        mark: Some(mark),
    };
    Ok((edge::serve(settings, parts).await?, snapshot))
}

/// How long a reply waits for its second copy where the settings say nothing.
const COPY_WAIT: Duration = Duration::from_millis(500);

/// Opens a lane of the outbox in the data directory.
fn open_lane(
    ground: &Ground,
    lane: &str,
    limits: outbox::Settings,
) -> Result<(outbox::Appender, outbox::Consumer), Wrong> {
    // Opening it makes the folders as well, each durable in the one above it before anything is promised in it.
    let folder = ground.data.path("outbox").join(lane);
    let (appender, consumer, recovery) = outbox::open(&folder, limits)?;
    if let Some(trim) = &recovery.trimmed {
        eprintln!("turnout: the outbox was cut off after its last whole entry: {trim:?}");
    }
    Ok((appender, consumer))
}

/// The note of how far a lane had come, which must not be further than it has.
fn checked_mark(ground: &Ground, lane: &str, appender: &outbox::Appender) -> Result<PathBuf, Wrong> {
    let folder = ground.data.path("marks");
    std::fs::create_dir_all(&folder)?;
    let mark = folder.join(lane);
    edge::mark::check(&mark, appender.status().durable.get())?;
    Ok(mark)
}

fn fronts(file: &EdgeFile) -> FrontSettings {
    let usual = FrontSettings::default();
    FrontSettings {
        networks: file.fronts.clone(),
        address_header: file.front_header.clone().unwrap_or(usual.address_header),
        country_header: file.country_header.clone().unwrap_or(usual.country_header),
    }
}

/// What a processor is started with.
pub(crate) struct ProcessorParts<'a> {
    /// Where its ledger is.
    pub(crate) place: &'a LedgerPlace,
    /// Where it listens.
    pub(crate) listen: SocketAddr,
    /// What is shown to the primary.
    pub(crate) credentials: Credentials,
    /// Whether publishers' addresses may lead to private networks.
    pub(crate) private_postbacks: bool,
}

/// Starts a processor. Beside it stands the snapshot that its requests get their credentials by.
pub(crate) async fn processor(
    ground: &Ground,
    keys: &KeyRing,
    parts: ProcessorParts<'_>,
) -> Result<(processor::Running, Arc<ArcSwap<Snapshot>>), Wrong> {
    let ProcessorParts { place, listen, credentials, private_postbacks } = parts;
    let ledger = place.open(ground.data.folder())?;
    place.note(ground.data.folder())?;
    let mut seed = [0; 16];
    getrandom::fill(&mut seed)?;
    let seed = Seed(u128::from_le_bytes(seed));
    let mut core = processor::Processor::new(ledger, Arc::clone(&ground.snapshot), seed, wall_clock())?;
    core.replace_callers(ground.data.callers()?);
    core.sign_roots_with(crate::root_key::signer(&ground.data.root_seed()?)?);
    core.allow_private_postbacks(private_postbacks);
    let settings = processor::Settings {
        keys: keys.signing.clone(),
        operator_token: keys.token.clone(),
        operators: processor::Operators::new(People::read(ground.data.folder())?.operators()),
        metrics: Arc::clone(&ground.telemetry),
        recount_every: units::limits::RECOUNT_EVERY,
    };
    let origins = upstream::Settings { origins: ground.origins.clone(), ..upstream::Settings::default() };
    let snapshot = Arc::new(ArcSwap::from(Arc::clone(&ground.snapshot)));
    let upstream = sender(Upstream::new(&origins)?, Arc::clone(&snapshot), credentials);
    let elsewhere = caller(Elsewhere::new(upstream::Settings::default(), private_postbacks));
    let senders = processor::Senders { upstream, elsewhere };
    let listener = tokio::net::TcpListener::bind(listen)
        .await
        .map_err(|error| format!("cannot listen on {listen}: {error}"))?;
    let sink = sink(ground);
    Ok((processor::serve(settings, core, listener, senders, sink).await?, snapshot))
}

/// Where a processor's facts go: telemetry, and of each conversion what became of it into the request log.
fn sink(ground: &Ground) -> processor::FactSink {
    let (telemetry, log) = (Arc::clone(&ground.telemetry), ground.log.clone());
    Arc::new(move |fact| {
        telemetry.record(&fact);
        if let Some(log) = &log {
            let outcome = requestlog::Outcome::of(&fact, wall_clock());
            outcome.into_iter().for_each(|outcome| log.offer(requestlog::Entry::Outcome(outcome)));
        }
    })
}

/// The lane of an edge that names none.
pub(crate) const LANE: &str = "lane-1";

/// What is shown to the platforms' interfaces, by host. It prints nothing.
#[derive(Clone, Default)]
pub(crate) struct Credentials(pub(crate) Vec<(String, String)>);

/// Sends a request over `upstream`, with the credential that the migration's rule for its host asks for. It is
/// added last, so that no stored request holds it.
fn sender(
    upstream: Upstream,
    snapshot: Arc<ArcSwap<Snapshot>>,
    credentials: Credentials,
) -> processor::Upstream {
    let upstream = Arc::new(upstream);
    Arc::new(move |mut request: Outbound, within| {
        let snapshot = snapshot.load();
        let send = snapshot.migration.sends.iter().find(|send| send.writes(&request));
        let secret = credentials.0.iter().find(|(host, _)| *host == request.host);
        if let (Some(send), Some((_, secret))) = (send, secret)
            && let Some(header) = &send.credential
        {
            let shown = format!("{}{secret}", send.credential_prefix);
            request.headers.push((header.clone(), shown.into_bytes()));
        }
        let upstream = Arc::clone(&upstream);
        Box::pin(async move { upstream.send(&request, within).await })
    })
}

/// Calls publishers' own servers.
fn caller(elsewhere: Elsewhere) -> processor::Elsewhere {
    let elsewhere = Arc::new(elsewhere);
    Arc::new(move |call: Call, within| {
        let elsewhere = Arc::clone(&elsewhere);
        Box::pin(async move {
            let line = |name: &str, value: &str| (name.to_owned(), value.as_bytes().to_vec());
            let mut headers = vec![line("accept", "*/*"), line("user-agent", "turnout-postback")];
            if call.form.is_some() {
                headers.push(line("content-type", "application/x-www-form-urlencoded"));
            }
            let request = upstream::Request {
                method: if call.form.is_some() { "POST" } else { "GET" },
                host: &call.host,
                target: call.target.as_bytes(),
                headers: &headers,
                body: call.form.as_deref().unwrap_or_default().as_bytes(),
            };
            let (name, port) = &call.place;
            elsewhere.call(&format!("{name}:{port}"), call.secure, &request, within).await
        })
    })
}

/// Starts the simulated platforms and the shop.
pub(crate) async fn lab(settings: lab::WorldSettings) -> Result<lab::Running, Wrong> {
    Ok(lab::start(settings).await?)
}

/// The origins of a lab's platforms.
pub(crate) fn lab_origins(lab: &lab::Running) -> Vec<Origin> {
    let origin = |home, address: SocketAddr| Origin {
        home,
        host: None,
        endpoint: Endpoint { private_allowed: true, ..Endpoint::plain(address.to_string()) },
    };
    vec![origin(tracking::Home::Legacy, lab.legacy), origin(tracking::Home::Primary, lab.primary)]
}

/// The credentials that a lab's world accepts, for every host of the migration that asks for one.
pub(crate) fn lab_credentials(world: &lab::World, snapshot: &Snapshot) -> Credentials {
    let Some(key) = world.primary_api_keys.first() else { return Credentials::default() };
    let sends = snapshot.migration.sends.iter().filter(|send| send.credential.is_some());
    Credentials(sends.map(|send| (send.host.to_string(), key.clone())).collect())
}

#[cfg(test)]
mod tests;

//! What an operator sets for an edge.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use admission::front::Network;
use relay::signature::Keys;
use units::limits;

/// Everything that is set for one edge.
#[derive(Clone, Debug)]
pub struct EdgeSettings {
    /// Where plain HTTP is heard; none for TLS only.
    pub plain: Option<SocketAddr>,
    /// Where TLS is heard; none for plain HTTP only.
    pub tls: Option<TlsSettings>,
    /// Where operators ask; none for nowhere.
    pub operator: Option<OperatorSettings>,
    /// The processor that takes the outbox's entries; none leaves them in the outbox.
    pub processor: Option<ProcessorSettings>,
    /// The edge that keeps a second copy of each conversion; none for one copy only.
    pub keeper: Option<KeeperSettings>,
    /// Where copies of other edges' conversions are taken; none for nowhere. It needs a processor, for its keys.
    pub keeps: Option<SocketAddr>,
    /// The platforms' origins.
    pub upstream: upstream::Settings,
    /// The fronts that may speak for their clients.
    pub fronts: FrontSettings,
    /// How long a client may take.
    pub deadlines: Deadlines,
    /// How connections are let go at a stop.
    pub drain: Drain,
    /// Most connections at once.
    pub connections_max: usize,
}

impl Default for EdgeSettings {
    /// Plain HTTP on a free port of loopback, and nothing else.
    fn default() -> Self {
        Self {
            plain: Some(SocketAddr::from(([127, 0, 0, 1], 0))),
            tls: None,
            operator: None,
            processor: None,
            keeper: None,
            keeps: None,
            upstream: upstream::Settings::default(),
            fronts: FrontSettings::default(),
            deadlines: Deadlines::default(),
            drain: Drain::default(),
            connections_max: limits::CONNECTIONS_MAX,
        }
    }
}

/// How TLS is spoken.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TlsSettings {
    /// Where it is heard.
    pub listen: SocketAddr,
    /// What proves who we are.
    pub certificate: Certificate,
    /// How often its files are looked at for a new one.
    pub look_every: Duration,
}

impl TlsSettings {
    /// TLS at `listen` with this certificate, looked at as often as usual.
    pub const fn new(listen: SocketAddr, certificate: Certificate) -> Self {
        Self { listen, certificate, look_every: limits::CERTIFICATE_LOOK_EVERY }
    }
}

/// A certificate with its key.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Certificate {
    /// Made at start for these names, and trusted by nobody: for trying out.
    SelfSigned(Vec<String>),
    /// From PEM files.
    Files {
        /// The certificate and those that lead to its root.
        chain: PathBuf,
        /// The private key.
        key: PathBuf,
    },
}

/// The operators' own socket.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct OperatorSettings {
    /// Where it is heard. Never a public address.
    pub listen: SocketAddr,
    /// What a caller must show.
    pub token: Token,
}

/// A secret that is shown as a bearer token. It prints nothing.
#[derive(Clone, PartialEq, Eq)]
pub struct Token(pub String);

impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Token(..)")
    }
}

/// Where the outbox's entries go.
#[derive(Clone, Debug)]
pub struct ProcessorSettings {
    /// The processor's server.
    pub endpoint: upstream::Endpoint,
    /// The outbox lane's name, as the processor's tables show it.
    pub lane: String,
    /// The keys that sign.
    pub keys: Keys,
    /// The total deadline of handing over one batch.
    pub within: Duration,
    /// The longest wait after the first failure; it doubles up to `backoff_max`.
    pub backoff_first: Duration,
    /// The longest wait between tries. Short, because a backlog waits behind it.
    pub backoff_max: Duration,
}

impl ProcessorSettings {
    /// A processor at `endpoint`, with usual times.
    pub const fn new(endpoint: upstream::Endpoint, lane: String, keys: Keys) -> Self {
        Self {
            endpoint,
            lane,
            keys,
            within: Duration::from_secs(10),
            backoff_first: Duration::from_millis(100),
            backoff_max: Duration::from_secs(5),
        }
    }
}

/// The edge that keeps copies of this one's conversions.
#[derive(Clone, Debug)]
pub struct KeeperSettings {
    /// Its listener for copies.
    pub endpoint: upstream::Endpoint,
    /// Whose copies they are.
    pub lane: String,
    /// The keys that sign.
    pub keys: Keys,
    /// How long a reply waits for its copy.
    pub within: Duration,
}

/// The tier before the edges.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FrontSettings {
    /// Whose word about the client is believed.
    pub networks: Vec<Network>,
    /// The header in which they name its address, in lower case.
    pub address_header: String,
    /// The header in which they name its country, in lower case.
    pub country_header: String,
}

impl Default for FrontSettings {
    fn default() -> Self {
        Self {
            networks: Vec::new(),
            address_header: "x-forwarded-for".to_owned(),
            country_header: tracking::wire::COUNTRY_HEADER.to_owned(),
        }
    }
}

/// How long a client may take. Each is a total, so that dripping bytes buys no time.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Deadlines {
    /// From connecting to the first byte.
    pub first_byte: Duration,
    /// For the TLS handshake.
    pub handshake: Duration,
    /// From the first byte of a head to its last.
    pub header: Duration,
    /// For the body.
    pub body: Duration,
    /// For taking the reply.
    pub write: Duration,
    /// Between requests.
    pub idle: Duration,
}

impl Default for Deadlines {
    fn default() -> Self {
        let seconds = Duration::from_secs;
        Self {
            first_byte: seconds(10),
            handshake: seconds(10),
            header: seconds(10),
            body: seconds(20),
            write: seconds(20),
            idle: seconds(60),
        }
    }
}

/// How connections are let go at a stop.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Drain {
    /// How long clients are told `connection: close` before idle connections are closed.
    pub grace: Duration,
    /// How long requests under way may then take before they are cut off.
    pub within: Duration,
}

impl Default for Drain {
    fn default() -> Self {
        Self { grace: Duration::from_secs(3), within: Duration::from_secs(10) }
    }
}

//! What an operator sets, and what a caller chooses for one call.

use std::time::Duration;

use tracking::Home;
use units::limits;

/// Where requests go and how.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The platforms' origins. For one home the first that names the request's host is taken, else the first
    /// that names none.
    pub origins: Vec<Origin>,
    /// Whom to trust in TLS.
    pub roots: Roots,
    /// The longest wait for a connection, TLS included; the call's own deadline may be shorter.
    pub connect_within: Duration,
    /// How long an unused connection is kept.
    pub idle_for: Duration,
    /// How long after its last answer a connection still counts as proven, so that money may use it. Shorter
    /// than any server's keep-alive time, because a server that closes while we write makes an unknown.
    pub proven_for: Duration,
    /// Most unused connections kept to one origin.
    pub idle_max: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            origins: Vec::new(),
            roots: Roots::System,
            connect_within: Duration::from_secs(5),
            idle_for: Duration::from_secs(30),
            proven_for: Duration::from_secs(1),
            idle_max: limits::IDLE_CONNECTIONS_MAX,
        }
    }
}

/// One server of a platform, behind its public host name.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Origin {
    /// The platform.
    pub home: Home,
    /// The public host whose requests go here; none for all hosts of the platform.
    pub host: Option<String>,
    /// The server.
    pub endpoint: Endpoint,
}

/// A server to connect to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Endpoint {
    /// `host:port` or `address:port`. A name must not lead to a private address; an address may be any.
    pub address: String,
    /// True for TLS.
    pub tls: bool,
    /// The name in the server's certificate; none for the host of `address`.
    pub server_name: Option<String>,
    /// The `Host` to send; none for the public host of the request.
    pub host_header: Option<String>,
    /// True if a name may lead to a private address, as inside a cluster.
    pub private_allowed: bool,
}

impl Endpoint {
    /// A server without TLS, as on loopback.
    pub fn plain(address: impl Into<String>) -> Self {
        Self {
            address: address.into(),
            tls: false,
            server_name: None,
            host_header: None,
            private_allowed: false,
        }
    }
}

/// Whose signature on a server's certificate is believed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Roots {
    /// The operating system's list.
    System,
    /// These certificates, in PEM.
    Pem(Vec<u8>),
}

/// How one call is made.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Call {
    /// The whole time that may be spent, from connecting to the last byte.
    pub within: Duration,
    /// What a kept-alive connection may be used for.
    pub reuse: Reuse,
    /// The longest answer body taken, in bytes. A longer one counts as no complete answer.
    pub answer_bytes_max: usize,
}

impl Call {
    /// A call that moves money: written once, on a fresh or just proven connection.
    pub const fn once(within: Duration) -> Self {
        Self { within, reuse: Reuse::Proven, answer_bytes_max: limits::ANSWER_BYTES_MAX }
    }

    /// A fetch that changes nothing, whose answer is passed on.
    pub const fn fetch(within: Duration) -> Self {
        Self { within, reuse: Reuse::AnyThenFresh, answer_bytes_max: limits::PROXIED_BYTES_MAX }
    }
}

/// What a kept-alive connection may be used for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Reuse {
    /// Only a connection that has just answered is used again, and what fails on it is not sent again.
    Proven,
    /// Any idle connection; if the server had closed it before a byte of the answer, the request is sent once
    /// more on a fresh one. Only for requests that may be processed twice.
    AnyThenFresh,
}

/// Why the settings cannot work.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// An address without a port, or with a port that is none.
    #[error("`{0}` is not an origin's address: write `host:port`")]
    Address(String),
    /// A name that no certificate can have.
    #[error("`{0}` cannot be a server's name in TLS")]
    ServerName(String),
    /// No certificates to trust.
    #[error(
        "no certificate authorities were found: install the system's list (ca-certificates) or name a PEM file"
    )]
    NoRoots,
    /// The TLS library refuses.
    #[error("TLS cannot be set up")]
    Tls(#[from] rustls::Error),
}

//! Where the server is, and how it is spoken to.

use std::fmt;
use std::path::Path;
use std::time::Duration;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};
use tokio_postgres::Config;
use tokio_postgres::config::{Host, SslMode};
use tokio_postgres_rustls::MakeRustlsConnect;
use units::limits::{SERVER_CONNECT_MAX, SERVER_SILENCE_MAX};

/// Where systems keep the certificates that they trust.
const SYSTEM_LISTS: [&str; 4] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
];

/// Where a PostgreSQL server is. It never prints the password.
#[derive(Clone)]
pub struct Server {
    pub(crate) config: Config,
    pub(crate) tls: Option<MakeRustlsConnect>,
}

/// Why an address leads to no server.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServerError {
    /// The address cannot be read.
    #[error(
        "`{shown}` is no address of a PostgreSQL server ({why}): write `postgres://user@host:5432/database`"
    )]
    Address {
        /// The address, without its password.
        shown: String,
        /// What is wrong.
        why: String,
    },
    /// Something is missing in the address.
    #[error("the server's address names no {0}: write `postgres://user@host:5432/database`")]
    Missing(&'static str),
    /// The certificates that a server's is checked against cannot be had.
    #[error("no trusted certificates for the database server: {0}")]
    Certificates(String),
}

impl Server {
    /// Says what is wrong with an address by itself.
    ///
    /// # Errors
    /// If it cannot be read, or is incomplete.
    pub fn check(address: &str) -> Result<(), ServerError> {
        configured(address).map(drop)
    }

    /// Reads an address, as `postgres://user@host:5432/database`.
    ///
    /// `password` is used where the address has none. `trusted` is a PEM file with the certificates that the server's is
    /// checked against, in the place of the system's. A server on this machine is spoken to in the clear; any other is
    /// spoken to in TLS, with its certificate verified, unless the address says `sslmode=disable`.
    ///
    /// # Errors
    /// If the address cannot be read, is incomplete, or there are no certificates to trust.
    pub fn parse(address: &str, password: Option<&str>, trusted: Option<&Path>) -> Result<Self, ServerError> {
        let mut config = configured(address)?;
        if let (Some(password), None) = (password, config.get_password()) {
            config.password(password);
        }
        config.connect_timeout(SERVER_CONNECT_MAX).tcp_user_timeout(SERVER_SILENCE_MAX);
        config.keepalives_idle(Duration::from_secs(10)).keepalives_interval(Duration::from_secs(5));
        config.keepalives_retries(3).application_name("turnout");
        let tls = match config.get_ssl_mode() {
            SslMode::Disable => None,
            SslMode::Prefer if config.get_hosts().iter().all(is_here) => None,
            _ => Some(connector(trusted)?),
        };
        config.ssl_mode(if tls.is_some() { SslMode::Require } else { SslMode::Disable });
        Ok(Self { config, tls })
    }
}

impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let host = match self.config.get_hosts().first() {
            Some(Host::Tcp(name)) => name.clone(),
            Some(Host::Unix(path)) => path.display().to_string(),
            None => String::new(),
        };
        let port = self.config.get_ports().first().copied().unwrap_or(5432);
        write!(
            f,
            "{}@{host}:{port}/{}",
            self.config.get_user().unwrap_or_default(),
            self.config.get_dbname().unwrap_or_default()
        )
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Server({self})")
    }
}

fn configured(address: &str) -> Result<Config, ServerError> {
    // What others call verifying is what is done here in any case, so their words for it are understood.
    let understood = ["verify-full", "verify-ca"].iter().fold(address.to_owned(), |address, word| {
        address.replace(&format!("sslmode={word}"), "sslmode=require")
    });
    let config: Config = understood.parse().map_err(|error: tokio_postgres::Error| {
        let cause = std::error::Error::source(&error).map_or_else(|| error.to_string(), ToString::to_string);
        ServerError::Address { shown: without_password(address), why: cause }
    })?;
    if config.get_user().is_none() {
        return Err(ServerError::Missing("user"));
    }
    if config.get_dbname().is_none() {
        return Err(ServerError::Missing("database"));
    }
    if config.get_hosts().is_empty() {
        return Err(ServerError::Missing("host"));
    }
    Ok(config)
}

fn is_here(host: &Host) -> bool {
    match host {
        Host::Unix(_) => true,
        Host::Tcp(name) => {
            name == "localhost" || name.parse().is_ok_and(|address: std::net::IpAddr| address.is_loopback())
        }
    }
}

fn connector(trusted: Option<&Path>) -> Result<MakeRustlsConnect, ServerError> {
    let pem = match trusted {
        Some(path) => std::fs::read(path).map_err(|error| {
            ServerError::Certificates(format!("{} cannot be read: {error}", path.display()))
        })?,
        None => {
            let list = SYSTEM_LISTS.iter().find_map(|path| std::fs::read(path).ok());
            list.ok_or_else(|| ServerError::Certificates("this system has no list of them".to_owned()))?
        }
    };
    let mut store = RootCertStore::empty();
    // A system's list may hold a few certificates that are too odd to use; the rest is good.
    store.add_parsable_certificates(CertificateDer::pem_slice_iter(&pem).filter_map(Result::ok));
    if store.is_empty() {
        return Err(ServerError::Certificates("the list holds none".to_owned()));
    }
    let provider = std::sync::Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let builder = builder.map_err(|error| ServerError::Certificates(error.to_string()))?;
    Ok(MakeRustlsConnect::new(builder.with_root_certificates(store).with_no_client_auth()))
}

/// The address for a message: what stands between the user's name and the host is hidden.
fn without_password(address: &str) -> String {
    let Some((scheme, rest)) = address.split_once("://") else { return hidden_words(address) };
    // A password may stand among the parameters, too.
    let rest = hidden_words(rest);
    let Some((login, rest)) = rest.rsplit_once('@') else { return format!("{scheme}://{rest}") };
    let user = login.split_once(':').map_or(login, |(user, _)| user);
    format!("{scheme}://{user}@{rest}")
}

/// An address of `key=value` words, without the value of `password`.
fn hidden_words(address: &str) -> String {
    match address.split_once("password") {
        Some((before, _)) => format!("{before}password=…"),
        None => address.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_or_wrong_is_told_without_the_password() {
        for (address, message) in [
            ("postgres://ada@127.0.0.1", "names no database"),
            ("postgres://127.0.0.1/turnout", "names no user"),
            ("postgres://ada:secret@127.0.0.1:port/turnout", "is no address"),
            ("http://ada:secret@127.0.0.1/turnout", "is no address"),
            ("user=ada password=secret port=x", "is no address"),
            ("postgres://127.0.0.1:port/turnout?user=ada&password=secret", "is no address"),
            ("postgres://ada@127.0.0.1:port/turnout?password=secret", "is no address"),
        ] {
            let error = Server::parse(address, None, None).unwrap_err().to_string();
            assert!(error.contains(message) && !error.contains("secret"), "{address}: {error}");
        }
    }

    #[test]
    fn a_password_is_never_printed() {
        let server = Server::parse("postgres://ada:secret@127.0.0.1:1/turnout", Some("other"), None).unwrap();
        assert_eq!(format!("{server} {server:?}"), "ada@127.0.0.1:1/turnout Server(ada@127.0.0.1:1/turnout)");
        assert_eq!(server.config.get_password(), Some(&b"secret"[..]));
    }

    #[test]
    fn only_this_machine_is_spoken_to_in_the_clear() {
        let folder = tempfile::tempdir().unwrap();
        let (file, empty) = (folder.path().join("ca.pem"), folder.path().join("empty.pem"));
        let own = rcgen::generate_simple_self_signed(["db.example".to_owned()]).unwrap();
        std::fs::write(&file, own.cert.pem()).unwrap();
        std::fs::write(&empty, "").unwrap();
        for (address, tls) in [
            ("postgres://ada@127.0.0.1/turnout", false),
            ("postgres://ada@localhost/turnout", false),
            ("postgres://ada@%2Frun%2Fpostgresql/turnout", false),
            ("postgres://ada@db.example/turnout", true),
            ("postgres://ada@db.example/turnout?sslmode=prefer", true),
            ("postgres://ada@db.example/turnout?sslmode=disable", false),
            ("postgres://ada@127.0.0.1/turnout?sslmode=require", true),
            ("postgres://ada@127.0.0.1/turnout?sslmode=verify-full", true),
            ("host=localhost user=ada dbname=turnout sslmode=verify-ca", true),
        ] {
            let server = Server::parse(address, None, Some(&file)).unwrap();
            assert_eq!(server.tls.is_some(), tls, "{address}");
            let refused = Server::parse(address, None, Some(&empty));
            assert_eq!(refused.is_err(), tls, "{address} without certificates");
        }
    }
}

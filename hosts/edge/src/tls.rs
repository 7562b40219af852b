//! Speaking TLS to the public.

mod validity;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use arc_swap::ArcSwap;
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use tokio_rustls::TlsAcceptor;
use units::Timestamp;

use crate::settings::Certificate;

/// Why TLS cannot be spoken.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A PEM file that cannot be read.
    #[error("cannot read {} from {}: name a readable PEM file", what, path.display())]
    File {
        /// What was looked for.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// What went wrong.
        source: rustls::pki_types::pem::Error,
    },
    /// A file without what it should hold.
    #[error("there is no certificate in {}", .0.display())]
    Empty(PathBuf),
    /// The self-signed certificate cannot be made.
    #[error("cannot make a self-signed certificate: check the names")]
    SelfSigned(#[from] rcgen::Error),
    /// Certificate and key do not fit, or the library refuses.
    #[error("cannot use the certificate with its key")]
    Unusable(#[from] rustls::Error),
}

/// The certificate in use. It can be exchanged while handshakes go on.
#[derive(Debug)]
pub(crate) struct Current(ArcSwap<CertifiedKey>);

impl Current {
    pub(crate) fn new(key: CertifiedKey) -> Self {
        Self(ArcSwap::from_pointee(key))
    }

    /// From the next handshake on this one is shown.
    pub(crate) fn exchange(&self, key: CertifiedKey) {
        self.0.store(Arc::new(key));
    }

    /// When it runs out; none if it does not say.
    pub(crate) fn expires(&self) -> Option<Timestamp> {
        validity::not_after(self.0.load().cert.first()?)
    }
}

impl ResolvesServerCert for Current {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.0.load_full())
    }
}

/// Reads a certificate with its key, which must fit.
pub(crate) fn load(certificate: &Certificate) -> Result<CertifiedKey, TlsError> {
    let (chain, key) = match certificate {
        Certificate::SelfSigned(names) => self_signed(names)?,
        Certificate::Files { chain, key } => from_files(chain, key)?,
    };
    let provider = rustls::crypto::aws_lc_rs::default_provider();
    Ok(CertifiedKey::from_der(chain, key, &provider)?)
}

/// What accepts handshakes with the certificate in use.
pub(crate) fn acceptor(current: Arc<Current>) -> Result<TlsAcceptor, TlsError> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    let mut config = builder.with_no_client_auth().with_cert_resolver(current);
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    // Tickets spare most returning clients the expensive half of the handshake, and us a session store.
    config.ticketer = rustls::crypto::aws_lc_rs::Ticketer::new()?;
    Ok(TlsAcceptor::from(Arc::new(config)))
}

type Pair = (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>);

fn from_files(chain: &Path, key: &Path) -> Result<Pair, TlsError> {
    let unreadable = |what, path: &Path| {
        let path = path.to_owned();
        move |source| TlsError::File { what, path, source }
    };
    let certificates = CertificateDer::pem_file_iter(chain).map_err(unreadable("certificates", chain))?;
    let certificates: Result<Vec<_>, _> = certificates.collect();
    let certificates = certificates.map_err(unreadable("certificates", chain))?;
    if certificates.is_empty() {
        return Err(TlsError::Empty(chain.to_owned()));
    }
    let key = PrivateKeyDer::from_pem_file(key).map_err(unreadable("a private key", key))?;
    Ok((certificates, key))
}

fn self_signed(names: &[String]) -> Result<Pair, TlsError> {
    let made = rcgen::generate_simple_self_signed(names)?;
    let key = PrivatePkcs8KeyDer::from(made.signing_key.serialize_der());
    Ok((vec![made.cert.der().clone()], key.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_for_trying_out_is_made_at_start() {
        let names = vec!["old.test".to_owned(), "127.0.0.1".to_owned()];
        let made = load(&Certificate::SelfSigned(names)).unwrap();
        assert!(acceptor(Arc::new(Current::new(made))).is_ok());
        let error = load(&Certificate::SelfSigned(vec!["ü".to_owned()])).err();
        assert!(error.is_some_and(|error| error.to_string().contains("check the names")));
    }
}

//! Speaking TLS to the public.

use std::path::PathBuf;
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio_rustls::TlsAcceptor;

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

/// What accepts handshakes with this certificate.
pub(crate) fn acceptor(certificate: &Certificate) -> Result<TlsAcceptor, TlsError> {
    let (chain, key) = match certificate {
        Certificate::SelfSigned(names) => self_signed(names)?,
        Certificate::Files { chain, key } => {
            let unreadable = |what, path: &PathBuf| {
                let path = path.clone();
                move |source| TlsError::File { what, path, source }
            };
            let certificates =
                CertificateDer::pem_file_iter(chain).map_err(unreadable("certificates", chain))?;
            let certificates: Result<Vec<_>, _> = certificates.collect();
            let certificates = certificates.map_err(unreadable("certificates", chain))?;
            if certificates.is_empty() {
                return Err(TlsError::Empty(chain.clone()));
            }
            let key = PrivateKeyDer::from_pem_file(key).map_err(unreadable("a private key", key))?;
            (certificates, key)
        }
    };
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    let mut config = builder.with_no_client_auth().with_single_cert(chain, key)?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    // Tickets spare most returning clients the expensive half of the handshake, and us a session store.
    config.ticketer = rustls::crypto::aws_lc_rs::Ticketer::new()?;
    Ok(TlsAcceptor::from(Arc::new(config)))
}

fn self_signed(names: &[String]) -> Result<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>), TlsError> {
    let made = rcgen::generate_simple_self_signed(names)?;
    let key = PrivatePkcs8KeyDer::from(made.signing_key.serialize_der());
    Ok((vec![made.cert.der().clone()], key.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_for_trying_out_is_made_at_start() {
        assert!(
            acceptor(&Certificate::SelfSigned(vec!["old.test".to_owned(), "127.0.0.1".to_owned()])).is_ok()
        );
        let error = acceptor(&Certificate::SelfSigned(vec!["ü".to_owned()])).err();
        assert!(error.is_some_and(|error| error.to_string().contains("check the names")));
    }
}

//! TLS towards the platforms: certificates are always verified and nothing is ever downgraded.

use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};

use crate::settings::{Roots, SettingsError};

/// Where systems keep their list: Debian and Alpine, Fedora, openSUSE, macOS and the BSDs.
const SYSTEM_LISTS: [&str; 4] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
];

pub(crate) fn client_config(roots: &Roots) -> Result<Arc<ClientConfig>, SettingsError> {
    let pem = match roots {
        Roots::Pem(pem) => pem.clone(),
        Roots::System => {
            let list = SYSTEM_LISTS.iter().find_map(|path| std::fs::read(path).ok());
            list.ok_or(SettingsError::NoRoots)?
        }
    };
    let mut store = RootCertStore::empty();
    // A system's list may hold a few certificates that are too odd to use; the rest is good.
    store.add_parsable_certificates(CertificateDer::pem_slice_iter(&pem).filter_map(Result::ok));
    if store.is_empty() {
        return Err(SettingsError::NoRoots);
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    let mut config = builder.with_root_certificates(store).with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

pub(crate) fn server_name(name: &str) -> Result<ServerName<'static>, SettingsError> {
    ServerName::try_from(name.to_owned()).map_err(|_| SettingsError::ServerName(name.to_owned()))
}

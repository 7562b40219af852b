//! Calls to servers that are no platform's, at addresses that strangers wrote down.
//!
//! Each has a connection of its own, which is not kept. An address must be of the public internet: as it is written,
//! and what its name leads to at the moment of the call. No redirect is followed.

use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use rustls::ClientConfig;
use tracking::network::is_public;
use tracking::{Answer, SendFailure};

use crate::destination::Destination;
use crate::peer::Peer;
use crate::pool::Pool;
use crate::request::Request;
use crate::settings::{Call, Endpoint, Reuse, Settings, SettingsError};
use crate::tls;

/// Longest answer that is read, in bytes. Nothing in it is kept; reading it to its end tells a whole answer from a
/// broken one.
const ANSWER_BYTES_MAX: usize = 1024 * 1024;

/// Calls to strangers' servers.
#[derive(Debug)]
pub struct Elsewhere {
    settings: Settings,
    private_allowed: bool,
    /// Made with the first call that needs it.
    tls: OnceLock<Arc<ClientConfig>>,
}

impl Elsewhere {
    /// Calls by everything but the origins of `settings`. Private addresses are for tests.
    pub const fn new(settings: Settings, private_allowed: bool) -> Self {
        Self { settings, private_allowed, tls: OnceLock::new() }
    }

    /// Calls the server at `address`, a name or an address with its port, within a time.
    ///
    /// # Errors
    /// Why there is no answer, and whether the server may have received the request.
    pub async fn call(
        &self,
        address: &str,
        secure: bool,
        request: &Request<'_>,
        within: Duration,
    ) -> Result<Answer, SendFailure> {
        let peer = self.peer(address, secure).map_err(SendFailure::NothingSent)?;
        let call = Call { within, reuse: Reuse::Proven, answer_bytes_max: ANSWER_BYTES_MAX };
        peer.call(request, call).await
    }

    fn peer(&self, address: &str, secure: bool) -> Result<Peer, String> {
        let written: Option<SocketAddr> = address.parse().ok();
        if written.is_some_and(|written| !is_public(written.ip())) && !self.private_allowed {
            return Err(format!("`{address}` is a private address, which is not allowed"));
        }
        let private_allowed = self.private_allowed;
        let endpoint = Endpoint { private_allowed, ..Endpoint::plain(address) };
        let destination = Destination::new(&endpoint).map_err(|error| error.to_string())?;
        let tls = if secure {
            let name = tls::server_name(destination.host()).map_err(|error| error.to_string())?;
            Some((name, self.config().map_err(|error| error.to_string())?))
        } else {
            None
        };
        Ok(Peer::once(destination, tls, Pool::new(Duration::ZERO, 0), self.settings.connect_within))
    }

    fn config(&self) -> Result<Arc<ClientConfig>, SettingsError> {
        if let Some(config) = self.tls.get() {
            return Ok(Arc::clone(config));
        }
        let config = tls::client_config(&self.settings.roots)?;
        Ok(Arc::clone(self.tls.get_or_init(|| config)))
    }
}

#[cfg(test)]
mod tests {
    use rustls::ServerConfig;
    use rustls::pki_types::PrivateKeyDer;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;
    use tokio_rustls::TlsAcceptor;

    use super::*;
    use crate::settings::Roots;

    /// As [`secure_between`], with a certificate that is good now.
    async fn secure_server() -> (u16, String) {
        secure_between(1975, 4096).await
    }

    /// A server with a certificate for `localhost`, good between these years, that answers every connection once;
    /// where, and the certificate.
    async fn secure_between(from: i32, until: i32) -> (u16, String) {
        let mut parameters = rcgen::CertificateParams::new(["localhost".to_owned()]).unwrap();
        parameters.not_before = rcgen::date_time_ymd(from, 1, 1);
        parameters.not_after = rcgen::date_time_ymd(until, 1, 1);
        let signing_key = rcgen::KeyPair::generate().unwrap();
        let made = parameters.self_signed(&signing_key).unwrap();
        let key = PrivateKeyDer::Pkcs8(signing_key.serialize_der().into());
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config =
            ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
        let chain = vec![made.der().clone()];
        let config = config.with_no_client_auth().with_single_cert(chain, key).unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                // A client that does not trust us ends it here.
                let Ok(mut stream) = acceptor.accept(socket).await else { continue };
                drop(stream.read(&mut [0; 1024]).await);
                let answer =
                    b"HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1/\r\ncontent-length: 0\r\n\r\n";
                drop(stream.write_all(answer).await);
            }
        });
        (port, made.pem())
    }

    #[tokio::test]
    async fn a_certificate_must_be_good_and_a_redirect_is_not_followed() {
        let (port, pem) = secure_server().await;
        let other = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap().cert.pem();
        let request = Request { method: "GET", host: "localhost", target: b"/", headers: &[], body: b"" };
        let call = |roots: String, secure| {
            let roots = Roots::Pem(roots.into_bytes());
            let elsewhere = Elsewhere::new(Settings { roots, ..Settings::default() }, true);
            async move {
                let address = format!("localhost:{port}");
                elsewhere.call(&address, secure, &request, Duration::from_secs(5)).await
            }
        };
        for _ in 0..2 {
            assert_eq!(call(pem.clone(), true).await.unwrap().status, 302);
        }
        let why = format!("{:?}", call(other, true).await.unwrap_err());
        assert!(why.contains("NothingSent") && why.contains("TLS with"), "{why}");
    }

    /// Under a clock that is wrong every certificate is one of these.
    #[tokio::test]
    async fn a_certificate_out_of_its_time_is_refused_before_anything_is_sent() {
        for (from, until, wanted) in [(1975, 2020, "expired"), (4000, 4096, "not valid yet")] {
            let (port, pem) = secure_between(from, until).await;
            let roots = Roots::Pem(pem.into_bytes());
            let elsewhere = Elsewhere::new(Settings { roots, ..Settings::default() }, true);
            let request = Request { method: "GET", host: "x", target: b"/", headers: &[], body: b"" };
            let address = format!("localhost:{port}");
            let called = elsewhere.call(&address, true, &request, Duration::from_secs(5)).await;
            let why = format!("{:?}", called.unwrap_err());
            assert!(why.contains("NothingSent") && why.contains(wanted), "{why}");
        }
    }

    #[tokio::test]
    async fn nobody_at_home_is_called() {
        let request = Request { method: "GET", host: "x", target: b"/", headers: &[], body: b"" };
        let elsewhere = Elsewhere::new(Settings::default(), false);
        for address in ["127.0.0.1:80", "[::1]:80", "169.254.169.254:80", "localhost:80"] {
            let called = elsewhere.call(address, false, &request, Duration::from_secs(5)).await;
            let why = format!("{:?}", called.unwrap_err());
            assert!(why.contains("private address") && why.contains("NothingSent"), "{address}: {why}");
        }
    }
}

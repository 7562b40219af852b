//! TLS before the simulated platforms and the shop, so that a browser or `curl` can follow a redirect to their
//! real names: it ends TLS and passes the bytes on, and nothing else.

use std::error::Error;
use std::net::SocketAddr;
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

use crate::roles::ANY;

/// A front that runs until it is dropped.
#[derive(Debug)]
pub(crate) struct TlsFront {
    /// Where it listens.
    pub(crate) address: SocketAddr,
    serving: JoinHandle<()>,
}

impl Drop for TlsFront {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

/// Puts TLS, with a certificate made for `names` and trusted by nobody, before the server at `behind`.
pub(crate) async fn before(
    behind: SocketAddr,
    names: Vec<String>,
) -> Result<TlsFront, Box<dyn Error + Send + Sync>> {
    let made = rcgen::generate_simple_self_signed(names)?;
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()));
    let config =
        ServerConfig::builder().with_no_client_auth().with_single_cert(vec![made.cert.der().clone()], key)?;
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind(ANY).await?;
    let address = listener.local_addr()?;
    let serving = tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            tokio::spawn(pass(acceptor.clone(), client, behind));
        }
    });
    Ok(TlsFront { address, serving })
}

/// One connection. Whatever goes wrong ends it, as a cable that is pulled would.
async fn pass(acceptor: TlsAcceptor, client: TcpStream, behind: SocketAddr) {
    let Ok(mut secure) = acceptor.accept(client).await else { return };
    let Ok(mut server) = TcpStream::connect(behind).await else { return };
    drop(copy_bidirectional(&mut secure, &mut server).await);
}

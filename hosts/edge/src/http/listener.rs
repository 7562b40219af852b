//! Taking connections off a listening socket.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, watch};
use tokio_rustls::TlsAcceptor;

use super::{Client, Ground, Service, connection};

/// The first and the longest pause after the system refused a connection for want of descriptors or memory.
const PAUSE_FIRST: Duration = Duration::from_millis(10);
const PAUSE_MAX: Duration = Duration::from_secs(1);

/// Whether a listener speaks TLS.
#[derive(Clone)]
pub(crate) enum Tls {
    Off,
    On(TlsAcceptor),
}

/// A listening socket.
#[derive(Debug)]
pub(crate) struct Listener {
    socket: TcpListener,
}

impl Listener {
    pub(crate) async fn bind(address: SocketAddr) -> io::Result<Self> {
        Ok(Self { socket: TcpListener::bind(address).await? })
    }

    /// A socket that listens already.
    pub(crate) fn of(socket: std::net::TcpListener) -> io::Result<Self> {
        socket.set_nonblocking(true)?;
        Ok(Self { socket: TcpListener::from_std(socket)? })
    }

    pub(crate) fn address(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }

    /// Accepts until `stop` changes, then closes the socket.
    pub(crate) async fn run<V: Service>(
        self,
        tls: Tls,
        ground: Arc<Ground>,
        service: Arc<V>,
        mut stop: watch::Receiver<bool>,
    ) {
        let mut pause = PAUSE_FIRST;
        loop {
            // Without room the connection waits in the kernel's queue, where it costs us nothing.
            let accepted = tokio::select! {
                biased;
                _ = stop.wait_for(|stop| *stop) => return,
                accepted = self.accept(&ground) => accepted,
            };
            match accepted {
                Ok(Some((room, socket, peer))) => {
                    pause = PAUSE_FIRST;
                    let client =
                        Client { ground: Arc::clone(&ground), peer: peer.ip().to_canonical(), secure: false };
                    enter(room, socket, client, &tls, &service);
                }
                Ok(None) => return,
                Err(error) if is_exhaustion(&error) => {
                    tracing::warn!(%error, "no new connections for a moment: raise the limit of open files");
                    tokio::time::sleep(pause).await;
                    pause = (pause * 2).min(PAUSE_MAX);
                }
                // The client has gone again before we came to it.
                Err(_) => {}
            }
        }
    }

    async fn accept(
        &self,
        ground: &Ground,
    ) -> io::Result<Option<(OwnedSemaphorePermit, TcpStream, SocketAddr)>> {
        let Some(room) = ground.roster.room().await else { return Ok(None) };
        let (socket, peer) = self.socket.accept().await?;
        Ok(Some((room, socket, peer)))
    }
}

fn enter<V: Service>(
    room: OwnedSemaphorePermit,
    socket: TcpStream,
    client: Client,
    tls: &Tls,
    service: &Arc<V>,
) {
    // A reply is one write; without this the system might wait for more to send with it.
    if socket.set_nodelay(true).is_err() {
        return;
    }
    let (ground, service) = (Arc::clone(&client.ground), Arc::clone(service));
    match tls {
        Tls::Off => ground.roster.enter(room, |place| connection::serve(socket, client, service, place)),
        Tls::On(acceptor) => {
            let acceptor = acceptor.clone();
            let within = ground.deadlines.handshake;
            ground.roster.enter(room, move |place| async move {
                if let Ok(Ok(stream)) = tokio::time::timeout(within, acceptor.accept(socket)).await {
                    connection::serve(stream, Client { secure: true, ..client }, service, place).await;
                }
            });
        }
    }
}

/// True if the system has run out of something that others may give back.
fn is_exhaustion(error: &io::Error) -> bool {
    // EMFILE, ENFILE, ENOBUFS, ENOMEM: the standard library has stable names for the last one only.
    matches!(error.raw_os_error(), Some(24 | 23 | 105 | 12)) || error.kind() == io::ErrorKind::OutOfMemory
}

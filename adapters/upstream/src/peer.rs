//! One server: where it is, its idle connections, and how a call to it is made.

use std::sync::Arc;
use std::time::Duration;

use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};
use tokio_rustls::TlsConnector;
use tracking::{Answer, SendFailure};

use crate::destination::Destination;
use crate::exchange::{self, After, Expected, Failure, Stage};
use crate::pool::Pool;
use crate::request::Request;
use crate::settings::{Call, Endpoint, Reuse, Settings, SettingsError};
use crate::tls;
use crate::transport::{Counted, Transport};

/// One server, with its idle connections.
#[derive(Debug)]
pub struct Peer {
    destination: Destination,
    tls: Option<(ServerName<'static>, Arc<ClientConfig>)>,
    host_header: Option<String>,
    pool: Pool,
    connect_within: Duration,
    proven_for: Duration,
}

impl Peer {
    /// The server at `endpoint`, with everything but the origins of `settings`.
    ///
    /// # Errors
    /// What is wrong with the endpoint or the trusted roots.
    pub fn new(endpoint: &Endpoint, settings: &Settings) -> Result<Self, SettingsError> {
        let destination = Destination::new(endpoint)?;
        let tls = if endpoint.tls {
            let name = endpoint.server_name.as_deref().unwrap_or(destination.host());
            Some((tls::server_name(name)?, tls::client_config(&settings.roots)?))
        } else {
            None
        };
        Ok(Self {
            destination,
            tls,
            host_header: endpoint.host_header.clone(),
            pool: Pool::new(settings.idle_for, settings.idle_max),
            connect_within: settings.connect_within,
            proven_for: settings.proven_for,
        })
    }

    /// A server that is called once.
    pub(crate) const fn once(
        destination: Destination,
        tls: Option<(ServerName<'static>, Arc<ClientConfig>)>,
        pool: Pool,
        connect_within: Duration,
    ) -> Self {
        Self { destination, tls, host_header: None, pool, connect_within, proven_for: Duration::ZERO }
    }

    /// Makes one call and says what came of it.
    ///
    /// # Errors
    /// [`SendFailure::NothingSent`] only if no byte of the request has left this machine.
    pub async fn call(&self, request: &Request<'_>, call: Call) -> Result<Answer, SendFailure> {
        let deadline = Instant::now() + call.within;
        let host = self.host_header.as_deref().unwrap_or(request.host);
        let bytes = Request { host, ..*request }.encode().map_err(SendFailure::NothingSent)?;
        let expected = Expected { method: request.method, body_bytes_max: call.answer_bytes_max, deadline };
        let idle_below = match call.reuse {
            Reuse::Proven => self.proven_for,
            Reuse::AnyThenFresh => Duration::MAX,
        };
        if let Some(transport) = self.pool.take(idle_below) {
            match exchange::run(transport, &bytes, expected).await {
                Ok(done) => return Ok(self.keep(done)),
                // Nothing has left: a fresh connection is the first try, not a second one.
                Err(Failure { stage: Stage::Unwritten, .. }) => {}
                Err(Failure { stage: Stage::Dropped, .. }) if call.reuse == Reuse::AnyThenFresh => {}
                Err(failure) => return Err(failure.into()),
            }
        }
        let transport = self.connect(deadline).await.map_err(SendFailure::NothingSent)?;
        let done = exchange::run(transport, &bytes, expected).await?;
        Ok(self.keep(done))
    }

    fn keep(&self, (answer, after): (Answer, After)) -> Answer {
        if let After::Keep(transport) = after {
            self.pool.put(transport);
        }
        answer
    }

    async fn connect(&self, deadline: Instant) -> Result<Transport, String> {
        let deadline = deadline.min(Instant::now() + self.connect_within);
        match timeout_at(deadline, self.connect_any()).await {
            Ok(connected) => connected,
            Err(_) => Err(format!("no connection to `{}` before the deadline", self.destination.host())),
        }
    }

    /// Tries each address in turn. A dead one may take its share of the time and not all of it.
    async fn connect_any(&self) -> Result<Transport, String> {
        let addresses = self.destination.addresses().await?;
        let share = self.connect_within / u32::try_from(addresses.len()).unwrap_or(u32::MAX).max(1);
        let mut reason = String::new();
        for address in addresses.iter() {
            match tokio::time::timeout(share, TcpStream::connect(address)).await {
                Ok(Ok(socket)) => return self.secure(socket).await,
                Ok(Err(error)) => reason = format!("cannot connect to {address}: {error}"),
                Err(_) => reason = format!("{address} did not answer in time"),
            }
        }
        self.destination.doubt();
        Err(reason)
    }

    async fn secure(&self, socket: TcpStream) -> Result<Transport, String> {
        // A request is one write; waiting for more to send with it would only delay it.
        socket.set_nodelay(true).map_err(|error| format!("the connection failed: {error}"))?;
        let counted = Counted::new(socket);
        let Some((name, config)) = &self.tls else { return Ok(Transport::Plain(counted)) };
        let connector = TlsConnector::from(Arc::clone(config));
        let stream = connector.connect(name.clone(), counted).await;
        let stream =
            stream.map_err(|error| format!("TLS with `{}` failed: {error}", self.destination.host()))?;
        Ok(Transport::Tls(Box::new(stream)))
    }
}

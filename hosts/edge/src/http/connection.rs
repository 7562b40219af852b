//! One connection: requests in sequence, each read completely, answered completely, then the next.
//!
//! A request is answered by the connection's own task, which does not look at the socket meanwhile: a client
//! that goes away cancels nothing, and a conversion that was read is made durable whoever waits for the reply.

use std::sync::Arc;
use std::time::Duration;

use admission::{BodyLength, Head, front, gate};
use relay::Reply;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::Instant;
use tracking::wire::COUNTRY_HEADER;
use tracking::{Inbound, Method};

use super::date::DateLine;
use super::incoming::{Incoming, Stop};
use super::reply::{self, Frame};
use super::roster::Place;
use super::{Client, Service};
use crate::clock;

/// Bytes that are read and thrown away after a refusal, so that closing does not destroy the reply in flight.
const LINGER_BYTES_MAX: usize = 256 * 1024;

/// How long that may take.
const LINGER_FOR: Duration = Duration::from_secs(1);

/// A reply buffer larger than this is given back after the reply.
const KEPT_BYTES_MAX: usize = 16 * 1024;

/// Serves one connection until it ends.
pub(crate) async fn serve<S, V>(stream: S, client: Client, service: Arc<V>, place: Place)
where
    S: AsyncRead + AsyncWrite + Unpin,
    V: Service,
{
    let out = Vec::new();
    let date = DateLine::default();
    let mut connection = Connection { stream, incoming: Incoming::new(), out, date, client };
    let mut within = connection.client.ground.deadlines.first_byte;
    loop {
        place.idle();
        if connection.incoming.begin(&mut connection.stream, within).await.is_err() || !place.busy() {
            // Nobody has asked anything, so there is nothing to say.
            let _gone = connection.stream.shutdown().await;
            return;
        }
        let begun = Instant::now();
        match connection.exchange(service.as_ref()).await {
            Ok(true) => {
                service.replied(begun.elapsed());
                within = connection.client.ground.deadlines.idle;
            }
            Ok(false) => {
                service.replied(begun.elapsed());
                return connection.close().await;
            }
            Err(stop) => return connection.end(stop, service.as_ref()).await,
        }
    }
}

struct Connection<S> {
    stream: S,
    incoming: Incoming,
    out: Vec<u8>,
    date: DateLine,
    client: Client,
}

/// A request of which everything but the body is known.
struct Opening {
    inbound: Inbound,
    body: BodyLength,
    keep_alive: bool,
    version_1_0: bool,
    expects_continue: bool,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Connection<S> {
    /// Reads one request and answers it; true if another may follow.
    async fn exchange<V: Service>(&mut self, service: &V) -> Result<bool, Stop> {
        let ground = Arc::clone(&self.client.ground);
        let (limits, deadlines) = (&ground.limits, &ground.deadlines);
        let end = self.incoming.head(&mut self.stream, deadlines.header, limits).await?;
        let mut opening = self.open(end)?;
        if opening.body != BodyLength::None {
            if opening.expects_continue && self.incoming.is_empty() {
                self.write(b"HTTP/1.1 100 Continue\r\n\r\n").await?;
            }
            let body = self.incoming.body(&mut self.stream, opening.body, deadlines.body, limits).await?;
            opening.inbound.body = body;
        }
        let head_only = opening.inbound.method == Method::Head;
        let reply = service.reply(opening.inbound).await;
        let close = !opening.keep_alive || ground.roster.is_stopping();
        self.say(&reply, close, opening.version_1_0, head_only).await?;
        Ok(!close)
    }

    /// Puts the head of `end` bytes through the gate and takes it out of the buffer.
    fn open(&mut self, end: usize) -> Result<Opening, Stop> {
        let head = gate::check(self.incoming.first(end), &self.client.ground.limits)?;
        let opening = Opening {
            inbound: inbound(&head, &self.client)?,
            body: head.body,
            keep_alive: head.keep_alive,
            version_1_0: head.version_1_0,
            expects_continue: head.expects_continue,
        };
        self.incoming.consume(end);
        Ok(opening)
    }

    async fn say(
        &mut self,
        reply: &Reply,
        close: bool,
        version_1_0: bool,
        head_only: bool,
    ) -> Result<(), Stop> {
        let mut out = std::mem::take(&mut self.out);
        out.clear();
        let date = self.date.at(clock::now());
        let frame = Frame { date, close, say_keep_alive: version_1_0 && !close, head_only };
        reply::write(&mut out, reply, frame);
        let written = self.write(&out).await;
        if out.capacity() <= KEPT_BYTES_MAX {
            self.out = out;
        }
        written
    }

    async fn write(&mut self, bytes: &[u8]) -> Result<(), Stop> {
        let within = self.client.ground.deadlines.write;
        let Self { stream, incoming, .. } = self;
        let work = async {
            stream.write_all(bytes).await?;
            stream.flush().await
        };
        incoming.by(within, work).await.map_err(|_| Stop::Gone)
    }

    /// Says why the connection ends, where there is somebody to tell, and ends it.
    async fn end<V: Service>(mut self, stop: Stop, service: &V) {
        let reply = match stop {
            Stop::Gone | Stop::Idle => return self.close().await,
            Stop::Slow => reply::text(408, "the request did not arrive in time"),
            Stop::Refused(refusal) => {
                service.refused(refusal);
                reply::text(refusal.status(), &refusal.to_string())
            }
        };
        let head_only = self.incoming.first(5) == b"HEAD ";
        if self.say(&reply, true, false, head_only).await.is_ok() {
            self.close().await;
        }
    }

    /// Closes our half, then reads what the client still sends: closing with unread bytes would reset the
    /// connection, and a reset can overtake the reply.
    async fn close(mut self) {
        let Self { stream, incoming, .. } = &mut self;
        let work = async {
            stream.shutdown().await?;
            let mut thrown_away = 0;
            let mut buffer = [0_u8; 4096];
            while thrown_away < LINGER_BYTES_MAX {
                match stream.read(&mut buffer).await? {
                    0 => break,
                    bytes => thrown_away += bytes,
                }
            }
            Ok(())
        };
        // Whatever fails here, the connection is closed.
        let _closed = incoming.by(LINGER_FOR, work).await;
    }
}

/// The request, as the brain wants it.
fn inbound(head: &Head<'_>, client: &Client) -> Result<Inbound, Stop> {
    let ground = &client.ground;
    let method = Method::parse(head.method).ok_or(admission::Refusal::MethodUnknown)?;
    let trusted = ground.fronts.iter().any(|front| front.contains(client.peer));
    let mut inbound = Inbound {
        method,
        secure: client.secure,
        host: head.host.clone(),
        target: head.target.to_vec(),
        headers: Vec::with_capacity(head.headers.len()),
        body: Vec::new(),
        peer: Some(client.peer),
    };
    for &(name, value) in &head.headers {
        let forwarded = front::is_forwarded(name) || name.eq_ignore_ascii_case(&ground.country_header);
        if trusted || !forwarded {
            inbound.headers.push((name.to_ascii_lowercase(), value.to_vec()));
        }
    }
    if trusted {
        believe(&mut inbound, client);
    }
    Ok(inbound)
}

/// Takes over what a trusted front says about its client.
fn believe(inbound: &mut Inbound, client: &Client) {
    let ground = &client.ground;
    let values = |name: &str| -> Vec<&[u8]> {
        let lines = inbound.headers.iter().filter(|(header, _)| header == name);
        lines.map(|(_, value)| value.as_slice()).collect()
    };
    let peer = front::client(client.peer, &ground.fronts, &values(&ground.front_header));
    let secure = values("x-forwarded-proto").last().map(|scheme| scheme.eq_ignore_ascii_case(b"https"));
    let country = values(&ground.country_header).last().map(|code| code.to_vec());
    inbound.peer = Some(peer);
    inbound.secure = secure.unwrap_or(inbound.secure);
    // Only the header that the front writes counts; another of the usual name may come from its client.
    inbound.headers.retain(|(name, _)| *name != ground.country_header && name != COUNTRY_HEADER);
    if let Some(country) = country {
        inbound.headers.push((COUNTRY_HEADER.to_owned(), country));
    }
}

//! Sockets around a platform: accept, log, then answer or misbehave.

use std::fmt;
use std::future::pending;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{HOST, RETRY_AFTER};
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::watch;
use tokio::time::sleep;

use super::stream::SharedStream;
use super::{Active, Answer, Received, Site};
use crate::clock::now_ms;
use crate::error::Error;
use crate::fault::{Action, Mode};
use crate::limits::{BODY_BYTES_MAX, HEAD_BYTES_MAX, REBIND_PAUSE};

/// Opens a listener whose port can be taken back after a close.
pub(crate) fn bind(what: &'static str, address: SocketAddr) -> Result<TcpListener, Error> {
    let open = || {
        let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
        socket.set_reuseaddr(true)?;
        socket.bind(address)?;
        socket.listen(1024)
    };
    open().map_err(|source| Error::Bind { what, address, source })
}

/// Serves `site` until `stop`, following its fault: while it is `refused`, nobody listens.
pub(crate) async fn serve(
    site: Arc<dyn Site>,
    mut listener: TcpListener,
    address: SocketAddr,
    mut stop: watch::Receiver<bool>,
) {
    let mut fault = site.gate().fault.subscribe();
    loop {
        let event = tokio::select! {
            () = is_stopped(&mut stop) => return,
            () = is_refused(&mut fault) => None,
            accepted = listener.accept() => Some(accepted),
        };
        match event {
            Some(Ok((stream, peer))) => spawn(&site, stream, peer, &stop),
            Some(Err(_)) => sleep(REBIND_PAUSE).await,
            None => {
                drop(listener);
                site.gate().listening.send_replace(false);
                listener = tokio::select! {
                    () = is_stopped(&mut stop) => return,
                    again = reopen(address, &mut fault) => again,
                };
                site.gate().listening.send_replace(true);
            }
        }
    }
}

/// Returns when the lab stops, or when nobody is left to say so.
async fn is_stopped(stop: &mut watch::Receiver<bool>) {
    drop(stop.wait_for(|stopped| *stopped).await);
}

async fn is_refused(fault: &mut watch::Receiver<Active>) {
    if fault.wait_for(|active| active.fault.mode == Mode::Refused).await.is_err() {
        pending::<()>().await;
    }
}

async fn reopen(address: SocketAddr, fault: &mut watch::Receiver<Active>) -> TcpListener {
    loop {
        if fault.wait_for(|active| active.fault.mode != Mode::Refused).await.is_err() {
            pending::<()>().await;
        }
        match bind("platform", address) {
            Ok(listener) => return listener,
            Err(_) => sleep(REBIND_PAUSE).await,
        }
    }
}

fn spawn(site: &Arc<dyn Site>, stream: TcpStream, peer: SocketAddr, stop: &watch::Receiver<bool>) {
    let connection = Connection { site: Arc::clone(site), stream: SharedStream::new(stream), peer };
    let mut stop = stop.clone();
    let mut fault = site.gate().fault.subscribe();
    tokio::spawn(async move {
        tokio::select! {
            () = is_stopped(&mut stop) => {}
            () = is_refused(&mut fault) => {}
            () = connection.run() => {}
        }
    });
}

/// One open connection.
#[derive(Clone)]
struct Connection {
    site: Arc<dyn Site>,
    stream: SharedStream,
    peer: SocketAddr,
}

/// Why a request got no answer: the fault asked for it.
#[derive(Debug)]
struct NoAnswer;

impl fmt::Display for NoAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no answer, as the fault demands")
    }
}

impl std::error::Error for NoAnswer {}

impl Connection {
    async fn run(self) {
        let io = TokioIo::new(self.stream.clone());
        let service = service_fn(|request| {
            let connection = self.clone();
            async move { connection.handle(request).await }
        });
        let served = http1::Builder::new().max_buf_size(HEAD_BYTES_MAX).serve_connection(io, service).await;
        // A client that goes away or an answer withheld on purpose is an everyday end here.
        drop(served);
    }

    async fn handle(&self, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, NoAnswer> {
        let received = receive(request, self.peer).await;
        let gate = self.site.gate();
        let sequence = gate.requests().record(&received);
        let action = gate.fault.borrow().action(sequence, &received.path, now_ms());
        let answer = self.act(action, &received).await;
        let outcome = match (&answer, action) {
            (Ok(answer), Action::Answer) => answer.status().as_str().to_owned(),
            _ => action.name().to_owned(),
        };
        gate.requests().conclude(sequence, &outcome);
        answer.map(Answer::into_response)
    }

    async fn act(&self, action: Action, received: &Received) -> Result<Answer, NoAnswer> {
        match action {
            Action::Answer => Ok(self.site.answer(received)),
            Action::AnswerLate(ms) => {
                let answer = self.site.answer(received);
                sleep(Duration::from_millis(ms)).await;
                Ok(answer)
            }
            Action::Close => Err(NoAnswer),
            Action::Reset => {
                // Where the system refuses, the orderly close that follows is the next best.
                drop(self.stream.close_with_reset());
                Err(NoAnswer)
            }
            Action::Silence => {
                self.blackhole_ends().await;
                Err(NoAnswer)
            }
            Action::Error500 => {
                Ok(Answer::html(StatusCode::INTERNAL_SERVER_ERROR, "<h1>Internal Server Error</h1>"))
            }
            Action::Error429(seconds) => {
                Ok(Answer::html(StatusCode::TOO_MANY_REQUESTS, "<h1>Too Many Requests</h1>")
                    .with(RETRY_AFTER, &seconds.to_string()))
            }
            Action::Reject => Ok(self.site.reject(received)),
            Action::Forget(ms) => {
                drop(self.site.answer(received));
                sleep(Duration::from_millis(ms)).await;
                Err(NoAnswer)
            }
        }
    }

    async fn blackhole_ends(&self) {
        let mut fault = self.site.gate().fault.subscribe();
        if fault.wait_for(|active| active.fault.mode != Mode::Blackhole).await.is_err() {
            pending::<()>().await;
        }
    }
}

async fn receive(request: Request<Incoming>, peer: SocketAddr) -> Received {
    let at_ms = now_ms();
    let (head, body) = request.into_parts();
    // A body that breaks off or is too long still leaves a request worth logging.
    let body = Limited::new(body, BODY_BYTES_MAX)
        .collect()
        .await
        .map_or_else(|_| Bytes::new(), |all| all.to_bytes());
    let host = head.uri.host().map(str::to_owned).or_else(|| {
        let host = head.headers.get(HOST)?.to_str().ok()?;
        Some(host.split(':').next().unwrap_or("").to_owned())
    });
    Received {
        method: head.method,
        host: host.unwrap_or_default().to_ascii_lowercase(),
        path: head.uri.path().to_owned(),
        query: head.uri.query().unwrap_or("").to_owned(),
        headers: head.headers,
        body,
        peer: peer.ip(),
        at_ms,
    }
}

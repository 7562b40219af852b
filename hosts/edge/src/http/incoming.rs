//! Reading from a client, each wait with its own deadline.
//!
//! One timer serves a connection for its whole life. It is armed only when a read has to wait, so that a
//! request which arrives in one piece costs no timer at all.

use std::future::{Future, poll_fn};
use std::io;
use std::pin::{Pin, pin};
use std::task::Poll;
use std::time::Duration;

use admission::chunked::Chunked;
use admission::{BodyLength, Limits, Refusal, gate};
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::time::{Instant, Sleep};

/// How much is read at once. A usual request fits.
const READ_BYTES: usize = 2048;

/// The most memory that an idle connection keeps for its next request.
const KEPT_BYTES_MAX: usize = 8192;

/// Why there is no request.
#[derive(Debug)]
pub(crate) enum Stop {
    /// The client has gone, or the connection failed: there is nobody to tell.
    Gone,
    /// The client sent nothing: the connection is closed without a word.
    Idle,
    /// The client began a request and did not finish it in time.
    Slow,
    /// The request is refused.
    Refused(Refusal),
}

impl From<Refusal> for Stop {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

/// Bytes received and not yet used.
#[derive(Debug)]
pub(crate) struct Incoming {
    bytes: Vec<u8>,
    timer: Pin<Box<Sleep>>,
}

impl Incoming {
    pub(crate) fn new() -> Self {
        Self { bytes: Vec::new(), timer: Box::pin(tokio::time::sleep_until(Instant::now())) }
    }

    /// The first `length` bytes.
    pub(crate) fn first(&self, length: usize) -> &[u8] {
        self.bytes.get(..length).unwrap_or_default()
    }

    /// Forgets the first `length` bytes.
    pub(crate) fn consume(&mut self, length: usize) {
        self.bytes.drain(..length.min(self.bytes.len()));
        if self.bytes.is_empty() && self.bytes.capacity() > KEPT_BYTES_MAX {
            self.bytes = Vec::new();
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Waits for the first byte of a request.
    pub(crate) async fn begin<S>(&mut self, stream: &mut S, within: Duration) -> Result<(), Stop>
    where
        S: AsyncRead + Unpin,
    {
        if !self.bytes.is_empty() {
            return Ok(());
        }
        match self.read(stream, Instant::now() + within).await {
            Ok(0) => Err(Stop::Gone),
            Ok(_) => Ok(()),
            Err(error) if error.kind() == io::ErrorKind::TimedOut => Err(Stop::Idle),
            Err(_) => Err(Stop::Gone),
        }
    }

    /// Waits for a complete head and returns its length.
    pub(crate) async fn head<S>(
        &mut self,
        stream: &mut S,
        within: Duration,
        limits: &Limits,
    ) -> Result<usize, Stop>
    where
        S: AsyncRead + Unpin,
    {
        let mut deadline = None;
        let mut searched = 0;
        let mut skipped = false;
        loop {
            // Old clients end a body with a line break that no length counts.
            if !skipped && self.bytes.starts_with(b"\r\n") {
                self.consume(2);
                skipped = true;
            }
            if let Some(end) = gate::find_end(&self.bytes, searched) {
                return Ok(end);
            }
            if self.bytes.len() >= limits.head_bytes_max {
                return Err(gate::overlong(&self.bytes, limits).into());
            }
            searched = self.bytes.len();
            let deadline = *deadline.get_or_insert_with(|| Instant::now() + within);
            self.more(stream, deadline).await?;
        }
    }

    /// Waits for a complete body.
    pub(crate) async fn body<S>(
        &mut self,
        stream: &mut S,
        length: BodyLength,
        within: Duration,
        limits: &Limits,
    ) -> Result<Vec<u8>, Stop>
    where
        S: AsyncRead + Unpin,
    {
        let deadline = Instant::now() + within;
        match length {
            BodyLength::None => Ok(Vec::new()),
            BodyLength::Bytes(length) => {
                while self.bytes.len() < length {
                    self.more(stream, deadline).await?;
                }
                let body = self.first(length).to_vec();
                self.consume(length);
                Ok(body)
            }
            BodyLength::Chunked => {
                let (mut chunked, mut body) = (Chunked::new(limits.body_bytes_max), Vec::new());
                loop {
                    let taken = chunked.feed(&self.bytes, &mut body)?;
                    self.consume(taken);
                    if chunked.is_done() {
                        return Ok(body);
                    }
                    self.more(stream, deadline).await?;
                }
            }
        }
    }

    async fn more<S: AsyncRead + Unpin>(&mut self, stream: &mut S, deadline: Instant) -> Result<(), Stop> {
        match self.read(stream, deadline).await {
            Ok(0) => Err(Stop::Gone),
            Ok(_) => Ok(()),
            Err(error) if error.kind() == io::ErrorKind::TimedOut => Err(Stop::Slow),
            Err(_) => Err(Stop::Gone),
        }
    }

    async fn read<S: AsyncRead + Unpin>(&mut self, stream: &mut S, deadline: Instant) -> io::Result<usize> {
        self.bytes.reserve(READ_BYTES);
        let Self { bytes, timer } = self;
        by(timer, deadline, stream.read_buf(bytes)).await
    }

    /// Runs a write or another operation of this connection under its timer.
    pub(crate) async fn by<T>(
        &mut self,
        within: Duration,
        work: impl Future<Output = io::Result<T>>,
    ) -> io::Result<T> {
        let deadline = Instant::now() + within;
        by(&mut self.timer, deadline, work).await
    }
}

/// Runs `work` until `deadline`. The timer is touched only if the work has to wait.
async fn by<T>(
    timer: &mut Pin<Box<Sleep>>,
    deadline: Instant,
    work: impl Future<Output = io::Result<T>>,
) -> io::Result<T> {
    let mut work = pin!(work);
    let mut armed = false;
    poll_fn(|cx| {
        if let Poll::Ready(done) = work.as_mut().poll(cx) {
            return Poll::Ready(done);
        }
        if !armed {
            timer.as_mut().reset(deadline);
            armed = true;
        }
        timer.as_mut().poll(cx).map(|()| Err(io::ErrorKind::TimedOut.into()))
    })
    .await
}

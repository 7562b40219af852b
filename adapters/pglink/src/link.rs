//! One connection to the server, for callers that wait.
//!
//! The socket is driven by a thread of its own, with a runtime of its own; who asks parks until the answer is there. So
//! nothing here cares whether the caller's thread belongs to another runtime.

use std::collections::HashMap;
use std::fmt;
use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::mpsc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

use tokio_postgres::error::{DbError, Severity};
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, NoTls, Row, SimpleQueryMessage, Statement};
use units::limits::{SERVER_CONNECT_MAX, SERVER_SENT_MAX, SERVER_STATEMENTS_MAX};

use crate::address::Server;
use crate::error::LinkError;
use crate::text::{self, Text};
use crate::value::{Params, Value};

/// A connection that works, as far as anybody knows.
pub struct Link {
    client: Arc<Client>,
    statements: HashMap<String, Prepared>,
    /// Statements that were sent and whose answers nobody has waited for yet, in their order.
    sent: Vec<Answer>,
    /// The longest that one answer is waited for.
    patience: Duration,
}

/// The answer of a statement that was sent.
type Answer = Pin<Box<dyn Future<Output = Result<(), tokio_postgres::Error>> + Send>>;

#[derive(Clone)]
struct Prepared {
    statement: Statement,
    names: Arc<[String]>,
}

impl Link {
    /// Connects. `patience` is the longest that one answer is waited for.
    ///
    /// # Errors
    /// If the server cannot be reached, lets nobody in, or shows a certificate that is not trusted.
    pub fn open(server: &Server, patience: Duration) -> Result<Self, LinkError> {
        let (opened, outcome) = mpsc::channel();
        let server = server.clone();
        thread::Builder::new().name("postgres".to_owned()).spawn(move || drive(&server, &opened))?;
        // The thread keeps its own time; this is for one that cannot even begin.
        let client =
            outcome.recv_timeout(SERVER_CONNECT_MAX.saturating_mul(2)).map_err(|_| LinkError::Silent)??;
        Ok(Self { client: Arc::new(client), statements: HashMap::new(), sent: Vec::new(), patience })
    }

    /// True if it is certain that nothing can be asked any more.
    pub fn is_closed(&self) -> bool {
        self.client.is_closed()
    }

    /// Runs a statement; how many rows it changed.
    ///
    /// # Errors
    /// If the server refuses, or the connection is lost.
    pub fn run(&mut self, sql: &str, params: &dyn Params) -> Result<usize, LinkError> {
        let prepared = self.prepared(sql)?;
        let values = arranged(&prepared.names, params)?;
        let params = borrowed(&values);
        let changed = self.wait(self.client.execute(&prepared.statement, &params));
        self.settle()?;
        Ok(usize::try_from(changed?).unwrap_or(usize::MAX))
    }

    /// The rows of a query.
    ///
    /// # Errors
    /// If the server refuses, or the connection is lost.
    pub fn rows(&mut self, sql: &str, params: &dyn Params) -> Result<Vec<Row>, LinkError> {
        let prepared = self.prepared(sql)?;
        let values = arranged(&prepared.names, params)?;
        let params = borrowed(&values);
        let rows = self.wait(self.client.query(&prepared.statement, &params));
        self.settle()?;
        rows
    }

    /// Sends a statement and waits for nothing: the server does one after another, and says what went wrong with it
    /// when it is next waited for.
    ///
    /// # Errors
    /// If the server refuses, or the connection is lost.
    pub fn send(&mut self, sql: &str, params: &dyn Params) -> Result<(), LinkError> {
        let prepared = self.prepared(sql)?;
        let values: Vec<Kept> = arranged(&prepared.names, params)?.into_iter().map(Kept::of).collect();
        let client = Arc::clone(&self.client);
        let mut answer: Answer = Box::pin(async move {
            let values: Vec<Value<'_>> = values.iter().map(Kept::value).collect();
            client.execute(&prepared.statement, &borrowed(&values)).await.map(drop)
        });
        match answer.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(answer) => self.judged(Some(answer))?,
            Poll::Pending => self.sent.push(answer),
        }
        if self.sent.len() < SERVER_SENT_MAX {
            return Ok(());
        }
        // The server goes on with the later half meanwhile.
        let later = self.sent.split_off(SERVER_SENT_MAX / 2);
        let settled = self.settle();
        self.sent = later;
        settled
    }

    /// Waits for everything that was sent; the first thing that went wrong.
    ///
    /// # Errors
    /// If the server refuses, or the connection is lost.
    pub fn settle(&mut self) -> Result<(), LinkError> {
        let mut first = Ok(());
        for answer in std::mem::take(&mut self.sent) {
            let answer = self.wait(answer);
            first = first.and(answer);
        }
        first
    }

    /// Nobody wants to know any more what became of what was sent.
    pub fn forget(&mut self) {
        self.sent.clear();
    }

    /// Runs several statements that have no parameters: a session's settings, or a change of the tables, which may
    /// take its time.
    ///
    /// # Errors
    /// If the server refuses, or does not answer within `within`.
    pub fn script(&self, text: &str, within: Duration) -> Result<(), LinkError> {
        self.judged(wait(self.client.batch_execute(text), within))
    }

    /// The first value of the last row of several statements that have no parameters.
    ///
    /// # Errors
    /// If the server refuses, or the connection is lost.
    pub fn ask(&self, text: &str) -> Result<Option<String>, LinkError> {
        let messages = self.wait(self.client.simple_query(text))?;
        let rows = messages.iter().rev().find_map(|message| match message {
            SimpleQueryMessage::Row(row) => Some(row.get(0).map(str::to_owned)),
            _ => None,
        });
        Ok(rows.flatten())
    }

    fn prepared(&mut self, sql: &str) -> Result<Prepared, LinkError> {
        if let Some(known) = self.statements.get(sql) {
            return Ok(known.clone());
        }
        let Text { sql: spelt, names } = text::translate(sql);
        let statement = self.wait(self.client.prepare(&spelt))?;
        let prepared = Prepared { statement, names: names.into() };
        if self.statements.len() >= SERVER_STATEMENTS_MAX {
            self.statements.clear();
        }
        self.statements.insert(sql.to_owned(), prepared.clone());
        Ok(prepared)
    }

    fn wait<T>(
        &self,
        answer: impl Future<Output = Result<T, tokio_postgres::Error>>,
    ) -> Result<T, LinkError> {
        self.judged(wait(answer, self.patience))
    }

    fn judged<T>(&self, answer: Option<Result<T, tokio_postgres::Error>>) -> Result<T, LinkError> {
        match answer {
            Some(Ok(answer)) => Ok(answer),
            Some(Err(error)) if ends_the_session(&error) || self.client.is_closed() => {
                Err(LinkError::Lost(Box::new(error)))
            }
            Some(Err(error)) => Err(LinkError::Refused(Box::new(error))),
            None => Err(LinkError::Silent),
        }
    }
}

/// True for what a server says last: it is stopped, or somebody has ended the session.
fn ends_the_session(error: &tokio_postgres::Error) -> bool {
    let severity = error.as_db_error().and_then(DbError::parsed_severity);
    error.is_closed() || matches!(severity, Some(Severity::Fatal | Severity::Panic))
}

/// The socket's thread: connects, tells how that went, and moves bytes until nobody asks any more.
fn drive(server: &Server, opened: &mpsc::Sender<Result<Client, LinkError>>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(error) => return drop(opened.send(Err(error.into()))),
    };
    runtime.block_on(async {
        match &server.tls {
            Some(tls) => serve(server.config.connect(tls.clone()), opened).await,
            None => serve(server.config.connect(NoTls), opened).await,
        }
    });
}

async fn serve<S, T>(
    connecting: impl Future<Output = Result<(Client, tokio_postgres::Connection<S, T>), tokio_postgres::Error>>,
    opened: &mpsc::Sender<Result<Client, LinkError>>,
) where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
    T: tokio_postgres::tls::TlsStream + Unpin,
{
    let connection = match tokio::time::timeout(SERVER_CONNECT_MAX, connecting).await {
        Ok(Ok((client, connection))) => {
            if opened.send(Ok(client)).is_err() {
                return;
            }
            connection
        }
        Ok(Err(error)) => return drop(opened.send(Err(LinkError::of_connecting(error)))),
        Err(_) => return drop(opened.send(Err(LinkError::Silent))),
    };
    // Why it ended is told to whoever asks next.
    drop(connection.await);
}

/// A value that outlives its caller.
enum Kept {
    Null,
    Integer(i64),
    Text(String),
    Bytes(Vec<u8>),
}

impl Kept {
    fn of(value: Value<'_>) -> Self {
        match value {
            Value::Null => Self::Null,
            Value::Integer(number) => Self::Integer(number),
            Value::Text(text) => Self::Text(text.to_owned()),
            Value::Bytes(bytes) => Self::Bytes(bytes.to_vec()),
        }
    }

    fn value(&self) -> Value<'_> {
        match self {
            Self::Null => Value::Null,
            Self::Integer(number) => Value::Integer(*number),
            Self::Text(text) => Value::Text(text),
            Self::Bytes(bytes) => Value::Bytes(bytes),
        }
    }
}

/// The parameters in the order of the statement's places.
fn arranged<'a>(names: &[String], params: &'a dyn Params) -> Result<Vec<Value<'a>>, LinkError> {
    let mut values = vec![Value::Null; names.len()];
    let mut wrong = None;
    params.each(&mut |name, value| {
        if name.is_empty() {
            return values.push(value);
        }
        match names.iter().position(|known| known == name).and_then(|place| values.get_mut(place)) {
            Some(slot) => *slot = value,
            None => wrong = Some(LinkError::Parameter(name.to_owned())),
        }
    });
    wrong.map_or(Ok(values), Err)
}

fn borrowed<'a>(values: &'a [Value<'a>]) -> Vec<&'a (dyn ToSql + Sync)> {
    values.iter().map(|value| value as &(dyn ToSql + Sync)).collect()
}

/// Waits for an answer on this thread; none if it does not come in time.
fn wait<T>(answer: impl Future<Output = T>, patience: Duration) -> Option<T> {
    struct Unpark(Thread);

    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }

    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut context = Context::from_waker(&waker);
    let (mut answer, begun) = (pin!(answer), Instant::now());
    loop {
        if let Poll::Ready(answer) = answer.as_mut().poll(&mut context) {
            return Some(answer);
        }
        let left = patience.checked_sub(begun.elapsed())?;
        thread::park_timeout(left);
    }
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Link(closed: {})", self.is_closed())
    }
}

//! The connection loop over real sockets, spoken to in raw bytes.

use std::net::SocketAddr;
use std::sync::Mutex;
use std::time::Duration;

use relay::reply::Mode;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::{Notify, watch};

use super::*;

/// Far longer than anything here takes; a test that reaches it has failed.
const PATIENCE: Duration = Duration::from_secs(20);

/// A short deadline that a test waits for.
const SHORT: Duration = Duration::from_millis(100);

/// Replies with what it was asked; `/held` waits until it is released, `/deaf` replies with a lot, `/panics` never does.
#[derive(Default)]
struct Echo {
    refused: Mutex<Vec<&'static str>>,
    asked: Mutex<Vec<String>>,
    held: Notify,
    release: Notify,
}

impl Service for Echo {
    async fn reply(&self, inbound: Inbound) -> Reply {
        let target = String::from_utf8_lossy(&inbound.target).into_owned();
        let body = String::from_utf8_lossy(&inbound.body).into_owned();
        let peer = inbound.peer.map(|peer| peer.to_string()).unwrap_or_default();
        let names: Vec<&str> = inbound.headers.iter().map(|(name, _)| name.as_str()).collect();
        let method = inbound.method.name();
        let country = inbound.country().map(|code| format!(" from {code}")).unwrap_or_default();
        let said = format!(
            "[{method} {} {target} {body} {peer} {}{country} {names:?}]",
            inbound.host, inbound.secure
        );
        if target == "/held" {
            self.held.notify_one();
            self.release.notified().await;
        }
        assert_ne!(target, "/panics", "a part that panics was put here");
        self.asked.lock().unwrap().push(format!("{method} {target} {body}"));
        let status = if target == "/none" { 204 } else { 200 };
        let headers = vec![("x-a".to_owned(), "b".to_owned()), ("content-length".to_owned(), "7".to_owned())];
        let body = if target == "/deaf" { vec![b'x'; 32 << 20] } else { said.into_bytes() };
        Reply { mode: Mode::Local, status, headers, body }
    }

    fn refused(&self, refusal: Refusal) {
        self.refused.lock().unwrap().push(refusal.code());
    }

    fn replied(&self, _took: Duration) {}
}

struct Server {
    address: SocketAddr,
    echo: Arc<Echo>,
    ground: Arc<Ground>,
    stop: watch::Sender<bool>,
}

async fn server(change: impl FnOnce(&mut Ground)) -> Server {
    let mut ground = Ground {
        limits: Limits::default(),
        deadlines: Deadlines::default(),
        fronts: Vec::new(),
        front_header: "x-forwarded-for".to_owned(),
        country_header: "x-visitor-country".to_owned(),
        roster: Roster::new(100),
    };
    change(&mut ground);
    let (echo, ground) = (Arc::new(Echo::default()), Arc::new(ground));
    let listener = Listener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).await.unwrap();
    let address = listener.address().unwrap();
    let (stop, stopped) = watch::channel(false);
    tokio::spawn(listener.run(Tls::Off, Arc::clone(&ground), Arc::clone(&echo), stopped));
    Server { address, echo, ground, stop }
}

impl Server {
    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    /// Sends `bytes` and returns everything that comes back until the server closes.
    async fn talk(&self, bytes: impl AsRef<[u8]>) -> String {
        let mut stream = self.connect().await;
        stream.write_all(bytes.as_ref()).await.unwrap();
        rest(&mut stream).await
    }
}

async fn rest(stream: &mut TcpStream) -> String {
    let mut said = Vec::new();
    let read = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut said)).await;
    read.expect("the server closes the connection").unwrap();
    String::from_utf8(said).unwrap()
}

async fn until(stream: &mut TcpStream, end: &str) -> String {
    let mut said = String::new();
    while !said.ends_with(end) {
        let mut buffer = [0; 1024];
        let read =
            tokio::time::timeout(PATIENCE, stream.read(&mut buffer)).await.expect("more comes").unwrap();
        assert!(read > 0, "closed after {said:?}");
        said.push_str(std::str::from_utf8(&buffer[..read]).unwrap());
    }
    said
}

#[tokio::test]
async fn requests_are_answered_in_sequence_on_one_connection() {
    let server = server(|_| {}).await;
    let said = server
        .talk(
            "GET /1 HTTP/1.1\r\nHost: h\r\n\r\nPOST /2 HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc\r\n\
             POST /3 HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nde\r\n1;x=y\r\nf\r\n0\r\n\r\n\
             GET /4 HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\nGET /5 HTTP/1.1\r\nHost: h\r\n\r\n",
        )
        .await;
    assert_eq!(*server.echo.asked.lock().unwrap(), ["GET /1 ", "POST /2 abc", "POST /3 def", "GET /4 "]);
    assert_eq!(said.matches("HTTP/1.1 200 OK\r\ndate: ").count(), 4, "{said}");
    assert_eq!(said.matches("connection: close").count(), 1, "{said}");
    assert_eq!(said.matches("content-length: ").count(), 4, "the service's own is left out: {said}");
}

#[tokio::test]
async fn a_head_and_an_empty_reply_have_no_body() {
    let server = server(|_| {}).await;
    let said = server.talk("HEAD /x HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n").await;
    assert!(said.contains("content-length: 3") && said.ends_with("\r\n\r\n"), "{said}");
    let said = server.talk("GET /none HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n").await;
    assert!(said.starts_with("HTTP/1.1 204 ") && !said.contains("content-length"), "{said}");
    assert!(said.ends_with("\r\n\r\n"), "{said}");
}

#[tokio::test]
async fn old_clients_are_told_that_the_connection_stays() {
    let server = server(|_| {}).await;
    let said = server.talk("GET /x HTTP/1.0\r\nHost: h\r\n\r\n").await;
    assert!(said.contains("connection: close"), "{said}");
    let mut stream = server.connect().await;
    stream.write_all(b"GET /x HTTP/1.0\r\nHost: h\r\nConnection: keep-alive\r\n\r\n").await.unwrap();
    let said = until(&mut stream, "]").await;
    assert!(said.contains("connection: keep-alive"), "{said}");
}

#[tokio::test]
async fn a_waiting_client_is_told_to_go_on() {
    let server = server(|_| {}).await;
    let mut stream = server.connect().await;
    let head = "POST /x HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nConnection: close\r\nContent-Length: 3\r\n\r\n";
    stream.write_all(head.as_bytes()).await.unwrap();
    assert_eq!(until(&mut stream, "\r\n\r\n").await, "HTTP/1.1 100 Continue\r\n\r\n");
    stream.write_all(b"abc").await.unwrap();
    assert!(rest(&mut stream).await.starts_with("HTTP/1.1 200 OK"));
    let said = server.talk(format!("{head}abc")).await;
    assert!(said.starts_with("HTTP/1.1 200 OK"), "no need to tell a client that did not wait: {said}");
    let too_long = head.replace("Length: 3", "Length: 70000");
    assert!(server.talk(too_long).await.starts_with("HTTP/1.1 413 "), "told before it sends");
}

#[tokio::test]
async fn what_is_smuggled_behind_a_refused_request_is_never_read() {
    let server = server(|_| {}).await;
    let smuggled = "GET /smuggled HTTP/1.1\r\nHost: h\r\n\r\n";
    for (request, status, code) in [
        (
            "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            400,
            "length_and_coding",
        ),
        (
            "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\nContent-Length: 4\r\n\r\nabcd",
            400,
            "length_repeated",
        ),
        (
            "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
            501,
            "transfer_coding",
        ),
        ("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding : chunked\r\n\r\n0\r\n\r\n", 400, "header_name"),
        ("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n0\n\n", 400, "chunk"),
        (
            "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabcdef\r\n0\r\n\r\n",
            400,
            "chunk",
        ),
        ("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nfffff\r\n", 413, "body_too_long"),
        ("GET / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello", 400, "body_not_allowed"),
        ("GET / HTTP/1.1\nHost: h\n\n", 400, "bare_line_feed"),
        ("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400, "host_repeated"),
        ("GET http://b/ HTTP/1.1\r\nHost: a\r\n\r\n", 400, "host_mismatch"),
        ("CONNECT a:443 HTTP/1.1\r\nHost: a\r\n\r\n", 405, "method"),
        ("TRACE / HTTP/1.1\r\nHost: a\r\n\r\n", 405, "method"),
        ("get / HTTP/1.1\r\nHost: a\r\n\r\n", 501, "method_unknown"),
        ("FETCH / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nGET ", 501, "method_unknown"),
        ("HEAD / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nGET ", 400, "body_not_allowed"),
        ("\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", 400, "request_line"),
        ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505, "version"),
        ("\x16\x03\x01\x02\0\x01\0\x01\r\n\r\n", 400, "request_line"),
    ] {
        let said = server.talk(format!("{request}{smuggled}")).await;
        assert!(said.starts_with(&format!("HTTP/1.1 {status} ")), "{request:?} gave {said:?}");
        assert!(
            said.contains("connection: close\r\n") && said.contains("content-type: text/plain"),
            "{said:?}"
        );
        assert_eq!(said.matches("\r\ndate: ").count(), 1, "one reply: {said:?}");
        assert_eq!(server.echo.refused.lock().unwrap().pop(), Some(code), "{request:?}");
    }
    assert!(server.echo.asked.lock().unwrap().is_empty(), "nothing was served");
    let upgrade = "GET /1 HTTP/1.1\r\nHost: h\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: x\r\n\r\n";
    let said = server.talk(format!("{upgrade}{smuggled}")).await;
    assert!(said.contains("connection: close\r\n"), "{said:?}");
    assert_eq!(*server.echo.asked.lock().unwrap(), ["GET /1 "]);
}

#[tokio::test]
async fn the_bytes_of_a_query_arrive_as_sent() {
    let server = server(|_| {}).await;
    let said = server
        .talk("GET /p?a=\"<New York>{|}`\u{e9} HTTP/1.1\r\nHost: H:80\r\nConnection: close\r\n\r\n")
        .await;
    assert!(said.contains("[GET h /p?a=\"<New York>{|}`\u{e9} "), "{said}");
}

#[tokio::test]
async fn slow_clients_are_let_go() {
    let deadlines =
        Deadlines { first_byte: SHORT, header: SHORT, body: SHORT, idle: SHORT, ..Deadlines::default() };
    let server = server(|ground| ground.deadlines = deadlines).await;
    for (sent, said_first) in [
        ("", ""),
        ("GET / HT", "HTTP/1.1 408 "),
        ("GET / HTTP/1.1\r\nHost: h\r\n", "HTTP/1.1 408 "),
        ("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nab", "HTTP/1.1 408 "),
        ("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nab", "HTTP/1.1 408 "),
        ("GET / HTTP/1.1\r\nHost: h\r\n\r\n", "HTTP/1.1 200 "),
    ] {
        let said = server.talk(sent).await;
        assert!(
            said.starts_with(said_first) && said.is_empty() == said_first.is_empty(),
            "{sent:?} gave {said:?}"
        );
        assert!(said.matches("HTTP/1.1 ").count() <= 1, "{said:?}");
    }
}

#[tokio::test]
async fn dripping_a_head_buys_no_time() {
    let deadlines = Deadlines { header: SHORT, ..Deadlines::default() };
    let server = server(|ground| ground.deadlines = deadlines).await;
    let (mut reader, mut writer) = server.connect().await.into_split();
    let drip = tokio::spawn(async move {
        writer.write_all(b"GET / HTTP/1.1\r\n").await.unwrap();
        while writer.write_all(b"X: y\r\n").await.is_ok() {
            // Time must pass: this is the slow client that the deadline has to end.
            tokio::time::sleep(SHORT / 10).await;
        }
    });
    let mut said = Vec::new();
    let read = tokio::time::timeout(PATIENCE, reader.read_to_end(&mut said)).await;
    drip.abort();
    let _reset_or_end = read.expect("the server closes although bytes still come");
    assert!(String::from_utf8_lossy(&said).starts_with("HTTP/1.1 408 "));
}

#[tokio::test]
async fn a_client_that_does_not_read_is_let_go() {
    let deadlines = Deadlines { write: SHORT, ..Deadlines::default() };
    let server = server(|ground| ground.deadlines = deadlines).await;
    let mut stream = server.connect().await;
    stream.write_all(b"GET /deaf HTTP/1.1\r\nHost: h\r\n\r\n").await.unwrap();
    let roster = &server.ground.roster;
    let gone = async {
        while !server.echo.asked.lock().unwrap().iter().any(|asked| asked.contains("/deaf"))
            || roster.connections() > 0
        {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, gone).await.expect("the connection is given up");
}

#[tokio::test]
async fn a_client_that_goes_away_cancels_nothing() {
    let server = server(|_| {}).await;
    let mut stream = server.connect().await;
    stream.write_all(b"GET /held HTTP/1.1\r\nHost: h\r\n\r\n").await.unwrap();
    server.echo.held.notified().await;
    drop(stream);
    server.echo.release.notify_one();
    let finished = async {
        while server.echo.asked.lock().unwrap().is_empty() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, finished).await.expect("the request is worked off");
}

#[tokio::test]
async fn only_a_front_may_speak_for_its_client() {
    let request = "GET /x HTTP/1.1\r\nHost: h\r\nX-Forwarded-For: 1.1.1.1, 198.51.100.7\r\nX-Forwarded-Proto: https\r\n\
                   CF-IPCountry: DE\r\nX-Visitor-Country: FR\r\nX-Other: 1\r\nConnection: close\r\n\r\n";
    let stranger = server(|_| {}).await;
    let said = stranger.talk(request).await;
    assert!(said.contains(" 127.0.0.1 false [\"x-other\"]]"), "{said}");
    let front = server(|ground| ground.fronts = vec!["127.0.0.0/8".parse().unwrap()]).await;
    let said = front.talk(request).await;
    assert!(
        said.contains(" 198.51.100.7 true from FR ["),
        "what the front says counts, not its client: {said}"
    );
    assert!(!said.contains("x-visitor-country"), "{said}");
}

#[tokio::test]
async fn connections_beyond_the_limit_wait_their_turn() {
    let server = server(|ground| ground.roster = Roster::new(1)).await;
    let mut first = server.connect().await;
    first.write_all(b"GET /held HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n").await.unwrap();
    server.echo.held.notified().await;
    let mut second = server.connect().await;
    second.write_all(b"GET /second HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n").await.unwrap();
    assert_eq!(server.ground.roster.connections(), 1);
    server.echo.release.notify_one();
    assert!(rest(&mut first).await.contains("/held"));
    drop(first);
    assert!(rest(&mut second).await.contains("/second"));
}

#[tokio::test]
async fn a_stop_answers_what_was_asked_and_closes_what_is_idle() {
    let server = server(|_| {}).await;
    let (mut idle, mut busy) = (server.connect().await, server.connect().await);
    idle.write_all(b"GET /1 HTTP/1.1\r\nHost: h\r\n\r\n").await.unwrap();
    until(&mut idle, "]").await;
    busy.write_all(b"GET /held HTTP/1.1\r\nHost: h\r\n\r\n").await.unwrap();
    server.echo.held.notified().await;
    server.stop.send_replace(true);
    let ground = Arc::clone(&server.ground);
    let stopping = tokio::spawn(async move { ground.roster.let_go(Duration::ZERO, PATIENCE).await });
    assert_eq!(rest(&mut idle).await, "");
    server.echo.release.notify_one();
    let said = rest(&mut busy).await;
    assert!(said.contains("/held") && said.contains("connection: close\r\n"), "{said}");
    drop((idle, busy));
    assert!(stopping.await.unwrap(), "nobody was cut off");
}

#[tokio::test]
async fn a_request_whose_handling_panics_fails_alone() {
    let server = server(|ground| ground.roster = Roster::new(2)).await;
    let get = |target: &str| format!("GET {target} HTTP/1.1\r\nHost: a\r\n\r\n");
    let mut other = server.connect().await;
    other.write_all(get("/before").as_bytes()).await.unwrap();
    until(&mut other, "]").await;
    // More of them than there are places: each gives its place back.
    for _ in 0..8 {
        assert_eq!(server.talk(get("/panics")).await, "", "it is cut off without a word that is not true");
    }
    other.write_all(get("/after").as_bytes()).await.unwrap();
    assert!(until(&mut other, "]").await.contains("/after"), "its neighbours go on");
    assert!(
        server.talk(get("/new").replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n")).await.contains("/new")
    );
    let asked = server.echo.asked.lock().unwrap().clone();
    assert_eq!(asked, ["GET /before ", "GET /after ", "GET /new "], "nothing half done is left behind");
}

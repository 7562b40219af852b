//! What a call reports when the other side misbehaves, on real sockets against servers that follow a script.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crate::{Call, Endpoint, Origin, Roots, Settings, Upstream};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tracking::{Answer, Home, Outbound, SendFailure};

const PATIENCE: Duration = Duration::from_secs(10);
const SHORT: Duration = Duration::from_millis(150);

/// One thing that a server does on a connection.
#[derive(Clone, Copy, Debug)]
enum Do {
    /// Reads one request head.
    Read,
    /// Says this.
    Say(&'static str),
    /// Says this, one byte at a time and slowly.
    Drip(&'static str),
    /// Closes the connection with a reset.
    Reset,
    /// Says and does nothing for ever.
    Hang,
}

/// A server with a script for each connection, in order; after the last script it closes at once.
struct Server {
    address: SocketAddr,
    connections: Arc<AtomicUsize>,
    requests: Arc<Mutex<Vec<Vec<u8>>>>,
}

async fn server(scripts: &'static [&'static [Do]]) -> Server {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (connections, requests) = (Arc::new(AtomicUsize::new(0)), Arc::new(Mutex::new(Vec::new())));
    let (counted, kept) = (Arc::clone(&connections), Arc::clone(&requests));
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let number = counted.fetch_add(1, Ordering::SeqCst);
            let script = scripts.get(number).copied().unwrap_or_default();
            tokio::spawn(follow(stream, script, Arc::clone(&kept)));
        }
    });
    Server { address, connections, requests }
}

async fn follow(mut stream: TcpStream, script: &[Do], requests: Arc<Mutex<Vec<Vec<u8>>>>) {
    for step in script {
        match step {
            Do::Read => {
                let mut request = Vec::new();
                while !request.ends_with(b"\r\n\r\n") {
                    let Ok(byte) = stream.read_u8().await else { return };
                    request.push(byte);
                }
                requests.lock().unwrap().push(request);
            }
            Do::Say(text) => stream.write_all(text.as_bytes()).await.unwrap(),
            Do::Drip(text) => {
                for byte in text.bytes() {
                    if stream.write_u8(byte).await.is_err() {
                        return;
                    }
                    // Time must pass: this is the slow server whose answer a total deadline has to end.
                    tokio::time::sleep(SHORT / 10).await;
                }
            }
            Do::Reset => {
                stream.set_zero_linger().unwrap();
                return;
            }
            Do::Hang => std::future::pending().await,
        }
    }
}

fn platform(address: SocketAddr, change: impl FnOnce(&mut Settings)) -> Upstream {
    let origin = Origin { home: Home::Primary, host: None, endpoint: Endpoint::plain(address.to_string()) };
    let mut settings = Settings { origins: vec![origin], ..Settings::default() };
    change(&mut settings);
    Upstream::new(&settings).unwrap()
}

fn get(target: &[u8]) -> Outbound {
    Outbound {
        home: Home::Primary,
        method: "GET".into(),
        secure: true,
        host: "platform.example".into(),
        target: target.to_vec(),
        headers: vec![("user-agent".to_owned(), b"caf\xe9".to_vec())],
        body: Vec::new(),
    }
}

async fn once(scripts: &'static [&'static [Do]], within: Duration) -> Result<Answer, SendFailure> {
    let server = server(scripts).await;
    platform(server.address, |_| {}).send(&get(b"/x"), within).await
}

const EMPTY: &str = "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";

#[tokio::test]
async fn whatever_comes_after_the_request_was_written_is_ambiguous() {
    let cases: [(&'static [&'static [Do]], &str); 15] = [
        (&[&[Do::Read]], "closed the connection"),
        (&[&[Do::Read, Do::Reset]], "connection failed"),
        (&[&[Do::Read, Do::Hang]], "before the deadline"),
        (&[&[Do::Read, Do::Drip("HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n")]], "before the deadline"),
        (&[&[Do::Read, Do::Say("HTTP/1.1 200 OK\r\n")]], "closed the connection"),
        (&[&[Do::Read, Do::Say("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nabc")]], "closed the connection"),
        (
            &[&[Do::Read, Do::Say("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n")]],
            "closed the",
        ),
        (&[&[Do::Read, Do::Say("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nxyz\r\n")]], "chunked"),
        (&[&[Do::Read, Do::Say("HTTP/1.1 200 OK\r\ntransfer-encoding: gzip\r\n\r\n")]], "coding"),
        (
            &[&[
                Do::Read,
                Do::Say("HTTP/1.1 200 OK\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n\r\n"),
            ]],
            "both",
        ),
        (
            &[&[Do::Read, Do::Say("HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nab")]],
            "two lengths",
        ),
        (&[&[Do::Read, Do::Say("HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n")]], "no number"),
        (&[&[Do::Read, Do::Say("HTTP/1.1 200 OK\r\ncontent-length: 99999999\r\n\r\n")]], "longer than"),
        (&[&[Do::Read, Do::Say("SSH-2.0-OpenSSH\r\n\r\n")]], "no HTTP"),
        (&[&[Do::Read, Do::Say("HTTP/1.1 101 Switching\r\n\r\n")]], "switched protocols"),
    ];
    for (script, reason) in cases {
        let begun = Instant::now();
        match once(script, SHORT * 4).await {
            Err(SendFailure::Ambiguous(message)) => {
                assert!(message.contains(reason), "{script:?} gave {message}")
            }
            other => panic!("{script:?} gave {other:?}"),
        }
        assert!(begun.elapsed() < PATIENCE, "{script:?}");
    }
}

#[tokio::test]
async fn nothing_sent_is_said_only_when_it_is_certain() {
    let refused = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let silent = server(&[&[Do::Hang]]).await;
    let secure = |address: &str| Endpoint {
        tls: true,
        server_name: Some("platform.example".to_owned()),
        ..Endpoint::plain(address)
    };
    let certificate = rcgen::generate_simple_self_signed(["other.example".to_owned()]).unwrap().cert.pem();
    for (endpoint, target, reason) in [
        (Endpoint::plain(refused.to_string()), &b"/x"[..], "cannot connect"),
        (Endpoint::plain("name.invalid:80"), b"/x", "name.invalid"),
        (Endpoint::plain("localhost:80"), b"/x", "private address"),
        (secure(&silent.address.to_string()), b"/x", "before the deadline"),
        (Endpoint::plain(silent.address.to_string()), b"/x\r\nX: y", "control character"),
    ] {
        let origins = vec![Origin { home: Home::Primary, host: None, endpoint: endpoint.clone() }];
        let roots = Roots::Pem(certificate.clone().into_bytes());
        let platform = Upstream::new(&Settings { origins, roots, ..Settings::default() }).unwrap();
        match platform.send(&get(target), SHORT * 4).await {
            Err(SendFailure::NothingSent(message)) => {
                assert!(message.contains(reason), "{endpoint:?}: {message}")
            }
            other => panic!("{endpoint:?} gave {other:?}"),
        }
    }
}

#[tokio::test]
async fn answers_are_read_however_they_end() {
    let cases: [(&'static [&'static [Do]], u16, &str); 6] = [
        (&[&[Do::Read, Do::Say("HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nabc")]], 200, "abc"),
        (
            &[&[
                Do::Read,
                Do::Say("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"),
            ]],
            200,
            "abc",
        ),
        (&[&[Do::Read, Do::Say("HTTP/1.0 200 OK\r\n\r\nabc")]], 200, "abc"),
        (
            &[&[
                Do::Read,
                Do::Say("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n"),
                Do::Say(EMPTY),
            ]],
            200,
            "",
        ),
        (
            &[&[
                Do::Read,
                Do::Say("HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\n\r\n"),
            ]],
            302,
            "",
        ),
        (&[&[Do::Read, Do::Say("HTTP/1.1 204 No Content\r\n\r\n"), Do::Hang]], 204, ""),
    ];
    for (script, status, body) in cases {
        let answer = once(script, PATIENCE).await.unwrap();
        assert_eq!((answer.status, answer.body.as_slice()), (status, body.as_bytes()), "{script:?}");
    }
}

#[tokio::test]
async fn the_request_goes_out_byte_for_byte() {
    let server = server(&[&[Do::Read, Do::Say(EMPTY)]]).await;
    let platform = platform(server.address, |_| {});
    platform.send(&get(b"/p?a=\"<\xe9>|&&b=New York"), PATIENCE).await.unwrap();
    let expected =
        b"GET /p?a=\"<\xe9>|&&b=New York HTTP/1.1\r\nhost: platform.example\r\nuser-agent: caf\xe9\r\n\
        x-turnout-hop: 1\r\n\r\n";
    assert_eq!(server.requests.lock().unwrap()[0], expected);
}

/// Two calls in a row; how the second went, and how many connections there were.
async fn twice(
    scripts: &'static [&'static [Do]],
    call: Call,
    change: impl FnOnce(&mut Settings),
) -> (Result<u16, SendFailure>, usize) {
    let server = server(scripts).await;
    let platform = platform(server.address, change);
    platform.call(&get(b"/1"), call).await.unwrap();
    let second = platform.call(&get(b"/2"), call).await.map(|answer| answer.status);
    (second, server.connections.load(Ordering::SeqCst))
}

#[tokio::test]
async fn connections_are_used_again_and_the_race_of_kept_alive_ones_is_visible() {
    const GOOD: &[Do] = &[Do::Read, Do::Say(EMPTY), Do::Read, Do::Say(EMPTY), Do::Hang];
    const RACE: &[Do] = &[Do::Read, Do::Say(EMPTY), Do::Read];
    const SURPLUS: &[Do] =
        &[Do::Read, Do::Say("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\nHTTP/1.1 200 OK\r\n"), Do::Hang];
    const CLOSING: &[Do] =
        &[Do::Read, Do::Say("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"), Do::Hang];
    const HALF: &[Do] = &[Do::Read, Do::Say(EMPTY), Do::Read, Do::Say("HTTP/1.1 200")];
    let (money, fetch) = (Call::once(PATIENCE), Call::fetch(PATIENCE));
    assert_eq!(twice(&[GOOD], money, |_| {}).await, (Ok(200), 1));
    assert_eq!(
        twice(&[GOOD, GOOD], money, |s| s.proven_for = Duration::ZERO).await,
        (Ok(200), 2),
        "not proven"
    );
    assert_eq!(twice(&[GOOD], fetch, |s| s.proven_for = Duration::ZERO).await, (Ok(200), 1));
    assert_eq!(twice(&[GOOD, GOOD], fetch, |s| s.idle_for = Duration::ZERO).await, (Ok(200), 2), "too old");
    assert_eq!(twice(&[SURPLUS, GOOD], money, |_| {}).await, (Ok(200), 2), "surplus bytes end a connection");
    assert_eq!(twice(&[CLOSING, GOOD], money, |_| {}).await, (Ok(200), 2));
    assert_eq!(twice(&[RACE, GOOD], fetch, |_| {}).await, (Ok(200), 2), "a fetch is sent once more");
    let (outcome, connections) = twice(&[RACE, GOOD], money, |_| {}).await;
    assert!(matches!(outcome, Err(SendFailure::Ambiguous(_))), "{outcome:?}");
    assert_eq!(connections, 1, "money is not sent twice");
    let (outcome, connections) = twice(&[HALF, GOOD], fetch, |_| {}).await;
    assert!(matches!(outcome, Err(SendFailure::Ambiguous(_))), "{outcome:?}");
    assert_eq!(connections, 1, "the answer had begun");
}

#[tokio::test]
async fn a_connection_that_the_server_has_closed_is_not_used() {
    let server = server(&[&[Do::Read, Do::Say(EMPTY)], &[Do::Read, Do::Say(EMPTY)]]).await;
    let platform = platform(server.address, |settings| settings.proven_for = PATIENCE);
    platform.send(&get(b"/1"), PATIENCE).await.unwrap();
    // The script ended with the answer, so the server's close is there before the next request.
    platform.send(&get(b"/2"), PATIENCE).await.unwrap();
    assert_eq!(server.connections.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn hosts_lead_to_their_own_origins() {
    let named = server(&[&[Do::Read, Do::Say(EMPTY)]]).await;
    let other = server(&[&[Do::Read, Do::Say("HTTP/1.1 202 OK\r\ncontent-length: 0\r\n\r\n")]]).await;
    let origin = |host: Option<&str>, server: &Server| Origin {
        home: Home::Primary,
        host: host.map(str::to_owned),
        endpoint: Endpoint::plain(server.address.to_string()),
    };
    let origins = vec![origin(None, &other), origin(Some("Platform.example"), &named)];
    let platform = Upstream::new(&Settings { origins, ..Settings::default() }).unwrap();
    assert_eq!(platform.send(&get(b"/"), PATIENCE).await.unwrap().status, 200);
    let elsewhere = Outbound { host: "www.platform.example".into(), ..get(b"/") };
    assert_eq!(platform.send(&elsewhere, PATIENCE).await.unwrap().status, 202);
    let nowhere = Outbound { home: Home::Legacy, ..get(b"/") };
    let failure = platform.send(&nowhere, PATIENCE).await.unwrap_err();
    assert!(matches!(failure, SendFailure::NothingSent(message) if message.contains("no origin of legacy")));
}

/// Faults 43 to 46 and 51 to 53: whatever the platform does with a request that moves money, it is written once, on
/// one connection. A second server stands ready that would answer well.
#[tokio::test]
async fn a_request_that_moves_money_is_written_once_whatever_the_platform_does() {
    const READY: &[Do] = &[Do::Read, Do::Say(EMPTY)];
    let scripts: [&'static [&'static [Do]]; 9] = [
        &[&[Do::Read], READY],
        &[&[Do::Read, Do::Reset], READY],
        &[&[Do::Read, Do::Hang], READY],
        &[&[Do::Read, Do::Say("HTTP/1.1 200 OK\r\n")], READY],
        &[&[Do::Read, Do::Drip("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n")], READY],
        &[&[Do::Read, Do::Say("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nabc")], READY],
        &[&[Do::Read, Do::Say("HTTP/1.1 503 Busy\r\nretry-after: 0\r\ncontent-length: 0\r\n\r\n")], READY],
        &[&[Do::Read, Do::Say("HTTP/1.1 307 Moved\r\nlocation: /y\r\ncontent-length: 0\r\n\r\n")], READY],
        &[&[Do::Read, Do::Say("HTTP/1.1 425 Early\r\ncontent-length: 0\r\n\r\n")], READY],
    ];
    for script in scripts {
        let server = server(script).await;
        let platform = platform(server.address, |_| {});
        drop(platform.send(&get(b"/order"), SHORT * 2).await);
        // A repetition would be on its way by the time that another call has been answered.
        let after = platform.send(&get(b"/after"), PATIENCE).await;
        assert_eq!(after.unwrap().status, 200, "{script:?}");
        let requests = server.requests.lock().unwrap();
        let orders = requests.iter().filter(|request| request.starts_with(b"GET /order "));
        assert_eq!(orders.count(), 1, "{script:?}");
    }
}

#[tokio::test]
async fn what_an_answer_may_cost_is_bounded_and_nothing_is_unpacked() {
    const HINTS: &str = "HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n";
    let (hints, long) = (HINTS.repeat(9), format!("HTTP/1.1 200 OK\r\nx: {}", "y".repeat(70_000)));
    let lines = format!("HTTP/1.1 200 OK\r\n{}\r\n", "x: y\r\n".repeat(200));
    let endless = format!("HTTP/1.1 200 OK\r\n\r\n{}", "z".repeat(300 * 1024));
    for (text, reason) in
        [(hints, "without an end"), (long, "too long"), (lines, "no HTTP"), (endless, "longer than")]
    {
        let text: &'static str = text.leak();
        let script: &'static [Do] = vec![Do::Read, Do::Say(text), Do::Hang].leak();
        match once(vec![script].leak(), PATIENCE).await {
            Err(SendFailure::Ambiguous(message)) => assert!(message.contains(reason), "{message}"),
            other => panic!("{reason}: {other:?}"),
        }
    }
    // A bomb stays the few bytes that it is on the wire, and what it would unpack to is nobody's yes.
    const BOMB: &str =
        "HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 10\r\n\r\n\x1f\x0b\x08\0\0\0\0\0\0\x03";
    let answer = once(&[&[Do::Read, Do::Say(BOMB)]], PATIENCE).await.unwrap();
    assert_eq!((answer.status, answer.body.len()), (200, 10));
    // Trailers end with the answer, and the connection serves on.
    const TRAILED: &str =
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nx-sum: 1\r\n\r\n";
    let scripts: &'static [&'static [Do]] = &[&[Do::Read, Do::Say(TRAILED), Do::Read, Do::Say(EMPTY)]];
    let (second, connections) = twice(scripts, Call::once(PATIENCE), |_| {}).await;
    assert_eq!((second, connections), (Ok(200), 1));
}

//! Web pages of publishers and merchants: one listener on loopback for every site, with and without TLS.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use rustls::pki_types::PrivateKeyDer;
use rustls::{ServerConfig, ServerConnection, StreamOwned};

/// The first byte of a TLS connection: a handshake record.
const HANDSHAKE: u8 = 0x16;
/// How long a browser may keep a connection without asking.
const IDLE: Duration = Duration::from_secs(120);

/// The web sites of a test.
#[derive(Debug)]
pub struct Pages {
    address: String,
    shared: Arc<Shared>,
}

/// A page view.
#[derive(Debug, Clone)]
pub struct Seen {
    /// The host.
    pub host: String,
    /// Path and query.
    pub target: String,
    /// The first-party cookies.
    pub cookie: String,
}

#[derive(Debug, Default)]
struct Shared {
    pages: BTreeMap<String, String>,
    seen: Mutex<Vec<Seen>>,
}

impl Pages {
    /// Serves these pages, each under `host/path`; the query does not matter.
    pub fn start(pages: impl IntoIterator<Item = (String, String)>) -> Self {
        let pages = pages.into_iter().collect();
        let shared = Arc::new(Shared { pages, seen: Mutex::default() });
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let (config, for_thread) = (tls(), Arc::clone(&shared));
        // The thread waits in `accept` until the test's process ends.
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (config, shared) = (Arc::clone(&config), Arc::clone(&for_thread));
                // A browser breaks connections off as it likes.
                thread::spawn(move || drop(serve(stream, config, &shared)));
            }
        });
        Self { address, shared }
    }

    /// Where they are served, plain and over TLS.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// The page views so far.
    pub fn seen(&self) -> Vec<Seen> {
        self.shared.seen.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

fn tls() -> Arc<ServerConfig> {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let key = PrivateKeyDer::Pkcs8(made.signing_key.serialize_der().into());
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    Arc::new(config.with_no_client_auth().with_single_cert(vec![made.cert.der().clone()], key).unwrap())
}

fn serve(stream: TcpStream, config: Arc<ServerConfig>, shared: &Shared) -> std::io::Result<()> {
    stream.set_read_timeout(Some(IDLE))?;
    stream.set_nodelay(true)?;
    let mut first = [0];
    if stream.peek(&mut first)? == 0 {
        return Ok(());
    }
    if first == [HANDSHAKE] {
        let connection = ServerConnection::new(config).map_err(std::io::Error::other)?;
        return answer_all(StreamOwned::new(connection, stream), shared);
    }
    answer_all(stream, shared)
}

fn answer_all(stream: impl Read + Write, shared: &Shared) -> std::io::Result<()> {
    let mut stream = BufReader::new(stream);
    while let Some(seen) = read(&mut stream)? {
        let path = seen.target.split('?').next().unwrap_or_default();
        let page = shared.pages.get(&format!("{}{path}", seen.host));
        let (status, html) = page.map_or(("404 Not Found", ""), |html| ("200 OK", html));
        shared.seen.lock().unwrap_or_else(PoisonError::into_inner).push(seen);
        let head = format!(
            "HTTP/1.1 {status}\r\ncontent-type: text/html; charset=utf-8\r\ncache-control: no-store\r\ncontent-length: {}\r\n\r\n",
            html.len()
        );
        stream.get_mut().write_all(head.as_bytes())?;
        stream.get_mut().write_all(html.as_bytes())?;
        stream.get_mut().flush()?;
    }
    Ok(())
}

/// One request without a body; `None` when the browser has closed.
fn read(from: &mut impl BufRead) -> std::io::Result<Option<Seen>> {
    let mut line = String::new();
    if from.read_line(&mut line)? == 0 {
        return Ok(None);
    }
    let target = line.split(' ').nth(1).unwrap_or_default().to_owned();
    let mut seen = Seen { host: String::new(), target, cookie: String::new() };
    loop {
        line.clear();
        if from.read_line(&mut line)? == 0 {
            return Ok(None);
        }
        let Some((name, value)) = line.trim_end().split_once(':') else { return Ok(Some(seen)) };
        match name.to_ascii_lowercase().as_str() {
            "host" => seen.host = value.trim().to_owned(),
            "cookie" => seen.cookie = value.trim().to_owned(),
            _ => {}
        }
    }
}

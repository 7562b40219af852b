//! HTTP/1.1 over a plain socket: bytes go out exactly as they are written here.

use std::io::{self, BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use serde_json::Value;

/// How long one read may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// An answer.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The headers; names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

impl Answer {
    /// The first header of this name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// All headers of this name.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.headers.iter().filter(move |(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// Where a redirect leads.
    pub fn location(&self) -> &str {
        self.header("location").unwrap_or_else(|| panic!("no location in {self:?}"))
    }

    /// The body as JSON.
    pub fn json(&self) -> Value {
        let text = self.text();
        serde_json::from_str(&text)
            .unwrap_or_else(|error| panic!("{error} in an answer {}: {text}", self.status))
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// Whether this is the one-pixel image that a page expects.
    pub fn is_pixel(&self) -> bool {
        self.status == 200
            && self.header("content-type") == Some("image/gif")
            && self.body.len() == 43
            && self.body.starts_with(b"GIF89a\x01\x00\x01\x00")
    }

    fn keeps_alive(&self) -> bool {
        self.header("connection").is_none_or(|value| !value.eq_ignore_ascii_case("close"))
    }
}

/// A client of one server. It keeps its connection while the server does.
#[derive(Debug)]
pub struct Client {
    address: SocketAddr,
    patience: Duration,
    connection: Option<BufReader<TcpStream>>,
}

impl Client {
    /// A client of `address`, not yet connected.
    pub fn new(address: &str) -> Self {
        let address = address.parse().unwrap_or_else(|error| panic!("{address}: {error}"));
        Self { address, patience: PATIENCE, connection: None }
    }

    /// The same, with more patience: one read may take this long.
    #[must_use]
    pub fn with_patience(self, patience: Duration) -> Self {
        Self { patience, ..self }
    }

    /// Sends these bytes and reads one answer. After an error the next call connects anew.
    ///
    /// # Errors
    /// If the connection fails or the answer is no HTTP.
    pub fn send(&mut self, request: &[u8]) -> io::Result<Answer> {
        let mut connection = match self.connection.take() {
            Some(open) => open,
            None => self.connect()?,
        };
        connection.get_mut().write_all(request)?;
        let answer = read_answer(&mut connection, request.starts_with(b"HEAD "))?;
        if answer.keeps_alive() {
            self.connection = Some(connection);
        }
        Ok(answer)
    }

    /// A GET with this target, byte for byte.
    ///
    /// # Errors
    /// As [`Client::send`].
    pub fn get(&mut self, host: &str, target: &str, headers: &[(&str, &str)]) -> io::Result<Answer> {
        self.request(&format!("GET {target}"), host, headers, b"")
    }

    /// Any request; `what` is its method and its target.
    ///
    /// # Errors
    /// As [`Client::send`].
    pub fn request(
        &mut self,
        what: &str,
        host: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> io::Result<Answer> {
        let mut head = format!("{what} HTTP/1.1\r\nhost: {host}\r\n");
        for (name, value) in headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        if !body.is_empty() || what.starts_with("POST ") {
            head.push_str(&format!("content-length: {}\r\n", body.len()));
        }
        head.push_str("\r\n");
        let mut bytes = head.into_bytes();
        bytes.extend_from_slice(body);
        self.send(&bytes)
    }

    fn connect(&self) -> io::Result<BufReader<TcpStream>> {
        let stream = TcpStream::connect_timeout(&self.address, PATIENCE)?;
        stream.set_read_timeout(Some(self.patience))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        stream.set_nodelay(true)?;
        Ok(BufReader::new(stream))
    }
}

/// One GET on a connection of its own, as JSON.
pub fn get_json(address: &str, target: &str, token: Option<&str>) -> Value {
    let answer = get(address, target, token);
    let answer = answer.unwrap_or_else(|error| panic!("GET {address}{target}: {error}"));
    assert_eq!(answer.status, 200, "GET {target}: {}", answer.text());
    answer.json()
}

/// As [`get_json`], of a server that may end at any moment: none if it gives no answer.
pub fn try_json(address: &str, target: &str, token: Option<&str>) -> Option<Value> {
    let answer = get(address, target, token).ok()?;
    (answer.status == 200).then(|| answer.json())
}

fn get(address: &str, target: &str, token: Option<&str>) -> io::Result<Answer> {
    let bearer = token.map(|token| format!("Bearer {token}"));
    let mut headers = vec![("connection", "close")];
    headers.extend(bearer.as_deref().map(|bearer| ("authorization", bearer)));
    Client::new(address).get(address, target, &headers)
}

/// One POST of JSON on a connection of its own; the answer as JSON.
pub fn post_json(address: &str, target: &str, body: &Value) -> Value {
    let headers = [("content-type", "application/json"), ("connection", "close")];
    let body = body.to_string();
    let answer = Client::new(address).request(&format!("POST {target}"), address, &headers, body.as_bytes());
    let answer = answer.unwrap_or_else(|error| panic!("POST {address}{target}: {error}"));
    assert_eq!(answer.status, 200, "POST {target} {body}: {}", answer.text());
    answer.json()
}

fn read_answer(from: &mut impl BufRead, is_head: bool) -> io::Result<Answer> {
    let line = read_line(from)?;
    let status = line.split(' ').nth(1).and_then(|text| text.parse().ok());
    let status = status.ok_or_else(|| bad(&format!("no status line: {line:?}")))?;
    let mut headers = Vec::new();
    loop {
        let line = read_line(from)?;
        if line.is_empty() {
            break;
        }
        let (name, value) = line.split_once(':').ok_or_else(|| bad(&format!("no header: {line:?}")))?;
        headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
    let mut answer = Answer { status, headers, body: Vec::new() };
    if !is_head && status != 204 && status != 304 {
        read_body(from, &mut answer)?;
    }
    Ok(answer)
}

fn read_body(from: &mut impl BufRead, answer: &mut Answer) -> io::Result<()> {
    if answer.header("transfer-encoding").is_some() {
        loop {
            let line = read_line(from)?;
            let size =
                usize::from_str_radix(line.trim(), 16).map_err(|_| bad(&format!("no chunk: {line:?}")))?;
            let start = answer.body.len();
            answer.body.resize(start + size, 0);
            from.read_exact(answer.body.get_mut(start..).unwrap_or_default())?;
            read_line(from)?;
            if size == 0 {
                return Ok(());
            }
        }
    }
    match answer.header("content-length").map(str::parse::<usize>) {
        Some(Ok(length)) => {
            answer.body.resize(length, 0);
            from.read_exact(&mut answer.body)
        }
        Some(Err(_)) => Err(bad("a bad content-length")),
        None => from.read_to_end(&mut answer.body).map(|_| ()),
    }
}

fn read_line(from: &mut impl BufRead) -> io::Result<String> {
    let mut line = Vec::new();
    if from.read_until(b'\n', &mut line)? == 0 {
        return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "closed without an answer"));
    }
    let text = String::from_utf8_lossy(&line);
    Ok(text.trim_end_matches(['\r', '\n']).to_owned())
}

fn bad(why: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, why.to_owned())
}

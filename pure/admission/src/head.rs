//! A request head that has passed the gate.

/// The methods that endpoints take. HEAD and OPTIONS never book; POST is how beacons and server calls arrive.
pub const METHODS: [&str; 4] = ["GET", "HEAD", "POST", "OPTIONS"];

/// How long the body is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum BodyLength {
    /// No body.
    None,
    /// This many bytes, at least one.
    Bytes(usize),
    /// Chunked.
    Chunked,
}

/// A request head, read in the one way that everybody reads it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Head<'a> {
    /// The method: a token, and neither CONNECT nor TRACE.
    pub method: &'a str,
    /// Path and query exactly as sent, starting with `/`. The query may hold any byte but control characters.
    pub target: &'a [u8],
    /// The host asked, in lower case, without port and without a final dot.
    pub host: String,
    /// How long the body is.
    pub body: BodyLength,
    /// True if the client may send another request on the connection.
    pub keep_alive: bool,
    /// True for HTTP/1.0, whose clients need to be told that a connection stays open.
    pub version_1_0: bool,
    /// True if the client waits for `100 Continue` before it sends the body.
    pub expects_continue: bool,
    /// Header lines in order, as (name as sent, value without surrounding blanks). Those that speak about
    /// the connection or the framing and not about the request are left out.
    pub headers: Vec<(&'a str, &'a [u8])>,
}

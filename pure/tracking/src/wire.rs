//! Requests and answers as values: what came in, what goes out, and what was said.

use core::fmt;
use core::net::IpAddr;
use core::time::Duration;

use crate::event::Text;

/// One of the two platforms of a migration.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
pub enum Home {
    /// The platform being left.
    Legacy,
    /// The platform moved to.
    Primary,
}

impl Home {
    /// Both platforms.
    pub const ALL: [Self; 2] = [Self::Legacy, Self::Primary];

    /// The home's name in files, tables and labels.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Legacy => "legacy",
            Self::Primary => "primary",
        }
    }

    /// The home called `name`.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|home| home.name() == name)
    }
}

impl fmt::Display for Home {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A request method that an edge accepts.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum Method {
    /// GET.
    Get,
    /// HEAD: the same headers, and it never books.
    Head,
    /// POST, as beacons and server calls use it.
    Post,
    /// OPTIONS, as browsers ask before a cross-origin call.
    Options,
    /// Another registered method. No endpoint takes it; it is passed on where nothing is ours to answer.
    Other(&'static str),
}

/// The methods of the public registry that none of our endpoints takes. Left out are those that a server in the
/// middle must not pass on: CONNECT asks for a tunnel, TRACE for what was added on the way, PRI for another protocol.
const OTHERS: [&str; 33] = [
    "ACL",
    "BASELINE-CONTROL",
    "BIND",
    "CHECKIN",
    "CHECKOUT",
    "COPY",
    "DELETE",
    "LABEL",
    "LINK",
    "LOCK",
    "MERGE",
    "MKACTIVITY",
    "MKCALENDAR",
    "MKCOL",
    "MKREDIRECTREF",
    "MKWORKSPACE",
    "MOVE",
    "ORDERPATCH",
    "PATCH",
    "PROPFIND",
    "PROPPATCH",
    "PUT",
    "QUERY",
    "REBIND",
    "REPORT",
    "SEARCH",
    "UNBIND",
    "UNCHECKOUT",
    "UNLINK",
    "UNLOCK",
    "UPDATE",
    "UPDATEREDIRECTREF",
    "VERSION-CONTROL",
];

impl Method {
    /// The method's name on the wire.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Head => "HEAD",
            Self::Post => "POST",
            Self::Options => "OPTIONS",
            Self::Other(name) => name,
        }
    }

    /// The method called `name`, exactly as written.
    pub fn parse(name: &str) -> Option<Self> {
        let own = [Self::Get, Self::Head, Self::Post, Self::Options];
        let others = OTHERS.into_iter().map(Self::Other);
        own.into_iter().chain(others).find(|method| method.name() == name)
    }

    /// True if one of our endpoints may take it.
    pub const fn is_ours(self) -> bool {
        !matches!(self, Self::Other(_))
    }

    /// True if a request with it changes nothing, so that it may be sent once more.
    pub const fn is_safe(self) -> bool {
        matches!(self, Self::Get | Self::Head | Self::Options)
    }
}

/// The header in which a host hands on the country that a trusted front told, whatever the front calls it.
pub const COUNTRY_HEADER: &str = "cf-ipcountry";

/// A request as it came in, with nothing read into it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Inbound {
    /// The method.
    pub method: Method,
    /// True if it came over TLS.
    pub secure: bool,
    /// The host that was asked, in lower case, without port.
    pub host: String,
    /// Path and query exactly as sent, starting with `/`. It need not be UTF-8.
    pub target: Vec<u8>,
    /// Header lines in order; names in lower case.
    pub headers: Vec<(String, Vec<u8>)>,
    /// The body, complete.
    pub body: Vec<u8>,
    /// The client's address, as the listener or a trusted front saw it.
    pub peer: Option<IpAddr>,
}

impl Inbound {
    /// The first value of the header called `name` (lower case), if it is UTF-8.
    pub fn header(&self, name: &str) -> Option<&str> {
        let (_, value) = self.headers.iter().find(|(header, _)| header == name)?;
        core::str::from_utf8(value).ok()
    }

    /// The visitor's country (ISO 3166-1 alpha-2, upper case), if a trusted front told one.
    pub fn country(&self) -> Option<&str> {
        let code = self.header(COUNTRY_HEADER)?.trim();
        let is_code = code.len() == 2 && code.bytes().all(|byte| byte.is_ascii_uppercase());
        // What fronts say where they do not know.
        (is_code && code != "XX").then_some(code)
    }

    /// The path, without query.
    pub fn path(&self) -> &[u8] {
        let end = memchr::memchr(b'?', &self.target).unwrap_or(self.target.len());
        self.target.get(..end).unwrap_or_default()
    }

    /// The query, without its question mark; none if there is no question mark.
    pub fn query(&self) -> Option<&[u8]> {
        let mark = memchr::memchr(b'?', &self.target)?;
        self.target.get(mark.saturating_add(1)..)
    }
}

/// A request to a platform.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Outbound {
    /// Which platform is meant.
    pub home: Home,
    /// The method's name.
    pub method: Text,
    /// True for https.
    pub secure: bool,
    /// The public host of the platform that is addressed; the adapter maps it to an origin.
    pub host: Text,
    /// Path and query, byte for byte as they go out.
    pub target: Vec<u8>,
    /// Header lines in order; names in lower case; without `host` and `content-length`.
    pub headers: Vec<(String, Vec<u8>)>,
    /// The body.
    pub body: Vec<u8>,
}

impl Outbound {
    /// The request's URL, for people and for redirects. Bytes that are no ASCII are percent-encoded.
    pub fn url(&self) -> String {
        let scheme = if self.secure { "https" } else { "http" };
        let mut url = format!("{scheme}://{}", self.host);
        for &byte in &self.target {
            if byte.is_ascii_graphic() {
                url.push(char::from(byte));
            } else {
                url.push_str(&format!("%{byte:02X}"));
            }
        }
        url
    }
}

/// What a platform said, unjudged.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// Header lines; names in lower case.
    pub headers: Vec<(String, Vec<u8>)>,
    /// The body, up to the limit that the request set.
    pub body: Vec<u8>,
}

impl Answer {
    /// The first value of the header called `name` (lower case), if it is UTF-8.
    pub fn header(&self, name: &str) -> Option<&str> {
        let (_, value) = self.headers.iter().find(|(header, _)| header == name)?;
        core::str::from_utf8(value).ok()
    }
}

/// Why there is no answer. What matters is whether the platform may have processed the request (I4).
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum SendFailure {
    /// Certain: no byte of the request was written (refused, no address, connect timeout, TLS failure).
    NothingSent(String),
    /// Uncertain: the request was written, wholly or partly, and no complete answer came.
    Ambiguous(String),
}

/// What an answer means for a conversion.
#[derive(Clone, Copy, PartialEq, Eq, Debug, PartialOrd, Ord, Hash)]
pub enum Verdict {
    /// Named in the answer: it is booked there.
    Confirmed,
    /// A recognised shape that proves nothing, such as an image.
    Taken,
    /// Refused for good: sending it again changes nothing.
    Rejected,
    /// Not now: it was certainly not processed, try later.
    Later,
    /// Our credentials are refused: pause the destination, burn no attempt.
    Paused,
    /// Not recognised: it may have been processed.
    Unknown,
}

impl Verdict {
    /// The verdict's name in files and tables.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Confirmed => "confirmed",
            Self::Taken => "taken",
            Self::Rejected => "rejected",
            Self::Later => "later",
            Self::Paused => "paused",
            Self::Unknown => "unknown",
        }
    }

    /// The verdict called `name`.
    pub fn parse(name: &str) -> Option<Self> {
        [Self::Confirmed, Self::Taken, Self::Rejected, Self::Later, Self::Paused, Self::Unknown]
            .into_iter()
            .find(|verdict| verdict.name() == name)
    }
}

/// An answer, judged by the dialect of the platform that gave it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Judged {
    /// What it means.
    pub verdict: Verdict,
    /// Why: the dialect's rule, or what was not recognised.
    pub reason: String,
    /// How long the platform asks us to wait.
    pub retry_after: Option<Duration>,
    /// False if a whole answer came, not of a failing server, and no rule of the dialect knows it: the platform
    /// speaks another language than it did.
    pub understood: bool,
}

//! The lines of access logs: which format it is, and where a request stands in a line.

use memchr::{memchr, memmem, memrchr};

/// A request as a line of a log names it, with nothing decoded.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Request<'l> {
    /// The method; empty if the log names none.
    pub method: &'l [u8],
    /// The host that was asked, perhaps with a port; empty if the log names none.
    pub host: &'l [u8],
    /// The path.
    pub path: &'l [u8],
    /// Behind the question mark; none if there is none.
    pub query: Option<&'l [u8]>,
}

/// A format of logs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Format {
    /// Common or combined, perhaps with the virtual host before the address.
    Combined,
    /// A `#Fields:` line that names the columns, separated by blanks (W3C extended, as IIS writes it) or by tabs
    /// (CloudFront's standard logs).
    Fields,
    /// A JSON object a line.
    Json,
    /// A URL a line.
    Urls,
}

impl Format {
    /// Every format.
    pub const ALL: [Self; 4] = [Self::Combined, Self::Fields, Self::Json, Self::Urls];

    /// The format's name on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Combined => "combined",
            Self::Fields => "fields",
            Self::Json => "json",
            Self::Urls => "urls",
        }
    }

    /// The format called `name`.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|format| format.name() == name)
    }

    /// The format of a log that begins so.
    pub fn detect(head: &[u8]) -> Self {
        let mut lines = head.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii);
        let Some(line) = lines.find(|line| !line.is_empty()) else { return Self::Urls };
        if line.starts_with(b"#") {
            return Self::Fields;
        }
        if line.starts_with(b"{") {
            return Self::Json;
        }
        if combined(line).is_some() { Self::Combined } else { Self::Urls }
    }
}

/// How the lines of one log are read. The columns of [`Format::Fields`] change with every `#Fields:` line.
#[derive(Clone, Debug)]
pub struct Layout {
    format: Format,
    columns: Columns,
}

/// The places of the columns that are of use.
#[derive(Clone, Copy, Default, Debug)]
struct Columns {
    tabs: bool,
    method: Option<usize>,
    host: Option<usize>,
    other_host: Option<usize>,
    path: Option<usize>,
    query: Option<usize>,
}

/// What a line is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Line<'l> {
    /// A request.
    Request(Request<'l>),
    /// Nothing to count: an empty line or a comment.
    Nothing,
    /// A line that says nothing of a request, and why.
    Bad(&'static str),
}

impl Layout {
    /// The layout of a log in this format.
    pub const fn new(format: Format) -> Self {
        let columns =
            Columns { tabs: false, method: None, host: None, other_host: None, path: None, query: None };
        Self { format, columns }
    }

    /// True if a line can be read without those before it.
    pub const fn is_stateless(&self) -> bool {
        !matches!(self.format, Format::Fields)
    }

    /// Reads a line.
    pub fn read<'l>(&mut self, line: &'l [u8]) -> Line<'l> {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if line.is_empty() {
            return Line::Nothing;
        }
        let (read, why) = match self.format {
            Format::Combined => (combined(line), "no quoted request"),
            Format::Fields if line.starts_with(b"#") => {
                if let Some(names) = line.strip_prefix(b"#Fields:") {
                    self.columns = Columns::named(names);
                }
                return Line::Nothing;
            }
            Format::Fields => (self.columns.read(line), "no path in the columns that `#Fields:` names"),
            Format::Json => (json(line), "no JSON object with a request"),
            Format::Urls => (url(line), "no URL with a host"),
        };
        read.map_or(Line::Bad(why), Line::Request)
    }
}

/// `a b c [time] "GET /path HTTP/1.1" …`, with the virtual host before it where four words stand before the time.
fn combined(line: &[u8]) -> Option<Request<'_>> {
    let quote = memchr(b'"', line)?;
    let before = &line[..quote];
    let host = virtual_host(before);
    let rest = &line[quote + 1..];
    let request = &rest[..closing_quote(rest)?];
    let blank = memchr(b' ', request)?;
    let (method, target) = (&request[..blank], &request[blank + 1..]);
    if method.is_empty() || !method.iter().all(u8::is_ascii_alphabetic) {
        return None;
    }
    let target = match memrchr(b' ', target) {
        Some(end) if target[end + 1..].starts_with(b"HTTP/") => &target[..end],
        _ => target,
    };
    from_target(method, host, target)
}

/// `host address - user [`: without a host, the second word is the `-` of the identity.
fn virtual_host(before: &[u8]) -> &[u8] {
    let Some(blank) = memchr(b' ', before) else { return b"" };
    let (first, rest) = (&before[..blank], &before[blank + 1..]);
    let names = first.iter().any(u8::is_ascii_alphabetic) && first.contains(&b'.');
    if names && !rest.starts_with(b"- ") { first } else { b"" }
}

/// The next quote that no backslash escapes.
fn closing_quote(rest: &[u8]) -> Option<usize> {
    let mut from = 0;
    loop {
        let place = from + memchr(b'"', &rest[from..])?;
        if place == 0 || rest[place - 1] != b'\\' {
            return Some(place);
        }
        from = place + 1;
    }
}

fn from_target<'l>(method: &'l [u8], host: &'l [u8], target: &'l [u8]) -> Option<Request<'l>> {
    if target.starts_with(b"/") {
        let (path, query) = split(target);
        return Some(Request { method, host, path, query });
    }
    // A request to a proxy names the whole URL.
    let request = url(target).filter(|_| has_scheme(target))?;
    Some(Request { method, ..request })
}

fn has_scheme(target: &[u8]) -> bool {
    let head = &target[..target.len().min(12)];
    memmem::find(head, b"://").is_some()
}

fn split(target: &[u8]) -> (&[u8], Option<&[u8]>) {
    match memchr(b'?', target) {
        Some(place) => (&target[..place], Some(&target[place + 1..])),
        None => (target, None),
    }
}

/// A URL with a scheme, with `//`, or with neither.
fn url(line: &[u8]) -> Option<Request<'_>> {
    let line = line.trim_ascii();
    let rest = match line.strip_prefix(b"//") {
        Some(rest) => rest,
        None if has_scheme(line) => {
            let place = memmem::find(line, b"://")?;
            let letters = line[..place].iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'*');
            if letters { &line[place + 3..] } else { line }
        }
        None => line,
    };
    let end = rest.iter().position(|byte| matches!(byte, b'/' | b'?' | b'#')).unwrap_or(rest.len());
    let (host, target) = rest.split_at(end);
    let host = host.rsplit(|byte| *byte == b'@').next().unwrap_or(host);
    let is_host = host.contains(&b'.')
        && host.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_' | b':'));
    let (path, query) = split(target);
    is_host.then_some(Request { method: b"", host, path: if path.is_empty() { b"/" } else { path }, query })
}

impl Columns {
    fn named(names: &[u8]) -> Self {
        let mut columns = Self { tabs: false, ..Self::default() };
        let all = names.split(|byte| matches!(byte, b' ' | b'\t')).filter(|name| !name.is_empty());
        for (place, name) in all.enumerate() {
            let name = name.trim_ascii();
            let slot = match name {
                b"cs-method" => &mut columns.method,
                // What the client asked for; `cs(Host)` of a cache is its own distribution's name.
                b"x-host-header" | b"cs-host" => &mut columns.host,
                b"cs(Host)" => &mut columns.other_host,
                b"cs-uri-stem" => &mut columns.path,
                b"cs-uri-query" => &mut columns.query,
                b"cs-uri" if columns.path.is_none() => &mut columns.path,
                // Only a cache's logs have it, and they are separated by tabs.
                b"x-edge-location" => {
                    columns.tabs = true;
                    continue;
                }
                _ => continue,
            };
            *slot = Some(place);
        }
        columns
    }

    fn read<'l>(&self, line: &'l [u8]) -> Option<Request<'l>> {
        let separator = if self.tabs { b'\t' } else { b' ' };
        let (mut method, mut host, mut other, mut target, mut query) =
            (&b""[..], &b""[..], &b""[..], None, None);
        let mut start = 0;
        let mut place = 0;
        while start <= line.len() {
            let end = memchr(separator, &line[start..]).map_or(line.len(), |end| start + end);
            let value = &line[start..end];
            let at = Some(place);
            if at == self.path {
                target = Some(value);
            } else if at == self.query {
                query = (value != b"-").then_some(value);
            } else if at == self.host {
                host = value;
            } else if at == self.other_host {
                other = value;
            } else if at == self.method {
                method = value;
            }
            start = end + 1;
            place += 1;
        }
        let host = if host.is_empty() || host == b"-" { other } else { host };
        let host = if host == b"-" { &b""[..] } else { host };
        let (path, own_query) = split(target.filter(|path| path.starts_with(b"/"))?);
        Some(Request { method, host, path, query: query.or(own_query) })
    }
}

/// The names under which JSON logs tell a request: Logpush, a cache's JSON, and our own.
const JSON_HOSTS: [&[u8]; 5] =
    [b"\"ClientRequestHost\"", b"\"x-host-header\"", b"\"cs-host\"", b"\"host\"", b"\"cs(Host)\""];
const JSON_TARGETS: [&[u8]; 3] = [b"\"ClientRequestURI\"", b"\"cs-uri-stem\"", b"\"uri\""];
const JSON_QUERIES: [&[u8]; 1] = [b"\"cs-uri-query\""];
const JSON_METHODS: [&[u8]; 3] = [b"\"ClientRequestMethod\"", b"\"cs-method\"", b"\"method\""];

/// A JSON object. A quoted name followed by a colon cannot stand inside a text, where its quotes would be escaped;
/// so the names are searched for, and the object is not parsed.
fn json(line: &[u8]) -> Option<Request<'_>> {
    if !line.starts_with(b"{") || !line.trim_ascii_end().ends_with(b"}") {
        return None;
    }
    let first = |names: &[&[u8]]| names.iter().find_map(|name| json_text(line, name));
    let method = first(&JSON_METHODS).unwrap_or(b"");
    if let Some(target) = first(&JSON_TARGETS) {
        let host = first(&JSON_HOSTS).unwrap_or(b"");
        let request = from_target(method, host, target)?;
        let query = first(&JSON_QUERIES).filter(|query| *query != b"-");
        return Some(Request { query: query.or(request.query), ..request });
    }
    let request = url(json_text(line, b"\"url\"")?)?;
    Some(Request { method, ..request })
}

/// The text behind a quoted name, as it stands: what JSON escapes in a URL (`\"`, `\\`, `\u0026`) changes no pattern
/// that matters, except an escaped `&`, which the reader of pairs knows.
fn json_text<'l>(line: &'l [u8], name: &[u8]) -> Option<&'l [u8]> {
    let mut from = 0;
    loop {
        let place = from + memmem::find(&line[from..], name)?;
        let behind = line[place + name.len()..].trim_ascii_start();
        if let Some(value) = behind.strip_prefix(b":") {
            let value = value.trim_ascii_start().strip_prefix(b"\"")?;
            return Some(&value[..closing_quote(value)?]);
        }
        from = place + name.len();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(format: Format, lines: &[&str]) -> String {
        let mut layout = Layout::new(format);
        let mut last = String::new();
        for line in lines {
            last = match layout.read(line.as_bytes()) {
                Line::Request(one) => {
                    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
                    let query = one.query.map_or("none".to_owned(), text);
                    format!("{} {} {} {query}", text(one.method), text(one.host), text(one.path))
                }
                Line::Nothing => "nothing".to_owned(),
                Line::Bad(why) => format!("bad: {why}"),
            };
        }
        last
    }

    #[test]
    fn combined_with_and_without_host() {
        let tail = "[23/Nov/2026:19:31:00 +0000] \"GET /p?x=1&y=\\\"2 HTTP/1.1\" 200 43 \"-\" \"Agent\"";
        for (start, host) in [
            ("192.0.2.1 - -", ""),
            ("2001:db8::1 - jo", ""),
            ("client.example.net - -", ""),
            ("shop.test:443 192.0.2.1 - -", "shop.test:443"),
            ("shop.test 192.0.2.1 - jo", "shop.test"),
        ] {
            let line = format!("{start} {tail}\r");
            assert_eq!(shown(Format::Combined, &[&line]), format!("GET {host} /p x=1&y=\\\"2"));
        }
        assert_eq!(
            shown(Format::Combined, &["192.0.2.1 - - [t] \"GET http://a.test/p HTTP/1.0\" 200"]),
            "GET a.test /p none"
        );
        for bad in ["192.0.2.1 - - [t] \"-\" 400", "192.0.2.1 - - [t] \"\\x16\\x03\" 400", "words"] {
            assert!(shown(Format::Combined, &[bad]).starts_with("bad"), "{bad}");
        }
    }

    #[test]
    fn columns_follow_their_header() {
        let head = "#Fields: date time s-ip cs-method cs-uri-stem cs-uri-query s-port cs-username cs-host";
        let line = "2026-11-23 19:31:00 192.0.2.9 GET /p.x a=1&b=2 443 - www.shop.test";
        assert_eq!(shown(Format::Fields, &["#Software: x", head, line]), "GET www.shop.test /p.x a=1&b=2");
        let line = "2026-11-23 19:31:00 192.0.2.9 GET /p.x - 443 - -";
        assert_eq!(shown(Format::Fields, &[head, line]), "GET  /p.x none");
        let head = "#Fields: date time x-edge-location sc-bytes c-ip cs-method cs(Host) cs-uri-stem sc-status \
                    cs(Referer) cs(User-Agent) cs-uri-query cs(Cookie) x-edge-result-type x-edge-request-id x-host-header";
        let line =
            "d\tt\tFRA\t1\t192.0.2.1\tGET\tx.cdn.test\t/p.x\t200\t-\tAn%20Agent\ta=1\t-\tHit\tid\tshop.test";
        assert_eq!(shown(Format::Fields, &[head, line]), "GET shop.test /p.x a=1");
        assert!(shown(Format::Fields, &[line]).starts_with("bad"), "without a header nothing is known");
    }

    #[test]
    fn json_objects() {
        for line in [
            r#"{"ClientRequestHost":"shop.test","ClientRequestMethod":"GET","ClientRequestURI":"/p?a=1"}"#,
            r#"{"date":"x","cs-method":"GET","x-host-header":"shop.test","cs-uri-stem":"/p","cs-uri-query":"a=1"}"#,
            r#"{ "method" : "GET", "url" : "https://shop.test/p?a=1" }"#,
        ] {
            assert_eq!(shown(Format::Json, &[line]), "GET shop.test /p a=1", "{line}");
        }
        let trap = r#"{"note":"\"url\":\"https://evil.test/\"","url":"https://shop.test/p"}"#;
        assert_eq!(shown(Format::Json, &[trap]), " shop.test /p none");
        for bad in ["{", "{}", r#"{"url":5}"#, r#"{"url":"x"}"#, "[1]"] {
            assert!(shown(Format::Json, &[bad]).starts_with("bad"), "{bad}");
        }
    }

    #[test]
    fn formats_are_known_by_their_first_line() {
        for (head, format) in [
            ("#Version: 1.0\n", Format::Fields),
            ("\n{\"url\":1}\n", Format::Json),
            ("192.0.2.1 - - [t] \"GET / HTTP/1.1\" 200 1\n", Format::Combined),
            ("https://shop.test/\n", Format::Urls),
            ("", Format::Urls),
        ] {
            assert_eq!(Format::detect(head.as_bytes()), format, "{head}");
            assert_eq!(Format::parse(format.name()), Some(format));
        }
    }
}

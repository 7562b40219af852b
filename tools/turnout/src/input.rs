//! Requests as people and logs write them: a bare URL, or a JSON object.

use serde::Deserialize;
use tracking::{Inbound, Method};

use crate::batch::LINE_BYTES_MAX;

/// A request as a JSON line.
#[derive(Debug, Deserialize)]
struct Line {
    url: String,
    #[serde(default = "get")]
    method: String,
    #[serde(default)]
    headers: Vec<(String, String)>,
    body: Option<String>,
}

fn get() -> String {
    "GET".to_owned()
}

/// Reads one line.
///
/// # Errors
/// What is wrong with it, for a person.
pub(crate) fn read(line: &[u8]) -> Result<Inbound, String> {
    if line.len() > LINE_BYTES_MAX {
        return Err(format!("the line is longer than {LINE_BYTES_MAX} bytes, and its end was skipped"));
    }
    let line = line.trim_ascii();
    if line.is_empty() {
        return Err("the line is empty: a URL or a JSON object is expected".to_owned());
    }
    if !line.starts_with(b"{") {
        return from_url(line);
    }
    let parsed: Line =
        serde_json::from_slice(line).map_err(|error| format!("this is no request in JSON: {error}"))?;
    let mut inbound = from_url(parsed.url.trim().as_bytes())?;
    inbound.method = Method::parse(&parsed.method.to_ascii_uppercase())
        .ok_or_else(|| format!("`{}` is no registered method that passes", parsed.method))?;
    inbound.headers = parsed
        .headers
        .into_iter()
        .map(|(name, value)| (name.to_ascii_lowercase(), value.into_bytes()))
        .collect();
    inbound.body = parsed.body.unwrap_or_default().into_bytes();
    Ok(inbound)
}

/// Reads a URL with any scheme, with `//`, or with none. What stands behind the host is kept byte for byte.
fn from_url(url: &[u8]) -> Result<Inbound, String> {
    let (secure, rest) = scheme(url);
    let end = rest.iter().position(|byte| matches!(byte, b'/' | b'?' | b'#')).unwrap_or(rest.len());
    let (authority, target) = rest.split_at(end);
    let host = host(authority).ok_or_else(|| {
        let shown: String = String::from_utf8_lossy(url).chars().take(80).collect();
        format!("`{shown}` is no URL: a host is expected, as in https://www.example.com/path?name=value")
    })?;
    let mut path = Vec::with_capacity(target.len() + 1);
    if !target.starts_with(b"/") {
        path.push(b'/');
    }
    path.extend(target);
    Ok(Inbound {
        method: Method::Get,
        secure,
        host,
        target: path,
        headers: Vec::new(),
        body: Vec::new(),
        peer: None,
    })
}

fn scheme(url: &[u8]) -> (bool, &[u8]) {
    if let Some(rest) = url.strip_prefix(b"//") {
        return (true, rest);
    }
    let place = url.windows(3).position(|window| window == b"://");
    match place {
        // A scheme is letters, or the `*` of a filter list; `://` further on belongs to a destination.
        Some(place) if url[..place].iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'*') => {
            (!url[..place].eq_ignore_ascii_case(b"http"), &url[place + 3..])
        }
        _ => (true, url),
    }
}

fn host(authority: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(authority).ok()?;
    let text = text.rsplit_once('@').map_or(text, |(_, host)| host);
    let host = text.rsplit_once(':').map_or(text, |(host, _)| host).trim_end_matches('.');
    let letters = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    (host.contains('.') && host.chars().all(letters)).then(|| host.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_of_every_kind() {
        for (line, secure, host, target) in [
            ("https://A.test/p?x=1", true, "a.test", "/p?x=1"),
            ("http://a.test", false, "a.test", "/"),
            ("//a.test?x", true, "a.test", "/?x"),
            ("*://a.test/r", true, "a.test", "/r"),
            ("Https://a.test:8443/p", true, "a.test", "/p"),
            ("a.test/p?to=https://b.test/", true, "a.test", "/p?to=https://b.test/"),
            ("https://a.test/p?ref=##ID##&x=<?", true, "a.test", "/p?ref=##ID##&x=<?"),
        ] {
            let inbound = read(line.as_bytes()).unwrap();
            let target = target.as_bytes().to_vec();
            assert_eq!(
                (inbound.secure, inbound.host.as_str(), inbound.target),
                (secure, host, target),
                "{line}"
            );
        }
    }

    #[test]
    fn json_lines_and_what_is_wrong_with_them() {
        let line = br#"{"method":"post","url":"https://a.test/p","headers":[["Cookie","x=1"]],"body":"a=1","more":1}"#;
        let inbound = read(line).unwrap();
        assert_eq!((inbound.method, inbound.header("cookie")), (Method::Post, Some("x=1")));
        assert_eq!(inbound.body, b"a=1");
        for (line, part) in [
            ("", "is empty"),
            ("{", "no request in JSON"),
            ("{\"method\":\"GET\"}", "missing field `url`"),
            ("{\"url\":\"https://a.test/\",\"method\":\"BREW\"}", "BREW"),
            ("nonsense", "is no URL"),
            ("https://exa mple/", "is no URL"),
        ] {
            let error = read(line.as_bytes()).unwrap_err();
            assert!(error.contains(part), "{line}: {error}");
        }
    }
}

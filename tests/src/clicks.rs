//! Shoppers who follow links.

use crate::http::{Answer, Client};

/// The value of a parameter of this URL, with `%` decoded.
pub fn parameter(url: &str, name: &str) -> Option<String> {
    let (_, query) = url.split_once('?')?;
    let query = query.split('#').next()?;
    let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    pairs.filter(|(key, _)| *key == name).map(|(_, value)| decode(value)).next()
}

/// The host of an absolute URL.
pub fn host(url: &str) -> Option<&str> {
    let (_, rest) = url.split_once("://")?;
    rest.split(['/', '?', '#']).next()
}

/// What stands behind the host of an absolute URL.
pub fn target(url: &str) -> String {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    match rest.find(['/', '?']) {
        Some(at) => match rest.split_at(at).1 {
            query if query.starts_with('?') => format!("/{query}"),
            target => target.to_owned(),
        },
        None => "/".to_owned(),
    }
}

/// Follows a URL to a server of our choice, with the URL's own host name.
pub fn follow(server: &mut Client, url: &str, headers: &[(&str, &str)]) -> Answer {
    let host = host(url).unwrap_or_else(|| panic!("no absolute URL: {url}"));
    server.get(host, &target(url), headers).unwrap_or_else(|error| panic!("{url}: {error}"))
}

/// `%` decoded.
pub fn decode(text: &str) -> String {
    let bytes = text.as_bytes();
    let (mut out, mut at) = (Vec::with_capacity(bytes.len()), 0);
    while let Some(&byte) = bytes.get(at) {
        let escaped = text.get(at + 1..at + 3).and_then(|hex| u8::from_str_radix(hex, 16).ok());
        match (byte, escaped) {
            (b'%', Some(value)) => {
                out.push(value);
                at += 3;
            }
            _ => {
                out.push(if byte == b'+' { b' ' } else { byte });
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_come_apart() {
        let url = "https://a.test?x=1&to=https%3A%2F%2Fb.test%2F%3Fy%3D2#end";
        assert_eq!(host(url), Some("a.test"));
        assert_eq!(target(url), "/?x=1&to=https%3A%2F%2Fb.test%2F%3Fy%3D2#end");
        assert_eq!(parameter(url, "to").as_deref(), Some("https://b.test/?y=2"));
        assert_eq!(target("https://a.test/p"), "/p");
    }
}

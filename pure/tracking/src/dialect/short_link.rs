//! Short links: requests whose code stands for another link of the platform, which only a table knows.

use crate::event::Class;
use crate::query;
use crate::source::Section;
use crate::wire::Inbound;

use super::{Dialect, Endpoint, Handling};

/// Where short links carry their codes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ShortLinks {
    /// The places, the first that holds a code counts.
    places: Vec<CodePlace>,
    /// True if letter case does not count.
    any_case: bool,
}

/// A place where a code may stand.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum CodePlace {
    /// The last part of the path.
    Path,
    /// The query's first pair, which has no value.
    BareQuery,
}

/// The code of a request.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Code<'r> {
    /// The code, as tables have it.
    pub text: String,
    /// The pair of the query that it is, as sent; none if it stands in the path.
    pub pair: Option<&'r [u8]>,
    /// What else the query holds, as sent.
    pub rest: Vec<u8>,
}

/// A link of the platform as a request for it.
#[derive(Debug)]
pub struct StoredLink<'d> {
    /// The endpoint that it asks.
    pub endpoint: &'d Endpoint,
    /// True for https.
    pub secure: bool,
    /// Its host, in lower case.
    pub host: String,
    /// Its path and query, byte for byte.
    pub target: Vec<u8>,
}

impl ShortLinks {
    /// The code of a request; none if it has none.
    pub fn code<'r>(&self, inbound: &'r Inbound) -> Option<Code<'r>> {
        let query = inbound.query().unwrap_or_default();
        self.places.iter().find_map(|place| match place {
            CodePlace::Path => {
                let last = inbound.path().rsplit(|byte| *byte == b'/').find(|part| !part.is_empty())?;
                Some(Code { text: self.written(last)?, pair: None, rest: query.to_vec() })
            }
            CodePlace::BareQuery => {
                let first = query::pairs(query).next()?;
                let text = first.value.is_none_or(<[u8]>::is_empty).then(|| self.written(first.name))??;
                let rest: Vec<&[u8]> = query::pairs(query).skip(1).map(|pair| pair.raw).collect();
                Some(Code { text, pair: Some(first.raw), rest: rest.join(&b"&"[..]) })
            }
        })
    }

    /// The form of a code that tables have.
    pub fn canonical(&self, code: &str) -> String {
        if self.any_case { code.to_lowercase() } else { code.to_owned() }
    }

    fn written(&self, raw: &[u8]) -> Option<String> {
        let text = query::text(raw);
        let code = text.trim();
        (!code.is_empty()).then(|| self.canonical(code))
    }
}

impl Dialect {
    /// The stored link `text` as a request.
    ///
    /// # Errors
    /// Why it is no link that a click can be made of, for people.
    pub fn stored_link(&self, text: &str) -> Result<StoredLink<'_>, &'static str> {
        let (secure, rest) = match (text.strip_prefix("https://"), text.strip_prefix("http://")) {
            (Some(rest), _) => (true, rest),
            (None, Some(rest)) => (false, rest),
            (None, None) => return Err("an absolute URL is expected, with http:// or https:// and a host"),
        };
        let rest = rest.split('#').next().unwrap_or_default();
        let end = rest.find(['/', '?']).unwrap_or(rest.len());
        let (host, target) = rest.split_at_checked(end).unwrap_or((rest, ""));
        let host = host.to_ascii_lowercase();
        let slash = if target.starts_with('/') { "" } else { "/" };
        let target = format!("{slash}{target}").into_bytes();
        if target.iter().any(|byte| byte.is_ascii_whitespace() || byte.is_ascii_control()) {
            return Err("blanks and control characters must be percent-encoded");
        }
        if !self.has_host(&host) {
            return Err("its host is none of the legacy platform's");
        }
        let path = target.split(|byte| *byte == b'?').next().unwrap_or_default();
        let endpoint = self.recognise(&host, path).filter(|endpoint| endpoint.is_a_click());
        let endpoint = endpoint.ok_or("no endpoint of the legacy platform takes it as a click")?;
        Ok(StoredLink { endpoint, secure, host, target })
    }
}

impl Endpoint {
    /// True for links that we can send shoppers on for ourselves. A short link is none: it would lead in a circle.
    fn is_a_click(&self) -> bool {
        self.class == Class::Click && self.handling == Handling::Translate
    }
}

impl StoredLink<'_> {
    /// How many pairs its query has.
    pub fn pairs(&self) -> usize {
        let query = self.target.splitn(2, |byte| *byte == b'?').nth(1);
        query::pairs(query.unwrap_or_default()).count()
    }

    /// The link as if `inbound` had asked for it, with `rest` behind its own query.
    pub fn asked_by(&self, inbound: &Inbound, rest: &[u8]) -> Inbound {
        let mut target = self.target.clone();
        if !rest.is_empty() {
            let has_query = target.contains(&b'?');
            target.push(if has_query { b'&' } else { b'?' });
            target.extend(rest);
        }
        Inbound { host: self.host.clone(), target, secure: self.secure, ..inbound.clone() }
    }
}

pub(super) fn read(section: &Section<'_, '_>) -> Option<ShortLinks> {
    section.text("source");
    let known = ["path", "bare query"];
    let place = |name: String| {
        let place = match name.as_str() {
            "path" => Some(CodePlace::Path),
            "bare query" => Some(CodePlace::BareQuery),
            _ => None,
        };
        if place.is_none() {
            section.mistake_at("code", crate::source::unknown_word("place", &name, &known));
        }
        place
    };
    let places: Vec<CodePlace> = section.texts("code").into_iter().filter_map(place).collect();
    if places.is_empty() {
        section.mistake("`code` is missing or empty: it says where short links carry their codes");
    }
    let case = section.choice("case", &["exact", "any"], |name| match name {
        "exact" => Some(false),
        "any" => Some(true),
        _ => None,
    });
    Some(ShortLinks { places, any_case: case.unwrap_or(true) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::Method;

    const OLD: &str = r#"
[dialect]
name = "old"
title = "Old"
home_url = "https://old.test/"
[short_link]
code = ["path", "bare query"]
[[hosts]]
group = "main"
names = ["old.test"]
[[hosts]]
group = "short"
names = ["s.test"]
[[endpoint]]
name = "click"
class = "click"
hosts = ["main"]
paths = ["/go"]
methods = ["GET"]
[[endpoint]]
name = "sale"
class = "conversion"
hosts = ["main"]
paths = ["/buy"]
methods = ["GET"]
[[endpoint]]
name = "short link"
class = "click"
hosts = ["short"]
paths = ["/*"]
methods = ["GET"]
handling = "short link"
"#;

    fn dialect() -> Dialect {
        Dialect::load("old.toml", OLD).unwrap_or_else(|mistakes| panic!("{mistakes:?}"))
    }

    fn asked(target: &str) -> Inbound {
        Inbound {
            method: Method::Get,
            secure: true,
            host: "s.test".to_owned(),
            target: target.as_bytes().to_vec(),
            headers: Vec::new(),
            body: Vec::new(),
            peer: None,
        }
    }

    #[test]
    fn a_code_is_found_where_the_dialect_says() {
        let dialect = dialect();
        let rule = dialect.short_links.as_ref().unwrap();
        for (target, wanted) in [
            ("/4ud5g", Some(("4ud5g", ""))),
            ("/4UD5G/", Some(("4ud5g", ""))),
            ("//49346?a=1&b=%20", Some(("49346", "a=1&b=%20"))),
            ("/2qj12-1hzb-kp67", Some(("2qj12-1hzb-kp67", ""))),
            ("/?dnf8", Some(("dnf8", ""))),
            ("/?~6plv&utm=1", Some(("~6plv", "utm=1"))),
            ("/?%7E6plv=", Some(("~6plv", ""))),
            ("/?a=1&dnf8", None),
            ("/", None),
            ("/?", None),
            ("/?=", None),
            ("/%20", None),
        ] {
            let inbound = asked(target);
            let code = rule.code(&inbound);
            let found =
                code.as_ref().map(|code| (code.text.as_str(), std::str::from_utf8(&code.rest).unwrap()));
            assert_eq!(found, wanted, "{target}");
        }
    }

    #[test]
    fn a_stored_link_is_a_click_of_the_platform() {
        let dialect = dialect();
        let link = dialect.stored_link("http://OLD.test/GO?shop=1&to=a%2Eb#top").unwrap();
        assert_eq!((link.endpoint.name.as_str(), link.secure), ("click", false));
        let inbound = link.asked_by(&asked("/x?site=2"), b"site=2");
        assert_eq!(inbound.host, "old.test");
        assert_eq!(inbound.target, b"/GO?shop=1&to=a%2Eb&site=2");
        let bare = dialect.stored_link("https://old.test/go").unwrap();
        assert_eq!(bare.asked_by(&asked("/x"), b"site=2").target, b"/go?site=2");
        for (text, why) in [
            ("old.test/go", "absolute"),
            ("https://new.test/go", "host"),
            ("https://old.test", "no endpoint"),
            ("https://old.test/buy?x=1", "no endpoint"),
            ("https://s.test/4ud5g", "no endpoint"),
            ("https://old.test/go?to=a b", "blanks"),
        ] {
            let told = dialect.stored_link(text).unwrap_err();
            assert!(told.contains(why), "{text}: {told}");
        }
    }

    #[test]
    fn mistakes_are_told() {
        let told = |text: &str| {
            let mistakes = Dialect::load("old.toml", text).unwrap_err();
            mistakes.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
        };
        assert!(told(&OLD.replace("\"bare query\"", "\"query\"")).contains("`query` is not a known place"));
        assert!(told(&OLD.replace("code = [\"path\", \"bare query\"]", "")).contains("`code` is missing"));
        let without = OLD.replace("[short_link]\ncode = [\"path\", \"bare query\"]\n", "");
        assert!(told(&without).contains("add `[short_link]`"), "{}", told(&without));
    }
}

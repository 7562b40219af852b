//! Postbacks: addresses that publishers registered with the platform being left, called for each of their
//! transactions with its facts in the places of that platform's macros.
//!
//! Which macros there are and what they stand for is data ([`Postbacks`]). A registered address is read once into a
//! [`Template`], with every mistake named; filled with [`Facts`], it becomes a [`Call`]. What a macro becomes is
//! percent-encoded, so that nothing in a fact can be read as part of the address.

mod facts;

use core::net::IpAddr;

use units::limits::POSTBACK_CHARS_MAX;
use url::{Host, Url};

use crate::network::is_public;
use crate::source::unknown_word;

pub use facts::{Clock, Fact, Facts, is_personal};

/// A platform's postbacks: what its macros are.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Postbacks {
    /// What stands before a macro's name.
    pub opening: String,
    /// What stands behind it.
    pub closing: String,
    /// Whose clock the time of a transaction is told by.
    pub clock: Clock,
    /// Each macro with what it stands for. Letter case does not count.
    pub macros: Vec<(String, Fact)>,
}

/// How a postback is called.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Manner {
    /// GET.
    Get,
    /// POST, with what stands behind the question mark as a form in the body.
    Post,
}

impl Manner {
    /// The method's name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
        }
    }

    /// The manner called `name`, in any letter case.
    pub fn parse(name: &str) -> Option<Self> {
        [Self::Get, Self::Post].into_iter().find(|manner| manner.name().eq_ignore_ascii_case(name))
    }
}

/// A registered address, understood.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Template {
    secure: bool,
    /// As the `Host` header has it: with the port, where it is not the scheme's own.
    host: String,
    /// The name or address without port, and the port.
    place: (String, u16),
    parts: Vec<Part>,
}

#[derive(Clone, PartialEq, Eq, Debug)]
enum Part {
    Text(String),
    Macro(Fact),
}

/// A postback as it goes out.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Call {
    /// True for https.
    pub secure: bool,
    /// The host, as the header has it.
    pub host: String,
    /// The name or address to connect to, and the port.
    pub place: (String, u16),
    /// Path and query.
    pub target: String,
    /// The form, where it is posted.
    pub form: Option<String>,
}

impl Template {
    /// Reads a registered address by the platform's macros. Addresses that are not public are refused unless
    /// `private_allowed`.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn parse(text: &str, postbacks: &Postbacks, private_allowed: bool) -> Result<Self, Vec<String>> {
        let mut wrong = Vec::new();
        if text.chars().count() > POSTBACK_CHARS_MAX {
            wrong.push(format!("the address is longer than {POSTBACK_CHARS_MAX} characters"));
        }
        if text.chars().any(|c| c.is_control() || c.is_whitespace() || c == '\\') {
            wrong.push(
                "the address holds a blank, a control character or a backslash: write them as %20".to_owned(),
            );
        }
        if text.contains('#') {
            wrong.push("the address has a `#`, and what follows it never reaches a server".to_owned());
        }
        let (authority, rest) = split(text);
        let url = read_authority(authority, postbacks, private_allowed).map_err(|why| wrong.push(why)).ok();
        let parts = read_parts(rest, postbacks, &mut wrong);
        if wrong.is_empty() && !parts.iter().any(|part| matches!(part, Part::Macro(_))) {
            let written =
                |(name, _): &(String, Fact)| format!("{}{name}{}", postbacks.opening, postbacks.closing);
            let known: Vec<String> = postbacks.macros.iter().map(written).collect();
            let known = known.join(", ");
            wrong
                .push(format!("the address holds no macro: every call would be the same; there are {known}"));
        }
        match url {
            Some(url) if wrong.is_empty() => Ok(Self::of(&url, parts)),
            _ => Err(wrong),
        }
    }

    fn of(url: &Url, parts: Vec<Part>) -> Self {
        let name = url.host_str().unwrap_or_default().to_owned();
        let host = url.port().map_or_else(|| name.clone(), |port| format!("{name}:{port}"));
        let port = url.port_or_known_default().unwrap_or(443);
        Self { secure: url.scheme() == "https", host, place: (name, port), parts }
    }

    /// The host, for people. The rest of an address may hold a publisher's own secrets.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The call for a transaction.
    pub fn fill(&self, manner: Manner, facts: &Facts) -> Call {
        let mut target = String::new();
        for part in &self.parts {
            match part {
                Part::Text(text) => target.push_str(text),
                Part::Macro(fact) => encode(&facts.told(*fact), &mut target),
            }
        }
        let form = match (manner, target.split_once('?')) {
            (Manner::Post, Some((path, query))) => {
                let query = query.to_owned();
                target = path.to_owned();
                Some(query)
            }
            (Manner::Post, None) => Some(String::new()),
            (Manner::Get, _) => None,
        };
        Call { secure: self.secure, host: self.host.clone(), place: self.place.clone(), target, form }
    }
}

/// Scheme with authority, and what follows them.
fn split(text: &str) -> (&str, &str) {
    let start = text.find("://").map_or(0, |at| at.saturating_add(3));
    let end = text.get(start..).and_then(|rest| rest.find(['/', '?', '#']));
    end.map_or((text, ""), |end| text.split_at_checked(start.saturating_add(end)).unwrap_or((text, "")))
}

fn read_authority(authority: &str, postbacks: &Postbacks, private_allowed: bool) -> Result<Url, String> {
    if authority.contains(&postbacks.opening) {
        return Err("a macro stands in the host's place, where a publisher's own host must stand".to_owned());
    }
    let url = Url::parse(authority).ok().filter(|url| matches!(url.scheme(), "http" | "https"));
    let url = url.ok_or_else(|| "this is no absolute address with http or https".to_owned())?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err("the address names a user or a password, which are not supported".to_owned());
    }
    let refused = match url.host() {
        Some(Host::Ipv4(address)) => !is_public(IpAddr::V4(address)),
        Some(Host::Ipv6(address)) => !is_public(IpAddr::V6(address)),
        Some(Host::Domain(name)) => is_local(name),
        None => true,
    };
    if refused && !private_allowed {
        let host = url.host_str().unwrap_or_default();
        return Err(format!("`{host}` is not on the public internet"));
    }
    Ok(url)
}

/// True for names that only a private network knows. What a public name leads to is looked at when it is called.
fn is_local(name: &str) -> bool {
    let name = name.strip_suffix('.').unwrap_or(name);
    let last = name.rsplit('.').next().unwrap_or_default();
    !name.contains('.') || matches!(last, "localhost" | "local" | "internal" | "lan" | "arpa" | "onion")
}

/// Path and query in parts; what no request line may hold is percent-encoded.
fn read_parts(rest: &str, postbacks: &Postbacks, wrong: &mut Vec<String>) -> Vec<Part> {
    let mut parts = Vec::new();
    let mut text = if rest.starts_with('/') { String::new() } else { "/".to_owned() };
    let mut rest = rest;
    while let Some((before, behind)) = rest.split_once(&postbacks.opening) {
        let Some((name, behind)) = behind.split_once(&postbacks.closing) else {
            wrong.push(format!("`{}` opens a macro that nothing closes", postbacks.opening));
            return parts;
        };
        plain(before, &mut text);
        parts.push(Part::Text(core::mem::take(&mut text)));
        match postbacks.macros.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)) {
            Some((_, fact)) => parts.push(Part::Macro(*fact)),
            None => {
                let known: Vec<&str> = postbacks.macros.iter().map(|(name, _)| name.as_str()).collect();
                wrong.push(unknown_word("macro", &name.chars().take(40).collect::<String>(), &known));
            }
        }
        rest = behind;
    }
    plain(rest, &mut text);
    parts.push(Part::Text(text));
    parts
}

fn plain(text: &str, out: &mut String) {
    for byte in text.bytes() {
        if byte.is_ascii_graphic() && !matches!(byte, b'"' | b'<' | b'>' | b'`') {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
}

/// Everything but the characters that mean themselves anywhere in an address.
fn encode(text: &str, out: &mut String) {
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
}

#[cfg(test)]
mod tests;

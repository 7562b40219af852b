//! Where a shopper lands, decided on the parsed URL.
//!
//! A link's destination is text that anybody could have written. It is parsed once by the parser that
//! browsers are specified by, held to the advertiser's registered domains on a label boundary, and sent on
//! as the parser wrote it, so that what was checked is what is followed. It is never fetched.

use url::{Host, Url};

use crate::directory::Domains;

/// Why a destination was refused. The shopper then lands on the merchant's own page.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum Refusal {
    /// It is no URL with http or https.
    NotAUrl,
    /// It is not on one of the advertiser's domains.
    ForeignHost,
    /// It names a user or a password.
    Credentials,
    /// Its host is an address instead of a name.
    AddressHost,
    /// It names a port other than the scheme's own.
    Port,
}

impl Refusal {
    /// The reason's name in facts and output.
    pub const fn name(self) -> &'static str {
        match self {
            Self::NotAUrl => "destination_not_a_url",
            Self::ForeignHost => "destination_foreign_host",
            Self::Credentials => "destination_credentials",
            Self::AddressHost => "destination_address_host",
            Self::Port => "destination_port",
        }
    }
}

/// The destination that `text` names, if it lies on one of `domains` (lower case) or a subdomain of one.
///
/// Links usually leave the scheme out; `https` is assumed then. Old builders of links left it in `[[…]]`.
///
/// # Errors
/// Why it is refused.
pub fn resolve(text: &str, domains: &Domains<'_>) -> Result<Url, Refusal> {
    let text = text.trim();
    let text = text.strip_prefix("[[").and_then(|text| text.strip_suffix("]]")).unwrap_or(text);
    // Control characters would be dropped by the parser without a word; nobody means them.
    if text.chars().any(char::is_control) || text.contains('\\') {
        return Err(Refusal::NotAUrl);
    }
    let url = Url::parse(&with_scheme(text)).map_err(|_| Refusal::NotAUrl)?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(Refusal::NotAUrl);
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(Refusal::Credentials);
    }
    let Some(Host::Domain(host)) = url.host() else { return Err(Refusal::AddressHost) };
    if !domains.iter().any(|domain| is_within(host, domain)) {
        return Err(Refusal::ForeignHost);
    }
    if url.port().is_some() {
        return Err(Refusal::Port);
    }
    Ok(url)
}

/// The text as an absolute URL: with the scheme that it has, or else `https`.
fn with_scheme(text: &str) -> String {
    let lower: String = text.chars().take(8).collect::<String>().to_lowercase();
    if lower.starts_with("http://") || lower.starts_with("https://") {
        text.to_owned()
    } else if text.starts_with("//") {
        format!("https:{text}")
    } else {
        format!("https://{text}")
    }
}

/// True if `host` is `domain` or a subdomain of it, with or without a final dot.
fn is_within(host: &str, domain: &str) -> bool {
    let host = host.strip_suffix('.').unwrap_or(host);
    host.strip_suffix(domain).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
}

/// `url` with `parameter=id` placed first in its query, where the merchant's old plug-in looks for it.
///
/// The rest of the query follows behind `&`, and the `&` stands there even where nothing follows, as the
/// legacy platform writes it.
pub fn with_click_id(url: &Url, parameter: &str, id: &str) -> Url {
    let mut landing = url.clone();
    let rest = url.query().unwrap_or_default();
    landing.set_query(Some(&format!("{parameter}={id}&{rest}")));
    landing
}

/// `url` without the click id that was copied with it from the page of an older click: shops that read the last of
/// two would credit that one.
pub fn without_click_id(mut url: Url, parameter: &str) -> Url {
    let is_id = |pair: &str| pair.split('=').next() == Some(parameter);
    let query = url.query().unwrap_or_default();
    if query.split('&').any(is_id) {
        let rest: Vec<&str> = query.split('&').filter(|pair| !is_id(pair)).collect();
        let rest = rest.join("&");
        url.set_query(Some(rest.as_str()).filter(|rest| !rest.is_empty()));
    }
    url
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn domains() -> Domains<'static> {
        Domains::new("example.com xn--bcher-kva.example")
    }

    #[track_caller]
    fn check(text: &str, expected: Result<&str, Refusal>) {
        let resolved = resolve(text, &domains());
        assert_eq!(resolved.as_ref().map(Url::as_str), expected.as_ref().copied(), "{text}");
    }

    #[test]
    fn destinations_of_the_merchant() {
        for (text, url) in [
            ("example.com", "https://example.com/"),
            ("www.example.com/p?id=1", "https://www.example.com/p?id=1"),
            ("https://example.com/a b", "https://example.com/a%20b"),
            ("HTTP://Example.COM:80/", "http://example.com/"),
            ("//example.com/x", "https://example.com/x"),
            ("bücher.example", "https://xn--bcher-kva.example/"),
            ("https://example.com./", "https://example.com./"),
            ("example.com/%ZZbad", "https://example.com/%ZZbad"),
            ("[[https://example.com/p]]", "https://example.com/p"),
        ] {
            check(text, Ok(url));
        }
    }

    #[test]
    fn destinations_of_others() {
        for (text, refusal) in [
            ("evil.test", Refusal::ForeignHost),
            ("example.com.evil.test", Refusal::ForeignHost),
            ("notexample.com", Refusal::ForeignHost),
            ("https://example.com@evil.test/", Refusal::Credentials),
            ("https://user:pass@example.com/", Refusal::Credentials),
            ("javascript:alert(1)", Refusal::NotAUrl),
            ("data:text/html,x", Refusal::NotAUrl),
            ("https://example.com\\@evil.test", Refusal::NotAUrl),
            ("https:///evil.test", Refusal::ForeignHost),
            ("https://2130706433/", Refusal::AddressHost),
            ("https://[::1]/", Refusal::AddressHost),
            ("https://example.com:8443/", Refusal::Port),
            ("/relative", Refusal::ForeignHost),
            ("", Refusal::NotAUrl),
            ("exa\tmple.com", Refusal::NotAUrl),
            ("https://example.com%2eevil.test/", Refusal::ForeignHost),
        ] {
            check(text, Err(refusal));
        }
    }

    #[test]
    fn the_click_id_stands_first() {
        for (url, landing) in [
            ("https://example.com/", "https://example.com/?id=x&"),
            ("https://example.com/?utm=1&b#top", "https://example.com/?id=x&utm=1&b#top"),
        ] {
            assert_eq!(with_click_id(&Url::parse(url).unwrap(), "id", "x").as_str(), landing);
        }
    }

    #[test]
    fn an_older_click_id_does_not_stay() {
        for (url, landing) in [
            ("https://example.com/?id=old#top", "https://example.com/#top"),
            ("https://example.com/?a=1&id=old&idea=2&id", "https://example.com/?a=1&idea=2"),
            ("https://example.com/?utm=1&&b&", "https://example.com/?utm=1&&b&"),
            ("https://example.com/?", "https://example.com/?"),
        ] {
            assert_eq!(without_click_id(Url::parse(url).unwrap(), "id").as_str(), landing);
        }
    }

    proptest! {
        #[test]
        fn nothing_leads_off_the_domains(text in "(https?:)?[/\\\\@:.a-z%0-9]{0,30}(example\\.com)?[/\\\\@:.a-z]{0,10}") {
            if let Ok(url) = resolve(&text, &domains()) {
                let host = url.host_str().unwrap().trim_end_matches('.').to_owned();
                prop_assert!(host == "example.com" || host.ends_with(".example.com"), "{}", url);
                prop_assert_eq!(Url::parse(url.as_str()).unwrap(), url);
            }
        }
    }
}

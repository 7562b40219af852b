//! The shape of what comes in and is not recognised: host group, path and names, and nothing that could tell
//! whose request it was (I9).
//!
//! A part of a path is shown only if it looks like a word; numbers, codes, addresses and everything else become
//! `*`. Values are never shown.

use tracking::Inbound;
use tracking::dialect::Dialect;
use units::limits::{SHAPE_PARTS_MAX, SHAPE_WORD_CHARS_MAX};

/// The shape of a request to a host of `dialect`, as `GET main /old/*.html ?a&b`.
pub fn shape(dialect: &Dialect, inbound: &Inbound) -> String {
    let group = dialect.host_group(&inbound.host).unwrap_or("other");
    let mut shape = format!("{} {group} ", inbound.method.name());
    let path = inbound.path();
    let parts: Vec<&[u8]> = path.split(|byte| *byte == b'/').filter(|part| !part.is_empty()).collect();
    for part in parts.iter().take(SHAPE_PARTS_MAX) {
        shape.push('/');
        shape.push_str(&file(part));
    }
    if parts.len() > SHAPE_PARTS_MAX {
        shape.push_str("/**");
    } else if path.ends_with(b"/") {
        shape.push('/');
    }
    let names = names(inbound.query().unwrap_or_default());
    if !names.is_empty() {
        shape.push_str(" ?");
        shape.push_str(&names.join("&"));
    }
    shape
}

/// The names of a query, in order and once each.
fn names(query: &[u8]) -> Vec<String> {
    let pairs = query.split(|byte| *byte == b'&').filter(|pair| !pair.is_empty());
    let mut names: Vec<String> = pairs
        .map(|pair| match pair.iter().position(|byte| *byte == b'=') {
            Some(end) => word(pair.get(..end).unwrap_or_default()),
            // A lone value, as in old short links.
            None => "*".to_owned(),
        })
        .collect();
    names.sort();
    names.dedup();
    if names.len() > SHAPE_PARTS_MAX {
        names.truncate(SHAPE_PARTS_MAX);
        names.push("**".to_owned());
    }
    names
}

/// A part of a path: a word, perhaps with one ending.
fn file(part: &[u8]) -> String {
    let Some(dot) = part.iter().rposition(|byte| *byte == b'.') else { return word(part) };
    let (name, ending) = (part.get(..dot).unwrap_or_default(), part.get(dot.saturating_add(1)..));
    let ending = ending.filter(|ending| (1..=5).contains(&ending.len()) && ending.is_ascii());
    let plain = name.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
    match ending.map(word) {
        Some(ending) if ending != "*" && plain => format!("{}.{ending}", word(name)),
        _ => "*".to_owned(),
    }
}

/// A word of letters, in lower case; `*` for everything that is none.
fn word(part: &[u8]) -> String {
    let letters = part.iter().filter(|byte| byte.is_ascii_alphabetic()).count();
    let plain = part.iter().all(|byte| byte.is_ascii_alphabetic() || matches!(byte, b'-' | b'_'));
    // Hexadecimal digits alone are a code as often as a word.
    let code = letters >= 6 && part.iter().all(|byte| byte.is_ascii_hexdigit() || *byte == b'-');
    if plain && !code && letters > 0 && part.len() <= SHAPE_WORD_CHARS_MAX {
        String::from_utf8_lossy(part).to_ascii_lowercase()
    } else {
        "*".to_owned()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use tracking::Method;

    fn dialect() -> Dialect {
        let text = "[dialect]\nname = \"a\"\ntitle = \"A\"\nhome_url = \"https://a.test/\"\n[[hosts]]\ngroup = \"main\"\n\
                    names = [\"a.test\"]\n";
        Dialect::load("a.toml", text).unwrap()
    }

    fn inbound(target: &[u8]) -> Inbound {
        Inbound {
            method: Method::Get,
            secure: true,
            host: "a.test".to_owned(),
            target: target.to_vec(),
            headers: Vec::new(),
            body: Vec::new(),
            peer: None,
        }
    }

    #[test]
    fn shapes_hold_words_and_names_alone() {
        let dialect = dialect();
        for (target, wanted) in [
            ("/", "GET main /"),
            ("/old/Page.html?b=1&A=2&b=3", "GET main /old/page.html ?a&b"),
            ("/shop/12345/edit", "GET main /shop/*/edit"),
            ("/a1b2/deadbeef/cafe/x.jpg", "GET main /*/*/cafe/x.jpg"),
            ("/mail/jane@doe.test?jane@doe.test=1", "GET main /mail/* ?*"),
            ("/jane.doe/%6aane", "GET main /jane.doe/*"),
            ("/x/?dnf8", "GET main /x/ ?*"),
            ("/averyveryveryverylongwordindeed", "GET main /*"),
            ("/a/b/c/d/e/f/g/h/i/j/k/l/m", "GET main /a/b/c/d/e/f/g/h/**"),
        ] {
            assert_eq!(shape(&dialect, &inbound(target.as_bytes())), wanted, "{target}");
        }
        let elsewhere = Inbound { host: "b.test".to_owned(), ..inbound(b"/") };
        assert_eq!(shape(&dialect, &elsewhere), "GET other /");
    }

    proptest! {
        /// I9: no digit, no mark of an address and no long text of a request is shown; I8: a shape is short.
        #[test]
        fn i9_a_shape_shows_no_value(target in "/[ -~\\x80-\\xff]{0,300}") {
            let shape = shape(&dialect(), &inbound(target.as_bytes()));
            prop_assert!(shape.len() < 1000);
            prop_assert!(!shape.bytes().any(|b| b.is_ascii_digit() || b == b'@' || b == b'%' || b == b'='), "{shape}");
        }
    }
}

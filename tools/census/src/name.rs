//! Names and paths as they may be shown: a broken request puts personal data into both.

use crate::pattern::Pattern;

/// Longest name or part of a path that is shown as it is.
const SHOWN_BYTES_MAX: usize = 48;

/// Parts of a path that are shown.
const PARTS_MAX: usize = 8;

/// A parameter's name: as it stands if it looks like one, else its pattern. Numbers in brackets are one name.
pub(crate) fn parameter(raw: &[u8]) -> Vec<u8> {
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.' | b';' | b'$');
    let (name, index) = match raw.iter().position(|byte| *byte == b'[') {
        Some(place) if raw.ends_with(b"]") => raw.split_at(place),
        _ => (raw, &b""[..]),
    };
    let digits = name.iter().filter(|byte| byte.is_ascii_digit()).count();
    let is_name = !name.is_empty() && name.len() <= SHOWN_BYTES_MAX && digits <= 4 && name.iter().all(plain);
    if !is_name {
        return format!("{{{}}}", Pattern::of(Some(raw))).into_bytes();
    }
    let mut shown = name.to_vec();
    match index {
        b"" => {}
        b"[]" => shown.extend(b"[]"),
        inner if inner[1..inner.len() - 1].iter().all(u8::is_ascii_digit) => shown.extend(b"[n]"),
        _ => shown.extend(b"[..]"),
    }
    shown
}

/// A path: parts that are words stay, others are shown as their pattern.
pub(crate) fn path(raw: &[u8]) -> Vec<u8> {
    let mut shown = Vec::with_capacity(raw.len());
    let parts = raw.strip_prefix(b"/").unwrap_or(raw).split(|byte| *byte == b'/');
    for (count, part) in parts.enumerate() {
        shown.push(b'/');
        if count >= PARTS_MAX {
            shown.extend(b"...");
            break;
        }
        // A file's name behind a number keeps its ending: `/image/{digits{4}}/{code{9..16}}.jpg`.
        match part.iter().rposition(|byte| *byte == b'.').filter(|place| is_ending(&part[place + 1..])) {
            Some(place) if !is_word(part) && part.iter().all(is_plain) => {
                shown.extend(format!("{{{}}}", Pattern::of(Some(&part[..place]))).into_bytes());
                shown.extend(&part[place..]);
            }
            _ if part.is_empty() || is_word(part) => shown.extend(part),
            _ => shown.extend(format!("{{{}}}", Pattern::of(Some(part))).into_bytes()),
        }
    }
    shown
}

fn is_ending(part: &[u8]) -> bool {
    (1..=5).contains(&part.len()) && part.iter().all(u8::is_ascii_alphanumeric)
}

const fn is_plain(byte: &u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.' | b'~')
}

/// Letters with joiners, and few digits: what people call things, not what machines number.
fn is_word(part: &[u8]) -> bool {
    let digits = part.iter().filter(|byte| byte.is_ascii_digit()).count();
    !part.is_empty()
        && part.len() <= SHOWN_BYTES_MAX
        && part.iter().all(is_plain)
        && digits <= 1
        && part.iter().any(u8::is_ascii_alphabetic)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(bytes: &[u8]) -> String {
        String::from_utf8_lossy(bytes).into_owned()
    }

    #[test]
    fn names_that_are_none_are_not_shown() {
        for (raw, shown) in [
            ("amount", "amount"),
            ("amp;u", "amp;u"),
            ("p12", "p12"),
            ("bd[12]", "bd[n]"),
            ("x[]", "x[]"),
            ("x[jo@example.com]", "x[..]"),
            ("jo@example.com", "{email}"),
            ("4915112345678", "{digits{13}}"),
            ("", "{empty}"),
        ] {
            assert_eq!(text(&parameter(raw.as_bytes())), shown, "{raw}");
        }
    }

    #[test]
    fn paths_keep_their_words() {
        for (raw, shown) in [
            ("/r.cgi", "/r.cgi"),
            ("/", "/"),
            ("/image/12345/banner-300x250.jpg", "/image/{digits{5}}/{code{9..16}}.jpg"),
            ("/3abc9", "/{code{1..8}}"),
            ("/users/jo@example.com/edit", "/users/{email}/edit"),
            ("//double", "//double"),
        ] {
            assert_eq!(text(&path(raw.as_bytes())), shown, "{raw}");
        }
    }
}

//! Queries, escapes and cookies as the platforms' servers read them: forgiving, first occurrence wins.

/// A query string taken apart; values stay as they came until asked for.
#[derive(Debug, Clone, Default)]
pub(crate) struct Query {
    pairs: Vec<(String, String)>,
}

impl Query {
    /// Splits at `&`. A left-over `amp;` before a name is dropped, as in `&amp;u=1` pasted from a page.
    pub(crate) fn parse(raw: &str) -> Self {
        let pairs = raw.split('&').filter(|pair| !pair.is_empty()).map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let name = name.strip_prefix("amp;").unwrap_or(name);
            (decode(name), value.to_owned())
        });
        Self { pairs: pairs.collect() }
    }

    /// The decoded value under exactly this name.
    pub(crate) fn get(&self, name: &str) -> Option<String> {
        self.pairs.iter().find(|(key, _)| key == name).map(|(_, value)| decode(value))
    }

    /// The decoded value under the first of `names` that is present.
    pub(crate) fn first(&self, names: &[&str]) -> Option<String> {
        names.iter().find_map(|name| self.get(name))
    }

    /// The decoded value under this name in any letter case.
    pub(crate) fn any_case(&self, name: &str) -> Option<String> {
        self.raw_any_case(name).map(decode)
    }

    /// The value as it came, under this name in any letter case.
    pub(crate) fn raw_any_case(&self, name: &str) -> Option<&str> {
        self.pairs.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// Names and undecoded values in order.
    pub(crate) fn pairs(&self) -> impl Iterator<Item = (&str, &str)> {
        self.pairs.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }
}

/// Undoes `%xx` and `+`; an invalid escape stays as it is.
pub(crate) fn decode(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        let pair =
            (bytes.get(at + 1).copied().and_then(hex_digit), bytes.get(at + 2).copied().and_then(hex_digit));
        match (byte, pair) {
            (b'%', (Some(high), Some(low))) => {
                out.push(high * 16 + low);
                at += 3;
            }
            (b'+', _) => {
                out.push(b' ');
                at += 1;
            }
            _ => {
                out.push(byte);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// Escapes everything but letters, digits and `-._~`.
pub(crate) fn encode(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 16);
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            push_escape(&mut out, byte);
        }
    }
    out
}

/// Escapes only what cannot stand in a header or in a quoted script string.
pub(crate) fn safe_url(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte <= b' ' || byte >= 0x7f || b"\"'<>\\`".contains(&byte) {
            push_escape(&mut out, byte);
        } else {
            out.push(char::from(byte));
        }
    }
    out
}

/// The host of a URL in lower case, without port; nothing when there is none.
pub(crate) fn host_of(url: &str) -> Option<String> {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let authority = rest.split(['/', '?', '#']).next()?;
    let host = authority.rsplit('@').next()?.split(':').next()?;
    (!host.is_empty()).then(|| host.to_ascii_lowercase())
}

/// Puts `parameters` first in the query of `url`, before whatever is there; the fragment stays last.
pub(crate) fn with_first(url: &str, parameters: &str) -> String {
    let (rest, fragment) = split_fragment(url);
    match rest.split_once('?') {
        Some((path, query)) => format!("{path}?{parameters}&{query}{fragment}"),
        None => format!("{rest}?{parameters}{fragment}"),
    }
}

/// Appends `parameters` to the query of `url`; the fragment stays last.
pub(crate) fn with_last(url: &str, parameters: &str) -> String {
    let (rest, fragment) = split_fragment(url);
    let joint = match rest.split_once('?') {
        Some((_, "")) => "",
        Some(_) => "&",
        None => "?",
    };
    format!("{rest}{joint}{parameters}{fragment}")
}

/// The value of one cookie in a `Cookie` header.
pub(crate) fn cookie<'a>(header: &'a str, name: &str) -> Option<&'a str> {
    header
        .split(';')
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(key, _)| *key == name)
        .map(|(_, value)| value)
}

/// An amount in hundredths. Comma decimals and a currency sign are read as they occur in the wild.
pub(crate) fn minor(amount: &str) -> Option<i64> {
    let amount = amount.trim().trim_start_matches(['$', '\'']).trim_end_matches('\'').replace(',', ".");
    let (negative, digits) =
        amount.strip_prefix('-').map_or((false, amount.as_str()), |digits| (true, digits));
    let (whole, part) = digits.split_once('.').unwrap_or((digits, ""));
    if whole.is_empty() && part.is_empty()
        || !part.bytes().chain(whole.bytes()).all(|byte| byte.is_ascii_digit())
    {
        return None;
    }
    let whole: i64 = if whole.is_empty() { 0 } else { whole.parse().ok()? };
    let mut hundredths: String = part.chars().take(2).collect();
    while hundredths.len() < 2 {
        hundredths.push('0');
    }
    let round_up = part.as_bytes().get(2).is_some_and(|&digit| digit >= b'5');
    let total = whole.checked_mul(100)?.checked_add(hundredths.parse::<i64>().ok()? + i64::from(round_up))?;
    Some(if negative { -total } else { total })
}

/// The first `count` characters.
pub(crate) fn cut(text: &str, count: usize) -> String {
    text.chars().take(count).collect()
}

fn split_fragment(url: &str) -> (&str, String) {
    match url.split_once('#') {
        Some((rest, fragment)) => (rest, format!("#{fragment}")),
        None => (url, String::new()),
    }
}

fn push_escape(out: &mut String, byte: u8) {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    out.push('%');
    out.push(char::from(HEX[usize::from(byte >> 4)]));
    out.push(char::from(HEX[usize::from(byte & 15)]));
}

fn hex_digit(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        b'A'..=b'F' => Some(byte - b'A' + 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_as_the_platforms_find_them() {
        let query = Query::parse("B=1&amp;u=2&urllink=www%2Ea%2Ecom%ZZ+b&&u=3&flag");
        assert_eq!(query.any_case("b").as_deref(), Some("1"));
        assert_eq!(query.any_case("U").as_deref(), Some("2"));
        assert_eq!(query.any_case("urllink").as_deref(), Some("www.a.com%ZZ b"));
        assert_eq!(query.get("flag").as_deref(), Some(""));
        assert_eq!(query.get("b"), None);
    }

    #[test]
    fn parameters_land_where_they_should() {
        assert_eq!(with_first("https://a.com/x?y=1#z", "s=2"), "https://a.com/x?s=2&y=1#z");
        assert_eq!(with_first("https://a.com/x?", "s=2"), "https://a.com/x?s=2&");
        assert_eq!(with_first("https://a.com/", "s=2"), "https://a.com/?s=2");
        assert_eq!(with_last("https://a.com/x?y=1#z", "s=2"), "https://a.com/x?y=1&s=2#z");
        assert_eq!(with_last("https://a.com/x", "s=2"), "https://a.com/x?s=2");
    }

    #[test]
    fn amounts_of_the_wild_are_read() {
        let cases = [
            ("10.00", Some(1000)),
            ("10", Some(1000)),
            ("9.9", Some(990)),
            ("12,50", Some(1250)),
            ("$3.005", Some(301)),
            ("-2.50", Some(-250)),
            ("AMOUNTOFSALE", None),
            ("", None),
            (".", None),
        ];
        for (text, want) in cases {
            assert_eq!(minor(text), want, "{text}");
        }
    }
}

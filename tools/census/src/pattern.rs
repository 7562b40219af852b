//! The pattern of a value: what can be said of it without showing it.

use std::fmt;

/// What a value looks like. Lengths are in bytes as they stand in the log; what varies too much is told in steps.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
pub enum Pattern {
    /// There is no `=`.
    Absent,
    /// Nothing behind the `=`.
    Empty,
    /// Decimal digits, so many.
    Digits(u8),
    /// Digits with one point or comma.
    Decimal,
    /// A date that begins with a year, or month/day/year.
    Date,
    /// Hexadecimal digits with a letter among them, so many (16 and more).
    Hex(u8),
    /// Hexadecimal digits in groups of 8, 4, 4, 4 and 12.
    Uuid,
    /// Letters, so many, up to 3.
    Letters(u8),
    /// Letters, more than 3.
    Word,
    /// Letters and digits, perhaps with `_`, `-` or `.`; the length is in steps of 8.
    Code(u8),
    /// Something with `@` and a point behind it.
    Email,
    /// A URL with a scheme, or a domain with a path.
    Url,
    /// Several items separated by commas.
    List,
    /// What a template left behind: `##…##`, `{{…}}`, `${…}`, `<?…`, `[[…]]`.
    Placeholder,
    /// Anything else; the length is in steps of 16.
    Text(u8),
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Absent => f.write_str("no ="),
            Self::Empty => f.write_str("empty"),
            Self::Digits(length) => write!(f, "digits{{{length}}}"),
            Self::Decimal => f.write_str("decimal"),
            Self::Date => f.write_str("date"),
            Self::Hex(length) => write!(f, "hex{{{length}}}"),
            Self::Uuid => f.write_str("uuid"),
            Self::Letters(length) => write!(f, "letters{{{length}}}"),
            Self::Word => f.write_str("word"),
            Self::Code(step) => write!(f, "code{{{}}}", Range(*step, 8)),
            Self::Email => f.write_str("email"),
            Self::Url => f.write_str("url"),
            Self::List => f.write_str("list"),
            Self::Placeholder => f.write_str("placeholder"),
            Self::Text(step) => write!(f, "text{{{}}}", Range(*step, 16)),
        }
    }
}

/// A step of lengths as `9..16`.
struct Range(u8, u16);

impl fmt::Display for Range {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(step, width) = *self;
        if step == LAST_STEP {
            return write!(f, "{}..", u16::from(step) * width + 1);
        }
        write!(f, "{}..{}", u16::from(step) * width + 1, (u16::from(step) + 1) * width)
    }
}

/// Longer values than this step are not told apart.
const LAST_STEP: u8 = 8;

const DIGIT: u16 = 1;
const HEX_LETTER: u16 = 1 << 1;
const LETTER: u16 = 1 << 2;
const POINT: u16 = 1 << 3;
const JOINER: u16 = 1 << 4;
const COMMA: u16 = 1 << 5;
const PERCENT: u16 = 1 << 6;
const AT: u16 = 1 << 7;
const SLASH: u16 = 1 << 8;
const MARK: u16 = 1 << 9;
const OTHER: u16 = 1 << 10;

/// The kind of every byte.
static KINDS: [u16; 256] = kinds();

const fn kinds() -> [u16; 256] {
    let mut table = [OTHER; 256];
    let mut at = 0_usize;
    while at < 256 {
        #[expect(clippy::cast_possible_truncation, reason = "the loop ends at 255")]
        let byte = at as u8;
        table[at] = match byte {
            b'0'..=b'9' => DIGIT,
            b'a'..=b'f' | b'A'..=b'F' => HEX_LETTER,
            b'g'..=b'z' | b'G'..=b'Z' => LETTER,
            b'.' => POINT,
            b'_' | b'-' => JOINER,
            b',' => COMMA,
            b'%' => PERCENT,
            b'@' => AT,
            b'/' | b':' => SLASH,
            b'#' | b'{' | b'$' | b'<' | b'[' => MARK,
            _ => OTHER,
        };
        at += 1;
    }
    table
}

impl Pattern {
    /// The pattern of a value as it stands in the log; none where there is no `=`.
    pub fn of(value: Option<&[u8]>) -> Self {
        let Some(value) = value else { return Self::Absent };
        if value.is_empty() {
            return Self::Empty;
        }
        let kinds = value.iter().fold(0, |kinds, byte| kinds | KINDS[usize::from(*byte)]);
        match kinds {
            DIGIT => Self::Digits(short(value.len())),
            _ if kinds & !(DIGIT | HEX_LETTER) == 0 && kinds & DIGIT != 0 && value.len() >= 16 => {
                Self::Hex(short(value.len()))
            }
            _ if kinds & !(HEX_LETTER | LETTER) == 0 => match value.len() {
                1..=3 => Self::Letters(short(value.len())),
                _ => Self::Word,
            },
            _ if kinds & !(DIGIT | HEX_LETTER | LETTER | POINT | JOINER) == 0 => code(value, kinds),
            _ => mixed(value, kinds),
        }
    }
}

fn short(length: usize) -> u8 {
    u8::try_from(length).unwrap_or(u8::MAX)
}

fn step(length: usize, width: usize) -> u8 {
    short((length - 1) / width).min(LAST_STEP)
}

/// Letters, digits and joiners: a date, a decimal, a domain, a UUID or a code.
fn code(value: &[u8], kinds: u16) -> Pattern {
    if kinds & (HEX_LETTER | LETTER) == 0 {
        if kinds & JOINER == 0 && value.iter().filter(|byte| **byte == b'.').count() == 1 {
            return Pattern::Decimal;
        }
        if is_date(value, b'-') {
            return Pattern::Date;
        }
    }
    if value.len() == 36 && kinds & (LETTER | POINT) == 0 && value.get(8) == Some(&b'-') {
        return Pattern::Uuid;
    }
    if value.get(..4).is_some_and(|start| start.eq_ignore_ascii_case(b"www.")) {
        return Pattern::Url;
    }
    Pattern::Code(step(value.len(), 8))
}

/// What holds anything else.
fn mixed(value: &[u8], kinds: u16) -> Pattern {
    if kinds & (AT | PERCENT) != 0 && is_email(value) {
        return Pattern::Email;
    }
    if kinds & (SLASH | PERCENT) != 0 {
        if is_url(value) {
            return Pattern::Url;
        }
        if is_date(value, b'/') {
            return Pattern::Date;
        }
    }
    if kinds & (MARK | PERCENT) != 0 && is_placeholder(value) {
        return Pattern::Placeholder;
    }
    if kinds & !(DIGIT | COMMA | POINT) == 0 && kinds & POINT == 0 {
        let commas = value.iter().filter(|byte| **byte == b',').count();
        let behind = value.rsplit(|byte| *byte == b',').next().map_or(0, <[u8]>::len);
        if commas == 1 && (1..=2).contains(&behind) && value.len() > behind + 1 {
            return Pattern::Decimal;
        }
    }
    if kinds & COMMA != 0 || (kinds & PERCENT != 0 && has(value, b"%2c")) {
        return Pattern::List;
    }
    Pattern::Text(step(value.len(), 16))
}

/// Whether it holds a part, in any case; the part's first byte is no letter.
fn has(value: &[u8], part: &[u8]) -> bool {
    let first = part.first().copied().unwrap_or_default();
    memchr::memchr_iter(first, value).any(|place| starts(&value[place..], part))
}

fn starts(value: &[u8], part: &[u8]) -> bool {
    value.get(..part.len()).is_some_and(|start| start.eq_ignore_ascii_case(part))
}

fn is_email(value: &[u8]) -> bool {
    let escaped = || memchr::memchr_iter(b'%', value).find(|place| starts(&value[*place..], b"%40"));
    let mark = memchr::memchr(b'@', value).or_else(escaped);
    mark.is_some_and(|mark| mark > 0 && value[mark..].contains(&b'.'))
}

fn is_url(value: &[u8]) -> bool {
    // A scheme is letters, so its colon is the first byte that is none.
    let scheme = value.iter().position(|byte| !byte.is_ascii_alphanumeric()).unwrap_or(0);
    let behind = &value[scheme..];
    const COLON: [&[u8]; 4] = [b"://", b":%2f%2f", b"%3a%2f%2f", b"%3a//"];
    if scheme > 0 && COLON.iter().any(|mark| starts(behind, mark)) {
        return true;
    }
    // A domain with a path, or with nothing behind it but an escape.
    let end = value.iter().position(|byte| matches!(byte, b'/' | b'%' | b'?')).unwrap_or(value.len());
    let domain = &value[..end];
    let letters = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-');
    let dotted = domain.iter().position(|byte| *byte == b'.').is_some_and(|place| place > 0);
    dotted && domain.iter().all(letters) && domain.iter().any(u8::is_ascii_alphabetic)
}

fn is_date(value: &[u8], joiner: u8) -> bool {
    let mut parts = 0;
    let digits = value.split(|byte| *byte == joiner).all(|part| {
        parts += 1;
        (1..=4).contains(&part.len()) && part.iter().all(u8::is_ascii_digit)
    });
    digits && parts == 3 && (8..=10).contains(&value.len())
}

fn is_placeholder(value: &[u8]) -> bool {
    const LEFT: [&[u8]; 10] =
        [b"##", b"{{", b"${", b"<?", b"[[", b"{$", b"%23%23", b"%7b%7b", b"%24%7b", b"%3c%3f"];
    let is_mark = |place: usize| LEFT.iter().any(|mark| starts(&value[place..], mark));
    let mut places =
        (0..value.len()).filter(|place| KINDS[usize::from(value[*place])] & (MARK | PERCENT) != 0);
    places.any(is_mark) || (value.first() == Some(&b'{') && value.last() == Some(&b'}'))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn values_and_what_is_said_of_them() {
        for (value, shown) in [
            ("", "empty"),
            ("12345", "digits{5}"),
            ("10.00", "decimal"),
            ("1234,56", "decimal"),
            ("2026-11-23", "date"),
            ("11/23/2026", "date"),
            ("d41d8cd98f00b204e9800998ecf8427e", "hex{32}"),
            ("550e8400-e29b-41d4-a716-446655440000", "uuid"),
            ("USD", "letters{3}"),
            ("sale", "word"),
            ("11k8_cr29d", "code{9..16}"),
            ("A-1", "code{1..8}"),
            ("jo@example.com", "email"),
            ("jo%40example.com", "email"),
            ("https://example.com/", "url"),
            ("https%3A%2F%2Fexample.com", "url"),
            ("example.com/shop?x", "url"),
            ("www.example.com", "url"),
            ("example.com%2Fshop", "url"),
            ("a,b,c", "list"),
            ("a%2Cb", "list"),
            ("1,2,3", "list"),
            ("##ORDER##", "placeholder"),
            ("%7B%7Border%7D%7D", "placeholder"),
            ("two+words", "text{1..16}"),
        ] {
            assert_eq!(Pattern::of(Some(value.as_bytes())).to_string(), shown, "{value}");
        }
        assert_eq!(Pattern::of(None).to_string(), "no =");
        let long = vec![b'!'; 5000];
        assert_eq!(Pattern::of(Some(&long)).to_string(), "text{129..}");
    }

    proptest! {
        #[test]
        fn every_value_has_a_pattern_that_shows_nothing_of_it(value: Vec<u8>) {
            let shown = Pattern::of(Some(&value)).to_string();
            prop_assert!(shown.len() < 24);
        }
    }
}

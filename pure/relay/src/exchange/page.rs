//! A page that sends a shopper on by its script, for clients that read the address out of it.

use tracking::dialect::Dialect;

use crate::reply::Reply;

/// The same reply as a page: the address of the redirect stands in its script, and everything else stays.
pub(super) fn script_page(dialect: &Dialect, mut reply: Reply) -> Reply {
    let Some((before, behind)) = &dialect.script_page else { return reply };
    let Some(place) = reply.headers.iter().position(|(name, _)| name == "location") else { return reply };
    let (_, location) = reply.headers.remove(place);
    reply.headers.insert(0, ("content-type".to_owned(), "text/html; charset=utf-8".to_owned()));
    reply.status = 200;
    reply.body = [before, quoted(&location).as_str(), behind].concat().into_bytes();
    reply
}

/// Where a reply sends the shopper: by its header, or by the script of its page.
pub(crate) fn address(dialect: &Dialect, reply: &Reply) -> Option<String> {
    let header = reply.headers.iter().find(|(name, _)| name == "location");
    header.map(|(_, location)| location.clone()).or_else(|| {
        let (before, behind) = dialect.script_page.as_ref()?;
        let text = core::str::from_utf8(&reply.body).ok()?;
        let quoted = text.strip_prefix(before.as_str())?.strip_suffix(behind.as_str())?;
        Some(quoted.replace('\\', ""))
    })
}

/// An address inside a script's text in single quotes, inside a page.
///
/// Readers take what stands between the quotes and strip the backslashes, so slashes are escaped as ever. What
/// could end the text, the script or the comment is percent-encoded instead: that means the same address, and
/// nothing else, to a browser, to a parser of pages, and to those readers.
fn quoted(address: &str) -> String {
    let mut quoted = String::with_capacity(address.len().saturating_add(32));
    for byte in address.bytes() {
        match byte {
            b'/' => quoted.push_str("\\/"),
            b'\'' | b'"' | b'<' | b'>' | b'\\' | b'`' | b'{' | b'}' => {
                quoted.push_str(&format!("%{byte:02X}"))
            }
            byte if byte.is_ascii_graphic() => quoted.push(char::from(byte)),
            byte => quoted.push_str(&format!("%{byte:02X}")),
        }
    }
    quoted
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn slashes_are_escaped_and_quotes_are_encoded() {
        let hostile = "https://a.test/p?x='+alert(1)+'&y=</script><!--\\\u{2028}\r\n\u{e9}\"`${z}#'";
        assert_eq!(
            quoted(hostile),
            "https:\\/\\/a.test\\/p?x=%27+alert(1)+%27&y=%3C\\/script%3E%3C!--%5C%E2%80%A8%0D%0A%C3%A9%22%60$%7Bz%7D#%27"
        );
    }

    proptest! {
        #[test]
        fn nothing_in_an_address_ends_its_text(address in any::<String>()) {
            let quoted = quoted(&address);
            let harmless = |b: u8| b.is_ascii_graphic() && !b"'\"<>`{}".contains(&b);
            prop_assert!(quoted.bytes().all(harmless));
            // Every backslash stands before a slash, which it means.
            let rest = quoted.replace("\\/", "");
            prop_assert!(!rest.contains(['\\', '/']));
        }
    }
}

//! The gate as a table: raw heads and what becomes of them.

use Refusal as R;

use super::*;

const GET: &str = "GET /r?a=1 HTTP/1.1\r\n";
const POST: &str = "POST /s HTTP/1.1\r\nHost: h\r\n";

fn checked(head: &[u8]) -> Result<Head<'_>, Refusal> {
    check(head, &Limits::default())
}

/// Each of these heads is refused for its reason.
fn refuses(cases: &[(String, Refusal)]) {
    for (head, refusal) in cases {
        let shown: String = head.chars().take(120).collect();
        assert_eq!(checked(head.as_bytes()).map(|_| ()), Err(*refusal), "{shown:?}");
    }
}

#[test]
fn request_lines_that_readers_split_differently_are_refused() {
    refuses(&[
        ("GET ftp://a/x HTTP/1.1\r\nHost: a\r\n\r\n".into(), R::Target),
        ("GET x HTTP/1.1\r\nHost: a\r\n\r\n".into(), R::Target),
        ("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n".into(), R::Target),
        ("GET  HTTP/1.1\r\nHost: a\r\n\r\n".into(), R::Target),
        ("CONNECT a:443 HTTP/1.1\r\nHost: a\r\n\r\n".into(), R::Method),
        ("TRACE / HTTP/1.1\r\nHost: a\r\n\r\n".into(), R::Method),
        ("G(T / HTTP/1.1\r\nHost: a\r\n\r\n".into(), R::RequestLine),
        ("GET /\r\nHost: a\r\n\r\n".into(), R::RequestLine),
        ("GET / HTTP/1.1 \r\nHost: a\r\n\r\n".into(), R::RequestLine),
        (" GET / HTTP/1.1\r\nHost: a\r\n\r\n".into(), R::RequestLine),
        ("GET / http/1.1\r\nHost: a\r\n\r\n".into(), R::RequestLine),
        ("GET / HTTP/2.0\r\nHost: a\r\n\r\n".into(), R::Version),
        ("PRI * HTTP/2.0\r\n\r\n".into(), R::Version),
        ("GET /a b HTTP/1.1\r\nHost: a\r\n\r\n".into(), R::TargetBytes),
        ("GET /é HTTP/1.1\r\nHost: a\r\n\r\n".into(), R::TargetBytes),
        ("GET /?a\tb HTTP/1.1\r\nHost: a\r\n\r\n".into(), R::TargetBytes),
        ("GET /?a\0b HTTP/1.1\r\nHost: a\r\n\r\n".into(), R::TargetBytes),
        ("GET /?a=1 HTTP/1.1 HTTP/1.1\r\nHost: a\r\n\r\n".into(), R::TargetBytes),
        (format!("GET /{} HTTP/1.1\r\nHost: h\r\n\r\n", "a".repeat(70_000)), R::TargetTooLong),
        (format!("GET /{} HTTP/1.1\r\nHost: h\r\n\r\n", "a".repeat(90_000)), R::TargetTooLong),
    ]);
}

#[test]
fn hosts_that_are_not_exactly_one_are_refused() {
    refuses(&[
        (format!("{GET}\r\n"), R::HostMissing),
        (format!("{GET}Host: a\r\nHost: a\r\n\r\n"), R::HostRepeated),
        (format!("{GET}Host: a\r\nhost: b\r\n\r\n"), R::HostRepeated),
        (format!("{GET}Host: a/b\r\n\r\n"), R::HostInvalid),
        (format!("{GET}Host: a b\r\n\r\n"), R::HostInvalid),
        (format!("{GET}Host: u@a\r\n\r\n"), R::HostInvalid),
        (format!("{GET}Host: a, b\r\n\r\n"), R::HostInvalid),
        (format!("{GET}Host: a:x\r\n\r\n"), R::HostInvalid),
        (format!("{GET}Host: a:+80\r\n\r\n"), R::HostInvalid),
        (format!("{GET}Host: a:99999\r\n\r\n"), R::HostInvalid),
        (format!("{GET}Host: [::1]x\r\n\r\n"), R::HostInvalid),
        (format!("{GET}Host: [zz]\r\n\r\n"), R::HostInvalid),
        (format!("{GET}Host:\r\n\r\n"), R::HostInvalid),
        (format!("{GET}Host: .\r\n\r\n"), R::HostInvalid),
        ("GET http://a/x HTTP/1.1\r\nHost: b\r\n\r\n".into(), R::HostMismatch),
        ("GET http://u@a/x HTTP/1.1\r\nHost: a\r\n\r\n".into(), R::HostInvalid),
    ]);
}

#[test]
fn bodies_that_readers_cut_differently_are_refused() {
    refuses(&[
        (format!("{POST}Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n"), R::LengthAndCoding),
        (format!("{POST}Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n"), R::LengthAndCoding),
        (format!("{POST}Content-Length: 3\r\nContent-Length: 3\r\n\r\n"), R::LengthRepeated),
        (format!("{POST}Content-Length: 3\r\ncontent-length: 4\r\n\r\n"), R::LengthRepeated),
        (format!("{POST}Content-Length: 3, 3\r\n\r\n"), R::LengthInvalid),
        (format!("{POST}Content-Length: +3\r\n\r\n"), R::LengthInvalid),
        (format!("{POST}Content-Length: -1\r\n\r\n"), R::LengthInvalid),
        (format!("{POST}Content-Length: 0x3\r\n\r\n"), R::LengthInvalid),
        (format!("{POST}Content-Length:\r\n\r\n"), R::LengthInvalid),
        (format!("{POST}Content-Length: 65537\r\n\r\n"), R::BodyTooLong),
        (format!("{POST}Content-Length: 99999999999999999999999999\r\n\r\n"), R::BodyTooLong),
        (format!("{POST}Transfer-Encoding: gzip, chunked\r\n\r\n"), R::Coding),
        (format!("{POST}Transfer-Encoding: chunked, chunked\r\n\r\n"), R::Coding),
        (format!("{POST}Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n"), R::Coding),
        (format!("{POST}Transfer-Encoding: identity\r\n\r\n"), R::Coding),
        (format!("{POST}Transfer-Encoding: xchunked\r\n\r\n"), R::Coding),
        (format!("{POST}Transfer-Encoding:\r\n\r\n"), R::Coding),
        ("POST /s HTTP/1.0\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n".into(), R::Coding),
        (format!("{POST}Content-Encoding: gzip\r\nContent-Length: 3\r\n\r\n"), R::ContentEncoding),
        (format!("{POST}Expect: a miracle\r\n\r\n"), R::Expectation),
        (format!("{GET}Host: h\r\nContent-Length: 3\r\n\r\n"), R::BodyNotAllowed),
        (format!("{GET}Host: h\r\nTransfer-Encoding: chunked\r\n\r\n"), R::BodyNotAllowed),
        ("HEAD / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\n\r\n".into(), R::BodyNotAllowed),
    ]);
}

#[test]
fn header_lines_that_readers_read_differently_are_refused() {
    refuses(&[
        (format!("{POST}Transfer-Encoding: \x0bchunked\r\n\r\n"), R::HeaderValue),
        (format!("{POST}Transfer-Encoding : chunked\r\n\r\n"), R::HeaderName),
        ("GET / HTTP/1.1\nHost: h\n\n".into(), R::BareLineFeed),
        ("GET / HTTP/1.1\r\nHost: h\n\r\n".into(), R::BareLineFeed),
        ("GET / HTTP/1.1\r\nHost: h\r\n\n".into(), R::BareLineFeed),
        ("GET / HTTP/1.1\r\nHost: h\rX: y\r\n\r\n".into(), R::BareCarriageReturn),
        (format!("{GET}Host: h\r\n folded\r\n\r\n"), R::FoldedHeader),
        (format!("{GET} Host: h\r\n\r\n"), R::FoldedHeader),
        (format!("{GET}Host: h\r\nX : y\r\n\r\n"), R::HeaderName),
        (format!("{GET}Host: h\r\n: y\r\n\r\n"), R::HeaderName),
        (format!("{GET}Host: h\r\nNo colon\r\n\r\n"), R::HeaderName),
        (format!("{GET}Host: h\r\nX: a\0b\r\n\r\n"), R::HeaderValue),
        (format!("{GET}Host: h\r\nX: a\x7fb\r\n\r\n"), R::HeaderValue),
        (format!("{GET}Host: h\r\nX: {}\r\n\r\n", "a".repeat(90_000)), R::HeadTooLong),
        (format!("{GET}Host: h\r\n{}\r\n", "X: y\r\n".repeat(64)), R::TooManyHeaders),
    ]);
}

#[test]
fn legacy_dirt_in_a_query_is_read_byte_for_byte() {
    for query in [
        &b"a=\"b\"<c>{d}|e\\f^g`h"[..],
        b"name=caf\xe9",
        b"name=caf\xc3\xa9",
        b"place=New York",
        b"place=New  York ",
        b"ref=##ORDERID##&a=%zz&&=;+",
        b"u=https://shop.example/a?b=c",
    ] {
        let head = [b"GET /p/q.x?", query, b" HTTP/1.1\r\nHost: h\r\n\r\n"].concat();
        let read = checked(&head).unwrap();
        assert_eq!(read.target, [b"/p/q.x?", query].concat(), "{}", String::from_utf8_lossy(query));
    }
}

#[test]
fn a_sound_head_is_read() {
    let head = b"POST http://WWW.Example.COM.:8080/a?b HTTP/1.1\r\nHost: www.example.com:8080\r\nCookie: \xe9=1 \r\n\
        Connection: X-Mine , keep-alive\r\nX-Mine: gone\r\nKeep-Alive: 5\r\nContent-Length: 12\r\nUser-Agent:\tme\r\n\
        Expect: 100-Continue\r\n\r\n";
    let read = checked(head).unwrap();
    assert_eq!((read.method, read.target, read.host.as_str()), ("POST", &b"/a?b"[..], "www.example.com"));
    assert_eq!((read.body, read.keep_alive, read.expects_continue), (BodyLength::Bytes(12), true, true));
    assert_eq!(read.headers, [("Cookie", &b"\xe9=1"[..]), ("User-Agent", b"me")]);
}

#[test]
fn hosts_are_brought_to_one_form() {
    for (written, host) in [
        ("Example.COM", "example.com"),
        ("example.com.", "example.com"),
        ("example.com:", "example.com"),
        ("a_b-c.example:65535", "a_b-c.example"),
        ("127.0.0.1:80", "127.0.0.1"),
        ("[::1]:80", "[::1]"),
        ("[2001:DB8::1]", "[2001:db8::1]"),
    ] {
        let head = format!("{GET}Host: {written}\r\n\r\n");
        assert_eq!(checked(head.as_bytes()).unwrap().host, host, "{written}");
    }
}

#[test]
fn connections_stay_open_as_the_client_says() {
    for (version, headers, keep_alive) in [
        ("1.1", "", true),
        ("1.1", "Connection: close\r\n", false),
        ("1.1", "Connection: a, Close\r\n", false),
        ("1.1", "Connection: upgrade\r\nUpgrade: h2c\r\nHTTP2-Settings: x\r\n", false),
        ("1.0", "", false),
        ("1.0", "Connection: Keep-Alive\r\n", true),
        ("1.0", "Connection: keep-alive, close\r\n", false),
    ] {
        let head = format!("GET / HTTP/{version}\r\nHost: h\r\n{headers}\r\n");
        let read = checked(head.as_bytes()).unwrap();
        assert_eq!(read.keep_alive, keep_alive, "{version} {headers:?}");
        assert_eq!(read.headers, [], "{headers:?}");
    }
}

#[test]
fn bodies_are_measured() {
    for (headers, body) in [
        ("", BodyLength::None),
        ("Content-Length: 0\r\n", BodyLength::None),
        ("Content-Length: 0000\r\n", BodyLength::None),
        ("Content-Length: 65536\r\n", BodyLength::Bytes(65536)),
        ("Transfer-Encoding: Chunked\r\n", BodyLength::Chunked),
        ("Content-Encoding: identity\r\nContent-Length: 1\r\n", BodyLength::Bytes(1)),
    ] {
        let head = format!("{POST}{headers}\r\n");
        assert_eq!(checked(head.as_bytes()).unwrap().body, body, "{headers:?}");
    }
    let head = format!("{GET}Host: h\r\nContent-Length: 0\r\n\r\n");
    assert_eq!(checked(head.as_bytes()).unwrap().body, BodyLength::None);
}

#[test]
fn the_end_of_a_head_is_found_however_it_arrives() {
    for head in ["GET / HTTP/1.1\r\nHost: h\r\n\r\n", "GET / HTTP/1.1\nHost: h\n\n", "a\r\n\n", "a\n\r\n"] {
        let with_more = format!("{head}GET ");
        assert_eq!(find_end(with_more.as_bytes(), 0), Some(head.len()), "{head:?}");
        for seen in 0..head.len() {
            assert_eq!(find_end(&head.as_bytes()[..seen], 0), None, "{head:?} {seen}");
            assert_eq!(find_end(with_more.as_bytes(), seen), Some(head.len()), "{head:?} from {seen}");
        }
    }
    assert_eq!(find_end(b"", 5), None);
}

#[test]
fn every_refusal_has_a_status_and_a_sentence() {
    for refusal in [Refusal::Method, Refusal::Chunk, Refusal::Coding, Refusal::TargetTooLong] {
        assert!((400..600).contains(&refusal.status()), "{refusal:?}");
        assert!(refusal.to_string().len() > 20 && !refusal.code().contains(' '), "{refusal:?}");
    }
}

proptest::proptest! {
    #[test]
    fn no_bytes_break_the_gate(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..200), cut in 0_usize..40) {
        let sound = b"POST /a?b=1 HTTP/1.1\r\nHost: h.example\r\nContent-Length: 3\r\nX: y\r\n\r\n";
        let mut mixed = sound.to_vec();
        mixed.splice(cut..cut, bytes.iter().copied());
        for head in [bytes.as_slice(), mixed.as_slice()] {
            if let Ok(read) = checked(head) {
                proptest::prop_assert!(read.target.first() == Some(&b'/'));
                proptest::prop_assert!(!read.host.is_empty());
            }
        }
    }
}

//! What comes over a connection: a request's head, a chunked body, cookies.

use admission::chunked::Chunked;
use admission::{BodyLength, Limits, gate as reader};

use crate::world;

const BODY_BYTES_MAX: usize = 512;

/// A request head is read within its limits or refused, and what is read stands in it, byte for byte.
pub fn gate(input: &[u8]) {
    let limits = Limits {
        target_bytes_max: 256,
        head_bytes_max: 1024,
        headers_max: 8,
        body_bytes_max: BODY_BYTES_MAX,
    };
    let end = reader::find_end(input, 0);
    for cut in 0..input.len().min(64) {
        // Bytes come in pieces; the search goes on where it stopped, and finds the same end.
        let first = reader::find_end(input.get(..cut).unwrap(), 0);
        assert_eq!(first.or_else(|| reader::find_end(input, cut)), end, "cut at {cut}");
    }
    let head = input.get(..end.unwrap_or(input.len())).unwrap();
    let Ok(read) = admission::check(head, &limits) else { return };
    let token = |byte: u8| byte.is_ascii_graphic() && !b"\"(),/:;<=>?@[\\]{}".contains(&byte);
    assert!(!read.method.is_empty() && read.method.bytes().all(token));
    assert!(!matches!(read.method, "CONNECT" | "TRACE"));
    assert!(read.target.len() <= limits.target_bytes_max && is_within(read.target, head));
    assert!(!read.target.iter().any(u8::is_ascii_control), "{read:?}");
    assert!(!read.host.bytes().any(|byte| byte.is_ascii_uppercase() || byte.is_ascii_control()), "{read:?}");
    assert!(read.headers.len() <= limits.headers_max);
    for (name, value) in &read.headers {
        assert!(is_within(name.as_bytes(), head) && is_within(value, head));
        assert!(!value.iter().any(|byte| matches!(byte, b'\r' | b'\n' | 0)), "{read:?}");
    }
    if let BodyLength::Bytes(length) = read.body {
        assert!((1..=BODY_BYTES_MAX).contains(&length));
    }
}

/// Whether `part` is a piece of `whole` itself and no copy.
fn is_within(part: &[u8], whole: &[u8]) -> bool {
    let (part, whole) = (part.as_ptr_range(), whole.as_ptr_range());
    part.is_empty() || (whole.start <= part.start && part.end <= whole.end)
}

/// A chunked body comes out the same however it is cut, and never larger than allowed.
pub fn chunked(input: &[u8]) {
    let read = |piece: usize| {
        let (mut reader, mut body, mut taken) = (Chunked::new(BODY_BYTES_MAX), Vec::new(), 0);
        for part in input.chunks(piece) {
            match reader.feed(part, &mut body) {
                Ok(count) => {
                    assert!(count <= part.len() && (count == part.len() || reader.is_done()));
                    taken += count;
                }
                Err(refusal) => return Err(refusal),
            }
            assert!(body.len() <= BODY_BYTES_MAX && body.len() <= taken);
        }
        Ok((reader.is_done(), taken, body))
    };
    let whole = read(input.len().max(1));
    for piece in [1, 2, 7] {
        assert_eq!(read(piece), whole, "in pieces of {piece}");
    }
}

/// Cookies are pieces of their header, and no header makes a click of another programme's.
pub fn cookies(input: &[u8]) {
    let header = String::from_utf8_lossy(input);
    for (name, value) in tracking::cookie::pairs(&header) {
        assert!(
            is_within(name.as_bytes(), header.as_bytes()) && is_within(value.as_bytes(), header.as_bytes())
        );
    }
    let mut inbound =
        world::get("www.shareasale.com", b"/sale.cfm?merchantID=789&amount=1&tracking=1".to_vec());
    inbound.headers.push(("cookie".to_owned(), input.to_vec()));
    let snapshot = world::snapshot();
    let endpoint = snapshot.migration.legacy.recognise(&inbound.host, inbound.path()).unwrap();
    let id = units::EventId::new(units::Seed(1), world::NOW);
    let reading = relay::exchange::read(&snapshot, endpoint, &inbound, id, world::NOW);
    if let Some(click) = reading.remembered_click(&snapshot, &inbound) {
        assert_eq!(click.advertiser_id, 789);
        assert!(click.publisher_id > 0);
    }
}

//! What a request says: its query, and what is made of it.

use relay::exchange::{Exchange, Health};
use relay::step::Step;
use relay::translation::{Translation, translate as explain};
use tracking::query as words;
use tracking::{Inbound, Method};
use units::{Seed, limits};

use crate::world;

/// A query loses nothing when it is split, and is decoded once and only once.
pub fn query(input: &[u8]) {
    let kept: Vec<&[u8]> = words::pairs(input).map(|pair| pair.raw).collect();
    let wanted: Vec<&[u8]> = input.split(|byte| *byte == b'&').filter(|raw| !raw.is_empty()).collect();
    assert_eq!(kept, wanted);
    for pair in words::pairs(input) {
        let again = match pair.value {
            Some(value) => [pair.name, value].join(&b'='),
            None => pair.name.to_vec(),
        };
        assert_eq!(again, pair.raw);
    }
    assert!(words::decode(input).len() <= input.len());
    // What has been escaped once more is what it was: no second decoding happens on the way.
    let mut escaped = Vec::new();
    words::encode_into(&mut escaped, input);
    assert_eq!(words::decode(&escaped), input);
    let mut passed = Vec::new();
    words::pass_into(&mut passed, input);
    assert!(passed.iter().all(u8::is_ascii_graphic));
    if input.iter().all(u8::is_ascii_graphic) {
        assert_eq!(passed, input, "what is visible ASCII passes as it is");
    }
    drop(words::text(input));
}

const HOSTS: [&str; 5] =
    ["shareasale.com", "www.shareasale.com", "shareasale-analytics.com", "api.shareasale.com", "shrsl.com"];
const STARTS: [&str; 8] = [
    "/r.cfm?b=123&u=456&m=789&",
    "/sale.cfm?merchantID=789&",
    "/r.cfm?",
    "/sale.cfm?",
    "/q.cfm?",
    "/m-pr.cfm?",
    "/u.cfm?",
    "/",
];

/// Any request at all is understood or declined: every parameter has a fate, every reply and every request to a
/// platform is well formed, and what no rule touches passes through.
pub fn translate(input: &[u8]) {
    let [kind, rest @ ..] = input else { return };
    let inbound = inbound(*kind, rest);
    let told = explain(&inbound, &world::snapshot(), Seed(3), world::NOW);
    well_formed(&told);
    every_parameter_has_a_fate(&inbound, &told);
    passes_through(rest);
    is_decoded_once(rest);
    reaches_the_legacy_platform_as_it_is(rest);
}

/// The first byte picks host, path and method; what follows is the query, then a cookie, then a body.
fn inbound(kind: u8, rest: &[u8]) -> Inbound {
    let pick = |from: usize, among: usize| usize::from(kind).checked_div(from).unwrap_or(0) % among;
    let mut parts = rest.splitn(3, |byte| *byte == b'\n');
    let mut target = STARTS[pick(1, STARTS.len())].as_bytes().to_vec();
    target.extend(parts.next().unwrap_or_default());
    let mut inbound = world::get(HOSTS[pick(8, HOSTS.len())], target);
    inbound.headers.extend(parts.next().map(|value| ("cookie".to_owned(), value.to_vec())));
    if let Some(body) = parts.next() {
        (inbound.method, inbound.body) = (Method::Post, body.to_vec());
    }
    inbound
}

fn well_formed(told: &Translation) {
    assert!((100..600).contains(&told.reply.status), "{:?}", told.reply);
    for (name, value) in &told.reply.headers {
        let is_clean = |text: &str| !text.bytes().any(|byte| byte.is_ascii_control());
        assert!(is_clean(name) && is_clean(value), "{name}: {value:?}");
    }
    let Some(request) = &told.primary else { return };
    assert!(request.target.starts_with(b"/"), "{request:?}");
    assert!(request.target.iter().all(u8::is_ascii_graphic), "{request:?}");
    for (name, value) in &request.headers {
        assert!(!value.iter().any(|byte| matches!(byte, b'\r' | b'\n' | 0)), "{name}: {request:?}");
    }
}

/// I11, seen from outside: as many accounts as parameters, up to the limit.
fn every_parameter_has_a_fate(inbound: &Inbound, told: &Translation) {
    let sent = words::pairs(inbound.query().unwrap_or_default()).count();
    if told.endpoint.is_some() {
        assert!(
            told.parameters.len() >= sent.min(limits::PARAMETERS_MAX),
            "{sent} parameters in {:?}, {} accounts: {:#?}",
            String::from_utf8_lossy(&inbound.target),
            told.parameters.len(),
            told.parameters,
        );
    }
}

/// Parameters that no rule touches reach the new platform in their order, repeats, emptiness and dirt included.
fn passes_through(input: &[u8]) {
    let values = input.split(|byte| matches!(byte, b'&' | b'\n')).take(8).filter(|value| is_plain(value));
    let mut sent = Vec::new();
    for (number, value) in values.enumerate() {
        sent.extend(b"&zq".iter().chain((number % 3).to_string().as_bytes()).chain(b"=").chain(value));
    }
    let target = [b"/r.cfm?b=123&u=456&m=789".as_slice(), &sent].concat();
    let told = explain(&world::get("shareasale.com", target), &world::snapshot(), Seed(3), world::NOW);
    let request = told.primary.expect("a click of a moved programme is translated");
    let mut wanted = Vec::new();
    words::pass_into(&mut wanted, &sent);
    let found = request.target.windows(wanted.len().max(1)).any(|window| window == wanted);
    assert!(found || wanted.is_empty(), "{:?} is not in {}", String::from_utf8_lossy(&wanted), request.url());
}

/// What is not translated goes to the legacy platform with every byte of its path and query as it came: the clicks of
/// programmes that have not moved, and whatever no endpoint takes.
fn reaches_the_legacy_platform_as_it_is(input: &[u8]) {
    let target: Vec<u8> = input.iter().copied().filter(|byte| !byte.is_ascii_control()).collect();
    for start in ["/r.cfm?b=123&u=456&m=44911&", "/no-such-page.cfm?"] {
        let inbound = world::get("www.shareasale.com", [start.as_bytes(), &target].concat());
        let sent = inbound.target.clone();
        let mut exchange = Exchange::open(inbound, world::snapshot(), Health::default(), Seed(3), world::NOW);
        let asked = core::iter::from_fn(|| exchange.poll()).find_map(|step| match step {
            Step::Send { request, .. } => Some(request.target),
            _ => None,
        });
        let asked = asked.unwrap_or_else(|| panic!("{}: nobody is asked", String::from_utf8_lossy(&sent)));
        assert_eq!(asked, sent, "{}", String::from_utf8_lossy(&sent));
    }
}

/// A link in a value is for the destination's rules, and a byte that no head lets in never comes.
fn is_plain(value: &[u8]) -> bool {
    let has = |part: &[u8]| value.windows(part.len()).any(|window| window.eq_ignore_ascii_case(part));
    value.len() <= 64
        && !value.iter().any(|byte| byte.is_ascii_control() || *byte == b' ')
        && !has(b"//")
        && !has(b"cfm")
        && !has("¤".as_bytes())
        && !has(b"%c2%a4")
        && !has(b"%3a")
}

/// A publisher's own reference means the same at the other end: decoded once, encoded once.
fn is_decoded_once(input: &[u8]) {
    let is_taken = |byte: &u8| byte.is_ascii_alphanumeric() || b"%+ -._~;,'\"<>|".contains(byte);
    let reference: Vec<u8> = input.iter().copied().filter(is_taken).take(40).collect();
    let reference = reference.trim_ascii();
    // A template's quotes around nothing are nothing.
    if matches!(reference, b"" | b"''" | b"\"\"") {
        return;
    }
    let mut target = b"/r.cfm?b=123&u=456&m=789&afftrack=".to_vec();
    words::encode_into(&mut target, reference);
    let told = explain(&world::get("shareasale.com", target), &world::snapshot(), Seed(3), world::NOW);
    let request = told.primary.expect("a click of a moved programme is translated");
    let query = request.target.splitn(2, |byte| *byte == b'?').nth(1).unwrap_or_default();
    let value = words::pairs(query).find(|pair| pair.name == b"clickref2").and_then(|pair| pair.value);
    let arrived = words::decode(value.unwrap_or_else(|| panic!("no reference in {}", request.url())));
    assert_eq!(String::from_utf8_lossy(&arrived), String::from_utf8_lossy(reference), "{}", request.url());
}

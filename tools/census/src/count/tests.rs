use proptest::prelude::*;

use super::*;
use crate::{Options, census_of_bytes};

const OPTIONS: Options = Options { format: None, host: None, keep_values: false, threads: 1, seed: 7 };

fn nothing(_: &[u8], _: &[u8]) -> Option<u32> {
    None
}

/// A word of letters for each number.
fn word(number: usize) -> String {
    let mut rest = number;
    let mut letters = String::new();
    for _ in 0..5 {
        letters.push(char::from(b"abcdefghijklmnopqrstuvwxyz"[rest % 26]));
        rest /= 26;
    }
    letters
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn endpoints_shapes_parameters_and_patterns() {
    let log = b"https://A.test/p?x=1&y=a\nhttps://a.test:443/p?y=b&x=22\nhttps://a.test/p\nnonsense\n";
    let census = census_of_bytes(log, &OPTIONS, &nothing);
    assert_eq!((census.requests, census.bad), (3, 1));
    assert_eq!(census.endpoints.len(), 1);
    let endpoint = &census.endpoints[0];
    assert_eq!((text(&endpoint.host), text(&endpoint.path)), ("a.test".to_owned(), "/p".to_owned()));
    let patterns: Vec<String> =
        endpoint.parameters[0].patterns.iter().map(|(pattern, count)| format!("{pattern} {count}")).collect();
    assert_eq!(patterns, ["digits{1} 1", "digits{2} 1"]);
    let shapes: Vec<(usize, u64)> =
        census.shapes_of(0).iter().map(|shape| (shape.parameters.len(), shape.requests)).collect();
    assert_eq!(shapes, [(2, 2), (0, 1)], "the order of names makes no shape of its own");
    assert_eq!(census.bad_lines, [("no URL with a host", 1, "xxxxxxxx".to_owned())]);
}

#[test]
fn a_flood_of_rare_endpoints_stays_bounded_and_hides_no_frequent_one() {
    let mut log = String::new();
    for number in 0..60_000 {
        log.push_str(&format!("https://a.test/{}?{}=1\n", word(number), word(number)));
        if number % 3 == 0 {
            log.push_str("https://a.test/often?id=5\n");
        }
    }
    let census = census_of_bytes(log.as_bytes(), &OPTIONS, &nothing);
    assert!(census.endpoints.len() <= LIMITS.endpoints && census.shapes.len() <= LIMITS.shapes);
    let often = census.endpoints.iter().find(|endpoint| endpoint.path == b"/often").unwrap();
    assert_eq!(often.requests, 20_000);
    let told: u64 = census.endpoints.iter().map(|endpoint| endpoint.requests).sum();
    assert_eq!(told + census.forgotten_endpoints, census.requests);
    assert_eq!(census.requests, 80_000);
}

#[test]
fn parameters_and_patterns_are_bounded() {
    let names: String = (0..2_000).map(|n| format!("https://a.test/p?{}=1\n", word(n))).collect();
    let values: String = (1..100).map(|n| format!("https://a.test/q?x={}\n", "1".repeat(n))).collect();
    let census = census_of_bytes((names + &values).as_bytes(), &OPTIONS, &nothing);
    let all: u64 = census.endpoints[0].parameters.iter().map(|parameter| parameter.occurrences).sum();
    assert_eq!(all, 2_000);
    assert!(census.endpoints[0].parameters.len() <= LIMITS.parameters);
    let parameter = &census.endpoints[1].parameters[0];
    assert_eq!(parameter.patterns.len(), LIMITS.patterns);
    let counted: u64 = parameter.patterns.iter().map(|(_, count)| count).sum();
    assert_eq!(counted + parameter.further_patterns, 99);
}

fn line() -> impl Strategy<Value = String> {
    ("[ab]", "[pq]{1,2}", prop::collection::vec(("[xyz]", "[0-9a-z]{0,3}"), 0..4)).prop_map(
        |(host, path, pairs)| {
            let pairs: Vec<String> = pairs.iter().map(|(name, value)| format!("{name}={value}")).collect();
            format!("https://{host}.test/{path}?{}\n", pairs.join("&"))
        },
    )
}

/// Everything that is told, in an order of its own.
fn told(census: &Census) -> Vec<String> {
    let mut all = vec![format!("{} {}", census.requests, census.bad)];
    for (place, endpoint) in census.endpoints.iter().enumerate() {
        let (host, path) = (text(&endpoint.host), text(&endpoint.path));
        all.push(format!("{host}{path} {}", endpoint.requests));
        for parameter in &endpoint.parameters {
            let mut patterns = parameter.patterns.clone();
            patterns.sort_unstable();
            all.push(format!("{host}{path} {} {patterns:?}", text(&parameter.name)));
        }
        for shape in census.shapes_of(place) {
            let mut names: Vec<String> =
                shape.parameters.iter().map(|at| text(&endpoint.parameters[*at as usize].name)).collect();
            names.sort();
            all.push(format!("{host}{path} {names:?} {}", shape.requests));
        }
    }
    all.sort();
    all
}

proptest! {
    #[test]
    fn two_parts_together_are_the_whole(lines in prop::collection::vec(line(), 0..60), cut in 0_usize..60) {
        let cut = cut.min(lines.len());
        let whole = census_of_bytes(lines.concat().as_bytes(), &OPTIONS, &nothing);
        let mut parts = census_of_bytes(lines[..cut].concat().as_bytes(), &OPTIONS, &nothing);
        parts.add(census_of_bytes(lines[cut..].concat().as_bytes(), &OPTIONS, &nothing));
        prop_assert_eq!(told(&parts), told(&whole));
    }

    #[test]
    fn whatever_a_log_holds_every_line_is_counted_once(log: Vec<u8>) {
        let census = census_of_bytes(&log, &OPTIONS, &nothing);
        let lines = log.split(|byte| *byte == b'\n').filter(|line| !line.is_empty() && *line != b"\r").count();
        prop_assert!(census.requests + census.bad <= lines as u64);
    }
}

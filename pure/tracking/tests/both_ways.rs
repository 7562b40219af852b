//! Both ways: a legacy request becomes an event, the event a request to the primary, and that request, read by the
//! primary's own dialect, means the same.
//!
//! The requests are those of the corpus and generated ones, by the shipped files. No name of either platform stands
//! here: what both dialects call the same field is what is compared.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "a test reads files and fails loudly"
)]

use std::fmt::Write as _;
use std::fs;

use proptest::prelude::*;
use tracking::consent::Consent;
use tracking::decode::{Decoded, decode};
use tracking::dialect::{Handling, Kind, Meaning, Parameter};
use tracking::event::Click;
use tracking::migration::{ClickOrder, ConversionOrder, Evidence, Migration};
use tracking::{Class, Event, Field, Inbound, Method, Outbound, Text, Value};
use units::{Currency, EventId, Money, Seed, Timestamp};

/// Fields that are the same number or text on both sides. Ids are mapped, and what carries our own reference or
/// picks the endpoint is compared by itself.
const SAME: [Field; 11] = [
    Field::OrderReference,
    Field::Currency,
    Field::TrackingReference,
    Field::StoreId,
    Field::CustomType,
    Field::NewCustomer,
    Field::ClientVersion,
    Field::BasketSkus,
    Field::BasketPrices,
    Field::BasketQuantities,
    Field::Campaign,
];

fn file(path: &str) -> String {
    fs::read_to_string(format!("{}/../../{path}", env!("CARGO_MANIFEST_DIR"))).unwrap()
}

fn shipped() -> Migration {
    let named: toml::Table = file("migrations/default.toml").parse().unwrap();
    let name = named["migration"].as_str().unwrap();
    let path = format!("migrations/{name}/migration.toml");
    let dialect = |name: &str| {
        let path = format!("dialects/{name}.toml");
        Some((path.clone(), file(&path)))
    };
    Migration::load(&path, &file(&path), dialect).unwrap_or_else(|mistakes| panic!("{mistakes:#?}"))
}

fn inbound(host: &str, target: Vec<u8>) -> Inbound {
    let (method, headers, body) = (Method::Get, Vec::new(), Vec::new());
    Inbound { method, secure: true, host: host.to_owned(), target, headers, body, peer: None }
}

fn at() -> Timestamp {
    Timestamp::from_seconds(1_795_000_000)
}

const PRIMARY_ADVERTISER: u64 = 100_789;
const PRIMARY_PUBLISHER: u64 = 200_456;

fn to_primary(migration: &Migration, event: &Event, evidence: &Evidence) -> Outbound {
    let event_id = EventId::new(Seed(7), at());
    if event.class == Class::Click {
        let order = ClickOrder {
            event_id,
            at: at(),
            event,
            landing: event.text(Field::DestinationUrl).unwrap_or("https://example.com/"),
            advertiser_primary_id: PRIMARY_ADVERTISER,
            publisher_primary_id: PRIMARY_PUBLISHER,
            consent: Consent::NoSignal,
            passed: &[],
        };
        return migration.click(&order).unwrap();
    }
    let order = ConversionOrder {
        event_id,
        at: at(),
        event,
        evidence,
        advertiser_primary_id: PRIMARY_ADVERTISER,
        publisher_primary_id: Some(PRIMARY_PUBLISHER),
        consent: Consent::NoSignal,
    };
    migration.conversion(&order).unwrap().request
}

/// The request as the primary would read it.
fn read_back(migration: &Migration, request: &Outbound) -> Event {
    let inbound = inbound(&request.host, request.target.clone());
    let endpoint = migration.primary.recognise(&inbound.host, inbound.path()).unwrap();
    let Decoded { event, problems, .. } = decode(&migration.primary, endpoint, &inbound, &|_| None);
    let bad: Vec<_> =
        problems.iter().filter(|p| p.code.contains("wrong_sum") || p.code.contains("invalid")).collect();
    assert!(bad.is_empty(), "our own request has a fault: {bad:?} in {}", request.url());
    event
}

/// A value as both sides write it.
fn plain(event: &Event, field: Field) -> Text {
    event.get(field).map(Value::text).unwrap_or_default()
}

/// What differs between what was meant and what arrived.
fn differences(migration: &Migration, sent: &Event, back: &Event) -> String {
    let mut found = String::new();
    let mut note = |what: &str, one: &str, other: &str| {
        if one != other {
            writeln!(found, "{what}: {one:?} became {other:?}").unwrap();
        }
    };
    for field in SAME {
        let basket = matches!(field, Field::BasketSkus | Field::BasketPrices | Field::BasketQuantities);
        let untold = field == Field::OrderReference && sent.get(field).is_none();
        if untold || (basket && !sent.basket_lines_up()) {
            continue;
        }
        // A row cannot hold a bar.
        let sent = if basket { plain(sent, field).replace('|', " ") } else { plain(sent, field).to_string() };
        note(field.name(), &sent, &plain(back, field));
    }
    note("advertiser", &PRIMARY_ADVERTISER.to_string(), &plain(back, Field::AdvertiserId));
    if sent.class == Class::Click {
        note("publisher", &PRIMARY_PUBLISHER.to_string(), &plain(back, Field::PublisherId));
        let wanted = sent.text(Field::DestinationUrl).unwrap_or("https://example.com/");
        note("destination", wanted, &plain(back, Field::DestinationUrl));
    } else {
        let group = migration.group(sent).and_then(|group| group.amount.clone());
        let money = |text: &str| Money::parse(text, currency(sent)).map(|money| money.minor).ok();
        let told = group.unwrap_or_else(|| plain(sent, Field::Amount).to_string());
        note("amount", &format!("{:?}", money(&told)), &format!("{:?}", money(&plain(back, Field::Amount))));
        let codes = |event: &Event| event.list(Field::VoucherCodes).join(",");
        note("vouchers", &codes(sent), &codes(back));
    }
    found
}

fn currency(event: &Event) -> Currency {
    event.text(Field::Currency).and_then(Currency::parse).unwrap_or(Currency::USD)
}

/// The event that a legacy request is, if it is one that goes out.
fn meant(migration: &Migration, host: &str, target: &[u8]) -> Option<Event> {
    let inbound = inbound(host, target.to_vec());
    let endpoint = migration.legacy.recognise(&inbound.host, inbound.path())?;
    let decoded = decode(&migration.legacy, endpoint, &inbound, &|_| Some(Currency::USD));
    let goes_out = endpoint.handling == Handling::Translate
        && (decoded.event.class == Class::Click || decoded.event.money(Field::Amount).is_some());
    goes_out.then_some(decoded.event)
}

#[track_caller]
fn check(migration: &Migration, host: &str, target: &[u8]) -> bool {
    let Some(event) = meant(migration, host, target) else { return false };
    let back = read_back(migration, &to_primary(migration, &event, &Evidence::None));
    let found = differences(migration, &event, &back);
    assert!(found.is_empty(), "{found}{host}{}", String::from_utf8_lossy(target));
    true
}

#[test]
fn every_request_of_the_corpus_means_the_same_on_both_sides() {
    let migration = shipped();
    let names = fs::read_dir(format!("{}/../../corpus", env!("CARGO_MANIFEST_DIR"))).unwrap();
    let paths = names
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|e| e == "jsonl"));
    let mut told = 0;
    for path in paths {
        for line in fs::read_to_string(path).unwrap().lines() {
            let row: serde_json::Value = serde_json::from_str(line).unwrap();
            let url = row["url"].as_str().unwrap();
            let bare = url.split_once("//").map_or(url, |(_, rest)| rest);
            let (host, target) = bare.split_at(bare.find('/').unwrap_or(bare.len()));
            told += u32::from(check(&migration, &host.to_ascii_lowercase(), target.as_bytes()));
        }
    }
    assert!(told > 150, "only {told} requests of the corpus go out");
}

#[test]
fn a_sale_by_click_means_the_same_in_json() {
    let migration = shipped();
    for (host, target) in sales(&migration) {
        let event = meant(&migration, &host, target.as_bytes()).unwrap();
        let click = Click {
            advertiser_id: 1,
            publisher_id: 2,
            creative_id: 0,
            at: at(),
            click_id: "t1_x".to_owned(),
        };
        let request = to_primary(&migration, &event, &Evidence::Click(click));
        serde_json::from_slice::<serde_json::Value>(&request.body).unwrap();
        let text = String::from_utf8(request.body).unwrap();
        for field in
            [Field::OrderReference, Field::Amount, Field::Currency, Field::StoreId, Field::CustomType]
        {
            assert!(text.contains(&*plain(&event, field)), "{} is not in {text}", field.name());
        }
        let articles =
            event.list(Field::BasketSkus).iter().all(|sku| text.matches(sku.as_str()).count() >= 3);
        assert!(articles && event.basket_lines_up(), "{text}");
    }
}

/// A request to each conversion endpoint of the legacy dialect, with a value for every field.
fn sales(migration: &Migration) -> Vec<(String, String)> {
    let mut requests = Vec::new();
    for host in migration.legacy.hosts() {
        for endpoint in &migration.legacy.endpoints {
            let translated = endpoint.handling == Handling::Translate && endpoint.class == Class::Conversion;
            let path = endpoint.paths.iter().find(|path| {
                migration
                    .legacy
                    .recognise(host, path.as_bytes())
                    .is_some_and(|found| found.name == endpoint.name)
            });
            if let Some(path) = path.filter(|_| translated) {
                let query: Vec<String> = endpoint.parameters.iter().filter_map(|p| sample(p, 3)).collect();
                requests.push((host.to_owned(), format!("{path}?{}", query.join("&"))));
            }
        }
    }
    assert!(requests.len() >= 4, "{requests:?}");
    requests
}

/// A value that a parameter takes; different for different numbers.
fn sample(parameter: &Parameter, number: u32) -> Option<String> {
    let Meaning::Field(field) = parameter.meaning else { return None };
    let value = match &parameter.kind {
        Kind::Id => number.to_string(),
        Kind::Money => format!("{number}.50"),
        Kind::Percentage => (number % 100).to_string(),
        Kind::Currency => ["USD", "EUR", "GBP"][number as usize % 3].to_owned(),
        Kind::Flag { .. } => (number % 2).to_string(),
        Kind::Choice(words) => words[number as usize % words.len()].clone(),
        Kind::List(separator) => match field {
            Field::BasketSkus | Field::VoucherCodes => format!("S{number}{separator}T-{number}"),
            _ => format!("{number}{separator}2"),
        },
        Kind::Hex(digits) => "a".repeat(digits.unwrap_or(8)),
        Kind::ClickId => format!("11k8_c{number}"),
        Kind::Date => "2026-11-23".to_owned(),
        Kind::Text | Kind::Email | Kind::Url | Kind::Row(_) => format!("text{number}"),
    };
    Some(format!("{}={value}", parameter.name))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    /// Any subset of any endpoint's parameters, with values of its types and with any text.
    #[test]
    fn generated_requests_mean_the_same(
        endpoint in 0_usize..64,
        chosen in any::<u64>(),
        number in 1_u32..9999,
        text in "[ -~é€]{0,40}",
        spelled in any::<u64>(),
    ) {
        let migration = shipped();
        let all: Vec<_> = migration.legacy.endpoints.iter().filter(|e| e.handling == Handling::Translate).collect();
        let endpoint = all[endpoint % all.len()];
        let mut query = Vec::new();
        for (place, parameter) in endpoint.parameters.iter().enumerate() {
            let needed = parameter.required || matches!(parameter.kind, Kind::Money);
            if !needed && chosen >> (place % 64) & 1 == 0 {
                continue;
            }
            let Some(pair) = sample(parameter, number) else { continue };
            let (name, value) = pair.split_once('=').unwrap();
            let name = if spelled >> (place % 64) & 1 == 0 { name.to_owned() } else { name.to_uppercase() };
            let free = parameter.kind == Kind::Text && !parameter.hides_email;
            let mut encoded = Vec::new();
            tracking::query::encode_into(&mut encoded, if free { text.as_bytes() } else { value.as_bytes() });
            query.push(format!("{name}={}", String::from_utf8(encoded).unwrap()));
        }
        let target = format!("{}?{}", endpoint.paths[0], query.join("&"));
        let host = migration.legacy.hosts().find(|host| {
            migration.legacy.recognise(host, endpoint.paths[0].as_bytes()).is_some_and(|found| found.name == endpoint.name)
        }).unwrap().to_owned();
        check(&migration, &host, target.as_bytes());
    }
}

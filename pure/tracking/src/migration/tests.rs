use std::fs;

use units::{Currency, Money, Seed};

use super::*;
use crate::consent::ConsentReason;
use crate::event::Value;
use crate::wire::Verdict;

fn shipped_file(path: &str) -> String {
    fs::read_to_string(format!("{}/../../{path}", env!("CARGO_MANIFEST_DIR"))).unwrap()
}

/// The migration that the binary ships as its default.
fn shipped() -> Migration {
    let named: toml::Table = shipped_file("migrations/default.toml").parse().unwrap();
    let name = named["migration"].as_str().unwrap();
    let file = format!("migrations/{name}/migration.toml");
    let dialect = |name: &str| {
        let file = format!("dialects/{name}.toml");
        Some((file.clone(), shipped_file(&file)))
    };
    Migration::load(&file, &shipped_file(&file), dialect).unwrap_or_else(|mistakes| panic!("{mistakes:#?}"))
}

fn sale() -> Event {
    let mut event = Event::new(Class::Conversion);
    event.set(Field::AdvertiserId, Value::Id(789));
    event.set(Field::OrderReference, Value::Text("A-1".into()));
    event.set(Field::Amount, Value::Money(Money::from_minor(1000, Currency::USD)));
    event.set(Field::Currency, Value::Text("USD".into()));
    event
}

fn conversion(event: &Event, evidence: &Evidence) -> Dispatch {
    let order = ConversionOrder {
        event_id: EventId::new(Seed(1), Timestamp::from_seconds(1_795_000_000)),
        at: Timestamp::from_seconds(1_795_000_000),
        event,
        evidence,
        advertiser_primary_id: 100_789,
        publisher_primary_id: Some(200_456),
        consent: Consent::NoSignal,
    };
    shipped().conversion(&order).unwrap()
}

fn clicked() -> Evidence {
    let at = Timestamp::from_seconds(1_794_000_000);
    Evidence::Click(Click {
        advertiser_id: 789,
        publisher_id: 456,
        creative_id: 0,
        at,
        click_id: "t1_x".to_owned(),
    })
}

#[test]
fn the_evidence_picks_the_endpoint() {
    for (evidence, method, parts) in [
        (Evidence::PlatformClickId("1_2_a".to_owned()), "GET", ["1_2_a", "100789"]),
        (clicked(), "POST", ["1794000000", "200456"]),
        (Evidence::Voucher("SAVE".to_owned()), "POST", ["SAVE", "10.00"]),
        (Evidence::None, "GET", ["A-1", "10.00"]),
    ] {
        let dispatch = conversion(&sale(), &evidence);
        assert_eq!(dispatch.request.method, method, "{evidence:?}");
        let text = format!("{} {}", dispatch.request.url(), String::from_utf8_lossy(&dispatch.request.body));
        for part in parts {
            assert!(text.contains(part), "{part} is not in {text}");
        }
    }
}

#[test]
fn several_conversions_go_out_in_one_request() {
    let (event, evidence) = (sale(), clicked());
    let order = |number| ConversionOrder {
        event_id: EventId::from_u128(number),
        at: Timestamp::default(),
        event: &event,
        evidence: &evidence,
        advertiser_primary_id: 100_789,
        publisher_primary_id: Some(200_456),
        consent: Consent::NoSignal,
    };
    let migration = shipped();
    let send = migration.send(Class::Conversion, EvidenceKind::Click).unwrap();
    assert_eq!((send.batch_max, send.pace), (1000, Duration::from_secs(3)));
    let dispatch = migration.conversions(&[order(1), order(2), order(3)]).unwrap();
    let document: serde_json::Value = serde_json::from_slice(&dispatch.request.body).unwrap();
    let (_, list) = document.as_object().unwrap().iter().next().unwrap();
    assert_eq!(list.as_array().unwrap().len(), 3);
    assert_eq!(list[0], list[2]);
    assert_eq!(migration.conversions(&[]), Err(EncodeError::Nothing));
}

#[test]
fn a_basket_goes_out_as_rows_if_its_lists_line_up() {
    let mut event = sale();
    let list = |text: &str| Value::List(text.split(',').map(Into::into).collect());
    event.set(Field::BasketSkus, list("a|b,c"));
    event.set(Field::BasketPrices, list("5,11"));
    event.set(Field::BasketQuantities, list("4,2"));
    let url = conversion(&event, &Evidence::None).request.url();
    assert!(url.contains("%5B0%5D=") && url.contains("%5B1%5D=") && url.contains("a%20b%7C5%7C4"), "{url}");
    event.set(Field::BasketQuantities, list("4"));
    assert!(!conversion(&event, &Evidence::None).request.url().contains("%5B0%5D"));
}

#[test]
fn a_click_goes_out_with_what_no_rule_touched() {
    let migration = shipped();
    let mut event = Event::new(Class::Click);
    event.set(Field::TrackingReference, Value::Text("news & more".into()));
    let send = migration.send(Class::Click, EvidenceKind::None).unwrap();
    let own = send.parameters[0].name.to_uppercase();
    let passed = format!("xs=1&odd=%zz\"&{own}=666&empty");
    let order = ClickOrder {
        event_id: EventId::new(Seed(1), Timestamp::default()),
        at: Timestamp::default(),
        event: &event,
        landing: "https://example.com/?id=x&",
        advertiser_primary_id: 100_789,
        publisher_primary_id: 200_456,
        consent: Consent::Refused(ConsentReason::Link),
        passed: passed.as_bytes(),
    };
    let url = migration.click(&order).unwrap().url();
    assert!(url.contains("=news%20%26%20more&"), "{url}");
    assert!(url.contains("https%3A%2F%2Fexample.com%2F%3Fid%3Dx%26"), "{url}");
    assert!(url.ends_with("&xs=1&odd=%zz\"&empty"), "{url}");
    assert!(!url.contains(&order.event_id.to_string()), "I10: {url}");
    assert!(!url.contains("666"), "a passed parameter must not speak in our name: {url}");
}

#[test]
fn answers_are_read_and_not_guessed() {
    let migration = shipped();
    let gif = b"GIF89a\x01\x00".to_vec();
    let html = b"<html>".to_vec();
    let json = |list: &str| format!(r#"{{"batchId":1,"{list}":[{{"orderReference":"A-1"}}]}}"#).into_bytes();
    let failed = br#"{"failedOrders":[{"order":{"orderReference":"A-1"},"errors":[]}]}"#.to_vec();
    let picture = [("content-type".to_owned(), b"image/gif".to_vec())];
    let interface = conversion(&sale(), &clicked()).endpoint;
    let pixel = conversion(&sale(), &Evidence::None).endpoint;
    for (endpoint, status, headers, body, verdict) in [
        (&pixel, 200, &picture[..], gif.clone(), Verdict::Taken),
        (&pixel, 200, &picture[..], html.clone(), Verdict::Unknown),
        (&pixel, 200, &[][..], gif.clone(), Verdict::Unknown),
        (&pixel, 500, &[][..], Vec::new(), Verdict::Unknown),
        (&pixel, 429, &[][..], Vec::new(), Verdict::Later),
        (&interface, 200, &[][..], json("successfulOrders"), Verdict::Confirmed),
        (&interface, 200, &[][..], failed, Verdict::Rejected),
        (&interface, 200, &[][..], b"{}".to_vec(), Verdict::Unknown),
        (&interface, 200, &[][..], html, Verdict::Unknown),
        (&interface, 401, &[][..], Vec::new(), Verdict::Paused),
        (&interface, 502, &[][..], Vec::new(), Verdict::Unknown),
    ] {
        let answer = Answer { status, headers: headers.to_vec(), body };
        let judged = migration.judge(Home::Primary, endpoint, &sale(), &answer);
        assert_eq!(judged.verdict, verdict, "{endpoint} {status}: {}", judged.reason);
    }
}

#[test]
fn a_wait_that_a_platform_asks_for_is_bounded() {
    let migration = shipped();
    for (text, seconds) in [
        ("30", Some(30)),
        ("0", Some(0)),
        ("999999999", Some(3600)),
        ("99999999999999999999999999", Some(3600)),
        ("soon", None),
        ("-1", None),
        ("1.5", None),
        ("", None),
        ("Wed, 21 Oct 2026 07:28:30 GMT", Some(30)),
        ("Wed, 21 Oct 2026 07:27:00 GMT", Some(0)),
        ("Fri, 01 Jan 2100 00:00:00 GMT", Some(3600)),
    ] {
        let header = |name: &str, value: &str| (name.to_owned(), value.as_bytes().to_vec());
        let headers = vec![header("retry-after", text), header("date", "Wed, 21 Oct 2026 07:28:00 GMT")];
        let answer = Answer { status: 429, headers, body: Vec::new() };
        let judged = migration.judge(Home::Primary, "pixel", &sale(), &answer);
        assert_eq!(judged.retry_after.map(|wait| wait.as_secs()), seconds, "{text}");
    }
    // Whose clock a date without the answer's own goes by, nobody knows.
    let headers = vec![("retry-after".to_owned(), b"Fri, 01 Jan 2100 00:00:00 GMT".to_vec())];
    let answer = Answer { status: 429, headers, body: Vec::new() };
    assert_eq!(migration.judge(Home::Primary, "pixel", &sale(), &answer).retry_after, None);
}

#[test]
fn an_answer_in_other_words_is_told_from_a_server_that_fails() {
    let migration = shipped();
    for (status, understood) in
        [(200, false), (302, false), (418, false), (500, true), (502, true), (429, true)]
    {
        let answer = Answer { status, headers: Vec::new(), body: b"<html>".to_vec() };
        let judged = migration.judge(Home::Primary, "conversion interface", &sale(), &answer);
        assert_eq!(judged.understood, understood, "{status}");
    }
}

#[test]
fn i11_a_parameter_that_would_be_lost_is_a_mistake() {
    let named: toml::Table = shipped_file("migrations/default.toml").parse().unwrap();
    let file = format!("migrations/{}/migration.toml", named["migration"].as_str().unwrap());
    let text = shipped_file(&file).replace("\"site_name\"", "\"page_url\"");
    let dialect = |name: &str| Some((format!("{name}.toml"), shipped_file(&format!("dialects/{name}.toml"))));
    let mistakes = Migration::load(&file, &text, dialect).unwrap_err();
    assert!(mistakes.iter().all(|m| m.message.contains("would be lost") && m.line > 1), "{mistakes:#?}");
    assert!(!mistakes.is_empty());
    assert!(Migration::load(&file, &text, |_| None).unwrap_err()[0].message.contains("there is no dialect"));
}

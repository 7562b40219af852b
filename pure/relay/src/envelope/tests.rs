use proptest::prelude::*;
use tracking::consent::ConsentReason;
use tracking::{Class, Field, Method, Value};
use units::{Currency, Money, Seed};

use super::*;

pub(crate) fn sale(event_id: u128) -> Envelope {
    let mut event = Event::new(Class::Conversion);
    event.set(Field::AdvertiserId, Value::Id(789));
    event.set(Field::OrderReference, Value::Text("A-1".into()));
    event.set(Field::Amount, Value::Money(Money::from_minor(1000, Currency::USD)));
    event.set(Field::NewCustomer, Value::Flag(true));
    event.set(Field::BasketSkus, Value::List(vec!["x".into(), "".into()]));
    let at = Timestamp::from_millis(1_795_462_200_000);
    let click =
        Click { advertiser_id: 789, publisher_id: 456, creative_id: 123, at, click_id: "k1".to_owned() };
    Envelope {
        event_id: EventId::from_u128(event_id),
        purpose: Purpose::Live,
        received_at: Timestamp::from_millis(1_795_462_260_000),
        endpoint: "sale".to_owned(),
        event,
        key: Some("789//A-1/sale/0".to_owned()),
        consent: Consent::Granted(ConsentReason::Country),
        click: Some(click),
        cookie_click: None,
        problems: vec!["late".to_owned()],
        country: Some("DE".to_owned()),
        trace_parent: None,
        sealed: vec![1, 2, 3],
        sent: None,
    }
}

fn sealed() -> Sealed {
    let original = Inbound {
        method: Method::Get,
        secure: true,
        host: "old.example".to_owned(),
        target: b"/sale?x=%zz&y=\xff;+".to_vec(),
        headers: vec![("user-agent".to_owned(), b"browser \xfc".to_vec())],
        body: Vec::new(),
        peer: Some(IpAddr::from([127, 0, 0, 1])),
    };
    Sealed { original, client: Some(IpAddr::from([203, 0, 113, 9])) }
}

/// Version 1 as it was first written. It must stay readable for as long as any outbox may hold it.
const VERSION_1: &[u8] = include_bytes!("../../../../formats/envelope-v1.bin");

#[test]
fn version_1_is_read_for_ever() {
    let mut expected = sale(7);
    expected.cookie_click = expected.click.clone();
    expected.trace_parent = Some("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".to_owned());
    assert_eq!(Envelope::decode(VERSION_1), Ok(expected.clone()));
    assert_eq!(expected.encode(), VERSION_1, "and written in the same bytes");
}

#[test]
fn what_a_newer_edge_adds_is_skipped_but_a_new_word_is_not() {
    let mut bytes = sale(7).encode();
    bytes.extend_from_slice(&[0xf2, 0x06, 1, b'x']);
    assert_eq!(Envelope::decode(&bytes), Ok(sale(7)), "field 110 is not known here");

    let mut bytes = sale(7).encode();
    bytes.extend_from_slice(b"\x3a\x07\x0a\x03new\x28\x01");
    let error = Envelope::decode(&bytes).unwrap_err();
    assert_eq!(error, EnvelopeError::Unknown { what: "field of an event", value: "new".to_owned() });
}

#[test]
fn other_versions_and_garbage_are_named() {
    let error = Envelope::decode(&[]).unwrap_err();
    assert_eq!(error, EnvelopeError::Version { what: "envelope", version: 0 });
    assert!(Envelope::decode(b"\x08\x02").unwrap_err().to_string().contains("version 2"));
    assert!(Envelope::decode(b"\xff\xff").unwrap_err().to_string().contains("no envelope"));
    assert!(Batch::decode(b"\x08\x09").is_err());
}

#[test]
fn a_batch_keeps_its_entries() {
    let batch =
        Batch { lane: "edge-1".to_owned(), entries: vec![sale(1).encode(), b"garbage".to_vec(), vec![]] };
    assert_eq!(Batch::decode(&batch.encode()), Ok(batch));
    let large = Batch { lane: String::new(), entries: vec![vec![]; 513] };
    assert!(Batch::decode(&large.encode()).is_err());
}

#[test]
fn a_seal_opens_by_its_own_key_and_for_its_own_event() {
    let (key, other) = (SealKey([1; 32]), SealKey([2; 32]));
    let id = EventId::from_u128(9);
    let bytes = sealed().seal(&key, 4, id, Seed(1));
    let keys = [(3, other.clone()), (4, key.clone())];
    assert_eq!(Sealed::open(&bytes, &keys, id), Ok(sealed()));
    assert_eq!(Sealed::open(&bytes, &keys, EventId::from_u128(8)), Err(OpenError::Forged));
    assert_eq!(Sealed::open(&bytes, &[(4, other)], id), Err(OpenError::Forged));
    assert_eq!(Sealed::open(&bytes, &[], id), Err(OpenError::UnknownKey(4)));
    assert_eq!(Sealed::open(&[], &keys, id), Err(OpenError::Erased));
    assert_eq!(Sealed::open(&bytes[..9], &keys, id), Err(OpenError::Format));
    assert_ne!(bytes, sealed().seal(&key, 4, id, Seed(2)), "another nonce");
    assert_eq!(format!("{key:?}"), "SealKey(..)");
}

#[test]
fn i9_nothing_of_the_sealed_part_is_readable() {
    let bytes = sealed().seal(&SealKey([1; 32]), 4, EventId::from_u128(9), Seed(1));
    for personal in [&b"browser"[..], b"203.0.113.9", b"/sale"] {
        assert!(!bytes.windows(personal.len()).any(|window| window == personal));
    }
}

fn any_value() -> impl Strategy<Value = Value> {
    let money = (any::<i64>(), "[A-Z]{3}")
        .prop_map(|(minor, code)| Value::Money(Money::from_minor(minor, Currency::parse(&code).unwrap())));
    prop_oneof![
        any::<u64>().prop_map(Value::Id),
        any::<String>().prop_map(|text| Value::Text(text.into())),
        money,
        any::<bool>().prop_map(Value::Flag),
        prop::collection::vec(any::<String>(), 0..5)
            .prop_map(|items| Value::List(items.into_iter().map(Into::into).collect())),
    ]
}

proptest! {
    #[test]
    fn every_envelope_survives_the_wire(
        id: u128, at: i64, problems: Vec<String>, country: Option<String>, sealed: Vec<u8>,
        purpose in prop::sample::select(&Purpose::ALL), class in prop::sample::select(&Class::ALL),
        values in prop::collection::vec((prop::sample::select(Field::ALL), any_value()), 0..20),
    ) {
        let mut envelope = sale(id);
        envelope.event = Event::new(class);
        values.into_iter().for_each(|(field, value)| envelope.event.set(field, value));
        (envelope.purpose, envelope.problems, envelope.country) = (purpose, problems, country);
        (envelope.sealed, envelope.received_at) = (sealed, Timestamp::from_millis(at));
        prop_assert_eq!(Envelope::decode(&envelope.encode()), Ok(envelope));
    }

    #[test]
    fn no_bytes_break_a_reader(bytes: Vec<u8>) {
        let keys = [(0, SealKey([0; 32]))];
        let read = (Envelope::decode(&bytes), Batch::decode(&bytes), Sealed::open(&bytes, &keys, EventId::default()));
        prop_assert!(read.2.is_err());
    }
}

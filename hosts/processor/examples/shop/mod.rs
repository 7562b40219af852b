//! Merchants who have not moved, and their sales as the edge sends them: what the benchmarks of the processor take in; and what they
//! count.

use std::error::Error;

use relay::envelope::{Batch, SealKey};
use relay::policy::{Phase, Secrets, Snapshot, Wave};
use relay::{Envelope, Purpose, Sealed};
use tracking::consent::{Consent, ConsentReason};
use tracking::directory::{Advertiser, Commission, Directory, Domains, Programme};
use tracking::event::Click;
use tracking::{Class, Event, Field, Inbound, Method, Value, Verdict};
use units::{Currency, EventId, Money, Seed, Timestamp};

pub(crate) type Failed = Box<dyn Error>;

pub(crate) const START: Timestamp = Timestamp::from_millis(1_795_462_260_000);
pub(crate) const MERCHANTS: u64 = 1_000;

/// The shipped migration, with merchants who have not moved.
pub(crate) fn snapshot() -> Result<Snapshot, Failed> {
    let secrets = Secrets {
        click_id_keys: tracking::click_id::Keys::new(vec![(1, [1; 32])]),
        seal_keys: vec![(1, SealKey([7; 32]))],
    };
    let mut snapshot = directory::load(None, secrets)?;
    let advertiser = |legacy_id| Advertiser {
        legacy_id,
        primary_id: Some(legacy_id),
        name: "shop".into(),
        landing_url: "https://shop.example/".into(),
        domains: Domains::new("shop.example"),
        wave: "stays".into(),
        programme: Programme::Online,
        currency: Currency::USD,
        window_days: 30,
        commission: Commission::Percent { basis_points: 1000 },
        deduplicates: false,
    };
    let advertisers = (1..=MERCHANTS).map(advertiser).collect();
    snapshot.directory = Directory::new(advertisers, Vec::new(), Vec::new());
    snapshot.policy.waves = vec![Wave::new("stays", Phase::Observe)];
    Ok(snapshot)
}

/// The old platform's endpoint whose answer to a sale is an image.
pub(crate) fn taking(snapshot: &Snapshot) -> Result<String, Failed> {
    let endpoints = snapshot.migration.legacy.endpoints.iter();
    let mut sales = endpoints.filter(|endpoint| endpoint.class == Class::Conversion);
    let taking = sales.find(|endpoint| endpoint.answers.iter().any(|rule| rule.verdict == Verdict::Taken));
    Ok(taking.ok_or("the old dialect takes no sale")?.name.clone())
}

pub(crate) fn event_id(id: u64) -> EventId {
    EventId::from_u128((u128::from(id) << 64) | 1)
}

pub(crate) fn batch(entries: Vec<Vec<u8>>) -> Vec<u8> {
    Batch { lane: "bench".to_owned(), entries }.encode()
}

/// A sale of 10.00, as the edge sends it.
pub(crate) fn sale(id: u64, advertiser_id: u64, at: Timestamp, endpoint: &str) -> Vec<u8> {
    let mut event = Event::new(Class::Conversion);
    let reference = format!("A-{id}");
    event.set(Field::AdvertiserId, Value::Id(advertiser_id));
    event.set(Field::OrderReference, Value::Text(reference.as_str().into()));
    event.set(Field::Amount, Value::Money(Money::from_minor(1000, Currency::USD)));
    event.set(Field::Currency, Value::Text("USD".into()));
    event.set(Field::ConversionType, Value::Text("sale".into()));
    let original = Inbound {
        method: Method::Get,
        secure: true,
        host: "old.example".to_owned(),
        target: format!("/sale?tracking={reference}&amount=10.00").into_bytes(),
        headers: vec![("user-agent".to_owned(), b"Mozilla/5.0".to_vec())],
        body: Vec::new(),
        peer: None,
    };
    let sealed = Sealed { original, client: None };
    let click = Click { advertiser_id, publisher_id: 456, creative_id: 1, at, click_id: format!("t1_{id}") };
    let envelope = Envelope {
        event_id: event_id(id),
        purpose: Purpose::Live,
        received_at: at,
        endpoint: endpoint.to_owned(),
        event,
        key: Some(format!("{advertiser_id}//{reference}")),
        consent: Consent::Granted(ConsentReason::Link),
        click: Some(click),
        cookie_click: None,
        problems: Vec::new(),
        country: None,
        trace_parent: None,
        sealed: sealed.seal(&SealKey([7; 32]), 1, event_id(id), Seed(u128::from(id))),
        sent: None,
    };
    envelope.encode()
}

/// The most memory of this process that was ever resident.
pub(crate) fn peak_kib() -> Result<u64, Failed> {
    told_kib("VmHWM:")
}

/// What the system tells of this process under a name.
pub(crate) fn told_kib(name: &str) -> Result<u64, Failed> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    let line = line.ok_or_else(|| format!("the system tells no {name}"))?;
    Ok(line.trim().trim_end_matches("kB").trim().parse()?)
}

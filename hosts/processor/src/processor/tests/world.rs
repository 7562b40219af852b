//! A processor with its world: the shipped migration, a few merchants, platforms that answer as they are told.

use std::net::IpAddr;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use ledger::{Faults, Ledger};
use relay::envelope::{Batch, SealKey};
use relay::policy::{Phase, Secrets, Snapshot, Wave};
use relay::{Envelope, Purpose, Sealed};
use tracking::consent::{Consent, ConsentReason};
use tracking::dialect::AnswerBody;
use tracking::directory::{Advertiser, Commission, Directory, Domains, Programme, Publisher};
use tracking::event::Click;
use tracking::{Answer, Class, Event, Field, Home, Inbound, Method, SendFailure, Value, Verdict};
use units::{Currency, EventId, Money, Seed, Timestamp};

use super::place::Place;
use crate::{Delivery, DeliveryId, Ended, Processor, Received};

/// Moved, and its platform is not known to deduplicate.
pub(crate) const MOVED: u64 = 10;
/// Moved, and its platform deduplicates.
pub(crate) const DEDUPLICATES: u64 = 11;
/// Not moved: the old platform owns it.
pub(crate) const OBSERVED: u64 = 12;
/// Moved, and not mapped.
pub(crate) const UNMAPPED: u64 = 13;

pub(crate) const START: Timestamp = Timestamp::from_millis(1_795_462_260_000);

fn advertiser(legacy_id: u64) -> Advertiser<'static> {
    Advertiser {
        legacy_id,
        primary_id: (legacy_id != UNMAPPED).then_some(legacy_id + 1000),
        name: format!("shop {legacy_id}").into(),
        landing_url: "https://shop.example/".into(),
        domains: Domains::new("shop.example"),
        wave: if legacy_id == OBSERVED { "stays" } else { "moves" }.into(),
        programme: Programme::Online,
        currency: Currency::USD,
        window_days: 30,
        commission: Commission::Percent { basis_points: 1000 },
        deduplicates: legacy_id == DEDUPLICATES,
    }
}

pub(crate) fn secrets() -> Secrets {
    Secrets {
        click_id_keys: tracking::click_id::Keys::new(vec![(1, [1; 32])]),
        seal_keys: vec![(1, SealKey([7; 32]))],
    }
}

/// The shipped migration with this test's merchants.
pub(crate) fn snapshot() -> Snapshot {
    let mut snapshot = directory::load(None, secrets()).unwrap_or_else(|error| panic!("{error}"));
    let advertisers = [MOVED, DEDUPLICATES, OBSERVED, UNMAPPED].map(advertiser).to_vec();
    let publisher = |legacy_id| Publisher { legacy_id, primary_id: Some(legacy_id + 1000), name: "".into() };
    snapshot.directory = Directory::new(advertisers, vec![publisher(456), publisher(457)], Vec::new());
    snapshot.policy.waves = vec![Wave::new("moves", Phase::Moved), Wave::new("stays", Phase::Observe)];
    snapshot.policy.delivery.backoff_first = Duration::from_secs(1);
    snapshot.policy.delivery.backoff_max = Duration::from_secs(60);
    snapshot.policy.delivery.attempts_max = 5;
    snapshot.policy.delivery.in_flight_max = 64;
    snapshot.policy.delivery.merchant_share_percent = 100;
    snapshot.policy.delivery.evidence_wait = Duration::from_secs(60);
    snapshot.policy.breaker.failures_to_open = 3;
    snapshot.policy.breaker.open_for = Duration::from_secs(5);
    snapshot
}

/// A sale of 10.00, as the edge sends it.
#[derive(Clone, Debug)]
pub(crate) struct Sale {
    pub(crate) id: u64,
    pub(crate) advertiser_id: u64,
    pub(crate) reference: String,
    pub(crate) minor: i64,
    pub(crate) clicked: bool,
    pub(crate) at: Timestamp,
}

pub(crate) fn sale(id: u64, advertiser_id: u64) -> Sale {
    Sale { id, advertiser_id, reference: format!("A-{id}"), minor: 1000, clicked: true, at: START }
}

impl Sale {
    pub(crate) fn envelope(&self) -> Envelope {
        let mut event = Event::new(Class::Conversion);
        event.set(Field::AdvertiserId, Value::Id(self.advertiser_id));
        event.set(Field::OrderReference, Value::Text(self.reference.as_str().into()));
        event.set(Field::Amount, Value::Money(Money::from_minor(self.minor, Currency::USD)));
        event.set(Field::Currency, Value::Text("USD".into()));
        event.set(Field::ConversionType, Value::Text("sale".into()));
        let event_id = event_id(self.id);
        let click = Click {
            advertiser_id: self.advertiser_id,
            publisher_id: 456,
            creative_id: 1,
            at: self.at.minus(Duration::from_secs(3600)),
            click_id: format!("t1_{}", self.id),
        };
        Envelope {
            event_id,
            purpose: Purpose::Live,
            received_at: self.at,
            endpoint: legacy_endpoint(),
            event,
            key: Some(format!("{}//{}", self.advertiser_id, self.reference)),
            consent: Consent::Granted(ConsentReason::Link),
            click: self.clicked.then_some(click),
            cookie_click: None,
            problems: Vec::new(),
            country: None,
            trace_parent: None,
            sealed: self.sealed().seal(&SealKey([7; 32]), 1, event_id, Seed(u128::from(self.id))),
            sent: None,
        }
    }

    pub(crate) fn sealed(&self) -> Sealed {
        let original = Inbound {
            method: Method::Get,
            secure: true,
            host: "old.example".to_owned(),
            target: format!("/order?n={}&x=%zz&secret-name", self.id).into_bytes(),
            headers: vec![("user-agent".to_owned(), b"secret-agent".to_vec())],
            body: Vec::new(),
            peer: None,
        };
        Sealed { original, client: Some(IpAddr::from([203, 0, 113, 9])) }
    }
}

/// The endpoint of the old dialect whose answer to a sale is an image.
pub(crate) fn legacy_endpoint() -> String {
    static NAME: OnceLock<String> = OnceLock::new();
    let find = || {
        let snapshot = snapshot();
        let endpoints = snapshot.migration.legacy.endpoints.iter();
        let mut sales = endpoints.filter(|endpoint| endpoint.class == Class::Conversion);
        let taking =
            sales.find(|endpoint| endpoint.answers.iter().any(|rule| rule.verdict == Verdict::Taken));
        taking.unwrap().name.clone()
    };
    NAME.get_or_init(find).clone()
}

pub(crate) fn event_id(id: u64) -> EventId {
    EventId::from_u128((u128::from(id) << 64) | 1)
}

pub(crate) fn batch(entries: Vec<Vec<u8>>) -> Vec<u8> {
    Batch { lane: "test".to_owned(), entries }.encode()
}

pub(crate) struct World {
    pub(crate) place: Place,
    pub(crate) processor: Processor,
    pub(crate) now: Timestamp,
}

impl World {
    pub(crate) fn new() -> Self {
        Self::with(snapshot())
    }

    pub(crate) fn with(snapshot: Snapshot) -> Self {
        Self::at(Place::any(), snapshot)
    }

    pub(crate) fn at(place: Place, snapshot: Snapshot) -> Self {
        let processor = Processor::new(place.open(), Arc::new(snapshot), Seed(5), START).unwrap();
        Self { place, processor, now: START }
    }

    /// One whose ledger fails as planned.
    pub(crate) fn failing(faults: &Faults) -> Self {
        Self::failing_with(faults, snapshot())
    }

    pub(crate) fn failing_with(faults: &Faults, snapshot: Snapshot) -> Self {
        let ledger = Ledger::simulated(faults).unwrap();
        let processor = Processor::new(ledger, Arc::new(snapshot), Seed(5), START).unwrap();
        Self { place: Place::Memory, processor, now: START }
    }

    pub(crate) fn receive(&mut self, sales: &[Sale]) -> Received {
        let entries = sales.iter().map(|sale| sale.envelope().encode()).collect();
        self.processor.receive(&batch(entries), self.now).unwrap()
    }

    pub(crate) fn pass(&mut self, time: Duration) {
        self.now = self.now.plus(time);
    }

    pub(crate) fn deliveries(&mut self) -> Vec<Delivery> {
        self.processor.next_deliveries(self.now).unwrap()
    }

    /// Sends what is due, and answers each as `platform` says. How many there were.
    pub(crate) fn deliver(&mut self, mut platform: impl FnMut(&Delivery) -> Reply) -> usize {
        let deliveries = self.deliveries();
        let count = deliveries.len();
        let ended = deliveries.iter().map(|delivery| {
            let result = self.result(delivery, platform(delivery));
            ended(delivery, result)
        });
        let ended = ended.collect();
        self.processor.settle(ended, self.now).unwrap();
        count
    }

    pub(crate) fn result(&self, delivery: &Delivery, reply: Reply) -> Result<Answer, SendFailure> {
        match reply {
            Reply::Says(verdict) => Ok(self.answer(delivery, verdict)),
            Reply::Refuses => Err(SendFailure::NothingSent("connection refused".to_owned())),
            Reply::Silent => Err(SendFailure::Ambiguous("no answer".to_owned())),
        }
    }

    /// An answer that the dialect reads as `verdict`, or the nearest one that the endpoint can give.
    fn answer(&self, delivery: &Delivery, verdict: Verdict) -> Answer {
        if delivery.ids.is_empty() {
            let well = matches!(verdict, Verdict::Confirmed | Verdict::Taken | Verdict::Rejected);
            return Answer { status: if well { 200 } else { 503 }, ..Answer::default() };
        }
        let dialect = self.processor.snapshot().migration.dialect(delivery.request.home);
        let rules = &dialect.endpoint(&delivery.endpoint).unwrap().answers;
        let nearest = if verdict == Verdict::Confirmed { Verdict::Taken } else { verdict };
        let rule = rules.iter().find(|rule| rule.verdict == verdict);
        let Some(rule) = rule.or_else(|| rules.iter().find(|rule| rule.verdict == nearest)) else {
            return Answer { status: 599, ..Answer::default() };
        };
        let status = u16::try_from(rule.status[0]).unwrap();
        let (kind, body) = match &rule.body {
            AnswerBody::Any => ("text/plain", Vec::new()),
            AnswerBody::Image => ("image/gif", b"GIF89a".to_vec()),
            AnswerBody::Contains(text) => ("text/plain", text.clone().into_bytes()),
            AnswerBody::JsonEquals { path, .. } => {
                let leaves: Vec<serde_json::Value> = delivery.ids.iter().map(|id| self.named(*id)).collect();
                let json = named(path, &leaves).pop().unwrap();
                ("application/json", json.to_string().into_bytes())
            }
        };
        Answer { status, headers: vec![("content-type".to_owned(), kind.as_bytes().to_vec())], body }
    }

    /// What an answer calls the order of an attempt.
    fn named(&self, id: DeliveryId) -> serde_json::Value {
        let snapshot = self.processor.snapshot();
        let reference = self.processor.ledger().conversion(id.event_id).unwrap().unwrap().reference;
        let reference = reference.filter(|text| !snapshot.migration.legacy.is_placeholder(text));
        serde_json::Value::String(reference.unwrap_or_else(|| id.event_id.to_string()))
    }

    /// An answer that names each of these under its verdict; what has none is not named.
    pub(crate) fn mixed(&self, delivery: &Delivery, verdicts: &[Option<Verdict>]) -> Answer {
        let dialect = self.processor.snapshot().migration.dialect(delivery.request.home);
        let mut body = serde_json::Map::new();
        for rule in &dialect.endpoint(&delivery.endpoint).unwrap().answers {
            let AnswerBody::JsonEquals { path, .. } = &rule.body else { continue };
            let own =
                delivery.ids.iter().zip(verdicts).filter(|(_, verdict)| **verdict == Some(rule.verdict));
            let leaves: Vec<serde_json::Value> = own.map(|(id, _)| self.named(*id)).collect();
            let whole = named(path, &leaves).pop().unwrap();
            body.extend(whole.as_object().unwrap().clone());
        }
        let headers = vec![("content-type".to_owned(), b"application/json".to_vec())];
        Answer { status: 200, headers, body: serde_json::Value::Object(body).to_string().into_bytes() }
    }

    pub(crate) fn state(&self, id: u64) -> &'static str {
        let row = self.processor.ledger().conversion(event_id(id)).unwrap();
        row.map_or("nowhere", |row| row.state.name())
    }

    /// The process ends as if killed, and another one takes its place.
    pub(crate) fn crash(self) -> Self {
        let Self { place, processor, now } = self;
        let snapshot = Arc::clone(processor.snapshot());
        let mut ledger = processor.into_ledger();
        if !matches!(place, Place::Memory) {
            drop(ledger);
            ledger = place.open();
        }
        let processor = Processor::new(ledger, snapshot, Seed(6), now).unwrap();
        Self { place, processor, now }
    }

    /// Another process that has the same ledger, once this one's session has ended.
    pub(crate) fn beside(&self) -> Processor {
        let snapshot = Arc::clone(self.processor.snapshot());
        Processor::new(self.place.open(), snapshot, Seed(7), self.now).unwrap()
    }

    /// I3 and I12, recomputed from the rows; and nobody holds a place once nothing is under way.
    pub(crate) fn assert_balanced(&self) {
        let gates = self.processor.status().unwrap().destinations;
        let held: Vec<_> = gates.iter().filter(|gate| gate.in_flight > 0).collect();
        assert!(self.processor.in_flight() > 0 || held.is_empty(), "{held:#?}");
        let audit = self.processor.ledger().audit().unwrap();
        assert!(audit.findings.is_empty(), "{:#?}", audit.findings);
    }
}

/// A document that has each leaf at `path`, where `*` stands for the places of a list.
fn named(path: &[String], leaves: &[serde_json::Value]) -> Vec<serde_json::Value> {
    path.iter().rev().fold(leaves.to_vec(), |inner, part| match part.as_str() {
        "*" => vec![serde_json::Value::Array(inner)],
        name => inner.into_iter().map(|value| serde_json::json!({ name: value })).collect(),
    })
}

/// How a delivery ended.
pub(crate) fn ended(delivery: &Delivery, result: Result<Answer, SendFailure>) -> Ended {
    Ended { ids: delivery.ids.clone(), destination: delivery.destination.clone(), result }
}

/// True if a conversion is part of a delivery.
pub(crate) fn carries(delivery: &Delivery, id: u64) -> bool {
    delivery.ids.iter().any(|each| each.event_id == event_id(id))
}

/// What a platform does with a request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Reply {
    /// It answers, to this effect.
    Says(Verdict),
    /// It cannot be reached.
    Refuses,
    /// It may have processed the request, and does not answer.
    Silent,
}

pub(crate) const fn home(delivery: &Delivery) -> Home {
    delivery.request.home
}

//! A ledger with two merchants, and sales to take in.

use core::time::Duration;

use relay::delivery::{Health, Settled, State};
use relay::intake::{Decision, Ground, Known, decide};
use relay::policy::{BreakerPolicy, ConsentPolicy, DeliveryPolicy, Phase, Policy, Wave};
use relay::{Envelope, Purpose};
use tracking::consent::Consent;
use tracking::directory::{Advertiser, Commission, Directory, Domains, Programme, Publisher};
use tracking::event::Click;
use tracking::{Class, Event, Field, Value, Verdict};
use units::{Currency, EventId, Money, Timestamp};

use crate::{Begun, Finished, Ledger, LedgerError};

pub(super) const NOW: Timestamp = Timestamp::from_millis(1_795_462_260_000);
pub(super) const PUBLISHER: u64 = 456;

/// Advertisers 1 and 2 are known and have moved; nobody else is known.
pub(super) fn directory() -> Directory {
    let advertiser = |legacy_id| Advertiser {
        legacy_id,
        primary_id: Some(legacy_id + 1000),
        name: "".into(),
        landing_url: "".into(),
        domains: Domains::default(),
        wave: "moved".into(),
        programme: Programme::Online,
        currency: Currency::USD,
        window_days: 30,
        commission: Commission::Percent { basis_points: 1000 },
        deduplicates: false,
    };
    let publisher = Publisher { legacy_id: PUBLISHER, primary_id: Some(9), name: "".into() };
    Directory::new(vec![advertiser(1), advertiser(2)], vec![publisher], Vec::new())
}

pub(super) fn policy() -> Policy {
    let second = Duration::from_secs(1);
    Policy {
        lock: relay::policy::Lock::default(),
        orders: relay::policy::OrdersPolicy::default(),
        terms: relay::policy::Terms::default(),
        waves: vec![Wave::new("moved", Phase::Moved)],
        delivery: DeliveryPolicy {
            evidence_wait: second,
            attempt_deadline: second,
            backoff_first: second,
            backoff_max: second,
            attempts_max: 3,
            retry_budget_percent: 10,
            in_flight_max: 64,
            ..DeliveryPolicy::USUAL
        },
        breaker: BreakerPolicy {
            failures_to_open: 3,
            open_for: second,
            probe_every: second,
            probe_deadline: second,
            ..BreakerPolicy::USUAL
        },
        proxy_deadline: second,
        legacy_lives: true,
        consent: ConsentPolicy::default(),
    }
}

#[derive(Clone, Debug)]
pub(super) struct Sale {
    pub(super) id: u64,
    pub(super) advertiser_id: u64,
    pub(super) order: u8,
    pub(super) minor: i64,
    pub(super) clicked: bool,
}

impl Sale {
    pub(super) fn key(&self) -> String {
        format!("{}/{}", self.advertiser_id, self.order)
    }

    pub(super) fn envelope(&self) -> Envelope {
        let mut event = Event::new(Class::Conversion);
        event.set(Field::AdvertiserId, Value::Id(self.advertiser_id));
        event.set(Field::OrderReference, Value::Text(format!("order {}", self.order).into()));
        event.set(Field::Amount, Value::Money(Money::from_minor(self.minor, Currency::USD)));
        let (advertiser_id, publisher_id) = (self.advertiser_id, PUBLISHER);
        let click =
            Click { advertiser_id, publisher_id, creative_id: 0, at: NOW, click_id: format!("c{}", self.id) };
        Envelope {
            event_id: event_id(self.id),
            purpose: Purpose::Live,
            received_at: NOW,
            endpoint: "sale".to_owned(),
            event,
            key: Some(self.key()),
            consent: Consent::NoSignal,
            click: self.clicked.then_some(click),
            cookie_click: None,
            problems: Vec::new(),
            country: None,
            trace_parent: None,
            sealed: Vec::new(),
            sent: None,
        }
    }
}

/// No id tells anything.
struct NoClickIds;

impl relay::intake::ClickIds for NoClickIds {
    fn primary(&self, _: &str) -> Option<tracking::dialect::ForeignClickId> {
        None
    }

    fn token(&self, _: &str) -> relay::intake::Token {
        relay::intake::Token::Other
    }
}

pub(super) fn event_id(id: u64) -> EventId {
    EventId::from_u128(u128::from(id))
}

/// Takes sales in as the processor does; how many were new.
pub(super) fn take_in(ledger: &mut Ledger, sales: &[Sale]) -> usize {
    take_in_at(ledger, sales, NOW)
}

/// The same at another time.
pub(super) fn take_in_at(ledger: &mut Ledger, sales: &[Sale], now: Timestamp) -> usize {
    try_to_take_in(ledger, sales, now).unwrap()
}

/// The same where the store may fail.
pub(super) fn try_to_take_in(
    ledger: &mut Ledger,
    sales: &[Sale],
    now: Timestamp,
) -> Result<usize, LedgerError> {
    let envelope = |sale: &Sale| Envelope { received_at: now, ..sale.envelope() };
    let envelopes: Vec<Envelope> = sales.iter().map(envelope).collect();
    let mut transaction = ledger.transaction(now)?;
    transaction.look_ahead(envelopes.iter())?;
    let mut new = 0;
    for envelope in envelopes {
        if transaction.receive(&envelope, "test")? {
            let decision = decide_at(&envelope, &transaction.known(&envelope)?, now);
            transaction.apply(&envelope, b"personal", &decision)?;
            new += 1;
        }
    }
    transaction.commit()?;
    Ok(new)
}

/// What is decided about an event of which this is known.
pub(super) fn decide_at(envelope: &Envelope, known: &Known, now: Timestamp) -> Decision {
    let (directory, policy) = (directory(), policy());
    let ground = Ground { directory: &directory, policy: &policy, click_ids: &NoClickIds };
    decide(&ground, envelope, known, now)
}

pub(super) fn begin(ledger: &mut Ledger, id: u64, number: u32) -> Result<(), LedgerError> {
    let home = tracking::Home::Primary;
    let begun = Begun {
        event_id: event_id(id),
        number,
        home,
        endpoint: "e",
        line: "GET x",
        probe: false,
        request: b"bytes",
    };
    let mut transaction = ledger.transaction(NOW).unwrap();
    transaction.begin(&begun)?;
    transaction.commit()
}

pub(super) fn finish(ledger: &mut Ledger, id: u64, number: u32, state: State) -> Result<(), LedgerError> {
    let ambiguous = state == State::Unknown;
    let due_at = (state == State::Queued).then_some(NOW);
    let (verdict, reason, health) = (Verdict::Later, "because".to_owned(), Health::Well);
    let settled = Settled { state, due_at, counted: 1, ambiguous, verdict, reason, health };
    let mut transaction = ledger.transaction(NOW).unwrap();
    let finished =
        Finished { event_id: event_id(id), number, settled: &settled, status: Some(200), excerpt: "ok" };
    transaction.finish(&finished)?;
    transaction.commit()
}

pub(super) fn assert_balanced(ledger: &Ledger) {
    let audit = ledger.audit().unwrap();
    assert!(audit.findings.is_empty(), "{:#?}", audit.findings);
}

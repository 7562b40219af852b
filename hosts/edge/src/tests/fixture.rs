//! A small migration with words of its own, and servers that stand in for the world.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use admission::{Limits, Refusal};
use relay::Reply;
use relay::envelope::{Batch, SealKey};
use relay::policy::{BreakerPolicy, ConsentPolicy, DeliveryPolicy, Phase, Policy, Secrets, Snapshot, Wave};
use relay::reply::Mode;
use tokio::sync::watch;
use tracking::Inbound;
use tracking::click_id::Keys;
use tracking::directory::{Advertiser, Commission, Directory, Domains, Programme, Publisher};
use tracking::migration::Migration;
use units::Currency;

use crate::http::{Ground, Listener, Roster, Service, Tls};
use crate::settings::Deadlines;

const OLD: &str = r#"
[dialect]
name = "old"
title = "Old"
home_url = "https://old.test/"
[landing]
parameter = "oid"
[[hosts]]
group = "main"
names = ["old.test"]
[[endpoint]]
name = "click"
class = "click"
hosts = ["main"]
paths = ["/go"]
methods = ["GET", "HEAD"]
unknown = "pass"
parameters = [
    { name = "shop", field = "advertiser_id", type = "id", required = true },
    { name = "site", field = "publisher_id", type = "id", required = true },
]
[[endpoint]]
name = "file"
class = "script"
hosts = ["main"]
paths = ["/file/*"]
methods = ["GET", "HEAD"]
unknown = "pass"
handling = "proxy"
reply = "script"
cache = "1h"
parameters = []
[[endpoint]]
name = "sale"
class = "conversion"
hosts = ["main"]
paths = ["/buy"]
methods = ["GET", "HEAD", "POST", "OPTIONS"]
unknown = "keep"
unknown_why = "not needed"
reply = "pixel"
parameters = [
    { name = "shop", field = "advertiser_id", type = "id", required = true },
    { name = "sum", field = "amount", type = "money", required = true },
    { name = "order", field = "order_reference", type = "text", required = true },
]
answers = [{ status = [200], body = "image", verdict = "taken" }]
"#;

const NEW: &str = r#"
[dialect]
name = "new"
title = "New"
home_url = "https://new.test/"
[click_id]
shape = "number_number_hex"
[probe]
host = "new.test"
path = "/alive"
status = [200]
[[hosts]]
group = "main"
names = ["new.test"]
[[endpoint]]
name = "click"
class = "click"
hosts = ["main"]
paths = ["/click"]
methods = ["GET"]
unknown = "pass"
parameters = [{ name = "m", field = "advertiser_id", type = "id" }]
[[endpoint]]
name = "sale"
class = "conversion"
hosts = ["main"]
paths = ["/sale"]
methods = ["GET"]
unknown = "pass"
parameters = []
answers = [{ status = [200], body = "image", verdict = "taken" }]
"#;

const JOIN: &str = r#"
[migration]
name = "old-new"
legacy = "old"
primary = "new"
[[send]]
name = "click"
class = "click"
endpoint = "click"
method = "GET"
host = "new.test"
path = "/click"
unknown = "pass"
parameters = [
    { name = "m", from = "advertiser primary id" },
    { name = "p", from = "publisher primary id" },
    { name = "to", from = "landing with click id" },
]
[[send]]
name = "sale"
class = "conversion"
evidence = "none"
endpoint = "sale"
method = "GET"
host = "new.test"
path = "/sale"
parameters = [
    { name = "m", from = "advertiser primary id" },
    { name = "sum", from = "amount" },
    { name = "order", from = "order reference" },
]
"#;

fn advertiser(legacy_id: u64, wave: &str) -> Advertiser<'static> {
    let domain = format!("shop{legacy_id}.test");
    Advertiser {
        legacy_id,
        primary_id: Some(1000 + legacy_id),
        name: format!("Shop {legacy_id}").into(),
        landing_url: format!("https://{domain}/home").into(),
        domains: Domains::new(domain),
        wave: wave.to_owned().into(),
        programme: Programme::Online,
        currency: Currency::USD,
        window_days: 30,
        commission: Commission::Percent { basis_points: 1000 },
        deduplicates: false,
    }
}

/// Shop 1 has moved, shop 3 is observed; site 7 is mapped.
pub(super) fn snapshot() -> Snapshot {
    let short = Duration::from_millis(20);
    let second = Duration::from_secs(1);
    let dialect = |name: &str| {
        let text = if name == "old" { OLD } else { NEW };
        Some((format!("{name}.toml"), text.to_owned()))
    };
    let migration = Migration::load("join.toml", JOIN, dialect).unwrap_or_else(|wrong| panic!("{wrong:#?}"));
    let site = Publisher { legacy_id: 7, primary_id: Some(2007), name: "Site".into() };
    Snapshot {
        version: "test".to_owned(),
        migration,
        directory: Directory::new(vec![advertiser(1, "gone"), advertiser(3, "here")], vec![site], Vec::new()),
        policy: Policy {
            lock: relay::policy::Lock::default(),
            orders: relay::policy::OrdersPolicy::default(),
            terms: relay::policy::Terms::default(),
            waves: vec![Wave::new("gone", Phase::Moved), Wave::new("here", Phase::Observe)],
            delivery: DeliveryPolicy {
                evidence_wait: second,
                attempt_deadline: second,
                backoff_first: second,
                backoff_max: second,
                attempts_max: 3,
                retry_budget_percent: 20,
                in_flight_max: 4,
                ..DeliveryPolicy::USUAL
            },
            breaker: BreakerPolicy {
                failures_to_open: 2,
                open_for: short,
                probe_every: short,
                probe_deadline: second,
                ..BreakerPolicy::USUAL
            },
            proxy_deadline: second * 5,
            legacy_lives: true,
            consent: ConsentPolicy::default(),
        },
        secrets: Secrets {
            click_id_keys: Keys::new(vec![(1, [5; 32])]),
            seal_keys: vec![(1, SealKey([6; 32]))],
        },
    }
}

/// What a processor says that has taken a batch; the stand puts in how many entries it had.
pub(super) const TAKEN: &str = r#"{"accepted":ENTRIES,"duplicates":0}"#;

/// A server that gives these answers in turn, the last one for ever, and remembers what it was asked.
#[derive(Debug)]
pub(super) struct Stand {
    pub(super) asked: Mutex<Vec<Inbound>>,
    answers: Vec<(u16, &'static str)>,
}

impl Service for Stand {
    async fn reply(&self, inbound: Inbound) -> Reply {
        let mut asked = self.asked.lock().unwrap();
        let (status, body) = self.answers[asked.len().min(self.answers.len() - 1)];
        let entries = Batch::decode(&inbound.body).map_or(0, |batch| batch.entries.len());
        let body = body.replace("ENTRIES", &entries.to_string()).into_bytes();
        asked.push(inbound);
        let headers = vec![("x-from".to_owned(), "platform".to_owned())];
        Reply { mode: Mode::Local, status, headers, body }
    }

    fn refused(&self, refusal: Refusal) {
        panic!("our own request was refused: {refusal}");
    }

    fn replied(&self, _took: Duration) {}
}

/// Starts a [`Stand`]; it lives as long as the sender.
pub(super) async fn stand(
    answers: Vec<(u16, &'static str)>,
) -> (SocketAddr, Arc<Stand>, watch::Sender<bool>) {
    let ground = Ground {
        limits: Limits { body_bytes_max: 1 << 20, ..Limits::default() },
        deadlines: Deadlines::default(),
        fronts: Vec::new(),
        front_header: String::new(),
        country_header: String::new(),
        roster: Roster::new(10),
    };
    let stand = Arc::new(Stand { asked: Mutex::default(), answers });
    let listener = Listener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).await.unwrap();
    let address = listener.address().unwrap();
    let (stop, stopped) = watch::channel(false);
    tokio::spawn(listener.run(Tls::Off, Arc::new(ground), Arc::clone(&stand), stopped));
    (address, stand, stop)
}

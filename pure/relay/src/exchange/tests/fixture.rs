//! A small migration with words of its own, so that what is tested is the procedure and not the shipped data.

use std::sync::Arc;
use std::time::Duration;

use tracking::click_id::Keys;
use tracking::directory::{
    Advertiser, Builder, Commission, Directory, Domains, Programme, Publisher, ShortLink,
};
use tracking::migration::Migration;
use tracking::{Inbound, Method};
use units::Currency;

use crate::envelope::SealKey;
use crate::policy::{BreakerPolicy, ConsentPolicy, DeliveryPolicy, Phase, Policy, Secrets, Snapshot, Wave};

const OLD: &str = r#"
[dialect]
name = "old"
title = "Old"
home_url = "https://old.test/"
[landing]
parameter = "oid"
[short_link]
code = ["path", "bare query"]
[[hosts]]
group = "main"
names = ["old.test"]
cookie_domain = "old.test"
[[hosts]]
group = "short"
names = ["s.test"]
[[endpoint]]
name = "short link"
class = "click"
hosts = ["short"]
paths = ["/*"]
methods = ["GET", "HEAD"]
handling = "short link"
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
    { name = "ad", field = "creative_id", type = "id" },
    { name = "to", field = "destination_url", type = "url" },
    { name = "ok", field = "consent", type = "text" },
]
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
    { name = "cur", field = "currency", type = "currency" },
    { name = "order", field = "order_reference", type = "text", required = true },
    { name = "oid", field = "click_id", type = "click id" },
    { name = "ok", field = "consent", type = "text" },
]
answers = [{ status = [200], body = "image", verdict = "taken" }]
[[endpoint]]
name = "picture"
class = "impression"
hosts = ["main"]
paths = ["/img/*"]
methods = ["GET"]
unknown = "pass"
handling = "proxy"
reply = "pixel"
parameters = []
[opt_out]
cookie = "out"
page = "old/out.html"
done = "old/in.html"
[[endpoint]]
name = "privacy"
class = "other"
hosts = ["main"]
paths = ["/privacy"]
methods = ["GET", "HEAD", "POST"]
unknown = "pass"
handling = "opt out"
parameters = []
[[endpoint]]
name = "join"
class = "other"
hosts = ["main"]
paths = ["/join"]
methods = ["GET"]
unknown = "pass"
handling = "proxy"
parameters = []
[script_page]
template = "<script>go('{address}');</script>"
[[endpoint]]
name = "hop"
class = "click"
hosts = ["main"]
paths = ["/hop"]
methods = ["GET", "HEAD"]
unknown = "pass"
sends_on = "script page"
parameters = [
    { name = "shop", field = "advertiser_id", type = "id", required = true },
    { name = "site", field = "publisher_id", type = "id", required = true },
    { name = "oid", field = "hop_click_id", type = "click id" },
    { name = "to", field = "destination_url", type = "url", absorbs = true },
    { name = "ok", field = "consent", type = "text" },
]
[[endpoint]]
name = "file"
class = "script"
hosts = ["main"]
paths = ["/file/*"]
methods = ["GET", "HEAD", "POST"]
unknown = "pass"
handling = "proxy"
reply = "script"
cache = "1h"
cache_stale = "10h"
replacement = "old/stand-in.js"
parameters = []
[[endpoint]]
name = "copy"
class = "conversion"
hosts = ["main"]
paths = ["/copy"]
methods = ["GET", "POST"]
unknown = "pass"
handling = "record"
reply = "pixel"
parameters = [
    { name = "oid", field = "click_id", type = "click id" },
    { name = "ok", field = "consent", type = "text" },
]
[[endpoint]]
name = "account"
hosts = ["main"]
paths = ["/account"]
methods = ["GET"]
unknown = "pass"
handling = "proxy"
cookies = "all"
parameters = []
[[endpoint]]
name = "calls"
class = "adjustment"
hosts = ["main"]
paths = ["/call"]
methods = ["GET", "HEAD"]
unknown = "pass"
handling = "proxy"
picked_by = "do"
parameters = []
[endpoint.interface]
says = [
    { outcome = "done", content_type = "text/plain", body = "yes {transaction}" },
    { outcome = "not found", content_type = "text/plain", body = "none" },
    { outcome = "ambiguous", content_type = "text/plain", body = "many" },
    { outcome = "locked", content_type = "text/plain", body = "late" },
    { outcome = "conflict", content_type = "text/plain", body = "other" },
    { outcome = "incomplete", content_type = "text/plain", body = "what" },
    { outcome = "unsigned", content_type = "text/plain", body = "who" },
    { outcome = "wrong address", content_type = "text/plain", body = "where" },
]
[endpoint.interface.signature]
transform = "sha256 of token:date:action:secret"
token = "token"
action = "do"
date_header = "x-date"
signature_header = "x-signature"
window_s = 900
[[endpoint]]
name = "calls: void"
variant_of = "calls"
when = ["void", "undo"]
class = "adjustment"
methods = ["GET"]
unknown = "keep"
unknown_why = "not needed"
handling = "serve"
operation = "void"
parameters = [
    { name = "shop", field = "advertiser_id", type = "id", required = true },
    { name = "order", field = "order_reference", type = "text", required = true },
    { name = "oid", field = "click_id", type = "click id" },
]
[[cookie]]
name = "SHOP{advertiser_id}"
domain = "registrable"
reads = "leading publisher id"
writes = "publisher id and click id"
"#;

const NEW: &str = r#"
[dialect]
name = "new"
title = "New"
home_url = "https://new.test/"
[click_id]
shape = "number_number_hex"
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
    { name = "ok", from = "consent flag" },
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
    { name = "cur", from = "currency" },
    { name = "order", from = "order reference" },
]
[[instead]]
endpoint = "join"
url = "https://new.test/join"
[[keep]]
class = "click"
fields = ["creative_id"]
in = "click id"
why = "for a test"
[[keep]]
class = "click"
fields = ["hop_click_id"]
in = "click record"
why = "for a test"
[[keep]]
class = "conversion"
fields = ["click_id", "consent"]
in = "evidence"
why = "for a test"
[[cookie]]
name = "new_{advertiser primary id}"
"#;

fn migration() -> Migration {
    let dialect = |name: &str| {
        let text = if name == "old" { OLD } else { NEW };
        Some((format!("{name}.toml"), text.to_owned()))
    };
    let migration = Migration::load("join.toml", JOIN, dialect);
    let mut migration = migration.unwrap_or_else(|mistakes| panic!("{mistakes:#?}"));
    migration
        .legacy
        .furnish(|name| {
            let text = match name {
                "old/stand-in.js" => "standIn()",
                "old/out.html" => "out?",
                _ => "in?",
            };
            Some(text.to_owned())
        })
        .unwrap();
    migration
}

fn advertiser(legacy_id: u64, wave: &str, programme: Programme) -> Advertiser<'static> {
    let domain = format!("shop{legacy_id}.test");
    Advertiser {
        legacy_id,
        primary_id: Some(1000 + legacy_id),
        name: format!("Shop {legacy_id}").into(),
        landing_url: format!("https://{domain}/home").into(),
        domains: Domains::new(domain),
        wave: wave.to_owned().into(),
        programme,
        currency: Currency::USD,
        window_days: 30,
        commission: Commission::Percent { basis_points: 1000 },
        deduplicates: false,
    }
}

fn directory() -> Directory {
    let mut rows = Builder::default();
    for (id, wave, programme) in
        [(1, "gone", Programme::Online), (2, "gone", Programme::Offline), (3, "here", Programme::Online)]
    {
        rows.advertiser(&advertiser(id, wave, programme));
    }
    for (legacy_id, primary_id) in [(7, Some(2007)), (9, None)] {
        rows.publisher(&Publisher { legacy_id, primary_id, name: "Site".into() });
    }
    for (code, link) in
        [("moved", "https://old.test/go?shop=1&site=7"), ("observed", "http://old.test/go?shop=3&site=7")]
    {
        rows.short_link(&ShortLink { code: code.into(), link: link.into() });
    }
    rows.finish().into()
}

/// Shop 1 has moved, 2 has moved and is offline, 3 is observed; site 7 is mapped, 9 is known. A short link leads
/// from `moved` to the first shop, from `observed` to the third.
pub(crate) fn snapshot() -> Arc<Snapshot> {
    let second = Duration::from_secs(1);
    Arc::new(Snapshot {
        version: "test".to_owned(),
        migration: migration(),
        directory: directory(),
        policy: Policy {
            lock: crate::policy::Lock::default(),
            orders: crate::policy::OrdersPolicy::default(),
            terms: crate::policy::Terms::default(),
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
                open_for: second,
                probe_every: second,
                probe_deadline: second,
                ..BreakerPolicy::USUAL
            },
            proxy_deadline: second,
            legacy_lives: true,
            consent: ConsentPolicy::default(),
        },
        secrets: Secrets {
            click_id_keys: Keys::new(vec![(1, [5; 32])]),
            seal_keys: vec![(1, SealKey([6; 32]))],
        },
    })
}

/// A GET of `target`, with these header lines.
pub(super) fn get(target: &str, headers: &[(&str, &str)]) -> Inbound {
    let line = |(name, value): &(&str, &str)| ((*name).to_owned(), value.as_bytes().to_vec());
    Inbound {
        method: Method::Get,
        secure: true,
        host: "old.test".to_owned(),
        target: target.as_bytes().to_vec(),
        headers: headers.iter().map(line).collect(),
        body: Vec::new(),
        peer: None,
    }
}

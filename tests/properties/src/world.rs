//! The world that inputs are read in: the shipped dialects, join and policy, and two small tables.

use std::sync::{Arc, OnceLock};

use relay::envelope::SealKey;
use relay::policy::{Policy, Secrets, Snapshot};
use tracking::click_id::Keys;
use tracking::directory::{
    Advertiser, Builder, Commission, Directory, Domains, Programme, Publisher, ShortLink,
};
use tracking::migration::Migration;
use tracking::{Inbound, Method};
use units::{Currency, Timestamp};

/// The shipped dialect of the platform that is left.
pub const LEGACY: &str = include_str!("../../../dialects/shareasale.toml");
/// The shipped dialect of the platform that is moved to.
pub const PRIMARY: &str = include_str!("../../../dialects/awin.toml");
/// The shipped join of the two.
pub const JOIN: &str = include_str!("../../../migrations/shareasale-awin/migration.toml");
/// The shipped policy.
pub const POLICY: &str = include_str!("../../../migrations/shareasale-awin/policy.toml");

/// The time at which everything happens.
pub const NOW: Timestamp = Timestamp::from_millis(1_795_000_000_000);

/// The dialect of this name, with its file's name.
pub fn dialect(name: &str) -> Option<(String, String)> {
    let text = match name {
        "shareasale" => LEGACY,
        "awin" => PRIMARY,
        _ => return None,
    };
    Some((format!("{name}.toml"), text.to_owned()))
}

/// The short links that cases are read with.
const SHORT_LINKS: &str = include_str!("../../../corpus/tables/short_links.csv");

/// Programme 789 has moved, 44911 has not; publishers 456 and 178 are mapped, and a few of the corpus' short links.
pub fn snapshot() -> Arc<Snapshot> {
    static SNAPSHOT: OnceLock<Arc<Snapshot>> = OnceLock::new();
    Arc::clone(SNAPSHOT.get_or_init(|| Arc::new(load())))
}

fn directory() -> Directory {
    let mut rows = Builder::default();
    rows.advertiser(&advertiser(789, "example.com", "first", Currency::USD));
    rows.advertiser(&advertiser(44_911, "eurowear.example", "second", Currency::parse("EUR").unwrap()));
    for legacy_id in [456, 178] {
        rows.publisher(&Publisher {
            legacy_id,
            primary_id: Some(200_000 + legacy_id),
            name: "A site".into(),
        });
    }
    for (code, link) in SHORT_LINKS.lines().skip(1).filter_map(|line| line.split_once(',')) {
        rows.short_link(&ShortLink { code: code.into(), link: link.into() });
    }
    rows.finish().into()
}

fn load() -> Snapshot {
    Snapshot {
        version: "properties".to_owned(),
        migration: Migration::load("migration.toml", JOIN, dialect).unwrap(),
        directory: directory(),
        policy: Policy::load("policy.toml", POLICY).unwrap(),
        secrets: Secrets {
            click_id_keys: Keys::new(vec![(1, [5; 32])]),
            seal_keys: vec![(1, SealKey([6; 32]))],
        },
    }
}

fn advertiser(
    legacy_id: u64,
    domain: &'static str,
    wave: &'static str,
    currency: Currency,
) -> Advertiser<'static> {
    Advertiser {
        legacy_id,
        primary_id: Some(100_000 + legacy_id),
        name: domain.into(),
        landing_url: format!("https://{domain}/").into(),
        domains: Domains::new(domain),
        wave: wave.into(),
        programme: Programme::Online,
        currency,
        window_days: 30,
        commission: Commission::Percent { basis_points: 1000 },
        deduplicates: false,
    }
}

/// A GET over TLS.
pub fn get(host: &str, target: Vec<u8>) -> Inbound {
    Inbound {
        method: Method::Get,
        secure: true,
        host: host.to_owned(),
        target,
        headers: Vec::new(),
        body: Vec::new(),
        peer: None,
    }
}

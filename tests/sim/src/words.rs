//! The small world that is simulated: two dialects of our own, six shops, two sites, one policy.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use relay::envelope::SealKey;
use relay::policy::{
    BreakerPolicy, ConsentPolicy, DeliveryPolicy, Phase, Policy, Secrets, Snapshot, Terms, Wave,
};
use tracking::click_id::Keys;
use tracking::directory::{Advertiser, Commission, Directory, Domains, Programme, Publisher};
use tracking::migration::Migration;
use units::Currency;

use crate::scope::Scope;

/// Moved; its platform does not deduplicate.
pub(crate) const MOVED: u64 = 1;
/// Moved; its platform deduplicates by order reference.
pub(crate) const DEDUPLICATES: u64 = 2;
/// Not moved: everything goes to the old platform.
pub(crate) const OBSERVED: u64 = 3;
/// Moved, and without an id on the new platform.
pub(crate) const UNMAPPED: u64 = 4;
/// Not moved, in the shadow phase.
pub(crate) const SHADOW: u64 = 5;
/// Moved, and its programme is offline.
pub(crate) const OFFLINE: u64 = 6;
/// In no directory.
pub(crate) const UNKNOWN: u64 = 99;

/// The site that the new platform does not have.
pub(crate) const STRANGER: u64 = 8;

/// Who refers: the site that earns the credit, one that the map does not have, and where terms share a second one that
/// earns.
pub(crate) const fn sites(scope: Scope) -> &'static [u64] {
    if scope.has_terms() { &[7, 9, STRANGER] } else { &[7, STRANGER] }
}

/// What the new platform adds to the old one's ids.
pub(crate) const PRIMARY_IDS_FROM: u64 = 1000;

/// What the programme of `OFFLINE` pays in a month, in cents, where terms hold.
pub(crate) const CAP: i64 = 2000;

/// What a sale of so many cents earns, in cents, where nothing caps it.
pub(crate) const fn earns(scope: Scope, shop: u64, cents: i64) -> i64 {
    let is_dear = scope.has_terms() && shop == DEDUPLICATES && cents >= 10_000;
    let (part, of) = (cents, if is_dear { 20 } else { 10 });
    // Rounded to the nearest cent, and a half to the even one.
    let (whole, rest) = (part / of, 2 * (part % of));
    whole + if rest > of || (rest == of && whole % 2 == 1) { 1 } else { 0 }
}

/// True if the shop's conversions belong to the new platform.
pub(crate) const fn has_moved(shop: u64) -> bool {
    matches!(shop, MOVED | DEDUPLICATES | UNMAPPED | OFFLINE)
}

/// True if nothing can be delivered for the shop as the map stands.
pub(crate) const fn is_unmapped(shop: u64) -> bool {
    matches!(shop, UNMAPPED | UNKNOWN)
}

fn advertiser(legacy_id: u64) -> Advertiser<'static> {
    let domain = format!("shop{legacy_id}.test");
    Advertiser {
        legacy_id,
        primary_id: (legacy_id != UNMAPPED).then_some(PRIMARY_IDS_FROM + legacy_id),
        name: format!("Shop {legacy_id}").into(),
        landing_url: format!("https://{domain}/home").into(),
        domains: Domains::new(domain),
        wave: match legacy_id {
            OBSERVED => "here",
            SHADOW => "both",
            _ => "gone",
        }
        .into(),
        programme: if legacy_id == OFFLINE { Programme::Offline } else { Programme::Online },
        currency: Currency::USD,
        window_days: 30,
        commission: Commission::Percent { basis_points: 1000 },
        deduplicates: legacy_id == DEDUPLICATES,
    }
}

fn policy() -> Policy {
    Policy {
        lock: relay::policy::Lock::default(),
        orders: relay::policy::OrdersPolicy::default(),
        terms: Terms::default(),
        waves: vec![
            Wave::new("gone", Phase::Moved),
            Wave::new("here", Phase::Observe),
            Wave::new("both", Phase::Shadow),
        ],
        delivery: DeliveryPolicy {
            evidence_wait: Duration::from_secs(60),
            attempt_deadline: Duration::from_secs(10),
            backoff_first: Duration::from_secs(1),
            backoff_max: Duration::from_secs(60),
            attempts_max: 3,
            retry_budget_percent: 20,
            in_flight_max: 8,
            ..DeliveryPolicy::USUAL
        },
        breaker: BreakerPolicy {
            failures_to_open: 3,
            open_for: Duration::from_secs(5),
            probe_every: Duration::from_secs(5),
            probe_deadline: Duration::from_secs(2),
            ..BreakerPolicy::USUAL
        },
        proxy_deadline: Duration::from_secs(5),
        legacy_lives: true,
        consent: ConsentPolicy::default(),
    }
}

/// The snapshot that everybody decides by, in every run of a scope.
pub(crate) fn snapshot(scope: Scope) -> Arc<Snapshot> {
    static QUIET: OnceLock<Arc<Snapshot>> = OnceLock::new();
    static CALLED: OnceLock<Arc<Snapshot>> = OnceLock::new();
    static SHARED: OnceLock<Arc<Snapshot>> = OnceLock::new();
    // What merchants call is asked for in every turn, so that a smaller scope must not even know of it.
    let shelf = match scope {
        Scope::Terms | Scope::Starts => &SHARED,
        Scope::Merchants => &CALLED,
        _ => &QUIET,
    };
    Arc::clone(shelf.get_or_init(|| compiled(scope)))
}

#[expect(clippy::panic, reason = "a mistake in the simulation's own texts is a mistake of its author")]
fn compiled(scope: Scope) -> Arc<Snapshot> {
    let calls = scope >= Scope::Merchants;
    let terms = if scope.has_terms() { include_str!("../data/terms.toml") } else { "" };
    let terms = Terms::load("terms.toml", terms).unwrap_or_else(|mistakes| panic!("{mistakes:#?}"));
    let text = |own: &str, further: &str| format!("{own}{}", if calls { further } else { "" });
    let dialect = |name: &str| {
        let (own, further) = match name {
            "old" => (include_str!("../data/old.toml"), include_str!("../data/old_calls.toml")),
            _ => (include_str!("../data/new.toml"), include_str!("../data/new_changes.toml")),
        };
        Some((format!("{name}.toml"), text(own, further)))
    };
    let join = text(include_str!("../data/join.toml"), include_str!("../data/join_changes.toml"));
    let migration = Migration::load("join.toml", &join, dialect);
    let migration = migration.unwrap_or_else(|mistakes| panic!("{mistakes:#?}"));
    let shops = [MOVED, DEDUPLICATES, OBSERVED, UNMAPPED, SHADOW, OFFLINE].map(advertiser).to_vec();
    let site = |legacy_id: u64| Publisher {
        legacy_id,
        primary_id: (legacy_id != STRANGER).then_some(PRIMARY_IDS_FROM + legacy_id),
        name: format!("Site {legacy_id}").into(),
    };
    Arc::new(Snapshot {
        version: "simulated".to_owned(),
        migration,
        directory: Directory::new(shops, sites(scope).iter().map(|id| site(*id)).collect(), Vec::new()),
        policy: Policy { terms, ..policy() },
        secrets: Secrets {
            click_id_keys: Keys::new(vec![(1, [5; 32])]),
            seal_keys: vec![(1, SealKey([6; 32]))],
        },
    })
}

//! The policy: what an operator decides, read once and never changed under an exchange.

mod consent;
mod cookies;
mod load;
mod lock;
mod paces;

use core::time::Duration;

use resilience::breaker::Wait;
use resilience::{Breaker, Evidence};
use tracking::cookie::Lives;
use tracking::directory::{Advertiser, Directory};
use tracking::source::Mistake;
use tracking::{Event, Field, Home, key};
use units::{Money, Timestamp};

use attribution::Duplicates;
pub use attribution::Terms;
use attribution::commission::kind;

pub use self::consent::ConsentPolicy;
pub use self::cookies::{CookieForms, CookiePolicy};
pub use self::lock::Lock;

/// Where a programme stands in the migration (design, section 4).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
pub enum Phase {
    /// Everything to legacy byte for byte, recorded.
    Observe,
    /// As observe, and also to the primary, marked and never booked.
    Shadow,
    /// The primary owns it.
    Moved,
    /// Legacy is gone.
    Closed,
}

impl Phase {
    /// The phase's name in files and tables.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Observe => "observe",
            Self::Shadow => "shadow",
            Self::Moved => "moved",
            Self::Closed => "closed",
        }
    }

    /// The phase called `name`.
    pub fn parse(name: &str) -> Option<Self> {
        [Self::Observe, Self::Shadow, Self::Moved, Self::Closed].into_iter().find(|p| p.name() == name)
    }

    /// The platform that owns a conversion of this phase.
    pub const fn owner(self) -> Home {
        match self {
            Self::Observe | Self::Shadow => Home::Legacy,
            Self::Moved | Self::Closed => Home::Primary,
        }
    }
}

/// Programmes that move together.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Wave {
    /// The wave's name, as the directory's rows give it.
    pub name: String,
    /// Where it stands.
    pub phase: Phase,
    /// Which cookies its clicks set.
    pub cookies: CookiePolicy,
}

impl Wave {
    /// A wave with the usual cookies of its phase.
    pub fn new(name: &str, phase: Phase) -> Self {
        Self { name: name.to_owned(), phase, cookies: CookiePolicy::of(phase) }
    }
}

/// How conversions are delivered.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DeliveryPolicy {
    /// How long a conversion without click evidence waits for its copy that has some.
    pub evidence_wait: Duration,
    /// The total deadline of one attempt.
    pub attempt_deadline: Duration,
    /// The wait after the first failed attempt; it doubles up to `backoff_max`.
    pub backoff_first: Duration,
    /// The longest wait between attempts.
    pub backoff_max: Duration,
    /// Attempts after which a conversion becomes a dead letter. Time with an open breaker does not count.
    pub attempts_max: u32,
    /// Retries that may be made for every hundred fresh attempts.
    pub retry_budget_percent: u32,
    /// Most deliveries in flight to one destination: an endpoint of a platform.
    pub in_flight_max: usize,
    /// The share of those places, in percent, that one merchant may hold.
    pub merchant_share_percent: u32,
    /// How long a conversion counts as fresh once it is due. What is older is backlog.
    pub fresh_for: Duration,
    /// First attempts of a backlog that go to one destination in a second.
    pub drain_per_second: u32,
    /// How long it takes after an outage until the backlog goes at that rate.
    pub drain_ramp: Duration,
}

impl DeliveryPolicy {
    /// What is shipped.
    pub const USUAL: Self = Self {
        evidence_wait: Duration::from_secs(60),
        attempt_deadline: Duration::from_secs(10),
        backoff_first: Duration::from_secs(1),
        backoff_max: Duration::from_secs(15 * 60),
        attempts_max: 24,
        retry_budget_percent: 10,
        in_flight_max: 32,
        merchant_share_percent: 25,
        fresh_for: Duration::from_secs(30),
        drain_per_second: 200,
        drain_ramp: Duration::from_secs(30),
    };

    /// Places in flight that one merchant may hold: at least one.
    pub fn merchant_share(&self) -> usize {
        let share = usize::try_from(self.merchant_share_percent).unwrap_or(100).min(100);
        self.in_flight_max.saturating_mul(share).div_euclid(100).max(1)
    }
}

/// When a platform counts as down.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BreakerPolicy {
    /// Failures in a row that open the breaker where there are few calls; more of them where there are many.
    pub failures_to_open: u32,
    /// How long a call counts.
    pub window: Duration,
    /// Calls in that time from which their share of failures is judged. No more failures in a row than that are
    /// needed in any traffic.
    pub calls_min: u32,
    /// The share of failures, in percent, that opens it.
    pub failure_percent: u32,
    /// How long it stays open before one probe may pass.
    pub open_for: Duration,
    /// How long at most, for a platform that comes and goes.
    pub open_for_max: Duration,
    /// How often an edge probes the primary.
    pub probe_every: Duration,
    /// The deadline of a probe.
    pub probe_deadline: Duration,
}

impl BreakerPolicy {
    /// What is shipped.
    pub const USUAL: Self = Self {
        failures_to_open: 3,
        window: Duration::from_secs(10),
        calls_min: 20,
        failure_percent: 50,
        open_for: Duration::from_secs(2),
        open_for_max: Duration::from_secs(60),
        probe_every: Duration::from_millis(200),
        probe_deadline: Duration::from_secs(1),
    };

    /// A closed breaker by this policy.
    pub const fn breaker(&self) -> Breaker {
        Breaker::new(self.evidence(), Wait { first: self.open_for, max: self.open_for_max })
    }

    /// What is enough evidence of failure.
    pub const fn evidence(&self) -> Evidence {
        Evidence {
            window: self.window,
            calls_min: self.calls_min,
            failure_percent: self.failure_percent,
            in_a_row: self.failures_to_open,
        }
    }
}

/// When an order over dead letters waits for a second person.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct OrdersPolicy {
    /// Above so many dead letters.
    pub second_person_items: u32,
    /// Above so much money in one currency, in its major unit; none for no limit.
    pub second_person_amount: Option<u32>,
}

impl Default for OrdersPolicy {
    /// As many as one order took before there were approvals; amounts differ too much between programmes.
    fn default() -> Self {
        Self { second_person_items: 1000, second_person_amount: None }
    }
}

impl OrdersPolicy {
    /// True if an order over so many dead letters with so much money waits for a second person.
    pub fn needs_second(&self, items: usize, sums: &[Money]) -> bool {
        let many = u32::try_from(items).is_ok_and(|items| items <= self.second_person_items);
        let above = |sum: &Money, limit: u32| {
            let unit = 10_i64.saturating_pow(sum.currency.decimals());
            sum.minor > i64::from(limit).saturating_mul(unit)
        };
        !many || self.second_person_amount.is_some_and(|limit| sums.iter().any(|sum| above(sum, limit)))
    }
}

/// Everything an operator decides.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Policy {
    /// True while the legacy platform takes conversions and answers. Once it does not, nothing is passed to it.
    pub legacy_lives: bool,
    /// The waves, in no order.
    pub waves: Vec<Wave>,
    /// How conversions are delivered.
    pub delivery: DeliveryPolicy,
    /// When a platform counts as down.
    pub breaker: BreakerPolicy,
    /// The whole time that a reply in `proxy` mode may take over all homes.
    pub proxy_deadline: Duration,
    /// What happens to visitors who say nothing.
    pub consent: ConsentPolicy,
    /// When a transaction may no longer be changed.
    pub lock: Lock,
    /// When an order over dead letters waits for a second person.
    pub orders: OrdersPolicy,
    /// Who earns what, by programme and date; they stand in a file of their own.
    pub terms: Terms,
}

pub use units::time::parse_duration;

impl Policy {
    /// Reads a policy file; `file` names it in messages.
    ///
    /// # Errors
    /// Every mistake in the file.
    pub fn load(file: &str, text: &str) -> Result<Self, Vec<Mistake>> {
        load::load(file, text)
    }

    /// The phase of a programme. A wave that is not listed counts as `observe`; `check` reports it.
    pub fn phase(&self, advertiser: &Advertiser<'_>) -> Phase {
        self.wave(advertiser).map_or(Phase::Observe, |wave| wave.phase)
    }

    /// How long a click of this publisher may earn with a programme: so long it is remembered.
    pub fn click_window(&self, advertiser: &Advertiser<'_>, publisher_id: u64) -> Duration {
        let days = self.terms.longest_window_days(publisher_id, advertiser);
        Duration::from_secs(u64::from(days).saturating_mul(86_400))
    }

    /// How long each form of cookie lives that is set for a programme at `now`, out of `life`.
    pub fn cookie_lives(&self, advertiser: &Advertiser<'_>, now: Timestamp, life: Duration) -> Lives {
        let policy = self.wave(advertiser).map_or(CookiePolicy::of(Phase::Observe), |wave| wave.cookies);
        policy.lives(now, life)
    }

    fn wave(&self, advertiser: &Advertiser<'_>) -> Option<&Wave> {
        self.waves.iter().find(|wave| wave.name == advertiser.wave)
    }
}

/// What an exchange or a delivery decides by: one consistent version of everything.
#[derive(Debug)]
pub struct Snapshot {
    /// Names the version, for facts and for people.
    pub version: String,
    /// The two dialects and the join between them.
    pub migration: tracking::migration::Migration,
    /// Who is who.
    pub directory: Directory,
    /// What the operator decided.
    pub policy: Policy,
    /// The keys that this version works with.
    pub secrets: Secrets,
}

impl Snapshot {
    /// The key of a conversion that came at `at`, under the terms of that time; none if nothing identifies it, or every
    /// arrival of its kind is an order of its own.
    pub fn conversion_key(&self, event: &Event, at: Timestamp) -> Option<String> {
        let legacy = &self.migration.legacy;
        let version = self.policy.terms.at(event.id(Field::AdvertiserId)?, at);
        if version.duplicates(kind(event)) == Duplicates::Each {
            return None;
        }
        key::conversion_key(event, version.epoch, |text| legacy.is_placeholder(text))
    }
}

/// The keys of an edge and its processor. They print nothing.
#[derive(Clone, Debug)]
pub struct Secrets {
    /// Signs and checks the click ids that we mint.
    pub click_id_keys: tracking::click_id::Keys,
    /// Seal and open the personal part of envelopes, by number: the first seals, all open.
    pub seal_keys: Vec<(u32, crate::envelope::SealKey)>,
}

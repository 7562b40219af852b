//! Who exists: merchants, publishers, creatives, with their ids on both platforms.

mod csv;
mod generate;

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use crate::text::host_of;

/// Everybody both platforms know.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct World {
    /// Merchants.
    pub advertisers: Vec<Advertiser>,
    /// Sites that send shoppers.
    pub publishers: Vec<Publisher>,
    /// Banners, deals and products.
    pub creatives: Vec<Creative>,
    /// Voucher codes bound to one publisher on the primary platform.
    #[serde(default)]
    pub vouchers: Vec<Voucher>,
    /// Short links of the legacy platform.
    #[serde(default)]
    pub short_links: Vec<ShortLink>,
    /// User tokens that the primary's interface accepts.
    #[serde(default)]
    pub primary_api_keys: Vec<String>,
}

/// One merchant's programme.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Advertiser {
    /// Id on the platform being left.
    pub legacy_id: u64,
    /// Id on the platform being moved to; never equal to the other.
    pub primary_id: u64,
    /// Name for people.
    pub name: String,
    /// The page a click without destination lands on.
    pub landing_url: String,
    /// Domains a destination may have, with their subdomains.
    pub domains: Vec<String>,
    /// Commission in hundredths of a percent of the sale.
    pub commission_bp: u32,
    /// Commission per sale or lead in hundredths, added to the share.
    pub commission_flat_minor: u32,
    /// Days between click and sale that still earn.
    pub window_days: u32,
    /// ISO 4217.
    pub currency: String,
    /// Whether the plan says that its traffic goes to the primary platform.
    pub moved: bool,
    /// The programme has ended: links are dead on both platforms.
    pub closed: bool,
    /// The programme is paused for lack of funds: links answer as if closed.
    pub offline: bool,
    /// The primary platform folds equal order references of this programme into one.
    pub dedup: bool,
    /// Token of the signed legacy interface.
    pub legacy_token: String,
    /// Secret of the signed legacy interface.
    pub legacy_secret: String,
}

/// One site that sends shoppers.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Publisher {
    /// Id on the platform being left.
    pub legacy_id: u64,
    /// Id on the platform being moved to.
    pub primary_id: u64,
    /// Name for people.
    pub name: String,
    /// Its site.
    pub url: String,
    /// Where its clicks go when a programme is offline.
    pub fallback_url: Option<String>,
    /// Cashback and the like: the primary marks its clicks as strictly necessary.
    pub incentive: bool,
}

/// What a creative is, which decides the link that carries it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CreativeKind {
    /// A banner or text link.
    #[default]
    Banner,
    /// A coupon or deal.
    Deal,
    /// A product of a feed.
    Product,
}

/// One banner, deal or product.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Creative {
    /// Id on the platform being left.
    pub legacy_id: u64,
    /// Id on the platform being moved to.
    pub primary_id: u64,
    /// The merchant's legacy id.
    pub advertiser: u64,
    /// What it is.
    pub kind: CreativeKind,
    /// Name for people.
    pub name: String,
    /// The page it leads to.
    pub landing_url: String,
    /// File name of its picture.
    pub image: String,
}

/// A code that always earns for one publisher.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Voucher {
    /// The code, compared without letter case.
    pub code: String,
    /// The merchant's primary id.
    pub advertiser: u64,
    /// The publisher's primary id.
    pub publisher: u64,
}

/// A stored short link of the legacy platform.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShortLink {
    /// What stands after the short host.
    pub code: String,
    /// The click link it stands for.
    pub url: String,
}

impl Advertiser {
    /// Whether `url` leads to one of the merchant's own domains.
    #[must_use]
    pub fn owns(&self, url: &str) -> bool {
        host_of(url).is_some_and(|host| {
            self.domains.iter().any(|domain| {
                host == *domain || host.strip_suffix(domain.as_str()).is_some_and(|rest| rest.ends_with('.'))
            })
        })
    }

    /// Whether a click of this programme still leads to the shop.
    #[must_use]
    pub fn is_online(&self) -> bool {
        !self.closed && !self.offline
    }
}

/// A world with its look-ups; the platforms share one.
#[derive(Debug)]
pub(crate) struct Directory {
    world: World,
    by_legacy: HashMap<u64, usize>,
    by_primary: HashMap<u64, usize>,
    publishers_by_legacy: HashMap<u64, usize>,
    publishers_by_primary: HashMap<u64, usize>,
}

impl Directory {
    pub(crate) fn new(world: World) -> Self {
        let index = |ids: Vec<u64>| ids.into_iter().enumerate().map(|(at, id)| (id, at)).collect();
        Self {
            by_legacy: index(world.advertisers.iter().map(|one| one.legacy_id).collect()),
            by_primary: index(world.advertisers.iter().map(|one| one.primary_id).collect()),
            publishers_by_legacy: index(world.publishers.iter().map(|one| one.legacy_id).collect()),
            publishers_by_primary: index(world.publishers.iter().map(|one| one.primary_id).collect()),
            world,
        }
    }

    pub(crate) fn world(&self) -> &World {
        &self.world
    }

    pub(crate) fn legacy(&self, id: u64) -> Option<&Advertiser> {
        self.by_legacy.get(&id).and_then(|&at| self.world.advertisers.get(at))
    }

    pub(crate) fn primary(&self, id: u64) -> Option<&Advertiser> {
        self.by_primary.get(&id).and_then(|&at| self.world.advertisers.get(at))
    }

    pub(crate) fn legacy_mut(&mut self, id: u64) -> Option<&mut Advertiser> {
        self.by_legacy.get(&id).and_then(|&at| self.world.advertisers.get_mut(at))
    }

    pub(crate) fn primary_mut(&mut self, id: u64) -> Option<&mut Advertiser> {
        self.by_primary.get(&id).and_then(|&at| self.world.advertisers.get_mut(at))
    }

    pub(crate) fn advertisers_mut(&mut self) -> impl Iterator<Item = &mut Advertiser> {
        self.world.advertisers.iter_mut()
    }

    pub(crate) fn publisher_legacy(&self, id: u64) -> Option<&Publisher> {
        self.publishers_by_legacy.get(&id).and_then(|&at| self.world.publishers.get(at))
    }

    pub(crate) fn publisher_primary(&self, id: u64) -> Option<&Publisher> {
        self.publishers_by_primary.get(&id).and_then(|&at| self.world.publishers.get(at))
    }

    pub(crate) fn creative_legacy(&self, advertiser: u64, id: u64) -> Option<&Creative> {
        self.world.creatives.iter().find(|one| one.legacy_id == id && one.advertiser == advertiser)
    }

    pub(crate) fn creative_primary(&self, id: u64) -> Option<&Creative> {
        self.world.creatives.iter().find(|one| one.primary_id == id)
    }

    /// The merchant whose domain `host` is.
    pub(crate) fn by_host(&self, host: &str) -> Option<&Advertiser> {
        self.world.advertisers.iter().find(|one| one.owns(host))
    }
}

//! The directory: who is who on both platforms, as an immutable snapshot.
//!
//! An id without a row is unmapped: a visible hold, never a guess. The rows come from an adapter; here they
//! are sorted once and found by binary search.

use units::{Currency, Money};

/// Whether a programme's links work on the new platform.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum Programme {
    /// Links work.
    Online,
    /// Links lead to a page that says they are inactive (no funds).
    Offline,
    /// The programme has ended.
    Closed,
}

impl Programme {
    /// The name in files and tables.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Online => "online",
            Self::Offline => "offline",
            Self::Closed => "closed",
        }
    }

    /// The programme state called `name`.
    pub fn parse(name: &str) -> Option<Self> {
        [Self::Online, Self::Offline, Self::Closed].into_iter().find(|state| state.name() == name)
    }
}

/// How a commission is computed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Commission {
    /// A share of the order's value, in hundredths of a percent.
    Percent {
        /// 100 is one percent.
        basis_points: u64,
    },
    /// A fixed amount for each conversion.
    Flat(Money),
}

/// One programme.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Advertiser {
    /// The id on the legacy platform.
    pub legacy_id: u64,
    /// The id on the new platform; none while it has none.
    pub primary_id: Option<u64>,
    /// The name, for people.
    pub name: String,
    /// Where a shopper lands who has no better destination. An absolute URL.
    pub landing_url: String,
    /// The registered domains that a destination may be on, in lower case.
    pub domains: Vec<String>,
    /// The wave that the programme moves with.
    pub wave: String,
    /// Whether its links work on the new platform.
    pub programme: Programme,
    /// The currency that is assumed where a request names none.
    pub currency: Currency,
    /// How many days after a click a conversion still earns the credit.
    pub window_days: u32,
    /// What a publisher earns.
    pub commission: Commission,
    /// True if the new platform is known to deduplicate this programme's conversions by order reference.
    pub deduplicates: bool,
}

/// One publisher.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Publisher {
    /// The id on the legacy platform.
    pub legacy_id: u64,
    /// The id on the new platform; none while it has none.
    pub primary_id: Option<u64>,
    /// The name, for people.
    pub name: String,
}

/// One creative, deal or product: something that a link can name and that has a landing page of its own.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Creative {
    /// What kind of thing it is.
    pub kind: CreativeKind,
    /// The id on the legacy platform.
    pub legacy_id: u64,
    /// The programme it belongs to, by its legacy id.
    pub advertiser_id: u64,
    /// The id on the new platform; none while it has none.
    pub primary_id: Option<u64>,
    /// Its own landing page, an absolute URL; none if it has none.
    pub landing_url: Option<String>,
}

/// What a link names beside advertiser and publisher.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
pub enum CreativeKind {
    /// A banner or text link.
    Creative,
    /// A deal or coupon.
    Deal,
    /// A product of a feed.
    Product,
}

/// Everything the directory knows, by legacy id.
#[derive(Clone, Debug, Default)]
pub struct Directory {
    advertisers: Vec<Advertiser>,
    publishers: Vec<Publisher>,
    creatives: Vec<Creative>,
}

impl Directory {
    /// A directory of these rows. Where an id stands twice the first row counts; the adapter reports it.
    pub fn new(
        mut advertisers: Vec<Advertiser>,
        mut publishers: Vec<Publisher>,
        mut creatives: Vec<Creative>,
    ) -> Self {
        advertisers.sort_by_key(|row| row.legacy_id);
        publishers.sort_by_key(|row| row.legacy_id);
        creatives.sort_by_key(|row| (row.kind, row.legacy_id));
        Self { advertisers, publishers, creatives }
    }

    /// The programme with this legacy id.
    pub fn advertiser(&self, legacy_id: u64) -> Option<&Advertiser> {
        let place = self.advertisers.partition_point(|row| row.legacy_id < legacy_id);
        self.advertisers.get(place).filter(|row| row.legacy_id == legacy_id)
    }

    /// The publisher with this legacy id.
    pub fn publisher(&self, legacy_id: u64) -> Option<&Publisher> {
        let place = self.publishers.partition_point(|row| row.legacy_id < legacy_id);
        self.publishers.get(place).filter(|row| row.legacy_id == legacy_id)
    }

    /// The creative, deal or product with this legacy id.
    pub fn creative(&self, kind: CreativeKind, legacy_id: u64) -> Option<&Creative> {
        let key = (kind, legacy_id);
        let place = self.creatives.partition_point(|row| (row.kind, row.legacy_id) < key);
        self.creatives.get(place).filter(|row| (row.kind, row.legacy_id) == key)
    }

    /// Every programme, by legacy id.
    pub fn advertisers(&self) -> &[Advertiser] {
        &self.advertisers
    }

    /// Every publisher, by legacy id.
    pub fn publishers(&self) -> &[Publisher] {
        &self.publishers
    }

    /// Every creative, deal and product, by kind and legacy id.
    pub fn creatives(&self) -> &[Creative] {
        &self.creatives
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn publisher(legacy_id: u64) -> Publisher {
        Publisher { legacy_id, primary_id: Some(legacy_id + 1000), name: format!("site {legacy_id}") }
    }

    #[test]
    fn only_what_stands_there_is_found() {
        let directory = Directory::new(Vec::new(), vec![publisher(9), publisher(3)], Vec::new());
        assert_eq!(directory.publisher(3).and_then(|row| row.primary_id), Some(1003));
        assert_eq!(directory.publisher(9).and_then(|row| row.primary_id), Some(1009));
        assert_eq!(directory.publisher(4), None);
        assert_eq!(directory.publisher(10), None);
    }
}

//! The directory: who is who on both platforms, as an immutable snapshot.
//!
//! An id without a row is unmapped: a visible hold, never a guess. All rows stand in one table of bytes, which is
//! found through without being parsed: ten million rows cost no more to open than their checksum, and no more
//! memory than the table itself. A small set is compiled to the same table in memory, so that there is one
//! look-up path. The bytes come from an adapter: a mapped file, what the binary embeds, or a key-value store.

mod build;
mod format;
mod read;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::sync::Arc;

use units::{Currency, Money};

pub use build::{Builder, Built, TooLarge};
pub use format::Damage;
pub use read::Rows;

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
pub struct Advertiser<'a> {
    /// The id on the legacy platform.
    pub legacy_id: u64,
    /// The id on the new platform; none while it has none.
    pub primary_id: Option<u64>,
    /// The name, for people.
    pub name: Cow<'a, str>,
    /// Where a shopper lands who has no better destination. An absolute URL.
    pub landing_url: Cow<'a, str>,
    /// The registered domains that a destination may be on.
    pub domains: Domains<'a>,
    /// The wave that the programme moves with.
    pub wave: Cow<'a, str>,
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

/// Registered domains in lower case: a destination must be on one of them or below it.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Domains<'a>(Cow<'a, str>);

impl<'a> Domains<'a> {
    /// The domains of a text that separates them by blanks.
    pub fn new(text: impl Into<Cow<'a, str>>) -> Self {
        Self(text.into())
    }

    /// Each of them.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.split_ascii_whitespace()
    }

    /// The text that separates them by blanks.
    pub fn text(&self) -> &str {
        &self.0
    }
}

/// One publisher.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Publisher<'a> {
    /// The id on the legacy platform.
    pub legacy_id: u64,
    /// The id on the new platform; none while it has none.
    pub primary_id: Option<u64>,
    /// The name, for people.
    pub name: Cow<'a, str>,
}

/// One creative, deal or product: something that a link can name and that has a landing page of its own.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Creative<'a> {
    /// What kind of thing it is.
    pub kind: CreativeKind,
    /// The id on the legacy platform.
    pub legacy_id: u64,
    /// The programme it belongs to, by its legacy id.
    pub advertiser_id: u64,
    /// The id on the new platform; none while it has none.
    pub primary_id: Option<u64>,
    /// Its own landing page, an absolute URL; none if it has none.
    pub landing_url: Option<Cow<'a, str>>,
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

impl CreativeKind {
    /// Every kind.
    pub const ALL: [Self; 3] = [Self::Creative, Self::Deal, Self::Product];

    /// The name in files and tables.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Creative => "creative",
            Self::Deal => "deal",
            Self::Product => "product",
        }
    }

    /// The kind called `name`.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

/// A short link: a code that stands for a link of the legacy platform.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ShortLink<'a> {
    /// The code, as the dialect reads it.
    pub code: Cow<'a, str>,
    /// The link that it stands for, an absolute URL of the legacy platform.
    pub link: Cow<'a, str>,
}

/// The tables of a directory.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
pub enum Table {
    /// Programmes.
    Advertisers,
    /// Publishers.
    Publishers,
    /// Banners and text links.
    Creatives,
    /// Deals and coupons.
    Deals,
    /// Products of feeds.
    Products,
    /// Short links.
    ShortLinks,
}

impl Table {
    /// Every table, in the order in which they stand in the file.
    pub const ALL: [Self; 6] =
        [Self::Advertisers, Self::Publishers, Self::Creatives, Self::Deals, Self::Products, Self::ShortLinks];

    /// The table's name for people.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Advertisers => "advertisers",
            Self::Publishers => "publishers",
            Self::Creatives => "creatives",
            Self::Deals => "deals",
            Self::Products => "products",
            Self::ShortLinks => "short links",
        }
    }

    /// The table's name for programs.
    pub const fn label(self) -> &'static str {
        match self {
            Self::ShortLinks => "short_links",
            one_word => one_word.name(),
        }
    }

    /// The table of a kind of creatives.
    pub const fn of(kind: CreativeKind) -> Self {
        match kind {
            CreativeKind::Creative => Self::Creatives,
            CreativeKind::Deal => Self::Deals,
            CreativeKind::Product => Self::Products,
        }
    }
}

/// Bytes that somebody keeps for as long as they are read: a vector, a mapped file.
pub trait Bytes: AsRef<[u8]> + Send + Sync {}
impl<T: AsRef<[u8]> + Send + Sync> Bytes for T {}

/// Everything the directory knows, by legacy id.
#[derive(Clone)]
pub struct Directory {
    bytes: Arc<dyn Bytes>,
    layout: format::Layout,
}

impl Directory {
    /// A directory of these rows. Where an id stands twice the first row counts; the adapter reports it.
    pub fn new(
        advertisers: Vec<Advertiser<'_>>,
        publishers: Vec<Publisher<'_>>,
        creatives: Vec<Creative<'_>>,
    ) -> Self {
        let mut builder = Builder::default();
        advertisers.iter().for_each(|row| builder.advertiser(row));
        publishers.iter().for_each(|row| builder.publisher(row));
        creatives.iter().for_each(|row| builder.creative(row));
        builder.finish().into()
    }

    /// The directory in `bytes`, as [`Builder`] wrote them. Every byte is checked, and none is copied.
    ///
    /// # Errors
    /// What is wrong with the bytes: cut off, damaged, of another format.
    pub fn open(bytes: impl Bytes + 'static) -> Result<Self, Damage> {
        let layout = format::Layout::read(bytes.as_ref())?;
        Ok(Self { bytes: Arc::new(bytes), layout })
    }

    /// The table's bytes, for writing them to a file.
    pub fn bytes(&self) -> &[u8] {
        (*self.bytes).as_ref()
    }
}

impl From<Built> for Directory {
    /// The directory of a table whose text was never taken away.
    fn from(built: Built) -> Self {
        let (bytes, layout) = built.into_bytes();
        Self { bytes: Arc::new(bytes), layout }
    }
}

impl Default for Directory {
    fn default() -> Self {
        Builder::default().finish().into()
    }
}

impl core::fmt::Debug for Directory {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let mut shown = f.debug_struct("Directory");
        for table in Table::ALL {
            shown.field(table.name(), &self.count(table));
        }
        shown.finish_non_exhaustive()
    }
}

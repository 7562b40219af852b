//! Finding rows in a table without parsing it.

use std::borrow::Cow;

use units::{Currency, Money};

use super::format::{Cursor, LENGTH_BITS, Place, mixed, row_bytes, text_key};
use super::{
    Advertiser, Commission, Creative, CreativeKind, Directory, Domains, Programme, Publisher, ShortLink,
    Table,
};

impl Directory {
    /// The programme with this legacy id.
    pub fn advertiser(&self, legacy_id: u64) -> Option<Advertiser<'_>> {
        self.find(Table::Advertisers, legacy_id).next().and_then(|row| self.read_advertiser(row))
    }

    /// The publisher with this legacy id.
    pub fn publisher(&self, legacy_id: u64) -> Option<Publisher<'_>> {
        self.find(Table::Publishers, legacy_id).next().and_then(|row| self.read_publisher(row))
    }

    /// The creative, deal or product with this legacy id.
    pub fn creative(&self, kind: CreativeKind, legacy_id: u64) -> Option<Creative<'_>> {
        self.find(Table::of(kind), legacy_id).next().and_then(|row| self.read_creative(kind, row))
    }

    /// The link that a short link's code stands for.
    pub fn short_link(&self, code: &str) -> Option<ShortLink<'_>> {
        // Two codes may share a hash.
        let mut rows =
            self.find(Table::ShortLinks, text_key(code)).filter_map(|row| self.read_short_link(row));
        rows.find(|row| row.code == code)
    }

    /// True if `table` maps the id or code `key`. An advertiser or publisher without an id on the new platform is
    /// not mapped.
    pub fn maps(&self, table: Table, key: &str) -> bool {
        let id = || key.parse().ok();
        let creative = |kind| id().is_some_and(|id| self.creative(kind, id).is_some());
        match table {
            Table::Advertisers => id().and_then(|id| self.advertiser(id)?.primary_id).is_some(),
            Table::Publishers => id().and_then(|id| self.publisher(id)?.primary_id).is_some(),
            Table::Creatives => creative(CreativeKind::Creative),
            Table::Deals => creative(CreativeKind::Deal),
            Table::Products => creative(CreativeKind::Product),
            Table::ShortLinks => self.short_link(key).is_some(),
        }
    }

    /// Every programme, in no order.
    pub fn advertisers(&self) -> Rows<'_, Advertiser<'_>> {
        self.rows(Table::Advertisers, Self::read_advertiser)
    }

    /// Every publisher, in no order.
    pub fn publishers(&self) -> Rows<'_, Publisher<'_>> {
        self.rows(Table::Publishers, Self::read_publisher)
    }

    /// Every short link, in no order.
    pub fn short_links(&self) -> Rows<'_, ShortLink<'_>> {
        self.rows(Table::ShortLinks, Self::read_short_link)
    }

    /// Every creative, in no order.
    pub fn creatives(&self) -> Rows<'_, Creative<'_>> {
        self.rows(Table::Creatives, |directory, row| directory.read_creative(CreativeKind::Creative, row))
    }

    /// Every deal, in no order.
    pub fn deals(&self) -> Rows<'_, Creative<'_>> {
        self.rows(Table::Deals, |directory, row| directory.read_creative(CreativeKind::Deal, row))
    }

    /// Every product, in no order.
    pub fn products(&self) -> Rows<'_, Creative<'_>> {
        self.rows(Table::Products, |directory, row| directory.read_creative(CreativeKind::Product, row))
    }

    /// The number of rows of a table.
    pub fn count(&self, table: Table) -> u64 {
        self.layout.place(table).rows.count
    }

    fn rows<'d, T>(&'d self, table: Table, read: Read<'d, T>) -> Rows<'d, T> {
        let bytes = self.layout.place(table).rows.of(self.bytes());
        Rows { directory: self, rows: bytes.chunks_exact(row_bytes(table)), read }
    }

    /// The rows with this key, the first given first.
    fn find(&self, table: Table, key: u64) -> impl Iterator<Item = &[u8]> {
        let place = self.layout.place(table);
        let bytes = bucket(&place, self.bytes(), row_bytes(table), mixed(key));
        let wanted = key.to_le_bytes();
        bytes.chunks_exact(row_bytes(table)).filter(move |row| row.starts_with(&wanted))
    }

    fn text(&self, reference: u64) -> Option<&str> {
        let offset = usize::try_from(reference >> LENGTH_BITS).ok()?;
        let length = usize::try_from(reference & ((1 << LENGTH_BITS) - 1)).ok()?;
        let bytes = self.layout.text.of(self.bytes()).get(offset..offset.checked_add(length)?)?;
        core::str::from_utf8(bytes).ok()
    }

    fn read_advertiser(&self, row: &[u8]) -> Option<Advertiser<'_>> {
        let mut row = Cursor(row);
        let (legacy_id, primary_id, flags) = (row.u64(), row.u64(), row.u8());
        let currency = currency(row.array())?;
        let window_days = row.u32();
        let (commission, commission_currency) = (row.u64(), row.array());
        let mut text = || self.text(row.u64());
        let (name, landing_url, domains, wave) = (text()?, text()?, text()?, text()?);
        Some(Advertiser {
            legacy_id,
            primary_id: (flags & 1 != 0).then_some(primary_id),
            name: Cow::Borrowed(name),
            landing_url: Cow::Borrowed(landing_url),
            domains: Domains::new(domains),
            wave: Cow::Borrowed(wave),
            programme: match flags >> 3 {
                0 => Programme::Online,
                1 => Programme::Offline,
                2 => Programme::Closed,
                _ => return None,
            },
            currency,
            window_days,
            commission: if flags & 4 == 0 {
                Commission::Percent { basis_points: commission }
            } else {
                let minor = commission.cast_signed();
                Commission::Flat(Money::from_minor(minor, self::currency(commission_currency)?))
            },
            deduplicates: flags & 2 != 0,
        })
    }

    fn read_publisher(&self, row: &[u8]) -> Option<Publisher<'_>> {
        let mut row = Cursor(row);
        let (legacy_id, primary_id, flags) = (row.u64(), row.u64(), row.u8());
        let name = Cow::Borrowed(self.text(row.u64())?);
        Some(Publisher { legacy_id, primary_id: (flags & 1 != 0).then_some(primary_id), name })
    }

    fn read_creative(&self, kind: CreativeKind, row: &[u8]) -> Option<Creative<'_>> {
        let mut row = Cursor(row);
        let (legacy_id, primary_id, flags) = (row.u64(), row.u64(), row.u8());
        let (advertiser_id, url) = (row.u64(), row.u64());
        let landing_url = if flags & 2 == 0 { None } else { Some(Cow::Borrowed(self.text(url)?)) };
        let primary_id = (flags & 1 != 0).then_some(primary_id);
        Some(Creative { kind, legacy_id, advertiser_id, primary_id, landing_url })
    }

    fn read_short_link(&self, row: &[u8]) -> Option<ShortLink<'_>> {
        let mut row = Cursor(row);
        let _hash = row.u64();
        let (code, link) = (self.text(row.u64())?, self.text(row.u64())?);
        Some(ShortLink { code: Cow::Borrowed(code), link: Cow::Borrowed(link) })
    }
}

type Read<'d, T> = fn(&'d Directory, &'d [u8]) -> Option<T>;

/// The rows of one table, in no order.
pub struct Rows<'d, T> {
    directory: &'d Directory,
    rows: core::slice::ChunksExact<'d, u8>,
    read: Read<'d, T>,
}

impl<T> Rows<'_, T> {
    /// How many rows are left.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// True if no row is left.
    pub fn is_empty(&self) -> bool {
        self.rows.len() == 0
    }
}

impl<T> Iterator for Rows<'_, T> {
    type Item = T;

    fn next(&mut self) -> Option<T> {
        self.rows.find_map(|row| (self.read)(self.directory, row))
    }
}

impl<T> core::fmt::Debug for Rows<'_, T> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "{} rows", self.len())
    }
}

/// The rows whose hashes begin as this one.
fn bucket<'b>(place: &Place, bytes: &'b [u8], width: usize, hash: u64) -> &'b [u8] {
    let number = place.shift().map_or(0, |shift| hash >> shift);
    let entry = |number: u64| {
        let start = usize::try_from(number).ok()?.checked_mul(4)?;
        let entry = place.buckets.of(bytes).get(start..)?.first_chunk::<4>()?;
        usize::try_from(u32::from_le_bytes(*entry)).ok()?.checked_mul(width)
    };
    let range = entry(number).zip(entry(number.saturating_add(1)));
    range.and_then(|(start, end)| place.rows.of(bytes).get(start..end)).unwrap_or_default()
}

fn currency(code: [u8; 3]) -> Option<Currency> {
    Currency::parse(core::str::from_utf8(&code).ok()?)
}

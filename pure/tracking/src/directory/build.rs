//! From rows to a table.
//!
//! The text of the rows can be taken away while rows still come in, so that only their fixed part is kept in
//! memory: an import of ten million rows writes the text as it goes.

use units::Currency;

use super::format::{
    ADVERTISER_BYTES, CREATIVE_BYTES, HEADER_BYTES, LENGTH_BITS, Layout, PUBLISHER_BYTES, Place,
    SHORT_LINK_BYTES, Section, mixed, text_key,
};
use super::{Advertiser, Commission, Creative, Programme, Publisher, ShortLink, Table};

/// More than a table can hold.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("a directory holds at most 4,294,967,295 rows of a kind, and 16 TiB of text in values of 1 MiB")]
pub struct TooLarge;

/// Rows on their way into a table.
#[derive(Clone, Debug, Default)]
pub struct Builder {
    text: Vec<u8>,
    text_taken: u64,
    checksum: crc32fast::Hasher,
    /// The last texts of short, repeated values, with their references.
    last: Vec<(String, u64)>,
    advertisers: Vec<[u8; ADVERTISER_BYTES]>,
    publishers: Vec<[u8; PUBLISHER_BYTES]>,
    creatives: [Vec<[u8; CREATIVE_BYTES]>; 3],
    short_links: Vec<[u8; SHORT_LINK_BYTES]>,
    too_large: bool,
}

/// How many of the last repeated values are remembered: as many as there are waves, roughly.
const REMEMBERED: usize = 16;

impl Builder {
    /// Adds a programme.
    pub fn advertiser(&mut self, row: &Advertiser<'_>) {
        let (kind, commission, currency) = match row.commission {
            Commission::Percent { basis_points } => (0, basis_points, row.currency),
            Commission::Flat(money) => (1, money.minor.cast_unsigned(), money.currency),
        };
        let programme = match row.programme {
            Programme::Online => 0,
            Programme::Offline => 1,
            Programme::Closed => 2,
        };
        let flags = u8::from(row.primary_id.is_some())
            | (u8::from(row.deduplicates) << 1)
            | (kind << 2)
            | (programme << 3);
        let mut bytes = Vec::with_capacity(ADVERTISER_BYTES);
        bytes.extend(row.legacy_id.to_le_bytes());
        bytes.extend(row.primary_id.unwrap_or_default().to_le_bytes());
        bytes.push(flags);
        bytes.extend(code(row.currency));
        bytes.extend(row.window_days.to_le_bytes());
        bytes.extend(commission.to_le_bytes());
        bytes.extend(code(currency));
        for text in [self.keep(&row.name), self.keep(&row.landing_url), self.keep(row.domains.text())] {
            bytes.extend(text.to_le_bytes());
        }
        bytes.extend(self.keep_once(&row.wave).to_le_bytes());
        self.advertisers.extend(<[u8; ADVERTISER_BYTES]>::try_from(bytes));
    }

    /// Adds a publisher.
    pub fn publisher(&mut self, row: &Publisher<'_>) {
        let name = self.keep(&row.name);
        let mut bytes = Vec::with_capacity(PUBLISHER_BYTES);
        bytes.extend(row.legacy_id.to_le_bytes());
        bytes.extend(row.primary_id.unwrap_or_default().to_le_bytes());
        bytes.push(u8::from(row.primary_id.is_some()));
        bytes.extend(name.to_le_bytes());
        self.publishers.extend(<[u8; PUBLISHER_BYTES]>::try_from(bytes));
    }

    /// Adds a creative, deal or product.
    pub fn creative(&mut self, row: &Creative<'_>) {
        let url = row.landing_url.as_deref().map_or(0, |url| self.keep_once(url));
        let flags = u8::from(row.primary_id.is_some()) | (u8::from(row.landing_url.is_some()) << 1);
        let mut bytes = Vec::with_capacity(CREATIVE_BYTES);
        bytes.extend(row.legacy_id.to_le_bytes());
        bytes.extend(row.primary_id.unwrap_or_default().to_le_bytes());
        bytes.push(flags);
        bytes.extend(row.advertiser_id.to_le_bytes());
        bytes.extend(url.to_le_bytes());
        if let Some(table) = self.creatives.get_mut(row.kind as usize) {
            table.extend(<[u8; CREATIVE_BYTES]>::try_from(bytes));
        }
    }

    /// Adds a short link.
    pub fn short_link(&mut self, row: &ShortLink<'_>) {
        let mut bytes = Vec::with_capacity(SHORT_LINK_BYTES);
        bytes.extend(text_key(&row.code).to_le_bytes());
        for text in [self.keep(&row.code), self.keep(&row.link)] {
            bytes.extend(text.to_le_bytes());
        }
        self.short_links.extend(<[u8; SHORT_LINK_BYTES]>::try_from(bytes));
    }

    /// Keeps a text and gives its reference.
    fn keep(&mut self, text: &str) -> u64 {
        let offset = self.text_taken.saturating_add(self.text.len() as u64);
        let length = text.len() as u64;
        if length >> LENGTH_BITS != 0 || offset >> (64 - LENGTH_BITS) != 0 {
            self.too_large = true;
            return 0;
        }
        self.text.extend_from_slice(text.as_bytes());
        (offset << LENGTH_BITS) | length
    }

    /// The same for a value that many rows repeat.
    fn keep_once(&mut self, text: &str) -> u64 {
        if let Some((_, known)) = self.last.iter().find(|(known, _)| known == text) {
            return *known;
        }
        let reference = self.keep(text);
        if self.last.len() >= REMEMBERED {
            self.last.remove(0);
        }
        self.last.push((text.to_owned(), reference));
        reference
    }

    /// How much text waits to be taken away, in bytes.
    pub fn text_waiting(&self) -> usize {
        self.text.len()
    }

    /// Takes the text away that has come in since this was last asked: it follows the header, piece by piece.
    pub fn take_text(&mut self) -> Vec<u8> {
        self.checksum.update(&self.text);
        self.text_taken = self.text_taken.saturating_add(self.text.len() as u64);
        core::mem::take(&mut self.text)
    }

    /// Sorts the rows. The text that is still there follows what was taken before.
    pub fn finish(mut self) -> Built {
        let text = self.take_text();
        let layout = Layout {
            text: Section {
                offset: HEADER_BYTES as u64,
                length: self.text_taken,
                count: self.text_taken,
                checksum: self.checksum.clone().finalize(),
            },
            ..Layout::default()
        };
        let mut built = Built { layout, text, buckets: Default::default(), doubles: Vec::new(), rows: self };
        built.arrange();
        built
    }

    fn table(&self, table: Table) -> &[u8] {
        match table {
            Table::Advertisers => self.advertisers.as_flattened(),
            Table::Publishers => self.publishers.as_flattened(),
            Table::Creatives => self.creatives[0].as_flattened(),
            Table::Deals => self.creatives[1].as_flattened(),
            Table::Products => self.creatives[2].as_flattened(),
            Table::ShortLinks => self.short_links.as_flattened(),
        }
    }

    /// Sorts a table and gives where its buckets begin, and the keys that stand twice.
    fn sort(&mut self, table: Table) -> (Vec<u8>, Vec<u64>) {
        match table {
            Table::Advertisers => sorted(&mut self.advertisers),
            Table::Publishers => sorted(&mut self.publishers),
            Table::Creatives => sorted(&mut self.creatives[0]),
            Table::Deals => sorted(&mut self.creatives[1]),
            Table::Products => sorted(&mut self.creatives[2]),
            Table::ShortLinks => sorted(&mut self.short_links),
        }
    }
}

/// A table, ready to be written: the header, the text that was taken, then the parts.
#[derive(Clone, Debug)]
pub struct Built {
    layout: Layout,
    text: Vec<u8>,
    buckets: [Vec<u8>; Table::ALL.len()],
    doubles: Vec<(Table, u64)>,
    rows: Builder,
}

impl Built {
    /// The header's length: what a file begins with before its text.
    pub const HEADER_BYTES: usize = HEADER_BYTES;

    /// That everything found room.
    ///
    /// # Errors
    /// If there is more than a table can hold.
    pub const fn check(&self) -> Result<(), TooLarge> {
        if self.rows.too_large { Err(TooLarge) } else { Ok(()) }
    }

    /// The whole table of a builder whose text was never taken.
    pub(super) fn into_bytes(self) -> (Vec<u8>, Layout) {
        let mut bytes = self.header().to_vec();
        self.parts().for_each(|part| bytes.extend_from_slice(part));
        (bytes, self.layout)
    }

    /// Sorts every table and tells where it lies.
    fn arrange(&mut self) {
        let mut offset = self.layout.text.offset.saturating_add(self.layout.text.length);
        for table in Table::ALL {
            let (buckets, doubles) = self.rows.sort(table);
            self.doubles.extend(doubles.into_iter().map(|key| (table, key)));
            let mut section = |bytes: &[u8], width: usize| {
                let length = bytes.len() as u64;
                let count = length.checked_div(width as u64).unwrap_or_default();
                let section = Section { offset, length, count, checksum: crc32fast::hash(bytes) };
                offset = offset.saturating_add(length);
                section
            };
            let rows = self.rows.table(table);
            let place =
                Place { buckets: section(&buckets, 4), rows: section(rows, super::format::row_bytes(table)) };
            self.rows.too_large |= u32::try_from(place.rows.count).is_err();
            if let Some(slot) = self.layout.tables.get_mut(table as usize) {
                *slot = place;
            }
            if let Some(slot) = self.buckets.get_mut(table as usize) {
                *slot = buckets;
            }
        }
    }

    /// The header: it stands first, and is known last.
    pub fn header(&self) -> [u8; HEADER_BYTES] {
        self.layout.header()
    }

    /// What follows the header and the text that was taken before, in this order.
    pub fn parts(&self) -> impl Iterator<Item = &[u8]> {
        let tables = Table::ALL.iter().zip(&self.buckets);
        let tables = tables.flat_map(|(table, buckets)| [buckets.as_slice(), self.rows.table(*table)]);
        core::iter::once(self.text.as_slice()).chain(tables)
    }

    /// The legacy ids that stand twice in a table; of short links [`Built::code_key`] of the code.
    pub fn doubles(&self) -> &[(Table, u64)] {
        &self.doubles
    }

    /// The key that a short link's code has in [`Built::doubles`].
    pub fn code_key(code: &str) -> u64 {
        text_key(code)
    }

    /// The number of a table's rows.
    pub fn count(&self, table: Table) -> u64 {
        self.layout.place(table).rows.count
    }
}

fn code(currency: Currency) -> [u8; 3] {
    currency.code().as_bytes().try_into().unwrap_or(*b"USD")
}

fn key<const N: usize>(row: &[u8; N]) -> u64 {
    row.first_chunk::<8>().map_or(0, |key| u64::from_le_bytes(*key))
}

fn sorted<const N: usize>(rows: &mut [[u8; N]]) -> (Vec<u8>, Vec<u64>) {
    // Stable: where a key stands twice the first row is found first.
    rows.sort_by_key(|row| mixed(key(row)));
    let mut doubles: Vec<u64> = rows
        .windows(2)
        .filter_map(|pair| pair.first().zip(pair.get(1)))
        .filter(|(a, b)| key(a) == key(b))
        .map(|(a, _)| key(a))
        .collect();
    doubles.dedup();
    // Two to four rows in a bucket.
    let buckets = (rows.len() / 2).checked_next_power_of_two().unwrap_or(1).max(2) / 2;
    let shift = 64_u32.saturating_sub(buckets.trailing_zeros());
    let mut bytes = Vec::with_capacity(buckets.saturating_add(1).saturating_mul(4));
    let mut place = 0_usize;
    for bucket in 0..=buckets as u64 {
        // Beyond 32 bits the builder says that it is too large.
        bytes.extend(u32::try_from(place).unwrap_or(u32::MAX).to_le_bytes());
        let inside = |row: &[u8; N]| mixed(key(row)).checked_shr(shift).unwrap_or(0) == bucket;
        while rows.get(place).is_some_and(inside) {
            place = place.saturating_add(1);
        }
    }
    (bytes, doubles)
}

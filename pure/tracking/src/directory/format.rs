//! How a directory lies in bytes.
//!
//! A header of fixed size, then sections without a gap: the text of all rows, then for each table its buckets and
//! its rows. The header tells each section's place, length, count and checksum, and ends with its own, so that no
//! byte is outside of one. Numbers are little-endian and nothing is aligned.
//!
//! Rows of a table have one width and begin with their key. They are sorted by the hash of the key, and the bucket
//! `hash >> shift` says where those with the same first bits begin: one step to the bucket, one to the rows. With
//! two to four rows in a bucket that costs one or two bytes for each row, and no empty places.

use super::Table;

/// What a file begins with. The line ends in it break where a transfer changes them.
const MAGIC: [u8; 8] = *b"TDIR\r\n\x1a\n";

/// The version of the format.
const VERSION: u32 = 1;

/// The header's length, the same for ever: what is not used is zero.
pub(super) const HEADER_BYTES: usize = 512;

/// Text, then two sections for each table.
const SECTIONS: usize = 1 + 2 * Table::ALL.len();

/// Of one section's entry in the header: offset, length, count, checksum, and four that are zero.
const ENTRY_BYTES: usize = 32;

/// Before the sections' entries: magic, version, their number, the length of the whole.
const FIXED_BYTES: usize = 24;

const _: () = assert!(FIXED_BYTES + SECTIONS * ENTRY_BYTES + 4 <= HEADER_BYTES);

/// Why bytes are no directory.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Damage {
    /// Too short for a header.
    #[error("{0} bytes are too few for a directory: the file is cut off")]
    NoHeader(usize),
    /// Another kind of file.
    #[error("this is no directory: it does not begin as one")]
    Foreign,
    /// A format that this program does not know.
    #[error(
        "this directory has format {found}, and this program reads {VERSION}: import it again with this version"
    )]
    Version {
        /// The format's version.
        found: u32,
    },
    /// More or fewer bytes than the header tells.
    #[error(
        "the directory has {found} bytes and should have {expected}: it is cut off or something was added"
    )]
    Length {
        /// As it is.
        found: u64,
        /// As the header tells.
        expected: u64,
    },
    /// The header contradicts its checksum or itself.
    #[error("the directory's header is damaged: {0}")]
    Header(&'static str),
    /// A section contradicts its checksum.
    #[error("the directory is damaged: the checksum of its {0} is wrong")]
    Checksum(&'static str),
}

/// Where one section lies.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Section {
    pub(super) offset: u64,
    pub(super) length: u64,
    /// Rows, buckets, or bytes of text.
    pub(super) count: u64,
    pub(super) checksum: u32,
}

impl Section {
    /// The section's part of the whole; nothing if it is not there.
    pub(super) fn of<'b>(&self, bytes: &'b [u8]) -> &'b [u8] {
        let range = usize::try_from(self.offset).ok().zip(usize::try_from(self.length).ok());
        let end = range.and_then(|(start, length)| Some((start, start.checked_add(length)?)));
        end.and_then(|(start, end)| bytes.get(start..end)).unwrap_or_default()
    }
}

/// Where one table lies.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Place {
    pub(super) buckets: Section,
    pub(super) rows: Section,
}

impl Place {
    /// How many bits of a hash are dropped to get its bucket; none if there is one bucket only.
    pub(super) fn shift(&self) -> Option<u32> {
        // There is one more entry than buckets: where the last one ends.
        let bits = self.buckets.count.saturating_sub(1).trailing_zeros();
        64_u32.checked_sub(bits).filter(|shift| *shift < 64)
    }
}

/// Where everything lies.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Layout {
    pub(super) text: Section,
    pub(super) tables: [Place; Table::ALL.len()],
}

/// The width of a table's rows, in bytes.
pub(super) const fn row_bytes(table: Table) -> usize {
    match table {
        Table::Advertisers => ADVERTISER_BYTES,
        Table::Publishers => PUBLISHER_BYTES,
        Table::Creatives | Table::Deals | Table::Products => CREATIVE_BYTES,
        Table::ShortLinks => SHORT_LINK_BYTES,
    }
}

/// Key, primary id, flags, currency, window, commission and its currency, name, landing page, domains, wave.
pub(super) const ADVERTISER_BYTES: usize = 67;
/// Key, primary id with a flag, name.
pub(super) const PUBLISHER_BYTES: usize = 25;
/// Key, primary id with a flag, advertiser, landing page.
pub(super) const CREATIVE_BYTES: usize = 33;
/// Hash of the code, code, link.
pub(super) const SHORT_LINK_BYTES: usize = 24;

impl Layout {
    /// The place of a table.
    pub(super) fn place(&self, table: Table) -> Place {
        self.tables.get(table as usize).copied().unwrap_or_default()
    }

    fn sections(&self) -> impl Iterator<Item = (&'static str, Section)> {
        let tables = Table::ALL.iter().zip(self.tables);
        let pairs =
            tables.flat_map(|(table, place)| [place.buckets, place.rows].map(|part| (table.name(), part)));
        core::iter::once(("text", self.text)).chain(pairs)
    }

    /// The header that tells of this layout.
    pub(super) fn header(&self) -> [u8; HEADER_BYTES] {
        let mut bytes = Vec::with_capacity(HEADER_BYTES);
        bytes.extend(MAGIC);
        bytes.extend(VERSION.to_le_bytes());
        // A handful.
        bytes.extend(u32::try_from(SECTIONS).unwrap_or_default().to_le_bytes());
        bytes.extend(self.end().to_le_bytes());
        for (_, section) in self.sections() {
            bytes.extend(section.offset.to_le_bytes());
            bytes.extend(section.length.to_le_bytes());
            bytes.extend(section.count.to_le_bytes());
            bytes.extend(section.checksum.to_le_bytes());
            bytes.extend([0; 4]);
        }
        bytes.resize(HEADER_BYTES.saturating_sub(4), 0);
        bytes.extend(crc32fast::hash(&bytes).to_le_bytes());
        bytes.try_into().unwrap_or([0; HEADER_BYTES])
    }

    fn end(&self) -> u64 {
        let header = u64::try_from(HEADER_BYTES).unwrap_or_default();
        self.sections().fold(header, |sum, (_, section)| sum.saturating_add(section.length))
    }

    /// The layout that the header of `bytes` tells, with every byte checked.
    pub(super) fn read(bytes: &[u8]) -> Result<Self, Damage> {
        let Some((header, _)) = bytes.split_first_chunk::<HEADER_BYTES>() else {
            return Err(Damage::NoHeader(bytes.len()));
        };
        if !header.starts_with(&MAGIC) {
            return Err(Damage::Foreign);
        }
        let mut reader = Cursor(header.get(MAGIC.len()..).unwrap_or_default());
        let version = reader.u32();
        if version != VERSION {
            return Err(Damage::Version { found: version });
        }
        let (told, sum) = header.split_last_chunk::<4>().unwrap_or((&[], &[0; 4]));
        if crc32fast::hash(told) != u32::from_le_bytes(*sum) {
            return Err(Damage::Header("its checksum is wrong"));
        }
        if usize::try_from(reader.u32()) != Ok(SECTIONS) {
            return Err(Damage::Header("it tells of another number of sections"));
        }
        let expected = reader.u64();
        let found = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        let layout = Self::entries(&mut reader);
        if found != expected {
            return Err(Damage::Length { found, expected });
        }
        layout.check(bytes).map(|()| layout)
    }

    fn entries(reader: &mut Cursor<'_>) -> Self {
        let text = reader.section();
        let tables = Table::ALL.map(|_| Place { buckets: reader.section(), rows: reader.section() });
        Self { text, tables }
    }

    /// Sections follow one another without a gap, have the lengths of their counts, and keep their checksums.
    fn check(&self, bytes: &[u8]) -> Result<(), Damage> {
        let mut next = u64::try_from(HEADER_BYTES).unwrap_or_default();
        for (_, section) in self.sections() {
            if section.offset != next {
                return Err(Damage::Header("its sections do not follow one another"));
            }
            next = next.checked_add(section.length).ok_or(Damage::Header("a section has no end"))?;
        }
        if u64::try_from(bytes.len()) != Ok(next) {
            return Err(Damage::Header("its sections do not end where it ends"));
        }
        for table in Table::ALL {
            let Place { buckets, rows } = self.place(table);
            let width = u64::try_from(row_bytes(table)).unwrap_or_default();
            let fits = rows.count.checked_mul(width) == Some(rows.length)
                && buckets.count.checked_mul(4) == Some(buckets.length)
                && buckets.count.checked_sub(1).is_some_and(u64::is_power_of_two);
            if !fits {
                return Err(Damage::Header("a table's length is not that of its rows"));
            }
        }
        let wrong = self.sections().find(|(_, part)| crc32fast::hash(part.of(bytes)) != part.checksum);
        wrong.map_or(Ok(()), |(name, _)| Err(Damage::Checksum(name)))
    }
}

/// Reads numbers one after another; beyond the end they are zero.
pub(super) struct Cursor<'b>(pub(super) &'b [u8]);

impl Cursor<'_> {
    pub(super) fn array<const N: usize>(&mut self) -> [u8; N] {
        let Some((first, rest)) = self.0.split_first_chunk::<N>() else { return [0; N] };
        self.0 = rest;
        *first
    }

    pub(super) fn u8(&mut self) -> u8 {
        u8::from_le_bytes(self.array())
    }

    pub(super) fn u32(&mut self) -> u32 {
        u32::from_le_bytes(self.array())
    }

    pub(super) fn u64(&mut self) -> u64 {
        u64::from_le_bytes(self.array())
    }

    fn section(&mut self) -> Section {
        let section =
            Section { offset: self.u64(), length: self.u64(), count: self.u64(), checksum: self.u32() };
        let _zero: [u8; 4] = self.array();
        section
    }
}

/// The hash that rows are sorted by: every bit of the key changes half of its bits, and no two keys share one.
pub(super) const fn mixed(key: u64) -> u64 {
    let key = (key ^ (key >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let key = (key ^ (key >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    key ^ (key >> 31)
}

/// The key of a text.
pub(super) fn text_key(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

/// Bits of a text's reference that tell its length; the rest is its offset.
pub(super) const LENGTH_BITS: u32 = 20;

/// Makes the header's checksums right again for whatever the sections hold now.
#[cfg(test)]
pub(super) fn resealed(bytes: &mut [u8]) -> Layout {
    let mut reader = Cursor(&bytes[FIXED_BYTES..]);
    let mut layout = Layout::entries(&mut reader);
    layout.text.checksum = crc32fast::hash(layout.text.of(bytes));
    for place in &mut layout.tables {
        place.buckets.checksum = crc32fast::hash(place.buckets.of(bytes));
        place.rows.checksum = crc32fast::hash(place.rows.of(bytes));
    }
    let header = layout.header();
    bytes[..HEADER_BYTES].copy_from_slice(&header);
    assert_eq!(Layout::read(bytes), Ok(layout));
    layout
}

//! Bringing the rows of one order together, however many rows there are.
//!
//! Rows come in three orders and leave in one: by their key. What does not fit into a bounded buffer is sorted and
//! written to a file, and the files are merged at the end. So the memory that a comparison takes does not depend on
//! the number of its rows, but for one entry for each merchant and day.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Seek as _, Write};
use std::path::Path;

use reconciliation::{Group, Row};

/// Bytes of rows that are held before they are sorted and written out.
const BUFFER_BYTES: usize = 32 << 20;

/// Most files that are merged at once; beyond that, they are merged into fewer first.
const RUNS_MAX: usize = 64;

/// Read and written at once, for each file.
const BLOCK_BYTES: usize = 1 << 16;

/// The longest key or row that a file can hold: far longer than any that is written.
const PART_BYTES_MAX: u32 = 1 << 24;

type Entry = (String, Vec<u8>);

/// Rows on their way.
pub(super) struct Scratch {
    folder: tempfile::TempDir,
    held: Vec<Entry>,
    bytes: usize,
    runs: Vec<File>,
    /// Rows taken so far.
    pub(super) rows: u64,
}

impl Scratch {
    /// Begins in `folder`, else where the system keeps what is temporary.
    pub(super) fn new(folder: Option<&Path>) -> io::Result<Self> {
        let place = folder.map_or_else(std::env::temp_dir, Path::to_path_buf);
        let mut builder = tempfile::Builder::new();
        let folder = builder.prefix("turnout-reconcile-").tempdir_in(&place).map_err(|error| {
            let (place, kind) = (place.display(), error.kind());
            io::Error::new(
                kind,
                format!("no rows can be sorted in {place}: {kind}. Name a folder with --scratch"),
            )
        })?;
        Ok(Self { folder, held: Vec::new(), bytes: 0, runs: Vec::new(), rows: 0 })
    }

    /// Takes a row.
    pub(super) fn add(&mut self, key: String, row: &Row) -> io::Result<()> {
        let row = serde_json::to_vec(row)?;
        self.bytes += key.len() + row.len() + size_of::<Entry>();
        self.rows += 1;
        self.held.push((key, row));
        if self.bytes >= BUFFER_BYTES { self.spill() } else { Ok(()) }
    }

    fn spill(&mut self) -> io::Result<()> {
        self.held.sort();
        let mut out = BufWriter::with_capacity(BLOCK_BYTES, tempfile::tempfile_in(self.folder.path())?);
        for (key, row) in self.held.drain(..) {
            write_entry(&mut out, &key, &row)?;
        }
        self.bytes = 0;
        self.runs.push(rewound(out)?);
        if self.runs.len() >= RUNS_MAX {
            let runs = std::mem::take(&mut self.runs);
            let mut out = BufWriter::with_capacity(BLOCK_BYTES, tempfile::tempfile_in(self.folder.path())?);
            let mut merge = Merge::of(runs)?;
            while let Some((key, row)) = merge.next()? {
                write_entry(&mut out, &key, &row)?;
            }
            self.runs.push(rewound(out)?);
        }
        Ok(())
    }

    /// Gives every group of rows with one key, in the order of the keys.
    pub(super) fn groups(mut self, mut take: impl FnMut(Group) -> io::Result<()>) -> io::Result<()> {
        self.spill()?;
        let mut merge = Merge::of(std::mem::take(&mut self.runs))?;
        let mut group = Group::default();
        let mut of = String::new();
        while let Some((key, row)) = merge.next()? {
            if key != of && !group.is_empty() {
                take(std::mem::take(&mut group))?;
            }
            of = key;
            group.add(serde_json::from_slice(&row)?);
        }
        if group.is_empty() { Ok(()) } else { take(group) }
    }
}

fn rewound(out: BufWriter<File>) -> io::Result<File> {
    let mut file = out.into_inner().map_err(io::IntoInnerError::into_error)?;
    file.rewind()?;
    Ok(file)
}

fn write_entry(out: &mut impl Write, key: &str, row: &[u8]) -> io::Result<()> {
    for part in [key.as_bytes(), row] {
        let length = u32::try_from(part.len()).map_err(io::Error::other)?;
        out.write_all(&length.to_le_bytes())?;
        out.write_all(part)?;
    }
    Ok(())
}

/// The next entry of a file; none at its end.
fn read_entry(from: &mut impl Read) -> io::Result<Option<Entry>> {
    let Some(key) = read_part(from)? else { return Ok(None) };
    let row = read_part(from)?.ok_or(io::ErrorKind::UnexpectedEof)?;
    Ok(Some((String::from_utf8(key).map_err(io::Error::other)?, row)))
}

fn read_part(from: &mut impl Read) -> io::Result<Option<Vec<u8>>> {
    let mut length = [0; 4];
    match from.read_exact(&mut length) {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        other => other?,
    }
    let length = u32::from_le_bytes(length);
    if length > PART_BYTES_MAX {
        return Err(io::Error::other("a file of rows was changed by somebody else"));
    }
    let mut part = vec![0; usize::try_from(length).map_err(io::Error::other)?];
    from.read_exact(&mut part)?;
    Ok(Some(part))
}

/// Several sorted files, read as one.
struct Merge {
    files: Vec<BufReader<File>>,
    next: BinaryHeap<Reverse<(Entry, usize)>>,
}

impl Merge {
    fn of(runs: Vec<File>) -> io::Result<Self> {
        let files = runs.into_iter().map(|run| BufReader::with_capacity(BLOCK_BYTES, run)).collect();
        let mut merge = Self { files, next: BinaryHeap::new() };
        for place in 0..merge.files.len() {
            merge.refill(place)?;
        }
        Ok(merge)
    }

    fn refill(&mut self, place: usize) -> io::Result<()> {
        let Some(file) = self.files.get_mut(place) else { return Ok(()) };
        if let Some(entry) = read_entry(file)? {
            self.next.push(Reverse((entry, place)));
        }
        Ok(())
    }

    fn next(&mut self) -> io::Result<Option<Entry>> {
        let Some(Reverse((entry, place))) = self.next.pop() else { return Ok(None) };
        self.refill(place)?;
        Ok(Some(entry))
    }
}

#[cfg(test)]
mod tests {
    use reconciliation::Order;
    use units::{Currency, Money, Timestamp};

    use super::*;

    fn row(line: u64, reference: &str) -> Row {
        let amount = Money::from_minor(1, Currency::USD);
        let reference = reference.to_owned();
        let at = Timestamp::from_seconds(0);
        Row::Order(Order { line, advertiser_id: 1, reference, amount, at, day: 0, cancelled: false })
    }

    #[test]
    fn rows_of_one_key_come_together_from_any_number_of_files() {
        let mut scratch = Scratch::new(None).unwrap();
        let count = 3 * RUNS_MAX as u64 + 5;
        for line in 0..count {
            scratch.add(format!("{:03}", line % 50), &row(line, "r")).unwrap();
            scratch.spill().unwrap();
        }
        assert!(scratch.runs.len() < RUNS_MAX);
        let mut lines = Vec::new();
        let mut groups = 0;
        let take = |group: Group| {
            groups += 1;
            lines.extend(group.orders.iter().map(|order| order.line));
            let first = group.orders[0].line % 50;
            assert!(group.orders.iter().all(|order| order.line % 50 == first));
            Ok(())
        };
        scratch.groups(take).unwrap();
        lines.sort_unstable();
        assert_eq!(lines, (0..count).collect::<Vec<_>>());
        assert_eq!(groups, 50);
    }

    #[test]
    fn nothing_gives_nothing() {
        Scratch::new(None).unwrap().groups(|group| panic!("{group:?}")).unwrap();
    }
}

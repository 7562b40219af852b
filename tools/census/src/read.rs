//! Logs from files and standard input into one census, over all cores.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::thread;

use crate::count::{Census, LIMITS};
use crate::format::{Format, Layout, Line};
use crate::lines;
use crate::open::{Packing, buffered, unpacked};

/// How logs are read.
#[derive(Clone, Debug)]
pub struct Options {
    /// The format of every log; known by its first lines if it is not given.
    pub format: Option<Format>,
    /// The host of requests whose log names none.
    pub host: Option<Vec<u8>>,
    /// Keeps a value of each parameter, and bad lines as they are.
    pub keep_values: bool,
    /// Threads at most.
    pub threads: usize,
    /// Keeps a log from choosing names whose hashes meet; any number that the log's writer does not know.
    pub seed: u64,
}

/// How far the reading is, for whoever watches.
#[derive(Debug, Default)]
pub struct Progress {
    /// Bytes read, as they stand in the files.
    pub bytes: AtomicU64,
    /// Lines read.
    pub lines: AtomicU64,
}

/// A log that could not be read to its end. What stood before it is counted.
#[derive(Debug, thiserror::Error)]
#[error("{}: {why}", log.display())]
pub struct Unread {
    /// Which.
    pub log: PathBuf,
    /// What happened.
    pub why: io::Error,
}

/// A part of a plain file shorter than this is not divided further.
const PART_BYTES_MIN: u64 = 8 << 20;

/// The bytes that a format is recognised by.
const HEAD_BYTES: usize = 1 << 16;

/// A log, or a part of one: bytes from and up to.
#[derive(Debug)]
struct Part {
    log: PathBuf,
    range: Option<(u64, u64)>,
    format: Option<Format>,
}

/// What every part of every log is read with.
struct Reading<'a, R> {
    options: &'a Options,
    recognise: &'a R,
    progress: &'a Progress,
}

/// Counts every log; `-` is standard input. `recognise` is asked for the endpoint of a host and a path.
pub fn census_of(
    logs: &[PathBuf],
    options: &Options,
    recognise: &(impl Fn(&[u8], &[u8]) -> Option<u32> + Sync),
    progress: &Progress,
) -> (Census, Vec<Unread>) {
    let mut unread = Vec::new();
    let mut parts = Vec::new();
    for log in logs {
        match divide(log, options) {
            Ok(found) => parts.extend(found),
            Err(why) => unread.push(Unread { log: log.clone(), why }),
        }
    }
    let (next, done) =
        (AtomicUsize::new(0), Mutex::new((Census::new(options.seed, options.keep_values), unread)));
    let work = || {
        let mut census = Census::new(options.seed, options.keep_values);
        while let Some(part) = parts.get(next.fetch_add(1, Ordering::Relaxed)) {
            if let Err(why) = part.read(&mut census, &Reading { options, recognise, progress }) {
                let mut done = done.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
                done.1.push(Unread { log: part.log.clone(), why });
            }
        }
        done.lock().unwrap_or_else(std::sync::PoisonError::into_inner).0.add(census);
    };
    thread::scope(|scope| {
        for _ in 1..options.threads.min(parts.len()) {
            scope.spawn(work);
        }
        work();
    });
    let (mut census, unread) = done.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    census.finish();
    (census, unread)
}

/// Counts a log that is in memory, on this thread alone.
pub fn census_of_bytes(
    log: &[u8],
    options: &Options,
    recognise: &impl Fn(&[u8], &[u8]) -> Option<u32>,
) -> Census {
    let mut census = Census::new(options.seed, options.keep_values);
    let format = options.format.unwrap_or_else(|| Format::detect(&log[..log.len().min(HEAD_BYTES)]));
    // Reading from memory cannot fail.
    let reading = Reading { options, recognise, progress: &Progress::default() };
    drop(count(log, format, &mut census, &reading));
    census.finish();
    census
}

/// A large plain file in several parts, if its lines can be read each by itself.
fn divide(log: &Path, options: &Options) -> io::Result<Vec<Part>> {
    let whole = |format| vec![Part { log: log.to_path_buf(), range: None, format }];
    if log == Path::new("-") {
        return Ok(whole(options.format));
    }
    let mut file = File::open(log)?;
    let mut head = vec![0; HEAD_BYTES];
    let got = fill(&mut file, &mut head)?;
    head.truncate(got);
    let length = file.metadata()?.len();
    let parts = u64::try_from(options.threads).unwrap_or(1).min(length / PART_BYTES_MIN);
    if Packing::detect(&head) != Packing::Plain || parts < 2 {
        return Ok(whole(options.format));
    }
    let format = options.format.unwrap_or_else(|| Format::detect(&head));
    if !Layout::new(format).is_stateless() {
        return Ok(whole(Some(format)));
    }
    let mut bounds = vec![0];
    for part in 1..parts {
        bounds.push(start_of_line(&mut file, length / parts * part)?);
    }
    bounds.push(length);
    let part = |pair: &[u64]| match pair {
        [from, to] => Some(Part { log: log.to_path_buf(), range: Some((*from, *to)), format: Some(format) }),
        _ => None,
    };
    Ok(bounds.windows(2).filter_map(part).collect())
}

/// The place behind the first line end from `place`.
fn start_of_line(file: &mut File, place: u64) -> io::Result<u64> {
    file.seek(SeekFrom::Start(place))?;
    let mut passed = place;
    let mut buffer = vec![0; HEAD_BYTES];
    loop {
        let got = file.read(&mut buffer)?;
        if got == 0 {
            return Ok(passed);
        }
        match memchr::memchr(b'\n', &buffer[..got]) {
            Some(end) => return Ok(passed + end as u64 + 1),
            None => passed += got as u64,
        }
    }
}

fn fill(file: &mut File, space: &mut [u8]) -> io::Result<usize> {
    let mut got = 0;
    while got < space.len() {
        match file.read(&mut space[got..])? {
            0 => break,
            more => got += more,
        }
    }
    Ok(got)
}

/// Counts the bytes that are read from below.
struct Counted<'p, R> {
    input: R,
    progress: &'p Progress,
}

impl<R: Read> Read for Counted<'_, R> {
    fn read(&mut self, space: &mut [u8]) -> io::Result<usize> {
        let got = self.input.read(space)?;
        self.progress.bytes.fetch_add(got as u64, Ordering::Relaxed);
        Ok(got)
    }
}

impl Part {
    fn read<R>(&self, census: &mut Census, reading: &Reading<'_, R>) -> io::Result<()>
    where
        R: Fn(&[u8], &[u8]) -> Option<u32>,
    {
        let progress = reading.progress;
        if let (Some((from, to)), Some(format)) = (self.range, self.format) {
            let mut file = File::open(&self.log)?;
            file.seek(SeekFrom::Start(from))?;
            let input = Counted { input: file.take(to.saturating_sub(from)), progress };
            return count(input, format, census, reading);
        }
        let input: Box<dyn Read + Send> =
            if self.log == Path::new("-") { Box::new(io::stdin()) } else { Box::new(File::open(&self.log)?) };
        let mut input = buffered(unpacked(buffered(Counted { input, progress }))?);
        let format = match self.format {
            Some(format) => format,
            None => Format::detect(io::BufRead::fill_buf(&mut input)?),
        };
        count(input, format, census, reading)
    }
}

fn count<R>(input: impl Read, format: Format, census: &mut Census, reading: &Reading<'_, R>) -> io::Result<()>
where
    R: Fn(&[u8], &[u8]) -> Option<u32>,
{
    let Reading { options, recognise, progress } = *reading;
    let mut layout = Layout::new(format);
    let mut room = Vec::with_capacity(LIMITS.pairs);
    let mut lines = 0_u64;
    let each = |line: Option<&[u8]>| {
        lines += 1;
        let Some(line) = line else { return census.note_bad("a line that is too long", b"") };
        let plain = if format == Format::Json { unescaped(line) } else { None };
        let line = plain.as_deref().unwrap_or(line);
        match layout.read(line) {
            Line::Request(mut request) => {
                if request.host.is_empty()
                    && let Some(host) = &options.host
                {
                    request.host = host;
                }
                // The room is taken along, so that no line asks for memory; what it borrows ends with the line.
                let mut pairs: Vec<(&[u8], Option<&[u8]>)> = reuse(std::mem::take(&mut room));
                census.note(&request, recognise, &mut pairs);
                room = reuse(pairs);
            }
            Line::Bad(why) => census.note_bad(why, line),
            Line::Nothing => {}
        }
    };
    let ended = lines::each(input, each, |_| ());
    progress.lines.fetch_add(lines, Ordering::Relaxed);
    ended
}

/// An empty list in the room of another one. The standard library collects in place where sizes agree.
fn reuse<'to>(mut list: Vec<(&[u8], Option<&[u8]>)>) -> Vec<(&'to [u8], Option<&'to [u8]>)> {
    list.clear();
    list.into_iter().map(|_| (&b""[..], None)).collect()
}

/// A JSON line whose escapes of single bytes are undone, if it has any: writers escape `&`, `<`, `>` and `/`. Quotes
/// and backslashes stay escaped, since they end a text.
fn unescaped(line: &[u8]) -> Option<Vec<u8>> {
    let mut place = memchr::memchr(b'\\', line)?;
    let mut plain = Vec::with_capacity(line.len());
    plain.extend(&line[..place]);
    while place < line.len() {
        let rest = &line[place..];
        let byte = rest.strip_prefix(b"\\u00").and_then(|hex| {
            let hex = std::str::from_utf8(hex.get(..2)?).ok()?;
            u8::from_str_radix(hex, 16).ok().filter(|byte| (b' '..0x7f).contains(byte))
        });
        match byte {
            Some(byte) if !matches!(byte, b'"' | b'\\') => {
                plain.push(byte);
                place += 6;
            }
            _ if rest.starts_with(b"\\/") => {
                plain.push(b'/');
                place += 2;
            }
            _ if rest.starts_with(b"\\") => {
                plain.extend(&rest[..rest.len().min(2)]);
                place += 2;
            }
            _ => {
                plain.push(line[place]);
                place += 1;
            }
        }
    }
    Some(plain)
}

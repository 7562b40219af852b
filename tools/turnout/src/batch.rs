//! Lines in batches over threads, in order and in constant memory.
//!
//! Batches go round the workers in turn, and their results are taken in the same turn: so the order of the input
//! is kept without a buffer for what came too early. Every channel is bounded, so that a slow reader of the
//! output slows the reading of the input.

use std::io::{self, Read};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

use memchr::{memchr, memchr_iter, memrchr};

/// Longest line that is read; what is behind it is skipped to the line's end, and the line is told as too long.
/// A request's target and body together are smaller by the edge's own limits.
pub(crate) const LINE_BYTES_MAX: usize = 1 << 20;

/// Bytes read at once: enough lines to make the hand-over between threads cheap, few enough to stay in the cache.
const READ_BYTES: usize = 1 << 18;

/// Batches that wait before each worker and behind it.
const WAITING: usize = 2;

/// An input that names itself in its errors.
pub(crate) struct Named<R> {
    name: String,
    input: R,
}

impl Named<io::Stdin> {
    /// The process's own.
    pub(crate) fn standard_input() -> Self {
        Self::new("standard input", io::stdin())
    }
}

impl<R> Named<R> {
    pub(crate) fn new(name: impl Into<String>, input: R) -> Self {
        Self { name: name.into(), input }
    }
}

impl<R: Read> Read for Named<R> {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let named = |error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", self.name));
        self.input.read(bytes).map_err(named)
    }
}

/// Whole lines of the input.
#[derive(Debug)]
pub(crate) struct Batch {
    /// The number of its first line, from 0.
    pub(crate) first: u64,
    text: Vec<u8>,
}

impl Batch {
    /// Every line with its number, without its end. One that is longer than [`LINE_BYTES_MAX`] has lost its tail.
    pub(crate) fn lines(&self) -> impl Iterator<Item = (u64, &[u8])> {
        let text = self.text.strip_suffix(b"\n").unwrap_or(&self.text);
        (self.first..).zip(text.split(|byte| *byte == b'\n'))
    }
}

/// Reads `input` to its end; `work` is done with each batch on some thread, and `emit` gets the results in order.
/// It stops at the first error of either.
///
/// # Errors
/// Of reading, or of `emit`.
pub(crate) fn run<R: Send>(
    input: impl Read + Send,
    work: impl Fn(&Batch) -> R + Sync,
    mut emit: impl FnMut(R) -> io::Result<()>,
) -> io::Result<()> {
    let workers = thread::available_parallelism().map_or(1, usize::from);
    thread::scope(|scope| {
        let (mut feeds, mut results) = (Vec::new(), Vec::new());
        for _ in 0..workers {
            let (feed, fed) = sync_channel::<Batch>(WAITING);
            let (done, result) = sync_channel::<R>(WAITING);
            let work = &work;
            scope.spawn(move || {
                // The other side goes away when somebody has seen enough.
                fed.iter().map(|batch| work(&batch)).try_for_each(|made| done.send(made)).ok()
            });
            feeds.push(feed);
            results.push(result);
        }
        let reader = scope.spawn(move || read(input, &feeds));
        let emitted = collect(results, &mut emit);
        let read = reader.join().unwrap_or_else(|_| Err(io::Error::other("the reading thread ended early")));
        emitted.and(read)
    })
}

/// Takes the results in turn until one worker has none any more.
fn collect<R>(results: Vec<Receiver<R>>, emit: &mut impl FnMut(R) -> io::Result<()>) -> io::Result<()> {
    for result in results.iter().cycle() {
        match result.recv() {
            Ok(made) => emit(made)?,
            Err(_) => break,
        }
    }
    Ok(())
}

fn read(mut input: impl Read, feeds: &[SyncSender<Batch>]) -> io::Result<()> {
    let mut feeds = feeds.iter().cycle();
    let mut lines = Lines::default();
    loop {
        let batch = lines.fill(&mut input)?;
        let Some(batch) = batch else { return Ok(()) };
        // A worker whose results nobody takes any more has ended.
        if feeds.next().is_none_or(|feed| feed.send(batch).is_err()) {
            return Ok(());
        }
    }
}

/// What was read and is no whole line yet.
#[derive(Default)]
struct Lines {
    rest: Vec<u8>,
    skipping: bool,
    next: u64,
    ended: bool,
}

impl Lines {
    /// The next whole lines; none at the end.
    fn fill(&mut self, input: &mut impl Read) -> io::Result<Option<Batch>> {
        while !self.ended {
            let before = self.rest.len();
            self.rest.resize(before + READ_BYTES, 0);
            let read = retry(|| input.read(&mut self.rest[before..]))?;
            self.rest.truncate(before + read);
            self.ended = read == 0;
            if self.skipping {
                self.skip_to_end_of_line(before);
            }
            if let Some(end) = memrchr(b'\n', &self.rest) {
                let rest = self.rest.split_off(end + 1);
                return Ok(Some(self.batch(rest)));
            }
            if !self.skipping && self.rest.len() > LINE_BYTES_MAX {
                // One byte more than the limit tells that the line is too long.
                self.rest.truncate(LINE_BYTES_MAX + 1);
                self.skipping = true;
            }
        }
        Ok((!self.rest.is_empty()).then(|| self.batch(Vec::new())))
    }

    fn skip_to_end_of_line(&mut self, before: usize) {
        match memchr(b'\n', &self.rest[before..]) {
            Some(end) => {
                self.rest.drain(before..before + end);
                self.skipping = false;
            }
            None => self.rest.truncate(before),
        }
    }

    fn batch(&mut self, rest: Vec<u8>) -> Batch {
        let text = std::mem::replace(&mut self.rest, rest);
        let batch = Batch { first: self.next, text };
        let open = !batch.text.ends_with(b"\n");
        self.next += memchr_iter(b'\n', &batch.text).count() as u64 + u64::from(open);
        batch
    }
}

fn retry(mut read: impl FnMut() -> io::Result<usize>) -> io::Result<usize> {
    loop {
        match read() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            other => return other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbered(input: &[u8]) -> Vec<(u64, usize, Vec<u8>)> {
        let mut all = Vec::new();
        let work = |batch: &Batch| -> Vec<(u64, usize, Vec<u8>)> {
            batch.lines().map(|(n, l)| (n, l.len(), l.get(..8).unwrap_or(l).to_vec())).collect()
        };
        run(input, work, |made| {
            all.extend(made);
            Ok(())
        })
        .unwrap();
        all
    }

    #[test]
    fn lines_keep_their_order_and_number_over_many_batches() {
        let text: Vec<u8> = (0..200_000_u32).flat_map(|n| format!("line {n}\n").into_bytes()).collect();
        let lines = numbered(&text);
        assert_eq!(lines.len(), 200_000);
        assert!(lines.iter().enumerate().all(|(place, (number, ..))| *number == place as u64));
    }

    #[test]
    fn ends_of_files_and_empty_lines() {
        let shown = |input: &[u8]| -> Vec<Vec<u8>> { numbered(input).into_iter().map(|(.., l)| l).collect() };
        assert_eq!(shown(b""), Vec::<Vec<u8>>::new());
        assert_eq!(shown(b"a"), [b"a"]);
        assert_eq!(shown(b"a\n"), [b"a"]);
        assert_eq!(shown(b"a\n\nb"), [&b"a"[..], b"", b"b"]);
        assert_eq!(shown(b"\n"), [b""]);
    }

    #[test]
    fn a_line_without_end_is_cut_and_the_next_one_is_whole() {
        let mut text = vec![b'x'; 3 * LINE_BYTES_MAX];
        text.extend(b"\nnext\n");
        let lines = numbered(&text);
        assert_eq!(lines.len(), 2);
        assert_eq!((lines[0].0, lines[0].1), (0, LINE_BYTES_MAX + 1));
        assert_eq!((lines[1].0, lines[1].2.as_slice()), (1, &b"next"[..]));
    }

    #[test]
    fn an_error_of_the_output_ends_it() {
        let ended = run(&b"a\nb\n"[..], |_| (), |()| Err(io::Error::from(io::ErrorKind::BrokenPipe)));
        assert_eq!(ended.unwrap_err().kind(), io::ErrorKind::BrokenPipe);
    }
}

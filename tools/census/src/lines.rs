//! A stream of bytes, line by line, with large reads and no copy of a line.

use std::io::{self, Read};

use memchr::{memchr, memchr_iter, memrchr};

/// Longest line that is read; a longer one is bad, and reading goes on behind it.
pub const LINE_BYTES_MAX: usize = 1 << 18;

/// Bytes read at once.
const READ_BYTES: usize = 1 << 20;

/// Reads `input` to its end and hands each line to `line`, without its end; `None` stands for one that is too long.
/// `read` is told how many bytes were read.
///
/// # Errors
/// Of reading. Every whole line before it was handed on.
pub(crate) fn each(
    mut input: impl Read,
    mut line: impl FnMut(Option<&[u8]>),
    mut read: impl FnMut(usize),
) -> io::Result<()> {
    let mut buffer = vec![0; READ_BYTES + LINE_BYTES_MAX + 1];
    let (mut held, mut skipping) = (0, false);
    loop {
        let space = &mut buffer[held..held + READ_BYTES];
        let got = match input.read(space) {
            Ok(got) => got,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        if got == 0 {
            if held > 0 && !skipping {
                line(Some(&buffer[..held]));
            }
            return Ok(());
        }
        read(got);
        let mut from = 0;
        let mut end = held + got;
        if skipping {
            match memchr(b'\n', &buffer[..end]) {
                Some(place) => (from, skipping) = (place + 1, false),
                None => end = 0,
            }
        }
        let whole = memrchr(b'\n', &buffer[from..end]).map_or(from, |place| from + place + 1);
        let mut start = from;
        for place in memchr_iter(b'\n', &buffer[from..whole]) {
            line(Some(&buffer[start..from + place]));
            start = from + place + 1;
        }
        held = end - whole;
        if held > LINE_BYTES_MAX {
            line(None);
            (held, skipping) = (0, true);
        }
        buffer.copy_within(whole..whole + held, 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Gives few bytes at a time, as a pipe does.
    struct Slow<'a>(&'a [u8], usize);

    impl Read for Slow<'_> {
        fn read(&mut self, space: &mut [u8]) -> io::Result<usize> {
            let most = self.1.min(space.len()).min(self.0.len());
            space[..most].copy_from_slice(&self.0[..most]);
            self.0 = &self.0[most..];
            Ok(most)
        }
    }

    fn lines(text: &[u8], at_once: usize) -> Vec<Option<Vec<u8>>> {
        let mut all = Vec::new();
        each(Slow(text, at_once), |line| all.push(line.map(<[u8]>::to_vec)), |_| ()).unwrap();
        all
    }

    #[test]
    fn lines_whatever_the_reads() {
        let wanted = [Some(b"a".to_vec()), Some(b"".to_vec()), Some(b"long one".to_vec())];
        for at_once in [1, 2, 3, 7, 1000] {
            assert_eq!(lines(b"a\n\nlong one", at_once), wanted);
            assert_eq!(lines(b"a\n\nlong one\n", at_once), wanted);
            assert_eq!(lines(b"", at_once), []);
        }
    }

    #[test]
    fn a_line_without_end_is_told_and_skipped() {
        let mut text = vec![b'x'; LINE_BYTES_MAX * 6];
        text.extend(b"\nb\n");
        for at_once in [4096, READ_BYTES] {
            assert_eq!(lines(&text, at_once), [None, Some(b"b".to_vec())]);
        }
        let endless = vec![b'x'; LINE_BYTES_MAX * 6];
        assert_eq!(lines(&endless, 4096), [None]);
    }
}

//! Chunked bodies, read strictly: a body that two readers could cut differently is refused.
//!
//! The decoder is fed whatever bytes have come and takes as many as belong to the body. Sizes are hexadecimal
//! digits and nothing else, every line ends in CR LF, extensions and trailers are skipped within limits, and
//! the body never grows beyond the limit it was made with.

use crate::refusal::Refusal;

/// Longest chunk-size line and longest trailer line, in bytes. Real ones have fewer than ten.
const LINE_BYTES_MAX: u32 = 256;

/// Most bytes of all trailers together. Nobody here reads one.
const TRAILER_BYTES_MAX: u32 = 4096;

/// A chunked body being read.
#[derive(Clone, Debug)]
pub struct Chunked {
    state: State,
    /// Bytes left of the current chunk.
    left: usize,
    /// Bytes of the current line so far.
    line: u32,
    trailers: u32,
    body_bytes_max: usize,
}

/// What the next byte is expected to be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    Size,
    Extension,
    SizeLineFeed,
    Bytes,
    BytesReturn,
    BytesLineFeed,
    TrailerStart,
    Trailer,
    TrailerLineFeed,
    LastLineFeed,
    Done,
}

impl Chunked {
    /// A body of at most `body_bytes_max` bytes.
    pub const fn new(body_bytes_max: usize) -> Self {
        Self { state: State::Size, left: 0, line: 0, trailers: 0, body_bytes_max }
    }

    /// True if the body has ended.
    pub fn is_done(&self) -> bool {
        self.state == State::Done
    }

    /// Takes bytes of `input`, adds what they carry to `body`, and returns how many were taken: all of them,
    /// unless the body ended before.
    ///
    /// # Errors
    /// [`Refusal::Chunk`] if the framing is wrong, [`Refusal::BodyTooLong`] if the body is.
    pub fn feed(&mut self, input: &[u8], body: &mut Vec<u8>) -> Result<usize, Refusal> {
        let mut taken: usize = 0;
        while self.state != State::Done {
            let Some(rest) = input.get(taken..).filter(|rest| !rest.is_empty()) else { break };
            if self.state == State::Bytes {
                let part = rest.get(..self.left.min(rest.len())).unwrap_or_default();
                body.extend_from_slice(part);
                self.left = self.left.saturating_sub(part.len());
                taken = taken.saturating_add(part.len());
                if self.left == 0 {
                    self.state = State::BytesReturn;
                }
            } else if let Some(&byte) = rest.first() {
                self.state = self.step(byte, body.len())?;
                taken = taken.saturating_add(1);
            }
        }
        Ok(taken)
    }

    fn step(&mut self, byte: u8, body_length: usize) -> Result<State, Refusal> {
        let next = match (self.state, byte) {
            (State::Size, b'0'..=b'9' | b'a'..=b'f' | b'A'..=b'F') => self.digit(byte, body_length)?,
            // A size has at least one digit, whatever follows it.
            (State::Size, b';') if self.line > 0 => State::Extension,
            (State::Size, b'\r') if self.line > 0 => State::SizeLineFeed,
            (State::Extension, b'\r') => State::SizeLineFeed,
            (State::Extension, 0x20..=0x7e | b'\t' | 0x80..) => State::Extension,
            (State::SizeLineFeed, b'\n') => {
                self.line = 0;
                if self.left == 0 { State::TrailerStart } else { State::Bytes }
            }
            (State::BytesReturn, b'\r') => State::BytesLineFeed,
            (State::BytesLineFeed, b'\n') => State::Size,
            (State::TrailerStart, b'\r') => State::LastLineFeed,
            (State::Trailer, b'\r') => State::TrailerLineFeed,
            // A folded trailer line is as obsolete as a folded header.
            (State::TrailerStart, 0x21..=0x7e) | (State::Trailer, 0x20..=0x7e | b'\t' | 0x80..) => {
                State::Trailer
            }
            (State::TrailerLineFeed, b'\n') => State::TrailerStart,
            (State::LastLineFeed, b'\n') => State::Done,
            _ => return Err(Refusal::Chunk),
        };
        self.count(next)?;
        Ok(next)
    }

    fn digit(&mut self, byte: u8, body_length: usize) -> Result<State, Refusal> {
        let digit = char::from(byte).to_digit(16).and_then(|digit| usize::try_from(digit).ok());
        let digit = digit.ok_or(Refusal::Chunk)?;
        let size = self.left.checked_mul(16).and_then(|left| left.checked_add(digit));
        self.left = size.ok_or(Refusal::BodyTooLong)?;
        if self.left > self.body_bytes_max.saturating_sub(body_length) {
            return Err(Refusal::BodyTooLong);
        }
        Ok(State::Size)
    }

    fn count(&mut self, next: State) -> Result<(), Refusal> {
        match next {
            State::Size if self.state == State::BytesLineFeed => self.line = 0,
            State::Size | State::Extension => self.line = self.line.saturating_add(1),
            State::Trailer => self.trailers = self.trailers.saturating_add(1),
            State::SizeLineFeed
            | State::Bytes
            | State::BytesReturn
            | State::BytesLineFeed
            | State::TrailerStart
            | State::TrailerLineFeed
            | State::LastLineFeed
            | State::Done => {}
        }
        let within = self.line <= LINE_BYTES_MAX && self.trailers <= TRAILER_BYTES_MAX;
        if within { Ok(()) } else { Err(Refusal::Chunk) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Decodes `input` in pieces of `piece` bytes; the body and what was left over.
    fn decode(input: &[u8], piece: usize) -> Result<(Vec<u8>, Vec<u8>), Refusal> {
        let mut chunked = Chunked::new(32);
        let (mut body, mut taken) = (Vec::new(), 0);
        for part in input.chunks(piece) {
            let used = chunked.feed(part, &mut body)?;
            taken += used;
            if used < part.len() {
                break;
            }
        }
        if chunked.is_done() { Ok((body, input[taken..].to_vec())) } else { Err(Refusal::RequestLine) }
    }

    #[test]
    fn bodies_are_put_together_however_they_arrive() {
        for (input, body, left) in [
            ("0\r\n\r\n", "", ""),
            ("3\r\nabc\r\n0\r\n\r\nGET ", "abc", "GET "),
            ("3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n", "abcde", ""),
            ("A;name=value\r\n0123456789\r\n0;x\r\nTrailer: 1\r\nB: 2\r\n\r\n\r\n", "0123456789", "\r\n"),
            ("003\r\nabc\r\n000\r\n\r\n", "abc", ""),
        ] {
            for piece in [1, 2, 3, 7, 1000] {
                let decoded = decode(input.as_bytes(), piece);
                let expected = (body.as_bytes().to_vec(), left.as_bytes().to_vec());
                assert_eq!(decoded, Ok(expected), "{input:?} in pieces of {piece}");
            }
        }
    }

    #[test]
    fn wrong_framing_is_refused() {
        for input in [
            "\r\n",
            ";x\r\n",
            "g\r\n",
            "0x3\r\nabc\r\n",
            "-1\r\n",
            "+3\r\nabc\r\n",
            " 3\r\nabc\r\n",
            "3 \r\nabc\r\n",
            "3\nabc\n0\n\n",
            "3\r\nabcd\r\n",
            "3\r\nabc\n0\r\n\r\n",
            "3\r\nabcX0\r\n\r\n",
            "0\r\n\n",
            "0\r\nA: 1\n\r\n",
            "0\r\n folded\r\n\r\n",
            "3;\x01\r\nabc\r\n",
            "3\r\rabc",
            "\n",
        ] {
            assert_eq!(decode(input.as_bytes(), 1000), Err(Refusal::Chunk), "{input:?}");
        }
        let long_extension = format!("1;{}\r\na\r\n0\r\n\r\n", "x".repeat(300));
        assert_eq!(decode(long_extension.as_bytes(), 1000), Err(Refusal::Chunk));
        let long_trailers = format!("0\r\n{}\r\n", "a: b\r\n".repeat(2000));
        assert_eq!(decode(long_trailers.as_bytes(), 1000), Err(Refusal::Chunk));
    }

    #[test]
    fn the_limit_holds_before_the_bytes_have_come() {
        for input in
            ["21\r\n", "ffffffffffffffffffffff\r\n", "20\r\n01234567890123456789012345678901\r\n1\r\n"]
        {
            assert_eq!(decode(input.as_bytes(), 1000), Err(Refusal::BodyTooLong), "{input:?}");
        }
    }
}

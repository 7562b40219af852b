//! Where do comments and literals begin and end?

use std::ops::Range;

/// What a stretch of a Rust file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Code,
    Comment,
    Literal,
}

/// The whole file as stretches without a gap.
pub(crate) fn pieces(text: &str) -> Vec<(Kind, Range<usize>)> {
    let mut pieces = Vec::new();
    let mut at = 0;
    while at < text.len() {
        let rest = text.as_bytes().get(at..).unwrap_or_default();
        let (kind, length) = next_piece(rest);
        let end = text.len().min(at + length.max(1));
        pieces.push((kind, at..end));
        at = end;
    }
    pieces
}

fn next_piece(rest: &[u8]) -> (Kind, usize) {
    match rest {
        [b'/', b'/', ..] => (Kind::Comment, rest.iter().take_while(|byte| **byte != b'\n').count()),
        [b'/', b'*', ..] => (Kind::Comment, block_comment(rest)),
        [b'"', ..] => (Kind::Literal, string(rest)),
        [b'\'', ..] => character(rest),
        [first, ..] if is_word(*first) => word(rest),
        _ => (Kind::Code, 1),
    }
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

/// Block comments nest.
fn block_comment(rest: &[u8]) -> usize {
    let (mut depth, mut at) = (0_usize, 0);
    while let Some(pair) = rest.get(at..at + 2) {
        match pair {
            b"/*" => (depth, at) = (depth + 1, at + 2),
            b"*/" => (depth, at) = (depth.saturating_sub(1), at + 2),
            _ => at += 1,
        }
        if depth == 0 {
            return at;
        }
    }
    rest.len()
}

fn string(rest: &[u8]) -> usize {
    let mut at = 1;
    while let Some(byte) = rest.get(at) {
        match byte {
            b'\\' => at += 2,
            b'"' => return at + 1,
            _ => at += 1,
        }
    }
    rest.len()
}

/// A quote starts a character or a lifetime.
fn character(rest: &[u8]) -> (Kind, usize) {
    if rest.get(1) == Some(&b'\\') {
        let closing = rest.iter().skip(3).position(|byte| *byte == b'\'');
        return (Kind::Literal, closing.map_or(rest.len(), |at| at + 4));
    }
    // A character takes one to four bytes; a quote behind a single one closes it.
    let length = match rest.get(1) {
        Some(0xF0..) => 4,
        Some(0xE0..) => 3,
        Some(0xC0..) => 2,
        _ => 1,
    };
    let closed = rest.get(1 + length) == Some(&b'\'') && rest.get(1) != Some(&b'\'');
    if closed { (Kind::Literal, length + 2) } else { (Kind::Code, 1) }
}

/// A word is code, unless it is the prefix of a raw string.
fn word(rest: &[u8]) -> (Kind, usize) {
    let length = rest.iter().take_while(|byte| is_word(**byte)).count();
    let (prefix, behind) = rest.split_at(length);
    let hashes = behind.iter().take_while(|byte| **byte == b'#').count();
    let is_raw = matches!(prefix, b"r" | b"br" | b"cr") && behind.get(hashes) == Some(&b'"');
    if is_raw { (Kind::Literal, length + raw_string(behind, hashes)) } else { (Kind::Code, length) }
}

fn raw_string(rest: &[u8], hashes: usize) -> usize {
    let closing: Vec<u8> = std::iter::once(b'"').chain(std::iter::repeat_n(b'#', hashes)).collect();
    let inside = rest.get(hashes + 1..).unwrap_or_default();
    let end = inside.windows(closing.len()).position(|window| window == closing);
    end.map_or(rest.len(), |at| hashes + 1 + at + closing.len())
}

//! What is read from a disk or a file: envelopes, and the data that everything is driven by.

use relay::Envelope;
use relay::envelope::{Batch, Sealed};
use relay::policy::Policy;
use tracking::dialect::Dialect;
use tracking::migration::Migration;
use tracking::source::Mistake;

use crate::world;

/// Bytes are an envelope or they are not; what is one is written down again as the same one.
pub fn envelope(input: &[u8]) {
    if let Ok(read) = Envelope::decode(input) {
        assert_eq!(Envelope::decode(&read.encode()).unwrap(), read);
        let keys = &world::snapshot().secrets.seal_keys;
        drop(Sealed::open(&read.sealed, keys, read.event_id));
    }
    if let Ok(read) = Batch::decode(input) {
        assert_eq!(Batch::decode(&read.encode()).unwrap(), read);
    }
}

/// Any text is a dialect, a join or a policy, or has mistakes that say where. The bytes are also read as edits of a
/// shipped file, since hardly any text of chance gets past the first line: the first picks it, then three for each.
pub fn dialect(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    as_dialect(&text);
    as_policy(&text);
    as_join(&text);
    let [which, edits @ ..] = input else { return };
    match which % 4 {
        0 => as_dialect(&edited(world::LEGACY, edits)),
        1 => as_dialect(&edited(world::PRIMARY, edits)),
        2 => as_policy(&edited(world::POLICY, edits)),
        _ => as_join(&edited(world::JOIN, edits)),
    }
}

fn as_dialect(text: &str) {
    if let Err(mistakes) = Dialect::load("a.toml", text) {
        say_where(&mistakes, text);
    }
}

fn as_policy(text: &str) {
    if let Err(mistakes) = Policy::load("a.toml", text) {
        say_where(&mistakes, text);
    }
}

fn as_join(text: &str) {
    if let Err(mistakes) = Migration::load("a.toml", text, world::dialect) {
        assert!(!mistakes.is_empty());
    }
}

fn say_where(mistakes: &[Mistake], text: &str) {
    assert!(!mistakes.is_empty());
    let lines = text.lines().count();
    for mistake in mistakes {
        assert!((1..=lines + 1).contains(&mistake.line), "{mistake} in a text of {lines} lines");
        assert!(!mistake.message.is_empty());
    }
}

/// `text` with lines taken out, doubled, swapped or cut as three bytes each say.
fn edited(text: &str, edits: &[u8]) -> String {
    let mut lines: Vec<&str> = text.lines().collect();
    for edit in edits.chunks_exact(3).take(8) {
        let &[what, high, low] = edit else { continue };
        let count = lines.len().max(1);
        let at = usize::from(u16::from_be_bytes([high, low])) % count;
        let Some(&line) = lines.get(at) else { continue };
        match what % 4 {
            0 => drop(lines.remove(at)),
            1 => lines.insert(at, line),
            2 => lines.swap(at, (at * 7 + 1) % count),
            _ => lines[at] = line.get(..usize::from(what) % (line.len() + 1)).unwrap_or(line),
        }
    }
    lines.join("\n")
}

//! One check for each way in. Each takes bytes of any kind, and panics where something does not hold.

mod http;
mod stored;
mod words;

pub use http::{chunked, cookies, gate};
pub use stored::{dialect, envelope};
pub use words::{query, translate};

/// A check of any input.
pub type Check = fn(&[u8]);

/// Every target, by its name.
pub const ALL: [(&str, Check); 7] = [
    ("gate", gate),
    ("chunked", chunked),
    ("query", query),
    ("cookies", cookies),
    ("translate", translate),
    ("envelope", envelope),
    ("dialect", dialect),
];

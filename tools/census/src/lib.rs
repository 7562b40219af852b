//! What do access logs hold? Endpoints, shapes, parameters and value patterns, counted in one pass and in constant memory.
//!
//! Nothing here knows a platform or a dialect: whoever asks gives a function that recognises a host and a path. No
//! value is kept unless it is asked for; what is counted is the pattern that a value has.

mod count;
mod format;
mod lines;
mod name;
mod open;
mod pattern;
mod read;

pub use count::{Census, Endpoint, LIMITS, Limits, Parameter, Shape};
pub use format::{Format, Layout, Request};
pub use lines::LINE_BYTES_MAX;
pub use pattern::Pattern;
pub use read::{Options, Progress, Unread, census_of, census_of_bytes};

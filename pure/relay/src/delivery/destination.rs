//! Where conversions are delivered: an endpoint of a platform.
//!
//! Each has a gate of its own, so that what is wrong with one holds up no other.

use core::fmt;
use std::sync::Arc;

use tracking::Home;

/// An endpoint of a platform.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
pub struct Destination {
    /// The platform.
    pub home: Home,
    /// The endpoint's name in its dialect; empty for a platform that is one destination as a whole, because it
    /// gets the client's own requests.
    pub endpoint: Arc<str>,
}

impl Destination {
    /// The endpoint of this name.
    pub fn new(home: Home, endpoint: &str) -> Self {
        Self { home, endpoint: endpoint.into() }
    }
}

impl fmt::Display for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.home.name())?;
        if self.endpoint.is_empty() { Ok(()) } else { write!(f, "/{}", self.endpoint) }
    }
}

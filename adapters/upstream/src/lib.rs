//! Calling the platforms: HTTP/1.1 over pooled connections, with one deadline for the whole call.
//!
//! # What it answers
//!
//! What did the platform say? And if it said nothing: may it have received the request (I4)? It judges no
//! answer, follows no redirect, decompresses nothing and repeats nothing that moves money.
//!
//! # Why an own client
//!
//! Three things are needed that general clients do not give. The target goes out byte for byte, although a
//! legacy client's query may hold bytes that typed URLs refuse. Every byte handed to the socket is counted
//! below TLS, so that [`SendFailure::NothingSent`] is a fact and not a guess. And a kept-alive connection that
//! dies under a request is visible: a fetch may be sent once more, a conversion may not.
//!
//! # Limits
//!
//! No HTTP/2, no proxies, no cookies. Answers are bounded, idle connections are bounded, and a surplus byte
//! after an answer ends its connection, because it would be taken for the start of the next one.
//!
//! [`SendFailure::NothingSent`]: tracking::SendFailure::NothingSent

mod answer;
mod destination;
mod elsewhere;
mod exchange;
mod peer;
mod platforms;
mod pool;
mod request;
mod settings;
mod tls;
mod transport;

pub use elsewhere::Elsewhere;
pub use peer::Peer;
pub use platforms::Upstream;
pub use request::{HOP_HEADER, Request};
pub use settings::{Call, Endpoint, Origin, Reuse, Roots, Settings, SettingsError};

#[cfg(test)]
mod tests;

//! What does this request mean?
//!
//! Two platforms' words as data, the platform-neutral event between them, and the translation both ways.
//! No platform's word appears in this code (I7): the words stand in the dialect files, which are compiled
//! once into tables.
#![deny(clippy::float_arithmetic, clippy::indexing_slicing)]
#![cfg_attr(
    test,
    allow(
        clippy::indexing_slicing,
        clippy::disallowed_methods,
        reason = "a test may fail loudly and read files"
    )
)]

pub mod click_id;
pub mod consent;
pub mod cookie;
pub mod decode;
pub mod destination;
pub mod dialect;
pub mod directory;
pub mod event;
pub mod key;
pub mod migration;
pub mod network;
pub mod postback;
pub mod query;
pub mod signed;
pub mod source;
pub mod wire;

pub use event::{Class, Event, Field, Text, Value};
pub use wire::{Answer, Home, Inbound, Judged, Method, Outbound, SendFailure, Verdict};

//! Stand-ins for the world: both platforms, a shop, people, faults and load.
//!
//! Everything here speaks over loopback sockets, in the platforms' own words, and from their public
//! documents alone. Nothing is shared with the code under test: no dialect file is read and no crate of the
//! house is linked, because a test that shares its subject's mistake proves nothing.
//!
//! * [`start`] runs the legacy platform, the primary platform, a shop and a control listener.
//! * [`traffic`] sends what browsers, plug-ins and servers send, at a person's pace.
//! * [`load`] measures: open loop without coordinated omission, or closed loop to saturation.
//! * [`old_design`] is the system that did this job before, small enough to compare with.
//!
//! The lab never measures or changes the machine, writes no file, and forgets everything when it stops.

mod books;
mod chance;
mod clock;
mod control;
mod error;
mod fault;
mod legacy;
mod limits;
mod platform;
mod primary;
mod requests;
mod running;
mod settings;
mod shared;
mod shop;
mod text;
mod wire;
mod world;

pub mod load;
pub mod old_design;
pub mod traffic;

pub use books::{Evidence, Transaction};
pub use error::Error;
pub use fault::{Fault, Mode};
pub use platform::PlatformName;
pub use requests::LoggedRequest;
pub use running::{Running, start};
pub use settings::{Behaviour, WorldSettings};
pub use shop::{Buy, Pixel, Receipt};
pub use world::{Advertiser, Creative, CreativeKind, Publisher, ShortLink, Voucher, World};

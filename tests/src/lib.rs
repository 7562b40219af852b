//! An observer of the real binary.
//!
//! It starts Turnout as anybody would, speaks HTTP to it byte by byte, remembers what was acknowledged, and
//! compares that with the ledger and with the platforms' own books. It depends on no crate of ours: a test
//! that shared code with its subject would share its mistakes.
//!
//! `TURNOUT_BIN` names the binary; without it `target/release/turnout` of this workspace is taken.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    clippy::unwrap_used,
    clippy::missing_panics_doc,
    reason = "a test kit: whatever goes wrong here is a failed test"
)]

pub mod apart;
pub mod books;
pub mod browser;
pub mod clicks;
pub mod clock;
pub mod data;
pub mod http;
pub mod power;
pub mod process;
pub mod resolver;
pub mod rest;
pub mod roles;
pub mod sales;
pub mod sweep;
pub mod system;
pub mod tracer;
pub mod wait;
pub mod world;

pub use books::{Ledger, Row};
pub use data::Data;
pub use http::{Answer, Client};
pub use process::{Finished, Process, binary, turnout};
pub use sales::{Acknowledged, Sale};
pub use system::System;
pub use wait::wait_for;

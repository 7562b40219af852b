//! The stand-ins, over real sockets on free ports.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::string_slice,
    clippy::too_many_arguments,
    reason = "helpers of tests fail as tests do"
)]

mod client;
mod faults;
mod legacy;
mod legacy_api;
mod load;
mod old_design;
mod primary;
mod primary_api;
mod shop;
mod traffic;

//! What must hold for every input of the pure layer, and on every machine.
//!
//! [`targets`] holds one check for each way in: bytes of any kind are thrown at it, by the property tests of this
//! crate in every test run, and by the fuzzer in `fuzz/` for as long as somebody likes. [`digests`] tells in one line
//! for each case what the pure layer makes of the corpus; `cargo xtask wasm` compares them, native with wasm32 (I6).
//! The crate uses nothing but the pure layer, so that it compiles wherever that does.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    clippy::missing_panics_doc,
    reason = "a test kit: whatever goes wrong here is a failed test"
)]

pub mod digests;
pub mod targets;
pub mod world;

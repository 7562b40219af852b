//! The whole system in virtual time, from one seed.
//!
//! Edges with the real exchange and the real outbox, the real processor with the turns of its drive loop on a real
//! ledger, and between and around them everything that goes wrong: crashes that lose what was not synced, disks that
//! fill up or fail a sync, a ledger that fails at any statement or is killed in a transaction or leaves a commit in
//! doubt, clocks that jump, batches that are lost or come twice, platforms that misbehave in every way, publishers whose
//! servers fail, people who redrive, discard, settle, edit and give away, two at once and not always rightly, and
//! merchants who void, edit, book and refer by signed calls, whatever became of the sale until then.
//! Shoppers and platforms are models of their own. After every step a checker that knows only what was acknowledged,
//! what people said and what the platforms logged holds the invariants I1 to I5 and I12 against the ledger; two runs of
//! a seed are the same to the byte (I6).
//!
//! How much may happen is a [`Scope`]: a seed that once failed is run again in the scope in which it was found.
//!
//! What is not simulated: sockets and threads, the files of a ledger (what SQLite and PostgreSQL make of a torn write is
//! theirs, and is tested with the real binary), a ledger that fails while a processor starts, and two processors at once.
#![allow(clippy::indexing_slicing, reason = "a simulation may fail loudly")]

mod check;
mod clocks;
mod counts;
mod desk;
mod disk;
mod edge;
mod gap;
mod merchants;
mod model;
mod people;
mod platform;
mod publishers;
mod run;
mod scope;
mod shopper;
mod trace;
mod words;
mod world;

pub use counts::Counts;
pub use gap::{Gap, OPEN};
pub use model::Violation;
pub use run::{Broken, Held, Sabotage, run, run_in};
pub use scope::Scope;

/// Steps of a seed, if nothing else is asked for.
pub const STEPS: usize = 200;

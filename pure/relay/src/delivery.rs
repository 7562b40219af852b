//! How a booked conversion reaches its owner.
//!
//! A delivery is a row in the processor's ledger that moves through [`State`]s. Nothing here stores or sends:
//! [`settle`] says what an attempt's outcome makes of the row, [`recover`] what a crash makes of it, a
//! [`Gate`] whether the destination may be called at all, and [`original`] writes the request for a platform that
//! gets the client's own bytes.
//!
//! The rule behind all of it is I4: an attempt that *may* have been processed keeps its owner. It is sent
//! again, in the same bytes, only where the receiver deduplicates; else it stands as `unknown` until a person
//! or a report resolves it. Once one attempt was ambiguous nothing later makes the conversion `dead`, because
//! dead means that it certainly never arrived.

mod destination;
mod gate;
mod merchants;
mod original;
mod pause;
mod settle;
mod state;
mod stored;
mod turns;

pub use destination::Destination;
pub use gate::{Admission, Changes, Gate, GateStatus, Went};
pub use original::original;
pub use pause::{Pause, Why};
pub use settle::{Health, Outcome, Settled, Tried, recover, settle};
pub use state::State;
pub use stored::{StoredError, dispatch_from_bytes, dispatch_to_bytes};
pub use turns::{Rank, Turns};

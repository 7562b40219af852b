//! The processor: the new platform's side, and the one place where a conversion's key, owner, schedule and
//! state live.
//!
//! [`Processor`] is the whole of it without a clock, a socket or a thread: batches go in, deliveries come out,
//! their outcomes go in. A simulator drives it in virtual time. [`serve`] is the host around it: it owns the
//! processor on one thread (the ledger has one writer), takes signed batches over HTTP, obeys the deliveries
//! that come out, and gives operators their interface.
//!
//! What it decides is decided elsewhere: `relay::intake` says what an event becomes, `relay::delivery` what an
//! attempt's outcome means, the migration how a request is written and an answer is read.

mod conservation;
mod desk;
mod drive;
mod http;
mod processor;
mod rest;
mod serve;
mod who;

pub use desk::{Desk, DeskError};
pub use drive::{Elsewhere, Senders, Sending, Upstream};
pub use processor::{
    Approval, Called, Children, Confirmed, Corrected, Correcting, Delivery, DeliveryId, Draining, Ended,
    Imported, ImportedClick, ImportedPostback, ImportedVoucher, Judgement, Ordered, OwnerOrder, Placed,
    PlatformStatus, Postback, Processor, ProcessorError, Proven, ProvenLine, ReceiveError, Received, Redrive,
    Rehearsal, Released, RootSigner, Sign, Status, Told, Turn, confirm_proven, import_clicks,
    import_postbacks, import_vouchers, journal_import,
};
pub use rest::{RestError, Resting};
pub use serve::{FactSink, Running, Settings, serve};
pub use who::{Operator, Operators, hash as token_hash};

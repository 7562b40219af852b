//! The processor without its host: synchronous, in whatever time it is given.

mod admit;
pub(crate) mod awards;
mod call;
mod change;
mod clicks;
mod deliver;
mod edit;
mod lane;
mod orders;
mod owner;
mod people;
mod pick;
mod postback;
mod quarantine;
mod receive;
mod reconcile;
mod recover;
mod rehearse;
mod release;
mod request;
mod settle;
mod status;
mod time;
mod transactions;
mod turn;
mod turns;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use ledger::{Ledger, LedgerError, PostbackId};
use relay::Fact;
use relay::call::Callers;
use relay::delivery::{Destination, Gate, Rank, Tried};
use relay::policy::Snapshot;
use tracking::Home;
use units::{EventId, Seed, Timestamp};

pub(crate) use clicks::show_click;
pub use clicks::{Imported, ImportedClick, ImportedVoucher, import_clicks, import_vouchers, journal_import};
pub use deliver::{Delivery, DeliveryId};
pub use edit::{Corrected, Correcting};
pub use orders::{Approval, Ordered, Placed};
pub use owner::OwnerOrder;
pub use people::Redrive;
pub(crate) use postback::shown as shown_postback;
pub use postback::{Called, ImportedPostback, Postback, import_postbacks};
pub use receive::{ReceiveError, Received};
pub use reconcile::{Confirmed, Proven, ProvenLine, confirm_proven};
pub use rehearse::Rehearsal;
pub use release::Released;
pub use settle::Ended;
pub use status::{Draining, PlatformStatus, Status};
pub use transactions::{Children, Judgement, RootSigner, Sign};
pub use turn::{Told, Turn};

use change::Telling;
use deliver::Flying;
use lane::{Lane, Pace};
use orders::Pacing;
use settle::Unsettled;
use time::Times;
use turns::ChangeTurns;

/// Why the processor could not do what it was asked. Nothing was done.
#[derive(Debug, thiserror::Error)]
pub enum ProcessorError {
    /// The ledger failed.
    #[error("the ledger failed")]
    Ledger(#[from] LedgerError),
    /// A step panicked, which is a defect of this program; what it was to do is tried again.
    #[error("the processor could not {doing}: {said}")]
    Panicked {
        /// What was being done.
        doing: &'static str,
        /// What the panic said.
        said: String,
    },
}

impl ProcessorError {
    /// True if the ledger may hold what this processor does not know ([`Processor::begin_anew`]).
    pub const fn is_surprise(&self) -> bool {
        match self {
            Self::Ledger(error) => error.is_surprise(),
            Self::Panicked { .. } => false,
        }
    }

    /// True if the store has failed in a way that says nothing about what was to be written.
    fn is_of_the_store(&self) -> bool {
        match self {
            Self::Ledger(error) => error.is_of_the_store(),
            Self::Panicked { .. } => false,
        }
    }
}

/// The processor of one ledger.
#[derive(Debug)]
pub struct Processor {
    ledger: Ledger,
    snapshot: Arc<Snapshot>,
    /// One for each destination that was ever called; there are as many as endpoints.
    gates: BTreeMap<Destination, Gate>,
    lanes: Arc<[Lane]>,
    pace: Pace,
    /// The merchant that was looked at last, where they are gone through one after another.
    rings: BTreeMap<(Destination, Rank), u64>,
    /// Whose backlog is asked for its newest next; the others for their oldest.
    newest_first: BTreeSet<Destination>,
    /// Which platforms were last told to be down.
    told_down: [bool; 2],
    times: Times,
    flying: BTreeMap<DeliveryId, Flying>,
    /// Changes of transactions that are being told.
    telling: BTreeMap<DeliveryId, Telling>,
    /// When the next request for changes may go.
    change_at: Timestamp,
    change_turns: ChangeTurns,
    /// Who may call.
    callers: Callers,
    /// Destinations of which a probe is under way.
    probing: Vec<Destination>,
    /// Outcomes that are not in the ledger yet: a failed commit must not lose what a platform said.
    unsettled: Vec<Unsettled>,
    /// Calls of publishers that are under way.
    calling: BTreeMap<PostbackId, Tried>,
    /// How calls of publishers ended that is not in the ledger yet.
    uncalled: Vec<Called>,
    /// Whether publishers' addresses may lead to private networks.
    private_postbacks: bool,
    seed: Seed,
    draws: u64,
    /// When the next redriven conversion may be due, so that a thousand of them come one after another.
    redrive_at: Timestamp,
    /// The same for publishers that are to be called again.
    recall_at: Timestamp,
    /// How much orders may move now.
    pacing: Pacing,
    /// False once it was seen that no order runs.
    orders_run: bool,
    /// How often entries have failed that are not taken in, by the identity of their bytes.
    failures: BTreeMap<EventId, u32>,
    facts: Vec<Fact>,
    /// What went wrong beside what was done, until the turn tells it.
    complaints: Vec<ProcessorError>,
    /// True if more transactions wait to be locked than one turn takes.
    more_to_lock: bool,
    /// Who signs the roots of the ledger's chain; nobody in a simulation.
    signer: Option<RootSigner>,
    /// True from the moment that the processor has to begin anew until it has.
    knows_nothing: bool,
    /// How often it had to.
    begun_anew: u64,
}

impl Processor {
    /// A processor of `ledger`. What was in flight when the last one ended may have been processed: it is
    /// sent again, in the same bytes, only where its owner deduplicates (I4).
    ///
    /// # Errors
    /// If the ledger fails.
    pub fn new(
        ledger: Ledger,
        snapshot: Arc<Snapshot>,
        seed: Seed,
        now: Timestamp,
    ) -> Result<Self, ProcessorError> {
        let mut processor = Self::at_rest(ledger, snapshot, seed, now)?;
        processor.recover_everything(now)?;
        Ok(processor)
    }

    /// A processor that is only asked, of a ledger that is only read.
    ///
    /// # Errors
    /// If the ledger fails.
    pub(crate) fn at_rest(
        ledger: Ledger,
        snapshot: Arc<Snapshot>,
        seed: Seed,
        now: Timestamp,
    ) -> Result<Self, ProcessorError> {
        let lanes = Lane::all(&snapshot.migration).into();
        let orders_run = ledger.running_order()?.is_some();
        let mut processor = Self {
            ledger,
            snapshot,
            gates: BTreeMap::new(),
            lanes,
            pace: Pace::new(now),
            rings: BTreeMap::new(),
            newest_first: BTreeSet::new(),
            told_down: [false; 2],
            times: Times::new(now),
            flying: BTreeMap::new(),
            telling: BTreeMap::new(),
            change_at: now,
            change_turns: ChangeTurns::default(),
            callers: Callers::default(),
            probing: Vec::new(),
            unsettled: Vec::new(),
            calling: BTreeMap::new(),
            uncalled: Vec::new(),
            private_postbacks: false,
            seed,
            draws: 0,
            redrive_at: now,
            recall_at: now,
            pacing: Pacing::new(now),
            orders_run,
            failures: BTreeMap::new(),
            facts: Vec::new(),
            complaints: Vec::new(),
            more_to_lock: false,
            signer: None,
            knows_nothing: false,
            begun_anew: 0,
        };
        processor.ledger.set_lock(processor.snapshot.policy.lock);
        processor.open_gates();
        Ok(processor)
    }

    /// Begins anew where the ledger may hold what this processor does not know, as a restart would: what was under way
    /// may have been processed. An outcome that comes later is of nothing that is under way.
    ///
    /// # Errors
    /// If the ledger fails; then the next turn begins anew once more.
    pub fn begin_anew(&mut self, now: Timestamp) -> Result<(), ProcessorError> {
        self.knows_nothing = true;
        self.begun_anew = self.begun_anew.saturating_add(1);
        self.ledger.begin_anew();
        self.gates.clear();
        self.open_gates();
        self.flying.clear();
        self.telling.clear();
        self.probing.clear();
        self.unsettled.clear();
        self.calling.clear();
        self.uncalled.clear();
        // Another may have written an order down.
        self.orders_run = self.ledger.running_order()?.is_some();
        self.recover_everything(now)?;
        self.knows_nothing = false;
        Ok(())
    }

    /// How often it had to begin anew: what was under way before the last time is under way no more.
    pub const fn begun_anew(&self) -> u64 {
        self.begun_anew
    }

    /// What has happened since this was last asked.
    pub fn take_facts(&mut self) -> Vec<Fact> {
        std::mem::take(&mut self.facts)
    }

    /// Decides by this snapshot from now on. Breakers and budgets keep what they have learnt.
    pub fn replace_snapshot(&mut self, snapshot: Arc<Snapshot>) {
        self.lanes = Lane::all(&snapshot.migration).into();
        self.ledger.set_lock(snapshot.policy.lock);
        self.snapshot = snapshot;
        self.open_gates();
    }

    /// A gate for each destination that the migration has.
    fn open_gates(&mut self) {
        let lanes = Arc::clone(&self.lanes);
        for lane in lanes.iter() {
            self.gate(&lane.destination);
        }
        let snapshot = Arc::clone(&self.snapshot);
        for send in snapshot.migration.sends.iter().filter(|send| send.change.is_some()) {
            self.gate(&Destination::new(Home::Primary, &send.endpoint));
        }
    }

    /// These may call from now on.
    pub fn replace_callers(&mut self, callers: Callers) {
        self.callers = callers;
    }

    /// The snapshot that is decided by.
    pub const fn snapshot(&self) -> &Arc<Snapshot> {
        &self.snapshot
    }

    /// The ledger, for reading.
    pub const fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// The ledger as it is left behind: what a crash would leave.
    pub fn into_ledger(self) -> Ledger {
        self.ledger
    }

    /// The gate of a destination, opened now if there was none.
    fn gate(&mut self, destination: &Destination) -> &mut Gate {
        let (policy, now) = (&self.snapshot.policy, self.times.latest);
        let new = || Gate::new(destination.clone(), policy, now);
        self.gates.entry(destination.clone()).or_insert_with(new)
    }

    /// True if the conversion's owner is known to deduplicate. The old platform is never trusted to.
    fn deduplicates(&self, row: &ledger::Due) -> bool {
        let advertiser = self.snapshot.directory.advertiser(row.advertiser_id);
        row.owner == Home::Primary && advertiser.is_some_and(|advertiser| advertiser.deduplicates)
    }

    /// A seed for one use.
    fn draw(&mut self) -> Seed {
        self.draws = self.draws.wrapping_add(1);
        self.seed.fork(self.draws)
    }

    fn moved(&mut self, event_id: EventId, state: &'static str) {
        self.facts.push(Fact::Moved { event_id, state });
    }
}

#[cfg(test)]
pub(crate) mod tests;

//! What a run went through, so that a simulation that misses something is seen to.

use std::fmt;
use std::ops::AddAssign;

macro_rules! counts {
    ($($name:ident $what:literal),* $(,)?) => {
        /// How often each thing happened.
        #[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
        pub struct Counts { $(#[doc = $what] pub $name: u64),* }

        impl Counts {
            /// Every count with what it counts.
            pub fn all(&self) -> Vec<(&'static str, u64)> {
                vec![$(($what, self.$name)),*]
            }
        }

        impl AddAssign for Counts {
            fn add_assign(&mut self, other: Self) {
                $(self.$name += other.$name;)*
            }
        }
    };
}

counts! {
    requests "requests",
    durable "sales acknowledged as durable",
    at_once "sales that the processor took at once",
    by_platform "sales acknowledged on a platform's word",
    refused "sales refused",
    cut_off "sales without a reply",
    edge_crashes "crashes of edges",
    restarts "restarts after a failed sync",
    full "groups of entries without room",
    processor_crashes "crashes of the processor",
    batches "batches handed over",
    batches_lost "batches or answers lost",
    duplicates "batches handed over again",
    sent "requests sent",
    interrupted "requests whose answer a crash took",
    resent "requests sent again",
    redriven "conversions redriven",
    booked "sales in the platforms' books",
    confirmed "confirmed",
    taken "taken",
    unknown "unknown",
    held "held",
    conflict "in conflict",
    merged "merged",
    rejected "rejected",
    dead "dead",
    ledger_failures "failures of the ledger",
    in_doubt "of these, connections lost that may leave a commit in doubt",
    begun_anew "times that the processor had to begin anew",
    starts_failed "starts of the processor whose ledger failed",
    killed_inside "processors killed in a transaction",
    clocks_set "clocks set",
    acts "acts of people",
    settled "doubts settled",
    owners_changed "owners changed",
    resumed "pauses ended",
    edited "events edited",
    dropped "dropped",
    called "calls of publishers",
    imported "clicks imported",
    corrected "conversions that an imported click made better",
    calls "calls of merchants",
    calls_answered "of these, answered by us",
    changes_told "changes told to the new platform",
    changes_mended "changes seen to by clerks",
    shared "orders whose shares were worked out again",
    doubled_by_edge "gap: booked twice, once by an edge",
    doubled_at_one_edge "of these, all copies through one edge",
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.all().into_iter().try_for_each(|(what, count)| writeln!(f, "{count:>10}  {what}"))
    }
}

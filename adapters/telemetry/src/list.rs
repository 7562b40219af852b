//! The list of metrics: every name, what kind it is, its labels, and what it means to a person.

/// What kind of number a metric is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// Only grows.
    Counter,
    /// Goes up and down.
    Gauge,
    /// How values are spread.
    Histogram,
}

impl Kind {
    /// The kind's name in the documentation.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
        }
    }
}

/// One line of the list.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Description {
    /// The name, as it is registered. A counter is shown with `_total` behind it.
    pub name: &'static str,
    /// What kind of number it is.
    pub kind: Kind,
    /// The names of its labels.
    pub labels: &'static [&'static str],
    /// What it means, in one sentence.
    pub help: &'static str,
}

impl Description {
    /// The name that a scrape shows.
    pub fn shown(&self) -> String {
        match self.kind {
            Kind::Counter => format!("{}_total", self.name),
            Kind::Gauge | Kind::Histogram => self.name.to_owned(),
        }
    }
}

/// The invariants that have a counter (design, section 3).
pub const INVARIANTS: [&str; 12] =
    ["I1", "I2", "I3", "I4", "I5", "I6", "I7", "I8", "I9", "I10", "I11", "I12"];

/// What a breach is counted as whose invariant is none of [`INVARIANTS`].
pub(crate) const UNKNOWN_INVARIANT: &str = "unknown";

macro_rules! metrics {
    ($($metric:ident $name:literal $kind:ident [$($label:literal),*] $help:literal),* $(,)?) => {
        /// A metric of the list.
        #[derive(Clone, Copy, PartialEq, Eq, Debug)]
        pub enum Metric { $(#[doc = $help] $metric),* }

        impl Metric {
            /// The whole list.
            pub const ALL: &'static [Self] = &[$(Self::$metric),*];

            /// The metric's line.
            pub const fn description(self) -> Description {
                match self {
                    $(Self::$metric => Description {
                        name: concat!("turnout_", $name),
                        kind: Kind::$kind,
                        labels: &[$($label),*],
                        help: $help,
                    }),*
                }
            }
        }
    };
}

metrics! {
    Recognised "recognised" Counter ["class"] "Requests whose meaning was recognised.",
    Replies "replies" Counter ["class", "mode"] "Replies given, by what was asked and how the reply came about.",
    ReplySeconds "reply_seconds" Histogram ["mode"] "Time from a request to its reply, in the brain's own clock.",
    Appended "appended" Counter [] "Entries on stable storage, hence allowed to be acknowledged.",
    HandedOver "handed_over_at_once" Counter [] "Conversions that the outbox could not take and the processor took while their clients waited.",
    AppendFailed "append_failed" Counter ["reason"] "Entries that the outbox could not make durable.",
    DestinationRefused "destination_refused" Counter ["reason"] "Shoppers sent to the merchant's own page instead.",
    Unmapped "unmapped" Counter ["table"] "Ids and codes of requests that no map has, by the table that should have them.",
    Asked "asked" Counter ["home", "answered"] "Calls of an edge to a platform for a waiting client.",
    BreakerOpen "breaker_open" Gauge ["home"] "1 while a platform counts as down.",
    BreakerChanges "breaker_changes" Counter ["home", "open"] "Changes of a platform between up and down.",
    DestinationChanges "destination_changes" Counter ["home", "condition"] "Changes of a destination's condition: up, down, or why it was paused.",
    DestinationsImpaired "destinations_impaired" Gauge ["home"] "Destinations of a platform that are down or paused.",
    ClockSetBack "clock_set_back" Counter [] "Times the processor's clock went back; its schedule was pulled in each time.",
    SetAside "set_aside" Counter [] "Rows that waited to be sent, could not be read, and wait for a person now.",
    Booked "booked" Counter ["attributed"] "Conversions booked by the processor.",
    Moved "moved" Counter ["state"] "Conversions that reached a state.",
    Accepted "accepted" Gauge [] "Conversions that the ledger has accepted, ever.",
    Conversions "conversions" Gauge ["state"] "Conversions in each state. Their sum is what was accepted.",
    OldestSeconds "oldest_seconds" Gauge ["state"] "How long the oldest has stood in a state that ought to be left; 0 if there is none.",
    SumsOff "sums_off" Gauge [] "Advertisers whose conversions do not add up, by the counters. Must stay 0.",
    AuditFindings "audit_findings" Gauge [] "Breaches that the last count from the rows has found. Must stay 0.",
    PostingImbalances "posting_imbalances" Gauge [] "Breaches of the books that the last count has found. Must stay 0.",
    AuditAgeSeconds "audit_age_seconds" Gauge [] "How long ago the last count from the rows ended.",
    AuditSeconds "audit_seconds" Gauge [] "How long the last count from the rows took.",
    RepeatAlarms "repeat_alarms" Gauge [] "Advertisers of whose orders many more than usual arrive repeatedly: a second route is likely.",
    PostbacksGivenUp "postbacks_given_up" Gauge [] "Calls of publishers that were given up and wait for a person.",
    Attempts "attempts" Counter ["home", "verdict"] "Attempts to deliver a conversion, by what the answer means.",
    AttemptSeconds "attempt_seconds" Histogram ["home"] "How long attempts took.",
    InvariantBroken "invariant_broken" Counter ["invariant"] "Times an invariant did not hold. Must stay 0.",
    Refused "refused" Counter ["code"] "Requests refused by the strict gate.",
    Misdirected "misdirected" Counter [] "Requests for a host that is not served here.",
    Looped "looped" Counter [] "Requests of our own that came back to us: an origin is wrong.",
    BatchesTaken "batches_taken" Counter [] "Batches that the processor took from the outbox.",
    BatchesNotTaken "batches_not_taken" Counter [] "Tries to hand over a batch that failed; each is repeated.",
    EntriesTaken "entries_taken" Counter [] "Entries that the processor took from the outbox.",
    OutboxUnreadable "outbox_unreadable" Counter [] "Times the outbox could not be read. Must stay 0.",
    Connections "connections" Gauge [] "Connections of clients that are open.",
    OutboxEntries "outbox_entries" Gauge [] "Durable entries that the processor has not taken.",
    OutboxBytes "outbox_bytes" Gauge [] "Bytes of the entries that the processor has not taken.",
    OutboxWaiting "outbox_waiting" Gauge [] "Appends that wait for the disk.",
    OutboxRefuses "outbox_refuses" Gauge [] "1 while the outbox accepts nothing.",
    CertificateExpires "certificate_expires_seconds" Gauge [] "When the public's certificate runs out, in seconds since 1970; 0 where TLS is off.",
    CertificateProblem "certificate_problem" Gauge [] "1 while the certificate's files cannot be used and the old one serves on.",
}

/// The list as a document.
pub fn docs() -> String {
    let mut text = String::from(
        "# Metrics\n\nGenerated from the list in `adapters/telemetry`; do not edit. Labels have closed sets of values.\n\n\
         | metric | kind | labels | meaning |\n|---|---|---|---|\n",
    );
    for metric in Metric::ALL {
        let line = metric.description();
        let labels: Vec<String> = line.labels.iter().map(|label| format!("`{label}`")).collect();
        let (name, kind, labels, help) = (line.shown(), line.kind.name(), labels.join(", "), line.help);
        text.push_str(&format!("| `{name}` | {kind} | {labels} | {help} |\n"));
    }
    text
}

//! What hosts report: things that happen around the brain and not in it.

/// Something that happened in a host.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum HostFact {
    /// The gate refused a request.
    Refused {
        /// The refusal's code.
        code: &'static str,
    },
    /// A request for a host that is not served here.
    Misdirected,
    /// A request of our own came back to us.
    Looped,
    /// The processor took a batch.
    BatchTaken {
        /// How many entries it had.
        entries: u64,
    },
    /// The processor did not take a batch; it will be sent again.
    BatchNotTaken,
    /// The outbox could not be read.
    OutboxUnreadable,
}

/// A number that a host sets when it is asked for its metrics.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Gauge {
    /// Open connections.
    Connections,
    /// Entries that wait for the processor.
    OutboxEntries,
    /// Their bytes.
    OutboxBytes,
    /// Appends that wait for the disk.
    OutboxWaiting,
    /// 1 while the outbox accepts nothing.
    OutboxRefuses,
    /// When the public's certificate runs out.
    CertificateExpires,
    /// 1 while a new certificate cannot be used.
    CertificateProblem,
}

impl Gauge {
    /// Every gauge, in the order of the list.
    pub(crate) const ALL: [Self; 7] = [
        Self::Connections,
        Self::OutboxEntries,
        Self::OutboxBytes,
        Self::OutboxWaiting,
        Self::OutboxRefuses,
        Self::CertificateExpires,
        Self::CertificateProblem,
    ];
}

/// What a processor knows of its ledger, every few seconds.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Books {
    /// Conversions accepted, ever.
    pub accepted: u64,
    /// Conversions in each state, in the order of `State::ALL`.
    pub states: [u64; 11],
    /// How long the oldest has stood, in seconds, in the order of [`Books::OLDEST`].
    pub oldest_seconds: [u64; 4],
    /// Advertisers whose conversions do not add up.
    pub off: u64,
    /// Breaches that the last count found, and those of them in the books.
    pub findings: u64,
    /// See `findings`.
    pub imbalances: u64,
    /// How long ago the last count ended, in seconds.
    pub audit_age_seconds: u64,
    /// How long it took, in seconds.
    pub audit_seconds: u64,
    /// Advertisers of whose orders many more repeat than usual.
    pub repeat_alarms: u64,
    /// Calls of publishers that were given up.
    pub postbacks_given_up: u64,
}

impl Books {
    /// The states whose oldest conversion is watched. What waits is queued or in flight.
    pub(crate) const OLDEST: [&'static str; 4] = ["queued", "unknown", "taken", "held"];
}

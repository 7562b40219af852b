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
}

impl Gauge {
    /// Every gauge, in the order of the list.
    pub(crate) const ALL: [Self; 5] =
        [Self::Connections, Self::OutboxEntries, Self::OutboxBytes, Self::OutboxWaiting, Self::OutboxRefuses];
}

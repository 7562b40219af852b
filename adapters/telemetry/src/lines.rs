//! Log lines: one for each fact that a person may want to read, in floods only a sample.

use std::sync::atomic::{AtomicU64, Ordering};

use relay::Fact;

use crate::host::HostFact;

/// The first of a kind are all written; after that one in this many.
const ALL_UP_TO: u64 = 10;
const ONE_IN: u64 = 1000;

/// Decides which of many like lines are written.
#[derive(Debug, Default)]
pub(crate) struct Sample(AtomicU64);

impl Sample {
    /// How many there were, if this one is to be written.
    fn take(&self) -> Option<u64> {
        let count = self.0.fetch_add(1, Ordering::Relaxed) + 1;
        (count <= ALL_UP_TO || count.is_multiple_of(ONE_IN)).then_some(count)
    }
}

/// The samples of all kinds of lines that may come in floods.
#[derive(Debug, Default)]
pub(crate) struct Lines {
    append_failed: Sample,
    set_aside: Sample,
    destination_refused: Sample,
    refused: Sample,
    misdirected: Sample,
    looped: Sample,
}

impl Lines {
    pub(crate) fn fact(&self, fact: &Fact) {
        match fact {
            Fact::InvariantBroken { invariant } => tracing::error!(invariant, "an invariant does not hold"),
            Fact::BreakerChanged { home, open: true } => tracing::warn!(%home, "the platform counts as down"),
            Fact::BreakerChanged { home, open: false } => tracing::info!(%home, "the platform is back"),
            Fact::DestinationChanged { home, endpoint, condition, .. } => {
                let up = *condition == "up";
                if up {
                    tracing::info!(%home, %endpoint, "the destination takes conversions again");
                } else {
                    tracing::warn!(%home, %endpoint, condition, "the destination takes no conversions");
                }
            }
            Fact::ClockSetBack { by } => {
                tracing::warn!(seconds = by.as_secs(), "the clock was set back; the schedule is pulled in");
            }
            Fact::SetAside { event_id } => {
                if let Some(count) = self.set_aside.take() {
                    tracing::error!(%event_id, count, "a row that waits to be sent cannot be read: it is set aside");
                }
            }
            Fact::AppendFailed { event_id, reason } => {
                if let Some(count) = self.append_failed.take() {
                    tracing::error!(%event_id, reason, count, "an entry could not be made durable");
                }
            }
            Fact::DestinationRefused { event_id, reason } => {
                if let Some(count) = self.destination_refused.take() {
                    tracing::info!(%event_id, reason, count, "a destination was refused");
                }
            }
            // Written only where somebody has asked for them; otherwise each costs one comparison.
            other => tracing::debug!(fact = ?other, "a fact"),
        }
    }

    pub(crate) fn host(&self, fact: &HostFact) {
        match fact {
            HostFact::Refused { code } => {
                if let Some(count) = self.refused.take() {
                    tracing::info!(code, count, "the gate refused a request");
                }
            }
            HostFact::Misdirected => {
                if let Some(count) = self.misdirected.take() {
                    tracing::info!(count, "a request for a host that is not served here");
                }
            }
            HostFact::Looped => {
                if let Some(count) = self.looped.take() {
                    tracing::error!(count, "our own request came back: check the platforms' origins");
                }
            }
            // Whoever observes these writes a line with the reason, which is no fact.
            HostFact::BatchTaken { .. } | HostFact::BatchNotTaken | HostFact::OutboxUnreadable => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floods_are_thinned() {
        let sample = Sample::default();
        let written: Vec<u64> = (0..2500).filter_map(|_| sample.take()).collect();
        assert_eq!(written, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 1000, 2000]);
    }
}

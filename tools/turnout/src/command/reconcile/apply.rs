//! Closing: what a report names is confirmed, in the journal's words, once.

use std::collections::BTreeMap;

use processor::{Confirmed, Proven, ProvenLine};
use reconciliation::Line;
use tracking::Home;
use units::limits::RECONCILED_ROWS_MAX;

use super::books::Books;
use super::sources::Source;
use super::{Arguments, Failure};

/// Confirms lines as they are found, many at once.
pub(super) struct Applying<'a> {
    arguments: &'a Arguments,
    books: &'a Books<'a>,
    sources: Vec<Source>,
    waiting: BTreeMap<(Home, u32), Vec<ProvenLine>>,
    sum: Option<Confirmed>,
}

impl<'a> Applying<'a> {
    pub(super) fn new(arguments: &'a Arguments, books: &'a Books<'a>, sources: &[Source]) -> Self {
        let sum = arguments.apply.then(Confirmed::default);
        Self { arguments, books, sources: sources.to_vec(), waiting: BTreeMap::new(), sum }
    }

    /// Looks at a line.
    pub(super) fn line(&mut self, line: &Line) -> Result<(), Failure> {
        let (Some(ours), Some(theirs)) = (&line.ours, &line.theirs) else { return Ok(()) };
        if self.sum.is_none() || !line.confirms() {
            return Ok(());
        }
        let of = (theirs.home, theirs.report);
        let waiting = self.waiting.entry(of).or_default();
        let transaction_id = theirs.transaction_id.clone();
        waiting.push(ProvenLine { event_id: ours.event_id, line: theirs.line, transaction_id });
        if waiting.len() < RECONCILED_ROWS_MAX {
            return Ok(());
        }
        let lines = std::mem::take(waiting);
        self.send(of, lines)
    }

    /// Confirms what is left; what it all came to, if anything was to be applied.
    pub(super) fn end(mut self) -> Result<Option<Confirmed>, Failure> {
        for (of, lines) in std::mem::take(&mut self.waiting) {
            self.send(of, lines)?;
        }
        Ok(self.sum)
    }

    fn send(&mut self, (home, place): (Home, u32), lines: Vec<ProvenLine>) -> Result<(), Failure> {
        let source = usize::try_from(place).ok().and_then(|place| self.sources.get(place));
        let report = source.map(|source| format!("{} (sha256 {})", source.name, source.digest));
        let proven = Proven {
            platform: home.name().to_owned(),
            report: report.ok_or("a line is of no report that was read")?,
            actor: self.arguments.by.actor.clone(),
            reason: self.arguments.because.text().to_owned(),
            lines,
        };
        let confirmed = self.books.confirm(home, &proven)?;
        if let Some(sum) = &mut self.sum {
            sum.now += confirmed.now;
            sum.before += confirmed.before;
            sum.left += confirmed.left;
        }
        Ok(())
    }
}

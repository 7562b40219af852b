//! How much may happen in a run.

use units::{Chance, Seed};

/// What may happen: each has everything that the ones before it have. What a later one adds is drawn from chances of its
/// own, so that a seed that once failed repeats in its scope whatever is added after it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Scope {
    /// Edges, outboxes, a processor and platforms, crashes and disks.
    Machines,
    /// And a ledger that fails at any statement.
    Ledger,
    /// And clocks that jump.
    Clocks,
    /// And people who order things.
    People,
    /// And publishers: their servers are called, and their old clicks are imported.
    Publishers,
    /// And merchants who call: they void, edit, book and refer.
    Merchants,
    /// And terms by which more than the last click earns.
    Terms,
    /// And a ledger that fails while the processor starts.
    Starts,
}

impl Scope {
    /// Everything.
    pub const WHOLE: Self = Self::Starts;

    /// Every scope, in the order in which they grow.
    const ALL: [Self; 8] = [
        Self::Machines,
        Self::Ledger,
        Self::Clocks,
        Self::People,
        Self::Publishers,
        Self::Merchants,
        Self::Terms,
        Self::Starts,
    ];

    /// True if more than the last click earns.
    pub(crate) const fn has_terms(self) -> bool {
        matches!(self, Self::Terms | Self::Starts)
    }

    /// The scope of this name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|scope| format!("{scope:?}").eq_ignore_ascii_case(name))
    }
}

/// How often something of one scope happens: not at all in some seeds, and often in others.
#[derive(Debug)]
pub(crate) struct Dial {
    pub(crate) chance: Chance,
    of_a_thousand: u64,
}

impl Dial {
    /// The dial of `own`; it stands at nothing in a run of a smaller scope.
    pub(crate) fn new(seed: Seed, own: Scope, scope: Scope, settings: &[u64]) -> Self {
        let mut chance = Chance::new(seed.fork(100 + own as u64));
        let set = crate::platform::pick(&mut chance, settings);
        Self { chance, of_a_thousand: if scope < own { 0 } else { set } }
    }

    /// True unless it stands at nothing.
    pub(crate) const fn is_on(&self) -> bool {
        self.of_a_thousand > 0
    }

    /// True if it happens in this step.
    pub(crate) fn strikes(&mut self) -> bool {
        self.is_on() && self.chance.happens(self.of_a_thousand, 1000)
    }
}

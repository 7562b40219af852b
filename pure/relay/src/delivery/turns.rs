//! Whose turn it is at a destination: fresh sales, a backlog, or what is tried again.
//!
//! Fresh sales go first: of four places three are theirs, as long as they want them. The fourth is for what
//! waits already, the backlog and the retries by turns, so that no load of fresh sales keeps it for ever.

/// What waits for a place.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
pub enum Rank {
    /// First attempts that have been due for a short while only.
    Fresh,
    /// First attempts that have been due for longer.
    Backlog,
    /// Further attempts.
    Retry,
}

impl Rank {
    /// Every rank, the first to be served first.
    pub const ALL: [Self; 3] = [Self::Fresh, Self::Backlog, Self::Retry];
}

/// The order of the turns, in which each rank is asked first, and the others if it wants none.
const ORDER: [[Rank; 3]; 8] = {
    const FRESH: [Rank; 3] = [Rank::Fresh, Rank::Backlog, Rank::Retry];
    const BACKLOG: [Rank; 3] = [Rank::Backlog, Rank::Retry, Rank::Fresh];
    const RETRY: [Rank; 3] = [Rank::Retry, Rank::Backlog, Rank::Fresh];
    [FRESH, FRESH, FRESH, BACKLOG, FRESH, FRESH, FRESH, RETRY]
};

/// Whose turn it is.
#[derive(Clone, Copy, Debug, Default)]
pub struct Turns {
    given: usize,
}

impl Turns {
    /// The ranks in the order in which they are asked for the next place.
    pub fn order(&self) -> [Rank; 3] {
        let place = self.given.checked_rem(ORDER.len()).unwrap_or(0);
        ORDER.get(place).copied().unwrap_or(Rank::ALL)
    }

    /// A place was given.
    pub const fn given(&mut self) {
        self.given = self.given.wrapping_add(1);
    }

    /// Gives `places` away among what waits of each rank, in the order of [`Rank::ALL`]: whose turn each place is.
    pub fn share(&mut self, places: usize, mut waiting: [usize; 3]) -> Vec<Rank> {
        let mut turns = Vec::with_capacity(places.min(waiting.iter().sum()));
        while turns.len() < places {
            let slot = |rank: Rank| rank as usize;
            let wants = |rank: &Rank| waiting.get(slot(*rank)).is_some_and(|waiting| *waiting > 0);
            let Some(rank) = self.order().into_iter().find(wants) else { break };
            if let Some(waiting) = waiting.get_mut(slot(rank)) {
                *waiting = waiting.saturating_sub(1);
            }
            turns.push(rank);
            self.given();
        }
        turns
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn count(turns: &[Rank], rank: Rank) -> usize {
        turns.iter().filter(|turn| **turn == rank).count()
    }

    #[test]
    fn under_load_three_of_four_are_fresh_however_few_places_there_are_at_a_time() {
        let mut turns = Turns::default();
        let given: Vec<Rank> = (0..80).flat_map(|_| turns.share(1, [9, 9, 9])).collect();
        assert_eq!(Rank::ALL.map(|rank| count(&given, rank)), [60, 10, 10]);
    }

    proptest! {
        #[test]
        fn no_place_is_left_empty_and_fresh_sales_have_most(
            before in 0_usize..8, places in 0_usize..100, waiting in prop::array::uniform3(0_usize..60)
        ) {
            let mut turns = Turns::default();
            (0..before).for_each(|_| turns.given());
            let given = turns.share(places, waiting);
            prop_assert_eq!(given.len(), places.min(waiting.iter().sum()));
            for (rank, waiting) in Rank::ALL.into_iter().zip(waiting) {
                prop_assert!(count(&given, rank) <= waiting);
            }
            let fresh = count(&given, Rank::Fresh);
            prop_assert!(fresh == waiting[0] || fresh + 1 >= places * 3 / 4, "{fresh} of {places}");
        }
    }
}

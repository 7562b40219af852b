//! How a commission stands in the books: lines that sum to zero per currency (I12).
//!
//! A set of postings is never changed. A correction is another set, that takes back the lines that stood and
//! puts the right ones in their place; the history of a conversion is the list of its sets.

use units::Money;

/// Whose account a line is on. Ids are the legacy platform's, which outlive every mapping.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
pub enum Account {
    /// The programme that pays.
    Advertiser(u64),
    /// The site that earns.
    Publisher(u64),
    /// What the site was paid.
    Paid(u64),
    /// The network's own share.
    Network,
}

impl Account {
    /// The kind's name in tables.
    pub const fn kind(self) -> &'static str {
        match self {
            Self::Advertiser(_) => "advertiser",
            Self::Publisher(_) => "publisher",
            Self::Paid(_) => "paid",
            Self::Network => "network",
        }
    }

    /// The id of the party; 0 for the network.
    pub const fn party(self) -> u64 {
        match self {
            Self::Advertiser(id) | Self::Publisher(id) | Self::Paid(id) => id,
            Self::Network => 0,
        }
    }

    /// The account of this kind and party.
    pub fn parse(kind: &str, party: u64) -> Option<Self> {
        [Self::Advertiser(party), Self::Publisher(party), Self::Paid(party), Self::Network]
            .into_iter()
            .find(|account| account.kind() == kind)
    }
}

/// One line: positive is owed to the account, negative is owed by it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Posting {
    /// Whose account.
    pub account: Account,
    /// How much.
    pub amount: Money,
}

/// The lines of a commission: the advertiser owes it, and each credited publisher is owed its share. All shares
/// are of one currency.
///
/// A conversion without credit owes nothing and has no lines: its set is empty, and it exists.
pub fn booking(advertiser_id: u64, credited: impl IntoIterator<Item = (u64, Money)>) -> Vec<Posting> {
    let mut shares: Vec<(u64, Money)> = credited.into_iter().collect();
    shares.sort_by_key(|(publisher_id, _)| *publisher_id);
    let Some((_, first)) = shares.first() else { return Vec::new() };
    let whole = shares.iter().fold(0_i64, |sum, (_, share)| sum.saturating_add(share.minor));
    let owed = Money::from_minor(whole, first.currency).negated();
    let owing = Posting { account: Account::Advertiser(advertiser_id), amount: owed };
    let earning = |(publisher_id, amount)| Posting { account: Account::Publisher(publisher_id), amount };
    core::iter::once(owing).chain(shares.into_iter().map(earning)).collect()
}

/// The lines that turn `standing` into `right`: everything that stands is taken back, then booked anew.
pub fn correction(standing: &[Posting], right: &[Posting]) -> Vec<Posting> {
    let back = standing.iter().map(|line| Posting { amount: line.amount.negated(), ..*line });
    back.chain(right.iter().copied()).collect()
}

/// The lines that pay out what `standing` owes to its publishers: what was owed to them is what they were paid. A
/// negative amount settles what a publisher owes after a clawback.
pub fn payment(standing: &[Posting]) -> Vec<Posting> {
    let owed = standing.iter().filter(|line| line.amount.minor != 0);
    let lines = owed.filter_map(|line| match line.account {
        Account::Publisher(id) => Some([
            Posting { amount: line.amount.negated(), ..*line },
            Posting { account: Account::Paid(id), amount: line.amount },
        ]),
        Account::Advertiser(_) | Account::Paid(_) | Account::Network => None,
    });
    lines.flatten().collect()
}

/// The lines as they were earned, whether they were paid since or not.
pub fn earned(standing: &[Posting]) -> Vec<Posting> {
    let mut lines: Vec<Posting> = Vec::with_capacity(standing.len());
    for line in standing {
        let account = match line.account {
            Account::Paid(id) => Account::Publisher(id),
            other => other,
        };
        let line = Posting { account, ..*line };
        let same =
            |other: &&mut Posting| other.account == account && other.amount.currency == line.amount.currency;
        match lines.iter_mut().find(same) {
            Some(sum) => sum.amount = sum.amount.checked_add(line.amount).unwrap_or(sum.amount),
            None => lines.push(line),
        }
    }
    lines.retain(|line| line.amount.minor != 0);
    lines
}

/// True if the lines sum to zero in every currency (I12).
pub fn balances(lines: &[Posting]) -> bool {
    lines.iter().all(|line| {
        let same = lines.iter().filter(|other| other.amount.currency == line.amount.currency);
        same.map(|other| i128::from(other.amount.minor)).sum::<i128>() == 0
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use units::Currency;

    use super::*;

    fn usd(minor: i64) -> Money {
        Money::from_minor(minor, Currency::USD)
    }

    #[test]
    fn a_set_that_does_not_balance_is_seen() {
        let mut lines = booking(1, Some((2, usd(100))));
        assert!(balances(&lines) && balances(&[]));
        lines[0].amount.currency = Currency::parse("EUR").unwrap();
        assert!(!balances(&lines), "each currency by itself");
        assert!(!balances(&lines[1..]));
    }

    #[test]
    fn accounts_are_found_again() {
        for account in [Account::Advertiser(7), Account::Publisher(9), Account::Paid(9), Account::Network] {
            assert_eq!(Account::parse(account.kind(), account.party()), Some(account));
        }
    }

    #[test]
    fn a_payment_moves_what_is_owed_and_a_clawback_what_was_earned() {
        let booked = booking(1, Some((2, usd(80))));
        let paid = payment(&booked);
        let moved = |account, minor| Posting { account, amount: usd(minor) };
        assert_eq!(paid, [moved(Account::Publisher(2), -80), moved(Account::Paid(2), 80)]);
        let standing = [moved(Account::Advertiser(1), -80), moved(Account::Paid(2), 80)];
        assert_eq!(earned(&standing), booked, "it was earned, paid or not");
        let back = correction(&earned(&standing), &[]);
        assert_eq!(back, [moved(Account::Advertiser(1), 80), moved(Account::Publisher(2), -80)]);
        // What the publisher owes from then on is settled with its next payment.
        let owes = [moved(Account::Publisher(2), -80), moved(Account::Paid(2), 80)];
        assert_eq!(payment(&owes), [moved(Account::Publisher(2), 80), moved(Account::Paid(2), -80)]);
        assert_eq!(earned(&owes), [], "nothing is earned any more");
        assert_eq!(payment(&[]), []);
    }

    proptest! {
        /// I12 for every booking and every correction of it.
        #[test]
        fn i12_bookings_and_corrections_balance(first in 0..i64::MAX, second in 0..i64::MAX, credited: bool) {
            let standing = booking(1, credited.then_some((2, usd(first))));
            let right = booking(1, Some((3, usd(second))));
            let change = correction(&standing, &right);
            prop_assert!(balances(&standing) && balances(&right) && balances(&change));
            let owed: i128 = standing.iter().chain(&change)
                .filter(|line| line.account == Account::Publisher(2))
                .map(|line| i128::from(line.amount.minor)).sum();
            prop_assert_eq!(owed, 0, "what was awarded wrongly is taken back");
        }
    }
}

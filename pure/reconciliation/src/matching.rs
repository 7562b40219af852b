//! Which row is which row's other half.

use core::cmp::Reverse;

use relay::Purpose;
use relay::delivery::State;
use tracking::key::canonical;
use units::Timestamp;

use crate::award::AwardRule;
use crate::class::Class;
use crate::judge;
use crate::row::{Kind, Order, Ours, Row, Theirs};
use crate::terms::{DATE_TOLERANCE, Terms};

/// Most pairs of one group that are weighed one against another. Where a merchant's references are that much alike,
/// rows are paired in the order of their money and time.
const PAIRS_MAX: usize = 10_000;

/// The rows that may tell of one order.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Group {
    /// Of our ledger.
    pub ours: Vec<Ours>,
    /// Of the platforms' reports.
    pub theirs: Vec<Theirs>,
    /// Of the merchant's list.
    pub orders: Vec<Order>,
}

impl Group {
    /// Adds a row.
    pub fn add(&mut self, row: Row) {
        match row {
            Row::Ours(ours) => self.ours.push(ours),
            Row::Theirs(theirs) => self.theirs.push(theirs),
            Row::Order(order) => self.orders.push(order),
        }
    }

    /// True if it has no row.
    pub fn is_empty(&self) -> bool {
        self.ours.is_empty() && self.theirs.is_empty() && self.orders.is_empty()
    }
}

/// What was found about one order, or about a row that is nobody's other half.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Line {
    /// What is the matter.
    pub class: Class,
    /// What is the matter besides.
    pub also: Vec<Class>,
    /// Why, by code; empty where the class says it all.
    pub why: &'static str,
    /// The rule that gives the platform's publisher, where it is not ours.
    pub award: Option<AwardRule>,
    /// Our row.
    pub ours: Option<Ours>,
    /// The platform's.
    pub theirs: Option<Theirs>,
    /// The merchant's.
    pub order: Option<Order>,
}

impl Line {
    pub(crate) fn of(class: Class) -> Self {
        Self { class, also: Vec::new(), why: "", award: None, ours: None, theirs: None, order: None }
    }

    /// The merchant, by the legacy id; none if no map has it.
    pub fn advertiser_id(&self) -> Option<u64> {
        let ours = self.ours.as_ref().map(|ours| ours.advertiser_id);
        let theirs = || self.theirs.as_ref().and_then(|theirs| theirs.advertiser_id);
        ours.or_else(theirs).or_else(|| self.order.as_ref().map(|order| order.advertiser_id))
    }

    /// True if the report proves that an order arrived of which that was not known: it may count as confirmed.
    pub fn confirms(&self) -> bool {
        let (Some(ours), Some(theirs)) = (&self.ours, &self.theirs) else { return false };
        let open = matches!(ours.state, State::Taken | State::Unknown);
        open && ours.told_amount() == Some(theirs.amount) && ours.owner == Some(theirs.home)
    }
}

/// Pairs the rows of groups.
#[derive(Clone, Copy, Debug)]
pub struct Matcher<'a> {
    /// The terms of the comparison.
    pub terms: &'a Terms,
}

impl Matcher<'_> {
    /// What is found in one group. Every row of it stands in exactly one line.
    pub fn lines(&self, group: Group) -> Vec<Line> {
        let (standing, aside): (Vec<_>, Vec<_>) = group.ours.into_iter().partition(stands);
        let (merged, aside): (Vec<_>, Vec<_>) = aside.into_iter().partition(|one| one.state == State::Merged);
        let mut pairs = Vec::new();
        let (theirs, again) = once(group.theirs);
        let (theirs, untracked): (Vec<_>, Vec<_>) = theirs.into_iter().partition(|one| one.kind.is_tracked());
        let (ours, theirs) = pair(standing, theirs, owned, &mut pairs);
        // What we had decided against, and it is there all the same.
        let (aside, theirs) = pair(aside, theirs, |_, _| true, &mut pairs);
        // A name that nobody knows may be one of an order; a bonus and a credit by hand never are.
        let perhaps = |own: &Ours, their: &Theirs| {
            their.kind == Kind::Other && owned(own, their) && same_reference(own, their)
        };
        let (ours, untracked) = pair(ours, untracked, perhaps, &mut pairs);
        let mut lines: Vec<Line> = Vec::new();
        for left in theirs.into_iter().chain(untracked) {
            lines.push(judge::only_theirs(left, &pairs, self.terms));
        }
        for left in ours {
            lines.push(judge::only_ours(left, &pairs, self.terms));
        }
        lines.extend(aside.into_iter().chain(merged).map(|one| judge::only_ours(one, &pairs, self.terms)));
        lines.extend(pairs.into_iter().map(|(ours, theirs)| judge::both(ours, theirs, self.terms)));
        lines.extend(again.into_iter().map(|one| Line { theirs: Some(one), ..Line::of(Class::NamedAgain) }));
        self.with_orders(&mut lines, group.orders);
        for line in &mut lines {
            judge::outside(line, self.terms);
        }
        lines
    }

    /// Brings each of the merchant's orders to the line that tells of it.
    fn with_orders(&self, lines: &mut Vec<Line>, orders: Vec<Order>) {
        for order in orders {
            let free = |line: &&mut Line| line.order.is_none() && judge::takes_an_order(line);
            let fits = |line: &&mut Line| tells_of(line, &order);
            let same_money = |line: &Line| {
                let ours = line.ours.as_ref().and_then(|ours| ours.amount);
                ours.or_else(|| line.theirs.as_ref().map(|theirs| theirs.amount)) == Some(order.amount)
            };
            let best = lines.iter_mut().filter(free).filter(fits).max_by_key(|line| same_money(line));
            match best {
                Some(line) => line.order = Some(order),
                None => lines.push(Line { order: Some(order), ..Line::of(Class::OrderOnly) }),
            }
        }
        for line in lines {
            judge::by_order(line, self.terms);
        }
    }
}

/// Each transaction once, by the last report that names it; and the rest. Reports of overlapping spans name the same
/// ones, which is no second booking.
fn once(mut theirs: Vec<Theirs>) -> (Vec<Theirs>, Vec<Theirs>) {
    theirs.sort_by(|one, other| {
        let key = |row: &Theirs| (row.home, Reverse(row.report), Reverse(row.line));
        one.transaction_id.cmp(&other.transaction_id).then_with(|| key(one).cmp(&key(other)))
    });
    let mut kept: Vec<Theirs> = Vec::with_capacity(theirs.len());
    let mut again = Vec::new();
    for row in theirs {
        let same = |last: &Theirs| {
            !row.transaction_id.is_empty()
                && last.transaction_id == row.transaction_id
                && last.home == row.home
        };
        if kept.last().is_some_and(same) { again.push(row) } else { kept.push(row) }
    }
    (kept, again)
}

/// True if the order was to be on a platform, or still is.
fn stands(ours: &Ours) -> bool {
    ours.purpose == Purpose::Live && !matches!(ours.state, State::Merged | State::Dropped | State::Conflict)
}

fn owned(ours: &Ours, theirs: &Theirs) -> bool {
    ours.owner.is_none_or(|owner| owner == theirs.home)
}

fn tells_of(line: &Line, order: &Order) -> bool {
    let ours = line.ours.as_ref().and_then(|ours| ours.reference.as_deref());
    let theirs = line.theirs.as_ref().and_then(|theirs| theirs.reference.as_deref());
    ours.or(theirs).is_some_and(|reference| canonical(reference) == canonical(&order.reference))
}

/// How well two rows fit: the same reference first, then the same money, then the nearest in time.
type Fit = (Reverse<bool>, Reverse<bool>, core::time::Duration);

fn fit(ours: &Ours, theirs: &Theirs) -> Fit {
    let apart = theirs.at.since(ours.received_at).max(ours.received_at.since(theirs.at));
    let money = ours.told_amount() == Some(theirs.amount);
    (Reverse(same_reference(ours, theirs)), Reverse(money), apart)
}

/// True if both name the order in the same words. What identifies nothing is the same as nothing.
pub(crate) fn same_reference(ours: &Ours, theirs: &Theirs) -> bool {
    match (&ours.reference, &theirs.reference) {
        (Some(own), Some(other)) => canonical(own) == canonical(other),
        _ => false,
    }
}

/// Pairs what `may` be one; gives what is left of both sides.
fn pair(
    ours: Vec<Ours>,
    theirs: Vec<Theirs>,
    may: impl Fn(&Ours, &Theirs) -> bool,
    pairs: &mut Vec<(Ours, Theirs)>,
) -> (Vec<Ours>, Vec<Theirs>) {
    let mut ours: Vec<Option<Ours>> = ours.into_iter().map(Some).collect();
    let mut theirs: Vec<Option<Theirs>> = theirs.into_iter().map(Some).collect();
    for (mine, other) in candidates(&ours, &theirs, may) {
        let (Some(own), Some(their)) = (ours.get_mut(mine), theirs.get_mut(other)) else { continue };
        if own.is_some()
            && their.is_some()
            && let (Some(own), Some(their)) = (own.take(), their.take())
        {
            pairs.push((own, their));
        }
    }
    (ours.into_iter().flatten().collect(), theirs.into_iter().flatten().collect())
}

/// The places of the rows that may be one, the best first.
fn candidates(
    ours: &[Option<Ours>],
    theirs: &[Option<Theirs>],
    may: impl Fn(&Ours, &Theirs) -> bool,
) -> Vec<(usize, usize)> {
    if ours.len().saturating_mul(theirs.len()) > PAIRS_MAX {
        return in_order(ours, theirs, may);
    }
    let mut candidates = Vec::new();
    for (mine, own) in ours.iter().enumerate() {
        for (other, their) in theirs.iter().enumerate() {
            let (Some(own), Some(their)) = (own, their) else { continue };
            if may(own, their) && near(own, their) {
                candidates.push((fit(own, their), mine, other));
            }
        }
    }
    candidates.sort();
    candidates.into_iter().map(|(_, mine, other)| (mine, other)).collect()
}

/// Of many alike: the first of ours with the first of theirs, by money and time.
fn in_order(
    ours: &[Option<Ours>],
    theirs: &[Option<Theirs>],
    may: impl Fn(&Ours, &Theirs) -> bool,
) -> Vec<(usize, usize)> {
    let money = |minor: Option<i64>, at: Timestamp, place: usize| (minor, at, place);
    let mut own: Vec<_> = ours.iter().enumerate().filter_map(|(at, one)| Some((at, one.as_ref()?))).collect();
    let mut their: Vec<_> =
        theirs.iter().enumerate().filter_map(|(at, one)| Some((at, one.as_ref()?))).collect();
    own.sort_by_key(|(at, one)| money(one.told_amount().map(|money| money.minor), one.received_at, *at));
    their.sort_by_key(|(at, one)| money(Some(one.amount.minor), one.at, *at));
    let (mut own, mut their) = (own.into_iter().peekable(), their.into_iter().peekable());
    let mut pairs = Vec::new();
    while let (Some((mine, one)), Some((other, another))) = (own.peek(), their.peek()) {
        if may(one, another) && near(one, another) && one.told_amount() == Some(another.amount) {
            pairs.push((*mine, *other));
            own.next();
            their.next();
        } else if (one.told_amount().map(|money| money.minor), one.received_at)
            <= (Some(another.amount.minor), another.at)
        {
            own.next();
        } else {
            their.next();
        }
    }
    pairs
}

/// A reference names its order whenever it comes. Without one only money and time are left.
fn near(ours: &Ours, theirs: &Theirs) -> bool {
    let apart = theirs.at.since(ours.received_at).max(ours.received_at.since(theirs.at));
    ours.reference.is_some() && theirs.reference.is_some() || apart <= DATE_TOLERANCE
}

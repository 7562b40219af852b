//! What a change makes of a transaction.
//!
//! What certainly has not arrived at the platform is changed before it is sent: a void cancels it, an edit changes what
//! is sent. What has arrived, or may have, is changed there afterwards, by a request of its own that waits until it is
//! known whether the transaction is there.

use attribution::model::split;
use attribution::status::{Act, Cause, Refusal, step};
use attribution::{Account, Posting, Status, posting};
use tracking::Home;
use tracking::dialect::interface::{CallOutcome, Operation};
use tracking::directory::Commission;
use units::{EventId, Money, Timestamp};

use super::Change;
use crate::delivery::State;
use crate::policy::Lock;

/// A transaction that may be changed, as it stands after every change before.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Target {
    /// The conversion.
    pub event_id: EventId,
    /// Where it stands.
    pub state: State,
    /// True if an attempt to deliver it may have been processed.
    pub ambiguous: bool,
    /// When it was received.
    pub received_at: Timestamp,
    /// Its owner.
    pub owner: Option<Home>,
    /// The order's value; none if it is held for want of it.
    pub amount: Option<Money>,
    /// The credited publisher.
    pub publisher_id: Option<u64>,
    /// The lines that are in force; none if it was never booked.
    pub postings: Option<Vec<Posting>>,
    /// The last change of it.
    pub last: Option<Last>,
    /// Where it stands in its life after the booking; none while it is not booked.
    pub status: Option<Status>,
}

/// The last change of a transaction.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Last {
    /// Edit or void.
    pub operation: Operation,
    /// Identifies what was asked for.
    pub content: String,
}

/// What a change makes of a transaction.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Effect {
    /// Nothing: it is so already.
    Already,
    /// Nothing, and the caller is told why.
    Refused(CallOutcome),
    /// This.
    Apply(Applied),
}

/// A change that is applied.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Applied {
    /// How the platform learns of it.
    pub how: How,
    /// The order's value from now on.
    pub amount: Money,
    /// What the publisher earns from now on.
    pub commission: Option<Money>,
    /// The lines that turn what stands into what is right; empty if the books do not change.
    pub postings: Vec<Posting>,
}

/// How the platform learns of a change.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum How {
    /// It never hears of the transaction at all.
    Cancel,
    /// The transaction is sent as it is after the change.
    WithIt,
    /// By a request of its own.
    Afterwards,
    /// Not at all: the change is of something that it is not told.
    NotAtAll,
}

/// The programme's rules, as far as a change needs them.
#[derive(Clone, Copy, Debug)]
pub struct Rules<'a> {
    /// The advertiser, by the legacy id.
    pub advertiser_id: u64,
    /// What is usually earned; none if that cannot be computed.
    pub commission: Option<&'a Commission>,
    /// Which part of it each publisher has by the model; empty if the lines in force say it.
    pub weights: &'a [(u64, u64)],
    /// When a transaction may no longer be changed.
    pub lock: Lock,
}

/// What `change` makes of `target` at `now`.
pub fn effect(change: &Change, target: &Target, rules: Rules<'_>, now: Timestamp) -> Effect {
    let voided = target.last.as_ref().is_some_and(|last| last.operation == Operation::Void);
    match (change.operation, voided) {
        (Operation::Void, true) => return Effect::Already,
        (_, true) => return Effect::Refused(CallOutcome::Locked),
        _ => {}
    }
    if target.last.as_ref().is_some_and(|last| last.content == change.content) {
        return Effect::Already;
    }
    if target.state == State::Dropped {
        return Effect::Refused(CallOutcome::NotFound);
    }
    if let Some(refused) = stays(change.operation, target, rules.lock, now) {
        return refused;
    }
    match (change.operation, target.amount) {
        (Operation::Void, amount) => void(target, amount),
        (_, Some(amount)) if target.state != State::Held => edit(change, target, amount, rules),
        // What is held is not booked, so that there is nothing to change yet.
        _ => Effect::Refused(CallOutcome::Locked),
    }
}

/// Why the transaction stays as it is: its lock date has passed, or somebody has ended it.
fn stays(operation: Operation, target: &Target, lock: Lock, now: Timestamp) -> Option<Effect> {
    if lock.holds(target.received_at, now) {
        return Some(Effect::Refused(CallOutcome::Locked));
    }
    let act = if operation == Operation::Void { Act::Decline } else { Act::Amend };
    match step(target.status?, act, Cause::Merchant, None) {
        Ok(_) => None,
        Err(Refusal::Already(_)) => Some(Effect::Already),
        Err(_) => Some(Effect::Refused(CallOutcome::Locked)),
    }
}

/// True if the platform certainly does not have the transaction.
const fn is_away(target: &Target) -> bool {
    match target.state {
        State::Held | State::Rejected | State::Dead => true,
        State::Queued => !target.ambiguous,
        _ => false,
    }
}

fn void(target: &Target, amount: Option<Money>) -> Effect {
    let standing = target.postings.as_deref().unwrap_or_default();
    let none = Money::from_minor(0, units::Currency::USD);
    Effect::Apply(Applied {
        how: if is_away(target) { How::Cancel } else { How::Afterwards },
        amount: amount.unwrap_or(none),
        commission: None,
        postings: posting::correction(standing, &[]),
    })
}

fn edit(change: &Change, target: &Target, standing: Money, rules: Rules<'_>) -> Effect {
    let amount = change.amount(standing);
    let earned = match target.publisher_id {
        // A mere comment changes no money, whatever the terms could say.
        Some(_) if !change.is_of_money() && rules.commission.is_none() => owed(target),
        Some(_) => match change.earned(rules.commission, amount) {
            Some(earned) => Some(earned),
            None => return Effect::Refused(CallOutcome::Incomplete),
        },
        None => None,
    };
    let shares = earned.into_iter().flat_map(|earned| shared(earned, target, rules.weights));
    let right = posting::booking(rules.advertiser_id, shares);
    let lines = target.postings.as_deref().unwrap_or_default();
    let changes = change.is_of_money() && lines != right.as_slice();
    Effect::Apply(Applied {
        how: match (amount == standing, is_away(target)) {
            (true, _) => How::NotAtAll,
            (false, true) => How::WithIt,
            (false, false) => How::Afterwards,
        },
        amount,
        commission: earned,
        postings: if changes { posting::correction(lines, &right) } else { Vec::new() },
    })
}

/// What the publishers have by the lines in force.
fn owed(target: &Target) -> Option<Money> {
    let lines = target.postings.as_deref().unwrap_or_default().iter();
    let own = lines.filter(|line| matches!(line.account, Account::Publisher(_)));
    own.map(|line| line.amount).reduce(|sum, amount| sum.checked_add(amount).unwrap_or(sum))
}

/// What each publisher gets of a commission: its part by the model, or else as much of it as it has of the one that stands.
fn shared(earned: Money, target: &Target, weights: &[(u64, u64)]) -> Vec<(u64, Money)> {
    let lines = target.postings.as_deref().unwrap_or_default().iter();
    let owed = lines.filter_map(|line| match line.account {
        Account::Publisher(id) => {
            u64::try_from(line.amount.minor).ok().filter(|minor| *minor > 0).map(|minor| (id, minor))
        }
        Account::Advertiser(_) | Account::Paid(_) | Account::Network => None,
    });
    let (ids, weights): (Vec<u64>, Vec<u64>) =
        if weights.is_empty() { owed.unzip() } else { weights.iter().copied().unzip() };
    if ids.is_empty() {
        return target.publisher_id.map(|id| (id, earned)).into_iter().collect();
    }
    let shares = split(earned.minor, &weights).into_iter();
    ids.into_iter().zip(shares.map(|minor| Money::from_minor(minor, earned.currency))).collect()
}

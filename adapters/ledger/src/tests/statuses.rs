//! The life of transactions: worked numbers, and what must hold after any history.

use core::time::Duration;

use attribution::status::{Act, Cause, Refusal};
use attribution::{Account, Status};
use units::{Currency, Day, EventId, Money, Timestamp};

use super::place::{Place, on_each_store};
use super::world::{NOW, PUBLISHER, Sale, assert_balanced, event_id, take_in};
use crate::{Asked, By, Judged, Ledger, LedgerError, Page};

pub(super) const SALE: Sale = Sale { id: 1, advertiser_id: 1, order: 1, minor: 1000, clicked: true };

/// The day that sales of [`NOW`] lock on by the usual policy: three months later, on the 20th.
pub(super) fn lock_day() -> Timestamp {
    Day::of(NOW).in_later_month(3, 20).unwrap().start()
}

pub(super) fn judge_at(ledger: &mut Ledger, id: u64, act: Act, cause: Cause, now: Timestamp) -> Judged {
    let by = By { actor: "ada", why: "because" };
    let event = event_id(id);
    let mut transaction = ledger.transaction(now).unwrap();
    let asked = Asked { act, cause, by, happened_at: now, event };
    let judged = transaction.judge(event, asked).unwrap();
    transaction.commit().unwrap();
    judged
}

fn judge(ledger: &mut Ledger, act: Act, now: Timestamp) -> Judged {
    judge_at(ledger, 1, act, Cause::Operator, now)
}

fn lock(ledger: &mut Ledger, now: Timestamp) -> usize {
    let mut transaction = ledger.transaction(now).unwrap();
    let locked = transaction.lock_due(100).unwrap();
    transaction.commit().unwrap();
    locked
}

/// What the books say of one account.
pub(super) fn balance(ledger: &Ledger, id: EventId, account: Account) -> i64 {
    let lines = ledger.show(id).unwrap().unwrap().postings;
    lines
        .iter()
        .filter_map(|row| row.posting)
        .filter(|line| line.account == account)
        .map(|line| line.amount.minor)
        .sum()
}

fn earned(ledger: &Ledger) -> i64 {
    balance(ledger, event_id(1), Account::Publisher(PUBLISHER))
}

/// How many stand in each status, which is how many are listed there.
fn counted(ledger: &Ledger) -> Vec<(Status, u64)> {
    let page = Page { limit: 10, advertiser_id: None, after: None };
    let mut sums = ledger.status_sums().unwrap();
    for sum in &sums {
        let listed = ledger.booked(&page, Some(sum.status)).unwrap();
        assert_eq!(listed.len() as u64, sum.transactions, "{:?}", sum.status);
    }
    let all: u64 = sums.iter().map(|sum| sum.transactions).sum();
    assert_eq!(ledger.booked(&page, None).unwrap().len() as u64, all);
    sums.retain(|sum| sum.transactions > 0);
    sums.into_iter().map(|sum| (sum.status, sum.transactions)).collect()
}

/// Whether the lines may be replaced, and what they earn whoever it is.
fn amendable(ledger: &mut Ledger) -> (bool, i64) {
    let mut transaction = ledger.transaction(NOW).unwrap();
    let earned = transaction.earned(event_id(1)).unwrap().unwrap();
    let own = earned.iter().filter(|line| line.account == Account::Publisher(PUBLISHER));
    let earned = own.map(|line| line.amount.minor).sum();
    match transaction.may_amend(event_id(1), Cause::Operator) {
        Err(LedgerError::Refused { .. }) => (false, earned),
        other => (other.is_ok(), earned),
    }
}

fn a_sale_is_approved_and_locks_by_its_date(place: &Place) {
    let mut ledger = place.open();
    take_in(&mut ledger, &[SALE]);
    assert_eq!(ledger.status(event_id(1)).unwrap(), Some(Status::Pending));
    assert_eq!(judge(&mut ledger, Act::Approve, NOW), Judged::Done(Status::Approved));
    assert_eq!(judge(&mut ledger, Act::Approve, NOW), Judged::Refused(Refusal::Already(Status::Approved)));
    assert_eq!(earned(&ledger), 100, "10 % of 10.00");

    let before = lock_day().minus(Duration::from_millis(1));
    assert_eq!(lock(&mut ledger, before), 0, "not a moment early");
    assert_eq!([before, lock_day()].map(|at| ledger.lock_is_due(at).unwrap()), [false, true]);
    assert_eq!(counted(&ledger), [(Status::Approved, 1)]);
    assert_eq!(lock(&mut ledger, lock_day().plus(Duration::from_secs(90_000))), 1);
    assert_eq!(lock(&mut ledger, lock_day().plus(Duration::from_secs(90_000))), 0, "once");
    assert!(!ledger.lock_is_due(lock_day()).unwrap());
    assert_eq!(counted(&ledger), [(Status::Locked, 1)]);
    let changes = ledger.status_changes(event_id(1)).unwrap();
    assert_eq!(changes.len(), 2);
    let locked = changes.last().unwrap();
    assert_eq!(
        (locked.before, locked.status, locked.happened_at),
        (Status::Approved, Status::Locked, lock_day())
    );
    assert_eq!(locked.recorded_at, lock_day().plus(Duration::from_secs(90_000)), "seen a day later");
    let owed = ledger.owed((0, ""), 10).unwrap();
    assert_eq!(owed, [(PUBLISHER, Money::from_minor(100, Currency::USD), 1)]);
    assert_balanced(&ledger);
}

fn a_decline_takes_back_and_a_reinstatement_gives_again(place: &Place) {
    let mut ledger = place.open();
    take_in(&mut ledger, &[SALE]);
    assert_eq!(judge_at(&mut ledger, 1, Act::Decline, Cause::Platform, NOW), Judged::Done(Status::Declined));
    assert_eq!(earned(&ledger), 0);
    assert_balanced(&ledger);
    assert_eq!(judge(&mut ledger, Act::Approve, NOW), Judged::Done(Status::Approved));
    assert_eq!(earned(&ledger), 100);
    assert_eq!(judge(&mut ledger, Act::Decline, NOW), Judged::Done(Status::Declined));
    assert_eq!(earned(&ledger), 0, "once, not twice");
    let kinds: Vec<String> =
        ledger.show(event_id(1)).unwrap().unwrap().postings.iter().map(|row| row.kind.clone()).collect();
    assert_eq!(
        kinds,
        ["booking", "booking", "decline", "decline", "reinstatement", "reinstatement", "decline", "decline"]
    );
    assert_balanced(&ledger);
}

/// Declined on the tenth day, it cannot have been given again before: what it earned until then stood until then.
fn nothing_is_undone_before_it_stood(place: &Place) {
    let mut ledger = place.open();
    take_in(&mut ledger, &[SALE]);
    let day = |days: u32| NOW.plus(days * Duration::from_secs(86_400));
    assert_eq!(judge(&mut ledger, Act::Decline, day(10)), Judged::Done(Status::Declined));
    let ask = |ledger: &mut Ledger, happened_at, exact: bool| {
        let by = By { actor: "ada", why: "because" };
        let event = event_id(1);
        let asked = Asked { act: Act::Approve, cause: Cause::Operator, by, happened_at, event };
        let mut transaction = ledger.transaction(day(12)).unwrap();
        let judged = if exact {
            transaction.judge_exactly(event, asked).unwrap()
        } else {
            transaction.judge(event, asked).unwrap()
        };
        transaction.commit().unwrap();
        judged
    };
    assert_eq!(ask(&mut ledger, day(5), true), Judged::TooEarly(day(10)));
    assert_eq!(ledger.status(event_id(1)).unwrap(), Some(Status::Declined), "nothing was done");
    // Who names no time of its own is written down with the earliest that can be.
    assert_eq!(ask(&mut ledger, day(5), false), Judged::Done(Status::Approved));
    let happened = |ledger: &Ledger| ledger.status_changes(event_id(1)).unwrap().last().unwrap().happened_at;
    assert_eq!(happened(&ledger), day(10));
    assert_eq!(judge(&mut ledger, Act::Decline, day(11)), Judged::Done(Status::Declined));
    assert_eq!(ask(&mut ledger, day(11), true), Judged::Done(Status::Approved), "with it is not before it");
    assert_eq!(happened(&ledger), day(11));
    assert_balanced(&ledger);
}

/// What anybody else declined may be given again.
fn what_its_merchant_took_back_nobody_gives_again(place: &Place) {
    let mut ledger = place.open();
    take_in(&mut ledger, &[SALE]);
    assert_eq!(judge(&mut ledger, Act::Decline, NOW), Judged::Done(Status::Declined));
    assert_eq!(judge(&mut ledger, Act::Approve, NOW), Judged::Done(Status::Approved));
    assert_eq!(judge_at(&mut ledger, 1, Act::Decline, Cause::Merchant, NOW), Judged::Done(Status::Declined));
    assert_eq!(judge(&mut ledger, Act::Approve, NOW), Judged::Refused(Refusal::Final(Status::Declined)));
    assert_eq!(earned(&ledger), 0);
    assert_balanced(&ledger);
}

fn after_its_lock_date_only_a_clawback_takes_back(place: &Place) {
    let mut ledger = place.open();
    take_in(&mut ledger, &[SALE]);
    assert_eq!(judge(&mut ledger, Act::ClawBack, NOW), Judged::Refused(Refusal::NotLocked(Status::Pending)));
    assert_eq!(amendable(&mut ledger), (true, 100));
    // Nobody has swept, and it is locked all the same.
    assert_eq!(
        judge(&mut ledger, Act::Decline, lock_day()),
        Judged::Refused(Refusal::Locked(Status::Locked))
    );
    assert_eq!(ledger.status(event_id(1)).unwrap(), Some(Status::Locked), "and that is written down");
    assert_eq!(amendable(&mut ledger), (false, 100));
    assert_eq!(judge(&mut ledger, Act::ClawBack, lock_day()), Judged::Done(Status::ClawedBack));
    assert_eq!(earned(&ledger), 0);
    let shown = ledger.show(event_id(1)).unwrap().unwrap();
    assert_eq!(shown.postings.last().unwrap().kind, "clawback");
    assert_eq!(ledger.owed((0, ""), 10).unwrap(), [], "it was not paid, so nobody owes anything");
    assert_balanced(&ledger);
}

fn better_evidence_changes_nothing_that_is_locked(place: &Place) {
    let mut ledger = place.open();
    take_in(&mut ledger, &[Sale { clicked: false, ..SALE }]);
    ledger.set_lock(relay::policy::Lock { day: 1, months: 0 });
    take_in(&mut ledger, &[Sale { id: 2, ..SALE }]);
    assert_eq!(earned(&ledger), 0, "its month is locked, swept or not");
    ledger.set_lock(relay::policy::Lock::default());
    take_in(&mut ledger, &[Sale { id: 3, ..SALE }]);
    assert_eq!(earned(&ledger), 100, "and before that it is corrected");
    assert_balanced(&ledger);
}

fn what_a_person_discards_is_declined(place: &Place) {
    let mut ledger = place.open();
    take_in(&mut ledger, &[SALE]);
    super::world::begin(&mut ledger, 1, 1).unwrap();
    super::world::finish(&mut ledger, 1, 1, relay::delivery::State::Dead).unwrap();
    let mut transaction = ledger.transaction(NOW).unwrap();
    transaction.discard(event_id(1), By { actor: "ada", why: "test order" }).unwrap();
    transaction.commit().unwrap();
    assert_eq!(ledger.status(event_id(1)).unwrap(), Some(Status::Declined));
    assert_eq!(judge(&mut ledger, Act::Approve, NOW), Judged::Refused(Refusal::Final(Status::Declined)));
    assert_eq!(judge_at(&mut ledger, 9, Act::Approve, Cause::Operator, NOW), Judged::NotFound);
    assert_balanced(&ledger);
}

on_each_store!(memory;
    nothing_is_undone_before_it_stood,
    a_sale_is_approved_and_locks_by_its_date,
    a_decline_takes_back_and_a_reinstatement_gives_again,
    what_its_merchant_took_back_nobody_gives_again,
    after_its_lock_date_only_a_clawback_takes_back,
    better_evidence_changes_nothing_that_is_locked,
    what_a_person_discards_is_declined
);

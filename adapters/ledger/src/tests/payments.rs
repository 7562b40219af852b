//! Payment runs, in worked numbers.

use attribution::status::{Act, Cause};
use attribution::{Account, Posting, Status, posting};
use core::time::Duration;
use units::{Currency, Money, Timestamp};

use super::links::without_triggers;
use super::place::{Place, on_each_store};
use super::statuses::{SALE, balance, judge_at, lock_day};
use super::world::{NOW, PUBLISHER, Sale, assert_balanced, event_id, take_in};
use crate::post::NewSet;
use crate::{Ledger, PaidOut, PaymentOrder};

fn usd(minor: i64) -> Money {
    Money::from_minor(minor, Currency::USD)
}

pub(super) fn pay(ledger: &mut Ledger, reference: &str, until: Timestamp, now: Timestamp) -> PaidOut {
    let order = PaymentOrder { reference, publisher_id: PUBLISHER, until, paid_at: now, actor: "ada" };
    let mut transaction = ledger.transaction(now).unwrap();
    let paid = transaction.pay(&order).unwrap();
    transaction.commit().unwrap();
    paid
}

/// What was paid, and what is carried forward, in cents.
fn sums(paid: PaidOut) -> (Vec<(i64, u64)>, Vec<i64>) {
    let PaidOut::Recorded { payments, carried, .. } = paid else { panic!("{paid:?}") };
    let payments = payments.iter().map(|row| (row.amount.minor, row.transactions)).collect();
    (payments, carried.iter().map(|owed| owed.minor).collect())
}

fn lock(ledger: &mut Ledger, now: Timestamp) {
    let mut transaction = ledger.transaction(now).unwrap();
    transaction.lock_due(100).unwrap();
    transaction.commit().unwrap();
}

/// 10.00 at 10 %, amended to 8.00, approved, locked, paid, clawed back, and settled with the next payment.
fn a_life_in_worked_numbers(place: &Place) {
    let mut ledger = place.open();
    take_in(&mut ledger, &[SALE, Sale { id: 2, order: 2, minor: 5000, ..SALE }]);
    let of = |ledger: &Ledger, id, account| balance(ledger, event_id(id), account);
    let accounts = [Account::Advertiser(1), Account::Publisher(PUBLISHER), Account::Paid(PUBLISHER)];
    let all = |ledger: &Ledger, id| accounts.map(|account| of(ledger, id, account));
    assert_eq!(all(&ledger, 1), [-100, 100, 0], "booked: 1.00 of 10.00");

    let mut transaction = ledger.transaction(NOW).unwrap();
    let right = posting::booking(1, Some((PUBLISHER, usd(80))));
    let lines = posting::correction(&posting::booking(1, Some((PUBLISHER, usd(100)))), &right);
    let (id, kind) = (event_id(1), "correction");
    transaction.post(&NewSet { event_id: id, kind, cause: id, happened_at: NOW, lines: &lines }).unwrap();
    transaction.commit().unwrap();
    assert_eq!(all(&ledger, 1), [-80, 80, 0], "amended: 0.80 of 8.00");

    judge_at(&mut ledger, 1, Act::Approve, Cause::Merchant, NOW);
    let hour = Duration::from_secs(3600);
    assert_eq!(sums(pay(&mut ledger, "too early", lock_day(), NOW)), (vec![], vec![]), "nothing is due");
    lock(&mut ledger, lock_day());
    assert_eq!(all(&ledger, 1), [-80, 80, 0], "locked: the same, and due");
    assert_eq!(all(&ledger, 2), [-500, 500, 0]);

    let paid = lock_day().plus(hour);
    assert_eq!(sums(pay(&mut ledger, "march", lock_day(), paid)), (vec![(580, 2)], vec![]));
    assert_eq!(all(&ledger, 1), [-80, 0, 80], "paid");
    assert_eq!(ledger.status(event_id(1)).unwrap(), Some(Status::Paid));
    assert_balanced(&ledger);

    judge_at(&mut ledger, 1, Act::ClawBack, Cause::Operator, paid.plus(hour));
    assert_eq!(all(&ledger, 1), [0, -80, 80], "clawed back: the advertiser owes nothing, the publisher 0.80");
    let carried = pay(&mut ledger, "april", paid.plus(hour), paid.plus(hour));
    assert_eq!(sums(carried), (vec![], vec![-80]), "carried forward");
    assert_balanced(&ledger);

    // Its next sale, of 30.00, pays 3.00 less 0.80.
    take_in(&mut ledger, &[Sale { id: 3, order: 3, minor: 3000, ..SALE }]);
    lock(&mut ledger, paid.plus(2 * hour));
    assert_eq!(
        sums(pay(&mut ledger, "may", paid.plus(2 * hour), paid.plus(2 * hour))),
        (vec![(220, 2)], vec![])
    );
    assert_eq!(all(&ledger, 1), [0, 0, 0], "settled");
    assert_eq!(all(&ledger, 3), [-300, 0, 300]);
    assert_eq!(ledger.status(event_id(1)).unwrap(), Some(Status::ClawedBack));
    assert_eq!(ledger.owed((0, ""), 10).unwrap(), []);
    assert_balanced(&ledger);
}

fn a_run_that_is_recorded_again_pays_nothing_again(place: &Place) {
    let mut ledger = place.open();
    take_in(&mut ledger, &[SALE]);
    lock(&mut ledger, lock_day());
    let PaidOut::Recorded { payments, .. } = pay(&mut ledger, "march", lock_day(), lock_day()) else {
        panic!()
    };
    take_in(&mut ledger, &[Sale { id: 2, order: 2, ..SALE }]);
    lock(&mut ledger, lock_day());
    let before = ledger.audit().unwrap();
    assert_eq!(pay(&mut ledger, "march", lock_day(), lock_day()), PaidOut::Already(payments));
    let another = lock_day().plus(Duration::from_secs(1));
    assert_eq!(pay(&mut ledger, "march", another, another), PaidOut::Another(lock_day()));
    assert_eq!(ledger.audit().unwrap(), before, "nothing was written");
    assert_eq!(sums(pay(&mut ledger, "april", lock_day(), another)), (vec![(100, 1)], vec![]));
    assert_balanced(&ledger);
}

/// Two publishers share: paying one pays nothing of the other's, and the transaction is paid with the last of them.
fn each_publisher_is_paid_its_own_share(place: &Place) {
    const OTHER: u64 = 9;
    let mut ledger = place.open();
    take_in(&mut ledger, &[SALE]);
    let line =
        |publisher_id, minor| Posting { account: Account::Publisher(publisher_id), amount: usd(minor) };
    let (id, lines) = (event_id(1), [line(PUBLISHER, -40), line(OTHER, 40)]);
    let mut transaction = ledger.transaction(NOW).unwrap();
    let kind = "correction";
    transaction.post(&NewSet { event_id: id, kind, cause: id, happened_at: NOW, lines: &lines }).unwrap();
    transaction.commit().unwrap();
    lock(&mut ledger, lock_day());
    let of = |ledger: &Ledger| {
        [PUBLISHER, OTHER].map(|publisher_id| {
            [Account::Publisher(publisher_id), Account::Paid(publisher_id)]
                .map(|account| balance(ledger, id, account))
        })
    };
    assert_eq!(of(&ledger), [[60, 0], [40, 0]]);
    assert_eq!(sums(pay(&mut ledger, "march", lock_day(), lock_day())), (vec![(60, 1)], vec![]));
    assert_eq!((of(&ledger), ledger.status(id).unwrap()), ([[0, 60], [40, 0]], Some(Status::Locked)));
    let (reference, until, paid_at) = ("march", lock_day(), lock_day());
    let order = PaymentOrder { reference, publisher_id: OTHER, until, paid_at, actor: "ada" };
    let mut transaction = ledger.transaction(lock_day()).unwrap();
    let paid = transaction.pay(&order).unwrap();
    transaction.commit().unwrap();
    assert_eq!(sums(paid), (vec![(40, 1)], vec![]));
    assert_eq!((of(&ledger), ledger.status(id).unwrap()), ([[0, 60], [0, 40]], Some(Status::Paid)));
    let listed: Vec<_> = ledger.payments(0, 10).unwrap().iter().map(|row| row.amount).collect();
    assert_eq!(listed, [usd(60), usd(40)]);
    assert_balanced(&ledger);
}

fn what_waits_for_a_person_is_not_paid(place: &Place) {
    let mut ledger = place.open();
    take_in(&mut ledger, &[SALE]);
    super::world::begin(&mut ledger, 1, 1).unwrap();
    super::world::finish(&mut ledger, 1, 1, relay::delivery::State::Dead).unwrap();
    lock(&mut ledger, lock_day());
    assert_eq!(sums(pay(&mut ledger, "march", lock_day(), lock_day())), (vec![], vec![]));
    assert_eq!(
        ledger.payable(lock_day(), (0, ""), 10).unwrap(),
        [],
        "a run is told no other sum than it pays"
    );
    assert_balanced(&ledger);
}

fn a_payment_that_was_touched_is_found(place: &Place) {
    let mut ledger = place.open();
    take_in(&mut ledger, &[SALE]);
    lock(&mut ledger, lock_day());
    pay(&mut ledger, "march", lock_day(), lock_day());
    without_triggers(&ledger, "payments");
    ledger.connection.script("UPDATE payments SET minor = 1").unwrap();
    let found: Vec<String> =
        ledger.audit().unwrap().findings.into_iter().map(|found| found.message).collect();
    assert!(found.iter().any(|message| message.contains("its postings move 100")), "{found:?}");
    assert!(found.iter().any(|message| message.contains("payment 1 is not what was linked")), "{found:?}");
}

fn pay_part(ledger: &mut Ledger, reference: &str) -> PaidOut {
    let (until, publisher_id) = (lock_day(), PUBLISHER);
    let order = PaymentOrder { reference, publisher_id, until, paid_at: until, actor: "ada" };
    let mut transaction = ledger.transaction(until).unwrap();
    let paid = transaction.pay_in_parts(&order, 2).unwrap();
    transaction.commit().unwrap();
    paid
}

fn parts(paid: &PaidOut) -> (Vec<(u64, i64, u64)>, bool) {
    let (payments, more) = match paid {
        PaidOut::Recorded { payments, more, .. } => (payments, *more),
        PaidOut::Already(payments) => (payments, false),
        PaidOut::Another(_) | PaidOut::TooMany => panic!("{paid:?}"),
    };
    (payments.iter().map(|row| (row.part, row.amount.minor, row.transactions)).collect(), more)
}

fn sales(ledger: &mut Ledger, ids: std::ops::RangeInclusive<u8>) {
    let sales: Vec<Sale> = ids.map(|order| Sale { id: u64::from(order), order, ..SALE }).collect();
    take_in(ledger, &sales);
    lock(ledger, lock_day());
}

/// A run that ended between two parts goes on with the next one; ended, it pays nothing more.
fn many_are_paid_in_parts_each_of_them_once(place: &Place) {
    let mut ledger = place.open();
    sales(&mut ledger, 1..=5);
    assert_eq!(parts(&pay_part(&mut ledger, "march")), (vec![(1, 200, 2)], true));
    assert_balanced(&ledger);
    let all = vec![(1, 200, 2), (2, 200, 2), (3, 100, 1)];
    assert_eq!(parts(&pay_part(&mut ledger, "march")), (all[..2].to_vec(), true));
    assert_eq!(parts(&pay_part(&mut ledger, "march")), (all.clone(), false));
    assert_eq!(ledger.owed((0, ""), 10).unwrap(), []);
    sales(&mut ledger, 6..=9);
    let again = pay_part(&mut ledger, "march");
    assert!(matches!(again, PaidOut::Already(_)), "{again:?}");
    assert_eq!(parts(&again), (all, false));
    // As many as fill the last part to the brim end it as well.
    assert_eq!(parts(&pay_part(&mut ledger, "april")), (vec![(1, 200, 2)], true));
    let both = vec![(1, 200, 2), (2, 200, 2)];
    assert_eq!(parts(&pay_part(&mut ledger, "april")), (both.clone(), false));
    let ended = pay_part(&mut ledger, "april");
    assert!(matches!(ended, PaidOut::Already(_)), "{ended:?}");
    assert_eq!(parts(&ended), (both, false));
    let listed = ledger.payments_of("april", 0, 10).unwrap();
    assert_eq!(listed.iter().map(|row| row.part).collect::<Vec<_>>(), [1, 2]);
    assert_balanced(&ledger);
}

/// What the publisher owes is set off with the first part; where that is more than it earns, nothing is paid.
fn what_is_owed_back_is_set_off_with_the_first_part(place: &Place) {
    let mut ledger = place.open();
    take_in(&mut ledger, &[SALE]);
    lock(&mut ledger, lock_day());
    pay(&mut ledger, "february", lock_day(), lock_day());
    judge_at(&mut ledger, 1, Act::ClawBack, Cause::Operator, lock_day());
    let sales: Vec<Sale> =
        (2..=4).map(|order| Sale { id: u64::from(order), order, minor: 3000, ..SALE }).collect();
    take_in(&mut ledger, &sales);
    lock(&mut ledger, lock_day());
    let due = ledger.payable(lock_day(), (0, ""), 10).unwrap();
    assert_eq!(due, [(PUBLISHER, usd(800), 4)]);
    let before = lock_day().minus(Duration::from_millis(1));
    assert_eq!(ledger.payable(before, (0, ""), 10).unwrap(), [], "nothing had locked by then");
    assert_eq!(parts(&pay_part(&mut ledger, "march")), (vec![(1, 200, 2)], true));
    assert_eq!(parts(&pay_part(&mut ledger, "march")), (vec![(1, 200, 2), (2, 600, 2)], false));
    assert_balanced(&ledger);
}

/// One large debt and many small sales: the first part has those of the sales that outweigh it, if any do.
fn a_debt_is_set_off_against_the_largest_sales(place: &Place) {
    let mut ledger = place.open();
    take_in(&mut ledger, &[Sale { minor: 5000, ..SALE }]);
    lock(&mut ledger, lock_day());
    pay(&mut ledger, "february", lock_day(), lock_day());
    judge_at(&mut ledger, 1, Act::ClawBack, Cause::Operator, lock_day());
    let sales: Vec<Sale> = (2..=6)
        .map(|order| Sale {
            id: u64::from(order),
            order,
            minor: if order == 6 { 9000 } else { 1000 },
            ..SALE
        })
        .collect();
    take_in(&mut ledger, &sales);
    lock(&mut ledger, lock_day());
    assert_eq!(parts(&pay_part(&mut ledger, "march")), (vec![(1, 400, 2)], true));
    assert_eq!(parts(&pay_part(&mut ledger, "march")), (vec![(1, 400, 2), (2, 200, 2)], true));
    assert_balanced(&ledger);
}

on_each_store!(memory;
    many_are_paid_in_parts_each_of_them_once,
    what_is_owed_back_is_set_off_with_the_first_part,
    a_debt_is_set_off_against_the_largest_sales,
    a_life_in_worked_numbers,
    a_run_that_is_recorded_again_pays_nothing_again,
    each_publisher_is_paid_its_own_share,
    what_waits_for_a_person_is_not_paid,
    a_payment_that_was_touched_is_found
);

//! Reports in two times: what was told once is told for ever.

use attribution::Status;
use attribution::status::{Act, Cause};
use core::time::Duration;
use proptest::prelude::*;
use units::{Currency, Timestamp};

use super::payments::pay;
use super::place::{Place, on_each_store};
use super::statuses::{SALE, judge_at, lock_day};
use super::world::{NOW, PUBLISHER, Sale, assert_balanced, take_in_at};
use crate::{AsOf, Ledger, Report, ReportBy, ReportGroup, Sums};

const USD: Option<Currency> = Some(Currency::USD);

fn report(ledger: &Ledger, by: ReportBy, happened_until: Timestamp, recorded_until: Timestamp) -> Report {
    ledger.report(by, AsOf { happened_until, recorded_until }).unwrap()
}

/// A sale of the 23rd is declined on the 25th, which we learn on the 27th.
fn what_happened_and_what_was_known_are_two_times(place: &Place) {
    let mut ledger = place.open();
    let day = |days: u64| NOW.plus(Duration::from_secs(days * 86_400));
    let without_click = Sale { id: 2, order: 2, minor: 3000, clicked: false, ..SALE };
    take_in_at(&mut ledger, &[SALE, without_click], NOW);
    let by = crate::By { actor: "ada", why: "came back" };
    let (act, cause, event) = (Act::Decline, Cause::Platform, super::world::event_id(1));
    let mut transaction = ledger.transaction(day(4)).unwrap();
    transaction.judge(event, crate::Asked { act, cause, by, happened_at: day(2), event }).unwrap();
    transaction.commit().unwrap();

    let earned = |happened, recorded| {
        let report = report(&ledger, ReportBy::Publisher, happened, recorded);
        report.get(&(ReportGroup::Party(PUBLISHER), USD)).map(|sums| (sums.earned, sums.owed))
    };
    assert_eq!(earned(day(1), day(9)), Some((100, 100)), "until the 24th it was good, whenever one asks");
    assert_eq!(earned(day(3), day(3)), Some((100, 100)), "on the 26th nobody knew");
    assert_eq!(earned(day(3), day(4)), Some((0, 0)), "on the 27th it was known, of the 26th too");
    assert_eq!(earned(NOW.minus(Duration::from_millis(1)), day(9)), None, "before the sale there is none");

    let statuses = report(&ledger, ReportBy::Status, day(3), day(4));
    let none = Sums::default();
    let one = Sums { transactions: 1, ..none };
    let expected = [
        ((ReportGroup::Status(Status::Pending), None), one),
        ((ReportGroup::Status(Status::Declined), USD), one),
    ];
    assert_eq!(statuses, expected.into_iter().collect());
    let paying = report(&ledger, ReportBy::Advertiser, day(1), day(9));
    assert_eq!(paying[&(ReportGroup::Party(1), USD)], Sums { transactions: 1, charged: 100, ..none });
    let days = report(&ledger, ReportBy::Day, day(1), day(9));
    assert_eq!(days.values().map(|sums| sums.transactions).sum::<u64>(), 2);
    assert_balanced(&ledger);
}

on_each_store!(memory; what_happened_and_what_was_known_are_two_times);

#[derive(Clone, Debug)]
enum Step {
    TakeIn(Sale),
    Judge(Sale, Act, Cause),
    Sweep,
    Pay(u8),
    Wait(u32),
}

fn any_sale() -> impl Strategy<Value = Sale> {
    (1_u64..3, 0_u8..5, any::<bool>()).prop_map(|(advertiser_id, order, clicked)| {
        let id = advertiser_id * 1000 + u64::from(order) * 10 + u64::from(clicked);
        Sale { id, advertiser_id, order, minor: 1000, clicked }
    })
}

fn any_step() -> impl Strategy<Value = Step> {
    let acts = prop::sample::select(vec![Act::Approve, Act::Decline, Act::ClawBack]);
    let causes = prop::sample::select(vec![Cause::Merchant, Cause::Platform, Cause::Operator]);
    prop_oneof![
        4 => any_sale().prop_map(Step::TakeIn),
        4 => (any_sale(), acts, causes).prop_map(|(sale, act, cause)| Step::Judge(sale, act, cause)),
        1 => Just(Step::Sweep),
        1 => (0_u8..4).prop_map(Step::Pay),
        3 => (0_u32..40).prop_map(Step::Wait),
    ]
}

/// Every report of one moment.
fn every(ledger: &Ledger, happened: Timestamp, recorded: Timestamp) -> Vec<Report> {
    ReportBy::ALL.map(|by| report(ledger, by, happened, recorded)).into_iter().collect()
}

fn take(ledger: &mut Ledger, step: &Step, now: &mut Timestamp) {
    match step {
        Step::TakeIn(sale) => {
            take_in_at(ledger, std::slice::from_ref(sale), *now);
        }
        Step::Judge(sale, act, cause) => {
            judge_at(ledger, sale.id, *act, *cause, *now);
        }
        Step::Sweep => {
            let mut transaction = ledger.transaction(*now).unwrap();
            transaction.lock_due(3).unwrap();
            transaction.commit().unwrap();
        }
        Step::Pay(run) => {
            pay(ledger, &format!("run {run}"), *now, *now);
        }
        Step::Wait(days) => *now = now.plus(Duration::from_secs(u64::from(*days) * 86_400)),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]
    /// I12 over every life: the books balance, the statuses add up, and a report is the same for ever.
    #[test]
    fn i12_a_report_of_the_same_two_times_is_the_same_for_ever(steps in prop::collection::vec(any_step(), 1..40)) {
        let mut ledger = Ledger::in_memory().unwrap();
        let mut now = NOW;
        let mut told = Vec::new();
        for step in &steps {
            take(&mut ledger, step, &mut now);
            let recorded = now;
            now = now.plus(Duration::from_millis(1));
            for happened in [recorded, lock_day().min(recorded)] {
                told.push((happened, recorded, every(&ledger, happened, recorded)));
            }
        }
        for (happened, recorded, report) in &told {
            prop_assert_eq!(&every(&ledger, *happened, *recorded), report, "of {} at {}", happened, recorded);
        }
        let booked: u64 = ledger.status_sums().unwrap().iter().map(|sum| sum.transactions).sum();
        let counted = ledger.report(ReportBy::Status, AsOf { happened_until: now, recorded_until: now }).unwrap();
        prop_assert_eq!(counted.values().map(|sums| sums.transactions).sum::<u64>(), booked, "each stands once");
        assert_balanced(&ledger);
        // What was taken in once and paid once changes nothing when it comes again.
        let head = ledger.chain_head().unwrap();
        let paid: Vec<String> = ledger.payments(0, 100).unwrap().into_iter().map(|row| row.reference).collect();
        for step in &steps {
            let again = match step {
                Step::TakeIn(_) => true,
                Step::Pay(run) => paid.contains(&format!("run {run}")),
                Step::Judge(..) | Step::Sweep | Step::Wait(_) => false,
            };
            if again {
                take(&mut ledger, step, &mut now);
            }
        }
        prop_assert_eq!(ledger.chain_head().unwrap(), head, "replays are idempotent");
    }
}

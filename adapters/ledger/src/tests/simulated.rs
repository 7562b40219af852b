//! A store that fails at any statement, in any way: a transaction has happened as a whole, or not at all.

use super::world::{NOW, Sale, assert_balanced, try_to_take_in};
use crate::{Fault, Faults, Ledger, LedgerError, Page, When};

const FAULTS: [Fault; 9] = [
    Fault::Fails { undoes: false },
    Fault::Fails { undoes: true },
    Fault::Aborts,
    Fault::Lost,
    Fault::Doubt { happened: true, silent: 0 },
    Fault::Doubt { happened: true, silent: 2 },
    Fault::Doubt { happened: false, silent: 2 },
    Fault::Killed { happened: true },
    Fault::Killed { happened: false },
];

const PAGE: Page = Page { limit: 10, advertiser_id: None, after: None };

/// More statements than a transaction of the test has.
const STATEMENTS_MAX: u64 = 200;

fn sales() -> [Sale; 3] {
    let sale = |id, order| Sale { id, advertiser_id: 1, order, minor: 1000, clicked: true };
    [sale(1, 1), sale(2, 1), sale(3, 2)]
}

fn take_in(ledger: &mut Ledger) -> Result<usize, LedgerError> {
    try_to_take_in(ledger, &sales(), NOW)
}

fn booked(ledger: &Ledger, faults: &Faults) -> usize {
    faults.look(true);
    let rows = ledger.transactions(&PAGE).unwrap().len();
    assert_balanced(ledger);
    faults.look(false);
    rows
}

/// Every statement fails in turn, until there is none left; the caller then tries again until it goes through.
#[test]
fn i2_whatever_fails_where_all_of_it_happens_once_or_nothing() {
    for fault in FAULTS {
        let mut fails_at = 1;
        loop {
            let faults = Faults::default();
            let mut ledger = Ledger::simulated(&faults).unwrap();
            faults.plan(When::Statement(fails_at), fault);
            let outcome = take_in(&mut ledger);
            let Some(_) = faults.hit() else {
                assert_eq!(outcome.unwrap(), 3);
                break;
            };
            let before = booked(&ledger, &faults);
            assert!(outcome.is_err(), "{fault:?} at {fails_at} is told");
            assert!(before == 0 || before == 3, "{fault:?} at {fails_at} left {before}");
            let new = again(&mut ledger, &faults);
            assert_eq!(before + new, 3, "{fault:?} at {fails_at}");
            assert_eq!(booked(&ledger, &faults), 3, "{fault:?} at {fails_at}");
            fails_at += 1;
        }
        assert!((10..STATEMENTS_MAX).contains(&fails_at), "{fault:?} was hit {fails_at} times");
    }
}

/// What a processor does: tries again, begins anew where it must, is started again where it was killed.
fn again(ledger: &mut Ledger, faults: &Faults) -> usize {
    if faults.is_down() {
        faults.restart();
    }
    for _ in 0..5 {
        match take_in(ledger) {
            Ok(new) => return new,
            Err(error) if error.is_surprise() => ledger.begin_anew(),
            Err(_) => {}
        }
    }
    panic!("it never goes through");
}

#[test]
fn a_commit_that_has_happened_in_doubt_is_a_surprise_until_the_caller_begins_anew() {
    let faults = Faults::default();
    let mut ledger = Ledger::simulated(&faults).unwrap();
    faults.plan(When::Commit(1), Fault::Doubt { happened: true, silent: 1 });
    let error = take_in(&mut ledger).unwrap_err();
    assert!(!error.is_surprise(), "nobody knows yet: {error}");
    assert_eq!(booked(&ledger, &faults), 3);
    assert!(!take_in(&mut ledger).unwrap_err().is_surprise(), "the server does not answer");
    for _ in 0..2 {
        assert!(take_in(&mut ledger).unwrap_err().is_surprise());
    }
    ledger.begin_anew();
    assert_eq!(take_in(&mut ledger).unwrap(), 0, "it is there");
}

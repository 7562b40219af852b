//! The ledger beside the simplest thing that could be right: maps. Random batches with repeats, conflicts and
//! redeliveries, deliveries that end in every way, people who redrive and discard; after every step both say
//! the same, and the audit finds nothing.

use std::collections::BTreeMap;

use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use relay::delivery::State;

use super::place::{Place, on_each_store};
use super::world::{NOW, PUBLISHER, Sale, assert_balanced, begin, event_id, finish, take_in};
use crate::{By, Ledger, Page};

#[derive(Default)]
struct Model {
    arrivals: BTreeMap<u64, (Sale, State)>,
    /// The arrival that stands under a key.
    standing: BTreeMap<String, u64>,
    /// What is credited for an arrival that stands.
    credited: BTreeMap<u64, i64>,
    attempts: BTreeMap<u64, u32>,
}

impl Model {
    fn take_in(&mut self, sale: &Sale) {
        if self.arrivals.contains_key(&sale.id) {
            return;
        }
        let known = sale.advertiser_id <= 2;
        let commission = sale.minor / 10;
        let state = match self.standing.get(&sale.key()) {
            None => {
                self.standing.insert(sale.key(), sale.id);
                if known {
                    self.credited.insert(sale.id, if sale.clicked { commission } else { 0 });
                }
                if known { State::Queued } else { State::Held }
            }
            Some(first) if self.arrivals[first].0.minor != sale.minor => State::Conflict,
            Some(first) => {
                // What a person dropped is not credited any more, whatever proves it later.
                if let Some(credited) = self.credited.get_mut(first).filter(|_| sale.clicked && known) {
                    *credited = commission;
                }
                State::Merged
            }
        };
        self.arrivals.insert(sale.id, (sale.clone(), state));
    }

    fn in_state(&self, state: State, nth: usize) -> Option<u64> {
        let ids: Vec<u64> =
            self.arrivals.iter().filter(|(_, row)| row.1 == state).map(|(id, _)| *id).collect();
        (!ids.is_empty()).then(|| ids[nth % ids.len()])
    }
}

#[derive(Clone, Debug)]
enum Act {
    TakeIn(Vec<Sale>),
    Begin(usize),
    Finish(usize, State),
    Discard(usize, State),
    Redrive(usize, State),
}

fn any_sale() -> impl Strategy<Value = Sale> {
    let minor = prop::sample::select(vec![1000_i64, 1000, 2000]);
    (1_u64..4, 0_u8..6, minor, any::<bool>(), 0_u64..3).prop_map(
        |(advertiser_id, order, minor, clicked, copy)| {
            let id = advertiser_id * 10_000
                + u64::from(order) * 100
                + u64::from(minor == 2000) * 10
                + u64::from(clicked) * 5
                + copy;
            Sale { id, advertiser_id, order, minor, clicked }
        },
    )
}

fn any_act() -> impl Strategy<Value = Act> {
    let ends = [State::Confirmed, State::Taken, State::Rejected, State::Dead, State::Unknown, State::Queued];
    let stuck =
        [State::Conflict, State::Rejected, State::Dead, State::Unknown, State::Held, State::Confirmed];
    prop_oneof![
        3 => prop::collection::vec(any_sale(), 1..8).prop_map(Act::TakeIn),
        3 => any::<usize>().prop_map(Act::Begin),
        3 => (any::<usize>(), prop::sample::select(ends.to_vec())).prop_map(|(nth, state)| Act::Finish(nth, state)),
        1 => (any::<usize>(), prop::sample::select(stuck.to_vec())).prop_map(|(nth, state)| Act::Discard(nth, state)),
        1 => (any::<usize>(), prop::sample::select(stuck.to_vec())).prop_map(|(nth, state)| Act::Redrive(nth, state)),
    ]
}

fn step(ledger: &mut Ledger, model: &mut Model, act: &Act) {
    match act {
        Act::TakeIn(sales) => {
            take_in(ledger, sales);
            sales.iter().for_each(|sale| model.take_in(sale));
        }
        Act::Begin(nth) => {
            let Some(id) = model.in_state(State::Queued, *nth) else { return };
            let number = model.attempts.entry(id).or_default();
            *number += 1;
            begin(ledger, id, *number).unwrap();
            model.arrivals.get_mut(&id).unwrap().1 = State::InFlight;
        }
        Act::Finish(nth, state) => {
            let Some(id) = model.in_state(State::InFlight, *nth) else { return };
            finish(ledger, id, model.attempts[&id], *state).unwrap();
            model.arrivals.get_mut(&id).unwrap().1 = *state;
        }
        Act::Discard(nth, state) => {
            let Some(id) = model.in_state(*state, *nth) else { return };
            let mut transaction = ledger.transaction(NOW).unwrap();
            transaction.discard(event_id(id), By { actor: "ada", why: "tidying" }).unwrap();
            transaction.commit().unwrap();
            if state.needs_a_person() {
                model.arrivals.get_mut(&id).unwrap().1 = State::Dropped;
                model.credited.remove(&id);
            }
        }
        Act::Redrive(nth, state) => {
            let Some(id) = model.in_state(*state, *nth) else { return };
            let mut transaction = ledger.transaction(NOW).unwrap();
            transaction.requeue(event_id(id), NOW, By { actor: "ada", why: "again" }).unwrap();
            transaction.commit().unwrap();
            if matches!(state, State::Rejected | State::Dead | State::Unknown) {
                model.arrivals.get_mut(&id).unwrap().1 = State::Queued;
            }
        }
    }
}

fn compare(ledger: &Ledger, model: &Model) -> Result<(), TestCaseError> {
    let page = Page { limit: 10_000, advertiser_id: None, after: None };
    let rows = ledger.transactions(&page).unwrap();
    let stands: BTreeMap<_, _> = rows.iter().map(|row| (row.event_id, row.state)).collect();
    let expected = model.arrivals.iter().map(|(id, (_, state))| (event_id(*id), *state)).collect();
    prop_assert_eq!(stands, expected);
    let owed: i64 = rows.iter().map(|row| owed(ledger, row.event_id)).sum();
    prop_assert_eq!(owed, model.credited.values().sum::<i64>(), "what publishers are owed");
    assert_balanced(ledger);
    Ok(())
}

fn owed(ledger: &Ledger, event_id: units::EventId) -> i64 {
    let lines = ledger.show(event_id).unwrap().unwrap().postings;
    let lines = lines.iter().filter_map(|row| row.posting);
    lines
        .filter(|line| line.account == attribution::Account::Publisher(PUBLISHER))
        .map(|line| line.amount.minor)
        .sum()
}

/// I2, I3 and I12 against the model.
fn i3_i12_the_ledger_does_what_the_model_does(place: &Place) {
    let mut runner = TestRunner::new(ProptestConfig::with_cases(place.cases()));
    let outcome = runner.run(&prop::collection::vec(any_act(), 1..30), |acts| {
        let place = place.another();
        let (mut ledger, mut model) = (place.open(), Model::default());
        for act in &acts {
            step(&mut ledger, &mut model, act);
            compare(&ledger, &model)?;
        }
        Ok(())
    });
    outcome.unwrap_or_else(|error| panic!("{error}"));
}

on_each_store!(memory; i3_i12_the_ledger_does_what_the_model_does);

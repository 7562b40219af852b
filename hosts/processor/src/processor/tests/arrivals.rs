//! The same arrivals in another order, cut into other batches, some of them told twice: the books say the same.

use std::collections::BTreeMap;
use std::time::Duration;

use proptest::prelude::*;
use relay::Envelope;

use super::awards::{click, clicked, raw, remembered, with_terms};
use super::world::{World, event_id};

const MODELS: [&str; 5] = ["last_click", "first_click", "linear", "position", "time_decay"];

/// What an arrival proves: a click of this publisher, so many hours before.
#[derive(Clone, Copy, Debug)]
enum Proof {
    Nothing,
    /// By the click id that came with it.
    ClickId(u64, u64),
    /// By the browser's cookie.
    Cookie(u64, u64),
}

/// An arrival: of which order, how many minutes after the start, and with what.
type Arrival = (u8, u64, Proof);

fn any_arrival() -> impl Strategy<Value = Arrival> {
    let publisher = || prop::sample::select(vec![456_u64, 457]);
    let proof = prop_oneof![
        2 => Just(Proof::Nothing),
        2 => (publisher(), 1_u64..800).prop_map(|(publisher, hours)| Proof::ClickId(publisher, hours)),
        1 => (publisher(), 1_u64..800).prop_map(|(publisher, hours)| Proof::Cookie(publisher, hours)),
    ];
    (0_u8..3, 0_u64..60, proof)
}

/// The envelopes; an order costs the same however it comes.
fn envelopes(arrivals: &[Arrival]) -> Vec<Envelope> {
    let hours = |hours| Duration::from_secs(3600 * hours);
    let envelope = |(place, (order, minutes, proof)): (u64, &Arrival)| {
        let money = 1000 + 100 * i64::from(*order);
        let plain = raw(place, &format!("R-{order}"), money, Duration::from_secs(60 * minutes));
        match *proof {
            Proof::Nothing => plain,
            Proof::ClickId(publisher, before) => clicked(plain, click(publisher, hours(before))),
            Proof::Cookie(publisher, before) => remembered(plain, click(publisher, hours(before))),
        }
    };
    (1..).zip(arrivals).map(envelope).collect()
}

/// Of each order: how many transactions it is, and what each publisher has of it.
type Books = BTreeMap<u8, (usize, Vec<(u64, i64)>)>;

/// Takes the envelopes in, batch by batch, and reads what the books say then.
fn books(model: &str, arrivals: &[Arrival], batches: &[Vec<Envelope>]) -> Books {
    let mut world = World::with(with_terms(&format!("[[terms]]\nmodel = \"{model}\"\n")));
    batches.iter().for_each(|batch| world.take(batch));
    world.assert_identical();
    let mut books = Books::new();
    for (place, (order, ..)) in (1..).zip(arrivals) {
        let row = world.processor.ledger().conversion(event_id(place)).unwrap().unwrap();
        let (count, shares) = books.entry(*order).or_default();
        if row.state.name() != "merged" {
            *count += 1;
            *shares = world.shares(place);
        }
    }
    books
}

/// The envelopes in this order, in batches of this many, each third batch told again at the end.
fn batches(envelopes: &[Envelope], order: &[usize], size: usize) -> Vec<Vec<Envelope>> {
    let turned: Vec<Envelope> = order.iter().map(|place| envelopes[*place].clone()).collect();
    let once = turned.chunks(size).map(<[Envelope]>::to_vec);
    let again = turned.chunks(size).step_by(3).map(<[Envelope]>::to_vec);
    once.chain(again).collect()
}

fn with_an_order() -> impl Strategy<Value = (Vec<Arrival>, Vec<usize>)> {
    prop::collection::vec(any_arrival(), 1..9).prop_flat_map(|arrivals| {
        let places: Vec<usize> = (0..arrivals.len()).collect();
        (Just(arrivals), Just(places).prop_shuffle())
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn i2_the_order_of_arrival_changes_nothing_in_the_books(
        (arrivals, order) in with_an_order(),
        size in 1_usize..5,
        model in prop::sample::select(MODELS.to_vec()),
    ) {
        let envelopes = envelopes(&arrivals);
        let as_they_came = books(model, &arrivals, std::slice::from_ref(&envelopes));
        let otherwise = books(model, &arrivals, &batches(&envelopes, &order, size));
        prop_assert!(as_they_came.values().all(|(count, _)| *count == 1), "{:?}", as_they_came);
        prop_assert_eq!(as_they_came, otherwise);
    }
}

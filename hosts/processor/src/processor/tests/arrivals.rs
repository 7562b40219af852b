//! The same arrivals in another order, cut into other batches, some of them told twice, among them the clicks that they
//! name, the map that they need and what the platforms say: the books say the same.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;
use relay::Envelope;
use relay::delivery::State;
use tracking::directory::{Directory, Publisher};
use tracking::{Field, Value, Verdict};

use super::awards::{click, clicked, raw, remembered, with_terms};
use super::world::{MOVED, Reply, START, World, event_id, snapshot};
use crate::ImportedClick;

const MODELS: [&str; 5] = ["last_click", "first_click", "linear", "position", "time_decay"];

/// In no map at first.
pub(super) const STRANGER: u64 = 999;

/// What an arrival proves: a click of this publisher, so many hours before.
#[derive(Clone, Copy, Debug)]
enum Proof {
    Nothing,
    /// By the click id that came with it.
    ClickId(u64, u64),
    /// By the browser's cookie.
    Cookie(u64, u64),
    /// By a click id that is recorded before or after it.
    Record(u64, u64),
}

/// An arrival: of which order, how many minutes after the start, and with what.
type Arrival = (u8, u64, Proof);

fn any_arrival() -> impl Strategy<Value = Arrival> {
    let publisher = || prop::sample::select(vec![456_u64, 457, STRANGER]);
    let proof = prop_oneof![
        2 => Just(Proof::Nothing),
        2 => (publisher(), 1_u64..800).prop_map(|(publisher, hours)| Proof::ClickId(publisher, hours)),
        1 => (publisher(), 1_u64..800).prop_map(|(publisher, hours)| Proof::Cookie(publisher, hours)),
        2 => (publisher(), 1_u64..800).prop_map(|(publisher, hours)| Proof::Record(publisher, hours)),
    ];
    (0_u8..3, 0_u64..60, proof)
}

const fn hours(hours: u64) -> Duration {
    Duration::from_secs(3600 * hours)
}

/// The envelopes; an order costs the same however it comes.
fn envelopes(arrivals: &[Arrival]) -> Vec<Envelope> {
    let envelope = |(place, (order, minutes, proof)): (u64, &Arrival)| {
        let money = 1000 + 100 * i64::from(*order);
        let plain = raw(place, &format!("R-{order}"), money, Duration::from_secs(60 * minutes));
        match *proof {
            Proof::Nothing => plain,
            Proof::ClickId(publisher, before) => clicked(plain, click(publisher, hours(before))),
            Proof::Cookie(publisher, before) => remembered(plain, click(publisher, hours(before))),
            Proof::Record(publisher, before) => naming(plain, &recorded(publisher, before).click_id),
        }
    };
    (1..).zip(arrivals).map(envelope).collect()
}

fn naming(mut envelope: Envelope, click_id: &str) -> Envelope {
    envelope.event.set(Field::ClickId, Value::Text(click_id.into()));
    envelope
}

/// A click of the time before us, as an operator imports it.
fn recorded(publisher_id: u64, before: u64) -> ImportedClick {
    ImportedClick {
        click_id: format!("k{publisher_id}_{before}"),
        advertiser_id: MOVED,
        publisher_id,
        creative_id: 0,
        at: START.minus(hours(before)),
        primary: true,
        reference: None,
    }
}

/// One thing that happens.
#[derive(Clone, Debug)]
enum Act {
    Take(Vec<Envelope>),
    Import(Vec<ImportedClick>),
    /// The map gets the publisher that it did not have.
    Map,
    /// A minute passes, and the platforms confirm what they get.
    Deliver,
}

/// What is imported for these arrivals.
fn imports(arrivals: &[Arrival]) -> Vec<ImportedClick> {
    let recorded = arrivals.iter().filter_map(|(_, _, proof)| match proof {
        Proof::Record(publisher, before) => Some(recorded(*publisher, *before)),
        Proof::Nothing | Proof::ClickId(..) | Proof::Cookie(..) => None,
    });
    recorded.collect()
}

/// The map gets the stranger, and what waited for it is released; how many that were.
pub(super) fn map_the_stranger(world: &mut World) -> usize {
    let mut mapped = snapshot();
    mapped.policy.terms = world.processor.snapshot().policy.terms.clone();
    let advertisers = mapped.directory.advertisers().collect();
    let mut publishers: Vec<_> = mapped.directory.publishers().collect();
    publishers.push(Publisher { legacy_id: STRANGER, primary_id: Some(1999), name: "".into() });
    mapped.directory = Directory::new(advertisers, publishers, Vec::new());
    world.processor.replace_snapshot(Arc::new(mapped));
    world.processor.release_mapped(None, world.now).unwrap().count
}

fn act(world: &mut World, act: &Act) {
    match act {
        Act::Take(batch) => world.take(batch),
        Act::Import(clicks) => {
            world.processor.import_clicks(clicks.clone(), world.now).unwrap();
        }
        Act::Map => {
            map_the_stranger(world);
        }
        Act::Deliver => {
            world.pass(Duration::from_secs(61));
            world.deliver(|_| Reply::Says(Verdict::Confirmed));
        }
    }
    world.assert_balanced();
}

/// Of each order: how many transactions it is, and what each publisher has of it.
type Books = BTreeMap<u8, (usize, Vec<(u64, i64)>)>;

/// Does all of it, has everything delivered, and reads what the books say then.
fn books(model: &str, arrivals: &[Arrival], acts: &[Act]) -> Books {
    let mut world = World::with(with_terms(&format!("[[terms]]\nmodel = \"{model}\"\n")));
    acts.iter().for_each(|one| act(&mut world, one));
    world.assert_identical();
    world.pass(Duration::from_secs(2 * 3600));
    act(&mut world, &Act::Deliver);
    let mut books = Books::new();
    for (place, (order, ..)) in (1..).zip(arrivals) {
        let row = world.processor.ledger().conversion(event_id(place)).unwrap().unwrap();
        let (count, shares) = books.entry(*order).or_default();
        if row.state.name() != "merged" {
            *count += 1;
            *shares = world.shares(place);
            let awards = world.processor.ledger().awards_of(row.event_id).unwrap();
            let credited = awards.iter().rfind(|award| award.credited).map(|award| award.publisher_id);
            assert_eq!(row.publisher_id, credited, "who is told is who is credited");
            assert!(
                matches!(row.state, State::Confirmed | State::Taken),
                "{} is {}",
                row.event_id,
                row.state
            );
        }
    }
    books
}

/// The envelopes in this order, in batches of this many, each third batch told again at the end.
fn batches(envelopes: &[Envelope], order: &[usize], size: usize) -> Vec<Act> {
    let turned: Vec<Envelope> = order.iter().map(|place| envelopes[*place].clone()).collect();
    let once = turned.chunks(size).map(<[Envelope]>::to_vec);
    let again = turned.chunks(size).step_by(3).map(<[Envelope]>::to_vec);
    once.chain(again).map(Act::Take).collect()
}

fn with_an_order() -> impl Strategy<Value = (Vec<Arrival>, Vec<usize>)> {
    prop::collection::vec(any_arrival(), 1..9).prop_flat_map(|arrivals| {
        let places: Vec<usize> = (0..arrivals.len()).collect();
        (Just(arrivals), Just(places).prop_shuffle())
    })
}

/// Where among the batches the clicks are imported, the map comes, and something is delivered.
fn with_places() -> impl Strategy<Value = [prop::sample::Index; 4]> {
    prop::array::uniform4(any::<prop::sample::Index>())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(super::place::cases(96)))]
    #[test]
    fn i2_the_order_of_arrival_changes_nothing_in_the_books(
        (arrivals, order) in with_an_order(),
        size in 1_usize..5,
        model in prop::sample::select(MODELS.to_vec()),
        places in with_places(),
        delivers in any::<bool>(),
    ) {
        let (envelopes, imports) = (envelopes(&arrivals), imports(&arrivals));
        let in_order = [Act::Import(imports.clone()), Act::Map, Act::Take(envelopes.clone())];
        let as_they_came = books(model, &arrivals, &in_order);
        let mut acts = batches(&envelopes, &order, size);
        let half = imports.len() / 2;
        let [first, second] = [&imports[..half], &imports[half..]].map(|part| Act::Import(part.to_vec()));
        for (place, act) in places.iter().zip([first, second, Act::Map, Act::Deliver]) {
            if delivers || !matches!(act, Act::Deliver) {
                let place = place.index(acts.len() + 1);
                acts.insert(place, act);
            }
        }
        let otherwise = books(model, &arrivals, &acts);
        prop_assert!(as_they_came.values().all(|(count, _)| *count == 1), "{:?}", as_they_came);
        prop_assert_eq!(as_they_came, otherwise, "{:#?}", acts);
    }
}

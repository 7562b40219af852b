//! What a batch asked ahead is what it would have been told one by one.

use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use relay::Envelope;
use relay::intake::{BoundVoucher, KeptClick, Known, Origin};
use tracking::event::Click;
use tracking::{Class, Event, Field, Value};
use units::{Currency, Money};

use super::place::Place;
use super::world::{NOW, Sale, assert_balanced, decide_at, event_id};
use crate::{Ledger, Transaction};

/// A part of a batch.
#[derive(Clone, Debug)]
enum Part {
    /// A click is recorded.
    Click(u8),
    /// An order comes, from a click or none, with a voucher; its reference is long where two orders collide.
    Order { id: u64, order: u8, click: u8, voucher: u8, long: bool },
    /// A voucher is bound.
    Bind(u8),
}

fn any_part() -> impl Strategy<Value = Part> {
    prop_oneof![
        1 => (1_u8..4).prop_map(Part::Click),
        6 => (0_u64..40, 0_u8..6, 0_u8..4, 0_u8..3, any::<bool>())
            .prop_map(|(id, order, click, voucher, long)| Part::Order { id, order, click, voucher, long }),
        1 => (1_u8..3).prop_map(Part::Bind),
    ]
}

fn click(number: u8) -> Click {
    let click_id = format!("click {number}");
    Click { advertiser_id: 1, publisher_id: 456, creative_id: 0, at: NOW, click_id }
}

impl Part {
    fn envelope(&self) -> Option<Envelope> {
        let Self::Order { id, order, click: from, voucher, long } = *self else { return None };
        let sale = Sale { id, advertiser_id: 1, order, minor: 1000, clicked: false };
        let mut event = Event::new(Class::Conversion);
        let word = if order % 2 == 0 { "long " } else { "tall " };
        let reference = if long { format!("{}{order}", word.repeat(12)) } else { format!("{order}") };
        event.set(Field::AdvertiserId, Value::Id(1));
        event.set(Field::OrderReference, Value::Text(reference.into()));
        event.set(Field::Amount, Value::Money(Money::from_minor(1000, Currency::USD)));
        if voucher > 0 {
            event.set(Field::VoucherCodes, Value::List(vec![format!("V{voucher}").into()]));
        }
        let carried = (from > 0).then(|| click(from));
        Some(Envelope { event, click: carried, ..sale.envelope() })
    }

    /// Does this part; what was known of an order, as text, and whether it was new.
    fn happen(&self, transaction: &mut Transaction<'_>) -> String {
        match *self {
            Self::Click(number) => {
                let (origin, expires_at) = (Origin::Edge, NOW);
                let kept = KeptClick {
                    click: click(number),
                    home: None,
                    origin,
                    alias_of: None,
                    event_id: Some(event_id(u64::from(number))),
                    reference: None,
                    expires_at,
                };
                format!("{:?}", transaction.keep_click(&kept).unwrap())
            }
            Self::Bind(voucher) => {
                let (advertiser_id, code) = (1, format!("V{voucher}"));
                let bound =
                    BoundVoucher { advertiser_id, code, publisher_id: 456, starts_at: None, ends_at: None };
                transaction.bind_voucher(&bound).unwrap().to_string()
            }
            Self::Order { .. } => {
                let envelope = self.envelope().unwrap();
                if !transaction.receive(&envelope, "test").unwrap() {
                    return "known".to_owned();
                }
                let known = transaction.known(&envelope).unwrap();
                // Of several that it collides with or resembles, any may be named.
                let any = |one: &Option<String>| one.as_ref().map(|_| "another".to_owned());
                let (collides_with, resembles) = (any(&known.collides_with), any(&known.resembles));
                let told = format!("{:?}", Known { collides_with, resembles, ..known.clone() });
                transaction.apply(&envelope, b"personal", &decide_at(&envelope, &known, NOW)).unwrap();
                told
            }
        }
    }
}

fn batch(ledger: &mut Ledger, parts: &[Part], ahead: bool) -> Vec<String> {
    let mut transaction = ledger.transaction(NOW).unwrap();
    if ahead {
        let envelopes: Vec<Envelope> = parts.iter().filter_map(Part::envelope).collect();
        transaction.look_ahead(envelopes.iter()).unwrap();
    }
    let told = parts.iter().map(|part| part.happen(&mut transaction)).collect();
    transaction.commit().unwrap();
    told
}

/// A server is asked ahead, a file never.
#[test]
fn what_was_asked_ahead_is_what_is_told_one_by_one() {
    let place = Place::server();
    let mut runner = TestRunner::new(ProptestConfig::with_cases(place.cases()));
    let batches = prop::collection::vec(prop::collection::vec(any_part(), 1..60), 1..4);
    let outcome = runner.run(&batches, |batches| {
        let (mut ahead, mut singly) = (place.another().open(), Place::memory().open());
        for parts in &batches {
            prop_assert_eq!(batch(&mut ahead, parts, true), batch(&mut singly, parts, false));
        }
        assert_balanced(&ahead);
        Ok(())
    });
    outcome.unwrap_or_else(|error| panic!("{error}"));
}

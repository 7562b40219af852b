//! Merchants: their servers call the old platform's signed interface, and want the truth for an answer.
//!
//! They void, edit, book and refer, whatever became of the sale until then; they repeat themselves, forge, and name what
//! nobody has. What an answer must be is worked out here from what stood before the call, as an observer sees it.

mod answer;
mod books;
mod clerk;

use std::collections::{BTreeMap, BTreeSet};

use ledger::{AdjustmentRow, ConversionRow};
use relay::call::{Caller, Callers};
use relay::delivery::State;
use relay::reply::Mode;
use relay::step::{Entry, Served};
use relay::{Exchange, Health};
use sha2::{Digest as _, Sha256};
use tracking::{Inbound, Method};
use units::{EventId, Seed};

use crate::check::Rows;
use crate::model::{Arrival, Reply, Violation};
use crate::platform::pick;
use crate::shopper::{Order, Reference, are_alike};
use crate::words::{DEDUPLICATES, MOVED, UNMAPPED};
use crate::world::World;

pub(crate) use books::{goes_out, lawful, settled, writes};
pub(crate) use clerk::mend;

/// Those whose secret the processor has. The others' calls are the old platform's to answer.
pub(crate) const CALLERS: [u64; 3] = [MOVED, DEDUPLICATES, UNMAPPED];

/// Requests of calls are numbered from here on, apart from shoppers'.
const NUMBERED_FROM: u64 = 1_000_000;

/// Calls that may be made once more, word by word.
const REMEMBERED: usize = 6;

const TOKEN: &str = "token";
const SECRET: &str = "hush";

/// Who may call.
pub(crate) fn callers() -> Callers {
    let caller = |advertiser_id| Caller {
        advertiser_id,
        token: TOKEN.to_owned(),
        secrets: vec!["newer".to_owned(), SECRET.to_owned()],
        addresses: Vec::new(),
    };
    Callers::new(CALLERS.map(caller).to_vec())
}

/// What a merchant wants.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Wish {
    Void,
    Edit { cents: u64 },
    New { cents: u64 },
    Refer { parent: usize, cents: u64 },
}

/// One call.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Call {
    pub(crate) wish: Wish,
    /// The order that it names.
    pub(crate) order: usize,
    /// Whether those that follow the transaction are meant: 0 no, 1 too, 2 alone.
    pub(crate) with: u64,
    pub(crate) forged: bool,
    /// False if it names an order that nobody made.
    pub(crate) exists: bool,
    pub(crate) number: u64,
}

/// What a merchant was told.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Answer {
    /// By us: the outcome and the transaction that it names.
    Ours(String, Option<EventId>),
    /// By the old platform, whatever it said.
    Elsewhere,
    /// That it must call again, or nothing at all.
    Nothing,
}

impl Answer {
    /// What a reply says.
    pub(crate) fn read(reply: &relay::Reply) -> Self {
        let text = String::from_utf8_lossy(&reply.body).into_owned();
        let (said, named) = text.split_once(' ').unwrap_or((&text, ""));
        match reply.mode {
            Mode::Serve => Self::Ours(said.to_owned(), named.trim().parse().ok()),
            Mode::Proxy => Self::Elsewhere,
            _ => Self::Nothing,
        }
    }
}

/// All merchants.
#[derive(Debug, Default)]
pub(crate) struct Merchants {
    /// The calls that were made, by the event that each is.
    pub(crate) asked: BTreeMap<EventId, Call>,
    /// Calls that may be made again.
    last: Vec<Call>,
    /// The changes of each transaction, as they were last seen.
    pub(crate) changes: BTreeMap<EventId, Vec<AdjustmentRow>>,
    /// The transaction that each change is of.
    pub(crate) of: BTreeMap<EventId, EventId>,
    /// The order that an order follows, as far as anybody has said so.
    pub(crate) parents: BTreeMap<usize, usize>,
    /// The orders of which a merchant was told that they follow another.
    pub(crate) linked: BTreeSet<usize>,
    /// Changes about which a clerk has said something.
    pub(crate) touched: BTreeSet<EventId>,
    /// The changes that went out, by transaction: the number of the last.
    told: BTreeMap<EventId, u32>,
    /// The answer to the call that is under way.
    pub(crate) answer: Option<Answer>,
    /// How a call fares that is under way.
    pub(crate) calls: u64,
}

impl Merchants {
    /// The change that stands last, whose amount is in force.
    pub(crate) fn last_change(&self, conversion: EventId) -> Option<&AdjustmentRow> {
        self.changes.get(&conversion).and_then(|changes| changes.last())
    }

    /// True if the transaction was taken back.
    pub(crate) fn is_void(&self, conversion: EventId) -> bool {
        self.last_change(conversion).is_some_and(|change| change.operation == "void")
    }

    /// True if some change was asked for that sets this amount for the order.
    pub(crate) fn may_be(&self, orders: &[Order], order: usize, cents: Option<u64>) -> bool {
        let of = |call: &&Call| {
            are_alike(orders, call.order, order) || self.parents.get(&order) == Some(&call.order)
        };
        let asked = self.asked.values().filter(|call| !call.forged).filter(of);
        asked.into_iter().any(|call| match call.wish {
            Wish::Edit { cents: set } => Some(set) == cents,
            _ => false,
        })
    }
}

/// Somebody calls.
pub(crate) fn act(world: &mut World) -> Result<(), Violation> {
    let Some(call) = any_call(world) else { return Ok(()) };
    let edges: Vec<usize> = (0..world.edges.len()).collect();
    let edge = pick(&mut world.calling.chance, &edges);
    let inbound = written(world, &call);
    world.trace.note(format!("edge {edge}: {call:?}"));
    world.counts.calls += 1;
    let seed = Seed(world.calling.chance.next_u128());
    let health = Health { primary_open: false, legacy_open: world.calling.chance.happens(1, 6) };
    let opened_at = world.edges[edge].clock.shows(world.now);
    let exchange = Exchange::open(inbound, world.snapshot(), health, seed, opened_at);
    let event_id = exchange.event_id();
    look(world, &call)?;
    let before = Seen { rows: world.rows.clone(), changes: world.merchants.changes.clone() };
    told_of(world, &call, edge, event_id);
    world.merchants.asked.insert(event_id, call);
    world.merchants.answer = None;
    world.drive_call(edge, exchange, call.number)?;
    let answer = world.merchants.answer.take().unwrap_or(Answer::Nothing);
    world.trace.note(format!("call {} is told {answer:?}", call.number));
    if answer != Answer::Nothing {
        world.counts.calls_answered += u64::from(matches!(answer, Answer::Ours(..)));
        world.model.replied(call.number, if is_done(&answer) { Reply::Durable } else { Reply::No });
    }
    look(world, &call)?;
    answer::judge(world, &call, edge, &before, &answer)?;
    if matches!(call.wish, Wish::Refer { .. }) && matches!(&answer, Answer::Ours(said, _) if said == "done") {
        world.merchants.linked.insert(call.order);
    }
    Ok(())
}

fn is_done(answer: &Answer) -> bool {
    matches!(answer, Answer::Ours(said, _) if said == "done" || said == "differs")
}

/// What was asked for so far, wherever it stands.
pub(crate) fn asked(changes: &BTreeMap<EventId, Vec<AdjustmentRow>>) -> Vec<EventId> {
    changes.values().flatten().map(|change| change.adjustment_id).collect()
}

/// What stood at a time.
pub(crate) struct Seen {
    pub(crate) rows: Rows,
    pub(crate) changes: BTreeMap<EventId, Vec<AdjustmentRow>>,
}

/// An observer looks at the ledger: at the rows, and at the changes of a shop's transactions.
fn look(world: &mut World, call: &Call) -> Result<(), Violation> {
    world.look_at_rows()?;
    let shop = world.shoppers.orders[call.order].shop;
    let theirs: Vec<EventId> = world.rows.values().filter(|row| row.advertiser_id == shop).map(id).collect();
    look_at(world, &theirs)
}

pub(crate) fn look_at(world: &mut World, conversions: &[EventId]) -> Result<(), Violation> {
    let found = world.desk.look(|ledger| {
        let changes = |id: &EventId| ledger.adjustments_of(*id).map(|changes| (*id, changes));
        conversions.iter().map(changes).collect::<Result<Vec<_>, _>>()
    })?;
    for (conversion, changes) in found.into_iter().filter(|(_, changes)| !changes.is_empty()) {
        let merchants = &mut world.merchants;
        merchants.of.extend(changes.iter().map(|change| (change.adjustment_id, conversion)));
        merchants.changes.insert(conversion, changes);
    }
    Ok(())
}

const fn id(row: &ConversionRow) -> EventId {
    row.event_id
}

/// A call that books is an arrival of its order like any other.
fn told_of(world: &mut World, call: &Call, edge: usize, event_id: EventId) {
    let (cents, proves) = match call.wish {
        Wish::New { cents } => (cents, false),
        Wish::Refer { parent, cents } => {
            world.merchants.parents.insert(call.order, parent);
            let credited = |row: &ConversionRow| {
                row.publisher_id.is_some()
                    && world.model.event(row.event_id).is_some_and(|arrival| arrival.order == parent)
            };
            (cents, world.rows.values().any(credited))
        }
        Wish::Void | Wish::Edit { .. } => return,
    };
    let (order, shop, cents) = (call.order, world.shoppers.orders[call.order].shop, Some(cents));
    let arrival = Arrival { order, shop, cents, event_id, reply: Reply::None, edge, proves, touch: None };
    world.model.arrived(call.number, arrival);
}

fn any_call(world: &mut World) -> Option<Call> {
    let number = NUMBERED_FROM + world.merchants.calls;
    world.merchants.calls += 1;
    let chance = &mut world.calling.chance;
    if !world.merchants.last.is_empty() && chance.happens(1, 4) {
        let call = pick(chance, &world.merchants.last);
        return Some(Call { number, ..call });
    }
    let named = |place: &usize| {
        let order = &world.shoppers.orders[*place];
        order.reference != Reference::Absent && (CALLERS.contains(&order.shop) || place.is_multiple_of(7))
    };
    let newest = (0..world.shoppers.orders.len()).rev().filter(named).take(12);
    let booked =
        world.rows.values().filter(|row| is_a_transaction(row) && CALLERS.contains(&row.advertiser_id));
    let booked = booked.filter_map(|row| Some(world.model.event(row.event_id)?.order)).filter(named);
    let orders: Vec<usize> = if chance.happens(3, 4) { booked.collect() } else { newest.collect() };
    if orders.is_empty() {
        return None;
    }
    let mut order = pick(chance, &orders);
    let standing = world.shoppers.orders[order].cents;
    let forged = chance.happens(1, 15);
    let exists = !chance.happens(1, 15);
    let with = if chance.happens(1, 4) { 1 + chance.below(2) } else { 0 };
    let wish = match chance.below(20) {
        0..=6 => Wish::Void,
        7..=13 => Wish::Edit { cents: pick(chance, &[standing, standing + 700, standing / 2 + 1, 4200]) },
        // What has no key is booked at every telling, and nobody follows what cannot be told from others.
        14.. if !world.shoppers.orders[order].has_key() => Wish::Void,
        14 | 15 => Wish::New { cents: if chance.happens(1, 4) { standing + 100 } else { standing } },
        16 => {
            order = world.shoppers.buys_at(world.shoppers.orders[order].shop);
            Wish::New { cents: world.shoppers.orders[order].cents }
        }
        _ => {
            let parent = order;
            order = world.shoppers.buys_at(world.shoppers.orders[parent].shop);
            Wish::Refer { parent, cents: world.shoppers.orders[order].cents }
        }
    };
    let books = matches!(wish, Wish::New { .. } | Wish::Refer { .. });
    let call =
        Call { wish, order, with: if books { 0 } else { with }, forged, exists: exists || books, number };
    world.merchants.last.push(call);
    let surplus = world.merchants.last.len().saturating_sub(REMEMBERED);
    world.merchants.last.drain(..surplus);
    Some(call)
}

/// The call as it comes to an edge, signed as every client signs it.
fn written(world: &World, call: &Call) -> Inbound {
    let order = &world.shoppers.orders[call.order];
    let reference = |place: usize| match &world.shoppers.orders[place].reference {
        Reference::Own(text) | Reference::Long(text) => text.clone(),
        Reference::Placeholder | Reference::Absent => "%23%23ORDER%23%23".to_owned(),
    };
    let money = |cents: u64| format!("&sum={}.{:02}", cents / 100, cents % 100);
    let (action, more) = match call.wish {
        Wish::Void => ("void", format!("&with={}", call.with)),
        Wish::Edit { cents } => ("edit", format!("&with={}{}", call.with, money(cents))),
        Wish::New { cents } => ("new", money(cents)),
        Wish::Refer { parent, cents } => ("refer", format!("&parent={}{}", reference(parent), money(cents))),
    };
    let named = if call.exists { reference(call.order) } else { "NOBODY-MADE-IT".to_owned() };
    let (shop, date) = (order.shop, world.now.to_string());
    let target = format!(
        "/call?do={action}&token={TOKEN}&n={}&shop={shop}&day={date}&order={named}{more}",
        call.number
    );
    let secret = if call.forged { "guessed" } else { SECRET };
    let digest = Sha256::digest(format!("{TOKEN}:{date}:{action}:{secret}"));
    let signature: String = digest.iter().map(|byte| format!("{byte:02X}")).collect();
    Inbound {
        method: Method::Get,
        secure: true,
        host: "old.test".to_owned(),
        target: target.into_bytes(),
        headers: vec![
            ("x-date".to_owned(), date.into_bytes()),
            ("x-signature".to_owned(), signature.into_bytes()),
        ],
        body: Vec::new(),
        peer: None,
    }
}

/// The answer that its caller wants to hear, whatever was done.
pub(crate) fn done(entry: &Entry) -> Served {
    let content_type = "text/plain".to_owned();
    Served::Reply { status: 200, content_type, body: format!("done {}", entry.event_id) }
}

/// True if what stands there is a transaction that a call can be about.
pub(crate) const fn is_a_transaction(row: &ConversionRow) -> bool {
    !matches!(row.state, State::Merged | State::Conflict)
}

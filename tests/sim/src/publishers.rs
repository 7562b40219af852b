//! Publishers: their own servers, which are called for transactions, and the clicks that somebody imports for them.

use std::collections::{BTreeMap, BTreeSet};

use ledger::PostbackId;
use processor::{Called, Delivery, ImportedClick, ImportedPostback};
use relay::delivery::State;
use tracking::{Answer, Home, SendFailure};
use units::{EventId, Timestamp};

use crate::check::{Known, Rows};
use crate::gap::{Gap, Gaps};
use crate::merchants::Merchants;
use crate::model::{Violation, violation};
use crate::platform::pick;
use crate::run::Sabotage;
use crate::shopper::Meaning;
use crate::words;
use crate::world::World;

/// Most clicks of one import.
const IMPORTED_MAX: u64 = 3;

/// How long before its first order a click happened that only the old platform has.
const BEFORE: std::time::Duration = std::time::Duration::from_secs(7200);

/// A click of the time before us.
#[derive(Clone, Debug)]
struct Foreign {
    id: String,
    shop: u64,
    site: u64,
    at: Timestamp,
    /// The orders that name it.
    orders: Vec<usize>,
    /// The requests of visitors who did not refuse that name it.
    requests: Vec<u64>,
    /// The request that was made last when the processor said that it is kept.
    kept_from: Option<u64>,
    imported: bool,
}

/// What publishers' servers were told, and the clicks that only the old platform has.
#[derive(Debug, Default)]
pub(crate) struct Publishers {
    /// How often each was called for a transaction.
    calls: BTreeMap<(EventId, u64), u32>,
    /// Which of them the processor has written down as done.
    done: Vec<(EventId, u64)>,
    foreign: Vec<Foreign>,
}

/// Every site wants to be called.
pub(crate) fn register(world: &mut World) -> Result<(), Violation> {
    let row = |publisher_id: u64| ImportedPostback {
        publisher_id,
        method: "GET".to_owned(),
        address: Some(format!("https://site{publisher_id}.example/<<id>>")),
    };
    let rows: Vec<_> = words::sites(world.scope).iter().map(|id| row(*id)).collect();
    let now = world.now;
    world.desk.ask("register", now, |desk, now| desk.import_postbacks(&rows, now)).map(drop)
}

/// A call goes out, and how it ends. I2: it is made for what the new platform has taken, for the one who is credited, and
/// never again once its end is written down.
pub(crate) fn call(world: &mut World, id: PostbackId) -> Result<Called, Violation> {
    let PostbackId { event_id, publisher_id, .. } = id;
    let row = world.desk.look(|ledger| ledger.conversion(event_id))?;
    let right = row.as_ref().is_some_and(|row| {
        let stands = matches!(row.state, State::Taken | State::Confirmed);
        stands && row.owner == Some(Home::Primary) && row.publisher_id == Some(publisher_id)
    });
    if !right {
        return violation("I2", format!("publisher {publisher_id} is called for {row:?}"));
    }
    if world.merchants.is_void(event_id) {
        return violation(
            "I2",
            format!("publisher {publisher_id} is called for what was taken back: {row:?}"),
        );
    }
    if world.publishers.done.contains(&(event_id, publisher_id)) {
        return violation("I2", format!("publisher {publisher_id} is called for {event_id} once more"));
    }
    *world.publishers.calls.entry((event_id, publisher_id)).or_default() += 1;
    world.counts.called += 1;
    let answered = |status| Ok(Answer { status, headers: Vec::new(), body: Vec::new() });
    let result = match world.publishing.chance.below(10) {
        0 => answered(404),
        1 | 2 => answered(503),
        3 => Err(SendFailure::NothingSent("no connection".to_owned())),
        4 => Err(SendFailure::Ambiguous("silence".to_owned())),
        _ => answered(204),
    };
    Ok(Called { id, result })
}

/// On purpose wrong: whoever is credited is called as soon as a sale goes out.
pub(crate) fn call_too_early(world: &mut World, delivery: &Delivery) -> Result<(), Violation> {
    for id in &delivery.ids {
        let row = world.desk.look(|ledger| ledger.conversion(id.event_id))?;
        let Some(publisher_id) = row.and_then(|row| row.publisher_id) else { continue };
        call(world, PostbackId { event_id: id.event_id, publisher_id, number: 1 })?;
    }
    Ok(())
}

impl Publishers {
    /// The processor has written down how these calls ended.
    pub(crate) fn persisted(&mut self, called: Vec<Called>) {
        let over = |called: &Called| called.result.as_ref().is_ok_and(|answer| answer.status < 500);
        let over = called.into_iter().filter(over).map(|called| (called.id.event_id, called.id.publisher_id));
        self.done.extend(over);
    }

    /// The orders that name a click of the old platform's.
    pub(crate) fn named(&self) -> BTreeSet<usize> {
        self.foreign.iter().flat_map(|click| click.orders.iter().copied()).collect()
    }

    /// True if somebody has imported a click that this order names, or may have.
    pub(crate) fn proves(&self, order: usize) -> bool {
        self.foreign.iter().any(|click| click.imported && click.orders.contains(&order))
    }

    /// I2 at the end: where a click is imported that an order names, somebody is credited.
    pub(crate) fn credited(&self, known: &Known<'_>, rows: &Rows, gaps: &mut Gaps) -> Result<(), Violation> {
        for click in self.foreign.iter().filter(|click| click.kept_from.is_some()) {
            for number in &click.requests {
                let Some(arrival) = known.model.arrivals.get(number) else { continue };
                let Some(own) = rows.get(&arrival.event_id) else { continue };
                let Some(row) = rows.get(&own.first.unwrap_or(own.event_id)) else { continue };
                let stands = !matches!(row.state, State::Held | State::Dropped | State::Conflict);
                let others = known.model.arrivals.values().filter(|other| other.order == arrival.order);
                let mut others = others.filter_map(|other| rows.get(&other.event_id));
                // By a clock that was wrong an order can be older than its click.
                let too_old = others.any(|other| other.received_at < click.at);
                let changed = known.merchants.account(row.event_id).is_changed;
                let excused = too_old || changed || known.said.touched.contains(&arrival.order);
                if stands && own.state != State::Conflict && !excused && row.publisher_id.is_none() {
                    let what = format!("click {} is imported and credits nobody: {row:?}", click.id);
                    match (own.first, click.kept_from) {
                        (Some(_), Some(from)) if *number <= from => {
                            gaps.seen(Gap::ForgottenCopy, arrival.order, what)?;
                        }
                        _ => return violation("I2", what),
                    }
                }
            }
        }
        Ok(())
    }

    /// I2 at the end: everybody was called for what is theirs.
    pub(crate) fn all_called(&self, rows: &Rows, merchants: &Merchants) -> Result<(), Violation> {
        for row in rows.values() {
            let stands = matches!(row.state, State::Taken | State::Confirmed);
            let Some(publisher_id) = row.publisher_id.filter(|_| row.owner == Some(Home::Primary) && stands)
            else {
                continue;
            };
            if row.commission.is_some()
                && !merchants.is_void(row.event_id)
                && !self.calls.contains_key(&(row.event_id, publisher_id))
            {
                return violation("I2", format!("publisher {publisher_id} was never called for {row:?}"));
            }
        }
        Ok(())
    }
}

/// Some sales name a click of the old platform's.
pub(crate) fn name_a_click(world: &mut World, target: &mut Vec<u8>, meaning: Meaning) {
    let Meaning::Sale { order, .. } = meaning else { return };
    let shop = world.shoppers.orders[order].shop;
    let named = target.windows(5).any(|part| part == b"&oid=");
    if named || !world.publishing.is_on() || !world.publishing.chance.happens(1, 5) {
        return;
    }
    let chance = &mut world.publishing.chance;
    let clicks = &mut world.publishers.foreign;
    let known: Vec<usize> = (0..clicks.len()).filter(|place| clicks[*place].shop == shop).collect();
    let place = if known.is_empty() || chance.happens(1, 2) {
        let (id, site) = (format!("k{}zz", clicks.len()), pick(chance, words::sites(world.scope)));
        let at = world.now.minus(BEFORE);
        let (orders, requests) = (Vec::new(), Vec::new());
        clicks.push(Foreign { id, shop, site, at, orders, requests, kept_from: None, imported: false });
        clicks.len() - 1
    } else {
        pick(chance, &known)
    };
    clicks[place].orders.push(order);
    if !target.windows(5).any(|part| part == b"&ok=0") {
        clicks[place].requests.push(world.shoppers.number());
    }
    if clicks[place].imported {
        world.said.given.insert((order, Home::Legacy));
    }
    target.extend_from_slice(format!("&oid={}", clicks[place].id).as_bytes());
}

/// Somebody imports clicks, and now and then the same ones again.
pub(crate) fn import(world: &mut World) -> Result<(), Violation> {
    let count = world.publishers.foreign.len();
    let places: Vec<usize> = (0..count).collect();
    let mut rows = Vec::new();
    for _ in 0..=world.publishing.chance.below(IMPORTED_MAX) {
        if places.is_empty() {
            return Ok(());
        }
        let click = &mut world.publishers.foreign[pick(&mut world.publishing.chance, &places)];
        click.imported = true;
        // What comes now belongs to the platform that saw the click.
        world.said.given.extend(click.orders.iter().map(|order| (*order, Home::Legacy)));
        rows.push(ImportedClick {
            click_id: click.id.clone(),
            advertiser_id: click.shop,
            publisher_id: click.site,
            creative_id: 0,
            at: click.at,
            primary: false,
            reference: None,
        });
    }
    world.trace.note(format!("clicks are imported: {rows:?}"));
    let now = world.now;
    let ids: Vec<String> = rows.iter().map(|row| row.click_id.clone()).collect();
    if world.sabotage == Sabotage::ForgetsImports {
        rows.clear();
    }
    let imported = world.desk.ask("import", now, |desk, now| desk.import_clicks(rows, now))?;
    if imported.is_some() {
        let from = world.shoppers.number();
        let named = |click: &&mut Foreign| ids.contains(&click.id);
        world.publishers.foreign.iter_mut().filter(named).for_each(|click| {
            click.kept_from.get_or_insert(from);
        });
    }
    world.counts.imported += imported.as_ref().map_or(0, |imported| imported.new);
    world.counts.corrected += imported.map_or(0, |imported| imported.corrected);
    Ok(())
}

//! The shoppers: what they click and buy, and how the shops' pixels tell it, as untidily as in life.

use tracking::{Inbound, Method};
use units::Chance;

use crate::model::Touch;
use crate::platform::pick;
use crate::scope::Scope;
use crate::words::{DEDUPLICATES, MOVED, OBSERVED, OFFLINE, SHADOW, UNKNOWN, UNMAPPED, sites};

/// Where shoppers buy; twice where most goes on.
const SHOPS: [u64; 10] =
    [MOVED, MOVED, DEDUPLICATES, DEDUPLICATES, OBSERVED, OBSERVED, SHADOW, OFFLINE, UNMAPPED, UNKNOWN];

/// Where terms share, a telling carries one of so many of the latest clicks.
const CLICKS_BACK: u64 = 4;

/// A reference that the new platform would cut; all of them begin alike.
const LONG: &str = "a-reference-that-is-longer-than-what-the-new-platform-reads";

/// What identifies an order, as the shop tells it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Reference {
    /// A reference of its own.
    Own(String),
    /// One that differs from others only behind what the new platform reads.
    Long(String),
    /// What a template leaves behind.
    Placeholder,
    /// None.
    Absent,
}

/// One order, as it really happened.
#[derive(Clone, Debug)]
pub(crate) struct Order {
    pub(crate) shop: u64,
    pub(crate) reference: Reference,
    pub(crate) cents: u64,
}

impl Order {
    /// True if two requests of it can be recognised as one order.
    pub(crate) const fn has_key(&self) -> bool {
        matches!(self.reference, Reference::Own(_) | Reference::Long(_))
    }
}

/// True if nobody can tell these apart by what a merchant says of them.
pub(crate) fn are_alike(orders: &[Order], one: usize, other: usize) -> bool {
    let (first, second) = (&orders[one], &orders[other]);
    one == other || (first.shop == second.shop && first.reference == second.reference)
}

/// What a request is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Meaning {
    Click {
        shop: u64,
        site: u64,
    },
    /// A sale of this order; `cents` is what the request says, none if it says nothing readable.
    Sale {
        order: usize,
        cents: Option<u64>,
    },
    /// A look at a sale's address, which books nothing.
    Look,
    /// A merchant's call.
    Call,
}

/// A request with what it means.
pub(crate) struct Request {
    pub(crate) inbound: Inbound,
    pub(crate) meaning: Meaning,
    pub(crate) touch: Option<Touch>,
}

/// A click that a shopper made, as the browser remembers it.
#[derive(Clone, Debug)]
struct Remembered {
    shop: u64,
    site: u64,
    second: i64,
    click_id: String,
    cookies: Vec<String>,
}

/// All shoppers.
#[derive(Debug)]
pub(crate) struct Shoppers {
    chance: Chance,
    scope: Scope,
    pub(crate) orders: Vec<Order>,
    clicks: Vec<Remembered>,
    requests: u64,
}

impl Shoppers {
    pub(crate) const fn new(chance: Chance, scope: Scope) -> Self {
        Self { chance, scope, orders: Vec::new(), clicks: Vec::new(), requests: 0 }
    }

    /// The next request of anybody.
    pub(crate) fn next(&mut self) -> Request {
        self.requests += 1;
        match self.chance.below(10) {
            0 | 1 => self.click(),
            2 if self.chance.happens(1, 3) => {
                let mut look = self.sale();
                look.meaning = Meaning::Look;
                if self.chance.happens(1, 2) {
                    look.inbound.method = Method::Head;
                } else {
                    look.inbound.headers.push(("sec-purpose".to_owned(), b"prefetch".to_vec()));
                }
                look
            }
            _ => self.sale(),
        }
    }

    /// The number of the request that was made last.
    pub(crate) const fn number(&self) -> u64 {
        self.requests
    }

    fn click(&mut self) -> Request {
        let (shop, site) = (pick(&mut self.chance, &SHOPS), pick(&mut self.chance, sites(self.scope)));
        let consent = if self.chance.happens(1, 10) { "&ok=0" } else { "" };
        let inbound = get(format!("/go?n={}&shop={shop}&site={site}{consent}", self.requests));
        Request { inbound, meaning: Meaning::Click { shop, site }, touch: None }
    }

    /// What the reply to a click leaves with the shopper.
    pub(crate) fn clicked(&mut self, (shop, site): (u64, u64), second: i64, headers: &[(String, String)]) {
        let named = |wanted: &'static str| {
            headers.iter().filter(move |(name, _)| name == wanted).map(|(_, value)| value.as_str())
        };
        let cookie = |line: &str| line.split(';').next().map(str::to_owned);
        let cookies = named("set-cookie").filter_map(cookie).collect();
        let Some(click_id) = named("location").find_map(click_id) else { return };
        self.clicks.push(Remembered { shop, site, second, click_id, cookies });
    }

    fn sale(&mut self) -> Request {
        let known: Vec<usize> =
            (0..self.orders.len()).rev().filter(|place| self.orders[*place].has_key()).take(12).collect();
        let repeats = !known.is_empty() && self.chance.happens(2, 5);
        let order = if repeats { pick(&mut self.chance, &known) } else { self.buy() };
        let mut cents = Some(self.orders[order].cents);
        if self.chance.happens(1, if repeats { 6 } else { 25 }) {
            cents = self.chance.happens(1, 2).then_some(self.orders[order].cents + 100);
        }
        let (inbound, touch) = self.tell(order, cents);
        Request { inbound, meaning: Meaning::Sale { order, cents }, touch }
    }

    /// An order of which the shop's own server tells first.
    pub(crate) fn buys_at(&mut self, shop: u64) -> usize {
        let place = self.orders.len();
        let (reference, cents) = (Reference::Own(format!("S-{place}")), 100 + self.chance.below(20_000));
        self.orders.push(Order { shop, reference, cents });
        place
    }

    fn buy(&mut self) -> usize {
        let place = self.orders.len();
        let reference = match self.chance.below(20) {
            0..=2 => Reference::Placeholder,
            3 => Reference::Absent,
            4 => Reference::Long(format!("{LONG}-{place}")),
            _ => Reference::Own(format!("A-{place}")),
        };
        let (shop, cents) = (pick(&mut self.chance, &SHOPS), 100 + self.chance.below(20_000));
        self.orders.push(Order { shop, reference, cents });
        place
    }

    /// The pixel or the server's call that tells of an order.
    fn tell(&mut self, order: usize, cents: Option<u64>) -> (Inbound, Option<Touch>) {
        let Order { shop, reference, .. } = &self.orders[order];
        let shop = *shop;
        let order = match reference {
            Reference::Own(text) | Reference::Long(text) => format!("&order={text}"),
            Reference::Placeholder => "&order=%23%23ORDER%23%23".to_owned(),
            Reference::Absent => String::new(),
        };
        let sum =
            cents.map_or_else(|| "lots".to_owned(), |cents| format!("{}.{:02}", cents / 100, cents % 100));
        let mut target = format!("/buy?n={}&shop={shop}&sum={sum}{order}", self.requests);
        let mut headers = Vec::new();
        let clicks: Vec<&Remembered> = self.clicks.iter().rev().filter(|click| click.shop == shop).collect();
        // Where terms share, it matters that one order is told of with several of its clicks.
        let back = if self.scope.has_terms() { self.chance.below(CLICKS_BACK) } else { 0 };
        let click = usize::try_from(back).ok().and_then(|back| clicks.get(back)).or(clicks.first());
        let touch = |click: &Remembered, named| Touch { second: click.second, site: click.site, named };
        let mut touched = None;
        match (click, self.chance.below(4)) {
            (Some(click), 0 | 1) => {
                target.push_str(&format!("&oid={}", click.click_id));
                touched = Some(touch(click, true));
            }
            (Some(click), 2) => {
                headers.push(("cookie".to_owned(), click.cookies.join("; ").into_bytes()));
                touched = Some(touch(click, false));
            }
            (_, 3) if self.chance.happens(1, 5) => target.push_str("&ok=0"),
            _ => {}
        }
        if self.chance.happens(7, 10) {
            headers.push(("user-agent".to_owned(), b"Mozilla/5.0 (simulated)".to_vec()));
        }
        let method = if self.chance.happens(1, 4) { Method::Post } else { Method::Get };
        (Inbound { headers, method, ..get(target) }, touched)
    }
}

/// The click id in a redirect, at whatever depth it stands there.
fn click_id(location: &str) -> Option<String> {
    let (_, behind) = location.split_once("oid=").or_else(|| location.split_once("oid%3D"))?;
    let id: String = behind.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect();
    (!id.is_empty()).then_some(id)
}

fn get(target: String) -> Inbound {
    Inbound {
        method: Method::Get,
        secure: true,
        host: "old.test".to_owned(),
        target: target.into_bytes(),
        headers: Vec::new(),
        body: Vec::new(),
        peer: None,
    }
}

//! Shops that report sales over many connections, and remember which of them were acknowledged.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::books::Order;
use crate::http::Client;

/// The host that shops' pixels name.
pub const PIXEL_HOST: &str = "shareasale.com";

/// A sale to be reported.
#[derive(Debug, Clone)]
pub struct Sale {
    /// Merchant and order reference.
    pub order: Order,
    /// The amount, as the page prints it.
    pub amount: String,
    /// The currency, if the page names one.
    pub currency: Option<String>,
    /// The click id of the landing, if the shop has kept one.
    pub click_id: Option<String>,
}

impl Sale {
    /// A sale without a click.
    pub fn plain(merchant: u64, reference: &str, amount: &str) -> Self {
        Self {
            order: (merchant, reference.to_owned()),
            amount: amount.to_owned(),
            currency: None,
            click_id: None,
        }
    }

    /// The target of its pixel.
    pub fn target(&self) -> String {
        let (merchant, reference) = &self.order;
        let mut target = format!(
            "/sale.cfm?tracking={reference}&amount={}&merchantID={merchant}&transtype=sale",
            self.amount
        );
        if let Some(currency) = &self.currency {
            target.push_str(&format!("&currency={currency}"));
        }
        if let Some(click_id) = &self.click_id {
            target.push_str(&format!("&sscid={click_id}&sscidmode=6"));
        }
        target
    }
}

/// What the shops saw.
#[derive(Debug, Default, Clone)]
pub struct Acknowledged {
    /// Sales whose pixel came back, and after how long.
    pub orders: BTreeMap<Order, Duration>,
    /// Sales that were reported and not acknowledged, with what was seen instead.
    pub not: BTreeMap<Order, String>,
}

impl Acknowledged {
    /// The longest wait for a pixel.
    pub fn slowest(&self) -> Duration {
        self.orders.values().max().copied().unwrap_or_default()
    }

    fn note(&mut self, order: Order, seen: Result<Duration, String>) {
        match seen {
            Ok(took) => {
                self.not.remove(&order);
                self.orders.insert(order, took);
            }
            Err(why) => {
                self.not.insert(order, why);
            }
        }
    }
}

/// Reports one sale.
///
/// # Errors
/// What was seen instead of the pixel.
pub fn report(client: &mut Client, sale: &Sale) -> Result<Duration, String> {
    let began = Instant::now();
    match client.get(PIXEL_HOST, &sale.target(), &[("accept", "image/*")]) {
        Ok(answer) if answer.is_pixel() => Ok(began.elapsed()),
        Ok(answer) => Err(format!("{} {:?}", answer.status, answer.header("content-type"))),
        Err(error) => Err(error.to_string()),
    }
}

/// Reports all sales over this many connections, each once, as fast as replies come.
pub fn report_all(edge: &str, sales: &[Sale], connections: usize) -> Acknowledged {
    let next = AtomicUsize::new(0);
    let seen = Mutex::new(Acknowledged::default());
    thread::scope(|scope| {
        for _ in 0..connections {
            scope.spawn(|| {
                let mut client = Client::new(edge);
                while let Some(sale) = sales.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let outcome = report(&mut client, sale);
                    seen.lock().unwrap().note(sale.order.clone(), outcome);
                }
            });
        }
    });
    seen.into_inner().unwrap()
}

/// A stream of sales that goes on, whatever happens to the edge, until it is stopped.
#[derive(Debug)]
pub struct Stream {
    stop: Arc<AtomicBool>,
    seen: Arc<Mutex<Acknowledged>>,
    shops: Vec<JoinHandle<()>>,
}

impl Stream {
    /// Starts `connections` shops; `sale` makes the sale of a number.
    pub fn start(
        edge: &str,
        connections: usize,
        sale: impl Fn(usize) -> Sale + Send + Sync + 'static,
    ) -> Self {
        let (stop, seen) = (Arc::new(AtomicBool::new(false)), Arc::new(Mutex::new(Acknowledged::default())));
        let (next, sale) = (Arc::new(AtomicUsize::new(0)), Arc::new(sale));
        let shop = |_| {
            let (stop, seen, next, sale) =
                (Arc::clone(&stop), Arc::clone(&seen), Arc::clone(&next), Arc::clone(&sale));
            let mut client = Client::new(edge);
            thread::spawn(move || {
                while !stop.load(Ordering::Relaxed) {
                    let sale = sale(next.fetch_add(1, Ordering::Relaxed));
                    let outcome = report(&mut client, &sale);
                    let failed = outcome.is_err();
                    seen.lock().unwrap().note(sale.order, outcome);
                    // Nobody listens for a moment: a shop has its next sale a little later.
                    thread::sleep(Duration::from_millis(if failed { 20 } else { 1 }));
                }
            })
        };
        let shops = (0..connections).map(shop).collect();
        Self { stop, seen, shops }
    }

    /// How many sales are acknowledged by now.
    pub fn acknowledged(&self) -> usize {
        self.seen.lock().unwrap().orders.len()
    }

    /// Ends the stream.
    pub fn stop(self) -> Acknowledged {
        self.stop.store(true, Ordering::Relaxed);
        for shop in self.shops {
            shop.join().unwrap();
        }
        let seen = self.seen.lock().unwrap();
        seen.clone()
    }
}

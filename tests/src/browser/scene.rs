//! A visitor's browser, the web sites it goes to, and the system behind the platform's hosts.

use std::time::Duration;

use serde_json::Value;

use super::{Browser, Cookie, Pages, Sent, Taste};
use crate::books::Row;
use crate::data::Data;
use crate::system::System;
use crate::wait::wait_until;

const MINUTE: Duration = Duration::from_secs(60);

/// Everything of a test with a browser.
#[derive(Debug)]
pub struct Scene {
    /// The visitor's browser.
    pub browser: Browser,
    /// Turnout, and the simulated platforms.
    pub system: System,
    /// The web sites.
    pub pages: Pages,
}

impl Scene {
    /// The visitor's browser finds `pages` at these `sites`, and the system at the platforms' hosts.
    pub fn with(pages: Pages, sites: &[&str], taste: Taste) -> Self {
        let system = System::up(Data::prepared());
        let browser = Browser::start(&system, &pages, sites, taste);
        Self { browser, system, pages }
    }

    /// The cookies of our hosts that the browser keeps.
    pub fn cookies_of_ours(&self) -> Vec<Cookie> {
        self.browser.cookies().into_iter().filter(|one| one.domain.contains("shareasale")).collect()
    }

    /// What the browser has sent to `host` for this order since it was last asked about the host.
    pub fn sent_for(&self, host: &str, order: &str) -> Vec<Sent> {
        self.browser.sent_to(host).into_iter().filter(|sent| sent.url.contains(order)).collect()
    }

    /// The one booking of this order, once the new platform has it.
    pub fn delivered(&self, order: &str) -> Row {
        let ledger = self.system.ledger();
        let look = || ledger.of_order(789, order);
        let is_delivered = |row: &Row| row.is_booked() && matches!(row.state.as_str(), "taken" | "confirmed");
        let rows = wait_until("the sale is delivered", MINUTE, look, |rows| rows.iter().any(is_delivered));
        let mut booked: Vec<Row> = rows.into_iter().filter(Row::is_booked).collect();
        assert_eq!(booked.len(), 1, "{booked:#?}");
        booked.remove(0)
    }

    /// One booking for the publisher of the click in our ledger, and one on the new platform.
    pub fn sale_is_credited(&self, order: &str) -> Row {
        let row = self.delivered(order);
        assert_eq!(row.all["publisher_id"], 456, "{:#}", row.all);
        let transactions = self.system.lab().transactions("primary");
        let of_order: Vec<&Value> =
            transactions.iter().filter(|one| one["order_reference"] == order).collect();
        assert_eq!(of_order.len(), 1, "{transactions:#?}");
        assert_eq!(of_order[0]["publisher"], 200_456, "{:#}", of_order[0]);
        row
    }

    /// The books balance, and nothing was logged that should not be.
    pub fn ends_well(&self) {
        self.system.ledger().assert_balances();
        self.system.process.assert_calm();
    }
}

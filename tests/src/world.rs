//! A system that trades while something goes wrong around it: what was acknowledged is remembered, and judged at the end.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};

use crate::clicks::follow;
use crate::data::Data;
use crate::roles::{Role, Roles};
use crate::sales::{Acknowledged, PIXEL_HOST, Sale};
use crate::sweep::{Fate, judge, on_platforms};
use crate::tracer::{Injection, Tracer};
use crate::wait::wait_for;

/// A merchant of every world that has moved, whose copies are folded.
pub const MERCHANT: u64 = 789;

const MINUTE: Duration = Duration::from_secs(60);
const COMMITTER: Option<&str> = Some("outbox-committer");

/// The roles, and what the shops saw of them.
#[derive(Debug)]
pub struct World {
    /// The processes.
    pub roles: Roles,
    /// What was acknowledged.
    pub seen: Acknowledged,
    sold: usize,
}

impl World {
    /// Starts it; `outbox` limits the edge's outbox.
    pub fn start(outbox: &str) -> Self {
        Self::on(Data::prepared(), outbox)
    }

    /// Starts it on this directory.
    pub fn on(data: Data, outbox: &str) -> Self {
        data.set_deduplicates(|_| Some(true));
        let roles = Roles::start_with(data, outbox);
        roles.lab().settings(&json!({
            "primary_dedup": true,
            "primary_rate_limit_per_minute": 0,
            "legacy_duplicate_window_ms": 3_600_000,
        }));
        Self { roles, seen: Acknowledged::default(), sold: 0 }
    }

    /// Another sale, not yet reported.
    pub fn sale(&mut self) -> Sale {
        self.sold += 1;
        Sale::plain(MERCHANT, &format!("DISK-{}", self.sold), "7.25")
    }

    /// How many sales there were.
    pub const fn sold(&self) -> usize {
        self.sold
    }

    /// A server reports a sale. The status that it gets.
    pub fn server_sells(&mut self) -> u16 {
        self.sells(&[])
    }

    /// A page reports a sale.
    pub fn page_sells(&mut self) -> u16 {
        self.sells(&[("user-agent", "Mozilla/5.0 (X11; Linux) Gecko/20100101 Firefox/140.0")])
    }

    fn sells(&mut self, headers: &[(&str, &str)]) -> u16 {
        let sale = self.sale();
        let answer = self.roles.client().get(PIXEL_HOST, &sale.target(), headers).unwrap();
        if answer.is_pixel() {
            self.seen.orders.insert(sale.order, Duration::ZERO);
        } else {
            assert!(answer.header("retry-after").is_some(), "{answer:?}");
            self.seen.not.insert(sale.order, answer.status.to_string());
        }
        answer.status
    }

    /// A shopper follows a link.
    pub fn a_click_goes_on(&self) {
        let answer = follow(
            &mut self.roles.client(),
            &format!("https://shareasale.com/r.cfm?b=1&u=456&m={MERCHANT}"),
            &[],
        );
        assert_eq!(answer.status, 302, "{answer:?}");
    }

    /// How the outbox stands.
    pub fn outbox(&self) -> Value {
        self.roles.status(Role::Edge)["outbox"].clone()
    }

    /// Injects into the thread that commits, from now on.
    pub fn attach(&self, injection: &Injection) -> Tracer {
        Tracer::attach(self.roles.edge.id(), COMMITTER, injection, &self.roles.data.file("trace.log"))
    }

    /// Waits until everything is delivered, and judges what became of each sale.
    pub fn everything_adds_up(self) {
        wait_for("everything is delivered", MINUTE, || self.roles.is_drained().then_some(()));
        let rows = self.roles.ledger().rows();
        let fates = judge(&self.seen, &rows, &on_platforms(&self.roles.lab()));
        let counts: BTreeMap<Fate, usize> =
            fates.iter().map(|(fate, orders)| (*fate, orders.len())).collect();
        eprintln!("{} acknowledged, {} not: {counts:?}", self.seen.orders.len(), self.seen.not.len());
        for fate in [Fate::Lost, Fate::Duplicated, Fate::Unexpected, Fate::Queued, Fate::Dead, Fate::Unknown]
        {
            assert_eq!(fates.get(&fate), None, "{fate:?}");
        }
        self.roles.ledger().assert_balances();
        self.roles.edge.assert_calm();
        self.roles.processor.assert_calm();
    }
}

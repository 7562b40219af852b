//! What a platform has booked: its side of the truth when a run is compared.

use std::collections::{BTreeMap, HashMap};

use serde::{Deserialize, Serialize};

use crate::limits::TRANSACTIONS_KEPT_MAX;
use crate::platform::{Click, PlatformName, Received};

/// What a transaction was attributed by.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Evidence {
    /// Nothing: booked, but nobody earns.
    #[default]
    None,
    /// The publisher was named by the merchant's server.
    UserId,
    /// A click id that the platform knows.
    ClickId,
    /// The platform's own cookie.
    Cookie,
    /// A voucher bound to a publisher.
    Voucher,
    /// Publisher and click time, on the merchant's word.
    PublisherTime,
    /// Copied from an earlier transaction.
    Reference,
}

/// Who earns, and why; by default nobody.
#[derive(Debug, Clone, Default)]
pub(crate) struct Earned {
    pub(crate) publisher: Option<u64>,
    pub(crate) evidence: Evidence,
    pub(crate) click_ms: Option<u64>,
    pub(crate) creative: u64,
    pub(crate) reference: String,
}

impl Earned {
    /// By a publisher without a known click.
    pub(crate) fn by(publisher: u64, evidence: Evidence, click_ms: Option<u64>) -> Self {
        Self { publisher: Some(publisher), evidence, click_ms, ..Self::default() }
    }

    /// By a click that the platform knows.
    pub(crate) fn by_click(click: Click) -> Self {
        Self {
            publisher: Some(click.publisher),
            evidence: Evidence::ClickId,
            click_ms: Some(click.at_ms),
            creative: click.creative,
            reference: click.reference,
        }
    }
}

/// One booked transaction.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Transaction {
    /// Number on its platform, from 1.
    pub id: u64,
    /// Which platform booked it.
    pub platform: PlatformName,
    /// The merchant, by that platform's id.
    pub advertiser: u64,
    /// The order reference as booked.
    pub order_reference: String,
    /// `sale`, `lead` or whatever the sender named.
    pub kind: String,
    /// The amount as sent.
    pub amount: String,
    /// The amount in hundredths, when it can be read.
    pub amount_minor: Option<i64>,
    /// ISO 4217, as sent or assumed.
    pub currency: String,
    /// Who earns, by that platform's id.
    pub publisher: Option<u64>,
    /// Why they earn.
    pub evidence: Evidence,
    /// The click id that came with it, known or not.
    pub click_id: Option<String>,
    /// The voucher code that came with it.
    pub voucher: Option<String>,
    /// The endpoint it came through.
    pub endpoint: String,
    /// `pending`, `approved`, `declined` or `voided`.
    pub status: String,
    /// Marked as a test: no money.
    pub test: bool,
    /// How often it arrived; above 1 where the platform folded copies into one.
    pub received: u32,
    /// Copies that named another amount than the first.
    pub conflicting_amounts: u32,
    /// When it first arrived, in ms since 1970.
    pub first_received_ms: u64,
    /// When it last arrived, in ms since 1970.
    pub last_received_ms: u64,
    /// When the click was, in ms since 1970.
    pub click_ms: Option<u64>,
    /// The creative of the click, 0 when unknown.
    pub creative: u64,
    /// The publisher's own reference of the click.
    pub click_reference: String,
    /// Everything else of interest that was sent, by the platform's own names.
    pub details: BTreeMap<String, String>,
}

impl Transaction {
    /// A transaction that arrives in `request`, for `earned`; the rest is for the platform to fill in.
    pub(crate) fn arriving(platform: PlatformName, request: &Received, earned: &Earned) -> Self {
        Self {
            id: 0,
            platform,
            advertiser: 0,
            order_reference: String::new(),
            kind: "sale".to_owned(),
            amount: String::new(),
            amount_minor: None,
            currency: String::new(),
            publisher: earned.publisher,
            evidence: earned.evidence,
            click_id: None,
            voucher: None,
            endpoint: request.path.clone(),
            status: "pending".to_owned(),
            test: false,
            received: 1,
            conflicting_amounts: 0,
            first_received_ms: request.at_ms,
            last_received_ms: request.at_ms,
            click_ms: earned.click_ms,
            creative: earned.creative,
            click_reference: earned.reference.clone(),
            details: BTreeMap::new(),
        }
    }
}

/// Whether a copy of an order is folded into the first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fold {
    Never,
    Within(u64),
    Always,
}

/// A platform's transactions.
#[derive(Debug, Default)]
pub(crate) struct Books {
    transactions: Vec<Transaction>,
    by_order: HashMap<(u64, String), Vec<usize>>,
    unbooked: BTreeMap<String, u64>,
}

impl Books {
    /// Books a transaction or folds it into an earlier one, and answers with its number.
    pub(crate) fn book(&mut self, mut new: Transaction, fold: Fold) -> Option<u64> {
        let key = (new.advertiser, new.order_reference.clone());
        if let Some(at) = self.earlier(&key, new.first_received_ms, fold) {
            let first = &mut self.transactions[at];
            fold_into(first, &new);
            return Some(first.id);
        }
        if self.transactions.len() >= TRANSACTIONS_KEPT_MAX {
            self.refuse("the lab's books are full");
            return None;
        }
        new.id = self.transactions.len() as u64 + 1;
        self.by_order.entry(key).or_default().push(self.transactions.len());
        let id = new.id;
        self.transactions.push(new);
        Some(id)
    }

    /// Books a copy of a transaction under a number of its own.
    pub(crate) fn copy(&mut self, one: Transaction) {
        self.book(one, Fold::Never);
    }

    /// Counts something that arrived and could not be booked.
    pub(crate) fn refuse(&mut self, reason: &str) {
        *self.unbooked.entry(reason.to_owned()).or_default() += 1;
    }

    pub(crate) fn transactions(&self) -> &[Transaction] {
        &self.transactions
    }

    pub(crate) fn unbooked(&self) -> &BTreeMap<String, u64> {
        &self.unbooked
    }

    /// The transactions of one order, oldest first.
    pub(crate) fn of_order(&self, advertiser: u64, order: &str) -> Vec<u64> {
        let places = self.by_order.get(&(advertiser, order.to_owned()));
        places.into_iter().flatten().map(|&at| self.transactions[at].id).collect()
    }

    pub(crate) fn by_id(&mut self, id: u64) -> Option<&mut Transaction> {
        let at = usize::try_from(id.checked_sub(1)?).ok()?;
        self.transactions.get_mut(at)
    }

    fn earlier(&self, key: &(u64, String), at_ms: u64, fold: Fold) -> Option<usize> {
        let last = *self.by_order.get(key)?.last()?;
        let fits = match fold {
            Fold::Never => false,
            Fold::Always => true,
            Fold::Within(window_ms) => {
                at_ms.saturating_sub(self.transactions[last].first_received_ms) <= window_ms
            }
        };
        (fits && !key.1.is_empty()).then_some(last)
    }
}

/// A copy counts, and lends its evidence when the first had none.
fn fold_into(first: &mut Transaction, copy: &Transaction) {
    first.received += 1;
    first.last_received_ms = copy.first_received_ms;
    if copy.amount_minor != first.amount_minor {
        first.conflicting_amounts += 1;
    }
    if first.publisher.is_none() && copy.publisher.is_some() {
        first.publisher = copy.publisher;
        first.evidence = copy.evidence;
        first.click_ms = copy.click_ms;
        first.creative = copy.creative;
        first.click_reference.clone_from(&copy.click_reference);
    }
    if first.click_id.is_none() {
        first.click_id.clone_from(&copy.click_id);
    }
}

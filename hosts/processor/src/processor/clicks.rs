//! Clicks that become known after the conversions that name them, and what an operator imports.

use ledger::{By, Keeping, Ledger, LedgerError, Transaction, Waiter};
use relay::Envelope;
use relay::intake::{self, BoundVoucher, Correction, Ground, KeptClick, Known, Origin, voucher_code};
use relay::policy::Snapshot;
use serde::{Deserialize, Serialize};
use tracking::Home;
use tracking::event::Click;
use units::{EventId, Timestamp};

use super::{Processor, ProcessorError, receive};
use crate::http::shapes;

/// Most conversions that one click makes better. One click leads to a handful of orders; an id that many
/// unrelated ones share is no click id.
const RECONSIDERED_MAX: usize = 64;

/// Looks again at the arrivals that name a click which has only now become known: edges hand over their events
/// independently, and an import may come any time.
pub(super) fn reconsider(
    transaction: &mut Transaction<'_>,
    snapshot: &Snapshot,
    click_id: &str,
    now: Timestamp,
) -> Result<usize, LedgerError> {
    let mut corrected = 0;
    for waiter in transaction.waiting_for_click(click_id, RECONSIDERED_MAX)? {
        corrected += usize::from(look_again(transaction, snapshot, &waiter, now)?);
    }
    Ok(corrected)
}

/// Looks again at every arrival of a conversion: of what has only now been booked, because until then nobody could
/// weigh what they prove; and where one of them brought the click that is credited now.
pub(super) fn reconsider_arrivals(
    transaction: &mut Transaction<'_>,
    snapshot: &Snapshot,
    event_id: EventId,
    now: Timestamp,
) -> Result<(), LedgerError> {
    for waiter in transaction.arrivals_of(event_id, RECONSIDERED_MAX)? {
        weigh(transaction, snapshot, &waiter, now)?;
    }
    Ok(())
}

/// True if the arrival makes what stands for it better; then all of its arrivals are looked at again where that matters.
fn look_again(
    transaction: &mut Transaction<'_>,
    snapshot: &Snapshot,
    waiter: &Waiter,
    now: Timestamp,
) -> Result<bool, LedgerError> {
    let Some((into, better)) = weigh(transaction, snapshot, waiter, now)? else { return Ok(false) };
    if better.asks_for_all() {
        reconsider_arrivals(transaction, snapshot, into, now)?;
    }
    Ok(true)
}

/// Weighs an arrival against what stands for it, and what it made better of which conversion.
fn weigh(
    transaction: &mut Transaction<'_>,
    snapshot: &Snapshot,
    waiter: &Waiter,
    now: Timestamp,
) -> Result<Option<(EventId, Box<Correction>)>, LedgerError> {
    let Ok(envelope) = Envelope::decode(&waiter.open) else { return Ok(None) };
    let Some(standing) = transaction.standing_for(waiter.event_id)? else { return Ok(None) };
    let (into, ground) = (standing.event_id, Ground::of(snapshot));
    let is_source = transaction.source_of(into)? == Some(waiter.event_id);
    let approved = is_source && standing.postings.is_some();
    let known = receive::known_of(transaction, snapshot, &envelope, Some(standing))?;
    let known = Known { approved, ..known };
    let wanted = intake::wanted_click(&ground, &envelope, &known);
    transaction.wants_click(waiter.event_id, wanted.as_deref())?;
    let Some(mut better) = intake::reconsider(&ground, &envelope, &known, now) else {
        return Ok(None);
    };
    // What is erased cannot be sent: the conversion goes on as what it is, with the better evidence.
    better.is_sent &= is_source || waiter.sealed && is_of_its_key(transaction, &envelope, into)?;
    better.books &= better.is_sent;
    transaction.correct(into, &envelope, &better)?;
    Ok(Some((into, better)))
}

/// True if the conversion stands under the arrival's own key. A person may have given the order another reference since,
/// and the owner must not be told the old one.
fn is_of_its_key(
    transaction: &Transaction<'_>,
    envelope: &Envelope,
    into: EventId,
) -> Result<bool, LedgerError> {
    let Some(key) = &envelope.key else { return Ok(into == envelope.event_id) };
    Ok(transaction.under_key(key)? == Some(into))
}

/// A click of an operator's file. Ids are the legacy platform's.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ImportedClick {
    /// Its id, as a conversion names it.
    pub click_id: String,
    /// The programme.
    pub advertiser_id: u64,
    /// Who referred.
    pub publisher_id: u64,
    /// With what; 0 if nobody knows.
    pub creative_id: u64,
    /// When.
    pub at: Timestamp,
    /// True if it happened on the new platform.
    pub primary: bool,
    /// The publisher's own reference of it.
    #[serde(default)]
    pub reference: Option<String>,
}

/// A voucher code of an operator's file.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ImportedVoucher {
    /// The programme.
    pub advertiser_id: u64,
    /// The code, as shops write it.
    pub code: String,
    /// Whose it is; none to bind it to nobody any more.
    pub publisher_id: Option<u64>,
    /// From when; none for always.
    pub starts_at: Option<Timestamp>,
    /// Until when, exclusively; none for ever.
    pub ends_at: Option<Timestamp>,
}

/// What a part of an import came to.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Imported {
    /// Rows that are new, or change something.
    pub new: u64,
    /// Rows that were known before.
    pub known: u64,
    /// Ids that are known with another advertiser, publisher or time: the first stays.
    pub differing: Vec<String>,
    /// Rows whose advertiser is not in the directory. They are kept all the same.
    pub unmapped: u64,
    /// Rows that are older than their programme's window and the margin after it: no use to anybody.
    pub expired: u64,
    /// Conversions that a row made better.
    pub corrected: u64,
}

/// Keeps clicks of an operator's file in one transaction, and looks again at the conversions that name one.
///
/// # Errors
/// If the ledger fails; then none of them is kept.
pub fn import_clicks(
    ledger: &mut Ledger,
    snapshot: &Snapshot,
    mut rows: Vec<ImportedClick>,
    now: Timestamp,
) -> Result<Imported, LedgerError> {
    let ground = Ground::of(snapshot);
    let mut imported = Imported::default();
    // In the order of the table, so that neighbours share its pages. The first of an id stays the first.
    rows.sort_by(|one, other| one.click_id.cmp(&other.click_id));
    let mut transaction = ledger.transaction(now)?;
    for row in rows {
        imported.unmapped += u64::from(snapshot.directory.advertiser(row.advertiser_id).is_none());
        let kept = kept(&ground, row);
        if kept.expires_at < now {
            imported.expired += 1;
            continue;
        }
        match transaction.keep_click(&kept)? {
            Keeping::New => {
                imported.new += 1;
                imported.corrected +=
                    reconsider(&mut transaction, snapshot, &kept.click.click_id, now)? as u64;
            }
            Keeping::Known => imported.known += 1,
            Keeping::Differs => imported.differing.push(kept.click.click_id),
        }
    }
    transaction.commit()?;
    Ok(imported)
}

fn kept(ground: &Ground<'_>, row: ImportedClick) -> KeptClick {
    let ImportedClick { click_id, advertiser_id, publisher_id, creative_id, at, primary, reference } = row;
    KeptClick {
        expires_at: intake::expires_at(ground, advertiser_id, publisher_id, at),
        click: Click { advertiser_id, publisher_id, creative_id, at, click_id },
        home: Some(if primary { Home::Primary } else { Home::Legacy }),
        origin: Origin::Imported,
        alias_of: None,
        event_id: None,
        reference: reference.as_deref().and_then(intake::click_reference),
    }
}

/// Binds voucher codes of an operator's file to their publishers, in one transaction.
///
/// # Errors
/// If the ledger fails; then none of them is bound.
pub fn import_vouchers(
    ledger: &mut Ledger,
    snapshot: &Snapshot,
    rows: &[ImportedVoucher],
    now: Timestamp,
) -> Result<Imported, LedgerError> {
    let mut imported = Imported::default();
    let mut transaction = ledger.transaction(now)?;
    for row in rows {
        let (advertiser_id, code) = (row.advertiser_id, voucher_code(&row.code));
        imported.unmapped += u64::from(snapshot.directory.advertiser(advertiser_id).is_none());
        let changed = match row.publisher_id {
            Some(publisher_id) => {
                let (starts_at, ends_at) = (row.starts_at, row.ends_at);
                let bound = BoundVoucher { advertiser_id, code, publisher_id, starts_at, ends_at };
                transaction.bind_voucher(&bound)?
            }
            None => transaction.unbind_voucher(advertiser_id, &code)?,
        };
        imported.new += u64::from(changed);
        imported.known += u64::from(!changed);
    }
    transaction.commit()?;
    Ok(imported)
}

/// The click that is kept under an id, as the operator's interface shows it.
///
/// # Errors
/// If the ledger fails.
pub(crate) fn show_click(ledger: &Ledger, click_id: &str) -> Result<Option<serde_json::Value>, LedgerError> {
    Ok(ledger.click(click_id)?.map(|kept| shapes::click(&kept)))
}

/// Writes down who imported what.
///
/// # Errors
/// If the ledger fails.
pub fn journal_import(
    ledger: &mut Ledger,
    what: &str,
    by: By<'_>,
    now: Timestamp,
) -> Result<(), LedgerError> {
    let mut transaction = ledger.transaction(now)?;
    transaction.journal(by.actor, what, None, by.why)?;
    transaction.commit()
}

impl Processor {
    /// Keeps clicks of an operator's file.
    ///
    /// # Errors
    /// If the ledger fails; then none of them is kept.
    pub fn import_clicks(
        &mut self,
        rows: Vec<ImportedClick>,
        now: Timestamp,
    ) -> Result<Imported, ProcessorError> {
        Ok(import_clicks(&mut self.ledger, &self.snapshot, rows, now)?)
    }

    /// Binds voucher codes of an operator's file.
    ///
    /// # Errors
    /// If the ledger fails; then none of them is bound.
    pub fn import_vouchers(
        &mut self,
        rows: &[ImportedVoucher],
        now: Timestamp,
    ) -> Result<Imported, ProcessorError> {
        Ok(import_vouchers(&mut self.ledger, &self.snapshot, rows, now)?)
    }

    /// Writes down who imported what.
    ///
    /// # Errors
    /// If the ledger fails.
    pub fn journal_import(&mut self, what: &str, by: By<'_>, now: Timestamp) -> Result<(), ProcessorError> {
        Ok(journal_import(&mut self.ledger, what, by, now)?)
    }
}

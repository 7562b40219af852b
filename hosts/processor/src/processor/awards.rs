//! What orders earn under other models and other terms: questions about what is booked, on a reader of the ledger, and
//! the corrections that follow from their answers.

use std::collections::BTreeMap;

use attribution::{Awarded, Figures, Model, posting};
use ledger::{AwardRow, By, Decided, Ledger, LedgerError, Reaward, Span};
use relay::Envelope;
use relay::delivery::State;
use relay::intake::{AgainError, Asked, Kept};
use relay::policy::{Snapshot, Terms};
use sha2::{Digest as _, Sha256};
use tracking::directory::Commission;
use units::limits::{AWARDS_ASKED_MAX, BATCH_ENTRIES_MAX};
use units::{Currency, Day, EventId, Money, Timestamp};

use super::{Processor, ProcessorError};

/// Orders that one page of the ledger has.
const PAGE: usize = 500;

/// Most orders that could not be decided about that are told one by one.
const SHOWN_MAX: usize = 20;

/// What a publisher earns in a currency under each model.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct ModelRow {
    /// The publisher; 0 for what nobody earns.
    pub publisher_id: u64,
    /// The currency.
    pub currency: Currency,
    /// In minor units, as it is booked.
    pub booked: i128,
    /// In minor units, for each model that was asked, in that order.
    pub under: Vec<i128>,
}

/// Several models side by side on the same orders.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Compared {
    /// How many orders were looked at.
    pub orders: u64,
    /// Of these, what stands as it is: changed by the merchant, dropped, or not to be decided about again.
    pub left_alone: u64,
    /// What could not be decided about: the first of them, with the reason.
    pub failed: Vec<(EventId, String)>,
    /// True if there were more orders than one question is answered for.
    pub more: bool,
    /// One row for each publisher and currency.
    pub rows: Vec<ModelRow>,
}

/// One order that earns something else under the terms.
#[derive(Clone, PartialEq, Debug)]
pub struct Changed {
    /// The order.
    pub event_id: EventId,
    /// Its programme.
    pub advertiser_id: u64,
    /// When the order happened.
    pub at: Timestamp,
    /// The decision in force, by its number; 0 if there is none.
    pub number: u32,
    /// Who earns how much now.
    pub awarded: Option<Awarded>,
    /// The currency of its value.
    pub currency: Currency,
    /// True if it is locked: what it earned stands.
    pub locked: bool,
}

/// What a recalculation comes to.
#[derive(Clone, PartialEq, Debug, Default)]
pub(crate) struct Recalculated {
    /// How many orders were looked at.
    pub orders: u64,
    /// Of these, what stands as it is.
    pub left_alone: u64,
    /// What could not be decided about: the first of them, with the reason.
    pub failed: Vec<(EventId, String)>,
    /// How many could not.
    pub failures: u64,
    /// True if there were more orders than one question is answered for.
    pub more: bool,
    /// The digest of every award as it is booked, and as it comes out now.
    pub digests: [String; 2],
    /// The orders that earn something else.
    pub changed: Vec<Changed>,
    /// What each publisher has and gets, in minor units, by currency: booked, then now.
    pub money: BTreeMap<(u64, Currency), [i128; 2]>,
}

/// What every order of `span` earns under each of `models`, from what is kept with it.
///
/// # Errors
/// If the ledger fails, or holds what cannot be.
pub(crate) fn compare(
    ledger: &Ledger,
    snapshot: &Snapshot,
    span: &Span,
    models: &[Model],
) -> Result<Compared, LedgerError> {
    let mut compared = Compared::default();
    let mut sums: BTreeMap<(u64, Currency), Vec<i128>> = BTreeMap::new();
    let mut add = |publisher_id: u64, money: Money, column: usize| {
        let row = sums.entry((publisher_id, money.currency)).or_insert_with(|| vec![0; models.len() + 1]);
        if let Some(sum) = row.get_mut(column) {
            *sum += i128::from(money.minor);
        }
    };
    compared.more = each(ledger, span, |order| {
        compared.orders += 1;
        if !order.is_open() {
            compared.left_alone += 1;
            return Ok(());
        }
        let figures = order.figures();
        let kept = order.kept(&figures);
        let under =
            models.iter().map(|model| kept.award(&snapshot.directory, &snapshot.policy.terms, Some(*model)));
        match under.collect::<Result<Vec<_>, AgainError>>() {
            Err(error) => note(&mut compared.failed, order.row.event_id, &error),
            Ok(under) => {
                order.booked().for_each(|(publisher_id, share)| add(publisher_id, share, 0));
                for (column, awarded) in (1..).zip(&under) {
                    for award in awarded.iter().flat_map(|awarded| &awarded.awards) {
                        add(award.touch.publisher_id, award.share, column);
                    }
                }
            }
        }
        Ok(())
    })?;
    let row = |((publisher_id, currency), sums): ((u64, Currency), Vec<i128>)| {
        let (booked, under) = sums.split_first().map_or((0, &[][..]), |(first, rest)| (*first, rest));
        ModelRow { publisher_id, currency, booked, under: under.to_vec() }
    };
    compared.rows = sums.into_iter().map(row).collect();
    Ok(compared)
}

/// What every order of `span` earns under `terms`, beside what is booked.
///
/// What a rule asks about the time before stands in the award where its version of the terms is the one in force; for a
/// changed version it is added up anew, from the awards that come out.
///
/// # Errors
/// If the ledger fails, or holds what cannot be.
pub(crate) fn recalculate(
    ledger: &Ledger,
    snapshot: &Snapshot,
    terms: &Terms,
    span: &Span,
    now: Timestamp,
) -> Result<Recalculated, LedgerError> {
    let mut result = Recalculated::default();
    let mut digests = [Sha256::new(), Sha256::new()];
    let mut running = Running::new(span.since);
    result.more = each(ledger, span, |order| {
        result.orders += 1;
        if !order.is_open() {
            result.left_alone += 1;
            running.stays(order);
            return Ok(());
        }
        let row = order.row;
        let same_terms = terms.at(row.advertiser_id, row.happened_at)
            == snapshot.policy.terms.at(row.advertiser_id, row.happened_at);
        let figures = if same_terms { order.figures() } else { running.figures(ledger, order)? };
        let awarded = match order.kept(&figures).award(&snapshot.directory, terms, None) {
            Ok(awarded) => awarded,
            Err(error) => {
                result.failures += 1;
                note(&mut result.failed, row.event_id, &error);
                running.stays(order);
                return Ok(());
            }
        };
        running.add(order, awarded.as_ref());
        let [booked, again] = [order.booked_lines(), order.lines(awarded.as_ref())];
        for (digest, lines) in digests.iter_mut().zip([&booked, &again]) {
            digest.update(lines);
        }
        order.booked().for_each(|(publisher_id, share)| result.add(publisher_id, share, 0));
        for award in awarded.iter().flat_map(|awarded| &awarded.awards) {
            result.add(award.touch.publisher_id, award.share, 1);
        }
        if booked != again {
            let number = row.awards.first().map_or(0, |award| award.number);
            let locked = row.locked || snapshot.policy.lock.holds(row.received_at, now);
            let (event_id, advertiser_id, at) = (row.event_id, row.advertiser_id, row.happened_at);
            let currency = row.amount.currency;
            result.changed.push(Changed { event_id, advertiser_id, at, number, awarded, currency, locked });
        }
        Ok(())
    })?;
    result.digests =
        digests.map(|digest| digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect());
    Ok(result)
}

impl Recalculated {
    fn add(&mut self, publisher_id: u64, share: Money, column: usize) {
        let sums = self.money.entry((publisher_id, share.currency)).or_default();
        if let Some(sum) = sums.get_mut(column) {
            *sum += i128::from(share.minor);
        }
    }
}

fn note(failed: &mut Vec<(EventId, String)>, event_id: EventId, error: &AgainError) {
    if failed.len() < SHOWN_MAX {
        failed.push((event_id, error.to_string()));
    }
}

/// Calls `look` for each booked order of `span`. True if there are more than one question is answered for.
fn each(
    ledger: &Ledger,
    span: &Span,
    mut look: impl FnMut(&Order<'_>) -> Result<(), LedgerError>,
) -> Result<bool, LedgerError> {
    let (mut after, mut left) = (None, AWARDS_ASKED_MAX);
    loop {
        let page = ledger.decided(span, after, PAGE.min(left))?;
        for row in &page.rows {
            let envelope = Envelope::decode(&row.open);
            let envelope = envelope.map_err(|error| LedgerError::Corrupt {
                what: "an envelope",
                value: format!("of {}: {error}", row.event_id),
            })?;
            look(&Order { row, envelope })?;
        }
        left = left.saturating_sub(page.rows.len());
        after = page.next;
        if after.is_none() || left == 0 {
            return Ok(after.is_some());
        }
    }
}

/// A booked order that is looked at again.
struct Order<'a> {
    row: &'a Decided,
    envelope: Envelope,
}

impl Order<'_> {
    /// False if what it earned is not the terms' business any more.
    fn is_open(&self) -> bool {
        !self.row.changed && self.row.state != State::Dropped
    }

    fn kept<'k>(&'k self, figures: &'k [(u64, Figures)]) -> Kept<'k> {
        Kept {
            event: &self.envelope.event,
            advertiser_id: self.row.advertiser_id,
            amount: self.row.amount,
            at: self.row.happened_at,
            considered: &self.row.considered,
            auto_voided: self.row.auto_voided,
            figures,
        }
    }

    /// What was earned before, as it stood when it was decided about.
    fn figures(&self) -> Vec<(u64, Figures)> {
        let credited = self.row.awards.iter().find(|award| award.credited);
        let read = |award: &AwardRow| Some((award.publisher_id, Figures::read(&award.figures)?));
        credited.and_then(read).into_iter().collect()
    }

    /// Who has what by the books.
    fn booked(&self) -> impl Iterator<Item = (u64, Money)> {
        self.row.postings.iter().filter_map(|line| match line.account {
            attribution::Account::Publisher(id) => Some((id, line.amount)),
            _ => None,
        })
    }

    /// Everything of the decision that is booked, as text. An order that was booked before decisions were kept has its
    /// money alone.
    fn booked_lines(&self) -> String {
        match self.row.awards.is_empty() {
            true => self.money_lines(self.booked().collect()),
            false => self.award_lines(&self.row.awards),
        }
    }

    /// The same of a decision that comes out now, told as the booked one is.
    fn lines(&self, awarded: Option<&Awarded>) -> String {
        let shares = awarded.iter().flat_map(|awarded| &awarded.awards);
        match self.row.awards.is_empty() {
            true => self.money_lines(shares.map(|award| (award.touch.publisher_id, award.share)).collect()),
            false => self.award_lines(&awarded.map(AwardRow::of).unwrap_or_default()),
        }
    }

    fn money_lines(&self, mut shares: Vec<(u64, Money)>) -> String {
        let id = self.row.event_id;
        shares.retain(|(_, share)| share.minor != 0);
        shares.sort_unstable_by_key(|(publisher_id, _)| *publisher_id);
        shares.iter().map(|(publisher_id, share)| format!("{id} {publisher_id} {share}\n")).collect()
    }

    fn award_lines(&self, rows: &[AwardRow]) -> String {
        let id = self.row.event_id;
        rows.iter()
            .filter(|row| row.publisher_id != 0)
            .map(|row| format!("{id} {}\n", row.content()))
            .collect()
    }
}

/// A programme, a currency, a day and a publisher.
type OnDay = (u64, Currency, Day, u64);

/// What is earned while orders are decided about one after another: orders, their value, their commissions.
struct Running {
    since: Timestamp,
    month: Option<Day>,
    days: BTreeMap<OnDay, (u64, i64, i64)>,
}

impl Running {
    const fn new(since: Timestamp) -> Self {
        Self { since, month: None, days: BTreeMap::new() }
    }

    fn add(&mut self, order: &Order<'_>, awarded: Option<&Awarded>) {
        if let Some(awarded) = awarded {
            self.count(order, awarded.credited.publisher_id, awarded.commission);
        }
    }

    /// The order keeps what it was decided to earn, and with it the room that it has used.
    fn stays(&mut self, order: &Order<'_>) {
        if let Some(award) = order.row.awards.iter().find(|award| award.credited) {
            self.count(order, award.publisher_id, award.commission);
        }
    }

    fn count(&mut self, order: &Order<'_>, publisher_id: u64, commission: Money) {
        let (amount, day) = (order.row.amount, Day::of(order.row.happened_at));
        let month = day.in_later_month(0, 1);
        if self.month != month {
            // Nothing asks about the month before.
            self.days.retain(|(_, _, known, _), _| Some(*known) >= month);
            self.month = month;
        }
        let key = (order.row.advertiser_id, amount.currency, day, publisher_id);
        let (orders, value, earned) = self.days.entry(key).or_default();
        let own = commission.currency == amount.currency;
        *orders += 1;
        *value = value.saturating_add(amount.minor);
        *earned = earned.saturating_add(if own { commission.minor } else { 0 });
    }

    /// What was booked in the order's month before the span began, and what has come out since.
    fn figures(&self, ledger: &Ledger, order: &Order<'_>) -> Result<Vec<(u64, Figures)>, LedgerError> {
        let (row, none) = (order.row, Vec::new());
        let publishers = order.kept(&none).publishers();
        let day = Day::of(row.happened_at);
        let first = day.in_later_month(0, 1).unwrap_or(day);
        let (advertiser_id, currency) = (row.advertiser_id, row.amount.currency);
        let before = Day::of(self.since).plus(-1);
        let mut figures: Vec<(u64, Figures)> = if before >= first {
            let asked = Asked { advertiser_id, currency, at: before.start(), publishers, but: None };
            ledger.figures_until(&asked)?
        } else {
            publishers.into_iter().map(|publisher_id| (publisher_id, Figures::default())).collect()
        };
        let next = first.in_later_month(1, 1).unwrap_or(first);
        let of_month = (advertiser_id, currency, first, 0)..(advertiser_id, currency, next, 0);
        for (publisher_id, figures) in &mut figures {
            (figures.publisher_day, figures.programme_day) = (0, 0);
            for ((_, _, known, whose), (orders, value, earned)) in self.days.range(of_month.clone()) {
                let (own, today) = (whose == publisher_id, *known == day);
                figures.programme_month += earned;
                figures.programme_day += if today { *earned } else { 0 };
                if own && *known <= day {
                    figures.orders += orders;
                    figures.value += value;
                }
                if own {
                    figures.publisher_month += earned;
                    figures.publisher_day += if today { *earned } else { 0 };
                }
            }
        }
        Ok(figures)
    }
}

/// What an order earns of another value.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct OfValue {
    /// By the terms of its own time; none where the programme's row of the directory says it.
    pub(super) commission: Option<Commission>,
    /// Which part of it each publisher has, where it is decided as the award that is booked was.
    pub(super) weights: Vec<(u64, u64)>,
}

/// What an order earns of another value, by the terms of its own time.
///
/// # Errors
/// Why they cannot say it: such an order would be held.
pub(super) fn of_value(snapshot: &Snapshot, row: &Decided, amount: Money) -> Result<OfValue, String> {
    if row.auto_voided {
        let nothing = Commission::Flat(Money::from_minor(0, amount.currency));
        return Ok(OfValue { commission: Some(nothing), weights: Vec::new() });
    }
    let terms = &snapshot.policy.terms;
    let version = terms.at(row.advertiser_id, row.happened_at);
    let by_directory = version.rules.is_empty() && version.caps.is_empty() && !version.overrides;
    if by_directory && row.awards.len() < 2 {
        return Ok(OfValue::default());
    }
    let envelope = Envelope::decode(&row.open).map_err(|error| error.to_string())?;
    let order = Order { row, envelope };
    let figures = order.figures();
    let kept = Kept { amount, ..order.kept(&figures) };
    let awarded = kept.award(&snapshot.directory, terms, None).map_err(|error| error.to_string())?;
    let Some(awarded) = awarded else { return Ok(OfValue::default()) };
    let commission = (!by_directory).then_some(Commission::Flat(awarded.commission));
    Ok(OfValue { commission, weights: weights(row, &awarded) })
}

/// The parts of an award that is made by the same model for the same publishers as the one that is booked. The lines in force
/// do not say them where somebody's was rounded down to nothing.
fn weights(row: &Decided, awarded: &Awarded) -> Vec<(u64, u64)> {
    let is_booked = |publisher_id| {
        let mut rows = row.awards.iter();
        rows.any(|line| line.publisher_id == publisher_id && line.model == awarded.model.name())
    };
    let same = row.awards.len() == awarded.awards.len()
        && awarded.awards.iter().all(|award| is_booked(award.touch.publisher_id));
    if !same || awarded.commission.minor <= 0 {
        return Vec::new();
    }
    let part = |award: &attribution::Award| {
        (award.touch.publisher_id, u64::try_from(award.share.minor).unwrap_or(0))
    };
    awarded.awards.iter().map(part).collect()
}

impl Processor {
    /// Posts what a recalculation came to. What is locked, and what was decided about anew meanwhile, stays as it is;
    /// how many were corrected.
    ///
    /// # Errors
    /// If the ledger fails; then nothing of it was done.
    pub fn reaward(
        &mut self,
        changed: &[Changed],
        by: By<'_>,
        now: Timestamp,
    ) -> Result<usize, ProcessorError> {
        let mut done = 0;
        for part in changed.chunks(BATCH_ENTRIES_MAX) {
            let mut transaction = self.ledger.transaction(now)?;
            for order in part.iter().filter(|order| !order.locked) {
                let shares = order.awarded.iter().flat_map(|awarded| &awarded.awards);
                let shares = shares.map(|award| (award.touch.publisher_id, award.share));
                let right = posting::booking(order.advertiser_id, shares);
                let reaward = Reaward {
                    event_id: order.event_id,
                    number: order.number,
                    at: order.at,
                    currency: order.currency,
                    awarded: order.awarded.as_ref(),
                    right: &right,
                };
                done += usize::from(transaction.reaward(&reaward, by)?);
            }
            transaction.commit()?;
        }
        Ok(done)
    }
}

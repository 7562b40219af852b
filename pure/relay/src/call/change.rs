//! What a call wants changed.

use attribution::{Rate, commission};
use sha2::{Digest as _, Sha256};
use tracking::dialect::interface::{CallOutcome, Operation};
use tracking::directory::Commission;
use tracking::{Event, Field, key};
use units::{Currency, Day, Money, Timestamp};

/// How far the date of a call may be from the day of its transaction: the platform's own tolerance, which also takes
/// up that its clock was not in UTC.
const DAYS_AWAY_MAX: i64 = 2;

/// A change that a merchant asks for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Change {
    /// Edit or void.
    pub operation: Operation,
    /// The order reference of the transaction, without what means nothing.
    pub reference: String,
    /// The order reference as it is spelled in the call.
    pub spelled: String,
    /// The day of the transaction, as the merchant has it.
    pub day: Day,
    /// True if the transaction itself is meant.
    pub itself: bool,
    /// True if those that follow it are meant.
    pub children: bool,
    /// Identifies what is asked for: the same text is the same change.
    pub content: String,
    amount: Option<Money>,
    currency_named: bool,
    commission: Option<Override>,
}

/// A commission that the merchant sets.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Override {
    Percent(Rate),
    Amount(String),
}

impl Change {
    /// Reads what `event` asks for.
    ///
    /// # Errors
    /// What the caller is told if something is missing or cannot be read.
    pub fn read(operation: Operation, event: &Event) -> Result<Self, CallOutcome> {
        let incomplete = CallOutcome::Incomplete;
        let text = |field| event.text(field).filter(|text| !text.is_empty());
        let day = text(Field::TransactionDate).and_then(Day::parse).ok_or(incomplete)?;
        let reference = text(Field::OrderReference).ok_or(incomplete)?;
        let commission = read_override(event).ok_or(incomplete)?;
        let amount = event.money(Field::Amount);
        if operation == Operation::Edit
            && amount.is_none()
            && commission.is_none()
            && text(Field::Comment).is_none()
        {
            return Err(incomplete);
        }
        let children = text(Field::Children).unwrap_or("0");
        Ok(Self {
            operation,
            reference: key::canonical(reference),
            spelled: reference.to_owned(),
            day,
            itself: children != "2",
            children: children != "0",
            content: content(operation, event),
            amount,
            currency_named: event.get(Field::Currency).is_some(),
            commission,
        })
    }

    /// When a transaction that can be the one that is meant was received: from the first time on, before the second.
    pub const fn window(&self) -> (Timestamp, Timestamp) {
        (self.day.plus(-DAYS_AWAY_MAX).start(), self.day.plus(DAYS_AWAY_MAX.saturating_add(1)).start())
    }

    /// The order's value after the change, for one that is worth `standing`.
    pub fn amount(&self, standing: Money) -> Money {
        match self.amount {
            None => standing,
            Some(amount) if self.currency_named || amount.currency == standing.currency => amount,
            // The call names no currency: its digits are of the transaction's.
            Some(amount) => Money::parse(&amount.decimal(), standing.currency).unwrap_or(standing),
        }
    }

    /// What is earned of `amount` after the change, where `usual` is earned if it names nothing else; none if that cannot
    /// be said.
    pub(super) fn earned(&self, usual: Option<&Commission>, amount: Money) -> Option<Money> {
        match &self.commission {
            None => commission(usual?, amount).ok(),
            Some(Override::Percent(rate)) => rate.of(amount),
            Some(Override::Amount(text)) => Money::parse(text, amount.currency).ok(),
        }
    }

    /// True if the change is of the order's value or of the commission, and no mere comment.
    pub(super) const fn is_of_money(&self) -> bool {
        self.amount.is_some() || self.commission.is_some()
    }
}

/// The override that the call names; the outer none if it cannot be read.
#[expect(clippy::option_option, reason = "absent and unreadable are two things")]
fn read_override(event: &Event) -> Option<Option<Override>> {
    let text = |field| event.text(field).map(str::trim).filter(|text| !text.is_empty());
    if let Some(percent) = text(Field::CommissionPercent) {
        let rate = Rate::parse(percent).or_else(|| loosely(percent))?;
        return Some(Some(Override::Percent(rate)));
    }
    let Some(amount) = text(Field::CommissionAmount) else { return Some(None) };
    Money::parse(amount, Currency::USD).ok()?;
    Some(Some(Override::Amount(amount.to_owned())))
}

/// A percentage in the looser forms that amounts have, such as `7,5`: two decimals of a percent are basis points, as two
/// decimals of a dollar are cents.
fn loosely(percent: &str) -> Option<Rate> {
    let parsed = Money::parse(percent.trim_end_matches('%'), Currency::USD).ok()?;
    u64::try_from(parsed.minor).ok().map(Rate::from_basis_points)
}

/// The identity of what is asked for: everything in the event that decides what becomes of the transaction.
fn content(operation: Operation, event: &Event) -> String {
    let decides = [
        Field::OrderReference,
        Field::TransactionDate,
        Field::Amount,
        Field::Currency,
        Field::CommissionPercent,
        Field::CommissionAmount,
        Field::Comment,
        Field::Children,
    ];
    let mut digest = Sha256::new();
    digest.update(operation.name());
    for field in decides {
        digest.update(b"\n");
        digest.update(event.get(field).map(tracking::Value::text).unwrap_or_default());
    }
    digest.finalize().iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}

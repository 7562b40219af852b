//! Awards: who earned how much of a conversion, and why; and what was earned before.

mod again;

use std::cmp::Ordering;
use std::ops::Range;

use attribution::{Awarded, Figures};
use relay::intake::{Asked, EvidenceKind, evidence_kind_of};
use units::{Currency, Day, EventId, Money, Timestamp};

use crate::store::{Connection, Row, StoreError, named_params};
use crate::{Ledger, LedgerError, Transaction, sql};

pub use again::{AwardPage, Decided, Reaward, Span};

const DOING: &str = "write an award down";

/// One publisher's part of a conversion, as it was decided.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AwardRow {
    /// Which decision, counted from 1. The last one is in force.
    pub number: u32,
    /// Who earns; 0 where it was decided that nobody does any more.
    pub publisher_id: u64,
    /// How much.
    pub share: Money,
    /// The conversion's whole commission.
    pub commission: Money,
    /// True for the publisher that the platform is told of.
    pub credited: bool,
    /// What proves the touch, by name.
    pub evidence: String,
    /// When the touch was; none where that is not told.
    pub touched_at: Option<Timestamp>,
    /// How many touches earn the share.
    pub touches: u32,
    /// The model, by name.
    pub model: String,
    /// The version of the terms.
    pub terms: String,
    /// The rules and caps that made the commission.
    pub rules: String,
    /// What was earned before, as far as the rules asked.
    pub figures: String,
    /// The arrival that it was decided by.
    pub source: EventId,
    /// When it was decided.
    pub decided_at: Timestamp,
}

impl AwardRow {
    /// The rows of a decision that is not written down: without number, source and time.
    pub fn of(awarded: &Awarded) -> Vec<Self> {
        let row = |each: &attribution::Award| Self {
            number: 0,
            publisher_id: each.touch.publisher_id,
            share: each.share,
            commission: awarded.commission,
            credited: each.touch.publisher_id == awarded.credited.publisher_id,
            evidence: evidence_kind_of(each.touch.proof).name().to_owned(),
            touched_at: each.touch.at,
            touches: u32::try_from(each.touches).unwrap_or(u32::MAX),
            model: awarded.model.name().to_owned(),
            terms: awarded.terms.clone(),
            rules: awarded.rules.join("; "),
            figures: awarded.figures.write(),
            source: EventId::from_u128(0),
            decided_at: Timestamp::default(),
        };
        awarded.awards.iter().map(row).collect()
    }

    /// Everything that was decided, as one text: two decisions are the same if it is.
    pub fn content(&self) -> String {
        let at = self.touched_at.map(|at| at.as_millis().to_string()).unwrap_or_default();
        let Self { publisher_id, share, commission, credited, evidence, touches, .. } = self;
        let Self { model, terms, rules, figures, .. } = self;
        format!(
            "{publisher_id}|{share}|{commission}|{credited}|{evidence}|{at}|{touches}|{model}|{terms}|{rules}|{figures}"
        )
    }
}

/// What an award is written down with.
#[derive(Clone, Copy)]
pub(crate) struct Award<'a> {
    pub(crate) event_id: EventId,
    pub(crate) source: EventId,
    pub(crate) at: Timestamp,
    pub(crate) currency: Currency,
    /// None where nobody earns any more.
    pub(crate) awarded: Option<&'a Awarded>,
}

impl Transaction<'_> {
    /// Writes down who earns how much. The decision before stays, and is not in force any more.
    pub(crate) fn award(&mut self, award: &Award<'_>) -> Result<(), LedgerError> {
        let Some(awarded) = award.awarded else { return self.award_nobody(award) };
        (1_i64..).zip(AwardRow::of(awarded)).try_for_each(|(line, row)| self.award_line(award, line, &row))
    }

    fn award_nobody(&mut self, award: &Award<'_>) -> Result<(), LedgerError> {
        // What nobody ever earned need not be taken back.
        let earned = "SELECT 1 FROM awards WHERE event_id = ?1 LIMIT 1";
        if sql::one(&self.inner, earned, (sql::id(award.event_id),), |_| Ok(()))?.is_none() {
            return Ok(());
        }
        let nothing = Money::from_minor(0, award.currency);
        let row = AwardRow {
            number: 0,
            source: award.source,
            decided_at: self.now(),
            publisher_id: 0,
            share: nothing,
            commission: nothing,
            credited: false,
            evidence: EvidenceKind::None.name().to_owned(),
            touched_at: None,
            touches: 0,
            model: String::new(),
            terms: String::new(),
            rules: "nobody earns".to_owned(),
            figures: String::new(),
        };
        self.award_line(award, 1, &row)
    }

    /// Writes a line of a decision. Its first line gives the decision its number: nobody needs to be asked for the last.
    fn award_line(&self, award: &Award<'_>, line: i64, row: &AwardRow) -> Result<(), LedgerError> {
        let insert = "INSERT INTO awards (event_id, number, line, publisher_id, minor, currency, commission_minor,
            credited, evidence, touched_at, touches, model, terms, rules, figures, source, happened_at, decided_at)
            VALUES (:event_id, (SELECT coalesce(max(number), 0) FROM awards WHERE event_id = :event_id) + :first, :line, :publisher_id, :minor, :currency, :commission_minor, :credited,
            :evidence, :touched_at, :touches, :model, :terms, :rules, :figures, :source, :happened_at, :decided_at)";
        let values = named_params! {
            ":event_id": sql::id(award.event_id), ":first": line == 1, ":line": line,
            ":publisher_id": sql::int(row.publisher_id), ":minor": row.share.minor,
            ":currency": row.share.currency.code(), ":commission_minor": row.commission.minor,
            ":credited": row.credited, ":evidence": row.evidence,
            ":touched_at": row.touched_at.map(Timestamp::as_millis), ":touches": row.touches,
            ":model": row.model, ":terms": row.terms, ":rules": row.rules, ":figures": row.figures,
            ":source": sql::id(award.source), ":happened_at": award.at.as_millis(),
            ":decided_at": self.now().as_millis(),
        };
        sql::send(&self.inner, insert, values, DOING)
    }

    /// Counts an order among those that its publisher earned by, or not any more.
    pub(crate) fn count_earned(&mut self, earned: &Earned, sign: i64) -> Result<(), LedgerError> {
        let upsert =
            "INSERT INTO earned (advertiser_id, day, publisher_id, currency, orders, minor, commission_minor)
            VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
            ON CONFLICT (advertiser_id, day, publisher_id, currency) DO UPDATE SET
            orders = earned.orders + excluded.orders, minor = earned.minor + excluded.minor,
            commission_minor = earned.commission_minor + excluded.commission_minor";
        let signed = |minor: i64| minor.saturating_mul(sign);
        let (minor, commission) = (signed(earned.amount.minor), signed(earned.commission));
        let currency = earned.amount.currency;
        let day = day_number(earned.at);
        let publisher_id = sql::int(earned.publisher_id);
        let row = (earned.advertiser_id, day, publisher_id, currency.code(), sign, minor, commission);
        sql::send(&self.inner, upsert, row, "count what was earned")
    }

    /// What publishers had earned before an order, by the books: for a scale in its month up to its day, for a cap in its
    /// whole month and on its whole day.
    ///
    /// # Errors
    /// If the store fails.
    pub fn figures(&self, asked: &Asked) -> Result<Vec<(u64, Figures)>, LedgerError> {
        figures(&self.inner, asked, month_of(asked.at).end)
    }
}

/// An order that a publisher earned by.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Earned {
    pub(crate) advertiser_id: i64,
    pub(crate) publisher_id: u64,
    pub(crate) at: Timestamp,
    pub(crate) amount: Money,
    /// In the same currency; what is earned in another one is counted as nothing.
    pub(crate) commission: i64,
}

impl Earned {
    /// What a publisher and its programme had earned without this order, which is of a day before the one asked about, of
    /// that day itself, or of one after it.
    fn leaves(&self, publisher_id: u64, figures: &mut Figures, day: Ordering) {
        let on_its_day = if day.is_eq() { self.commission } else { 0 };
        figures.programme_month = figures.programme_month.saturating_sub(self.commission);
        figures.programme_day = figures.programme_day.saturating_sub(on_its_day);
        if self.publisher_id == publisher_id {
            figures.orders = figures.orders.saturating_sub(u64::from(day.is_le()));
            figures.value = figures.value.saturating_sub(if day.is_le() { self.amount.minor } else { 0 });
            figures.publisher_month = figures.publisher_month.saturating_sub(self.commission);
            figures.publisher_day = figures.publisher_day.saturating_sub(on_its_day);
        }
    }
}

const fn day_number(at: Timestamp) -> i64 {
    at.as_millis().div_euclid(86_400_000)
}

/// The days of a month, by number.
fn month_of(at: Timestamp) -> Range<i64> {
    let day = Day::of(at);
    let first = |later| day.in_later_month(later, 1).unwrap_or(day);
    day_number(first(0).start())..day_number(first(1).start())
}

/// What is booked on the days before `end`. A cap counts all of a month, later days too: what came first has used it, on
/// whatever day an order is said to have happened that comes now. A step of a scale was reached on a day, and what came
/// after that day had no part in it.
fn figures(connection: &Connection, asked: &Asked, end: i64) -> Result<Vec<(u64, Figures)>, LedgerError> {
    let (today, first) = (day_number(asked.at), month_of(asked.at).start);
    let last = end.saturating_sub(1);
    let (advertiser_id, currency) = (sql::int(asked.advertiser_id), asked.currency.code());
    let query = "SELECT CAST(sum(CASE WHEN day = ?3 THEN commission_minor ELSE 0 END) AS BIGINT), CAST(sum(commission_minor) AS BIGINT)
        FROM earned WHERE advertiser_id = ?1 AND day BETWEEN ?2 AND ?5 AND currency = ?4";
    let read = |row: &Row<'_>| Ok((row.get::<Option<i64>>(0)?, row.get::<Option<i64>>(1)?));
    let programme = sql::one(connection, query, (advertiser_id, first, today, currency, last), read)?;
    let (programme_day, programme_month) = programme.unwrap_or_default();
    let query = "SELECT CAST(sum(CASE WHEN day <= ?3 THEN orders ELSE 0 END) AS BIGINT),
        CAST(sum(CASE WHEN day <= ?3 THEN minor ELSE 0 END) AS BIGINT),
        CAST(sum(CASE WHEN day = ?3 THEN commission_minor ELSE 0 END) AS BIGINT), CAST(sum(commission_minor) AS BIGINT)
        FROM earned
        WHERE advertiser_id = ?1 AND day BETWEEN ?2 AND ?6 AND currency = ?4 AND publisher_id = ?5";
    let mut figures = Vec::with_capacity(asked.publishers.len());
    for &publisher_id in &asked.publishers {
        let read = |row: &Row<'_>| {
            let number = |place| Ok::<_, StoreError>(row.get::<Option<i64>>(place)?.unwrap_or(0));
            Ok(Figures {
                orders: u64::try_from(number(0)?).unwrap_or(0),
                value: number(1)?,
                publisher_day: number(2)?,
                publisher_month: number(3)?,
                programme_day: programme_day.unwrap_or(0),
                programme_month: programme_month.unwrap_or(0),
            })
        };
        let row = (advertiser_id, first, today, currency, sql::int(publisher_id), last);
        figures.push((publisher_id, sql::one(connection, query, row, read)?.unwrap_or_default()));
    }
    let own = asked.but.map(|event_id| counted(connection, event_id)).transpose()?.flatten();
    if let Some(own) = own.filter(|own| own.amount.currency == asked.currency) {
        let day = day_number(own.at);
        if (first..end).contains(&day) {
            figures.iter_mut().for_each(|(id, figures)| own.leaves(*id, figures, day.cmp(&today)));
        }
    }
    Ok(figures)
}

/// What an order counts as among those that its publisher earned by.
pub(crate) fn counted(connection: &Connection, event_id: EventId) -> Result<Option<Earned>, LedgerError> {
    let query = "SELECT c.advertiser_id, coalesce(a.publisher_id, c.publisher_id),
        coalesce(a.happened_at, c.received_at), c.minor, c.currency,
        coalesce(a.commission_minor, c.commission_minor), coalesce(a.currency, c.commission_currency)
        FROM conversions c
        LEFT JOIN awards a ON a.event_id = c.event_id AND a.credited = 1
            AND a.number = (SELECT max(number) FROM awards WHERE event_id = c.event_id)
        WHERE c.event_id = ?1";
    let read = |row: &Row<'_>| {
        let publisher_id = row.get::<Option<i64>>(1)?.map(sql::uint);
        let amount = (row.get::<Option<i64>>(3)?, row.get::<Option<String>>(4)?);
        let commission = (row.get::<Option<i64>>(5)?, row.get::<Option<String>>(6)?);
        Ok((row.get::<i64>(0)?, publisher_id, sql::time(row.get(2)?), amount, commission))
    };
    let found = sql::one(connection, query, (sql::id(event_id),), read)?;
    let Some((advertiser_id, publisher_id, at, (minor, code), (paid, paid_code))) = found else {
        return Ok(None);
    };
    let (amount, paid) = (sql::money(minor, code)?, sql::money(paid, paid_code)?);
    let (Some(publisher_id), Some(amount), Some(paid)) = (publisher_id, amount, paid) else {
        return Ok(None);
    };
    let commission = if paid.currency == amount.currency { paid.minor } else { 0 };
    Ok(Some(Earned { advertiser_id, publisher_id, at, amount, commission }))
}

impl Ledger {
    /// What publishers had earned by the end of a day, in its month.
    ///
    /// # Errors
    /// If the store fails.
    pub fn figures_until(&self, asked: &Asked) -> Result<Vec<(u64, Figures)>, LedgerError> {
        figures(&self.connection, asked, day_number(asked.at).saturating_add(1))
    }

    /// Every decision about who earns of a conversion, in order.
    ///
    /// # Errors
    /// If the store fails, or holds what cannot be.
    pub fn awards_of(&self, event_id: EventId) -> Result<Vec<AwardRow>, LedgerError> {
        awards_of(&self.connection, event_id)
    }
}

fn awards_of(connection: &Connection, event_id: EventId) -> Result<Vec<AwardRow>, LedgerError> {
    let query =
        "SELECT number, publisher_id, minor, currency, commission_minor, credited, evidence, touched_at,
        touches, model, terms, rules, figures, source, decided_at
        FROM awards WHERE event_id = ?1 ORDER BY number, line LIMIT 1000";
    let rows = sql::all(connection, query, (sql::id(event_id),), |row| Ok(award_row(row)))?;
    rows.into_iter().collect()
}

fn award_row(row: &Row<'_>) -> Result<AwardRow, LedgerError> {
    let get = |source| LedgerError::Store { doing: "read an award", source };
    let text = |place| row.get::<String>(place).map_err(get);
    let code = text(3)?;
    let currency =
        Currency::parse(&code).ok_or(LedgerError::Corrupt { what: "the currency", value: code })?;
    let money = |place| row.get(place).map(|minor| Money::from_minor(minor, currency)).map_err(get);
    Ok(AwardRow {
        number: row.get(0).map_err(get)?,
        publisher_id: sql::uint(row.get(1).map_err(get)?),
        share: money(2)?,
        commission: money(4)?,
        credited: row.get(5).map_err(get)?,
        evidence: text(6)?,
        touched_at: row.get::<Option<i64>>(7).map_err(get)?.map(sql::time),
        touches: row.get(8).map_err(get)?,
        model: text(9)?,
        terms: text(10)?,
        rules: text(11)?,
        figures: text(12)?,
        source: sql::event_id(row.get(13).map_err(get)?),
        decided_at: sql::time(row.get(14).map_err(get)?),
    })
}

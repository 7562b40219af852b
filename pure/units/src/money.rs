//! Money: whole minor units and a currency, never a fraction in binary.

use core::fmt;

/// An ISO 4217 currency code, three upper-case letters.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Currency([u8; 3]);

impl Currency {
    /// United States dollar, which the old platform assumes where none is named.
    pub const USD: Self = Self(*b"USD");

    /// The currency called `code` in either letter case, or none if it is not three letters.
    pub fn parse(code: &str) -> Option<Self> {
        let bytes: [u8; 3] = code.as_bytes().try_into().ok()?;
        let upper = bytes.map(|byte| byte.to_ascii_uppercase());
        upper.iter().all(u8::is_ascii_uppercase).then_some(Self(upper))
    }

    /// The three letters.
    pub fn code(&self) -> &str {
        core::str::from_utf8(&self.0).unwrap_or("XXX")
    }

    /// How many decimals the currency's minor unit has (ISO 4217): 0, 2 or 3.
    pub const fn decimals(&self) -> u32 {
        match &self.0 {
            b"BIF" | b"CLP" | b"DJF" | b"GNF" | b"ISK" | b"JPY" | b"KMF" | b"KRW" | b"PYG" | b"RWF"
            | b"UGX" | b"VND" | b"VUV" | b"XAF" | b"XOF" => 0,
            b"BHD" | b"IQD" | b"JOD" | b"KWD" | b"LYD" | b"OMR" | b"TND" => 3,
            _ => 2,
        }
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl fmt::Debug for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

/// An amount of one currency in its minor units (cents for USD, yen for JPY).
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Money {
    /// Minor units; negative amounts occur in postings, never in a request.
    pub minor: i64,
    /// The currency of the amount.
    pub currency: Currency,
}

/// Why a text is no amount of money.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum MoneyError {
    /// Nothing was given.
    #[error("the amount is empty")]
    Empty,
    /// Not a decimal number.
    #[error("`{0}` is not an amount: digits with at most one decimal point are expected")]
    NotANumber(String),
    /// Less than zero.
    #[error("`{0}` is negative")]
    Negative(String),
    /// More than can be kept.
    #[error("`{0}` is larger than any amount that can be booked")]
    TooLarge(String),
}

impl Money {
    /// An amount in minor units.
    pub const fn from_minor(minor: i64, currency: Currency) -> Self {
        Self { minor, currency }
    }

    /// Reads a decimal amount as people and carts write it: `10`, `9.95`, `1,234.56`, `12,50`, `$10.00`.
    ///
    /// More decimals than the currency has are rounded half to even; carts send binary fractions such as
    /// `19.989999999999998`. A comma is a decimal mark if it is the only mark and one or two digits follow it.
    ///
    /// # Errors
    /// What is wrong with the text; never a silent zero.
    pub fn parse(text: &str, currency: Currency) -> Result<Self, MoneyError> {
        if let Some(minor) = plain(text.as_bytes(), currency.decimals()) {
            return Ok(Self { minor, currency });
        }
        Self::parse_any(text, currency)
    }

    /// The slow way, for every form that occurs.
    fn parse_any(text: &str, currency: Currency) -> Result<Self, MoneyError> {
        let trimmed = text.trim().trim_start_matches(['$', '€', '£']).trim_start();
        if trimmed.is_empty() {
            return Err(MoneyError::Empty);
        }
        if let Some(rest) = trimmed.strip_prefix('-') {
            let negative = rest.starts_with(|c: char| c.is_ascii_digit());
            return Err(if negative { MoneyError::Negative(text.to_owned()) } else { not_a_number(text) });
        }
        let (whole, fraction) = split_decimal(trimmed).ok_or_else(|| not_a_number(text))?;
        let minor = to_minor(&whole, fraction, currency.decimals());
        minor.map(|minor| Self { minor, currency }).ok_or_else(|| MoneyError::TooLarge(text.to_owned()))
    }

    /// The sum, if the currencies agree and it can be represented.
    pub fn checked_add(self, other: Self) -> Option<Self> {
        if self.currency != other.currency {
            return None;
        }
        self.minor.checked_add(other.minor).map(|minor| Self { minor, currency: self.currency })
    }

    /// This amount times `parts / whole`, rounded half to even. None if it cannot be represented.
    pub fn share(self, parts: u64, whole: u64) -> Option<Self> {
        let product = i128::from(self.minor).checked_mul(i128::from(parts))?;
        let minor = divide_half_even(product, i128::from(whole))?;
        i64::try_from(minor).ok().map(|minor| Self { minor, currency: self.currency })
    }

    /// The amount with its sign turned.
    #[must_use]
    pub fn negated(self) -> Self {
        Self { minor: self.minor.saturating_neg(), currency: self.currency }
    }

    /// The decimal number alone, as `10.00`, without the currency.
    pub fn decimal(&self) -> String {
        String::from(&*self.decimal_text())
    }

    /// [`Self::decimal`] without asking for memory.
    pub fn decimal_text(&self) -> DecimalText {
        let mut text = DecimalText { letters: [0; DECIMAL_CHARS_MAX], start: DECIMAL_CHARS_MAX };
        let decimals = self.currency.decimals();
        let mut rest = self.minor.unsigned_abs();
        let mut written = 0;
        while written <= decimals || rest > 0 {
            if written == decimals && decimals > 0 {
                text.put(b'.');
            }
            text.put(b'0' | u8::try_from(rest % 10).unwrap_or(0));
            rest /= 10;
            written = written.saturating_add(1);
        }
        if self.minor < 0 {
            text.put(b'-');
        }
        text
    }
}

/// Twenty digits of the largest magnitude, a sign and a decimal point.
const DECIMAL_CHARS_MAX: usize = 22;

/// An amount's decimal number.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct DecimalText {
    /// Filled from the end.
    letters: [u8; DECIMAL_CHARS_MAX],
    start: usize,
}

impl DecimalText {
    fn put(&mut self, letter: u8) {
        if let Some((start, place)) =
            self.start.checked_sub(1).and_then(|start| Some((start, self.letters.get_mut(start)?)))
        {
            *place = letter;
            self.start = start;
        }
    }
}

impl core::ops::Deref for DecimalText {
    type Target = str;

    fn deref(&self) -> &str {
        let letters = self.letters.get(self.start..).unwrap_or_default();
        core::str::from_utf8(letters).unwrap_or_default()
    }
}

impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", &*self.decimal_text(), self.currency)
    }
}

impl fmt::Debug for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The minor units of what nearly every cart sends: digits, and behind a point no more decimals than there are.
fn plain(text: &[u8], decimals: u32) -> Option<i64> {
    if text.len() > PLAIN_CHARS_MAX || !text.first()?.is_ascii_digit() {
        return None;
    }
    let (mut minor, mut behind_point) = (0_i64, None);
    for byte in text {
        match byte {
            b'0'..=b'9' => {
                minor = minor.checked_mul(10)?.checked_add(i64::from(byte & 15))?;
                behind_point = behind_point.map(|places: u32| places.saturating_add(1));
            }
            b'.' if behind_point.is_none() => behind_point = Some(0),
            _ => return None,
        }
    }
    let missing = decimals.checked_sub(behind_point.unwrap_or(0))?;
    minor.checked_mul(10_i64.checked_pow(missing)?)
}

/// Few enough digits that three decimals more cannot overflow.
const PLAIN_CHARS_MAX: usize = 15;

fn not_a_number(text: &str) -> MoneyError {
    MoneyError::NotANumber(text.to_owned())
}

/// The digits before and after the decimal mark, with thousands marks removed.
fn split_decimal(text: &str) -> Option<(String, &str)> {
    let (whole, fraction) = match (text.rfind('.'), text.rfind(',')) {
        (Some(dot), Some(comma)) if comma > dot => text.split_at_checked(comma)?,
        (Some(dot), _) => text.split_at_checked(dot)?,
        (None, Some(comma)) if text.len().saturating_sub(comma) <= 3 => text.split_at_checked(comma)?,
        (None, _) => (text, ""),
    };
    let fraction = fraction.strip_prefix(['.', ',']).unwrap_or(fraction);
    let grouped = whole.contains(['.', ',']);
    if !fraction.bytes().all(|byte| byte.is_ascii_digit()) || (grouped && !groups_of_three(whole)) {
        return None;
    }
    let whole: String = whole.chars().filter(|c| !matches!(c, '.' | ',')).collect();
    let digits = whole.bytes().all(|byte| byte.is_ascii_digit());
    (digits && !(whole.is_empty() && fraction.is_empty())).then_some((whole, fraction))
}

/// True if thousands marks stand where they belong: one to three digits, then groups of exactly three.
fn groups_of_three(whole: &str) -> bool {
    let mut groups = whole.split(['.', ',']);
    let first = groups.next().is_some_and(|group| (1..=3).contains(&group.len()));
    first && groups.all(|group| group.len() == 3)
}

fn to_minor(whole: &str, fraction: &str, decimals: u32) -> Option<i64> {
    let scale = 10_i128.checked_pow(decimals)?;
    let whole: i128 = if whole.is_empty() { 0 } else { whole.parse().ok()? };
    // Eighteen digits hold every fraction that a double can print; what is behind cannot change a rounding
    // except in an exact tie, which no cart means.
    let fraction = fraction.get(..fraction.len().min(18))?;
    let places = u32::try_from(fraction.len()).ok()?;
    let fraction: i128 = if fraction.is_empty() { 0 } else { fraction.parse().ok()? };
    let part = divide_half_even(fraction.checked_mul(scale)?, 10_i128.checked_pow(places)?)?;
    i64::try_from(whole.checked_mul(scale)?.checked_add(part)?).ok()
}

/// Integer division rounded to the nearest, ties to the even neighbour.
fn divide_half_even(dividend: i128, divisor: i128) -> Option<i128> {
    let quotient = dividend.checked_div_euclid(divisor)?;
    let doubled = dividend.checked_rem_euclid(divisor)?.checked_mul(2)?;
    let up = doubled > divisor || (doubled == divisor && quotient.checked_rem(2)? != 0);
    quotient.checked_add(i128::from(up))
}

#[cfg(test)]
mod tests;

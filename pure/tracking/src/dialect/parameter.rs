//! What a dialect says about one parameter, and about several together.

use core::ops::RangeInclusive;

use crate::event::Field;

/// One parameter of an endpoint.
#[derive(Clone, Debug)]
pub struct Parameter {
    /// Its name as documented.
    pub name: String,
    /// Other spellings that occur.
    pub spellings: Vec<String>,
    /// Names that a decoder glues behind the value before them, without a separator.
    pub glued: Vec<String>,
    /// The numbers in its name, if it stands for a family of parameters.
    pub family: Option<Family>,
    /// What it means, or why it is dropped.
    pub meaning: Meaning,
    /// How its value is written.
    pub kind: Kind,
    /// True if a request without it is incomplete.
    pub required: bool,
    /// The value that is taken where it is absent or not understood.
    pub default: Option<String>,
    /// What a value that cannot be read leads to.
    pub invalid: Fault,
    /// The longest value, in characters.
    pub limit: usize,
    /// What a longer value leads to.
    pub past_limit: PastLimit,
    /// True if text behind the digits of an id is ignored.
    pub ignores_text: bool,
    /// True if a text that is an e-mail address is replaced by its hash.
    pub hides_email: bool,
    /// True if unknown parameters behind a raw question mark in its value belong to it.
    pub absorbs: bool,
    /// The line it stands at.
    pub line: usize,
}

/// A family of parameters that differ by a number in their names.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Family {
    /// The name before the number.
    pub prefix: String,
    /// The numbers.
    pub numbers: RangeInclusive<u32>,
    /// The name behind the number.
    pub suffix: String,
}

impl Family {
    /// The family that `name` declares, as `p{1..9}`; none if it names a single parameter.
    pub fn parse(name: &str) -> Option<Self> {
        let (prefix, rest) = name.split_once('{')?;
        let (range, suffix) = rest.split_once('}')?;
        let (first, last) = range.split_once("..")?;
        let numbers = first.parse().ok()?..=last.parse().ok()?;
        let named = !prefix.is_empty() && !numbers.is_empty();
        named.then(|| Self { prefix: prefix.to_owned(), numbers, suffix: suffix.to_owned() })
    }

    /// The number of the member called `name`. Letter case counts where names are `exact`.
    pub fn member(&self, name: &[u8], exact: bool) -> Option<u32> {
        let same = |one: &[u8], other: &str| {
            if exact { one == other.as_bytes() } else { one.eq_ignore_ascii_case(other.as_bytes()) }
        };
        let (start, rest) = name.split_at_checked(self.prefix.len())?;
        let digits = rest.len().checked_sub(self.suffix.len())?;
        let (number, end) = rest.split_at_checked(digits)?;
        // A leading zero would make two names of one number.
        let written = number.iter().all(u8::is_ascii_digit) && (number == b"0" || !number.starts_with(b"0"));
        let number: u32 = core::str::from_utf8(number).ok()?.parse().ok()?;
        let is_own = written && same(start, &self.prefix) && same(end, &self.suffix);
        (is_own && self.numbers.contains(&number)).then_some(number)
    }
}

/// What a parameter means.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Meaning {
    /// A field of the event.
    Field(Field),
    /// Nothing that we keep, for this reason.
    Dropped(String),
    /// Something that only the platform itself reads: it goes on untouched.
    Passed(String),
}

/// How a value is written.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Kind {
    /// A bare decimal integer of at most ten digits.
    Id,
    /// Text.
    Text,
    /// An amount of money.
    Money,
    /// A share of a hundred.
    Percentage,
    /// A currency code.
    Currency,
    /// Yes or no, or a word that says neither; the further spellings of each, in lower case.
    Flag {
        /// Further spellings of yes.
        yes: Vec<String>,
        /// Further spellings of no.
        no: Vec<String>,
        /// Words that say that nobody knows.
        unknown: Vec<String>,
    },
    /// One of these words, in lower case.
    Choice(Vec<String>),
    /// Texts separated by this letter.
    List(char),
    /// A row of a basket.
    Row(RowColumns),
    /// A day, perhaps with a time, in one of the forms that occur.
    Date,
    /// Hexadecimal digits, this many if it is told.
    Hex(Option<usize>),
    /// An e-mail address, of which only the hash is kept.
    Email,
    /// A URL, perhaps without scheme.
    Url,
    /// A click id of either platform or of ours.
    ClickId,
}

/// Where a row of a basket has what we keep of it. Columns count from 0.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RowColumns {
    /// The letter between columns.
    pub separator: char,
    /// The article.
    pub sku: usize,
    /// What names the article where that column is empty.
    pub otherwise: usize,
    /// The unit price.
    pub price: usize,
    /// The quantity.
    pub quantity: usize,
}

/// What a fault leads to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fault {
    /// It is noted, and nothing waits for it.
    Flag,
    /// It is noted, and a conversion waits for a person.
    Hold,
    /// It is noted, and the value is taken away.
    Reject,
}

/// What a value above its limit leads to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PastLimit {
    /// It is cut there.
    Cut,
    /// It is cut there, and a conversion waits for a person.
    Hold,
    /// It is not taken.
    Reject,
}

/// What must hold between parameters of one request.
#[derive(Clone, Debug)]
pub struct Condition {
    /// The parameter it is about, by its place.
    pub parameter: usize,
    /// What must hold.
    pub rule: Rule,
    /// What it leads to if it does not hold.
    pub outcome: Fault,
    /// The code of the problem.
    pub problem: String,
    /// The line it stands at.
    pub line: usize,
}

/// The closed set of things that can be asked between parameters. Others are named by their places.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Rule {
    /// It must be there where the other is.
    RequiredWith(usize),
    /// It must be there where the other is one of these words.
    RequiredWhen(usize, Vec<String>),
    /// It means something only where the other is there.
    OnlyWith(usize),
    /// It means something only where the other is one of these words.
    OnlyWhen(usize, Vec<String>),
    /// It and the other exclude each other.
    Excludes(usize),
    /// Where the other is one of these words (any, if there are none), it is this.
    ForcedBy(usize, Vec<String>, String),
    /// It and the others are lists that can be read as rows: equally long, every item of it named, and every
    /// item of the others a number.
    RowsWith(Vec<usize>),
    /// Its amounts by group make up the other, to the unit.
    SumsTo(usize),
}

impl Rule {
    /// The other parameters that the rule looks at.
    pub fn others(&self) -> &[usize] {
        match self {
            Self::RequiredWith(other)
            | Self::RequiredWhen(other, _)
            | Self::OnlyWith(other)
            | Self::OnlyWhen(other, _)
            | Self::Excludes(other)
            | Self::ForcedBy(other, ..)
            | Self::SumsTo(other) => core::slice::from_ref(other),
            Self::RowsWith(others) => others,
        }
    }

    /// The beginning of a problem's code where the file names none.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::RequiredWith(_) | Self::RequiredWhen(..) => "missing",
            Self::OnlyWith(_) | Self::OnlyWhen(..) => "unexpected",
            Self::Excludes(_) => "excluded",
            Self::ForcedBy(..) => "forced",
            Self::RowsWith(_) => "uneven",
            Self::SumsTo(_) => "wrong_sum",
        }
    }
}

//! A signed interface: how a call proves who makes it, and in which words it is answered.
//!
//! An endpoint with an interface is one address for several actions. Each is a *variant*, an endpoint of its own that
//! a parameter's value picks.

use std::sync::Arc;

use crate::query;
use crate::source::Section;
use crate::wire::Inbound;

/// A signed interface.
#[derive(Debug)]
pub struct Interface {
    /// How a call is signed.
    pub signature: SignatureRule,
    /// Which format an answer is wanted in, first match first.
    pub formats: Vec<FormatRule>,
    /// The answers.
    pub says: Vec<Says>,
}

/// How a call is signed: a closed set of transforms.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SignatureRule {
    /// How the signature is made.
    pub transform: SignatureTransform,
    /// The parameter that carries the caller's public token.
    pub token: String,
    /// The parameter that names the action; it is signed in the caller's own spelling.
    pub action: String,
    /// The header with the date, which is signed as it is written.
    pub date_header: String,
    /// The header with the signature.
    pub signature_header: String,
    /// How far the date may be from the clock, in seconds.
    pub window_s: u64,
    /// The line it stands at.
    pub line: usize,
}

/// How a signature is made.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SignatureTransform {
    /// SHA-256, in hexadecimal of either case, over token, date, action and secret joined by colons.
    Sha256TokenDateActionSecret,
}

impl SignatureTransform {
    /// Every transform, by its name in dialect files.
    pub const NAMES: [&'static str; 1] = ["sha256 of token:date:action:secret"];

    /// The transform called `name`.
    pub fn parse(name: &str) -> Option<Self> {
        (name == "sha256 of token:date:action:secret").then_some(Self::Sha256TokenDateActionSecret)
    }
}

/// A condition under which an answer is wanted in a format.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FormatRule {
    /// The parameter.
    pub parameter: String,
    /// Its value, in lower case.
    pub equals: String,
    /// The format.
    pub format: AnswerFormat,
}

/// The format of an answer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum AnswerFormat {
    /// Bare text.
    Text,
    /// XML.
    Xml,
    /// Comma-separated.
    Csv,
}

impl AnswerFormat {
    /// The format called `name`.
    pub fn parse(name: &str) -> Option<Self> {
        [Self::Text, Self::Xml, Self::Csv].into_iter().find(|format| format.name() == name)
    }

    /// The format's name in dialect files.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Xml => "xml",
            Self::Csv => "csv",
        }
    }
}

/// What a call came to.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
pub enum CallOutcome {
    /// It is done, or was done before.
    Done,
    /// No transaction has the order reference and date.
    NotFound,
    /// Several transactions have them.
    Ambiguous,
    /// The transaction may not be changed any more.
    Locked,
    /// A transaction has the order reference already, with another amount.
    Conflict,
    /// Something is missing or cannot be read.
    Incomplete,
    /// The token or the signature is wrong, or the date is too far away.
    Unsigned,
    /// The caller's address is none that it has registered.
    WrongAddress,
}

impl CallOutcome {
    /// Every outcome. An interface has an answer for each.
    pub const ALL: [Self; 8] = [
        Self::Done,
        Self::NotFound,
        Self::Ambiguous,
        Self::Locked,
        Self::Conflict,
        Self::Incomplete,
        Self::Unsigned,
        Self::WrongAddress,
    ];

    /// The outcome's name in dialect files and output.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::NotFound => "not found",
            Self::Ambiguous => "ambiguous",
            Self::Locked => "locked",
            Self::Conflict => "conflict",
            Self::Incomplete => "incomplete",
            Self::Unsigned => "unsigned",
            Self::WrongAddress => "wrong address",
        }
    }

    /// The outcome called `name`.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|outcome| outcome.name() == name)
    }
}

/// One answer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Says {
    /// What it says.
    pub outcome: CallOutcome,
    /// In which format.
    pub format: AnswerFormat,
    /// The status.
    pub status: u16,
    /// The content type.
    pub content_type: String,
    /// The body; `{address}` stands for the caller's address, `{transaction}` for the transaction's id.
    pub body: String,
}

/// What a variant of an interface asks for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Operation {
    /// A new transaction.
    Book,
    /// A new transaction that copies the publisher of an earlier one.
    Refer,
    /// A change of a booked transaction.
    Edit,
    /// A booked transaction is taken back.
    Void,
}

impl Operation {
    /// Every operation.
    pub const ALL: [Self; 4] = [Self::Book, Self::Refer, Self::Edit, Self::Void];

    /// The operation's name in dialect files, tables and output.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Book => "book",
            Self::Refer => "refer",
            Self::Edit => "edit",
            Self::Void => "void",
        }
    }

    /// The operation called `name`.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|operation| operation.name() == name)
    }
}

/// The endpoints that a parameter's value picks at one address.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Variants {
    /// The parameter.
    pub parameter: String,
    /// Each value, in lower case, with the place of its endpoint.
    pub by_value: Vec<(String, usize)>,
}

impl Variants {
    /// The place of the endpoint that `inbound` picks.
    pub fn pick(&self, inbound: &Inbound) -> Option<usize> {
        let value = parameter(inbound, &self.parameter)?;
        let found = self.by_value.iter().find(|(known, _)| value.trim().eq_ignore_ascii_case(known));
        found.map(|(_, place)| *place)
    }
}

/// The first value of a query's parameter, decoded; names without regard to letter case.
pub(crate) fn parameter(inbound: &Inbound, name: &str) -> Option<String> {
    let is = |pair: &query::Pair<'_>| query::decode(pair.name).eq_ignore_ascii_case(name.as_bytes());
    let pair = query::pairs(inbound.query().unwrap_or_default()).find(is)?;
    Some(query::decode_text(pair.value.unwrap_or_default()))
}

impl Interface {
    /// The format that `inbound` wants its answer in.
    pub fn format(&self, inbound: &Inbound) -> AnswerFormat {
        let fits = |rule: &&FormatRule| {
            let value = parameter(inbound, &rule.parameter);
            value.is_some_and(|value| value.trim().eq_ignore_ascii_case(&rule.equals))
        };
        self.formats.iter().find(fits).map_or(AnswerFormat::Text, |rule| rule.format)
    }

    /// The answer for an outcome in a format; in bare text where that format has none.
    pub fn says(&self, outcome: CallOutcome, format: AnswerFormat) -> Option<&Says> {
        let of = |format| self.says.iter().find(|says| says.outcome == outcome && says.format == format);
        of(format).or_else(|| of(AnswerFormat::Text))
    }
}

pub(super) fn read_interface(section: &Section<'_, '_>) -> Option<Arc<Interface>> {
    let signature = section.section("signature", read_signature).flatten();
    let interface = Interface {
        signature: signature.or_else(|| {
            section.mistake("`signature` is missing: it says how a call proves who makes it");
            None
        })?,
        formats: section.sections("formats", read_format).into_iter().flatten().collect(),
        says: section.sections("says", read_says).into_iter().flatten().collect(),
    };
    for outcome in CallOutcome::ALL {
        if interface.says(outcome, AnswerFormat::Text).is_none() {
            let name = outcome.name();
            section.mistake(format!("there is no answer in text for `{name}`: add it to `says`"));
        }
    }
    Some(Arc::new(interface))
}

fn read_signature(section: &Section<'_, '_>) -> Option<SignatureRule> {
    section.text("source");
    section.text("why");
    let transform = section.choice("transform", &SignatureTransform::NAMES, SignatureTransform::parse);
    let rule = SignatureRule {
        transform: transform.or_else(|| {
            section.mistake("`transform` is missing: it names how the signature is made");
            None
        })?,
        token: section.required_text("token").to_lowercase(),
        action: section.required_text("action").to_lowercase(),
        date_header: section.required_text("date_header").to_lowercase(),
        signature_header: section.required_text("signature_header").to_lowercase(),
        window_s: section.number("window_s").unwrap_or(0),
        line: section.line(),
    };
    if rule.window_s == 0 {
        section.mistake("`window_s` is missing: how many seconds a date may be away from the clock");
    }
    Some(rule)
}

const FORMATS: [&str; 3] = ["text", "xml", "csv"];

fn read_format(section: &Section<'_, '_>) -> Option<FormatRule> {
    Some(FormatRule {
        parameter: section.required_text("parameter").to_lowercase(),
        equals: section.required_text("equals").to_lowercase(),
        format: section.choice("format", &FORMATS, AnswerFormat::parse)?,
    })
}

fn read_says(section: &Section<'_, '_>) -> Option<Says> {
    section.text("why");
    let names = CallOutcome::ALL.map(CallOutcome::name);
    let outcome = section.choice("outcome", &names, CallOutcome::parse);
    let format = section.choice("format", &FORMATS, AnswerFormat::parse).unwrap_or(AnswerFormat::Text);
    let status = section.number("status").unwrap_or(200);
    if outcome.is_none() {
        section.mistake("`outcome` is missing: it says what the answer is for");
    }
    Some(Says {
        outcome: outcome?,
        format,
        status: u16::try_from(status).ok().filter(|status| (200..600).contains(status)).unwrap_or(200),
        content_type: section.required_text("content_type"),
        body: section.required_text("body"),
    })
}

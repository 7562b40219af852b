//! The fate of every parameter, with the rule that decided it (I11).

use tracking::decode::{Outcome, Trace};
use tracking::dialect::{Dialect, Endpoint, Handling, Meaning, Parameter, Unknown};
use tracking::migration::{EvidenceKind, Migration};
use tracking::{Class, Field, Inbound, query};

use crate::exchange::Reading;
use crate::exchange::short_link::Link;
use crate::policy::Snapshot;

/// What becomes of a parameter.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fate {
    /// It goes on in other words, or stays with us in ours.
    Mapped,
    /// It goes on as it is.
    Passed,
    /// It goes no further, by a declared rule.
    Dropped,
    /// It was not sent, and a rule gives it a value.
    Defaulted,
    /// Its value cannot be read; the original request keeps it.
    Rejected,
}

impl Fate {
    /// The fate's name in output.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Mapped => "mapped",
            Self::Passed => "passed",
            Self::Dropped => "dropped",
            Self::Defaulted => "defaulted",
            Self::Rejected => "rejected",
        }
    }
}

/// One parameter, accounted for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ParameterAccount {
    /// Its name as sent; the documented one for a default.
    pub name: String,
    /// Its value, decoded; none if there was no `=`.
    pub value: Option<String>,
    /// What becomes of it.
    pub fate: Fate,
    /// Where it goes.
    pub to: Option<String>,
    /// The rule, with its file and line, and the reason.
    pub why: String,
}

/// Every parameter of a request that is passed on as it is.
pub(super) fn all_passed(inbound: &Inbound, why: &str) -> Vec<ParameterAccount> {
    all(inbound, Fate::Passed, why)
}

/// Every parameter of a request that the platform itself answers, with what the dialect says of it.
pub(super) fn all_proxied(
    inbound: &Inbound,
    dialect: &Dialect,
    endpoint: &Endpoint,
) -> Vec<ParameterAccount> {
    let mut accounts = all(inbound, Fate::Passed, "");
    for account in &mut accounts {
        let listed = dialect.parameter(endpoint, account.name.as_bytes()).map(|(_, parameter)| parameter);
        account.why = match listed {
            Some(Parameter { meaning: Meaning::Passed(what), line, .. }) => {
                format!("{}:{line}: {what}; passed on untouched", dialect.file)
            }
            _ => format!("{}:{}: passed on untouched", dialect.file, endpoint.line),
        };
    }
    accounts
}

/// Every parameter of a request that is refused.
pub(super) fn all_rejected(inbound: &Inbound, why: &str) -> Vec<ParameterAccount> {
    all(inbound, Fate::Rejected, why)
}

/// Tells the parameters of a short link's link from those that were sent: a table gives them. The code is one that
/// was sent if it stands in the query.
pub(super) fn tell_link(accounts: &mut Vec<ParameterAccount>, link: &Link<'_>, rule: &str) {
    for account in accounts.iter_mut().take(link.own_pairs) {
        account.fate = Fate::Defaulted;
        account.why = format!("{rule}: not sent, but in the link of `{}`; {}", link.code, account.why);
    }
    let sent = link.pair.as_deref().and_then(|pair| query::pairs(pair).next());
    let code = sent.map(|pair| ParameterAccount {
        name: query::decode_text(pair.name),
        value: pair.value.map(query::decode_text),
        fate: Fate::Mapped,
        to: Some("link".to_owned()),
        why: format!("{rule}: the code of {}", link.text),
    });
    accounts.splice(..0, code);
}

fn all(inbound: &Inbound, fate: Fate, why: &str) -> Vec<ParameterAccount> {
    let pairs = query::pairs(inbound.query().unwrap_or_default());
    let account = |pair: query::Pair<'_>| {
        let name = query::decode_text(pair.name);
        ParameterAccount {
            value: pair.value.map(query::decode_text),
            fate,
            to: (fate == Fate::Passed).then(|| name.clone()),
            why: why.to_owned(),
            name,
        }
    };
    pairs.map(account).collect()
}

/// Every parameter of a request that is translated.
pub(super) fn of_reading(
    reading: &Reading<'_>,
    snapshot: &Snapshot,
    evidence: EvidenceKind,
) -> Vec<ParameterAccount> {
    let context = Context { reading, migration: &snapshot.migration, evidence };
    reading.decoded.traces.iter().map(|trace| context.account(trace)).collect()
}

struct Context<'a> {
    reading: &'a Reading<'a>,
    migration: &'a Migration,
    evidence: EvidenceKind,
}

impl Context<'_> {
    fn account(&self, trace: &Trace<'_>) -> ParameterAccount {
        let endpoint = self.reading.decoded.endpoint;
        let parameter = trace.parameter().and_then(|place| endpoint.parameters.get(place));
        let documented = parameter.map_or_else(String::new, |parameter| parameter.name.clone());
        let defaulted = matches!(trace.outcome, Outcome::Defaulted(_));
        let line = parameter.map_or(endpoint.line, |parameter| parameter.line);
        let rule = format!("{}:{line}", self.migration.legacy.file);
        let (fate, to, why) = self.decided(trace, &rule);
        ParameterAccount {
            name: if defaulted { documented } else { query::decode_text(trace.name()) },
            value: self.value(trace),
            fate,
            to,
            why,
        }
    }

    fn value(&self, trace: &Trace<'_>) -> Option<String> {
        match trace.outcome {
            Outcome::Defaulted(field) => {
                self.reading.decoded.event.get(field).map(|value| value.text().into_string())
            }
            _ => trace.value().map(query::decode_text),
        }
    }

    fn decided(&self, trace: &Trace<'_>, rule: &str) -> (Fate, Option<String>, String) {
        match trace.outcome {
            Outcome::Mapped(field) => self.mapped(field, rule, Fate::Mapped),
            Outcome::Defaulted(field) => self.mapped(field, rule, Fate::Defaulted),
            Outcome::Empty(field) => {
                (Fate::Dropped, None, format!("{rule}: {} is empty, which says nothing", field.name()))
            }
            Outcome::Absorbed => {
                let why =
                    format!("{rule}: stands behind a raw question mark of the destination and belongs to it");
                (Fate::Mapped, Some(Field::DestinationUrl.name().to_owned()), why)
            }
            Outcome::GluedLink => {
                let why = format!(
                    "{rule}: a second link is glued behind the first; what it says stands in the rows below"
                );
                (Fate::Dropped, None, why)
            }
            Outcome::Passed => self.passed(trace, rule),
            Outcome::Kept => (Fate::Dropped, None, format!("{rule}: {}", self.unknown_reason())),
            Outcome::Dropped => (Fate::Dropped, None, format!("{rule}: {}", self.drop_reason(trace))),
            Outcome::Repeated => {
                (Fate::Dropped, None, format!("{rule}: it stood before, and the first occurrence counts"))
            }
            Outcome::Rejected => {
                let why = format!("{rule}: its value cannot be read; the original request keeps it");
                (Fate::Rejected, None, why)
            }
        }
    }

    /// Where a field goes: to the parameters that carry it, else to where it is kept.
    fn mapped(&self, field: Field, rule: &str, fate: Fate) -> (Fate, Option<String>, String) {
        let class = self.reading.decoded.endpoint.class;
        let evidence = if class == Class::Click { EvidenceKind::None } else { self.evidence };
        let file = &self.migration.file;
        let why = |line: usize, more: &str| format!("{rule}: {}; {file}:{line}{more}", field.name());
        let endpoint = self.reading.decoded.endpoint;
        if endpoint.handling == Handling::Record {
            let place = format!("{rule}: {}; recorded, never booked and never sent", field.name());
            return (fate, Some("record".to_owned()), place);
        }
        let event = &self.reading.decoded.event;
        if let Some(send) = self.migration.send(class, evidence) {
            let carriers = || send.carriers(field).filter(|carrier| carrier.from.carries(event, field));
            let names: Vec<&str> = carriers().map(|carrier| carrier.name.as_str()).collect();
            if let Some(first) = carriers().next() {
                return (fate, Some(names.join(", ")), why(first.line, ""));
            }
            let in_path = send.carriers(field).next().is_none();
            if in_path && send.tells(field) {
                return (fate, Some(send.path.clone()), why(send.line, ""));
            }
        }
        match self.migration.keep(class, field) {
            Some(keep) => (fate, Some(keep.place.clone()), why(keep.line, &format!(": {}", keep.why))),
            None => (fate, Some(field.name().to_owned()), format!("{rule}: {}", field.name())),
        }
    }

    fn passed(&self, trace: &Trace<'_>, rule: &str) -> (Fate, Option<String>, String) {
        let send = self.migration.send(self.reading.decoded.endpoint.class, EvidenceKind::None);
        let send = send.filter(|send| send.pass_unknown);
        let name = query::decode_text(trace.name());
        match send {
            Some(send) if self.migration.collides(send, trace.name()) => {
                let why = format!(
                    "{}:{}: the primary would take it for its own `{name}`",
                    self.migration.file, send.line
                );
                (Fate::Dropped, None, why)
            }
            _ => (Fate::Passed, Some(name), format!("{rule}: no rule touches it, passed on byte for byte")),
        }
    }

    fn unknown_reason(&self) -> &str {
        match &self.reading.decoded.endpoint.unknown {
            Unknown::Keep(why) => why,
            Unknown::Pass => "passed on",
        }
    }

    fn drop_reason(&self, trace: &Trace<'_>) -> &str {
        let parameters = &self.reading.decoded.endpoint.parameters;
        match trace.parameter().and_then(|place| parameters.get(place)).map(|parameter| &parameter.meaning) {
            Some(Meaning::Dropped(why)) => why,
            _ => "dropped",
        }
    }
}

//! A migration: two dialects and the join between them.
//!
//! The join says which event goes out where and in which words ([`Send`]), and what stays with us
//! ([`Keep`]). Loading checks that every field a request can give has one of the two, so that no parameter
//! can be lost by an oversight (I11).

mod encode;
mod judge;
mod load;
mod origin;

use core::time::Duration;
use std::sync::Arc;

use units::{EventId, Timestamp};

use crate::consent::Consent;
use crate::dialect::interface::Operation;
use crate::dialect::{CookieRule, Dialect, ForeignClickId};
use crate::event::{Class, Click, Event, Field, Text};
use crate::source::Mistake;
use crate::wire::{Answer, Home, Judged, Outbound};

pub use self::origin::{Channels, CommissionGroup, ItemNames, Origin};

/// A migration, compiled.
#[derive(Debug)]
pub struct Migration {
    /// Its name.
    pub name: String,
    /// The file of the join, for the reasons of rules.
    pub file: Arc<str>,
    /// The platform being left.
    pub legacy: Dialect,
    /// The platform moved to.
    pub primary: Dialect,
    /// What goes out, and in which words.
    pub sends: Vec<Send>,
    /// What stays with us.
    pub keeps: Vec<Keep>,
    /// The commission groups that orders are told under.
    pub groups: Vec<CommissionGroup>,
    /// The cookies on our hosts, old form first.
    pub cookies: Vec<CookieRule>,
}

/// One kind of request to the primary.
#[derive(Debug)]
pub struct Send {
    /// Its name, for people.
    pub name: String,
    /// The class of event it tells of.
    pub class: Class,
    /// The evidence it is used with.
    pub evidence: EvidenceKind,
    /// The change that it tells of; none for what is no adjustment.
    pub change: Option<Operation>,
    /// The primary's endpoint, for judging the answer.
    pub endpoint: Text,
    /// The method.
    pub method: Text,
    /// The primary's public host.
    pub host: Text,
    /// The path; `{advertiser primary id}` stands for that id.
    pub path: String,
    /// The header that carries our credential, which the upstream adapter adds; none if it needs none.
    pub credential: Option<String>,
    /// What stands before the credential in its header.
    pub credential_prefix: String,
    /// How the parameters are written.
    pub format: Format,
    /// What is written, in order.
    pub parameters: Vec<SendParameter>,
    /// Most conversions of one advertiser in one request; 1 where the endpoint takes one at a time.
    pub batch_max: usize,
    /// The shortest time between two such requests, over all advertisers; zero where there is no limit.
    pub pace: Duration,
    /// How long after a transaction was delivered the platform can be told of its change.
    pub settle: Duration,
    /// True if parameters that no rule touched are passed on.
    pub pass_unknown: bool,
    /// The line it stands at.
    pub line: usize,
}

/// One parameter of a request to the primary.
#[derive(Debug)]
pub struct SendParameter {
    /// Its name, or its path in JSON.
    pub name: String,
    /// What a query says before its value: an ampersand and the name, percent-encoded.
    named: Vec<u8>,
    /// That with the equals sign, and with the value where that is always the same.
    assigned: Vec<u8>,
    /// Where its value comes from.
    pub from: Origin,
    /// What a flag's yes and no are written as.
    pub flag_words: Option<(String, String)>,
    /// How a JSON value is written.
    pub json: JsonKind,
    /// True if it is written even where there is no value.
    pub empty: bool,
    /// The line it stands at.
    pub line: usize,
}

/// How the parameters of a request are written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Format {
    /// As a query.
    Query,
    /// As a JSON body; names are paths.
    Json,
}

/// How a JSON value is written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum JsonKind {
    /// A string.
    Text,
    /// A number, exactly as its decimal text.
    Number,
    /// true or false.
    Flag,
}

/// Fields that stay with us.
#[derive(Debug)]
pub struct Keep {
    /// The class of event.
    pub class: Class,
    /// The fields.
    pub fields: Vec<Field>,
    /// Where they stay.
    pub place: String,
    /// Why.
    pub why: String,
    /// The line it stands at.
    pub line: usize,
}

/// What proves which click a conversion belongs to; it picks the endpoint (design, section 7).
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Evidence {
    /// A click id of the new platform itself.
    PlatformClickId(String),
    /// A click of our token or an imported click.
    Click(Click),
    /// A voucher code that is bound to a publisher.
    Voucher(String),
    /// None: sent unattributed, and counted.
    None,
}

/// The kinds of evidence.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum EvidenceKind {
    /// A click id of the new platform itself.
    PlatformClickId,
    /// A click of our token or an imported click.
    Click,
    /// A voucher code that is bound to a publisher.
    Voucher,
    /// None.
    None,
}

impl EvidenceKind {
    /// Every kind.
    pub const ALL: [Self; 4] = [Self::PlatformClickId, Self::Click, Self::Voucher, Self::None];

    /// The kind's name in files and tables.
    pub const fn name(self) -> &'static str {
        match self {
            Self::PlatformClickId => "platform click id",
            Self::Click => "click",
            Self::Voucher => "voucher",
            Self::None => "none",
        }
    }
}

impl Evidence {
    /// Which kind of evidence it is.
    pub const fn kind(&self) -> EvidenceKind {
        match self {
            Self::PlatformClickId(_) => EvidenceKind::PlatformClickId,
            Self::Click(_) => EvidenceKind::Click,
            Self::Voucher(_) => EvidenceKind::Voucher,
            Self::None => EvidenceKind::None,
        }
    }
}

/// A conversion that is to be told to the primary.
#[derive(Clone, Copy, Debug)]
pub struct ConversionOrder<'a> {
    /// The event's identity.
    pub event_id: EventId,
    /// When it happened.
    pub at: Timestamp,
    /// What happened; ids are the legacy platform's.
    pub event: &'a Event,
    /// What proves the click.
    pub evidence: &'a Evidence,
    /// The advertiser's id on the primary.
    pub advertiser_primary_id: u64,
    /// The credited publisher's id on the primary.
    pub publisher_primary_id: Option<u64>,
    /// What the visitor permits.
    pub consent: Consent,
}

/// A click that is to be sent on to the primary.
#[derive(Clone, Copy, Debug)]
pub struct ClickOrder<'a> {
    /// The event's identity.
    pub event_id: EventId,
    /// When it happened.
    pub at: Timestamp,
    /// What happened; ids are the legacy platform's.
    pub event: &'a Event,
    /// The landing page, with our click id in it where the visitor permits.
    pub landing: &'a str,
    /// The advertiser's id on the primary.
    pub advertiser_primary_id: u64,
    /// The publisher's id on the primary.
    pub publisher_primary_id: u64,
    /// What the visitor permits.
    pub consent: Consent,
    /// The pairs that no rule touched, as sent, joined by `&`.
    pub passed: &'a [u8],
}

/// A request to a platform with what is needed to judge its answer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Dispatch {
    /// The request.
    pub request: Outbound,
    /// The endpoint's name in the platform's dialect, for judging.
    pub endpoint: Text,
}

/// Why a request to a platform cannot be written.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum EncodeError {
    /// No rule of the migration sends this kind of event with this evidence.
    #[error("the migration has no rule that sends a {0} with this evidence")]
    NoRule(&'static str),
    /// There is no conversion to tell of.
    #[error("there is nothing to send")]
    Nothing,
}

impl Migration {
    /// Compiles a migration from the text of its file and of both dialects' files, found by name.
    ///
    /// `dialect` gives the file name and text of the dialect with a name; none if there is no such file.
    ///
    /// # Errors
    /// Every mistake in all three files, together.
    pub fn load(
        file: &str,
        text: &str,
        dialect: impl Fn(&str) -> Option<(String, String)>,
    ) -> Result<Self, Vec<Mistake>> {
        load::load(file, text, dialect)
    }

    /// The dialect of a platform.
    pub const fn dialect(&self, home: Home) -> &Dialect {
        match home {
            Home::Legacy => &self.legacy,
            Home::Primary => &self.primary,
        }
    }

    /// True if `host` (lower case) is one of the hosts that are ours to serve.
    pub fn is_public_host(&self, host: &str) -> bool {
        self.legacy.has_host(host)
    }

    /// True if `id` has the shape of the primary's own click ids, or is a list of ids joined by commas with at
    /// least one of that shape.
    pub fn is_primary_click_id(&self, id: &str) -> bool {
        let shape = self.primary.click_id_shape;
        shape.is_some_and(|shape| id.split(',').any(|part| shape.matches(part)))
    }

    /// The one of several click ids joined by commas that counts for an advertiser of the primary: its newest.
    /// Where none is the advertiser's, the primary is left to judge what it was sent.
    pub fn newest_click_id<'i>(&self, ids: &'i str, advertiser_primary_id: u64) -> &'i str {
        let Some(shape) = self.primary.click_id_shape else { return ids };
        let own = ids.split(',').filter_map(|id| Some((shape.read(id)?, id)));
        let own = own.filter(|(parts, _)| parts.advertiser_id == Some(advertiser_primary_id));
        own.max_by_key(|(parts, _)| parts.at).map_or(ids, |(_, id)| id)
    }

    /// The commission group that `event` is told under.
    pub fn group(&self, event: &Event) -> Option<&CommissionGroup> {
        self.group_of(event.text(Field::ConversionType))
    }

    /// The commission group of a kind of order.
    pub fn group_of(&self, kind: Option<&str>) -> Option<&CommissionGroup> {
        let named =
            self.groups.iter().find(|g| g.conversion_type.is_some() && g.conversion_type.as_deref() == kind);
        named.or_else(|| self.groups.iter().find(|group| group.conversion_type.is_none()))
    }

    /// What one id tells by its shape alone, if that is the shape of the primary's own click ids.
    pub fn primary_click_id(&self, id: &str) -> Option<ForeignClickId> {
        self.primary.click_id_shape.and_then(|shape| shape.read(id))
    }

    /// The request that shows whether a platform answers at all.
    pub fn probe(&self, home: Home) -> Option<Dispatch> {
        let probe = self.dialect(home).probe.as_ref()?;
        let request = Outbound {
            home,
            method: Text::const_new("GET"),
            secure: true,
            host: probe.host.as_str().into(),
            target: probe.path.clone().into_bytes(),
            headers: Vec::new(),
            body: Vec::new(),
        };
        Some(Dispatch { request, endpoint: Text::const_new("probe") })
    }

    /// True if `answer` to a [`Self::probe`] says that the platform is up.
    pub fn probe_is_well(&self, home: Home, answer: &Answer) -> bool {
        let probe = self.dialect(home).probe.as_ref();
        probe.is_some_and(|probe| probe.status.contains(&u64::from(answer.status)))
    }

    /// The rule that sends events of `class` with evidence of this kind.
    pub fn send(&self, class: Class, evidence: EvidenceKind) -> Option<&Send> {
        self.sends
            .iter()
            .find(|send| send.class == class && send.evidence == evidence && send.change.is_none())
    }

    /// The rule that keeps `field` of events of `class` with us.
    pub fn keep(&self, class: Class, field: Field) -> Option<&Keep> {
        self.keeps.iter().find(|keep| keep.class == class && keep.fields.contains(&field))
    }

    /// True if a parameter called `name` means something to the endpoint that `send` addresses: passed on, it
    /// would speak to the platform in our name.
    pub fn collides(&self, send: &Send, name: &[u8]) -> bool {
        encode::collides(self, send, name)
    }

    /// The request that sends a click on to the primary's own click URL.
    ///
    /// # Errors
    /// If the migration has no rule for clicks.
    pub fn click(&self, order: &ClickOrder<'_>) -> Result<Outbound, EncodeError> {
        encode::click(self, order)
    }

    /// The request that tells the primary of a conversion.
    ///
    /// # Errors
    /// If the migration has no rule for conversions with this evidence.
    pub fn conversion(&self, order: &ConversionOrder<'_>) -> Result<Dispatch, EncodeError> {
        encode::conversions(self, core::slice::from_ref(order))
    }

    /// One request that tells the primary of several conversions of one advertiser with evidence of one kind.
    /// The rule's `batch_max` says how many it takes; each is judged by itself on the one answer.
    ///
    /// # Errors
    /// If the migration has no rule for conversions with this evidence, or there are none.
    pub fn conversions(&self, orders: &[ConversionOrder<'_>]) -> Result<Dispatch, EncodeError> {
        encode::conversions(self, orders)
    }

    /// The rule that tells the primary of this change of a transaction.
    pub fn change(&self, operation: Operation) -> Option<&Send> {
        self.sends.iter().find(|send| send.class == Class::Adjustment && send.change == Some(operation))
    }

    /// One request that tells the primary of changes of one kind to transactions of one advertiser. The event of each
    /// is the change, with the order reference that the platform knows; its time is the transaction's.
    ///
    /// # Errors
    /// If the migration has no rule for such changes, or there are none.
    pub fn changes(
        &self,
        operation: Operation,
        orders: &[ConversionOrder<'_>],
    ) -> Result<Dispatch, EncodeError> {
        let send = self.change(operation).ok_or(EncodeError::NoRule(Class::Adjustment.name()))?;
        encode::orders(self, send, orders)
    }

    /// What a platform's answer to a conversion means. `endpoint` is the one of the [`Dispatch`], or the
    /// legacy endpoint that the original request asked.
    pub fn judge(&self, home: Home, endpoint: &str, event: &Event, answer: &Answer) -> Judged {
        judge::judge(self.dialect(home), endpoint, event, answer)
    }
}

impl Send {
    /// The names of the parameters that carry `field`.
    pub fn carriers(&self, field: Field) -> impl Iterator<Item = &SendParameter> {
        self.parameters.iter().filter(move |parameter| parameter.from.uses(field))
    }

    /// True if `request` is written by this rule, as far as its address tells.
    pub fn writes(&self, request: &Outbound) -> bool {
        let path = request.target.split(|&byte| byte == b'?').next().unwrap_or_default();
        let (start, end) = match (self.path.split_once('{'), self.path.rsplit_once('}')) {
            (Some((start, _)), Some((_, end))) => (start, end),
            _ => (self.path.as_str(), ""),
        };
        self.host == request.host && path.starts_with(start.as_bytes()) && path.ends_with(end.as_bytes())
    }

    /// True if the request tells `field`, in a parameter or in its path.
    pub fn tells(&self, field: Field) -> bool {
        let in_path = field == Field::AdvertiserId && self.path.contains('{');
        in_path || self.carriers(field).next().is_some()
    }
}

#[cfg(test)]
mod tests;

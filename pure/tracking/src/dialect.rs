//! A dialect: one platform's endpoints, parameters, cookies and answers, compiled from data.
//!
//! The file is read once ([`Dialect::load`]); what serves requests are tables looked up by hash.

mod cookie;
pub mod interface;
mod load;
mod parameter;
pub mod report;
mod short_link;
mod table;
mod vendor;

use core::time::Duration;
use std::sync::Arc;

pub(crate) use self::cookie::read_cookie;
pub use self::cookie::{CookieForm, CookieRule, CookieSuffix, CookieValue};
pub use self::parameter::{Condition, Family, Fault, Kind, Meaning, Parameter, PastLimit, RowColumns, Rule};
pub use self::short_link::{Code, ShortLinks, StoredLink};

use units::{Timestamp, limits};

use crate::consent::Vendor;
use crate::event::{Class, Field};
use crate::postback::Postbacks;
use crate::source::Mistake;
use crate::wire::{Inbound, Method, Verdict};

/// One platform's words.
#[derive(Debug)]
pub struct Dialect {
    /// Its name.
    pub name: String,
    /// Its name for people.
    pub title: String,
    /// The file it was read from, for the reasons of rules.
    pub file: Arc<str>,
    /// Where a visitor lands for whom there is nothing better.
    pub home_url: String,
    /// The parameter of a landing page that carries the click id, if the platform has one.
    pub landing_parameter: Option<String>,
    /// The shape of the platform's own click ids.
    pub click_id_shape: Option<ClickIdShape>,
    /// Masks of the platform's own click ids, where no more is known of them than how they look.
    pub click_id_masks: Vec<String>,
    /// Every endpoint.
    pub endpoints: Vec<Endpoint>,
    /// Every cookie on the platform's own hosts.
    pub cookies: Vec<CookieRule>,
    /// What the platform needs a visitor's consent string to say.
    pub vendor: Option<Vendor>,
    /// How a visitor opts out.
    pub opt_out: Option<OptOut>,
    /// Where short links carry their codes.
    pub short_links: Option<ShortLinks>,
    /// The page that sends a shopper on by its script: what stands before the address, and what behind.
    pub script_page: Option<(String, String)>,
    /// What stands in the addresses that publishers have it call.
    pub postbacks: Option<Postbacks>,
    /// What it says itself that it has booked.
    pub reports: Vec<report::Report>,
    /// How to see whether the platform answers at all.
    pub probe: Option<Probe>,
    /// True if parameter names are matched with regard to letter case.
    exact_names: bool,
    strip_prefixes: table::Prefixes,
    /// True if a link of the platform inside a value begins a second request that was glued behind the first.
    pub(crate) splits_glued_links: bool,
    placeholders: Vec<Placeholder>,
    hosts: table::Hosts,
    /// The domains that hosts share for their cookies, by host.
    cookie_domains: Vec<(String, String)>,
}

/// One endpoint.
#[derive(Debug)]
pub struct Endpoint {
    /// Its name, for people and for the join.
    pub name: String,
    /// What kind of requests it takes.
    pub class: Class,
    /// The methods it takes.
    pub methods: Vec<Method>,
    /// Its paths, as the file writes them.
    pub paths: Vec<String>,
    /// Its parameters.
    pub parameters: Vec<Parameter>,
    /// What must hold between them.
    pub conditions: Vec<Condition>,
    /// What becomes of parameters that it does not list.
    pub unknown: Unknown,
    /// What becomes of the request.
    pub handling: Handling,
    /// True if the platform's own cookies belong to it, as where somebody is logged in.
    pub all_cookies: bool,
    /// What a local reply looks like.
    pub reply: ReplyKind,
    /// How a shopper is sent on.
    pub sends_on: SendsOn,
    /// How long its answers may be kept; none if they may not.
    pub keep: Option<KeepRule>,
    /// Where a visitor is sent instead, where the platform does not answer, or is gone. A migration says it.
    pub instead: Option<String>,
    /// What is replied where the platform does not answer, or is gone.
    pub replacement: Option<Replacement>,
    /// True if a form in the body counts as parameters.
    pub form_body: bool,
    /// How its answers are read, first match first.
    pub answers: Vec<AnswerRule>,
    /// How its calls are signed and answered, if they are.
    pub interface: Option<Arc<interface::Interface>>,
    /// What a call of it asks for, where we serve it.
    pub operation: Option<interface::Operation>,
    /// The endpoints that stand behind the same address.
    pub variants: interface::Variants,
    /// The line it stands at.
    pub line: usize,
    names: table::Names,
    /// Names that stand glued behind another value, in the bytes that they occur in.
    pub(crate) glued: Vec<Glued>,
    /// The parameters that mean something, in the order that they are read: what types the others comes first.
    pub(crate) reading_order: Vec<Reading>,
}

/// What reading has to know of a parameter that did not come.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Reading {
    /// The parameter's place.
    pub(crate) place: usize,
    /// Its field.
    pub(crate) field: Field,
    /// True if its absence leads to something, or it is a family.
    pub(crate) absence_counts: bool,
}

/// A name that a decoder glues behind the value before it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Glued {
    /// The name's bytes once percent-decoded.
    pub(crate) bytes: Vec<u8>,
}

/// What becomes of parameters that an endpoint does not list.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Unknown {
    /// They are passed on, byte for byte.
    Pass,
    /// They stay in the original request and go nowhere else, for this reason.
    Keep(String),
}

/// What becomes of a request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Handling {
    /// It is translated.
    Translate,
    /// It is passed to the platform untouched.
    Proxy,
    /// It is recorded and answered, and never booked.
    Record,
    /// Our processor answers it, once its programme has moved.
    Serve,
    /// It is our own page on which a visitor opts out.
    OptOut,
    /// Its code stands for another link: that is translated.
    ShortLink,
}

/// How a visitor opts out: a cookie on our hosts, and the two pages that set and clear it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct OptOut {
    /// The cookie's name.
    pub cookie: String,
    /// What a visitor sees who has not opted out.
    pub page: Replacement,
    /// What a visitor sees who has.
    pub done: Replacement,
}

/// How a shopper is sent on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SendsOn {
    /// By a redirect.
    Redirect,
    /// By a page whose script goes there, because clients read the address out of it.
    ScriptPage,
}

/// How long the answers of an endpoint may be kept: they are the same for everybody.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct KeepRule {
    /// How long one is as good as new, unless the platform says that it is less.
    pub fresh: Duration,
    /// How long after that it is still better than none, while the platform does not answer.
    pub stale: Duration,
}

/// A file of ours that stands in for a platform's.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Replacement {
    /// The file, from the folder of the dialects.
    pub file: String,
    /// Its content type.
    pub content_type: &'static str,
    /// Its text; empty until [`Dialect::furnish`] has brought it.
    pub text: Arc<str>,
    /// The line it stands at.
    pub line: usize,
}

/// What a local reply looks like.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ReplyKind {
    /// A 1x1 image.
    Pixel,
    /// An empty script.
    Script,
    /// A page for a person, or a redirect to one.
    Page,
}

/// How one kind of answer is read.
#[derive(Clone, Debug)]
pub struct AnswerRule {
    /// The statuses it matches.
    pub status: Vec<u64>,
    /// What the body must look like.
    pub body: AnswerBody,
    /// What it means.
    pub verdict: Verdict,
    /// Why, for people.
    pub why: String,
    /// The line it stands at.
    pub line: usize,
}

/// What an answer's body must look like.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum AnswerBody {
    /// Anything.
    Any,
    /// An image, by its content type and its first bytes.
    Image,
    /// It contains this text.
    Contains(String),
    /// JSON in which some value at this path (`*` for every item) equals the event's field.
    JsonEquals {
        /// The path's parts.
        path: Vec<String>,
        /// The field.
        field: Field,
    },
}

/// How to see whether a platform answers at all.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Probe {
    /// The host to ask.
    pub host: String,
    /// The path to ask for.
    pub path: String,
    /// The statuses that mean that it is up.
    pub status: Vec<u64>,
}

/// The shape of a platform's own click ids.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ClickIdShape {
    /// The advertiser, seconds since 1970 and a hexadecimal rest, joined by `_`.
    NumberNumberHex,
    /// The advertiser, another number, a time and a hexadecimal rest, joined by `_`. The time's first ten digits are
    /// seconds since 1970; further ones are parts of a second.
    NumberNumberTimeHex,
}

/// What a platform's own click id tells by its shape alone. Nothing proves it but the platform.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ForeignClickId {
    /// The advertiser's id on that platform; none if it is too large to be one.
    pub advertiser_id: Option<u64>,
    /// When the click happened; none if the number is no time.
    pub at: Option<Timestamp>,
}

impl ClickIdShape {
    /// True if `id` has the shape.
    pub fn matches(self, id: &str) -> bool {
        self.read(id).is_some()
    }

    /// What `id` tells, if it has the shape.
    pub fn read(self, id: &str) -> Option<ForeignClickId> {
        let parts: Vec<&str> = id.split('_').collect();
        let number = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
        let (advertiser, time, rest) = match (self, parts.as_slice()) {
            (Self::NumberNumberHex, [first, second, rest]) => (first, *second, rest),
            (Self::NumberNumberTimeHex, [first, second, time, rest]) if number(second) && number(time) => {
                (first, time.get(..10)?, rest)
            }
            _ => return None,
        };
        let hex = !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_hexdigit());
        (number(advertiser) && number(time) && hex).then(|| ForeignClickId {
            advertiser_id: advertiser.parse().ok(),
            at: time.parse().ok().map(Timestamp::from_seconds),
        })
    }
}

/// A value that identifies nothing.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Placeholder {
    Contains(String),
    Equals(String),
}

impl Dialect {
    /// Reads a dialect file; `file` names it in messages.
    ///
    /// # Errors
    /// Every mistake in the file.
    pub fn load(file: &str, text: &str) -> Result<Self, Vec<Mistake>> {
        load::load(file, text)
    }

    /// Brings the texts of the files that the dialect names; `read` finds one by its name.
    ///
    /// # Errors
    /// Every file that is not there.
    pub fn furnish(&mut self, read: impl Fn(&str) -> Option<String>) -> Result<(), Vec<Mistake>> {
        let mut mistakes = Vec::new();
        let pages = self.opt_out.iter_mut().flat_map(|opt_out| [&mut opt_out.page, &mut opt_out.done]);
        let files = self.endpoints.iter_mut().filter_map(|endpoint| endpoint.replacement.as_mut());
        for replacement in files.chain(pages) {
            match read(&replacement.file) {
                Some(text) => replacement.text = Arc::from(text),
                None => mistakes.push(Mistake {
                    file: self.file.to_string(),
                    line: replacement.line,
                    message: format!("there is no file `{}` beside the dialects", replacement.file),
                }),
            }
        }
        if mistakes.is_empty() { Ok(()) } else { Err(mistakes) }
    }

    /// The endpoint that takes requests for `host` (lower case) and `path`.
    pub fn recognise(&self, host: &str, path: &[u8]) -> Option<&Endpoint> {
        self.hosts.endpoint(host, path).and_then(|place| self.endpoints.get(place))
    }

    /// The endpoint that takes `inbound`: where several stand behind one address, the one that its parameters pick.
    pub fn recognise_request(&self, inbound: &Inbound) -> Option<&Endpoint> {
        let endpoint = self.recognise(&inbound.host, inbound.path())?;
        if endpoint.variants.by_value.is_empty() {
            return Some(endpoint);
        }
        let picked = endpoint.variants.pick(inbound).and_then(|place| self.endpoints.get(place));
        Some(picked.unwrap_or(endpoint))
    }

    /// The report called `name`; the first where none is named.
    pub fn report(&self, name: Option<&str>) -> Option<&report::Report> {
        self.reports.iter().find(|report| name.is_none_or(|name| report.name == name))
    }

    /// The endpoint called `name`.
    pub fn endpoint(&self, name: &str) -> Option<&Endpoint> {
        self.endpoints.iter().find(|endpoint| endpoint.name == name)
    }

    /// True if `host` (lower case) is one of the platform's public hosts.
    pub fn has_host(&self, host: &str) -> bool {
        self.hosts.contains(host)
    }

    /// The group that `host` (lower case) is listed in.
    pub fn host_group(&self, host: &str) -> Option<&str> {
        self.hosts.group_name(host)
    }

    /// Every public host.
    pub fn hosts(&self) -> impl Iterator<Item = &str> {
        self.hosts.names()
    }

    /// The domain that cookies of `host` (lower case) are shared on; none if they stay on the host.
    pub fn cookie_domain(&self, host: &str) -> Option<&str> {
        self.cookie_domains.iter().find(|(name, _)| name == host).map(|(_, domain)| domain.as_str())
    }

    /// The parameter of `endpoint` that `name` spells, if it is one.
    pub fn parameter<'d>(&self, endpoint: &'d Endpoint, name: &[u8]) -> Option<(usize, &'d Parameter)> {
        let (place, _) = self.find_parameter(endpoint, name)?;
        endpoint.parameters.get(place).map(|parameter| (place, parameter))
    }

    /// The place of the parameter of `endpoint` that `name` spells, and its number if it is one of a family.
    #[inline(always)]
    pub fn find_parameter(&self, endpoint: &Endpoint, name: &[u8]) -> Option<(usize, Option<u32>)> {
        endpoint.names.find(self.strip_prefixes.strip(name), self.exact_names)
    }

    /// True if `id` looks like one of the platform's own click ids.
    pub fn looks_like_click_id(&self, id: &str) -> bool {
        let fits = |mask: &String| {
            let fits = |(sign, byte): (u8, u8)| match sign {
                b'9' => byte.is_ascii_digit(),
                b'x' => byte.is_ascii_digit() || byte.is_ascii_lowercase(),
                literal => byte == literal,
            };
            mask.len() == id.len() && mask.bytes().zip(id.bytes()).all(fits)
        };
        self.click_id_masks.iter().any(fits)
    }

    /// True if `value` identifies nothing: a template's placeholder, or a word that stands for none.
    pub fn is_placeholder(&self, value: &str) -> bool {
        let value = value.trim().to_lowercase();
        value.is_empty()
            || self.placeholders.iter().any(|placeholder| match placeholder {
                Placeholder::Contains(part) => value.contains(part.as_str()),
                Placeholder::Equals(whole) => value == *whole,
            })
    }
}

/// The limit of a value whose parameter names none, in characters.
const VALUE_CHARS_MAX: usize = limits::TARGET_BYTES_MAX;

#[cfg(test)]
mod tests;

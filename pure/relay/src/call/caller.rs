//! Who may call: each merchant's token and secret.

use core::fmt;
use core::net::IpAddr;

use subtle::ConstantTimeEq as _;
use tracking::dialect::interface::SignatureRule;
use tracking::signed::Shown;
use tracking::source::{Mistake, Section, Source};

/// A merchant that may call. It prints its id alone.
#[derive(Clone, PartialEq, Eq)]
pub struct Caller {
    /// The merchant, by the legacy id.
    pub advertiser_id: u64,
    /// Its public token.
    pub token: String,
    /// Its secrets; several while one is being replaced.
    pub secrets: Vec<String>,
    /// The addresses that it may call from; any if there is none.
    pub addresses: Vec<IpAddr>,
}

impl fmt::Debug for Caller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Caller({})", self.advertiser_id)
    }
}

impl Caller {
    /// True if it may call from `address`.
    pub fn calls_from(&self, address: Option<IpAddr>) -> bool {
        self.addresses.is_empty() || address.is_some_and(|address| self.addresses.contains(&address))
    }
}

/// Everybody who may call.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Callers(Vec<Caller>);

impl Callers {
    /// These may call.
    pub const fn new(callers: Vec<Caller>) -> Self {
        Self(callers)
    }

    /// Reads a file of callers; `file` names it in messages, which never hold a secret.
    ///
    /// # Errors
    /// Every mistake in the file.
    pub fn load(file: &str, text: &str) -> Result<Self, Vec<Mistake>> {
        let source = Source::new(file, text);
        let callers = source.read(|root| root.sections("caller", read_caller));
        let mistakes = source.into_mistakes();
        if mistakes.is_empty() { Ok(Self(callers)) } else { Err(mistakes) }
    }

    /// True if the merchant's secret is known here.
    pub fn knows(&self, advertiser_id: u64) -> bool {
        self.0.iter().any(|caller| caller.advertiser_id == advertiser_id)
    }

    /// A merchant's token, and the newest of its secrets, for calls in its name.
    pub fn of(&self, advertiser_id: u64) -> Option<(&str, &str)> {
        let caller = self.0.iter().find(|caller| caller.advertiser_id == advertiser_id)?;
        Some((&caller.token, caller.secrets.first()?))
    }

    /// How many there are.
    pub const fn len(&self) -> usize {
        self.0.len()
    }

    /// True if there is nobody.
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Who made the call that shows this; every secret is tried, so that the time taken tells nothing.
    pub fn who(&self, advertiser_id: u64, rule: &SignatureRule, shown: &Shown) -> Option<&Caller> {
        let mut found = None;
        for caller in self.0.iter().filter(|caller| caller.advertiser_id == advertiser_id) {
            let token: bool = caller.token.as_bytes().ct_eq(shown.token.as_bytes()).into();
            for secret in &caller.secrets {
                if shown.is_by(rule, secret) & token {
                    found = Some(caller);
                }
            }
        }
        found
    }
}

fn read_caller(section: &Section<'_, '_>) -> Caller {
    let advertiser_id = section.number("advertiser");
    if advertiser_id.is_none() {
        section.mistake("`advertiser` is missing: the merchant's id on the legacy platform");
    }
    let secrets = section.texts("secrets");
    if secrets.is_empty() || secrets.iter().any(String::is_empty) {
        section.mistake("`secrets` is a list of one secret, or of two while one is being replaced");
    }
    let parse = |text: String| {
        let address = text.parse().ok();
        if address.is_none() {
            section.mistake_at("addresses", format!("`{text}` is no address: write `203.0.113.9`"));
        }
        address
    };
    Caller {
        advertiser_id: advertiser_id.unwrap_or(0),
        token: section.required_text("token"),
        secrets,
        addresses: section.texts("addresses").into_iter().filter_map(parse).collect(),
    }
}

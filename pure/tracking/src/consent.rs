//! What a visitor permits, and why we think so (I10).
//!
//! Several signals may speak about one visitor. A stated refusal beats everything, a stated consent beats what is
//! only inferred, and where nothing is stated the operator's table by country decides. [`decide`] holds that
//! order, and `docs/dialects.md` tells it to people.

mod bits;
mod gpp;
mod tcf;
mod us;

pub use self::tcf::{Basis, Purpose, Vendor};
use crate::event::{Event, Field};

macro_rules! reasons {
    ($($variant:ident $name:literal $doc:literal),* $(,)?) => {
        /// Why a consent has the value it has: the signal that decided.
        #[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
        pub enum ConsentReason { $(#[doc = $doc] $variant),* }

        impl ConsentReason {
            /// Every reason.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// The reason's name in facts and tables.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name),* }
            }
        }
    };
}

reasons! {
    Link "link" "A parameter of the link said so.",
    GlobalOptOut "global_opt_out" "The browser sent a global opt-out.",
    OptOutCookie "opt_out_cookie" "The visitor opted out on our own page.",
    UsPrivacy "us_privacy" "The link's US privacy string said so.",
    Gpp "gpp" "A section of the United States in the link's privacy platform string said so.",
    ConsentString "consent_string" "The consent string of the link said so.",
    GppConsentString "gpp_consent_string" "The European section of the link's privacy platform string said so.",
    NoConsentString "no_consent_string" "European rules apply, and no consent string came.",
    UnreadableConsentString "unreadable_consent_string" "European rules apply, and the consent string cannot be read.",
    Country "country" "The operator refuses the visitor's country, as nothing else said anything.",
    CountryUnset "country_unset" "The operator has to set the visitor's country and has not, as nothing else said anything.",
    Policy "policy" "The operator refuses everywhere, as nothing else said anything.",
    NoSignal "no_signal" "Nothing said anything.",
}

impl ConsentReason {
    /// The reason called `name`.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|reason| reason.name() == name)
    }
}

/// Whether identifiers may be stored and passed on: three values, each with its reason.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum Consent {
    /// Given.
    Granted(ConsentReason),
    /// Refused: no cookie, no stored identifier, no click id passed on; the order is still booked.
    Refused(ConsentReason),
    /// No signal at all, and the migration's table permits.
    NoSignal,
}

impl Consent {
    /// True if identifiers may be stored and passed on.
    pub const fn permits(self) -> bool {
        !matches!(self, Self::Refused(_))
    }

    /// The value's name in facts and tables.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Granted(_) => "granted",
            Self::Refused(_) => "refused",
            Self::NoSignal => "no_signal",
        }
    }

    /// Why the consent has its value.
    pub const fn reason(self) -> ConsentReason {
        match self {
            Self::Granted(reason) | Self::Refused(reason) => reason,
            Self::NoSignal => ConsentReason::NoSignal,
        }
    }
}

/// What is known of a visitor's choice beside the request's own parameters.
#[derive(Clone, Copy, Debug)]
pub struct Signals<'a> {
    /// The browser's global opt-out header, as sent.
    pub global_opt_out: Option<&'a str>,
    /// True if the visitor opted out on our own page, whose cookie came along.
    pub opted_out: bool,
    /// Why the operator's table refuses this visitor where nothing else says anything; none if it permits.
    pub refused_without_signal: Option<ConsentReason>,
    /// Whose legal basis a consent string is read for; without one it can give none.
    pub vendor: Option<&'a Vendor>,
}

/// A decision, with the signals that could not be read.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Decided {
    /// What the visitor permits.
    pub consent: Consent,
    /// The fields that hold something which is not what they should hold.
    pub unreadable: Vec<Field>,
}

/// What one signal says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Says {
    /// Nothing.
    Nothing,
    /// The visitor permits.
    Grants,
    /// The visitor refuses.
    Refuses,
    /// There should be a consent, and none is shown.
    LacksConsent,
}

/// The consent that an event and its surroundings show.
///
/// 1. A stated refusal wins, whatever else is said: a consent parameter of `0` or `false`, the browser's global
///    opt-out, our own opt-out cookie, an opt-out in a US privacy string or in a section of the United States, a consent string
///    without a legal basis for the vendor.
/// 2. Then a stated consent: a consent parameter of `1` or `true`, a consent string with a legal basis.
/// 3. Then a consent that is missing where European rules are said to apply: no string, or an unreadable one.
/// 4. Then the operator's table by country.
///
/// A consent string counts unless the link says that European rules do not apply. Other words than these count
/// as absent, as the new platform documents.
pub fn decide(event: &Event, signals: Signals<'_>) -> Decided {
    let mut unreadable = Vec::new();
    let opted_out = signals.global_opt_out.is_some_and(|value| value.trim() == "1");
    let us_privacy = us_privacy(event, &mut unreadable);
    let (us_sections, european_section) = platform_string(event, signals.vendor, &mut unreadable);
    let said = [
        (ConsentReason::Link, link(event)),
        (ConsentReason::GlobalOptOut, if opted_out { Says::Refuses } else { Says::Nothing }),
        (ConsentReason::OptOutCookie, if signals.opted_out { Says::Refuses } else { Says::Nothing }),
        (ConsentReason::UsPrivacy, us_privacy),
        (ConsentReason::Gpp, us_sections),
        consent_string(event, signals.vendor, &mut unreadable),
        european_section,
    ];
    let first = |wanted| said.iter().find(|(_, says)| *says == wanted).map(|(reason, _)| *reason);
    let consent = if let Some(reason) = first(Says::Refuses) {
        Consent::Refused(reason)
    } else if let Some(reason) = first(Says::Grants) {
        Consent::Granted(reason)
    } else if let Some(reason) = first(Says::LacksConsent).or(signals.refused_without_signal) {
        Consent::Refused(reason)
    } else {
        Consent::NoSignal
    };
    Decided { consent, unreadable }
}

/// A flag in one of its words; none for any other word.
fn word(event: &Event, field: Field) -> Option<bool> {
    match event.text(field)?.trim().to_ascii_lowercase().as_str() {
        "1" | "true" => Some(true),
        "0" | "false" => Some(false),
        _ => None,
    }
}

fn link(event: &Event) -> Says {
    match word(event, Field::Consent) {
        Some(true) => Says::Grants,
        Some(false) => Says::Refuses,
        None => Says::Nothing,
    }
}

fn us_privacy(event: &Event, unreadable: &mut Vec<Field>) -> Says {
    match event.text(Field::UsPrivacy).map(us::opted_out) {
        Some(Some(true)) => Says::Refuses,
        Some(None) => {
            unreadable.push(Field::UsPrivacy);
            Says::Nothing
        }
        Some(Some(false)) | None => Says::Nothing,
    }
}

/// What a privacy platform string says: for the United States, and for Europe.
fn platform_string(
    event: &Event,
    vendor: Option<&Vendor>,
    unreadable: &mut Vec<Field>,
) -> (Says, (ConsentReason, Says)) {
    let sections = event.text(Field::GppSections).and_then(gpp::applicable);
    let text = event.text(Field::Gpp);
    let read = text.map(|text| gpp::read(text, sections.as_deref())).unwrap_or_default();
    let applies = gpp::europe_applies(sections.as_deref());
    let (reason, says, section_unreadable) = european(read.europe, applies, read.unreadable, vendor);
    if read.unreadable || section_unreadable {
        unreadable.push(Field::Gpp);
    }
    let reason =
        if reason == ConsentReason::ConsentString { ConsentReason::GppConsentString } else { reason };
    let us_sections = if read.opted_out { Says::Refuses } else { Says::Nothing };
    (us_sections, (reason, says))
}

fn consent_string(
    event: &Event,
    vendor: Option<&Vendor>,
    unreadable: &mut Vec<Field>,
) -> (ConsentReason, Says) {
    let applies = word(event, Field::GdprApplies);
    let text = event.text(Field::GdprConsent).filter(|_| applies != Some(false));
    let (reason, says, string_unreadable) = european(text, applies == Some(true), false, vendor);
    if string_unreadable {
        unreadable.push(Field::GdprConsent);
    }
    (reason, says)
}

/// What a European consent string says for `vendor`, and whether it cannot be read. `damaged` means that there
/// may have been one.
fn european(
    text: Option<&str>,
    applies: bool,
    damaged: bool,
    vendor: Option<&Vendor>,
) -> (ConsentReason, Says, bool) {
    let lacking = if applies { Says::LacksConsent } else { Says::Nothing };
    match (text, vendor) {
        (Some(text), Some(vendor)) => match tcf::permits(text, vendor) {
            Some(true) => (ConsentReason::ConsentString, Says::Grants, false),
            Some(false) => (ConsentReason::ConsentString, Says::Refuses, false),
            None => (ConsentReason::UnreadableConsentString, lacking, true),
        },
        // Whose basis should be looked for is not declared, so none can be found.
        (Some(_), None) => (ConsentReason::ConsentString, lacking, false),
        (None, _) if damaged => (ConsentReason::UnreadableConsentString, lacking, false),
        (None, _) => (ConsentReason::NoConsentString, lacking, false),
    }
}

#[cfg(test)]
mod tests;

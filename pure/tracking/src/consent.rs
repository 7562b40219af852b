//! What a visitor permits, and why we think so (I10).

use crate::event::{Event, Field};

/// Why a consent has the value it has.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum ConsentReason {
    /// A parameter of the link said so.
    Link,
    /// The consent string of the link said so.
    ConsentString,
    /// The browser sent a global opt-out.
    GlobalOptOut,
    /// The migration's table for the visitor's country decided, as nothing else said anything.
    Country,
    /// Nothing said anything.
    NoSignal,
}

impl ConsentReason {
    /// The reason's name in facts and tables.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Link => "link",
            Self::ConsentString => "consent_string",
            Self::GlobalOptOut => "global_opt_out",
            Self::Country => "country",
            Self::NoSignal => "no_signal",
        }
    }

    /// The reason called `name`.
    pub fn parse(name: &str) -> Option<Self> {
        [Self::Link, Self::ConsentString, Self::GlobalOptOut, Self::Country, Self::NoSignal]
            .into_iter()
            .find(|reason| reason.name() == name)
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
    /// True if the migration's table refuses a visitor of this country where nothing else says anything.
    pub refused_by_country: bool,
}

/// The consent that an event and its surroundings show. The strongest refusal counts.
///
/// A consent parameter of `0` or `false` refuses and one of `1` or `true` permits; other values count as
/// absent, as the new platform documents. Where European rules apply (`1`) and no consent string came, that
/// is a refusal (inferred). The string itself is passed on unread here.
pub fn decide(event: &Event, signals: Signals<'_>) -> Consent {
    let word = |field| event.text(field).map(str::to_ascii_lowercase);
    let link = word(Field::Consent);
    let applies = word(Field::GdprApplies).is_some_and(|word| word == "1");
    let opted_out = word(Field::UsPrivacy).is_some_and(|text| text.as_bytes().get(2) == Some(&b'y'));
    match link.as_deref() {
        Some("0" | "false") => return Consent::Refused(ConsentReason::Link),
        _ if signals.global_opt_out.is_some_and(|value| value.trim() == "1") || opted_out => {
            return Consent::Refused(ConsentReason::GlobalOptOut);
        }
        Some("1" | "true") => return Consent::Granted(ConsentReason::Link),
        _ => {}
    }
    match (applies, event.text(Field::GdprConsent)) {
        (true, None) => Consent::Refused(ConsentReason::ConsentString),
        (true, Some(_)) => Consent::Granted(ConsentReason::ConsentString),
        (false, _) if signals.refused_by_country => Consent::Refused(ConsentReason::Country),
        (false, _) => Consent::NoSignal,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Class, Value};

    fn check(fields: &[(Field, &str)], gpc: Option<&str>, country: bool, expected: Consent) {
        let mut event = Event::new(Class::Click);
        for (field, text) in fields {
            event.set(*field, Value::Text((*text).to_owned()));
        }
        let signals = Signals { global_opt_out: gpc, refused_by_country: country };
        assert_eq!(decide(&event, signals), expected, "{fields:?} {gpc:?} {country}");
    }

    #[test]
    fn i10_three_values_each_with_its_reason() {
        check(&[], None, false, Consent::NoSignal);
        check(&[], None, true, Consent::Refused(ConsentReason::Country));
        check(&[], Some("1"), false, Consent::Refused(ConsentReason::GlobalOptOut));
        check(&[], Some("0"), false, Consent::NoSignal);
        check(&[(Field::Consent, "0")], None, false, Consent::Refused(ConsentReason::Link));
        check(&[(Field::Consent, "1")], None, true, Consent::Granted(ConsentReason::Link));
        check(&[(Field::Consent, "1")], Some("1"), false, Consent::Refused(ConsentReason::GlobalOptOut));
        check(&[(Field::Consent, "maybe")], None, false, Consent::NoSignal);
        check(&[(Field::GdprApplies, "1")], None, false, Consent::Refused(ConsentReason::ConsentString));
        check(
            &[(Field::GdprApplies, "1"), (Field::GdprConsent, "CP")],
            None,
            true,
            Consent::Granted(ConsentReason::ConsentString),
        );
        check(&[(Field::GdprApplies, "0")], None, false, Consent::NoSignal);
        check(&[(Field::UsPrivacy, "1YYN")], None, false, Consent::Refused(ConsentReason::GlobalOptOut));
        check(&[(Field::UsPrivacy, "1YNN")], None, false, Consent::NoSignal);
    }
}

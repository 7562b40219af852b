//! Our values in the words that rows are stored and sent in: names and whole numbers.

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use units::{Currency, Money};

/// A value with a name.
macro_rules! named {
    ($module:ident, $type:ty, $what:literal) => {
        pub(crate) mod $module {
            use serde::de::Error as _;
            use serde::{Deserialize as _, Deserializer, Serialize as _, Serializer};

            pub(crate) fn serialize<S: Serializer>(value: &$type, to: S) -> Result<S::Ok, S::Error> {
                value.name().serialize(to)
            }

            pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<$type, D::Error> {
                let name = std::borrow::Cow::<'de, str>::deserialize(from)?;
                <$type>::parse(&name).ok_or_else(|| D::Error::custom(format!("`{name}` is no {}", $what)))
            }
        }
    };
}

named!(state, relay::delivery::State, "state");
named!(home, tracking::Home, "platform");
named!(evidence, relay::intake::EvidenceKind, "kind of evidence");
named!(purpose, relay::Purpose, "purpose");

/// A platform, where there is one.
pub(crate) mod some_home {
    use serde::de::Error as _;
    use serde::{Deserialize as _, Deserializer, Serialize as _, Serializer};
    use tracking::Home;

    pub(crate) fn serialize<S: Serializer>(value: &Option<Home>, to: S) -> Result<S::Ok, S::Error> {
        value.map(|home| home.name()).serialize(to)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Home>, D::Error> {
        let Some(name) = Option::<String>::deserialize(from)? else { return Ok(None) };
        Home::parse(&name).map(Some).ok_or_else(|| D::Error::custom(format!("`{name}` is no platform")))
    }
}

/// Money, where there is some: minor units and the currency.
pub(crate) mod some_money {
    use super::*;

    pub(crate) fn serialize<S: Serializer>(value: &Option<Money>, to: S) -> Result<S::Ok, S::Error> {
        value.map(|money| (money.minor, money.currency.code().to_owned())).serialize(to)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Money>, D::Error> {
        let Some((minor, code)) = Option::<(i64, String)>::deserialize(from)? else { return Ok(None) };
        let currency = Currency::parse(&code);
        let currency = currency.ok_or_else(|| D::Error::custom(format!("`{code}` is no currency")))?;
        Ok(Some(Money::from_minor(minor, currency)))
    }
}

/// Money: minor units and the currency.
pub(crate) mod money {
    use super::*;

    pub(crate) fn serialize<S: Serializer>(value: &Money, to: S) -> Result<S::Ok, S::Error> {
        (value.minor, value.currency.code()).serialize(to)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Money, D::Error> {
        let money = some_money::deserialize(from)?;
        money.ok_or_else(|| D::Error::custom("money is missing"))
    }
}

//! The identity of a conversion, derived from its content.
//!
//! Merchant, store, canonical order reference, kind and epoch: the same order makes the same key whichever
//! way and however often it arrives, for as long as the programme lives. A reference that identifies nothing
//! makes no key: the request is booked by itself, flagged, and never collapsed with another.

use sha2::{Digest, Sha256};

use crate::event::{Event, Field};

/// The key of a conversion: 32 hexadecimal digits. None if nothing identifies it.
///
/// `is_placeholder` tells what a template leaves behind when nobody filled it in. `epoch` is raised by an
/// operator for a merchant that starts its order numbers again.
pub fn conversion_key(event: &Event, epoch: u32, is_placeholder: impl Fn(&str) -> bool) -> Option<String> {
    let advertiser = event.id(Field::AdvertiserId)?;
    let reference = event.text(Field::OrderReference)?;
    if is_placeholder(reference) {
        return None;
    }
    let store = event.id(Field::StoreId).unwrap_or(0);
    let kind = event.text(Field::ConversionType).unwrap_or("sale");
    let reference = canonical(reference);
    let digest = Sha256::digest(format!("1\n{advertiser}\n{store}\n{kind}\n{epoch}\n{reference}"));
    Some(digest.iter().take(16).map(|byte| format!("{byte:02x}")).collect())
}

/// The reference without what changes on its way and means nothing: outer spaces, runs of spaces, and a
/// leading number sign. Letter case is kept, since shops exist whose references differ by it alone.
pub fn canonical(reference: &str) -> String {
    let words: Vec<&str> = reference.split_whitespace().collect();
    words.join(" ").trim_start_matches('#').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Class, Value};

    fn key(advertiser: u64, reference: &str, kind: &str) -> Option<String> {
        let mut event = Event::new(Class::Conversion);
        event.set(Field::AdvertiserId, Value::Id(advertiser));
        event.set(Field::OrderReference, Value::Text(reference.into()));
        event.set(Field::ConversionType, Value::Text(kind.into()));
        conversion_key(&event, 0, |text| text.contains("##"))
    }

    #[test]
    fn one_order_has_one_key() {
        assert_eq!(key(789, "A-1", "sale"), key(789, "  A-1 ", "sale"));
        assert_eq!(key(789, "A 1", "sale"), key(789, "A  1", "sale"));
        assert_eq!(key(789, "#1001", "sale"), key(789, "1001", "sale"));
    }

    #[test]
    fn another_order_has_another_key() {
        let first = key(789, "A-1", "sale");
        for other in [key(788, "A-1", "sale"), key(789, "a-1", "sale"), key(789, "A-1", "lead")] {
            assert_ne!(first, other);
        }
    }

    #[test]
    fn what_identifies_nothing_has_none() {
        assert_eq!(key(789, "##ORDER##", "sale"), None);
        assert_eq!(conversion_key(&Event::new(Class::Conversion), 0, |_| false), None);
    }
}

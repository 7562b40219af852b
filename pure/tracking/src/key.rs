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
    if reference.is_empty() {
        return None;
    }
    let digest = Sha256::digest(format!("1\n{advertiser}\n{store}\n{kind}\n{epoch}\n{reference}"));
    Some(digest.iter().take(16).map(|byte| format!("{byte:02x}")).collect())
}

/// The reference without what changes on its way and means nothing: outer spaces, runs of spaces, a leading number
/// sign, and characters that nobody sees. Letter case is kept, since shops exist whose references differ by it alone.
pub fn canonical(reference: &str) -> String {
    let seen: String =
        reference.chars().filter(|letter| letter.is_whitespace() || !is_unseen(*letter)).collect();
    let words: Vec<&str> = seen.split_whitespace().collect();
    words.join(" ").trim_start_matches('#').trim_start().to_owned()
}

/// True for what carts and proxies leave behind and nobody sees: control characters, marks of order and of no width.
fn is_unseen(letter: char) -> bool {
    letter.is_control() || matches!(letter, '\u{200b}'..='\u{200f}' | '\u{2060}' | '\u{feff}')
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

    /// Worked cases: each text, and the form in which it is compared.
    #[test]
    fn golden_references() {
        for (text, expected) in [
            ("A-1", "A-1"),
            (" A-1\t", "A-1"),
            ("A\u{a0}\u{2003} 1", "A 1"),
            ("A-1\0", "A-1"),
            ("\u{feff}A\u{200b}-1\r\n", "A-1"),
            ("#1001", "1001"),
            ("# 1001", "1001"),
            ("##1001", "1001"),
            ("10#01", "10#01"),
            ("a-1", "a-1"),
            ("Größe 7", "Größe 7"),
            ("001", "001"),
            ("A%2D1", "A%2D1"),
            ("#", ""),
            ("", ""),
        ] {
            assert_eq!(canonical(text), expected, "{text:?}");
            assert_eq!(canonical(expected), expected, "once is enough: {text:?}");
        }
    }

    #[test]
    fn every_part_of_an_order_is_part_of_its_key() {
        let order = |store: Option<u64>, epoch: u32| {
            let mut event = Event::new(Class::Conversion);
            event.set(Field::AdvertiserId, Value::Id(789));
            event.set(Field::OrderReference, Value::Text("A-1".into()));
            store.into_iter().for_each(|id| event.set(Field::StoreId, Value::Id(id)));
            conversion_key(&event, epoch, |_| false).unwrap()
        };
        let keys = [order(None, 0), order(Some(2), 0), order(None, 1)];
        assert!(keys[0] != keys[1] && keys[0] != keys[2] && keys[1] != keys[2], "{keys:?}");
        assert_eq!(order(None, 0), order(Some(0), 0), "no shop is shop 0");
        assert_eq!(Some(&keys[0]), key(789, "A-1", "sale").as_ref(), "what names no kind is a sale");
        assert_eq!(keys[0].len(), 32);
        // A key stands in ledgers for as long as a programme lives: it never changes.
        assert_eq!(keys[0], "ee430d186dddf29e12357352bb81d7db");
    }

    #[test]
    fn what_is_empty_once_it_is_clean_has_no_key() {
        for text in ["", " ", "#", "\0", "\u{200b}"] {
            assert_eq!(key(789, text, "sale"), None, "{text:?}");
        }
    }

    #[test]
    fn what_identifies_nothing_has_none() {
        assert_eq!(key(789, "##ORDER##", "sale"), None);
        assert_eq!(conversion_key(&Event::new(Class::Conversion), 0, |_| false), None);
    }
}

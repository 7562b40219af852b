//! The readers against strings made elsewhere, and against the encoder beside this file.

use proptest::prelude::*;

use super::super::bits::{Bits, Cursor};
use super::super::{Basis, Purpose, Vendor, gpp as platform, tcf, us};
use super::encoder::{Core, Vendors, base64, bits, fibonacci, gpp, us_section};
use super::vendor;

/// The string in the new platform's own documentation: nobody consented to anything there.
const DOCUMENTED: &str = "CPMGfKhPMGfKhAGABCENBqCgAAAAAEKAAB5YAAAJWgBADNASsAAA.YAAAAAAAAAAA";

fn needs(id: u16, purposes: &[(u16, Basis)]) -> Vendor {
    let purposes = purposes.iter().map(|(id, basis)| Purpose { id: *id, basis: *basis }).collect();
    Vendor { id, purposes }
}

#[test]
fn the_documented_string_is_read() {
    assert_eq!(tcf::permits(DOCUMENTED, &vendor()), Some(false));
    // It holds an interest of vendors 205 and 598 in purposes 2, 7 and 9, and no consent at all.
    let interest =
        |vendor, purpose| tcf::permits(DOCUMENTED, &needs(vendor, &[(purpose, Basis::LegitimateInterest)]));
    assert_eq!(interest(205, 7), Some(true));
    assert_eq!(interest(205, 1), Some(false));
    assert_eq!(interest(206, 7), Some(false));
}

#[test]
fn the_published_examples_are_read() {
    for (text, applies_us) in [
        ("DBABM~CPXxRfAPXxRfAAfKABENB-CgAAAAAAAAAAYgAAAAAAAA", false),
        ("DBABMA~CPXxRfAPXxRfAAfKABENB-CgAAAAAAAAAAYgAAAAAAAA", false),
        ("DBACNY~CPXxRfAPXxRfAAfKABENB-CgAAAAAAAAAAYgAAAAAAAA~1YNN", true),
        ("DBACNYA~CPXxRfAPXxRfAAfKABENB-CgAAAAAAAAAAYgAAAAAAAA~1YYN", true),
    ] {
        let read = platform::read(text, None);
        assert_eq!(read.europe, Some("CPXxRfAPXxRfAAfKABENB-CgAAAAAAAAAAYgAAAAAAAA"), "{text}");
        assert_eq!(tcf::permits(read.europe.unwrap(), &vendor()), Some(false), "{text}");
        assert_eq!(
            (read.opted_out, read.unreadable),
            (applies_us && text.ends_with("1YYN"), false),
            "{text}"
        );
    }
    // Sections 5 and 6, the Canadian one unread.
    let canada = platform::read("DBABjw~CPXxRfAPXxRfAAfKABENB-CgAAAAAAAAAAYgAAAAAAAA~1YYN", None);
    assert!(canada.opted_out && canada.europe.is_none() && !canada.unreadable);
}

#[test]
fn every_section_of_the_united_states() {
    for id in 7..=27_u16 {
        let places: &[usize] = match id {
            7 => &[18, 20, 22],
            11 | 18 => &[14, 16],
            _ => &[12, 14],
        };
        for place in places {
            for (value, expected) in [(0, false), (1, true), (2, false)] {
                let text = gpp(&[(id, &us_section(1, &[(*place, value)], 40))]);
                let read = platform::read(&text, None);
                assert_eq!((read.opted_out, read.unreadable), (expected, false), "section {id}, bit {place}");
            }
        }
        let silent = us_section(1, &[], 40);
        let with_opt_out = format!("{silent}.{}", base64("011".to_owned()));
        assert!(platform::read(&gpp(&[(id, &with_opt_out)]), None).opted_out, "section {id}");
        let without = format!("{silent}.{}", base64("010".to_owned()));
        assert!(!platform::read(&gpp(&[(id, &without)]), None).opted_out, "section {id}");
        let newer = us_section(9, &[], 40);
        assert!(platform::read(&gpp(&[(id, &newer)]), None).unreadable, "section {id} of a newer version");
    }
    assert!(platform::read(&gpp(&[(7, &us_section(2, &[(22, 1)], 60))]), None).opted_out);
}

#[test]
fn a_damaged_header_cannot_say_which_section_is_which() {
    let section = us_section(1, &[(12, 1)], 40);
    for text in [
        "",
        "~",
        "D",
        "CBABM~x",
        "DBABM",
        "DBABM~a~b",
        &gpp(&[(8, &section)]).replace("DB", "DC"),
        &base64(bits(3, 6) + &bits(1, 6) + &bits(1, 12) + "1" + "011" + &fibonacci(60_000)),
    ] {
        let read = platform::read(text, None);
        assert!(read.unreadable && !read.opted_out && read.europe.is_none(), "{text}");
    }
}

/// What a purpose may rest on, against everything that a string can say of it.
#[test]
fn restrictions_and_disclosure() {
    let by_interest = Core {
        purpose_consents: vec![1],
        purpose_interests: vec![7],
        consents: Vendors::Field(vec![907], 907),
        interests: Vendors::Ranges(vec![(900, 910)]),
        ..Core::default()
    };
    let by_consent = Core::granting(907);
    let restricted = |core: &Core, purpose, kind, first| {
        let restrictions = vec![(3, 0, vec![(1, 9)]), (purpose, kind, vec![(1, 1), (first, 910)])];
        tcf::permits(&Core { restrictions, ..core.clone() }.text(), &vendor())
    };
    for (core, kind, expected) in [
        (&by_interest, 0, false),
        (&by_interest, 1, false),
        (&by_interest, 2, true),
        (&by_interest, 3, true),
        (&by_consent, 0, false),
        (&by_consent, 1, true),
        (&by_consent, 2, false),
    ] {
        assert_eq!(restricted(core, 7, kind, 905), Some(expected), "kind {kind}: {core:?}");
        assert_eq!(restricted(core, 7, kind, 908), Some(true), "a restriction of other vendors");
    }
    let disclosed = |core: &Core, vendors| {
        tcf::permits(&Core { disclosed: Some(vendors), ..core.clone() }.text(), &vendor())
    };
    assert_eq!(disclosed(&by_interest, Vendors::Field(vec![907], 907)), Some(true));
    assert_eq!(disclosed(&by_interest, Vendors::Ranges(vec![(1, 906)])), Some(false));
    assert_eq!(disclosed(&by_consent, Vendors::Ranges(vec![(1, 906)])), Some(true));
}

#[test]
fn a_string_that_breaks_off_is_unreadable() {
    let whole = Core { restrictions: vec![(7, 1, vec![(907, 907)])], ..Core::granting(907) }.text();
    assert_eq!(tcf::permits(&whole, &vendor()), Some(true));
    assert_eq!(tcf::permits(&format!("{whole}=="), &vendor()), Some(true));
    // The last characters of the core are the restriction itself.
    for length in 0..whole.len() - 1 {
        assert_eq!(tcf::permits(whole.get(..length).unwrap(), &vendor()), None, "{length} characters");
    }
}

fn ids(highest: u16) -> impl Strategy<Value = Vec<u16>> {
    prop::collection::vec(1..=highest, 0..20)
}

fn vendors() -> impl Strategy<Value = Vendors> {
    let ranges = prop::collection::vec((1..1000_u16, 0..40_u16), 0..12);
    let ranges =
        ranges.prop_map(|list| list.into_iter().map(|(first, more)| (first, first + more)).collect());
    prop_oneof![
        (ids(1000), 0..1000_u16).prop_map(|(set, highest)| Vendors::Field(set, highest)),
        ranges.prop_map(Vendors::Ranges),
    ]
}

/// Found by the property below: the sum fits where the next Fibonacci numbers do not.
#[test]
fn the_largest_numbers_in_fibonacci_coding() {
    for number in [28_656, 28_657, 46_368, u16::MAX] {
        let text = base64(fibonacci(number));
        assert_eq!(Cursor::at(Bits::new(&text).unwrap(), 0).fibonacci(), Some(number));
    }
    let beyond = base64("0".repeat(22) + "0111");
    assert_eq!(Cursor::at(Bits::new(&beyond).unwrap(), 0).fibonacci(), None);
}

proptest! {
    /// What the encoder wrote is what is read, for any purposes, vendors and both forms of lists.
    #[test]
    fn what_is_written_is_read(
        purpose_consents in ids(24),
        purpose_interests in ids(24),
        consents in vendors(),
        interests in vendors(),
        vendor in 1..1000_u16,
        purpose in 1..=24_u16,
    ) {
        let by_consent = consents.holds(vendor) && purpose_consents.contains(&purpose);
        let by_interest = interests.holds(vendor) && purpose_interests.contains(&purpose);
        let core = Core { purpose_consents, purpose_interests, consents, interests, ..Core::default() };
        let text = core.text();
        for (basis, expected) in [
            (Basis::Consent, by_consent),
            (Basis::LegitimateInterest, by_interest),
            (Basis::Either, by_consent || by_interest),
        ] {
            prop_assert_eq!(tcf::permits(&text, &needs(vendor, &[(purpose, basis)])), Some(expected));
        }
    }

    #[test]
    fn numbers_in_fibonacci_coding(numbers in prop::collection::vec(1..=40_000_u16, 1..10)) {
        let text = base64(numbers.iter().map(|number| fibonacci(*number)).collect());
        let mut cursor = Cursor::at(Bits::new(&text).unwrap(), 0);
        for number in numbers {
            prop_assert_eq!(cursor.fibonacci(), Some(number));
        }
    }

    #[test]
    fn no_text_panics(text in ".*", letters in "[A-Za-z0-9_.~=-]{0,400}") {
        for text in [text, letters.clone(), format!("C{letters}"), format!("DBAB{letters}~{letters}")] {
            let _ = (tcf::permits(&text, &vendor()), us::opted_out(&text));
            let applicable = platform::applicable(&text);
            platform::read(&text, applicable.as_deref());
        }
    }
}

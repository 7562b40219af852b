use std::collections::BTreeMap;

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

fn publisher(legacy_id: u64) -> Publisher<'static> {
    Publisher { legacy_id, primary_id: Some(legacy_id + 1000), name: format!("site {legacy_id}").into() }
}

fn creative(kind: CreativeKind, legacy_id: u64) -> Creative<'static> {
    let landing_url = legacy_id.is_multiple_of(2).then(|| format!("https://shop.test/{legacy_id}").into());
    Creative { kind, legacy_id, advertiser_id: 7, primary_id: None, landing_url }
}

fn advertiser(legacy_id: u64, commission: Commission) -> Advertiser<'static> {
    Advertiser {
        legacy_id,
        primary_id: legacy_id.checked_sub(5),
        name: "Bücher & Söhne".into(),
        landing_url: "https://xn--bcher-kva.example/".into(),
        domains: Domains::new("xn--bcher-kva.example example.com"),
        wave: "first".into(),
        programme: Programme::Offline,
        currency: Currency::parse("EUR").unwrap(),
        window_days: 45,
        commission,
        deduplicates: true,
    }
}

/// A directory with a row of everything.
fn small() -> Built {
    let mut builder = Builder::default();
    builder.advertiser(&advertiser(789, Commission::Percent { basis_points: 725 }));
    builder.publisher(&publisher(3));
    CreativeKind::ALL.into_iter().for_each(|kind| builder.creative(&creative(kind, 12)));
    builder.short_link(&ShortLink { code: "4ud5g".into(), link: "https://old.test/r?b=1".into() });
    builder.finish()
}

#[test]
fn only_what_stands_there_is_found() {
    let directory = Directory::new(Vec::new(), vec![publisher(9), publisher(3)], Vec::new());
    assert_eq!(directory.publisher(3).and_then(|row| row.primary_id), Some(1003));
    assert_eq!(directory.publisher(9).and_then(|row| row.primary_id), Some(1009));
    assert_eq!(directory.publisher(4), None);
    assert_eq!(directory.publisher(10), None);
    assert_eq!(Directory::default().publisher(3), None);
}

#[test]
fn a_row_comes_back_as_it_was_given() {
    let flat = Commission::Flat(Money::from_minor(-500, Currency::parse("JPY").unwrap()));
    let rows = [advertiser(1, flat), advertiser(u64::MAX, Commission::Percent { basis_points: u64::MAX })];
    let creatives = CreativeKind::ALL.map(|kind| creative(kind, 12)).to_vec();
    let directory = Directory::new(rows.to_vec(), Vec::new(), creatives);
    assert_eq!(directory.advertiser(1).as_ref(), Some(&rows[0]));
    assert_eq!(directory.advertiser(u64::MAX).as_ref(), Some(&rows[1]));
    for kind in CreativeKind::ALL {
        assert_eq!(directory.creative(kind, 12), Some(creative(kind, 12)));
        assert_eq!(directory.creative(kind, 13), None);
    }
}

#[test]
fn what_has_a_row_and_an_id_on_the_new_platform_is_mapped() {
    let directory = Directory::from(small());
    let tables = |key: &str| -> Vec<&str> {
        let maps = |table: &Table| directory.maps(*table, key);
        Table::ALL.into_iter().filter(maps).map(Table::label).collect()
    };
    assert_eq!(tables("789"), ["advertisers"]);
    assert_eq!(tables("3"), ["publishers"]);
    assert_eq!(tables("12"), ["creatives", "deals", "products"]);
    assert_eq!(tables("4ud5g"), ["short_links"]);
    assert!(tables("4").is_empty() && tables("*").is_empty() && tables("").is_empty());
    let nameless = Publisher { primary_id: None, ..publisher(3) };
    assert!(!Directory::new(Vec::new(), vec![nameless], Vec::new()).maps(Table::Publishers, "3"));
}

#[test]
fn where_an_id_stands_twice_the_first_counts_and_the_double_is_told() {
    let mut builder = Builder::default();
    for name in ["first", "second", "third"] {
        builder.publisher(&Publisher { legacy_id: 3, primary_id: None, name: name.into() });
    }
    let built = builder.finish();
    assert_eq!(built.doubles(), [(Table::Publishers, 3)]);
    assert_eq!(Directory::from(built).publisher(3).unwrap().name, "first");
}

#[test]
fn text_taken_piece_by_piece_makes_the_same_file() {
    let mut builder = Builder::default();
    let mut text = Vec::new();
    for id in 0..50 {
        builder.publisher(&publisher(id));
        text.extend(builder.take_text());
    }
    let built = builder.finish();
    let mut bytes = built.header().to_vec();
    bytes.extend(text);
    built.parts().for_each(|part| bytes.extend_from_slice(part));
    let at_once = Directory::new(Vec::new(), (0..50).map(publisher).collect(), Vec::new());
    assert_eq!(bytes, at_once.bytes());
    let opened = Directory::open(bytes).unwrap();
    assert!((0..50).all(|id| opened.publisher(id) == Some(publisher(id))));
}

#[test]
fn every_flipped_byte_and_every_cut_is_refused() {
    let whole = Directory::from(small());
    let bytes = whole.bytes().to_vec();
    assert!(Directory::open(bytes.clone()).is_ok());
    for place in 0..bytes.len() {
        for bit in [0x01, 0x80, 0xff] {
            let mut damaged = bytes.clone();
            damaged[place] ^= bit;
            assert!(Directory::open(damaged).is_err(), "byte {place} with {bit:#x}");
        }
        assert!(Directory::open(bytes[..place].to_vec()).is_err(), "cut to {place} bytes");
    }
    let mut longer = bytes;
    longer.push(0);
    assert!(matches!(Directory::open(longer), Err(Damage::Length { .. })));
}

#[test]
fn what_is_wrong_is_said_in_words() {
    let bytes = Directory::from(small()).bytes().to_vec();
    let told = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut bytes = bytes.clone();
        change(&mut bytes);
        Directory::open(bytes).map(|_| ()).unwrap_err().to_string()
    };
    assert!(told(&|bytes| bytes.truncate(100)).contains("cut off"));
    assert!(told(&|bytes| bytes[0] = b'X').contains("no directory"));
    assert!(told(&|bytes| bytes[8] = 9).contains("format 9"));
    assert!(told(&|bytes| bytes.truncate(bytes.len() - 1)).contains("cut off"));
    assert!(told(&|bytes| bytes[520] ^= 1).contains("checksum of its text"));
    assert!(told(&|bytes| *bytes.last_mut().unwrap() ^= 1).contains("checksum of its short links"));
}

proptest! {
    #[test]
    fn the_table_answers_as_a_map_does(
        ids in vec(prop_oneof![0..2000_u64, any::<u64>()], 0..600),
        asked in vec(prop_oneof![0..2000_u64, any::<u64>()], 0..200),
    ) {
        let mut model = BTreeMap::new();
        let mut builder = Builder::default();
        for (place, id) in ids.iter().enumerate() {
            let row = Publisher { legacy_id: *id, primary_id: (id % 3 > 0).then_some(place as u64), name: place.to_string().into() };
            builder.publisher(&row);
            model.entry(*id).or_insert(row);
        }
        let built = builder.finish();
        prop_assert_eq!(built.doubles().is_empty(), model.len() == ids.len());
        let directory = Directory::open(Directory::from(built).bytes().to_vec()).unwrap();
        prop_assert_eq!(directory.publishers().count(), ids.len());
        for id in ids.iter().chain(&asked) {
            let found = directory.publisher(*id);
            prop_assert_eq!(found.as_ref(), model.get(id));
        }
    }

    #[test]
    fn a_short_link_is_found_by_its_whole_code(codes in vec("[0-9a-z]{1,3}(-[0-9a-z]{1,3})?", 0..300), other in "[0-9a-z]{1,4}") {
        let mut builder = Builder::default();
        let mut model = BTreeMap::new();
        for (place, code) in codes.iter().enumerate() {
            let link = format!("https://old.test/{place}");
            builder.short_link(&ShortLink { code: code.into(), link: link.clone().into() });
            model.entry(code.clone()).or_insert(link);
        }
        let directory = Directory::from(builder.finish());
        for code in codes.iter().chain([&other]) {
            let link = directory.short_link(code).map(|row| row.link.into_owned());
            prop_assert_eq!(link.as_ref(), model.get(code));
        }
    }

    /// What passes the checksum and was still written by something else than us: nothing is guessed, nothing panics.
    #[test]
    fn nonsense_under_a_right_checksum_is_harmless(
        places in vec((0..usize::MAX, any::<u8>()), 1..40),
        asked in any::<u64>(),
    ) {
        let mut bytes = Directory::from(small()).bytes().to_vec();
        for (place, value) in places {
            let place = format::HEADER_BYTES + place % (bytes.len() - format::HEADER_BYTES);
            bytes[place] = value;
        }
        let layout = format::resealed(&mut bytes);
        let directory = Directory { bytes: Arc::new(bytes), layout };
        for id in [asked, 789, 3, 12] {
            drop((directory.advertiser(id), directory.publisher(id)));
            CreativeKind::ALL.into_iter().for_each(|kind| drop(directory.creative(kind, id)));
        }
        drop(directory.short_link("4ud5g"));
        let all = directory.advertisers().count() + directory.short_links().count() + directory.products().count();
        prop_assert!(all <= 3);
    }
}

//! A small world from a seed: a dozen merchants, twenty publishers, their creatives.
//!
//! Merchant 789 / 100789 on `example.com`, publisher 456 / 200456 and creative 123 are in every world, so that
//! examples in documents work. Domains are reserved ones and can never be somebody's.

use std::collections::HashSet;

use super::{Advertiser, Creative, CreativeKind, Publisher, ShortLink, Voucher, World};
use crate::chance::{Chance, base36};

/// Name, domain, currency, hundredths of a percent, flat, days, moved.
type Programme = (&'static str, &'static str, &'static str, u32, u32, u32, bool);

const PROGRAMMES: [Programme; 12] = [
    ("Example Goods", "example.com", "USD", 800, 0, 30, true),
    ("Northwind Outdoor", "northwind-outdoor.example", "USD", 1000, 0, 30, true),
    ("Copper Kettle Kitchen", "copperkettle.example", "USD", 500, 0, 60, true),
    ("Lantern Books", "lanternbooks.example", "GBP", 600, 0, 30, true),
    ("Blue Fern Skincare", "bluefern.example", "USD", 1500, 0, 45, true),
    ("Harbour Bikes", "harbourbikes.example", "EUR", 400, 0, 30, true),
    ("Fable & Thread", "fableandthread.example", "USD", 1200, 250, 30, true),
    ("Pine Ridge Coffee", "pineridgecoffee.example", "USD", 1000, 0, 90, true),
    ("Quiet Desk Courses", "quietdesk.example", "USD", 0, 2500, 120, false),
    ("Marlow Pet Supply", "marlowpets.example", "USD", 700, 0, 30, false),
    ("Old Mill Hosting", "oldmillhosting.example", "USD", 0, 6500, 90, false),
    ("Tidewater Travel", "tidewater.example", "USD", 300, 0, 7, false),
];

const SITES: [&str; 20] = [
    "gearnotes",
    "dailythrift",
    "slowkitchen",
    "pagesandpots",
    "trailmix",
    "thecouponshelf",
    "petpost",
    "desklife",
    "homebarista",
    "roamlist",
    "skinnotes",
    "buildlog",
    "cashloop",
    "giftfinder",
    "weekendrides",
    "newsletterly",
    "studyhall",
    "hostcompare",
    "fabricfan",
    "sunrisereviews",
];

impl World {
    /// The world of `seed`: equal seeds give equal worlds.
    #[must_use]
    pub fn generate(seed: u64) -> Self {
        let mut chance = Chance::part(seed, 1);
        let mut ids = Ids { taken: HashSet::from([123, 178, 456, 789, 44_911]) };
        let advertisers: Vec<Advertiser> =
            (0..PROGRAMMES.len()).map(|at| advertiser(at, &mut ids, &mut chance)).collect();
        let publishers: Vec<Publisher> =
            (0..SITES.len()).map(|at| publisher(at, &mut ids, &mut chance)).collect();
        let creatives: Vec<Creative> =
            advertisers.iter().flat_map(|one| creatives_of(one, &mut ids, &mut chance)).collect();
        let vouchers = vouchers(&advertisers, &publishers);
        let short_links = short_links(&creatives, &publishers);
        let primary_api_keys = vec![format!("{:016x}-lab", Chance::part(seed, 2).next())];
        Self { advertisers, publishers, creatives, vouchers, short_links, primary_api_keys }
    }
}

/// Draws ids that nobody has yet.
struct Ids {
    taken: HashSet<u64>,
}

impl Ids {
    fn between(&mut self, from: u64, to: u64, chance: &mut Chance) -> u64 {
        loop {
            let id = from + chance.below(to - from);
            if self.taken.insert(id) {
                return id;
            }
        }
    }
}

fn advertiser(at: usize, ids: &mut Ids, chance: &mut Chance) -> Advertiser {
    let (name, domain, currency, commission_bp, commission_flat_minor, window_days, moved) = PROGRAMMES[at];
    let (legacy_id, primary_id) = match at {
        0 => (789, 100_789),
        _ => (ids.between(8_000, 140_000, chance), ids.between(60_000, 130_000, chance)),
    };
    Advertiser {
        legacy_id,
        primary_id,
        name: name.to_owned(),
        landing_url: format!("https://www.{domain}/"),
        domains: vec![domain.to_owned()],
        commission_bp,
        commission_flat_minor,
        window_days,
        currency: currency.to_owned(),
        moved,
        legacy_token: letters(16, chance),
        legacy_secret: letters(32, chance),
        ..Advertiser::default()
    }
}

fn publisher(at: usize, ids: &mut Ids, chance: &mut Chance) -> Publisher {
    let (legacy_id, primary_id) = match at {
        0 => (456, 200_456),
        _ => (ids.between(150_000, 3_900_000, chance), ids.between(150_000, 1_900_000, chance)),
    };
    Publisher {
        legacy_id,
        primary_id,
        name: SITES[at].to_owned(),
        url: format!("https://{}.example/", SITES[at]),
        fallback_url: (at % 7 == 5).then(|| format!("https://{}.example/gone", SITES[at])),
        incentive: SITES[at] == "cashloop",
    }
}

fn creatives_of(of: &Advertiser, ids: &mut Ids, chance: &mut Chance) -> Vec<Creative> {
    let kinds = [CreativeKind::Banner, CreativeKind::Banner, CreativeKind::Deal, CreativeKind::Product];
    let pages = ["", "collections/new", "sale", "products/one"];
    let mut out = Vec::with_capacity(kinds.len());
    for (at, (&kind, page)) in kinds.iter().zip(pages).enumerate() {
        let legacy_id = match (of.legacy_id, at, kind) {
            (789, 0, _) => 123,
            (_, _, CreativeKind::Product) => ids.between(400_000_000, 1_500_000_000, chance),
            _ => ids.between(150_000, 2_900_000, chance),
        };
        out.push(Creative {
            legacy_id,
            primary_id: if legacy_id == 123 { 300_123 } else { ids.between(300_200, 4_000_000, chance) },
            advertiser: of.legacy_id,
            kind,
            name: format!("{} {}", of.name, if page.is_empty() { "home" } else { page }),
            landing_url: format!("{}{page}", of.landing_url),
            image: format!("{}x{}_{at}.jpg", 300 + 10 * at, 250),
        });
    }
    out
}

fn vouchers(advertisers: &[Advertiser], publishers: &[Publisher]) -> Vec<Voucher> {
    advertisers
        .iter()
        .zip(publishers.iter().cycle().skip(5))
        .take(4)
        .map(|(advertiser, publisher)| Voucher {
            code: format!("{}15", publisher.name.to_ascii_uppercase()),
            advertiser: advertiser.primary_id,
            publisher: publisher.primary_id,
        })
        .collect()
}

fn short_links(creatives: &[Creative], publishers: &[Publisher]) -> Vec<ShortLink> {
    creatives
        .iter()
        .filter(|one| one.kind == CreativeKind::Banner)
        .zip(publishers.iter().cycle())
        .enumerate()
        .map(|(at, (creative, publisher))| ShortLink {
            code: base36(1_700_000 + 977 * at as u64),
            url: format!(
                "https://shareasale.com/r.cfm?b={}&u={}&m={}&urllink=&afftrack=",
                creative.legacy_id, publisher.legacy_id, creative.advertiser
            ),
        })
        .collect()
}

fn letters(count: usize, chance: &mut Chance) -> String {
    const LETTERS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    (0..count).map(|_| char::from(LETTERS[chance.index(LETTERS.len())])).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_documents_people_are_in_every_world() {
        for seed in 0..50 {
            let world = World::generate(seed);
            assert_eq!(world.advertisers.len(), 12);
            assert_eq!(world.publishers.len(), 20);
            let first = &world.advertisers[0];
            assert_eq!((first.legacy_id, first.primary_id), (789, 100_789));
            assert_eq!(first.domains, ["example.com"]);
            assert!(world.publishers.iter().any(|one| (one.legacy_id, one.primary_id) == (456, 200_456)));
            assert!(world.creatives.iter().any(|one| one.legacy_id == 123 && one.advertiser == 789));
            assert!(world.advertisers.iter().any(|one| !one.moved));
            assert!(world.advertisers.iter().all(|one| one.legacy_id != one.primary_id));
        }
    }

    #[test]
    fn a_seed_is_a_world() {
        let json = |seed| serde_json::to_string(&World::generate(seed)).unwrap();
        assert_eq!(json(5), json(5));
        assert_ne!(json(5), json(6));
    }
}

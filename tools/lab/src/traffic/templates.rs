//! Request shapes with holes, filled from the world.

use crate::chance::Chance;
use crate::error::Error;
use crate::text::encode;
use crate::wire::Outgoing;
use crate::world::{Advertiser, CreativeKind, Publisher, World};

const SHAPES: &str = include_str!("templates.txt");

/// What a shape is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Click,
    Sale,
    Server,
    Other,
    Junk,
}

#[derive(Debug, Clone)]
struct Shape {
    weight: u64,
    kind: Kind,
    method: &'static str,
    host: &'static str,
    target: &'static str,
}

/// All shapes, and the people to fill them with.
#[derive(Debug)]
pub(super) struct Templates {
    shapes: Vec<Shape>,
    world: World,
}

/// Who takes part in a journey.
#[derive(Debug, Clone)]
pub(super) struct Cast {
    pub(super) advertiser: Advertiser,
    publisher: Publisher,
    creatives: [(CreativeKind, u64); 3],
    image: String,
    short: String,
    track: String,
}

impl Templates {
    pub(super) fn load(world: &World) -> Result<Self, Error> {
        if world.advertisers.is_empty() || world.publishers.is_empty() {
            return Err(Error::Settings("traffic needs a merchant and a publisher".to_owned()));
        }
        let lines = SHAPES.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
        let shapes: Vec<Shape> = lines.filter_map(shape).collect();
        Ok(Self { shapes, world: world.clone() })
    }

    /// Somebody at random.
    pub(super) fn cast(&self, chance: &mut Chance) -> Option<Cast> {
        let advertiser = chance.pick(&self.world.advertisers)?.clone();
        let publisher = chance.pick(&self.world.publishers)?.clone();
        let kinds = [CreativeKind::Banner, CreativeKind::Deal, CreativeKind::Product];
        let own = |kind| {
            let found = self
                .world
                .creatives
                .iter()
                .find(|one| one.advertiser == advertiser.legacy_id && one.kind == kind);
            (kind, found.map_or(1, |one| one.legacy_id))
        };
        let image = self.world.creatives.iter().find(|one| one.advertiser == advertiser.legacy_id);
        Some(Cast {
            creatives: kinds.map(own),
            image: image.map_or_else(|| "468x60.gif".to_owned(), |one| one.image.clone()),
            short: chance
                .pick(&self.world.short_links)
                .map_or_else(|| "4ud5g".to_owned(), |link| link.code.clone()),
            track: format!("{}-{}", publisher.name, chance.below(100_000)),
            advertiser,
            publisher,
        })
    }

    /// A request of one of these kinds; `order` and `amount` fill their holes.
    pub(super) fn request(
        &self,
        kinds: &[Kind],
        cast: &Cast,
        (order, amount): (&str, &str),
        chance: &mut Chance,
    ) -> Option<(Kind, Outgoing)> {
        let fitting = || self.shapes.iter().filter(|shape| kinds.contains(&shape.kind));
        let mut at = chance.below(fitting().map(|shape| shape.weight).sum());
        let shape = fitting().find(|shape| {
            let found = at < shape.weight;
            at = at.saturating_sub(shape.weight);
            found
        })?;
        let target = fill(shape.target, cast, order, amount, chance);
        Some((shape.kind, Outgoing { method: shape.method, ..Outgoing::get(shape.host, &target) }))
    }
}

fn shape(line: &'static str) -> Option<Shape> {
    let mut words = line.splitn(5, ' ');
    let weight = words.next()?.parse().ok()?;
    let kind = match words.next()? {
        "click" => Kind::Click,
        "sale" => Kind::Sale,
        "server" => Kind::Server,
        "other" => Kind::Other,
        "junk" => Kind::Junk,
        _ => return None,
    };
    Some(Shape { weight, kind, method: words.next()?, host: words.next()?, target: words.next()? })
}

fn fill(target: &str, cast: &Cast, order: &str, amount: &str, chance: &mut Chance) -> String {
    let site = format!("www.{}", cast.advertiser.domains.first().map_or("example.com", String::as_str));
    let [banner, deal, product] = cast.creatives.map(|(_, id)| id.to_string());
    let holes = [
        ("{m}", cast.advertiser.legacy_id.to_string()),
        ("{u}", cast.publisher.legacy_id.to_string()),
        ("{b}", banner),
        ("{d}", deal),
        ("{p}", product),
        ("{pm}", cast.advertiser.primary_id.to_string()),
        ("{pu}", cast.publisher.primary_id.to_string()),
        ("{sitee}", site.replace('.', "%2E").replace('-', "%2D")),
        ("{site}", site),
        ("{order}", encode(order)),
        ("{amount}", amount.to_owned()),
        ("{cur}", cast.advertiser.currency.clone()),
        ("{track}", cast.track.clone()),
        ("{voucher}", if chance.percent(30) { "SAVE10".to_owned() } else { String::new() }),
        ("{sku}", format!("SKU-{}", chance.below(900))),
        ("{short}", cast.short.clone()),
        ("{image}", cast.image.clone()),
    ];
    holes.iter().fold(target.to_owned(), |filled, (hole, value)| filled.replace(hole, value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_is_a_shape_and_every_hole_is_filled() {
        let templates = Templates::load(&World::generate(3)).unwrap();
        let lines = SHAPES.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).count();
        assert_eq!(templates.shapes.len(), lines);
        let mut chance = Chance::new(1);
        for _ in 0..2_000 {
            let cast = templates.cast(&mut chance).unwrap();
            let kinds = [Kind::Click, Kind::Sale, Kind::Server, Kind::Other, Kind::Junk];
            let (_, request) = templates.request(&kinds, &cast, ("A-1", "10.00"), &mut chance).unwrap();
            assert!(!request.target.contains('{'), "{}", request.target);
            assert!(request.target.starts_with('/'), "{}", request.target);
        }
    }
}

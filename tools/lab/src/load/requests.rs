//! Requests as bytes, built before the run; only the order number is written into them later.

use super::LoadSettings;
use crate::chance::Chance;
use crate::wire::Outgoing;
use crate::world::CreativeKind;

/// Different requests a connection cycles through.
const PREPARED: usize = 97;
/// Digits of the order number.
const DIGITS: usize = 12;

/// A request ready to be sent.
#[derive(Debug, Clone)]
pub(super) struct Prepared {
    bytes: Vec<u8>,
    order_at: Option<usize>,
}

impl Prepared {
    pub(super) fn is_conversion(&self) -> bool {
        self.order_at.is_some()
    }

    /// The bytes, with `number` as the order number.
    pub(super) fn numbered(&mut self, mut number: u64) -> &[u8] {
        if let Some(at) = self.order_at {
            for digit in self.bytes.iter_mut().skip(at).take(DIGITS).rev() {
                *digit = b'0' + u8::try_from(number % 10).unwrap_or(0);
                number /= 10;
            }
        }
        &self.bytes
    }
}

/// The reference of the order with this number.
pub(super) fn order_reference(seed: u64, number: u64) -> String {
    format!("L{seed}-{number:0DIGITS$}")
}

/// The requests of one connection.
pub(super) fn prepare(settings: &LoadSettings, connection: usize) -> Vec<Prepared> {
    let mut chance = Chance::part(settings.seed, connection as u64);
    let threshold = settings.conversion_share * 1_000_000.0;
    (0..PREPARED)
        .filter_map(|_| {
            // Below a million, so exact as a float.
            #[allow(clippy::cast_precision_loss, reason = "the number is below a million")]
            let is_conversion = (chance.below(1_000_000) as f64) < threshold;
            one(settings, is_conversion, &mut chance)
        })
        .collect()
}

fn one(settings: &LoadSettings, is_conversion: bool, chance: &mut Chance) -> Option<Prepared> {
    let world = &settings.world;
    let merchant = chance.pick(&world.advertisers)?;
    let publisher = chance.pick(&world.publishers)?.legacy_id;
    let host = chance.pick(&settings.hosts)?;
    let (reference, id) = (order_reference(settings.seed, 0), merchant.legacy_id);
    let target = if is_conversion {
        format!(
            "/sale.cfm?tracking={reference}&amount={}.{:02}&merchantID={id}&transtype=sale&currency={}&v=1.5.7",
            5 + chance.below(300),
            chance.below(100),
            merchant.currency
        )
    } else {
        let own = |one: &&crate::world::Creative| one.advertiser == id && one.kind == CreativeKind::Banner;
        let creative = world.creatives.iter().find(own).map_or(1, |one| one.legacy_id);
        format!("/r.cfm?b={creative}&u={publisher}&m={id}&urllink=&afftrack=load-{}", chance.below(1_000))
    };
    let request = Outgoing::get(host, &target)
        .header("user-agent", "Mozilla/5.0 (X11; Linux x86_64; rv:142.0) Gecko/20100101 Firefox/142.0")
        .header("accept", "*/*")
        .header("x-forwarded-for", format!("203.0.113.{}", 1 + chance.below(250)))
        .header("x-forwarded-proto", "https");
    let bytes = request.bytes();
    let at =
        |reference: &str| bytes.windows(reference.len()).position(|window| window == reference.as_bytes());
    let order_at = at(&reference).filter(|_| is_conversion).map(|at| at + reference.len() - DIGITS);
    Some(Prepared { bytes, order_at })
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;
    use std::time::Duration;

    use super::*;

    #[test]
    fn the_order_number_is_written_in_place() {
        let target = SocketAddr::from(([127, 0, 0, 1], 1));
        let mut settings = LoadSettings::new(target, 1.0, Duration::ZERO, 7);
        settings.conversion_share = 1.0;
        let mut prepared = prepare(&settings, 0);
        let bytes = prepared[0].numbered(1_234).to_vec();
        let text = String::from_utf8(bytes).unwrap();
        assert!(text.contains("tracking=L7-000000001234&amount="), "{text}");
        assert_eq!(order_reference(7, 1_234), "L7-000000001234");
        settings.conversion_share = 0.0;
        assert!(prepare(&settings, 0).iter().all(|one| !one.is_conversion()));
    }
}

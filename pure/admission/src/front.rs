//! Which forwarded address is believed: only one that a configured front wrote.
//!
//! Anybody can send `X-Forwarded-For`. A front (a CDN, a load balancer) appends the address that it saw, so
//! the chain is read from its end: our peer is believed if it is a configured front, then the last address of
//! the chain, and so on, and the first one that is no front is the client. From any other peer these headers
//! are worth nothing and are dropped, so that nothing behind the gate can believe them by mistake.

use core::net::IpAddr;
use core::str::FromStr;

/// A range of addresses, as `10.0.0.0/8` or a single address.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Network {
    base: IpAddr,
    bits: u32,
}

/// Why a text is no range of addresses.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("`{0}` is not a range of addresses: write `192.0.2.0/24`, `2001:db8::/32` or one address")]
pub struct NetworkError(String);

impl FromStr for Network {
    type Err = NetworkError;

    fn from_str(text: &str) -> Result<Self, NetworkError> {
        let wrong = || NetworkError(text.to_owned());
        let (address, bits) = match text.split_once('/') {
            Some((address, bits)) => (address, Some(bits)),
            None => (text, None),
        };
        let base = canonical(address.parse().map_err(|_| wrong())?);
        let width = if base.is_ipv4() { 32 } else { 128 };
        let bits = bits.map_or(Ok(width), |bits| bits.parse().map_err(|_| wrong()))?;
        if bits > width { Err(wrong()) } else { Ok(Self { base, bits }) }
    }
}

impl Network {
    /// True if `address` lies in the range. A mapped IPv4 address counts as the IPv4 address it maps.
    pub fn contains(&self, address: IpAddr) -> bool {
        let (left, right, width) = match (self.base, canonical(address)) {
            (IpAddr::V4(a), IpAddr::V4(b)) => (u128::from(a.to_bits()), u128::from(b.to_bits()), 32_u32),
            (IpAddr::V6(a), IpAddr::V6(b)) => (a.to_bits(), b.to_bits(), 128),
            (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => return false,
        };
        let ignored = width.saturating_sub(self.bits);
        left.checked_shr(ignored) == right.checked_shr(ignored)
    }
}

fn canonical(address: IpAddr) -> IpAddr {
    address.to_canonical()
}

/// The headers in which a front tells about the client, in lower case.
pub const FORWARDED: [&str; 14] = [
    "x-forwarded-for",
    "x-forwarded-proto",
    "x-forwarded-host",
    "x-forwarded-port",
    "x-real-ip",
    "x-client-ip",
    "x-original-url",
    "x-rewrite-url",
    "forwarded",
    "true-client-ip",
    "cf-connecting-ip",
    "cf-connecting-ipv6",
    "cf-ipcountry",
    "cf-visitor",
];

/// True if the header called `name` (in any case) is one of [`FORWARDED`].
pub fn is_forwarded(name: &str) -> bool {
    // Nearly every header is settled by its first letter.
    let first = name.as_bytes().first().map_or(0, u8::to_ascii_lowercase);
    matches!(first, b'x' | b'f' | b't' | b'c')
        && FORWARDED.iter().any(|known| name.eq_ignore_ascii_case(known))
}

/// The client behind `peer`, given the values of the address header in order, each a list or one address.
///
/// Without a readable address the peer itself is the client: that is the only one we have seen.
pub fn client(peer: IpAddr, fronts: &[Network], values: &[&[u8]]) -> IpAddr {
    let peer = canonical(peer);
    let is_front = |address: IpAddr| fronts.iter().any(|front| front.contains(address));
    if !is_front(peer) {
        return peer;
    }
    let mut believed = peer;
    for element in values.iter().rev().flat_map(|value| value.rsplit(|&byte| byte == b',')) {
        // Behind something unreadable nothing can be trusted any more.
        let Some(address) = read_address(element) else { return believed };
        believed = address;
        if !is_front(address) {
            return address;
        }
    }
    believed
}

/// An address, with an optional port as some fronts write it.
fn read_address(element: &[u8]) -> Option<IpAddr> {
    let text = core::str::from_utf8(element).ok()?.trim();
    let address = text.parse().ok().or_else(|| {
        let with_port: core::net::SocketAddr = text.parse().ok()?;
        Some(with_port.ip())
    });
    address.map(canonical)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_chain_is_read_from_its_end() {
        let fronts: Vec<Network> =
            ["10.0.0.0/8", "2001:db8::/32", "192.0.2.7"].map(|n| n.parse().unwrap()).into();
        for (peer, values, expected) in [
            ("203.0.113.9", vec!["198.51.100.1"], "203.0.113.9"),
            ("10.1.2.3", vec!["198.51.100.1"], "198.51.100.1"),
            ("::ffff:10.1.2.3", vec!["198.51.100.1:4711"], "198.51.100.1"),
            ("10.1.2.3", vec!["1.1.1.1, 198.51.100.1, 10.9.9.9"], "198.51.100.1"),
            ("10.1.2.3", vec!["1.1.1.1", "198.51.100.1", "192.0.2.7"], "198.51.100.1"),
            ("10.1.2.3", vec!["evil, 10.9.9.9"], "10.9.9.9"),
            ("10.1.2.3", vec![""], "10.1.2.3"),
            ("10.1.2.3", vec![], "10.1.2.3"),
            ("2001:db8::1", vec!["2001:db9::7"], "2001:db9::7"),
            ("11.0.0.1", vec!["198.51.100.1"], "11.0.0.1"),
        ] {
            let values: Vec<&[u8]> = values.iter().map(|value| value.as_bytes()).collect();
            let expected: IpAddr = expected.parse().unwrap();
            assert_eq!(client(peer.parse().unwrap(), &fronts, &values), expected, "{peer} {values:?}");
        }
    }

    #[test]
    fn a_range_of_everything_and_wrong_ranges() {
        let all: Network = "0.0.0.0/0".parse().unwrap();
        assert!(all.contains("8.8.8.8".parse().unwrap()));
        assert!(!all.contains("2001:db8::1".parse().unwrap()));
        for wrong in ["", "10.0.0.0/33", "::/129", "10.0.0/8", "10.0.0.0/", "10.0.0.0/-1"] {
            let error = wrong.parse::<Network>().unwrap_err();
            assert!(error.to_string().contains(&format!("`{wrong}`")), "{wrong}");
        }
    }

    #[test]
    fn forwarded_headers_are_known_in_any_case() {
        assert!(is_forwarded("X-Forwarded-For") && is_forwarded("CF-IPCountry"));
        assert!(!is_forwarded("x-requested-with") && !is_forwarded("cookie") && !is_forwarded(""));
    }
}

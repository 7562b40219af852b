//! Which headers go on to a platform, and which come back.

use tracking::Inbound;

/// Marks a request that an edge has sent, so that a loop ends at the first turn.
pub(super) const HOP_MARK: &str = "x-turnout-hop";

/// Headers that belong to one connection, or that we write ourselves.
const OWN_TO_A_HOP: [&str; 14] = [
    "connection",
    "keep-alive",
    "proxy-connection",
    "proxy-authenticate",
    "proxy-authorization",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "http2-settings",
    "expect",
    "host",
    "content-length",
    "alt-svc",
];

fn passes(name: &str) -> bool {
    !OWN_TO_A_HOP.contains(&name)
}

/// The headers that a client's request goes on with.
pub(super) fn outgoing(inbound: &Inbound) -> Vec<(String, Vec<u8>)> {
    let forwarded = |name: &str| name.starts_with("x-forwarded-") || name == "forwarded";
    let kept = inbound.headers.iter().filter(|(name, _)| passes(name) && !forwarded(name));
    let mut headers: Vec<(String, Vec<u8>)> = kept.cloned().collect();
    // Answers are passed on as they are, so the platform may compress for the client alone.
    if let Some(peer) = inbound.peer {
        headers.push(("x-forwarded-for".to_owned(), peer.to_string().into_bytes()));
    }
    let scheme = if inbound.secure { "https" } else { "http" };
    headers.push(("x-forwarded-proto".to_owned(), scheme.as_bytes().to_vec()));
    headers.push((HOP_MARK.to_owned(), b"1".to_vec()));
    headers
}

/// The headers that a platform's answer comes back with. What could end a header line is left out.
pub(super) fn incoming(headers: Vec<(String, Vec<u8>)>) -> Vec<(String, String)> {
    let clean = |(name, value): (String, Vec<u8>)| {
        let value: String = String::from_utf8_lossy(&value).into_owned();
        let sound = !value.chars().any(|c| c.is_control() && c != '\t');
        (passes(&name) && sound).then_some((name, value))
    };
    headers.into_iter().filter_map(clean).collect()
}

//! Where to connect: names are looked up, remembered, and kept away from our own network.
//!
//! A name that a stranger controls may point at a loopback service or a cloud's metadata address. Hence a name
//! must lead to a public address unless the operator says otherwise; an address that the operator wrote down
//! as such is taken as it is. When the resolver fails, the last good addresses serve for a while: a resolver
//! that is down must not look like a platform that is down.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tracking::network::is_public;

use crate::settings::{Endpoint, SettingsError};

/// How long addresses are used without asking again.
const FRESH_FOR: Duration = Duration::from_secs(30);

/// How long the last good addresses serve while the resolver fails.
const GOOD_FOR: Duration = Duration::from_secs(3600);

/// How long one look-up may take before the last good addresses are used.
const LOOKUP_WITHIN: Duration = Duration::from_secs(2);

/// How long others go on with the old addresses while one call asks for new ones.
const REFRESH_FOR: Duration = Duration::from_secs(5);

/// A server's place in the network.
#[derive(Debug)]
pub(crate) struct Destination {
    host: String,
    port: u16,
    written_as_address: Option<SocketAddr>,
    private_allowed: bool,
    known: Mutex<Option<Known>>,
}

#[derive(Clone, Debug)]
struct Known {
    addresses: Arc<[SocketAddr]>,
    good_at: Instant,
    ask_again_at: Instant,
}

impl Destination {
    pub(crate) fn new(endpoint: &Endpoint) -> Result<Self, SettingsError> {
        let wrong = || SettingsError::Address(endpoint.address.clone());
        let written_as_address: Option<SocketAddr> = endpoint.address.parse().ok();
        let (host, port) = endpoint.address.rsplit_once(':').ok_or_else(wrong)?;
        let port = port.parse().map_err(|_| wrong())?;
        if host.is_empty() || (host.contains(':') && written_as_address.is_none()) {
            return Err(wrong());
        }
        let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        let private_allowed = endpoint.private_allowed;
        Ok(Self { host, port, written_as_address, private_allowed, known: Mutex::new(None) })
    }

    /// The host's name, or its address without port.
    pub(crate) fn host(&self) -> &str {
        &self.host
    }

    /// The addresses to try, in order.
    pub(crate) async fn addresses(&self) -> Result<Arc<[SocketAddr]>, String> {
        if let Some(address) = self.written_as_address {
            return Ok(Arc::new([address]));
        }
        let now = Instant::now();
        let known = self.take_turn(now);
        if let Some(known) = &known
            && now < known.ask_again_at
        {
            return Ok(Arc::clone(&known.addresses));
        }
        match self.look_up().await {
            Ok(addresses) => {
                let ask_again_at = now + FRESH_FOR;
                let fresh = Known { addresses: Arc::clone(&addresses), good_at: now, ask_again_at };
                *self.known.lock().unwrap_or_else(PoisonError::into_inner) = Some(fresh);
                Ok(addresses)
            }
            Err(reason) => match known {
                Some(known) if now.duration_since(known.good_at) < GOOD_FOR => Ok(known.addresses),
                _ => Err(reason),
            },
        }
    }

    /// What is known. Whoever finds it old puts off the others, so that one call asks and not all of them.
    fn take_turn(&self, now: Instant) -> Option<Known> {
        let mut guard = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let known = guard.clone();
        if let Some(known) = guard.as_mut()
            && now >= known.ask_again_at
        {
            known.ask_again_at = now + REFRESH_FOR;
        }
        known
    }

    async fn look_up(&self) -> Result<Arc<[SocketAddr]>, String> {
        let lookup = tokio::net::lookup_host((self.host.as_str(), self.port));
        let found: Vec<SocketAddr> = match tokio::time::timeout(LOOKUP_WITHIN, lookup).await {
            Err(_) => return Err(format!("looking up `{}` took too long", self.host)),
            Ok(Err(error)) => return Err(format!("`{}` cannot be looked up: {error}", self.host)),
            Ok(Ok(found)) => found.collect(),
        };
        let allowed: Arc<[SocketAddr]> =
            found.iter().copied().filter(|found| self.private_allowed || is_public(found.ip())).collect();
        match (found.is_empty(), allowed.is_empty()) {
            (true, _) => Err(format!("`{}` has no address", self.host)),
            (false, true) => Err(format!("`{}` leads to a private address, which is not allowed", self.host)),
            (false, false) => Ok(allowed),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_name_may_not_lead_home_but_an_address_may() {
        let named = Destination::new(&Endpoint::plain("localhost:80")).unwrap();
        assert!(named.addresses().await.unwrap_err().contains("private address"));
        let allowed = Endpoint { private_allowed: true, ..Endpoint::plain("localhost:80") };
        assert!(Destination::new(&allowed).unwrap().addresses().await.is_ok());
        let written = Destination::new(&Endpoint::plain("127.0.0.1:80")).unwrap();
        assert_eq!(*written.addresses().await.unwrap(), ["127.0.0.1:80".parse().unwrap()]);
    }

    #[test]
    fn wrong_addresses_are_named() {
        for wrong in ["host", "host:", "host:x", ":80", "::1:80", "host:70000"] {
            let error = Destination::new(&Endpoint::plain(wrong)).unwrap_err();
            assert!(error.to_string().contains(wrong), "{wrong}");
        }
        assert_eq!(Destination::new(&Endpoint::plain("[::1]:80")).unwrap().host(), "::1");
    }
}

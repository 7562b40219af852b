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

/// How long others go on with the old addresses while one call asks for new ones, and how soon addresses are asked for
/// again at which nobody answers.
const REFRESH_FOR: Duration = Duration::from_secs(5);

/// How long a look-up that failed stands for those that come after it. Each look-up takes a thread for as long as the
/// resolver keeps it waiting, and a resolver in trouble is not helped by more of them.
const FAILED_FOR: Duration = Duration::from_secs(1);

/// A server's place in the network.
#[derive(Debug)]
pub(crate) struct Destination {
    host: String,
    port: u16,
    written_as_address: Option<SocketAddr>,
    private_allowed: bool,
    known: Mutex<Option<Known>>,
    /// Held by the one call that asks while nothing is known; it keeps how the last one failed.
    asking: tokio::sync::Mutex<Option<Failed>>,
}

/// A look-up that failed.
#[derive(Debug)]
struct Failed {
    reason: String,
    at: Instant,
}

#[derive(Clone, Debug)]
struct Known {
    addresses: Arc<[SocketAddr]>,
    good_at: Instant,
    /// When somebody last began to ask.
    asked_at: Instant,
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
        let (known, asking) = (Mutex::new(None), tokio::sync::Mutex::new(None));
        Ok(Self { host, port, written_as_address, private_allowed, known, asking })
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
        match self.take_turn(now) {
            Some(known) if now < known.ask_again_at => Ok(known.addresses),
            Some(known) => match self.ask(now).await {
                Err(_) if now.duration_since(known.good_at) < GOOD_FOR => Ok(known.addresses),
                asked => asked,
            },
            None => self.ask_first(now).await,
        }
    }

    /// Asks while nothing is known: one call does, and the others take what came of it.
    async fn ask_first(&self, now: Instant) -> Result<Arc<[SocketAddr]>, String> {
        let mut failed = self.asking.lock().await;
        if let Some(known) = self.take_turn(now) {
            return Ok(known.addresses);
        }
        if let Some(Failed { reason, .. }) = failed.as_ref().filter(|last| last.at.elapsed() < FAILED_FOR) {
            return Err(reason.clone());
        }
        // Whoever asks may run out of time before there is an answer. Then those behind take that for the outcome: did each
        // ask in its turn, a resolver that is silent would be asked by all of them.
        let reason = format!("`{}` was not looked up in time", self.host);
        *failed = Some(Failed { reason, at: Instant::now() });
        let asked = self.ask(now).await;
        *failed = asked.as_ref().err().map(|reason| Failed { reason: reason.clone(), at: Instant::now() });
        asked
    }

    /// Asks, and remembers what is good.
    async fn ask(&self, now: Instant) -> Result<Arc<[SocketAddr]>, String> {
        let addresses = self.look_up().await?;
        let (good_at, ask_again_at) = (now, now + FRESH_FOR);
        let fresh = Known { addresses: Arc::clone(&addresses), good_at, asked_at: now, ask_again_at };
        *self.known.lock().unwrap_or_else(PoisonError::into_inner) = Some(fresh);
        Ok(addresses)
    }

    /// What is known. Whoever finds it old puts off the others, so that one call asks and not all of them.
    fn take_turn(&self, now: Instant) -> Option<Known> {
        let mut guard = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let known = guard.clone();
        if let Some(known) = guard.as_mut()
            && now >= known.ask_again_at
        {
            known.asked_at = now;
            known.ask_again_at = now + REFRESH_FOR;
        }
        known
    }

    /// Nobody answers at the addresses that are known: they are asked for again soon, as the server may have moved.
    pub(crate) fn doubt(&self) {
        if let Some(known) = self.known.lock().unwrap_or_else(PoisonError::into_inner).as_mut() {
            known.ask_again_at = known.ask_again_at.min(known.asked_at + REFRESH_FOR);
        }
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

    #[tokio::test]
    async fn who_runs_out_of_time_while_asking_has_asked_for_those_behind() {
        let named = Destination::new(&Endpoint::plain("nobody.test:80")).unwrap();
        let began = std::future::poll_fn(|context| {
            let mut asks = std::pin::pin!(named.addresses());
            // It is dropped before there can be an answer.
            std::task::Poll::Ready(asks.as_mut().poll(context).is_pending())
        });
        assert!(began.await);
        assert!(named.addresses().await.unwrap_err().contains("was not looked up in time"));
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

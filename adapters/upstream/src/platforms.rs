//! The platforms: which server stands behind which public host.

use std::time::Duration;

use tracking::{Answer, Home, Outbound, SendFailure};

use crate::peer::Peer;
use crate::request::Request;
use crate::settings::{Call, Settings, SettingsError};

/// The two platforms, reachable.
#[derive(Debug)]
pub struct Upstream {
    origins: Vec<(Home, Option<String>, Peer)>,
}

impl Upstream {
    /// Prepares the origins of `settings`; nothing is connected yet.
    ///
    /// # Errors
    /// What is wrong with an origin or the trusted roots.
    pub fn new(settings: &Settings) -> Result<Self, SettingsError> {
        let origins = settings.origins.iter().map(|origin| {
            let peer = Peer::new(&origin.endpoint, settings)?;
            Ok((origin.home, origin.host.as_ref().map(|host| host.to_ascii_lowercase()), peer))
        });
        Ok(Self { origins: origins.collect::<Result<_, SettingsError>>()? })
    }

    /// Sends a request that may move money: once, on a fresh or just proven connection.
    ///
    /// # Errors
    /// Why there is no answer, and whether the platform may have received the request.
    pub async fn send(&self, request: &Outbound, within: Duration) -> Result<Answer, SendFailure> {
        self.call(request, Call::once(within)).await
    }

    /// Sends a request in the way that the caller chooses.
    ///
    /// # Errors
    /// As [`Upstream::send`].
    pub async fn call(&self, request: &Outbound, call: Call) -> Result<Answer, SendFailure> {
        let Some(peer) = self.peer(request.home, &request.host) else {
            let message = format!("no origin of {} is configured for host `{}`", request.home, request.host);
            return Err(SendFailure::NothingSent(message));
        };
        let Outbound { method, host, target, headers, body, .. } = request;
        peer.call(&Request { method, host, target, headers, body }, call).await
    }

    fn peer(&self, home: Home, host: &str) -> Option<&Peer> {
        let of_home = || self.origins.iter().filter(move |(of, _, _)| *of == home);
        let named = of_home().find(|(_, named, _)| named.as_deref() == Some(host));
        let found = named.or_else(|| of_home().find(|(_, named, _)| named.is_none()));
        found.map(|(_, _, peer)| peer)
    }
}

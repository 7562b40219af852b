//! HTTP/1.1, spoken by ourselves: connections in, requests to a service, replies out.
//!
//! `docs/decisions/0002-own-http1-connection.md` says why. A service sees complete requests that have passed
//! the strict gate, and answers with complete replies; everything about the wire stays in here.

mod connection;
mod date;
mod incoming;
mod listener;
mod reply;
mod roster;

use std::future::Future;
use std::net::IpAddr;
use std::sync::Arc;

use admission::front::Network;
use admission::{Limits, Refusal};
use relay::Reply;
use tracking::Inbound;

use crate::settings::Deadlines;

pub(crate) use listener::{Listener, Tls};
pub(crate) use reply::text;
pub(crate) use roster::Roster;

/// What answers requests.
pub(crate) trait Service: Send + Sync + 'static {
    /// Answers one request. It is never cancelled because the client went away.
    fn reply(&self, inbound: Inbound) -> impl Future<Output = Reply> + Send;

    /// Is told of a request that the gate refused.
    fn refused(&self, refusal: Refusal);

    /// Is told that a reply to a request has been written, and how long it took from the request's first byte.
    fn replied(&self, took: std::time::Duration);
}

/// What all connections of a process share.
#[derive(Debug)]
pub(crate) struct Ground {
    pub(crate) limits: Limits,
    pub(crate) deadlines: Deadlines,
    /// Peers whose word about the client is believed.
    pub(crate) fronts: Vec<Network>,
    /// The header in which a front names the client's address.
    pub(crate) front_header: String,
    /// The header in which it names the client's country.
    pub(crate) country_header: String,
    pub(crate) roster: Roster,
}

/// One client's end of a connection.
#[derive(Clone, Debug)]
pub(crate) struct Client {
    pub(crate) ground: Arc<Ground>,
    pub(crate) peer: IpAddr,
    pub(crate) secure: bool,
}

#[cfg(test)]
mod tests;

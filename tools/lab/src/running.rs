//! Starting and stopping the whole lab.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::books::Transaction;
use crate::control::{self, Controlled};
use crate::error::Error;
use crate::fault::Fault;
use crate::legacy::Legacy;
use crate::platform::{PlatformName, Site, bind, serve};
use crate::primary::Primary;
use crate::requests::LoggedRequest;
use crate::settings::{Behaviour, WorldSettings};
use crate::shared::Shared;
use crate::shop;
use crate::world::World;

/// A running lab. Dropping it stops it without waiting.
#[derive(Debug)]
pub struct Running {
    /// Where the platform being left listens.
    pub legacy: SocketAddr,
    /// Where the platform being moved to listens.
    pub primary: SocketAddr,
    /// Where the shops listen.
    pub shop: SocketAddr,
    /// Where the control interface listens.
    pub control: SocketAddr,
    controlled: Controlled,
    stop: watch::Sender<bool>,
    tasks: JoinSet<()>,
}

/// Starts both platforms, the shops and the control interface.
///
/// # Errors
///
/// When one of the four listeners cannot be opened; nothing keeps running then.
pub async fn start(settings: WorldSettings) -> Result<Running, Error> {
    let shared = Arc::new(Shared::new(settings.seed, settings.world));
    let controlled = Controlled {
        legacy: Legacy::new(Arc::clone(&shared)),
        primary: Primary::new(Arc::clone(&shared)),
        shared: Arc::clone(&shared),
    };
    let (legacy_listener, legacy) = open("legacy platform", settings.legacy_addr)?;
    let (primary_listener, primary) = open("primary platform", settings.primary_addr)?;
    let (shop_listener, shop) = open("shop", settings.shop_addr)?;
    let (control_listener, control) = open("control interface", settings.control_addr)?;
    let stop = watch::Sender::new(false);
    let mut tasks = JoinSet::new();
    let legacy_site: Arc<dyn Site> = Arc::clone(&controlled.legacy) as Arc<dyn Site>;
    let primary_site: Arc<dyn Site> = Arc::clone(&controlled.primary) as Arc<dyn Site>;
    tasks.spawn(serve(legacy_site, legacy_listener, legacy, stop.subscribe()));
    tasks.spawn(serve(primary_site, primary_listener, primary, stop.subscribe()));
    tasks.spawn(serve_router(shop::router(shared), shop_listener, stop.subscribe()));
    tasks.spawn(serve_router(control::router(controlled.clone()), control_listener, stop.subscribe()));
    Ok(Running { legacy, primary, shop, control, controlled, stop, tasks })
}

impl Running {
    /// Sets a platform's fault, and returns once its listener has followed.
    ///
    /// # Errors
    ///
    /// When the listener did not close or come back in time.
    pub async fn set_fault(&self, platform: PlatformName, fault: Fault) -> Result<(), Error> {
        if self.controlled.site(platform).gate().set_fault(fault).await {
            return Ok(());
        }
        Err(Error::Task("the platform's listener did not follow its fault".to_owned()))
    }

    /// What a platform has booked.
    #[must_use]
    pub fn transactions(&self, platform: PlatformName) -> Vec<Transaction> {
        self.controlled.site(platform).gate().books().transactions().to_vec()
    }

    /// What has reached a platform after the sequence `since`, oldest first.
    #[must_use]
    pub fn requests(&self, platform: PlatformName, since: u64) -> Vec<LoggedRequest> {
        self.controlled.site(platform).gate().requests().since(since, usize::MAX)
    }

    /// How the platforms behave now.
    #[must_use]
    pub fn behaviour(&self) -> Behaviour {
        self.controlled.shared.behaviour()
    }

    /// Changes how the platforms behave.
    pub fn set_behaviour(&self, behaviour: Behaviour) {
        self.controlled.shared.set_behaviour(behaviour);
    }

    /// The world as it is now.
    #[must_use]
    pub fn world(&self) -> World {
        self.controlled.shared.directory().world().clone()
    }

    /// Both platforms' counters, as `GET /counts` answers them.
    #[must_use]
    pub fn counts(&self) -> serde_json::Value {
        serde_json::json!(self.controlled.counts())
    }

    /// Forgets everything that happened, lifts faults, and restores world and behaviour.
    pub async fn reset(&self) {
        self.controlled.reset().await;
    }

    /// Closes every listener and connection, and returns when they are closed.
    pub async fn stop(mut self) {
        self.stop.send_replace(true);
        while self.tasks.join_next().await.is_some() {}
    }
}

fn open(what: &'static str, address: SocketAddr) -> Result<(TcpListener, SocketAddr), Error> {
    let listener = bind(what, address)?;
    let bound = listener.local_addr().map_err(|source| Error::Bind { what, address, source })?;
    Ok((listener, bound))
}

async fn serve_router(router: Router, listener: TcpListener, mut stop: watch::Receiver<bool>) {
    tokio::select! {
        // A listener that fails ends its part of the lab; its users see refused connections.
        served = axum::serve(listener, router) => drop(served),
        _ = stop.wait_for(|stopped| *stopped) => {}
    }
}

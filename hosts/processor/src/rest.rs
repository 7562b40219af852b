//! The books at rest: the operator's questions, answered from a ledger that is only read, without a process that serves.
//!
//! It is the same interface with the same answers. What would change something is refused: that needs a processor that
//! serves, which alone may write. Of a processor's own condition (destinations, breakers) nothing is known here.

use std::sync::Arc;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::Request;
use hyper::service::Service as _;
use hyper_util::service::TowerToHyperService;
use ledger::Ledger;
use relay::policy::Snapshot;
use relay::signature::{Keys, SigningKey};
use tokio::sync::{Notify, Semaphore};
use units::Seed;
use units::limits::{READERS_MAX, RECOUNT_EVERY};

use crate::conservation::Watched;
use crate::http::delivering::Counted;
use crate::http::{Hall, reading};
use crate::processor::RootSigner;
use crate::serve::{Settings, now};
use crate::{Desk, Operators, Processor, ProcessorError};

/// A ledger that is only read, and what its operators may ask of it.
#[derive(Debug)]
pub struct Resting {
    router: TowerToHyperService<Router>,
}

/// Why the books cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum RestError {
    /// The ledger failed.
    #[error(transparent)]
    Processor(#[from] ProcessorError),
    /// The system gives no thread.
    #[error("the system gives no thread to read with")]
    Thread(#[from] std::io::Error),
}

/// No edge and no operator of another machine is heard here.
fn nobody() -> Settings {
    Settings {
        keys: Keys::new(SigningKey { name: String::new(), secret: Vec::new() }, Vec::new()),
        operator_token: String::new(),
        operators: Operators::default(),
        metrics: Arc::default(),
        recount_every: RECOUNT_EVERY,
    }
}

impl Resting {
    /// The books in `ledger`, told of in the words of `snapshot`.
    ///
    /// # Errors
    /// If the ledger fails.
    pub fn open(
        ledger: Ledger,
        snapshot: Arc<Snapshot>,
        signer: Option<RootSigner>,
    ) -> Result<Self, RestError> {
        let watched = Watched::look(&ledger).map_err(ProcessorError::from)?;
        let mut processor = Processor::at_rest(ledger, snapshot, Seed(0), now())?;
        signer.into_iter().for_each(|signer| processor.sign_roots_with(signer));
        let (desk, _ended) = Desk::open(processor)?;
        let hall = Hall {
            desk,
            news: Arc::new(Notify::new()),
            settings: Arc::new(nobody()),
            watched,
            counted: Counted::default(),
            readers: Arc::new(Semaphore::new(READERS_MAX)),
            at_rest: true,
        };
        Ok(Self { router: TowerToHyperService::new(reading(hall)) })
    }

    /// What is answered to `GET path`: the status, and the body as it stands.
    pub async fn ask(&self, path: &str) -> (u16, String) {
        let Ok(request) = Request::get(path).body(Body::empty()) else {
            return (400, format!("`{path}` is no path"));
        };
        let answer = match self.router.call(request).await {
            Ok(answer) => answer,
            Err(never) => match never {},
        };
        let status = answer.status().as_u16();
        match to_bytes(answer.into_body(), usize::MAX).await {
            Ok(body) => (status, String::from_utf8_lossy(&body).into_owned()),
            Err(error) => (500, error.to_string()),
        }
    }
}

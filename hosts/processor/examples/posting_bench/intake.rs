//! The processor's intake, as a signed batch goes through it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use ledger::Ledger;
use processor::Processor;
use relay::signature::{Keys, SigningKey};
use units::Seed;

use crate::BATCH;
use crate::shop::{Failed, START, batch, sale, snapshot, taking};

pub(crate) struct Intake {
    processor: Processor,
    keys: Keys,
    endpoint: String,
    merchants: u64,
    last: u64,
}

impl Intake {
    /// An intake of sales of this many merchants, in turn.
    pub(crate) fn new(ledger: Ledger, merchants: u64) -> Result<Self, Failed> {
        let snapshot = Arc::new(snapshot()?);
        let endpoint = taking(&snapshot)?;
        let processor = Processor::new(ledger, snapshot, Seed(1), START)?;
        let keys = Keys::new(SigningKey { name: "bench".to_owned(), secret: vec![3; 32] }, Vec::new());
        Ok(Self { processor, keys, endpoint, merchants, last: 0 })
    }

    /// Takes in one batch of sales that are new; how long it took until they were durable.
    pub(crate) fn batch(&mut self) -> Result<Duration, Failed> {
        let first = self.last + 1;
        self.last += BATCH;
        let sales = (first..=self.last).map(|id| sale(id, 1 + id % self.merchants, START, &self.endpoint));
        let body = batch(sales.collect());
        let signature = self.keys.sign(&body, START);
        let begun = Instant::now();
        self.keys.verify(&signature, &body, START)?;
        let received = self.processor.receive(&body, START)?;
        let took = begun.elapsed();
        self.processor.take_facts();
        if u64::try_from(received.accepted)? != BATCH {
            return Err(format!("{} of {BATCH} sales were taken in", received.accepted).into());
        }
        Ok(took)
    }
}

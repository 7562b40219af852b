//! One turn of the processor's host, in whatever time it is given: what has ended goes in, what is due comes out.

use relay::Fact;
use units::Timestamp;

use super::quarantine::steadily;
use super::{Called, Delivery, Ended, Postback, Processor, ProcessorError};

/// What is told in one turn.
#[derive(Debug, Default)]
pub struct Told {
    /// How deliveries ended.
    pub ended: Vec<Ended>,
    /// How calls of publishers ended.
    pub called: Vec<Called>,
    /// True if nothing new is to begin.
    pub stopping: bool,
}

/// What one turn brought.
#[derive(Debug)]
pub struct Turn {
    /// What is to be sent to the platforms now.
    pub deliveries: Vec<Delivery>,
    /// Which publishers are to be called now.
    pub postbacks: Vec<Postback>,
    /// When the next turn may have something that this one has not.
    pub wake: Option<Timestamp>,
    /// What has happened.
    pub facts: Vec<Fact>,
    /// What went wrong beside them, and is tried again.
    pub complaints: Vec<ProcessorError>,
}

impl Processor {
    /// One turn. Where the ledger turns out to hold what the processor does not know, it begins anew before the next one.
    ///
    /// # Errors
    /// If the ledger fails. What was told is kept; nothing has begun.
    pub fn turn(&mut self, told: Told, now: Timestamp) -> Result<Turn, ProcessorError> {
        if self.knows_nothing {
            self.begin_anew(now)?;
        }
        let outcome = self.taken(told, now);
        let surprise = match &outcome {
            Err(error) => error.is_surprise(),
            // What has just begun is sent by the caller, and how that ends brings the surprise back.
            Ok(turn) if !turn.deliveries.is_empty() || !turn.postbacks.is_empty() => false,
            Ok(turn) => turn.complaints.iter().any(ProcessorError::is_surprise),
        };
        if surprise {
            self.begin_anew(now)?;
        }
        outcome
    }

    fn taken(&mut self, told: Told, now: Timestamp) -> Result<Turn, ProcessorError> {
        // Each keeps what it was told if the ledger fails, so both must be told.
        let (landing, written) = (self.hear(told.ended, now), self.settle_postbacks(told.called, now));
        let landing = landing?;
        if let Err(error) = written {
            return Err(self.write_down(landing, &[], now).err().unwrap_or(error));
        }
        let (mut deliveries, mut postbacks, mut complaints) = (Vec::new(), Vec::new(), Vec::new());
        if told.stopping {
            self.write_down(landing, &[], now)?;
        } else {
            // An order that cannot go on is no reason to deliver nothing.
            if let Err(error) = self.obey_orders(now) {
                if error.is_surprise() {
                    self.not_landed(landing);
                    return Err(error);
                }
                complaints.push(error);
            }
            deliveries = self.settle_and_begin(landing, now)?;
            // What was begun above is in flight whatever happens to the calls, which are asked for again.
            let calls = steadily("call publishers", || self.next_postbacks(now));
            postbacks = calls.unwrap_or_else(|error| {
                complaints.push(error);
                Vec::new()
            });
        }
        // The books wait for nobody's answer, and can be kept a turn later.
        complaints.extend(steadily("keep the books", || self.keep_books(now)).err());
        // Without an answer the loop looks again after its longest sleep.
        let wake = steadily("tell when it is to be asked again", || self.next_wake(now));
        let wake = wake.unwrap_or_else(|error| {
            complaints.push(error);
            None
        });
        complaints.append(&mut self.complaints);
        Ok(Turn { deliveries, postbacks, wake, facts: self.take_facts(), complaints })
    }
}

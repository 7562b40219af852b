//! A batch: what one request from the edge to the processor carries.

use prost::Message as _;
use units::limits::BATCH_ENTRIES_MAX;

use super::EnvelopeError;

const VERSION: u32 = 1;

/// Entries of one lane of an outbox, in order.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Batch {
    /// The lane that they come from.
    pub lane: String,
    /// Encoded envelopes. One that cannot be read does not spoil its neighbours.
    pub entries: Vec<Vec<u8>>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct BatchV1 {
    #[prost(uint32, tag = "1")]
    version: u32,
    #[prost(string, tag = "2")]
    lane: String,
    #[prost(bytes = "vec", repeated, tag = "3")]
    entries: Vec<Vec<u8>>,
}

impl Batch {
    /// The batch's bytes, in format version 1.
    pub fn encode(&self) -> Vec<u8> {
        BatchV1 { version: VERSION, lane: self.lane.clone(), entries: self.entries.clone() }.encode_to_vec()
    }

    /// Reads a batch.
    ///
    /// # Errors
    /// If the bytes are no batch, or one with more entries than the limit.
    pub fn decode(bytes: &[u8]) -> Result<Self, EnvelopeError> {
        let malformed = |reason: String| EnvelopeError::Malformed { what: "batch", reason };
        let message = BatchV1::decode(bytes).map_err(|error| malformed(error.to_string()))?;
        if message.version != VERSION {
            return Err(EnvelopeError::Version { what: "batch", version: message.version });
        }
        if message.entries.len() > BATCH_ENTRIES_MAX {
            let entries = message.entries.len();
            return Err(malformed(format!("{entries} entries are more than {BATCH_ENTRIES_MAX}")));
        }
        Ok(Self { lane: message.lane, entries: message.entries })
    }
}

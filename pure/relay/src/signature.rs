//! The edge signs what it sends to the processor: it books money.

//! Every bound of the lab, with its reason.

use std::time::Duration;

/// Requests kept per platform for `GET /requests`: some minutes at lab rates, about 100 MB at worst.
pub(crate) const REQUESTS_KEPT_MAX: usize = 100_000;

/// Transactions kept per platform. Past it new ones are counted as unbooked, so that a soak cannot exhaust memory.
pub(crate) const TRANSACTIONS_KEPT_MAX: usize = 4_000_000;

/// Clicks a platform remembers; the oldest are forgotten first.
pub(crate) const CLICKS_KEPT_MAX: usize = 500_000;

/// Bytes of a request body that are read. The primary's 1000 orders with baskets fit ten times.
pub(crate) const BODY_BYTES_MAX: usize = 16 * 1024 * 1024;

/// Characters of a body that the request log keeps.
pub(crate) const BODY_LOGGED_CHARS_MAX: usize = 8 * 1024;

/// Distinct paths counted per platform; the rest count as `other`.
pub(crate) const PATHS_COUNTED_MAX: usize = 128;

/// Bytes of a request head that a simulator reads: conversion targets reach 64 KB.
pub(crate) const HEAD_BYTES_MAX: usize = 256 * 1024;

/// Bytes of a response head or body that the lab's own client reads.
pub(crate) const RESPONSE_BYTES_MAX: usize = 8 * 1024 * 1024;

/// How long a control call waits for a listener to close or to come back.
pub(crate) const LISTENER_CHANGE_WAIT: Duration = Duration::from_secs(10);

/// Pause between attempts to take a refused port back.
pub(crate) const REBIND_PAUSE: Duration = Duration::from_millis(10);

/// Redirects a person's browser follows before it gives up.
pub(crate) const REDIRECTS_MAX: usize = 6;

/// Journeys under way at once in the traffic generator.
pub(crate) const JOURNEYS_IN_FLIGHT_MAX: usize = 256;

/// Orders a traffic run remembers for comparison with the books.
pub(crate) const ORDERS_REMEMBERED_MAX: usize = 2_000_000;

/// Connections of one load run: each is a thread with a small stack.
pub(crate) const LOAD_CONNECTIONS_MAX: usize = 2_048;

/// Stack of one load thread; the loop holds only buffers on the heap.
pub(crate) const LOAD_STACK_BYTES: usize = 256 * 1024;

//! What was read, in short: the journal keeps it, so that the same file can be told from another.

use std::io::{self, Read};

use sha2::{Digest as _, Sha256};

/// Passes bytes on and keeps their digest.
pub struct Digesting<R> {
    inner: R,
    hasher: Sha256,
    /// Bytes passed on.
    pub bytes: u64,
}

impl<R> std::fmt::Debug for Digesting<R> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Digesting").field("bytes", &self.bytes).finish_non_exhaustive()
    }
}

impl<R: Read> Digesting<R> {
    /// Passes on what `inner` has.
    pub fn new(inner: R) -> Self {
        Self { inner, hasher: Sha256::new(), bytes: 0 }
    }

    /// The SHA-256 of what was passed on, in hexadecimal.
    pub fn digest(self) -> String {
        self.hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

impl<R: Read> Read for Digesting<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(into)?;
        self.hasher.update(into.get(..read).unwrap_or_default());
        self.bytes += read as u64;
        Ok(read)
    }
}

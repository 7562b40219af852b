//! Who asks: known by the token that was shown.
//!
//! The data directory's own token says that somebody is on the machine, and whose name goes into the journal is that
//! person's word. A named operator's token says who it is. Only a hash of it is kept.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

/// A person with a token of their own.
#[derive(Clone, PartialEq, Eq)]
pub struct Operator {
    /// The name that the journal takes.
    pub name: String,
    /// The SHA-256 of the token.
    pub token_hash: [u8; 32],
}

impl fmt::Debug for Operator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Operator({})", self.name)
    }
}

/// Everybody with a token of their own, as it was last read.
#[derive(Clone, Debug, Default)]
pub struct Operators(Arc<Mutex<Arc<[Operator]>>>);

impl Operators {
    /// These are known.
    pub fn new(operators: Vec<Operator>) -> Self {
        let known = Self::default();
        known.replace(operators);
        known
    }

    /// From now on these are known, wherever this is used.
    pub fn replace(&self, operators: Vec<Operator>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = operators.into();
    }

    fn all(&self) -> Arc<[Operator]> {
        Arc::clone(&self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Whose token this is. Every one is compared, so that the time says nothing.
    pub(crate) fn whose(&self, token: &str) -> Option<String> {
        let hash = hash(token);
        let all = self.all();
        let mut found = None;
        for operator in all.iter() {
            if bool::from(operator.token_hash.ct_eq(&hash)) {
                found = Some(operator.name.clone());
            }
        }
        found
    }

    /// True if anybody has a token of their own.
    pub(crate) fn are_named(&self) -> bool {
        !self.all().is_empty()
    }
}

/// What is kept of a token.
pub fn hash(token: &str) -> [u8; 32] {
    Sha256::digest(token.as_bytes()).into()
}

/// Who asks.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Who {
    /// Somebody who holds the directory's own token.
    Holder,
    /// A named operator.
    Named(String),
}

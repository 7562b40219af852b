//! Why a server could not be asked.

use std::error::Error as _;

use tokio_postgres::error::SqlState;

/// What went wrong.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LinkError {
    /// The server refused.
    #[error("the server says: {}", said(.0))]
    Refused(Box<tokio_postgres::Error>),
    /// There is no server, or it lets nobody in.
    #[error("the server cannot be reached: {}", said(.0))]
    Unreachable(Box<tokio_postgres::Error>),
    /// The server shows a certificate that is not trusted.
    #[error(
        "the server's certificate is not trusted: {0}. The settings may name another list of issuers (`certificates`, \
         `ledger_certificates`), and the address must have a name that stands in the certificate"
    )]
    Untrusted(rustls::Error),
    /// The connection was lost while the server was asked.
    #[error("the connection to the server was lost: {}", said(.0))]
    Lost(Box<tokio_postgres::Error>),
    /// The server does not answer.
    #[error("the server does not answer")]
    Silent,
    /// A thread could not be started.
    #[error("the system gives no thread for the connection: {0}")]
    Thread(#[from] std::io::Error),
    /// A statement was given other parameters than it has places: a mistake of ours.
    #[error("a statement has no place for the parameter {0}")]
    Parameter(String),
}

impl LinkError {
    /// Why no connection came about.
    pub(crate) fn of_connecting(error: tokio_postgres::Error) -> Self {
        let mut cause = error.source();
        while let Some(one) = cause {
            let inner = one.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
            if let Some(why) = inner.and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
                return Self::Untrusted(why.clone());
            }
            cause = one.source();
        }
        Self::Unreachable(Box::new(error))
    }

    /// True if the connection is of no use any more.
    pub const fn loses_the_connection(&self) -> bool {
        matches!(self, Self::Lost(_) | Self::Silent | Self::Unreachable(_) | Self::Untrusted(_))
    }

    /// True if it would have failed whatever was asked: it says nothing about that. A refusal is of the server's own state if
    /// it tells of connections, conflicts, resources, an operator, or its disk.
    pub fn is_of_the_server(&self) -> bool {
        let of_its_state = |code: &SqlState| {
            ["08", "25", "40", "42", "53", "55", "57", "58", "XX"]
                .iter()
                .any(|class| code.code().starts_with(class))
        };
        match self {
            Self::Refused(error) => error.code().is_some_and(of_its_state),
            Self::Parameter(_) => false,
            _ => true,
        }
    }

    /// True if the server has no table of that name.
    pub fn is_missing_table(&self) -> bool {
        matches!(self, Self::Refused(error) if error.code() == Some(&SqlState::UNDEFINED_TABLE))
    }
}

/// What the driver says stands in its causes.
fn said(error: &tokio_postgres::Error) -> String {
    error.source().map_or_else(|| error.to_string(), ToString::to_string)
}

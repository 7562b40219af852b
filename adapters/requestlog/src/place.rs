//! Where the log is.

use std::fmt;
use std::path::PathBuf;

use pglink::Server;

/// Where the log is.
#[derive(Clone, Debug)]
pub enum Place {
    /// In files of this folder.
    Folder(PathBuf),
    /// In tables on this server.
    Server(Box<Server>),
}

impl From<Server> for Place {
    fn from(server: Server) -> Self {
        Self::Server(Box::new(server))
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Folder(path) => write!(f, "{}", path.display()),
            Self::Server(server) => write!(f, "{server}"),
        }
    }
}

//! The books of a data directory on which no processor runs, read as they stand.

use std::error::Error;
use std::fmt;
use std::path::Path;
use std::sync::Arc;

use processor::Resting;
use relay::policy::Snapshot;
use tokio::runtime::Runtime;

use crate::client::{self, AskError, Question};
use crate::ledger_place::LedgerPlace;
use crate::{data, root_key, snapshot};

type Wrong = Box<dyn Error + Send + Sync>;

/// The books, open for reading. They print nothing.
pub(crate) struct Books {
    resting: Resting,
    runtime: Runtime,
}

impl fmt::Debug for Books {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Books(..)")
    }
}

/// True if the ledger of the directory can be found without a process.
pub(crate) fn are_there(folder: &Path) -> bool {
    LedgerPlace::noted(folder).is_ok_and(|place| place.is_there(folder))
}

impl Books {
    /// Those of the data directory `folder`; says that they are at rest.
    pub(crate) fn open(folder: &Path) -> Result<Self, Wrong> {
        let ledger = LedgerPlace::noted(folder)?.look(folder)?;
        let keys = data::reading_keys(folder)?;
        let signer = keys.as_ref().and_then(|keys| keys.root_seed).map(|seed| root_key::signer(&seed));
        let snapshot = served(folder, keys)?;
        let resting = Resting::open(ledger, Arc::new(snapshot), signer.transpose()?)?;
        eprintln!("turnout: no processor runs on {}: its books are read at rest", folder.display());
        Ok(Self { resting, runtime: crate::command::runtime()? })
    }

    /// What is answered to a question that changes nothing.
    pub(crate) fn ask(&self, question: Question<'_>) -> Result<String, AskError> {
        let (status, body) = self.runtime.block_on(self.resting.ask(question.path));
        client::judged(question.path, status, body)
    }
}

/// What the books are told of in. A migration that cannot be loaded is one reason why nothing runs, and none to hide the
/// books.
fn served(folder: &Path, keys: Option<data::ReadingKeys>) -> Result<Snapshot, Wrong> {
    let migration = Some(folder.join("migration")).filter(|path| path.exists());
    let mut snapshot = match snapshot::load_served(migration.as_deref(), folder) {
        Ok(snapshot) => snapshot,
        Err(error) => {
            eprintln!("turnout: the migration is left out, the embedded one is used: {error}");
            snapshot::load(None)?
        }
    };
    if let Some(keys) = keys {
        snapshot.secrets = keys.secrets;
    }
    Ok(snapshot)
}

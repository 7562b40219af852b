//! Roots: the end of the chain at a moment, signed, for others to keep.

use units::Timestamp;

use super::{Hash, Head, Record, head, hex};
use crate::store::{Row, StoreError};
use crate::{Ledger, LedgerError, Transaction, sql};

/// A signed root.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Root {
    /// The last link that it covers.
    pub sequence: u64,
    /// That link's hash.
    pub hash: Hash,
    /// When it was signed.
    pub signed_at: Timestamp,
    /// The key that checks it.
    pub public_key: Vec<u8>,
    /// The signature.
    pub signature: Vec<u8>,
}

/// What is signed: the form's name, the ledger, the link, its hash, and when.
pub fn root_message(ledger_id: &str, sequence: u64, hash: &Hash, signed_at: Timestamp) -> Vec<u8> {
    let mut record = Record::default();
    record.text("turnout.root.1");
    record.text(ledger_id);
    record.number(sql::int(sequence));
    record.text(&hex(hash));
    record.number(signed_at.as_millis());
    record.bytes().to_vec()
}

const COLUMNS: &str = "SELECT sequence, hash, signed_at, public_key, signature FROM roots";

impl Ledger {
    /// The end of the chain.
    ///
    /// # Errors
    /// If the store fails.
    pub fn chain_head(&self) -> Result<Head, LedgerError> {
        head(&self.connection)
    }

    /// The newest root.
    ///
    /// # Errors
    /// If the store fails.
    pub fn last_root(&self) -> Result<Option<Root>, LedgerError> {
        let query = format!("{COLUMNS} ORDER BY sequence DESC LIMIT 1");
        sql::one(&self.connection, &query, (), root)
    }

    /// Roots of links after the one numbered `after`, in order, at most `limit`.
    ///
    /// # Errors
    /// If the store fails.
    pub fn roots(&self, after: Option<u64>, limit: usize) -> Result<Vec<Root>, LedgerError> {
        let query = format!("{COLUMNS} WHERE sequence > ?1 ORDER BY sequence LIMIT ?2");
        sql::all(&self.connection, &query, (after.map_or(-1, sql::int), sql::limit(limit)), root)
    }
}

impl Transaction<'_> {
    /// The end of the chain, as this transaction has made it.
    ///
    /// # Errors
    /// If the store fails.
    pub fn chain_head(&mut self) -> Result<Head, LedgerError> {
        self.head()
    }

    /// Keeps a root. One of the same link that is kept already stays.
    ///
    /// # Errors
    /// If the store fails.
    pub fn keep_root(&mut self, root: &Root) -> Result<(), LedgerError> {
        let insert = "INSERT INTO roots (sequence, hash, signed_at, public_key, signature)
            VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT DO NOTHING";
        let row = (
            sql::int(root.sequence),
            root.hash,
            root.signed_at.as_millis(),
            &root.public_key,
            &root.signature,
        );
        sql::run(&self.inner, insert, row, "keep a root")?;
        Ok(())
    }
}

fn root(row: &Row<'_>) -> Result<Root, StoreError> {
    Ok(Root {
        sequence: sql::uint(row.get(0)?),
        hash: row.get(1)?,
        signed_at: sql::time(row.get(2)?),
        public_key: row.get(3)?,
        signature: row.get(4)?,
    })
}

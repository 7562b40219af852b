//! The same bytes without their meaning: one table, one transaction for each batch.

use std::path::Path;
use std::time::{Duration, Instant};

use tokio::runtime::Runtime;
use tokio_postgres::{Client, NoTls};

use crate::BATCH;
use crate::shape::Shape;
use crate::shop::Failed;

/// A table with a key, and with further indexes over a number that is scattered like a merchant's.
pub(crate) struct Bare {
    store: Store,
    rows: u64,
    body: Vec<u8>,
    last: u64,
}

enum Store {
    Sqlite(rusqlite::Connection),
    Postgres(Runtime, Client),
}

/// A row: its key, a number and the rest.
type Row = ([u8; 16], i64, Vec<u8>);

impl Bare {
    /// A table in a file, with the settings that the ledger has.
    pub(crate) fn file(path: &Path, shape: &Shape) -> Result<Self, Failed> {
        let connection = rusqlite::Connection::open(path)?;
        connection.execute_batch(
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA journal_size_limit = 67108864;
             PRAGMA cache_size = -65536;",
        )?;
        let table = "CREATE TABLE bare (id BLOB PRIMARY KEY, number INTEGER, body BLOB) WITHOUT ROWID;";
        connection.execute_batch(&format!("{table} {}", indexes(shape)))?;
        Ok(Self::of(Store::Sqlite(connection), shape))
    }

    /// A table on a server.
    pub(crate) fn server(address: &str, shape: &Shape) -> Result<Self, Failed> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let (client, connection) = runtime.block_on(tokio_postgres::connect(address, NoTls))?;
        runtime.spawn(connection);
        let table = "CREATE TABLE bare (id BYTEA PRIMARY KEY, number BIGINT, body BYTEA);";
        runtime.block_on(client.batch_execute(&format!("{table} {}", indexes(shape))))?;
        Ok(Self::of(Store::Postgres(runtime, client), shape))
    }

    fn of(store: Store, shape: &Shape) -> Self {
        let room = usize::try_from(shape.bytes).unwrap_or(0).saturating_sub(16 + 4);
        Self { store, rows: shape.rows * BATCH, body: vec![b'x'; room], last: 0 }
    }

    /// Writes the rows of one batch; how long it took until they were durable.
    pub(crate) fn batch(&mut self) -> Result<Duration, Failed> {
        let first = self.last + 1;
        self.last += self.rows;
        let number = |id: u64| i64::try_from(id.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 54);
        let row = |id: u64| -> Result<Row, Failed> {
            Ok(((u128::from(id) << 64).to_be_bytes(), number(id)?, self.body.clone()))
        };
        let rows: Vec<Row> = (first..=self.last).map(row).collect::<Result<_, _>>()?;
        let begun = Instant::now();
        match &mut self.store {
            Store::Sqlite(connection) => into_file(connection, &rows)?,
            Store::Postgres(runtime, client) => runtime.block_on(into_server(client, &rows))?,
        }
        Ok(begun.elapsed())
    }
}

/// Every index but the key's.
fn indexes(shape: &Shape) -> String {
    let index = |number| format!("CREATE INDEX bare_{number} ON bare (number, id);");
    (1..shape.indexes).map(index).collect()
}

fn into_file(connection: &mut rusqlite::Connection, rows: &[Row]) -> Result<(), Failed> {
    let transaction = connection.transaction()?;
    let mut insert = transaction.prepare_cached("INSERT INTO bare VALUES (?1, ?2, ?3)")?;
    for (id, number, body) in rows {
        insert.execute((id, number, body))?;
    }
    drop(insert);
    Ok(transaction.commit()?)
}

/// One statement for the whole batch: nothing is faster but a bulk load.
async fn into_server(client: &Client, rows: &[Row]) -> Result<(), Failed> {
    let ids: Vec<&[u8]> = rows.iter().map(|(id, ..)| id.as_slice()).collect();
    let numbers: Vec<i64> = rows.iter().map(|(_, number, _)| *number).collect();
    let bodies: Vec<&[u8]> = rows.iter().map(|(.., body)| body.as_slice()).collect();
    let insert = "INSERT INTO bare SELECT * FROM unnest($1::bytea[], $2::bigint[], $3::bytea[])";
    client.execute(insert, &[&ids, &numbers, &bodies]).await?;
    Ok(())
}

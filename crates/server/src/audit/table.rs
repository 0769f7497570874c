//! Where batches are kept: the contract. A table knows nothing of what an entry says.

mod engine;
mod postgres;
mod sqlite;

use std::fmt::Debug;

use async_trait::async_trait;
use thiserror::Error;

use super::batch::{Batch, Head};
use crate::state::Component;

pub(super) use postgres::PostgresAuditTable;
pub(super) use sqlite::SqliteAuditTable;

/// The tables.
pub(super) const COMPONENT: Component = Component {
    name: "audit",
    steps: &[&[
        "CREATE TABLE server_audit_batch (
            first INTEGER PRIMARY KEY,
            last INTEGER NOT NULL UNIQUE,
            head TEXT NOT NULL,
            earliest INTEGER NOT NULL,
            latest INTEGER NOT NULL,
            lines BLOB NOT NULL
        ) STRICT",
        "CREATE INDEX server_audit_batch_latest ON server_audit_batch (latest)",
        "CREATE TABLE server_audit_head (
            id INTEGER PRIMARY KEY CHECK (id = 1),
            sequence INTEGER NOT NULL,
            digest TEXT NOT NULL
        ) STRICT",
        "INSERT INTO server_audit_head (id, sequence, digest)
         VALUES (1, 0, '0000000000000000000000000000000000000000000000000000000000000000')",
    ]],
};

/// A database that could not keep, or not give, the audit.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{operation}: {message}")]
pub struct AuditTableError {
    /// What was tried.
    operation: &'static str,
    /// The database's own words.
    message: String,
}

impl AuditTableError {
    /// `operation` failed.
    pub(super) fn of(operation: &'static str) -> impl Fn(sqlx::Error) -> Self {
        move |error| Self { operation, message: error.to_string() }
    }
}

/// The outcome of asking a table.
pub(crate) type Result<T> = std::result::Result<T, AuditTableError>;

/// Makes the batch that follows a head.
pub(crate) type Chain<'a> = &'a mut (dyn FnMut(Head) -> Batch + Send);

/// Makes the batch of the checkpoint that says that everything up to the first head is removed; it follows the second one.
pub(crate) type Checkpoint<'a> = &'a mut (dyn FnMut(Head, Head) -> Batch + Send);

/// A chain of batches, to which any number of processes append.
#[async_trait]
pub(crate) trait AuditTable: Debug + Send + Sync + 'static {
    /// Appends the batch that `chain` makes, which is on the disk when this returns; gives the new head. `attempted` is the head that an attempt
    /// before would have made whose answer was lost: where it is there, nothing is appended again.
    async fn append(&self, attempted: Option<Head>, chain: Chain<'_>) -> Result<Head>;

    /// Where the chain ends.
    async fn head(&self) -> Result<Head>;

    /// At most `limit` batches that hold entries behind `after`, in order.
    async fn batches(&self, after: u64, limit: u32) -> Result<Vec<Batch>>;

    /// As [`batches`](Self::batches), but only those with an entry from `since` to `until`, in milliseconds since 1970.
    async fn batches_between(&self, after: u64, since: i64, until: i64, limit: u32) -> Result<Vec<Batch>>;

    /// Removes the batches at the beginning of the chain whose entries are all from before `until`, in milliseconds since 1970, and appends what says so, in one
    /// transaction; gives the last entry that was removed.
    async fn remove_before(&self, until: i64, checkpoint: Checkpoint<'_>) -> Result<Option<Head>>;

    /// Gives back what only appending needs; the next append takes it again.
    async fn close(&self);
}

/// What a row says.
struct Row {
    first: i64,
    last: i64,
    head: String,
    earliest: i64,
    latest: i64,
    lines: Vec<u8>,
}

impl From<Row> for Batch {
    /// What cannot be is taken for another number or digest, which does not fit.
    fn from(row: Row) -> Self {
        Self {
            first: number(row.first),
            last: number(row.last),
            head: digest(&row.head),
            earliest: row.earliest,
            latest: row.latest,
            lines: row.lines,
        }
    }
}

/// A head as it is stored: the digest is in hexadecimal.
fn head(sequence: i64, stored: String) -> Head {
    Head { sequence: number(sequence), digest: digest(&stored) }
}

fn digest(stored: &str) -> super::line::Digest {
    let mut digest = [0xff; 32];
    match hex::decode_to_slice(stored, &mut digest) {
        Ok(()) => digest,
        Err(_) => [0xff; 32],
    }
}

fn number(stored: i64) -> u64 {
    u64::try_from(stored).unwrap_or_default()
}

/// A number as it is stored.
fn stored(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

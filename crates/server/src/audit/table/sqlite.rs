//! The audit in SQLite.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use sqlx::sqlite::{Sqlite, SqliteArguments, SqliteConnectOptions, SqliteConnection, SqlitePool, SqliteRow};
use sqlx::{Connection as _, Row as _, Transaction};

use super::engine::audit_table;
use super::{AuditTable, AuditTableError, Chain, Checkpoint, Result, Row, head, stored};
use crate::audit::batch::{Batch, Head};

audit_table! {
    /// The audit in SQLite. Any number of processes of one machine may append to it.
    SqliteAuditTable: SqlitePool, Sqlite, SqliteArguments, SqliteRow, Appender;
    begin "BEGIN IMMEDIATE";
    locked_head "SELECT sequence, digest FROM server_audit_head";
    insert "INSERT INTO server_audit_batch (first, last, head, earliest, latest, lines) VALUES ($1, $2, $3, $4, $5, $6);
            UPDATE server_audit_head SET sequence = $2, digest = $3";
}

/// Makes a batch and its head one statement, which is a transaction by itself.
const MOVE_HEAD: &str = "CREATE TEMP TRIGGER move_head AFTER INSERT ON server_audit_batch BEGIN
    UPDATE server_audit_head SET sequence = NEW.last, digest = NEW.head; END";
const APPEND: &str = "INSERT INTO server_audit_batch (first, last, head, earliest, latest, lines)
    SELECT $1, $2, $3, $4, $5, $6 FROM server_audit_head WHERE sequence = $7 AND digest = $8";

#[derive(Debug)]
struct Appender {
    options: Arc<SqliteConnectOptions>,
    /// One with [`MOVE_HEAD`], while nothing broke on it.
    connection: tokio::sync::Mutex<Option<SqliteConnection>>,
}

impl Appender {
    fn new(pool: &SqlitePool) -> Self {
        Self { options: pool.connect_options(), connection: tokio::sync::Mutex::default() }
    }

    /// Appends a batch behind `head`; gives whether that still was the head.
    async fn append_behind(&self, head: Head, batch: &Batch) -> sqlx::Result<bool> {
        let mut kept = self.connection.lock().await;
        let mut connection = match kept.take() {
            Some(connection) => connection,
            None => {
                let mut connection = SqliteConnection::connect_with(&self.options).await?;
                sqlx::query(MOVE_HEAD).execute(&mut connection).await?;
                connection
            }
        };
        let query = with_batch(sqlx::query(APPEND), batch).bind(stored(head.sequence)).bind(hex::encode(head.digest));
        let appended = query.execute(&mut connection).await?;
        *kept = Some(connection);
        Ok(appended.rows_affected() == 1)
    }

    async fn close(&self) {
        if let Some(connection) = self.connection.lock().await.take()
            && let Err(error) = connection.close().await
        {
            tracing::warn!(%error, "a connection of the audit was not closed");
        }
    }
}

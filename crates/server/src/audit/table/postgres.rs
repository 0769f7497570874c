//! The audit in PostgreSQL.

use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use sqlx::postgres::{PgArguments, PgPool, PgRow, Postgres};
use sqlx::{Row as _, Transaction};

use super::engine::audit_table;
use super::{AuditTable, AuditTableError, Chain, Checkpoint, Result, Row, head, stored};
use crate::audit::batch::{Batch, Head};

audit_table! {
    /// The audit in PostgreSQL. Any number of servers append to one chain: the row of its head is locked meanwhile.
    PostgresAuditTable: PgPool, Postgres, PgArguments, PgRow, Appender;
    begin "BEGIN";
    locked_head "SELECT sequence, digest FROM server_audit_head FOR UPDATE";
    insert "WITH moved AS (UPDATE server_audit_head SET sequence = $2, digest = $3)
            INSERT INTO server_audit_batch (first, last, head, earliest, latest, lines) VALUES ($1, $2, $3, $4, $5, $6)";
}

/// Where somebody else moved the head meanwhile, there is no row of `moved`.
const APPEND: &str = "WITH moved AS (UPDATE server_audit_head SET sequence = $2, digest = $3 WHERE sequence = $7 AND digest = $8 RETURNING id)
    INSERT INTO server_audit_batch (first, last, head, earliest, latest, lines) SELECT $1, $2, $3, $4, $5, $6 FROM moved";

#[derive(Debug)]
struct Appender {
    pool: PgPool,
}

impl Appender {
    fn new(pool: &PgPool) -> Self {
        Self { pool: pool.clone() }
    }

    /// Appends a batch behind `head`; gives whether that still was the head.
    async fn append_behind(&self, head: Head, batch: &Batch) -> sqlx::Result<bool> {
        let query = with_batch(sqlx::query(APPEND), batch).bind(stored(head.sequence)).bind(hex::encode(head.digest));
        Ok(query.execute(&self.pool).await?.rows_affected() == 1)
    }

    async fn close(&self) {}
}

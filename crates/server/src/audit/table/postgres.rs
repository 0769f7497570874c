//! The audit in PostgreSQL.

use async_trait::async_trait;
use sqlx::postgres::{PgArguments, PgPool, PgRow, Postgres};
use sqlx::{Row as _, Transaction};

use super::engine::audit_table;
use super::{AuditTable, AuditTableError, Chain, Checkpoint, Result, Row, head, stored};
use crate::audit::batch::{Batch, Head};

audit_table! {
    /// The audit in PostgreSQL. Any number of servers append to one chain: the row of its head is locked meanwhile.
    PostgresAuditTable: PgPool, Postgres, PgArguments, PgRow;
    begin "BEGIN";
    locked_head "SELECT sequence, digest FROM server_audit_head FOR UPDATE";
    insert "WITH moved AS (UPDATE server_audit_head SET sequence = $2, digest = $3)
            INSERT INTO server_audit_batch (first, last, head, earliest, latest, lines) VALUES ($1, $2, $3, $4, $5, $6)";
}
